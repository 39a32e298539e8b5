//! What is decided and not yet committed: records and refusals, in the order they were decided.
//! Nobody is answered before everything ahead of the answer is on disk.

use std::{collections::VecDeque, sync::Arc};

use protocol::{
    ClientId, MemberId, Refusal, Seq, limits,
    server::{Ack, AckKind, Reply},
};

use super::{
    client_ids::First,
    rows::{Reached, Row},
};
use crate::{
    command::{Command, Origin},
    effect::Effect,
    record::Record,
    rights::Standing,
};

/// Decided things that may wait for the disk. Beyond it the answer is `busy`: the inbox of a room
/// holds as many, so a stalled disk cannot make a room grow without bound.
const WAITING_MAX: usize = limits::ROOM_INBOX_MAX;

/// One decided thing.
#[derive(Debug)]
pub(super) struct Decided {
    /// Absent where the answer is a refusal or a first result.
    pub(super) record: Option<Arc<Record>>,
    /// A vote or like, by its number.
    pub(super) row: Option<(u64, Row)>,
    /// Absent where the room itself decided.
    pub(super) asked: Option<(Origin, Command)>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    New(First),
    Held(First),
    Dup(First),
    /// A row, which has no place.
    Done,
    Refused(Refusal),
}

impl Outcome {
    pub(super) fn into_result(self) -> Result<Reply, Refusal> {
        let ack = |it: First, v| {
            Ok(Reply::Ack(Ack {
                s: it.seq,
                t: it.at_ms,
                v,
            }))
        };
        match self {
            Self::New(first) => ack(first, AckKind::New),
            Self::Held(first) => ack(first, AckKind::Held),
            Self::Dup(first) => ack(first, AckKind::Dup),
            Self::Done => Ok(Reply::Done {}),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: VecDeque<Decided>,
    records: usize,
}

impl Pending {
    pub(super) fn push(&mut self, decided: Decided) {
        self.records += usize::from(decided.record.is_some());
        self.queue.push_back(decided);
    }

    /// The next thing that may be shown once the disk has reached this.
    pub(super) fn pop(&mut self, upto: Reached) -> Option<Decided> {
        let front = self.queue.front()?;
        let record = front.record.as_ref().map(|it| it.seq);
        let row = front.row.as_ref().map(|it| it.0);
        if record > Some(upto.seq) || row > Some(upto.row) {
            return None;
        }
        let decided = self.queue.pop_front()?;
        self.records -= usize::from(decided.record.is_some());
        Some(decided)
    }

    /// Records that wait for their commit.
    pub(super) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.queue.iter().filter_map(|it| it.record.as_ref())
    }

    /// Messages whose likes wait for their commit.
    pub(super) fn liked(&self) -> impl Iterator<Item = Seq> {
        self.queue.iter().filter_map(|it| match it.row {
            Some((_, Row::Like { of })) => Some(of),
            _ => None,
        })
    }

    pub(super) const fn records_len(&self) -> usize {
        self.records
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Who runs the room still has some places when everybody else has none.
    pub(super) fn is_full_for(&self, standing: Standing) -> bool {
        let kept = if standing.runs_the_room() {
            limits::ROOM_INBOX_FIRST_MAX
        } else {
            0
        };
        self.queue.len() >= WAITING_MAX + kept
    }

    /// Refuses everybody who waits.
    pub(super) fn refuse(&mut self, refusal: &Refusal, fx: &mut Vec<Effect>) {
        for decided in self.queue.drain(..) {
            if let Some((from, _)) = decided.asked {
                fx.push(Effect::Answer {
                    to: from.asker(),
                    outcome: Err(refusal.clone()),
                });
            }
        }
        self.records = 0;
    }

    /// Client ids that wait for nothing but to be answered with their first result.
    pub(super) fn first_results(&self) -> Vec<(MemberId, ClientId, First)> {
        let known = |it: &Decided| {
            let first = match it.outcome {
                Outcome::Dup(first) | Outcome::Held(first) if it.record.is_none() => first,
                _ => return None,
            };
            let (from, command) = it.asked.as_ref()?;
            Some((from.who.id.clone(), command.client_id()?.clone(), first))
        };
        self.queue.iter().filter_map(known).collect()
    }

    pub(super) fn into_commands(self) -> Vec<(Origin, Command)> {
        self.queue.into_iter().filter_map(|it| it.asked).collect()
    }
}
