//! Polls as records: what was asked, and (once closed) what came of it.

use std::sync::Arc;

use protocol::{Seq, server};

use crate::member::Person;

/// A poll (投票) in its latest form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    pub question: Arc<str>,
    pub options: Arc<[Arc<str>]>,
    /// One may pick several options.
    pub multiple: bool,
    /// When it closes by itself.
    pub closes_ms: Option<u64>,
    /// The result, once it is closed.
    pub result: Option<Counted>,
}

/// How many voted for each option, and how many people that are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub n: Vec<u32>,
    pub voters: u32,
}

/// The likes and replies of a message, as far as they were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub likes: u32,
    pub replies: u32,
}

impl Poll {
    /// The poll of that seq in the words of the wire.
    pub fn frame(&self, of: Seq) -> server::Poll {
        server::Poll {
            question: self.question.to_string(),
            options: self.options.iter().map(ToString::to_string).collect(),
            multiple: self.multiple,
            closes_ms: self.closes_ms,
            result: self.result.as_ref().map(|it| it.frame(of)),
        }
    }

    /// The same for a poll that is open.
    pub(crate) fn frame_open(&self, of: Seq, by: &Person) -> server::OpenPoll {
        server::OpenPoll {
            of,
            by: by.frame(),
            poll: self.frame(of),
        }
    }
}

impl Counted {
    pub fn frame(&self, of: Seq) -> server::Votes {
        server::Votes {
            of,
            n: self.n.clone(),
            voters: self.voters,
        }
    }
}

impl Tally {
    pub fn frame(self, of: Seq) -> server::Tally {
        server::Tally {
            of,
            likes: self.likes,
            replies: self.replies,
        }
    }
}
