//! What people said stays theirs: archives that hold it, readable without this program, and read back by it.
//!
//! An archive is a zip of JSON Lines and media with the sums of all of it (docs/EXPORT.md names every file and
//! field; [decision 0017](../../docs/decisions/0017-exports.md)). The same state gives the same content: fixed
//! order, no times but those of what happened. Reading order: [`Manifest`] (what an archive says of itself),
//! `lines` (what stands in it), `pack` (how it is written), `whole`, `shown` and `own` (what goes into which),
//! `unpack` (how one is proved). `crate::operate` reads one back.
//!
//! It is written as it is read, in pages, so that no amount of talk takes more memory, and no room waits for it.
//! It decides nothing about who may have one.

mod lines;
mod manifest;
mod own;
mod pack;
mod shown;
mod unpack;
mod uploads;
mod whole;

use blobs::Shelf;
use protocol::{MemberId, Slug};
use store::{LogError, RoomRow, RowError, Store, SummaryRow};

pub use lines::{
    BoardLine, CircleLine, LikeLine, MediaLine, PersonLine, RoleWord, RoomLine, VoteLine,
};
pub use manifest::{Form, Manifest, Packed, Scope, VERSION};
pub use pack::Sink;
pub use unpack::{Archive, ArchiveError, LINE_BYTES_MAX, Lines, MANIFEST_BYTES_MAX};

use pack::Pack;

/// What is to be exported. Who may have it, is the caller's to know.
#[derive(Clone, Debug)]
pub enum What {
    /// Everything that a circle is made of.
    Circle,
    /// A board and its topics.
    Board(Slug),
    /// A topic, or another room, to go on from.
    Room(RoomRow),
    /// A topic as its readers see it.
    Shown(RoomRow),
    /// A broadcast that is over: what was said and asked meanwhile.
    Broadcast(RoomRow, Box<SummaryRow>),
    /// Everything of one member.
    Own(MemberId),
}

/// Why an archive did not become whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Rows(#[from] RowError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Record(#[from] community::ReadError),
    #[error("this server has no circle yet")]
    NotSetUp,
    #[error("there is no such board")]
    NoBoard,
    /// Nobody takes it any more, or too slowly.
    #[error("whoever asked for it does not take it")]
    NotTaken,
    #[error("it cannot be written: {0}")]
    Written(#[from] std::io::Error),
}

/// Writes an archive of what is there now. `made_ms` is noted in it, and is no part of the content.
///
/// A room is told up to its last record at the beginning; what is said meanwhile is in none of it. An older
/// message that is changed meanwhile stands as it is when it is read.
pub async fn export(
    store: &Store,
    shelf: &Shelf,
    what: &What,
    to: Sink,
    made_ms: u64,
) -> Result<Manifest, ExportError> {
    let mut pack = Pack::new(to);
    let (scope, form) = match what {
        What::Circle => {
            whole::circle(&mut pack, store, shelf).await?;
            (Scope::Circle, Form::Whole)
        }
        What::Board(slug) => {
            whole::board(&mut pack, store, shelf, slug).await?;
            (Scope::Board(slug.clone()), Form::Whole)
        }
        What::Room(room) => {
            whole::room(&mut pack, store, shelf, room).await?;
            (Scope::Topic(room.slug.clone()), Form::Whole)
        }
        What::Shown(room) => {
            shown::topic(&mut pack, store, shelf, room).await?;
            (Scope::Topic(room.slug.clone()), Form::Shown)
        }
        What::Broadcast(room, of) => {
            shown::broadcast(&mut pack, store, shelf, room, of).await?;
            (Scope::Broadcast(of.broadcast.id.clone()), Form::Shown)
        }
        What::Own(member) => {
            own::all(&mut pack, store, shelf, member).await?;
            (Scope::Member(member.clone()), Form::Own)
        }
    };
    pack.finish(scope, form, made_ms).await
}

impl What {
    /// The name of a file that holds it, of `a-z`, `0-9` and hyphens.
    pub fn file_name(&self) -> String {
        let name = match self {
            Self::Circle => "circle".to_owned(),
            Self::Board(slug) => format!("board-{slug}"),
            Self::Room(room) | Self::Shown(room) => format!("topic-{}", room.slug),
            Self::Broadcast(room, _) => format!("broadcast-{}", room.slug),
            Self::Own(_) => "my-data".to_owned(),
        };
        format!("weiquan-{name}.zip")
    }
}

#[cfg(test)]
mod tests;
