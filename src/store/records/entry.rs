//! A record as columns, and the checksum that finds what the disk changed.

use protocol::{CircleId, ClientId, RoomNumber};

use crate::{
    db::{Db, DbError, DbResult, Row},
    log::{Entry, LogError},
    postgres::session::Session,
    rows::column::{int, mark_int, opt_int, person},
};

pub(super) const ENTRY_COLUMNS: &str = "seq, at_ms, pos, author, author_name, author_mark, kind,
     is_fact, client_id, body, circle, checksum";

/// Stores records; answers how many. One whose client id is there already is left out, which is then no
/// error of the transaction.
pub(super) fn insert_all(db: &Db, records: &[(RoomNumber, CircleId, &Entry)]) -> DbResult<usize> {
    match db {
        Db::Sqlite(_) => {
            let mut new = 0;
            for (room, circle, entry) in records {
                new += insert(db, *room, *circle, entry)?;
            }
            Ok(new)
        }
        Db::Postgres(session) => insert_at_once(session, records),
    }
}

fn insert(db: &Db, room: RoomNumber, circle: CircleId, entry: &Entry) -> DbResult<usize> {
    db.execute(
        "INSERT INTO records (room, circle, seq, at_ms, pos, author, author_name, author_mark,
                              kind, is_fact, client_id, checksum, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING",
        (
            room,
            circle,
            int(entry.seq),
            int(entry.at_ms),
            opt_int(entry.pos),
            entry.author.id.as_str(),
            &entry.author.name,
            mark_int(entry.author.mark),
            entry.kind,
            entry.is_fact,
            entry.client_id.as_ref().map(ClientId::as_str),
            checksum(room, circle, entry),
            &entry.body,
        ),
    )
}

/// The same with one message to the database for all of them: each column is one parameter.
fn insert_at_once(
    session: &Session,
    records: &[(RoomNumber, CircleId, &Entry)],
) -> DbResult<usize> {
    if records.is_empty() {
        return Ok(0);
    }
    fn column<'a, T>(
        records: &'a [(RoomNumber, CircleId, &'a Entry)],
        of: impl Fn(&'a Entry) -> T,
    ) -> Vec<T> {
        records.iter().map(|(_, _, it)| of(it)).collect()
    }
    let rooms: Vec<i64> = records.iter().map(|it| it.0.into()).collect();
    let circles: Vec<i64> = records.iter().map(|it| it.1.into()).collect();
    let sums: Vec<i64> = records
        .iter()
        .map(|(room, circle, it)| checksum(*room, *circle, it))
        .collect();
    let authors = column(records, |it| it.author.id.as_str());
    let names = column(records, |it| it.author.name.as_str());
    let client_ids = column(records, |it| it.client_id.as_ref().map(ClientId::as_str));
    let texts = authors.iter().chain(&names);
    if texts
        .chain(client_ids.iter().flatten())
        .any(|it| it.contains('\0'))
    {
        return Err(DbError::Nul);
    }
    session.execute_columns(
        "INSERT INTO records (room, circle, seq, at_ms, pos, author, author_name, author_mark,
                              kind, is_fact, client_id, checksum, body)
         SELECT * FROM unnest(
             $1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[],
             $7::TEXT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::TEXT[], $12::BIGINT[],
             $13::BYTEA[])
         ON CONFLICT DO NOTHING",
        &[
            &rooms,
            &circles,
            &column(records, |it| int(it.seq)),
            &column(records, |it| int(it.at_ms)),
            &column(records, |it| opt_int(it.pos)),
            &authors,
            &names,
            &column(records, |it| mark_int(it.author.mark)),
            &column(records, |it| i64::from(it.kind)),
            &column(records, |it| i64::from(it.is_fact)),
            &client_ids,
            &sums,
            &column(records, |it| it.body.as_slice()),
        ],
    )
}

/// Overwrites a record's body.
pub(super) fn replace_body(
    db: &Db,
    room: RoomNumber,
    circle: CircleId,
    entry: &Entry,
) -> DbResult<usize> {
    db.execute(
        "UPDATE records SET body = ?3, checksum = ?4 WHERE room = ?1 AND seq = ?2",
        (
            room,
            int(entry.seq),
            &entry.body,
            checksum(room, circle, entry),
        ),
    )
}

/// The same, with what kind of record it is from now on.
pub(super) fn replace(
    db: &Db,
    room: RoomNumber,
    circle: CircleId,
    entry: &Entry,
) -> DbResult<usize> {
    db.execute(
        "UPDATE records SET kind = ?3, is_fact = ?4, body = ?5, checksum = ?6 WHERE room = ?1 AND seq = ?2",
        (
            room,
            int(entry.seq),
            entry.kind,
            entry.is_fact,
            &entry.body,
            checksum(room, circle, entry),
        ),
    )
}

/// The same as [`replace_body`], with how its author is called.
pub(crate) fn rename(
    db: &Db,
    room: RoomNumber,
    circle: CircleId,
    entry: &Entry,
) -> DbResult<usize> {
    db.execute(
        "UPDATE records SET author_name = ?3, body = ?4, checksum = ?5 WHERE room = ?1 AND seq = ?2",
        (
            room,
            int(entry.seq),
            &entry.author.name,
            &entry.body,
            checksum(room, circle, entry),
        ),
    )
}

/// Reads [`ENTRY_COLUMNS`]; an entry that is not what was written is an error that names it.
pub(super) fn read(room: RoomNumber, row: &Row<'_>) -> Result<Entry, LogError> {
    let seq = row.get(0)?;
    let (entry, circle, kept) = columns(row).map_err(|it| match it {
        DbError::Odd(_) => LogError::Damaged { room, seq },
        other => other.into(),
    })?;
    if checksum(room, circle, &entry) == kept {
        Ok(entry)
    } else {
        Err(LogError::Damaged { room, seq })
    }
}

fn columns(row: &Row<'_>) -> DbResult<(Entry, CircleId, i64)> {
    let entry = Entry {
        seq: row.get(0)?,
        at_ms: row.get(1)?,
        pos: row.get(2)?,
        author: person(row, 3)?,
        kind: row.get(6)?,
        is_fact: row.get(7)?,
        client_id: row.get::<Option<String>>(8)?.map(ClientId::from),
        body: row.get(9)?,
    };
    Ok((entry, row.get(10)?, row.get(11)?))
}

/// FNV-1a over every column, each with its length, so that no two columns can trade bytes.
///
/// It finds a disk that lies, not a person who forges: 64 bits miss a random change once in 10^19.
fn checksum(room: RoomNumber, circle: CircleId, entry: &Entry) -> i64 {
    let mut sum = Fnv::default();
    for n in [
        u64::from(room),
        u64::from(circle),
        entry.seq,
        entry.at_ms,
        // A position is never so large, so absence has a value of its own.
        entry.pos.unwrap_or(u64::MAX),
        u64::from(entry.kind),
        u64::from(entry.is_fact),
        mark_int(entry.author.mark).unsigned_abs(),
    ] {
        sum.add(&int(n).to_le_bytes());
    }
    sum.add_part(entry.author.id.as_str().as_bytes());
    sum.add_part(entry.author.name.as_bytes());
    sum.add_part(
        entry
            .client_id
            .as_ref()
            .map_or("", ClientId::as_str)
            .as_bytes(),
    );
    sum.add_part(&entry.body);
    i64::from_le_bytes(sum.0.to_le_bytes())
}

struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn add_part(&mut self, bytes: &[u8]) {
        self.add(&(bytes.len() as u64).to_le_bytes());
        self.add(bytes);
    }
}
