//! Notices (通知): what a member is told of, wherever they are. The log's appends write those of
//! messages in their own transaction; a member keeps the newest [`limits::NOTICES_KEPT_MAX`].

use std::time::Duration;

use protocol::{
    CircleId, MemberId, RoomNumber, Seq, limits,
    notices::{Digest, Notice, NoticeKind},
    server::Person,
    topic::RoomKind,
};

use super::{
    RowError,
    column::{int, mark_int, member, person, slug},
    digests, mail,
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    log::{NoticeRow, NoticeToAllRow, NoticeToBoardRow},
    store::Store,
};

/// Notices that are taken to be told at once.
const TOLD_AT_ONCE: usize = 256;

/// A page of a member's notices, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    pub rows: Vec<Notice>,
    pub more: bool,
    /// Not seen yet, on all pages.
    pub unread: u32,
}

/// A notice that nobody was told of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    pub member: MemberId,
    pub notice: Notice,
    /// How many the member has not seen.
    pub unread: u32,
    /// Whether the member wants this kind by push.
    pub push: bool,
}

/// What a member wants to be told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeSettings {
    /// The kinds that go to push.
    pub push: Vec<NoticeKind>,
    /// The kinds that go into letters, where the member is not here to see them.
    pub mail: Vec<NoticeKind>,
    pub all_live: bool,
    /// Not named in thanks.
    pub unnamed: bool,
    /// How often a digest comes; written by [`Store::put_digest`] alone.
    pub digest: Digest,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self {
            push: NoticeKind::ALL.to_vec(),
            mail: vec![NoticeKind::Mention, NoticeKind::Reply, NoticeKind::Reminder],
            all_live: false,
            unnamed: false,
            digest: Digest::default(),
        }
    }
}

impl Store {
    /// Up to `n` notices of a member older than the one `before`.
    pub async fn notices(
        &self,
        member: MemberId,
        before: Option<u64>,
        n: usize,
    ) -> Result<Notices, RowError> {
        self.read(move |db| {
            let below = before.map_or(i64::MAX, int);
            // One more than asked tells whether there is more.
            let limit = i64::try_from(n + 1).unwrap_or(i64::MAX);
            let mut rows: Vec<Notice> = db.all(
                &format!(
                    "SELECT {NOTICE} WHERE n.member = ?1 AND n.id < ?2 ORDER BY n.id DESC LIMIT ?3"
                ),
                (member.as_str(), below, limit),
                notice_row,
            )?;
            let more = rows.len() > n;
            rows.truncate(n);
            let unread = unread(db, &member)?;
            Ok(Notices { rows, more, unread })
        })
        .await
    }

    /// How many notices a member has not seen; `None` where there never was one.
    pub async fn unread_notices(&self, member: MemberId) -> Result<Option<u32>, RowError> {
        self.read(move |db| {
            let any: bool = db.one(
                "SELECT EXISTS (SELECT 1 FROM notices WHERE member = ?1)",
                [member.as_str()],
                |row| row.get(0),
            )?;
            any.then(|| unread(db, &member)).transpose()
        })
        .await
    }

    /// How many notices of messages of a stretch of a room's log a member has not seen.
    pub async fn unseen_between(
        &self,
        member: MemberId,
        room: RoomNumber,
        seqs: (Seq, Seq),
    ) -> Result<u32, RowError> {
        self.read(move |db| {
            let count = db.one(
                "SELECT count(*) FROM notices WHERE member = ?1 AND seen = 0 AND text <> ''
                   AND room = ?2 AND seq BETWEEN ?3 AND ?4",
                (member.as_str(), room, int(seqs.0), int(seqs.1)),
                |row| row.get(0),
            )?;
            Ok(count)
        })
        .await
    }

    /// A member has seen a notice and every older one: no letter tells of them any more, but of what the circle is to
    /// them. Answers how many are left.
    pub async fn notices_seen(&self, member: MemberId, upto: u64) -> Result<u32, RowError> {
        self.write(move |db| {
            db.execute(
                "UPDATE notices SET seen = 1,
                     mail_ms = CASE WHEN kind IN ('owner', 'handed') THEN mail_ms ELSE NULL END
                 WHERE member = ?1 AND id <= ?2 AND seen = 0",
                (member.as_str(), int(upto)),
            )?;
            unread(db, &member)
        })
        .await
    }

    /// The oldest notices that nobody was told of. They count as told from here on, so that none is
    /// told twice, whenever this process ends. Those that may go into a letter do so once they were not
    /// seen for `mail_after`; what begins soon does so at once.
    pub async fn take_untold_notices(
        &self,
        now_ms: u64,
        mail_after: Duration,
    ) -> Result<Vec<Untold>, RowError> {
        let any = self
            .read(|db| {
                let any = "SELECT EXISTS (SELECT 1 FROM notices WHERE told = 0)";
                Ok(db.one(any, (), |row| row.get::<bool>(0))?)
            })
            .await?;
        if !any {
            return Ok(Vec::new());
        }
        self.write(move |db| {
            let limit = i64::try_from(TOLD_AT_ONCE).unwrap_or(i64::MAX);
            let found: Vec<(MemberId, Notice)> = db.all(
                &format!("SELECT {NOTICE} WHERE n.told = 0 ORDER BY n.id LIMIT ?1"),
                [limit],
                |row| Ok((member(row, 14)?, notice_row(row)?)),
            )?;
            let mut untold = Vec::with_capacity(found.len());
            for (member, notice) in found {
                let ways = settings(db, &member)?;
                let goes = |kinds: &[NoticeKind]| {
                    notice.kind.is_of_the_circle() || kinds.contains(&notice.kind)
                };
                let (push, letter) = (goes(&ways.push), goes(&ways.mail));
                let written = letter && mail::is_written_to(db, &member)?;
                let mail_ms = written.then(|| int(now_ms + waits(notice.kind, mail_after)));
                db.execute(
                    "UPDATE notices SET told = 1, mail_ms = ?2 WHERE id = ?1",
                    (int(notice.id), mail_ms),
                )?;
                untold.push(Untold {
                    unread: unread(db, &member)?,
                    push,
                    member,
                    notice,
                });
            }
            Ok(untold)
        })
        .await
    }

    pub async fn notice_settings(&self, member: MemberId) -> Result<NoticeSettings, RowError> {
        self.read(move |db| settings(db, &member)).await
    }

    pub async fn put_notice_settings(
        &self,
        member: MemberId,
        new: NoticeSettings,
    ) -> Result<(), RowError> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO notice_settings (member, push, all_live, mail, unnamed)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (member) DO UPDATE SET push = excluded.push,
                     all_live = excluded.all_live, mail = excluded.mail, unnamed = excluded.unnamed",
                (
                    member.as_str(),
                    bits(&new.push),
                    new.all_live,
                    bits(&new.mail),
                    new.unnamed,
                ),
            )?;
            for kind in NoticeKind::CHOSEN {
                if !new.mail.contains(kind) {
                    db.execute(
                        "UPDATE notices SET mail_ms = NULL
                         WHERE member = ?1 AND kind = ?2 AND mail_ms IS NOT NULL",
                        (member.as_str(), kind.as_str()),
                    )?;
                }
            }
            Ok(())
        })
        .await
    }
}

pub(super) const NOTICE: &str =
    "n.id, n.kind, coalesce(r.slug, ''), coalesce(r.title, n.text), n.seq, n.at_ms, n.sender, n.sender_name,
     n.sender_mark, n.text, n.starts_ms, n.more, n.seen, coalesce(r.kind, ''), n.member, n.mail_ms
     FROM notices n LEFT JOIN rooms r ON r.number = n.room";

pub(super) fn notice_row(row: &Row<'_>) -> DbResult<Notice> {
    Ok(Notice {
        id: row.get(0)?,
        kind: kind(row, 1)?,
        room: slug(row, 2)?,
        title: row.get(3)?,
        s: row.get(4)?,
        t: row.get(5)?,
        from: person(row, 6)?,
        text: row.get(9)?,
        starts_ms: row.get(10)?,
        more: row.get(11)?,
        seen: row.get(12)?,
        topic: row.text(13)? == RoomKind::Topic.as_str(),
    })
}

fn unread(db: &Db, member: &MemberId) -> Result<u32, RowError> {
    let count = db.one(
        "SELECT count(*) FROM notices WHERE member = ?1 AND seen = 0",
        [member.as_str()],
        |row| row.get(0),
    )?;
    Ok(count)
}

/// Tells a member of a message, inside an append's transaction. From one sender only so many wait to
/// be seen: further ones take the place of the newest.
pub(crate) fn put(db: &Db, room: RoomNumber, row: &NoticeRow) -> DbResult<()> {
    let since = row
        .at_ms
        .saturating_sub(limits::NOTICES_FROM_ONE_WITHIN.as_millis() as u64);
    let (waiting, newest): (u32, Option<i64>) = db.one(
        "SELECT count(*), max(id) FROM notices
             WHERE member = ?1 AND sender = ?2 AND seen = 0 AND seq IS NOT NULL AND at_ms >= ?3",
        (row.member.as_str(), row.from.id.as_str(), int(since)),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if let Some(newest) = newest.filter(|_| waiting as usize >= limits::NOTICES_FROM_ONE_MAX) {
        db.execute(
            "UPDATE notices SET kind = ?2, room = ?3, seq = ?4, at_ms = ?5, text = ?6,
                 sender_name = ?7, sender_mark = ?8, more = more + 1, told = 0
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM notices
                 WHERE room = ?3 AND seq = ?4 AND member = ?9 AND id <> ?1)",
            (
                newest,
                row.kind.as_str(),
                room,
                int(row.seq),
                int(row.at_ms),
                &row.text,
                &row.from.name,
                mark_int(row.from.mark),
                row.member.as_str(),
            ),
        )?;
        return Ok(());
    }
    let new = db.execute(
        "INSERT INTO notices (member, kind, room, seq, at_ms, sender, sender_name, sender_mark,
                                  text)
             SELECT m.account, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM members m WHERE m.account = ?1
             ON CONFLICT DO NOTHING",
        (
            row.member.as_str(),
            row.kind.as_str(),
            room,
            int(row.seq),
            int(row.at_ms),
            row.from.id.as_str(),
            &row.from.name,
            mark_int(row.from.mark),
            &row.text,
        ),
    )?;
    if new > 0 {
        trim(db, &row.member)?;
    }
    Ok(())
}

/// Tells whoever likes a message, and the starter of its topic. How many an inbox keeps is held at the next
/// notice to one of them alone.
pub(crate) fn put_to_all(db: &Db, room: RoomNumber, row: &NoticeToAllRow) -> DbResult<()> {
    db.execute(
        "INSERT INTO notices (member, kind, room, seq, at_ms, sender, sender_name, sender_mark, text)
             SELECT m.account, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM members m
             WHERE m.account <> ?6 AND (m.account = ?1 OR m.account IN
                 (SELECT l.member FROM likes l WHERE l.room = ?3 AND l.seq = ?10))
             ON CONFLICT DO NOTHING",
        (
            row.starter.as_str(),
            row.kind.as_str(),
            room,
            int(row.seq),
            int(row.at_ms),
            row.from.id.as_str(),
            &row.from.name,
            mark_int(row.from.mark),
            &row.text,
            int(row.of),
        ),
    )?;
    Ok(())
}

/// Tells whoever follows a board of a topic that begins in it, but not who starts it. How many an inbox keeps is
/// held likewise.
pub(crate) fn put_to_board(
    db: &Db,
    room: RoomNumber,
    circle: u32,
    row: &NoticeToBoardRow,
) -> DbResult<()> {
    db.execute(
        "INSERT INTO notices (member, kind, room, seq, at_ms, sender, sender_name, sender_mark, text)
             SELECT f.member, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM board_follows f
             WHERE f.circle = ?9 AND f.board = ?10 AND f.member <> ?5
             ON CONFLICT DO NOTHING",
        (
            NoticeKind::Started.as_str(),
            room,
            int(row.seq),
            int(row.at_ms),
            row.from.id.as_str(),
            &row.from.name,
            mark_int(row.from.mark),
            &row.text,
            circle,
            row.board.as_str(),
        ),
    )?;
    Ok(())
}

/// Tells a member of something about the circle itself, with its name.
pub(super) fn put_of_circle(
    db: &Db,
    circle: CircleId,
    (member, kind): (&MemberId, NoticeKind),
    from: &Person,
    at_ms: u64,
) -> DbResult<()> {
    db.execute(
        "INSERT INTO notices (member, kind, at_ms, sender, sender_name, sender_mark, text)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, c.name FROM circles c WHERE c.id = ?7",
        (
            member.as_str(),
            kind.as_str(),
            int(at_ms),
            from.id.as_str(),
            &from.name,
            mark_int(from.mark),
            circle,
        ),
    )?;
    trim(db, member)
}

/// Only the newest of a member stay.
pub(crate) fn trim(db: &Db, member: &MemberId) -> DbResult<()> {
    let kept = i64::try_from(limits::NOTICES_KEPT_MAX).unwrap_or(i64::MAX);
    db.execute(
        "DELETE FROM notices WHERE member = ?1 AND id <= (
             SELECT id FROM notices WHERE member = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (member.as_str(), kept),
    )?;
    Ok(())
}

/// What the notices of a message show from now on; credit is for a topic, and says its title.
pub(crate) fn say(db: &Db, room: RoomNumber, seq: Seq, text: &str) -> DbResult<()> {
    db.execute(
        "UPDATE notices SET text = ?3 WHERE room = ?1 AND seq = ?2 AND kind <> 'credit'",
        (room, int(seq), text),
    )?;
    Ok(())
}

fn settings(db: &Db, member: &MemberId) -> Result<NoticeSettings, RowError> {
    let digest = digests::often_of(db, member)?;
    let found = db.first(
        "SELECT push, all_live, mail, unnamed FROM notice_settings WHERE member = ?1",
        [member.as_str()],
        |row| {
            Ok(NoticeSettings {
                push: kinds(row.get(0)?),
                all_live: row.get(1)?,
                unnamed: row.get(3)?,
                mail: kinds(row.get(2)?),
                digest,
            })
        },
    )?;
    Ok(found.unwrap_or_else(|| NoticeSettings {
        digest,
        ..NoticeSettings::default()
    }))
}

/// How long a notice waits to be seen before it goes into a letter, in milliseconds.
fn waits(kind: NoticeKind, mail_after: Duration) -> u64 {
    match kind {
        NoticeKind::Reminder | NoticeKind::Live | NoticeKind::Owner | NoticeKind::Handed => 0,
        NoticeKind::Mention
        | NoticeKind::Reply
        | NoticeKind::Picked
        | NoticeKind::Accepted
        | NoticeKind::Changed
        | NoticeKind::Credit
        | NoticeKind::Started => mail_after.as_millis() as u64,
    }
}

fn kinds(bits: u32) -> Vec<NoticeKind> {
    NoticeKind::ALL
        .into_iter()
        .filter(|it| bits & bit(*it) != 0)
        .collect()
}

fn bits(kinds: &[NoticeKind]) -> u32 {
    kinds.iter().fold(0, |bits, it| bits | bit(*it))
}

/// Every kind, as a column of settings.
pub(super) fn all_bits() -> u32 {
    bits(&NoticeKind::ALL)
}

/// The kinds that go into letters of who did not choose.
pub(super) fn mail_bits() -> u32 {
    bits(&NoticeSettings::default().mail)
}

/// The bit of a kind in a column of settings. Never reused.
pub(super) const fn bit(kind: NoticeKind) -> u32 {
    match kind {
        NoticeKind::Mention => 1,
        NoticeKind::Reply => 2,
        NoticeKind::Picked => 4,
        NoticeKind::Reminder => 8,
        NoticeKind::Live => 16,
        NoticeKind::Accepted => 32,
        NoticeKind::Changed => 64,
        NoticeKind::Credit => 128,
        NoticeKind::Started => 256,
        NoticeKind::Owner => 512,
        NoticeKind::Handed => 1_024,
    }
}

fn kind(row: &Row<'_>, column: usize) -> DbResult<NoticeKind> {
    let word = row.text(column)?;
    NoticeKind::ALL
        .into_iter()
        .find(|it| it.as_str() == word)
        .ok_or(DbError::Odd(column))
}
