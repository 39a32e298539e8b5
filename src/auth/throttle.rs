//! Token buckets by key: how often somebody may try something. Told the time; the memory is bounded.
//!
//! A key is usually an address's [`prefix`], or that with an account's name. When more keys are
//! active than fit, the ones unused for longest are forgotten, half of the map at a time: that
//! costs an attacker with tens of thousands of networks at his disposal, and nothing per call.

use std::{collections::HashMap, hash::Hash, net::IpAddr};

/// `burst` at once, and as many again spread over `per_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per_ms: u64,
}

/// A bucket's level as of a moment. A try costs `per_ms` drops and a millisecond brings `burst` of
/// them, so that nothing is ever rounded away, however often somebody asks. A full bucket is not
/// kept.
#[derive(Clone, Copy)]
struct Bucket {
    drops: u64,
    at_ms: u64,
}

/// Buckets of one rate.
pub struct Throttle<K> {
    rate: Rate,
    half_max: usize,
    /// Used lately, and used before that. Together at most twice `half_max`.
    young: HashMap<K, Bucket>,
    old: HashMap<K, Bucket>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// At most `keys_max` keys are remembered.
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        assert!(
            rate.burst > 0 && rate.per_ms > 0,
            "a rate of nothing would refuse everybody"
        );
        let half_max = (keys_max / 2).max(1);
        Self {
            rate,
            half_max,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Takes one try; refused: how many milliseconds until there is one.
    pub fn take(&mut self, key: &K, now_ms: u64) -> Result<(), u64> {
        let mut bucket = self.level(key, now_ms);
        let taken = match bucket.drops.checked_sub(self.rate.per_ms) {
            Some(rest) => {
                bucket.drops = rest;
                Ok(())
            }
            None => Err((self.rate.per_ms - bucket.drops).div_ceil(u64::from(self.rate.burst))),
        };
        self.keep(key, bucket);
        taken
    }

    /// Gives one back: the try turned out to be none (a sign-in that succeeded).
    pub fn give_back(&mut self, key: &K, now_ms: u64) {
        let mut bucket = self.level(key, now_ms);
        bucket.drops = bucket
            .drops
            .saturating_add(self.rate.per_ms)
            .min(self.full());
        self.keep(key, bucket);
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn full(&self) -> u64 {
        u64::from(self.rate.burst).saturating_mul(self.rate.per_ms)
    }

    fn level(&self, key: &K, now_ms: u64) -> Bucket {
        let Some(bucket) = self.young.get(key).or_else(|| self.old.get(key)) else {
            return Bucket {
                drops: self.full(),
                at_ms: now_ms,
            };
        };
        // A clock that went back refills nothing, and starts to count from there.
        let refill = now_ms
            .saturating_sub(bucket.at_ms)
            .saturating_mul(self.rate.burst.into());
        Bucket {
            drops: bucket.drops.saturating_add(refill).min(self.full()),
            at_ms: now_ms,
        }
    }

    fn keep(&mut self, key: &K, bucket: Bucket) {
        self.old.remove(key);
        if bucket.drops >= self.full() {
            self.young.remove(key);
            return;
        }
        if self.young.len() >= self.half_max && !self.young.contains_key(key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.clone(), bucket);
    }
}

/// What one household or host has of addresses: an IPv4 address, or the /64 of an IPv6 one. An
/// IPv4 address that came over an IPv6 socket is the same as itself.
pub fn prefix(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(it) => {
            let [a, b, c, d] = it.octets();
            // ::ffff:0:0/96 is never the start of a real /64, so the two kinds cannot meet.
            [0, 0, 0xff, 0xff, a, b, c, d]
        }
        IpAddr::V6(it) => {
            let mut out = [0; 8];
            out.copy_from_slice(&it.octets()[..8]);
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_A_MINUTE: Rate = Rate {
        burst: 10,
        per_ms: 60_000,
    };

    #[test]
    fn ten_tries_pass_and_the_eleventh_is_told_when() {
        let mut throttle = Throttle::new(TEN_A_MINUTE, 100);
        for i in 0..10 {
            assert_eq!(throttle.take(&"a", 1_000), Ok(()), "try {i}");
        }
        assert_eq!(throttle.take(&"a", 1_000), Err(6_000));
        assert_eq!(
            throttle.take(&"b", 1_000),
            Ok(()),
            "somebody else is not touched"
        );
        assert_eq!(throttle.take(&"a", 6_999), Err(1));
        assert_eq!(throttle.take(&"a", 7_000), Ok(()));
        assert_eq!(throttle.take(&"a", 7_000), Err(6_000));
        for _ in 0..10 {
            assert_eq!(
                throttle.take(&"a", 67_000),
                Ok(()),
                "a minute later all ten are back"
            );
        }
        assert!(throttle.take(&"a", 67_000).is_err());
    }

    #[test]
    fn asking_again_and_again_does_not_postpone_the_next_try() {
        let mut throttle = Throttle::new(TEN_A_MINUTE, 100);
        let passed = (0..60_000)
            .filter(|now| throttle.take(&"a", *now).is_ok())
            .count();
        assert_eq!(passed, 10 + 9, "the burst, and one each 6 s");
    }

    #[test]
    fn a_try_given_back_does_not_count() {
        let mut throttle = Throttle::new(TEN_A_MINUTE, 100);
        for _ in 0..50 {
            assert_eq!(throttle.take(&"a", 5), Ok(()));
            throttle.give_back(&"a", 5);
        }
        assert!(throttle.is_empty(), "a full bucket is not remembered");
    }

    #[test]
    fn a_clock_that_goes_back_neither_refills_nor_locks_out() {
        let mut throttle = Throttle::new(TEN_A_MINUTE, 100);
        for _ in 0..10 {
            assert_eq!(throttle.take(&"a", 1_000_000), Ok(()));
        }
        assert_eq!(throttle.take(&"a", 5), Err(6_000));
        assert_eq!(throttle.take(&"a", 6_005), Ok(()));
    }

    #[test]
    fn memory_is_bounded_under_a_flood_of_keys() {
        let mut throttle = Throttle::new(TEN_A_MINUTE, 1_000);
        for key in 0..100_000_u32 {
            assert_eq!(throttle.take(&key, 7), Ok(()));
            assert!(throttle.len() <= 1_000);
        }
        // Who is active all the time is not forgotten by the flood.
        for _ in 0..9 {
            assert_eq!(throttle.take(&99_999, 7), Ok(()));
        }
        assert!(throttle.take(&99_999, 7).is_err());
    }

    #[test]
    fn an_address_counts_with_its_household() {
        let prefix = |text: &str| prefix(text.parse().expect("an address"));
        assert_eq!(prefix("203.0.113.7"), prefix("::ffff:203.0.113.7"));
        assert_ne!(prefix("203.0.113.7"), prefix("203.0.113.8"));
        assert_eq!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:2:ffff::9"));
        assert_ne!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:3::1"));
    }
}
