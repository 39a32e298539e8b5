//! A copy of the database while its server runs, what a copy says of itself, and the way back.
//!
//! The copy is SQLite's online backup inside one read transaction: one moment of the database, the
//! write-ahead log included, however busy the writer is. A plain copy of the files is none. What the
//! copies are packed into is the caller's business.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use protocol::{BlobId, RoomNumber, Seq};
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use crate::{
    db::{Db, DbError, DbResult},
    log::Log,
    postgres::{DatabaseUrl, PostgresLog},
    rows::{
        RowError,
        audit::{self, NewAct},
        rooms::renew_epochs,
    },
    sqlite::{self, open_reader},
    store::{OpenError, on_a_thread},
};

/// Pages (of 4 KiB) that are copied between two reports of how far it is.
const PAGES_PER_STEP: i32 = 2_048;

/// Why a database was not copied, read or put back. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} holds no server's database; name the data folder of a server (--data)")]
    NoDatabase(PathBuf),
    #[error("{0} holds a database already; name an empty folder, or move that one away first")]
    Taken(PathBuf),
    #[error("{0}: {1}")]
    Database(PathBuf, #[source] DbError),
    #[error("{0}: {1}")]
    Renewal(PathBuf, #[source] RowError),
    #[error("{0}: {1}")]
    Restored(DatabaseUrl, #[source] RowError),
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What a database holds, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Which migrations it has seen.
    pub schema: u32,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
}

/// How a room's log stands in a database: whole where the seqs are 1 to `records`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLog {
    pub number: RoomNumber,
    pub slug: String,
    pub records: u64,
    pub first: Seq,
    pub last: Seq,
}

impl RoomLog {
    /// Seqs are unique, so a log with as many records as its last seq has no hole.
    pub fn is_whole(&self) -> bool {
        self.last == self.records && (self.records == 0 || self.first == 1)
    }
}

/// The newest schema that this program knows.
pub fn known_schema() -> u32 {
    sqlite::known_schema()
}

/// Copies the database of a folder into the empty file `to`, and counts what was in it at that
/// moment. May run beside the server, which is not held up. `told` hears pages done and pages in all.
pub fn copy_database(
    folder: &Path,
    to: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Contents, BackupError> {
    let file = sqlite::database_file(folder);
    if !holds_something(&file) {
        return Err(BackupError::NoDatabase(folder.to_path_buf()));
    }
    let failed = |it: DbError| BackupError::Database(file.clone(), it);
    let from = open_reader(folder)?;
    // SQLite starts a copy again when somebody else writes, which under load is without end; not so
    // inside a transaction, which sees one moment only. The first read fixes that moment.
    from.batch("BEGIN").map_err(failed)?;
    let contents = read_contents(&from).map_err(failed)?;
    copy_pages(from.sqlite(), to, told)
        .map_err(|it| BackupError::Database(to.to_path_buf(), it.into()))?;
    Ok(contents)
}

fn copy_pages(
    from: &Connection,
    to: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(from, &mut copy)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        let progress = backup.progress();
        let pages = |n: i32| u64::from(n.unsigned_abs());
        let all = pages(progress.pagecount);
        told(all - pages(progress.remaining), all);
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Both files are ours alone, so nobody holds a lock that would go away by waiting.
            _ => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
        }
    }
}

/// Counts what a database file holds. The file is left as it is.
pub fn contents(file: &Path) -> Result<Contents, BackupError> {
    open_copy(file)
        .and_then(|db| read_contents(&db))
        .map_err(|it| BackupError::Database(file.to_path_buf(), it))
}

/// What SQLite finds wrong with a file: `integrity_check` and references that lead nowhere. Nothing
/// where it is sound.
pub fn faults(file: &Path) -> Result<Vec<String>, BackupError> {
    let find = || -> DbResult<Vec<String>> {
        let db = open_copy(file)?;
        let mut found: Vec<String> = db.all("PRAGMA integrity_check", (), |row| row.get(0))?;
        found.retain(|it| it != "ok");
        let dangling = db.all("PRAGMA foreign_key_check", (), |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            Ok(format!(
                "a row of {table} names something that is not in {parent}"
            ))
        })?;
        found.extend(dangling);
        Ok(found)
    };
    find().map_err(|it| BackupError::Database(file.to_path_buf(), it))
}

/// Every room with the ends of its log.
pub fn room_logs(file: &Path) -> Result<Vec<RoomLog>, BackupError> {
    let read = || -> DbResult<Vec<RoomLog>> {
        open_copy(file)?.all(
            "SELECT r.number, r.slug, count(l.seq), coalesce(min(l.seq), 0), coalesce(max(l.seq), 0)
             FROM rooms r LEFT JOIN records l ON l.room = r.number
             GROUP BY r.number ORDER BY r.number",
            (),
            |row| {
                Ok(RoomLog {
                    number: row.get(0)?,
                    slug: row.get(1)?,
                    records: row.get(2)?,
                    first: row.get(3)?,
                    last: row.get(4)?,
                })
            },
        )
    };
    read().map_err(|it| BackupError::Database(file.to_path_buf(), it))
}

/// The files of blobs that a database names, in their order; none where it is of before there were any.
pub fn blob_files(file: &Path) -> Result<Vec<BlobId>, BackupError> {
    let read = || -> DbResult<Vec<BlobId>> {
        let db = open_copy(file)?;
        let known: bool = db.one(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'blobs')",
            (),
            |row| row.get(0),
        )?;
        if !known {
            return Ok(Vec::new());
        }
        let ids: Vec<BlobId> = db.all(
            "SELECT id FROM blobs UNION SELECT preview FROM blobs WHERE preview IS NOT NULL
             ORDER BY 1",
            (),
            |row| Ok(row.get::<String>(0)?.into()),
        )?;
        // Nothing else ever becomes the name of a file.
        Ok(ids.into_iter().filter(BlobId::is_well_formed).collect())
    };
    read().map_err(|it| BackupError::Database(file.to_path_buf(), it))
}

/// How the database of a folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none yet.
    Absent,
    /// A server has it open, so it is not looked at.
    InUse,
    /// Which schema it has, and what SQLite finds wrong with it.
    Closed { schema: u32, faults: Vec<String> },
}

/// Whether a folder holds no database.
pub fn is_absent(folder: &Path) -> bool {
    !holds_something(&sqlite::database_file(folder))
}

/// Looks at a folder's database without changing it. No server can start meanwhile.
pub fn standing(folder: &Path) -> Result<Standing, BackupError> {
    let file = sqlite::database_file(folder);
    if !holds_something(&file) {
        return Ok(Standing::Absent);
    }
    let _lock = match sqlite::lock_folder(folder) {
        Ok(lock) => lock,
        Err(OpenError::InUse(_)) => return Ok(Standing::InUse),
        Err(error) => return Err(error.into()),
    };
    Ok(Standing::Closed {
        schema: contents(&file)?.schema,
        faults: faults(&file)?,
    })
}

/// A folder without a database, taken for this process until it is dropped.
pub struct Vacant {
    folder: PathBuf,
    _lock: File,
}

impl Vacant {
    /// Makes the folder where it is missing. Refuses one that a server has open or that holds a
    /// database.
    pub fn claim(folder: &Path) -> Result<Self, BackupError> {
        let lock = sqlite::lock_folder(folder)?;
        let file = sqlite::database_file(folder);
        let beside = ["", "-wal", "-journal"].map(|it| {
            let mut name = file.clone().into_os_string();
            name.push(it);
            PathBuf::from(name)
        });
        if beside.iter().any(|it| holds_something(it)) {
            return Err(BackupError::Taken(folder.to_path_buf()));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            _lock: lock,
        })
    }

    /// Puts a copied file there as the folder's database, up to date and synced. What was written after
    /// the copy is lost, so every room has a new epoch: a client that saw more than there is now starts
    /// afresh, where it would take new records for old ones. `act` is the next line of the audit log.
    pub fn fill(self, file: &Path, act: &NewAct) -> Result<(), BackupError> {
        let failed = |it| BackupError::Database(file.to_path_buf(), it);
        let db = open_copy(file).map_err(failed)?;
        // Not the write-ahead log: one file is all there is when this returns.
        db.sqlite()
            .pragma_update(None, "journal_mode", "delete")
            .map_err(|it| failed(it.into()))?;
        // The log that the line belongs to is younger than the first databases.
        sqlite::bring_up_to_date(db.sqlite(), file)?;
        db.change(|db| renew(db, act))
            .map_err(|it| BackupError::Renewal(file.to_path_buf(), it))?;
        drop(db);
        let place = sqlite::database_file(&self.folder);
        let moved = || -> std::io::Result<()> {
            File::open(file)?.sync_all()?;
            fs::rename(file, &place)?;
            File::open(&self.folder)?.sync_all()
        };
        moved().map_err(|it| BackupError::File(place.clone(), it))
    }
}

/// New epochs for all rooms, and a line of the audit log: both or neither.
fn renew(db: &Db, act: &NewAct) -> Result<(), RowError> {
    renew_epochs(db)?;
    Ok(audit::add(db, act)?)
}

/// Notes that a PostgreSQL database was put back from a dump: as [`Vacant::fill`] does for a file, every
/// room has a new epoch, and `act` is the next line of the audit log. No server may run.
pub fn restored(folder: &Path, url: &DatabaseUrl, act: &NewAct) -> Result<(), BackupError> {
    on_a_thread(|| {
        let mut log = PostgresLog::open(folder, url)?;
        let tables = log.tables().expect("a database has tables");
        let noted = tables.0.change(|db| renew(db, act));
        noted.map_err(|it| BackupError::Restored(url.clone(), it))
    })
}

fn holds_something(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|it| it.len() > 0)
}

/// A file that nobody else has open.
fn open_copy(file: &Path) -> DbResult<Db> {
    let db = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // A damaged schema must not run code (https://sqlite.org/security.html).
    db.pragma_update(None, "trusted_schema", "off")?;
    Ok(Db::Sqlite(db))
}

fn read_contents(db: &Db) -> DbResult<Contents> {
    let schema = db.one("PRAGMA user_version", (), |row| row.get(0))?;
    let names: Vec<String> = db.all(
        // What an index of words keeps in tables of its own is no row of anything.
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND name NOT LIKE 'search\\_words%' ESCAPE '\\'",
        (),
        |row| row.get(0),
    )?;
    let mut tables = BTreeMap::new();
    for name in names {
        // A name cannot be a parameter; it is quoted as SQL quotes names.
        let count = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let rows = db.one(&count, (), |row| row.get(0))?;
        tables.insert(name, rows);
    }
    Ok(Contents { schema, tables })
}
