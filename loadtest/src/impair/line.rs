//! One client's line: its two directions, and what it was told to do.
//!
//! A lock guards the two machines, for a few lines of code and never over an await: what a test orders
//! (cut, heal, narrow) is in force when the call returns, and counters are exact at any moment.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    Conditions, Direction,
    dice::Dice,
    way::{Ending, Gate, Kind, Way},
};

pub(super) struct Line {
    pub(super) number: u64,
    pub(super) from: SocketAddr,
    state: Mutex<State>,
    woken: [Notify; 2],
}

pub(super) struct State {
    /// An empty piece is a datagram without bytes, or the end of a stream.
    ways: [Way<Bytes>; 2],
    /// How it was told to end.
    pub(super) ending: Option<Ending>,
    /// Nobody serves it any more.
    pub(super) over: bool,
    /// UDP: a new upstream socket is wanted, from this address if one is named.
    pub(super) rebind: Option<Option<IpAddr>>,
}

/// What a new line begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    pub(super) conditions: [Conditions; 2],
    pub(super) gates: [Gate; 2],
}

impl Line {
    pub(super) fn new(number: u64, from: SocketAddr, start: &Start) -> Self {
        let now = Instant::now();
        let ways = Direction::BOTH.map(|direction| {
            let on = start.conditions[direction as usize];
            let dice = Dice::new(start.seed, number, direction);
            let mut way = Way::new(start.kind, on, dice, now);
            way.set_gate(start.gates[direction as usize]);
            way
        });
        Self {
            number,
            from,
            state: Mutex::new(State {
                ways,
                ending: None,
                over: false,
                rebind: None,
            }),
            woken: [Notify::new(), Notify::new()],
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nobody panics with a line in hand")
    }

    /// Whoever serves a direction looks again.
    pub(super) fn wake(&self, direction: Direction) {
        self.woken[direction as usize].notify_one();
    }

    pub(super) async fn woken(&self, direction: Direction) {
        self.woken[direction as usize].notified().await;
    }

    /// Changes something and has it noticed.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        for direction in Direction::BOTH {
            self.wake(direction);
        }
    }
}

impl State {
    pub(super) const fn way(&mut self, direction: Direction) -> &mut Way<Bytes> {
        &mut self.ways[direction as usize]
    }

    /// Whether nothing at all can be set up over it: a handshake needs both ways.
    pub(super) fn is_cut(&self) -> bool {
        self.ways.iter().any(|it| it.gate() == Gate::Cut)
    }
}
