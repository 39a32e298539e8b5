//! Publishers of either family and by TCP, and whom their offers name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use media::Kind;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{Ingest, PATIENCE, ROOM, client::Client, frame_of};
use crate::{Config, PeerEnd, Report};

/// Both loopback addresses are public here: which one a client takes is its family's choice.
fn told_both(config: &mut Config) {
    config.public_ips = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
}

async fn publishes(ingest: &mut Ingest, client: &mut Client, offer: String) {
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.take(established.sdp).await;
    assert_eq!(
        ingest.report().await,
        Report::PublisherHere {
            peer: established.peer
        }
    );
    client.picture(true).await;
    ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_comes_by_ipv6_or_by_ipv4() {
    for (bound, from) in [
        ("[::]:0", "[::1]:0"),
        ("0.0.0.0:0", "[::1]:0"),
        ("[::]:0", "127.0.0.1:0"),
        ("[::1]:0", "[::1]:0"),
    ] {
        let mut ingest = Ingest::start_with(bound, told_both).await;
        let mut client = Client::at(from).await;
        let offer = client.offer().await;
        publishes(&mut ingest, &mut client, offer).await;
        client.close().await;
        ingest.gone().await;
        ingest.running.shutdown().await;
    }
}

/// Names of mDNS and of DNS, and addresses that would be somebody else's: none is looked up or called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s41_nobody_is_called_whom_an_offer_names() {
    let called = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (tcp, udp) = (called.local_addr().unwrap(), sent.local_addr().unwrap());
    let mut ingest = Ingest::start().await;
    let mut client = Client::new().await;
    let candidates = format!(
        "a=candidate:7 1 udp 2130706431 1b7b0b0c-7f5f-4d59-a4a9-1a7b8e5a5b5c.local 9 typ host\r\n\
         a=candidate:8 1 udp 2130706430 localhost {} typ host\r\n\
         a=candidate:9 1 tcp 2130706429 {} {} typ host tcptype passive\r\n\
         a=candidate:10 1 udp 2130706428 {} {} typ host\r\n",
        udp.port(),
        tcp.ip(),
        tcp.port(),
        udp.ip(),
        udp.port(),
    );
    let offer = client.offer().await;
    let at = offer.find("a=candidate:").unwrap();
    let offer = format!("{}{candidates}{}", &offer[..at], &offer[at..]);
    publishes(&mut ingest, &mut client, offer).await;
    // It has come all the way: whoever was to be called would have been called before.
    let called = called.into_std().unwrap().accept().map(|it| it.1);
    assert_eq!(
        called.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "nobody came"
    );
    let sent = sent.into_std().unwrap().recv(&mut [0; 64]);
    assert_eq!(sent.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    client.close().await;
    ingest.running.shutdown().await;
}

/// Carries the datagrams of whoever sends here to a TCP port in frames, and back.
async fn carry(near: UdpSocket, far: TcpStream) {
    let (mut reading, mut writing) = far.into_split();
    let mut buffer = [0; 2_048];
    let (size, client) = near.recv_from(&mut buffer).await.unwrap();
    writing.write_u16(size as u16).await.unwrap();
    writing.write_all(&buffer[..size]).await.unwrap();
    let back = async {
        while let Ok(length) = reading.read_u16().await {
            let mut datagram = vec![0; length.into()];
            reading.read_exact(&mut datagram).await.unwrap();
            near.send_to(&datagram, client).await.unwrap();
        }
    };
    let forth = async {
        loop {
            let size = near.recv(&mut buffer).await.unwrap();
            if writing.write_u16(size as u16).await.is_err()
                || writing.write_all(&buffer[..size]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::join!(back, forth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_comes_by_tcp_and_takes_its_connection_with_it() {
    let mut ingest = Ingest::start().await;
    let publishers = ingest.publishers.clone();
    let mut client = Client::new().await;
    let offer = client.offer().await;
    let established = publishers.publish(ROOM, offer).await.unwrap();
    let port = publishers.shared.port.address();
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let told = format!(" udp 2130706431 127.0.0.1 {} typ host", port.port());
    assert!(established.sdp.contains(&told), "{}", established.sdp);
    let instead = told.replace(
        &port.port().to_string(),
        &near.local_addr().unwrap().port().to_string(),
    );
    let far = TcpStream::connect(port).await.unwrap();
    let carried = tokio::spawn(carry(near, far));
    client.take(established.sdp.replace(&told, &instead)).await;
    assert_eq!(
        ingest.report().await,
        Report::PublisherHere {
            peer: established.peer.clone()
        }
    );
    client.picture(true).await;
    ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
    // Its end is the end of the connection too.
    assert!(publishers.close(&established.peer, PeerEnd::Closed).await);
    ingest.gone().await;
    tokio::time::timeout(PATIENCE, carried)
        .await
        .expect("the connection is closed")
        .unwrap();
    assert_eq!(publishers.shared.port.known(), (0, 0));
    ingest.running.shutdown().await;
}

#[tokio::test]
async fn what_is_told_is_of_the_families_that_are_bound() {
    let told = |bound: &'static str| async move {
        let ingest = Ingest::start_with(bound, told_both).await;
        let sdp = ingest.publishers.probe_answers().udp.clone();
        ingest.running.shutdown().await;
        let ip = |line: &str| {
            line.split(' ')
                .nth(4)
                .map(|it| it.parse::<IpAddr>().unwrap())
        };
        let lines = sdp.lines().filter(|it| it.starts_with("a=candidate:"));
        lines.filter_map(ip).collect::<Vec<_>>()
    };
    let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    assert_eq!(told("[::]:0").await, [v4, v6]);
    assert_eq!(told("0.0.0.0:0").await, [v4, v6]);
    assert_eq!(told("127.0.0.1:0").await, [v4]);
    assert_eq!(told("[::1]:0").await, [v6]);
}
