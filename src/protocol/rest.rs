//! The bodies of the REST API under `/api/v1`. Errors there are `application/problem+json`
//! ([`Problem`], RFC 9457) with the same codes as on the socket.

use serde::{Deserialize, Serialize};

use crate::{
    card::BlobKind,
    client::BroadcastAct,
    refusal::{Act, Code},
    server::{Broadcast, Mark, Person, Quoted},
    topic::TopicPlace,
};

/// A role that can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MemberRole {
    Member,
    Moderator,
}

/// What becomes of what a member wrote, where they erase their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Writings {
    /// It stays, without a name.
    Keep,
    /// Each message becomes what is left of a deleted one.
    Remove,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }
        )*
    };
}

bodies! {
    /// `GET /api/v1/server`: what a client must know before anybody signed in.
    ServerInfo {
        version: String,
        /// False until the owner's account was made by the printed link.
        set_up: bool,
        /// The circle's name, once set up.
        circle: Option<String>,
        sign_up_open: bool,
        /// Whether this server writes letters (e-mail).
        mail: bool,
    }
    /// `POST /api/v1/set-up`: the one-time code of the printed link, the owner, the first circle.
    SetUp {
        code: String,
        name: String,
        password: String,
        circle: String,
    }
    /// `POST /api/v1/accounts` and `POST /api/v1/sign-in`.
    Credentials {
        name: String,
        password: String,
    }
    /// `GET /api/v1/rooms/{room}/polls/{seq}`: the numbers of a poll.
    PollResult {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        seq: u64,
        question: String,
        options: Vec<PollOption>,
        /// People who voted, each counted once.
        voters: u32,
        /// One may pick several options.
        multiple: bool,
        open: bool,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        made_ms: u64,
        /// When it closes by itself, where it does.
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        closes_ms: Option<u64>,
    }
    PollOption {
        text: String,
        votes: u32,
    }
    /// `POST /api/v1/sign-out`.
    SignOut {
        /// Every sign-in of this account, on every device, and every token made from them.
        everywhere: bool,
    }
    /// `POST /api/v1/guests`: a guest identity that is stable per device.
    GuestWish {
        /// A secret of the device's own making: at least 32 characters.
        device: String,
        /// What to be called; absent: a name is made.
        name: Option<String>,
    }
    /// The answer of `set-up`, `accounts`, `sign-in`, `token` and `guests`: a short-lived token to
    /// say in `hello` or as `Authorization: Bearer`. The sign-in itself is an HttpOnly cookie.
    Token {
        token: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        expires_ms: u64,
        me: Me,
    }
    /// Who one is.
    Me {
        id: crate::ids::MemberId,
        name: String,
        mark: Mark,
    }
    /// `DELETE /api/v1/me`: the account ends, and its name is gone.
    EraseWish {
        /// The account's password, once more.
        password: String,
        writings: Writings,
    }
    /// Somebody with an account in the circle, as owner and moderators see the list.
    MemberCard {
        id: crate::ids::MemberId,
        name: String,
        /// `member`, `moderator` or `owner`: what one is outside of any room.
        mark: Mark,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        joined_ms: u64,
    }
    /// `GET /api/v1/members`: one page, by name.
    MemberList {
        members: Vec<MemberCard>,
        /// Say it as `after` for the next page; absent on the last one.
        next: Option<crate::ids::MemberId>,
        /// Members that the search fits, on all pages.
        count: u32,
    }
    /// `PUT /api/v1/members/{id}/role`.
    RoleWish {
        role: MemberRole,
    }
    /// `PUT /api/v1/circle/owner`: that member owns the circle from now on.
    HandOverWish {
        member: crate::ids::MemberId,
        /// The password of whoever hands it over.
        password: String,
    }
    /// A line of the audit log: who did what to whom.
    ActCard {
        /// 1, 2, 3 … without a hole.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        number: u64,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        at_ms: u64,
        /// Absent where it is about the whole circle.
        room: Option<crate::ids::Slug>,
        by: Person,
        /// `mute`, `unmute`, `kick`, `ban`, `unban`, `delete`, `undelete`, `hold`, `allow`, `refuse`, `slow_mode`,
        /// `mode`, `rules`, `co_host`, `no_co_host`, `role`, `stream_key`, `revoke_stream_key`, `sign_out_everywhere`,
        /// `erase_account`, `handed_over`;
        /// and what the operator did at the machine: `reload` or `restore`.
        what: String,
        whom: Option<Person>,
        why: String,
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        until_ms: Option<u64>,
    }
    /// `GET /api/v1/audit` and `GET /api/v1/penalties`: the newest first.
    ActList {
        acts: Vec<ActCard>,
        /// Say it as `before` for the next page; absent on the last one.
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        next: Option<u64>,
    }
    /// A room on the home page.
    RoomCard {
        slug: crate::ids::Slug,
        /// What frames name it by (J7): an offer may go with the join.
        a: crate::ids::RoomNumber,
        title: String,
        guests: bool,
        made_by: Person,
        /// People here now.
        count: u32,
        broadcast: Option<Broadcast>,
    }
    /// `GET /api/v1/rooms`: the rooms with a broadcast first, live ones on top.
    RoomList {
        rooms: Vec<RoomCard>,
        /// Grows with every broadcast that is announced, begins, ends or is taken back: asked for with
        /// `?after=` it, the next list comes as soon as there is another.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        version: u64,
    }
    /// `POST /api/v1/rooms`.
    NewRoom {
        title: String,
        /// May guests watch and talk?
        guests: bool,
        /// Absent: one is made.
        slug: Option<crate::ids::Slug>,
    }
    /// `POST /api/v1/rooms/{room}/broadcast`.
    BroadcastWish {
        act: BroadcastAct,
        title: Option<String>,
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        starts_ms: Option<u64>,
    }
    /// `POST /api/v1/rooms/{room}/blobs`: what was uploaded, as it is kept.
    BlobMade {
        id: crate::ids::BlobId,
        kind: BlobKind,
        bytes: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        width: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        height: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        duration_ms: Option<u32>,
    }
    /// Hearts of one kind.
    HeartCount {
        kind: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        n: u64,
    }
    /// What only who runs the room is told of a broadcast that is over.
    SummaryForHost {
        /// Different people who said something.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        talkers: u64,
        /// The time of all viewers together.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        watched_ms: u64,
    }
    /// `GET /api/v1/rooms/{room}/asked`: those that most people asked first.
    AskedList {
        asked: Vec<Asked>,
    }
    /// A question that several people asked, in about the same words.
    Asked {
        /// As most of them said it.
        text: String,
        /// Each counted once.
        people: u32,
        times: u32,
        /// When it was asked last, Unix milliseconds.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        at_ms: u64,
        /// One message of each who asked, up to [`crate::limits::TOPIC_QUOTES_MAX`]: a topic can be made of them.
        #[cfg_attr(feature = "ts", ts(type = "Array<number>"))]
        seqs: Vec<u64>,
        /// The topic that was made of it already: the first, where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        topic: Option<TopicPlace>,
    }
    /// A poll of a broadcast that is over, and what came of it.
    SummaryPoll {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        seq: u64,
        question: String,
        options: Vec<PollOption>,
        /// People who voted, each counted once.
        voters: u32,
        /// When in the broadcast it was asked, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        pos: Option<u64>,
    }
    /// `GET /api/v1/rooms/{room}/broadcasts/{id}/summary`: what it was.
    Summary {
        room: crate::ids::Slug,
        room_title: String,
        broadcast: Broadcast,
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        ended_ms: Option<u64>,
        /// How long it was live.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        played_ms: u64,
        /// Most viewers at one moment.
        peak: u32,
        /// Viewers, each counted once.
        people: u32,
        /// How long a viewer was there on average.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        average_ms: u64,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        messages: u64,
        /// The most used first.
        hearts: Vec<HeartCount>,
        /// The questions that were answered.
        answered: Vec<Quoted>,
        /// What stood above the talk.
        pins: Vec<Quoted>,
        /// The polls that closed, in their order.
        polls: Vec<SummaryPoll>,
        /// The topic that tells of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        recap: Option<crate::topic::TopicPlace>,
        /// The topics about moments of it that who asks may read, by their seconds, at most
        /// [`crate::limits::MOMENTS_LISTED`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<SummaryMoment>>", optional))]
        moments: Vec<SummaryMoment>,
        host: Option<SummaryForHost>,
    }
    /// A topic about a second of a broadcast.
    SummaryMoment {
        topic: crate::topic::TopicPlace,
        /// Of the broadcast's media clock.
        second: u32,
        /// Who started it.
        by: Person,
        /// Messages but the first.
        replies: u32,
    }
    /// A broadcast that is over, on the home page.
    Ended {
        room: crate::ids::Slug,
        broadcast: Broadcast,
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        ended_ms: Option<u64>,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        played_ms: u64,
        people: u32,
    }
    /// `GET /api/v1/lately`: those that ended last.
    EndedList {
        ended: Vec<Ended>,
    }
    /// A broadcast that ended while somebody was not there.
    Missed {
        room: crate::ids::Slug,
        room_title: String,
        broadcast: Broadcast,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        ended_ms: u64,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        played_ms: u64,
        /// The topic that tells of it.
        recap: Option<crate::topic::TopicPlace>,
        /// Questions that were answered.
        answered: u32,
        /// Notices of it to whoever asks that they did not see.
        mentions: u32,
    }
    /// `GET /api/v1/missed`: the newest first.
    MissedList {
        missed: Vec<Missed>,
    }
    /// `POST /api/v1/missed/seen`: broadcasts that ended by then are no news.
    MissedSeen {
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        upto_ms: u64,
    }
    /// `GET /api/v1/search`: where it is said, the newest first, behind what up to three featured topics have.
    SearchPage {
        hits: Vec<SearchHit>,
        /// Say it as `after` for the next page, which may have hits even where this one has none; absent on
        /// the last one.
        next: Option<String>,
    }
    /// A message that was found, or a room by its title.
    SearchHit {
        room: crate::ids::Slug,
        room_title: String,
        /// The room is a topic.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        topic: bool,
        /// It comes first since it is in a featured topic; on a later page it may come again, in its place.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        featured: bool,
        /// The message; absent where it is the room's title.
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        seq: Option<u64>,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        at_ms: u64,
        author: Person,
        /// The part of the text that shows best why it was found.
        text: String,
        /// The text begins before, or goes on behind it.
        before: bool,
        behind: bool,
        /// Where in `text` what was looked for stands, in order and apart.
        places: Vec<SearchPlace>,
    }
    /// From a character (not a byte) to the one behind the last.
    SearchPlace {
        from: u32,
        to: u32,
    }
    /// `GET /api/v1/check`: what a check of one's line needs.
    CheckPoint {
        /// An SDP answer, to an offer with nothing but a data channel, that leads to the ports that viewers
        /// are shown from. ICE connects there when UDP gets through; nothing else ever comes of it.
        sdp: String,
        /// The same for the port that a studio or an encoder sends to.
        publish_sdp: String,
        /// The same two by TCP; absent where no media goes by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        tcp_sdp: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        publish_tcp_sdp: Option<String>,
        /// The largest body of `POST /api/v1/check/upload`.
        upload_bytes_max: u32,
    }
    /// `POST /api/v1/check/upload`: what arrived.
    CheckUpload {
        bytes: u32,
        /// How long it took from the head of the request to the end of its body.
        ms: u32,
    }
    /// A stream key as listed: never the key itself.
    StreamKey {
        id: String,
        label: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        made_ms: u64,
        #[cfg_attr(feature = "ts", ts(type = "number | null"))]
        used_ms: Option<u64>,
    }
    /// `GET /api/v1/rooms/{room}/stream-keys`.
    StreamKeyList {
        keys: Vec<StreamKey>,
    }
    /// `POST /api/v1/rooms/{room}/stream-keys`.
    NewStreamKey {
        label: String,
    }
    /// The answer to it: the only time the key is shown.
    StreamKeyMade {
        id: String,
        key: String,
        label: String,
    }
    /// RFC 9457, with our code and what to do.
    Problem {
        #[serde(rename = "type")]
        kind: String,
        title: String,
        status: u16,
        detail: String,
        code: Code,
        act: Act,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        ms: Option<u64>,
        /// As in a refusal of the socket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
        place: Option<u32>,
    }
}
