//! Reminders (提醒): who is told before a broadcast begins, and when it goes live. What is due becomes
//! notices in one transaction with the note that it was told, so that each is told once, whenever
//! this process ends. A broadcast that is moved is told of anew; one that is taken back, never.

use protocol::{BroadcastId, MemberId, RoomNumber, limits};

use super::{
    RowError,
    column::{int, member},
    notices,
};
use crate::{
    db::{Db, DbResult, Params},
    store::Store,
};

/// Broadcasts that the reminders of one look may be about.
const DUE_AT_ONCE: i64 = 64;

impl Store {
    /// Whether a member is reminded of a broadcast.
    pub async fn reminder(
        &self,
        broadcast: BroadcastId,
        member: MemberId,
    ) -> Result<bool, RowError> {
        self.read(move |db| {
            let there = db.one(
                "SELECT EXISTS (SELECT 1 FROM reminders WHERE broadcast = ?1 AND member = ?2)",
                (broadcast.as_str(), member.as_str()),
                |row| row.get(0),
            )?;
            Ok(there)
        })
        .await
    }

    /// A member wants to be reminded of a broadcast. Of so many only; the oldest go.
    pub async fn add_reminder(
        &self,
        broadcast: BroadcastId,
        member: MemberId,
        now_ms: u64,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO reminders (broadcast, member, made_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
                (broadcast.as_str(), member.as_str(), int(now_ms)),
            )?;
            db.execute(
                "DELETE FROM reminders WHERE member = ?1 AND broadcast NOT IN (
                     SELECT broadcast FROM reminders WHERE member = ?1
                     ORDER BY made_ms DESC, broadcast LIMIT ?2)",
                (
                    member.as_str(),
                    i64::try_from(limits::REMINDERS_MAX).unwrap_or(i64::MAX),
                ),
            )?;
            Ok(())
        })
        .await
    }

    pub async fn remove_reminder(
        &self,
        broadcast: BroadcastId,
        member: MemberId,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM reminders WHERE broadcast = ?1 AND member = ?2",
                (broadcast.as_str(), member.as_str()),
            )?;
            Ok(())
        })
        .await
    }

    /// Makes notices of what is due now. Answers when to look again, where a broadcast is announced.
    pub async fn remind(&self, now_ms: u64) -> Result<Option<u64>, RowError> {
        let soon_ms = now_ms + limits::REMIND_BEFORE.as_millis() as u64;
        let due = self
            .read(move |db| {
                Ok(!due_live(db)?.is_empty() || !due_start(db, now_ms, soon_ms)?.is_empty())
            })
            .await?;
        if due {
            self.write(move |db| {
                for begun in due_live(db)? {
                    tell_live(db, &begun, now_ms)?;
                }
                for coming in due_start(db, now_ms, soon_ms)? {
                    tell_start(db, &coming, now_ms)?;
                }
                db.execute(
                    "DELETE FROM reminders WHERE broadcast IN (
                         SELECT id FROM broadcasts WHERE phase IN ('ended', 'archived'))",
                    (),
                )?;
                Ok(())
            })
            .await?;
        }
        self.read(move |db| {
            let next: Option<u64> = db.one(
                "SELECT min(b.starts_ms) FROM broadcasts b
                     JOIN reminders r ON r.broadcast = b.id
                     WHERE b.phase = 'scheduled' AND b.starts_ms > ?1",
                [int(soon_ms)],
                |row| row.get(0),
            )?;
            Ok(next.map(|it| it - limits::REMIND_BEFORE.as_millis() as u64))
        })
        .await
    }
}

/// Broadcasts that are live, and nobody was told of it.
fn due_live(db: &Db) -> DbResult<Vec<BroadcastId>> {
    ids(
        db,
        "SELECT b.id FROM broadcasts b WHERE b.phase = 'live'
         AND NOT EXISTS (SELECT 1 FROM broadcasts_told t WHERE t.broadcast = b.id) LIMIT ?1",
        [DUE_AT_ONCE],
    )
}

/// Broadcasts that begin soon, with somebody to be reminded of it.
fn due_start(db: &Db, now_ms: u64, soon_ms: u64) -> DbResult<Vec<BroadcastId>> {
    ids(
        db,
        "SELECT b.id FROM broadcasts b WHERE b.phase = 'scheduled'
         AND b.starts_ms > ?2 AND b.starts_ms <= ?3
         AND EXISTS (SELECT 1 FROM reminders r WHERE r.broadcast = b.id
                     AND r.told_ms IS DISTINCT FROM b.starts_ms) LIMIT ?1",
        (DUE_AT_ONCE, int(now_ms), int(soon_ms)),
    )
}

fn ids(db: &Db, query: &str, values: impl Params) -> DbResult<Vec<BroadcastId>> {
    db.all(query, values, |row| {
        row.get::<String>(0).map(BroadcastId::from)
    })
}

const TELL: &str =
    "INSERT INTO notices (member, kind, room, at_ms, sender, sender_name, sender_mark,
         text, starts_ms)
     SELECT m.account, ?2, b.room, ?3, b.host, b.host_name, b.host_mark, b.title, b.starts_ms
     FROM broadcasts b JOIN members m ON m.circle = b.circle
     WHERE b.id = ?1 AND m.account <> b.host";

fn tell_live(db: &Db, id: &BroadcastId, now_ms: u64) -> Result<(), RowError> {
    db.execute(
        &format!(
            "{TELL} AND (m.account IN (SELECT member FROM reminders WHERE broadcast = b.id)
             OR m.account IN (SELECT member FROM notice_settings WHERE all_live = 1))"
        ),
        (id.as_str(), "live", int(now_ms)),
    )?;
    trim_told(db, id)?;
    db.execute(
        "INSERT INTO broadcasts_told (broadcast) VALUES (?1)",
        [id.as_str()],
    )?;
    db.execute("DELETE FROM reminders WHERE broadcast = ?1", [id.as_str()])?;
    Ok(())
}

fn tell_start(db: &Db, id: &BroadcastId, now_ms: u64) -> Result<(), RowError> {
    db.execute(
        &format!(
            "{TELL} AND m.account IN (SELECT member FROM reminders
             WHERE broadcast = b.id AND told_ms IS DISTINCT FROM b.starts_ms)"
        ),
        (id.as_str(), "reminder", int(now_ms)),
    )?;
    trim_told(db, id)?;
    db.execute(
        "UPDATE reminders SET told_ms = (SELECT starts_ms FROM broadcasts WHERE id = ?1)
         WHERE broadcast = ?1",
        [id.as_str()],
    )?;
    Ok(())
}

/// Keeps the inboxes of those bounded who were just told of a broadcast's room.
fn trim_told(db: &Db, id: &BroadcastId) -> Result<(), RowError> {
    let room: RoomNumber = db.one(
        "SELECT room FROM broadcasts WHERE id = ?1",
        [id.as_str()],
        |row| row.get(0),
    )?;
    let told: Vec<MemberId> = db.all(
        "SELECT DISTINCT member FROM notices WHERE told = 0 AND seq IS NULL AND room = ?1",
        [room],
        |row| member(row, 0),
    )?;
    for member in told {
        notices::trim(db, &member)?;
    }
    Ok(())
}
