//! Topics (话题): rooms whose talk lasts. What a topic is, what may be done to it, and the bodies of
//! `/api/v1/topics`, `/api/v1/boards` and `/api/v1/tags`.

use serde::{Deserialize, Serialize};

use crate::{
    card::Card,
    doc::Doc,
    ids::{BroadcastId, ClientId, Seq, Slug},
    notices::{Named, bodies},
    server::Person,
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The other way round.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    };
}

words! {
    /// What a room is for.
    RoomKind {
        /// Broadcasts, and the talk around them.
        #[default]
        Live = "live",
        /// One topic.
        Topic = "topic",
    }
}

words! {
    /// What a topic is for. It stays what it was started as.
    TopicKind {
        #[default]
        Discussion = "discussion",
        /// Wants an answer, which its starter accepts.
        Question = "question",
        /// Something that is missing or wrong: others like it, staff say what becomes of it.
        Feedback = "feedback",
        /// Somebody can do something for others.
        Offer = "offer",
        /// Somebody needs something of others.
        Need = "need",
        /// What was in a broadcast.
        Recap = "recap",
        /// By staff.
        Announcement = "announcement",
        /// Asks everybody, by a poll.
        Poll = "poll",
    }
}

words! {
    /// How far a topic is.
    TopicStatus {
        #[default]
        Open = "open",
        /// A question with an accepted answer.
        Answered = "answered",
        /// Feedback that nobody has looked at.
        New = "new",
        Seen = "seen",
        Planned = "planned",
        Doing = "doing",
        Shipped = "shipped",
        /// Will not be done; the reason is said.
        Declined = "declined",
        /// An offer or need whose starter accepted somebody.
        Matched = "matched",
        /// What was offered or needed is done.
        Done = "done",
        /// And the starter said thank you.
        Thanked = "thanked",
    }
}

/// What a topic is now, apart from what is said in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Topic {
    pub kind: TopicKind,
    pub title: String,
    /// Who started it.
    pub by: Person,
    /// When, Unix milliseconds.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub made_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub board: Option<Slug>,
    /// Without their `#`, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(as = "Option<Vec<String>>", optional))]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "is_open")]
    #[cfg_attr(feature = "ts", ts(as = "Option<TopicStatus>", optional))]
    pub status: TopicStatus,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
    pub reason: String,
    /// The reply that its starter accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub accepted: Option<Seq>,
    /// Who wrote that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub helper: Option<Named>,
    /// Only staff write here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
    pub locked: bool,
    /// Stands above the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
    pub pinned: bool,
    /// One of the best (精华).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
    pub featured: bool,
    /// It was merged into this one: nothing is written in it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub into: Option<TopicPlace>,
    /// Those that were merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(as = "Option<Vec<TopicPlace>>", optional))]
    pub merged: Vec<TopicPlace>,
    /// What it is the recap of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub recap_of: Option<BroadcastPlace>,
    /// Its replies were written in that one, until it was split from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub split_from: Option<TopicPlace>,
    /// The second of a broadcast that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub at: Option<Moment>,
}

/// A second of a broadcast, as that was called when it was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Moment {
    pub room: Slug,
    pub id: BroadcastId,
    pub title: String,
    /// Seconds of the broadcast's media clock.
    pub second: u32,
}

/// A broadcast that is over, and its room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BroadcastPlace {
    pub room: Slug,
    pub id: BroadcastId,
}

/// Another topic, as it was called when it was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicPlace {
    pub room: Slug,
    pub title: String,
}

fn is_open(it: &TopicStatus) -> bool {
    *it == TopicStatus::Open
}

/// What a notice (`changed`) says of a topic that was merged into another one, in place of its status.
pub const MERGED: &str = "merged";

/// The record of what a topic's starter wrote first; record 1 says what the topic is.
pub const OPENING: Seq = 2;

/// What may be done to a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum TopicAct {
    /// Calls it something else. By its starter or staff, as tags.
    Title {
        title: String,
    },
    Tags {
        tags: Vec<String>,
    },
    /// To another board, or (absent) to none. By staff.
    Board {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        board: Option<Slug>,
    },
    /// How far it is. Feedback: by staff. Offers and needs: `done` by the starter or who helps, `thanked` by
    /// the starter.
    Status {
        to: TopicStatus,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        reason: String,
    },
    /// Accepts a reply of a question, an offer or a need; absent: none any more. By its starter or staff.
    Accept {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        of: Option<Seq>,
    },
    /// By staff, as the next two.
    Lock {
        on: bool,
    },
    Pin {
        on: bool,
    },
    Feature {
        on: bool,
    },
}

/// Whether one is told of what is new in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Following {
    /// Neither: it counts among the others.
    #[default]
    No,
    /// Its news are counted. Who starts a topic or writes in it follows it.
    Yes,
    /// Not even where one writes in it.
    Muted,
}

bodies! {
    /// `POST /api/v1/topics`: a topic with what its starter writes first. Said twice with the same `cid` it is
    /// made once.
    NewTopic {
        cid: ClientId,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(as = "Option<TopicKind>", optional))]
        kind: TopicKind,
        title: String,
        /// Markdown, up to [`crate::limits::MARKDOWN_CHARS_MAX`] characters. May be empty beside `from`.
        text: String,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional))]
        board: Option<Slug>,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<String>>", optional))]
        tags: Vec<String>,
        /// May guests read it?
        guests: bool,
        /// The messages that it is made of, whose writers have credit for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        from: Option<QuotesWish>,
        /// The broadcast that it is the recap of: by who runs its room, once it is over, and once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        recap_of: Option<BroadcastPlace>,
        /// The second of a broadcast that it is about: one that the starter may watch, and that second was played.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        at: Option<MomentWish>,
    }
    /// A second of a broadcast that a topic is to be about.
    MomentWish {
        room: Slug,
        id: BroadcastId,
        /// Seconds of its media clock, from 0 to as many as were played.
        second: u32,
    }
    /// Messages of one room that a topic is to be made of.
    QuotesWish {
        /// A room or a topic that one may read.
        room: Slug,
        /// 1 to [`crate::limits::TOPIC_QUOTES_MAX`], in any order.
        #[cfg_attr(feature = "ts", ts(type = "Array<number>"))]
        seqs: Vec<Seq>,
    }
    /// What a topic was made of.
    TopicFrom {
        /// Who wrote it, as they were called then, in the order in which they spoke.
        credit: Vec<Named>,
        /// Absent for whom that room is closed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        source: Option<TopicSource>,
    }
    /// The room that the messages of a topic were said in, and what they say now.
    TopicSource {
        room: Slug,
        room_title: String,
        /// The room is a topic.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        topic: bool,
        quotes: Vec<TopicQuote>,
    }
    /// A message that a topic was made of, as it is now.
    TopicQuote {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        seq: Seq,
        /// When it was said, Unix milliseconds; absent where it is not there any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        at_ms: Option<u64>,
        author: Named,
        /// Empty once deleted.
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        deleted: bool,
        /// Of a reply in a topic: the text as it is shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        doc: Option<Doc>,
        /// The thing beside the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        card: Option<Card>,
    }
    /// Where one is in a topic.
    ReadingPosition {
        /// The last record that one has read, on any device.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        seq: Seq,
        /// Messages after it, the own ones left out as far as one wrote after reading.
        unread: u32,
        following: Following,
    }
    /// A topic in a list.
    TopicCard {
        room: Slug,
        guests: bool,
        topic: Topic,
        /// The beginning of what its starter wrote, on one line.
        excerpt: String,
        /// Messages but the first.
        replies: u32,
        /// People who like what it starts with.
        likes: u32,
        /// When something was said last, Unix milliseconds.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        last_ms: u64,
        /// And by whom.
        last_by: Person,
        /// Many people speak in it just now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        hot: bool,
        /// Absent for who has no account, or never was there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        reading: Option<ReadingPosition>,
        /// Of a topic that was made of messages; told of one topic, not in lists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        from: Option<TopicFrom>,
        /// Of feedback that shipped; told of one topic, not in lists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        thanks: Option<Thanks>,
    }
    /// Who asked for what is there now.
    Thanks {
        /// As they are called, up to [`crate::limits::ASKERS_NAMED`].
        people: Vec<Named>,
        /// And so many more, some of whom do not want to be named.
        more: u32,
    }
    /// `GET /api/v1/topics`.
    TopicList {
        topics: Vec<TopicCard>,
        /// Say it as `after` for the next page; absent on the last one.
        next: Option<String>,
    }
    /// `PUT /api/v1/topics/{room}/reading`: up to where one has read.
    ReadingWish {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        seq: Seq,
    }
    /// `PUT /api/v1/topics/{room}/following`.
    FollowingWish {
        following: Following,
    }
    /// `PUT /api/v1/topics/{room}/into`: merges this topic into another one.
    MergeWish {
        into: Slug,
    }
    /// `POST /api/v1/topics/{room}/split`: these replies become a topic of their own. Said twice with the same
    /// `cid` it is made once.
    SplitWish {
        cid: ClientId,
        /// 1 to [`crate::limits::SPLIT_REPLIES_MAX`] replies of this topic, in any order. The first of them is how
        /// the new one begins.
        #[cfg_attr(feature = "ts", ts(type = "Array<number>"))]
        seqs: Vec<Seq>,
        title: String,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(as = "Option<TopicKind>", optional))]
        kind: TopicKind,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional))]
        board: Option<Slug>,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<String>>", optional))]
        tags: Vec<String>,
    }
    /// A board (版块): what topics are sorted by.
    Board {
        slug: Slug,
        title: String,
        about: String,
        /// Topics in it.
        topics: u32,
        /// Its rank among the boards, from 0.
        rank: u32,
        /// Who asks is told of each topic that is started in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        following: bool,
    }
    /// `GET /api/v1/boards`, in their order.
    BoardList {
        boards: Vec<Board>,
    }
    /// `PUT /api/v1/boards/{slug}`: makes it, or changes it.
    BoardWish {
        title: String,
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        about: String,
        /// Absent: where it is, or the last.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional))]
        rank: Option<u32>,
    }
    /// `PUT /api/v1/boards/{slug}/following`.
    BoardFollowingWish {
        following: bool,
    }
    /// `GET /api/v1/unread`: what is new in the topics that one follows.
    Unread {
        /// Topics with something new.
        topics: u32,
        /// Messages, in all of them.
        messages: u32,
    }
    /// A hashtag and its topics.
    TagCount {
        tag: String,
        topics: u32,
    }
    /// `GET /api/v1/tags`: those with the most topics first.
    TagList {
        tags: Vec<TagCount>,
    }
}
