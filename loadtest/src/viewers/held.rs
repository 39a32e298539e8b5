//! When a player shows a picture that holds each of them back for a while, so that a packet which comes
//! late by one repeat is still in time.
//!
//! Browsers do so: their jitter buffer grows by a round trip once they had to ask for packets. Here it is
//! exactly that, and nothing for what else makes packets late, so pictures are shown rather too early than
//! too late.

use std::time::{Duration, Instant};

const CLOCK_HZ: f64 = 90_000.0;
/// A picture that would be shown so much later is of a clock that began anew.
const ANEW: Duration = Duration::from_secs(3);
/// By so much more or less each picture is held back than the one before: a player that learns how far away
/// it is plays a little slower for a while, and stands still for nobody.
const STEP_MAX: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Held {
    /// When a timestamp came whose way was the shortest, and the timestamp.
    best: Option<(Instant, u32)>,
    shown: Option<Instant>,
    hold: Option<Duration>,
}

impl Held {
    /// When a frame is shown that is complete now, by whoever means to hold pictures back for so long.
    /// Never before the one that was asked for last.
    pub(super) fn show(&mut self, timestamp: u32, now: Instant, hold: Duration) -> Instant {
        let (at, of) = *self.best.get_or_insert((now, timestamp));
        let ahead = f64::from(timestamp.wrapping_sub(of) as i32) / CLOCK_HZ;
        let span = Duration::from_secs_f64(ahead.abs());
        let expected = match ahead < 0.0 {
            true => at.checked_sub(span).unwrap_or(now),
            false => at + span,
        };
        let begins_anew = expected > now + ANEW || expected + ANEW < now;
        // What came sooner than the best so far had the shorter way.
        let expected = if begins_anew || expected > now {
            self.best = Some((now, timestamp));
            now
        } else {
            expected
        };
        let before = self.hold.unwrap_or(hold);
        let hold = hold.clamp(before.saturating_sub(STEP_MAX), before + STEP_MAX);
        self.hold = Some(hold);
        let due = now.max(expected + hold);
        let shown = self.shown.map_or(due, |before| before.max(due));
        self.shown = Some(shown);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When frames of 25 a second are shown that come so many ms late, in ms since the first came.
    fn shown(hold: Duration, late: &[u32]) -> Vec<u128> {
        let (mut held, begin) = (Held::default(), Instant::now());
        (0..)
            .zip(late)
            .map(|(n, late)| {
                let timestamp = (u32::MAX - 5_000).wrapping_add(n * 3_600);
                let shown = held.show(timestamp, begin + MS * (40 * n + late), hold);
                (shown - begin).as_millis()
            })
            .collect()
    }

    #[test]
    fn what_is_late_by_less_than_the_hold_is_shown_in_its_turn() {
        let late = [0, 0, 80, 40, 0];
        assert_eq!(shown(Duration::ZERO, &late), [0, 40, 160, 160, 160]);
        assert_eq!(shown(MS * 80, &late), [80, 120, 160, 200, 240]);
        assert_eq!(shown(MS * 60, &late), [60, 100, 160, 180, 220]);
    }

    #[test]
    fn the_shortest_way_is_what_the_others_are_late_against() {
        assert_eq!(shown(MS * 10, &[20, 0, 0]), [30, 50, 90]);
    }

    #[test]
    fn who_learns_how_far_away_it_is_stands_still_for_nobody() {
        let (mut held, begin) = (Held::default(), Instant::now());
        let frame = |n: u32| {
            let hold = if n == 0 { Duration::ZERO } else { MS * 1_000 };
            let shown = held.show(n * 3_600, begin + MS * 40 * n, hold);
            (shown - begin).as_millis()
        };
        let shown: Vec<u128> = (0..200).map(frame).collect();
        assert_eq!(shown[..3], [0, 50, 100]);
        assert_eq!(shown[199], 199 * 40 + 1_000);
        assert!(shown.windows(2).all(|it| it[1] - it[0] <= 50));
    }

    #[test]
    fn a_clock_that_begins_anew_is_followed() {
        let (mut held, begin) = (Held::default(), Instant::now());
        assert_eq!(held.show(5, begin, MS * 80), begin + MS * 80);
        let later = begin + MS * 200;
        assert_eq!(held.show(2_000_000_000, later, MS * 80), later + MS * 80);
        let later = begin + MS * 9_000;
        assert_eq!(held.show(2_000_000_000, later, MS * 80), later + MS * 80);
    }
}
