//! How much one publisher may send. A token bucket, told the time.

use std::time::{Duration, Instant};

/// Enough for 1080p60 with room to spare; a viewer's line is the limit long before.
pub(super) const INGEST_BITS_PER_SECOND_MAX: u64 = 20_000_000;
/// A keyframe comes in one burst: a quarter of a second's worth may come at once.
const BURST: Duration = Duration::from_millis(250);

const BYTES_PER_SECOND: u64 = INGEST_BITS_PER_SECOND_MAX / 8;
const BURST_BYTES: u64 = BYTES_PER_SECOND * BURST.as_millis() as u64 / 1_000;

#[derive(Debug)]
pub(super) struct Police {
    left_bytes: u64,
    at: Instant,
}

impl Police {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left_bytes: BURST_BYTES,
            at: now,
        }
    }

    pub(super) fn admit(&mut self, bytes: usize, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at);
        // Counted in whole bytes; the time that is not yet worth one stays to be counted.
        let gained = u64::try_from(since.as_micros())
            .unwrap_or(u64::MAX)
            .saturating_mul(BYTES_PER_SECOND)
            / 1_000_000;
        if gained > 0 {
            self.left_bytes = self.left_bytes.saturating_add(gained).min(BURST_BYTES);
            self.at = now;
        }
        let bytes = bytes as u64;
        let admitted = bytes <= self.left_bytes;
        if admitted {
            self.left_bytes -= bytes;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_ten_seconds_and_a_burst_passes() {
        let start = Instant::now();
        let mut police = Police::new(start);
        let burst = (0..1_000).filter(|_| police.admit(1_200, start)).count() as u64;
        assert_eq!(burst, BURST_BYTES / 1_200);

        let mut police = Police::new(start);
        let mut bytes = 0;
        for step in 0..100_000 {
            // 1,200 bytes each 100 µs: 96 Mbit/s are sent.
            if police.admit(1_200, start + Duration::from_micros(step * 100)) {
                bytes += 1_200;
            }
        }
        let wanted = BYTES_PER_SECOND * 10 + BURST_BYTES;
        assert!(
            (wanted * 99 / 100..=wanted).contains(&bytes),
            "{bytes} of {wanted}"
        );
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing() {
        let start = Instant::now();
        let mut police = Police::new(start);
        while police.admit(1_200, start) {}
        assert!(!police.admit(1_200, start));
        assert!(police.admit(1_200, start + Duration::from_millis(1)));
    }
}
