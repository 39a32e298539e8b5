//! Hold for review (待审): what a rule holds, or a person takes out, waits in a record that nobody
//! sees, until somebody who runs the room allows or refuses it.

use std::sync::Arc;

use protocol::{
    Code, Refusal, Seq,
    client::ReviewAct,
    limits,
    server::{HeldItem, HeldPage, HeldWhy, Push, QuestionPhase, Reply, Rules, RulesNow},
};

use super::{Room, client_ids::First, facts::Waiting, pending::Outcome as Answer, rule_book};
use crate::{
    command::{Command, Origin},
    effect::{Effect, RowChange},
    member::{Person, Who},
    now::Now,
    record::{Held, Kept, Media, Message, Outcome, Record, RecordBody},
    rights::Verb,
    text,
};

impl Room {
    pub(super) fn set_rules(&self, from: &Origin, rules: &Rules) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Rules)?;
        Ok(RecordBody::Rules(Some(Arc::new(rule_book::fit(rules)?))))
    }

    /// Why a text is to be held, if it is.
    pub(super) fn held_by_rules(
        &self,
        now: Now,
        who: &Who,
        words: &str,
    ) -> Result<Option<HeldWhy>, Refusal> {
        if self.standing(who).runs_the_room() {
            return Ok(None);
        }
        let held = match &self.decided.rules {
            Some(book) => book.check(who.role, words)?,
            None => None,
        };
        let network = || self.comes_from_banned_network(now, who);
        let held = held.or_else(|| network().then_some(HeldWhy::Network));
        if held.is_some() {
            self.check_may_hold()?;
        }
        Ok(held)
    }

    pub(super) fn hold_new(
        &self,
        who: &Who,
        message: Message,
        why: HeldWhy,
    ) -> Result<RecordBody, Refusal> {
        let kept = Kept {
            author: self.person(who),
            message,
            asked: None,
        };
        Ok(holds(None, why, kept))
    }

    /// A message that is seen goes out of sight, with its words or with those of an edit.
    pub(super) fn hold_seen(
        &self,
        of: Seq,
        why: HeldWhy,
        edited: Option<(Arc<str>, Media)>,
    ) -> Result<RecordBody, Refusal> {
        let (author, mut message) = self.message(of)?;
        if let Some((words, media)) = edited {
            message.text = words;
            message.media = media;
            message.edits += 1;
        }
        let kept = self.kept_of(of, author, message);
        Ok(holds(Some(of), why, kept))
    }

    pub(super) fn hold(&self, from: &Origin, of: Seq) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Review)?;
        let (author, _) = self.message(of)?;
        let object = self.message_object(from, &author);
        self.check_object(&from.who, Verb::DeleteAny, &object)?;
        self.check_may_hold()?;
        self.hold_seen(of, HeldWhy::Person, None)
    }

    pub(super) fn review(
        &self,
        from: &Origin,
        of: Seq,
        act: ReviewAct,
        reason: &str,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Review)?;
        let Some(waiting) = self.decided.held.get(&of) else {
            let words = "this message does not wait for review any more";
            return Err(Refusal::new(Code::NoSuchMessage, words));
        };
        if waiting.kept.author.id == from.who.id {
            let words = "somebody else reviews what one wrote";
            return Err(Refusal::new(Code::NotPermitted, words));
        }
        let outcome = Outcome {
            allowed: act == ReviewAct::Allow,
            reason: text::reason(reason)?.into(),
        };
        Ok(RecordBody::Review { of, outcome })
    }

    /// The record that follows from a review: the message itself, by its writer.
    pub(super) fn follows_review(&self, body: &RecordBody) -> Option<(Person, RecordBody)> {
        let RecordBody::Review { of, outcome } = body else {
            return None;
        };
        let waiting = self.decided.held.get(of).filter(|_| outcome.allowed)?;
        let mut kept = waiting.kept.clone();
        let author = kept.author.clone();
        let body = match waiting.of {
            Some(seen) => restore(seen, kept),
            None => {
                let full = self.check_may_ask().is_err();
                kept.message.question = kept.message.question.filter(|_| !full);
                kept.message.held = Some(*of);
                RecordBody::Message(kept.message)
            }
        };
        Some((author, body))
    }

    /// What records of order change in older rows.
    pub(super) fn order_revised(&self, seq: Seq, body: &RecordBody) -> Vec<RowChange> {
        match body {
            RecordBody::Review { of, outcome } => {
                let Some(it) = self.decided.held.get(of) else {
                    return Vec::new();
                };
                let left = Held::reviewed(it.of, it.why, outcome.clone());
                vec![RowChange::Erase {
                    seq: *of,
                    left: RecordBody::Held(left),
                }]
            }
            RecordBody::Restore {
                of,
                kept: Some(kept),
            } => {
                let mut message = kept.message.clone();
                message.restore(seq, kept);
                let body = RecordBody::Message(message);
                let back = RowChange::Revise { seq: *of, body };
                let gone = self.decided.undo.get(of);
                let gone = gone.map(|it| super::undo::erased(it.delete, *of));
                std::iter::once(back).chain(gone).collect()
            }
            RecordBody::Rules(Some(_)) => {
                let before = self.decided.rules.as_ref();
                let erase = |it: &rule_book::RuleBook| RowChange::Erase {
                    seq: it.record,
                    left: RecordBody::Rules(None),
                };
                before.map(erase).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a client id that was heard before is answered with.
    pub(super) fn answer_again(&self, command: &Command, first: First) -> Answer {
        let says = matches!(
            command,
            Command::Publish { .. } | Command::Share { .. } | Command::Edit { .. }
        );
        let pending = || {
            let found = self.pending.records().find(|it| it.seq == first.seq)?;
            match &found.body {
                RecordBody::Held(it) => Some(it),
                _ => None,
            }
        };
        match self.ring.held(first.seq).or_else(pending).filter(|_| says) {
            None => Answer::Dup(first),
            Some(it) => match &it.outcome {
                None => Answer::Held(first),
                Some(it) if it.allowed => Answer::Dup(first),
                Some(it) => Answer::Refused(refused(it)),
            },
        }
    }

    /// Answers with a page of what waits, as it is committed, oldest first.
    pub(super) fn answer_held(&self, from: &Origin, after: Option<Seq>, fx: &mut Vec<Effect>) {
        let outcome = self.check(&from.who, Verb::Review).map(|()| {
            let held = &self.committed.held;
            let above = held.range(after.map_or(0, |it| it.saturating_add(1))..);
            Reply::HeldPage(HeldPage {
                held: above
                    .take(limits::HELD_PAGE_MAX)
                    .map(|(seq, it)| item(*seq, it))
                    .collect(),
                count: u32::try_from(held.len()).unwrap_or(u32::MAX),
            })
        });
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
    }

    pub(super) fn answer_rules(&self, from: &Origin, fx: &mut Vec<Effect>) {
        let outcome = self.check(&from.who, Verb::Rules).map(|()| {
            let book = self.committed.rules.as_ref();
            let rules = book.map_or_else(Rules::default, |it| Rules::clone(&it.rules));
            Reply::RulesNow(RulesNow { rules })
        });
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
    }

    /// A committed record that holds a message, or a review: those whom it concerns hear of it.
    pub(super) fn tell_of_held(
        &self,
        record: &Record,
        writer: Option<Person>,
        fx: &mut Vec<Effect>,
    ) {
        let a = self.meta.number;
        let (writer, push) = match &record.body {
            RecordBody::Held(_) => {
                // It may have been reviewed in the same commit: that is told then.
                let Some(waiting) = self.committed.held.get(&record.seq) else {
                    return;
                };
                let item = item(record.seq, waiting);
                (Some(waiting.kept.author.id.clone()), Push::Held { a, item })
            }
            RecordBody::Review { of, outcome } => {
                let push = Push::Reviewed {
                    a,
                    of: *of,
                    act: if outcome.allowed {
                        ReviewAct::Allow
                    } else {
                        ReviewAct::Refuse
                    },
                    by: record.author.frame(),
                    reason: outcome.reason.to_string(),
                };
                (writer.map(|it| it.id), push)
            }
            _ => return,
        };
        let own = writer.iter().flat_map(|it| self.presence.connections(it));
        let mut connections: Vec<u64> = self.who_runs_it().chain(own).collect();
        connections.sort_unstable();
        connections.dedup();
        for connection in connections {
            let push = push.clone();
            fx.push(Effect::Push { connection, push });
        }
    }

    /// A message apart from the talk, with what brings it back as it was.
    pub(super) fn kept_of(&self, of: Seq, author: Person, message: Message) -> Kept {
        let asked = self.decided.questions.get(&of);
        Kept {
            author,
            message,
            asked: asked.map(|it| (it.at_ms, it.pos)),
        }
    }

    fn check_may_hold(&self) -> Result<(), Refusal> {
        if self.decided.held.len() < limits::HELD_MAX {
            return Ok(());
        }
        let words = "so many messages wait for review that no more are taken in: try again later";
        Err(Refusal::new(Code::Busy, words).after_ms(30_000))
    }
}

/// A message that comes back. Another question may be the one that is answered by now.
pub(super) fn restore(of: Seq, mut kept: Kept) -> RecordBody {
    if kept.message.question == Some(QuestionPhase::Picked) {
        kept.message.question = Some(QuestionPhase::Asked);
    }
    RecordBody::Restore {
        of,
        kept: Some(kept),
    }
}

fn holds(of: Option<Seq>, why: HeldWhy, kept: Kept) -> RecordBody {
    RecordBody::Held(Held {
        of,
        why,
        kept: Some(kept),
        outcome: None,
    })
}

fn item(seq: Seq, it: &Waiting) -> HeldItem {
    HeldItem {
        s: seq,
        t: it.at_ms,
        u: it.kept.author.frame(),
        text: it.kept.message.text.to_string(),
        card: it.kept.message.card.as_ref().map(|it| it.frame()),
        why: it.why,
        of: it.of,
    }
}

fn refused(outcome: &Outcome) -> Refusal {
    let why = if outcome.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", outcome.reason)
    };
    let words = format!("who runs this room did not let this message through{why}");
    Refusal::new(Code::ReviewRefused, words)
}
