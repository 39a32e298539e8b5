//! Where members are in topics: whether they follow one, and how far they have read. One row, however much is said.

use protocol::{MemberId, RoomNumber, Seq, topic::Following};

use super::{RowError, column::int};
use crate::{
    db::{Db, DbResult},
    log::MovedRow,
    store::Store,
};

impl Store {
    /// Topics that a member follows in which something is new, and the messages that are.
    pub async fn unread(&self, member: MemberId) -> Result<(u32, u32), RowError> {
        self.read(move |db| {
            let found = db.one(
                "SELECT count(*), CAST(coalesce(sum(t.said - p.said), 0) AS BIGINT)
                 FROM readings p JOIN topics t ON t.room = p.room
                 WHERE p.member = ?1 AND p.following = 1 AND t.said > p.said AND t.merged_into IS NULL",
                [member.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(found)
        })
        .await
    }

    /// A member has read a topic up to a seq, on some device; never back. `kind` is that of messages
    /// in the log. Nothing happens where there is no such topic or account.
    pub async fn set_reading(
        &self,
        member: MemberId,
        room: RoomNumber,
        seq: Seq,
        kind: u8,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO readings (member, room, seq, said, following)
                 SELECT a.id, t.room, ?3, CASE WHEN t.last_seq <= ?3 THEN t.said ELSE
                     (SELECT count(*) FROM records r WHERE r.room = t.room AND r.seq <= ?3 AND r.kind = ?4)
                     END, 0
                 FROM accounts a, topics t WHERE a.id = ?1 AND t.room = ?2
                 ON CONFLICT (member, room) DO UPDATE SET seq = excluded.seq, said = excluded.said
                     WHERE excluded.seq > readings.seq",
                (member.as_str(), room, int(seq), kind),
            )?;
            Ok(())
        })
        .await
    }

    /// Whether a member follows a topic. Who begins to has read all there is.
    pub async fn set_following(
        &self,
        member: MemberId,
        room: RoomNumber,
        following: Following,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO readings (member, room, seq, said, following)
                 SELECT a.id, t.room, t.last_seq, t.said, ?3 FROM accounts a, topics t
                 WHERE a.id = ?1 AND t.room = ?2
                 ON CONFLICT (member, room) DO UPDATE SET following = excluded.following",
                (member.as_str(), room, following_int(following)),
            )?;
            Ok(())
        })
        .await
    }
}

/// Where somebody is in a topic.
pub(crate) struct Reading {
    /// The last record that they have read.
    pub(crate) seq: Seq,
    /// How many messages that were.
    pub(crate) said: u64,
    /// They do not want to be told of it.
    pub(crate) is_muted: bool,
}

const NO: i64 = 0;
const YES: i64 = 1;
const MUTED: i64 = 2;

const fn following_int(it: Following) -> i64 {
    match it {
        Following::No => NO,
        Following::Yes => YES,
        Following::Muted => MUTED,
    }
}

/// Up to where a member has read a topic, and whether they have muted it; `None` where they never were there.
pub(crate) fn of(db: &Db, who: &MemberId, room: RoomNumber) -> DbResult<Option<(Seq, bool)>> {
    db.first(
        "SELECT seq, following FROM readings WHERE member = ?1 AND room = ?2",
        (who.as_str(), room),
        |row| Ok((row.get(0)?, row.get::<i64>(1)? == MUTED)),
    )
}

/// A member follows a topic that they were never in, and has read so much of it. Nothing happens where they have no
/// account.
pub(crate) fn begin(db: &Db, who: &MemberId, room: RoomNumber, it: Reading) -> DbResult<()> {
    let following = if it.is_muted { MUTED } else { YES };
    db.execute(
        "INSERT INTO readings (member, room, seq, said, following)
         SELECT m.account, ?2, ?3, ?4, ?5 FROM members m WHERE m.account = ?1
         ON CONFLICT DO NOTHING",
        (who.as_str(), room, int(it.seq), int(it.said), following),
    )?;
    Ok(())
}

/// Messages left a topic: they are neither read nor unread there any more.
pub(crate) fn moved_away(db: &Db, room: RoomNumber, places: &[MovedRow]) -> DbResult<()> {
    let all = places.len() as u64;
    db.execute(
        "UPDATE topics SET said = said - ?2, replies = replies - ?2 WHERE room = ?1",
        (room, int(all)),
    )?;
    let Some(first) = places.first() else {
        return Ok(());
    };
    let readers: Vec<(String, Seq)> = db.all(
        "SELECT member, seq FROM readings WHERE room = ?1 AND seq >= ?2",
        (room, int(first.was)),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (member, seq) in readers {
        let read = places.partition_point(|it| it.was <= seq) as u64;
        db.execute(
            "UPDATE readings SET said = said - ?3 WHERE member = ?1 AND room = ?2",
            (&member, room, int(read)),
        )?;
    }
    Ok(())
}
