//! What people do to messages without saying anything, polls and questions, as a client hears of them.

use serde::{Deserialize, Serialize};

use crate::{ids::Seq, server::Person};

/// How far a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum QuestionPhase {
    Asked,
    /// Shown to everybody: it is being answered.
    Picked,
    Answered,
}

/// To `liked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Liked {
    /// The messages that the asker likes, in order.
    #[cfg_attr(feature = "ts", ts(type = "number[]"))]
    pub liked: Vec<Seq>,
}

/// A poll (投票) as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Poll {
    pub question: String,
    pub options: Vec<String>,
    /// One may pick several options.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
    pub multiple: bool,
    /// When it closes by itself, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub closes_ms: Option<u64>,
    /// The result, once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub result: Option<Votes>,
}

/// A poll that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct OpenPoll {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub of: Seq,
    pub by: Person,
    pub poll: Poll,
}

/// How many voted for each option of a poll, in the order of its options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Votes {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub of: Seq,
    pub n: Vec<u32>,
    /// People who voted, each counted once.
    pub voters: u32,
}

/// One's own vote in an open poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Voted {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub of: Seq,
    pub picks: Vec<u8>,
}

/// The likes and replies of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Tally {
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub of: Seq,
    pub likes: u32,
    pub replies: u32,
}
