//! Who is listened to, and where it is.

use super::*;

#[tokio::test]
async fn only_who_knows_the_password_is_answered() {
    let edge = edge();
    let _source = Source::open(&edge.feed, 1).await;
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    client.take_answer(&established.sdp);
    // A handshake from an address that proved nothing, and a check without the right password.
    client.begin_handshake().await;
    let password = std::mem::replace(&mut client.remote_pwd, "wrong".to_owned());
    client.send(&client.check(true)).await;
    client.remote_pwd = password;
    let mut broken = client.check(true);
    let last = broken.len() - 1;
    broken[last] ^= 1;
    client.send(&broken).await;
    // None of them is answered: the first thing heard is the answer to the right one.
    client.send(&client.check(true)).await;
    let mut buffer = [0; 2_048];
    let size = client.socket.recv(&mut buffer).await.unwrap();
    assert!(buffer[0] <= 3);
    assert!(
        size <= client.check(true).len(),
        "an answer is no larger than its question"
    );
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_moves_when_it_chooses_another_path() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    client.rtp(VIDEO).await;
    let before = client.move_away().await;
    // A check alone proves the path; only choosing it moves the picture.
    client.send(&client.check(false)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    source.delta();
    let mut buffer = [0; 2_048];
    let mut video = 0;
    while video < 2 + 3 {
        let size = before.recv(&mut buffer).await.unwrap();
        video += usize::from(buffer[1] & 0x7f == VIDEO && size > 300);
    }
    client.send(&client.check(true)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    source.delta();
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}

#[tokio::test]
async fn what_is_for_a_viewer_without_an_address_goes_to_nobody_else() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut first, _) = edge.watch().await;
    let (mut second, _) = edge.watch().await;
    for client in [&mut first, &mut second] {
        for _ in 0..3 {
            client.rtp(VIDEO).await;
        }
    }
    // The second is given the first one's address, as a router does after it forgot the first.
    std::mem::swap(&mut first.socket, &mut second.socket);
    second.take_over_address().await;
    // Whoever is served first changes with each frame. A packet under the other one's key would not
    // decrypt.
    for _ in 0..4 {
        source.delta();
        for _ in 0..3 {
            second.rtp(VIDEO).await;
        }
    }
    first.take_over_address().await;
    source.delta();
    first.rtp(VIDEO).await;
    edge.running.shutdown().await;
}

#[tokio::test]
async fn no_datagram_ends_the_worker_or_another_viewer() {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let check = client.check(true);
    let stranger = Client::new().await;
    let server = edge.running.addresses[0];
    for (count, seed) in seeds::of(3_000).enumerate() {
        let mut rng = StdRng::seed_from_u64(seed);
        let original = match rng.random_range(0..3) {
            0 => check.clone(),
            1 => client.protect_feedback(&nack(1, 2)),
            _ => vec![0; rng.random_range(1..200)],
        };
        let mut datagram = original.clone();
        if rng.random_bool(0.5) {
            rng.fill_bytes(&mut datagram[..]);
            datagram[0] = [0, 1, 20, 21, 22, 23, 63, 128, 129, 191][rng.random_range(0..10)];
        }
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..datagram.len());
            datagram[at] = rng.random();
        }
        datagram.truncate(rng.random_range(1..=datagram.len()));
        // What came out whole is a check like any other, and would rightly move the viewer.
        if datagram == original {
            continue;
        }
        let socket = if rng.random_bool(0.5) {
            &client.socket
        } else {
            &stranger.socket
        };
        socket.send_to(&datagram, server).await.unwrap();
        if count % 50 == 0 {
            // Wait until they were looked at, so that none is lost in a full socket.
            client.send(&client.check(false)).await;
            while !matches!(client.hear().await, Heard::Checked) {}
        }
    }
    source.delta();
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}
