//! Opening the file: one server at a time, the settings that make a commit durable.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, hooks::Wal};

use crate::{
    db::Db,
    store::{OpenError, Place},
};

const FILE: &str = "weiquan.db";
const LOCK: &str = "weiquan.lock";
/// Readers of ours never lock the writer out in WAL mode; a person's `sqlite3` may, for a moment.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const WRITER_CACHE_KIB: i64 = 32 * 1024;
/// Of each reader, filled as it reads: what lists of ten thousand topics are found by fits.
const READER_CACHE_KIB: i64 = 8 * 1024;
/// Every query of this crate stays prepared.
const STATEMENTS_CACHED: usize = 256;

pub(crate) fn database_file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Makes the folder and takes it for this process, for as long as the file is held. What is in it
/// (password hashes, messages) is for the server's user only.
pub(crate) fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    let unusable = |it| OpenError::Folder(folder.to_path_buf(), it);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(unusable)?;
    let lock = private_file(&folder.join(LOCK)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(Place::Folder(folder.to_path_buf()))),
        Err(TryLockError::Error(it)) => Err(unusable(it)),
    }
}

/// The database's file, readable for nobody else where it is new.
pub(super) fn private_database(folder: &Path) -> Result<(), OpenError> {
    // SQLite gives the files beside it the same rights.
    let made = private_file(&database_file(folder));
    made.map(drop)
        .map_err(|it| OpenError::Folder(folder.to_path_buf(), it))
}

/// Opens a file, and makes it readable for nobody else where it is new.
fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// A connection that may write, and how many pages its commits have left in the write-ahead log. Only
/// the writer has one, behind the folder's lock.
pub(super) fn open_writer(folder: &Path) -> rusqlite::Result<(Db, Arc<AtomicU32>)> {
    let mut db = Connection::open_with_flags(
        database_file(folder),
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&db)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // FULL: the write-ahead log is synced at each commit, so a commit outlives a power cut.
    db.pragma_update(None, "synchronous", "full")?;
    // Deleted bytes are overwritten, so that an erased message is gone from the file.
    db.pragma_update(None, "secure_delete", "on")?;
    // The pages where rooms grow stay in memory: SQLite's default (2 MiB) reads them back again and
    // again from 200 busy rooms on. It is filled only as far as it is used.
    db.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // The writer checkpoints by itself, between commits (see `SqliteLog::idle`).
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    let pages = Arc::new(AtomicU32::new(0));
    let counted = pages.clone();
    db.wal_hook(Some(move |_: &mut Wal, pages| {
        counted.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok((Db::Sqlite(db), pages))
}

/// A connection that cannot write.
pub(crate) fn open_reader(folder: &Path) -> Result<Db, OpenError> {
    let db = open_beside(folder, |db| {
        db.pragma_update(None, "query_only", "on")?;
        db.pragma_update(None, "cache_size", -READER_CACHE_KIB)
    });
    db.map(Db::Sqlite)
}

/// A connection that copies the write-ahead log and writes nothing else.
pub(super) fn open_copier(folder: &Path) -> Result<Connection, OpenError> {
    // The file is synced before the log is written anew.
    open_beside(folder, |db| db.pragma_update(None, "synchronous", "full"))
}

/// One more connection to the file, beside the writer's. Read-write as SQLite sees it: the shared index of the
/// write-ahead log needs it.
fn open_beside(
    folder: &Path,
    set: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, OpenError> {
    let file = database_file(folder);
    let open = || {
        let db = Connection::open_with_flags(
            &file,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        configure(&db)?;
        set(&db)?;
        Ok(db)
    };
    open().map_err(|it: rusqlite::Error| OpenError::Unreadable(file.clone(), Box::new(it)))
}

/// Which schema the file of a reader has.
pub(crate) fn schema(db: &Db, folder: &Path) -> Result<u32, OpenError> {
    let found = db.one("PRAGMA user_version", (), |row| row.get(0));
    found.map_err(|it| OpenError::Unreadable(database_file(folder), Box::new(it)))
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    db.pragma_update(None, "foreign_keys", "on")?;
    // A plan is for every value: without this SQLite, as it is built here (STAT4), reads and plans the text of a query
    // anew whenever another value is bound to it, which was half of what a reader did.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A damaged schema must not run code (https://sqlite.org/security.html).
    db.pragma_update(None, "trusted_schema", "off")?;
    Ok(())
}
