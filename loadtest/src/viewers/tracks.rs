//! What a viewer saw of the two tracks.

use std::{collections::BTreeMap, time::Instant};

use hdrhistogram::Histogram;

use crate::report;

/// A gap of sequence numbers beyond this is a restart and not a loss.
const JUMP: u16 = 3_000;
/// A missing packet is given up when the track is so far beyond it.
const GIVEN_UP_AFTER: u64 = 400;

#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) counted: u64,
    /// Packets before the counted part of the run.
    pub(crate) early: u64,
    pub(crate) verified: u64,
    pub(crate) forged: u64,
    pub(crate) missing: u64,
    pub(crate) nacked: u64,
    pub(crate) retransmitted: u64,
    pub(crate) sender_reports: u64,
    pub(crate) cipher: Option<&'static str>,
    pub(crate) first_packet_us: Histogram<u64>,
    pub(crate) first_keyframe_us: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            packets: 0,
            counted: 0,
            early: 0,
            verified: 0,
            forged: 0,
            missing: 0,
            nacked: 0,
            retransmitted: 0,
            sender_reports: 0,
            cipher: None,
            first_packet_us: report::histogram(),
            first_keyframe_us: report::histogram(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.counted += other.counted;
        self.early += other.early;
        self.verified += other.verified;
        self.forged += other.forged;
        self.missing += other.missing;
        self.nacked += other.nacked;
        self.retransmitted += other.retransmitted;
        self.sender_reports += other.sender_reports;
        self.cipher = self.cipher.or(other.cipher);
        self.first_packet_us
            .add(&other.first_packet_us)
            .expect("histograms of one shape");
        self.first_keyframe_us
            .add(&other.first_keyframe_us)
            .expect("histograms of one shape");
    }

    /// Every packet came, and each that was tested was authentic.
    pub(crate) fn whole(&self) -> bool {
        self.missing == 0 && self.forged == 0
    }
}

/// The sequence numbers of one track.
#[derive(Default)]
pub(super) struct Track {
    /// The highest seen, counted on beyond 16 bits.
    highest: Option<u64>,
    /// Missing ones, and when each was last asked for.
    holes: BTreeMap<u64, Option<Instant>>,
}

impl Track {
    /// Takes a sequence number; returns how many were given up for lost.
    pub(super) fn take(&mut self, seq: u16) -> u64 {
        let Some(highest) = self.highest else {
            self.highest = Some(u64::from(seq) + (1 << 16));
            return 0;
        };
        let ahead = seq.wrapping_sub(highest as u16);
        match ahead {
            0 => {}
            1..JUMP => {
                let next = highest + u64::from(ahead);
                self.holes.extend((highest + 1..next).map(|it| (it, None)));
                self.highest = Some(next);
            }
            _ if ahead > u16::MAX - JUMP => {
                let behind = u64::from(ahead.wrapping_neg());
                self.holes.remove(&(highest - behind));
            }
            _ => {
                self.highest = Some(u64::from(seq) + (1 << 16));
                self.holes.clear();
            }
        }
        let old = self
            .highest
            .unwrap_or_default()
            .saturating_sub(GIVEN_UP_AFTER);
        let lost = self.holes.range(..old).count() as u64;
        self.holes = self.holes.split_off(&old);
        lost
    }

    /// Holes that should be asked for now: at once, then every 50 ms.
    pub(super) fn wanted(&mut self, now: Instant) -> Vec<u16> {
        let mut wanted = Vec::new();
        for (seq, asked) in &mut self.holes {
            if asked.is_none_or(|it| now.duration_since(it).as_millis() >= 50) {
                *asked = Some(now);
                wanted.push(*seq as u16);
            }
        }
        wanted
    }

    /// Holes that are still open.
    pub(super) fn open(&self) -> u64 {
        self.holes.len() as u64
    }
}

/// Whether an H264 payload begins a keyframe (RFC 6184: SPS or IDR, in a STAP-A or FU-A too).
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    match payload.first().map(|it| it & 31) {
        Some(5 | 7) => true,
        Some(24) => payload.get(3).is_some_and(|it| matches!(it & 31, 5 | 7)),
        Some(28) => payload
            .get(1)
            .is_some_and(|it| it & 0x80 != 0 && it & 31 == 5),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_asked_for_filled_and_given_up() {
        let mut track = Track::default();
        assert_eq!(track.take(65_534), 0);
        assert_eq!(track.take(2), 0, "65535, 0 and 1 are missing");
        let now = Instant::now();
        assert_eq!(track.wanted(now), vec![65_535, 0, 1]);
        assert!(track.wanted(now).is_empty(), "asked a moment ago");
        track.take(0);
        assert_eq!(track.open(), 2);
        let lost: u64 = (3..600).map(|it| track.take(it)).sum();
        assert_eq!((lost, track.open()), (2, 0));
    }
}
