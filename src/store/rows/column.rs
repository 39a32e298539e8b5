//! How Rust values stand in columns. A database's integers are signed 64 bit, ours are unsigned.

use protocol::{
    MemberId, Slug,
    server::{Mark, Person, Phase},
};

use crate::db::{DbError, DbResult, Row};

/// For a column. A client may have chosen the value (when a broadcast is to start), so what does
/// not fit becomes the largest that does.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn opt_int(n: Option<u64>) -> Option<i64> {
    n.map(int)
}

pub(crate) fn member(row: &Row<'_>, column: usize) -> DbResult<MemberId> {
    row.get::<String>(column).map(MemberId::from)
}

pub(crate) fn slug(row: &Row<'_>, column: usize) -> DbResult<Slug> {
    row.get::<String>(column).map(Slug::from)
}

/// Three columns: id, name, mark.
pub(crate) fn person(row: &Row<'_>, first: usize) -> DbResult<Person> {
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

fn mark(row: &Row<'_>, column: usize) -> DbResult<Mark> {
    match row.get::<i64>(column)? {
        0 => Ok(Mark::Guest),
        1 => Ok(Mark::Member),
        2 => Ok(Mark::Host),
        3 => Ok(Mark::Moderator),
        4 => Ok(Mark::Owner),
        5 => Ok(Mark::CoHost),
        _ => Err(DbError::Odd(column)),
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

pub(crate) fn phase(row: &Row<'_>, column: usize) -> DbResult<Phase> {
    match row.text(column)? {
        "scheduled" => Ok(Phase::Scheduled),
        "open" => Ok(Phase::Open),
        "live" => Ok(Phase::Live),
        "paused" => Ok(Phase::Paused),
        "ended" => Ok(Phase::Ended),
        "archived" => Ok(Phase::Archived),
        _ => Err(DbError::Odd(column)),
    }
}
