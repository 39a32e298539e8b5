//! How much a track takes, measured over whole seconds.

use std::time::{Duration, Instant};

const MEASURED_OVER: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Rate {
    since: Option<Instant>,
    bytes: u64,
    kbps: u32,
}

impl Rate {
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let over = now.saturating_duration_since(since);
        if over >= MEASURED_OVER {
            let ms = over.as_millis() as u64;
            let measured = u32::try_from(self.bytes * 8 / ms.max(1)).unwrap_or(u32::MAX);
            // A keyframe fills the second it is in: the seconds before it count as well.
            self.kbps = match self.kbps {
                0 => measured,
                before => before.midpoint(measured),
            };
            self.since = Some(now);
            self.bytes = 0;
        }
        self.bytes += bytes as u64;
    }

    pub(crate) const fn kbps(&self) -> u32 {
        self.kbps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_and_a_burst_is_halved() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut send = |from: u64, bytes| {
            for ms in (from..from + 1_000).step_by(10) {
                rate.take(bytes, start + Duration::from_millis(ms));
            }
            rate.kbps()
        };
        assert_eq!(send(0, 1_250), 0);
        assert_eq!(send(1_000, 1_250), 1_000);
        assert_eq!(send(2_000, 3_750), 1_000);
        assert_eq!(send(3_000, 1_250), 2_000);
    }
}
