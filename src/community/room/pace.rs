//! When each member last spoke, for slow mode, and how much of their rate is used. Told by the
//! steady clock, so that a jump of the wall clock neither frees nor holds anybody; after a restart
//! the records' wall clock stands in.

use std::collections::BTreeMap;

use protocol::MemberId;

use super::TalkRate;
use crate::now::Now;

/// The longest gap that slow mode may ask for. What is older need not be remembered.
pub(super) const GAP_MS_MAX: u64 = 3_600_000;

/// Members remembered before the old ones are looked for.
const PRUNE_FROM: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// On the steady clock; before its zero for what a former process heard.
    spoke: BTreeMap<MemberId, i64>,
    /// From the log, on the wall clock, until the first moment is told.
    recovered: BTreeMap<MemberId, u64>,
    prune_at: usize,
    /// When each bucket is full again, on the steady clock (the virtual scheduling of GCRA, ITU-T
    /// I.371): one number stands for the tokens and their time. A restart fills all of them.
    full_at: BTreeMap<MemberId, i64>,
    prune_buckets_at: usize,
}

impl Pace {
    pub(super) fn recover(&mut self, member: &MemberId, at_ms: u64) {
        self.recovered.insert(member.clone(), at_ms);
    }

    /// Moves what was recovered to the steady clock.
    pub(super) fn start(&mut self, now: Now) {
        for (member, at_ms) in std::mem::take(&mut self.recovered) {
            // A record of the future means that the wall clock was set back: it counts as just now.
            let since_ms = now.unix_ms.saturating_sub(at_ms);
            self.spoke
                .insert(member, signed(now.mono_ms).saturating_sub(signed(since_ms)));
        }
    }

    pub(super) fn spoke(&mut self, member: &MemberId, now: Now) {
        self.spoke.insert(member.clone(), signed(now.mono_ms));
        if self.spoke.len() >= self.prune_at.max(PRUNE_FROM) {
            let oldest = signed(now.mono_ms).saturating_sub(signed(GAP_MS_MAX));
            self.spoke.retain(|_, at| *at >= oldest);
            // Twice what is left, so that a busy room is not searched at every message.
            self.prune_at = self.spoke.len() * 2;
        }
    }

    /// A message or edit was taken: one token less.
    pub(super) fn talked(&mut self, member: &MemberId, rate: TalkRate, now: Now) {
        if rate.every_ms == 0 {
            return;
        }
        let now_ms = signed(now.mono_ms);
        let full_at = self.full_at.entry(member.clone()).or_insert(now_ms);
        *full_at = (*full_at).max(now_ms) + signed(rate.every_ms);
        if self.full_at.len() >= self.prune_buckets_at.max(PRUNE_FROM) {
            self.full_at.retain(|_, full_at| *full_at > now_ms);
            self.prune_buckets_at = self.full_at.len() * 2;
        }
    }

    pub(super) fn refill(&mut self) {
        self.full_at.clear();
    }

    /// How long until this member has a token, in milliseconds; 0 when at once.
    pub(super) fn free_in_ms(&self, member: &MemberId, rate: TalkRate, now: Now) -> u64 {
        let Some(full_at) = self.full_at.get(member) else {
            return 0;
        };
        let used_ms = full_at.saturating_sub(signed(now.mono_ms));
        let may_be_used_ms = signed(u64::from(rate.burst - 1) * rate.every_ms);
        u64::try_from(used_ms - may_be_used_ms).unwrap_or(0)
    }

    /// How long this member still waits under a gap, in milliseconds; 0 when free.
    pub(super) fn wait_ms(&self, member: &MemberId, gap_ms: u64, now: Now) -> u64 {
        let Some(at) = self.spoke.get(member) else {
            return 0;
        };
        let free_at = at.saturating_add(signed(gap_ms));
        u64::try_from(free_at.saturating_sub(signed(now.mono_ms)))
            .unwrap_or(0)
            .min(gap_ms)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
