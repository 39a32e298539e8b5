//! Order in a room, as it travels: rules about words and links, messages that wait for review, slow mode
//! that follows the talk.

use serde::{Deserialize, Serialize};

use crate::{card::Card, ids::Seq, server::Person};

/// Slow mode that follows the talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AutoSlow {
    /// Messages a second that the room aims at, 1 to [`crate::limits::SLOW_TARGET_MAX`]; in `state` 0 is off.
    pub target_per_s: u32,
}

/// What is said about links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum LinkRule {
    #[default]
    Allow,
    /// From members; those of guests are refused.
    Members,
    Hold,
    Refuse,
}

/// The rules about words and links of a room. Whoever runs it is not held to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Rules {
    /// Words and phrases; what holds one of them is refused.
    #[serde(default)]
    pub refuse: Vec<String>,
    /// What holds one of these waits for review.
    #[serde(default)]
    pub hold: Vec<String>,
    #[serde(default)]
    pub links: LinkRule,
    /// Links to these, and to what is below them, are always fine.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// To `rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct RulesNow {
    pub rules: Rules,
}

/// Why a message was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum HeldWhy {
    Word,
    Link,
    /// Somebody new, from where somebody was banned.
    Network,
    /// A person took it out.
    Person,
}

/// A message that waits for review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct HeldItem {
    /// To be named by `review`.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub s: Seq,
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub t: u64,
    /// Who wrote it.
    pub u: Person,
    pub text: String,
    /// The thing beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub card: Option<Card>,
    pub why: HeldWhy,
    /// The message that was seen before, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub of: Option<Seq>,
}

/// To `held`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct HeldPage {
    pub held: Vec<HeldItem>,
    /// All that wait.
    pub count: u32,
}
