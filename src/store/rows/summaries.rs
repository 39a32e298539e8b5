//! What a broadcast was, once it is over: a projection that the log's appends write, and the records
//! that a summary tells of.

use std::collections::BTreeSet;

use protocol::{BroadcastId, CircleId, RoomNumber, Seq, Slug, limits};

use super::{
    RowError,
    broadcasts::{BROADCAST_COLUMNS, broadcast_row},
    column::{int, slug},
    turnouts,
};
use crate::{
    db::{Db, DbResult, Row},
    log::{BroadcastRow, TurnoutRow},
    store::Store,
};

/// A broadcast that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    pub broadcast: BroadcastRow,
    pub room: RoomNumber,
    /// The records of it: the first, and the one that ended it.
    pub seqs: (Seq, Seq),
    pub turnout: TurnoutRow,
}

/// What was said meanwhile, counted from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaidRow {
    pub messages: u64,
    /// Different people who said them.
    pub people: u64,
}

/// A broadcast that is over and that somebody may have missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedRow {
    pub summary: SummaryRow,
    pub slug: Slug,
    pub room_title: String,
    pub ended_ms: u64,
    /// Who watched it, as numbers.
    viewers: BTreeSet<u64>,
}

impl EndedRow {
    /// Whether somebody of that number was there while it was live.
    pub fn was_watched_by(&self, viewer: u64) -> bool {
        self.viewers.contains(&viewer)
    }
}

/// A broadcast that is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComingRow {
    pub broadcast: BroadcastRow,
    pub room: RoomNumber,
    pub slug: Slug,
    pub room_title: String,
    pub starts_ms: u64,
}

impl Store {
    /// Up to `n` broadcasts that were live and ended after a moment, the newest first: of those of which it is known who
    /// watched.
    pub async fn ended_since(
        &self,
        circle: CircleId,
        since_ms: u64,
        n: usize,
    ) -> Result<Vec<EndedRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!(
                    "{SUMMARY_COLUMNS}, r.slug, r.title, s.viewers {SUMMARY_FROM}
                     JOIN rooms r ON r.number = b.room
                     WHERE b.ended_ms > ?2 AND b.circle = ?1 AND b.live_ms IS NOT NULL
                       AND b.phase IN ('ended', 'archived') AND s.viewers IS NOT NULL
                     ORDER BY b.ended_ms DESC LIMIT ?3"
                ),
                (circle, int(since_ms), i64::try_from(n).unwrap_or(i64::MAX)),
                |row| {
                    let summary = summary_row(row)?;
                    Ok(EndedRow {
                        ended_ms: summary.broadcast.ended_ms.unwrap_or_default(),
                        slug: slug(row, 17)?,
                        room_title: row.get(18)?,
                        viewers: turnouts::numbers(&row.get::<Vec<u8>>(19)?).collect(),
                        summary,
                    })
                },
            )?;
            Ok(found)
        })
        .await
    }

    /// Up to `n` broadcasts that begin between two moments, the next first.
    pub async fn coming_between(
        &self,
        circle: CircleId,
        (from_ms, to_ms): (u64, u64),
        n: usize,
    ) -> Result<Vec<ComingRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!(
                    "SELECT {BROADCAST_COLUMNS}, b.room, r.slug, r.title FROM broadcasts b
                     JOIN rooms r ON r.number = b.room
                     WHERE b.phase = 'scheduled' AND b.starts_ms > ?2 AND b.starts_ms <= ?3
                       AND b.circle = ?1 ORDER BY b.starts_ms, b.id LIMIT ?4"
                ),
                (
                    circle,
                    int(from_ms),
                    int(to_ms),
                    i64::try_from(n).unwrap_or(i64::MAX),
                ),
                |row| {
                    let broadcast = broadcast_row(row, 0)?;
                    Ok(ComingRow {
                        starts_ms: broadcast.starts_ms.unwrap_or_default(),
                        broadcast,
                        room: row.get(9)?,
                        slug: slug(row, 10)?,
                        room_title: row.get(11)?,
                    })
                },
            )?;
            Ok(found)
        })
        .await
    }

    /// A broadcast that is over.
    pub async fn summary(&self, id: BroadcastId) -> Result<Option<SummaryRow>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!("{SUMMARY_COLUMNS} {SUMMARY_FROM} WHERE b.id = ?1"),
                [id.as_str()],
                summary_row,
            )?;
            Ok(found)
        })
        .await
    }

    /// Those of some rooms that ended last, the newest first.
    pub async fn ended_lately(
        &self,
        circle: CircleId,
        guests_only: bool,
        n: usize,
    ) -> Result<Vec<SummaryRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!(
                    "{SUMMARY_COLUMNS} {SUMMARY_FROM} JOIN rooms r ON r.number = b.room
                     WHERE b.circle = ?1 AND (r.guests = 1 OR ?2 = 0) AND b.live_ms IS NOT NULL
                           AND b.phase = 'ended'
                     ORDER BY b.ended_ms DESC NULLS LAST LIMIT ?3"
                ),
                (circle, guests_only, i64::try_from(n).unwrap_or(i64::MAX)),
                summary_row,
            )?;
            Ok(found)
        })
        .await
    }

    /// What was said between two records of a room.
    pub async fn said_between(
        &self,
        room: RoomNumber,
        seqs: (Seq, Seq),
        kind: u8,
    ) -> Result<SaidRow, RowError> {
        self.read(move |db| {
            let found = db.one(
                "SELECT count(*), count(DISTINCT author) FROM records
                     WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 AND kind = ?4",
                (room, int(seqs.0), int(seqs.1), kind),
                |row| {
                    Ok(SaidRow {
                        messages: row.get(0)?,
                        people: row.get(1)?,
                    })
                },
            )?;
            Ok(found)
        })
        .await
    }
}

const SUMMARY_COLUMNS: &str = "SELECT b.id, b.phase, b.title, b.host, b.host_name, b.host_mark, b.starts_ms,
     b.live_ms, b.ended_ms, b.room, b.seq, s.seq, s.played_ms, s.peak, s.people, s.watched_ms, s.hearts";
const SUMMARY_FROM: &str = "FROM broadcasts b JOIN summaries s ON s.broadcast = b.id";

fn summary_row(row: &Row<'_>) -> DbResult<SummaryRow> {
    Ok(SummaryRow {
        broadcast: broadcast_row(row, 0)?,
        room: row.get(9)?,
        seqs: (row.get(10)?, row.get(11)?),
        turnout: TurnoutRow {
            played_ms: row.get(12)?,
            peak: row.get(13)?,
            people: row.get(14)?,
            watched_ms: row.get(15)?,
            hearts: row.get(16)?,
        },
    })
}

/// Notes what it was and who watched it, inside the append's transaction that ended it. Who watched those that ended
/// long before is forgotten.
pub(crate) fn put_summary(
    db: &Db,
    room: RoomNumber,
    seq: Seq,
    row: &BroadcastRow,
    turnout: &TurnoutRow,
) -> DbResult<()> {
    let id = &row.id;
    db.execute(
        "INSERT INTO summaries (broadcast, seq, played_ms, peak, people, watched_ms, hearts, viewers)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (broadcast) DO NOTHING",
        (
            id.as_str(),
            int(seq),
            int(turnout.played_ms),
            turnout.peak,
            turnout.people,
            int(turnout.watched_ms),
            &turnout.hearts,
            turnouts::viewers(db, room, id)?,
        ),
    )?;
    let within_ms = limits::MISSED_WITHIN.as_millis() as u64;
    let before_ms = row.ended_ms.unwrap_or_default().saturating_sub(within_ms);
    db.execute(
        "UPDATE summaries SET viewers = NULL WHERE viewers IS NOT NULL
           AND (SELECT b.ended_ms FROM broadcasts b WHERE b.id = summaries.broadcast) < ?1",
        [int(before_ms)],
    )?;
    Ok(())
}
