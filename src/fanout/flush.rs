//! What happens to a blocked socket: a task of its own waits until it takes something again, writes
//! what was begun, then the answers, then reads on in the ring of each room at its cursor. The frames
//! stay shared: however long a viewer stalls, it owns no copy of anything.

use std::{future::poll_fn, rc::Rc};

use bytes::Bytes;
use protocol::RoomNumber;

use crate::{
    Form,
    connection::{Broken, Connection, PartsWritten, Written},
    ring::{Bursts, Part, Ring, Until},
    room::Member,
    shard::Shard,
};

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The socket took all it was given.
    More,
    /// It is blocked.
    Blocked,
    /// It keeps up again, or it is over.
    Done,
}

/// Ends when the connection keeps up again. Ended by whoever takes the lag away.
pub(crate) async fn run(shard: Rc<Shard>, connection: Rc<Connection>) {
    loop {
        let ready = poll_fn(|context| connection.socket.poll_write_ready(context)).await;
        if ready.is_err() {
            return shard.lose(&connection);
        }
        match step(&shard, &connection) {
            // One write at a time: those who keep up come first.
            Step::More => tokio::task::yield_now().await,
            Step::Blocked => {}
            Step::Done => return,
        }
    }
}

/// One write.
fn step(shard: &Shard, connection: &Connection) -> Step {
    if connection.is_ending() {
        return Step::Done;
    }
    let wrote = write_begun(shard, connection).or_else(|| read_on(shard, connection));
    match wrote {
        Some(Wrote::All) => Step::More,
        Some(Wrote::Part) => Step::Blocked,
        Some(Wrote::Lost) => {
            shard.lose(connection);
            Step::Done
        }
        None => {
            connection.end_lag();
            Step::Done
        }
    }
}

/// What became of a write; what was begun is kept in the lag.
enum Wrote {
    All,
    Part,
    Lost,
}

/// Writes the rest of what was begun, or the next answer. None where there is neither.
fn write_begun(shard: &Shard, connection: &Connection) -> Option<Wrote> {
    let mut lag = connection.lag.borrow_mut();
    let lag = lag.as_mut()?;
    if !lag.partial.is_empty() {
        return Some(match connection.write_raw(&lag.partial) {
            Ok(n) => {
                lag.advance(n, shard.now_ms());
                if lag.partial.is_empty() {
                    Wrote::All
                } else {
                    Wrote::Part
                }
            }
            Err(Broken) => Wrote::Lost,
        });
    }
    let answer = lag.next_answer()?;
    Some(match connection.write(&answer) {
        Written::All => {
            lag.moved(answer.len(), shard.now_ms());
            Wrote::All
        }
        Written::Part { taken, rest } => {
            lag.partial = rest;
            lag.moved(taken, shard.now_ms());
            Wrote::Part
        }
        Written::Lost => Wrote::Lost,
    })
}

/// Writes what comes next of the rooms it is in. None where it has read everything.
fn read_on(shard: &Shard, connection: &Connection) -> Option<Wrote> {
    let mut rooms = shard.rooms.borrow_mut();
    let mut places = connection.rooms.borrow_mut();
    for at in 0..places.len() {
        let (number, key) = places[at];
        let Some((member, ring)) = rooms.get_mut(&number).and_then(|it| it.member_mut(key)) else {
            continue;
        };
        if let Some(wrote) = read_room(shard, number, member, ring) {
            // The room that was read goes to the end, so that a busy one does not starve the rest.
            let place = places.remove(at);
            places.push(place);
            return Some(wrote);
        }
    }
    None
}

/// Writes what comes next of one room, and moves the cursor behind what was begun.
fn read_room(shard: &Shard, number: RoomNumber, member: &mut Member, ring: &Ring) -> Option<Wrote> {
    let gap = |from, to| shard.gap(number, from, to);
    while ring.is_behind(member.cursor) {
        let until = Until::Bytes(member.connection.write_bytes_max(&shard.config));
        let (parts, to) = ring.read(member.cursor, until, Bursts::Skipped, &gap);
        if parts.is_empty() {
            member.cursor = to;
            continue;
        }
        let (cursor, rest, taken) = match member.connection.write_parts(&parts) {
            PartsWritten::All => (to, Bytes::new(), 1),
            PartsWritten::Begun(n) => match begun(&parts, member.connection.form(), n) {
                Some((part, rest)) => (part.after, rest, n),
                None => (member.cursor, Bytes::new(), 0),
            },
            // Sealed is as good as said: only what was sealed may follow it.
            PartsWritten::Sealed { taken, rest } => (to, rest, taken),
            PartsWritten::Lost => return Some(Wrote::Lost),
        };
        let wrote = if cursor == to && rest.is_empty() {
            Wrote::All
        } else {
            Wrote::Part
        };
        member.cursor = cursor;
        if let Some(lag) = member.connection.lag.borrow_mut().as_mut() {
            lag.partial = rest;
            lag.moved(taken, shard.now_ms());
        }
        return Some(wrote);
    }
    None
}

/// The last part of which anything was written, and what is left of it.
fn begun(parts: &[Part], form: Form, written: usize) -> Option<(&Part, Bytes)> {
    let mut end = 0;
    for part in parts {
        let frame = part.frame.of(form);
        end += frame.len();
        if end >= written {
            let rest = frame.slice(frame.len() - (end - written)..);
            return (written > 0).then_some((part, rest));
        }
    }
    None
}
