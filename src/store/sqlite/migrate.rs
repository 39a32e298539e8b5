//! Migrations: numbered SQL files, forward only, each in a transaction with its number.
//!
//! A file that is newer than this program is refused. Before an existing file is changed, a copy of
//! it is made beside it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::OpenError;

/// `MIGRATIONS[n]` brings a file from version n to n + 1.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_circle_rooms_log.sql")];

pub(super) fn migrate(db: &mut Connection, file: &Path, all: &[&str]) -> Result<(), OpenError> {
    let unreadable = |it| OpenError::Unreadable(file.to_path_buf(), Box::new(it));
    let failed = |it| OpenError::Migration(file.to_path_buf(), Box::new(it));
    let found: u32 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(unreadable)?;
    let known = u32::try_from(all.len()).expect("migrations are few");
    if found > known {
        return Err(OpenError::Newer {
            file: file.to_path_buf(),
            found,
            known,
        });
    }
    if found == 0 {
        refuse_foreign(db).map_err(unreadable)?;
    } else if found < known {
        back_up(db, file, found).map_err(failed)?;
    }
    for (from, sql) in (0u32..).zip(all).skip(found as usize) {
        let step = || {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
            transaction.commit()
        };
        // A closure that borrows `db` mutably runs once for each step.
        let mut step = step;
        step().map_err(failed)?;
        tracing::info!(version = from + 1, "the database was brought up to date");
    }
    Ok(())
}

/// A file without a version is ours only while it is empty.
fn refuse_foreign(db: &Connection) -> rusqlite::Result<()> {
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        Ok(())
    } else {
        Err(rusqlite::Error::InvalidQuery)
    }
}

/// A whole, consistent copy, the write-ahead log included.
fn back_up(db: &Connection, file: &Path, version: u32) -> rusqlite::Result<()> {
    let copy = file.with_extension(format!("db.v{version}-{}", clock::unix_ms()));
    db.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    tracing::info!(copy = %copy.display(), "copied the database before changing it");
    Ok(())
}
