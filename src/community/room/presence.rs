//! Who is here: each member once, however many connections; one who comes back within the grace
//! never left. Announced at most once a second, and person by person only while the room is small.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use protocol::{MemberId, limits};

use crate::{
    fault::{self, Fault},
    member::Who,
    now::Now,
};

#[derive(Debug, Default)]
pub(super) struct Presence {
    here: BTreeMap<MemberId, Here>,
    connections: BTreeMap<u64, MemberId>,
    /// Moderators and owners among them.
    staff: BTreeSet<MemberId>,
    /// Members without a connection, by when they stop counting as here.
    leaving: BTreeSet<(u64, MemberId)>,
    /// To be announced: who is new or looks different, and who is gone.
    came: BTreeSet<MemberId>,
    left: BTreeSet<MemberId>,
    announced: Option<Announced>,
    announce_at: Option<u64>,
}

#[derive(Debug)]
struct Here {
    who: Who,
    connections: BTreeSet<u64>,
    leaves_at: Option<u64>,
}

/// What the connections in the room know.
#[derive(Clone, Copy, Debug)]
struct Announced {
    at_ms: u64,
    /// Absent where somebody who joined since was told another one.
    count: Option<u32>,
    /// Everybody's roster is whole, so that a difference is enough.
    whole: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) came: Vec<Who>,
    pub(super) left: Vec<MemberId>,
    /// Where it changed.
    pub(super) count: Option<u32>,
}

const fn ms(duration: std::time::Duration) -> u64 {
    duration.as_millis() as u64
}

impl Presence {
    pub(super) fn arrive(&mut self, now: Now, who: &Who, connection: u64) {
        if self
            .connections
            .get(&connection)
            .is_some_and(|it| *it != who.id)
        {
            self.leave(now, connection);
        }
        self.connections.insert(connection, who.id.clone());
        if let Some(here) = self.here.get_mut(&who.id) {
            here.connections.insert(connection);
            if let Some(at) = here.leaves_at.take() {
                self.leaving.remove(&(at, who.id.clone()));
            }
            self.update(now, who);
            return;
        }
        let here = Here {
            who: who.clone(),
            connections: BTreeSet::from([connection]),
            leaves_at: None,
        };
        self.here.insert(who.id.clone(), here);
        self.note_role(who);
        self.left.remove(&who.id);
        self.touch(now, &who.id);
    }

    /// A connection is gone. Its member counts as here for the grace.
    pub(super) fn leave(&mut self, now: Now, connection: u64) {
        let Some(member) = self.connections.remove(&connection) else {
            return;
        };
        let Some(here) = self.here.get_mut(&member) else {
            return;
        };
        here.connections.remove(&connection);
        if here.connections.is_empty() || fault::is(Fault::PresenceByConnection) {
            let at = now.mono_ms + ms(limits::REJOIN_GRACE);
            here.leaves_at = Some(at);
            self.leaving.insert((at, member));
        }
    }

    /// Takes a member out at once and returns the connections they had.
    pub(super) fn expel(&mut self, now: Now, member: &MemberId) -> Vec<u64> {
        let Some(here) = self.here.remove(member) else {
            return Vec::new();
        };
        if let Some(at) = here.leaves_at {
            self.leaving.remove(&(at, member.clone()));
        }
        for connection in &here.connections {
            self.connections.remove(connection);
        }
        self.gone(now, member);
        here.connections.into_iter().collect()
    }

    /// A member's name or role may have changed.
    pub(super) fn update(&mut self, now: Now, who: &Who) {
        let Some(here) = self.here.get_mut(&who.id) else {
            return;
        };
        // Where they come from is nothing that others see.
        let looks_alike = (&here.who.name, here.who.role) == (&who.name, who.role);
        here.who = who.clone();
        self.note_role(who);
        if !looks_alike {
            self.touch(now, &who.id);
        }
    }

    /// A member looks different to others (a new mark): they are announced anew.
    pub(super) fn touch(&mut self, now: Now, member: &MemberId) {
        if self.here.contains_key(member) {
            self.came.insert(member.clone());
            self.announce_soon(now);
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.here.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn who(&self, member: &MemberId) -> Option<&Who> {
        self.here.get(member).map(|it| &it.who)
    }

    /// Moderators and owners who are here: few, however many there are.
    pub(super) fn staff(&self) -> impl Iterator<Item = &Who> {
        self.staff.iter().filter_map(|it| self.who(it))
    }

    fn note_role(&mut self, who: &Who) {
        if who.role.is_staff() {
            self.staff.insert(who.id.clone());
        } else {
            self.staff.remove(&who.id);
        }
    }

    pub(super) fn people(&self) -> impl Iterator<Item = &Who> {
        self.here.values().map(|it| &it.who)
    }

    pub(super) fn is_here(&self, connection: u64) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Whose connection this is.
    pub(super) fn member(&self, connection: u64) -> Option<&MemberId> {
        self.connections.get(&connection)
    }

    pub(super) fn connections(&self, member: &MemberId) -> impl Iterator<Item = u64> {
        self.here
            .get(member)
            .into_iter()
            .flat_map(|it| it.connections.iter().copied())
    }

    /// Everybody, in a room small enough to show it.
    pub(super) fn roster(&self) -> Option<Vec<&Who>> {
        let small = self.here.len() <= limits::ROSTER_MEMBERS_MAX;
        small.then(|| self.here.values().map(|it| &it.who).collect())
    }

    /// Everybody whose id comes after this one, in the order of their ids.
    pub(super) fn after(&self, id: Option<&MemberId>) -> impl Iterator<Item = &Who> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.here
            .range((from, Bound::Unbounded))
            .map(|it| &it.1.who)
    }

    /// Somebody joined and was told how things stand, ahead of everybody else: what differs must be
    /// announced even if it changes back before.
    pub(super) fn told(&mut self) {
        let count = self.count();
        let small = self.here.len() <= limits::ROSTER_MEMBERS_MAX;
        if let Some(it) = &mut self.announced {
            it.count = it.count.filter(|it| *it == count);
            it.whole &= small;
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let leaves = self.leaving.first().map(|it| it.0);
        [leaves, self.announce_at].into_iter().flatten().min()
    }

    /// Lets the grace of those who left run out, and says what is to be told now.
    pub(super) fn wake(&mut self, now: Now) -> Option<Change> {
        while let Some((at, member)) = self.leaving.pop_first() {
            if at > now.mono_ms {
                self.leaving.insert((at, member));
                break;
            }
            if let Some(here) = self.here.remove(&member) {
                for connection in here.connections {
                    self.connections.remove(&connection);
                }
            }
            self.gone(now, &member);
        }
        if self.announce_at.is_none_or(|it| it > now.mono_ms) {
            return None;
        }
        Some(self.change(now))
    }

    fn change(&mut self, now: Now) -> Change {
        self.announce_at = None;
        let came = std::mem::take(&mut self.came);
        let left = std::mem::take(&mut self.left);
        let count = self.count();
        let before = self.announced;
        let small = self.here.len() <= limits::ROSTER_MEMBERS_MAX;
        self.announced = Some(Announced {
            at_ms: now.mono_ms,
            count: Some(count),
            whole: small,
        });
        let count = (before.and_then(|it| it.count) != Some(count)).then_some(count);
        if !small {
            return Change {
                came: Vec::new(),
                left: Vec::new(),
                count,
            };
        }
        if before.is_some_and(|it| !it.whole) {
            let came = self.here.values().map(|it| it.who.clone()).collect();
            return Change {
                came,
                left: left.into_iter().collect(),
                count,
            };
        }
        let came = came.iter().filter_map(|it| self.who(it)).cloned().collect();
        Change {
            came,
            left: left.into_iter().collect(),
            count,
        }
    }

    fn gone(&mut self, now: Now, member: &MemberId) {
        self.came.remove(member);
        self.staff.remove(member);
        self.left.insert(member.clone());
        self.announce_soon(now);
    }

    fn announce_soon(&mut self, now: Now) {
        let rested = self
            .announced
            .map_or(0, |it| it.at_ms + ms(limits::PRESENCE_EVERY));
        self.announce_at.get_or_insert(rested.max(now.mono_ms));
    }
}
