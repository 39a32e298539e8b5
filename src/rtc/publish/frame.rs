//! Packets into frames, so that what crosses to the egress does so once per picture and not once
//! per packet. Pure: told the time.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// How long the beginning of a frame waits for its end. A frame on a fast line is whole within
/// this; on a slow one its packets go on in several parts, and nothing is delayed by more.
pub(super) const FRAME_WAIT: Duration = Duration::from_millis(3);
/// Packets handed over at once; a keyframe of 1080p at a high rate.
pub(super) const FRAME_PACKETS_MAX: usize = 256;

/// The frame that is being received.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    packets: Vec<Bytes>,
    timestamp: u32,
    since: Option<Instant>,
}

/// Packets that belong together and when the first of them came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) packets: Vec<Bytes>,
    pub(super) arrived: Instant,
}

impl Gathering {
    /// Whether a packet with this timestamp begins another frame. The caller takes the old one
    /// first: its last packet, the one with the marker, was lost or comes late.
    pub(super) fn is_over_at(&self, timestamp: u32) -> bool {
        self.since.is_some() && self.timestamp != timestamp
    }

    /// Adds a packet. True when the frame is to be taken now.
    pub(super) fn add(&mut self, packet: Bytes, timestamp: u32, last: bool, now: Instant) -> bool {
        self.since.get_or_insert(now);
        self.timestamp = timestamp;
        self.packets.push(packet);
        last || self.packets.len() == FRAME_PACKETS_MAX
    }

    /// When to take what there is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + FRAME_WAIT)
    }

    pub(super) fn take(&mut self) -> Option<Frame> {
        let arrived = self.since.take()?;
        Some(Frame {
            packets: std::mem::take(&mut self.packets),
            arrived,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    #[test]
    fn a_marker_ends_a_frame() {
        let now = Instant::now();
        let mut gathering = Gathering::default();
        assert!(!gathering.add(packet(1), 90, false, now));
        assert!(gathering.add(packet(2), 90, true, now));
        let frame = gathering.take().unwrap();
        assert_eq!(frame.packets, [packet(1), packet(2)]);
        assert_eq!(gathering.take(), None);
    }

    #[test]
    fn another_timestamp_begins_a_frame_although_the_marker_was_lost() {
        let mut gathering = Gathering::default();
        assert!(!gathering.is_over_at(90));
        gathering.add(packet(1), 90, false, Instant::now());
        assert!(!gathering.is_over_at(90));
        assert!(gathering.is_over_at(180));
    }

    #[test]
    fn the_beginning_waits_three_milliseconds() {
        let now = Instant::now();
        let mut gathering = Gathering::default();
        assert_eq!(gathering.deadline(), None);
        gathering.add(packet(1), 90, false, now);
        gathering.add(packet(2), 90, false, now + Duration::from_millis(2));
        assert_eq!(gathering.deadline(), Some(now + FRAME_WAIT));
    }

    #[test]
    fn a_frame_without_end_is_handed_over_in_parts() {
        let now = Instant::now();
        let mut gathering = Gathering::default();
        for _ in 1..FRAME_PACKETS_MAX {
            assert!(!gathering.add(packet(1), 90, false, now));
        }
        assert!(gathering.add(packet(1), 90, false, now));
    }
}
