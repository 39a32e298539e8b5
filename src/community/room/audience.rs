//! Who watches a broadcast: measured while it is live, told by the records that change its phase.
//!
//! A viewer is somebody here who is not the host. What is measured goes to the disk every few seconds, so
//! that a room that was recovered goes on from there: who was counted before is not counted twice, and
//! what was measured since is lost. It is never more than what was.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{BroadcastId, MemberId, server::Phase};

use super::Room;
use crate::{
    effect::{Effect, Measured, RowChange},
    fault::{self, Fault},
    now::Now,
    record::{Broadcast, RecordBody, Turnout},
};

/// Beyond so many different viewers there are at least so many.
pub(super) const VIEWERS_MAX: usize = 100_000;
/// Kinds of hearts that are counted, and those that are told.
const HEARTS_MAX: usize = 64;
const HEARTS_TOLD: usize = 5;
/// So much of what was measured is lost where the process dies: each time is one append of the room.
pub(super) const KEPT_EVERY_MS: u64 = 5_000;

#[derive(Debug, Default)]
pub(super) struct Audience {
    /// What a room that was recovered begins with.
    on_disk: Option<Measured>,
    of: Option<BroadcastId>,
    /// What was on the disk before this room was there.
    before: Turnout,
    /// Viewers by their numbers ([`viewer_number`]).
    seen: BTreeSet<u64>,
    peak: u32,
    watched_ms: u64,
    hearts: BTreeMap<String, u64>,
    /// While live: up to when it is measured, on the steady clock.
    measured: Option<u64>,
    /// What the disk was told last, and those of `seen` that it was not told of.
    kept: Turnout,
    came: Vec<u64>,
    /// While live: when the disk is told next, on the steady clock.
    keep_at: Option<u64>,
}

impl Audience {
    /// From what the disk has, of a broadcast that is on or was.
    pub(super) fn recover(on_disk: Option<Measured>) -> Self {
        Self {
            on_disk,
            ..Self::default()
        }
    }

    fn enter(&mut self, broadcast: &Broadcast) {
        if self.of.as_ref() == Some(&broadcast.id) {
            return;
        }
        let on_disk = self.on_disk.take().filter(|it| it.of == broadcast.id);
        let (kept, came) = on_disk.map_or_else(Default::default, |it| (it.turnout, it.came));
        *self = Self {
            of: Some(broadcast.id.clone()),
            // Whichever was written last says more, and both are so.
            before: most_of(&kept, &broadcast.turnout),
            seen: came.into_iter().take(VIEWERS_MAX).collect(),
            kept,
            ..Self::default()
        };
    }

    fn turnout(&self) -> Turnout {
        let mut hearts: BTreeMap<&str, u64> = BTreeMap::new();
        let before = self.before.hearts.iter().map(|it| (it.0.as_str(), it.1));
        let now = self.hearts.iter().map(|it| (it.0.as_str(), *it.1));
        for (kind, n) in before.chain(now) {
            *hearts.entry(kind).or_default() += n;
        }
        let seen = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        let people = if fault::is(Fault::ViewersAddedUp) {
            seen + self.before.people
        } else {
            seen.max(self.before.people)
        };
        Turnout {
            peak: self.peak.max(self.before.peak),
            people,
            watched_ms: self.before.watched_ms.saturating_add(self.watched_ms),
            hearts: most_used(hearts),
        }
    }

    /// What the disk is not told of yet of a broadcast; nothing where nobody watched since.
    fn keep(&mut self, broadcast: &Broadcast) -> Option<Measured> {
        let of = self.of.clone().filter(|it| *it == broadcast.id)?;
        let turnout = self.turnout();
        let is_known = turnout == self.kept && self.came.is_empty();
        if is_known {
            return None;
        }
        self.kept = turnout.clone();
        let came = std::mem::take(&mut self.came);
        Some(Measured { of, turnout, came })
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
        let peak = self.audience.peak.max(self.viewers());
        let audience = &mut self.audience;
        audience.peak = peak;
        let Some(of) = &audience.of else { return };
        let viewer = viewer_number(of, member);
        if audience.seen.len() < VIEWERS_MAX && audience.seen.insert(viewer) {
            audience.came.push(viewer);
        }
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
            self.audience.keep_at = None;
            return;
        }
        self.audience.measured = Some(now.mono_ms);
        self.audience.keep_at = Some(now.mono_ms + KEPT_EVERY_MS);
        let here: Vec<MemberId> = self.presence.people().map(|it| it.id.clone()).collect();
        for member in here {
            self.viewer_came(&member);
        }
    }

    /// When what was measured is to be kept next.
    pub(super) const fn audience_deadline(&self) -> Option<u64> {
        self.audience.keep_at
    }

    pub(super) fn wake_audience(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.audience.keep_at.is_some_and(|it| it <= now.mono_ms) {
            self.audience.keep_at = Some(now.mono_ms + KEPT_EVERY_MS);
            self.keep_audience(fx);
        }
    }

    /// Tells the disk what was measured, without waiting for the next time.
    pub(super) fn keep_audience(&mut self, fx: &mut Vec<Effect>) {
        let broadcast = self.decided.broadcast.as_ref();
        let running = broadcast.filter(|it| it.is_running());
        let kept = running.and_then(|it| self.audience.keep(it));
        fx.extend(kept.map(|it| Effect::Rows(vec![RowChange::Measured(it)])));
    }

    /// What goes before a change of phase. Before the end it says who came last: the store keeps who watched with the
    /// summary, and forgets what it was told besides.
    pub(super) fn audience_revised(&mut self, body: &RecordBody) -> Option<RowChange> {
        let RecordBody::Broadcast(it) = body else {
            return None;
        };
        let is_told = it.is_running() || it.phase == Phase::Ended;
        let kept = is_told.then(|| self.audience.keep(it)).flatten();
        kept.map(RowChange::Measured)
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
            let read = std::mem::replace(&mut self.audience, old);
            let audience = &mut self.audience;
            // Nobody knows what became of an append that failed; what was read does.
            audience.came = audience.seen.difference(&read.seen).copied().collect();
            audience.kept = read.kept;
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

/// A viewer of one broadcast as a number: the same in every process (FNV-1a, 64 bits), another in every
/// broadcast. Two of 100,000 people share one in one of four billion broadcasts, and count once then.
pub fn viewer_number(of: &BroadcastId, member: &MemberId) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = of
        .as_str()
        .bytes()
        .chain([0])
        .chain(member.as_str().bytes());
    bytes.fold(OFFSET, |sum, it| (sum ^ u64::from(it)).wrapping_mul(PRIME))
}

/// Both were measured of the same broadcast, each up to its own moment.
fn most_of(one: &Turnout, other: &Turnout) -> Turnout {
    let mut hearts: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, n) in one.hearts.iter().chain(&other.hearts) {
        let most = hearts.entry(kind).or_default();
        *most = (*most).max(*n);
    }
    Turnout {
        peak: one.peak.max(other.peak),
        people: one.people.max(other.people),
        watched_ms: one.watched_ms.max(other.watched_ms),
        hearts: most_used(hearts),
    }
}

fn most_used(hearts: BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut hearts: Vec<(String, u64)> = hearts
        .into_iter()
        .map(|(kind, n)| (kind.to_owned(), n))
        .collect();
    // Stable: kinds as often used stand in their own order.
    hearts.sort_by_key(|it| std::cmp::Reverse(it.1));
    hearts.truncate(HEARTS_TOLD);
    hearts
}
