//! Replies of a topic that become a topic of their own. They move: their words, likes and authors are there from
//! then on, and here each leaves its place, which says where it is.
//!
//! Two logs change, in one transaction: the one of this topic, by its room, and that of the new one, which nobody
//! can have awake, since there is none before. So nothing can come between, and whatever was acknowledged
//! before is in what moves.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    Code, Refusal, Seq, Slug, limits,
    topic::{OPENING, TopicKind},
};

use super::{Room, topic};
use crate::{
    command::Origin,
    effect::{Place, RowChange, SplitOff},
    member::Person,
    now::Now,
    record::{Message, Moved, Record, RecordBody, Split, Topic, TopicPlace},
    text,
};

/// A topic as somebody wishes to make it of replies of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplit {
    /// Its address. There must be no room by that name.
    pub slug: Slug,
    pub kind: TopicKind,
    pub title: String,
    pub board: Option<Slug>,
    pub tags: Vec<String>,
    /// INVARIANT: in order and each once.
    seqs: Vec<Seq>,
}

impl NewSplit {
    /// The same of these replies, in whatever order they were named; or why there is none.
    pub fn of(mut self, mut seqs: Vec<Seq>) -> Result<Self, Refusal> {
        seqs.sort_unstable();
        seqs.dedup();
        if seqs.is_empty() {
            let words = "say which replies the topic is made of";
            return Err(Refusal::new(Code::Empty, words));
        }
        let most = limits::SPLIT_REPLIES_MAX;
        if seqs.len() > most {
            let words =
                format!("up to {most} replies are split at once: take fewer, then the rest");
            return Err(Refusal::new(Code::TooLong, words));
        }
        topic::title(&self.title)?;
        text::tags(&self.tags)?;
        self.seqs = seqs;
        Ok(self)
    }

    /// The same of none yet.
    pub const fn new(slug: Slug, kind: TopicKind, title: String) -> Self {
        Self {
            slug,
            kind,
            title,
            board: None,
            tags: Vec::new(),
            seqs: Vec::new(),
        }
    }

    /// The replies that it is made of, in order and each once.
    pub fn seqs(&self) -> &[Seq] {
        &self.seqs
    }
}

/// A reply as it moves.
struct Reply {
    was: Seq,
    at_ms: u64,
    author: Person,
    message: Message,
}

impl Room {
    pub(super) fn split_topic(&self, from: &Origin, new: &NewSplit) -> Result<RecordBody, Refusal> {
        let topic = self.topic_to_keep(from)?;
        self.check_not_merged()?;
        if topic.locked {
            let words = "this topic is locked: unlock it, then split it";
            return Err(Refusal::new(Code::Locked, words));
        }
        let title = topic::title(&new.title)?;
        let mut moved = Vec::with_capacity(new.seqs.len());
        for (seq, is) in new.seqs.iter().zip(OPENING..) {
            self.check_moves(topic, *seq)?;
            moved.push((*seq, is));
        }
        Ok(RecordBody::Split(Split {
            to: new.slug.clone(),
            title,
            moved,
        }))
    }

    fn check_moves(&self, topic: &Topic, seq: Seq) -> Result<(), Refusal> {
        if seq == OPENING {
            let words = "what a topic begins with stays in it: leave it out";
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        if topic.accepted.as_ref().is_some_and(|it| it.0 == seq) {
            let words = format!("reply {seq} is accepted here: take that back, or leave it out");
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        self.message(seq).map(drop).map_err(|it| {
            let words = format!("reply {seq}: {}", it.say);
            Refusal::new(it.code, words)
        })
    }

    /// Where a message went that is in another topic now.
    pub(super) fn moved(&self, seq: Seq) -> Option<Moved> {
        let pending = self.pending.records().find_map(|it| match &it.body {
            RecordBody::Split(split) => split.left(seq, None, None),
            _ => None,
        });
        pending.or_else(|| match self.ring.get(seq).map(|it| &it.body) {
            Some(RecordBody::Moved(it)) => Some(it.clone()),
            Some(_) => None,
            None => self.aside.moved(seq).cloned(),
        })
    }

    /// What is kept of the new topic, and what is left here.
    pub(super) fn split_rows(
        &self,
        now: Now,
        author: &Person,
        new: &NewSplit,
        split: &Split,
    ) -> Vec<RowChange> {
        let replies = self.replies_that_move(split);
        let mut rows = Vec::new();
        let mut places = Vec::with_capacity(replies.len());
        for it in &replies {
            let Some(left) = split.left(it.was, it.message.reply_to, it.message.root) else {
                continue;
            };
            places.push(Place {
                was: it.was,
                is: left.seq,
                left: RecordBody::Moved(left),
            });
            // What the last edit said is nowhere but in the message.
            rows.extend(it.message.last_edit.map(|seq| RowChange::Erase {
                seq,
                left: it.message.superseded(it.was),
            }));
            rows.extend(it.message.thread().map(|root| RowChange::Reply {
                root,
                seq: it.was,
                on: false,
            }));
        }
        let Some(first) = replies.first() else {
            return rows;
        };
        let words = first.message.text.clone();
        let excerpt = self.short(&words);
        let topic = self.split_off(first, new, split, &words);
        let mut records = vec![self.first_record(now, author, topic)];
        records.extend(self.moved_records(split, replies));
        let threads = records.iter().filter_map(|it| match &it.body {
            RecordBody::Message(message) => Some((message.thread()?, it.seq)),
            _ => None,
        });
        let split_off = SplitOff {
            slug: new.slug.clone(),
            guests: self.meta.guests,
            by: author.id.clone(),
            at_ms: now.unix_ms,
            excerpt,
            threads: threads.collect(),
            places,
            records,
        };
        // First, so that what hangs on the messages goes with them.
        rows.insert(0, RowChange::SplitOff(Box::new(split_off)));
        rows
    }

    fn replies_that_move(&self, split: &Split) -> Vec<Reply> {
        let reply = |(was, _): &(Seq, Seq)| {
            let (author, message) = self.message(*was).ok()?;
            let at_ms = self.said_at(*was)?;
            Some(Reply {
                was: *was,
                at_ms,
                author,
                message,
            })
        };
        split.moved.iter().filter_map(reply).collect()
    }

    /// The new topic. Who wrote what it begins with started it: it is their question, and theirs to change.
    fn split_off(&self, first: &Reply, new: &NewSplit, split: &Split, words: &str) -> Topic {
        let from = self.decided.topic.as_ref().map(|it| TopicPlace {
            room: self.meta.number,
            slug: self.meta.slug.clone(),
            title: it.title.clone(),
        });
        Topic {
            kind: new.kind,
            title: split.title.clone(),
            by: first.author.clone(),
            made_ms: first.at_ms,
            board: new.board.clone(),
            tags: topic::tags_of(&new.tags, words).unwrap_or_default(),
            status: topic::beginning(new.kind),
            reason: Arc::from(""),
            accepted: None,
            locked: false,
            pinned: false,
            featured: false,
            from: None,
            into: None,
            merged: Arc::default(),
            recap_of: None,
            split_from: from,
            at: None,
        }
    }

    fn first_record(&self, now: Now, author: &Person, topic: Topic) -> Record {
        Record {
            seq: OPENING - 1,
            circle: self.meta.circle,
            at_ms: now.unix_ms,
            pos: None,
            author: author.clone(),
            client_id: None,
            body: RecordBody::Topic(topic),
        }
    }

    /// The replies as the new log has them: replies to each other are so there too, and what was a reply to
    /// something that stays is one to nothing.
    fn moved_records(&self, split: &Split, replies: Vec<Reply>) -> Vec<Record> {
        let mut roots: BTreeMap<Seq, Option<Seq>> = BTreeMap::new();
        let mut records = Vec::with_capacity(replies.len());
        for (it, seq) in replies.into_iter().zip(OPENING..) {
            let mut message = it.message;
            // An answer to how it begins is simply a reply there.
            let there = |of: Option<Seq>| {
                let place = of.and_then(|of| split.place_of(of));
                place.filter(|it| *it != OPENING)
            };
            let parent = there(message.reply_to).or_else(|| there(message.root));
            message.root = parent.and_then(|parent| *roots.get(&parent)?);
            message.reply_to = parent;
            message.last_edit = None;
            message.restored = false;
            message.held = None;
            roots.insert(seq, message.thread());
            records.push(Record {
                seq,
                circle: self.meta.circle,
                at_ms: it.at_ms,
                pos: None,
                author: it.author,
                // A client id is known where it was said.
                client_id: None,
                body: RecordBody::Message(message),
            });
        }
        records
    }
}
