//! Notices: whom a record is news to wherever they are, because it names them, replies to them or takes
//! up their question. Decided with the record and stored in its transaction, so that none is lost
//! and none is there twice. Whether somebody has an inbox (members do, guests do not) is the store's
//! to know.

use std::{collections::BTreeSet, sync::Arc};

use protocol::{
    Code, MemberId, Refusal, Seq, limits, notices::NoticeKind, server::QuestionPhase,
    topic::OPENING,
};

use super::Room;
use crate::{
    effect::{Notice, RowChange},
    fault::{self, Fault},
    member::Person,
    now::Now,
    record::{Addressed, Message, RecordBody},
};

impl Room {
    /// The first of these people whom the room must be told of before it can name them.
    pub(super) fn stranger(&self, to: &[MemberId]) -> Option<MemberId> {
        to.iter()
            .take(limits::MENTIONS_MAX)
            .find(|it| self.name_of(it).is_none())
            .cloned()
    }

    /// Those whom a message is to name, each once, as they are called now.
    pub(super) fn addressed(&self, to: &[MemberId]) -> Result<Arc<[Addressed]>, Refusal> {
        if to.len() > limits::MENTIONS_MAX {
            let words = format!("a message names up to {} people", limits::MENTIONS_MAX);
            return Err(Refusal::new(Code::TooLong, words));
        }
        let mut named = BTreeSet::new();
        to.iter()
            .filter(|it| named.insert(*it))
            .map(|id| {
                let name = self.name_of(id).ok_or_else(|| {
                    Refusal::new(
                        Code::NotFound,
                        "somebody whom this names is not here any more",
                    )
                })?;
                Ok(Addressed {
                    id: id.clone(),
                    name,
                })
            })
            .collect()
    }

    fn name_of(&self, id: &MemberId) -> Option<Arc<str>> {
        let who = self.presence.who(id).or_else(|| self.aside.member(id));
        who.map(|it| it.name.clone())
    }

    /// What a new record changes in inboxes.
    pub(super) fn notices(
        &self,
        now: Now,
        seq: Seq,
        author: &Person,
        body: &RecordBody,
    ) -> Vec<RowChange> {
        let tell = |member: &MemberId, kind, seq, text: &Arc<str>| {
            let is_told = *member != author.id && self.decided.ban(member, now.unix_ms).is_none();
            is_told.then(|| {
                RowChange::Notice(Notice {
                    member: member.clone(),
                    kind,
                    seq,
                    at_ms: now.unix_ms,
                    from: author.clone(),
                    text: self.short(text),
                })
            })
        };
        match body {
            RecordBody::Message(it) => {
                let named = it.to.iter().map(|it| &it.id);
                let mut told: Vec<RowChange> = named
                    .filter_map(|id| tell(id, NoticeKind::Mention, seq, &it.text))
                    .collect();
                // Who is named and replied to is told once.
                let replied = it.reply_to.and_then(|it| self.message(it).ok());
                let replied = replied
                    .filter(|(whom, _)| !it.names(&whom.id) && !fault::is(Fault::ReplyNotTold));
                told.extend(
                    replied.and_then(|(whom, _)| tell(&whom.id, NoticeKind::Reply, seq, &it.text)),
                );
                told.extend(self.board_notices(now, seq, author, &it.text));
                told
            }
            RecordBody::Question {
                of,
                to: QuestionPhase::Picked,
                ..
            } => {
                let asked = self.decided.question(*of);
                let picked = asked.and_then(|(whom, question)| {
                    tell(&whom.id, NoticeKind::Picked, *of, &question.text)
                });
                picked.into_iter().collect()
            }
            RecordBody::Edit {
                of,
                text: Some(text),
                ..
            } => {
                let is_told_of = self.message(*of).is_ok_and(|(_, it)| {
                    self.is_told_of(*of, &it) && !fault::is(Fault::NoticeKeepsEdited)
                });
                is_told_of
                    .then(|| RowChange::NoticeText {
                        seq: *of,
                        text: self.short(text),
                    })
                    .into_iter()
                    .collect()
            }
            RecordBody::Topic(next) => self.topic_notices(now, seq, author, next),
            // What comes back says again what its delete took from the notice.
            RecordBody::Restore {
                of,
                kept: Some(kept),
            } if self.is_told_of(*of, &kept.message) => vec![RowChange::NoticeText {
                seq: *of,
                text: self.short(&kept.message.text),
            }],
            _ => Vec::new(),
        }
    }

    /// Whether somebody may have a notice of that message.
    fn is_told_of(&self, seq: Seq, it: &Message) -> bool {
        let begins = self.is_topic() && seq == OPENING;
        begins || it.reply_to.is_some() || !it.to.is_empty() || it.question.is_some()
    }
}

impl Message {
    fn names(&self, id: &MemberId) -> bool {
        self.to.iter().any(|it| it.id == *id)
    }
}
