//! The loop of one shard: take the letters, give the rooms a turn, let everything else run, again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::atomic::Ordering,
    thread, vec,
};

use bytes::{Bytes, BytesMut};
use protocol::CloseCode;
use tokio::{sync::mpsc, task};

use crate::{
    Config, Open, ShardHandle, life,
    order::{Letter, Local, Order},
    room::{Room, Turn},
    shard::Shard,
    sweep,
};

/// Letters taken between two turns.
const LETTERS_MAX: usize = 1_024;

/// Whether the shard goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// The thread's body: returns when the shard is told to stop.
pub(crate) fn shard<O: Open>(
    runtime: tokio::runtime::Runtime,
    config: Config,
    open: O,
    handle: ShardHandle,
    letters: mpsc::UnboundedReceiver<Letter>,
) {
    let words = open.clone();
    let gap = Box::new(move |room, from, to| words.gap(room, from, to));
    let tasks = task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let shard = Shard::new(config, handle, gap);
        let sweeper = task::spawn_local(sweep::run(shard.clone()));
        serve(&shard, &open, letters).await;
        sweeper.abort();
    });
    // What still lives here ends with the set: handlers hear `closed`, rooms' tasks are dropped.
    let _inside = runtime.enter();
    drop(tasks);
}

async fn serve<O: Open>(shard: &Rc<Shard>, open: &O, mut letters: mpsc::UnboundedReceiver<Letter>) {
    let mut taken = Vec::new();
    loop {
        if shard.schedule.borrow().has_work() {
            // Reads, timers and rooms' tasks get their time between two turns.
            task::yield_now().await;
            while taken.len() < LETTERS_MAX {
                let Ok(letter) = letters.try_recv() else {
                    break;
                };
                taken.push(letter);
            }
        } else if wait(shard, &mut letters, &mut taken).await == Next::Stop {
            return;
        }
        shard
            .handle
            .shared
            .waiting
            .fetch_sub(taken.len(), Ordering::Relaxed);
        let mut letters = taken.drain(..);
        while let Some(letter) = next_letter(&mut letters, shard.config.write_bytes_max) {
            if open_letter(shard, open, letter) == Next::Stop {
                return;
            }
        }
        drop(letters);
        take_turns(shard);
    }
}

/// The next letter. Answers to one connection that follow each other are one, so one write.
fn next_letter(letters: &mut vec::Drain<'_, Letter>, bytes_max: usize) -> Option<Letter> {
    let letter = letters.next()?;
    let Letter::Order(Order::Send { connection, frame }) = letter else {
        return Some(letter);
    };
    let (mut more, mut bytes) = (0, frame.len());
    for it in letters.as_slice() {
        match it {
            Letter::Order(Order::Send {
                connection: to,
                frame,
            }) if *to == connection && bytes + frame.len() <= bytes_max => {
                more += 1;
                bytes += frame.len();
            }
            _ => break,
        }
    }
    if more == 0 {
        let only = Order::Send { connection, frame };
        return Some(Letter::Order(only));
    }
    // Of the size that it comes to: growing it took a tenth of a shard's time where many are acknowledged.
    let mut joined = BytesMut::with_capacity(bytes);
    joined.extend_from_slice(&frame);
    for it in letters.take(more) {
        if let Letter::Order(Order::Send { frame, .. }) = it {
            joined.extend_from_slice(&frame);
        }
    }
    let frame = joined.freeze();
    Some(Letter::Order(Order::Send { connection, frame }))
}

/// Waits for letters, or until a room has rested.
async fn wait(
    shard: &Rc<Shard>,
    letters: &mut mpsc::UnboundedReceiver<Letter>,
    taken: &mut Vec<Letter>,
) -> Next {
    let rested_at = shard.schedule.borrow().rested_at();
    let Some(rested_at) = rested_at else {
        return match letters.recv_many(taken, LETTERS_MAX).await {
            0 => Next::Stop,
            _ => Next::GoOn,
        };
    };
    let from = clock::now();
    let next = tokio::select! {
        biased;
        count = letters.recv_many(taken, LETTERS_MAX) => {
            if count == 0 { Next::Stop } else { Next::GoOn }
        }
        () = tokio::time::sleep_until(rested_at.into()) => Next::GoOn,
    };
    let now = clock::now();
    let mut schedule = shard.schedule.borrow_mut();
    schedule.rested(now.duration_since(from), now);
    schedule.wake(now);
    next
}

/// Carries out one letter. A panic in it is a bug of ours, but not the end of everybody else.
fn open_letter<O: Open>(shard: &Rc<Shard>, open: &O, letter: Letter) -> Next {
    let done = catch_unwind(AssertUnwindSafe(|| {
        match letter {
            Letter::Order(order) => shard.carry_out(order),
            Letter::Adopt(adopt) => life::adopt(shard, open, adopt),
            Letter::Spawn(make) => drop(task::spawn_local(watched(make()))),
            Letter::Drain { farewell } => drain(shard, farewell),
            Letter::Stop => return Next::Stop,
        }
        Next::GoOn
    }));
    done.unwrap_or_else(|_| {
        tracing::error!(shard = shard.handle.index(), "an order panicked");
        Next::GoOn
    })
}

/// A panic in a task is told, and ends nothing else.
async fn watched(work: Local) {
    if let Err(error) = task::spawn_local(work).await
        && error.is_panic()
    {
        tracing::error!("a task of a shard panicked");
    }
}

fn drain(shard: &Rc<Shard>, farewell: Bytes) {
    shard.is_draining.set(true);
    let all: Vec<_> = shard
        .connections
        .borrow()
        .iter()
        .map(|it| it.1.clone())
        .collect();
    for connection in all {
        shard.send(&connection, farewell.clone());
        shard.close(&connection, CloseCode::Drain, "the server is going");
    }
}

/// One turn: a number of sends, shared by as many rooms as fit.
fn take_turns(shard: &Rc<Shard>) {
    let from = clock::now();
    let mut left = shard.config.turn_sends;
    while left > 0 {
        let Some(number) = shard.schedule.borrow_mut().next() else {
            break;
        };
        let turned = catch_unwind(AssertUnwindSafe(|| take_turn(shard, number, &mut left)));
        if turned.is_err() {
            give_up(shard, number);
        }
    }
    let now = clock::now();
    let mut schedule = shard.schedule.borrow_mut();
    schedule.worked(now.duration_since(from), now);
    schedule.wake(now);
    if left == 0 {
        // After a turn that was used up other threads on this core go first. They have little to do and hold up much: the
        // writer comes back from the disk and would wait for the rest of our slice, several milliseconds (decision 28).
        thread::yield_now();
    }
}

fn take_turn(shard: &Rc<Shard>, number: u32, left: &mut usize) {
    let mut rooms = shard.rooms.borrow_mut();
    let Some(room) = rooms.get_mut(&number) else {
        return;
    };
    let turn = room.turn(shard, left);
    let mut schedule = shard.schedule.borrow_mut();
    match turn {
        Turn::Unfinished => schedule.enqueue(number),
        Turn::Finished(cost) => {
            let now = clock::now();
            room.ready_at = schedule.rest_of(cost).map(|it| now + it);
            match room.ready_at {
                _ if !room.has_news() => room.is_waiting = false,
                Some(at) => schedule.rest(number, at),
                None => schedule.enqueue(number),
            }
        }
        Turn::Idle => room.is_waiting = false,
    }
}

/// A room whose pass panicked cannot say who got what: its members come back and resume.
fn give_up(shard: &Rc<Shard>, number: u32) {
    tracing::error!(
        room = number,
        "a pass panicked: the room's connections are closed"
    );
    let room = shard.rooms.borrow_mut().remove(&number);
    for member in room.iter().flat_map(Room::members) {
        member
            .connection
            .rooms
            .borrow_mut()
            .retain(|it| it.0 != number);
        shard.close(
            &member.connection,
            CloseCode::Forced,
            "the server made a mistake",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectionId;

    fn to(slot: u32, frame: &'static [u8]) -> Letter {
        let connection = ConnectionId {
            shard: 0,
            slot,
            generation: 1,
        };
        let frame = Bytes::from_static(frame);
        Letter::Order(Order::Send { connection, frame })
    }

    /// Whom each letter is for, and what it says.
    fn opened(mut letters: Vec<Letter>, bytes_max: usize) -> Vec<(u32, Bytes)> {
        let mut letters = letters.drain(..);
        std::iter::from_fn(|| next_letter(&mut letters, bytes_max))
            .map(|it| match it {
                Letter::Order(Order::Send { connection, frame }) => (connection.slot, frame),
                _ => (u32::MAX, Bytes::new()),
            })
            .collect()
    }

    #[test]
    fn answers_that_follow_each_other_leave_together() {
        let letters = vec![
            to(1, b"a"),
            to(1, b"b"),
            to(2, b"c"),
            to(1, b"d"),
            Letter::Stop,
            to(1, b"e"),
            to(1, b"f"),
        ];
        let expected: [(u32, &[u8]); 5] = [
            (1, b"ab"),
            (2, b"c"),
            (1, b"d"),
            (u32::MAX, b""),
            (1, b"ef"),
        ];
        let found = opened(letters, 64);
        let found: Vec<(u32, &[u8])> = found.iter().map(|it| (it.0, &it.1[..])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn no_more_than_one_write_takes() {
        let letters = vec![to(1, b"abc"), to(1, b"de"), to(1, b"f"), to(1, b"ghi")];
        let found = opened(letters, 5);
        assert_eq!(
            found.iter().map(|it| it.1.len()).collect::<Vec<_>>(),
            [5, 4]
        );
    }
}
