//! What is measured of a broadcast that is on: one row a room, and its viewers in as many as it took. A
//! room reads them once, when it is recovered; the end of the broadcast removes them.

use protocol::{BroadcastId, RoomNumber};
use rusqlite::{Connection, OptionalExtension};

use super::column::{int, uint};
use crate::log::MeasuredRow;

const VIEWER_BYTES: usize = 8;

pub(crate) fn put(db: &Connection, room: RoomNumber, row: &MeasuredRow) -> rusqlite::Result<()> {
    let of = row.of.as_str();
    db.prepare_cached(
        "DELETE FROM turnout_viewers WHERE room = ?1
         AND EXISTS (SELECT 1 FROM turnouts WHERE room = ?1 AND broadcast <> ?2)",
    )?
    .execute((room, of))?;
    db.prepare_cached(
        "INSERT INTO turnouts (room, broadcast, peak, people, watched_ms, hearts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (room) DO UPDATE SET
             broadcast = excluded.broadcast, peak = excluded.peak, people = excluded.people,
             watched_ms = excluded.watched_ms, hearts = excluded.hearts",
    )?
    .execute((
        room,
        of,
        row.peak,
        row.people,
        int(row.watched_ms),
        &row.hearts,
    ))?;
    if !row.came.is_empty() {
        let viewers: Vec<u8> = row.came.iter().flat_map(|it| it.to_le_bytes()).collect();
        db.prepare_cached("INSERT INTO turnout_viewers (room, viewers) VALUES (?1, ?2)")?
            .execute((room, viewers))?;
    }
    Ok(())
}

/// The broadcast is over.
pub(crate) fn forget(
    db: &Connection,
    room: RoomNumber,
    broadcast: &BroadcastId,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM turnout_viewers WHERE room = ?1
         AND EXISTS (SELECT 1 FROM turnouts WHERE room = ?1 AND broadcast = ?2)",
    )?
    .execute((room, broadcast.as_str()))?;
    db.prepare_cached("DELETE FROM turnouts WHERE room = ?1 AND broadcast = ?2")?
        .execute((room, broadcast.as_str()))?;
    Ok(())
}

pub(crate) fn of_room(db: &Connection, room: RoomNumber) -> rusqlite::Result<Option<MeasuredRow>> {
    let found = db
        .prepare_cached(
            "SELECT broadcast, peak, people, watched_ms, hearts FROM turnouts WHERE room = ?1",
        )?
        .query_row([room], |row| {
            Ok(MeasuredRow {
                of: row.get::<_, String>(0).map(BroadcastId::from)?,
                peak: row.get(1)?,
                people: row.get(2)?,
                watched_ms: uint(row, 3)?,
                hearts: row.get(4)?,
                came: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut found) = found else {
        return Ok(None);
    };
    let mut query =
        db.prepare_cached("SELECT viewers FROM turnout_viewers WHERE room = ?1 ORDER BY rowid")?;
    let mut rows = query.query([room])?;
    while let Some(row) = rows.next()? {
        let viewers: Vec<u8> = row.get(0)?;
        let (numbers, _) = viewers.as_chunks::<VIEWER_BYTES>();
        found
            .came
            .extend(numbers.iter().map(|it| u64::from_le_bytes(*it)));
    }
    Ok(Some(found))
}
