//! A readable room: more is said than anybody can read, so everybody is shown the same fair part of it.
//!
//! Up to the readable rate everything is shown at once. Above it what people say is gathered for
//! [`limits::READABLE_EVERY`], and as much of it as the rate allows is shown in one announce, which
//! names the whole range and how many were left out. The part is fair over those who speak, not over
//! what they say: who speaks most is not seen most. What the host, a moderator or the room itself
//! says, and what changes something, is always shown, and ends the gathering.
//!
//! Nothing is lost: the log has all of it, and what is left out still goes, beside it, to those whom it is
//! about and to those who run the room.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use protocol::{MemberId, Seq, limits, server::Mark};

use super::Room;
use crate::{
    effect::{Announce, Effect, Shown},
    now::Now,
    record::{Held, Message, Record, RecordBody},
};

/// Speakers whose last turn is remembered before the oldest are forgotten.
const SPEAKERS_MAX: usize = 2_048;

const EVERY_MS: u64 = limits::READABLE_EVERY.as_millis() as u64;

#[derive(Debug, Default)]
pub(super) struct Readable {
    /// Committed, and not announced yet.
    waiting: Vec<Arc<Record>>,
    /// When the first of them came.
    since: u64,
    /// More was said than is shown, until a gathering in which all of it fits.
    hot: bool,
    /// What may be shown now, in thousandths of a message.
    credit: u64,
    /// When it was counted last.
    counted: u64,
    /// The turn in which each speaker was shown last.
    turns: HashMap<MemberId, u64>,
    turn: u64,
}

/// What becomes of what waits.
struct Parted {
    shown: Shown,
    left_out: Vec<Arc<Record>>,
}

impl Readable {
    /// How many wait.
    pub(super) const fn len(&self) -> usize {
        self.waiting.len()
    }

    fn take(&mut self, now: Now, records: Vec<Arc<Record>>) {
        if self.waiting.is_empty() {
            self.since = now.mono_ms;
        }
        self.waiting.extend(records);
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.since + EVERY_MS)
    }

    fn earn(&mut self, now: Now, rate: u32) {
        let rate = u64::from(rate);
        let earned = now.mono_ms.saturating_sub(self.counted) * rate;
        self.counted = now.mono_ms;
        // A second's worth at most: a room that was silent may be lively for a moment.
        self.credit = (self.credit + earned).min(rate * 1_000);
    }

    fn is_due(&mut self, now: Now, rate: u32) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        if rate == 0 || now.mono_ms >= self.since + EVERY_MS {
            return true;
        }
        if self.waiting.iter().any(|it| cannot_wait(it)) {
            return true;
        }
        self.earn(now, rate);
        let said = self.waiting.iter().filter(|it| can_be_left_out(it)).count();
        !self.hot && said as u64 * 1_000 <= self.credit
    }

    /// Parts what waits, at this rate; 0 is no limit.
    fn part(&mut self, now: Now, rate: u32) -> Option<Parted> {
        let (from, to) = (self.waiting.first()?.seq, self.waiting.last()?.seq);
        let waiting = std::mem::take(&mut self.waiting);
        self.earn(now, rate);
        let said = waiting.iter().filter(|it| can_be_left_out(it)).count();
        let places = usize::try_from(self.credit / 1_000).unwrap_or(usize::MAX);
        let fits = rate == 0 || said <= places;
        if fits {
            self.credit = self.credit.saturating_sub(said as u64 * 1_000);
            // A gathering that was cut short says nothing of how much is said.
            self.hot &= now.mono_ms < self.since + EVERY_MS;
            let records = waiting;
            return Some(Parted {
                shown: Shown { from, to, records },
                left_out: Vec::new(),
            });
        }
        self.hot = true;
        self.credit -= places as u64 * 1_000;
        let chosen = self.choose(&waiting, places);
        let (mut records, mut left_out) = (Vec::new(), Vec::new());
        for (at, record) in waiting.into_iter().enumerate() {
            if chosen.contains(&at) || !can_be_left_out(&record) {
                records.push(record);
            } else {
                left_out.push(record);
            }
        }
        Some(Parted {
            shown: Shown { from, to, records },
            left_out,
        })
    }

    /// Up to so many of what people said: one of each speaker, whoever waited longest first, then
    /// another of each.
    fn choose(&mut self, waiting: &[Arc<Record>], places: usize) -> Vec<usize> {
        let mut speakers: BTreeMap<&MemberId, VecDeque<usize>> = BTreeMap::new();
        for (at, record) in waiting.iter().enumerate() {
            if can_be_left_out(record) {
                speakers.entry(&record.author.id).or_default().push_back(at);
            }
        }
        let mut order: Vec<_> = speakers.into_iter().collect();
        let turn_of = |it: &MemberId| self.turns.get(it).copied().unwrap_or(0);
        order.sort_by_key(|(id, said)| (turn_of(id), said.front().copied()));
        let mut chosen = Vec::new();
        while chosen.len() < places {
            let before = chosen.len();
            for (id, said) in &mut order {
                let Some(at) = said.pop_front().filter(|_| chosen.len() < places) else {
                    continue;
                };
                chosen.push(at);
                self.turn += 1;
                self.turns.insert((*id).clone(), self.turn);
            }
            if chosen.len() == before {
                break;
            }
        }
        if self.turns.len() > SPEAKERS_MAX {
            let recent = self.turn.saturating_sub(SPEAKERS_MAX as u64 / 2);
            self.turns.retain(|_, turn| *turn > recent);
        }
        chosen
    }
}

/// Something that somebody said, and that changes nothing else.
fn can_be_left_out(record: &Record) -> bool {
    let loud = matches!(
        record.author.mark,
        Mark::CoHost | Mark::Host | Mark::Moderator | Mark::Owner
    );
    match &record.body {
        // A question has its own list, and its own limit.
        RecordBody::Message(it) => it.question.is_none() && !loud,
        _ => false,
    }
}

/// What is shown at once, with all before it. (What is held for review is no one's to see yet.)
fn cannot_wait(record: &Record) -> bool {
    !can_be_left_out(record) && !matches!(record.body, RecordBody::Held(Held { of: None, .. }))
}

impl Room {
    /// The last record that everybody has been shown, or told of as left out.
    pub(crate) fn shown_seq(&self) -> Seq {
        let waiting = self.readable.waiting.first();
        waiting.map_or(self.committed.seq, |it| it.seq - 1)
    }

    /// These are on disk: shows them, now or as soon as there is room.
    pub(super) fn show_soon(&mut self, now: Now, records: Vec<Arc<Record>>, fx: &mut Vec<Effect>) {
        self.readable.take(now, records);
        self.wake_readable(now, fx);
    }

    pub(super) fn wake_readable(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.readable.is_due(now, self.meta.rates.readable) {
            self.show_all(now, fx);
        }
    }

    /// What waits is shown now.
    pub(super) fn show_all(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(mut parted) = self.readable.part(now, self.meta.rates.readable) else {
            return;
        };
        let latest = |it: &mut Arc<Record>| {
            // A word that was taken back meanwhile is not said any more.
            if let Some(latest) = self.ring.get(it.seq) {
                it.clone_from(latest);
            }
        };
        parted.shown.records.iter_mut().for_each(latest);
        parted.left_out.iter_mut().for_each(latest);
        let left_out = self.left_out_for(&parted.left_out);
        fx.push(Effect::Announce(Announce::Records(parted.shown)));
        for (connection, records) in left_out {
            let push = protocol::server::Push::Beside {
                a: self.meta.number,
                ev: records.iter().map(|it| it.frame()).collect(),
            };
            fx.push(Effect::Push { connection, push });
        }
    }

    /// Who is shown what was left out all the same: who said it, whom it names, whom it answers, and
    /// who runs the room.
    fn left_out_for(&self, left_out: &[Arc<Record>]) -> BTreeMap<u64, Vec<Arc<Record>>> {
        let mut told: BTreeMap<u64, Vec<Arc<Record>>> = BTreeMap::new();
        if left_out.is_empty() {
            return told;
        }
        let runners: Vec<u64> = self.who_runs_it().collect();
        for record in left_out {
            let RecordBody::Message(it) = &record.body else {
                continue;
            };
            let mut connections: Vec<u64> = self
                .about(record, it)
                .into_iter()
                .flat_map(|member| self.presence.connections(member))
                .chain(runners.iter().copied())
                .collect();
            connections.sort_unstable();
            connections.dedup();
            for connection in connections {
                told.entry(connection).or_default().push(record.clone());
            }
        }
        told
    }

    fn about<'a>(&'a self, record: &'a Record, said: &'a Message) -> Vec<&'a MemberId> {
        let answered = said.reply_to.and_then(|it| self.ring.get(it));
        let answered = answered.map(|it| &it.author.id);
        let named = said.to.iter().map(|it| &it.id);
        std::iter::once(&record.author.id)
            .chain(answered)
            .chain(named)
            .collect()
    }
}
