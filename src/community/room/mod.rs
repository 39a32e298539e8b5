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

use protocol::{
    CircleId, ClientId, Epoch, MemberId, Refusal, RoomNumber, Seq, Slug, server::{Page, State},
};

use crate::{
    command::{Command, Need, Origin, StageReport},
    effect::Effect,
    member::Who,
    now::Now,
    record::Record,
};

/// What a room is before anything happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMeta {
    pub number: RoomNumber,
    pub slug: Slug,
    pub circle: CircleId,
    pub title: std::sync::Arc<str>,
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

pub struct Room {
    meta: RoomMeta,
}

#[allow(unused_variables, reason = "the shape, for those who code against it")]
impl Room {
    /// A room with an empty log.
    pub fn new(meta: RoomMeta, epoch: Epoch) -> Self { Self { meta } }

    /// A room from its log.
    pub fn recover(meta: RoomMeta, loaded: Loaded) -> Self { Self { meta } }

    /// Takes over who is here and who publishes from the room that this one replaces, announces
    /// what turned out to be on disk after all, and returns the commands that were not decided for
    /// good, to be handled again in this order (none after [`Room::failed`]).
    pub fn inherit(&mut self, now: Now, old: Self, fx: &mut Vec<Effect>) -> Vec<(Origin, Command)> { vec![] }

    /// A client id that the store knew and the room had forgotten, with its first result.
    pub fn known(&mut self, member: MemberId, client_id: ClientId, seq: Seq, at_ms: u64) {}

    /// What must be fetched before this command can be decided.
    pub fn needs(&self, command: &Command) -> Option<Need> { None }
    pub fn remember_record(&mut self, now: Now, record: Record) {}
    pub fn remember_member(&mut self, who: Who) {}

    pub fn handle(&mut self, now: Now, from: &Origin, command: Command, fx: &mut Vec<Effect>) {}
    /// A connection is gone (without a request to answer).
    pub fn left(&mut self, now: Now, connection: u64) {}
    /// A member's name or role changed while connected.
    pub fn changed(&mut self, now: Now, who: &Who, fx: &mut Vec<Effect>) {}

    /// May this member publish media here now? Asked before an offer is answered.
    pub fn may_publish(&self, now: Now, who: &Who) -> Result<(), Refusal> { Ok(()) }
    /// May this member watch here now?
    pub fn may_watch(&self, now: Now, who: &Who) -> Result<(), Refusal> { Ok(()) }
    pub fn report(&mut self, now: Now, report: StageReport, fx: &mut Vec<Effect>) {}

    pub fn committed(&mut self, now: Now, upto: Seq, fx: &mut Vec<Effect>) {}
    pub fn failed(&mut self, fx: &mut Vec<Effect>) {}

    pub fn deadline(&self) -> Option<u64> { None }
    pub fn wake(&mut self, now: Now, fx: &mut Vec<Effect>) {}

    /// A page of the committed past, or `None` where it reaches beyond what the room keeps: ask the
    /// store.
    pub fn history(&self, past: Past, n: usize) -> Option<Page> { None }
    /// Every value as it is committed, for a page that shows the room.
    pub fn state(&self) -> State { State::default() }
    /// The seq of the last committed record.
    pub fn committed_seq(&self) -> Seq { 0 }
    /// Records that wait for their commit.
    pub fn pending_len(&self) -> usize { 0 }
    pub fn is_here(&self, connection: u64) -> bool { false }
    pub fn meta(&self) -> &RoomMeta { &self.meta }
}
