//! Which packets a viewer asked for lately.

use std::collections::VecDeque;

/// As many numbers are remembered: a round trip's worth of a picture of 1.5 Mbit/s that loses a fifth, four
/// times over.
const REMEMBERED_MAX: usize = 64;

/// The numbers that were asked for, the newest last. Nothing is held for a viewer that misses nothing.
#[derive(Debug, Default)]
pub(super) struct Asked(VecDeque<u16>);

impl Asked {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Notes it. True when it was asked for before: then what was sent did not come.
    pub(super) fn again(&mut self, sequence: u16) -> bool {
        if self.0.contains(&sequence) {
            return true;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(sequence);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_twice_is_known_until_many_others_were() {
        let mut asked = Asked::new();
        assert!(!asked.again(7));
        assert!(asked.again(7));
        for other in 0..REMEMBERED_MAX as u16 {
            assert!(!asked.again(1_000 + other));
        }
        assert!(!asked.again(7), "long ago");
    }
}
