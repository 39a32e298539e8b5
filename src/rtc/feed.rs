//! The seam between the two halves of this crate: what publishers hand to the egress, and the one
//! thing that the egress asks of them. A packet crosses it once per frame, not once per viewer.
//!
//! A frame that finds a full inbox is dropped and counted, never waited for: a slow egress must not
//! hold the publisher's socket. What opens, closes or dates a publication is waited for, because
//! viewers cannot recover from its loss.

use std::time::Instant;

use bytes::Bytes;
use protocol::RoomNumber;
use tokio::sync::mpsc;

use crate::view::Order;

pub use media::{Codec, CodecName, Kind, Layer, PublicationId};

/// What happens to a publication, in the order it happens.
#[derive(Clone, Debug)]
pub enum Feed {
    /// A track began. At most one video track of each layer and one audio track in one room; a new one
    /// of the same kind and layer takes the old one's place, and its viewers stay where they are.
    Opened {
        room: RoomNumber,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        codec: Codec,
    },
    /// One frame, or what came within 3 ms: plain RTP as it was received (header, extensions and
    /// payload), in order of arrival. Packets that are only padding come along if they have their
    /// place in this stream's sequence numbers: only whoever renumbers can close the hole they
    /// leave, and a hole stops a browser's decoder until the next keyframe.
    Frame {
        room: RoomNumber,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        packets: Vec<Bytes>,
        arrived: Instant,
    },
    /// The publisher's sender report: which RTP time is which wall-clock time. `sent` is when it left the
    /// publisher by our clock: when it came, less half of the round trip where that is known.
    Report {
        room: RoomNumber,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        ntp: u64,
        rtp: u32,
        sent: Instant,
    },
    /// All tracks of this publication ended.
    Closed {
        room: RoomNumber,
        publication: PublicationId,
    },
}

/// A viewer waits for a keyframe of a layer. The egress asks at most every 500 ms per track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantKeyframe {
    pub room: RoomNumber,
    pub publication: PublicationId,
    pub layer: Layer,
}

/// The publishers' end of the seam: speaks to every egress worker.
#[derive(Clone)]
pub struct FeedSender {
    workers: Vec<mpsc::Sender<Order>>,
}

impl FeedSender {
    pub(crate) fn new(workers: Vec<mpsc::Sender<Order>>) -> Self {
        Self { workers }
    }

    /// Hands over a frame without waiting. False when a worker's inbox was full and the frame was
    /// lost to its viewers.
    pub fn frame(&self, frame: Feed) -> bool {
        let Some((last, others)) = self.workers.split_last() else {
            return true;
        };
        let mut took = true;
        for worker in others {
            took &= worker.try_send(Order::Feed(frame.clone())).is_ok();
        }
        took &= last.try_send(Order::Feed(frame)).is_ok();
        if !took {
            metrics::counter!("weiquan_media_frames_dropped_total", "where" => "egress_inbox")
                .increment(1);
        }
        took
    }

    /// Hands over anything else, waiting for room in the inbox. A worker that has stopped is
    /// passed over.
    pub async fn tell(&self, feed: Feed) {
        for worker in &self.workers {
            let _ = worker.send(Order::Feed(feed.clone())).await;
        }
    }
}
