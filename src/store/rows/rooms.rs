//! Rooms (房间): their names, makers and epochs. What was said in them is the log's.

use protocol::{CircleId, Epoch, MemberId, RoomNumber, Slug};
use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};

use super::{
    RowError,
    broadcasts::{BROADCAST_COLUMNS, CURRENT_OF_ROOM, broadcast_row},
    column::{int, is_taken, member, slug, uint},
};
use crate::{log::BroadcastRow, store::Store};

/// A room as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub number: RoomNumber,
    pub circle: CircleId,
    pub slug: Slug,
    pub title: String,
    /// May guests watch and talk?
    pub guests: bool,
    pub made_by: MemberId,
    /// The maker's name as it is now.
    pub made_by_name: String,
    pub epoch: Epoch,
    pub made_ms: u64,
}

/// A room to be made. Its number and its epoch are the store's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRoom {
    pub circle: CircleId,
    pub slug: Slug,
    pub title: String,
    pub guests: bool,
    pub made_by: MemberId,
    pub made_ms: u64,
}

/// A room on the home page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub room: RoomRow,
    /// The newest broadcast that is not archived.
    pub broadcast: Option<BroadcastRow>,
}

impl Store {
    pub async fn add_room(&self, new: NewRoom) -> Result<RoomRow, RowError> {
        self.write(move |db| insert_room(db, &new)).await
    }

    pub async fn room(&self, slug: Slug) -> Result<Option<RoomRow>, RowError> {
        self.read(move |db| {
            let found = db
                .prepare_cached(&format!(
                    "SELECT {ROOM_COLUMNS} {ROOM_FROM} WHERE r.slug = ?1"
                ))?
                .query_row([slug.as_str()], room_row)
                .optional()?;
            Ok(found)
        })
        .await
    }

    pub async fn room_by_number(&self, number: RoomNumber) -> Result<Option<RoomRow>, RowError> {
        self.read(move |db| room_by_number(db, number)).await
    }

    /// Changes the title and whether guests are let in.
    pub async fn set_room(
        &self,
        number: RoomNumber,
        title: String,
        guests: bool,
    ) -> Result<RoomRow, RowError> {
        self.write(move |db| {
            db.execute(
                "UPDATE rooms SET title = ?2, guests = ?3 WHERE number = ?1",
                (number, title, guests),
            )?;
            room_by_number(db, number)?.ok_or(RowError::NotFound)
        })
        .await
    }

    /// Up to `n` rooms of a circle as the home page shows them: live first, then open, paused,
    /// scheduled (the next first), then the rest, the newest first.
    pub async fn rooms(&self, circle: CircleId, n: usize) -> Result<Vec<Listed>, RowError> {
        self.read(move |db| list(db, circle, n)).await
    }
}

const ROOM_COLUMNS: &str = "r.number, r.circle, r.slug, r.title, r.guests, r.made_by, a.name,
     r.epoch, r.made_ms";
const ROOM_COLUMN_COUNT: usize = 9;
const ROOM_FROM: &str = "FROM rooms r JOIN accounts a ON a.id = r.made_by";

fn insert_room(db: &Connection, new: &NewRoom) -> Result<RoomRow, RowError> {
    db.execute(
        "INSERT INTO rooms (circle, slug, title, guests, made_by, epoch, made_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, lower(hex(randomblob(8))), ?6)",
        (
            new.circle,
            new.slug.as_str(),
            &new.title,
            new.guests,
            new.made_by.as_str(),
            int(new.made_ms),
        ),
    )
    .map_err(|it| {
        if is_taken(&it) {
            RowError::SlugTaken
        } else {
            it.into()
        }
    })?;
    let number = RoomNumber::try_from(db.last_insert_rowid())
        .map_err(|it| RowError::Failed(Box::new(it)))?;
    room_by_number(db, number)?.ok_or(RowError::NotFound)
}

fn room_by_number(db: &Connection, number: RoomNumber) -> Result<Option<RoomRow>, RowError> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {ROOM_COLUMNS} {ROOM_FROM} WHERE r.number = ?1"
        ))?
        .query_row([number], room_row)
        .optional()?;
    Ok(found)
}

fn list(db: &Connection, circle: CircleId, n: usize) -> Result<Vec<Listed>, RowError> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {ROOM_COLUMNS}, {BROADCAST_COLUMNS} {ROOM_FROM}
         LEFT JOIN broadcasts b ON b.id = ({CURRENT_OF_ROOM})
         WHERE r.circle = ?1
         ORDER BY CASE b.phase WHEN 'live' THEN 0 WHEN 'open' THEN 1 WHEN 'paused' THEN 2
                               WHEN 'scheduled' THEN 3 ELSE 4 END,
                  CASE b.phase WHEN 'scheduled' THEN b.starts_ms END,
                  coalesce(b.live_ms, r.made_ms) DESC,
                  r.number DESC
         LIMIT ?2"
    ))?;
    let listed = query
        .query_map((circle, i64::try_from(n).unwrap_or(i64::MAX)), |row| {
            let has_broadcast = row.get_ref(ROOM_COLUMN_COUNT)? != ValueRef::Null;
            Ok(Listed {
                room: room_row(row)?,
                broadcast: has_broadcast
                    .then(|| broadcast_row(row, ROOM_COLUMN_COUNT))
                    .transpose()?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(listed)
}

fn room_row(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    Ok(RoomRow {
        number: row.get(0)?,
        circle: row.get(1)?,
        slug: slug(row, 2)?,
        title: row.get(3)?,
        guests: row.get(4)?,
        made_by: member(row, 5)?,
        made_by_name: row.get(6)?,
        epoch: row.get::<_, String>(7).map(Epoch::from)?,
        made_ms: uint(row, 8)?,
    })
}
