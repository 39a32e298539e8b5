//! `weiquan export`: what the server hands out at its own addresses, beside the running server and for whoever has
//! the machine.

use std::path::Path;

use blobs::Shelf;
use protocol::{BroadcastId, MemberId, Slug};
use store::{Store, StoreConfig};

use super::{
    OperateError,
    backup::{folder_of, keep, unfinished},
};
use crate::export::{ExportError, Manifest, Sink, What, export};

/// What somebody wants to have, as they say it.
#[derive(Clone, Debug)]
pub enum Wish {
    Circle,
    /// A topic or another room.
    Topic(Slug),
    Board(Slug),
    Broadcast(BroadcastId),
    /// A member, by name or id.
    Member(String),
}

/// An archive that is whole and on disk.
#[derive(Clone, Debug)]
pub struct Exported {
    pub manifest: Manifest,
    pub bytes: u64,
}

/// Writes an archive into `file`, which then is there whole or not at all.
pub async fn export_file(
    folder: &Path,
    config: &StoreConfig,
    wish: &Wish,
    file: &Path,
) -> Result<Exported, OperateError> {
    if file.exists() {
        return Err(OperateError::Exists(file.to_path_buf()));
    }
    let store = Store::beside(folder, config)?;
    let written = write(&store, folder, wish, file).await;
    store.close().await;
    written
}

async fn write(
    store: &Store,
    folder: &Path,
    wish: &Wish,
    file: &Path,
) -> Result<Exported, OperateError> {
    let what = find(store, wish).await?;
    let beside = folder_of(file);
    let packed = unfinished(&beside)?;
    let to = packed
        .as_file()
        .try_clone()
        .map_err(OperateError::file(packed.path()))?;
    let shelf = Shelf::at(folder);
    let manifest = export(store, &shelf, &what, Sink::File(to), clock::unix_ms()).await?;
    let bytes = keep(packed, file, &beside)?;
    Ok(Exported { manifest, bytes })
}

async fn find(store: &Store, wish: &Wish) -> Result<What, OperateError> {
    let absent = |what: &str, name: &dyn std::fmt::Display| OperateError::NotThere {
        what: what.to_owned(),
        name: name.to_string(),
    };
    Ok(match wish {
        Wish::Circle => What::Circle,
        Wish::Board(slug) => What::Board(slug.clone()),
        Wish::Topic(slug) => {
            let room = store.room(slug.clone()).await.map_err(ExportError::from)?;
            What::Room(room.ok_or_else(|| absent("topic or room", slug))?)
        }
        Wish::Broadcast(id) => {
            let row = store.summary(id.clone()).await.map_err(ExportError::from)?;
            let row = row.ok_or_else(|| absent("broadcast that is over", id))?;
            let room = store
                .room_by_number(row.room)
                .await
                .map_err(ExportError::from)?;
            let room = room.ok_or_else(|| absent("room", &row.room))?;
            What::Broadcast(room, Box::new(row))
        }
        Wish::Member(name) => {
            let by_id = store.account(MemberId::from(name.as_str())).await;
            let found = match by_id.map_err(ExportError::from)? {
                Some(it) => Some(it),
                None => store
                    .account_by_name(name)
                    .await
                    .map_err(ExportError::from)?,
            };
            What::Own(found.ok_or_else(|| absent("member", name))?.id)
        }
    })
}
