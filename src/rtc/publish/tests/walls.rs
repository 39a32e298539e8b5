//! Publishers that are not who they say, or send what nobody asked for.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use media::Kind;
use tokio::time::timeout;

use super::{Ingest, PATIENCE, ROOM, client::Client, frame_of, port};
use crate::{
    Feed, PeerEnd, Report,
    path::Path,
    publish::{police::INGEST_BITS_PER_SECOND_MAX, port::Family},
    view::Order,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_with_another_certificate_shows_nothing() {
    let mut ingest = Ingest::start().await;
    let client = Client::new().await;
    let offer = client.offer().await;
    let fingerprint = offer
        .lines()
        .find(|it| it.starts_with("a=fingerprint:"))
        .expect("an offer has one");
    let another = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
    let offer = offer.replace(fingerprint, &another);
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.follow(established.sdp).await;
    let began = Instant::now();
    loop {
        match ingest.report().await {
            Report::PeerEnded { peer, why, .. } => {
                assert_eq!((peer, why), (established.peer.clone(), PeerEnd::Failed));
                break;
            }
            Report::PublisherGone { .. } => {}
            other => panic!("{other:?} of somebody who is not who the offer says"),
        }
    }
    // As long as a publisher has to get through, whyever it does not.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(18), "{took:?} to notice");
    // Nothing was begun; that it is over may be told all the same.
    while let Ok(Order::Feed(feed)) = ingest.feed.try_recv() {
        assert!(
            matches!(feed, Feed::Closed { .. }),
            "something is forwarded"
        );
    }
    client.close().await;
    ingest.running.shutdown().await;
}

#[tokio::test]
async fn an_offer_without_a_fingerprint_is_refused() {
    let ingest = Ingest::start().await;
    let offer = Client::new().await.offer().await;
    let without: String = offer
        .lines()
        .filter(|it| !it.starts_with("a=fingerprint:"))
        .map(|it| format!("{it}\r\n"))
        .collect();
    let refused = ingest.publishers.publish(ROOM, without).await;
    let code = refused.expect_err("it proves nobody").code;
    assert_eq!(code, protocol::Code::SdpUnfit);
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_media_changes_nothing_and_ends_nobody() {
    let mut ingest = Ingest::start().await;
    let mut client = Client::new().await;
    let offer = client.offer().await;
    let candidate = offer
        .lines()
        .find(|it| it.starts_with("a=candidate:") && it.contains(" 127.0.0.1 "))
        .expect("it sits here");
    let port = candidate.split(' ').nth(5).expect("a port");
    let from = Path::Udp(format!("127.0.0.1:{port}").parse().expect("an address"));
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.take(established.sdp).await;
    client.picture(true).await;
    ingest.feed_until(|it| frame_of(it, Kind::Video)).await;

    // As it would come from the publisher's own address, and from another: its stream, its next
    // numbers, and a tag that no key made.
    let shared = std::sync::Arc::clone(&ingest.publishers.shared);
    let mut forged = vec![0x80, 0x80 | 102];
    forged.extend(65_003_u16.to_be_bytes());
    forged.extend(client.next_timestamp().to_be_bytes());
    forged.extend(0x1234_5678_u32.to_be_bytes());
    forged.extend([0x65, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb]);
    forged.extend([9; 16]);
    let report: Vec<u8> = [&[0x80, 200, 0, 6][..], &[9; 40]].concat();
    let elsewhere = Path::Udp("127.0.0.1:9".parse().expect("an address"));
    for n in 0..300_u16 {
        forged[2..4].copy_from_slice(&65_003_u16.wrapping_add(n).to_be_bytes());
        for from in [from, elsewhere] {
            shared.port.handle(from, &forged, clock::now());
            shared.port.handle(from, &report, clock::now());
        }
        tokio::task::yield_now().await;
    }
    let last = client.next_timestamp() + 2 * 3_600;
    let goes_on = async {
        for _ in 0..4 {
            client.picture(false).await;
        }
        loop {
            let (_, packets) = ingest.feed_until(|it| frame_of(it, Kind::Video)).await;
            for packet in &packets {
                assert!(!packet.ends_with(&[9; 16]), "a forged packet came through");
                assert_ne!(packet[13], 0xbb, "a forged packet came through");
            }
            let timestamp = |it: &bytes::Bytes| u32::from_be_bytes(it[4..8].try_into().unwrap());
            if packets.iter().any(|it| timestamp(it) >= last) {
                return;
            }
        }
    };
    timeout(PATIENCE, goes_on)
        .await
        .expect("the picture goes on");
    client.close().await;
    ingest.running.shutdown().await;
}

#[tokio::test]
async fn of_fifty_megabits_twenty_are_taken() {
    let (port, inlet, from) = port::proven();
    let start = clock::now();
    let packet = [&[0x80, 96][..], &[0; 1_198]].concat();
    let every = Duration::from_micros(1_200 * 8 / 50);
    let (mut at, mut taken) = (Duration::ZERO, 0_u64);
    while at < Duration::from_secs(4) {
        port.handle(from, &packet, start + at);
        while inlet.poll(Family::V4, Waker::noop()).is_some() {
            taken += 1_200 * 8;
        }
        at += every;
    }
    // And a quarter of a second's worth at once, in the beginning.
    let allowed = INGEST_BITS_PER_SECOND_MAX * 17 / 4;
    assert!((allowed * 98 / 100..=allowed).contains(&taken), "{taken}");
}
