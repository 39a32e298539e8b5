//! Reading a room's log: the same queries for the writer's connection and the readers'.

use std::collections::BTreeMap;

use protocol::{ClientId, Epoch, MemberId, RoomNumber, Seq, limits};

use super::{
    entry::{self, ENTRY_COLUMNS},
    tallies,
};
use crate::{
    db::{Db, DbResult, Params},
    log::{CLIENT_IDS_LOADED, Entry, Known, Loaded, LogError, Page, PageOf, TAIL_RECORDS},
    rows::{
        column::{int, member},
        turnouts,
    },
};

/// One consistent view: everything is read inside one transaction.
pub(crate) fn load(db: &Db, room: RoomNumber) -> Result<Loaded, LogError> {
    db.view(|db| load_now(db, room))
}

fn load_now(db: &Db, room: RoomNumber) -> Result<Loaded, LogError> {
    let epoch = epoch(db, room)?;
    let last_seq = last_seq(db, room)?;
    let before_tail = last_seq.saturating_sub(TAIL_RECORDS as u64);
    let facts = entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND is_fact = 1 ORDER BY seq"
        ),
        [room],
    )?;
    let tail = entries(
        db,
        room,
        &format!("SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq > ?2 ORDER BY seq"),
        (room, int(before_tail)),
    )?;
    without_hole(room, &tail)?;
    if tail.first().is_some_and(|it| it.seq != before_tail + 1) {
        return Err(LogError::Damaged {
            room,
            seq: before_tail + 1,
        });
    }
    Ok(Loaded {
        epoch,
        last_seq,
        facts,
        tail,
        client_ids: client_ids(db, room)?,
        votes: tallies::votes(db, room)?,
        tallies: tallies::tallies(db, room, before_tail + 1, last_seq)?,
        measured: turnouts::of_room(db, room)?,
    })
}

pub(crate) fn page(db: &Db, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
    let n = n.min(limits::PAGE_RECORDS_MAX);
    // One more than asked tells whether there is more that way.
    let limit = i64::try_from(n + 1).expect("a page is small");
    db.view(|db| page_now(db, room, of, n, limit))
}

fn page_now(db: &Db, room: RoomNumber, of: PageOf, n: usize, limit: i64) -> Result<Page, LogError> {
    epoch(db, room)?;
    let below = |seq: i64| {
        entries(
            db,
            room,
            &format!(
                "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq < ?2
                 ORDER BY seq DESC LIMIT ?3"
            ),
            (room, seq, limit),
        )
    };
    let mut found = match of {
        PageOf::Last => below(i64::MAX)?,
        PageOf::Before(seq) => below(int(seq))?,
        PageOf::After(seq) => after(db, room, seq, n + 1)?,
    };
    let end = found.len() <= n;
    found.truncate(n);
    if !matches!(of, PageOf::After(_)) {
        found.reverse();
    }
    without_hole(room, &found)?;
    let tallies = match (found.first(), found.last()) {
        (Some(first), Some(last)) => tallies::tallies(db, room, first.seq, last.seq)?,
        _ => Vec::new(),
    };
    Ok(Page {
        entries: found,
        tallies,
        end,
    })
}

/// INVARIANT: a room's seqs have no hole. A record that the disk lost is damage as well.
fn without_hole(room: RoomNumber, entries: &[Entry]) -> Result<(), LogError> {
    match entries.windows(2).find(|it| it[1].seq != it[0].seq + 1) {
        None => Ok(()),
        Some(pair) => Err(LogError::Damaged {
            room,
            seq: pair[0].seq + 1,
        }),
    }
}

pub(crate) fn entry(db: &Db, room: RoomNumber, seq: Seq) -> Result<Option<Entry>, LogError> {
    let found = entries(
        db,
        room,
        &format!("SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq = ?2"),
        (room, int(seq)),
    )?;
    Ok(found.into_iter().next())
}

/// The records of a room that a topic was made of. One that the disk changed is left out: the others are whole.
pub(crate) fn quoted(
    db: &Db,
    topic: RoomNumber,
    room: RoomNumber,
) -> Result<BTreeMap<Seq, Entry>, LogError> {
    let mut found = BTreeMap::new();
    db.each(
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1
             AND seq IN (SELECT q.seq FROM topic_quotes q WHERE q.topic = ?2)"
        ),
        (room, topic),
        |row| {
            match entry::read(room, row) {
                Ok(entry) => found.insert(entry.seq, entry),
                Err(LogError::Damaged { .. }) => None,
                Err(other) => return Err(other),
            };
            Ok(())
        },
    )?;
    Ok(found)
}

/// The last fact of a kind up to a seq.
pub(crate) fn last_fact(
    db: &Db,
    room: RoomNumber,
    upto: Seq,
    kind: u8,
) -> Result<Option<Entry>, LogError> {
    let found = entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records
             WHERE room = ?1 AND is_fact = 1 AND seq <= ?2 AND kind = ?3 ORDER BY seq DESC LIMIT 1"
        ),
        (room, int(upto), kind),
    )?;
    Ok(found.into_iter().next())
}

/// What one member wrote after a seq, up to another.
pub(crate) fn written_by(
    db: &Db,
    room: RoomNumber,
    author: &MemberId,
    (after, upto): (Seq, Seq),
) -> Result<Vec<Entry>, LogError> {
    entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records
             WHERE room = ?1 AND seq > ?2 AND seq <= ?3 AND author = ?4 ORDER BY seq"
        ),
        (room, int(after), int(upto), author.as_str()),
    )
}

/// The first records of a kind between two seqs.
pub(crate) fn between(
    db: &Db,
    room: RoomNumber,
    seqs: (Seq, Seq),
    kind: u8,
    n: usize,
) -> Result<Vec<Entry>, LogError> {
    let limit = i64::try_from(n.min(limits::PAGE_RECORDS_MAX)).expect("a page is small");
    entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records
             WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 AND kind = ?4 ORDER BY seq LIMIT ?5"
        ),
        (room, int(seqs.0), int(seqs.1), kind, limit),
    )
}

/// The first `n` records of a room above a seq.
pub(crate) fn after(
    db: &Db,
    room: RoomNumber,
    after: Seq,
    n: usize,
) -> Result<Vec<Entry>, LogError> {
    let limit = i64::try_from(n).expect("a page is small");
    let found = entries(
        db,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq > ?2
             ORDER BY seq LIMIT ?3"
        ),
        (room, int(after), limit),
    )?;
    without_hole(room, &found)?;
    Ok(found)
}

pub(crate) fn known(
    db: &Db,
    room: RoomNumber,
    author: &MemberId,
    client_id: &ClientId,
) -> Result<Option<Known>, LogError> {
    let found = db.first(
        "SELECT seq, at_ms FROM records WHERE room = ?1 AND author = ?2 AND client_id = ?3",
        (room, author.as_str(), client_id.as_str()),
        |row| {
            Ok(Known {
                author: author.clone(),
                client_id: client_id.clone(),
                seq: row.get(0)?,
                at_ms: row.get(1)?,
            })
        },
    )?;
    Ok(found)
}

pub(super) fn last_seq(db: &Db, room: RoomNumber) -> DbResult<Seq> {
    db.one(
        "SELECT coalesce(max(seq), 0) FROM records WHERE room = ?1",
        [room],
        |row| row.get(0),
    )
}

fn epoch(db: &Db, room: RoomNumber) -> Result<Epoch, LogError> {
    db.first("SELECT epoch FROM rooms WHERE number = ?1", [room], |row| {
        row.get::<String>(0)
    })?
    .map(Epoch::from)
    .ok_or(LogError::NoSuchRoom(room))
}

fn client_ids(db: &Db, room: RoomNumber) -> Result<Vec<Known>, LogError> {
    let limit = i64::try_from(CLIENT_IDS_LOADED).expect("it is a small constant");
    let mut found: Vec<Known> = db.all(
        "SELECT author, client_id, seq, at_ms FROM records
         WHERE room = ?1 AND client_id IS NOT NULL ORDER BY seq DESC LIMIT ?2",
        (room, limit),
        |row| {
            Ok(Known {
                author: member(row, 0)?,
                client_id: row.get::<String>(1).map(ClientId::from)?,
                seq: row.get(2)?,
                at_ms: row.get(3)?,
            })
        },
    )?;
    found.reverse();
    Ok(found)
}

pub(super) fn entries(
    db: &Db,
    room: RoomNumber,
    sql: &str,
    params: impl Params,
) -> Result<Vec<Entry>, LogError> {
    let mut found = Vec::new();
    db.each(sql, params, |row| {
        found.push(entry::read(room, row)?);
        Ok::<_, LogError>(())
    })?;
    Ok(found)
}
