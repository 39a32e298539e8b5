//! When a publisher is asked for a keyframe: at most every 500 ms per track, however many viewers
//! wait. A wish within that time is remembered, and asked at its end unless a keyframe came first.

use std::time::{Duration, Instant};

pub const WISH_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub struct Wishes {
    asked: Option<Instant>,
    waiting: bool,
}

impl Wishes {
    /// A viewer wants a keyframe. True when the publisher is to be asked now.
    pub fn wish(&mut self, now: Instant) -> bool {
        self.waiting = true;
        self.due(now)
    }

    /// True when a remembered wish is to be passed on now.
    pub fn due(&mut self, now: Instant) -> bool {
        let open = self
            .asked
            .is_none_or(|at| now.saturating_duration_since(at) >= WISH_EVERY);
        if !self.waiting || !open {
            return false;
        }
        self.waiting = false;
        self.asked = Some(now);
        true
    }

    /// A keyframe began: nobody waits any more.
    pub fn granted(&mut self) {
        self.waiting = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_are_one_question_per_half_second() {
        let start = Instant::now();
        let mut wishes = Wishes::default();
        let asked = (0..2_000)
            .filter(|ms| wishes.wish(start + Duration::from_millis(*ms)))
            .collect::<Vec<_>>();
        assert_eq!(asked, [0, 500, 1_000, 1_500]);
    }

    #[test]
    fn an_early_wish_is_asked_later_unless_it_was_granted() {
        let start = Instant::now();
        let mut wishes = Wishes::default();
        assert!(wishes.wish(start));
        assert!(!wishes.wish(start + Duration::from_millis(100)));
        assert!(!wishes.due(start + Duration::from_millis(499)));
        assert!(wishes.due(start + Duration::from_millis(500)));
        assert!(!wishes.wish(start + Duration::from_millis(600)));
        wishes.granted();
        assert!(!wishes.due(start + Duration::from_millis(1_100)));
    }
}
