//! [`Log`] on a SQLite file.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use protocol::RoomNumber;
use rusqlite::{Connection, TransactionBehavior};

use super::{
    append::{Ends, append_part},
    migrate::{MIGRATIONS, migrate},
    open::{BUSY_TIMEOUT, database_file, lock_folder, open_writer},
    read,
};
use crate::{
    log::{Append, AppendError, Loaded, Log, LogError, Page, PageOf, Tables},
    rows::column::int,
    store::OpenError,
};

/// The write-ahead log is folded into the file when it has grown to this, even under load. Measured
/// pauses of such a checkpoint are 15–30 ms; the larger this is, the rarer they are, and the longer
/// a start after a crash takes.
const WAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long a checkpoint waits for somebody who reads.
const CHECKPOINT_WAITS: Duration = Duration::from_millis(50);

/// The log in a folder's `weiquan.db`, and the only writer of that file.
pub struct SqliteLog {
    db: Connection,
    folder: PathBuf,
    ends: Ends,
    /// The size of the write-ahead log at which the next checkpoint under load is due. It grows
    /// while a reader keeps a checkpoint from finishing, so that it is not tried at every commit.
    checkpoint_at: u64,
    /// Held for as long as the log is open. Last, so that it outlives the connection.
    _lock: File,
}

impl SqliteLog {
    /// Opens the folder for this process alone, and brings its file up to date.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = lock_folder(folder)?;
        let file = database_file(folder);
        let mut db =
            open_writer(folder).map_err(|it| OpenError::Unreadable(file.clone(), Box::new(it)))?;
        migrate(&mut db, &file, MIGRATIONS)?;
        Ok(Self {
            db,
            folder: folder.to_path_buf(),
            ends: Ends::default(),
            checkpoint_at: WAL_BYTES_MAX,
            _lock: lock,
        })
    }

    fn append_all(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(batch.len());
        for part in batch {
            results.push(append_part(&transaction, &mut self.ends, part)?);
        }
        // Returns after the fsync (synchronous = FULL).
        transaction.commit()?;
        Ok(results)
    }

    fn wal_bytes(&self) -> u64 {
        let mut file = database_file(&self.folder).into_os_string();
        file.push("-wal");
        std::fs::metadata(file).map_or(0, |it| it.len())
    }

    /// Folds the write-ahead log into the file and empties it; false where a reader was in the way.
    fn checkpoint(&mut self) -> rusqlite::Result<bool> {
        self.db.busy_timeout(CHECKPOINT_WAITS)?;
        let blocked = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0)
            });
        self.db.busy_timeout(BUSY_TIMEOUT)?;
        blocked.map(|it| !it)
    }

    fn checkpoint_when_large(&mut self) {
        let bytes = self.wal_bytes();
        if bytes < self.checkpoint_at {
            return;
        }
        self.checkpoint_at = match self.checkpoint() {
            Ok(true) => WAL_BYTES_MAX,
            Ok(false) => bytes + WAL_BYTES_MAX,
            Err(error) => {
                // What was committed is in the write-ahead log; nothing is lost.
                tracing::warn!(%error, "a checkpoint failed");
                bytes + WAL_BYTES_MAX
            }
        };
    }
}

impl Log for SqliteLog {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        let stored = self.append_all(batch);
        if stored.is_err() {
            self.ends = Ends::default();
        } else {
            self.checkpoint_when_large();
        }
        stored
    }

    fn load(&mut self, room: RoomNumber) -> Result<Loaded, LogError> {
        read::load(&self.db, room)
    }

    fn page(&mut self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        read::page(&self.db, room, of, n)
    }

    /// A new connection forgets every page that the old one believed to be written; the frames of
    /// the failed commit are overwritten by the next one.
    fn heal(&mut self) -> Result<(), LogError> {
        self.ends = Ends::default();
        self.db = open_writer(&self.folder)?;
        self.db.execute(
            "INSERT INTO server (key, value) VALUES ('probe', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [int(clock::unix_ms())],
        )?;
        Ok(())
    }

    fn idle(&mut self) {
        if self.wal_bytes() == 0 {
            return;
        }
        match self.checkpoint() {
            Ok(_) => self.checkpoint_at = WAL_BYTES_MAX,
            Err(error) => tracing::warn!(%error, "a checkpoint failed"),
        }
    }

    fn tables(&mut self) -> Option<Tables<'_>> {
        Some(Tables(&mut self.db))
    }
}
