//! [`Log`] on a SQLite file.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use protocol::RoomNumber;

use super::{
    copier::Copier,
    migrate::migrate,
    open::{BUSY_TIMEOUT, database_file, lock_folder, open_writer, private_database},
};
use crate::{
    db::{Db, DbError},
    log::{Append, AppendError, Housekeeping, Loaded, Log, LogError, Page, PageOf, Tables},
    migrations::MIGRATIONS,
    records::{
        append::{Ends, append_all},
        read,
        split::rooms_made,
    },
    rows::column::int,
    store::OpenError,
    told::Told,
};

/// The write-ahead log is folded into the file when so much of it is in use, even under load. The larger this
/// is, the rarer that is, and the longer a start after a crash takes. Sixty-four busy rooms fill it in half a
/// second: a commit writes a page for each of them, mostly the one that the commit before it wrote.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// From here on what there is is copied beside the writer, so that little is left for it to copy.
const COPIED_FROM: u64 = WAL_BYTES_MAX - 8 * 1024 * 1024;
/// A page in the write-ahead log, with its head (https://sqlite.org/fileformat2.html#the_write_ahead_log).
const WAL_PAGE_BYTES: u64 = 4096 + 24;
/// So often in a row the housekeeping leaves a write-ahead log as it is that was written over since: five minutes.
/// What lies behind where it is begun anew is written over by nothing.
const LEFT_MAX: u32 = 9;
/// How long a checkpoint waits for somebody who reads.
const CHECKPOINT_WAITS: Duration = Duration::from_millis(50);

/// The log in a folder's `weiquan.db`, and the only writer of that file.
pub struct SqliteLog {
    db: Db,
    /// Pages of the write-ahead log that are in use, as the last commit left them.
    wal_pages: Arc<AtomicU32>,
    folder: PathBuf,
    ends: Ends,
    /// How much of the write-ahead log is in use when the next checkpoint under load is due. It grows
    /// while a reader keeps a checkpoint from finishing, so that it is not tried at every commit.
    checkpoint_at: u64,
    copier: Copier,
    /// The copier was asked since the last checkpoint.
    is_copied: bool,
    /// It was begun anew since the last housekeeping, which left it as it was so often in a row.
    is_anew: bool,
    left: u32,
    /// Whom to tell of what was stored.
    told: Arc<Told>,
    /// Held for as long as the log is open. Last, so that it outlives the connection.
    _lock: File,
}

impl SqliteLog {
    /// Opens the folder for this process alone, and brings its file up to date.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = lock_folder(folder)?;
        private_database(folder)?;
        let file = database_file(folder);
        let (db, wal_pages) =
            open_writer(folder).map_err(|it| OpenError::Unreadable(file.clone(), Box::new(it)))?;
        migrate(db.sqlite(), &file, MIGRATIONS)?;
        Ok(Self {
            copier: Copier::start(folder)?,
            is_copied: false,
            is_anew: false,
            left: 0,
            db,
            wal_pages,
            folder: folder.to_path_buf(),
            ends: Ends::default(),
            checkpoint_at: WAL_BYTES_MAX,
            told: Arc::default(),
            _lock: lock,
        })
    }

    /// Whom to tell of what is stored from here on.
    pub(crate) fn tells(&mut self, whom: Arc<Told>) {
        self.told = whom;
    }

    fn wal_file_bytes(&self) -> u64 {
        let mut file = database_file(&self.folder).into_os_string();
        file.push("-wal");
        std::fs::metadata(file).map_or(0, |it| it.len())
    }

    /// Folds the write-ahead log into the file; false where a reader was in the way.
    fn checkpoint(&mut self, then: Then) -> rusqlite::Result<bool> {
        let file = self.db.sqlite();
        file.busy_timeout(CHECKPOINT_WAITS)?;
        let words = match then {
            Then::BeginAnew => "PRAGMA wal_checkpoint(RESTART)",
            Then::Empty => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let blocked = file.query_row(words, [], |row| row.get::<_, bool>(0));
        file.busy_timeout(BUSY_TIMEOUT)?;
        blocked.map(|it| !it)
    }

    fn checkpoint_when_large(&mut self) {
        let bytes = u64::from(self.wal_pages.load(Ordering::Relaxed)) * WAL_PAGE_BYTES;
        if bytes >= COPIED_FROM && !self.is_copied {
            self.is_copied = true;
            self.copier.copy();
        }
        // No two of them copy at once; twice the size is written only where the disk is the slower one.
        if bytes < self.checkpoint_at
            || (self.copier.is_copying() && bytes < 2 * self.checkpoint_at)
        {
            return;
        }
        self.copier.wait();
        self.is_copied = false;
        self.checkpoint_at = match self.checkpoint(Then::BeginAnew) {
            Ok(true) => {
                self.is_anew = true;
                WAL_BYTES_MAX
            }
            Ok(false) => bytes + WAL_BYTES_MAX,
            Err(error) => {
                // What was committed is in the write-ahead log; nothing is lost.
                tracing::warn!(%error, "a checkpoint failed");
                bytes + WAL_BYTES_MAX
            }
        };
    }
}

/// What becomes of the write-ahead log once all of it is in the file.
#[derive(Clone, Copy)]
enum Then {
    /// It is written again from its beginning: the disk has these blocks and the kernel these pages
    /// already, which makes writing them a third cheaper.
    BeginAnew,
    /// Nothing is left of it, not even its bytes.
    Empty,
}

impl Log for SqliteLog {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        // Returns after the fsync (synchronous = FULL).
        let stored = append_all(&self.db, &mut self.ends, batch);
        if let Ok(results) = &stored {
            let made = rooms_made(&self.db, batch, results);
            self.told.of(batch, results, made);
            self.checkpoint_when_large();
        } else {
            self.ends = Ends::default();
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
        (self.db, self.wal_pages) = open_writer(&self.folder).map_err(DbError::from)?;
        self.db.execute(
            "INSERT INTO server (key, value) VALUES ('probe', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [int(clock::unix_ms())],
        )?;
        Ok(())
    }

    fn worked(&mut self) {
        self.checkpoint_when_large();
    }

    /// Emptying the write-ahead log takes up to a tenth of a second where there is much of it: its blocks are given
    /// back one by one. Where it is written over again and again, hardly anything stays in it for long; where
    /// it is not, there is little of it once it is copied.
    fn overdue(&mut self) -> Housekeeping {
        let is_anew = std::mem::take(&mut self.is_anew);
        if is_anew && self.left < LEFT_MAX {
            self.left += 1;
            return Housekeeping::Again;
        }
        if !is_anew && !self.is_copied {
            self.is_copied = true;
            self.copier.copy();
            return Housekeeping::Soon;
        }
        self.idle()
    }

    fn idle(&mut self) -> Housekeeping {
        self.copier.wait();
        (self.is_copied, self.is_anew) = (false, false);
        if self.wal_file_bytes() == 0 {
            return Housekeeping::Done;
        }
        match self.checkpoint(Then::Empty) {
            Ok(true) => {
                self.checkpoint_at = WAL_BYTES_MAX;
                self.left = 0;
                Housekeeping::Done
            }
            Ok(false) => Housekeeping::Again,
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed");
                Housekeeping::Again
            }
        }
    }

    fn tables(&mut self) -> Option<Tables<'_>> {
        Some(Tables(&self.db))
    }
}

#[cfg(test)]
mod tests {
    use protocol::server::{Mark, Person};
    use rusqlite::{Connection, StatementStatus, params};

    use super::*;
    use crate::log::Entry;

    fn log() -> (tempfile::TempDir, SqliteLog) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = SqliteLog::open(folder.path()).expect("a new log");
        log.db
            .sqlite()
            .execute_batch(
                "INSERT INTO circles VALUES (1, 'Circle', 0);
                 INSERT INTO accounts VALUES ('m_owner', 'Owner', 'owner', '', 0, 0);
                 INSERT INTO rooms VALUES (1, 1, 'room', 'Room', 1, 'm_owner', 'epoch', 0, 'live');",
            )
            .expect("a room");
        (folder, log)
    }

    fn message(seq: u64, bytes: usize) -> Append {
        let author = Person {
            id: "m_anna".into(),
            name: "Anna".into(),
            mark: Mark::Member,
        };
        let body = vec![b'x'; bytes];
        let (client_id, kind, is_fact) = (None, 1, false);
        let entry = Entry {
            seq,
            at_ms: 1,
            pos: None,
            author,
            kind,
            is_fact,
            client_id,
            body,
        };
        Append {
            room: 1,
            circle: 1,
            records: vec![entry],
            rows: vec![],
        }
    }

    #[test]
    fn a_full_disk_fails_the_commit_and_heals_when_there_is_space() {
        let (_folder, mut log) = log();
        log.append(&[message(1, 10)]).expect("space");
        let pages: i64 = log
            .db
            .sqlite()
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .expect("a count");
        log.db
            .sqlite()
            .pragma_update(None, "max_page_count", pages + 1)
            .expect("a limit");
        let failed = log.append(&[message(2, 10), message(3, 100_000)]);
        assert!(
            matches!(&failed, Err(LogError::Failed(it)) if crate::db::is_storage_failure(&**it))
        );
        // The limit is the old connection's: the new one finds space.
        log.heal().expect("space again");
        assert_eq!(
            log.load(1).expect("the room").last_seq,
            1,
            "nothing of the commit is there"
        );
        log.append(&[message(2, 100_000)]).expect("space");
        assert_eq!(log.load(1).expect("the room").last_seq, 2);
    }

    #[test]
    fn a_locked_file_fails_the_commit_until_it_is_free() {
        let (_folder, mut log) = log();
        let blocker = Connection::open(database_file(&log.folder)).expect("a second connection");
        blocker
            .execute_batch("BEGIN IMMEDIATE")
            .expect("the write lock");
        log.db
            .sqlite()
            .busy_timeout(Duration::ZERO)
            .expect("a setting");
        assert!(log.append(&[message(1, 10)]).is_err());
        assert!(log.heal().is_err());
        blocker
            .execute_batch("ROLLBACK")
            .expect("it holds the lock");
        log.heal().expect("the lock is free");
        assert_eq!(log.append(&[message(1, 10)]).expect("a commit"), [Ok(())]);
    }

    #[test]
    fn every_commit_is_synced_and_what_is_deleted_is_overwritten() {
        let (_folder, log) = log();
        for (setting, expect) in [
            ("synchronous", 2),
            ("secure_delete", 1),
            ("foreign_keys", 1),
            ("wal_autocheckpoint", 0),
            ("trusted_schema", 0),
        ] {
            let seen: i64 = log
                .db
                .sqlite()
                .query_row(&format!("PRAGMA {setting}"), [], |row| row.get(0))
                .expect("a setting");
            assert_eq!(seen, expect, "{setting}");
        }
        let mode: String = log
            .db
            .sqlite()
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .expect("a mode");
        assert_eq!(mode, "wal");
    }

    #[test]
    fn no_query_is_planned_anew_because_another_value_is_asked_for() {
        let (folder, mut log) = log();
        let records: Vec<_> = (1..=20).map(|it| message(it, 10)).collect();
        log.append(&records).expect("space");
        let reader = super::super::open_reader(folder.path()).expect("a reader");
        let queries = [
            "SELECT seq FROM records WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT 3",
            "SELECT number FROM rooms WHERE slug = ?1 AND number > ?2",
        ];
        for sql in queries {
            let mut statement = reader.sqlite().prepare(sql).expect("a query");
            for n in 0..5 {
                let rows = statement.query_map((n, n), |_| Ok(())).expect("asked");
                rows.for_each(drop);
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
        }
    }

    #[test]
    fn the_write_ahead_log_stays_small_under_load() {
        let (_folder, mut log) = log();
        let mut before = 0;
        for seq in 1..=200 {
            log.append(&[message(seq, 1_000_000)]).expect("space");
            let bytes = log.wal_file_bytes();
            assert!(bytes < 2 * WAL_BYTES_MAX + 4_000_000, "{bytes}");
            assert!(bytes >= before, "it is written over, not made anew");
            before = bytes;
        }
        log.idle();
        assert_eq!(log.wal_file_bytes(), 0);
    }

    #[test]
    fn what_is_overdue_is_copied_first_and_emptied_then() {
        let (_folder, mut log) = log();
        log.append(&[message(1, 1_000_000)]).expect("space");
        assert_eq!(log.overdue(), Housekeeping::Soon);
        assert!(log.wal_file_bytes() > 0);
        assert_eq!(log.overdue(), Housekeeping::Done);
        assert_eq!(log.wal_file_bytes(), 0);
    }

    #[test]
    fn what_is_written_over_is_not_emptied_under_load() {
        let (_folder, mut log) = log();
        for seq in 1..=100 {
            log.append(&[message(seq, 1_000_000)]).expect("space");
        }
        assert_eq!(log.overdue(), Housekeeping::Again);
        assert!(log.wal_file_bytes() > 0);
        // Nothing was begun anew since then.
        assert_eq!(log.overdue(), Housekeeping::Soon);
        assert_eq!(log.overdue(), Housekeeping::Done);
        assert_eq!(log.wal_file_bytes(), 0);
    }

    #[test]
    fn what_is_written_over_for_ever_is_emptied_all_the_same() {
        let (_folder, mut log) = log();
        log.append(&[message(1, 1_000_000)]).expect("space");
        for _ in 0..LEFT_MAX {
            log.is_anew = true;
            assert_eq!(log.overdue(), Housekeeping::Again);
        }
        log.is_anew = true;
        assert_eq!(log.overdue(), Housekeeping::Done);
        assert_eq!(log.wal_file_bytes(), 0);
    }

    #[test]
    fn a_reader_who_stays_does_not_stop_the_writer() {
        let (_folder, mut log) = log();
        let reader = super::super::open_reader(&log.folder).expect("a reader");
        let view = reader.sqlite().unchecked_transaction().expect("a view");
        let seen = |view: &Connection| -> i64 {
            view.query_row("SELECT count(*) FROM records", params![], |row| row.get(0))
                .expect("a count")
        };
        assert_eq!(seen(&view), 0);
        for seq in 1..=160 {
            log.append(&[message(seq, 1_000_000)]).expect("space");
        }
        assert_eq!(seen(&view), 0, "a view is of one moment");
        assert!(
            log.checkpoint_at > WAL_BYTES_MAX,
            "it is not tried at every commit"
        );
        assert_eq!(log.idle(), Housekeeping::Again);
        drop(view);
        assert_eq!(seen(reader.sqlite()), 160);
        assert_eq!(log.idle(), Housekeeping::Done);
        assert_eq!(log.wal_file_bytes(), 0);
    }
}
