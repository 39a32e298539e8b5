//! The folder of blobs: `<data>/blobs/ab/cdef…`, each content once, under its own SHA-256.
//!
//! A file is there whole and on disk, or not at all. Who removes files holds the folder alone
//! ([`Shelf::alone`]); a backup holds it beside the server, so that nothing is removed meanwhile.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use protocol::BlobId;

/// The folder's name below the data folder, and in a backup.
pub const FOLDER: &str = "blobs";
const LOCK: &str = ".lock";
const UNFINISHED: &str = ".unfinished-";

/// The disk failed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct ShelfError {
    path: PathBuf,
    source: io::Error,
}

/// The folder of a server's blobs.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// The folder held; given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// What lies in the folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub files: u64,
    pub bytes: u64,
}

impl Shelf {
    /// The shelf of a data folder, made where it is missing. What an upload left half done is removed.
    pub fn open(data: &Path) -> Result<Self, ShelfError> {
        let shelf = Self::at(data);
        let path = &shelf.folder;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed(path))?;
        for entry in fs::read_dir(path).map_err(failed(path))? {
            let entry = entry.map_err(failed(path))?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(failed(path))?;
            }
        }
        Ok(shelf)
    }

    /// The shelf of a data folder, which may have none yet.
    pub fn at(data: &Path) -> Self {
        let folder = data.join(FOLDER);
        Self { folder }
    }

    /// Keeps these bytes, and names them. They are on disk when this returns.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobId, ShelfError> {
        let id = id_of(bytes);
        let path = self.path(&id);
        if path.exists() {
            return Ok(id);
        }
        let within = path.parent().unwrap_or(&self.folder).to_path_buf();
        let written = || -> io::Result<()> {
            let is_new = !within.exists();
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&within)?;
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|it| it.error)?;
            File::open(&within)?.sync_all()?;
            if is_new {
                File::open(&self.folder)?.sync_all()?;
            }
            Ok(())
        };
        written().map_err(failed(&path))?;
        Ok(id)
    }

    /// A blob's file, to be read.
    pub fn file(&self, id: &BlobId) -> Result<File, ShelfError> {
        let path = self.path(id);
        File::open(&path).map_err(failed(&path))
    }

    /// Removes a blob. It is no mistake that it is not there.
    pub fn remove(&self, id: &BlobId, _alone: &Held) -> Result<(), ShelfError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(it) if it.kind() != io::ErrorKind::NotFound => Err(failed(&path)(it)),
            _ => Ok(()),
        }
    }

    /// Holds the folder alone, where nobody else holds it: for who removes files.
    pub fn alone(&self) -> Result<Option<Held>, ShelfError> {
        let lock = self.lock_file()?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Held { _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(it)) => Err(failed(&self.folder)(it)),
        }
    }

    /// Holds the folder beside others: nothing is removed meanwhile. Waits for who holds it alone.
    pub fn beside(&self) -> Result<Held, ShelfError> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(failed(&self.folder))?;
        Ok(Held { _lock: lock })
    }

    /// Every blob that is there, in the order of their ids.
    pub fn all(&self) -> Result<Vec<BlobId>, ShelfError> {
        let mut ids = Vec::new();
        for within in entries(&self.folder)? {
            if !within.is_dir() {
                continue;
            }
            for file in entries(&within)? {
                let part = |it: &Path| it.file_name().map(|it| it.to_string_lossy().into_owned());
                let name = part(&within).zip(part(&file)).map(|(a, b)| a + &b);
                ids.extend(name.map(BlobId::from).filter(BlobId::is_well_formed));
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// How much is there.
    pub fn content(&self) -> Result<Content, ShelfError> {
        let mut content = Content::default();
        for id in self.all()? {
            let path = self.path(&id);
            // One that was removed meanwhile is none.
            if let Ok(it) = fs::metadata(&path) {
                content.files += 1;
                content.bytes += it.len();
            }
        }
        Ok(content)
    }

    pub fn path(&self, id: &BlobId) -> PathBuf {
        self.folder.join(&name_of(id)[FOLDER.len() + 1..])
    }

    fn lock_file(&self) -> Result<File, ShelfError> {
        let path = self.folder.join(LOCK);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))
    }
}

/// A blob's path below the data folder.
///
/// Panics where the id is not well formed: nothing else ever becomes a path.
pub fn name_of(id: &BlobId) -> String {
    assert!(id.is_well_formed(), "a blob's id is 64 digits of hex");
    let (first, rest) = id.as_str().split_at(2);
    format!("{FOLDER}/{first}/{rest}")
}

/// The name of these bytes.
pub fn id_of(bytes: &[u8]) -> BlobId {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hex: String = hash.as_ref().iter().map(|it| format!("{it:02x}")).collect();
    hex.into()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ShelfError> {
    match fs::read_dir(folder) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(it) => Err(failed(folder)(it)),
        Ok(found) => found
            .map(|it| it.map(|it| it.path()).map_err(failed(folder)))
            .collect(),
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ShelfError + use<> {
    let path = path.to_path_buf();
    move |source| ShelfError {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn read(shelf: &Shelf, id: &BlobId) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut file = shelf.file(id).expect("it is there");
        file.read_to_end(&mut bytes).expect("it is read");
        bytes
    }

    #[test]
    fn i1_a_content_lies_once_under_its_own_sum_and_goes_when_removed() {
        let data = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(data.path()).expect("a shelf");
        let id = shelf.put(b"abc").expect("kept");
        assert_eq!(
            id.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(shelf.put(b"abc").expect("kept"), id);
        assert_eq!(read(&shelf, &id), b"abc");
        assert_eq!(shelf.all().expect("listed"), std::slice::from_ref(&id));
        let content = Content { files: 1, bytes: 3 };
        assert_eq!(shelf.content().expect("counted"), content);
        let alone = shelf.alone().expect("a lock").expect("nobody else");
        shelf.remove(&id, &alone).expect("removed");
        shelf.remove(&id, &alone).expect("it is gone already");
        assert!(shelf.file(&id).is_err());
    }

    #[test]
    fn what_an_upload_left_half_done_is_gone_after_a_start() {
        let data = tempfile::tempdir().expect("a folder");
        Shelf::open(data.path()).expect("a shelf");
        let half = data.path().join("blobs/.unfinished-x");
        fs::write(&half, b"ab").expect("written");
        let shelf = Shelf::open(data.path()).expect("a shelf");
        assert!(!half.exists());
        assert_eq!(shelf.all().expect("listed"), []);
    }

    #[test]
    fn nothing_is_removed_while_somebody_copies() {
        let data = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(data.path()).expect("a shelf");
        let copying = shelf.beside().expect("held");
        let also = shelf.beside().expect("held beside");
        assert!(shelf.alone().expect("a lock").is_none());
        drop((copying, also));
        assert!(shelf.alone().expect("a lock").is_some());
    }
}
