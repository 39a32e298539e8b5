//! The rows beside the log: who has an account, which rooms there are, which keys open them.
//!
//! One file per noun, each with its row, its queries and its part of [`Store`]. Reads go to the
//! readers, writes to the writer's thread as a transaction of their own. Secrets come in hashed and
//! random ids come in made: nothing here draws lots, except a new room's epoch.

pub(crate) mod accounts;
pub(crate) mod askers;
pub(crate) mod audit;
pub(crate) mod boards;
pub(crate) mod broadcasts;
pub(crate) mod column;
pub(crate) mod digests;
pub(crate) mod erasures;
pub(crate) mod exports;
pub(crate) mod guests;
pub(crate) mod mail;
pub(crate) mod members;
pub(crate) mod moments;
pub(crate) mod notices;
pub(crate) mod open_topic;
pub(crate) mod push;
pub(crate) mod quotes;
pub(crate) mod readings;
pub(crate) mod reminders;
pub(crate) mod rooms;
pub(crate) mod server;
pub(crate) mod sign_ins;
pub(crate) mod stream_keys;
pub(crate) mod summaries;
pub(crate) mod topics;
pub(crate) mod turnouts;
pub(crate) mod uploads;

use crate::db::DbError;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Why a row could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("there is no such row")]
    NotFound,
    #[error("the name is taken")]
    NameTaken,
    #[error("the slug is taken")]
    SlugTaken,
    /// The first circle and its owner are there already.
    #[error("the server is set up already")]
    SetUpDone,
    /// A circle keeps its last owner.
    #[error("a circle needs an owner")]
    LastOwner,
    /// The room or the server keeps as much as it may.
    #[error("there is no space for it")]
    Full,
    /// A text holds what the database does not keep.
    #[error("a text holds a NUL character")]
    Nul,
    /// The disk failed, too many wishes wait, or the store is closed.
    #[error("the storage is unavailable")]
    Unavailable,
    /// A query failed for a reason of its own.
    #[error("the query failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DbError> for RowError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NoRow => Self::NotFound,
            DbError::Nul => Self::Nul,
            other => Self::Failed(Box::new(other)),
        }
    }
}
