//! How hot a topic is: many people in a short time. One number tells it for ever, and needs nobody to let it cool.
//!
//! A message counts as 1 and half as much every [`HALF_LIFE_MS`] later; from somebody who spoke last too, a quarter: a
//! monologue is not hot. A sum of such counts is as large as one message would be that was said at a certain moment, or
//! will be: so the moment is the sum, at whatever time one looks. Two topics are compared by their moments, and both cool
//! alike.

/// A message counts half as much after so long.
const HALF_LIFE_MS: f64 = 5.0 * 60_000.0;
/// A topic is hot from so much on: fifteen messages of several people within a minute or two, or two a minute for long.
const HOT: f64 = 15.0;
/// What a message counts whose writer spoke last too.
const AGAIN: f64 = 0.25;

/// A moment in Unix milliseconds; 0 where nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heat(pub u64);

impl Heat {
    /// After one more message. `again`: its writer spoke last too.
    pub fn said(self, at_ms: u64, again: bool) -> Self {
        let weight: f64 = if again { AGAIN } else { 1.0 };
        let own = at_ms as f64 + HALF_LIFE_MS * weight.log2();
        let before = self.0 as f64;
        let (more, less) = (own.max(before), own.min(before));
        let sum = more + HALF_LIFE_MS * (1.0 + ((less - more) / HALF_LIFE_MS).exp2()).log2();
        Self(sum.max(0.0) as u64)
    }

    /// The least heat of what is hot now.
    pub fn hot_from(now_ms: u64) -> Self {
        Self(now_ms + (HALF_LIFE_MS * HOT.log2()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000_000;
    const SECOND: u64 = 1_000;

    /// Messages in the order of their times; whether each writer spoke last too.
    fn after(messages: &[(u64, bool)]) -> Heat {
        messages
            .iter()
            .fold(Heat::default(), |heat, (at, again)| heat.said(*at, *again))
    }

    fn is_hot(heat: Heat, now_ms: u64) -> bool {
        heat >= Heat::hot_from(now_ms)
    }

    #[test]
    fn a_quick_talk_of_several_is_hot_and_cools_by_itself() {
        let talk: Vec<_> = (0..20).map(|n| (NOW + n * 2 * SECOND, false)).collect();
        let (before, heat) = (after(&talk[..12]), after(&talk));
        assert!(!is_hot(before, NOW + 24 * SECOND), "a dozen are few");
        assert!(is_hot(heat, NOW + 40 * SECOND));
        assert!(!is_hot(heat, NOW + 10 * 60 * SECOND));
    }

    #[test]
    fn one_person_alone_makes_nothing_hot() {
        let alone: Vec<_> = (0..40).map(|n| (NOW + n * SECOND, n > 0)).collect();
        assert!(!is_hot(after(&alone), NOW + 40 * SECOND));
        let hundred: Vec<_> = (0..10_000)
            .map(|n| (NOW + n * 60 * SECOND, false))
            .collect();
        let end = NOW + 10_000 * 60 * SECOND;
        assert!(!is_hot(after(&hundred), end), "one a minute, for a week");
    }

    #[test]
    fn the_order_of_two_topics_never_changes_by_itself() {
        let quick = after(&[
            (NOW, false),
            (NOW + SECOND, false),
            (NOW + 2 * SECOND, false),
        ]);
        let late = after(&[(NOW + 60 * SECOND, false)]);
        assert!(quick > late, "three are more than one a minute later");
        assert!(after(&[(NOW + 3_600 * SECOND, false)]) > quick);
    }

    #[test]
    fn it_is_the_sum_of_what_each_message_counts() {
        let times = [0, 17, 44, 45, 200, 201, 399].map(|it| NOW + it * SECOND);
        let heat = after(&times.map(|at| (at, false)));
        let now = NOW + 400 * SECOND;
        let count = |ms: u64| ((ms as f64 - now as f64) / HALF_LIFE_MS).exp2();
        let sum: f64 = times.iter().map(|at| count(*at)).sum();
        assert!(
            (count(heat.0) - sum).abs() < 1e-3,
            "{} is not {sum}",
            count(heat.0)
        );
    }
}
