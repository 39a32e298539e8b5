//! How far the publisher's clock is from ours, out of when its sender reports came.
//!
//! A report says what the publisher's clock read when it left. What it took to get here is in it too,
//! and that is never less than the way: so the quickest of the last reports is the nearest to the
//! truth. The answer follows it gently, because it moves the time of every picture that is shown.
//! What the quickest one took is still in it; whoever knows that subtracts it from when it came.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::report::ntp_span;

/// Reports that are looked at: 16 s of a browser that sends a sound and three layers.
const REPORTS_MAX: usize = 64;
/// Older ones are forgotten: two quartz clocks that are 100 ppm apart drift by 3 ms in it.
const LOOKED_BACK: Duration = Duration::from_secs(30);
/// What the answer moves by in a second: 10 ms, a quarter of what is seen of lips and voice (ITU-R
/// BT.1359 says 45 ms).
const MOVES_A_SECOND: u64 = 100;
/// Further than this no way is late and no clock drifts: the publisher's clock was set.
const WAS_SET: u64 = 1 << 32;

/// What is added to the publisher's NTP time (RFC 5905, 64 bits on a circle) to have ours.
#[derive(Debug, Default)]
pub(crate) struct Skew {
    reports: VecDeque<(Instant, u64)>,
    /// The answer, and when it moved last.
    told: Option<(u64, Instant)>,
}

impl Skew {
    /// A report: `skew` is our time when it came less the time that it names.
    pub(crate) fn hear(&mut self, skew: u64, came: Instant) {
        let is_old = |at: Instant| came.saturating_duration_since(at) > LOOKED_BACK;
        while self.reports.len() >= REPORTS_MAX
            || self.reports.front().is_some_and(|it| is_old(it.0))
        {
            self.reports.pop_front();
        }
        self.reports.push_back((came, skew));
        let heard = self.reports.iter().map(|it| it.1);
        let quickest = heard.reduce(earlier).unwrap_or(skew);
        self.told = Some(match self.told {
            None => (quickest, came),
            Some((before, at)) => {
                let passed = ntp_span(came.saturating_duration_since(at));
                (toward(before, quickest, passed / MOVES_A_SECOND), came)
            }
        });
    }

    pub(crate) fn get(&self) -> Option<u64> {
        self.told.map(|it| it.0)
    }
}

/// The smaller of two that are less than half a circle apart.
const fn earlier(a: u64, b: u64) -> u64 {
    if a.wrapping_sub(b).cast_signed() < 0 {
        a
    } else {
        b
    }
}

/// `most` nearer to where it is to be; there at once, where that is too far to go.
fn toward(from: u64, to: u64, most: u64) -> u64 {
    let way = to.wrapping_sub(from).cast_signed();
    if way.unsigned_abs() > WAS_SET {
        return to;
    }
    let step = way.unsigned_abs().min(most);
    if way < 0 {
        from.wrapping_sub(step)
    } else {
        from.wrapping_add(step)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// Our clock when the publisher began, and what is between both then.
    const BEGAN: u64 = 4_000_000_000 << 32;
    const APART: u64 = 77 << 32;
    /// The shortest way here.
    const WAY_MS: f64 = 20.0;

    fn ntp_ms(ms: f64) -> u64 {
        (ms / 1_000.0 * 4_294_967_296.0) as i64 as u64
    }

    /// How much later than the truth it has the publisher's clock, ms.
    fn off_ms(told: u64, truth: u64) -> f64 {
        told.wrapping_sub(truth).cast_signed() as f64 / 4_294_967.296
    }

    /// Reports of two tracks each second for as long, over a way with jitter. `worst` has how far it was
    /// off at most once it had looked at a full window.
    fn drifts(ppm: f64, seconds: u32, seed: u64) -> f64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let mut skew = Skew::default();
        let mut worst: f64 = 0.0;
        for half in 0..seconds * 2 {
            let at_ms = f64::from(half) * 500.0;
            let took_ms = WAY_MS + rng.random_range(0.0..15.0_f64);
            let ours = BEGAN.wrapping_add(ntp_ms(at_ms + took_ms));
            let theirs = BEGAN
                .wrapping_sub(APART)
                .wrapping_add(ntp_ms(at_ms * (1.0 + ppm / 1e6)));
            let came = start + Duration::from_secs_f64((at_ms + took_ms) / 1_000.0);
            skew.hear(ours.wrapping_sub(theirs), came);
            if at_ms > 60_000.0 {
                let truth = APART.wrapping_sub(ntp_ms(at_ms * ppm / 1e6));
                let told = skew.get().expect("it heard one");
                worst = worst.max((off_ms(told, truth) - WAY_MS).abs());
            }
        }
        worst
    }

    #[test]
    fn clocks_that_drift_for_an_hour_stay_within_a_few_milliseconds() {
        for seed in seeds::of(3) {
            for ppm in [-100.0, -20.0, 0.0, 20.0, 100.0] {
                let worst = drifts(ppm, 3_600, seed);
                assert!(worst < 5.0, "seed {seed}: {worst} ms off at {ppm} ppm");
            }
        }
    }

    #[test]
    fn one_late_first_report_does_not_stay() {
        let start = Instant::now();
        let mut skew = Skew::default();
        skew.hear(APART + ntp_ms(300.0), start);
        let mut before = skew.get().expect("the first");
        let mut told = Vec::new();
        for second in 1..=40 {
            skew.hear(APART, start + Duration::from_secs(second));
            let now = skew.get().expect("one");
            let moved = off_ms(now, before);
            assert!((-10.1..=0.0).contains(&moved), "{moved} ms in a second");
            before = now;
            told.push(off_ms(now, APART));
        }
        assert!(told[9] > 150.0, "gently: {told:?}");
        assert!(told[31].abs() < 0.001, "{told:?}");
    }

    #[test]
    fn one_late_report_among_others_says_nothing() {
        let start = Instant::now();
        let mut skew = Skew::default();
        for second in 0..100 {
            let late = if second % 10 == 5 { ntp_ms(400.0) } else { 0 };
            skew.hear(APART + late, start + Duration::from_secs(second));
            assert_eq!(skew.get(), Some(APART), "second {second}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once_or_after_the_window() {
        let start = Instant::now();
        let mut skew = Skew::default();
        skew.hear(APART, start);
        // Set forward: ours is less far ahead now.
        let forward = APART - (5 << 32);
        skew.hear(forward, start + Duration::from_secs(1));
        assert_eq!(skew.get(), Some(forward));
        // Set back: only when nothing of before is looked at any more.
        for second in 2..=32 {
            skew.hear(APART, start + Duration::from_secs(second));
        }
        assert_eq!(skew.get(), Some(APART));
    }

    #[test]
    fn times_that_run_over_the_end_of_the_circle_are_no_matter() {
        let start = Instant::now();
        let mut skew = Skew::default();
        skew.hear(ntp_ms(5.0), start);
        let before_zero = 0_u64.wrapping_sub(ntp_ms(5.0));
        for second in 1..5 {
            skew.hear(before_zero, start + Duration::from_secs(second));
        }
        assert_eq!(skew.get(), Some(before_zero));
    }
}
