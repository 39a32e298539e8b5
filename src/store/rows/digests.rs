//! Digests (摘要): what a member did not see, as one letter a day or a week. What one has told is remembered by position,
//! one row a member.
//!
//! One is taken before it is sent, so that a process that ends in between sends none twice: what it should have told
//! is then told by the next. What goes into it is read from what is so at that moment.

use std::{collections::BTreeSet, time::Duration};

use protocol::{
    MemberId, RoomNumber, Seq, Slug, limits,
    notices::{Digest, Notice, NoticeKind},
    server::Person,
};

use super::{
    RowError,
    column::{int, member, person, slug},
    mail::LetterFate,
    notices::{NOTICE, bit, notice_row},
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    store::Store,
};

/// Members that are looked at together.
pub const DIGESTS_AT_ONCE: usize = 64;
/// Rows of one kind that are read of a member: more are counted no further.
const LOOKED_AT: usize = 200;

/// The last hours at which digests were to go, Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestHours {
    pub daily_ms: u64,
    pub weekly_ms: u64,
}

/// A topic that a member follows and in which something is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIn {
    pub room: RoomNumber,
    pub slug: Slug,
    pub title: String,
    /// Messages that they did not read.
    pub unread: u32,
    /// The newest message, and by whom.
    pub last_seq: Seq,
    pub last_by: Person,
}

/// A member whose digest is due, with what there is to tell them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDigest {
    pub member: MemberId,
    pub name: String,
    pub address: String,
    pub lang: String,
    pub often: Digest,
    /// What was said by then was told by the one before.
    pub told_ms: u64,
    /// When the one before was begun: [`Store::take_digest`] wants to know.
    pub taken_ms: u64,
    /// Failed ones.
    pub tries: u32,
    /// When a device of theirs was last here, to the hour.
    pub here_ms: u64,
    /// Broadcasts that ended by then are no news to them.
    pub caught_up_ms: u64,
    /// Followed topics with something new, the freshest first.
    pub topics: Vec<NewIn>,
    /// Not seen, and not told by a letter of its own; the newest first.
    pub notices: Vec<Notice>,
    /// The newest of their notices.
    pub last_notice: u64,
    /// Rooms that they were banned from, and may still be.
    pub banned: Vec<(RoomNumber, Slug)>,
}

/// One that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenDigest {
    pub member: MemberId,
    /// When the one before was begun.
    pub before_ms: u64,
    /// When this one was begun: what it tells was said by then.
    pub taken_ms: u64,
    /// The newest notice that it answers for.
    pub last_notice: u64,
}

impl Store {
    pub async fn digest(&self, member: MemberId) -> Result<Digest, RowError> {
        self.read(move |db| Ok(often_of(db, &member)?)).await
    }

    /// How often a member has a digest. Nothing of before counts for who begins to.
    pub async fn put_digest(
        &self,
        member: MemberId,
        often: Digest,
        now_ms: u64,
    ) -> Result<(), RowError> {
        self.write(move |db| Ok(put(db, &member, often, now_ms)?))
            .await
    }

    /// Puts right what no clock wrote, or one that was far ahead: such digests count from now on.
    pub async fn mend_digests(&self, now_ms: u64) -> Result<(), RowError> {
        let ahead_ms = int(now_ms + ms(limits::DIGEST_AHEAD_MAX));
        let wrong = move |db: &Db| -> DbResult<bool> {
            let mut any = false;
            for often in Digest::ALL {
                any |= db.one(
                    "SELECT EXISTS (SELECT 1 FROM digests WHERE often = ?1 AND taken_ms = 0)
                         OR EXISTS (SELECT 1 FROM digests WHERE often = ?1 AND taken_ms > ?2)",
                    (often.as_str(), ahead_ms),
                    |row| row.get::<bool>(0),
                )?;
            }
            Ok(any)
        };
        if self.read(move |db| Ok(wrong(db)?)).await? {
            self.write(move |db| {
                db.execute(
                    "UPDATE digests SET taken_ms = ?1, told_ms = ?1, next_ms = 0
                     WHERE taken_ms = 0 OR taken_ms > ?2",
                    (int(now_ms), ahead_ms),
                )?;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// A page of those whose digest is due, who waits longest first: members with an address that works.
    pub async fn due_digests(
        &self,
        hours: DigestHours,
        now_ms: u64,
    ) -> Result<Vec<DueDigest>, RowError> {
        self.read(move |db| {
            let mut due = Vec::new();
            for (often, hour_ms) in [
                (Digest::Daily, hours.daily_ms),
                (Digest::Weekly, hours.weekly_ms),
            ] {
                let left = DIGESTS_AT_ONCE - due.len();
                due.extend(page(db, often, hour_ms, now_ms, left)?);
            }
            due.into_iter()
                .map(|(it, mail)| told(db, it, mail))
                .collect()
        })
        .await
    }

    /// Of some topics those that are no news to a member: they read all of them, or want to hear nothing of them.
    pub async fn known_topics(
        &self,
        member: MemberId,
        topics: Vec<RoomNumber>,
    ) -> Result<BTreeSet<RoomNumber>, RowError> {
        self.read(move |db| {
            let mut known = BTreeSet::new();
            for room in topics {
                let is_known = db.first(
                    "SELECT t.said <= p.said OR p.following = 2 FROM readings p
                     JOIN topics t ON t.room = p.room WHERE p.member = ?1 AND p.room = ?2",
                    (member.as_str(), room),
                    |row| row.get::<bool>(0),
                )?;
                known.extend(is_known.unwrap_or_default().then_some(room));
            }
            Ok(known)
        })
        .await
    }

    /// Takes a digest, so that nobody takes it again; false where it was taken, or is not wanted any more.
    pub async fn take_digest(&self, of: TakenDigest) -> Result<bool, RowError> {
        self.write(move |db| {
            let taken = db.execute(
                "UPDATE digests SET taken_ms = ?3
                 WHERE member = ?1 AND taken_ms = ?2 AND often <> 'never'",
                (of.member.as_str(), int(of.before_ms), int(of.taken_ms)),
            )?;
            Ok(taken > 0)
        })
        .await
    }

    /// There was nothing to tell these: theirs are taken, and nothing is sent.
    pub async fn leave_digests(&self, of: Vec<TakenDigest>) -> Result<(), RowError> {
        self.write(move |db| {
            for it in of {
                db.execute(
                    "UPDATE digests SET taken_ms = ?3, next_ms = 0, tries = 0
                     WHERE member = ?1 AND taken_ms = ?2",
                    (it.member.as_str(), int(it.before_ms), int(it.taken_ms)),
                )?;
            }
            Ok(())
        })
        .await
    }

    /// What became of a digest that was taken. What it told is told; one that is put off is due again.
    pub async fn digest_posted(&self, of: TakenDigest, fate: LetterFate) -> Result<(), RowError> {
        self.write(move |db| {
            let whose = of.member.as_str();
            let (taken_ms, before_ms) = (int(of.taken_ms), int(of.before_ms));
            match fate {
                LetterFate::Taken => {
                    db.execute(
                        "UPDATE digests SET told_ms = ?2, told_notice = ?3, next_ms = 0, tries = 0
                         WHERE member = ?1",
                        (whose, taken_ms, int(of.last_notice)),
                    )?;
                    db.execute(
                        "UPDATE mail_addresses SET refused = 0 WHERE member = ?1 AND refused > 0",
                        [whose],
                    )?;
                    // A letter of their own would say the same again.
                    db.execute(
                        "UPDATE notices SET mail_ms = NULL WHERE member = ?1 AND id <= ?2
                           AND mail_ms IS NOT NULL AND kind NOT IN ('owner', 'handed')",
                        (whose, int(of.last_notice)),
                    )?;
                }
                LetterFate::Later(at_ms) => {
                    db.execute(
                        "UPDATE digests SET taken_ms = ?3, next_ms = ?4, tries = tries + 1
                         WHERE member = ?1 AND taken_ms = ?2",
                        (whose, taken_ms, before_ms, int(at_ms)),
                    )?;
                }
                LetterFate::Refused | LetterFate::GivenUp => {
                    db.execute(
                        "UPDATE digests SET next_ms = 0, tries = 0 WHERE member = ?1",
                        [whose],
                    )?;
                    if fate == LetterFate::Refused {
                        db.execute(
                            "UPDATE mail_addresses SET refused = refused + 1 WHERE member = ?1",
                            [whose],
                        )?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Nobody was there to take it: it is due again as it was.
    pub async fn give_back_digest(&self, of: TakenDigest) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "UPDATE digests SET taken_ms = ?3 WHERE member = ?1 AND taken_ms = ?2",
                (of.member.as_str(), int(of.taken_ms), int(of.before_ms)),
            )?;
            Ok(())
        })
        .await
    }

    /// Up to when a member has caught up on broadcasts; 0: never.
    pub async fn caught_up(&self, member: MemberId) -> Result<u64, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT upto_ms FROM caught_up WHERE member = ?1",
                [member.as_str()],
                |row| row.get(0),
            )?;
            Ok(found.unwrap_or(0))
        })
        .await
    }

    /// Broadcasts that ended by then are no news to a member, on any device; never back.
    pub async fn catch_up(&self, member: MemberId, upto_ms: u64) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO caught_up (member, upto_ms) SELECT id, ?2 FROM accounts WHERE id = ?1
                 ON CONFLICT (member) DO UPDATE SET upto_ms = excluded.upto_ms
                     WHERE excluded.upto_ms > caught_up.upto_ms",
                (member.as_str(), int(upto_ms)),
            )?;
            Ok(())
        })
        .await
    }
}

const fn ms(of: Duration) -> u64 {
    of.as_millis() as u64
}

pub(super) fn often_of(db: &Db, member: &MemberId) -> DbResult<Digest> {
    let found = db.first(
        "SELECT often FROM digests WHERE member = ?1",
        [member.as_str()],
        |row| often(row, 0),
    )?;
    Ok(found.unwrap_or_default())
}

pub(super) fn put(db: &Db, member: &MemberId, often: Digest, now_ms: u64) -> DbResult<()> {
    db.execute(
        "INSERT INTO digests (member, often, taken_ms, told_ms)
         SELECT id, ?2, ?3, ?3 FROM accounts WHERE id = ?1
         ON CONFLICT (member) DO UPDATE SET often = excluded.often,
             taken_ms = excluded.taken_ms, next_ms = 0, tries = 0,
             told_ms = CASE digests.often WHEN 'never' THEN excluded.told_ms ELSE digests.told_ms END
             WHERE digests.often <> excluded.often",
        (member.as_str(), often.as_str(), int(now_ms)),
    )?;
    Ok(())
}

/// Who has shown that an address is theirs has digests from then on, as often as they wish.
pub(super) fn begin(db: &Db, member: &MemberId, now_ms: u64) -> DbResult<()> {
    db.execute(
        "INSERT INTO digests (member, often, taken_ms, told_ms) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (member) DO UPDATE SET taken_ms = excluded.taken_ms,
             told_ms = excluded.told_ms, next_ms = 0, tries = 0",
        (member.as_str(), Digest::default().as_str(), int(now_ms)),
    )?;
    Ok(())
}

/// Those of one rhythm, with the bits of the kinds that go into letters of their own.
fn page(
    db: &Db,
    often: Digest,
    hour_ms: u64,
    now_ms: u64,
    n: usize,
) -> DbResult<Vec<(DueDigest, u32)>> {
    db.all(
        "SELECT d.member, a.name, m.address, m.lang, d.told_ms, d.taken_ms, d.tries, d.told_notice,
             coalesce((SELECT max(i.used_ms) FROM sign_ins i WHERE i.account = d.member), 0),
             coalesce((SELECT c.upto_ms FROM caught_up c WHERE c.member = d.member), 0),
             (SELECT s.mail FROM notice_settings s WHERE s.member = d.member)
         FROM digests d JOIN mail_addresses m ON m.member = d.member JOIN accounts a ON a.id = d.member
         WHERE d.often = ?1 AND d.taken_ms < ?2 AND d.next_ms <= ?3 AND m.refused < ?4
         ORDER BY d.taken_ms, d.member LIMIT ?5",
        (
            often.as_str(),
            int(hour_ms),
            int(now_ms),
            limits::MAIL_REFUSED_MAX,
            i64::try_from(n).unwrap_or(i64::MAX),
        ),
        |row| {
            let mail = match row.is_null(10)? {
                true => super::notices::mail_bits(),
                false => row.get(10)?,
            };
            let due = DueDigest {
                member: member(row, 0)?,
                name: row.get(1)?,
                address: row.get(2)?,
                lang: row.get(3)?,
                often,
                told_ms: row.get(4)?,
                taken_ms: row.get(5)?,
                tries: row.get(6)?,
                here_ms: row.get(8)?,
                caught_up_ms: row.get(9)?,
                topics: Vec::new(),
                notices: Vec::new(),
                last_notice: row.get(7)?,
                banned: Vec::new(),
            };
            Ok((due, mail))
        },
    )
}

/// With what there is to tell.
fn told(db: &Db, mut due: DueDigest, mail: u32) -> Result<DueDigest, RowError> {
    due.topics = new_in(db, &due.member, due.told_ms)?;
    let upto = due.last_notice;
    due.notices = unseen(db, &due.member, upto, mail)?;
    let newest: Option<u64> = db.one(
        "SELECT max(id) FROM notices WHERE member = ?1",
        [due.member.as_str()],
        |row| row.get(0),
    )?;
    due.last_notice = newest.unwrap_or(0).max(upto);
    due.banned = db.all(
        "SELECT DISTINCT r.number, r.slug FROM audit a JOIN rooms r ON r.number = a.room
         WHERE a.whom = ?1 AND a.what = 'ban' ORDER BY r.number",
        [due.member.as_str()],
        |row| Ok((row.get(0)?, slug(row, 1)?)),
    )?;
    Ok(due)
}

fn new_in(db: &Db, whose: &MemberId, told_ms: u64) -> DbResult<Vec<NewIn>> {
    db.all(
        "SELECT t.room, r.slug, t.title, t.said - p.said, t.last_seq, t.last_by, t.last_name, t.last_mark
         FROM readings p JOIN topics t ON t.room = p.room JOIN rooms r ON r.number = t.room
         WHERE p.member = ?1 AND p.following = 1 AND t.said > p.said AND t.last_ms > ?2
           AND t.merged_into IS NULL ORDER BY t.last_ms DESC, t.room DESC LIMIT ?3",
        (
            whose.as_str(),
            int(told_ms),
            i64::try_from(LOOKED_AT).unwrap_or(i64::MAX),
        ),
        |row| {
            Ok(NewIn {
                room: row.get(0)?,
                slug: slug(row, 1)?,
                title: row.get(2)?,
                unread: row.get(3)?,
                last_seq: row.get(4)?,
                last_by: person(row, 5)?,
            })
        },
    )
}

/// What is said to somebody in a digest: not what a letter of its own says or said, nor that a broadcast is near.
fn unseen(db: &Db, whose: &MemberId, upto: u64, mail: u32) -> DbResult<Vec<Notice>> {
    let found: Vec<(Notice, bool)> = db.all(
        &format!(
            "SELECT {NOTICE} WHERE n.member = ?1 AND n.seen = 0 AND n.id > ?2 AND n.text <> ''
             ORDER BY n.id DESC LIMIT ?3"
        ),
        (
            whose.as_str(),
            int(upto),
            i64::try_from(LOOKED_AT).unwrap_or(i64::MAX),
        ),
        |row| Ok((notice_row(row)?, row.is_null(15)?)),
    )?;
    let is_told = |it: &Notice, waits: bool| match it.kind {
        NoticeKind::Reminder | NoticeKind::Live | NoticeKind::Owner | NoticeKind::Handed => false,
        kind => waits || mail & bit(kind) == 0,
    };
    Ok(found
        .into_iter()
        .filter(|(it, is_written)| is_told(it, !is_written))
        .map(|it| it.0)
        .collect())
}

fn often(row: &Row<'_>, column: usize) -> DbResult<Digest> {
    let word = row.text(column)?;
    Digest::ALL
        .into_iter()
        .find(|it| it.as_str() == word)
        .ok_or(DbError::Odd(column))
}
