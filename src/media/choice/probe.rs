//! A probe: more is sent than is shown, to learn which larger layer a line carries.

use std::time::{Duration, Instant};

/// Half as much again each time: a browser notices a growing queue within a few hundred milliseconds, and
/// what was too much by then is little.
const STEP: Duration = Duration::from_millis(250);
/// But this much in kbit/s: of a picture that stands still half is nothing.
const STEP_MIN: u32 = 50;
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
        let more = (self.rate / 2).max(STEP_MIN);
        self.rate = self.rate.saturating_add(more).min(goal);
        self.stepped = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent at each tick of 50 ms until it is over, and the layer that is carried then.
    fn probed(need: u32, needs: &[u32], says: impl Fn(u64) -> Said) -> (Vec<u32>, usize) {
        let start = Instant::now();
        let mut probe = Probe::new(need, start);
        let mut sent = Vec::new();
        for ms in (50..10_000).step_by(50) {
            let now = start + Duration::from_millis(ms);
            match probe.go_on(0, needs.iter().copied(), says(ms), now) {
                Probed::Carried(layer) => return (sent, layer),
                Probed::GoesOn(further) => probe = further,
            }
            sent.push(probe.rate());
            sent.dedup();
        }
        panic!("it never ends: {sent:?}");
    }

    #[test]
    fn it_grows_by_half_and_stays_at_each_layer() {
        let all = probed(190, &[190, 540, 1_540], |_| Said::Yes);
        let steps = vec![190, 285, 427, 540, 810, 1_215, 1_540];
        assert_eq!(all, (steps, 2));
    }

    #[test]
    fn a_no_ends_it_at_once_and_silence_in_time() {
        let no = |ms| if ms < 1_500 { Said::Yes } else { Said::No };
        let (sent, layer) = probed(190, &[190, 540, 1_540], no);
        assert_eq!((sent.last(), layer), (Some(&810), 1));
        let (sent, layer) = probed(190, &[190, 540, 1_540], |_| Said::Nothing);
        assert_eq!((sent.last(), layer), (Some(&540), 0));
    }

    #[test]
    fn of_a_picture_that_stands_still_it_grows_too() {
        let all = probed(0, &[0, 200], |_| Said::Yes);
        assert_eq!(all, (vec![0, 50, 100, 150, 200], 1));
    }
}
