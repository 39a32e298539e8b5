//! `weiquan import`: an archive of an export comes back, into an empty server or one that has other things.
//!
//! In three steps: `held` proves the archive as a whole and every line of it, `plan` holds it against what is
//! there, and only then `lay` writes, in transactions of a few hundred records. What is there already is left
//! alone, so that an import that was cut off is run again, and one that was done twice changes nothing.

mod held;
mod lay;
mod plan;

use std::{collections::BTreeSet, path::Path};

use aws_lc_rs::digest;
use blobs::Shelf;
use protocol::Slug;
use store::{Hash, LogError, RowError, Store, StoreConfig, backup};

use super::{OperateError, audit};
use crate::export::{Archive, ArchiveError, Form, Manifest};

use held::Held;
use plan::Plan;

/// Why an archive was not imported. Nothing of it is there, but after [`ImportError::Interrupted`].
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(
        "it holds what readers were shown, or one member's own data: that is to be read, and nothing goes on from it"
    )]
    ToBeRead,
    #[error(
        "this server has no circle yet: import an archive of a circle first, or start the server once and set it up"
    )]
    NoCircle,
    #[error(
        "{0} is the address of another room here: rename that room, or import into a server of its own"
    )]
    SlugTaken(Slug),
    #[error(
        "{room} went on here in another way (record {seq} differs): it can no more be made one with the archive"
    )]
    WentApart { room: Slug, seq: u64 },
    #[error("broadcast {id} of {room} is in another room here")]
    BroadcastTaken { room: Slug, id: String },
    #[error("it could not be looked up what is there: {0}")]
    Rows(#[from] RowError),
    #[error("it could not be looked up what is there: {0}")]
    Log(#[from] LogError),
    #[error("it was interrupted, and a part of it is there: {0}; run it again, and it goes on")]
    Interrupted(String),
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The circle that was made, where there was none.
    pub circle: Option<String>,
    /// Accounts that were made; none of them has a password.
    pub people: u64,
    /// Those of them whose name was somebody's, as they are called now.
    pub renamed: Vec<(String, String)>,
    pub boards: u64,
    /// Rooms that were made.
    pub rooms: u64,
    /// Rooms that were there, and to which something was added.
    pub rooms_more: u64,
    /// Rooms that were there and have all of it, or more.
    pub rooms_same: u64,
    pub records: u64,
    pub media: u64,
    /// Rooms that something in it leads to, and that are neither in it nor here.
    pub outside: BTreeSet<Slug>,
}

impl Imported {
    /// Whether everything was there already.
    pub const fn is_nothing(&self) -> bool {
        self.circle.is_none()
            && self.people == 0
            && self.boards == 0
            && self.rooms == 0
            && self.rooms_more == 0
            && self.records == 0
            && self.media == 0
    }
}

/// Whether an import writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It proves the archive, and says what it would do.
    Dry,
    Real,
}

/// Imports an archive into the server of a folder, which does not run meanwhile.
pub async fn import(
    file: &Path,
    folder: &Path,
    config: &StoreConfig,
    run: Run,
) -> Result<Imported, OperateError> {
    let mut archive = Archive::open(file).map_err(ImportError::from)?;
    if archive.manifest.form != Form::Whole {
        return Err(ImportError::ToBeRead.into());
    }
    archive.verify().map_err(ImportError::from)?;
    let held = Held::read(&mut archive)?;
    // Where nothing is, a dry run leaves nothing.
    let nowhere = match run {
        Run::Dry if config.url.is_none() && backup::is_absent(folder) => {
            Some(tempfile::tempdir().map_err(OperateError::file(&std::env::temp_dir()))?)
        }
        _ => None,
    };
    let place = nowhere.as_ref().map_or(folder, |it| it.path());
    let store = Store::open(place, config)?;
    let shelf = Shelf::open(place)?;
    let done = import_into(&store, &shelf, (file, archive), &held, run).await;
    store.close().await;
    Ok(done?)
}

async fn import_into(
    store: &Store,
    shelf: &Shelf,
    (file, archive): (&Path, Archive),
    held: &Held,
    run: Run,
) -> Result<Imported, ImportError> {
    let scope = archive.manifest.scope.clone();
    let (plan, archive) = Plan::make(store, archive, held).await?;
    if run == Run::Dry {
        return Ok(plan.told());
    }
    let sum = sum_of(&archive.manifest);
    // What was cut off behind its last record has its likes still to come.
    if plan.told().is_nothing() && !store.is_import_cut(sum).await? {
        return Ok(plan.told());
    }
    // Pictures are looked up while a log is read: by a way of their own.
    let media = Archive::open(file)?;
    let cut = |it: RowError| ImportError::Interrupted(it.to_string());
    store.begin_import(sum).await.map_err(cut)?;
    let done = lay::lay(store, shelf, (archive, media), held, plan).await?;
    store
        .end_import(sum, audit::act("import", scope.to_string()))
        .await
        .map_err(cut)?;
    Ok(done)
}

/// An archive is known by what it holds, whenever it was made.
fn sum_of(manifest: &Manifest) -> Hash {
    let content = (&manifest.scope, &manifest.files);
    let text = serde_json::to_vec(&content).expect("plain data always serializes");
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
    sum
}

#[cfg(test)]
mod tests;
