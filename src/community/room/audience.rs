//! Who watches a broadcast: measured while it is live, told by the records that change its phase.
//!
//! A viewer is somebody here who is not the host. A room that was recovered goes on from what the last
//! record said; who came back after it and was counted before is not counted twice.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{BroadcastId, MemberId};

use super::Room;
use crate::{
    now::Now,
    record::{Broadcast, Turnout},
};

/// Beyond so many different viewers there are at least so many.
const VIEWERS_MAX: usize = 100_000;
/// Kinds of hearts that are counted, and those that are told.
const HEARTS_MAX: usize = 64;
const HEARTS_TOLD: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Audience {
    of: Option<BroadcastId>,
    /// What records said before this room was there.
    before: Turnout,
    seen: BTreeSet<MemberId>,
    peak: u32,
    watched_ms: u64,
    hearts: BTreeMap<String, u64>,
    /// While live: up to when it is measured, on the steady clock.
    measured: Option<u64>,
}

impl Audience {
    fn enter(&mut self, broadcast: &Broadcast) {
        if self.of.as_ref() != Some(&broadcast.id) {
            *self = Self {
                of: Some(broadcast.id.clone()),
                before: broadcast.turnout.clone(),
                ..Self::default()
            };
        }
    }

    fn turnout(&self) -> Turnout {
        let mut hearts: BTreeMap<&str, u64> = BTreeMap::new();
        let before = self.before.hearts.iter().map(|it| (it.0.as_str(), it.1));
        let now = self.hearts.iter().map(|it| (it.0.as_str(), *it.1));
        for (kind, n) in before.chain(now) {
            *hearts.entry(kind).or_default() += n;
        }
        let mut hearts: Vec<(String, u64)> = hearts
            .into_iter()
            .map(|(kind, n)| (kind.to_owned(), n))
            .collect();
        // Stable: kinds as often used stand in their own order.
        hearts.sort_by_key(|it| std::cmp::Reverse(it.1));
        hearts.truncate(HEARTS_TOLD);
        let seen = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        Turnout {
            peak: self.peak.max(self.before.peak),
            people: seen.max(self.before.people),
            watched_ms: self.before.watched_ms.saturating_add(self.watched_ms),
            hearts,
        }
    }
}

impl Room {
    /// Counts the time up to now for those who are here. Called before who is here changes.
    pub(super) fn measure(&mut self, now: Now) {
        let Some(since) = self.audience.measured else {
            return;
        };
        let past_ms = now.mono_ms.saturating_sub(since);
        self.audience.measured = Some(now.mono_ms.max(since));
        let viewers = u64::from(self.viewers());
        self.audience.watched_ms += past_ms.saturating_mul(viewers);
    }

    /// Somebody is here who was not.
    pub(super) fn viewer_came(&mut self, member: &MemberId) {
        if self.audience.measured.is_none() || self.is_broadcaster(member) {
            return;
        }
        if self.audience.seen.len() < VIEWERS_MAX {
            self.audience.seen.insert(member.clone());
        }
        self.audience.peak = self.audience.peak.max(self.viewers());
    }

    pub(super) fn hearts_came(&mut self, kind: &str, n: u32) {
        let hearts = &mut self.audience.hearts;
        let fits = hearts.contains_key(kind) || hearts.len() < HEARTS_MAX;
        if self.audience.measured.is_some() && fits && n > 0 {
            *hearts.entry(kind.to_owned()).or_default() += u64::from(n);
        }
    }

    /// The broadcast is (again) live, or is so no more.
    pub(super) fn audience_fits(&mut self, now: Now) {
        let Some(broadcast) = self.decided.broadcast.clone() else {
            return;
        };
        self.audience.enter(&broadcast);
        if !self.decided.is_live() {
            self.audience.measured = None;
            return;
        }
        self.audience.measured = Some(now.mono_ms);
        let here: Vec<MemberId> = self.presence.people().map(|it| it.id.clone()).collect();
        for member in here {
            self.viewer_came(&member);
        }
    }

    /// What is known of who watched this broadcast.
    pub(super) fn turnout(&self, of: &Broadcast) -> Turnout {
        if self.audience.of.as_ref() == Some(&of.id) {
            self.audience.turnout()
        } else {
            of.turnout.clone()
        }
    }

    /// Another room's measures of the same broadcast, whose people it also inherits.
    pub(super) fn inherit_audience(&mut self, now: Now, old: Audience) {
        let id = self.decided.broadcast.as_ref().map(|it| &it.id);
        if old.of.is_some() && old.of.as_ref() == id {
            self.audience = old;
        }
        self.audience_fits(now);
    }

    fn viewers(&self) -> u32 {
        let host = self.decided.broadcast.as_ref().map(|it| &it.host.id);
        let host_here = host.is_some_and(|it| self.presence.who(it).is_some());
        self.presence.count() - u32::from(host_here)
    }

    fn is_broadcaster(&self, member: &MemberId) -> bool {
        let broadcast = self.decided.broadcast.as_ref();
        broadcast.is_some_and(|it| it.host.id == *member)
    }
}
