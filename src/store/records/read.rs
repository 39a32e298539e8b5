//! Reading a room's log: the same queries for the writer's connection and the readers'.

use protocol::{ClientId, Epoch, MemberId, RoomNumber, Seq, limits};
use rusqlite::{Connection, OptionalExtension, Params};

use super::{
    entry::{self, ENTRY_COLUMNS},
    tallies,
};
use crate::{
    log::{CLIENT_IDS_LOADED, Entry, Known, Loaded, LogError, Page, PageOf, TAIL_RECORDS},
    rows::{
        column::{int, member, uint},
        turnouts,
    },
};

/// One consistent view: everything is read inside one transaction.
pub(crate) fn load(db: &Connection, room: RoomNumber) -> Result<Loaded, LogError> {
    // It only reads, so that dropping it (a rollback) ends it as well as a commit would.
    let view = db.unchecked_transaction()?;
    let epoch = epoch(&view, room)?;
    let last_seq = last_seq(&view, room)?;
    let before_tail = last_seq.saturating_sub(TAIL_RECORDS as u64);
    let facts = entries(
        &view,
        room,
        &format!(
            "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND is_fact = 1 ORDER BY seq"
        ),
        [room],
    )?;
    let tail = entries(
        &view,
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
        client_ids: client_ids(&view, room)?,
        votes: tallies::votes(&view, room)?,
        tallies: tallies::tallies(&view, room, before_tail + 1, last_seq)?,
        measured: turnouts::of_room(&view, room)?,
    })
}

pub(crate) fn page(
    db: &Connection,
    room: RoomNumber,
    of: PageOf,
    n: usize,
) -> Result<Page, LogError> {
    let n = n.min(limits::PAGE_RECORDS_MAX);
    // One more than asked tells whether there is more that way.
    let limit = i64::try_from(n + 1).expect("a page is small");
    let view = db.unchecked_transaction()?;
    epoch(&view, room)?;
    let below = |seq: i64| {
        entries(
            &view,
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
        PageOf::After(seq) => entries(
            &view,
            room,
            &format!(
                "SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq > ?2
                 ORDER BY seq LIMIT ?3"
            ),
            (room, int(seq), limit),
        )?,
    };
    let end = found.len() <= n;
    found.truncate(n);
    if !matches!(of, PageOf::After(_)) {
        found.reverse();
    }
    without_hole(room, &found)?;
    let tallies = match (found.first(), found.last()) {
        (Some(first), Some(last)) => tallies::tallies(&view, room, first.seq, last.seq)?,
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

pub(crate) fn entry(
    db: &Connection,
    room: RoomNumber,
    seq: Seq,
) -> Result<Option<Entry>, LogError> {
    let found = entries(
        db,
        room,
        &format!("SELECT {ENTRY_COLUMNS} FROM records WHERE room = ?1 AND seq = ?2"),
        (room, int(seq)),
    )?;
    Ok(found.into_iter().next())
}

/// The first records of a kind between two seqs.
pub(crate) fn between(
    db: &Connection,
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

pub(crate) fn known(
    db: &Connection,
    room: RoomNumber,
    author: &MemberId,
    client_id: &ClientId,
) -> Result<Option<Known>, LogError> {
    let found = db
        .prepare_cached(
            "SELECT seq, at_ms FROM records WHERE room = ?1 AND author = ?2 AND client_id = ?3",
        )?
        .query_row((room, author.as_str(), client_id.as_str()), |row| {
            Ok(Known {
                author: author.clone(),
                client_id: client_id.clone(),
                seq: uint(row, 0)?,
                at_ms: uint(row, 1)?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn last_seq(db: &Connection, room: RoomNumber) -> rusqlite::Result<Seq> {
    db.prepare_cached("SELECT coalesce(max(seq), 0) FROM records WHERE room = ?1")?
        .query_row([room], |row| uint(row, 0))
}

fn epoch(db: &Connection, room: RoomNumber) -> Result<Epoch, LogError> {
    db.prepare_cached("SELECT epoch FROM rooms WHERE number = ?1")?
        .query_row([room], |row| row.get::<_, String>(0))
        .optional()?
        .map(Epoch::from)
        .ok_or(LogError::NoSuchRoom(room))
}

fn client_ids(db: &Connection, room: RoomNumber) -> Result<Vec<Known>, LogError> {
    let mut query = db.prepare_cached(
        "SELECT author, client_id, seq, at_ms FROM records
         WHERE room = ?1 AND client_id IS NOT NULL ORDER BY seq DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(CLIENT_IDS_LOADED).expect("it is a small constant");
    let mut found: Vec<Known> = query
        .query_map((room, limit), |row| {
            Ok(Known {
                author: member(row, 0)?,
                client_id: row.get::<_, String>(1).map(ClientId::from)?,
                seq: uint(row, 2)?,
                at_ms: uint(row, 3)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    found.reverse();
    Ok(found)
}

pub(super) fn entries(
    db: &Connection,
    room: RoomNumber,
    sql: &str,
    params: impl Params,
) -> Result<Vec<Entry>, LogError> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry::read(room, row)?);
    }
    Ok(found)
}
