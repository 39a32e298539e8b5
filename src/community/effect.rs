//! What follows from a command: things for the log, for everybody, for one connection, for media.
//!
//! Effects are carried out in the order they were pushed. A connection is in the room from the
//! `Joined` answer on: every later [`Effect::Announce`] is for it too, no earlier one.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    MemberId, PeerId, Refusal, RoomNumber, Seq,
    notices::NoticeKind,
    server::{PeerEnd, Push, Reply, State},
};

use crate::{
    member::Person,
    record::{Broadcast, Record, RecordBody},
};

/// One thing for the caller to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// To the log, in order, with the row changes in the same transaction. Once it is on disk the
    /// caller says [`crate::Room::committed`].
    Record(Arc<Record>, Vec<RowChange>),
    /// To every connection in the room.
    Announce(Announce),
    /// To one request.
    Answer {
        to: Asker,
        outcome: Result<Reply, Refusal>,
    },
    /// To one connection, unasked and in order: pages of a resume, changed rights.
    Push { connection: u64, push: Push },
    /// To media.
    Direct(StageOrder),
    /// To whoever keeps connections: a member's rights are gone.
    Notify(Notify),
}

/// A request that waits for its answer, by the caller's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    pub connection: u64,
    pub request: u64,
}

/// Something for everybody in the room: the same bytes for all.
#[derive(Clone, Debug, PartialEq)]
pub enum Announce {
    /// Committed records, in order and without a hole.
    Records(Vec<Arc<Record>>),
    /// Only the values that changed.
    State(Box<State>),
    /// Hearts since the last one, by kind.
    Burst(BTreeMap<String, u32>),
    Roster {
        came: Vec<Person>,
        left: Vec<MemberId>,
    },
}

impl Announce {
    /// The frame of this announce in the room of that number.
    pub fn push(&self, room: RoomNumber) -> Push {
        match self {
            Self::Records(records) => {
                let first = records.first().map_or(0, |it| it.seq);
                let last = records.last().map_or(0, |it| it.seq);
                let ev = records.iter().map(|it| it.frame()).collect();
                Push::Ev {
                    a: room,
                    s: (first, last),
                    ev,
                }
            }
            Self::State(state) => Push::State {
                a: room,
                state: state.clone(),
            },
            Self::Burst(counts) => Push::Burst {
                a: room,
                b: counts.clone(),
            },
            Self::Roster { came, left } => Push::Roster {
                a: room,
                came: came.iter().map(Person::frame).collect(),
                left: left.clone(),
            },
        }
    }
}

/// A change of what pages query, written in the transaction of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// The record of this seq now reads like this ([`RecordBody::stored`]).
    Revise { seq: Seq, body: RecordBody },
    /// The same, and the old body must really be gone from the disk.
    Erase { seq: Seq, left: RecordBody },
    /// The broadcast's row for the home page.
    Broadcast(Broadcast),
    /// Somebody is told of the message of this seq, in their inbox.
    Notice(Notice),
    /// What notices of this message show from now on. (An erased message takes their words with it.)
    NoticeText { seq: Seq, text: Arc<str> },
}

/// A notice as a room decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub member: MemberId,
    pub kind: NoticeKind,
    /// The message.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    /// The beginning of the message, on one line.
    pub text: Arc<str>,
}

/// What media is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageOrder {
    /// End this room's publisher.
    DropPublisher { peer: PeerId, why: PeerEnd },
}

/// What the keepers of connections must hear within a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// The member is out of the room, on every connection: these are told `out` with the refusal,
    /// hear no more announces, and their peers in this room are closed.
    Out {
        member: MemberId,
        connections: Vec<u64>,
        why: Refusal,
    },
}
