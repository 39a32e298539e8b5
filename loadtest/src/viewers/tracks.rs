//! The sequence numbers of a viewer's two tracks: what is missing, what to ask for and when it is given
//! up, as a browser does it; and whether the server repeats what is asked for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A gap of sequence numbers beyond this is a restart and not a loss.
const JUMP: u16 = 3_000;
/// A missing packet is given up when the track is so far beyond it.
const GIVEN_UP_AFTER: u64 = 400;
/// A missing picture is given up after so long, a browser's longest wait for a frame.
pub(super) const PICTURE_WAITS: Duration = Duration::from_secs(3);
/// Missing sound that comes later than this comes when its time to be heard is over.
pub(super) const SOUND_WAITS: Duration = Duration::from_millis(200);
/// So often a packet is asked for, as browsers do.
const ASKS_MAX: u32 = 10;
/// Between two asks for one packet, where the way there and back takes less or is not known.
const ASK_EVERY_MIN: Duration = Duration::from_millis(50);
const WAY_UNKNOWN: Duration = Duration::from_millis(100);
/// A repeat may be lost as any packet: so often it is asked for, at most.
const PROBES_MAX: u32 = 5;
const PROBE_EVERY: Duration = Duration::from_millis(200);

/// What became of a track's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    /// Packets that there were, by their numbers.
    pub(super) sent: u64,
    /// Those that did not come in their turn.
    pub(super) lost: u64,
    /// Of these, those that came later and in time.
    pub(super) recovered: u64,
    /// And those that were not waited for any longer.
    pub(super) given_up: u64,
}

impl Fates {
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.recovered += other.recovered;
        self.given_up += other.given_up;
    }

    /// What happened since those were told.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            lost: self.lost - before.lost,
            recovered: self.recovered - before.recovered,
            given_up: self.given_up - before.given_up,
        }
    }

    /// The share of what was sent that came in time. `None` where nothing was sent.
    pub(super) fn kept_share(&self) -> Option<f64> {
        (self.sent > 0).then(|| 1.0 - self.given_up as f64 / self.sent as f64)
    }
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    since: Instant,
    asked: Option<Instant>,
    asks: u32,
}

/// The sequence numbers of one track.
pub(super) struct Track {
    /// The highest seen, counted on beyond 16 bits.
    highest: Option<u64>,
    holes: BTreeMap<u64, Hole>,
    /// How long a missing packet is waited for.
    waits: Duration,
    /// Nothing beyond the highest is of interest any more.
    stopped: bool,
    pub(super) fates: Fates,
}

impl Track {
    pub(super) fn new(waits: Duration) -> Self {
        Self {
            highest: None,
            holes: BTreeMap::new(),
            waits,
            stopped: false,
            fates: Fates::default(),
        }
    }

    /// Takes a sequence number; returns it counted on beyond 16 bits, or nothing once it has stopped.
    pub(super) fn take(&mut self, seq: u16, now: Instant) -> Option<u64> {
        let Some(highest) = self.highest else {
            self.highest = Some(u64::from(seq) + (1 << 16));
            self.fates.sent += 1;
            return self.highest;
        };
        let ahead = seq.wrapping_sub(highest as u16);
        match ahead {
            0 => Some(highest),
            1..JUMP if self.stopped => None,
            1..JUMP => {
                let next = highest + u64::from(ahead);
                let hole = Hole {
                    since: now,
                    asked: None,
                    asks: 0,
                };
                self.holes.extend((highest + 1..next).map(|it| (it, hole)));
                self.fates.sent += u64::from(ahead);
                self.fates.lost += u64::from(ahead) - 1;
                self.highest = Some(next);
                self.highest
            }
            _ if ahead > u16::MAX - JUMP => {
                let index = highest - u64::from(ahead.wrapping_neg());
                if self.holes.remove(&index).is_some() {
                    self.fates.recovered += 1;
                }
                Some(index)
            }
            _ => {
                // Beyond all that came before, so that nothing is taken for another.
                self.highest = Some((((highest >> 16) + 2) << 16) + u64::from(seq));
                self.fates.given_up += self.open();
                self.holes.clear();
                self.fates.sent += 1;
                self.highest
            }
        }
    }

    /// Holes that nobody waits for any longer, in their order.
    pub(super) fn give_up(&mut self, now: Instant, way: Option<Duration>) -> Vec<u64> {
        let old = (self.highest.unwrap_or_default()).saturating_sub(GIVEN_UP_AFTER);
        let again = again_after(way);
        let given_up: Vec<u64> = (self.holes.iter())
            .filter(|(index, it)| {
                let asked_out = it.asks >= ASKS_MAX
                    && (it.asked).is_some_and(|at| now.saturating_duration_since(at) >= again);
                let waited = now.saturating_duration_since(it.since) >= self.waits;
                **index < old || asked_out || waited
            })
            .map(|it| *it.0)
            .collect();
        for index in &given_up {
            self.holes.remove(index);
        }
        self.fates.given_up += given_up.len() as u64;
        given_up
    }

    /// Holes that should be asked for now: at once, then whenever an answer should have come. `way` is
    /// the time there and back, where it is known.
    pub(super) fn wanted(&mut self, now: Instant, way: Option<Duration>) -> Vec<u16> {
        let again = again_after(way);
        let mut wanted = Vec::new();
        for (seq, hole) in &mut self.holes {
            let due = hole
                .asked
                .is_none_or(|it| now.saturating_duration_since(it) >= again);
            if due && hole.asks < ASKS_MAX {
                (hole.asked, hole.asks) = (Some(now), hole.asks + 1);
                wanted.push(*seq as u16);
            }
        }
        wanted
    }

    /// Whether something is missing that was not asked for yet.
    pub(super) fn has_news(&self) -> bool {
        // What is new stands at the end.
        (self.holes.last_key_value()).is_some_and(|it| it.1.asked.is_none())
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

fn again_after(way: Option<Duration>) -> Duration {
    way.unwrap_or(WAY_UNKNOWN).max(ASK_EVERY_MIN)
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

    /// This packet came again.
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
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn track() -> (Track, Instant) {
        (Track::new(PICTURE_WAITS), Instant::now())
    }

    #[test]
    fn holes_are_asked_for_filled_and_given_up() {
        let (mut track, now) = track();
        assert_eq!(track.take(65_534, now), Some(131_070));
        assert_eq!(track.take(2, now), Some(131_074));
        assert!(track.has_news());
        assert_eq!(track.wanted(now, None), vec![65_535, 0, 1]);
        assert!(!track.has_news());
        assert!(track.wanted(now, None).is_empty(), "asked a moment ago");
        assert_eq!(track.take(0, now), Some(131_072));
        assert_eq!(track.open(), 2);
        for seq in 3..600 {
            track.take(seq, now);
        }
        assert_eq!(track.give_up(now, None), [131_071, 131_073]);
        assert_eq!(track.open(), 0);
        let fates = track.fates;
        assert_eq!((fates.sent, fates.lost), (602, 3));
        assert_eq!((fates.recovered, fates.given_up), (1, 2));
        track.take(601, now);
        track.stop();
        assert_eq!(track.take(700, now), None);
        assert!(track.holes.keys().eq(&[131_672]), "600 is missing");
        assert_eq!(track.open(), 1, "what came after the end is not followed");
        track.take(600, now);
        assert_eq!(track.open(), 0);
    }

    #[test]
    fn a_packet_is_asked_for_again_when_its_answer_should_have_come_and_ten_times_in_all() {
        let (mut track, begin) = track();
        track.take(1, begin);
        track.take(3, begin);
        let far = Some(Duration::from_millis(80));
        let mut asks = Vec::new();
        for ms in 0..2_000 {
            let now = begin + Duration::from_millis(ms);
            if !track.wanted(now, far).is_empty() {
                asks.push(ms);
            }
            if !track.give_up(now, far).is_empty() {
                assert_eq!(ms, 800, "when the last answer should have come");
            }
        }
        assert_eq!(asks, [0, 80, 160, 240, 320, 400, 480, 560, 640, 720]);
        assert_eq!(again_after(None), WAY_UNKNOWN);
        assert_eq!(again_after(Some(Duration::ZERO)), ASK_EVERY_MIN);
    }

    #[test]
    fn sound_is_waited_for_no_longer_than_it_can_be_heard() {
        let (mut track, begin) = (Track::new(SOUND_WAITS), Instant::now());
        track.take(1, begin);
        track.take(4, begin);
        track.take(2, begin + SOUND_WAITS / 2);
        assert!(track.give_up(begin + SOUND_WAITS / 2, None).is_empty());
        assert_eq!(track.give_up(begin + SOUND_WAITS, None).len(), 1);
        track.take(3, begin + SOUND_WAITS);
        assert_eq!(track.fates.kept_share(), Some(0.75), "it came too late");
        assert_eq!(Fates::default().kept_share(), None);
    }

    #[test]
    fn a_restart_loses_nothing_and_its_numbers_are_new() {
        let (mut track, now) = track();
        let before = track.take(40_000, now).expect("followed");
        track.take(40_002, now);
        let after = track.take(9, now).expect("followed");
        assert!(after > before + 2 && after & 0xffff == 9);
        assert_eq!((track.open(), track.fates.given_up), (0, 1));
        assert_eq!((track.fates.sent, track.fates.lost), (4, 1));
    }

    /// However they come: what is missing came later, was given up or is still missing.
    #[test]
    fn every_packet_has_one_fate() {
        for seed in seeds::of(300) {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut track, begin) = track();
            let first: u16 = rng.random();
            let mut before = Fates::default();
            let mut parts = Fates::default();
            for n in 0..rng.random_range(1..2_000_u16) {
                let now = begin + Duration::from_millis(5) * u32::from(n);
                if rng.random_bool(0.8) {
                    track.take(first.wrapping_add(n), now);
                }
                if rng.random_bool(0.1) {
                    track.take(first.wrapping_add(n / 2), now);
                }
                if rng.random_bool(0.2) {
                    track.wanted(now, None);
                    track.give_up(now, None);
                    parts.add(&track.fates.since(&before));
                    before = track.fates;
                }
            }
            parts.add(&track.fates.since(&before));
            let fates = track.fates;
            assert_eq!(parts, fates, "seed {seed}");
            let found = fates.recovered + fates.given_up + track.open();
            assert_eq!(fates.lost, found, "seed {seed}");
            assert!(fates.lost <= fates.sent, "seed {seed}");
        }
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
