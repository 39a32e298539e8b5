//! The stored form of a record: columns that a store can query, and a versioned JSON body.
//!
//! The body's `v` is 1. A body of an older version is upcast when it is read; one of a newer
//! version is an error, never a guess. Fields may be added with a default; anything else is a new
//! version with a golden text of its own in the tests. The stored types are apart from the wire's,
//! so that neither changes the other by accident.

use protocol::{
    BroadcastId, CircleId, ClientId, MemberId, Seq,
    server::{self, Mark, Phase, QuestionPhase, RoomMode},
};
use serde::{Deserialize, Serialize};

use super::{Addressed, Broadcast, Message, Pin, Record, RecordBody, Words};
use crate::member::Person;

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
        let seq = columns.seq;
        let damaged = |source| ReadError::Damaged { seq, source };
        let Version { v } = serde_json::from_slice(&columns.body).map_err(damaged)?;
        if v > VERSION {
            return Err(ReadError::Newer { seq, version: v });
        }
        let stored: Stored = serde_json::from_slice(&columns.body).map_err(damaged)?;
        let author = columns.author;
        Ok(Self {
            seq,
            circle,
            at_ms: columns.at_ms,
            pos: columns.pos,
            author: Person {
                id: author.id,
                name: author.name.into(),
                mark: author.mark,
            },
            client_id: columns.client_id,
            body: stored.body.into(),
        })
    }
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

    /// The kind's number in [`Columns::kind`]. Numbers are never reused.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Message(_) => 1,
            Self::Edit { .. } => 2,
            Self::Delete { .. } => 3,
            Self::Mute { .. } => 4,
            Self::Unmute { .. } => 5,
            Self::Ban { .. } => 6,
            Self::Unban { .. } => 7,
            Self::SlowMode { .. } => 8,
            Self::Broadcast(_) => 9,
            Self::Pin(_) => 10,
            Self::Question { .. } => 11,
            Self::Mode { .. } => 12,
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
    Message {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Seq>,
        #[serde(default, skip_serializing_if = "is_default")]
        edits: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_edit: Option<Seq>,
        #[serde(default, skip_serializing_if = "is_default")]
        deleted: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<StoredQuestionPhase>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        to: Vec<StoredAddressed>,
    },
    Edit {
        of: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    Delete {
        of: Seq,
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
    },
    Unban {
        who: StoredPerson,
    },
    SlowMode {
        gap_ms: u64,
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
    },
}

#[derive(Serialize, Deserialize)]
struct StoredWords {
    text: String,
    author: StoredPerson,
}

#[derive(Serialize, Deserialize)]
struct StoredAddressed {
    id: MemberId,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct StoredPerson {
    id: MemberId,
    name: String,
    mark: StoredMark,
}

/// Writes an enum of the wire and its stored twin, so that a renamed word on the wire does not
/// reach what lies on disk. The compiler holds both lists complete.
macro_rules! twins {
    ($stored:ident = $wire:ident { $($name:ident),* }) => {
        #[derive(Clone, Copy, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum $stored { $($name),* }

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

twins! { StoredMark = Mark { Guest, Member, Host, Moderator, Owner } }
twins! { StoredQuestionPhase = QuestionPhase { Asked, Picked, Answered } }
twins! { StoredRoomMode = RoomMode { Open, Members, Questions, Host } }
twins! { StoredPhase = Phase { Scheduled, Open, Live, Paused, Ended, Archived } }

impl From<&Person> for StoredPerson {
    fn from(it: &Person) -> Self {
        Self {
            id: it.id.clone(),
            name: it.name.to_string(),
            mark: it.mark.into(),
        }
    }
}

impl From<StoredPerson> for Person {
    fn from(it: StoredPerson) -> Self {
        Self {
            id: it.id,
            name: it.name.into(),
            mark: it.mark.into(),
        }
    }
}

impl From<&Addressed> for StoredAddressed {
    fn from(it: &Addressed) -> Self {
        Self {
            id: it.id.clone(),
            name: it.name.to_string(),
        }
    }
}

impl From<StoredAddressed> for Addressed {
    fn from(it: StoredAddressed) -> Self {
        Self {
            id: it.id,
            name: it.name.into(),
        }
    }
}

impl From<&RecordBody> for StoredBody {
    fn from(it: &RecordBody) -> Self {
        match it {
            RecordBody::Message(it) => Self::Message {
                text: it.text.to_string(),
                reply_to: it.reply_to,
                edits: it.edits,
                last_edit: it.last_edit,
                deleted: it.deleted,
                question: it.question.map(Into::into),
                to: it.to.iter().map(Into::into).collect(),
            },
            RecordBody::Edit { of, text } => Self::Edit {
                of: *of,
                text: text.as_ref().map(ToString::to_string),
            },
            RecordBody::Delete { of } => Self::Delete { of: *of },
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
            } => Self::Ban {
                who: who.into(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            RecordBody::Unban { who } => Self::Unban { who: who.into() },
            RecordBody::SlowMode { gap_ms } => Self::SlowMode { gap_ms: *gap_ms },
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
                }),
            },
            RecordBody::Question { of, to, done } => Self::Question {
                of: *of,
                to: (*to).into(),
                done: *done,
            },
            RecordBody::Broadcast(it) => Self::Broadcast {
                id: it.id.clone(),
                phase: it.phase.into(),
                title: it.title.to_string(),
                host: (&it.host).into(),
                starts_ms: it.starts_ms,
                live_ms: it.live_ms,
                ended_ms: it.ended_ms,
                played_ms: it.played_ms,
            },
        }
    }
}

impl From<StoredBody> for RecordBody {
    fn from(it: StoredBody) -> Self {
        match it {
            StoredBody::Message {
                text,
                reply_to,
                edits,
                last_edit,
                deleted,
                question,
                to,
            } => Self::Message(Message {
                text: text.into(),
                reply_to,
                edits,
                last_edit,
                deleted,
                question: question.map(Into::into),
                to: to.into_iter().map(Into::into).collect(),
            }),
            StoredBody::Edit { of, text } => Self::Edit {
                of,
                text: text.map(Into::into),
            },
            StoredBody::Delete { of } => Self::Delete { of },
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
            } => Self::Ban {
                who: who.into(),
                until_ms,
                reason: reason.into(),
            },
            StoredBody::Unban { who } => Self::Unban { who: who.into() },
            StoredBody::SlowMode { gap_ms } => Self::SlowMode { gap_ms },
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
                }),
            }),
            StoredBody::Question { of, to, done } => Self::Question {
                of,
                to: to.into(),
                done,
            },
            StoredBody::Broadcast {
                id,
                phase,
                title,
                host,
                starts_ms,
                live_ms,
                ended_ms,
                played_ms,
            } => Self::Broadcast(Broadcast {
                id,
                phase: phase.into(),
                title: title.into(),
                host: host.into(),
                starts_ms,
                live_ms,
                ended_ms,
                played_ms,
            }),
        }
    }
}

fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}
