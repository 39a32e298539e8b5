//! What a client may say. One JSON object a frame, named by `op`; several may come as an array.
//!
//! `i` is the request's number, repeated in its answer. A frame without an answer has none.

use serde::{Deserialize, Serialize};

use crate::{
    card::Card,
    ids::{ClientId, Epoch, MemberId, PeerId, RoomNumber, Seq, Slug},
    limits,
    refusal::{Code, Refusal},
    rest::GuestWish,
    server::{AutoSlow, RoomMode, Rules},
    topic::TopicAct,
    watched::Watched,
};

/// A place in a room's log: the epoch makes it safe against a log that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Position {
    pub e: Epoch,
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub s: Seq,
}

/// A room that `join` asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Wanted {
    pub room: Slug,
    /// The last position this client has seen; absent on a first visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub since: Option<Position>,
}

/// Which way media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum PeerRole {
    Publish,
    View,
}

/// A step of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum QuestionAct {
    /// Show it to everybody: it is being answered. The one before is answered then.
    Pick,
    /// Back among those that wait.
    Unpick,
    /// It has its answer.
    Answer,
}

/// What becomes of a message that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum ReviewAct {
    /// Everybody sees it.
    Allow,
    /// Nobody does; its writer is told why.
    Refuse,
}

/// A host's wish about the broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BroadcastAct {
    /// Announce one for later (`scheduled`).
    Schedule,
    /// Open the room for warm-up (`open`).
    Open,
    /// Pause on purpose (`paused`).
    Pause,
    /// End it (`ended`).
    End,
    /// Put it away (`archived`).
    Archive,
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {
        /// One frame of a client.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "op", rename_all = "snake_case")]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
        pub enum ClientFrame {
            $($(#[$doc])* $name { $($(#[$fdoc])* $field: $ty,)* },)*
        }


        const VARIANTS: &[&str] = &[$(stringify!($name),)*];
    };
}

frames! {
    /// Always first, within [`limits::HELLO_WITHIN`]. Rooms are joined (and resumed) by `join` frames
    /// that follow in the same array: one message brings a whole connection back.
    ///
    /// It says either the `token` of who one is or, of a `guest` to be, what `POST /api/v1/guests` is asked with:
    /// [`Welcome::token`](crate::server::Welcome) is the guest's then.
    Hello {
        i: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        token: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        guest: Option<GuestWish>,
        /// Stable per device; a newer connection of the same device replaces the older one.
        device: String,
        /// The dictionary that this client has: frames may come deflated behind it. One that the server
        /// does not have says nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        z: Option<u32>,
    }
    Join {
        i: u32,
        #[serde(flatten)]
        want: Wanted,
    }
    Leave { i: u32, a: RoomNumber }
    /// A message. `re` is the seq it replies to.
    Pub {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        re: Option<Seq>,
        /// Asked of the host: it waits among the questions until it is answered.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        question: bool,
        /// A thing beside the text, which says it for whoever cannot show the card.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        card: Option<Card>,
        /// Whom it names: each of them has a notice of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<MemberId>>", optional))]
        to: Vec<MemberId>,
    }
    Edit {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        text: String,
    }
    Delete {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
    }
    /// Brings back what was deleted, within [`limits::UNDO_WITHIN`].
    Undelete {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
    }
    /// Takes a message out of the talk until somebody reviewed it.
    Hold {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
    }
    /// The messages that wait for review, oldest first; those above `after`.
    Held {
        i: u32,
        a: RoomNumber,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        after: Option<Seq>,
    }
    /// Decides about a held message; `of` is the seq of its `held`.
    Review {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        act: ReviewAct,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        reason: String,
    }
    /// The rules of the room; for who runs it.
    Rules { i: u32, a: RoomNumber }
    SetRules { i: u32, a: RoomNumber, cid: ClientId, rules: Rules }
    /// Out now, on every device; back after [`limits::KICK_FOR`].
    Kick {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        who: MemberId,
        #[serde(default)]
        reason: String,
    }
    /// Hearts: counted, never stored, no answer.
    Burst { a: RoomNumber, kind: String, n: u32 }
    /// A page of the past: the `n` records before (or after) a seq, oldest first.
    History {
        i: u32,
        a: RoomNumber,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        before: Option<Seq>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        after: Option<Seq>,
        n: u32,
    }
    /// Who is here (up to [`limits::ROSTER_MEMBERS_MAX`]).
    Roster { i: u32, a: RoomNumber }
    /// A page of who is here; by name (`q`) for who runs the room.
    Who {
        i: u32,
        a: RoomNumber,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        q: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        after: Option<MemberId>,
        n: u32,
    }
    Mute {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        who: MemberId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        for_ms: u64,
        #[serde(default)]
        reason: String,
    }
    Unmute { i: u32, a: RoomNumber, cid: ClientId, who: MemberId }
    /// `for_ms` absent: until lifted.
    Ban {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        who: MemberId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        for_ms: Option<u64>,
        #[serde(default)]
        reason: String,
    }
    Unban { i: u32, a: RoomNumber, cid: ClientId, who: MemberId }
    /// Least time between two messages of one member; 0 turns it off.
    SlowMode {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        gap_ms: u64,
        /// The room lengthens the gap by itself when more is said than this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        auto: Option<AutoSlow>,
    }
    /// Who runs the broadcast beside its host, or no longer does.
    CoHost { i: u32, a: RoomNumber, cid: ClientId, who: MemberId, on: bool }
    /// Who may speak. With `for_ms` the mode before comes back by itself after it.
    Mode {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        mode: RoomMode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        for_ms: Option<u64>,
    }
    /// What stands above the talk: a message, or words of one's own; neither takes it down.
    Pin {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        of: Option<Seq>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        text: Option<String>,
    }
    Question {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        act: QuestionAct,
    }
    /// The questions that wait, oldest first.
    Questions { i: u32, a: RoomNumber }
    /// A poll, by who runs the room. With `for_ms` it closes by itself.
    Poll {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        question: String,
        options: Vec<String>,
        /// One may pick several options.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        multiple: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        for_ms: Option<u64>,
    }
    /// Closes the poll of that seq.
    ClosePoll {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
    }
    /// One's vote in the poll of that seq, in place of the one before: the numbers of options, from 0.
    /// Without picks it is taken back.
    Vote {
        i: u32,
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        picks: Vec<u8>,
    }
    /// Likes the message of that seq, or takes it back.
    Like {
        i: u32,
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        on: bool,
    }
    /// Which messages of a span (both ends included) one likes.
    Liked {
        i: u32,
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        from: Seq,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        to: Seq,
    }
    /// A page of a message's thread, oldest first: without `after` the message itself, then the first
    /// `n` replies; with it the first `n` replies above that seq.
    Thread {
        i: u32,
        a: RoomNumber,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        of: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        after: Option<Seq>,
        n: u32,
    }
    /// One is writing: never stored, no answer.
    Typing { a: RoomNumber }
    Broadcast {
        i: u32,
        a: RoomNumber,
        cid: ClientId,
        act: BroadcastAct,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        title: Option<String>,
        /// With `schedule`: when it is to start, Unix milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        starts_ms: Option<u64>,
    }
    /// Changes what a topic is. Only in a room that is one.
    Topic { i: u32, a: RoomNumber, cid: ClientId, act: TopicAct }
    /// An SDP offer. The answer's SDP holds every candidate of ours.
    Offer { i: u32, a: RoomNumber, role: PeerRole, sdp: String }
    /// A candidate of the client's (trickle). Ours is learned from the checks, so this is a hint.
    Candidate { peer: PeerId, candidate: String }
    /// Another ICE session under the same media: a fragment of SDP, as WHEP's PATCH takes it.
    Restart { i: u32, peer: PeerId, sdp: String }
    /// Whether a viewer is sent the picture. Sound goes on either way.
    Show {
        i: u32,
        peer: PeerId,
        video: bool,
        /// How high it is shown, in pixels of the screen: nothing larger is sent than that needs. Without it,
        /// what was said before holds. Who says it is told by `picture` when the line carries the sound alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        height: Option<u16>,
    }
    /// A peer of a connection before this one, of the same member and device, goes on with this one.
    Resume { i: u32, peer: PeerId }
    /// The peer is no longer wanted.
    Close { i: u32, peer: PeerId }
    /// How a viewer saw the broadcast: once a minute, and at the end. No answer; numbers that cannot be are refused.
    Watched {
        a: RoomNumber,
        #[serde(flatten)]
        how: Watched,
    }
    /// "Are you there?", from a client that has heard nothing for 10 s. Before hello: the line was opened ahead
    /// ([`limits::HELLO_AHEAD_WITHIN`]).
    Ping {}
    Pong {}
}

impl ClientFrame {
    /// The request's number, where the frame has an answer.
    pub fn request(&self) -> Option<u32> {
        match self {
            Self::Hello { i, .. }
            | Self::Join { i, .. }
            | Self::Leave { i, .. }
            | Self::Pub { i, .. }
            | Self::Edit { i, .. }
            | Self::Delete { i, .. }
            | Self::Undelete { i, .. }
            | Self::Hold { i, .. }
            | Self::Held { i, .. }
            | Self::Review { i, .. }
            | Self::Rules { i, .. }
            | Self::SetRules { i, .. }
            | Self::Kick { i, .. }
            | Self::History { i, .. }
            | Self::Roster { i, .. }
            | Self::Who { i, .. }
            | Self::Mute { i, .. }
            | Self::Unmute { i, .. }
            | Self::Ban { i, .. }
            | Self::Unban { i, .. }
            | Self::SlowMode { i, .. }
            | Self::CoHost { i, .. }
            | Self::Mode { i, .. }
            | Self::Pin { i, .. }
            | Self::Question { i, .. }
            | Self::Questions { i, .. }
            | Self::Poll { i, .. }
            | Self::Topic { i, .. }
            | Self::ClosePoll { i, .. }
            | Self::Vote { i, .. }
            | Self::Like { i, .. }
            | Self::Liked { i, .. }
            | Self::Thread { i, .. }
            | Self::Broadcast { i, .. }
            | Self::Offer { i, .. }
            | Self::Restart { i, .. }
            | Self::Show { i, .. }
            | Self::Resume { i, .. }
            | Self::Close { i, .. } => Some(*i),
            Self::Burst { .. }
            | Self::Typing { .. }
            | Self::Watched { .. }
            | Self::Candidate { .. }
            | Self::Ping {}
            | Self::Pong {} => None,
        }
    }

    const fn is_signalling(&self) -> bool {
        matches!(
            self,
            Self::Offer { .. } | Self::Candidate { .. } | Self::Restart { .. }
        )
    }
}

/// Why a text could not be read as a frame, and whose request it was, where that could be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    pub request: Option<u32>,
    pub refusal: Refusal,
}

/// Reads one text message: a frame, or an array of up to [`limits::BATCH_FRAMES_MAX`].
///
/// Errors are typed refusals: `malformed`, `unknown_op`, `too_large`. Depth is bounded by
/// serde_json (128), so that deep nesting is an error and not a stack overflow.
pub fn parse(text: &str) -> Result<Vec<ClientFrame>, FrameError> {
    if text.trim_start().starts_with('[') {
        let parts: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(text).map_err(|it| malformed(None, &it))?;
        if parts.len() > limits::BATCH_FRAMES_MAX {
            return Err(FrameError {
                request: None,
                refusal: Refusal::new(
                    Code::TooLarge,
                    format!("an array holds up to {} frames", limits::BATCH_FRAMES_MAX),
                ),
            });
        }
        return parts.into_iter().map(|it| parse_one(it.get())).collect();
    }
    parse_one(text).map(|it| vec![it])
}

fn parse_one(text: &str) -> Result<ClientFrame, FrameError> {
    let frame: ClientFrame = serde_json::from_str(text).map_err(|it| explain(text, &it))?;
    if text.len() > limits::FRAME_BYTES_MAX && !frame.is_signalling() {
        return Err(FrameError {
            request: frame.request(),
            refusal: Refusal::new(
                Code::TooLarge,
                format!("a frame holds up to {} bytes", limits::FRAME_BYTES_MAX),
            ),
        });
    }
    Ok(frame)
}

/// Tells an unknown op from a wrong field, so that a client of tomorrow learns which it was.
fn explain(text: &str, error: &serde_json::Error) -> FrameError {
    #[derive(Deserialize)]
    struct Head {
        i: Option<u32>,
        op: Option<String>,
    }
    let head: Option<Head> = serde_json::from_str(text).ok();
    let request = head.as_ref().and_then(|it| it.i);
    let op = head.and_then(|it| it.op);
    match op {
        Some(op) if !ops().any(|it| it == op) => FrameError {
            request,
            refusal: Refusal::new(Code::UnknownOp, "this server does not know the op"),
        },
        _ => malformed(request, error),
    }
}

/// The name of every frame, as `op` has it.
pub fn ops() -> impl Iterator<Item = String> {
    VARIANTS.iter().map(|it| snake_case(it))
}

/// As serde's `rename_all` makes it.
fn snake_case(variant: &str) -> String {
    let mut snake = String::with_capacity(variant.len() + 2);
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn malformed(request: Option<u32>, error: &serde_json::Error) -> FrameError {
    FrameError {
        request,
        refusal: Refusal::new(Code::Malformed, format!("not a frame: {error}")),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
