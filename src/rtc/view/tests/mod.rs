//! The egress over real sockets, watched by a client that shares no code with it above the crypto
//! crates. Times are awaited as facts, never slept.

mod client;
mod described;
mod handshake;
mod hold;
mod hostile;
mod layers;
mod path;
mod peers;
mod picture;
mod probe;
mod reach;
mod restart;
mod sound;
mod walls;
mod workers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{Codec, CodecName, Kind, PublicationId, View};
use protocol::{Code, PeerId, RoomNumber};
use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{
    Config, Established, Feed, FeedSender, Layer, PeerEnd, Report, Role, Shown, WantKeyframe,
};
use client::{Client, GCM, GCM_256, Heard, SHA1};

const ROOM: RoomNumber = 7;
const VIDEO: u8 = 108;
const RESENT: u8 = 109;
const SOUND: u8 = 111;

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
    /// The answer to its offer.
    async fn answer(&self, client: &Client) -> Established {
        let answered = self.viewers.view(ROOM, "someone", client.offer()).await;
        answered.unwrap()
    }

    async fn watch(&self) -> (Client, Established) {
        self.watch_as(Client::new().await).await
    }

    async fn watch_as(&self, mut client: Client) -> (Client, Established) {
        let established = self.answer(&client).await;
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
    layer: Layer,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Source {
    async fn open(feed: &FeedSender, publication: u64) -> Self {
        Self::open_with(feed, publication, &[CodecName::H264, CodecName::Opus]).await
    }

    async fn open_with(feed: &FeedSender, publication: u64, codecs: &[CodecName]) -> Self {
        let publication = PublicationId(publication);
        for name in codecs.iter().copied() {
            let (clock, channels) = match name.kind() {
                Kind::Video => (90_000, 0),
                Kind::Audio => (48_000, 2),
            };
            let codec = Codec {
                name,
                clock,
                channels,
                fmtp: String::new(),
                descriptor: None,
                redundancy: None,
            };
            let kind = name.kind();
            feed.tell(Feed::Opened {
                room: ROOM,
                publication,
                kind,
                layer: Layer::ONLY,
                codec,
            })
            .await;
        }
        let start = publication.0 as u32;
        Self {
            feed: feed.clone(),
            publication,
            layer: Layer::ONLY,
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
        self.send_at(kind, packets, clock::now());
    }

    fn send_at(&self, kind: Kind, packets: Vec<Bytes>, arrived: Instant) {
        let publication = self.publication;
        assert!(self.feed.frame(Feed::Frame {
            room: ROOM,
            publication,
            kind,
            layer: if kind == Kind::Video {
                self.layer
            } else {
                Layer::ONLY
            },
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
