//! What a client hears: answers (`i` with `ok` or `err`) and pushes (named by `op`).
//!
//! A push to a room is the same bytes for every viewer, so it never says "you".

use serde::{Deserialize, Serialize};

pub use crate::health::{HealthLevel, HealthSaid, PublisherHealth};
pub use crate::life::{Liked, OpenPoll, Poll, QuestionPhase, Tally, Voted, Votes};
pub use crate::order::{AutoSlow, HeldItem, HeldPage, HeldWhy, LinkRule, Rules, RulesNow};
pub use crate::peer::PeerEnd;
pub use crate::push::Push;
pub use crate::turn::Turn;
use crate::{
    card::Card,
    doc::Doc,
    ids::{BroadcastId, Epoch, MemberId, PeerId, RoomNumber, Seq, Slug},
    notices::Named,
    refusal::Refusal,
    rest::Token,
    topic::{Topic, TopicPlace},
};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Answer {
    pub i: u32,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum Outcome {
    #[serde(rename = "ok")]
    Ok(Reply),
    #[serde(rename = "err")]
    Err(Refusal),
}

/// What an `ok` holds. The request tells which one it is, so no tag travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum Reply {
    Welcome(Welcome),
    Joined(Box<Joined>),
    Ack(Ack),
    Page(Page),
    Roster(Roster),
    Who(WhoPage),
    Answered(Answered),
    HeldPage(HeldPage),
    RulesNow(RulesNow),
    Restarted(Restarted),
    Liked(Liked),
    Done {},
}

/// To `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Welcome {
    pub connection: String,
    pub me: Person,
    /// The server's clock, Unix milliseconds.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub now_ms: u64,
    /// Seconds of silence after which the server pings.
    pub ping_s: u32,
    /// From here on what is long may come deflated, as a binary message, behind this dictionary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub z: Option<u32>,
    /// Of the guest that this hello made: for the next hello, and for what is asked by HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub token: Option<Token>,
    /// What the peers of this connection may try where no other way leads to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub turn: Option<Turn>,
}

/// A person as others see one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    pub id: MemberId,
    pub name: String,
    pub mark: Mark,
}

/// The small mark beside a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Mark {
    Guest,
    #[default]
    Member,
    /// Runs the broadcast beside its host.
    CoHost,
    Host,
    Moderator,
    Owner,
}

/// How a join went on from the position the client named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum Resumed {
    /// Everything since then follows: no hole, no double.
    Full,
    /// Too much was missed: the tail follows, `gap` names what to fetch.
    Gap,
    /// A first visit, or the epoch changed: forget what you had.
    Fresh,
}

/// To `join`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Joined {
    /// The room's number in every later frame.
    pub a: RoomNumber,
    pub room: Slug,
    pub title: String,
    pub e: Epoch,
    /// The position after `ev`. Where `more` is set, further `ev` pushes follow at once up to it.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub s: Seq,
    pub resumed: Resumed,
    /// Records the client has not seen and can fetch by `history`: first and last seq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "[number, number]"))]
    pub gap: Option<(Seq, Seq)>,
    pub ev: Vec<RecordFrame>,
    pub more: bool,
    pub state: State,
    /// Absent in a room above the roster's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub roster: Option<Vec<Person>>,
    /// What this member may do here (names of verbs of `community::can`).
    pub can: Vec<String>,
    pub mark: Mark,
    /// Where this member is muted: until when, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub muted_until_ms: Option<u64>,
    /// One's own votes in the polls that are open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(as = "Option<Vec<Voted>>", optional))]
    pub voted: Vec<Voted>,
    /// For who may review: how many messages wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub held: Option<u32>,
}

/// To everything that is recorded: it is on disk, at this seq.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Ack {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub s: Seq,
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub t: u64,
    pub v: AckKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum AckKind {
    New,
    /// It waits for review: nobody else sees it yet.
    Held,
    /// The client id was known: this is the first result.
    Dup,
}

/// To `history`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page {
    pub page: Vec<RecordFrame>,
    /// There is nothing further that way.
    pub end: bool,
}

/// To `roster`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Roster {
    pub roster: Vec<Person>,
    pub count: u32,
}

/// To `who`: some of who is here, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct WhoPage {
    pub here: Vec<Person>,
    /// What to ask for with `after` to go on. Absent where there is nobody further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub next: Option<MemberId>,
}

/// To `offer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Answered {
    pub peer: PeerId,
    pub sdp: String,
}

/// To `restart`: our side of the new ICE session, as a fragment of SDP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Restarted {
    pub sdp: String,
}

/// One record as a frame. `k` names the kind, `b` is its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordFrame {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub s: Seq,
    /// When it was decided, Unix milliseconds.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub t: u64,
    /// The stream position: ms of the broadcast's media clock at the server; absent while not live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub pos: Option<u64>,
    pub u: Person,
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of records that clients see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "k", content = "b", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Body {
    /// A message in its latest form.
    Msg {
        /// Empty once deleted.
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        re: Option<Seq>,
        /// The message whose thread this is in, where that is another one than `re`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        root: Option<Seq>,
        /// People who like it, as far as they were counted.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        likes: u32,
        /// Replies in its thread, as far as they were counted.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        replies: u32,
        /// How often it was edited.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        edits: u32,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        deleted: bool,
        /// Asked of the host, and how far that is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        question: Option<QuestionPhase>,
        /// A thing beside the text. An edit leaves it, a delete takes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        card: Option<Card>,
        /// It was held, as the record of this seq, until somebody allowed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        held: Option<Seq>,
        /// Whom it names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<Named>>", optional))]
        to: Vec<Named>,
        /// In a topic: the text, which is Markdown there, as it is shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        doc: Option<Doc>,
    },
    Edit {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        doc: Option<Doc>,
    },
    Delete {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
    },
    /// A message that was deleted or held is there again, in this form.
    Restore {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        text: String,
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        edits: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        question: Option<QuestionPhase>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        card: Option<Card>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        doc: Option<Doc>,
    },
    /// Something that is not for everybody: its place in the order is all that is said of it.
    Aside {},
    Mute {
        who: Person,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        until_ms: u64,
        reason: String,
    },
    Unmute {
        who: Person,
    },
    Ban {
        who: Person,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        until_ms: Option<u64>,
        reason: String,
    },
    Unban {
        who: Person,
    },
    /// Out now, and back from `until_ms` on.
    Kick {
        who: Person,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        until_ms: u64,
        reason: String,
    },
    /// The rules about words and links changed.
    Rules {},
    /// With `auto` the room itself may say it too.
    SlowMode {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        gap_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        auto: Option<AutoSlow>,
    },
    /// Runs the broadcast beside its host, or no longer does.
    CoHost {
        who: Person,
        on: bool,
    },
    /// Who may speak from here on. A room itself says it when a time is over.
    Mode(Mode),
    /// Something was pinned, or (without words) taken down. What was pinned before has lost its words.
    Pin(Quoted),
    /// A question's phase; `done` is the one that was being answered before, and is answered now.
    Question {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        to: QuestionPhase,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        done: Option<Seq>,
    },
    /// A poll in its latest form: once closed, with its result.
    Poll(Poll),
    /// The poll of that seq is closed, and this is its result.
    PollClosed(Votes),
    Broadcast(Broadcast),
    /// What a topic is from here on.
    Topic(Box<Topic>),
    /// Replies of this topic became a topic of their own: each is at the second seq there, and its place here is
    /// [`Body::Moved`].
    Split {
        to: TopicPlace,
        #[cfg_attr(feature = "ts", ts(type = "Array<[number, number]>"))]
        moved: Vec<(Seq, Seq)>,
    },
    /// The place of a reply that is in another topic now.
    Moved {
        to: TopicPlace,
        /// Its seq there.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        s: Seq,
        /// What it replied to here, and whose thread that was in, as of a message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        re: Option<Seq>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        root: Option<Seq>,
    },
}

/// Who may speak in a room. Whoever runs it may always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RoomMode {
    /// Everybody who may be here.
    #[default]
    Open,
    /// Members; guests read.
    Members,
    /// Everybody, but questions only.
    Questions,
    /// The host and moderators.
    Host,
}

/// The mode of a room, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mode {
    pub mode: RoomMode,
    /// When the one before comes back by itself, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub until_ms: Option<u64>,
}

/// A message, or words of the host, shown apart from the talk. Without text: nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quoted {
    /// The message, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub of: Option<Seq>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
    pub text: String,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub author: Option<Person>,
    /// The card of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub card: Option<Card>,
    /// When in the broadcast it was taken up, in milliseconds; told by its summary alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub pos: Option<u64>,
}

pub(crate) fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The phase of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Phase {
    Scheduled,
    Open,
    Live,
    Paused,
    Ended,
    Archived,
}

/// A broadcast (场次) as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Broadcast {
    pub id: BroadcastId,
    pub phase: Phase,
    pub title: String,
    pub host: Person,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub starts_ms: Option<u64>,
    /// When it first went live, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub live_ms: Option<u64>,
}

/// What is being published, while something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct StageState {
    /// The publisher is connected. False while live: "host reconnecting".
    pub here: bool,
    pub video: bool,
    pub audio: bool,
}

/// Values where only the last one counts. In a push only what changed is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct State {
    /// People here (each counted once, however many tabs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub slow_mode_ms: Option<u64>,
    /// Absent from `joined` where slow mode is set by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub slow_auto: Option<AutoSlow>,
    /// The broadcast that is not yet archived, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub broadcast: Option<Broadcast>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub stage: Option<StageState>,
    /// Absent from `joined` where the room is open to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub mode: Option<Mode>,
    /// What stands above the talk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub pin: Option<Quoted>,
    /// The question that is being answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub picked: Option<Quoted>,
    /// The polls that are open, all of them; absent from `joined` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub polls: Option<Vec<OpenPoll>>,
    /// The votes of every open poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub votes: Option<Vec<Votes>>,
    /// What the topic is, in a room that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub topic: Option<Topic>,
    /// Messages whose likes or replies changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub tally: Option<Vec<Tally>>,
    /// Somebody who erased their account: this is how they are called from now on, wherever they were shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub erased: Option<Person>,
}
