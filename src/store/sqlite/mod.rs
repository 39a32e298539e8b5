//! The log on SQLite: one file, write-ahead log, an fsync for every commit.

mod log;
mod migrate;
mod open;

pub use log::SqliteLog;
pub(crate) use open::{database_file, lock_folder, open_reader};

use std::path::Path;

use rusqlite::Connection;

use crate::{log::LogError, store::OpenError};

/// The version that the last migration brings a file to.
pub(crate) fn known_schema() -> u32 {
    u32::try_from(migrate::MIGRATIONS.len()).expect("migrations are few")
}

/// Runs the migrations that a file has not seen; before the first a copy of it is made beside it.
pub(crate) fn bring_up_to_date(db: &mut Connection, file: &Path) -> Result<(), OpenError> {
    migrate::migrate(db, file, migrate::MIGRATIONS)
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// True where SQLite failed for its disk (full, read-only, input/output error, damaged) rather than
/// for the query.
pub(crate) fn is_disk_failure(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull,
        FileLockingProtocolFailed, NotADatabase, OutOfMemory, PermissionDenied, ReadOnly,
        SystemIoFailure,
    };
    error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code)
        .is_some_and(|code| {
            matches!(
                code,
                CannotOpen
                    | DatabaseBusy
                    | DatabaseCorrupt
                    | DatabaseLocked
                    | DiskFull
                    | FileLockingProtocolFailed
                    | NotADatabase
                    | OutOfMemory
                    | PermissionDenied
                    | ReadOnly
                    | SystemIoFailure
            )
        })
}
