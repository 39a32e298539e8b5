//! Hearts: counted, announced at most twice a second, never kept. What does not fit is dropped.

use std::collections::BTreeMap;

use protocol::limits;

use crate::{
    effect::{Announce, Effect},
    now::Now,
};

/// Characters of a kind: an emoji with its joiners and modifiers fits.
const KIND_CHARS_MAX: usize = 16;
/// Kinds counted between two announces.
const KINDS_MAX: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Bursts {
    counts: BTreeMap<String, u32>,
    announce_at: Option<u64>,
}

impl Bursts {
    /// Answers how many of them count.
    pub(super) fn add(&mut self, kind: &str, n: u32, now: Now) -> u32 {
        let chars = kind.chars().count();
        let fit = (1..=KIND_CHARS_MAX).contains(&chars)
            && !kind.chars().any(|it| it.is_control() || it.is_whitespace());
        let known = self.counts.contains_key(kind);
        if !fit || n == 0 || (!known && self.counts.len() >= KINDS_MAX) {
            return 0;
        }
        let n = n.min(limits::BURST_COUNT_MAX);
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count = count.saturating_add(n);
        let every_ms = u64::try_from(limits::BURST_EVERY.as_millis()).unwrap_or(u64::MAX);
        self.announce_at.get_or_insert(now.mono_ms + every_ms);
        n
    }

    pub(super) const fn deadline(&self) -> Option<u64> {
        self.announce_at
    }

    pub(super) fn wake(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.announce_at.is_some_and(|it| it <= now.mono_ms) {
            self.announce_at = None;
            fx.push(Effect::Announce(Announce::Burst(std::mem::take(
                &mut self.counts,
            ))));
        }
    }
}
