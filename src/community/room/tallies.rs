//! What everybody sees of votes, likes and replies: numbers, announced at most once a second.
//!
//! The votes of open polls are counted here, from what is committed. Likes and replies are counted by
//! the disk: a room would have to remember everybody who likes anything, and a count that is read where
//! the rows lie can be neither lost nor doubled. The caller is asked by [`Effect::Count`].

use std::collections::BTreeSet;

use protocol::{Seq, limits, server::State};

use super::Room;
use crate::{
    effect::{Announce, Effect},
    now::Now,
    record::Tally,
};

const EVERY_MS: u64 = limits::TALLY_EVERY.as_millis() as u64;

#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// Messages to be counted anew.
    changed: BTreeSet<Seq>,
    votes_changed: bool,
    /// Messages that the caller is counting.
    counting: BTreeSet<Seq>,
    announced_at: Option<u64>,
    announce_at: Option<u64>,
}

impl Tallies {
    pub(super) fn changed(&mut self, now: Now, of: Seq) {
        self.changed.insert(of);
        self.soon(now);
    }

    pub(super) fn votes_changed(&mut self, now: Now) {
        self.votes_changed = true;
        self.soon(now);
    }

    /// Takes over what the room before this one had yet to announce.
    pub(super) fn inherit(&mut self, now: Now, old: Self, doubtful: impl Iterator<Item = Seq>) {
        self.announced_at = old.announced_at;
        self.changed = old.changed;
        self.changed.extend(old.counting);
        self.changed.extend(doubtful);
        self.votes_changed(now);
    }

    pub(super) const fn deadline(&self) -> Option<u64> {
        self.announce_at
    }

    fn soon(&mut self, now: Now) {
        let rested = self.announced_at.map_or(0, |it| it + EVERY_MS);
        self.announce_at.get_or_insert(rested.max(now.mono_ms));
    }

    /// What is due: the messages to count, and whether votes are to be told.
    fn due(&mut self, now: Now) -> Option<(Vec<Seq>, bool)> {
        if self.announce_at.is_none_or(|it| it > now.mono_ms) {
            return None;
        }
        self.announce_at = None;
        self.announced_at = Some(now.mono_ms);
        let mut count = Vec::new();
        // One count at a time: what changes meanwhile is the next one.
        while self.counting.is_empty() && count.len() < limits::TALLIES_AT_ONCE {
            let Some(of) = self.changed.pop_first() else {
                break;
            };
            count.push(of);
        }
        self.counting.extend(&count);
        if !self.changed.is_empty() {
            self.soon(now);
        }
        Some((count, std::mem::take(&mut self.votes_changed)))
    }
}

impl Room {
    pub(super) fn wake_tallies(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some((count, votes)) = self.tallies.due(now) else {
            return;
        };
        if votes && !self.committed.polls.is_empty() {
            let state = State {
                votes: Some(self.votes_shown()),
                ..Default::default()
            };
            fx.push(Effect::Announce(Announce::State(Box::new(state))));
        }
        if !count.is_empty() {
            fx.push(Effect::Count(count));
        }
    }

    /// What [`Effect::Count`] asked for, as it is on disk. Whatever is missing (it could not be read)
    /// is asked for again.
    pub fn counted(&mut self, now: Now, tallies: &[(Seq, Tally)], fx: &mut Vec<Effect>) {
        let mut missing = std::mem::take(&mut self.tallies.counting);
        for (of, tally) in tallies {
            missing.remove(of);
            self.ring.count(*of, *tally);
        }
        for of in missing {
            self.tallies.changed(now, of);
        }
        if tallies.is_empty() {
            return;
        }
        let state = State {
            tally: Some(tallies.iter().map(|it| it.1.frame(it.0)).collect()),
            ..Default::default()
        };
        fx.push(Effect::Announce(Announce::State(Box::new(state))));
    }
}
