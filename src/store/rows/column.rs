//! How Rust values stand in columns. SQLite's integers are signed 64 bit, ours are unsigned.

use protocol::{
    MemberId, Slug,
    server::{Mark, Person, Phase},
};
use rusqlite::{Row, types::FromSqlError};

use super::Hash;

/// For a column. A client may have chosen the value (when a broadcast is to start), so what does
/// not fit becomes the largest that does.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn opt_int(n: Option<u64>) -> Option<i64> {
    n.map(int)
}

pub(crate) fn uint(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| odd(column, FromSqlError::OutOfRange(n)))
}

pub(crate) fn opt_uint(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let n: Option<i64> = row.get(column)?;
    n.map(|n| u64::try_from(n).map_err(|_| odd(column, FromSqlError::OutOfRange(n))))
        .transpose()
}

pub(crate) fn member(row: &Row<'_>, column: usize) -> rusqlite::Result<MemberId> {
    row.get::<_, String>(column).map(MemberId::from)
}

pub(crate) fn slug(row: &Row<'_>, column: usize) -> rusqlite::Result<Slug> {
    row.get::<_, String>(column).map(Slug::from)
}

pub(crate) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column)
}

/// Three columns: id, name, mark.
pub(crate) fn person(row: &Row<'_>, first: usize) -> rusqlite::Result<Person> {
    Ok(Person {
        id: member(row, first)?,
        name: row.get(first + 1)?,
        mark: mark(row, first + 2)?,
    })
}

pub(crate) const fn mark_int(mark: Mark) -> i64 {
    match mark {
        Mark::Guest => 0,
        Mark::Member => 1,
        Mark::Host => 2,
        Mark::Moderator => 3,
        Mark::Owner => 4,
        Mark::CoHost => 5,
    }
}

fn mark(row: &Row<'_>, column: usize) -> rusqlite::Result<Mark> {
    match row.get::<_, i64>(column)? {
        0 => Ok(Mark::Guest),
        1 => Ok(Mark::Member),
        2 => Ok(Mark::Host),
        3 => Ok(Mark::Moderator),
        4 => Ok(Mark::Owner),
        5 => Ok(Mark::CoHost),
        other => Err(odd(column, FromSqlError::OutOfRange(other))),
    }
}

pub(crate) const fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Scheduled => "scheduled",
        Phase::Open => "open",
        Phase::Live => "live",
        Phase::Paused => "paused",
        Phase::Ended => "ended",
        Phase::Archived => "archived",
    }
}

pub(crate) fn phase(row: &Row<'_>, column: usize) -> rusqlite::Result<Phase> {
    match row.get_ref(column)?.as_str()? {
        "scheduled" => Ok(Phase::Scheduled),
        "open" => Ok(Phase::Open),
        "live" => Ok(Phase::Live),
        "paused" => Ok(Phase::Paused),
        "ended" => Ok(Phase::Ended),
        "archived" => Ok(Phase::Archived),
        _ => Err(odd(column, FromSqlError::InvalidType)),
    }
}

/// A stored value that this program would not have written.
pub(crate) fn odd(column: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Null, Box::new(error))
}

/// True where a write broke a UNIQUE or PRIMARY KEY rule.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    matches!(
        error.sqlite_error().map(|it| it.extended_code),
        Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY)
    )
}
