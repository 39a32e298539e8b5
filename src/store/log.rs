//! The log: what is stored of a room, and the contract that every store keeps.
//!
//! A record reaches the store as an [`Entry`]: the columns that a store needs, and a body that only
//! its author understands (versioned JSON). The store never reads a body, so a new kind of record
//! needs no migration.
//!
//! Promises: an append is on disk when it returns; a room's seqs are 1, 2, 3 … without a hole; a
//! client id is there once per room and author, whatever happens. It does not decide anything.

use protocol::{
    BlobId, BroadcastId, CircleId, ClientId, Epoch, MemberId, RoomNumber, Seq, Slug,
    notices::{Named, NoticeKind},
    server::{Person, Phase},
    topic::Topic,
};

use crate::{
    db::{Db, DbError},
    rows::audit::NewAct,
};

/// Records at the end of a room's log that [`Loaded::tail`] holds: what a resume may replay.
pub const TAIL_RECORDS: usize = protocol::limits::RESUME_RECORDS_MAX;
/// The newest client ids that [`Loaded::client_ids`] holds. Older ones are still known to the
/// store, which then answers an append with [`AppendError::Conflict`].
pub const CLIENT_IDS_LOADED: usize = 10_000;

/// One record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: Seq,
    /// When it was decided, Unix milliseconds.
    pub at_ms: u64,
    /// The stream position, while the room is live.
    pub pos: Option<u64>,
    /// As the author was called and marked when it was decided.
    pub author: Person,
    /// The kind of record, as its author numbers them. The store only keeps it.
    pub kind: u8,
    /// A fact is needed whenever the room is recovered, however old it is (a ban, a broadcast's
    /// phase); anything else only while it is in the tail.
    pub is_fact: bool,
    pub client_id: Option<ClientId>,
    /// Versioned JSON, opaque here.
    pub body: Vec<u8>,
}

/// What changes beside the log in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// An edit: an older record of this room has a new body. History shows the latest form.
    Revise { seq: Seq, body: Vec<u8> },
    /// A deletion: the old body is overwritten on disk by what is left of it; the seq stays.
    Erase { seq: Seq, left: Vec<u8> },
    /// A message of this room refers to these blobs from now on, and to no others.
    Refer { seq: Seq, blobs: Vec<BlobId> },
    /// It refers to none any more.
    LetGo { seq: Seq },
    /// The room's broadcast as the home page lists it: made, or changed.
    Broadcast(BroadcastRow),
    /// A member likes the record of that seq (since then), or no longer.
    Like {
        of: Seq,
        member: MemberId,
        at_ms: Option<u64>,
    },
    /// A member's vote, in place of the one before.
    Vote(VoteRow, u64),
    /// Nobody's vote in the poll of that seq is kept any more.
    VotesGone { of: Seq },
    /// A record is in the thread of a root, or no longer.
    Reply { root: Seq, seq: Seq, on: bool },
    /// The blobs of that message are out of sight with it, or seen again.
    Veil { seq: Seq, on: bool },
    /// What is measured of the broadcast that is on in this room, in place of what was before. The end of
    /// that broadcast ([`BroadcastRow::turnout`]) takes it away.
    Measured(MeasuredRow),
    /// A line of the audit log; its room is the append's.
    Audit(NewAct),
    /// A member is told of a message, unless they were already. Who has no account has no inbox, and
    /// nothing happens.
    Notice(NoticeRow),
    /// What the topic that this room is is from here on, all but its talk.
    Topic(Box<Topic>),
    /// The messages that it was made of, behind the first [`Self::Topic`].
    Quotes(QuotesRow),
    /// What a message changes in what lists show of it.
    TopicTalk(TopicTalk),
    /// Many are told of the same.
    NoticeToAll(NoticeToAllRow),
    /// Who follows the board that a topic begins in is told of it.
    NoticeToBoard(NoticeToBoardRow),
    /// Another topic was merged into the one that this room is: whoever likes how that begins, or started it,
    /// likes how this begins; whoever follows that follows this.
    TookTopic { from: RoomNumber },
    /// Messages of this room are in a room of their own from here on, which this makes.
    SplitOff(Box<SplitRow>),
    /// What the notices of this message show from now on. [`RowChange::Erase`] empties them by itself.
    NoticeText { seq: Seq, text: String },
}

impl RowChange {
    /// Whether somebody may have to be told of something now.
    pub(crate) const fn stirs(&self) -> bool {
        matches!(
            self,
            Self::Broadcast(_) | Self::Notice(_) | Self::NoticeToAll(_) | Self::NoticeToBoard(_)
        )
    }
}

/// Who picked what in a poll: options as bits, 0 for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteRow {
    pub of: Seq,
    pub member: MemberId,
    pub picks: u16,
}

/// The likes and replies of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub of: Seq,
    pub likes: u32,
    pub replies: u32,
}

/// A notice (通知) of a message, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    pub member: MemberId,
    pub kind: NoticeKind,
    /// The message.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    pub text: String,
}

/// A notice to whoever likes the message `of` and to a topic's starter, but not to who it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeToAllRow {
    pub of: Seq,
    pub kind: NoticeKind,
    /// The record that it tells of.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    pub starter: MemberId,
    pub text: String,
}

/// A notice to whoever follows a board, but not to who it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeToBoardRow {
    pub board: Slug,
    /// The message that it tells of.
    pub seq: Seq,
    pub at_ms: u64,
    pub from: Person,
    pub text: String,
}

/// The messages of one room that a topic was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotesRow {
    /// Where they were said.
    pub room: RoomNumber,
    /// Each with who wrote it.
    pub of: Vec<(Seq, Named)>,
}

/// A topic that is made of messages of the append's room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRow {
    /// There must be no room by that name.
    pub slug: Slug,
    pub guests: bool,
    /// Who splits: an account.
    pub by: MemberId,
    pub at_ms: u64,
    pub topic: Topic,
    /// How it begins, on one line.
    pub excerpt: String,
    /// Its whole log, from record 1 on.
    pub entries: Vec<Entry>,
    /// Replies in threads there: the root, and the seq.
    pub threads: Vec<(Seq, Seq)>,
    /// In the order of where they were, at least one.
    pub places: Vec<MovedRow>,
}

/// A message that moves, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedRow {
    pub was: Seq,
    /// Its seq in the new log.
    pub is: Seq,
    /// The record in its place: its kind and its body.
    pub kind: u8,
    pub left: Vec<u8>,
}

/// What a message changes in what lists show of its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicTalk {
    /// One more. Its writer follows the topic from here on, and has read up to it.
    Said { seq: Seq, at_ms: u64, by: Person },
    /// One fewer is to be seen.
    Gone { seq: Seq },
    /// It is there again.
    Back { seq: Seq },
    /// How it begins, on one line.
    Opening { text: String },
}

/// A broadcast (场次) as a row that pages query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastRow {
    pub id: BroadcastId,
    pub phase: Phase,
    pub title: String,
    pub host: Person,
    /// When it is announced to start, Unix milliseconds.
    pub starts_ms: Option<u64>,
    /// When it first went live.
    pub live_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// Once it is over: who watched it.
    pub turnout: Option<TurnoutRow>,
}

/// Who watched a broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnoutRow {
    /// How long it was live.
    pub played_ms: u64,
    pub peak: u32,
    pub people: u32,
    /// The time of all viewers together.
    pub watched_ms: u64,
    /// A kind and its number on each line.
    pub hearts: String,
}

/// Who watched a broadcast that is not over, up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredRow {
    pub of: BroadcastId,
    pub peak: u32,
    pub people: u32,
    pub watched_ms: u64,
    /// A kind and its number on each line.
    pub hearts: String,
    /// Viewers that came since the row before, as numbers; loaded, those of every row of the broadcast.
    pub came: Vec<u64>,
}

/// What one room wants stored: all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    pub room: RoomNumber,
    pub circle: CircleId,
    /// In order; the first is the room's last seq + 1.
    pub records: Vec<Entry>,
    /// Applied in order, after the records.
    pub rows: Vec<RowChange>,
}

/// A client id that this room and author have used before, and what became of it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub author: protocol::MemberId,
    pub client_id: ClientId,
    pub seq: Seq,
    pub at_ms: u64,
}

/// Why a room's append was not stored. Nothing of it is there, except after
/// [`AppendError::Unavailable`], where nobody can know: load the room again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// These client ids are known: answer each with its first result. All of the append's are listed.
    #[error("{} client ids are known", .0.len())]
    Conflict(Vec<Known>),
    /// The room's next seq is another one: the room in memory is not the room in the log.
    #[error("seq {found} where {expected} comes next")]
    OutOfOrder { expected: Seq, found: Seq },
    /// It cannot be stored as it is: a bug of the caller.
    #[error("{0}")]
    Invalid(&'static str),
    /// The disk failed, or the store is closed.
    #[error("the storage is unavailable")]
    Unavailable,
    /// Too many appends wait: said at once.
    #[error("too many appends wait")]
    Full,
}

/// Everything a room needs to be recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub epoch: Epoch,
    pub last_seq: Seq,
    /// Every fact of the room, oldest first.
    pub facts: Vec<Entry>,
    /// The last [`TAIL_RECORDS`] records, oldest first, facts included.
    pub tail: Vec<Entry>,
    /// The newest [`CLIENT_IDS_LOADED`] client ids, oldest first.
    pub client_ids: Vec<Known>,
    /// Every vote in the room's open polls, by poll and member.
    pub votes: Vec<VoteRow>,
    /// Of the tail's records that have likes or replies.
    pub tallies: Vec<Tally>,
    /// What was measured of the broadcast that is on.
    pub measured: Option<MeasuredRow>,
}

/// Which part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOf {
    /// The newest records.
    Last,
    /// The newest records below this seq.
    Before(Seq),
    /// The oldest records above this seq.
    After(Seq),
}

/// A page of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Of the entries that have likes or replies.
    pub tallies: Vec<Tally>,
    /// There is nothing further that way.
    pub end: bool,
}

/// The storage failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("there is no room {0}")]
    NoSuchRoom(RoomNumber),
    /// A stored record is not what was written. Other rooms go on.
    #[error("record {seq} of room {room} is damaged on disk")]
    Damaged { room: RoomNumber, seq: Seq },
    #[error("the storage failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too many reads wait, or the store is closed.
    #[error("the storage is busy")]
    Busy,
}

impl From<DbError> for LogError {
    fn from(error: DbError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// How far [`Log::idle`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Housekeeping {
    Done,
    /// Somebody was in the way, or there is always something to do: call it again in a while.
    Again,
    /// It has begun what somebody else does now: call it again in a second.
    Soon,
    /// The storage is gone.
    Broken,
}

/// A room log on some storage. There are three: SQLite, PostgreSQL and the simulated disk.
pub trait Log: Send {
    /// Stores all of the batch in one transaction that is on disk when this returns. Each part
    /// succeeds or is left out by itself; an error means that nothing can be said of any part.
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError>;

    fn load(&mut self, room: RoomNumber) -> Result<Loaded, LogError>;

    /// Up to `n` records, and never more than [`protocol::limits::PAGE_RECORDS_MAX`].
    fn page(&mut self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError>;

    /// Called after a failed append until it succeeds: starts afresh from the disk and proves by a
    /// synced write that it takes writes again.
    fn heal(&mut self) -> Result<(), LogError>;

    /// Called after each piece of work on the tables, whoever waits: what must not pile up until nobody does.
    fn worked(&mut self) {}

    /// Housekeeping that may take milliseconds; called when nothing waits.
    fn idle(&mut self) -> Housekeeping {
        Housekeeping::Done
    }

    /// The same where something always waits: no more than what keeps nobody from it.
    fn overdue(&mut self) -> Housekeeping {
        self.idle()
    }

    /// The tables beside the log, where this storage has any.
    fn tables(&mut self) -> Option<Tables<'_>> {
        None
    }
}

/// The tables of a database, for the row queries of this crate.
pub struct Tables<'a>(pub(crate) &'a Db);
