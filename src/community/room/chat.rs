//! Messages: publish, edit, delete.

use protocol::{Code, MemberId, Refusal, Seq, server::QuestionPhase};

use super::Room;
use crate::{
    command::Origin,
    effect::RowChange,
    member::Person,
    now::Now,
    record::{Held, Message, Record, RecordBody},
    rights::{Object, Verb},
};

/// What somebody wishes to say.
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    pub(super) reply_to: Option<Seq>,
    /// Asked of the host.
    pub(super) question: bool,
    /// What a card beside the text says.
    pub(super) beside: String,
    /// Whom it names.
    pub(super) to: &'a [MemberId],
}

impl Room {
    pub(super) fn publish(
        &self,
        now: Now,
        from: &Origin,
        said: Said<'_>,
    ) -> Result<RecordBody, Refusal> {
        self.check_joined(from)?;
        self.check(&from.who, Verb::Talk)?;
        self.check_not_muted(now, from)?;
        self.check_mode(&from.who, said.question)?;
        let words = self.fit(said.text)?;
        let hold = if said.beside.is_empty() {
            self.held_by_rules(now, &from.who, &words)?
        } else {
            let all = format!("{words}\n{}", said.beside);
            self.held_by_rules(now, &from.who, &all)?
        };
        let root = match said.reply_to {
            Some(seq) => self.message(seq)?.1.thread(),
            None => None,
        };
        let to = self.addressed(said.to)?;
        self.check_rate(now, from)?;
        if !from.who.role.is_staff() {
            let gap_ms = self.decided.slow_mode_ms;
            let wait_ms = self.pace.wait_ms(&from.who.id, gap_ms, now);
            if wait_ms > 0 {
                let words = format!("slow mode: you can post again in {}", super::span(wait_ms));
                return Err(Refusal::new(Code::SlowMode, words).after_ms(wait_ms));
            }
        }
        let media = self.media(now, &from.who, &words, &[])?;
        let mut message = Message::new(words.into(), said.reply_to);
        message.md = self.is_topic();
        message.media = media;
        message.root = root;
        message.to = to;
        if said.question {
            self.check_may_ask()?;
            message.question = Some(QuestionPhase::Asked);
        }
        match hold {
            Some(why) => self.hold_new(&from.who, message, why),
            None => Ok(RecordBody::Message(message)),
        }
    }

    pub(super) fn edit(
        &self,
        now: Now,
        from: &Origin,
        of: Seq,
        words: &str,
    ) -> Result<RecordBody, Refusal> {
        self.check_joined(from)?;
        self.check(&from.who, Verb::Talk)?;
        self.check_not_muted(now, from)?;
        let (author, was) = self.message(of)?;
        self.check_object(&from.who, Verb::Edit, &self.message_object(from, &author))?;
        self.check_mode(&from.who, true)?;
        let words = self.fit(words)?;
        let hold = self.held_by_rules(now, &from.who, &words)?;
        self.check_rate(now, from)?;
        let media = self.media(now, &from.who, &words, &was.media)?;
        if let Some(why) = hold {
            return self.hold_seen(of, why, Some((words.into(), media)));
        }
        Ok(RecordBody::Edit {
            of,
            text: Some(words.into()),
            md: self.is_topic(),
            media,
        })
    }

    /// Not too fast: what one types passes, what a program types does not.
    fn check_rate(&self, now: Now, from: &Origin) -> Result<(), Refusal> {
        if self.standing(&from.who).runs_the_room() {
            return Ok(());
        }
        let wait_ms = self
            .pace
            .free_in_ms(&from.who.id, self.meta.rates.talk, now);
        if wait_ms == 0 {
            return Ok(());
        }
        let words = format!("that was too fast: go on in {}", super::span(wait_ms));
        Err(Refusal::new(Code::RateLimited, words).after_ms(wait_ms))
    }

    pub(super) fn delete(&self, now: Now, from: &Origin, of: Seq) -> Result<RecordBody, Refusal> {
        self.check_joined(from)?;
        let (author, message) = self.message(of)?;
        self.check_object(&from.who, Verb::Delete, &self.message_object(from, &author))?;
        let undo = self.undo_of(now, of, author, message);
        Ok(RecordBody::Delete { of, undo })
    }

    /// What an edit or delete changes in the log's older rows.
    pub(super) fn revisions(&self, seq: Seq, body: &RecordBody) -> Vec<RowChange> {
        let (RecordBody::Edit { of, .. }
        | RecordBody::Delete { of, .. }
        | RecordBody::Held(Held { of: Some(of), .. })) = body
        else {
            return Vec::new();
        };
        let Ok((_, mut message)) = self.message(*of) else {
            return Vec::new();
        };
        let before = message.last_edit;
        let superseded = message.superseded(*of);
        match body {
            RecordBody::Edit {
                text: Some(text),
                media,
                ..
            } => {
                message.revise(seq, text.clone(), media.clone());
                let revised = RowChange::Revise {
                    seq: *of,
                    body: RecordBody::Message(message),
                };
                let older = before.map(|seq| RowChange::Revise {
                    seq,
                    body: superseded,
                });
                std::iter::once(revised).chain(older).collect()
            }
            _ => {
                message.erase(seq);
                let erased = RowChange::Erase {
                    seq: *of,
                    left: RecordBody::Message(message),
                };
                let older = before.map(|seq| RowChange::Erase {
                    seq,
                    left: superseded,
                });
                std::iter::once(erased).chain(older).collect()
            }
        }
    }

    /// A reply that comes into a thread, or goes out of it.
    pub(super) fn thread_revised(&self, seq: Seq, body: &RecordBody) -> Option<RowChange> {
        match body {
            RecordBody::Message(it) => {
                let root = it.thread()?;
                Some(RowChange::Reply {
                    root,
                    seq,
                    on: true,
                })
            }
            RecordBody::Delete { of, .. } | RecordBody::Held(Held { of: Some(of), .. }) => {
                let root = self.thread_of(*of)?;
                Some(RowChange::Reply {
                    root,
                    seq: *of,
                    on: false,
                })
            }
            RecordBody::Restore {
                of,
                kept: Some(kept),
            } => {
                let root = kept.message.thread()?;
                Some(RowChange::Reply {
                    root,
                    seq: *of,
                    on: true,
                })
            }
            _ => None,
        }
    }

    /// The message whose thread that one is in.
    pub(super) fn thread_of(&self, seq: Seq) -> Option<Seq> {
        self.kept(seq)?.1.thread()
    }

    /// A message in the form that everything decided so far gives it.
    pub(super) fn message(&self, seq: Seq) -> Result<(Person, Message), Refusal> {
        let gone = || {
            let words = match self.moved(seq) {
                Some(it) => format!("this is in “{}” now: {}", it.title, it.address()),
                None => "this message is not there any more".to_owned(),
            };
            Refusal::new(Code::NoSuchMessage, words)
        };
        let (author, mut message) = self.kept(seq).ok_or_else(gone)?;
        for record in self.pending.records().filter(|it| it.seq > seq) {
            match &record.body {
                RecordBody::Edit {
                    of,
                    text: Some(text),
                    media,
                    ..
                } if *of == seq => {
                    message.revise(record.seq, text.clone(), media.clone());
                }
                RecordBody::Delete { of, .. } | RecordBody::Held(Held { of: Some(of), .. })
                    if *of == seq =>
                {
                    message.erase(record.seq);
                }
                RecordBody::Restore {
                    of,
                    kept: Some(kept),
                } if *of == seq => message.restore(record.seq, kept),
                RecordBody::Question { of, to, done } => {
                    message.question_moved(seq, *of, *to, *done)
                }
                RecordBody::Split(split) if split.place_of(seq).is_some() => {
                    message.erase(record.seq);
                }
                _ => {}
            }
        }
        if message.deleted {
            Err(gone())
        } else {
            Ok((author, message))
        }
    }

    /// A message as it was kept, before what is pending changes it.
    fn kept(&self, seq: Seq) -> Option<(Person, Message)> {
        let found = self
            .ring
            .get(seq)
            .or_else(|| self.pending.records().find(|it| it.seq == seq));
        match found.map(|it| &**it) {
            Some(Record {
                author,
                body: RecordBody::Message(message),
                ..
            }) => Some((author.clone(), message.clone())),
            Some(_) => None,
            None => self
                .aside
                .message(seq)
                .map(|(author, it)| (author.clone(), it.clone())),
        }
    }

    /// When a message was said.
    pub(super) fn said_at(&self, seq: Seq) -> Option<u64> {
        let found = self
            .ring
            .get(seq)
            .or_else(|| self.pending.records().find(|it| it.seq == seq));
        found.map(|it| it.at_ms).or_else(|| self.aside.said_at(seq))
    }

    pub(super) fn message_object(&self, from: &Origin, author: &Person) -> Object {
        let who = self
            .presence
            .who(&author.id)
            .cloned()
            .unwrap_or_else(|| author.who());
        Object::Message {
            own: author.id == from.who.id,
            author: self.standing(&who),
        }
    }

    /// Whether the room can tell what this seq is without the log.
    pub(super) fn remembers(&self, seq: Seq) -> bool {
        seq == 0
            || seq > self.decided.seq
            || self
                .ring
                .first()
                .map_or(seq > self.committed.seq, |first| seq >= first)
            || self.aside.message(seq).is_some()
            || self.aside.moved(seq).is_some()
    }
}
