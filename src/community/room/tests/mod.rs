//! What a room promises, in sentences. [`Bench`] plays the actor with a disk that always works,
//! unless a test says otherwise.

mod apart;
mod audience;
mod broadcast;
mod card;
mod chat;
mod co_host;
mod commit;
mod erased;
mod life;
mod merging;
mod moderation;
mod order;
mod presence;
mod readable;
mod resume;
mod review;
mod shown;
mod slowing;
mod split;
mod topic;
mod traces;
mod undo;

use protocol::{
    Code,
    client::{BroadcastAct, Position},
    server::{Ack, AckKind, Broadcast as BroadcastFrame, Joined, Phase, Push, State},
};

use super::*;
use crate::{
    effect::{Notify, RowChange},
    member::{Role, Traces},
    record::Message,
};

pub(super) const OWNER: &str = "owner";
pub(super) const MODERATOR: &str = "mod";
pub(super) const MAKER: &str = "maker";
pub(super) const ANN: &str = "ann";
pub(super) const BOB: &str = "bob";
pub(super) const GUEST: &str = "guest";

pub(super) struct Bench {
    pub(super) room: Room,
    pub(super) now: Now,
    /// Everything decided, as the log holds it.
    pub(super) log: Vec<Record>,
    pub(super) rows: Vec<RowChange>,
    /// The number of the last row without a record.
    pub(super) row: u64,
    pub(super) fx: Vec<Effect>,
    request: u64,
}

pub(super) fn who(name: &str) -> Who {
    let role = match name {
        OWNER => Role::Owner,
        MODERATOR => Role::Moderator,
        GUEST => Role::Guest,
        _ => Role::Member,
    };
    Who {
        id: name.into(),
        name: name.into(),
        role,
        traces: Traces::default(),
    }
}

pub(super) fn meta() -> RoomMeta {
    RoomMeta {
        number: 7,
        slug: "tea".into(),
        circle: 1,
        title: "茶".into(),
        kind: RoomKind::Live,
        guests: true,
        maker: MAKER.into(),
        rates: Rates {
            talk: TalkRate::new(0, 0),
            readable: 0,
        },
    }
}

/// A connection number for each name: one device, unless a test says otherwise.
pub(super) fn connection(name: &str) -> u64 {
    name.bytes().fold(1_000, |sum, it| sum * 31 + u64::from(it))
}

pub(super) fn cid(n: u64) -> ClientId {
    format!("00000000-0000-7000-8000-{n:012x}").into()
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::of(Room::new(meta(), "k3".into()))
    }

    pub(super) fn of(room: Room) -> Self {
        let now = Now {
            unix_ms: 1_800_000_000_000,
            mono_ms: 5_000,
        };
        Self {
            room,
            now,
            log: Vec::new(),
            rows: Vec::new(),
            row: 0,
            fx: Vec::new(),
            request: 0,
        }
    }

    /// A room with everybody in it.
    pub(super) fn full() -> Self {
        let mut bench = Self::new();
        for name in [OWNER, MODERATOR, MAKER, ANN, BOB, GUEST] {
            bench.join(name);
        }
        bench.pass(1_000);
        bench.fx.clear();
        bench
    }

    pub(super) fn join(&mut self, name: &str) -> Joined {
        self.join_since(name, None).expect("let in")
    }

    pub(super) fn join_since(&mut self, name: &str, since: Option<u64>) -> Result<Joined, Refusal> {
        let since = since.map(|s| Position {
            e: self.room.epoch().clone(),
            s,
        });
        match self.ask(name, Command::Join { since })? {
            Reply::Joined(it) => Ok(*it),
            other => panic!("{other:?}"),
        }
    }

    /// Hands a command over and leaves it uncommitted.
    pub(super) fn decide(&mut self, name: &str, command: Command) -> u64 {
        self.request += 1;
        let request = self.request;
        let from = Origin {
            who: who(name),
            connection: connection(name),
            request,
        };
        let mut fx = Vec::new();
        self.room.handle(self.now, &from, command, &mut fx);
        self.take(fx);
        request
    }

    /// Hands a command over, commits, and returns the answer.
    pub(super) fn ask(&mut self, name: &str, command: Command) -> Result<Reply, Refusal> {
        let request = self.decide(name, command);
        self.commit();
        self.answer(request).expect("every command is answered")
    }

    pub(super) fn ack(&mut self, name: &str, command: Command) -> Result<Ack, Refusal> {
        match self.ask(name, command)? {
            Reply::Ack(ack) => Ok(ack),
            other => panic!("{other:?}"),
        }
    }

    /// Says a line; returns its seq.
    pub(super) fn say(&mut self, name: &str, text: &str) -> Result<Seq, Code> {
        let command = self.line(text);
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    pub(super) fn line(&mut self, text: &str) -> Command {
        Command::Publish {
            client_id: self.cid(),
            text: text.into(),
            reply_to: None,
            question: false,
            to: Vec::new(),
        }
    }

    /// A step of the broadcast.
    pub(super) fn step(&mut self, name: &str, act: BroadcastAct) -> Result<(), Code> {
        let command = Command::Broadcast {
            client_id: self.cid(),
            act,
            title: None,
            starts_ms: None,
        };
        self.ack(name, command).map(|_| ()).map_err(|it| it.code)
    }

    pub(super) fn cid(&mut self) -> ClientId {
        self.request += 1;
        cid(self.request)
    }

    pub(super) fn commit(&mut self) {
        let mut fx = Vec::new();
        let reached = Reached {
            seq: self.log.len() as Seq,
            row: self.row,
        };
        self.room.stored(self.now, reached, &mut fx);
        self.take(fx);
    }

    /// The media core has this publisher.
    pub(super) fn here(&mut self, name: &str, peer: &str) {
        self.report(StageReport::PublisherHere {
            peer: peer.into(),
            who: who(name),
        });
    }

    /// Its picture and sound flow.
    pub(super) fn flowing(&mut self, peer: &str) {
        self.report(StageReport::Flowing {
            peer: peer.into(),
            video: true,
            audio: true,
        });
    }

    pub(super) fn report(&mut self, report: StageReport) {
        let mut fx = Vec::new();
        self.room.report(self.now, report, &mut fx);
        self.take(fx);
        self.commit();
    }

    /// Time goes by; the room is woken when it asks for it, and what it decides is committed.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while let Some(at) = self.room.deadline().filter(|it| *it <= until) {
            self.tick(at.max(self.now.mono_ms) - self.now.mono_ms);
            let mut fx = Vec::new();
            self.room.wake(self.now, &mut fx);
            self.take(fx);
            self.commit();
        }
        self.tick(until - self.now.mono_ms);
    }

    pub(super) fn tick(&mut self, ms: u64) {
        self.now.mono_ms += ms;
        self.now.unix_ms += ms;
    }

    /// The process restarts: another room from the log, and another steady clock.
    pub(super) fn restart(&mut self) {
        self.room = Room::recover(meta(), self.loaded());
        self.row = 0;
        self.now.mono_ms = 77;
        self.fx.clear();
    }

    pub(super) fn loaded(&self) -> Loaded {
        let tail = self
            .log
            .len()
            .saturating_sub(protocol::limits::RESUME_RECORDS_MAX);
        let ids = self.log.iter().filter_map(|it| {
            Some((
                it.author.id.clone(),
                it.client_id.clone()?,
                it.seq,
                it.at_ms,
            ))
        });
        Loaded {
            epoch: self.room.epoch().clone(),
            facts: self
                .log
                .iter()
                .filter(|it| it.body.is_fact())
                .cloned()
                .collect(),
            tail: self.log[tail..].to_vec(),
            client_ids: ids.collect(),
            votes: self.kept_votes(),
            tallies: BTreeMap::new(),
            measured: self.kept_measured(),
        }
    }

    /// As a store keeps it: the newest turnout with everybody who came, until the end.
    fn kept_measured(&self) -> Option<Measured> {
        let mut kept: Option<Measured> = None;
        for row in &self.rows {
            match (row, &mut kept) {
                (RowChange::Measured(it), Some(kept)) if kept.of == it.of => {
                    kept.turnout = it.turnout.clone();
                    kept.came.extend(&it.came);
                }
                (RowChange::Measured(it), kept) => *kept = Some(it.clone()),
                (RowChange::Broadcast(it), kept) if it.phase == Phase::Ended => *kept = None,
                _ => {}
            }
        }
        kept
    }

    fn kept_votes(&self) -> Vec<(Seq, MemberId, u16)> {
        let mut votes = BTreeMap::new();
        for row in &self.rows {
            match row {
                RowChange::Vote {
                    of, member, picks, ..
                } => {
                    votes.insert((*of, member.clone()), *picks);
                }
                RowChange::VotesGone { of } => votes.retain(|it, _| it.0 != *of),
                _ => {}
            }
        }
        let row = |((of, member), picks)| (of, member, picks);
        votes.into_iter().map(row).collect()
    }

    fn take(&mut self, fx: Vec<Effect>) {
        self.keep(&fx);
        self.fx.extend(fx);
    }

    /// What goes to the log of it.
    pub(super) fn keep(&mut self, fx: &[Effect]) {
        for effect in fx {
            if let Effect::Record(record, rows) = effect {
                self.log.push((**record).clone());
                self.rows.extend(rows.iter().cloned());
            }
            if let Effect::Row(number, row) = effect {
                self.rows.push(row.clone());
                self.row = *number;
            }
            if let Effect::Rows(rows) = effect {
                self.rows.extend(rows.iter().cloned());
            }
        }
    }

    /// The answer to a request, once.
    pub(super) fn answer(&mut self, request: u64) -> Option<Result<Reply, Refusal>> {
        let place = self
            .fx
            .iter()
            .position(|it| matches!(it, Effect::Answer { to, .. } if to.request == request))?;
        match self.fx.remove(place) {
            Effect::Answer { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    pub(super) fn states(&self) -> Vec<&State> {
        fn state(it: &Effect) -> Option<&State> {
            match it {
                Effect::Announce(Announce::State(state)) => Some(state),
                _ => None,
            }
        }
        self.fx.iter().filter_map(state).collect()
    }

    pub(super) fn outs(&self) -> Vec<(&str, Vec<u64>)> {
        fn out(it: &Effect) -> Option<(&str, Vec<u64>)> {
            match it {
                Effect::Notify(Notify::Out {
                    member,
                    connections,
                    ..
                }) => Some((member.as_str(), connections.clone())),
                _ => None,
            }
        }
        self.fx.iter().filter_map(out).collect()
    }

    pub(super) fn broadcast(&self) -> Option<BroadcastFrame> {
        self.room.state().broadcast
    }
}
