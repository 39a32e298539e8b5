//! What leaves a room: answers, announces, orders to the shards and to media. Each frame is encoded
//! here, once, whoever and however many get it.

use std::{collections::HashMap, sync::atomic::Ordering};

use bytes::{Bytes, BytesMut};
use community::{Announce, Notify, RoomMeta, StageOrder};
use fanout::{Class, ConnectionId, Form, Order};
use protocol::{
    Refusal, RoomNumber,
    server::{Push, Reply as Spoken, State},
};
use tokio::sync::watch;

use super::Asked;
use crate::actor::{
    directory::Shards,
    frames::{answer_in, push_frame, push_in, push_in_both},
    stage::Stage,
};

/// The connection number of those who have none (REST).
pub(super) const TICKETS: u64 = 0;

/// Keys of state frames in the shards' rings: frames of the same value share one, so that a viewer
/// who lags gets the last of them only. Diffs of the roster and tallies build upon each other, so each
/// is kept apart by a key of its own, taken in turns.
const TURN_KEYS: std::ops::Range<u8> = 64..u8::MAX;

/// Speaks to shards; can be given to a task that answers later.
#[derive(Clone)]
pub(super) struct Speaker {
    shards: Shards,
}

impl Speaker {
    pub(super) fn answer(&self, asked: Asked, outcome: Result<Spoken, Refusal>) {
        match asked {
            Asked::Connection { id, i, form, open } => {
                open.fetch_sub(1, Ordering::Relaxed);
                let frame = answer_in(form, i, outcome);
                self.shards.of(id).order(Order::Send {
                    connection: id,
                    frame,
                });
            }
            Asked::Ticket(done) => {
                // Nobody waiting means that the request was given up.
                let _ = done.send(outcome);
            }
            Asked::Nobody { .. } => {}
        }
    }
}

/// A connection that is in the room, or about to be.
struct Present {
    id: ConnectionId,
    /// Known when it joins.
    form: Form,
    /// In the room: the shard knows it as a member.
    joined: bool,
}

pub(super) struct Outlet {
    room: RoomNumber,
    speaker: Speaker,
    stage: Stage,
    shown: watch::Sender<State>,
    listed: watch::Sender<u64>,
    present: HashMap<u64, Present>,
    numbers: HashMap<ConnectionId, u64>,
    next_number: u64,
    /// Connections of this room on each shard: only those with any are told.
    per_shard: Vec<u32>,
    /// Those among them who take frames deflated: without any nothing is.
    deflating: u32,
    state_changed: bool,
    turn: u8,
    /// Answers of joins that wait for the pages that belong to them.
    resumes: HashMap<u64, Resume>,
}

/// A join's answer whose pages follow: all of it enters the room in one order.
struct Resume {
    frames: BytesMut,
    after: protocol::Seq,
}

impl Outlet {
    pub(super) fn new(
        meta: &RoomMeta,
        shown: watch::Sender<State>,
        listed: watch::Sender<u64>,
        stage: Stage,
        shards: Shards,
    ) -> Self {
        Self {
            room: meta.number,
            per_shard: vec![0; shards.all().len()],
            deflating: 0,
            speaker: Speaker { shards },
            stage,
            shown,
            listed,
            present: HashMap::new(),
            numbers: HashMap::new(),
            next_number: TICKETS,
            state_changed: false,
            turn: 0,
            resumes: HashMap::new(),
        }
    }

    pub(super) fn speaker(&self) -> Speaker {
        self.speaker.clone()
    }

    /// This room's number for a connection; made on first sight.
    pub(super) fn number_of(&mut self, id: ConnectionId) -> u64 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        self.next_number += 1;
        self.numbers.insert(id, self.next_number);
        let present = Present {
            id,
            form: Form::Text,
            joined: false,
        };
        self.present.insert(self.next_number, present);
        self.next_number
    }

    pub(super) fn is_here(&self, id: ConnectionId) -> bool {
        let number = self.numbers.get(&id);
        number
            .and_then(|it| self.present.get(it))
            .is_some_and(|it| it.joined)
    }

    /// The connection is over; its number, if this room knew it. Its shard has forgotten it already.
    pub(super) fn left(&mut self, id: ConnectionId) -> Option<u64> {
        let number = self.numbers.remove(&id)?;
        self.resumes.remove(&number);
        if let Some(present) = self.present.remove(&number)
            && present.joined
        {
            self.uncount(id, present.form);
        }
        Some(number)
    }

    /// The connection leaves the room and stays connected.
    pub(super) fn leave(&mut self, number: u64) {
        if let Some(present) = self.present.get_mut(&number)
            && std::mem::take(&mut present.joined)
        {
            let (id, form) = (present.id, present.form);
            self.uncount(id, form);
            self.speaker.shards.of(id).order(Order::Leave {
                connection: id,
                room: self.room,
            });
        }
    }

    fn uncount(&mut self, id: ConnectionId, form: Form) {
        self.per_shard[usize::from(id.shard)] -= 1;
        self.deflating -= u32::from(form == Form::Deflated);
    }

    pub(super) fn answer(&self, asked: Asked, outcome: Result<Spoken, Refusal>) {
        self.speaker.answer(asked, outcome);
    }

    /// Answers a command. The answer to a join enters the connection into the room in the same order,
    /// so that no frame falls between.
    pub(super) fn answer_command(
        &mut self,
        number: u64,
        asked: Asked,
        outcome: Result<Spoken, Refusal>,
    ) {
        match (asked, outcome) {
            (Asked::Connection { id, i, form, open }, Ok(Spoken::Joined(joined))) => {
                open.fetch_sub(1, Ordering::Relaxed);
                let after = joined.s;
                let more = joined.more;
                let answer = answer_in(form, i, Ok(Spoken::Joined(joined)));
                if let Some(present) = self.present.get_mut(&number)
                    && !std::mem::replace(&mut present.joined, true)
                {
                    present.form = form;
                    self.per_shard[usize::from(id.shard)] += 1;
                    self.deflating += u32::from(form == Form::Deflated);
                }
                if more {
                    let frames = BytesMut::from(&answer[..]);
                    self.resumes.insert(number, Resume { frames, after });
                } else {
                    self.enter(id, answer, after);
                }
            }
            (asked, outcome) => self.answer(asked, outcome),
        }
    }

    fn enter(&self, id: ConnectionId, first: Bytes, after: protocol::Seq) {
        let order = Order::Join {
            connection: id,
            room: self.room,
            first,
            after,
        };
        self.speaker.shards.of(id).order(order);
    }

    /// One frame for one connection. A page of a resume is kept with its join's answer.
    pub(super) fn push(&mut self, number: u64, push: &Push) {
        let Some(Present {
            id: connection,
            form,
            ..
        }) = self.present.get(&number)
        else {
            return;
        };
        let (connection, frame) = (*connection, push_in(*form, push));
        if let (Push::Ev { s, .. }, Some(resume)) = (push, self.resumes.get_mut(&number)) {
            resume.frames.extend_from_slice(&frame);
            if s.1 >= resume.after
                && let Some(resume) = self.resumes.remove(&number)
            {
                self.enter(connection, resume.frames.freeze(), resume.after);
            }
            return;
        }
        self.speaker
            .shards
            .of(connection)
            .order(Order::Send { connection, frame });
    }

    /// The same bytes to every shard that has members.
    pub(super) fn announce(&mut self, announce: &Announce) {
        let class = match announce {
            Announce::Records(shown) => Class::Log {
                from: shown.from,
                to: shown.to,
            },
            Announce::State(state) => {
                self.state_changed = true;
                if state.broadcast.is_some() {
                    self.listed.send_modify(|it| *it += 1);
                }
                Class::State {
                    key: value_key(state).unwrap_or_else(|| self.next_turn()),
                }
            }
            Announce::Roster { .. } => Class::State {
                key: self.next_turn(),
            },
            Announce::Burst(_) | Announce::Typing { .. } => Class::Burst,
        };
        if self.per_shard.iter().all(|it| *it == 0) {
            return;
        }
        let push = announce.push(self.room);
        let frame = match self.deflating {
            0 => push_frame(&push).into(),
            _ => push_in_both(&push),
        };
        for (shard, _) in self.per_shard.iter().enumerate().filter(|(_, n)| **n > 0) {
            self.speaker.shards.all()[shard].order(Order::Publish {
                room: self.room,
                frame: frame.clone(),
                class,
            });
        }
    }

    pub(super) fn direct(&self, order: StageOrder) {
        match order {
            StageOrder::DropPublisher { peer, why } => self.stage.order_end(peer, why),
        }
    }

    pub(super) fn notify(&mut self, notify: Notify) {
        match notify {
            Notify::Out {
                member,
                connections,
                why,
            } => {
                for number in connections {
                    self.push(
                        number,
                        &Push::Out {
                            a: self.room,
                            why: why.clone(),
                        },
                    );
                    self.leave(number);
                }
                self.stage.end_of_member(self.room, &member);
            }
        }
    }

    fn next_turn(&mut self) -> u8 {
        let turns = TURN_KEYS.end - TURN_KEYS.start;
        self.turn = (self.turn + 1) % turns;
        TURN_KEYS.start + self.turn
    }

    /// Makes the values known to pages, if any of them changed.
    pub(super) fn show(&mut self, state: impl FnOnce() -> State) {
        if std::mem::take(&mut self.state_changed) {
            self.shown.send_replace(state());
        }
    }
}

/// The key of a state frame that carries one kind of value, which takes the place of the one before.
/// Frames of several kinds, and those that name single messages or people, are each kept apart.
fn value_key(state: &State) -> Option<u8> {
    let carried = [
        state.count.is_some(),
        // Both are told together.
        state.slow_mode_ms.is_some() || state.slow_auto.is_some(),
        state.broadcast.is_some(),
        state.stage.is_some(),
        state.pin.is_some(),
        state.picked.is_some(),
        state.mode.is_some(),
        state.polls.is_some(),
        state.votes.is_some(),
    ];
    let mut kinds = (0..).zip(carried).filter(|it| it.1);
    let only = kinds.next()?.0;
    let names_others = state.tally.is_some() || state.erased.is_some();
    (kinds.next().is_none() && !names_others).then_some(only)
}
