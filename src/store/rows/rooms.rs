//! Rooms (房间): their names, makers and epochs. What was said in them is the log's.

use protocol::{CircleId, Epoch, MemberId, RoomNumber, Slug, topic::RoomKind};

use super::{
    RowError,
    broadcasts::{BROADCAST_COLUMNS, CURRENT_OF_ROOM, broadcast_row},
    column::{int, member, slug},
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    log::BroadcastRow,
    store::Store,
};

/// A room as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    pub number: RoomNumber,
    pub circle: CircleId,
    pub slug: Slug,
    pub title: String,
    pub kind: RoomKind,
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
    pub kind: RoomKind,
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
            let found = db.first(
                &format!("SELECT {ROOM_COLUMNS} {ROOM_FROM} WHERE r.slug = ?1"),
                [slug.as_str()],
                room_row,
            )?;
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

pub(crate) const ROOM_COLUMNS: &str =
    "r.number, r.circle, r.slug, r.title, r.guests, r.made_by, a.name,
     r.epoch, r.made_ms, r.kind";
pub(crate) const ROOM_COLUMN_COUNT: usize = 10;
pub(crate) const ROOM_FROM: &str = "FROM rooms r JOIN accounts a ON a.id = r.made_by";

pub(crate) fn insert_room(db: &Db, new: &NewRoom) -> Result<RoomRow, RowError> {
    insert_room_as(db, new, &new_epoch()?)
}

/// The same with the epoch that it has elsewhere.
pub(crate) fn insert_room_as(db: &Db, new: &NewRoom, epoch: &str) -> Result<RoomRow, RowError> {
    let number: RoomNumber = db
        .one(
            "INSERT INTO rooms (circle, slug, title, guests, made_by, epoch, made_ms, kind)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING number",
            (
                new.circle,
                new.slug.as_str(),
                &new.title,
                new.guests,
                new.made_by.as_str(),
                epoch,
                int(new.made_ms),
                new.kind.as_str(),
            ),
            |row| row.get(0),
        )
        .map_err(|it| it.or_taken(RowError::SlugTaken))?;
    room_by_number(db, number)?.ok_or(RowError::NotFound)
}

/// Sixteen hexadecimal digits by chance.
fn new_epoch() -> Result<String, RowError> {
    let mut lot = [0; 8];
    aws_lc_rs::rand::fill(&mut lot).map_err(|it| RowError::Failed(Box::new(it)))?;
    Ok(format!("{:016x}", u64::from_le_bytes(lot)))
}

/// New epochs for all rooms: what was written lately is lost, and who saw it is to start afresh.
pub(crate) fn renew_epochs(db: &Db) -> Result<(), RowError> {
    let rooms: Vec<RoomNumber> = db.all("SELECT number FROM rooms", (), |row| row.get(0))?;
    for room in rooms {
        db.execute(
            "UPDATE rooms SET epoch = ?2 WHERE number = ?1",
            (room, new_epoch()?),
        )?;
    }
    Ok(())
}

fn room_by_number(db: &Db, number: RoomNumber) -> Result<Option<RoomRow>, RowError> {
    let found = db.first(
        &format!("SELECT {ROOM_COLUMNS} {ROOM_FROM} WHERE r.number = ?1"),
        [number],
        room_row,
    )?;
    Ok(found)
}

fn list(db: &Db, circle: CircleId, n: usize) -> Result<Vec<Listed>, RowError> {
    let listed = db.all(
        &format!(
            "SELECT {ROOM_COLUMNS}, {BROADCAST_COLUMNS} {ROOM_FROM}
         LEFT JOIN broadcasts b ON b.id = ({CURRENT_OF_ROOM})
         WHERE r.circle = ?1 AND r.kind = 'live'
         ORDER BY CASE b.phase WHEN 'live' THEN 0 WHEN 'open' THEN 1 WHEN 'paused' THEN 2
                               WHEN 'scheduled' THEN 3 ELSE 4 END,
                  CASE b.phase WHEN 'scheduled' THEN b.starts_ms END NULLS FIRST,
                  coalesce(b.live_ms, r.made_ms) DESC,
                  r.number DESC
         LIMIT ?2"
        ),
        (circle, i64::try_from(n).unwrap_or(i64::MAX)),
        |row| {
            let has_broadcast = !row.is_null(ROOM_COLUMN_COUNT)?;
            Ok(Listed {
                room: room_row(row)?,
                broadcast: has_broadcast
                    .then(|| broadcast_row(row, ROOM_COLUMN_COUNT))
                    .transpose()?,
            })
        },
    )?;
    Ok(listed)
}

pub(crate) fn room_row(row: &Row<'_>) -> DbResult<RoomRow> {
    Ok(RoomRow {
        number: row.get(0)?,
        circle: row.get(1)?,
        slug: slug(row, 2)?,
        title: row.get(3)?,
        guests: row.get(4)?,
        made_by: member(row, 5)?,
        made_by_name: row.get(6)?,
        epoch: row.get::<String>(7).map(Epoch::from)?,
        made_ms: row.get(8)?,
        kind: RoomKind::from_word(row.text(9)?).ok_or(DbError::Odd(9))?,
    })
}
