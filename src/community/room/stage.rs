//! What is being published in a room, the broadcast's media clock, and its timers. None of it is in
//! the log: after a restart it starts from what the records say.

use protocol::{
    PeerId, Seq, limits,
    server::{Phase, StageState},
};

use super::facts::Facts;
use crate::{
    fault::{self, Fault},
    member::Who,
    now::Now,
};

/// How soon a room that was recovered under a running publisher takes the broadcast up again. Not
/// at once: where the disk is what failed, each try costs a commit.
const TAKE_UP_AFTER_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Stage {
    pub(super) publisher: Option<Publisher>,
    clock: Clock,
    /// Live without media: when it is paused.
    pub(super) grace_until: Option<u64>,
    /// Paused: when it ends.
    pub(super) ends_at: Option<u64>,
    /// Ended: when it is archived.
    pub(super) archived_at: Option<u64>,
    /// The host paused it while publishing: media alone does not resume it.
    pub(super) held: bool,
    /// When to look whether the broadcast fits what is being published.
    pub(super) take_up_at: Option<u64>,
    /// Publishers to be dropped once the record is on disk that ended their broadcast.
    pub(super) dropping: Vec<(Seq, PeerId)>,
}

#[derive(Clone, Debug)]
pub(super) struct Publisher {
    pub(super) peer: PeerId,
    pub(super) who: Who,
    pub(super) video: bool,
    pub(super) audio: bool,
    /// Its broadcast has ended: what it still sends counts for nothing.
    pub(super) ending: bool,
}

impl Publisher {
    pub(super) const fn is_flowing(&self) -> bool {
        (self.video || self.audio) && !self.ending
    }
}

/// The broadcast's media clock: runs while live, stands while not.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    played_ms: u64,
    running_since: Option<u64>,
}

const fn ms(duration: std::time::Duration) -> u64 {
    duration.as_millis() as u64
}

impl Stage {
    /// Takes the broadcast up where its records left it, at the first moment a room is told.
    ///
    /// The time between the last record and now counts as the absence of a publisher would: up to
    /// the host's grace, after which the broadcast would have been paused.
    pub(super) fn start(&mut self, facts: &Facts, now: Now) {
        let Some(broadcast) = facts.current() else {
            return;
        };
        match broadcast.phase {
            Phase::Live => {
                let away_ms = facts
                    .last_pos
                    .map_or(0, |it| now.unix_ms.saturating_sub(it.at_ms));
                let pos_ms = facts.last_pos.map_or(broadcast.played_ms, |it| it.pos_ms);
                let played_ms = pos_ms + away_ms.min(ms(limits::HOST_GRACE));
                self.clock = Clock {
                    played_ms,
                    running_since: Some(now.mono_ms),
                };
                self.grace_until = Some(now.mono_ms + ms(limits::HOST_GRACE));
            }
            Phase::Paused => {
                self.clock = Clock {
                    played_ms: broadcast.played_ms,
                    running_since: None,
                };
                self.ends_at = Some(now.mono_ms + ms(limits::PAUSED_ENDS_AFTER));
            }
            Phase::Ended => {
                let over_ms = broadcast
                    .ended_ms
                    .map_or(0, |it| now.unix_ms.saturating_sub(it));
                let left_ms = ms(limits::ENDED_ARCHIVED_AFTER).saturating_sub(over_ms);
                self.archived_at = Some(now.mono_ms + left_ms);
            }
            _ => {}
        }
    }

    /// Takes over what media does from the room that this one replaces.
    pub(super) fn inherit(&mut self, now: Now, old: Self, was: &Facts, is: &Facts) {
        let same =
            was.broadcast.as_ref().map(|it| &it.id) == is.broadcast.as_ref().map(|it| &it.id);
        if same && was.is_live() && is.is_live() {
            self.clock = old.clock;
            self.grace_until = old.grace_until;
        }
        if same && is.phase() == Some(Phase::Paused) {
            self.held = old.held;
        }
        self.publisher = old.publisher;
        if self.publisher.is_some() {
            self.take_up_at = Some(now.mono_ms + TAKE_UP_AFTER_MS);
        }
    }

    /// The stream position at this moment.
    pub(super) fn played_ms(&self, now: Now) -> u64 {
        let running = self
            .clock
            .running_since
            .map_or(0, |it| now.mono_ms.saturating_sub(it));
        self.clock.played_ms + running
    }

    /// Sets the clock and the timers for a phase that begins now.
    pub(super) fn enter(&mut self, phase: Phase, played_ms: u64, now: Now) {
        let runs =
            phase == Phase::Live || (phase == Phase::Paused && fault::is(Fault::PauseCounts));
        self.clock = Clock {
            played_ms,
            running_since: runs.then_some(now.mono_ms),
        };
        let flowing = self.publisher.as_ref().is_some_and(Publisher::is_flowing);
        self.grace_until =
            (phase == Phase::Live && !flowing).then(|| now.mono_ms + ms(limits::HOST_GRACE));
        self.ends_at =
            (phase == Phase::Paused).then(|| now.mono_ms + ms(limits::PAUSED_ENDS_AFTER));
        self.archived_at =
            (phase == Phase::Ended).then(|| now.mono_ms + ms(limits::ENDED_ARCHIVED_AFTER));
        self.held = false;
    }

    /// Live without media from now on.
    pub(super) fn start_grace(&mut self, now: Now) {
        self.grace_until = Some(now.mono_ms + ms(limits::HOST_GRACE));
    }

    /// As everybody sees it: what is really there, also while a publisher is being dropped.
    pub(super) fn state(&self) -> StageState {
        self.publisher
            .as_ref()
            .map_or_else(StageState::default, |it| StageState {
                here: true,
                video: it.video,
                audio: it.audio,
            })
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        [
            self.grace_until,
            self.ends_at,
            self.archived_at,
            self.take_up_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
