//! One room's part of a commit: its records, then its rows, or nothing of it.

use std::collections::HashMap;

use protocol::{CircleId, RoomNumber, Seq};

use super::{entry, read, tallies};
use crate::{
    db::Db,
    log::{Append, AppendError, Known, LogError, RowChange, VoteRow},
    rows::{
        audit::{self, NewAct},
        broadcasts::put_broadcast,
        notices, turnouts,
        uploads::{let_go, refer, veil},
    },
};

/// Where each room's log ends. A room is looked up once; a failed commit forgets everything.
#[derive(Default)]
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
}

/// Stores one part, or leaves the transaction as if it had never been there.
pub(crate) fn append_part(
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
    let stored = store(db, part, end)?;
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
    for entry in &part.records {
        // The seq is free (it follows the last one), so it is the client id that is taken.
        if !entry::insert(db, part.room, part.circle, entry)? {
            return conflict(db, part).map(Err);
        }
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
        RowChange::Refer { seq, blob } => {
            refer(db, part.room, *seq, blob)?;
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
