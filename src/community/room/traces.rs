//! Where people come from, as hashes: what a ban holds besides the member.
//!
//! A banned device stays out whoever it says it is. A network is a hint only, because many share one:
//! somebody new from there may speak, and what they say waits for review.

use std::collections::{BTreeMap, VecDeque};

use protocol::{MemberId, limits};

use super::{Room, facts::Ban};
use crate::{
    member::{Role, Trace, Traces, Who},
    now::Now,
};

const NEW_MS: u64 = limits::NEW_ACCOUNT.as_millis() as u64;

/// The devices and networks that people of this room were last seen with.
#[derive(Debug, Default)]
pub(super) struct Traced {
    seen: BTreeMap<MemberId, Vec<Traces>>,
    /// Whoever came first is forgotten first.
    order: VecDeque<MemberId>,
}

impl Traced {
    pub(super) fn saw(&mut self, who: &Who) {
        if who.traces.device.is_none() && who.traces.network.is_none() {
            return;
        }
        let theirs = self.seen.entry(who.id.clone()).or_insert_with(|| {
            self.order.push_back(who.id.clone());
            Vec::new()
        });
        theirs.retain(|it| *it != who.traces);
        theirs.insert(0, who.traces.clone());
        theirs.truncate(limits::BAN_TRACES_MAX);
        if self.order.len() > limits::TRACED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    pub(super) fn forget(&mut self, member: &MemberId) {
        self.seen.remove(member);
        self.order.retain(|it| it != member);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    pub(super) fn devices(&self, member: &MemberId) -> Vec<Trace> {
        self.of(member, |it| it.device.clone())
    }

    pub(super) fn networks(&self, member: &MemberId) -> Vec<Trace> {
        self.of(member, |it| it.network.clone())
    }

    fn of(&self, member: &MemberId, which: impl Fn(&Traces) -> Option<Trace>) -> Vec<Trace> {
        let theirs = self.seen.get(member).into_iter().flatten();
        let mut traces: Vec<Trace> = theirs.filter_map(which).collect();
        traces.sort_unstable();
        traces.dedup();
        traces
    }
}

impl Ban {
    /// Whether it keeps out whoever comes with this device.
    pub(super) fn holds_device(&self, who: &Who) -> bool {
        let device = who.traces.device.as_ref();
        device.is_some_and(|it| self.devices.contains(it))
    }
}

impl Room {
    /// Whether this is somebody new from where somebody banned came from.
    pub(super) fn comes_from_banned_network(&self, now: Now, who: &Who) -> bool {
        self.is_network_banned(now, who)
            && (who.role == Role::Guest || self.is_new(now, who).unwrap_or(false))
    }

    /// Whether an account's age must be looked up before this person is held to the rules.
    pub(super) fn needs_age(&self, who: &Who) -> bool {
        // `who` comes with the wall clock of nobody: a ban that ran out costs one look-up.
        who.role == Role::Member
            && who.traces.network.is_some()
            && self.age_of(who).is_none()
            && self.decided.bans.values().any(|it| {
                who.traces
                    .network
                    .as_ref()
                    .is_some_and(|net| it.networks.contains(net))
            })
    }

    fn is_network_banned(&self, now: Now, who: &Who) -> bool {
        let Some(network) = &who.traces.network else {
            return false;
        };
        self.decided.bans.values().any(|it| {
            it.until_ms.is_none_or(|until| until > now.unix_ms)
                && it.who.id != who.id
                && it.networks.contains(network)
        })
    }

    fn is_new(&self, now: Now, who: &Who) -> Option<bool> {
        Some(self.age_of(who)?.saturating_add(NEW_MS) > now.unix_ms)
    }

    fn age_of(&self, who: &Who) -> Option<u64> {
        let looked_up = || self.aside.member(&who.id)?.traces.since_ms;
        who.traces.since_ms.or_else(looked_up)
    }
}
