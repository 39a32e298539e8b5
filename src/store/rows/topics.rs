//! Topics (话题) as lists show them. What was said in one is the log's.
//!
//! Written by appends alone, in the transaction of the record that changes them.

use protocol::{
    BroadcastId, CircleId, MemberId, RoomNumber, Seq, Slug,
    notices::Named,
    server::Person,
    topic::{
        BroadcastPlace, Following, OPENING, ReadingPosition, Topic, TopicKind, TopicPlace,
        TopicStatus,
    },
};

use super::{
    RowError,
    column::{int, mark_int, member, opt_int, person, slug},
    moments,
};
use crate::{
    db::{Db, DbError, DbResult, Row},
    heat::Heat,
    log::TopicTalk,
    store::Store,
};

/// A topic as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    pub room: RoomNumber,
    pub slug: Slug,
    pub circle: CircleId,
    /// May guests read it?
    pub guests: bool,
    pub topic: Topic,
    /// The beginning of what its starter wrote.
    pub excerpt: String,
    /// Messages that are to be seen, but the first.
    pub replies: u32,
    pub likes: u32,
    /// The last message.
    pub last_seq: Seq,
    pub last_ms: u64,
    pub last_by: Person,
    pub heat: Heat,
    /// How far the asker has read.
    pub reading: Option<ReadingPosition>,
}

/// Which lists of topics there are, each in its order; pinned ones come first but among questions that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicOrder {
    /// Those that something was said in last.
    #[default]
    Fresh,
    /// Those of one member in which something is new.
    News,
    /// Those that are at least so hot, the hottest first.
    Hot { from: Heat },
    /// Questions without a reply that were asked by then (Unix ms), who waits longest first.
    Unanswered { by_ms: u64 },
}

/// Which topics are wanted. Absent: all.
#[derive(Clone, Debug, Default)]
pub struct TopicsOf {
    pub board: Option<Slug>,
    pub tag: Option<String>,
    pub kind: Option<TopicKind>,
    pub status: Option<TopicStatus>,
    pub starter: Option<MemberId>,
    pub featured: bool,
    /// Those that guests may read.
    pub for_guests: bool,
    pub order: TopicOrder,
    /// Whose readings are told with them.
    pub asker: Option<MemberId>,
    /// Those after this one of the same list.
    pub after: Option<TopicCursor>,
}

/// A place in a list of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicCursor {
    pub pinned: bool,
    /// When something was said in it last, or when it was started, or its heat, as the list has it.
    pub at_ms: u64,
    pub room: RoomNumber,
}

impl TopicRow {
    /// What the next page of such a list comes after.
    pub fn cursor(&self, order: TopicOrder) -> TopicCursor {
        let (pinned, at_ms) = match order {
            TopicOrder::Fresh | TopicOrder::News => (self.topic.pinned, self.last_ms),
            TopicOrder::Hot { .. } => (false, self.heat.0),
            TopicOrder::Unanswered { .. } => (false, self.topic.made_ms),
        };
        TopicCursor {
            pinned,
            at_ms,
            room: self.room,
        }
    }
}

impl Store {
    /// Up to `n` topics of the circle, and whether there are more.
    pub async fn topics(&self, of: TopicsOf, n: usize) -> Result<(Vec<TopicRow>, bool), RowError> {
        self.read(move |db| {
            // One more than asked for tells whether there is another page.
            let mut rows = list(db, &of, n.saturating_add(1))?;
            let more = rows.len() > n;
            rows.truncate(n);
            Ok((rows, more))
        })
        .await
    }

    /// A topic, with how far the asker has read.
    pub async fn topic(
        &self,
        slug: Slug,
        asker: Option<MemberId>,
    ) -> Result<Option<TopicRow>, RowError> {
        self.read(move |db| Ok(one(db, &slug, asker.as_ref())?))
            .await
    }

    /// The topic that tells of a broadcast, the first where there are several.
    pub async fn recap(&self, of: BroadcastId) -> Result<Option<TopicPlace>, RowError> {
        self.read(move |db| {
            let found = db.first(
                "SELECT r.slug, t.title FROM topics t JOIN rooms r ON r.number = t.room
                 WHERE t.recap_of = ?1 AND t.said > 0 ORDER BY t.room LIMIT 1",
                [of.as_str()],
                |row| place(row, 0),
            )?;
            Ok(found)
        })
        .await
    }

    /// Every topic that guests may read, and when something was said in it last; the freshest first.
    pub async fn open_topics(&self, n: usize) -> Result<Vec<(Slug, u64)>, RowError> {
        self.read(move |db| {
            let found = db.all(
                "SELECT r.slug, t.last_ms FROM topics t JOIN rooms r ON r.number = t.room
                 WHERE r.guests = 1 AND t.said > 0 AND t.merged_into IS NULL ORDER BY t.last_ms DESC LIMIT ?1",
                [i64::try_from(n).unwrap_or(i64::MAX)],
                |row| Ok((slug(row, 0)?, row.get(1)?)),
            )?;
            Ok(found)
        })
        .await
    }

    /// The hashtags with the most topics, each with its number of them.
    pub async fn tags(&self, for_guests: bool, n: usize) -> Result<Vec<(String, u32)>, RowError> {
        self.read(move |db| {
            let found = db.all(
                "SELECT g.tag, count(*) FROM topic_tags g JOIN rooms r ON r.number = g.room
                 JOIN topics t ON t.room = g.room AND t.merged_into IS NULL
                 WHERE (?1 = 0 OR r.guests = 1) GROUP BY g.tag ORDER BY count(*) DESC, g.tag LIMIT ?2",
                (for_guests, i64::try_from(n).unwrap_or(i64::MAX)),
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(found)
        })
        .await
    }
}

/// `?1` is who asks. The record of the opening is 2 ([`protocol::topic::OPENING`]).
const COLUMNS: &str =
    "t.room, r.slug, r.guests, t.kind, t.title, t.starter, t.starter_name, t.starter_mark, t.made_ms, t.board,
     t.tags, t.status, t.reason, t.accepted, t.helper, t.helper_name, t.locked, t.pinned, t.featured, t.excerpt,
     t.replies, (SELECT count(*) FROM likes l WHERE l.room = t.room AND l.seq = 2), t.last_seq, t.last_ms,
     t.last_by, t.last_name, t.last_mark, p.seq, t.said - p.said, p.following, t.circle, t.heat_ms,
     (SELECT i.slug FROM rooms i WHERE i.number = t.merged_into),
     (SELECT i.title FROM rooms i WHERE i.number = t.merged_into),
     (SELECT i.slug FROM broadcasts b JOIN rooms i ON i.number = b.room WHERE b.id = t.recap_of), t.recap_of,
     (SELECT i.slug FROM rooms i WHERE i.number = t.split_from),
     (SELECT i.title FROM rooms i WHERE i.number = t.split_from),
     (SELECT i.slug FROM broadcasts b JOIN rooms i ON i.number = b.room WHERE b.id = t.moment_of), t.moment_of,
     t.moment_title, t.moment_s
     FROM topics t JOIN rooms r ON r.number = t.room
     LEFT JOIN readings p ON p.room = t.room AND p.member = ?1";

fn list(db: &Db, of: &TopicsOf, n: usize) -> Result<Vec<TopicRow>, RowError> {
    // Where a board or a tag is asked for, its own index leads.
    let board = if of.board.is_some() {
        "t.board = ?2"
    } else {
        "?2 IS NULL"
    };
    let tag = if of.tag.is_some() {
        "t.room IN (SELECT g.room FROM topic_tags g WHERE g.tag = ?3)"
    } else {
        "?3 IS NULL"
    };
    const NEWEST: TopicCursor = TopicCursor {
        pinned: true,
        at_ms: u64::MAX,
        room: RoomNumber::MAX,
    };
    const OLDEST: TopicCursor = TopicCursor {
        pinned: false,
        at_ms: 0,
        room: 0,
    };
    let newest_first = (
        "(t.pinned, t.last_ms, t.room) < (?9, ?10, ?11)",
        "t.pinned DESC, t.last_ms DESC, t.room DESC",
    );
    let longest_first = (
        "(0, t.made_ms, t.room) > (?9, ?10, ?11)",
        "t.made_ms, t.room",
    );
    let hottest_first = (
        "(0, t.heat_ms, t.room) < (?9, ?10, ?11)",
        "t.heat_ms DESC, t.room DESC",
    );
    let (which, made_by_ms, (behind, order), first) = match of.order {
        TopicOrder::Fresh => ("", u64::MAX, newest_first, NEWEST),
        TopicOrder::News => {
            let news = "AND p.following = 1 AND t.said > p.said";
            (news, u64::MAX, newest_first, NEWEST)
        }
        TopicOrder::Hot { .. } => ("", u64::MAX, hottest_first, NEWEST),
        TopicOrder::Unanswered { by_ms } => (
            "AND t.kind = 'question' AND t.replies = 0 AND t.accepted IS NULL AND t.locked = 0",
            by_ms,
            longest_first,
            OLDEST,
        ),
    };
    let after = of.after.unwrap_or(first);
    // Elsewhere the heat's index must not lead.
    let (hot, hot_from) = match of.order {
        TopicOrder::Hot { from } => ("t.heat_ms >= ?14", from.0),
        _ => ("?14 = 0", 0),
    };
    let sql = format!(
        "SELECT {COLUMNS} WHERE {board} AND {tag} {which}
           AND (?4 IS NULL OR t.kind = ?4) AND (?5 IS NULL OR t.status = ?5)
           AND (?6 IS NULL OR t.starter = ?6) AND (?7 = 0 OR t.featured = 1) AND (?8 = 0 OR r.guests = 1)
           AND t.said > 0 AND t.merged_into IS NULL AND t.made_ms <= ?13 AND {hot} AND {behind}
         ORDER BY {order} LIMIT ?12"
    );
    let rows = db.all(
        &sql,
        (
            of.asker.as_ref().map(MemberId::as_str),
            of.board.as_ref().map(Slug::as_str),
            of.tag.as_deref(),
            of.kind.map(TopicKind::as_str),
            of.status.map(TopicStatus::as_str),
            of.starter.as_ref().map(MemberId::as_str),
            of.featured,
            of.for_guests,
            after.pinned,
            int(after.at_ms),
            after.room,
            i64::try_from(n).unwrap_or(i64::MAX),
            int(made_by_ms),
            int(hot_from),
        ),
        topic_row,
    )?;
    Ok(rows)
}

pub(super) fn one(db: &Db, slug: &Slug, asker: Option<&MemberId>) -> DbResult<Option<TopicRow>> {
    let found = db.first(
        &format!("SELECT {COLUMNS} WHERE r.slug = ?2"),
        (asker.map(MemberId::as_str), slug.as_str()),
        topic_row,
    )?;
    let Some(mut row) = found else {
        return Ok(None);
    };
    row.topic.merged = db.all(
        "SELECT r.slug, t.title FROM topics t JOIN rooms r ON r.number = t.room
         WHERE t.merged_into = ?1 ORDER BY t.room",
        [row.room],
        |row| place(row, 0),
    )?;
    Ok(Some(row))
}

pub(super) fn place(row: &Row<'_>, column: usize) -> DbResult<TopicPlace> {
    Ok(TopicPlace {
        room: slug(row, column)?,
        title: row.get(column + 1)?,
    })
}

fn topic_row(row: &Row<'_>) -> DbResult<TopicRow> {
    let has_helper = !row.is_null(14)?;
    let helper = || {
        DbResult::Ok(Named {
            id: member(row, 14)?,
            name: row.get(15)?,
        })
    };
    let has_board = !row.is_null(9)?;
    let tags: String = row.get(10)?;
    let has_reading = !row.is_null(27)?;
    let is_merged = !row.is_null(32)?;
    let is_recap = !row.is_null(34)?;
    let is_split = !row.is_null(36)?;
    let recap_of = || {
        DbResult::Ok(BroadcastPlace {
            room: slug(row, 34)?,
            id: BroadcastId::new(row.get::<String>(35)?),
        })
    };
    let is_of_moment = !row.is_null(38)?;
    let reading = || {
        // Messages that were counted before the log was restored from an older copy.
        let unread: i64 = row.get(28)?;
        DbResult::Ok(ReadingPosition {
            seq: row.get(27)?,
            unread: u32::try_from(unread.max(0)).unwrap_or(u32::MAX),
            following: following(row, 29)?,
        })
    };
    Ok(TopicRow {
        room: row.get(0)?,
        slug: slug(row, 1)?,
        circle: row.get(30)?,
        guests: row.get(2)?,
        topic: Topic {
            kind: TopicKind::from_word(row.text(3)?).ok_or(DbError::Odd(3))?,
            title: row.get(4)?,
            by: person(row, 5)?,
            made_ms: row.get(8)?,
            board: has_board.then(|| slug(row, 9)).transpose()?,
            tags: tags.lines().map(str::to_owned).collect(),
            status: TopicStatus::from_word(row.text(11)?).ok_or(DbError::Odd(11))?,
            reason: row.get(12)?,
            accepted: row.get(13)?,
            helper: has_helper.then(helper).transpose()?,
            locked: row.get(16)?,
            pinned: row.get(17)?,
            featured: row.get(18)?,
            into: is_merged.then(|| place(row, 32)).transpose()?,
            // Told of one topic alone.
            merged: Vec::new(),
            recap_of: is_recap.then(recap_of).transpose()?,
            split_from: is_split.then(|| place(row, 36)).transpose()?,
            at: is_of_moment.then(|| moments::read(row, 38)).transpose()?,
        },
        excerpt: row.get(19)?,
        replies: row.get(20)?,
        likes: row.get(21)?,
        last_seq: row.get(22)?,
        last_ms: row.get(23)?,
        last_by: person(row, 24)?,
        heat: Heat(row.get(31)?),
        reading: has_reading.then(reading).transpose()?,
    })
}

fn following(row: &Row<'_>, column: usize) -> DbResult<Following> {
    match row.get::<i64>(column)? {
        0 => Ok(Following::No),
        1 => Ok(Following::Yes),
        2 => Ok(Following::Muted),
        _ => Err(DbError::Odd(column)),
    }
}

/// What a topic is from here on, inside an append's transaction.
pub(crate) fn put(db: &Db, room: RoomNumber, circle: u32, it: &Topic) -> DbResult<()> {
    let helper = it.helper.as_ref();
    db.execute(
        "INSERT INTO topics (room, circle, kind, title, starter, starter_name, starter_mark, made_ms, board, tags,
             status, reason, accepted, helper, helper_name, locked, pinned, featured,
             last_ms, last_by, last_name, last_mark, merged_into, recap_of)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?8, ?5, ?6, ?7,
             (SELECT number FROM rooms WHERE slug = ?19), ?20)
         ON CONFLICT (room) DO UPDATE SET
             title = excluded.title, board = excluded.board, tags = excluded.tags, status = excluded.status,
             reason = excluded.reason, accepted = excluded.accepted, helper = excluded.helper,
             helper_name = excluded.helper_name, locked = excluded.locked, pinned = excluded.pinned,
             featured = excluded.featured, merged_into = excluded.merged_into",
        (
            room,
            circle,
            it.kind.as_str(),
            &it.title,
            it.by.id.as_str(),
            &it.by.name,
            mark_int(it.by.mark),
            int(it.made_ms),
            it.board.as_ref().map(Slug::as_str),
            it.tags.join("\n"),
            it.status.as_str(),
            &it.reason,
            opt_int(it.accepted),
            helper.map(|it| it.id.as_str()),
            helper.map(|it| it.name.as_str()),
            it.locked,
            it.pinned,
            it.featured,
            it.into.as_ref().map(|it| it.room.as_str()),
            it.recap_of.as_ref().map(|it| it.id.as_str()),
        ),
    )?;
    if let Some(from) = &it.split_from {
        db.execute(
            "UPDATE topics SET split_from = (SELECT t.room FROM topics t JOIN rooms r ON r.number = t.room
                 WHERE r.slug = ?2)
             WHERE room = ?1",
            (room, from.room.as_str()),
        )?;
    }
    if let Some(at) = &it.at {
        moments::put(db, room, at)?;
    }
    if it.into.is_some() {
        // What was merged into it goes along.
        db.execute(
            "UPDATE topics SET merged_into = (SELECT i.merged_into FROM topics i WHERE i.room = ?1)
             WHERE merged_into = ?1",
            [room],
        )?;
    }
    db.execute(
        "UPDATE rooms SET title = ?2 WHERE number = ?1",
        (room, &it.title),
    )?;
    db.execute("DELETE FROM topic_tags WHERE room = ?1", [room])?;
    for tag in &it.tags {
        db.execute(
            "INSERT INTO topic_tags (circle, tag, room) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (circle, tag, room),
        )?;
    }
    Ok(())
}

/// Another topic was merged into it, likewise. Who likes both is counted once.
pub(crate) fn take(db: &Db, room: RoomNumber, from: RoomNumber) -> DbResult<()> {
    let opening = int(OPENING);
    db.execute(
        "INSERT INTO likes (room, seq, member, at_ms)
         SELECT ?1, ?3, l.member, l.at_ms FROM likes l WHERE l.room = ?2 AND l.seq = ?3
         ON CONFLICT DO NOTHING",
        (room, from, opening),
    )?;
    db.execute(
        "INSERT INTO likes (room, seq, member, at_ms)
         SELECT ?1, ?3, f.starter, f.made_ms FROM topics f, topics t
         WHERE f.room = ?2 AND t.room = ?1 AND f.starter <> t.starter
         ON CONFLICT DO NOTHING",
        (room, from, opening),
    )?;
    db.execute(
        "INSERT INTO readings (member, room, seq, said, following)
         SELECT p.member, t.room, t.last_seq, t.said, 1 FROM readings p, topics t
         WHERE p.room = ?2 AND p.following = 1 AND t.room = ?1
         ON CONFLICT (member, room) DO UPDATE SET
             following = CASE readings.following WHEN 0 THEN 1 ELSE readings.following END",
        (room, from),
    )?;
    Ok(())
}

/// What a message changes in it, likewise.
pub(crate) fn talk(db: &Db, room: RoomNumber, it: &TopicTalk) -> DbResult<()> {
    match it {
        TopicTalk::Said { seq, at_ms, by } => {
            let heat = heat(db, room)?;
            let heat = heat.map_or(0, |(heat, last)| heat.said(*at_ms, last == by.id).0);
            db.execute(
                "UPDATE topics SET said = said + 1, replies = replies + (CASE WHEN said = 0 THEN 0 ELSE 1 END),
                     last_seq = ?2, last_ms = ?3, last_by = ?4, last_name = ?5, last_mark = ?6,
                     heat_ms = ?7
                 WHERE room = ?1",
                (
                    room,
                    int(*seq),
                    int(*at_ms),
                    by.id.as_str(),
                    &by.name,
                    mark_int(by.mark),
                    int(heat),
                ),
            )?;
            db.execute(
                "INSERT INTO readings (member, room, seq, said, following)
                 SELECT m.account, t.room, t.last_seq, t.said, 1 FROM members m, topics t
                 WHERE m.account = ?1 AND t.room = ?2
                 ON CONFLICT (member, room) DO UPDATE SET seq = excluded.seq, said = excluded.said,
                     following = CASE readings.following WHEN 0 THEN 1 ELSE readings.following END",
                (by.id.as_str(), room),
            )?;
        }
        TopicTalk::Gone { seq } => count(db, room, *seq, -1)?,
        TopicTalk::Back { seq } => count(db, room, *seq, 1)?,
        TopicTalk::Opening { text } => {
            db.execute(
                "UPDATE topics SET excerpt = ?2 WHERE room = ?1",
                (room, text),
            )?;
        }
    }
    Ok(())
}

/// What lists show as said last is the last record of that kind, whatever went behind it.
pub(crate) fn said_last(db: &Db, room: RoomNumber, kind: u8) -> DbResult<()> {
    let last: Option<(Seq, u64, Person)> = db.first(
        "SELECT seq, at_ms, author, author_name, author_mark FROM records
         WHERE room = ?1 AND kind = ?2 ORDER BY seq DESC LIMIT 1",
        (room, kind),
        |row| Ok((row.get(0)?, row.get(1)?, person(row, 2)?)),
    )?;
    let Some((seq, at_ms, by)) = last else {
        return Ok(());
    };
    db.execute(
        "UPDATE topics SET last_seq = ?2, last_ms = ?3, last_by = ?4, last_name = ?5, last_mark = ?6
         WHERE room = ?1",
        (
            room,
            int(seq),
            int(at_ms),
            by.id.as_str(),
            &by.name,
            mark_int(by.mark),
        ),
    )?;
    Ok(())
}

/// How hot a topic is, and who spoke in it last.
fn heat(db: &Db, room: RoomNumber) -> DbResult<Option<(Heat, MemberId)>> {
    db.first(
        "SELECT heat_ms, last_by FROM topics WHERE room = ?1",
        [room],
        |row| Ok((Heat(row.get(0)?), member(row, 1)?)),
    )
}

/// The first message is no reply.
fn count(db: &Db, room: RoomNumber, seq: Seq, by: i64) -> DbResult<()> {
    if seq != OPENING {
        db.execute(
            "UPDATE topics SET replies = replies + ?2 WHERE room = ?1",
            (room, by),
        )?;
    }
    Ok(())
}
