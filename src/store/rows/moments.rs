//! Moments: topics about a second of a broadcast, as its summary lists them.

use protocol::{
    BroadcastId, RoomNumber,
    server::Person,
    topic::{Moment, TopicPlace},
};

use super::{
    RowError,
    column::{person, slug},
    topics::place,
};
use crate::{
    db::{Db, DbResult, Row},
    store::Store,
};

/// A topic about a second of a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MomentRow {
    pub topic: TopicPlace,
    /// Of the broadcast's media clock.
    pub second: u32,
    /// Who started it.
    pub by: Person,
    /// Messages but the first.
    pub replies: u32,
}

impl Store {
    /// Up to `n` topics about moments of a broadcast, by their seconds: all, or those that guests may read.
    pub async fn moments(
        &self,
        of: BroadcastId,
        for_guests: bool,
        n: usize,
    ) -> Result<Vec<MomentRow>, RowError> {
        self.read(move |db| {
            let found = db.all(
                "SELECT r.slug, t.title, t.moment_s, t.starter, t.starter_name, t.starter_mark, t.replies
                 FROM topics t JOIN rooms r ON r.number = t.room
                 WHERE t.moment_of = ?1 AND t.said > 0 AND t.merged_into IS NULL AND (?2 = 0 OR r.guests = 1)
                 ORDER BY t.moment_s, t.room LIMIT ?3",
                (
                    of.as_str(),
                    for_guests,
                    i64::try_from(n).unwrap_or(i64::MAX),
                ),
                |row| {
                    Ok(MomentRow {
                        topic: place(row, 0)?,
                        second: row.get(2)?,
                        by: person(row, 3)?,
                        replies: row.get(6)?,
                    })
                },
            )?;
            Ok(found)
        })
        .await
    }
}

/// Which moment a topic is about, inside an append's transaction. It never changes.
pub(super) fn put(db: &Db, room: RoomNumber, at: &Moment) -> DbResult<()> {
    db.execute(
        "UPDATE topics SET moment_of = ?2, moment_s = ?3, moment_title = ?4
         WHERE room = ?1 AND moment_of IS NULL",
        (room, at.id.as_str(), at.second, &at.title),
    )?;
    Ok(())
}

/// From a row: the room of the broadcast, its id, what it was called, the second.
pub(super) fn read(row: &Row<'_>, column: usize) -> DbResult<Moment> {
    Ok(Moment {
        room: slug(row, column)?,
        id: BroadcastId::new(row.get::<String>(column + 1)?),
        title: row.get(column + 2)?,
        second: row.get(column + 3)?,
    })
}
