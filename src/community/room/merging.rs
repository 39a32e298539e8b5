//! Topics that ask for the same: one is merged into another. Both stay rooms of their own, so that every address
//! leads where it led; what people like and follow is joined, and they write in one of them.
//!
//! Two logs take part, one after the other: first the topic that takes, then the one that is taken. What comes
//! between leaves both open, and the same wish again goes on from there.

use std::sync::Arc;

use protocol::{
    Code, Refusal, Seq, limits,
    topic::{MERGED, OPENING},
};

use super::Room;
use crate::{
    command::Origin,
    effect::{NoticeToBoard, RowChange},
    member::Person,
    now::Now,
    record::{RecordBody, Topic, TopicPlace},
    rights::Verb,
    text,
};

impl Room {
    /// Nobody writes in what was merged, nor likes anything there.
    pub(super) fn check_not_merged(&self) -> Result<(), Refusal> {
        let topic = self.decided.topic.as_ref();
        let Some(into) = topic.and_then(|it| it.into.as_ref()) else {
            return Ok(());
        };
        let words = format!("this topic was merged into “{}”: go on there", into.title);
        Err(Refusal::new(Code::Locked, words))
    }

    pub(super) fn take_topics(
        &self,
        from: &Origin,
        topics: &[TopicPlace],
        on: bool,
    ) -> Result<RecordBody, Refusal> {
        let topic = self.topic_to_keep(from)?;
        self.check_not_merged()?;
        let mut merged = topic.merged.to_vec();
        if on {
            for it in topics {
                self.check_another(it)?;
                if merged.iter().all(|known| known.room != it.room) {
                    merged.push(it.clone());
                }
            }
        } else {
            merged.retain(|it| topics.iter().all(|gone| gone.room != it.room));
        }
        let most = limits::TOPICS_MERGED_MAX;
        if merged.len() > most {
            let words = format!("up to {most} topics are merged into one");
            return Err(Refusal::new(Code::TooLong, words));
        }
        if merged.len() == topic.merged.len() {
            return Err(wrong("this topic is so already"));
        }
        Ok(RecordBody::Topic(Topic {
            merged: merged.into(),
            ..topic.clone()
        }))
    }

    pub(super) fn merge_topic(
        &self,
        from: &Origin,
        into: Option<&TopicPlace>,
    ) -> Result<RecordBody, Refusal> {
        let topic = self.topic_to_keep(from)?;
        match into {
            Some(_) => self.check_not_merged()?,
            None if topic.into.is_none() => return Err(wrong("this topic was not merged")),
            None => {}
        }
        if let Some(into) = into {
            self.check_another(into)?;
            if topic.merged.iter().any(|it| it.room == into.room) {
                return Err(wrong("that topic was merged into this one"));
            }
        }
        Ok(RecordBody::Topic(Topic {
            into: into.cloned(),
            ..topic.clone()
        }))
    }

    pub(super) fn topic_to_keep(&self, from: &Origin) -> Result<&Topic, Refusal> {
        let topic = self.topic_here()?;
        self.check(&from.who, Verb::Watch)?;
        self.check(&from.who, Verb::KeepTopic)?;
        Ok(topic)
    }

    fn check_another(&self, it: &TopicPlace) -> Result<(), Refusal> {
        if it.room == self.meta.number {
            return Err(wrong("a topic is not merged into itself"));
        }
        Ok(())
    }

    /// Those that a topic takes with this change of it.
    pub(super) fn topics_taken(&self, next: &Topic) -> Vec<RowChange> {
        let was = self.decided.topic.as_ref();
        let is_new = |it: &&TopicPlace| {
            was.is_none_or(|was| was.merged.iter().all(|known| known.room != it.room))
        };
        let taken = next.merged.iter().filter(is_new);
        taken
            .map(|it| RowChange::TookTopic { from: it.room })
            .collect()
    }

    /// What its starter wrote first is news to who follows the board.
    pub(super) fn board_notices(
        &self,
        now: Now,
        seq: Seq,
        author: &Person,
        words: &str,
    ) -> Option<RowChange> {
        let topic = self.decided.topic.as_ref()?;
        let board = topic.board.clone().filter(|_| seq == OPENING)?;
        Some(RowChange::NoticeToBoard(NoticeToBoard {
            board,
            seq,
            at_ms: now.unix_ms,
            from: author.clone(),
            text: self.short(words),
        }))
    }
}

/// What its starter is told of a topic that was merged.
pub(super) fn told(into: &TopicPlace) -> Arc<str> {
    text::short(&format!("{MERGED} {}", into.title))
}

fn wrong(words: &str) -> Refusal {
    Refusal::new(Code::WrongPhase, words)
}
