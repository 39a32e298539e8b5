//! What may be wished of a room, and what media tells it.

use protocol::{
    BlobId, Card, ClientId, MemberId, PeerId, Seq, Slug,
    client::{BroadcastAct, Position, QuestionAct, ReviewAct},
    server::{AutoSlow, RoomMode, Rules},
    topic::TopicAct,
};

use crate::{
    effect::Asker,
    member::Who,
    record::TopicPlace,
    room::{NewSplit, NewTopic},
};

/// Where a command comes from. `connection` and `request` are the caller's own numbers: the room
/// hands them back and never looks inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub who: Who,
    pub connection: u64,
    pub request: u64,
}

impl Origin {
    pub fn asker(&self) -> Asker {
        Asker {
            connection: self.connection,
            request: self.request,
        }
    }
}

/// One wish. Those with a `client_id` become a record and are done once, however often they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Join {
        since: Option<Position>,
    },
    Leave,
    Publish {
        client_id: ClientId,
        text: String,
        reply_to: Option<Seq>,
        /// Asked of the host.
        question: bool,
        /// Whom it names.
        to: Vec<MemberId>,
    },
    /// A message with a card beside its text.
    Share {
        client_id: ClientId,
        text: String,
        reply_to: Option<Seq>,
        card: Box<Card>,
    },
    Edit {
        client_id: ClientId,
        of: Seq,
        text: String,
    },
    Delete {
        client_id: ClientId,
        of: Seq,
    },
    /// What who asks wrote goes for good, as they erased their account: a message, or one that waits for review.
    /// Said by the server alone.
    Forget {
        client_id: ClientId,
        of: Seq,
    },
    Undelete {
        client_id: ClientId,
        of: Seq,
    },
    /// A message that is seen waits for review from here on.
    Hold {
        client_id: ClientId,
        of: Seq,
    },
    /// What waits for review, above a seq.
    Held {
        after: Option<Seq>,
    },
    Review {
        client_id: ClientId,
        of: Seq,
        act: ReviewAct,
        reason: String,
    },
    /// The rules as they are.
    Rules,
    SetRules {
        client_id: ClientId,
        rules: Rules,
    },
    Kick {
        client_id: ClientId,
        who: MemberId,
        reason: String,
    },
    Burst {
        kind: String,
        n: u32,
    },
    Roster,
    /// A page of who is here.
    Who(Whose),
    /// The questions that wait.
    Questions,
    Poll {
        client_id: ClientId,
        question: String,
        options: Vec<String>,
        /// One may pick several options.
        multiple: bool,
        for_ms: Option<u64>,
    },
    ClosePoll {
        client_id: ClientId,
        of: Seq,
    },
    /// A row without a client id: what is said replaces what was said before.
    Vote {
        of: Seq,
        picks: Vec<u8>,
    },
    /// The same.
    Like {
        of: Seq,
        on: bool,
    },
    Typing,
    Mode {
        client_id: ClientId,
        mode: RoomMode,
        for_ms: Option<u64>,
    },
    /// The first thing that happens in a topic.
    StartTopic {
        client_id: ClientId,
        topic: Box<NewTopic>,
    },
    Topic {
        client_id: ClientId,
        act: TopicAct,
    },
    /// These topics are merged into this one, or (`on` is false) are no longer.
    TakeTopics {
        client_id: ClientId,
        topics: Vec<TopicPlace>,
        on: bool,
    },
    /// This topic was merged into that one, which took it; or (none) it stands by itself again.
    MergeTopic {
        client_id: ClientId,
        into: Option<TopicPlace>,
    },
    /// Replies of this topic become a topic of their own.
    SplitTopic {
        client_id: ClientId,
        split: Box<NewSplit>,
    },
    /// Neither: what is pinned is taken down.
    Pin {
        client_id: ClientId,
        of: Option<Seq>,
        text: Option<String>,
    },
    Question {
        client_id: ClientId,
        of: Seq,
        act: QuestionAct,
    },
    Mute {
        client_id: ClientId,
        who: MemberId,
        for_ms: u64,
        reason: String,
    },
    Unmute {
        client_id: ClientId,
        who: MemberId,
    },
    Ban {
        client_id: ClientId,
        who: MemberId,
        for_ms: Option<u64>,
        reason: String,
    },
    Unban {
        client_id: ClientId,
        who: MemberId,
    },
    SlowMode {
        client_id: ClientId,
        gap_ms: u64,
        auto: Option<AutoSlow>,
    },
    CoHost {
        client_id: ClientId,
        who: MemberId,
        on: bool,
    },
    Broadcast {
        client_id: ClientId,
        act: BroadcastAct,
        title: Option<String>,
        starts_ms: Option<u64>,
    },
}

/// What of who is here is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Only those whose name has this in it, however either is written.
    pub q: Option<String>,
    /// Those whose id comes after this one.
    pub after: Option<MemberId>,
    /// People of one page.
    pub n: usize,
}

impl Command {
    /// The client id of a command that becomes a record.
    pub fn client_id(&self) -> Option<&ClientId> {
        match self {
            Self::Join { .. }
            | Self::Leave
            | Self::Burst { .. }
            | Self::Roster
            | Self::Who(_)
            | Self::Questions
            | Self::Held { .. }
            | Self::Rules
            | Self::Vote { .. }
            | Self::Like { .. }
            | Self::Typing => None,
            Self::Publish { client_id, .. }
            | Self::Share { client_id, .. }
            | Self::Edit { client_id, .. }
            | Self::Delete { client_id, .. }
            | Self::Forget { client_id, .. }
            | Self::Undelete { client_id, .. }
            | Self::Hold { client_id, .. }
            | Self::Review { client_id, .. }
            | Self::SetRules { client_id, .. }
            | Self::Kick { client_id, .. }
            | Self::Mute { client_id, .. }
            | Self::Unmute { client_id, .. }
            | Self::Ban { client_id, .. }
            | Self::Unban { client_id, .. }
            | Self::SlowMode { client_id, .. }
            | Self::Mode { client_id, .. }
            | Self::Pin { client_id, .. }
            | Self::Question { client_id, .. }
            | Self::CoHost { client_id, .. }
            | Self::Poll { client_id, .. }
            | Self::ClosePoll { client_id, .. }
            | Self::StartTopic { client_id, .. }
            | Self::Topic { client_id, .. }
            | Self::TakeTopics { client_id, .. }
            | Self::MergeTopic { client_id, .. }
            | Self::SplitTopic { client_id, .. }
            | Self::Broadcast { client_id, .. } => Some(client_id),
        }
    }
}

/// What a room must be told before it can decide a command (see [`crate::Room::needs`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A record older than the room remembers: read it and call [`crate::Room::remember_record`].
    Record(Seq),
    /// A person who is not here: look them up and call [`crate::Room::remember_member`].
    Member(MemberId),
    /// A board by that name: see whether there is one and call [`crate::Room::remember_board`].
    Board(Slug),
    /// An upload of who asks to this room: look it up and call [`crate::Room::remember_upload`].
    Upload(BlobId),
}

/// What media tells a room about its publisher, in order for each peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageReport {
    /// The publisher's connection stands (nothing flows yet).
    PublisherHere { peer: PeerId, who: Who },
    /// The first keyframe (or, for sound only, the first packet) came, or what flows changed.
    Flowing {
        peer: PeerId,
        video: bool,
        audio: bool,
    },
    /// The publisher is gone: a goodbye and a cut are alike.
    PublisherGone { peer: PeerId },
}
