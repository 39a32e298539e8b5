//! The two clocks that the rules are told.

/// One moment on both clocks.
///
/// `unix_ms` is for people and records and may jump, in either direction. `mono_ms` is for timers:
/// it never goes back, counts from any point the process likes, and means nothing after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub unix_ms: u64,
    pub mono_ms: u64,
}
