//! Bringing a file up to date: each migration in a transaction with its number.
//!
//! A file that is newer than this program is refused. Before an existing file is changed, a copy of
//! it is made beside it.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    migrations::{Engine, Migration},
    store::OpenError,
};

pub(super) fn migrate(db: &Connection, file: &Path, all: &[Migration]) -> Result<(), OpenError> {
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
    for (from, migration) in (0u32..).zip(all).skip(found as usize) {
        step(db, &migration.text(Engine::Sqlite), from + 1).map_err(failed)?;
        tracing::info!(version = from + 1, "the database was brought up to date");
    }
    Ok(())
}

fn step(db: &Connection, sql: &str, version: u32) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Exclusive)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
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

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::*;

    const ONE: Migration = Migration("CREATE TABLE one (n INTEGER); INSERT INTO one VALUES (1);");
    const TWO: Migration =
        Migration("CREATE TABLE two (n INTEGER); INSERT INTO two SELECT n + 1 FROM one;");
    const WRONG: Migration =
        Migration("CREATE TABLE three (n INTEGER); INSERT INTO nowhere VALUES (1);");

    fn folder() -> (TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("weiquan.db");
        let db = Connection::open(&file).expect("a file");
        (folder, file, db)
    }

    fn version(db: &Connection) -> u32 {
        db.query_row("PRAGMA user_version", [], |row| row.get(0))
            .expect("a version")
    }

    fn copies(folder: &TempDir) -> Vec<PathBuf> {
        let all = fs::read_dir(folder.path()).expect("a folder");
        all.map(|it| it.expect("an entry").path())
            .filter(|it| it.to_string_lossy().contains("weiquan.db.v"))
            .collect()
    }

    #[test]
    fn each_migration_runs_once_and_in_order() {
        let (folder, file, db) = folder();
        migrate(&db, &file, &[ONE, TWO]).expect("it is new");
        migrate(&db, &file, &[ONE, TWO]).expect("there is nothing to do");
        assert_eq!(version(&db), 2);
        let n: u32 = db
            .query_row("SELECT n FROM two", [], |row| row.get(0))
            .expect("one row");
        assert_eq!(n, 2);
        assert_eq!(copies(&folder).len(), 0, "a new file has nothing to copy");
    }

    #[test]
    fn an_existing_file_is_copied_before_it_is_changed() {
        let (folder, file, db) = folder();
        migrate(&db, &file, &[ONE]).expect("it is new");
        migrate(&db, &file, &[ONE, TWO]).expect("one step");
        let copies = copies(&folder);
        assert_eq!(copies.len(), 1);
        let copy = Connection::open(&copies[0]).expect("a database");
        assert_eq!(version(&copy), 1);
        let n: u32 = copy
            .query_row("SELECT n FROM one", [], |row| row.get(0))
            .expect("one row");
        assert_eq!(n, 1);
        assert!(copy.query_row("SELECT n FROM two", [], |_| Ok(())).is_err());
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let (_folder, file, db) = folder();
        migrate(&db, &file, &[ONE]).expect("it is new");
        let failed = migrate(&db, &file, &[ONE, WRONG]);
        assert!(
            matches!(failed, Err(OpenError::Migration(..))),
            "{failed:?}"
        );
        assert_eq!(version(&db), 1);
        let tables: u32 = db
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .expect("a count");
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_newer_file_is_refused_untouched() {
        let (folder, file, db) = folder();
        migrate(&db, &file, &[ONE, TWO]).expect("it is new");
        let refused = migrate(&db, &file, &[ONE]);
        assert!(
            matches!(
                refused,
                Err(OpenError::Newer {
                    found: 2,
                    known: 1,
                    ..
                })
            ),
            "{refused:?}"
        );
        assert_eq!((version(&db), copies(&folder).len()), (2, 0));
    }

    #[test]
    fn a_database_of_something_else_is_refused() {
        let (_folder, file, db) = folder();
        db.execute_batch("CREATE TABLE notes (text TEXT)")
            .expect("a table");
        let refused = migrate(&db, &file, &[ONE]);
        assert!(
            matches!(refused, Err(OpenError::Unreadable(..))),
            "{refused:?}"
        );
    }
}
