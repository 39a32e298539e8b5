//! The parts of which stored bodies are made.

use protocol::MemberId;
use serde::{Deserialize, Serialize};

use super::{Addressed, Card, Counted, Turnout, stored::StoredMark};
use crate::member::Person;

#[derive(Serialize, Deserialize)]
pub(super) struct StoredResult {
    n: Vec<u32>,
    voters: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredWords {
    pub(super) text: String,
    pub(super) author: StoredPerson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) card: Option<Card>,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredTurnout {
    peak: u32,
    people: u32,
    watched_ms: u64,
    hearts: Vec<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAddressed {
    id: MemberId,
    name: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredPerson {
    id: MemberId,
    name: String,
    mark: StoredMark,
}

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

impl From<&Counted> for StoredResult {
    fn from(it: &Counted) -> Self {
        Self {
            n: it.n.clone(),
            voters: it.voters,
        }
    }
}

impl From<StoredResult> for Counted {
    fn from(it: StoredResult) -> Self {
        Self {
            n: it.n,
            voters: it.voters,
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

impl From<&Turnout> for StoredTurnout {
    fn from(it: &Turnout) -> Self {
        Self {
            peak: it.peak,
            people: it.people,
            watched_ms: it.watched_ms,
            hearts: it.hearts.clone(),
        }
    }
}

impl From<StoredTurnout> for Turnout {
    fn from(it: StoredTurnout) -> Self {
        Self {
            peak: it.peak,
            people: it.people,
            watched_ms: it.watched_ms,
            hearts: it.hearts,
        }
    }
}
