//! When to order. Pure: the time and the dice are told.

use std::time::Duration;

use tls::About;

/// The first retry comes after about so long.
const RETRY_FIRST: Duration = Duration::from_secs(60);
/// And after this where the authority heard nothing of the try: a machine that was just switched on
/// may have no network yet.
const UNHEARD_FIRST: Duration = Duration::from_secs(5);
/// Each next one waits so many times longer: four tries in the first hour, where Let's Encrypt allows
/// five failed checks of a name.
const RETRY_FACTOR: u32 = 4;
/// And none waits longer than about this: a certificate of 90 days has 30 left at its first try.
const RETRY_MOST: Duration = Duration::from_secs(6 * 3_600);
/// An authority that asks for more time than this is asked again anyway.
const ASKED_MOST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// When to renew, Unix milliseconds: with 40 to 35 percent of the lifetime left, somewhere in between
/// by the dice, so that certificates of one day are not all renewed on one day.
pub(crate) fn renew_at_ms(about: &About, dice: u32) -> u64 {
    let permille = 600 + u64::from(dice % 51);
    about.from_ms + about.lifetime_ms() / 1_000 * permille
}

/// When to order next after one that succeeded. Where the clock of this machine is wrong, a new
/// certificate looks old at once: it still gets a third of its lifetime.
pub(crate) fn after_success_ms(about: &About, now_ms: u64, dice: u32) -> u64 {
    renew_at_ms(about, dice).max(now_ms + about.lifetime_ms() / 3)
}

/// What is known after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// How many in a row, from 1.
    pub(crate) failures: u32,
    /// Whether the authority heard of it.
    pub(crate) heard: bool,
    /// How long it asked to be left alone.
    pub(crate) asked: Option<Duration>,
}

/// How long to wait after a failure, a quarter more or less by the dice; and at least what the
/// authority asked for.
pub(crate) fn after_failure(failed: Failed, dice: u32) -> Duration {
    let first = match failed.heard {
        true => RETRY_FIRST,
        false => UNHEARD_FIRST,
    };
    let grown = RETRY_FACTOR
        .checked_pow(failed.failures.saturating_sub(1))
        .map_or(RETRY_MOST, |it| first.saturating_mul(it));
    let wait = grown.min(RETRY_MOST) * (75 + dice % 51) / 100;
    wait.max(failed.asked.unwrap_or_default().min(ASKED_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600_000;
    const DICE: [u32; 5] = [0, 25, 50, 51, u32::MAX];

    fn about(from_ms: u64, days: u64) -> About {
        About {
            from_ms,
            until_ms: from_ms + days * DAY_MS,
            names: Vec::new(),
        }
    }

    #[test]
    fn renewal_comes_before_a_third_of_the_lifetime_is_left() {
        for (days, dice) in [90, 47, 6, 1]
            .into_iter()
            .flat_map(|it| DICE.map(|dice| (it, dice)))
        {
            let about = about(1_000 * DAY_MS, days);
            let left = about.until_ms - renew_at_ms(&about, dice);
            let share = left as f64 / about.lifetime_ms() as f64;
            assert!(
                (0.349..=0.401).contains(&share),
                "{days} days, {dice}: {share}"
            );
        }
    }

    #[test]
    fn a_wrong_clock_does_not_order_in_a_loop() {
        let about = about(1_000 * DAY_MS, 90);
        for wrong_ms in [2_000 * DAY_MS, 0] {
            assert!(after_success_ms(&about, wrong_ms, 0) >= wrong_ms + 30 * DAY_MS);
        }
        let in_time = 1_000 * DAY_MS + 3_600_000;
        assert_eq!(after_success_ms(&about, in_time, 7), renew_at_ms(&about, 7));
    }

    fn failed(failures: u32, heard: bool) -> Failed {
        Failed {
            failures,
            heard,
            asked: None,
        }
    }

    #[test]
    fn failures_are_tried_again_ever_more_slowly() {
        for (dice, heard) in DICE.into_iter().flat_map(|it| [(it, true), (it, false)]) {
            let wait = |it| after_failure(failed(it, heard), dice).as_secs();
            let waits: Vec<u64> = (1..=40).map(wait).collect();
            let first = if heard { 45..=75 } else { 3..=6 };
            assert!(first.contains(&waits[0]), "{waits:?}");
            assert!(waits.windows(2).all(|it| it[0] <= it[1]), "{waits:?}");
            let most = RETRY_MOST.as_secs();
            assert!(waits[39] >= most * 3 / 4 && waits[39] <= most * 5 / 4);
        }
    }

    #[test]
    fn an_authority_is_not_asked_five_times_in_an_hour() {
        for dice in DICE {
            let wait = |it| after_failure(failed(it, true), dice);
            let first_five: Duration = (1..=4).map(wait).sum();
            assert!(first_five > Duration::from_secs(3_600), "{first_five:?}");
        }
    }

    #[test]
    fn an_authority_that_asks_for_time_gets_it() {
        let asked = |failures, wait| Failed {
            asked: Some(wait),
            ..failed(failures, true)
        };
        let two_hours = Duration::from_secs(7_200);
        assert_eq!(after_failure(asked(1, two_hours), 0), two_hours);
        assert_eq!(after_failure(asked(1, ASKED_MOST * 2), 0), ASKED_MOST);
        assert!(after_failure(asked(20, Duration::from_secs(1)), 0) > two_hours);
    }
}
