//! The log on SQLite: one file, write-ahead log, an fsync for every commit.

mod copier;
mod log;
mod migrate;
mod open;

pub use log::SqliteLog;
pub(crate) use open::{database_file, lock_folder, open_reader, schema};

use std::path::Path;

use rusqlite::Connection;

use crate::{migrations::MIGRATIONS, store::OpenError};

/// The version that the last migration brings a file to.
pub(crate) fn known_schema() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("migrations are few")
}

/// Runs the migrations that a file has not seen; before the first a copy of it is made beside it.
pub(crate) fn bring_up_to_date(db: &Connection, file: &Path) -> Result<(), OpenError> {
    migrate::migrate(db, file, MIGRATIONS)
}
