//! The stored forms of messages, and of what holds messages for few eyes.

use protocol::{
    Seq,
    server::{HeldWhy, LinkRule, Rules},
};
use serde::{Deserialize, Serialize};

use super::{
    Auto, Card, Held, Kept, Medium, Message, Outcome, Tally, Undo,
    stored::{StoredQuestionPhase, is_default, twins},
    stored_parts::{StoredAddressed, StoredPerson},
};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredMessage {
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<Card>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    to: Vec<StoredAddressed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Seq>,
    #[serde(default, skip_serializing_if = "is_default")]
    restored: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    md: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    media: Vec<Medium>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredKept {
    author: StoredPerson,
    message: StoredMessage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<(u64, Option<u64>)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredUndo {
    until_ms: u64,
    kept: StoredKept,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredHeld {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Seq>,
    why: StoredHeldWhy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<StoredKept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<StoredOutcome>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredOutcome {
    allowed: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAuto {
    target_per_s: u32,
    #[serde(default)]
    least_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRules {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refuse: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hold: Vec<String>,
    links: StoredLinkRule,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    domains: Vec<String>,
}

twins! { StoredHeldWhy = HeldWhy { Word, Link, Network, Person } }
twins! { StoredLinkRule = LinkRule { Allow, Members, Hold, Refuse } }

impl From<&Message> for StoredMessage {
    fn from(it: &Message) -> Self {
        Self {
            text: it.text.to_string(),
            reply_to: it.reply_to,
            edits: it.edits,
            last_edit: it.last_edit,
            deleted: it.deleted,
            question: it.question.map(Into::into),
            root: it.root,
            card: it.card.as_deref().cloned(),
            to: it.to.iter().map(Into::into).collect(),
            held: it.held,
            restored: it.restored,
            md: it.md,
            media: it.media.to_vec(),
        }
    }
}

impl From<StoredMessage> for Message {
    fn from(it: StoredMessage) -> Self {
        Self {
            text: it.text.into(),
            reply_to: it.reply_to,
            edits: it.edits,
            last_edit: it.last_edit,
            deleted: it.deleted,
            question: it.question.map(Into::into),
            root: it.root,
            tally: Tally::default(),
            card: it.card.map(Into::into),
            to: it.to.into_iter().map(Into::into).collect(),
            held: it.held,
            restored: it.restored,
            md: it.md,
            media: it.media.into(),
        }
    }
}

impl From<&Kept> for StoredKept {
    fn from(it: &Kept) -> Self {
        Self {
            author: (&it.author).into(),
            message: (&it.message).into(),
            asked: it.asked,
        }
    }
}

impl From<StoredKept> for Kept {
    fn from(it: StoredKept) -> Self {
        Self {
            author: it.author.into(),
            message: it.message.into(),
            asked: it.asked,
        }
    }
}

impl From<&Undo> for StoredUndo {
    fn from(it: &Undo) -> Self {
        Self {
            until_ms: it.until_ms,
            kept: (&it.kept).into(),
        }
    }
}

impl From<StoredUndo> for Undo {
    fn from(it: StoredUndo) -> Self {
        Self {
            until_ms: it.until_ms,
            kept: it.kept.into(),
        }
    }
}

impl From<&Held> for StoredHeld {
    fn from(it: &Held) -> Self {
        Self {
            of: it.of,
            why: it.why.into(),
            kept: it.kept.as_ref().map(Into::into),
            outcome: it.outcome.as_ref().map(Into::into),
        }
    }
}

impl From<StoredHeld> for Held {
    fn from(it: StoredHeld) -> Self {
        Self {
            of: it.of,
            why: it.why.into(),
            kept: it.kept.map(Into::into),
            outcome: it.outcome.map(Into::into),
        }
    }
}

impl From<&Outcome> for StoredOutcome {
    fn from(it: &Outcome) -> Self {
        Self {
            allowed: it.allowed,
            reason: it.reason.to_string(),
        }
    }
}

impl From<StoredOutcome> for Outcome {
    fn from(it: StoredOutcome) -> Self {
        Self {
            allowed: it.allowed,
            reason: it.reason.into(),
        }
    }
}

impl From<Auto> for StoredAuto {
    fn from(it: Auto) -> Self {
        Self {
            target_per_s: it.target_per_s,
            least_ms: it.least_ms,
        }
    }
}

impl From<StoredAuto> for Auto {
    fn from(it: StoredAuto) -> Self {
        Self {
            target_per_s: it.target_per_s,
            least_ms: it.least_ms,
        }
    }
}

impl From<&Rules> for StoredRules {
    fn from(it: &Rules) -> Self {
        Self {
            refuse: it.refuse.clone(),
            hold: it.hold.clone(),
            links: it.links.into(),
            domains: it.domains.clone(),
        }
    }
}

impl From<StoredRules> for Rules {
    fn from(it: StoredRules) -> Self {
        Self {
            refuse: it.refuse,
            hold: it.hold,
            links: it.links.into(),
            domains: it.domains,
        }
    }
}
