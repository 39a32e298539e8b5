//! Replies that became a topic of their own: what the log of the topic they were written in keeps of that.
//! Their words are in the other log, and there alone.

use std::sync::Arc;

use protocol::{Seq, Slug, server::Body, topic};
use serde::{Deserialize, Serialize};

use super::RecordBody;

/// Replies of this topic became a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// That topic, as it was called then.
    pub to: Slug,
    pub title: Arc<str>,
    /// INVARIANT: in the order of their seqs, each once, at least one; the second is the seq there.
    pub moved: Vec<(Seq, Seq)>,
}

/// The place of a reply that is in another topic now, in place of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// That topic, as it was called when the reply came to it.
    pub to: Slug,
    pub title: Arc<str>,
    /// Its seq there.
    pub seq: Seq,
    pub reply_to: Option<Seq>,
    /// As of a message.
    pub root: Option<Seq>,
}

impl Split {
    /// Where this message went by it.
    pub(crate) fn place_of(&self, seq: Seq) -> Option<Seq> {
        let found = self.moved.binary_search_by_key(&seq, |it| it.0).ok()?;
        Some(self.moved[found].1)
    }

    /// What is left of a message in its place; `None` where it is not among them.
    pub(crate) fn left(&self, of: Seq, reply_to: Option<Seq>, root: Option<Seq>) -> Option<Moved> {
        Some(Moved {
            to: self.to.clone(),
            title: self.title.clone(),
            seq: self.place_of(of)?,
            reply_to,
            root,
        })
    }

    /// In the words of the wire.
    pub(super) fn frame(&self) -> Body {
        Body::Split {
            to: place(&self.to, &self.title),
            moved: self.moved.clone(),
        }
    }
}

impl Moved {
    /// Where it is, by its address on this site.
    pub fn address(&self) -> String {
        format!("/t/{}?s={}", self.to, self.seq)
    }

    /// In the words of the wire.
    pub(super) fn frame(&self) -> Body {
        Body::Moved {
            to: place(&self.to, &self.title),
            s: self.seq,
            re: self.reply_to,
            root: self.root.filter(|root| self.reply_to != Some(*root)),
        }
    }
}

fn place(room: &Slug, title: &str) -> topic::TopicPlace {
    topic::TopicPlace {
        room: room.clone(),
        title: title.to_owned(),
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredSplit {
    to: Slug,
    title: String,
    moved: Vec<(Seq, Seq)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredMoved {
    to: Slug,
    title: String,
    seq: Seq,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Seq>,
}

impl From<&Split> for StoredSplit {
    fn from(it: &Split) -> Self {
        Self {
            to: it.to.clone(),
            title: it.title.to_string(),
            moved: it.moved.clone(),
        }
    }
}

impl From<StoredSplit> for RecordBody {
    fn from(it: StoredSplit) -> Self {
        Self::Split(Split {
            to: it.to,
            title: it.title.into(),
            moved: it.moved,
        })
    }
}

impl From<&Moved> for StoredMoved {
    fn from(it: &Moved) -> Self {
        Self {
            to: it.to.clone(),
            title: it.title.to_string(),
            seq: it.seq,
            reply_to: it.reply_to,
            root: it.root,
        }
    }
}

impl From<StoredMoved> for RecordBody {
    fn from(it: StoredMoved) -> Self {
        Self::Moved(Moved {
            to: it.to,
            title: it.title.into(),
            seq: it.seq,
            reply_to: it.reply_to,
            root: it.root,
        })
    }
}
