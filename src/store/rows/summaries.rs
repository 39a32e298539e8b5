//! What a broadcast was, once it is over: a projection that the log's appends write, and the records
//! that a summary tells of.

use protocol::{BroadcastId, RoomNumber, Seq};

use super::{RowError, broadcasts::broadcast_row, column::int};
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

impl Store {
    /// A broadcast that is over.
    pub async fn summary(&self, id: BroadcastId) -> Result<Option<SummaryRow>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!("{SUMMARY} WHERE b.id = ?1"),
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
        circle: protocol::CircleId,
        guests_only: bool,
        n: usize,
    ) -> Result<Vec<SummaryRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                &format!(
                    "{SUMMARY} JOIN rooms r ON r.number = b.room
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

const SUMMARY: &str = "SELECT b.id, b.phase, b.title, b.host, b.host_name, b.host_mark, b.starts_ms,
     b.live_ms, b.ended_ms, b.room, b.seq, s.seq, s.played_ms, s.peak, s.people, s.watched_ms, s.hearts
     FROM broadcasts b JOIN summaries s ON s.broadcast = b.id";

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

/// Notes what it was, inside the append's transaction that ended it.
pub(crate) fn put_summary(
    db: &Db,
    seq: Seq,
    id: &BroadcastId,
    turnout: &TurnoutRow,
) -> DbResult<()> {
    db.execute(
        "INSERT INTO summaries (broadcast, seq, played_ms, peak, people, watched_ms, hearts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (broadcast) DO NOTHING",
        (
            id.as_str(),
            int(seq),
            int(turnout.played_ms),
            turnout.peak,
            turnout.people,
            int(turnout.watched_ms),
            &turnout.hearts,
        ),
    )?;
    Ok(())
}
