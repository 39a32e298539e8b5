//! One room on one shard: its members, its ring, and the pass that is under way.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use protocol::{RoomNumber, Seq};
use slab::Slab;

use crate::{
    Form,
    connection::Connection,
    ring::{self, Bursts, Cursor, Ring, Until},
    shard::Shard,
};

/// INVARIANT: a member that is not set back stands at or beyond [`Room::passed`], except in the
/// slots that the current pass has not visited, where it stands at or beyond the pass's start.
pub(crate) struct Member {
    pub(crate) connection: Rc<Connection>,
    pub(crate) cursor: Cursor,
}

pub(crate) struct Room {
    pub(crate) number: RoomNumber,
    pub(crate) ring: Ring,
    members: Slab<Member>,
    /// Members who take frames deflated.
    deflating: usize,
    /// Slots in use lie below this.
    slots: usize,
    /// Where everybody stands who keeps up, once the current pass is done.
    passed: Cursor,
    pass: Option<Pass>,
    /// It is in the shard's queue, or rests with news.
    pub(crate) is_waiting: bool,
    /// When it has rested from its last pass.
    pub(crate) ready_at: Option<Instant>,
}

/// One write of the same bytes to every member, done in turns.
struct Pass {
    out: Bytes,
    /// The same, deflated: there if anybody took it so when the pass began.
    deflated: Option<Bytes>,
    from: Cursor,
    to: Cursor,
    /// The next slot.
    at: usize,
    /// The lowest place of those who were left out.
    low: u64,
    cost: Duration,
    sends: u64,
}

/// How a turn of a room ended.
pub(crate) enum Turn {
    /// Members are left.
    Unfinished,
    /// The pass is done; it took so long.
    Finished(Duration),
    /// There was nothing new.
    Idle,
}

impl Room {
    pub(crate) fn new(number: RoomNumber, after: Seq) -> Self {
        let ring = Ring::new(after);
        Self {
            number,
            passed: Cursor {
                next: ring.end(),
                seen: after,
            },
            ring,
            members: Slab::new(),
            deflating: 0,
            slots: 0,
            pass: None,
            is_waiting: false,
            ready_at: None,
        }
    }

    /// Puts a connection behind everything up to `after`; its key, and whether it must catch up by
    /// itself because passes are beyond its place.
    pub(crate) fn join(&mut self, connection: Rc<Connection>, after: Seq) -> (usize, bool) {
        let cursor = self.ring.place(after);
        self.deflating += usize::from(connection.form() == Form::Deflated);
        let key = self.members.insert(Member { connection, cursor });
        self.slots = self.slots.max(key + 1);
        (key, self.must_catch_up(cursor))
    }

    /// Moves a member to another place.
    pub(crate) fn rejoin(&mut self, key: usize, after: Seq) -> bool {
        let cursor = self.ring.place(after);
        self.members[key].cursor = cursor;
        self.must_catch_up(cursor)
    }

    fn must_catch_up(&self, cursor: Cursor) -> bool {
        cursor.next < self.passed.next || cursor.seen < self.ring.dropped_seq()
    }

    pub(crate) fn leave(&mut self, key: usize) {
        let member = self.members.remove(key);
        self.deflating -= usize::from(member.connection.form() == Form::Deflated);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().map(|it| it.1)
    }

    pub(crate) fn member_mut(&mut self, key: usize) -> Option<(&mut Member, &Ring)> {
        Some((self.members.get_mut(key)?, &self.ring))
    }

    /// Writes to as many members as `left` allows.
    pub(crate) fn turn(&mut self, shard: &Rc<Shard>, left: &mut usize) -> Turn {
        if self.pass.is_none() && !self.ring.is_behind(self.passed) {
            return Turn::Idle;
        }
        let started = clock::now();
        let gap = |from, to| shard.gap(self.number, from, to);
        let pass = self.pass.get_or_insert_with(|| {
            let from = self.passed;
            let until = Until::Bytes(shard.config.write_bytes_max);
            let (parts, to) = self.ring.read(from, until, Bursts::Kept, &gap);
            let in_form = |form| ring::joined(&parts, form);
            let (out, deflated) = (in_form(Form::Text), self.deflating > 0);
            self.passed = to;
            Pass {
                out,
                deflated: deflated.then(|| in_form(Form::Deflated)),
                from,
                to,
                at: 0,
                low: to.next,
                cost: Duration::ZERO,
                sends: 0,
            }
        });
        while pass.at < self.slots && *left > 0 {
            if let Some(member) = self.members.get_mut(pass.at) {
                *left -= 1;
                pass.visit(member, &self.ring, shard, &gap);
            }
            pass.at += 1;
        }
        pass.cost += clock::now().duration_since(started);
        if pass.at < self.slots {
            return Turn::Unfinished;
        }
        let (low, cost, sends) = (pass.low, pass.cost, pass.sends);
        self.pass = None;
        self.ring.trim(low);
        shard.meters.passed(sends);
        Turn::Finished(cost)
    }

    pub(crate) fn has_news(&self) -> bool {
        self.ring.is_behind(self.passed)
    }

    /// Lets go of what everybody has read. A pass does it too; this is for a room that fell silent
    /// while its last lagging member caught up.
    pub(crate) fn trim(&mut self) {
        if self.ring.is_empty() || self.pass.is_some() {
            return;
        }
        let set_back = self.members().filter(|it| it.connection.is_set_back());
        let low = set_back.map(|it| it.cursor.next).min().unwrap_or(u64::MAX);
        self.ring.trim(low.min(self.passed.next));
    }
}

impl Pass {
    fn visit(
        &mut self,
        member: &mut Member,
        ring: &Ring,
        shard: &Rc<Shard>,
        gap: &dyn Fn(Seq, Seq) -> Bytes,
    ) {
        if member.connection.is_set_back() {
            self.low = self.low.min(member.cursor.next);
        } else if member.cursor == self.from {
            member.cursor = self.to;
            if !self.out.is_empty() {
                self.sends += 1;
                let out = match &self.deflated {
                    Some(deflated) if member.connection.form() == Form::Deflated => deflated,
                    _ => &self.out,
                };
                shard.write(&member.connection, out);
            }
        } else if member.cursor.next < self.to.next {
            // Joined between the entries of this pass, or ahead of it.
            let (parts, to) =
                ring.read(member.cursor, Until::Index(self.to.next), Bursts::Kept, gap);
            member.cursor = to;
            if !parts.is_empty() {
                self.sends += 1;
                let out = ring::joined(&parts, member.connection.form());
                shard.write(&member.connection, &out);
            }
        }
    }
}
