//! FFmpeg's WHIP muxer, by tests/tools/whip_publish.py, publishes testdata/bunny.mp4.

use std::process::{Child, Command, Stdio};

use media::{CodecName, Kind};

use protocol::server::{HealthLevel, HealthSaid};

use super::{Door, Ingest, PATIENCE, frame_of};
use crate::{Feed, PeerEnd, Report};

/// A publisher's process; it does not outlive the test.
struct Publisher(Child);

impl Drop for Publisher {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The interpreter that has PyAV: `make test` installs one and says so.
fn publisher(url: &str, more: &[&str]) -> Publisher {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let child = Command::new(&python)
        .arg(format!("{root}/tests/tools/whip_publish.py"))
        .arg(url)
        .arg(format!("{root}/testdata/bunny.mp4"))
        .args(more)
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{python} (WEIQUAN_PYTHON) does not start: {error}"));
    Publisher(child)
}

async fn exit_code(mut child: Publisher) -> Option<i32> {
    let waiting = tokio::task::spawn_blocking(move || child.0.wait());
    let status = tokio::time::timeout(PATIENCE, waiting).await;
    status
        .expect("the publisher ends in time")
        .unwrap()
        .unwrap()
        .code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_publishes_and_says_goodbye() {
    let mut ingest = Ingest::start().await;
    let door = Door::open(ingest.publishers.clone()).await;
    let child = publisher(&door.url, &["--seconds", "4"]);

    let Report::PublisherHere { peer } = ingest.report().await else {
        panic!("not here first")
    };
    let mut flowing = ingest.report().await;
    if flowing
        == (Report::Flowing {
            peer: peer.clone(),
            video: true,
            audio: false,
        })
    {
        flowing = ingest.report().await;
    }
    assert_eq!(
        flowing,
        Report::Flowing {
            peer: peer.clone(),
            video: true,
            audio: true
        }
    );

    let (mut opened, mut frames, mut packets, mut reports) = (Vec::new(), [0; 2], 0, [0; 2]);
    loop {
        match ingest.feed().await {
            Feed::Opened { codec, .. } => opened.push(codec.name),
            Feed::Frame {
                kind,
                packets: these,
                ..
            } => {
                frames[kind as usize] += 1;
                packets += these.len();
            }
            Feed::Report { kind, ntp, .. } => {
                // Seconds since 1900 of a time after 2020.
                assert!(ntp >> 32 > 3_786_912_000);
                reports[kind as usize] += 1;
            }
            Feed::Closed { .. } => break,
        }
    }
    opened.sort();
    assert_eq!(opened, [CodecName::H264, CodecName::Opus]);
    // 4 s of 25 pictures and 50 sounds a second, the last ones perhaps cut off by the goodbye. A
    // picture comes in several parts where the machine is slow.
    let (pictures, sounds) = (frames[Kind::Video as usize], frames[Kind::Audio as usize]);
    assert!((90..400).contains(&pictures), "{pictures} pictures");
    assert!((180..=201).contains(&sounds), "{sounds} sounds");
    assert!(packets > pictures + sounds, "{packets} packets");
    eprintln!("{pictures} pictures, {sounds} sounds, {packets} packets, reports {reports:?}");

    assert_eq!(ingest.gone().await, (peer, PeerEnd::Closed));
    assert_eq!(exit_code(child).await, Some(0));
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_vanishes_is_noticed_within_ten_seconds() {
    let mut ingest = Ingest::start().await;
    let door = Door::open(ingest.publishers.clone()).await;
    let mut child = publisher(&door.url, &["--p256"]);
    ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
    child.0.kill().unwrap();
    let killed = std::time::Instant::now();
    let (_, why) = ingest.gone().await;
    assert_eq!(why, PeerEnd::Timeout);
    assert!(killed.elapsed().as_secs() < 10, "{:?}", killed.elapsed());
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_alone_and_pictures_alone_flow() {
    let mut ingest = Ingest::start().await;
    let door = Door::open(ingest.publishers.clone()).await;
    for (only, video, audio) in [("--audio-only", false, true), ("--video-only", true, false)] {
        // Long enough for a second keyframe: the first may have left before we were ready for it.
        let child = publisher(&door.url, &["--seconds", "3", only]);
        let Report::PublisherHere { peer } = ingest.report().await else {
            panic!("not here first")
        };
        assert_eq!(
            ingest.report().await,
            Report::Flowing { peer, video, audio }
        );
        assert_eq!(exit_code(child).await, Some(0));
        let Report::PublisherGone { .. } = ingest.report().await else {
            panic!("not gone")
        };
        let Report::PeerEnded { .. } = ingest.report().await else {
            panic!("not ended")
        };
    }
    ingest.assert_empty();
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_told_of_keyframes_that_are_ten_seconds_apart_and_of_nothing_else() {
    let mut ingest = Ingest::start().await;
    let door = Door::open(ingest.publishers.clone()).await;
    // FFmpeg's muxer does not answer wishes for a keyframe. Its first one may leave before we are ready
    // for it: then the picture begins with the second.
    let more = ["--gop", "250", "--video-only", "--seconds", "40"];
    let child = publisher(&door.url, &more);
    let first = ingest.health_until(|it| it.video_kbps > 0).await;
    let said = (first.level, first.says.len());
    assert_eq!(said, (HealthLevel::Good, 0), "{first:?}");
    let rare = ingest
        .health_until(|it| it.level == HealthLevel::Poor)
        .await;
    assert_eq!(rare.says, [HealthSaid::KeyframesRare]);
    assert!(rare.keyframe_ms.is_some_and(|ms| ms >= 5_000), "{rare:?}");
    assert!((20..=30).contains(&rare.fps), "{rare:?}");
    drop(child);
    ingest.running.shutdown().await;
}
