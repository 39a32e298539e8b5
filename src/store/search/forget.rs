//! Forgetting: the index as a whole goes, to be made again from the logs.
//!
//! What finds texts is emptied at once, and the texts go in parts, so that rooms wait for none of it long.
//! While they go, nothing is stored.

use crate::{
    db::{Db, DbResult},
    rows::{RowError, column::int},
};

/// Rows of what the server knows of itself.
const RULES: &str = "search_rules";
const UNDER_WAY: &str = "search_forgets";
/// Texts that go in one transaction.
const TEXTS_AT_ONCE: u64 = 1_000;

pub(super) fn unless_by(db: &Db, version: u32) -> Result<(), RowError> {
    let ours = version.to_le_bytes();
    let known: Option<[u8; 4]> =
        db.first("SELECT value FROM server WHERE key = ?1", [RULES], |row| {
            row.get(0)
        })?;
    if known == Some(ours) {
        return Ok(());
    }
    if known.is_some() {
        begin(db)?;
    }
    set(db, RULES, &ours)?;
    Ok(())
}

pub(super) fn begin(db: &Db) -> Result<(), RowError> {
    if matches!(db, Db::Sqlite(_)) {
        db.execute(
            "INSERT INTO search_words (search_words) VALUES ('delete-all')",
            (),
        )?;
    }
    db.execute("DELETE FROM search_rooms", ())?;
    set(db, UNDER_WAY, &1_u32.to_le_bytes())?;
    Ok(())
}

pub(super) fn is_under_way(db: &Db) -> DbResult<bool> {
    let found = db.first("SELECT 1 FROM server WHERE key = ?1", [UNDER_WAY], |_| {
        Ok(())
    })?;
    Ok(found.is_some())
}

pub(super) fn go_on(db: &Db) -> Result<(), RowError> {
    let gone = db.execute(
        "DELETE FROM search_docs WHERE id IN (SELECT id FROM search_docs ORDER BY id LIMIT ?1)",
        [int(TEXTS_AT_ONCE)],
    )?;
    if gone == 0 {
        db.execute("DELETE FROM server WHERE key = ?1", [UNDER_WAY])?;
    }
    Ok(())
}

fn set(db: &Db, key: &str, value: &[u8; 4]) -> DbResult<usize> {
    db.execute(
        "INSERT INTO server (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
}
