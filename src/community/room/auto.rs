//! Slow mode that follows the talk: it comes when more is said than the room can read, and goes when
//! it is calm again. Each change is a record of the room's own.
//!
//! The gap is lengthened when five seconds in a row held more than the target, by as much as brings
//! their rate to it; it is shortened by one step after thirty calm seconds, and only where the shorter
//! gap would hold the target as well. A step back that turned out too early doubles the next wait, so
//! that it does not go up and down.

use std::collections::VecDeque;

use super::Room;
use crate::{effect::Effect, now::Now, record::RecordBody};

/// The gaps that it chooses among.
const STEPS_MS: [u64; 7] = [0, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000];
const LOOK_EVERY_MS: u64 = 1_000;
const BUSY_S: u64 = 5;
const CALM_S: u64 = 30;
const CALM_S_MAX: u64 = 240;
/// Somebody who may write at will is taken to write so often: what a first gap is reckoned from.
const AT_WILL_MS: u64 = 1_000;

/// What was said of late. In memory only: a restart begins with a calm room.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Messages by second of the steady clock, oldest first.
    seconds: VecDeque<(u64, u64)>,
    /// Since when the gap is what it is.
    since_ms: u64,
    look_at: Option<u64>,
    calm_s: u64,
    /// When it was last shortened.
    shortened_ms: Option<u64>,
}

impl Talk {
    pub(super) fn said(&mut self, now: Now) {
        let second = now.mono_ms / 1_000;
        match self.seconds.back_mut() {
            Some((last, n)) if *last == second => *n += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self
            .seconds
            .front()
            .is_some_and(|it| it.0 + CALM_S_MAX < second)
        {
            self.seconds.pop_front();
        }
        self.look_at.get_or_insert(now.mono_ms + LOOK_EVERY_MS);
    }

    /// Messages of the last so many seconds, this one left out.
    fn in_last(&self, seconds: u64, now: Now) -> u64 {
        let this = now.mono_ms / 1_000;
        let from = this.saturating_sub(seconds);
        let counted = self.seconds.iter().rev();
        counted
            .skip_while(|it| it.0 >= this)
            .take_while(|it| it.0 >= from)
            .map(|it| it.1)
            .sum()
    }

    pub(super) const fn deadline(&self) -> Option<u64> {
        self.look_at
    }

    /// The gap is another one now, as somebody or the room itself said.
    pub(super) fn gap_changed(&mut self, now: Now, by_hand: bool) {
        self.since_ms = now.mono_ms;
        self.look_at = Some(now.mono_ms + LOOK_EVERY_MS);
        if by_hand {
            self.calm_s = CALM_S;
            self.shortened_ms = None;
        }
    }

    /// The gap that the talk asks for; the one that is, where it is right.
    fn wanted(&mut self, now: Now, gap_ms: u64, target: u64) -> u64 {
        self.calm_s = self.calm_s.max(CALM_S);
        let held_s = now.mono_ms.saturating_sub(self.since_ms) / 1_000;
        let busy = self.in_last(BUSY_S, now);
        if held_s > BUSY_S && busy > target * BUSY_S {
            let too_early = self
                .shortened_ms
                .is_some_and(|it| now.mono_ms.saturating_sub(it) < 2 * self.calm_s * 1_000);
            if too_early {
                self.calm_s = (self.calm_s * 2).min(CALM_S_MAX);
            }
            self.shortened_ms = None;
            let fits = |step: u64| busy * gap_ms.max(AT_WILL_MS) <= target * BUSY_S * step;
            let longer = STEPS_MS.into_iter().filter(|it| *it > gap_ms);
            let last = STEPS_MS[STEPS_MS.len() - 1].max(gap_ms);
            return longer.into_iter().find(|it| fits(*it)).unwrap_or(last);
        }
        let shorter = STEPS_MS.into_iter().rfind(|it| *it < gap_ms);
        if let Some(step) = shorter.filter(|_| held_s > self.calm_s) {
            let calm = self.in_last(self.calm_s, now);
            if calm * gap_ms <= target * self.calm_s * step.max(AT_WILL_MS) {
                self.shortened_ms = Some(now.mono_ms);
                return step;
            }
        }
        gap_ms
    }
}

impl Room {
    pub(super) fn wake_auto(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.talk.look_at.is_none_or(|it| it > now.mono_ms) {
            return;
        }
        self.talk.look_at = None;
        let Some((auto, by)) = self.decided.auto.clone() else {
            return;
        };
        let gap_ms = self.decided.slow_mode_ms;
        let wanted = self.talk.wanted(now, gap_ms, u64::from(auto.target_per_s));
        let wanted = wanted.max(auto.least_ms);
        if wanted != gap_ms {
            let body = RecordBody::SlowMode {
                gap_ms: wanted,
                auto: Some(auto),
            };
            self.keep(now, by, None, body, fx);
        } else if gap_ms > auto.least_ms || self.talk.in_last(BUSY_S, now) > 0 {
            self.talk.look_at = Some(now.mono_ms + LOOK_EVERY_MS);
        }
    }
}
