//! How a client is told no: a stable code, words, and what to do. Clients act on [`Act`] only, so a
//! new code never breaks an old client.

use serde::{Deserialize, Serialize};

/// What the client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Act {
    /// Nothing: tell the person.
    None,
    /// Say it again after `ms`.
    Retry,
    /// Get a new token, then say it again.
    Reauth,
    /// Forget the position and join afresh.
    Resync,
    /// Go to another address.
    Move,
    /// Do not try again.
    Stop,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $act:ident, $http:literal;)*) => {
        /// The stable code of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What a client does on it.
            pub const fn act(self) -> Act {
                match self { $(Self::$name => Act::$act,)* }
            }

            /// The HTTP status where it is said by HTTP.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }
        }
    };
}

codes! {
    // protocol
    /// Not JSON, or a field is missing or of the wrong kind.
    Malformed = "malformed", None, 400;
    TooLarge = "too_large", None, 413;
    TooManyInFlight = "too_many_in_flight", Retry, 429;
    UnknownOp = "unknown_op", None, 400;
    /// `hello` must come first.
    HelloFirst = "hello_first", Stop, 400;
    // identity
    TokenMissing = "token_missing", Reauth, 401;
    TokenInvalid = "token_invalid", Reauth, 401;
    TokenExpired = "token_expired", Reauth, 401;
    TokenRevoked = "token_revoked", Reauth, 401;
    /// Name or password is wrong (the answer does not say which).
    SignInFailed = "sign_in_failed", None, 401;
    TooManyTries = "too_many_tries", Retry, 429;
    NameTaken = "name_taken", None, 409;
    NameUnfit = "name_unfit", None, 422;
    PasswordWeak = "password_weak", None, 422;
    SignUpClosed = "sign_up_closed", None, 403;
    /// What should be an address of e-mail is none.
    AddressUnfit = "address_unfit", None, 422;
    /// This server sends no e-mail.
    MailOff = "mail_off", None, 409;
    /// The link of a letter was used, its time is over, or a newer letter took its place.
    LinkSpent = "link_spent", None, 410;
    SetUpDone = "set_up_done", Stop, 409;
    OriginForeign = "origin_foreign", Stop, 403;
    /// The owner's role: it is nobody's to change.
    RoleFixed = "role_fixed", None, 409;
    /// A guest, or somebody without an account in this circle: cannot be given a role.
    NotAMember = "not_a_member", None, 409;
    /// This address has as many connections as one may have.
    TooManyConnections = "too_many_connections", Retry, 429;
    // room
    NotFound = "not_found", Stop, 404;
    NotJoined = "not_joined", Resync, 409;
    NotPermitted = "not_permitted", None, 403;
    GuestsNotAllowed = "guests_not_allowed", Reauth, 403;
    Banned = "banned", Stop, 403;
    /// Out of the room for a moment; `ms` says for how long.
    Kicked = "kicked", None, 403;
    RoomFull = "room_full", Retry, 503;
    PositionLost = "position_lost", Resync, 409;
    SlugTaken = "slug_taken", None, 409;
    // message
    Empty = "empty", None, 422;
    TooLong = "too_long", None, 422;
    Muted = "muted", None, 403;
    SlowMode = "slow_mode", Retry, 429;
    RateLimited = "rate_limited", Retry, 429;
    /// A rule of the room refuses a word of it.
    WordRefused = "word_refused", None, 422;
    /// A rule of the room refuses a link in it.
    LinkRefused = "link_refused", None, 422;
    /// It waited for review, and was not let through.
    ReviewRefused = "review_refused", None, 403;
    /// Just now only questions are taken here.
    QuestionsOnly = "questions_only", None, 403;
    /// Just now only the host and moderators speak here.
    HostOnly = "host_only", None, 403;
    /// Only staff write in this topic.
    Locked = "locked", None, 403;
    /// The message replied to, edited or deleted is not there.
    NoSuchMessage = "no_such_message", None, 404;
    /// The message is no question that waits for an answer.
    NoSuchQuestion = "no_such_question", None, 404;
    /// As many questions wait for an answer as may.
    TooManyQuestions = "too_many_questions", None, 409;
    /// There is no such poll, or it is closed.
    PollClosed = "poll_closed", None, 409;
    /// As many polls are open as may be.
    TooManyPolls = "too_many_polls", None, 409;
    // cards and blobs
    /// The card is not one that may be said: a field is missing, too long or no address.
    CardUnfit = "card_unfit", None, 422;
    /// The blob is not there, or not this member's upload to this room, or was uploaded too long ago.
    NoSuchBlob = "no_such_blob", None, 404;
    /// The bytes are not a picture or voice note that is taken here.
    BlobUnfit = "blob_unfit", None, 422;
    /// The room or the server keeps as much as it may.
    QuotaFull = "quota_full", None, 409;
    // broadcast and media
    /// A broadcast has as many co-hosts as it may have.
    TooManyCoHosts = "too_many_co_hosts", None, 409;
    /// This step is not possible in the broadcast's phase.
    WrongPhase = "wrong_phase", None, 409;
    NoBroadcast = "no_broadcast", None, 409;
    /// A broadcast is scheduled for a moment that is still to come.
    StartPast = "start_past", None, 422;
    /// Nothing is being published now.
    NothingPublished = "nothing_published", Retry, 409;
    /// Somebody else is publishing in this room.
    StageTaken = "stage_taken", None, 409;
    SdpInvalid = "sdp_invalid", None, 400;
    /// Well-formed, but it asks for what we do not offer (direction, more than one track of a kind …).
    SdpUnfit = "sdp_unfit", None, 422;
    /// No codec in common; for a viewer: the broadcast's codec is not in the offer.
    CodecUnsupported = "codec_unsupported", None, 422;
    NoSuchPeer = "no_such_peer", Stop, 404;
    MediaTypeWrong = "media_type_wrong", None, 415;
    // server
    Busy = "busy", Retry, 503;
    StorageUnavailable = "storage_unavailable", Retry, 503;
    Draining = "draining", Retry, 503;
    Internal = "internal", Retry, 500;
}

/// A refusal as it travels. It is an expected part of the protocol, never an error of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code:?}: {say}")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Refusal {
    pub code: Code,
    /// Words for a person, in English; the web app has its own for every code.
    pub say: String,
    pub act: Act,
    /// With [`Act::Retry`]: milliseconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub ms: Option<u64>,
    /// With [`Code::RoomFull`] for a viewer: the place in the line, 1 for who is next. Who asks again
    /// after `ms` keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional, type = "number"))]
    pub place: Option<u32>,
}

impl Refusal {
    pub fn new(code: Code, say: impl Into<String>) -> Self {
        Self {
            code,
            say: say.into(),
            act: code.act(),
            ms: None,
            place: None,
        }
    }

    /// Says when it is worth trying again.
    pub fn after_ms(mut self, ms: u64) -> Self {
        self.ms = Some(ms);
        self
    }

    /// Says which place in the line is held, 1 for who is next.
    pub fn in_place(mut self, place: u32) -> Self {
        self.place = Some(place);
        self
    }
}
