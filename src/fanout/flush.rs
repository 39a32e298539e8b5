//! What happens to a blocked socket: a task of its own waits until it takes something again, writes
//! what was begun, then the answers, then reads on in the ring of each room at its cursor.

use std::{future::poll_fn, rc::Rc};

use bytes::Bytes;

use crate::{
    connection::{Connection, Written},
    ring::{Bursts, Until},
    shard::Shard,
};

/// How a step ended.
enum Step {
    /// There may be more to write.
    More,
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
        if matches!(step(&shard, &connection), Step::Done) {
            return;
        }
    }
}

/// One write.
fn step(shard: &Shard, connection: &Connection) -> Step {
    if connection.is_ending() {
        return Step::Done;
    }
    let mut lag = connection.lag.borrow_mut();
    let Some(lag_now) = lag.as_mut() else {
        return Step::Done;
    };
    if lag_now.partial.is_empty() {
        match lag_now.next_answer().or_else(|| read_on(shard, connection)) {
            Some(bytes) => lag_now.partial = bytes,
            None => {
                drop(lag);
                connection.end_lag();
                return Step::Done;
            }
        }
    }
    match connection.write(&lag_now.partial) {
        Written::All => {
            let n = lag_now.partial.len();
            lag_now.advance(n, shard.now_ms());
            lag_now.partial = Bytes::new();
        }
        Written::Part(n) => lag_now.advance(n, shard.now_ms()),
        Written::Lost => {
            drop(lag);
            shard.lose(connection);
            return Step::Done;
        }
    }
    Step::More
}

/// The next bytes of the rooms it is in, and its cursor moved behind them. A held connection gets
/// nothing of its rooms.
fn read_on(shard: &Shard, connection: &Connection) -> Option<Bytes> {
    if connection.is_held() {
        return None;
    }
    let mut rooms = shard.rooms.borrow_mut();
    let mut places = connection.rooms.borrow_mut();
    // The room that was read goes to the end, so that a busy one does not starve the others.
    for at in 0..places.len() {
        let (number, key) = places[at];
        let Some((member, ring)) = rooms.get_mut(&number).and_then(|it| it.member_mut(key)) else {
            continue;
        };
        while ring.is_behind(member.cursor) {
            let until = Until::Bytes(shard.config.write_bytes_max);
            let gap = |from, to| shard.gap(number, from, to);
            let (bytes, to) = ring.read(member.cursor, until, Bursts::Skipped, &gap);
            member.cursor = to;
            if !bytes.is_empty() {
                let place = places.remove(at);
                places.push(place);
                return Some(bytes);
            }
        }
    }
    None
}
