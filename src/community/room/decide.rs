//! From a command to a record or a refusal, and the checks that several commands share.

use std::sync::Arc;

use protocol::{
    Code, MemberId, Refusal,
    server::{Phase, RoomMode},
};

use super::{
    Room,
    broadcast::Said,
    card::Shared,
    chat,
    client_ids::First,
    commit,
    facts::Facts,
    pending::{Decided, Outcome},
    polls,
};
use crate::{
    command::{Command, Origin},
    effect::{Effect, RowChange},
    fault::{self, Fault},
    member::{Person, Role, Who},
    now::Now,
    record::{Record, RecordBody},
    rights::{self, Object, Standing, Verb},
};

impl Room {
    pub(super) fn record(
        &mut self,
        now: Now,
        from: &Origin,
        command: Command,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.check_takes(from, &command) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: Err(refusal),
            });
            return;
        }
        let first = command
            .client_id()
            .and_then(|it| self.client_ids.get(&from.who.id, it));
        if let Some(first) = first {
            let outcome = self.answer_again(&command, first);
            self.answer_in_order(from, command, outcome, fx);
            return;
        }
        let decided = self.decide(now, from, &command);
        if let Command::Mute { who, .. }
        | Command::Kick { who, .. }
        | Command::Ban { who, .. }
        | Command::CoHost { who, .. } = &command
        {
            self.aside.forget_member(who);
        }
        self.aside.forget_uploads();
        self.aside.forget_board();
        if let Command::Publish { to, .. } = &command {
            to.iter().for_each(|it| self.aside.forget_member(it));
        }
        match decided {
            Ok(body) => {
                let author = self.person(&from.who);
                let opening = Self::opening(&command).map(|it| (author.clone(), it));
                let follows = self.follows_review(&body).or(opening);
                self.keep(now, author, Some((from.clone(), command)), body, fx);
                // In the same append, so that both are on disk or none.
                if let Some((author, body)) = follows {
                    self.keep(now, author, None, body, fx);
                }
            }
            Err(refusal) => self.answer_in_order(from, command, Outcome::Refused(refusal), fx),
        }
    }

    pub(super) fn decide(
        &self,
        now: Now,
        from: &Origin,
        command: &Command,
    ) -> Result<RecordBody, Refusal> {
        if let Command::Forget { of, .. } = command {
            return self.forget(from, *of);
        }
        self.check_not_banned(now, &from.who)?;
        match command {
            Command::Publish {
                text,
                reply_to,
                question,
                to,
                ..
            } => {
                let said = chat::Said {
                    beside: String::new(),
                    text,
                    reply_to: *reply_to,
                    question: *question,
                    to,
                };
                self.publish(now, from, said)
            }
            Command::Share {
                text,
                reply_to,
                card,
                ..
            } => {
                let shared = Shared {
                    text,
                    reply_to: *reply_to,
                    card,
                };
                self.share(now, from, shared)
            }
            Command::Edit { of, text, .. } => self.edit(now, from, *of, text),
            Command::Delete { of, .. } => self.delete(now, from, *of),
            Command::Undelete { of, .. } => self.undelete(now, from, *of),
            Command::Hold { of, .. } => self.hold(from, *of),
            Command::Review {
                of, act, reason, ..
            } => self.review(from, *of, *act, reason),
            Command::SetRules { rules, .. } => self.set_rules(from, rules),
            Command::Kick { who, reason, .. } => self.kick(now, from, who, reason),
            Command::Mute {
                who,
                for_ms,
                reason,
                ..
            } => self.mute(now, from, who, *for_ms, reason),
            Command::Unmute { who, .. } => self.unmute(from, who),
            Command::Ban {
                who,
                for_ms,
                reason,
                ..
            } => self.ban(now, from, who, *for_ms, reason),
            Command::Unban { who, .. } => self.unban(from, who),
            Command::SlowMode { gap_ms, auto, .. } => self.slow_mode(from, *gap_ms, *auto),
            Command::Mode { mode, for_ms, .. } => self.mode(now, from, *mode, *for_ms),
            Command::Pin { of, text, .. } => self.pin(from, *of, text.as_deref()),
            Command::Question { of, act, .. } => self.question(from, *of, *act),
            Command::CoHost { who, on, .. } => self.co_host(from, who, *on),
            Command::Poll {
                question,
                options,
                multiple,
                for_ms,
                ..
            } => {
                let asked = polls::Asked {
                    question,
                    options,
                    multiple: *multiple,
                    for_ms: *for_ms,
                };
                self.poll(now, from, &asked)
            }
            Command::ClosePoll { of, .. } => self.close_poll(from, *of),
            Command::StartTopic { topic, .. } => self.start_topic(now, from, topic),
            Command::Topic { act, .. } => self.topic_act(from, act),
            Command::TakeTopics { topics, on, .. } => self.take_topics(from, topics, *on),
            Command::MergeTopic { into, .. } => self.merge_topic(from, into.as_ref()),
            Command::SplitTopic { split, .. } => self.split_topic(from, split),
            Command::Broadcast {
                act,
                title,
                starts_ms,
                ..
            } => {
                let said = Said {
                    title: title.as_deref(),
                    starts_ms: *starts_ms,
                };
                self.broadcast_act(now, from, *act, said)
            }
            Command::Join { .. }
            | Command::Leave
            | Command::Burst { .. }
            | Command::Roster
            | Command::Who(_)
            | Command::Questions
            | Command::Held { .. }
            | Command::Rules
            | Command::Vote { .. }
            | Command::Like { .. }
            | Command::Forget { .. }
            | Command::Typing => {
                unreachable!("these are answered before, or without a record")
            }
        }
    }

    /// Makes the record of what was decided, and waits for its commit.
    pub(super) fn keep(
        &mut self,
        now: Now,
        author: Person,
        asked: Option<(Origin, Command)>,
        body: RecordBody,
        fx: &mut Vec<Effect>,
    ) {
        let seq = self.decided.seq + 1;
        let mut rows = self.revisions(seq, &body);
        rows.extend(self.pin_revised(&body));
        rows.extend(self.questions_revised(&body));
        rows.extend(self.poll_revised(&body));
        rows.extend(self.thread_revised(seq, &body));
        rows.extend(self.blobs_revised(seq, &body));
        rows.extend(self.order_revised(seq, &body));
        rows.extend(self.audience_revised(&body));
        rows.extend(self.topic_revised(now, seq, &author, &body));
        if let (RecordBody::Split(split), Some((_, Command::SplitTopic { split: new, .. }))) =
            (&body, &asked)
        {
            rows.extend(self.split_rows(now, &author, new, split));
        }
        let whose = self.whose(&body);
        rows.extend(self.notices(now, seq, &author, &body));
        let mut pos = self.decided.is_live().then(|| self.stage.played_ms(now));
        if let RecordBody::Broadcast(it) = &body {
            rows.push(RowChange::Broadcast(it.clone()));
            if it.phase == Phase::Live {
                pos = Some(it.played_ms);
            }
        }
        let client_id = asked.as_ref().and_then(|it| it.1.client_id().cloned());
        let (circle, at_ms) = (self.meta.circle, now.unix_ms);
        let record = Arc::new(Record {
            seq,
            circle,
            at_ms,
            pos,
            author,
            client_id,
            body,
        });
        rows.extend(self.act(&record, whose).map(RowChange::Audit));
        self.decided.apply(&record);
        let first = First { seq, at_ms };
        if let Some(client_id) = record.client_id.clone() {
            let pending = self.pending.records_len() + 1;
            self.client_ids
                .insert(record.author.id.clone(), client_id, first, pending);
        }
        match asked.as_ref() {
            Some((from, Command::Publish { .. } | Command::Share { .. })) => {
                self.pace.spoke(&record.author.id, now);
                self.pace
                    .talked(&record.author.id, self.meta.rates.talk, now);
                self.typing.stopped(now, &record.author.id);
                if !from.who.role.is_staff() {
                    self.talk.said(now);
                }
            }
            Some((_, Command::Edit { .. })) => {
                self.pace
                    .talked(&record.author.id, self.meta.rates.talk, now);
            }
            _ => {}
        }
        match &record.body {
            RecordBody::Delete { of, undo: Some(_) } => self.time_undo(now, *of),
            RecordBody::SlowMode { .. } => self.talk.gap_changed(now, asked.is_some()),
            RecordBody::Mode { .. } => self.time_mode(now),
            RecordBody::Poll(_) | RecordBody::PollClosed { .. } => self.time_polls(now),
            RecordBody::Broadcast(it) => {
                self.phase_entered(now, seq, it);
                self.audience_fits(now);
            }
            _ => {}
        }
        fx.push(Effect::Record(record.clone(), rows));
        let says = matches!(
            asked,
            Some((
                _,
                Command::Publish { .. } | Command::Share { .. } | Command::Edit { .. }
            ))
        );
        let outcome = match &record.body {
            RecordBody::Held(_) if says => Outcome::Held(first),
            _ => Outcome::New(first),
        };
        if let Some((from, _)) = asked.as_ref().filter(|_| fault::is(Fault::AckBeforeCommit)) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: outcome.clone().into_result(),
            });
        }
        self.pending.push(Decided {
            row: None,
            record: Some(record),
            asked,
            outcome,
        });
    }

    /// Answers after everything that the answer was decided upon.
    pub(super) fn answer_in_order(
        &mut self,
        from: &Origin,
        command: Command,
        outcome: Outcome,
        fx: &mut Vec<Effect>,
    ) {
        if self.pending.is_empty() {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: outcome.into_result(),
            });
        } else {
            let asked = Some((from.clone(), command));
            self.pending.push(Decided {
                row: None,
                record: None,
                asked,
                outcome,
            });
        }
    }

    pub(super) fn burst(&mut self, now: Now, from: &Origin, kind: &str, n: u32) {
        // A kind is text of a sort, so whoever may not speak may not send one.
        let may = self.check_joined(from).is_ok()
            && self.check(&from.who, Verb::React).is_ok()
            && (self.decided.mode.mode != RoomMode::Host
                || self.standing(&from.who).runs_the_room())
            && self.check_not_muted(now, from).is_ok();
        if may {
            let counted = self.bursts.add(kind, n, now);
            self.hearts_came(kind, counted);
        }
    }

    /// The first moment that a room is told starts its timers.
    pub(super) fn touch(&mut self, now: Now) {
        if !self.started {
            self.started = true;
            self.pace.start(now);
            self.time_mode(now);
            self.time_polls(now);
            self.time_undos(now);
            if self.decided.auto.is_some() {
                self.talk.gap_changed(now, true);
            }
            self.stage.start(&self.committed, now);
            self.audience_fits(now);
        }
        self.measure(now);
    }
}

/// Checks that several commands share.
impl Room {
    pub(super) fn check_works(&self) -> Result<(), Refusal> {
        if self.broken {
            Err(commit::unavailable())
        } else {
            Ok(())
        }
    }

    pub(super) fn check_takes(&self, from: &Origin, command: &Command) -> Result<(), Refusal> {
        self.check_works()?;
        if command.client_id().is_none_or(|it| !it.is_well_formed()) {
            return Err(Refusal::new(
                Code::Malformed,
                "cid must be a UUID with hyphens",
            ));
        }
        if self.pending.is_full_for(self.standing(&from.who)) {
            let words = "this room is very busy, please try again";
            return Err(Refusal::new(Code::Busy, words).after_ms(1_000));
        }
        Ok(())
    }

    pub(super) fn check_joined(&self, from: &Origin) -> Result<(), Refusal> {
        if self.presence.member(from.connection) == Some(&from.who.id) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::NotJoined,
            "this connection is not in the room: join it first",
        ))
    }

    pub(super) fn check(&self, who: &Who, verb: Verb) -> Result<(), Refusal> {
        self.check_object(who, verb, &self.object(&self.decided, &who.id))
    }

    pub(super) fn check_object(
        &self,
        who: &Who,
        verb: Verb,
        object: &Object,
    ) -> Result<(), Refusal> {
        rights::can(self.standing(who), verb, object).into_result()
    }

    pub(super) fn standing(&self, who: &Who) -> Standing {
        Standing {
            role: who.role,
            host: self.is_host(&self.decided, &who.id),
            co_host: self.decided.is_co_host(&who.id),
        }
    }

    pub(super) fn standing_or_guest(&self, who: Option<&Who>) -> Standing {
        who.map_or(
            Standing {
                role: Role::Guest,
                host: false,
                co_host: false,
            },
            |it| self.standing(it),
        )
    }

    pub(super) fn committed_standing(&self, who: &Who) -> Standing {
        Standing {
            role: who.role,
            host: self.is_host(&self.committed, &who.id),
            co_host: self.committed.is_co_host(&who.id),
        }
    }

    pub(super) fn is_host(&self, facts: &Facts, member: &MemberId) -> bool {
        // Who starts a topic keeps no order in it: that is for moderators.
        !self.is_topic() && self.meta.maker == *member
            || facts.current().is_some_and(|it| it.host.id == *member)
    }

    pub(super) fn person(&self, who: &Who) -> Person {
        Person {
            id: who.id.clone(),
            name: who.name.clone(),
            mark: self.standing(who).mark(),
        }
    }

    pub(super) fn committed_person(&self, who: &Who) -> Person {
        let mark = self.committed_standing(who).mark();
        Person {
            id: who.id.clone(),
            name: who.name.clone(),
            mark,
        }
    }
}
