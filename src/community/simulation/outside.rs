//! What comes from outside: time, the wall clock's jumps, media, and readers of the past.

use protocol::{PeerId, limits, server::Phase};

use super::{
    place::Publisher,
    world::{ROOMS, World},
};
use crate::{Past, StageReport};

impl World {
    pub(super) fn pass_time(&mut self) {
        let ms = match self.random.below(10) {
            0..=5 => self.random.below(400),
            6..=8 => self.random.below(15_000),
            _ => self.random.below(900_000),
        };
        self.advance(ms);
    }

    pub(super) fn advance(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        loop {
            let deadlines = self.places.iter().filter_map(|it| it.room.deadline());
            let next = deadlines.min().unwrap_or(u64::MAX).max(self.now.mono_ms);
            if next > until {
                break;
            }
            self.tick_to(next);
            for room in 0..ROOMS {
                self.wake(room);
            }
        }
        self.tick_to(until);
    }

    pub(super) fn tick_to(&mut self, mono_ms: u64) {
        self.watch(mono_ms - self.now.mono_ms);
        self.now.unix_ms += mono_ms - self.now.mono_ms;
        self.now.mono_ms = mono_ms;
    }

    pub(super) fn wake(&mut self, room: usize) {
        let now = self.now;
        let place = &mut self.places[room];
        place
            .here
            .retain(|_, leaves| leaves.is_none_or(|it| it > now.mono_ms));
        let mut fx = Vec::new();
        place.room.wake(now, &mut fx);
        self.carry_out(room, fx);
        let place = &self.places[room];
        let again = place.room.deadline();
        assert!(
            again.is_none_or(|it| it > now.mono_ms),
            "a wake leaves nothing due: {again:?}"
        );
        let flowing = place.publisher.as_ref().is_some_and(|it| it.flowing);
        let alone_ms = now.mono_ms.saturating_sub(place.flowed_ms);
        if place.decided.phase() == Some(Phase::Live) && !flowing {
            let grace_ms = limits::HOST_GRACE.as_millis() as u64;
            assert!(
                alone_ms <= grace_ms + 1_000,
                "live without media for {alone_ms} ms"
            );
        }
        assert_eq!(place.room.count() as usize, place.here.len(), "who is here");
    }

    /// The wall clock is set, the steady one is not.
    pub(super) fn jump(&mut self) {
        let ms = self.random.below(3_600_000);
        let back = self.random.percent(50);
        self.now.unix_ms = if back {
            self.now.unix_ms - ms
        } else {
            self.now.unix_ms + ms
        };
    }

    pub(super) fn media(&mut self, room: usize) {
        let now = self.now;
        self.next += 1;
        let peer = PeerId::from(format!("p{}", self.next));
        let percent = self.random.below(100);
        let staff = self.cast.people[self.random.index(4)].clone();
        let place = &mut self.places[room];
        let report = match place.publisher.clone() {
            Some(it) if it.dropped || percent < 30 => {
                place.publisher = None;
                if it.flowing && !it.dropped {
                    place.flowed_ms = now.mono_ms;
                }
                place.flowed_ms = now.mono_ms;
                StageReport::PublisherGone { peer: it.peer }
            }
            Some(it) if percent < 40 && place.room.may_publish(now, &it.who).is_ok() => {
                let who = it.who;
                place.flowed_ms = now.mono_ms;
                place.publisher = Some(Publisher {
                    peer: peer.clone(),
                    who: who.clone(),
                    flowing: false,
                    dropped: false,
                });
                StageReport::PublisherHere { peer, who }
            }
            Some(it) => {
                place.publisher.as_mut().expect("there is one").flowing = true;
                StageReport::Flowing {
                    peer: it.peer,
                    video: percent < 80,
                    audio: true,
                }
            }
            None if place.room.may_publish(now, &staff).is_ok() => {
                let who = staff;
                place.publisher = Some(Publisher {
                    peer: peer.clone(),
                    who: who.clone(),
                    flowing: false,
                    dropped: false,
                });
                StageReport::PublisherHere { peer, who }
            }
            None => return,
        };
        let mut fx = Vec::new();
        place.room.report(now, report, &mut fx);
        self.carry_out(room, fx);
    }

    pub(super) fn read_history(&mut self, room: usize) {
        let place = &self.places[room];
        let last = place.committed.last;
        let n = 1 + self.random.index(60);
        let seq = self.random.below(last + 3);
        let past = match self.random.below(3) {
            0 => Past::Last,
            1 => Past::Before(seq),
            _ => Past::After(seq),
        };
        let Some(page) = place.room.history(past, n) else {
            self.seen.note("left to the store");
            assert!(
                last > limits::RESUME_RECORDS_MAX as u64,
                "the room keeps the last 2,000"
            );
            return;
        };
        self.seen.note("history");
        let (from, to) = match past {
            Past::Last => ((last + 1).saturating_sub(n as u64).max(1), last),
            Past::Before(seq) => {
                let to = seq.saturating_sub(1).min(last);
                ((to + 1).saturating_sub(n as u64).max(1), to)
            }
            Past::After(seq) => (seq + 1, last.min(seq + n as u64)),
        };
        let seqs: Vec<u64> = page.page.iter().map(|it| it.s).collect();
        assert_eq!(seqs, (from..=to).collect::<Vec<_>>(), "{past:?} of {n}");
        let end = if matches!(past, Past::After(_)) {
            to >= last
        } else {
            from <= 1 || to == 0
        };
        assert_eq!(page.end, end, "{past:?} of {n} at {last}");
        for frame in page.page {
            if let protocol::server::Body::Msg {
                text,
                edits,
                deleted,
                ..
            } = frame.body
            {
                let line = &place.committed.lines[&frame.s];
                let truth = (&line.text, line.edits, line.deleted);
                assert_eq!(
                    (&text, edits, deleted),
                    truth,
                    "message {} is shown as it reads",
                    frame.s
                );
            }
        }
    }
}
