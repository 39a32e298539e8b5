//! Whose turn it is: rooms with news take turns, and a hot room rests on a busy shard.
//!
//! A room that rests longer gathers more into its next pass, which costs the same per viewer, so a
//! rest turns a little delay into much CPU: at 10,000 viewers and 50 messages/s 1.99 → 0.83 µs per
//! delivery. On a shard with time to spare it would be delay for nothing, so the rest grows from
//! nothing at half load to its full length at three quarters.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use protocol::RoomNumber;

/// How much of its time a shard may spend before rooms begin to rest, and when they rest fully.
const REST_FROM: f64 = 0.5;
const REST_FULLY: f64 = 0.75;
/// The longest rest of a room, however large it is and whatever the duty: people still talk with each other.
const REST_MAX: Duration = Duration::from_millis(250);
/// How long a look at the load takes. Long against a pass, short against a rush.
const WINDOW: Duration = Duration::from_millis(200);

pub(crate) struct Schedule {
    active: VecDeque<RoomNumber>,
    /// Rooms with news that rest.
    resting: BTreeSet<(Instant, RoomNumber)>,
    duty: f64,
    /// Share of the time it could work in which the shard did work, 0 to 1.
    load: f64,
    window_from: Instant,
    /// Time spent in turns, and time in which all rooms with news rested, in this window.
    worked: Duration,
    rested: Duration,
}

impl Schedule {
    pub(crate) fn new(duty_percent: u32, now: Instant) -> Self {
        Self {
            active: VecDeque::new(),
            resting: BTreeSet::new(),
            duty: f64::from(duty_percent) / 100.0,
            load: 0.0,
            window_from: now,
            worked: Duration::ZERO,
            rested: Duration::ZERO,
        }
    }

    pub(crate) fn enqueue(&mut self, room: RoomNumber) {
        self.active.push_back(room);
    }

    pub(crate) fn next(&mut self) -> Option<RoomNumber> {
        self.active.pop_front()
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.active.is_empty()
    }

    /// When the next room has rested.
    pub(crate) fn rested_at(&self) -> Option<Instant> {
        self.resting.first().map(|it| it.0)
    }

    /// How long a room rests whose pass cost so much.
    pub(crate) fn rest_of(&self, cost: Duration) -> Option<Duration> {
        let part = ((self.load - REST_FROM) / (REST_FULLY - REST_FROM)).clamp(0.0, 1.0);
        let rest = cost.mul_f64(self.duty * part).min(REST_MAX);
        Some(rest).filter(|it| !it.is_zero())
    }

    /// A room with news has its next turn at this time.
    pub(crate) fn rest(&mut self, room: RoomNumber, until: Instant) {
        self.resting.insert((until, room));
    }

    /// Puts those who have rested back into the queue.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some((at, room)) = self.resting.first().copied().filter(|it| it.0 <= now) {
            self.resting.remove(&(at, room));
            self.active.push_back(room);
        }
    }

    /// The shard worked so long, up to now.
    pub(crate) fn worked(&mut self, time: Duration, now: Instant) {
        self.worked += time;
        self.look(now);
    }

    /// The shard could have worked for so long, but the rooms rested.
    pub(crate) fn rested(&mut self, time: Duration, now: Instant) {
        self.rested += time;
        self.look(now);
    }

    fn look(&mut self, now: Instant) {
        let wall = now.saturating_duration_since(self.window_from);
        if wall < WINDOW {
            return;
        }
        let able = wall
            .saturating_sub(self.rested)
            .max(Duration::from_millis(1));
        self.load = (self.worked.as_secs_f64() / able.as_secs_f64()).min(1.0);
        (self.worked, self.rested, self.window_from) = (Duration::ZERO, Duration::ZERO, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Works `worked` of every 10 ms for a second, then tells how long a 40 ms pass rests.
    fn rest_at(worked_ms: u32, rested_ms: u32) -> Duration {
        let mut now = clock::now();
        let mut schedule = Schedule::new(100, now);
        for _ in 0..100 {
            now += 10 * MS;
            schedule.worked(worked_ms * MS, now);
            schedule.rested(rested_ms * MS, now);
        }
        schedule.rest_of(40 * MS).unwrap_or_default()
    }

    #[test]
    fn nobody_rests_below_half_load() {
        assert_eq!(rest_at(0, 0), Duration::ZERO);
        assert_eq!(rest_at(4, 0), Duration::ZERO);
    }

    #[test]
    fn a_busy_shard_lets_rooms_rest_as_long_as_they_cost() {
        assert_eq!(rest_at(9, 0), 40 * MS);
        // The rest itself does not make a shard look idle: it worked 5 of the 5 ms it could.
        assert_eq!(rest_at(5, 5), 40 * MS);
        let between = rest_at(6, 0);
        assert!(between > Duration::ZERO && between < 40 * MS, "{between:?}");
    }

    #[test]
    fn the_largest_room_rests_no_longer_than_people_wait() {
        let mut now = clock::now();
        let mut schedule = Schedule::new(400, now);
        for _ in 0..100 {
            now += 10 * MS;
            schedule.worked(10 * MS, now);
        }
        assert_eq!(schedule.rest_of(40 * MS), Some(160 * MS));
        assert_eq!(schedule.rest_of(400 * MS), Some(REST_MAX));
    }

    #[test]
    fn rooms_take_turns_and_come_back_rested() {
        let now = clock::now();
        let mut schedule = Schedule::new(100, now);
        schedule.enqueue(1);
        schedule.enqueue(2);
        assert_eq!(schedule.next(), Some(1));
        schedule.rest(1, now + 20 * MS);
        assert_eq!((schedule.next(), schedule.next()), (Some(2), None));
        schedule.wake(now + 19 * MS);
        assert!(!schedule.has_work());
        schedule.wake(now + 20 * MS);
        assert_eq!(schedule.next(), Some(1));
    }
}
