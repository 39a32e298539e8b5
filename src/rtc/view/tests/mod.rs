//! The egress over real sockets, watched by a client that shares no code with it above the crypto
//! crates. Times are awaited as facts, never slept.

mod client;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use media::{Codec, CodecName, Kind, PublicationId};
use protocol::{Code, PeerId, RoomNumber};
use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{Config, Established, Feed, FeedSender, PeerEnd, Report, Role, WantKeyframe};
use client::{Client, Heard, SHA1};

const ROOM: RoomNumber = 7;
const VIDEO: u8 = 108;
const RESENT: u8 = 109;
const AUDIO: u8 = 111;

struct Edge {
    viewers: Viewers,
    feed: FeedSender,
    running: Running,
    wishes: mpsc::Receiver<WantKeyframe>,
    reports: mpsc::Receiver<(RoomNumber, Report)>,
}

fn edge_with(change: impl FnOnce(&mut Config)) -> Edge {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::new(any, vec![any]);
    change(&mut config);
    let (wish, wishes) = mpsc::channel(64);
    let (say, reports) = mpsc::channel(64);
    let (viewers, feed, running) = start(&Arc::new(config), wish, say).unwrap();
    Edge {
        viewers,
        feed,
        running,
        wishes,
        reports,
    }
}

fn edge() -> Edge {
    edge_with(|_| ())
}

impl Edge {
    async fn watch(&self) -> (Client, Established) {
        let mut client = Client::new().await;
        let established = self.viewers.view(ROOM, client.offer()).await.unwrap();
        client.connect(&established.sdp).await;
        (client, established)
    }

    async fn ended(&mut self, peer: &PeerId) -> PeerEnd {
        let (room, report) = timeout(Duration::from_secs(20), self.reports.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(room, ROOM);
        match report {
            Report::PeerEnded {
                peer: ended,
                role: Role::Viewer,
                why,
            } if ended == *peer => why,
            other => panic!("{other:?} instead of the end of {peer}"),
        }
    }
}

/// A publisher of one picture, and maybe sound.
struct Source {
    feed: FeedSender,
    publication: PublicationId,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Source {
    async fn open(feed: &FeedSender, publication: u64) -> Self {
        let publication = PublicationId(publication);
        let tracks = [(CodecName::H264, 90_000, 0), (CodecName::Opus, 48_000, 2)];
        for (name, clock, channels) in tracks {
            let codec = Codec {
                name,
                clock,
                channels,
                fmtp: String::new(),
            };
            let kind = name.kind();
            feed.tell(Feed::Opened {
                room: ROOM,
                publication,
                kind,
                codec,
            })
            .await;
        }
        let start = publication.0 as u32;
        Self {
            feed: feed.clone(),
            publication,
            ssrc: start,
            sequence: (start * 1_000) as u16,
            timestamp: start * 1_000_000,
        }
    }

    fn packet(&mut self, first: u8, size: usize, marker: bool) -> Bytes {
        let mut bytes = vec![0x80, 96 | u8::from(marker) << 7];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.push(first);
        bytes.extend((1..size).map(|at| (at as u8).wrapping_add(self.sequence as u8)));
        self.sequence = self.sequence.wrapping_add(1);
        bytes.into()
    }

    fn send(&self, kind: Kind, packets: Vec<Bytes>) {
        let (publication, arrived) = (self.publication, clock::now());
        assert!(self.feed.frame(Feed::Frame {
            room: ROOM,
            publication,
            kind,
            packets,
            arrived
        }));
    }

    /// A picture of three packets; its bytes are a function of its number.
    fn picture(&mut self, first: u8) {
        self.timestamp += 3_600;
        let packets = vec![
            self.packet(first, 1_000, false),
            self.packet(0x41, 1_000, false),
            self.packet(0x41, 333, true),
        ];
        self.send(Kind::Video, packets);
    }

    fn keyframe(&mut self) {
        self.picture(0x65);
    }

    fn delta(&mut self) {
        self.picture(0x41);
    }

    async fn close(self) {
        self.feed
            .tell(Feed::Closed {
                room: ROOM,
                publication: self.publication,
            })
            .await;
    }
}

fn nack(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut feedback = vec![0x81, 205, 0, 3, 0, 0, 0, 1];
    feedback.extend(ssrc.to_be_bytes());
    feedback.extend(sequence.to_be_bytes());
    feedback.extend([0, 0]);
    feedback
}

fn picture_loss(ssrc: u32) -> Vec<u8> {
    let mut feedback = vec![0x81, 206, 0, 2, 0, 0, 0, 1];
    feedback.extend(ssrc.to_be_bytes());
    feedback
}

#[tokio::test]
async fn a_viewer_is_shown_the_last_group_of_pictures_and_then_what_is_live() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    for _ in 0..19 {
        source.delta();
    }
    let (mut client, _) = edge.watch().await;
    let mut seen = Vec::new();
    for _ in 0..60 {
        seen.push(client.rtp(VIDEO).await);
    }
    assert_eq!(edge.viewers.count(ROOM), 1);
    assert_eq!(seen[0].1[12], 0x65);
    let live = source.timestamp;
    for (at, (view, packet)) in seen.iter().enumerate() {
        assert_eq!(view.sequence, seen[0].0.sequence.wrapping_add(at as u16));
        assert_eq!(view.timestamp, live - (19 - at as u32 / 3) * 90);
        assert_eq!(view.marker, at % 3 == 2);
        let original = 1_000_u16.wrapping_add(at as u16);
        assert_eq!(
            packet[13],
            1_u8.wrapping_add(original as u8),
            "the payload is another's"
        );
    }
    source.delta();
    let (view, _) = client.rtp(VIDEO).await;
    assert_eq!(view.timestamp, live + 3_600);
    assert_eq!(view.sequence, seen[59].0.sequence.wrapping_add(1));
    edge.running.shutdown().await;
}

#[tokio::test]
async fn the_time_comes_with_the_first_packet_of_each_track_and_agrees() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let arrived = clock::now();
    // The publisher's clock is far from ours; its picture and sound are 40 ms apart.
    for (kind, ntp, rtp) in [
        (Kind::Video, 100_u64 << 32, source.timestamp),
        (Kind::Audio, 100 << 32, 4_800),
    ] {
        let (room, publication) = (ROOM, source.publication);
        source
            .feed
            .tell(Feed::Report {
                room,
                publication,
                kind,
                ntp,
                rtp,
                arrived,
            })
            .await;
    }
    let (mut client, _) = edge.watch().await;
    let video = client.rtcp(200).await;
    source.ssrc = 99;
    let sound = source.packet(1, 80, true);
    source.send(Kind::Audio, vec![sound]);
    let audio = client.rtcp(200).await;
    let time = |report: &[u8]| {
        let ntp = u64::from_be_bytes(report[8..16].try_into().unwrap());
        let rtp = u32::from_be_bytes(report[16..20].try_into().unwrap());
        (ntp, rtp)
    };
    let ((video_ntp, video_rtp), (audio_ntp, audio_rtp)) = (time(&video), time(&audio));
    let ours = clock::ntp();
    assert!(
        ours.abs_diff(video_ntp) >> 32 <= 20,
        "our clock, not the publisher's"
    );
    // Both say the same of the instant at which the publisher reported.
    let since = |ntp: u64| (ntp - video_ntp) as f64 / 4_294_967_296.0;
    let video_at = f64::from(video_rtp.wrapping_sub(3_600 + 1_000_000)) / 90_000.0;
    let audio_at = f64::from(audio_rtp.wrapping_sub(4_800)) / 48_000.0 - since(audio_ntp);
    assert!(
        (video_at - audio_at).abs() < 0.001,
        "{video_at} and {audio_at}"
    );
    assert_eq!(&video[38..42], b"live");
    edge.running.shutdown().await;
}

#[tokio::test]
async fn what_a_viewer_misses_is_sent_again() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.rtp(VIDEO).await);
    }
    let (lost, packet) = &seen[1];
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    let (again, resent) = client.rtp(RESENT).await;
    assert_eq!(again.timestamp, lost.timestamp);
    assert_ne!(again.ssrc, lost.ssrc);
    assert_eq!(resent[12..14], lost.sequence.to_be_bytes());
    assert_eq!(resent[14..], packet[lost.payload.clone()]);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn feedback_that_was_heard_before_is_not_heard_again() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let (lost, _) = client.rtp(VIDEO).await;
    let feedback = client.protect_feedback(&nack(lost.ssrc, lost.sequence));
    client.send(&feedback).await;
    let (first, _) = client.rtp(RESENT).await;
    client.send(&feedback).await;
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    // Two were asked for after the first, one of them a replay: one comes, and then silence.
    let (second, _) = client.rtp(RESENT).await;
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    client.send(&client.check(false)).await;
    loop {
        match client.hear().await {
            Heard::Checked => break,
            Heard::Rtp { view, .. } => assert_ne!(view.payload_type, RESENT),
            _ => {}
        }
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn the_reference_time_of_a_viewer_is_answered() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut asks = vec![0x80, 207, 0, 4, 0, 0, 0, 5, 4, 0, 0, 2];
    asks.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0]);
    client.send_feedback(&asks).await;
    let answer = client.rtcp(207).await;
    assert_eq!(answer[8], 5);
    assert_eq!(answer[12..20], [0, 0, 0, 5, 0x12, 0x34, 0x56, 0x78]);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn viewers_who_wait_for_a_keyframe_ask_for_it_together() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    let (mut first, _) = edge.watch().await;
    let (mut second, _) = edge.watch().await;
    let wish = WantKeyframe {
        room: ROOM,
        publication: source.publication,
    };
    assert_eq!(edge.wishes.recv().await, Some(wish));
    source.delta();
    source.keyframe();
    let (view, packet) = first.rtp(VIDEO).await;
    assert_eq!(packet[12], 0x65);
    assert_eq!(second.rtp(VIDEO).await.1[12], 0x65);
    // A viewer that lost its picture asks by feedback.
    let waited = std::time::Instant::now();
    while edge.wishes.try_recv().is_ok() {}
    first.send_feedback(&picture_loss(view.ssrc)).await;
    assert_eq!(
        timeout(Duration::from_secs(20), edge.wishes.recv())
            .await
            .unwrap(),
        Some(wish)
    );
    assert!(waited.elapsed() < Duration::from_secs(5));
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_under_the_same_numbers() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut last = client.rtp(VIDEO).await.0;
    for _ in 0..2 {
        last = client.rtp(VIDEO).await.0;
    }
    source.close().await;
    let mut source = Source::open(&edge.feed, 2).await;
    source.delta();
    source.keyframe();
    let (next, packet) = client.rtp(VIDEO).await;
    assert_eq!(packet[12], 0x65);
    assert_eq!(next.ssrc, last.ssrc);
    assert_eq!(next.sequence, last.sequence.wrapping_add(1));
    let later = next.timestamp.wrapping_sub(last.timestamp);
    assert!((1..20 * 90_000).contains(&later), "{later}");
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_goodbye_ends_a_viewer_and_nothing_of_it_stays() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    client.say_goodbye().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Closed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    assert_eq!(edge.viewers.workers[0].load.load(Ordering::Relaxed), 0);
    assert!(!edge.viewers.close(&established.peer, PeerEnd::Closed).await);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_that_is_closed_hears_it() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    assert!(edge.viewers.close(&established.peer, PeerEnd::Closed).await);
    client.closed().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Closed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn shutting_down_says_goodbye_to_everybody() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut first, _) = edge.watch().await;
    let (mut second, _) = edge.watch().await;
    let Edge {
        running, viewers, ..
    } = edge;
    running.shutdown().await;
    first.closed().await;
    second.closed().await;
    let refusal = viewers.view(ROOM, first.offer()).await.unwrap_err();
    assert_eq!(refusal.code, Code::Busy);
}

#[tokio::test]
async fn without_a_publisher_there_is_nothing_to_view() {
    let edge = edge();
    let client = Client::new().await;
    let refusal = edge.viewers.view(ROOM, client.offer()).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.ms),
        (Code::NothingPublished, Some(2_000))
    );
    let source = Source::open(&edge.feed, 1).await;
    assert!(edge.viewers.view(ROOM, client.offer()).await.is_ok());
    source.close().await;
    let refusal = edge.viewers.view(ROOM, client.offer()).await.unwrap_err();
    assert_eq!(refusal.code, Code::NothingPublished);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_full_worker_refuses_newcomers() {
    let edge = edge_with(|config| config.viewers_per_worker_max = 1);
    let _source = Source::open(&edge.feed, 1).await;
    let client = Client::new().await;
    let first = edge.viewers.view(ROOM, client.offer()).await.unwrap();
    let refusal = edge.viewers.view(ROOM, client.offer()).await.unwrap_err();
    assert_eq!(refusal.code, Code::RoomFull);
    assert!(edge.viewers.close(&first.peer, PeerEnd::Closed).await);
    assert!(edge.viewers.view(ROOM, client.offer()).await.is_ok());
    edge.running.shutdown().await;
}

#[tokio::test]
async fn whoever_shows_another_certificate_sees_nothing() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut client = Client::new().await;
    let offer = client.offer_of_another();
    let established = edge.viewers.view(ROOM, offer).await.unwrap();
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    client.begin_handshake().await;
    loop {
        match client.hear().await {
            Heard::Closed => break,
            Heard::Rtp { .. } | Heard::Rtcp(_) => panic!("a stranger was shown the room"),
            _ => {}
        }
    }
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Failed);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_without_gcm_is_told_so_and_ends() {
    let mut edge = edge();
    let _source = Source::open(&edge.feed, 1).await;
    let mut client = Client::with_profiles(vec![SHA1]).await;
    let established = edge.viewers.view(ROOM, client.offer()).await.unwrap();
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    client.begin_handshake().await;
    assert!(matches!(client.hear().await, Heard::Refused));
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Failed);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn only_who_knows_the_password_is_answered() {
    let edge = edge();
    let _source = Source::open(&edge.feed, 1).await;
    let mut client = Client::new().await;
    let established = edge.viewers.view(ROOM, client.offer()).await.unwrap();
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
async fn a_viewer_of_whom_nothing_is_heard_is_gone() {
    let mut edge = edge_with(|config| config.viewer_silent_max = Duration::from_millis(300));
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (client, established) = edge.watch().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Timeout);
    // And one that never came.
    let never = edge.viewers.view(ROOM, client.offer()).await.unwrap();
    assert_eq!(edge.ended(&never.peer).await, PeerEnd::Failed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn another_codec_ends_viewers_so_that_they_offer_again() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (_client, established) = edge.watch().await;
    let codec = Codec {
        name: CodecName::Vp8,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
    };
    let opened = Feed::Opened {
        room: ROOM,
        publication: PublicationId(2),
        kind: Kind::Video,
        codec,
    };
    edge.feed.tell(opened).await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Replaced);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn forty_viewers_see_the_same() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(edge.watch().await.0);
    }
    for _ in 0..5 {
        source.delta();
    }
    for client in &mut clients {
        let mut sequence = client.rtp(VIDEO).await.0.sequence;
        for _ in 1..18 {
            let (view, _) = client.rtp(VIDEO).await;
            assert_eq!(view.sequence, sequence.wrapping_add(1));
            sequence = view.sequence;
        }
    }
    assert_eq!(edge.viewers.count(ROOM), 40);
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
    for seed in 0..3_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut datagram = match rng.random_range(0..3) {
            0 => check.clone(),
            1 => client.protect_feedback(&nack(1, 2)),
            _ => vec![0; rng.random_range(1..200)],
        };
        if rng.random_bool(0.5) {
            rng.fill_bytes(&mut datagram[..]);
            datagram[0] = [0, 1, 20, 21, 22, 23, 63, 128, 129, 191][rng.random_range(0..10)];
        }
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..datagram.len());
            datagram[at] = rng.random();
        }
        datagram.truncate(rng.random_range(1..=datagram.len()));
        let socket = if rng.random_bool(0.5) {
            &client.socket
        } else {
            &stranger.socket
        };
        socket.send_to(&datagram, server).await.unwrap();
        if seed % 50 == 0 {
            // Wait until they were looked at, so that none is lost in a full socket.
            client.send(&client.check(false)).await;
            while !matches!(client.hear().await, Heard::Checked) {}
        }
    }
    source.delta();
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}

#[test]
fn a_peer_names_its_worker() {
    let peer = PeerId::from(format!("{}{}", peer_prefix(12), "ab-cd"));
    assert_eq!(worker_of(&peer), Some(12));
    assert_eq!(worker_of(&PeerId::from("p-abcd")), None);
    assert_eq!(worker_of(&PeerId::from("v-abcd")), None);
}

#[test]
fn counts_forget_empty_rooms() {
    let counts = Counts::default();
    counts.entered(1);
    counts.entered(1);
    counts.left(1);
    assert_eq!(counts.of(1), 1);
    counts.left(1);
    assert_eq!(counts.of(1), 0);
    assert!(counts.0.lock().unwrap().is_empty());
}
