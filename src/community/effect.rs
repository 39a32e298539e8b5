//! What follows from a command: things for the log, for everybody, for one connection, for media.
//!
//! Effects are carried out in the order they were pushed. A connection is in the room from the
//! `Joined` answer on: every later [`Effect::Announce`] is for it too, no earlier one.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    BlobId, BroadcastId, MemberId, PeerId, Refusal, RoomNumber, Seq, Slug,
    notices::NoticeKind,
    server::{PeerEnd, Push, Reply, State},
};

use crate::{
    member::Person,
    record::{Broadcast, Quotes, Record, RecordBody, Topic, Turnout},
};

/// One thing for the caller to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// To the log, in order, with the row changes in the same transaction. Once it is on disk the
    /// caller says [`crate::Room::committed`].
    Record(Arc<Record>, Vec<RowChange>),
    /// To the disk, in order with the records, but without one: the row of that number, counted from 1
    /// by the room. Once it is on disk the caller names it in [`crate::Room::stored`].
    Row(u64, RowChange),
    /// These messages' likes and replies are to be counted where they lie: say them by
    /// [`crate::Room::counted`]. Asked again only after that.
    Count(Vec<Seq>),
    /// Changes of rows alone, in the order of the records.
    Rows(Vec<RowChange>),
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
    /// Committed records.
    Records(Shown),
    /// Only the values that changed.
    State(Box<State>),
    /// Hearts since the last one, by kind.
    Burst(BTreeMap<String, u32>),
    Roster {
        came: Vec<Person>,
        left: Vec<MemberId>,
    },
    /// Who is writing: some of them, and how many in all.
    Typing { who: Vec<Person>, n: u32 },
}

/// All records of a range, or, where more was said than can be read, a part of them, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub from: Seq,
    pub to: Seq,
    pub records: Vec<Arc<Record>>,
}

impl Shown {
    /// How many records of the range are not among them.
    pub fn skipped(&self) -> u32 {
        let range = (self.to + 1).saturating_sub(self.from);
        let skipped = range.saturating_sub(self.records.len() as u64);
        u32::try_from(skipped).unwrap_or(u32::MAX)
    }
}

impl Announce {
    /// The frame of this announce in the room of that number.
    pub fn push(&self, room: RoomNumber) -> Push {
        match self {
            Self::Records(shown) => Push::Ev {
                a: room,
                s: (shown.from, shown.to),
                skip: shown.skipped(),
                ev: shown.records.iter().map(|it| it.frame()).collect(),
            },
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
            Self::Typing { who, n } => Push::Typing {
                a: room,
                who: who.iter().map(Person::frame).collect(),
                n: *n,
            },
        }
    }
}

/// A change of what pages query, written in the transaction of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// The record of this seq now reads like this ([`RecordBody::stored`]).
    Revise {
        seq: Seq,
        body: RecordBody,
    },
    /// The same, and the old body must really be gone from the disk.
    Erase {
        seq: Seq,
        left: RecordBody,
    },
    /// The message of this seq refers to these blobs from now on, each once, and to no others: what it no longer
    /// refers to is let go.
    Refer {
        seq: Seq,
        blobs: Vec<BlobId>,
    },
    /// It refers to none any more: what nobody refers to is removed.
    LetGo {
        seq: Seq,
    },
    /// The broadcast's row for the home page.
    Broadcast(Broadcast),
    /// A member likes the message, or no longer.
    Like {
        of: Seq,
        member: MemberId,
        on: bool,
        at_ms: u64,
    },
    /// A member's vote in the poll of that seq: options as bits, 0 takes it back.
    Vote {
        of: Seq,
        member: MemberId,
        picks: u16,
        at_ms: u64,
    },
    /// The poll is closed: who voted what is not kept.
    VotesGone {
        of: Seq,
    },
    /// A reply is in the thread of that root, or (deleted) no longer.
    Reply {
        root: Seq,
        seq: Seq,
        on: bool,
    },
    /// The blobs of that message are out of sight with it, or seen again.
    Veil {
        seq: Seq,
        on: bool,
    },
    /// What is measured of the broadcast that is on, in place of what was before.
    Measured(Measured),
    /// A line of the audit log.
    Audit(Act),
    /// Somebody is told of the message of this seq, in their inbox.
    Notice(Notice),
    /// What lists show of the topic: all but its talk.
    Topic(Box<Topic>),
    /// The messages that the topic was made of; told once, behind [`Self::Topic`].
    Quotes(Arc<Quotes>),
    TopicTalk(TopicTalk),
    /// Everybody who likes a message, and the starter of the topic, is told of something.
    NoticeToAll(NoticeToAll),
    /// Who follows the board that the topic begins in is told of it.
    NoticeToBoard(NoticeToBoard),
    /// Another topic was merged into this one: its likes and who follows it come along.
    TookTopic {
        from: RoomNumber,
    },
    /// Replies of this topic are in a topic of their own from here on, which this makes.
    SplitOff(Box<SplitOff>),
    /// What notices of this message show from now on. (An erased message takes their words with it.)
    NoticeText {
        seq: Seq,
        text: Arc<str>,
    },
}

/// Who watched a broadcast that is not over, up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub of: BroadcastId,
    pub turnout: Turnout,
    /// Viewers that were not told before, as numbers that mean nothing elsewhere; read back, all of them.
    pub came: Vec<u64>,
}

/// What somebody did to somebody, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub at_ms: u64,
    /// The record that it became.
    pub seq: Seq,
    pub by: Person,
    /// `mute`, `ban`, `rules` …
    pub what: &'static str,
    pub whom: Option<Person>,
    pub why: String,
    pub until_ms: Option<u64>,
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

/// What a message changes in what lists show of its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicTalk {
    /// One more message. Its writer follows the topic and has read up to it.
    Said { seq: Seq, at_ms: u64, by: Person },
    /// One fewer is to be seen.
    Gone { seq: Seq },
    /// It is there again.
    Back { seq: Seq },
    /// How the topic begins, on one line; empty where that was deleted.
    Opening { text: Arc<str> },
}

/// A notice to many: whoever likes the message `of`, and the topic's starter, but not who it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeToAll {
    pub of: Seq,
    pub kind: NoticeKind,
    /// The record that it tells of.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    pub starter: MemberId,
    pub text: Arc<str>,
}

/// A notice to whoever follows a board, but not to who it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeToBoard {
    pub board: Slug,
    /// The message that it tells of.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    pub text: Arc<str>,
}

/// A topic that is made of replies of another one, and what is left of them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitOff {
    pub slug: Slug,
    pub guests: bool,
    /// Who splits.
    pub by: MemberId,
    pub at_ms: u64,
    /// How it begins, on one line.
    pub excerpt: Arc<str>,
    /// Its log: what it is, then the replies, from record 1 on.
    pub records: Vec<Record>,
    /// Replies in threads there: the root, and the seq.
    pub threads: Vec<(Seq, Seq)>,
    /// What moves, in order.
    pub places: Vec<Place>,
}

/// A message that moves to another log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub was: Seq,
    /// Its seq in the other log.
    pub is: Seq,
    /// What the log that it leaves has in its place.
    pub left: RecordBody,
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
