//! Strangers who are faster than the viewer whose picture they want.

use super::*;

/// A hello as a real client says it.
async fn hello_of_a_stranger() -> Vec<u8> {
    let sink = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = sink.local_addr().unwrap().port();
    let mut stranger = Client::new().await;
    stranger.take_answer(&format!(
        "a=ice-ufrag:none\r\na=ice-pwd:none\r\na=candidate:1 1 udp 1 127.0.0.1 {port} typ host\r\n"
    ));
    stranger.begin_handshake().await;
    let mut buffer = [0; 2_048];
    let size = sink.recv(&mut buffer).await.unwrap();
    buffer[..size].to_vec()
}

#[tokio::test]
async fn a_strangers_hello_never_wins_a_race() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let hello = hello_of_a_stranger().await;
    // The same with nothing but TLS_NULL_WITH_NULL_NULL in its place.
    let mut null = hello.clone();
    let last = null.len() - 1;
    null[last] ^= 0xff;
    let stranger = Client::new().await;
    let server = edge.running.addresses[0];
    for round in 0..100 {
        let mut client = Client::new().await;
        let established = edge.answer(&client).await;
        for n in 0..10 {
            let hello = if n % 2 == 0 { &hello } else { &null };
            stranger.socket.send_to(hello, server).await.unwrap();
        }
        client.connect(&established.sdp).await;
        client.rtp(VIDEO).await;
        assert!(
            edge.viewers.close(&established.peer, PeerEnd::Closed).await,
            "round {round}"
        );
    }
    let mut buffer = [0; 64];
    let heard = stranger.socket.try_recv(&mut buffer);
    assert!(heard.is_err(), "the stranger heard {heard:?}");
    edge.running.shutdown().await;
}
