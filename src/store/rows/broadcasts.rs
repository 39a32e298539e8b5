//! Broadcasts (场次) as pages query them: a projection that the log's appends write.

use protocol::{BroadcastId, CircleId, RoomNumber, Seq};

use super::{
    RowError,
    column::{int, mark_int, opt_int, person, phase, phase_text},
    summaries::put_summary,
    turnouts,
};
use crate::{
    db::{Db, DbResult, Row},
    log::BroadcastRow,
    store::Store,
};

impl Store {
    /// The newest broadcast of a room that is not archived.
    pub async fn current_broadcast(
        &self,
        room: RoomNumber,
    ) -> Result<Option<BroadcastRow>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!(
                    "SELECT {BROADCAST_COLUMNS} FROM rooms r
                     JOIN broadcasts b ON b.id = ({CURRENT_OF_ROOM}) WHERE r.number = ?1"
                ),
                [room],
                |row| broadcast_row(row, 0),
            )?;
            Ok(found)
        })
        .await
    }

    /// The room that a broadcast is in.
    pub async fn room_of_broadcast(&self, id: BroadcastId) -> Result<Option<RoomNumber>, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT room FROM broadcasts WHERE id = ?1",
                [id.as_str()],
                |row| row.get(0),
            )?;
            Ok(found)
        })
        .await
    }

    /// The newest broadcast of a room, archived or not, and how often it changed: for calendars.
    pub async fn broadcast_for_calendar(
        &self,
        room: RoomNumber,
    ) -> Result<Option<(BroadcastRow, u64)>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!(
                    "SELECT {BROADCAST_COLUMNS}, b.revision FROM broadcasts b WHERE b.room = ?1
                     ORDER BY b.seq DESC LIMIT 1"
                ),
                [room],
                |row| Ok((broadcast_row(row, 0)?, row.get(9)?)),
            )?;
            Ok(found)
        })
        .await
    }

    /// Up to `n` broadcasts of a room, the newest first, archived ones too.
    pub async fn broadcasts(
        &self,
        room: RoomNumber,
        n: usize,
    ) -> Result<Vec<BroadcastRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!(
                    "SELECT {BROADCAST_COLUMNS} FROM broadcasts b WHERE b.room = ?1
                 ORDER BY b.seq DESC LIMIT ?2"
                ),
                (room, i64::try_from(n).unwrap_or(i64::MAX)),
                |row| broadcast_row(row, 0),
            )?;
            Ok(found)
        })
        .await
    }
}

pub(crate) const BROADCAST_COLUMNS: &str = "b.id, b.phase, b.title, b.host, b.host_name,
     b.host_mark, b.starts_ms, b.live_ms, b.ended_ms";
/// The id of the current broadcast of the room `r`. `seq` is the record that made it.
pub(crate) const CURRENT_OF_ROOM: &str = "SELECT c.id FROM broadcasts c
     WHERE c.room = r.number AND c.phase <> 'archived' ORDER BY c.seq DESC LIMIT 1";

/// Makes or changes a broadcast, inside an append's transaction. The row keeps the seq that made it.
pub(crate) fn put_broadcast(
    db: &Db,
    room: RoomNumber,
    circle: CircleId,
    seq: Seq,
    row: &BroadcastRow,
) -> DbResult<usize> {
    let changed = db.execute(
        "INSERT INTO broadcasts (id, room, circle, phase, title, host, host_name, host_mark,
                                 starts_ms, live_ms, ended_ms, seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET
             phase = excluded.phase, title = excluded.title, host = excluded.host,
             host_name = excluded.host_name, host_mark = excluded.host_mark,
             starts_ms = excluded.starts_ms, live_ms = excluded.live_ms,
             ended_ms = excluded.ended_ms, revision = broadcasts.revision + 1
         WHERE broadcasts.room = excluded.room",
        (
            row.id.as_str(),
            room,
            circle,
            phase_text(row.phase),
            &row.title,
            row.host.id.as_str(),
            &row.host.name,
            mark_int(row.host.mark),
            opt_int(row.starts_ms),
            opt_int(row.live_ms),
            opt_int(row.ended_ms),
            int(seq),
        ),
    )?;
    if let Some(turnout) = row.turnout.as_ref().filter(|_| changed > 0) {
        put_summary(db, room, seq, row, turnout)?;
        turnouts::forget(db, room, &row.id)?;
    }
    Ok(changed)
}

/// Reads [`BROADCAST_COLUMNS`] from column `first` on.
pub(crate) fn broadcast_row(row: &Row<'_>, first: usize) -> DbResult<BroadcastRow> {
    Ok(BroadcastRow {
        id: row.get::<String>(first).map(BroadcastId::from)?,
        phase: phase(row, first + 1)?,
        title: row.get(first + 2)?,
        host: person(row, first + 3)?,
        starts_ms: row.get(first + 6)?,
        live_ms: row.get(first + 7)?,
        ended_ms: row.get(first + 8)?,
        turnout: None,
    })
}
