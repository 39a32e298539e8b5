//! Freezes as WebRTC's statistics define them, from the moments at which pictures were shown.
//!
//! A pause between two pictures is a freeze when it is at least three times the mean of the last 30
//! pauses, and at least 150 ms above it (w3c webrtc-stats, `freezeCount`). Beside them, pauses above half
//! a second are counted whatever the mean is. Only what lies in the counted part of a run counts; a pause
//! that lasts when it ends is a pause of that length.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Pauses of which the mean is taken.
const MEAN_OF: usize = 30;
/// Before so many pauses there is no mean to speak of; browsers wait as long.
const MEAN_FROM: usize = 5;
const ABOVE_MEAN: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_millis(500);

/// What a viewer saw in the counted part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) frames: u64,
    pub(super) freezes: u64,
    /// Pauses above half a second.
    pub(super) long: u64,
    /// How long it stood still in all.
    pub(super) frozen: Duration,
    /// How long was counted.
    pub(super) counted: Duration,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.freezes += other.freezes;
        self.long += other.long;
        self.frozen += other.frozen;
        self.counted += other.counted;
    }

    /// `n` of these in a minute of one viewer. `None` where nothing was counted.
    pub(super) fn per_minute(&self, n: u64) -> Option<f64> {
        let minutes = self.counted.as_secs_f64() / 60.0;
        (minutes > 0.0).then(|| n as f64 / minutes)
    }

    /// The share of the time in which the picture stood still.
    pub(super) fn frozen_share(&self) -> Option<f64> {
        let counted = self.counted.as_secs_f64();
        (counted > 0.0).then(|| self.frozen.as_secs_f64() / counted)
    }
}

/// One viewer's pauses.
#[derive(Debug, Default)]
pub(super) struct Freezes {
    shown: Option<Instant>,
    pauses: VecDeque<Duration>,
    counts_from: Option<Instant>,
    seen: Seen,
}

impl Freezes {
    /// From now on it counts.
    pub(super) fn begin(&mut self, now: Instant) {
        self.counts_from.get_or_insert(now);
    }

    /// It counts no more; what stands still now has stood still until now.
    pub(super) fn end(&mut self, now: Instant) {
        let Some(from) = self.counts_from.take() else {
            return;
        };
        // Before its first picture a viewer joins; that has a figure of its own.
        if let Some(shown) = self.shown {
            self.judge(now.saturating_duration_since(shown), now, Some(from));
        }
        self.seen.counted += now.saturating_duration_since(from);
    }

    /// A picture is shown.
    pub(super) fn show(&mut self, now: Instant) {
        self.seen.frames += u64::from(self.counts_from.is_some());
        let Some(before) = self.shown.replace(now) else {
            return;
        };
        let pause = now.saturating_duration_since(before);
        self.judge(pause, now, self.counts_from);
        if self.pauses.len() == MEAN_OF {
            self.pauses.pop_front();
        }
        self.pauses.push_back(pause);
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    fn judge(&mut self, pause: Duration, now: Instant, counts_from: Option<Instant>) {
        let Some(from) = counts_from else { return };
        self.seen.long += u64::from(pause > LONG);
        if self.pauses.len() < MEAN_FROM {
            return;
        }
        let mean = self.pauses.iter().sum::<Duration>() / self.pauses.len() as u32;
        if pause >= (mean * 3).max(mean + ABOVE_MEAN) {
            self.seen.freezes += 1;
            self.seen.frozen += pause.min(now.saturating_duration_since(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    const FRAME: Duration = Duration::from_millis(40);

    /// What is seen of pictures that far apart, all of them counted.
    fn seen(pauses: &[u64]) -> Seen {
        let mut now = Instant::now();
        let mut freezes = Freezes::default();
        freezes.begin(now);
        freezes.show(now);
        for ms in pauses {
            now += Duration::from_millis(*ms);
            freezes.show(now);
        }
        freezes.end(now);
        *freezes.seen()
    }

    #[test]
    fn a_pause_is_a_freeze_from_both_bounds_on() {
        let steady = |ms: u64, last: u64| {
            let mut pauses = vec![ms; 30];
            pauses.push(last);
            seen(&pauses).freezes
        };
        // 25 pictures a second: 40 + 150 ms is the larger bound.
        assert_eq!((steady(40, 189), steady(40, 190)), (0, 1));
        // 10 a second: 3 × 100 ms is.
        assert_eq!((steady(100, 299), steady(100, 300)), (0, 1));
    }

    #[test]
    fn the_mean_is_of_the_last_thirty_and_wants_five() {
        assert_eq!(seen(&[40, 40, 40, 40, 1_000]).freezes, 0);
        assert_eq!(seen(&[40, 40, 40, 40, 40, 1_000]).freezes, 1);
        // Long ago it was slow: only the last thirty say what is usual.
        let mut pauses = vec![400; 100];
        pauses.extend([40; 30]);
        pauses.push(190);
        assert_eq!(seen(&pauses).freezes, 1);
    }

    #[test]
    fn long_pauses_are_counted_beside_them() {
        let mut pauses = vec![40; 30];
        pauses.extend([500, 501]);
        let seen = seen(&pauses);
        assert_eq!((seen.freezes, seen.long, seen.frames), (2, 1, 33));
        assert_eq!(seen.frozen, Duration::from_millis(1_001));
        assert_eq!(seen.counted, FRAME * 30 + Duration::from_millis(1_001));
    }

    #[test]
    fn only_what_is_counted_counts_and_what_lasts_at_the_end_does() {
        let begin = Instant::now();
        let mut freezes = Freezes::default();
        for n in 0..30 {
            freezes.show(begin + FRAME * n);
        }
        // A freeze of a second, of which the counted part is the last 300 ms.
        let last = begin + FRAME * 29;
        freezes.begin(last + Duration::from_millis(700));
        freezes.show(last + Duration::from_secs(1));
        assert_eq!(freezes.seen().frozen, Duration::from_millis(300));
        // Nothing comes any more.
        freezes.end(last + Duration::from_secs(3));
        assert_eq!((freezes.seen().freezes, freezes.seen().long), (2, 2));
        assert_eq!(freezes.seen().counted, Duration::from_millis(2_300));
        let before = *freezes.seen();
        freezes.end(last + Duration::from_secs(9));
        freezes.show(last + Duration::from_secs(9));
        assert_eq!(*freezes.seen(), before, "it is over");
    }

    #[test]
    fn figures_are_of_a_viewers_minutes() {
        let mut all = Seen::default();
        assert_eq!((all.per_minute(3), all.frozen_share()), (None, None));
        for _ in 0..4 {
            all.add(&Seen {
                frames: 750,
                freezes: 3,
                long: 1,
                frozen: Duration::from_secs(1),
                counted: Duration::from_secs(30),
            });
        }
        assert_eq!(all.per_minute(all.freezes), Some(6.0));
        assert_eq!(all.per_minute(all.long), Some(2.0));
        assert_eq!(all.frozen_share(), Some(4.0 / 120.0));
    }

    #[test]
    fn any_pauses_freeze_no_longer_than_is_counted() {
        for seed in seeds::of(500) {
            let mut rng = StdRng::seed_from_u64(seed);
            let pauses: Vec<u64> = (0..rng.random_range(0..200))
                .map(|_| match rng.random_bool(0.1) {
                    true => rng.random_range(100..3_000),
                    false => rng.random_range(0..80),
                })
                .collect();
            let seen = seen(&pauses);
            assert_eq!(seen.frames, pauses.len() as u64 + 1, "seed {seed}");
            assert!(seen.frozen <= seen.counted, "seed {seed}");
            let long = pauses.iter().filter(|it| **it > 500).count();
            assert_eq!(seen.long, long as u64, "seed {seed}");
        }
    }
}
