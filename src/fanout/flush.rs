//! What happens to a blocked socket: a task of its own waits until it takes something again, writes
//! what was begun, then the answers, then reads on in the ring of each room at its cursor. The frames
//! stay shared: however long a viewer stalls, it owns no copy of anything.

use std::{future::poll_fn, rc::Rc};

use bytes::Bytes;
use protocol::RoomNumber;

use crate::{
    connection::{Connection, Written},
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
    let written = match write_begun(shard, connection) {
        Some(it) => it,
        None => match read_on(shard, connection) {
            Some(it) => it,
            None => {
                connection.end_lag();
                return Step::Done;
            }
        },
    };
    match written {
        Written::All => Step::More,
        Written::Part(_) => Step::Blocked,
        Written::Lost => {
            shard.lose(connection);
            Step::Done
        }
    }
}

/// Writes the rest of what was begun, or the next answer. None where there is neither.
fn write_begun(shard: &Shard, connection: &Connection) -> Option<Written> {
    let mut lag = connection.lag.borrow_mut();
    let lag = lag.as_mut()?;
    if lag.partial.is_empty() {
        lag.partial = lag.next_answer()?;
    }
    let written = connection.write(&lag.partial);
    match written {
        Written::All => lag.advance(lag.partial.len(), shard.now_ms()),
        Written::Part(n) => lag.advance(n, shard.now_ms()),
        Written::Lost => {}
    }
    Some(written)
}

/// Writes what comes next of the rooms it is in. None where it has read everything.
fn read_on(shard: &Shard, connection: &Connection) -> Option<Written> {
    let mut rooms = shard.rooms.borrow_mut();
    let mut places = connection.rooms.borrow_mut();
    for at in 0..places.len() {
        let (number, key) = places[at];
        let Some((member, ring)) = rooms.get_mut(&number).and_then(|it| it.member_mut(key)) else {
            continue;
        };
        if let Some(written) = read_room(shard, number, member, ring) {
            // The room that was read goes to the end, so that a busy one does not starve the rest.
            let place = places.remove(at);
            places.push(place);
            return Some(written);
        }
    }
    None
}

/// Writes what comes next of one room, and moves the cursor behind what was begun.
fn read_room(
    shard: &Shard,
    number: RoomNumber,
    member: &mut Member,
    ring: &Ring,
) -> Option<Written> {
    let gap = |from, to| shard.gap(number, from, to);
    while ring.is_behind(member.cursor) {
        let until = Until::Bytes(shard.config.write_bytes_max);
        let (parts, to) = ring.read(member.cursor, until, Bursts::Skipped, &gap);
        if parts.is_empty() {
            member.cursor = to;
            continue;
        }
        let written = member.connection.write_parts(&parts);
        let (cursor, rest, n) = match written {
            Written::All => (to, Bytes::new(), 1),
            Written::Part(n) => match begun(&parts, n) {
                Some((part, rest)) => (part.after, rest, n),
                None => (member.cursor, Bytes::new(), 0),
            },
            Written::Lost => return Some(written),
        };
        member.cursor = cursor;
        if let Some(lag) = member.connection.lag.borrow_mut().as_mut() {
            lag.partial = rest;
            lag.moved(n, shard.now_ms());
        }
        return Some(written);
    }
    None
}

/// The last part of which anything was written, and what is left of it.
fn begun(parts: &[Part], written: usize) -> Option<(&Part, Bytes)> {
    let mut end = 0;
    for part in parts {
        end += part.frame.len();
        if end >= written {
            let rest = part.frame.slice(part.frame.len() - (end - written)..);
            return (written > 0).then_some((part, rest));
        }
    }
    None
}
