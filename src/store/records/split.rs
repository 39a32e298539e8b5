//! Messages that move into a room of their own: its row, its log and what hangs on them, in the transaction of the
//! append that takes them out of the log that they were in.
//!
//! Nobody can have the new room in memory, since there is none before this. So its log is written here, and all that
//! is true of a commit is true of both.

use std::collections::BTreeSet;

use protocol::{CircleId, MemberId, RoomNumber, Seq, topic::RoomKind};

use super::{entry, read, tallies};
use crate::{
    db::Db,
    log::{Append, AppendError, LogError, MovedRow, RowChange, SplitRow},
    rows::{
        column::{int, mark_int},
        readings::{self, Reading},
        rooms::{self, NewRoom},
        topics, uploads,
    },
};

/// Makes the room that `row` is about, and leaves its places in the room of the append, whose log ends at `end`.
pub(super) fn split_off(
    db: &Db,
    part: &Append,
    end: Seq,
    row: &SplitRow,
) -> Result<Result<(), AppendError>, LogError> {
    if let Err(odd) = check(db, end, row)? {
        return Ok(Err(AppendError::Invalid(odd)));
    }
    let new = NewRoom {
        circle: part.circle,
        slug: row.slug.clone(),
        title: row.topic.title.clone(),
        kind: RoomKind::Topic,
        guests: row.guests,
        made_by: row.by.clone(),
        made_ms: row.at_ms,
    };
    let made = rooms::insert_room(db, &new).map_err(|it| LogError::Failed(Box::new(it)))?;
    let (from, to) = (part.room, made.number);
    let records: Vec<_> = row.entries.iter().map(|it| (to, part.circle, it)).collect();
    if entry::insert_all(db, &records)? < records.len() {
        return Ok(Err(AppendError::Invalid("the new log has a record twice")));
    }
    topics::put(db, to, part.circle, &row.topic)?;
    talk(db, to, row)?;
    for (root, seq) in &row.threads {
        tallies::reply(db, to, *root, *seq, true)?;
    }
    move_likes(db, (from, to), &row.places)?;
    move_notices(db, (from, to), &row.places)?;
    move_blobs(db, (from, to), &row.places)?;
    follow(db, (from, to), row)?;
    readings::moved_away(db, from, &row.places)?;
    let left = leave(db, from, part.circle, &row.places)?;
    if let Some(said) = row.entries.last() {
        topics::said_last(db, from, said.kind)?;
    }
    Ok(left)
}

/// The rooms that a batch has made, as far as it was stored: they have grown too.
pub(crate) fn rooms_made(
    db: &Db,
    batch: &[Append],
    results: &[Result<(), AppendError>],
) -> Vec<RoomNumber> {
    let stored = batch.iter().zip(results).filter(|it| it.1.is_ok());
    let splits = stored
        .flat_map(|(it, _)| &it.rows)
        .filter_map(|it| match it {
            RowChange::SplitOff(row) => Some(row),
            _ => None,
        });
    let number = |row: &SplitRow| {
        let slug = row.slug.as_str();
        let found = db.first("SELECT number FROM rooms WHERE slug = ?1", [slug], |row| {
            row.get(0)
        });
        match found {
            Ok(found) => found,
            // It is committed all the same, and is found to lag behind at the next start at the latest.
            Err(error) => {
                tracing::warn!(%error, slug, "a new room is not told of");
                None
            }
        }
    };
    splits.filter_map(|it| number(it)).collect()
}

/// What would be an error of the whole batch, or of a later reader, is this part's alone.
fn check(db: &Db, end: Seq, row: &SplitRow) -> Result<Result<(), &'static str>, LogError> {
    let in_order = row.entries.iter().zip(1..).all(|(it, seq)| it.seq == seq);
    let last = row.entries.len() as Seq;
    let is_there = |it: &MovedRow| (1..=end).contains(&it.was) && (1..=last).contains(&it.is);
    if !in_order || row.places.is_empty() || !row.places.iter().all(is_there) {
        return Ok(Err("what moves is not there"));
    }
    if !row.places.is_sorted_by_key(|it| it.was) {
        return Ok(Err("what moves is not in order"));
    }
    let (is_taken, has_account): (bool, bool) = db.one(
        "SELECT EXISTS (SELECT 1 FROM rooms WHERE slug = ?1),
                EXISTS (SELECT 1 FROM accounts WHERE id = ?2)",
        (row.slug.as_str(), row.by.as_str()),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(match (is_taken, has_account) {
        (true, _) => Err("the room that is split off is there already"),
        (_, false) => Err("who splits has no account"),
        (false, true) => Ok(()),
    })
}

/// What lists show of the new topic's talk.
fn talk(db: &Db, to: RoomNumber, row: &SplitRow) -> Result<(), LogError> {
    let said = row.places.len() as u64;
    let Some(last) = row.entries.last() else {
        return Ok(());
    };
    db.execute(
        "UPDATE topics SET said = ?2, replies = ?3, excerpt = ?4, last_seq = ?5, last_ms = ?6, last_by = ?7,
             last_name = ?8, last_mark = ?9
         WHERE room = ?1",
        (
            to,
            int(said),
            int(said.saturating_sub(1)),
            &row.excerpt,
            int(last.seq),
            int(last.at_ms),
            last.author.id.as_str(),
            &last.author.name,
            mark_int(last.author.mark),
        ),
    )?;
    Ok(())
}

type FromTo = (RoomNumber, RoomNumber);

/// Those of the places that have something by this query of a room and a span.
fn those_with<'a>(
    db: &Db,
    sql: &str,
    from: RoomNumber,
    places: &'a [MovedRow],
) -> Result<Vec<&'a MovedRow>, LogError> {
    let [first, .., last] = places else {
        return Ok(places.iter().collect());
    };
    let found: Vec<Seq> = db.all(sql, (from, int(first.was), int(last.was)), |row| row.get(0))?;
    let found: BTreeSet<Seq> = found.into_iter().collect();
    Ok(places.iter().filter(|it| found.contains(&it.was)).collect())
}

fn move_likes(db: &Db, (from, to): FromTo, places: &[MovedRow]) -> Result<(), LogError> {
    let liked = "SELECT DISTINCT seq FROM likes WHERE room = ?1 AND seq BETWEEN ?2 AND ?3";
    for it in those_with(db, liked, from, places)? {
        db.execute(
            "UPDATE likes SET room = ?3, seq = ?4 WHERE room = ?1 AND seq = ?2",
            (from, int(it.was), to, int(it.is)),
        )?;
    }
    Ok(())
}

/// Who was told of a message is led to where it is.
fn move_notices(db: &Db, (from, to): FromTo, places: &[MovedRow]) -> Result<(), LogError> {
    let told = "SELECT DISTINCT seq FROM notices WHERE room = ?1 AND seq BETWEEN ?2 AND ?3";
    for it in those_with(db, told, from, places)? {
        db.execute(
            "UPDATE notices SET room = ?3, seq = ?4 WHERE room = ?1 AND seq = ?2",
            (from, int(it.was), to, int(it.is)),
        )?;
    }
    Ok(())
}

fn move_blobs(db: &Db, (from, to): FromTo, places: &[MovedRow]) -> Result<(), LogError> {
    let shown = "SELECT seq FROM blob_refs WHERE room = ?1 AND seq BETWEEN ?2 AND ?3";
    for it in those_with(db, shown, from, places)? {
        uploads::move_ref(db, (from, to), it)?;
    }
    Ok(())
}

/// Who wrote what moved, and who splits, follow the new topic, and have read there what they had read.
fn follow(db: &Db, (from, to): FromTo, row: &SplitRow) -> Result<(), LogError> {
    let mut followers: BTreeSet<&MemberId> =
        row.entries.iter().skip(1).map(|it| &it.author.id).collect();
    followers.insert(&row.by);
    for who in followers {
        let known = readings::of(db, who, from)?;
        let own = row.entries.iter().rev().find(|it| it.author.id == *who);
        let own = own.map_or(0, |it| it.seq);
        // Who splits has seen it all.
        let read = match known {
            _ if *who == row.by => row.places.len(),
            Some((seq, _)) => row.places.partition_point(|it| it.was <= seq),
            None => 0,
        };
        let read = read.max(row.places.partition_point(|it| it.is <= own));
        let reading = Reading {
            seq: read.checked_sub(1).map_or(1, |at| row.places[at].is),
            said: read as u64,
            is_muted: known.is_some_and(|it| it.1),
        };
        readings::begin(db, who, to, reading)?;
    }
    Ok(())
}

/// Each place says from now on where its message is.
fn leave(
    db: &Db,
    from: RoomNumber,
    circle: CircleId,
    places: &[MovedRow],
) -> Result<Result<(), AppendError>, LogError> {
    for it in places {
        let Some(mut entry) = read::entry(db, from, it.was)? else {
            return Ok(Err(AppendError::Invalid(
                "the record to change is not there",
            )));
        };
        entry.kind = it.kind;
        entry.is_fact = false;
        entry.body.clone_from(&it.left);
        entry::replace(db, from, circle, &entry)?;
    }
    Ok(Ok(()))
}
