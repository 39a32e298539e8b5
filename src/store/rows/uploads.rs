//! Blobs: what was uploaded, who may say it, which messages refer to it, and what is to be removed.
//!
//! The rows say what the files beside the database are for. A reference comes and goes in the
//! transaction of the message's own record.

use protocol::{BlobId, BlobKind, MemberId, RoomNumber, Seq, limits};

use super::{RowError, column::int};
use crate::{
    db::{Db, DbError, DbResult, Row},
    log::MovedRow,
    store::Store,
};

/// A blob as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    pub id: BlobId,
    pub kind: BlobKind,
    pub mime: String,
    pub bytes: u64,
    pub size: Option<(u32, u32)>,
    pub duration_ms: Option<u32>,
    pub preview: Option<BlobId>,
    pub preview_bytes: u64,
}

/// An upload to be noted.
#[derive(Clone, Debug)]
pub struct NewBlob {
    pub blob: BlobRow,
    /// Or [`UNSTARTED`].
    pub room: RoomNumber,
    pub member: MemberId,
    pub now_ms: u64,
    /// How long it is kept where nobody says it.
    pub unsaid_ms: u64,
    /// Bytes that the room, and all of the server, may keep.
    pub room_max: u64,
    pub all_max: u64,
}

/// In place of a room: a topic that its uploader has not started yet.
pub const UNSTARTED: RoomNumber = 0;

/// A blob as somebody may say it somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    pub blob: BlobRow,
    /// When they uploaded it there, or for a topic that is not started yet, Unix milliseconds.
    pub made_ms: Option<u64>,
    /// A message that is in sight there shows it.
    pub shown: bool,
}

/// A room that shows a blob, or that it was uploaded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRoom {
    pub number: RoomNumber,
    pub guests: bool,
    /// Every message that shows it there is out of sight: only who reviews may see it.
    pub hidden: bool,
}

pub(crate) const BLOB_COLUMNS: &str =
    "b.id, b.kind, b.mime, b.bytes, b.width, b.height, b.duration_ms, b.preview, b.preview_bytes";

impl Store {
    /// Notes an upload. What is there already counts once; [`RowError::Full`] where there is no space.
    pub async fn add_blob(&self, new: NewBlob) -> Result<(), RowError> {
        self.write(move |db| add(db, &new)).await
    }

    /// A blob as a member may say it in a room; `None` where they never may. Where the room is [`UNSTARTED`]: in a
    /// topic that they are about to start.
    pub async fn upload(
        &self,
        room: RoomNumber,
        member: MemberId,
        blob: BlobId,
    ) -> Result<Option<UploadRow>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!(
                    "SELECT {BLOB_COLUMNS},
                         (SELECT max(u.made_ms) FROM blob_uploads u
                          WHERE u.blob = b.id AND u.member = ?3 AND u.room IN (?2, 0)),
                         EXISTS (SELECT 1 FROM blob_refs f
                                 WHERE f.blob = b.id AND f.room = ?2 AND f.hidden = 0)
                     FROM blobs b WHERE b.id = ?1"
                ),
                (blob.as_str(), room, member.as_str()),
                |row| {
                    Ok(UploadRow {
                        blob: blob_row(row)?,
                        made_ms: row.get(9)?,
                        shown: row.get(10)?,
                    })
                },
            )?;
            Ok(found.filter(|it| it.made_ms.is_some() || it.shown))
        })
        .await
    }

    /// Whether a member uploaded a blob, anywhere, that nobody had to say yet.
    pub async fn is_own_upload(&self, blob: BlobId, member: MemberId) -> Result<bool, RowError> {
        self.read(move |db| {
            let found = db.one(
                "SELECT EXISTS (SELECT 1 FROM blob_uploads WHERE blob = ?1 AND member = ?2)",
                (blob.as_str(), member.as_str()),
                |row| row.get(0),
            )?;
            Ok(found)
        })
        .await
    }

    /// A blob, and the rooms that show it, at most eight. Where none does, the rooms it was uploaded to.
    pub async fn blob(&self, id: BlobId) -> Result<Option<(BlobRow, Vec<BlobRoom>)>, RowError> {
        self.read(move |db| {
            let found = db.first(
                &format!("SELECT {BLOB_COLUMNS} FROM blobs b WHERE b.id = ?1"),
                [id.as_str()],
                blob_row,
            )?;
            let Some(blob) = found else {
                return Ok(None);
            };
            // Rooms that everybody may watch come first: then nobody need be asked for.
            let rooms = db.all(
                "SELECT r.number, r.guests, coalesce(
                     (SELECT min(hidden) FROM blob_refs f
                      WHERE f.blob = ?1 AND f.room = r.number), 0) AS out_of_sight
                 FROM rooms r WHERE r.number IN
                     (SELECT room FROM blob_refs WHERE blob = ?1
                      UNION SELECT room FROM blob_uploads WHERE blob = ?1)
                 ORDER BY out_of_sight, r.guests DESC, r.number LIMIT 8",
                [id.as_str()],
                |row| {
                    Ok(BlobRoom {
                        number: row.get(0)?,
                        guests: row.get(1)?,
                        hidden: row.get(2)?,
                    })
                },
            )?;
            Ok(Some((blob, rooms)))
        })
        .await
    }

    /// Bytes that the room and all of the server keep.
    pub async fn blob_bytes(&self, room: RoomNumber) -> Result<(u64, u64), RowError> {
        self.read(move |db| Ok((bytes_of(db, Some(room))?, bytes_of(db, None)?)))
            .await
    }

    /// Forgets uploads that may not be said any more, and up to `n` blobs that nobody needs. Answers the
    /// files that are needed by nothing now.
    pub async fn free_blobs(
        &self,
        now_ms: u64,
        unsaid_ms: u64,
        n: usize,
    ) -> Result<Vec<BlobId>, RowError> {
        let old = int(now_ms.saturating_sub(unsaid_ms));
        // Most of the time there is nothing to do, and a write is an fsync.
        let any = self.read(move |db| {
            let found: bool = db.one(
                "SELECT EXISTS (SELECT 1 FROM blobs WHERE free_ms <= ?1)
                         OR EXISTS (SELECT 1 FROM blob_uploads WHERE made_ms <= ?2)",
                (int(now_ms), old),
                |row| row.get(0),
            )?;
            Ok(found)
        });
        if !any.await? {
            return Ok(Vec::new());
        }
        self.write(move |db| free(db, now_ms, unsaid_ms, n)).await
    }

    /// Whether anything needs the file of that name.
    pub async fn is_blob_needed(&self, id: BlobId) -> Result<bool, RowError> {
        self.read(move |db| Ok(is_needed(db, id.as_str())?)).await
    }
}

fn add(db: &Db, new: &NewBlob) -> Result<(), RowError> {
    let blob = &new.blob;
    let id = blob.id.as_str();
    if new.room == UNSTARTED {
        let waiting: u32 = db.one(
            "SELECT count(*) FROM blob_uploads WHERE member = ?1 AND room = 0 AND blob <> ?2",
            (new.member.as_str(), id),
            |row| row.get(0),
        )?;
        if waiting >= limits::DRAFT_BLOBS_MAX {
            return Err(RowError::Full);
        }
    }
    let there = is_row(db, id)?;
    if !there {
        let more = blob.bytes + blob.preview_bytes;
        if bytes_of(db, Some(new.room))? + more > new.room_max
            || bytes_of(db, None)? + more > new.all_max
        {
            return Err(RowError::Full);
        }
        db.execute(
            "INSERT INTO blobs (id, room, kind, mime, bytes, width, height, duration_ms, preview,
                                preview_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                id,
                new.room,
                blob.kind.as_str(),
                &blob.mime,
                int(blob.bytes),
                blob.size.map(|it| it.0),
                blob.size.map(|it| it.1),
                blob.duration_ms,
                blob.preview.as_ref().map(BlobId::as_str),
                int(blob.preview_bytes),
            ),
        )?;
    }
    db.execute(
        "INSERT INTO blob_uploads (blob, room, member, made_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (blob, room, member) DO UPDATE SET made_ms = excluded.made_ms",
        (id, new.room, new.member.as_str(), int(new.now_ms)),
    )?;
    db.execute(
        "UPDATE blobs SET free_ms = CASE refs WHEN 0 THEN ?2 END WHERE id = ?1",
        (id, int(new.now_ms + new.unsaid_ms)),
    )?;
    Ok(())
}

/// A message refers to these blobs and to no others, inside its record's transaction. A blob that is gone is none's
/// business here: the message then shows that it is.
pub(crate) fn refer(db: &Db, room: RoomNumber, seq: Seq, blobs: &[BlobId]) -> DbResult<()> {
    let before: Vec<String> = db.all(
        "SELECT blob FROM blob_refs WHERE room = ?1 AND seq = ?2",
        (room, int(seq)),
        |row| row.get(0),
    )?;
    for blob in blobs {
        refer_to_one(db, room, seq, blob.as_str())?;
    }
    for blob in before {
        if blobs.iter().all(|it| it.as_str() != blob) {
            db.execute(
                "DELETE FROM blob_refs WHERE room = ?1 AND seq = ?2 AND blob = ?3",
                (room, int(seq), &blob),
            )?;
            release(db, room, &blob)?;
        }
    }
    Ok(())
}

fn refer_to_one(db: &Db, room: RoomNumber, seq: Seq, blob: &str) -> DbResult<()> {
    if !is_row(db, blob)? {
        return Ok(());
    }
    let added = db.execute(
        "INSERT INTO blob_refs (room, seq, blob) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        (room, int(seq), blob),
    )?;
    if added > 0 {
        db.execute(
            "UPDATE blobs SET refs = refs + 1, free_ms = NULL,
                    room = CASE room WHEN 0 THEN ?2 ELSE room END
             WHERE id = ?1",
            (blob, room),
        )?;
        // What came for a topic that was not started yet came to this one.
        let moved = db.execute(
            "INSERT INTO blob_uploads (blob, room, member, made_ms)
             SELECT u.blob, r.number, u.member, u.made_ms FROM blob_uploads u
             JOIN rooms r ON r.number = ?2 AND r.made_by = u.member
             WHERE u.blob = ?1 AND u.room = 0 ON CONFLICT DO NOTHING",
            (blob, room),
        )?;
        if moved > 0 {
            db.execute(
                "DELETE FROM blob_uploads WHERE blob = ?1 AND room = 0
                   AND member = (SELECT made_by FROM rooms WHERE number = ?2)",
                (blob, room),
            )?;
        }
    }
    Ok(())
}

/// A message moved into another room: what it shows is shown there. Nobody may say it here again by an upload to
/// here that none of its messages shows.
pub(crate) fn move_ref(
    db: &Db,
    (from, to): (RoomNumber, RoomNumber),
    it: &MovedRow,
) -> DbResult<()> {
    let blobs: Vec<String> = db.all(
        "UPDATE blob_refs SET room = ?3, seq = ?4 WHERE room = ?1 AND seq = ?2 RETURNING blob",
        (from, int(it.was), to, int(it.is)),
        |row| row.get(0),
    )?;
    for blob in blobs {
        db.execute(
            "DELETE FROM blob_uploads WHERE blob = ?1 AND room = ?2
               AND NOT EXISTS (SELECT 1 FROM blob_refs f WHERE f.blob = ?1 AND f.room = ?2)",
            (&blob, from),
        )?;
    }
    Ok(())
}

/// It is out of sight with its message, or seen again.
pub(crate) fn veil(db: &Db, room: RoomNumber, seq: Seq, on: bool) -> DbResult<()> {
    db.execute(
        "UPDATE blob_refs SET hidden = ?3 WHERE room = ?1 AND seq = ?2",
        (room, int(seq), on),
    )?;
    Ok(())
}

/// It refers to none any more.
pub(crate) fn let_go(db: &Db, room: RoomNumber, seq: Seq) -> DbResult<()> {
    let blobs: Vec<String> = db.all(
        "DELETE FROM blob_refs WHERE room = ?1 AND seq = ?2 RETURNING blob",
        (room, int(seq)),
        |row| row.get(0),
    )?;
    for blob in blobs {
        release(db, room, &blob)?;
    }
    Ok(())
}

/// A reference of this room is gone. What nobody refers to is free at once, unless another upload of it waits to be
/// said in another room.
fn release(db: &Db, room: RoomNumber, blob: &str) -> DbResult<()> {
    let elsewhere: bool = db.one(
        "SELECT EXISTS (SELECT 1 FROM blob_refs WHERE blob = ?1 AND room = ?2)",
        (blob, room),
        |row| row.get(0),
    )?;
    if !elsewhere {
        db.execute(
            "DELETE FROM blob_uploads WHERE blob = ?1 AND room = ?2",
            (blob, room),
        )?;
    }
    db.execute(
        "UPDATE blobs SET refs = refs - 1,
                free_ms = CASE WHEN refs > 1 THEN NULL ELSE coalesce(
                    (SELECT max(made_ms) + 3600000 FROM blob_uploads WHERE blob = ?1), 0) END
         WHERE id = ?1",
        [blob],
    )?;
    Ok(())
}

fn free(db: &Db, now_ms: u64, unsaid_ms: u64, n: usize) -> Result<Vec<BlobId>, RowError> {
    let ids: Vec<(String, Option<String>)> = db.all(
        "SELECT id, preview FROM blobs WHERE free_ms IS NOT NULL AND free_ms <= ?1
             ORDER BY free_ms LIMIT ?2",
        (int(now_ms), i64::try_from(n).unwrap_or(i64::MAX)),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let old = int(now_ms.saturating_sub(unsaid_ms));
    db.execute("DELETE FROM blob_uploads WHERE made_ms <= ?1", [old])?;
    let mut files = Vec::new();
    for (id, preview) in ids {
        db.execute("DELETE FROM blob_uploads WHERE blob = ?1", [&id])?;
        db.execute("DELETE FROM blobs WHERE id = ?1 AND refs = 0", [&id])?;
        files.push(id);
        files.extend(preview);
    }
    let mut unneeded = Vec::new();
    for file in files {
        if !is_needed(db, &file)? {
            unneeded.push(BlobId::from(file));
        }
    }
    Ok(unneeded)
}

fn is_row(db: &Db, id: &str) -> DbResult<bool> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE id = ?1)",
        [id],
        |row| row.get(0),
    )
}

fn is_needed(db: &Db, id: &str) -> DbResult<bool> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE id = ?1 OR preview = ?1)",
        [id],
        |row| row.get(0),
    )
}

fn bytes_of(db: &Db, room: Option<RoomNumber>) -> DbResult<u64> {
    db.one(
        "SELECT CAST(coalesce(sum(bytes + preview_bytes), 0) AS BIGINT) FROM blobs
         WHERE ?1 IS NULL OR room = ?1",
        [room],
        |row| row.get(0),
    )
}

pub(crate) fn blob_row(row: &Row<'_>) -> DbResult<BlobRow> {
    let size = |it: Option<u64>| it.and_then(|it| u32::try_from(it).ok());
    let (width, height) = (size(row.get(4)?), size(row.get(5)?));
    Ok(BlobRow {
        id: row.get::<String>(0).map(BlobId::from)?,
        kind: kind(row, 1)?,
        mime: row.get(2)?,
        bytes: row.get(3)?,
        size: width.zip(height),
        duration_ms: size(row.get(6)?),
        preview: row.get::<Option<String>>(7)?.map(BlobId::from),
        preview_bytes: row.get(8)?,
    })
}

fn kind(row: &Row<'_>, column: usize) -> DbResult<BlobKind> {
    match row.text(column)? {
        "image" => Ok(BlobKind::Image),
        "voice" => Ok(BlobKind::Voice),
        "file" => Ok(BlobKind::File),
        _ => Err(DbError::Odd(column)),
    }
}
