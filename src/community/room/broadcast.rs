//! The broadcast: `scheduled → open → live → paused → ended → archived`, moved by the host's hand,
//! by what media reports, and by time. Every step is a record.

use std::sync::Arc;

use protocol::{
    BroadcastId, Code, Refusal,
    client::BroadcastAct,
    server::{PeerEnd, Phase, State},
};

use super::{Room, stage::Publisher};
use crate::{
    command::{Origin, StageReport},
    effect::{Announce, Effect, StageOrder},
    member::{Person, Who},
    now::Now,
    record::{Broadcast, RecordBody, Turnout},
    rights::{Standing, Verb},
    text,
};

/// What a host says along with an act.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) starts_ms: Option<u64>,
}

impl Room {
    /// The broadcast that is on or was last, as it is committed, and how much of it was played, in milliseconds.
    pub fn played(&self, now: Now) -> Option<(Broadcast, u64)> {
        let broadcast = self.committed.current()?;
        Some((broadcast.clone(), self.stage.played_ms(now)))
    }

    pub(super) fn broadcast_act(
        &self,
        now: Now,
        from: &Origin,
        act: BroadcastAct,
        said: Said<'_>,
    ) -> Result<RecordBody, Refusal> {
        let current = self.decided.current().map(|it| (it.phase, it));
        let begins = matches!(act, BroadcastAct::Schedule | BroadcastAct::Open)
            && matches!(current, None | Some((Phase::Ended, _)));
        self.check(
            &from.who,
            if begins {
                Verb::GoLive
            } else {
                Verb::RunBroadcast
            },
        )?;
        let title = text::title(said.title.unwrap_or_default())?;
        let mut next = match (act, current) {
            (BroadcastAct::Schedule, None | Some((Phase::Ended, _))) => {
                self.fresh(&from.who, Phase::Scheduled)
            }
            (BroadcastAct::Schedule, Some((Phase::Scheduled, it))) => it.clone(),
            (BroadcastAct::Open, None | Some((Phase::Ended, _))) => {
                self.fresh(&from.who, Phase::Open)
            }
            (BroadcastAct::Open, Some((Phase::Scheduled, it))) => self.step(now, it, Phase::Open),
            (BroadcastAct::Open, Some((Phase::Paused, it))) => {
                if !self
                    .stage
                    .publisher
                    .as_ref()
                    .is_some_and(Publisher::is_flowing)
                {
                    return Err(wrong_phase(
                        "the broadcast goes on when its picture or sound is back",
                    ));
                }
                self.step(now, it, Phase::Live)
            }
            (BroadcastAct::Pause, Some((Phase::Live, it))) => self.step(now, it, Phase::Paused),
            (BroadcastAct::End, Some((Phase::Open | Phase::Live | Phase::Paused, it))) => {
                self.step(now, it, Phase::Ended)
            }
            (BroadcastAct::Archive, Some((Phase::Scheduled | Phase::Ended, it))) => {
                self.step(now, it, Phase::Archived)
            }
            (_, None) => {
                return Err(Refusal::new(
                    Code::NoBroadcast,
                    "there is no broadcast in this room",
                ));
            }
            (_, Some((phase, _))) => return Err(wrong_phase(impossible(act, phase))),
        };
        if !title.is_empty() {
            next.title = title.into();
        }
        if act == BroadcastAct::Schedule {
            if said.starts_ms.is_some_and(|it| it <= now.unix_ms) {
                let words = "a broadcast is scheduled for a moment that is still to come";
                return Err(Refusal::new(Code::StartPast, words));
            }
            next.starts_ms = said.starts_ms.or(next.starts_ms);
        }
        Ok(RecordBody::Broadcast(next))
    }

    /// Whether this member may publish here; the words say why not.
    pub(super) fn check_publish(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.check_not_banned(now, who)?;
        self.check(who, Verb::GoLive)?;
        let taken = |words: String| Err(Refusal::new(Code::StageTaken, words));
        if let Some(it) = self
            .stage
            .publisher
            .as_ref()
            .filter(|it| it.who.id != who.id)
        {
            return taken(format!("{} is publishing in this room", it.who.name));
        }
        match self.decided.current() {
            Some(it) if it.host.id != who.id && it.is_running() => taken(format!(
                "{}'s broadcast in this room is not over",
                it.host.name
            )),
            Some(it) if it.host.id != who.id && it.phase == Phase::Scheduled => taken(format!(
                "a broadcast of {} is scheduled in this room",
                it.host.name
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn handle_report(&mut self, now: Now, report: StageReport, fx: &mut Vec<Effect>) {
        let before = self.stage.state();
        match report {
            StageReport::PublisherHere { peer, who } => {
                if self.check_publish(now, &who).is_err() {
                    fx.push(drop_publisher(peer, PeerEnd::NotPermitted));
                    return;
                }
                let new = Publisher {
                    peer,
                    who,
                    video: false,
                    audio: false,
                    ending: false,
                };
                let old = self.stage.publisher.replace(new.clone());
                if let Some(old) = old.filter(|it| it.peer != new.peer) {
                    fx.push(drop_publisher(old.peer, PeerEnd::Replaced));
                }
                self.stage.held = false;
            }
            StageReport::Flowing { peer, video, audio } => {
                let Some(it) = self.stage.publisher.as_mut().filter(|it| it.peer == peer) else {
                    return;
                };
                it.video = video;
                it.audio = audio;
            }
            StageReport::PublisherGone { peer } => {
                if self
                    .stage
                    .publisher
                    .as_ref()
                    .is_none_or(|it| it.peer != peer)
                {
                    return;
                }
                self.stage.publisher = None;
            }
        }
        let after = self.stage.state();
        if after != before {
            let state = State {
                stage: Some(after),
                ..State::default()
            };
            fx.push(Effect::Announce(Announce::State(Box::new(state))));
        }
        self.fit_broadcast(now, fx);
    }

    /// Moves the broadcast to where what is being published says it is.
    pub(super) fn fit_broadcast(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.stage.take_up_at = None;
        if self.broken {
            // The room that inherits this publisher will do it.
            return;
        }
        let Some(publisher) = self.stage.publisher.clone().filter(|it| !it.ending) else {
            if self.decided.is_live() && self.stage.grace_until.is_none() {
                self.stage.start_grace(now);
            }
            return;
        };
        let author = self.person(&publisher.who);
        match self.decided.broadcast.clone().map(|it| (it.phase, it)) {
            None | Some((Phase::Ended | Phase::Archived, _)) => {
                let next = self.fresh(&publisher.who, Phase::Open);
                self.shift(now, author.clone(), next, fx);
            }
            Some((Phase::Scheduled, it)) => {
                let next = self.step(now, &it, Phase::Open);
                self.shift(now, author.clone(), next, fx);
            }
            Some(_) => {}
        }
        if !publisher.is_flowing() {
            if self.decided.is_live() && self.stage.grace_until.is_none() {
                self.stage.start_grace(now);
            }
            return;
        }
        let Some(it) = self.decided.broadcast.clone() else {
            return;
        };
        match it.phase {
            Phase::Open => self.shift(now, author, self.step(now, &it, Phase::Live), fx),
            Phase::Paused if !self.stage.held => {
                self.shift(now, author, self.step(now, &it, Phase::Live), fx);
            }
            Phase::Live => self.stage.grace_until = None,
            _ => {}
        }
    }

    /// Time moves a broadcast without its publisher: grace, then pause, then the end, then the archive.
    pub(super) fn wake_broadcast(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let due = |at: Option<u64>| at.is_some_and(|it| it <= now.mono_ms);
        if due(self.stage.take_up_at) {
            self.fit_broadcast(now, fx);
        }
        for (at, next) in [
            (self.stage.grace_until, Phase::Paused),
            (self.stage.ends_at, Phase::Ended),
            (self.stage.archived_at, Phase::Archived),
        ] {
            let Some(it) = self.decided.broadcast.clone().filter(|_| due(at)) else {
                continue;
            };
            self.shift(now, it.host.clone(), self.step(now, &it, next), fx);
        }
    }

    /// What a decided change of phase means for the clock, the timers and the publisher.
    pub(super) fn phase_entered(&mut self, now: Now, seq: protocol::Seq, broadcast: &Broadcast) {
        self.stage.enter(broadcast.phase, broadcast.played_ms, now);
        let Some(publisher) = &mut self.stage.publisher else {
            return;
        };
        match broadcast.phase {
            Phase::Paused => self.stage.held = publisher.is_flowing(),
            Phase::Ended => {
                publisher.ending = true;
                self.stage.dropping.push((seq, publisher.peer.clone()));
            }
            _ => {}
        }
    }

    /// A record that the room makes by itself.
    fn shift(&mut self, now: Now, author: Person, next: Broadcast, fx: &mut Vec<Effect>) {
        self.keep(now, author, None, RecordBody::Broadcast(next), fx);
    }

    fn fresh(&self, host: &Who, phase: Phase) -> Broadcast {
        // Unique without chance: an epoch never has the same seq twice.
        let (number, epoch, seq) = (self.meta.number, &self.epoch, self.decided.seq + 1);
        let mark = Standing {
            role: host.role,
            host: true,
            co_host: false,
        }
        .mark();
        let host = Person {
            id: host.id.clone(),
            name: host.name.clone(),
            mark,
        };
        Broadcast {
            id: BroadcastId::new(format!("b{number}-{epoch}-{seq}")),
            phase,
            title: Arc::clone(&self.meta.title),
            host,
            starts_ms: None,
            live_ms: None,
            ended_ms: None,
            played_ms: 0,
            turnout: Turnout::default(),
        }
    }

    fn step(&self, now: Now, from: &Broadcast, phase: Phase) -> Broadcast {
        let played_ms = match from.phase {
            Phase::Live | Phase::Paused => self.stage.played_ms(now),
            _ => from.played_ms,
        };
        let mut next = Broadcast {
            phase,
            played_ms,
            turnout: self.turnout(from),
            ..from.clone()
        };
        match phase {
            Phase::Live => next.live_ms = next.live_ms.or(Some(now.unix_ms)),
            Phase::Ended => next.ended_ms = Some(now.unix_ms),
            _ => {}
        }
        next
    }
}

pub(super) fn drop_publisher(peer: protocol::PeerId, why: PeerEnd) -> Effect {
    Effect::Direct(StageOrder::DropPublisher { peer, why })
}

fn wrong_phase(words: impl Into<String>) -> Refusal {
    Refusal::new(Code::WrongPhase, words)
}

fn impossible(act: BroadcastAct, phase: Phase) -> String {
    let act = match act {
        BroadcastAct::Schedule => "scheduled",
        BroadcastAct::Open => "opened",
        BroadcastAct::Pause => "paused",
        BroadcastAct::End => "ended",
        BroadcastAct::Archive => "archived",
    };
    let phase = match phase {
        Phase::Scheduled => "scheduled",
        Phase::Open => "open",
        Phase::Live => "live",
        Phase::Paused => "paused",
        Phase::Ended => "over",
        Phase::Archived => "archived",
    };
    format!("a broadcast that is {phase} cannot be {act}")
}
