//! Notices (通知): what a member is told of wherever they are, and the settings for them. On the wire
//! they are the push `notice` and the bodies of `/api/v1/notices`, `/api/v1/push` and of reminders.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{MemberId, Seq, Slug},
    server::Person,
};

/// Somebody whom a message names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Named {
    pub id: MemberId,
    pub name: String,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NoticeKind {
    /// A message names you.
    Mention,
    /// A message replies to yours.
    Reply,
    /// Your question is being answered.
    Picked,
    /// A broadcast you asked to be reminded of begins soon.
    Reminder,
    /// A broadcast went live.
    Live,
    /// Your reply was accepted in a topic.
    Accepted,
    /// A topic that you asked for or help with is further on.
    Changed,
    /// A topic was made of what you said.
    Credit,
    /// A topic was started in a board that you follow.
    Started,
    /// The circle was handed over to you.
    Owner,
    /// You handed the circle over.
    Handed,
}

impl NoticeKind {
    pub const ALL: [Self; 11] = [
        Self::Mention,
        Self::Reply,
        Self::Picked,
        Self::Reminder,
        Self::Live,
        Self::Accepted,
        Self::Changed,
        Self::Credit,
        Self::Started,
        Self::Owner,
        Self::Handed,
    ];
    /// Those whose ways a member chooses; they stand first. Of the others everybody is told on every way that there is.
    pub const CHOSEN: &'static [Self] = Self::ALL.split_at(9).0;

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Reply => "reply",
            Self::Picked => "picked",
            Self::Reminder => "reminder",
            Self::Live => "live",
            Self::Accepted => "accepted",
            Self::Changed => "changed",
            Self::Credit => "credit",
            Self::Started => "started",
            Self::Owner => "owner",
            Self::Handed => "handed",
        }
    }

    /// Whether it is about the circle, and leads to no room.
    pub const fn is_of_the_circle(self) -> bool {
        matches!(self, Self::Owner | Self::Handed)
    }
}

/// How often a member has a digest (摘要) by e-mail: what they did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Digest {
    Never,
    Daily,
    /// On Mondays.
    #[default]
    Weekly,
}

impl Digest {
    pub const ALL: [Self; 3] = [Self::Never, Self::Daily, Self::Weekly];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }
        )*
    };
}

pub(crate) use bodies;

bodies! {
    /// One notice of a member.
    Notice {
        /// Grows with time.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        id: u64,
        kind: NoticeKind,
        /// Empty where it is about the circle.
        room: Slug,
        /// The room's title, or the circle's name.
        title: String,
        /// The message; absent where it is about a broadcast.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        s: Option<Seq>,
        /// Unix milliseconds.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        t: u64,
        from: Person,
        /// The beginning of the message, or the broadcast's title; empty once the message is gone.
        text: String,
        /// Of a broadcast: when it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        starts_ms: Option<u64>,
        /// How many more of the same sender it stands for.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        more: u32,
        seen: bool,
        /// The room is a topic.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        topic: bool,
    }
    /// `GET /api/v1/notices`: one page, the newest first.
    NoticeList {
        notices: Vec<Notice>,
        /// Say it as `after` for the next page; absent on the last one.
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        next: Option<u64>,
        /// Notices that were not seen yet, on all pages.
        unread: u32,
    }
    /// `POST /api/v1/notices/seen`: this notice and every older one.
    NoticesSeen {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        upto: u64,
    }
    /// The answer to it.
    NoticesUnread {
        unread: u32,
    }
    /// On which ways a kind of notice, which always lies in the inbox, goes as well.
    NoticeWays {
        kind: NoticeKind,
        /// To the browsers that want pushes.
        push: bool,
        /// Into a letter, where it is not seen for a while.
        mail: bool,
    }
    /// `GET` and `PUT /api/v1/notices/settings`.
    NoticeSettings {
        /// Each kind once; a kind that is absent from a PUT stays as it is.
        ways: Vec<NoticeWays>,
        /// Told of every broadcast of the circle that goes live, not only of those asked for.
        all_live: bool,
        /// Not named where thanks are said for what one asked for; absent from a PUT it stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        unnamed: Option<bool>,
        /// How often what one did not see comes as a letter; absent from a PUT it stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        digest: Option<Digest>,
    }
    /// `GET /api/v1/rooms/{room}/reminder`, and the answer to PUT and DELETE.
    Reminder {
        /// Whether this member is reminded of the room's broadcast.
        set: bool,
    }
    /// `GET /api/v1/push/key`: what a browser subscribes with.
    PushKey {
        /// The public key of this server (P-256, uncompressed, base64url).
        key: String,
    }
    /// `PUT /api/v1/push/subscription`: as the browser's `PushSubscription` says it.
    PushSubscription {
        endpoint: String,
        keys: PushKeys,
        /// The language of the words that are shown: `en`, `zh-CN` or `zh-TW`.
        lang: String,
    }
    PushKeys {
        p256dh: String,
        auth: String,
    }
    /// `DELETE /api/v1/push/subscription`.
    PushEnd {
        endpoint: String,
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
