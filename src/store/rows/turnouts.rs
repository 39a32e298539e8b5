//! What is measured of a broadcast that is on: one row a room, and its viewers in as many as it took. A
//! room reads them once, when it is recovered; the end of the broadcast removes them, and keeps the viewers with its
//! summary for a while.

use protocol::{BroadcastId, RoomNumber};

use super::column::int;
use crate::{
    db::{Db, DbResult},
    log::MeasuredRow,
};

const VIEWER_BYTES: usize = 8;

pub(crate) fn put(db: &Db, room: RoomNumber, row: &MeasuredRow) -> DbResult<()> {
    let of = row.of.as_str();
    db.execute(
        "DELETE FROM turnout_viewers WHERE room = ?1
         AND EXISTS (SELECT 1 FROM turnouts WHERE room = ?1 AND broadcast <> ?2)",
        (room, of),
    )?;
    db.execute(
        "INSERT INTO turnouts (room, broadcast, peak, people, watched_ms, hearts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (room) DO UPDATE SET
             broadcast = excluded.broadcast, peak = excluded.peak, people = excluded.people,
             watched_ms = excluded.watched_ms, hearts = excluded.hearts",
        (
            room,
            of,
            row.peak,
            row.people,
            int(row.watched_ms),
            &row.hearts,
        ),
    )?;
    if !row.came.is_empty() {
        let viewers: Vec<u8> = row.came.iter().flat_map(|it| it.to_le_bytes()).collect();
        db.execute(
            "INSERT INTO turnout_viewers (room, viewers) VALUES (?1, ?2)",
            (room, viewers),
        )?;
    }
    Ok(())
}

/// The viewers of a broadcast that is on, as they are kept.
pub(super) fn viewers(db: &Db, room: RoomNumber, broadcast: &BroadcastId) -> DbResult<Vec<u8>> {
    let parts: Vec<Vec<u8>> = db.all(
        "SELECT v.viewers FROM turnout_viewers v JOIN turnouts t ON t.room = v.room
         WHERE v.room = ?1 AND t.broadcast = ?2 ORDER BY v.rowid",
        (room, broadcast.as_str()),
        |row| row.get(0),
    )?;
    Ok(parts.concat())
}

/// Viewers as they are kept, as numbers.
pub(super) fn numbers(kept: &[u8]) -> impl Iterator<Item = u64> {
    let (numbers, _) = kept.as_chunks::<VIEWER_BYTES>();
    numbers.iter().map(|it| u64::from_le_bytes(*it))
}

/// The broadcast is over.
pub(crate) fn forget(db: &Db, room: RoomNumber, broadcast: &BroadcastId) -> DbResult<()> {
    db.execute(
        "DELETE FROM turnout_viewers WHERE room = ?1
         AND EXISTS (SELECT 1 FROM turnouts WHERE room = ?1 AND broadcast = ?2)",
        (room, broadcast.as_str()),
    )?;
    db.execute(
        "DELETE FROM turnouts WHERE room = ?1 AND broadcast = ?2",
        (room, broadcast.as_str()),
    )?;
    Ok(())
}

pub(crate) fn of_room(db: &Db, room: RoomNumber) -> DbResult<Option<MeasuredRow>> {
    let found = db.first(
        "SELECT broadcast, peak, people, watched_ms, hearts FROM turnouts WHERE room = ?1",
        [room],
        |row| {
            Ok(MeasuredRow {
                of: row.get::<String>(0).map(BroadcastId::from)?,
                peak: row.get(1)?,
                people: row.get(2)?,
                watched_ms: row.get(3)?,
                hearts: row.get(4)?,
                came: Vec::new(),
            })
        },
    )?;
    let Some(mut found) = found else {
        return Ok(None);
    };
    let all: Vec<Vec<u8>> = db.all(
        "SELECT viewers FROM turnout_viewers WHERE room = ?1 ORDER BY rowid",
        [room],
        |row| row.get(0),
    )?;
    for viewers in all {
        found.came.extend(numbers(&viewers));
    }
    Ok(Some(found))
}
