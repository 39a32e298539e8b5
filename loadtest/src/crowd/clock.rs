//! The time of a run, and which part of it is on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use super::sight::Moment;

/// When the counted part of the run is on.
pub(super) struct Clock {
    start: Instant,
    /// The same moment in microseconds since 1970.
    start_us: u64,
    /// What is heard because of joins is counted.
    pub(super) joining: AtomicBool,
    pub(super) counting: AtomicBool,
    pub(super) over: AtomicBool,
}

impl Clock {
    pub(super) fn new() -> Self {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            start: Instant::now(),
            start_us: micros(since_1970),
            joining: AtomicBool::new(false),
            counting: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// Microseconds since 1970, by a clock that nobody sets while the run is on: what stands in the texts.
    pub(super) fn now_us(&self) -> u64 {
        self.start_us + micros(self.start.elapsed())
    }

    pub(super) fn counting(&self) -> bool {
        self.counting.load(Ordering::Relaxed)
    }

    pub(super) fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            now_us: self.now_us(),
            counting: self.counting(),
            joining: self.joining.load(Ordering::Relaxed),
        }
    }
}

fn micros(of: Duration) -> u64 {
    u64::try_from(of.as_micros()).unwrap_or(u64::MAX)
}
