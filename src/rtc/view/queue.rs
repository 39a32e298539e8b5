//! The line of those who want to watch while every place is taken: first come, first served.
//!
//! It is a list of who asked and when they asked last; nothing is sent to anybody. Who asks again in
//! time keeps their place, and a place that comes free is the first one's, however early the others
//! ask. A restart of the server forgets it: everybody asks again within one [`limits::VIEW_LINE_ASK`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use protocol::limits;

/// Those who have not asked again in time are looked for so often.
const SWEEP_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// The line; shared by all who ask.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Queued>);

/// How many stand before somebody, where the line had a place for them.
pub(super) type Before = Option<usize>;

impl Queue {
    /// Somebody asks: how many came before them and still wait. They stand in the line until they
    /// [`leave`](Self::leave) it or stay away. None: it is as long as it may be.
    pub(super) fn ask(&self, asker: &str, now: Instant) -> Before {
        self.queued().ask(asker, now)
    }

    /// They watch now, or cannot for a reason that waiting does not mend.
    pub(super) fn leave(&self, asker: &str) {
        self.queued().leave(asker);
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn queued(&self) -> MutexGuard<'_, Queued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Queued {
    /// By number, which is the order in which they came.
    places: Vec<Place>,
    numbers: HashMap<Arc<str>, u64>,
    next: u64,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Place {
    number: u64,
    asker: Arc<str>,
    asked: Instant,
}

impl Queued {
    fn ask(&mut self, asker: &str, now: Instant) -> Before {
        self.sweep(now);
        if let Some(at) = self.find(asker) {
            self.places[at].asked = now;
            return Some(at);
        }
        if self.places.len() >= limits::VIEW_LINE_MAX {
            return None;
        }
        let asker: Arc<str> = asker.into();
        self.numbers.insert(asker.clone(), self.next);
        self.places.push(Place {
            number: self.next,
            asker,
            asked: now,
        });
        self.next += 1;
        self.tell();
        Some(self.places.len() - 1)
    }

    fn leave(&mut self, asker: &str) {
        if let Some(at) = self.find(asker) {
            self.places.remove(at);
            self.numbers.remove(asker);
            self.tell();
        }
    }

    fn find(&self, asker: &str) -> Option<usize> {
        let number = self.numbers.get(asker)?;
        self.places
            .binary_search_by_key(number, |it| it.number)
            .ok()
    }

    fn sweep(&mut self, now: Instant) {
        let due = |at| now.saturating_duration_since(at) >= SWEEP_EVERY;
        if !self.swept.is_none_or(due) {
            return;
        }
        self.swept = Some(now);
        let before = self.places.len();
        let numbers = &mut self.numbers;
        self.places.retain(|it| {
            let stays = now.saturating_duration_since(it.asked) < limits::VIEW_LINE_KEPT;
            if !stays {
                numbers.remove(&it.asker);
            }
            stays
        });
        if self.places.len() != before {
            self.tell();
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a line is shorter than 2^52 people"
    )]
    fn tell(&self) {
        metrics::gauge!("weiquan_media_waiting").set(self.places.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, time::Duration};

    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn whoever_comes_first_is_first_and_asking_again_changes_nothing() {
        let (line, now) = (Queue::default(), clock::now());
        assert_eq!(line.ask("ann", now), Some(0));
        assert_eq!(line.ask("ben", now), Some(1));
        assert_eq!(line.ask("ben", now), Some(1));
        assert_eq!(line.ask("ann", now), Some(0));
        line.leave("ann");
        assert_eq!(line.ask("ben", now), Some(0));
        assert_eq!(line.ask("ann", now), Some(1), "who left comes last");
        line.leave("nobody");
    }

    #[test]
    fn who_stays_away_too_long_has_lost_the_place() {
        let (line, start) = (Queue::default(), clock::now());
        line.ask("ann", start);
        line.ask("ben", start);
        let almost = start
            + limits::VIEW_LINE_KEPT
                .checked_sub(Duration::from_millis(1))
                .unwrap();
        assert_eq!(line.ask("ben", almost), Some(1), "ann may still come");
        let over = almost + SWEEP_EVERY;
        assert_eq!(line.ask("ben", over), Some(0));
        assert_eq!(line.ask("ann", over), Some(1));
    }

    #[test]
    fn the_line_has_an_end() {
        let (line, now) = (Queue::default(), clock::now());
        for number in 0..limits::VIEW_LINE_MAX {
            assert_eq!(line.ask(&number.to_string(), now), Some(number));
        }
        assert_eq!(line.ask("one more", now), None);
        assert_eq!(line.ask("0", now), Some(0), "who is in it stays in it");
        line.leave("7");
        assert_eq!(line.ask("one more", now), Some(limits::VIEW_LINE_MAX - 1));
    }

    /// Against a plain queue: whatever people do, nobody is overtaken.
    #[test]
    fn nobody_is_ever_overtaken() {
        for seed in seeds::of(200) {
            let mut random = StdRng::seed_from_u64(seed);
            let line = Queue::default();
            let mut model: VecDeque<(u32, Instant)> = VecDeque::new();
            let mut now = clock::now();
            for _ in 0..400 {
                // Whole sweeps, so that the model's moment of forgetting is the line's.
                now += SWEEP_EVERY * random.random_range(1..4);
                model.retain(|it| now - it.1 < limits::VIEW_LINE_KEPT);
                let who = random.random_range(0..12);
                let at = model.iter().position(|it| it.0 == who);
                if random.random_bool(0.8) {
                    let expected = at.unwrap_or(model.len());
                    match at {
                        Some(at) => model[at].1 = now,
                        None => model.push_back((who, now)),
                    }
                    assert_eq!(line.ask(&who.to_string(), now), Some(expected));
                } else {
                    model.retain(|it| it.0 != who);
                    line.leave(&who.to_string());
                }
            }
        }
    }
}
