//! What records of order hold: messages that wait, messages that can be brought back, slow mode that
//! follows the talk. Their texts are for few eyes: no frame is made of them.

use std::sync::Arc;

use protocol::{
    Seq,
    server::{AutoSlow, HeldWhy},
};

use super::Message;
use crate::member::Person;

/// A message apart from the talk, as it was or would be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub author: Person,
    pub message: Message,
    /// When it was asked and where in the stream, where it is a question that waits.
    pub asked: Option<(u64, Option<u64>)>,
}

/// A deleted message that can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    pub until_ms: u64,
    pub kept: Kept,
}

/// A message that waits for review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The message that was seen before; absent where nobody saw it yet.
    pub of: Option<Seq>,
    pub why: HeldWhy,
    /// Absent once it was reviewed.
    pub kept: Option<Kept>,
    /// What became of it.
    pub outcome: Option<Outcome>,
}

/// What became of a held message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub allowed: bool,
    pub reason: Arc<str>,
}

/// Slow mode that follows the talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auto {
    pub target_per_s: u32,
    /// The gap that was set by hand: it never gets shorter.
    pub least_ms: u64,
}

impl Held {
    /// What is left of it once it was reviewed.
    pub(crate) const fn reviewed(of: Option<Seq>, why: HeldWhy, outcome: Outcome) -> Self {
        Self {
            of,
            why,
            kept: None,
            outcome: Some(outcome),
        }
    }
}

impl Auto {
    pub(crate) const fn frame(&self) -> AutoSlow {
        AutoSlow {
            target_per_s: self.target_per_s,
        }
    }
}
