//! `weiquan backup`: one file that holds everything, made beside the running server.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use blobs::{Shelf, name_of};
use tempfile::{Builder, NamedTempFile};

use super::{
    OperateError,
    archive::{self, DATABASE, FORMAT, Manifest, Packed},
};

/// What stands in the names of files that are not whole yet.
const UNFINISHED: &str = ".weiquan-unfinished-";

/// A backup that is whole and on disk.
#[derive(Clone, Debug)]
pub struct Written {
    pub manifest: Manifest,
    pub bytes: u64,
}

/// Copies the folder's database as it is at this moment and packs it into `file`, which then is there
/// whole or not at all. `told` hears how much of the database is copied: pages done, pages in all.
pub fn backup(
    folder: &Path,
    file: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Written, OperateError> {
    if file.exists() {
        return Err(OperateError::Exists(file.to_path_buf()));
    }
    let beside = folder_of(file);
    let made_ms = clock::unix_ms();
    let database = unfinished(&beside)?;
    let shelf = Shelf::at(folder);
    // Held until the end: what the copied database names stays on disk.
    let _held = if folder.join(blobs::FOLDER).is_dir() {
        Some(shelf.beside()?)
    } else {
        None
    };
    let contents = store::backup::copy_database(folder, database.path(), told)?;
    let (sha256, bytes) =
        archive::sum(database.as_file()).map_err(OperateError::file(database.path()))?;
    let mut files = vec![Packed {
        name: DATABASE.to_owned(),
        bytes,
        sha256,
    }];
    let mut paths = vec![database.path().to_path_buf()];
    for id in store::backup::blob_files(database.path())? {
        // One that is missing is told by `verify-backup`: the rest is worth keeping all the same.
        let Ok(file) = shelf.file(&id) else { continue };
        let path = shelf.path(&id);
        let (sha256, bytes) = archive::sum(file).map_err(OperateError::file(&path))?;
        let name = name_of(&id);
        files.push(Packed {
            name,
            bytes,
            sha256,
        });
        paths.push(path);
    }
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: contents.schema,
        made_ms,
        tables: contents.tables,
        files,
    };
    let mut packed = unfinished(&beside)?;
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    archive::write(packed.as_file_mut(), &manifest, &paths)
        .and_then(|()| packed.as_file().sync_all())
        .map_err(OperateError::file(packed.path()))?;
    let bytes = keep(packed, file, &beside)?;
    Ok(Written { manifest, bytes })
}

/// Gives the whole file its name, on disk too. Somebody else's file of that name stays.
pub(super) fn keep(packed: NamedTempFile, file: &Path, beside: &Path) -> Result<u64, OperateError> {
    let kept = packed.persist_noclobber(file).map_err(|it| {
        if it.error.kind() == std::io::ErrorKind::AlreadyExists {
            OperateError::Exists(file.to_path_buf())
        } else {
            OperateError::file(file)(it.error)
        }
    })?;
    File::open(beside)
        .and_then(|it| it.sync_all())
        .and_then(|()| kept.metadata())
        .map(|it| it.len())
        .map_err(OperateError::file(file))
}

/// A file for this user only, gone again unless it is kept.
pub(super) fn unfinished(folder: &Path) -> Result<NamedTempFile, OperateError> {
    Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder)
        .map_err(OperateError::file(folder))
}

pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
