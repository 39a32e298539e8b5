//! A commit: of each room's part its records, then its rows, or nothing of it.
//!
//! Almost always every part is in order, so all are stored at once and without a savepoint each, which on
//! PostgreSQL would be a message there and back. Where one is not, the transaction begins again, part by
//! part.

use std::collections::HashMap;

use protocol::{CircleId, RoomNumber, Seq};

use super::{entry, read, split, tallies};
use crate::{
    db::{Db, DbError, DbResult},
    log::{Append, AppendError, Known, LogError, RowChange, VoteRow},
    rows::{
        audit::{self, NewAct},
        broadcasts::put_broadcast,
        notices, quotes, topics, turnouts,
        uploads::{let_go, refer, veil},
    },
};

/// Where each room's log ends, as far as it was committed. A room is looked up once.
#[derive(Clone, Default)]
pub(crate) struct Ends(HashMap<RoomNumber, (CircleId, Seq)>);

impl Ends {
    /// `None` where there is no such room.
    fn of(&mut self, db: &Db, room: RoomNumber) -> Result<Option<(CircleId, Seq)>, LogError> {
        if let Some(end) = self.0.get(&room) {
            return Ok(Some(*end));
        }
        let circle: Option<CircleId> = db.first(
            "SELECT circle FROM rooms WHERE number = ?1",
            [room],
            |row| row.get(0),
        )?;
        let Some(circle) = circle else {
            return Ok(None);
        };
        let end = (circle, read::last_seq(db, room)?);
        self.0.insert(room, end);
        Ok(Some(end))
    }

    /// Whether a room's log is shorter now than it was once committed.
    pub(crate) fn are_lost(&self, db: &Db) -> DbResult<bool> {
        for (room, (_, end)) in &self.0 {
            if read::last_seq(db, *room)? < *end {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Stores what is in order of a batch, in one transaction.
pub(crate) fn append_all(
    db: &Db,
    ends: &mut Ends,
    batch: &[Append],
) -> Result<Vec<Result<(), AppendError>>, LogError> {
    match db.change(|db| all_at_once(db, ends, batch)) {
        Ok(moved) => {
            ends.0.extend(moved);
            Ok(batch.iter().map(|_| Ok(())).collect())
        }
        Err(NotAll::OneIsOdd) => {
            let mut moved = ends.clone();
            let results = db.change(|db| {
                let parts = batch.iter().map(|it| append_part(db, &mut moved, it));
                parts.collect()
            })?;
            *ends = moved;
            Ok(results)
        }
        Err(NotAll::Failed(error)) => Err(error),
    }
}

/// Why a batch was not stored at once.
enum NotAll {
    /// A part is to be left out: which one is found part by part.
    OneIsOdd,
    Failed(LogError),
}

impl From<LogError> for NotAll {
    fn from(error: LogError) -> Self {
        if is_of_a_text(&error) {
            Self::OneIsOdd
        } else {
            Self::Failed(error)
        }
    }
}

impl From<DbError> for NotAll {
    fn from(error: DbError) -> Self {
        LogError::from(error).into()
    }
}

/// A text that this database does not keep is its part's own fault.
fn is_of_a_text(error: &LogError) -> bool {
    let LogError::Failed(error) = error else {
        return false;
    };
    matches!(error.downcast_ref(), Some(DbError::Nul))
}

/// Answers where the logs end then.
fn all_at_once(
    db: &Db,
    ends: &mut Ends,
    batch: &[Append],
) -> Result<HashMap<RoomNumber, (CircleId, Seq)>, NotAll> {
    let mut moved = HashMap::with_capacity(batch.len());
    let mut records = Vec::with_capacity(batch.len());
    let mut part_ends = Vec::with_capacity(batch.len());
    for part in batch {
        let known = match moved.get(&part.room) {
            Some(end) => Some(*end),
            None => ends.of(db, part.room)?,
        };
        let Some((circle, last)) = known.filter(|it| it.0 == part.circle) else {
            return Err(NotAll::OneIsOdd);
        };
        check_order(part, last).map_err(|_| NotAll::OneIsOdd)?;
        let end = last + part.records.len() as u64;
        moved.insert(part.room, (circle, end));
        part_ends.push(end);
        records.extend(part.records.iter().map(|it| (part.room, circle, it)));
    }
    if entry::insert_all(db, &records)? < records.len() {
        return Err(NotAll::OneIsOdd);
    }
    for (part, end) in batch.iter().zip(part_ends) {
        for change in &part.rows {
            change_row(db, part, end, change)?.map_err(|_| NotAll::OneIsOdd)?;
        }
    }
    Ok(moved)
}

/// Stores one part, or leaves the transaction as if it had never been there.
fn append_part(
    db: &Db,
    ends: &mut Ends,
    part: &Append,
) -> Result<Result<(), AppendError>, LogError> {
    let Some((circle, last)) = ends.of(db, part.room)? else {
        return Ok(Err(AppendError::Invalid("there is no such room")));
    };
    if circle != part.circle {
        return Ok(Err(AppendError::Invalid("the room is in another circle")));
    }
    if let Err(error) = check_order(part, last) {
        return Ok(Err(error));
    }
    let end = last + part.records.len() as u64;
    db.execute("SAVEPOINT part", ())?;
    let stored = match store(db, part, end) {
        Err(error) if is_of_a_text(&error) => {
            Err(AppendError::Invalid("a text holds a NUL character"))
        }
        other => other?,
    };
    if stored.is_err() {
        db.execute("ROLLBACK TO part", ())?;
    } else {
        ends.0.insert(part.room, (circle, end));
    }
    db.execute("RELEASE part", ())?;
    Ok(stored)
}

fn check_order(part: &Append, last: Seq) -> Result<(), AppendError> {
    for (expected, entry) in (last + 1..).zip(&part.records) {
        if entry.seq != expected {
            return Err(AppendError::OutOfOrder {
                expected,
                found: entry.seq,
            });
        }
    }
    Ok(())
}

fn store(db: &Db, part: &Append, end: Seq) -> Result<Result<(), AppendError>, LogError> {
    let records: Vec<_> = part
        .records
        .iter()
        .map(|it| (part.room, part.circle, it))
        .collect();
    // The seqs are free (they follow the last one), so it is a client id that is taken.
    if entry::insert_all(db, &records)? < records.len() {
        return conflict(db, part).map(Err);
    }
    for change in &part.rows {
        if let Err(error) = change_row(db, part, end, change)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Every client id of the append that was stored before it.
fn conflict(db: &Db, part: &Append) -> Result<AppendError, LogError> {
    let first = part.records.first().map_or(0, |it| it.seq);
    let mut known: Vec<Known> = Vec::new();
    for entry in &part.records {
        let Some(client_id) = &entry.client_id else {
            continue;
        };
        let found = read::known(db, part.room, &entry.author.id, client_id)?;
        // What this very append has just inserted does not count.
        known.extend(found.filter(|it| it.seq < first));
    }
    if known.is_empty() {
        return Ok(AppendError::Invalid("a client id is twice in one append"));
    }
    Ok(AppendError::Conflict(known))
}

fn change_row(
    db: &Db,
    part: &Append,
    end: Seq,
    change: &RowChange,
) -> Result<Result<(), AppendError>, LogError> {
    if let RowChange::Like { of: seq, .. }
    | RowChange::Vote(VoteRow { of: seq, .. }, _)
    | RowChange::VotesGone { of: seq }
    | RowChange::Revise { seq, .. }
    | RowChange::Erase { seq, .. }
    | RowChange::Reply { root: seq, .. } = change
        && !(1..=end).contains(seq)
    {
        return Ok(Err(AppendError::Invalid(
            "the record to change is not there",
        )));
    }
    let room = part.room;
    let changed = match change {
        RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } => {
            let Some(mut entry) = read::entry(db, part.room, *seq)? else {
                return Ok(Err(AppendError::Invalid(
                    "the record to change is not there",
                )));
            };
            entry.body.clone_from(body);
            if matches!(change, RowChange::Erase { .. }) {
                notices::say(db, part.room, *seq, "")?;
            }
            entry::replace_body(db, part.room, part.circle, &entry)?
        }
        RowChange::Refer { seq, blobs } => {
            refer(db, part.room, *seq, blobs)?;
            1
        }
        RowChange::LetGo { seq } => {
            let_go(db, part.room, *seq)?;
            1
        }
        RowChange::Veil { seq, on } => {
            veil(db, part.room, *seq, *on)?;
            1
        }
        RowChange::Audit(act) => {
            let room = Some(part.room);
            audit::add(
                db,
                &NewAct {
                    room,
                    ..act.clone()
                },
            )?;
            1
        }
        RowChange::Measured(row) => {
            turnouts::put(db, part.room, row)?;
            1
        }
        RowChange::Notice(row) => {
            notices::put(db, part.room, row)?;
            return Ok(Ok(()));
        }
        RowChange::NoticeText { seq, text } => {
            notices::say(db, part.room, *seq, text)?;
            return Ok(Ok(()));
        }
        RowChange::NoticeToAll(row) => {
            notices::put_to_all(db, part.room, row)?;
            return Ok(Ok(()));
        }
        RowChange::NoticeToBoard(row) => {
            notices::put_to_board(db, part.room, part.circle, row)?;
            return Ok(Ok(()));
        }
        RowChange::TookTopic { from } => {
            topics::take(db, part.room, *from)?;
            return Ok(Ok(()));
        }
        RowChange::Topic(it) => {
            topics::put(db, part.room, part.circle, it)?;
            return Ok(Ok(()));
        }
        RowChange::Quotes(it) => {
            quotes::put(db, part.room, it)?;
            return Ok(Ok(()));
        }
        RowChange::TopicTalk(it) => {
            topics::talk(db, part.room, it)?;
            return Ok(Ok(()));
        }
        RowChange::SplitOff(it) => return split::split_off(db, part, end, it),
        RowChange::Broadcast(row) => put_broadcast(db, part.room, part.circle, end, row)?,
        RowChange::Like { of, member, at_ms } => tallies::like(db, room, *of, member, *at_ms)?,
        RowChange::Vote(row, at_ms) => tallies::vote(db, room, row, *at_ms)?,
        RowChange::VotesGone { of } => tallies::votes_gone(db, room, *of)?,
        RowChange::Reply { root, seq, on } => tallies::reply(db, room, *root, *seq, *on)?,
    };
    if changed == 0 && matches!(change, RowChange::Broadcast(_)) {
        return Ok(Err(AppendError::Invalid("the broadcast is another room's")));
    }
    Ok(Ok(()))
}
