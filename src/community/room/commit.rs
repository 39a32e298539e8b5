//! From decided to committed: what is released, to whom, and what becomes of a room whose commit
//! failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{
    Code, MemberId, Refusal, Seq,
    server::{PeerEnd, Push, Quoted, State},
    topic::OPENING,
};

use super::{Room, broadcast, facts::Facts, moderation, pending::Decided, rows::Reached};
use crate::{
    command::{Command, Origin},
    effect::{Announce, Effect, Notify},
    fault::{self, Fault},
    now::Now,
    record::{Auto, Broadcast, Held, Record, RecordBody, Split, Topic},
    rights,
};

/// What is shown apart from the talk, as it is committed.
struct Apart {
    polls: Vec<Seq>,
    pin: Option<Quoted>,
    picked: Option<Quoted>,
}

impl Room {
    /// The log has everything up to `seq` on disk: shows it.
    ///
    /// The announce comes first (in a room where more is said than can be read it may come a moment
    /// later), then the answers, then what follows for single connections and for media: nobody is told
    /// that their message is in before it is on its way to everybody.
    pub fn committed(&mut self, now: Now, upto: Seq, fx: &mut Vec<Effect>) {
        self.stored(now, Reached { seq: upto, row: 0 }, fx);
    }

    /// The same, of an append that may have had rows of its own.
    pub fn stored(&mut self, now: Now, upto: Reached, fx: &mut Vec<Effect>) {
        let was = self.apart();
        let mut records = Vec::new();
        let mut answers = Vec::new();
        let mut reviewed = BTreeMap::new();
        while let Some(Decided {
            record,
            row,
            asked,
            outcome,
        }) = self.pending.pop(upto)
        {
            if let Some(record) = record {
                if let RecordBody::Review { of, .. } = &record.body
                    && let Some(it) = self.committed.held.get(of)
                {
                    reviewed.insert(record.seq, it.kept.author.clone());
                }
                self.committed.apply(&record);
                self.ring.push(record.clone());
                self.aside.apply(now, &record);
                self.thread_changed(now, &record);
                records.push(record);
            }
            if let Some((_, row)) = row {
                self.row_committed(now, &row);
            }
            if let Some((from, _)) = asked {
                answers.push(Effect::Answer {
                    to: from.asker(),
                    outcome: outcome.into_result(),
                });
            }
        }
        if fault::is(Fault::AckBeforeCommit) {
            answers.clear();
        }
        let held = records.clone();
        self.release(now, &was, records, answers, fx);
        for record in held {
            let writer = reviewed.remove(&record.seq);
            self.tell_of_held(&record, writer, fx);
        }
    }

    /// The commit failed: everybody who waits is refused, and this room decides nothing any more.
    /// Recover another from the log and let it [`Room::inherit`].
    pub fn failed(&mut self, fx: &mut Vec<Effect>) {
        self.broken = true;
        self.pending.refuse(&unavailable(), fx);
    }

    /// Takes over who is here and what is published from the room that this one replaces, announces
    /// what turned out to be on disk after all, and returns the commands that were not decided for
    /// good, to be handled again in this order (none after [`Room::failed`]).
    ///
    /// Use it without [`Room::failed`] where the store named client ids that it knew: tell them by
    /// [`Room::known`], then handle what this returns.
    pub fn inherit(&mut self, now: Now, old: Self, fx: &mut Vec<Effect>) -> Vec<(Origin, Command)> {
        self.touch(now);
        self.presence = old.presence;
        self.traced = old.traced;
        self.talk = old.talk;
        self.readable = old.readable;
        self.bursts = old.bursts;
        self.hosts_shown = old.hosts_shown;
        self.typing = old.typing;
        self.row_pace = old.row_pace;
        self.tallies.inherit(now, old.tallies, old.pending.liked());
        self.inherit_audience(now, old.audience);
        let ended = old.stage.publisher.clone().filter(|it| it.ending);
        self.stage
            .inherit(now, old.stage, &old.decided, &self.decided);
        if let Some(mut it) = ended {
            if self
                .decided
                .broadcast
                .as_ref()
                .is_some_and(Broadcast::is_running)
            {
                it.ending = false;
                self.stage.publisher = Some(it);
            } else {
                fx.push(broadcast::drop_publisher(it.peer, PeerEnd::Ended));
            }
        }
        let landed = self.ring.after(old.committed.seq).unwrap_or_default();
        let was = Apart {
            polls: old.committed.polls.keys().copied().collect(),
            pin: old.committed.pin_shown(),
            picked: old.committed.picked_shown(),
        };
        self.show_names(&old.committed, fx);
        self.release(now, &was, landed, Vec::new(), fx);
        // What the old room was told of client ids stays known, or two of them could make room for
        // each other for ever.
        for (member, client_id, first) in old.pending.first_results() {
            if first.seq <= old.committed.seq {
                self.client_ids.insert(member, client_id, first, 0);
            }
        }
        old.pending.into_commands()
    }

    /// Who hosts the broadcast or started the topic may have been called otherwise.
    fn show_names(&self, was: &Facts, fx: &mut Vec<Effect>) {
        let broadcast = |it: &Facts| it.current().map(Broadcast::frame);
        let topic = |it: &Facts| it.topic.as_ref().map(Topic::frame);
        let is = &self.committed;
        let state = State {
            broadcast: broadcast(is).filter(|it| Some(it) != broadcast(was).as_ref()),
            topic: topic(is).filter(|it| Some(it) != topic(was).as_ref()),
            ..State::default()
        };
        if state != State::default() {
            fx.push(Effect::Announce(Announce::State(Box::new(state))));
        }
    }

    fn release(
        &mut self,
        now: Now,
        was: &Apart,
        records: Vec<Arc<Record>>,
        answers: Vec<Effect>,
        fx: &mut Vec<Effect>,
    ) {
        let mut state = self.changed_state(&records);
        let is = self.apart();
        // Without words: there is none any more.
        if is.pin != was.pin {
            state.pin = Some(is.pin.unwrap_or_default());
        }
        if is.picked != was.picked {
            state.picked = Some(is.picked.unwrap_or_default());
        }
        if is.polls != was.polls {
            state.polls = Some(self.polls_shown());
            state.votes = Some(self.votes_shown());
        }
        if !records.is_empty() {
            self.show_soon(now, records.clone(), fx);
        }
        if state != State::default() {
            fx.push(Effect::Announce(Announce::State(Box::new(state))));
        }
        fx.extend(answers);
        for record in &records {
            self.follow(now, record, fx);
        }
    }

    fn apart(&self) -> Apart {
        Apart {
            polls: self.committed.polls.keys().copied().collect(),
            pin: self.committed.pin_shown(),
            picked: self.committed.picked_shown(),
        }
    }

    /// The last value of what these records changed.
    fn changed_state(&self, records: &[Arc<Record>]) -> State {
        let mut state = State::default();
        for record in records {
            match &record.body {
                RecordBody::SlowMode { gap_ms, auto } => {
                    state.slow_mode_ms = Some(*gap_ms);
                    state.slow_auto = Some(auto.as_ref().map(Auto::frame).unwrap_or_default());
                }
                RecordBody::Mode { mode, until_ms, .. } => {
                    state.mode = Some(protocol::server::Mode {
                        mode: *mode,
                        until_ms: *until_ms,
                    });
                }
                RecordBody::Broadcast(it) => state.broadcast = Some(it.frame()),
                RecordBody::Topic(it) => state.topic = Some(it.frame()),
                _ => {}
            }
        }
        state
    }

    /// A reply came into a thread or went out of it, or what it begins with is liked by more.
    fn thread_changed(&mut self, now: Now, record: &Record) {
        let root = match &record.body {
            RecordBody::Split(split) => return self.threads_split(now, split),
            RecordBody::Message(it) => it.thread(),
            // What was merged into it brings who likes that.
            RecordBody::Topic(it) if !it.merged.is_empty() => Some(OPENING),
            RecordBody::Delete { of, .. }
            | RecordBody::Held(Held { of: Some(of), .. })
            | RecordBody::Restore { of, .. } => self.thread_of(*of),
            _ => None,
        };
        if let Some(root) = root {
            self.tallies.changed(now, root);
        }
    }

    /// The threads that stay, of which replies went away.
    fn threads_split(&mut self, now: Now, split: &Split) {
        let root = |(of, _): &(Seq, Seq)| {
            let left = self.moved(*of)?;
            left.root.or(left.reply_to)
        };
        let roots: BTreeSet<Seq> = split.moved.iter().filter_map(root).collect();
        for root in roots.into_iter().filter(|it| split.place_of(*it).is_none()) {
            self.tallies.changed(now, root);
        }
    }

    /// What a committed record means for single members and for media.
    fn follow(&mut self, now: Now, record: &Record, fx: &mut Vec<Effect>) {
        match &record.body {
            RecordBody::Mute { who, .. } | RecordBody::Unmute { who } => {
                self.push_rights(now, &who.id, fx);
            }
            RecordBody::Kick { who, .. } => self.expel(now, &who.id, fx),
            RecordBody::Ban { who, .. } => {
                self.expel(now, &who.id, fx);
                for member in self.on_device_of(&who.id) {
                    self.expel(now, &member, fx);
                }
            }
            RecordBody::CoHost { .. } => self.hosts_changed(now, fx),
            RecordBody::Broadcast(_) => {
                self.hosts_changed(now, fx);
                let seq = record.seq;
                for (_, peer) in self.stage.dropping.extract_if(.., |it| it.0 <= seq) {
                    fx.push(broadcast::drop_publisher(peer, PeerEnd::Ended));
                }
            }
            _ => {}
        }
    }

    fn expel(&mut self, now: Now, member: &MemberId, fx: &mut Vec<Effect>) {
        // A ban that was lifted, or ran out, before it was on disk puts nobody out.
        let here = self.presence.who(member).cloned();
        let why = match &here {
            Some(who) => self.kept_out(&self.committed, now, who),
            None => moderation::banned(&self.committed, now, member),
        };
        self.measure(now);
        let Some(why) = why else { return };
        let connections = self.presence.expel(now, member);
        fx.push(Effect::Notify(Notify::Out {
            member: member.clone(),
            connections,
            why,
        }));
        if let Some(it) = self
            .stage
            .publisher
            .as_ref()
            .filter(|it| it.who.id == *member)
        {
            fx.push(broadcast::drop_publisher(
                it.peer.clone(),
                PeerEnd::NotPermitted,
            ));
        }
    }

    /// Who is host or co-host shows in marks and counts in rights.
    fn hosts_changed(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let is = self.committed.hosts();
        let was = std::mem::replace(&mut self.hosts_shown, is.clone());
        let all: BTreeSet<&MemberId> = was.keys().chain(is.keys()).collect();
        for member in all.into_iter().filter(|it| was.get(*it) != is.get(*it)) {
            self.presence.touch(now, member);
            self.push_rights(now, member, fx);
        }
    }

    /// Tells every connection of a member what they may do.
    pub(super) fn push_rights(&self, now: Now, member: &MemberId, fx: &mut Vec<Effect>) {
        let Some(who) = self.presence.who(member) else {
            return;
        };
        let standing = self.committed_standing(who);
        let can = rights::names(standing, &self.object(&self.committed, member));
        for connection in self.presence.connections(member) {
            let push = Push::Rights {
                a: self.meta.number,
                can: can.clone(),
                mark: standing.mark(),
                muted_until_ms: self.committed.muted_until(member, now.unix_ms),
            };
            fx.push(Effect::Push { connection, push });
        }
    }
}

pub(super) fn unavailable() -> Refusal {
    let words = "this could not be stored: nothing of it was kept, please try again";
    Refusal::new(Code::StorageUnavailable, words).after_ms(1_000)
}
