//! The only place that asks the time. Everything else is told.
//!
//! Two clocks: [`unix_ms`] is for people and records and may jump; [`now`] is for timers and never
//! goes back. `tests/tidy.rs` keeps `Instant::now` and `SystemTime::now` out of every other file.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, as the machine believes.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time as NTP tells it (RFC 5905: seconds since 1900 in the upper, fraction in the lower half).
pub fn ntp() -> u64 {
    const FROM_1900_TO_1970_S: u64 = 2_208_988_800;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((since.as_secs() + FROM_1900_TO_1970_S) << 32) | fraction
}

/// The steady clock.
pub fn now() -> Instant {
    Instant::now()
}
