//! The sequence numbers of a viewer's two tracks: what is missing, what to ask for, and whether the
//! server repeats what is asked for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A gap of sequence numbers beyond this is a restart and not a loss.
const JUMP: u16 = 3_000;
/// A missing packet is given up when the track is so far beyond it.
const GIVEN_UP_AFTER: u64 = 400;
const ASK_EVERY: Duration = Duration::from_millis(50);
/// A repeat may be lost as any packet: so often it is asked for, at most.
const PROBES_MAX: u32 = 5;
const PROBE_EVERY: Duration = Duration::from_millis(200);

/// The sequence numbers of one track.
#[derive(Default)]
pub(super) struct Track {
    /// The highest seen, counted on beyond 16 bits.
    highest: Option<u64>,
    /// Missing ones, and when each was last asked for.
    holes: BTreeMap<u64, Option<Instant>>,
    /// Nothing beyond the highest is of interest any more.
    stopped: bool,
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
            1..JUMP if self.stopped => {}
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
            if asked.is_none_or(|it| now.duration_since(it) >= ASK_EVERY) {
                *asked = Some(now);
                wanted.push(*seq as u16);
            }
        }
        wanted
    }

    /// Whether it is missing.
    pub(super) fn is_missing(&self, seq: u16) -> bool {
        let behind = |highest: u64| u64::from((highest as u16).wrapping_sub(seq));
        (self.highest).is_some_and(|it| self.holes.contains_key(&(it.saturating_sub(behind(it)))))
    }

    /// Follows no further; what is missing may still come.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether anything came.
    pub(super) fn began(&self) -> bool {
        self.highest.is_some()
    }

    /// Holes that are still open.
    pub(super) fn open(&self) -> u64 {
        self.holes.len() as u64
    }
}

/// Asks once for a packet that came: the server must repeat it.
#[derive(Default)]
pub(super) struct Probe {
    seq: Option<u16>,
    asked: Option<Instant>,
    tries: u32,
    answered: bool,
}

impl Probe {
    /// The first picture's packet is as good as any.
    pub(super) fn may_ask_for(&mut self, seq: u16, now: Instant) {
        if self.seq.is_none() {
            // Asked for a moment later, as a real loss is noticed.
            (self.seq, self.asked) = (Some(seq), Some(now));
        }
    }

    /// The packet, when it is time to ask for it.
    pub(super) fn wanted(&mut self, now: Instant) -> Option<u16> {
        let due = self.asked? + PROBE_EVERY <= now;
        if self.answered || !due || self.tries == PROBES_MAX {
            return None;
        }
        (self.asked, self.tries) = (Some(now), self.tries + 1);
        self.seq
    }

    pub(super) fn answered(&mut self, original: u16) {
        self.answered |= self.tries > 0 && self.seq == Some(original);
    }

    /// How many were asked for, and how many came.
    pub(super) fn outcome(&self) -> (u64, u64) {
        (u64::from(self.tries > 0), u64::from(self.answered))
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
        track.take(601);
        track.stop();
        track.take(700);
        assert!(track.is_missing(600) && !track.is_missing(601));
        assert_eq!(track.open(), 1, "what came after the end is not followed");
        track.take(600);
        assert_eq!(track.open(), 0);
    }

    #[test]
    fn a_probe_asks_until_its_packet_is_repeated() {
        let begin = Instant::now();
        let mut probe = Probe::default();
        assert_eq!(probe.wanted(begin), None, "nothing came yet");
        probe.may_ask_for(7, begin);
        probe.may_ask_for(8, begin);
        assert_eq!(probe.outcome(), (0, 0));
        assert_eq!(probe.wanted(begin + PROBE_EVERY), Some(7));
        assert_eq!(probe.wanted(begin + PROBE_EVERY), None, "asked just now");
        probe.answered(8);
        assert_eq!(probe.outcome(), (1, 0));
        assert_eq!(probe.wanted(begin + PROBE_EVERY * 2), Some(7));
        probe.answered(7);
        assert_eq!(probe.outcome(), (1, 1));
        assert_eq!(probe.wanted(begin + PROBE_EVERY * 3), None);
    }
}
