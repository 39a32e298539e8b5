//! Which seeds a randomised test runs. For tests alone.
//!
//! By itself a test runs the same few seeds each time, so that it never fails by chance.
//! `WEIQUAN_SEED` says where it begins instead (`make fuzz` draws it), `WEIQUAN_SEEDS` how many it
//! runs (`make soak` raises it). Whatever ends a test in the middle of a seed, an assertion of its
//! own or a panic deep inside what it tests, the seed is told and how to see it again.

use std::{env, thread};

/// `few` seeds from 0 on, or what the environment says.
///
/// # Panics
///
/// When the environment holds something else than a number.
pub fn of(few: u64) -> Seeds {
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} = {text}: it is a number")),
        )
    };
    Seeds {
        next: number("WEIQUAN_SEED").unwrap_or(0),
        left: number("WEIQUAN_SEEDS").unwrap_or(few),
        now: None,
    }
}

/// The seeds of one test, one after the other.
#[derive(Debug)]
pub struct Seeds {
    next: u64,
    left: u64,
    now: Option<u64>,
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => {
                self.now = None;
                return None;
            }
        };
        self.now = Some(self.next);
        self.next = self.next.wrapping_add(1);
        self.now
    }
}

impl Drop for Seeds {
    fn drop(&mut self) {
        if let Some(seed) = self.now.filter(|_| thread::panicking()) {
            eprintln!("seed {seed}: see it again with WEIQUAN_SEED={seed} WEIQUAN_SEEDS=1");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_comes_once_and_the_running_one_is_known() {
        let mut seeds = Seeds {
            next: u64::MAX,
            left: 2,
            now: None,
        };
        assert_eq!(seeds.next(), Some(u64::MAX));
        assert_eq!(seeds.now, Some(u64::MAX));
        assert_eq!(seeds.next(), Some(0));
        assert_eq!(seeds.next(), None);
        assert_eq!(seeds.now, None, "after the last nothing is told");
    }
}
