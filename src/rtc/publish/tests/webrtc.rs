//! The whole way of a publisher of `webrtc`: connect, flow, be asked for a keyframe, end.

use media::{CodecName, Kind};
use protocol::server::{HealthLevel, HealthSaid};

use super::{Ingest, PATIENCE, ROOM, client::Client, frame_of};
use crate::{Established, Feed, Layer, PeerEnd, Report, Role, WantKeyframe};

async fn publish(ingest: &mut Ingest) -> (Client, Established) {
    let mut client = Client::new().await;
    let established = ingest
        .publishers
        .publish(ROOM, client.offer().await)
        .await
        .expect("a fit offer");
    client.take(established.sdp.clone()).await;
    (client, established)
}

/// FFmpeg's own WHIP refuses such a stream; the encoders of people do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_the_host_is_told_of_the_b_frames_of_a_real_encoder() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = std::process::Command::new(&python)
        .arg(format!("{root}/tests/tools/encode_b_frames.py"))
        .arg(format!("{root}/testdata/bunny.mp4"))
        .arg("150")
        .output()
        .unwrap_or_else(|error| panic!("{python} (WEIQUAN_PYTHON) does not start: {error}"));
    assert!(output.status.success(), "{output:?}");
    let mut stream = output.stdout.as_slice();
    let mut ingest = Ingest::start().await;
    let (mut client, _) = publish(&mut ingest).await;
    let sending = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(40));
        while let Some((head, rest)) = stream.split_at_checked(8) {
            ticks.tick().await;
            let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let (picture, rest) = rest.split_at(number(4) as usize);
            client.encoded(number(0), picture).await;
            stream = rest;
        }
        std::future::pending::<()>().await;
    };
    let told = ingest.health_until(|it| it.level == HealthLevel::Poor);
    let told = tokio::select! {
        it = told => it,
        () = sending => unreachable!("it never ends"),
    };
    assert_eq!(told.says, [HealthSaid::BFrames], "{told:?}");
    client.close().await;
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_reports_and_wishes_pass_and_the_end_frees_everything() {
    let mut ingest = Ingest::start().await;
    let (mut client, established) = publish(&mut ingest).await;
    let peer = established.peer;
    assert_eq!(
        ingest.report().await,
        Report::PublisherHere { peer: peer.clone() }
    );

    client.picture(true).await;
    let (publication, codec) = match ingest.feed().await {
        Feed::Opened {
            room: ROOM,
            publication,
            kind: Kind::Video,
            layer: Layer::ONLY,
            codec,
        } => (publication, codec),
        other => panic!("{other:?} came before the track opened"),
    };
    assert_eq!((codec.name, codec.clock), (CodecName::H264, 90_000));
    let mut picture = Vec::new();
    while picture.len() < 3 {
        let (of, packets) = ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
        assert_eq!(of, publication);
        picture.extend(packets);
    }
    assert_eq!(picture[0][12..], [0x67, 0x42, 0xe0, 0x1f]);
    let flowing = Report::Flowing {
        peer: peer.clone(),
        video: true,
        audio: false,
    };
    assert_eq!(ingest.report().await, flowing);

    // A wish for what is not published is nobody's.
    for publication in [media::PublicationId(99), publication] {
        ingest
            .wishes
            .send(WantKeyframe {
                room: ROOM,
                publication,
                layer: Layer::ONLY,
            })
            .await
            .unwrap();
    }
    client.send_until_asked().await;
    // The client sends its reports each second, with the time of the machine that both share.
    let sending = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(40));
        loop {
            ticks.tick().await;
            client.picture(false).await;
        }
    });
    let ntp = ingest.feed_until(|feed| match feed {
        Feed::Report {
            ntp,
            kind: Kind::Video,
            ..
        } => Some(ntp),
        _ => None,
    });
    let ntp = tokio::time::timeout(PATIENCE, ntp)
        .await
        .expect("a sender report in time");
    assert!(
        ntp.abs_diff(clock::ntp()) >> 32 < 30,
        "the publisher's clock is this machine's"
    );
    sending.abort();

    assert!(ingest.publishers.close(&peer, PeerEnd::Closed).await);
    assert!(
        !ingest.publishers.close(&peer, PeerEnd::Closed).await,
        "closed once"
    );
    let closed = |feed| matches!(feed, Feed::Closed { .. }).then_some(());
    ingest.feed_until(closed).await;
    let why = PeerEnd::Closed;
    assert_eq!(
        ingest.report().await,
        Report::PublisherGone {
            peer: peer.clone(),
            why
        }
    );
    assert_eq!(
        ingest.report().await,
        Report::PeerEnded {
            peer,
            role: Role::Publisher,
            why
        }
    );
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_publisher_replaces_the_first() {
    let mut ingest = Ingest::start().await;
    let (mut first, established) = publish(&mut ingest).await;
    first.picture(true).await;
    let (before, _) = ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
    let (mut second, _) = publish(&mut ingest).await;
    assert_eq!(ingest.gone().await, (established.peer, PeerEnd::Replaced));
    second.picture(true).await;
    let after = ingest
        .feed_until(|feed| frame_of(feed, Kind::Video).filter(|(of, _)| *of != before))
        .await;
    assert_ne!(after.0, before);
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_closes_dtls_is_gone_at_once() {
    let mut ingest = Ingest::start().await;
    let (mut client, established) = publish(&mut ingest).await;
    client.picture(true).await;
    ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
    let said = std::time::Instant::now();
    client.close().await;
    assert_eq!(ingest.gone().await, (established.peer, PeerEnd::Closed));
    assert!(
        said.elapsed().as_secs() < 4,
        "{:?}: not by silence",
        said.elapsed()
    );
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_never_comes_is_forgotten() {
    let mut ingest = Ingest::start().await;
    let offer = Client::new().await.offer().await;
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    assert_eq!(ingest.gone().await, (established.peer, PeerEnd::Failed));
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_ends_every_publisher() {
    let mut ingest = Ingest::start().await;
    let (_client, established) = publish(&mut ingest).await;
    let publishers = ingest.publishers.clone();
    ingest.running.shutdown().await;
    assert_eq!(publishers.shared.port.known(), (0, 0));
    let offer = Client::new().await.offer().await;
    assert_eq!(
        publishers
            .publish(ROOM, offer)
            .await
            .unwrap_err()
            .code
            .as_str(),
        "draining"
    );
    drop(publishers);
    let gone = Report::PublisherGone {
        peer: established.peer,
        why: PeerEnd::Closed,
    };
    // Whether it was here first depends on how far its handshake had come.
    let told = async {
        while let Some((_, report)) = ingest.reports.recv().await {
            if report == gone {
                return true;
            }
        }
        false
    };
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), told).await;
    assert_eq!(told, Ok(true), "the room hears that its publisher is gone");
}
