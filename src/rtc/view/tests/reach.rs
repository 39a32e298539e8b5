//! Viewers of either family, and by TCP.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn edge_on(bound: &str) -> Edge {
    edge_with(|config| {
        config.view = vec![bound.parse().unwrap()];
        config.public_ips = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    })
}

#[tokio::test]
async fn a_viewer_comes_by_ipv6_or_by_ipv4() {
    for (bound, from) in [
        ("[::]:0", "[::1]:0"),
        ("0.0.0.0:0", "[::1]:0"),
        ("0.0.0.0:0", "127.0.0.1:0"),
        ("[::1]:0", "[::1]:0"),
    ] {
        let edge = edge_on(bound);
        let mut source = Source::open(&edge.feed, 1).await;
        source.keyframe();
        let (mut client, _) = edge.watch_as(Client::at(from, vec![SHA1, GCM]).await).await;
        // A frame in one run, whichever family it leaves to.
        for _ in 0..3 {
            client.rtp(VIDEO).await;
        }
        client.say_goodbye().await;
        edge.running.shutdown().await;
    }
}

async fn watch_by_tcp(edge: &Edge) -> (Client, tokio::task::JoinHandle<()>) {
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    assert!(
        established.sdp.contains(" typ host tcptype passive\r\n"),
        "{}",
        established.sdp
    );
    let pipe = client.connect_by_tcp(&established.sdp).await;
    (client, pipe)
}

#[tokio::test]
async fn a_viewer_by_tcp_sees_and_hears_what_others_do() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut tcp, _pipe) = watch_by_tcp(&edge).await;
    let (mut udp, _) = edge.watch().await;
    for _ in 0..20 {
        source.delta();
    }
    let mut pictures = Vec::new();
    for client in [&mut tcp, &mut udp] {
        let mut own = Vec::new();
        for _ in 0..21 * 3 {
            own.push(client.rtp(VIDEO).await.1.split_off(12));
        }
        pictures.push(own);
    }
    assert_eq!(pictures[0], pictures[1], "payloads in order");
    // Feedback comes that way as well: what it missed is sent again.
    source.delta();
    let (view, _) = tcp.rtp(VIDEO).await;
    tcp.send_feedback(&nack(view.ssrc, view.sequence)).await;
    tcp.rtp(RESENT).await;
    tcp.say_goodbye().await;
    edge.running.shutdown().await;
}

/// It chooses the path that it is on; reports may come before the answer.
async fn chosen(client: &mut Client) {
    client.send(&client.check(true)).await;
    while !matches!(client.hear().await, Heard::Checked) {}
}

#[tokio::test]
async fn a_viewer_goes_from_udp_to_tcp_and_back_under_one_handshake() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    client.connect(&established.sdp).await;
    for _ in 0..3 {
        client.rtp(VIDEO).await;
    }
    for _ in 0..3 {
        let pipe = client.go_by_tcp().await;
        chosen(&mut client).await;
        source.delta();
        for _ in 0..3 {
            client.rtp(VIDEO).await;
        }
        // The connection breaks: nothing is sent into the void until it comes another way.
        pipe.abort();
        client.take_answer(&established.sdp);
        chosen(&mut client).await;
        source.delta();
        for _ in 0..3 {
            client.rtp(VIDEO).await;
        }
    }
    edge.running.shutdown().await;
}

/// A check by TCP proves as much as one by UDP, and no more: strangers get no word and no handshake.
#[tokio::test]
async fn s35_s36_a_stranger_by_tcp_is_answered_with_nothing() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut stranger = Client::new().await;
    let established = edge.answer(&stranger).await;
    stranger.take_answer(&established.sdp);
    let _pipe = stranger.go_by_tcp().await;
    stranger.begin_handshake().await;
    let password = std::mem::replace(&mut stranger.remote_pwd, "wrong".to_owned());
    stranger.send(&stranger.check(true)).await;
    stranger.remote_pwd = password;
    // The first thing heard is the answer to the right one.
    stranger.send(&stranger.check(true)).await;
    let mut buffer = [0; 2_048];
    stranger.socket.recv(&mut buffer).await.unwrap();
    assert_eq!(buffer[..2], [1, 1], "a binding success");
    edge.running.shutdown().await;
}

/// One whose network takes nothing is alone with it.
#[tokio::test]
async fn a_viewer_whose_tcp_is_stuck_holds_up_nobody() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut stuck = Client::new().await;
    let established = edge.answer(&stuck).await;
    let pipe = stuck.connect_by_tcp(&established.sdp).await;
    stuck.rtp(VIDEO).await;
    // It proves another connection, and from there takes nothing any more.
    let _silent = stuck.prove_silently().await;
    pipe.abort();
    let (mut udp, _) = edge.watch().await;
    for _ in 0..3 {
        udp.rtp(VIDEO).await;
    }
    for _ in 0..1_000 {
        source.delta();
        for _ in 0..3 {
            udp.rtp(VIDEO).await;
        }
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn without_tcp_none_is_told_and_none_is_heard() {
    let edge = edge_with(|config| config.tcp = false);
    let _source = Source::open(&edge.feed, 1).await;
    let client = Client::new().await;
    let answered = edge.viewers.view(ROOM, "someone", client.offer()).await;
    assert!(!answered.unwrap().sdp.contains(" tcp "));
    let there = tokio::net::TcpStream::connect(edge.running.addresses[0]).await;
    assert!(there.is_err());
    edge.running.shutdown().await;
}
