//! Writing: what changes of a room, and how far it reaches.

use protocol::{RoomNumber, Seq};

use super::{Doc, Has, Lagging, RoomDocs, terms};
use crate::{
    db::{Db, DbError, DbResult, Row},
    postgres::session::Session,
    rows::{RowError, column::int},
};

/// Texts of one transaction. At 13 µs for a new one the writer is away from the logs for two milliseconds; one
/// that is taken out costs a hundred times that.
pub const SEARCH_DOCS_MAX: usize = 128;

/// Bits of an id below the moment: the end of the seq, then that of the room.
const PLACE_BITS: u32 = 20;
const PART_BITS: u32 = PLACE_BITS / 2;
/// The last moment that has ids, in the year 2248.
const MOMENT_MAX: u64 = (1 << (63 - PLACE_BITS)) - 1;

const LINK: i64 = 1;
const IMAGE: i64 = 2;
const CARD: i64 = 4;

/// The first id of a moment.
pub(super) fn first_of(at_ms: u64) -> i64 {
    int(at_ms.min(MOMENT_MAX) << PLACE_BITS)
}

fn id_of(room: RoomNumber, doc: &Doc) -> i64 {
    let part = |it: u64| int(it & ((1 << PART_BITS) - 1));
    first_of(doc.at_ms) | part(doc.seq) << PART_BITS | part(room.into())
}

pub(super) const fn bits(has: Has) -> i64 {
    (if has.link { LINK } else { 0 })
        | (if has.image { IMAGE } else { 0 })
        | (if has.card { CARD } else { 0 })
}

const fn has_of(bits: i64) -> Has {
    Has {
        link: bits & LINK != 0,
        image: bits & IMAGE != 0,
        card: bits & CARD != 0,
    }
}

pub(super) fn put(db: &Db, parts: &[RoomDocs]) -> Result<Vec<RoomNumber>, RowError> {
    let mut stale = Vec::new();
    let forgets = super::forget::is_under_way(db)?;
    for part in parts {
        if forgets || upto(db, part.room)? != part.after {
            stale.push(part.room);
            continue;
        }
        for seq in &part.gone {
            if let Some(old) = kept(db, part.room, *seq)? {
                remove(db, part.room, &old)?;
            }
        }
        let mut new = Vec::with_capacity(part.docs.len());
        for doc in &part.docs {
            // Nothing of what comes after can be there.
            if doc.seq > part.after || !replace(db, part.room, doc)? {
                new.push(doc);
            }
        }
        insert_all(db, part.room, &new)?;
        db.execute(
            "INSERT INTO search_rooms (room, upto) VALUES (?1, ?2)
             ON CONFLICT (room) DO UPDATE SET upto = excluded.upto",
            (part.room, int(part.upto)),
        )?;
    }
    Ok(stale)
}

pub(super) fn upto(db: &Db, room: RoomNumber) -> DbResult<Seq> {
    let found = db.first(
        "SELECT upto FROM search_rooms WHERE room = ?1",
        [room],
        |row| row.get(0),
    )?;
    Ok(found.unwrap_or(0))
}

pub(super) fn lagging(db: &Db, above: RoomNumber, n: usize) -> DbResult<Vec<Lagging>> {
    db.all(
        "SELECT l.room, l.upto, l.last FROM (
             SELECT r.number AS room, coalesce(s.upto, 0) AS upto, s.room AS known,
                    coalesce((SELECT max(seq) FROM records WHERE room = r.number), 0) AS last
             FROM rooms r LEFT JOIN search_rooms s ON s.room = r.number
             WHERE r.number > ?1) l
         WHERE l.last > l.upto OR l.known IS NULL ORDER BY l.room LIMIT ?2",
        (above, int(n as u64)),
        |row| {
            Ok(Lagging {
                room: row.get(0)?,
                upto: row.get(1)?,
                last: row.get(2)?,
            })
        },
    )
}

/// A text as it is kept.
struct Kept {
    id: i64,
    author: String,
    has: Has,
    folded: String,
}

fn kept(db: &Db, room: RoomNumber, seq: Seq) -> DbResult<Option<Kept>> {
    db.first(
        "SELECT id, author, has, folded FROM search_docs WHERE room = ?1 AND seq = ?2",
        (room, int(seq)),
        |row: &Row<'_>| {
            Ok(Kept {
                id: row.get(0)?,
                author: row.get(1)?,
                has: has_of(row.get(2)?),
                folded: row.get(3)?,
            })
        },
    )
}

/// Puts a text in the place of its older form; false where there is none, or not any more.
fn replace(db: &Db, room: RoomNumber, doc: &Doc) -> DbResult<bool> {
    let Some(old) = kept(db, room, doc.seq)? else {
        return Ok(false);
    };
    if old.folded == doc.folded && old.has == doc.has && old.author == doc.author.as_str() {
        return Ok(true);
    }
    remove(db, room, &old)?;
    Ok(false)
}

fn remove(db: &Db, room: RoomNumber, old: &Kept) -> DbResult<()> {
    if matches!(db, Db::Sqlite(_)) {
        // What is not kept there has to be said again to be taken out.
        db.execute(
            "INSERT INTO search_words (search_words, rowid, words, marks)
             VALUES ('delete', ?1, ?2, ?3)",
            (
                old.id,
                terms::words(&old.folded),
                terms::marks(room, &old.author, old.has),
            ),
        )?;
    }
    db.execute("DELETE FROM search_docs WHERE id = ?1", [old.id])?;
    Ok(())
}

fn insert_all(db: &Db, room: RoomNumber, docs: &[&Doc]) -> DbResult<()> {
    match db {
        Db::Sqlite(_) => docs
            .iter()
            .try_for_each(|it| insert(db, room, it).map(drop)),
        Db::Postgres(session) => {
            let ids: Vec<i64> = docs.iter().map(|it| id_of(room, it)).collect();
            if insert_at_once(session, room, docs, &ids)? == docs.len() {
                return Ok(());
            }
            // Some id was taken: those that are not there yet are given the next free one.
            for doc in docs {
                if kept(db, room, doc.seq)?.is_none() {
                    insert(db, room, doc)?;
                }
            }
            Ok(())
        }
    }
}

/// Inserts under the first free id from the text's own on. It is free unless there are more than a
/// thousand rooms, and two of them are alike in their ends, and so are two seqs, at one moment.
fn insert(db: &Db, room: RoomNumber, doc: &Doc) -> DbResult<()> {
    let mut id = id_of(room, doc);
    let marks = terms::marks(room, doc.author.as_str(), doc.has);
    loop {
        let added = match db {
            Db::Sqlite(_) => db.execute(
                "INSERT INTO search_docs (id, room, seq, author, has, folded)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
                (
                    id,
                    room,
                    int(doc.seq),
                    doc.author.as_str(),
                    bits(doc.has),
                    &doc.folded,
                ),
            )?,
            Db::Postgres(session) => insert_at_once(session, room, &[doc], &[id])?,
        };
        if added > 0 {
            break;
        }
        id += 1;
    }
    if matches!(db, Db::Sqlite(_)) {
        db.execute(
            "INSERT INTO search_words (rowid, words, marks) VALUES (?1, ?2, ?3)",
            (id, terms::words(&doc.folded), marks),
        )?;
    }
    Ok(())
}

/// One message to the database for all of them; answers how many had a free id.
fn insert_at_once(
    session: &Session,
    room: RoomNumber,
    docs: &[&Doc],
    ids: &[i64],
) -> DbResult<usize> {
    if docs.is_empty() {
        return Ok(0);
    }
    let authors: Vec<&str> = docs.iter().map(|it| it.author.as_str()).collect();
    if authors.iter().any(|it| it.contains('\0')) {
        return Err(DbError::Nul);
    }
    let words: Vec<String> = docs
        .iter()
        .map(|it| {
            let marks = terms::marks(room, it.author.as_str(), it.has);
            terms::array_of(&it.folded, &marks)
        })
        .collect();
    let rooms: Vec<i64> = docs.iter().map(|_| room.into()).collect();
    let seqs: Vec<i64> = docs.iter().map(|it| int(it.seq)).collect();
    let has: Vec<i64> = docs.iter().map(|it| bits(it.has)).collect();
    let folded: Vec<&str> = docs.iter().map(|it| it.folded.as_str()).collect();
    session.execute_columns(
        "INSERT INTO search_docs (id, room, seq, author, has, folded, words)
         SELECT id, room, seq, author, has, folded, array_to_tsvector(CAST(words AS TEXT[]))
         FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[],
                     $6::TEXT[], $7::TEXT[]) AS of (id, room, seq, author, has, folded, words)
         ON CONFLICT (id) DO NOTHING",
        &[&ids, &rooms, &seqs, &authors, &has, &folded, &words],
    )
}
