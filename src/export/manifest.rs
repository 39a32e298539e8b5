//! What an archive says of itself: the last file in it, and the first that is read.

use std::fmt;

use protocol::{BroadcastId, MemberId, Slug};
use serde::{Deserialize, Serialize};

/// The format's name.
pub(super) const FORMAT: &str = "weiquan export";
/// The version of the format that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;
/// The file's own name.
pub(super) const MANIFEST: &str = "manifest.json";

/// `manifest.json`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Manifest {
    /// `weiquan export`.
    pub format: String,
    pub version: u32,
    /// The version of the program that wrote it.
    pub program: String,
    pub scope: Scope,
    pub form: Form,
    /// When it was asked for, Unix milliseconds: no part of the content.
    pub made_ms: u64,
    /// Every other file, in the order in which they stand.
    pub files: Vec<Packed>,
}

/// What was exported.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(tag = "of", content = "name", rename_all = "snake_case")]
pub enum Scope {
    Circle,
    Board(Slug),
    /// A topic, or another room.
    Topic(Slug),
    Broadcast(BroadcastId),
    Member(MemberId),
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Circle => out.write_str("circle"),
            Self::Board(slug) => write!(out, "board {slug}"),
            Self::Topic(slug) => write!(out, "topic {slug}"),
            Self::Broadcast(id) => write!(out, "broadcast {id}"),
            Self::Member(id) => write!(out, "member {id}"),
        }
    }
}

/// How much of it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Logs to go on from: this one can be imported.
    Whole,
    /// What readers are shown.
    Shown,
    /// What is one member's own.
    Own,
}

/// A file in the archive.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Packed {
    pub name: String,
    /// Of the content, before it was made smaller.
    pub bytes: u64,
    /// Of JSON Lines: how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// In hex.
    pub sha256: String,
}
