//! One direction of one line, as a machine that is told the time: what comes in, what comes out, when.
//!
//! A packet meets its fate, then the narrow place (a token bucket with a bounded queue before it), then
//! the delay. Datagrams may be lost, doubled and overtaken. A stream's segments never are: where a
//! datagram would be lost, a segment waits for its retransmission and everything behind it waits too,
//! and where the queue is full nothing more is read.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    conditions::Conditions,
    dice::{Dice, Fate, repaired_after},
};

/// Packets on their way on one line; one more is dropped, or not read.
const FLIGHT_MAX: usize = 65_536;
/// Bytes of a stream on their way.
const STREAM_FLIGHT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Datagrams,
    Stream,
}

/// Whether anything gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Nothing passes and nobody is told.
    Cut,
    /// What is under way arrives, and nothing more is read.
    Stalled,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Not at all: nothing passes any more, and nobody is told.
    #[default]
    Blackhole,
    /// By RST, both ways.
    Reset,
    /// By FIN, both ways.
    #[serde(alias = "hang-up")]
    HangUp,
}

/// What became of everything that came. In a way at rest, `came` plus `doubled` is the sum of
/// `passed`, `lost`, `overflowed` and `blackholed`; otherwise `waiting` is still inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub came: u64,
    pub came_bytes: u64,
    pub passed: u64,
    pub passed_bytes: u64,
    /// By chance.
    pub lost: u64,
    /// Before the narrow place, for want of room.
    pub overflowed: u64,
    /// Into a line that was cut.
    pub blackholed: u64,
    pub doubled: u64,
    /// So that others overtake it.
    pub held_back: u64,
    /// Segments of a stream that waited for a retransmission.
    pub repaired: u64,
    pub waiting: u64,
}

impl Counters {
    pub(super) fn add(&mut self, other: &Self) {
        self.came += other.came;
        self.came_bytes += other.came_bytes;
        self.passed += other.passed;
        self.passed_bytes += other.passed_bytes;
        self.lost += other.lost;
        self.overflowed += other.overflowed;
        self.blackholed += other.blackholed;
        self.doubled += other.doubled;
        self.held_back += other.held_back;
        self.repaired += other.repaired;
        self.waiting += other.waiting;
    }
}

#[derive(Debug)]
struct Packet<T> {
    what: T,
    bytes: u64,
    fate: Fate,
}

/// One direction of one line.
#[derive(Debug)]
pub(super) struct Way<T> {
    kind: Kind,
    conditions: Conditions,
    dice: Dice,
    gate: Gate,
    /// Before the narrow place.
    queue: VecDeque<Packet<T>>,
    queue_bytes: u64,
    /// Bytes that may leave now, and as of when.
    credit: f64,
    credited: Instant,
    /// Behind it, by when they arrive; the number keeps apart what arrives at once.
    flight: BTreeMap<(Instant, u64), Packet<T>>,
    flight_bytes: u64,
    sent: u64,
    last_due: Instant,
    counters: Counters,
}

impl<T: Clone> Way<T> {
    pub(super) fn new(kind: Kind, conditions: Conditions, dice: Dice, now: Instant) -> Self {
        Self {
            kind,
            credit: conditions.bucket as f64,
            conditions,
            dice,
            gate: Gate::Open,
            queue: VecDeque::new(),
            queue_bytes: 0,
            credited: now,
            flight: BTreeMap::new(),
            flight_bytes: 0,
            sent: 0,
            last_due: now,
            counters: Counters::default(),
        }
    }

    pub(super) const fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    pub(super) const fn gate(&self) -> Gate {
        self.gate
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            waiting: (self.queue.len() + self.flight.len()) as u64,
            ..self.counters
        }
    }

    /// From now on. What is on its way arrives as it would have; what waits leaves at the new rate.
    pub(super) fn set(&mut self, conditions: Conditions, now: Instant) {
        self.leave(now);
        if let Some(rate) = self.conditions.rate {
            self.credit_until(now, rate);
        }
        self.conditions = conditions;
        self.leave(now);
    }

    pub(super) fn set_gate(&mut self, gate: Gate) {
        self.gate = gate;
        if gate == Gate::Cut && self.kind == Kind::Datagrams {
            self.counters.blackholed += (self.queue.len() + self.flight.len()) as u64;
            self.queue.clear();
            self.flight.clear();
            (self.queue_bytes, self.flight_bytes) = (0, 0);
        }
    }

    /// How many bytes more of a stream may be handed over now.
    pub(super) fn room(&self) -> u64 {
        if self.gate != Gate::Open || self.flight.len() >= FLIGHT_MAX {
            return 0;
        }
        let until_cut = self.until_cut();
        let before = match self.conditions.rate {
            Some(_) => self
                .conditions
                .queue
                .max(1)
                .saturating_sub(self.queue_bytes),
            None => u64::MAX,
        };
        let behind = STREAM_FLIGHT_BYTES_MAX.saturating_sub(self.flight_bytes);
        before.min(behind).min(until_cut)
    }

    /// A stream that has handed over all that it may before it is cut.
    pub(super) fn is_spent(&self) -> bool {
        self.until_cut() == 0 && self.queue.is_empty() && self.flight.is_empty()
    }

    fn until_cut(&self) -> u64 {
        self.conditions
            .cut_after
            .map_or(u64::MAX, |it| it.saturating_sub(self.counters.came_bytes))
    }

    /// Takes a packet that came at `now`.
    pub(super) fn take(&mut self, what: T, bytes: u64, now: Instant) {
        // Drawn whatever happens next: fates belong to packets by their number.
        let fate = self.dice.draw(&self.conditions);
        if self.kind == Kind::Datagrams && self.until_cut() < bytes {
            self.set_gate(Gate::Cut);
        }
        self.counters.came += 1;
        self.counters.came_bytes += bytes;
        if self.kind == Kind::Datagrams {
            if self.gate == Gate::Cut {
                self.counters.blackholed += 1;
                return;
            }
            if fate.lost {
                self.counters.lost += 1;
                return;
            }
            let narrow = self.conditions.rate.is_some();
            let full = narrow && self.queue_bytes + bytes > self.conditions.queue.max(bytes);
            if full || self.flight.len() >= FLIGHT_MAX {
                self.counters.overflowed += 1;
                return;
            }
        }
        self.queue_bytes += bytes;
        self.queue.push_back(Packet { what, bytes, fate });
        self.leave(now);
    }

    /// Lets through the narrow place what may have left by `now`.
    fn leave(&mut self, now: Instant) {
        while let Some(bytes) = self.queue.front().map(|it| it.bytes) {
            let at = match self.conditions.rate {
                None => now,
                Some(rate) => {
                    let at = self.leaves_at(bytes, rate);
                    if at > now {
                        return;
                    }
                    self.credit_until(at.max(self.credited), rate);
                    self.credit -= bytes as f64;
                    at
                }
            };
            let packet = self.queue.pop_front().expect("it was looked at");
            self.queue_bytes -= bytes;
            self.launch(packet, at);
        }
        if let Some(rate) = self.conditions.rate {
            self.credit_until(now, rate);
        } else {
            (self.credit, self.credited) = (self.conditions.bucket as f64, now);
        }
    }

    /// When so many bytes may leave.
    fn leaves_at(&self, bytes: u64, rate: u64) -> Instant {
        let wanted = bytes as f64 - self.credit;
        // A packet that is larger than the bucket leaves when the bucket is full, and owes the rest.
        let wanted = wanted.min(self.conditions.bucket as f64 - self.credit);
        if wanted <= 0.0 {
            return self.credited;
        }
        self.credited + Duration::from_secs_f64(wanted * 8.0 / rate as f64)
    }

    fn credit_until(&mut self, now: Instant, rate: u64) {
        let passed = now.saturating_duration_since(self.credited).as_secs_f64();
        self.credit = (self.credit + passed * rate as f64 / 8.0).min(self.conditions.bucket as f64);
        self.credited = self.credited.max(now);
    }

    /// Puts a packet on its way.
    fn launch(&mut self, packet: Packet<T>, at: Instant) {
        let on = &self.conditions;
        let takes_s = (on.delay.as_secs_f64() + packet.fate.jitter_s).max(0.0);
        let mut due = at + Duration::from_secs_f64(takes_s);
        let keeps_order = match self.kind {
            Kind::Stream => {
                if packet.fate.lost {
                    due += repaired_after(on.retransmit, packet.fate.retries);
                    self.counters.repaired += 1;
                }
                true
            }
            Kind::Datagrams if packet.fate.held_back => {
                due += on.reorder_by;
                self.counters.held_back += 1;
                false
            }
            Kind::Datagrams => !on.overtake,
        };
        if keeps_order {
            due = due.max(self.last_due);
            self.last_due = due;
        }
        if packet.fate.twice && self.kind == Kind::Datagrams {
            self.counters.doubled += 1;
            let copy = Packet {
                what: packet.what.clone(),
                ..packet
            };
            self.fly(copy, due);
        }
        self.fly(packet, due);
    }

    fn fly(&mut self, packet: Packet<T>, due: Instant) {
        self.sent += 1;
        self.flight_bytes += packet.bytes;
        self.flight.insert((due, self.sent), packet);
    }

    /// The next packet that has arrived by `now`.
    pub(super) fn poll(&mut self, now: Instant) -> Option<T> {
        if self.gate == Gate::Cut {
            return None;
        }
        self.leave(now);
        let first = self.flight.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let packet = first.remove();
        self.flight_bytes -= packet.bytes;
        self.counters.passed += 1;
        self.counters.passed_bytes += packet.bytes;
        Some(packet.what)
    }

    /// When to poll again, if nothing comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.gate == Gate::Cut {
            return None;
        }
        let arrives = self.flight.first_key_value().map(|(key, _)| key.0);
        let leaves = self.conditions.rate.and_then(|rate| {
            let first = self.queue.front()?;
            Some(self.leaves_at(first.bytes, rate))
        });
        [arrives, leaves].into_iter().flatten().min()
    }
}

#[cfg(test)]
#[path = "way_tests.rs"]
mod tests;
