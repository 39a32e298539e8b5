//! A room as a machine: commands in, effects out, told the time.
//!
//! **Decided is not committed.** A command is decided against everything decided so far and becomes
//! a record for the log; nobody sees it before [`Room::committed`] says that it is on disk. A
//! refusal waits for the records that it was decided upon in the same way. If the commit fails,
//! everybody who waits is refused ([`Room::failed`]), this room is thrown away, and another is
//! recovered from the log, which inherits who is here ([`Room::inherit`]).
//!
//! The room keeps the last 2,000 records; older ones are the log's, and [`Room::needs`] says when
//! one must be fetched first. It holds no sockets, no threads and no clock.

mod aside;
mod broadcast;
mod burst;
mod chat;
mod client_ids;
mod commit;
mod facts;
mod join;
mod moderation;
mod pace;
mod pending;
mod presence;
mod ring;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use protocol::{
    CircleId, ClientId, Code, Epoch, MemberId, Refusal, RoomNumber, Seq, Slug, server::Reply,
};

use self::{
    aside::Aside,
    broadcast::Said,
    burst::Bursts,
    client_ids::{ClientIds, First},
    facts::Facts,
    pace::Pace,
    pending::{Decided, Outcome, Pending},
    presence::Presence,
    ring::Ring,
    stage::Stage,
};
use crate::{
    command::{Command, Need, Origin, StageReport},
    effect::{Announce, Effect, RowChange},
    fault::{self, Fault},
    member::{Person, Role, Who},
    now::Now,
    record::{Record, RecordBody},
    rights::{self, Object, Standing, Verb},
};

/// What a room is before anything happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMeta {
    pub number: RoomNumber,
    pub slug: Slug,
    pub circle: CircleId,
    pub title: Arc<str>,
    /// May guests watch and talk?
    pub guests: bool,
    /// Who made the room: its host for ever.
    pub maker: MemberId,
}

/// What the log holds of a room, for recovery.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub epoch: Epoch,
    /// Every fact ([`crate::RecordBody::is_fact`]), however old, oldest first.
    pub facts: Vec<Record>,
    /// The last 2,000 records, oldest first, facts included.
    pub tail: Vec<Record>,
    /// The newest client ids with their first results, oldest first.
    pub client_ids: Vec<(MemberId, ClientId, Seq, u64)>,
}

/// Which part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    Last,
    Before(Seq),
    After(Seq),
}

/// One room. See the module for its contract.
#[derive(Debug)]
pub struct Room {
    meta: RoomMeta,
    epoch: Epoch,
    decided: Facts,
    committed: Facts,
    pending: Pending,
    /// Committed records only.
    ring: Ring,
    client_ids: ClientIds,
    pace: Pace,
    aside: Aside,
    presence: Presence,
    bursts: Bursts,
    stage: Stage,
    /// The host as rosters and rights were last told.
    host_shown: Option<MemberId>,
    /// A moment was told: timers run.
    started: bool,
    /// A commit failed: nothing is decided any more.
    broken: bool,
}

impl Room {
    /// A room with an empty log.
    pub fn new(meta: RoomMeta, epoch: Epoch) -> Self {
        let nothing = Vec::new;
        let loaded = Loaded {
            epoch,
            facts: nothing(),
            tail: nothing(),
            client_ids: Vec::new(),
        };
        Self::recover(meta, loaded)
    }

    /// A room from its log.
    ///
    /// Panics where the tail has a hole: the log is damaged, and a room on top of it would lie.
    pub fn recover(meta: RoomMeta, loaded: Loaded) -> Self {
        let mut facts = Facts::default();
        let mut ring = Ring::default();
        let mut pace = Pace::default();
        let mut client_ids = ClientIds::default();
        let tail_from = loaded.tail.first().map_or(Seq::MAX, |it| it.seq);
        for record in loaded.facts.iter().filter(|it| it.seq < tail_from) {
            facts.replay(record);
        }
        for record in loaded.tail {
            facts.replay(&record);
            if matches!(record.body, RecordBody::Message(_)) {
                pace.recover(&record.author.id, record.at_ms);
            }
            ring.push(Arc::new(record));
        }
        for (member, client_id, seq, at_ms) in loaded.client_ids {
            client_ids.insert(member, client_id, First { seq, at_ms }, 0);
        }
        Self {
            meta,
            epoch: loaded.epoch,
            host_shown: facts.current().map(|it| it.host.id.clone()),
            committed: facts.clone(),
            decided: facts,
            pending: Pending::default(),
            ring,
            client_ids,
            pace,
            aside: Aside::default(),
            presence: Presence::default(),
            bursts: Bursts::default(),
            stage: Stage::default(),
            started: false,
            broken: false,
        }
    }

    /// A client id that the store knew and the room had forgotten, with its first result.
    pub fn known(&mut self, member: MemberId, client_id: ClientId, seq: Seq, at_ms: u64) {
        let pending = self.pending.records_len();
        self.client_ids
            .insert(member, client_id, First { seq, at_ms }, pending);
    }

    /// What must be fetched before this command can be decided well: tell it by
    /// [`Room::remember_record`] or [`Room::remember_member`], then handle the command at once.
    /// Where nothing is found, handle it all the same: the refusal says so.
    pub fn needs(&self, command: &Command) -> Option<Need> {
        let record = |seq: Seq| (!self.remembers(seq)).then_some(Need::Record(seq));
        match command {
            Command::Publish { reply_to, .. } => reply_to.and_then(record),
            Command::Edit { of, .. } | Command::Delete { of, .. } => record(*of),
            Command::Mute { who, .. } | Command::Ban { who, .. } => {
                let here = self.presence.who(who).is_some();
                (!here).then(|| Need::Member(who.clone()))
            }
            _ => None,
        }
    }

    /// An old record, read from the log for a command that is about to be handled.
    pub fn remember_record(&mut self, now: Now, record: Record) {
        self.aside.remember_record(now, record);
    }

    /// Somebody who is not here, looked up for a command that is about to be handled.
    pub fn remember_member(&mut self, who: Who) {
        self.aside.remember_member(who);
    }

    /// Decides one command.
    pub fn handle(&mut self, now: Now, from: &Origin, command: Command, fx: &mut Vec<Effect>) {
        self.touch(now);
        match command {
            Command::Join { since } => self.join(now, from, since, fx),
            Command::Leave => {
                self.presence.leave(now, from.connection);
                fx.push(Effect::Answer {
                    to: from.asker(),
                    outcome: Ok(Reply::Done {}),
                });
            }
            Command::Burst { kind, n } => self.burst(now, from, &kind, n),
            Command::Roster => self.roster(from, fx),
            command => self.record(now, from, command, fx),
        }
    }

    /// A connection is gone; there is nobody to answer.
    pub fn left(&mut self, now: Now, connection: u64) {
        self.touch(now);
        self.presence.leave(now, connection);
    }

    /// A member's name or role changed while they are here.
    pub fn changed(&mut self, now: Now, who: &Who, fx: &mut Vec<Effect>) {
        self.touch(now);
        let before = self.presence.who(&who.id).cloned();
        self.presence.update(now, who);
        if before.is_some_and(|it| it.role != who.role) {
            self.push_rights(now, &who.id, fx);
        }
    }

    /// May this member publish media here now? Asked before an offer is answered.
    pub fn may_publish(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.check_works()?;
        self.check_publish(now, who)
    }

    /// Something happened to the publisher.
    pub fn report(&mut self, now: Now, report: StageReport, fx: &mut Vec<Effect>) {
        self.touch(now);
        self.handle_report(now, report, fx);
    }

    /// When to be woken, on the steady clock: `Some(0)` means at once.
    pub fn deadline(&self) -> Option<u64> {
        if !self.started {
            return Some(0);
        }
        let timers = [
            self.presence.deadline(),
            self.bursts.deadline(),
            self.stage.deadline(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Does what time asks for; calling it early or late does no harm.
    pub fn wake(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.touch(now);
        if !self.broken {
            self.wake_broadcast(now, fx);
        }
        if let Some(change) = self.presence.wake(now) {
            if !change.came.is_empty() || !change.left.is_empty() {
                let came = change
                    .came
                    .iter()
                    .map(|it| self.committed_person(it))
                    .collect();
                fx.push(Effect::Announce(Announce::Roster {
                    came,
                    left: change.left,
                }));
            }
            if change.count.is_some() {
                let state = protocol::server::State {
                    count: change.count,
                    ..Default::default()
                };
                fx.push(Effect::Announce(Announce::State(state)));
            }
        }
        self.bursts.wake(now, fx);
    }

    pub const fn meta(&self) -> &RoomMeta {
        &self.meta
    }

    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The seq of the last committed record.
    pub const fn committed_seq(&self) -> Seq {
        self.committed.seq
    }

    /// Records that wait for their commit.
    pub const fn pending_len(&self) -> usize {
        self.pending.records_len()
    }

    pub fn is_here(&self, connection: u64) -> bool {
        self.presence.is_here(connection)
    }

    /// People here, each counted once.
    pub fn count(&self) -> u32 {
        self.presence.count()
    }
}

/// Deciding: from a command to a record or a refusal.
impl Room {
    fn record(&mut self, now: Now, from: &Origin, command: Command, fx: &mut Vec<Effect>) {
        if let Err(refusal) = self.check_takes(&command) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: Err(refusal),
            });
            return;
        }
        let first = command
            .client_id()
            .and_then(|it| self.client_ids.get(&from.who.id, it));
        if let Some(first) = first {
            self.answer_in_order(from, command, Outcome::Dup(first), fx);
            return;
        }
        let decided = self.decide(now, from, &command);
        if let Command::Mute { who, .. } | Command::Ban { who, .. } = &command {
            self.aside.forget_member(who);
        }
        match decided {
            Ok(body) => {
                let author = self.person(&from.who);
                self.keep(now, author, Some((from.clone(), command)), body, fx);
            }
            Err(refusal) => self.answer_in_order(from, command, Outcome::Refused(refusal), fx),
        }
    }

    fn decide(&self, now: Now, from: &Origin, command: &Command) -> Result<RecordBody, Refusal> {
        self.check_not_banned(now, &from.who)?;
        match command {
            Command::Publish { text, reply_to, .. } => self.publish(now, from, text, *reply_to),
            Command::Edit { of, text, .. } => self.edit(now, from, *of, text),
            Command::Delete { of, .. } => self.delete(from, *of),
            Command::Mute {
                who,
                for_ms,
                reason,
                ..
            } => self.mute(now, from, who, *for_ms, reason),
            Command::Unmute { who, .. } => self.unmute(from, who),
            Command::Ban {
                who,
                for_ms,
                reason,
                ..
            } => self.ban(now, from, who, *for_ms, reason),
            Command::Unban { who, .. } => self.unban(from, who),
            Command::SlowMode { gap_ms, .. } => self.slow_mode(from, *gap_ms),
            Command::Broadcast {
                act,
                title,
                starts_ms,
                ..
            } => {
                let said = Said {
                    title: title.as_deref(),
                    starts_ms: *starts_ms,
                };
                self.broadcast_act(now, from, *act, said)
            }
            Command::Join { .. } | Command::Leave | Command::Burst { .. } | Command::Roster => {
                unreachable!("handle() answers these without a record")
            }
        }
    }

    /// Makes the record of what was decided, and waits for its commit.
    fn keep(
        &mut self,
        now: Now,
        author: Person,
        asked: Option<(Origin, Command)>,
        body: RecordBody,
        fx: &mut Vec<Effect>,
    ) {
        let seq = self.decided.seq + 1;
        let mut rows = self.revisions(seq, &body);
        let mut pos = self.decided.is_live().then(|| self.stage.played_ms(now));
        if let RecordBody::Broadcast(it) = &body {
            rows.push(RowChange::Broadcast(it.clone()));
            if it.phase == protocol::server::Phase::Live {
                pos = Some(it.played_ms);
            }
        }
        let client_id = asked.as_ref().and_then(|it| it.1.client_id().cloned());
        let (circle, at_ms) = (self.meta.circle, now.unix_ms);
        let record = Arc::new(Record {
            seq,
            circle,
            at_ms,
            pos,
            author,
            client_id,
            body,
        });
        self.decided.apply(&record);
        let first = First { seq, at_ms };
        if let Some(client_id) = record.client_id.clone() {
            let pending = self.pending.records_len() + 1;
            self.client_ids
                .insert(record.author.id.clone(), client_id, first, pending);
        }
        match &record.body {
            RecordBody::Message(_) => self.pace.spoke(&record.author.id, now),
            RecordBody::Broadcast(it) => self.phase_entered(now, seq, it),
            _ => {}
        }
        fx.push(Effect::Record(record.clone(), rows));
        let outcome = Outcome::New(first);
        if let Some((from, _)) = asked.as_ref().filter(|_| fault::is(Fault::AckBeforeCommit)) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: outcome.clone().into_result(),
            });
        }
        self.pending.push(Decided {
            record: Some(record),
            asked,
            outcome,
        });
    }

    /// Answers after everything that the answer was decided upon.
    fn answer_in_order(
        &mut self,
        from: &Origin,
        command: Command,
        outcome: Outcome,
        fx: &mut Vec<Effect>,
    ) {
        if self.pending.is_empty() {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: outcome.into_result(),
            });
        } else {
            let asked = Some((from.clone(), command));
            self.pending.push(Decided {
                record: None,
                asked,
                outcome,
            });
        }
    }

    fn burst(&mut self, now: Now, from: &Origin, kind: &str, n: u32) {
        // A kind is text of a sort, so whoever may not speak may not send one.
        let may = self.check_joined(from).is_ok()
            && self.check(&from.who, Verb::React).is_ok()
            && self.check_not_muted(now, from).is_ok();
        if may {
            self.bursts.add(kind, n, now);
        }
    }

    /// The first moment that a room is told starts its timers.
    fn touch(&mut self, now: Now) {
        if !self.started {
            self.started = true;
            self.pace.start(now);
            self.stage.start(&self.committed, now);
        }
    }
}

/// Checks that several commands share.
impl Room {
    fn check_works(&self) -> Result<(), Refusal> {
        if self.broken {
            Err(commit::unavailable())
        } else {
            Ok(())
        }
    }

    fn check_takes(&self, command: &Command) -> Result<(), Refusal> {
        self.check_works()?;
        if command.client_id().is_none_or(|it| !it.is_well_formed()) {
            return Err(Refusal::new(
                Code::Malformed,
                "cid must be a UUID with hyphens",
            ));
        }
        if self.pending.is_full() {
            let words = "this room is very busy, please try again";
            return Err(Refusal::new(Code::Busy, words).after_ms(1_000));
        }
        Ok(())
    }

    fn check_joined(&self, from: &Origin) -> Result<(), Refusal> {
        if self.presence.member(from.connection) == Some(&from.who.id) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::NotJoined,
            "this connection is not in the room: join it first",
        ))
    }

    fn check(&self, who: &Who, verb: Verb) -> Result<(), Refusal> {
        self.check_object(
            who,
            verb,
            &Object::Room {
                guests: self.meta.guests,
            },
        )
    }

    fn check_object(&self, who: &Who, verb: Verb, object: &Object) -> Result<(), Refusal> {
        rights::can(self.standing(who), verb, object).into_result()
    }

    fn standing(&self, who: &Who) -> Standing {
        Standing {
            role: who.role,
            host: self.is_host(&self.decided, &who.id),
        }
    }

    fn standing_or_guest(&self, who: Option<&Who>) -> Standing {
        who.map_or(
            Standing {
                role: Role::Guest,
                host: false,
            },
            |it| self.standing(it),
        )
    }

    fn committed_standing(&self, who: &Who) -> Standing {
        Standing {
            role: who.role,
            host: self.is_host(&self.committed, &who.id),
        }
    }

    fn is_host(&self, facts: &Facts, member: &MemberId) -> bool {
        self.meta.maker == *member || facts.current().is_some_and(|it| it.host.id == *member)
    }

    fn person(&self, who: &Who) -> Person {
        Person {
            id: who.id.clone(),
            name: who.name.clone(),
            mark: self.standing(who).mark(),
        }
    }

    fn committed_person(&self, who: &Who) -> Person {
        let mark = self.committed_standing(who).mark();
        Person {
            id: who.id.clone(),
            name: who.name.clone(),
            mark,
        }
    }
}

/// A time to wait, in words.
fn span(ms: u64) -> String {
    let s = ms.div_ceil(1_000);
    match s {
        0..=119 => format!("{s} s"),
        120..=7_199 => format!("{} min", s.div_ceil(60)),
        7_200..=172_799 => format!("{} h", s.div_ceil(3_600)),
        _ => format!("{} days", s.div_ceil(86_400)),
    }
}
