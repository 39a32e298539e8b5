//! The stored form of a topic.

use std::sync::Arc;

use protocol::{
    BroadcastId, RoomNumber, Seq, Slug,
    topic::{BroadcastPlace, Moment, TopicKind, TopicStatus},
};
use serde::{Deserialize, Serialize};

use super::{
    Quotes, Topic, TopicPlace,
    stored::{is_default, twins},
    stored_parts::{StoredAddressed, StoredPerson},
};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredTopic {
    kind: StoredTopicKind,
    title: String,
    by: StoredPerson,
    made_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    board: Option<Slug>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    status: StoredTopicStatus,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<(Seq, StoredAddressed)>,
    #[serde(default, skip_serializing_if = "is_default")]
    locked: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pinned: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    featured: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<StoredQuotes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    into: Option<StoredPlace>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    merged: Vec<StoredPlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recap_of: Option<(Slug, BroadcastId)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split_from: Option<StoredPlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<StoredMoment>,
}

#[derive(Serialize, Deserialize)]
struct StoredMoment {
    room: Slug,
    id: BroadcastId,
    title: String,
    second: u32,
}

#[derive(Serialize, Deserialize)]
struct StoredPlace {
    room: RoomNumber,
    slug: Slug,
    title: String,
}

#[derive(Serialize, Deserialize)]
struct StoredQuotes {
    room: RoomNumber,
    of: Vec<(Seq, StoredAddressed)>,
}

twins! { StoredTopicKind = TopicKind { Discussion, Question, Feedback, Offer, Need, Recap, Announcement, Poll } }
twins! { StoredTopicStatus = TopicStatus {
    Open, Answered, New, Seen, Planned, Doing, Shipped, Declined, Matched, Done, Thanked
} }

impl From<&Topic> for StoredTopic {
    fn from(it: &Topic) -> Self {
        Self {
            kind: it.kind.into(),
            title: it.title.to_string(),
            by: (&it.by).into(),
            made_ms: it.made_ms,
            board: it.board.clone(),
            tags: it.tags.iter().map(ToString::to_string).collect(),
            status: it.status.into(),
            reason: it.reason.to_string(),
            accepted: it.accepted.as_ref().map(|(of, who)| (*of, who.into())),
            locked: it.locked,
            pinned: it.pinned,
            featured: it.featured,
            from: it.from.as_deref().map(Into::into),
            into: it.into.as_ref().map(Into::into),
            merged: it.merged.iter().map(Into::into).collect(),
            recap_of: it.recap_of.clone().map(|it| (it.room, it.id)),
            split_from: it.split_from.as_ref().map(Into::into),
            at: it.at.as_ref().map(Into::into),
        }
    }
}

impl From<StoredTopic> for Topic {
    fn from(it: StoredTopic) -> Self {
        Self {
            kind: it.kind.into(),
            title: it.title.into(),
            by: it.by.into(),
            made_ms: it.made_ms,
            board: it.board,
            tags: it.tags.into_iter().map(Into::into).collect(),
            status: it.status.into(),
            reason: it.reason.into(),
            accepted: it.accepted.map(|(of, who)| (of, who.into())),
            locked: it.locked,
            pinned: it.pinned,
            featured: it.featured,
            from: it.from.map(|it| Arc::new(it.into())),
            into: it.into.map(Into::into),
            merged: it.merged.into_iter().map(Into::into).collect(),
            recap_of: it.recap_of.map(|(room, id)| BroadcastPlace { room, id }),
            split_from: it.split_from.map(Into::into),
            at: it.at.map(Into::into),
        }
    }
}

impl From<&Moment> for StoredMoment {
    fn from(it: &Moment) -> Self {
        Self {
            room: it.room.clone(),
            id: it.id.clone(),
            title: it.title.clone(),
            second: it.second,
        }
    }
}

impl From<StoredMoment> for Moment {
    fn from(it: StoredMoment) -> Self {
        Self {
            room: it.room,
            id: it.id,
            title: it.title,
            second: it.second,
        }
    }
}

impl From<&TopicPlace> for StoredPlace {
    fn from(it: &TopicPlace) -> Self {
        Self {
            room: it.room,
            slug: it.slug.clone(),
            title: it.title.to_string(),
        }
    }
}

impl From<StoredPlace> for TopicPlace {
    fn from(it: StoredPlace) -> Self {
        Self {
            room: it.room,
            slug: it.slug,
            title: it.title.into(),
        }
    }
}

impl From<&Quotes> for StoredQuotes {
    fn from(it: &Quotes) -> Self {
        let of = it.of.iter().map(|(seq, who)| (*seq, who.into()));
        Self {
            room: it.room,
            of: of.collect(),
        }
    }
}

impl From<StoredQuotes> for Quotes {
    fn from(it: StoredQuotes) -> Self {
        let of = it.of.into_iter().map(|(seq, who)| (seq, who.into()));
        Self {
            room: it.room,
            of: of.collect(),
        }
    }
}
