//! What a topic (话题) is: the room's kind of its own, kept by its log.

use std::sync::Arc;

use protocol::{
    RoomNumber, Seq, Slug,
    topic::{self, BroadcastPlace, Moment, TopicKind, TopicStatus},
};

use super::{Addressed, Quotes};
use crate::member::Person;

/// A topic after a change of what it is. The last one in the log counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub kind: TopicKind,
    pub title: Arc<str>,
    /// Who started it.
    pub by: Person,
    pub made_ms: u64,
    pub board: Option<Slug>,
    pub tags: Vec<Arc<str>>,
    pub status: TopicStatus,
    /// Why it was declined; else empty.
    pub reason: Arc<str>,
    /// The reply that was accepted, and who wrote it.
    pub accepted: Option<(Seq, Addressed)>,
    pub locked: bool,
    pub pinned: bool,
    pub featured: bool,
    /// The messages that it was made of, where it was.
    pub from: Option<Arc<Quotes>>,
    /// It was merged into this one.
    pub into: Option<TopicPlace>,
    /// Those that were merged into it, each once.
    pub merged: Arc<[TopicPlace]>,
    /// The broadcast that it is the recap of.
    pub recap_of: Option<BroadcastPlace>,
    /// The topic that its replies were written in, until it was split from that.
    pub split_from: Option<TopicPlace>,
    /// The second of a broadcast that it is about.
    pub at: Option<Moment>,
}

/// Another topic, as it was called when it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlace {
    pub room: RoomNumber,
    pub slug: Slug,
    pub title: Arc<str>,
}

impl TopicPlace {
    fn frame(&self) -> topic::TopicPlace {
        topic::TopicPlace {
            room: self.slug.clone(),
            title: self.title.to_string(),
        }
    }
}

impl Topic {
    /// The topic in the words of the wire.
    pub fn frame(&self) -> topic::Topic {
        topic::Topic {
            kind: self.kind,
            title: self.title.to_string(),
            by: self.by.frame(),
            made_ms: self.made_ms,
            board: self.board.clone(),
            tags: self.tags.iter().map(ToString::to_string).collect(),
            status: self.status,
            reason: self.reason.to_string(),
            accepted: self.accepted.as_ref().map(|it| it.0),
            helper: self.accepted.as_ref().map(|it| it.1.frame()),
            locked: self.locked,
            pinned: self.pinned,
            featured: self.featured,
            into: self.into.as_ref().map(TopicPlace::frame),
            merged: self.merged.iter().map(TopicPlace::frame).collect(),
            recap_of: self.recap_of.clone(),
            split_from: self.split_from.as_ref().map(TopicPlace::frame),
            at: self.at.clone(),
        }
    }
}
