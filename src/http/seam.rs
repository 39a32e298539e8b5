//! What `http` needs of the rest of the server, said once: the room side ([`Stage`]), and the place
//! where upgraded sockets go ([`Adopt`]). The shell implements the first over its actors and media,
//! and hands in the second; `http` knows neither.
//!
//! `http` finds rooms and people (404, 401, throttles, body limits) before it calls here. What
//! somebody may do in a room is answered by the room itself, behind these calls, because only the
//! room knows its bans, its host and its phase.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use community::{NewSplit, NewTopic, TopicPlace, Verb, Who};
use protocol::{
    ClientId, MemberId, PeerId, Refusal, RoomNumber, Slug,
    layers::{LayerCeiling, StageTold},
    rest::BroadcastWish,
    server::Broadcast,
};
use tokio::sync::watch;

/// What an asynchronous door answers.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// An answered offer: a WHIP or WHEP resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// Unguessable (at least 128 random bits, URL-safe).
    pub peer: PeerId,
    pub sdp: String,
    /// Names the ICE session, without quotes (RFC 9725 4.3.1).
    pub etag: String,
}

/// Which topic is merged into which, or no longer (`on` is false).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    pub topic: TopicPlace,
    /// Those that were merged into it before: they go along.
    pub along: Vec<TopicPlace>,
    pub into: TopicPlace,
    pub on: bool,
}

/// Replies that are split into a topic of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitOrder {
    /// The topic that they are in.
    pub topic: RoomNumber,
    pub client_id: ClientId,
    pub split: NewSplit,
}

/// SDP answers that lead a check of somebody's line to the media ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProbes {
    /// To those that viewers are shown from, by UDP alone.
    pub view: String,
    /// To the one that publishers send to, by UDP alone.
    pub publish: String,
    /// The same by TCP alone, where media may come and go so.
    pub view_tcp: Option<String>,
    pub publish_tcp: Option<String>,
}

/// Which ICE session of a peer a client means (`If-Match`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceSession {
    /// Whichever it is now. Only this may restart it.
    Any,
    /// One of these ([`Established::etag`]).
    Tagged(Vec<String>),
}

/// A fragment of SDP about a peer's ICE session (RFC 9725 4.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcePatch {
    pub peer: PeerId,
    pub session: IceSession,
    pub fragment: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IcePatched {
    /// The session that was meant is over.
    Stale,
    /// Candidates of the session that is.
    Noted,
    /// A new session: its tag, without quotes, and our side of it.
    Restarted { etag: String, fragment: String },
}

/// A way to hear of what a viewer watches.
#[derive(Clone, Debug)]
pub struct Tidings {
    pub room: RoomNumber,
    /// Which section of its offer has the picture, from 0; `None` where it was answered with sound alone.
    pub section: Option<usize>,
    pub stage: watch::Receiver<StageTold>,
    /// Closed when the viewer is gone.
    pub life: watch::Receiver<()>,
}

/// What a publisher is let in by. It ends with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The stream key of that id.
    StreamKey(String),
    /// A token; good until then, Unix milliseconds. (Readers of tokens allow for clocks that differ
    /// by [`protocol::limits::TOKEN_LEEWAY`]: so does the end.)
    Token { expires_ms: u64 },
}

/// An encoder that wants to publish.
#[derive(Clone, Debug)]
pub struct PublishWish {
    pub room: RoomNumber,
    pub who: Who,
    pub by: Credential,
    pub offer: String,
}

/// Somebody who wants to watch.
#[derive(Clone, Debug)]
pub struct ViewWish {
    pub room: RoomNumber,
    /// `None` is somebody without a token, who counts as a guest.
    pub who: Option<Who>,
    /// When the token ends that they came with, Unix milliseconds: the peer ends with it.
    pub expires_ms: Option<u64>,
    /// Where they come from: who shows no token has nothing else to be known by.
    pub address: IpAddr,
    pub offer: String,
}

/// Something that somebody could do until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Signed out everywhere: every connection and peer of this member ends (`token_revoked`).
    Member(MemberId),
    /// A publisher that came in by this key ends.
    StreamKey { room: RoomNumber, id: String },
}

/// The rooms and their media, as HTTP needs them. Implemented by the shell.
pub trait Stage: Send + Sync + 'static {
    /// May this person do this in the room, now? `None` is somebody without a token, who counts as a
    /// guest. Refuses with `banned`, `guests_not_allowed`, `not_permitted`.
    fn admit(&self, room: RoomNumber, who: Option<Who>, verb: Verb) -> Answer<'_, ()>;

    /// WHIP: holds [`Verb::GoLive`], then answers the offer. A broadcast opens when none is open;
    /// a lingering publisher of the same member is replaced; another's is `stage_taken`.
    fn publish(&self, wish: PublishWish) -> Answer<'_, Established>;

    /// WHEP: holds [`Verb::Watch`], then answers the offer. `nothing_published` says in `ms` when to
    /// come again; `room_full` that too, and the place in the line.
    fn view(&self, wish: ViewWish) -> Answer<'_, Established>;

    /// Candidates of a peer, or a restart of its ICE session. Whose it is, `http` has held already.
    /// Refuses with `sdp_invalid`, `sdp_unfit` (a restart that is not possible: the session before
    /// goes on), `no_such_peer`.
    fn patch(&self, patch: IcePatch) -> Answer<'_, IcePatched>;

    /// To hear of what a viewer watches, while it is there. Refuses with `no_such_peer`. Whose it is,
    /// `http` has held already.
    fn tidings(&self, peer: PeerId) -> Answer<'_, Tidings>;

    /// Sends a viewer no larger layer of the picture than this, whatever its line carries. Refuses with
    /// `no_such_peer`. Whose it is, `http` has held already.
    fn hold_to(&self, peer: PeerId, ceiling: LayerCeiling) -> Answer<'_, ()>;

    /// Viewers that are being shown a room now.
    fn viewers(&self, room: RoomNumber) -> usize;

    /// Ends a peer; false where there is none (any more). Whose it is, `http` has held already.
    fn close(&self, peer: PeerId) -> Answer<'_, bool>;

    /// A host's wish about the broadcast; answers the broadcast after it, once that is committed.
    fn broadcast(&self, room: RoomNumber, who: Who, wish: BroadcastWish) -> Answer<'_, Broadcast>;

    /// The broadcast that is on in a room or was last, and how much of it was played, in milliseconds. A room that
    /// rests is woken.
    fn played(&self, room: RoomNumber) -> Answer<'_, Option<(community::Broadcast, u64)>>;

    /// Starts the topic that this room is; nothing happens where this wish did that before.
    fn start_topic(
        &self,
        room: RoomNumber,
        who: Who,
        client_id: ClientId,
        topic: NewTopic,
    ) -> Answer<'_, ()>;

    /// Merges a topic into another one, or lets it stand by itself again.
    fn merge_topic(&self, who: Who, merge: Merge) -> Answer<'_, ()>;

    /// Splits replies of a topic into one of their own, once for each client id.
    fn split_topic(&self, who: Who, order: SplitOrder) -> Answer<'_, ()>;

    /// The room of that name where it is awake: no store is asked. Must not wake a room.
    fn awake(&self, slug: &Slug) -> Option<RoomNumber>;

    /// People in each of these rooms now, in their order; 0 for a room that is not awake. Must not
    /// wake a room.
    fn counts(&self, rooms: Vec<RoomNumber>) -> Answer<'_, Vec<u32>>;

    /// Grows whenever lists of rooms are old: a broadcast changed, a room was made.
    fn listed(&self) -> &watch::Sender<u64>;

    /// Tells everybody who must know, within [`protocol::limits::RIGHTS_WITHIN`].
    fn revoke(&self, what: Revoked);

    /// A member was given another role, and that is stored: it counts on their open connections from
    /// here on, and they are told. `http` says one change after the other.
    fn appointed(&self, who: Who) -> Answer<'_, ()>;

    /// A member's account is erased, and that is stored: every connection and peer of theirs ends, and no room shows
    /// their name once this answers.
    fn erased(&self, member: MemberId) -> Answer<'_, ()>;

    /// A member has so many notices left: their open connections hear of it.
    fn told(&self, member: MemberId, unread: u32);

    /// The public key that browsers subscribe to pushes with; made on first need.
    fn push_key(&self) -> String;

    /// An address of e-mail in the one form that it is kept in; `None` where it is none.
    fn mail_address(&self, text: &str) -> Option<String>;

    /// Whether pushes can be sent there, by these keys. The words say why not.
    fn check_push(&self, endpoint: &str, p256dh: &[u8], auth: &[u8]) -> Result<(), Refusal>;

    /// What leads a check of somebody's line to the media ports.
    fn line_probes(&self) -> LineProbes;

    /// True from the first moment of the shutdown: `/readyz` says 503.
    fn is_draining(&self) -> bool;

    /// Refuses with `busy` while there is no memory for anybody new.
    fn takes_newcomers(&self) -> Result<(), Refusal>;
}

/// A socket that speaks WebSocket from now on: the 101 is on its way, nothing else was written.
#[derive(Debug)]
pub struct Adopted {
    /// Not blocking, TCP_NODELAY set. Register it inside the shard's own runtime.
    pub socket: std::net::TcpStream,
    /// What it speaks; `None` is plain.
    pub tls: Option<tls::Session>,
    pub peer: SocketAddr,
    /// `?room=` of the request: where the connection had best live. Not checked.
    pub room_hint: Option<String>,
    pub origin: Option<String>,
    /// Held for as long as the socket is open; see [`super::Place`].
    pub place: Option<super::Place>,
    /// What the client sent after the request head: feed it first.
    pub read: Vec<u8>,
}

/// Takes over an upgraded socket. Called on the front's runtime: it must only hand over.
pub type Adopt = Arc<dyn Fn(Adopted) + Send + Sync>;
