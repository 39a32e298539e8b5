//! A probe: more is sent than is shown, to learn which larger layer a line carries.

use std::time::{Duration, Instant};

/// Half as much again each time: a browser notices a growing queue within a few hundred milliseconds, and
/// what was too much by then is little.
const STEP: Duration = Duration::from_millis(250);
/// So long a layer's rate has to be carried: an estimate that falls is said at once (`libwebrtc` says a fall
/// of 3 % without waiting for its next report), and the line may take 150 ms each way.
const HOLDS: Duration = Duration::from_millis(600);
/// And so long at the most, until a viewer that says estimates has said one that agrees: they come each second.
const HOLDS_MAX: Duration = Duration::from_millis(1_100);

#[derive(Debug)]
pub(super) struct Probe {
    begun: Instant,
    stepped: Instant,
    /// What picture and sound take, and what is sent with what goes beside them, in kbit/s.
    need: u32,
    rate: u32,
    /// The largest layer that is known to be carried.
    carried: Option<usize>,
}

/// What was heard of the line meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Yes,
    Nothing,
    No,
}

pub(super) enum Probed {
    GoesOn(Probe),
    /// It is over: this layer is carried.
    Carried(usize),
}

impl Probe {
    /// Of a line on which picture and sound take so many kbit/s.
    pub(super) const fn new(need: u32, now: Instant) -> Self {
        Self {
            begun: now,
            stepped: now,
            need,
            rate: need,
            carried: None,
        }
    }

    pub(super) const fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) const fn stepped(&self) -> Instant {
        self.stepped
    }

    /// What is sent in all, in kbit/s.
    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    /// What is to be sent beside picture and sound, in kbit/s.
    pub(super) const fn beside(&self) -> u32 {
        self.rate.saturating_sub(self.need)
    }

    /// Goes on to the next of the layers that need so much, `at` being shown; ends where the line says no and
    /// where there is none.
    pub(super) fn go_on(
        mut self,
        at: usize,
        needs: impl Iterator<Item = u32>,
        said: Said,
        now: Instant,
    ) -> Probed {
        let carried = self.carried.map_or(at, |it| it.max(at));
        let mut larger = needs.skip(carried + 1);
        let Some(goal) = larger.next().filter(|_| said != Said::No) else {
            return Probed::Carried(carried);
        };
        let since = now.saturating_duration_since(self.stepped);
        if self.rate >= goal {
            if since >= HOLDS_MAX {
                return Probed::Carried(carried);
            }
            if since < HOLDS || said != Said::Yes {
                return Probed::GoesOn(self);
            }
            let Some(next) = larger.next() else {
                return Probed::Carried(carried + 1);
            };
            self.carried = Some(carried + 1);
            self.step(next, now);
        } else if since >= STEP {
            self.step(goal, now);
        }
        Probed::GoesOn(self)
    }

    fn step(&mut self, goal: u32, now: Instant) {
        self.rate = self.rate.saturating_add(self.rate / 2).min(goal);
        self.stepped = now;
    }
}
