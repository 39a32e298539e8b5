//! The stored form of a record: columns that a store can query, and a versioned JSON body.
//!
//! The body's `v` is 1. A body of an older version is upcast when it is read; one of a newer
//! version is an error, never a guess. Fields may be added with a default; anything else is a new
//! version with a golden text of its own in the tests. The stored types are apart from the wire's,
//! so that neither changes the other by accident.

use std::sync::Arc;

use protocol::{
    BroadcastId, CircleId, ClientId, Seq,
    server::{self, Mark, Phase, QuestionPhase, RoomMode},
};
use serde::{Deserialize, Serialize};

use super::{
    Broadcast, Medium, Pin, Poll, Record, RecordBody, Words,
    split::{StoredMoved, StoredSplit},
    stored_order::{
        StoredAuto, StoredHeld, StoredKept, StoredMessage, StoredOutcome, StoredRules, StoredUndo,
    },
    stored_parts::{StoredPerson, StoredResult, StoredTurnout, StoredWords},
    stored_topic::StoredTopic,
};
use crate::member::{Person, Trace};

const VERSION: u32 = 1;

/// A record as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub seq: Seq,
    pub at_ms: u64,
    pub pos: Option<u64>,
    pub author: server::Person,
    /// A small number for each kind of record, stable for ever.
    pub kind: u8,
    /// To be read on every recovery, however old.
    pub is_fact: bool,
    pub client_id: Option<ClientId>,
    /// Versioned JSON; opaque to the store.
    pub body: Vec<u8>,
}

/// Why a stored record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("record {seq} is damaged")]
    Damaged { seq: Seq, source: serde_json::Error },
    #[error("record {seq} was written by a newer version ({version})")]
    Newer { seq: Seq, version: u32 },
}

impl Record {
    /// The form to keep.
    pub fn columns(&self) -> Columns {
        Columns {
            seq: self.seq,
            at_ms: self.at_ms,
            pos: self.pos,
            author: self.author.frame(),
            kind: self.body.kind(),
            is_fact: self.body.is_fact(),
            client_id: self.client_id.clone(),
            body: self.body.stored(),
        }
    }

    /// Reads what [`Record::columns`] wrote, in this version or an older one.
    pub fn read(circle: CircleId, columns: Columns) -> Result<Self, ReadError> {
        let body = body_of(columns.seq, &columns.body)?;
        let author = columns.author;
        Ok(Self {
            seq: columns.seq,
            circle,
            at_ms: columns.at_ms,
            pos: columns.pos,
            author: Person {
                id: author.id,
                name: author.name.into(),
                mark: author.mark,
            },
            client_id: columns.client_id,
            body: body.into(),
        })
    }
}

/// How this version begins a message.
const MESSAGE_BEGINS: &[u8] = br#"{"v":1,"k":"message","#;

fn body_of(seq: Seq, body: &[u8]) -> Result<StoredBody, ReadError> {
    let damaged = |source| ReadError::Damaged { seq, source };
    // Most of what is read is messages, and to find out of which kind a body is, serde copies all of its fields.
    if body.starts_with(MESSAGE_BEGINS) {
        let message = serde_json::from_slice(body).map_err(damaged)?;
        return Ok(StoredBody::Message(message));
    }
    let Version { v } = serde_json::from_slice(body).map_err(damaged)?;
    if v > VERSION {
        return Err(ReadError::Newer { seq, version: v });
    }
    let stored: Stored = serde_json::from_slice(body).map_err(damaged)?;
    Ok(stored.body)
}

impl RecordBody {
    /// The body as [`Columns::body`] holds it.
    pub fn stored(&self) -> Vec<u8> {
        let stored = Stored {
            v: VERSION,
            body: self.into(),
        };
        serde_json::to_vec(&stored).expect("strings and numbers are always JSON")
    }

    /// Kinds that the store is asked for by number.
    pub const MESSAGE: u8 = 1;
    pub const PIN: u8 = 10;
    pub const QUESTION: u8 = 11;
    pub const POLL: u8 = 30;
    pub const BROADCAST: u8 = 9;
    pub const TOPIC: u8 = 40;

    /// The kind's number in [`Columns::kind`]. Numbers are never reused.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Message(_) => Self::MESSAGE,
            Self::Edit { .. } => 2,
            Self::Delete { .. } => 3,
            Self::Mute { .. } => 4,
            Self::Unmute { .. } => 5,
            Self::Ban { .. } => 6,
            Self::Unban { .. } => 7,
            Self::SlowMode { .. } => 8,
            Self::Broadcast(_) => Self::BROADCAST,
            Self::Pin(_) => Self::PIN,
            Self::Question { .. } => Self::QUESTION,
            Self::Mode { .. } => 12,
            Self::CoHost { .. } => 13,
            Self::Poll(_) => Self::POLL,
            Self::PollClosed { .. } => 31,
            Self::Rules(_) => 20,
            Self::Held(_) => 21,
            Self::Review { .. } => 22,
            Self::Restore { .. } => 23,
            Self::Kick { .. } => 24,
            Self::Topic(_) => Self::TOPIC,
            Self::Split(_) => 41,
            Self::Moved(_) => 42,
        }
    }
}

/// Read first, alone, so that a newer body is named as such and not as damage.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    #[serde(flatten)]
    body: StoredBody,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
enum StoredBody {
    Message(StoredMessage),
    Edit {
        of: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(default, skip_serializing_if = "is_default")]
        md: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        media: Vec<Medium>,
    },
    Delete {
        of: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<StoredUndo>,
    },
    Held(StoredHeld),
    Review {
        of: Seq,
        outcome: StoredOutcome,
    },
    Restore {
        of: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<StoredKept>,
    },
    Rules {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<StoredRules>,
    },
    Kick {
        who: StoredPerson,
        until_ms: u64,
        #[serde(default)]
        reason: String,
    },
    Mute {
        who: StoredPerson,
        until_ms: u64,
        #[serde(default)]
        reason: String,
    },
    Unmute {
        who: StoredPerson,
    },
    Ban {
        who: StoredPerson,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
        #[serde(default)]
        reason: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        devices: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        networks: Vec<String>,
    },
    Unban {
        who: StoredPerson,
    },
    SlowMode {
        gap_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<StoredAuto>,
    },
    Mode {
        mode: StoredRoomMode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
        then: StoredRoomMode,
    },
    Pin {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Seq>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<StoredWords>,
    },
    Question {
        of: Seq,
        to: StoredQuestionPhase,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<Seq>,
    },
    CoHost {
        who: StoredPerson,
        on: bool,
    },
    Poll {
        question: String,
        options: Vec<String>,
        #[serde(default, skip_serializing_if = "is_default")]
        multiple: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closes_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<StoredResult>,
    },
    PollClosed {
        of: Seq,
        result: StoredResult,
    },
    Topic(StoredTopic),
    Split(StoredSplit),
    Moved(StoredMoved),
    Broadcast {
        id: BroadcastId,
        phase: StoredPhase,
        title: String,
        host: StoredPerson,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        starts_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        live_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended_ms: Option<u64>,
        #[serde(default)]
        played_ms: u64,
        #[serde(default, skip_serializing_if = "is_default")]
        turnout: StoredTurnout,
    },
}

/// Writes an enum of the wire and its stored twin, so that a renamed word on the wire does not
/// reach what lies on disk. The compiler holds both lists complete.
macro_rules! twins {
    ($stored:ident = $wire:ident { $($name:ident),* }) => {
        #[derive(Clone, Copy, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $stored { $($name),* }

        impl From<$wire> for $stored {
            fn from(it: $wire) -> Self {
                match it { $($wire::$name => Self::$name),* }
            }
        }

        impl From<$stored> for $wire {
            fn from(it: $stored) -> Self {
                match it { $($stored::$name => Self::$name),* }
            }
        }
    };
}

pub(super) use twins;

twins! { StoredMark = Mark { Guest, Member, CoHost, Host, Moderator, Owner } }
twins! { StoredQuestionPhase = QuestionPhase { Asked, Picked, Answered } }
twins! { StoredRoomMode = RoomMode { Open, Members, Questions, Host } }
twins! { StoredPhase = Phase { Scheduled, Open, Live, Paused, Ended, Archived } }

impl From<&RecordBody> for StoredBody {
    fn from(it: &RecordBody) -> Self {
        match it {
            RecordBody::Message(it) => Self::Message(it.into()),
            RecordBody::Edit {
                of,
                text,
                md,
                media,
            } => Self::Edit {
                of: *of,
                text: text.as_ref().map(ToString::to_string),
                md: *md,
                media: media.to_vec(),
            },
            RecordBody::Delete { of, undo } => Self::Delete {
                of: *of,
                undo: undo.as_ref().map(Into::into),
            },
            RecordBody::Held(it) => Self::Held(it.into()),
            RecordBody::Review { of, outcome } => Self::Review {
                of: *of,
                outcome: outcome.into(),
            },
            RecordBody::Restore { of, kept } => Self::Restore {
                of: *of,
                kept: kept.as_ref().map(Into::into),
            },
            RecordBody::Rules(it) => Self::Rules {
                rules: it.as_deref().map(Into::into),
            },
            RecordBody::Kick {
                who,
                until_ms,
                reason,
            } => Self::Kick {
                who: who.into(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            RecordBody::Mute {
                who,
                until_ms,
                reason,
            } => Self::Mute {
                who: who.into(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            RecordBody::Unmute { who } => Self::Unmute { who: who.into() },
            RecordBody::Ban {
                who,
                until_ms,
                reason,
                devices,
                networks,
            } => Self::Ban {
                who: who.into(),
                until_ms: *until_ms,
                reason: reason.to_string(),
                devices: devices.iter().map(|it| it.as_str().to_owned()).collect(),
                networks: networks.iter().map(|it| it.as_str().to_owned()).collect(),
            },
            RecordBody::Unban { who } => Self::Unban { who: who.into() },
            RecordBody::SlowMode { gap_ms, auto } => Self::SlowMode {
                gap_ms: *gap_ms,
                auto: auto.map(Into::into),
            },
            RecordBody::Mode {
                mode,
                until_ms,
                then,
            } => Self::Mode {
                mode: (*mode).into(),
                until_ms: *until_ms,
                then: (*then).into(),
            },
            RecordBody::Pin(it) => Self::Pin {
                of: it.of,
                words: it.words.as_ref().map(|it| StoredWords {
                    text: it.text.to_string(),
                    author: (&it.author).into(),
                    card: it.card.as_deref().cloned(),
                }),
            },
            RecordBody::Question { of, to, done } => Self::Question {
                of: *of,
                to: (*to).into(),
                done: *done,
            },
            RecordBody::CoHost { who, on } => Self::CoHost {
                who: who.into(),
                on: *on,
            },
            RecordBody::Poll(it) => Self::Poll {
                question: it.question.to_string(),
                options: it.options.iter().map(ToString::to_string).collect(),
                multiple: it.multiple,
                closes_ms: it.closes_ms,
                result: it.result.as_ref().map(Into::into),
            },
            RecordBody::PollClosed { of, result } => Self::PollClosed {
                of: *of,
                result: result.into(),
            },
            RecordBody::Topic(it) => Self::Topic(it.into()),
            RecordBody::Split(it) => Self::Split(it.into()),
            RecordBody::Moved(it) => Self::Moved(it.into()),
            RecordBody::Broadcast(it) => Self::Broadcast {
                id: it.id.clone(),
                phase: it.phase.into(),
                title: it.title.to_string(),
                host: (&it.host).into(),
                starts_ms: it.starts_ms,
                live_ms: it.live_ms,
                ended_ms: it.ended_ms,
                played_ms: it.played_ms,
                turnout: (&it.turnout).into(),
            },
        }
    }
}

impl From<StoredBody> for RecordBody {
    fn from(it: StoredBody) -> Self {
        match it {
            StoredBody::Message(it) => Self::Message(it.into()),
            StoredBody::Edit {
                of,
                text,
                md,
                media,
            } => Self::Edit {
                of,
                text: text.map(Into::into),
                md,
                media: media.into(),
            },
            StoredBody::Delete { of, undo } => Self::Delete {
                of,
                undo: undo.map(Into::into),
            },
            StoredBody::Held(it) => Self::Held(it.into()),
            StoredBody::Review { of, outcome } => Self::Review {
                of,
                outcome: outcome.into(),
            },
            StoredBody::Restore { of, kept } => Self::Restore {
                of,
                kept: kept.map(Into::into),
            },
            StoredBody::Rules { rules } => Self::Rules(rules.map(|it| Arc::new(it.into()))),
            StoredBody::Kick {
                who,
                until_ms,
                reason,
            } => Self::Kick {
                who: who.into(),
                until_ms,
                reason: reason.into(),
            },
            StoredBody::Mute {
                who,
                until_ms,
                reason,
            } => Self::Mute {
                who: who.into(),
                until_ms,
                reason: reason.into(),
            },
            StoredBody::Unmute { who } => Self::Unmute { who: who.into() },
            StoredBody::Ban {
                who,
                until_ms,
                reason,
                devices,
                networks,
            } => Self::Ban {
                who: who.into(),
                until_ms,
                reason: reason.into(),
                devices: devices.into_iter().map(Trace::new).collect(),
                networks: networks.into_iter().map(Trace::new).collect(),
            },
            StoredBody::Unban { who } => Self::Unban { who: who.into() },
            StoredBody::SlowMode { gap_ms, auto } => Self::SlowMode {
                gap_ms,
                auto: auto.map(Into::into),
            },
            StoredBody::Mode {
                mode,
                until_ms,
                then,
            } => Self::Mode {
                mode: mode.into(),
                until_ms,
                then: then.into(),
            },
            StoredBody::Pin { of, words } => Self::Pin(Pin {
                of,
                words: words.map(|it| Words {
                    text: it.text.into(),
                    author: it.author.into(),
                    card: it.card.map(Into::into),
                }),
            }),
            StoredBody::Question { of, to, done } => Self::Question {
                of,
                to: to.into(),
                done,
            },
            StoredBody::CoHost { who, on } => Self::CoHost {
                who: who.into(),
                on,
            },
            StoredBody::Poll {
                question,
                options,
                multiple,
                closes_ms,
                result,
            } => Self::Poll(Poll {
                question: question.into(),
                options: options.into_iter().map(Into::into).collect(),
                multiple,
                closes_ms,
                result: result.map(Into::into),
            }),
            StoredBody::PollClosed { of, result } => Self::PollClosed {
                of,
                result: result.into(),
            },
            StoredBody::Topic(it) => Self::Topic(it.into()),
            StoredBody::Split(it) => it.into(),
            StoredBody::Moved(it) => it.into(),
            StoredBody::Broadcast {
                id,
                phase,
                title,
                host,
                starts_ms,
                live_ms,
                ended_ms,
                played_ms,
                turnout,
            } => Self::Broadcast(Broadcast {
                id,
                phase: phase.into(),
                title: title.into(),
                host: host.into(),
                starts_ms,
                live_ms,
                ended_ms,
                played_ms,
                turnout: turnout.into(),
            }),
        }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}
