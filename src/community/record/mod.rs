//! Records: what a room's log keeps. They outlive the wire's version, so they are types of their
//! own with a stored form of their own ([`stored`]); [`Record::frame`] turns one into today's frame.
//!
//! A message's record is kept in its latest form: an edit revises it, a delete erases it. The edit
//! before the last one loses its text (it is *superseded*), so that any page, read in any order,
//! shows the latest text and none that was taken back.

mod archived;
mod card;
mod found;
mod order;
mod poll;
mod quotes;
mod shown;
mod split;
mod stored;
mod stored_order;
mod stored_parts;
mod stored_topic;
mod topic;
mod unnamed;

use std::sync::Arc;

use protocol::{
    BlobId, BroadcastId, CircleId, ClientId, Doc, MemberId, Seq,
    notices::Named,
    server::{self, Body, Mode, Phase, QuestionPhase, Quoted, RecordFrame, RoomMode, Rules},
};

use crate::member::{Person, Trace};

pub use card::Card;
pub use found::Findable;
pub(crate) use found::card_words;
pub use order::{Auto, Held, Kept, Outcome, Undo};
pub use poll::{Counted, Poll, Tally};
pub use quotes::Quotes;
pub(crate) use shown::blobs_shown;
pub use shown::{Media, Medium};
pub use split::{Moved, Split};
pub use stored::{Columns, ReadError};
pub use topic::{Topic, TopicPlace};

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub seq: Seq,
    pub circle: CircleId,
    /// When it was decided.
    pub at_ms: u64,
    /// The stream position, while the room's broadcast is live.
    pub pos: Option<u64>,
    pub author: Person,
    /// Absent where the room itself decided (a grace that ran out).
    pub client_id: Option<ClientId>,
    pub body: RecordBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordBody {
    Message(Message),
    /// `text` is absent once a later edit or a delete superseded it.
    Edit {
        of: Seq,
        text: Option<Arc<str>>,
        /// The text is Markdown.
        md: bool,
        /// What it shows.
        media: Media,
    },
    /// `undo` holds what was deleted for as long as it can be brought back.
    Delete {
        of: Seq,
        undo: Option<Undo>,
    },
    /// A message that waits for review, or waited for it.
    Held(Held),
    /// What became of the held message of that seq.
    Review {
        of: Seq,
        outcome: Outcome,
    },
    /// A message is there again; `kept` is absent once a later edit or a delete superseded it.
    Restore {
        of: Seq,
        kept: Option<Kept>,
    },
    /// The rules about words and links; absent once later ones superseded them.
    Rules(Option<Arc<Rules>>),
    Kick {
        who: Person,
        until_ms: u64,
        reason: Arc<str>,
    },
    Mute {
        who: Person,
        until_ms: u64,
        reason: Arc<str>,
    },
    Unmute {
        who: Person,
    },
    Ban {
        who: Person,
        until_ms: Option<u64>,
        reason: Arc<str>,
        /// Where they were last seen to come from.
        devices: Vec<Trace>,
        networks: Vec<Trace>,
    },
    Unban {
        who: Person,
    },
    /// With `auto` the room itself makes others of it.
    SlowMode {
        gap_ms: u64,
        auto: Option<Auto>,
    },
    /// Who may speak. After `until_ms` it is `then` by another record, which the room itself makes.
    Mode {
        mode: RoomMode,
        until_ms: Option<u64>,
        then: RoomMode,
    },
    Pin(Pin),
    /// A question's phase; `done` was being answered before, and is answered now.
    Question {
        of: Seq,
        to: QuestionPhase,
        done: Option<Seq>,
    },
    /// Runs the broadcast that is going on beside its host, or no longer does.
    CoHost {
        who: Person,
        on: bool,
    },
    Poll(Poll),
    /// The poll of that seq is closed.
    PollClosed {
        of: Seq,
        result: Counted,
    },
    Broadcast(Broadcast),
    /// What the topic is from here on.
    Topic(Topic),
    /// Replies of this topic became one of their own.
    Split(Split),
    /// The place of one of those.
    Moved(Moved),
}

/// What stands above the talk: a message, or words of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// The message, where it is one.
    pub of: Option<Seq>,
    /// Absent where it was taken down, or superseded by another: no copy of a message's words is to
    /// outlive it.
    pub words: Option<Words>,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub text: Arc<str>,
    pub author: Person,
    /// The thing beside the text, where the message has one.
    pub card: Option<Arc<Card>>,
}

/// A message in its latest form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty once deleted.
    pub text: Arc<str>,
    pub reply_to: Option<Seq>,
    pub edits: u32,
    /// The edit whose text this is: the one to supersede next.
    pub last_edit: Option<Seq>,
    pub deleted: bool,
    /// Asked of the host, and how far that is.
    pub question: Option<QuestionPhase>,
    /// The message whose thread this is in, where that is another one than `reply_to`.
    pub root: Option<Seq>,
    /// Counted where the likes and replies lie: never in the stored body.
    pub tally: Tally,
    /// The thing beside the text.
    pub card: Option<Arc<Card>>,
    /// The seq of the record that held it until somebody allowed it.
    pub held: Option<Seq>,
    /// `last_edit` is a [`RecordBody::Restore`].
    pub restored: bool,
    /// Whom it names; nobody once deleted.
    pub to: Arc<[Addressed]>,
    /// The text is Markdown: said in a topic.
    pub md: bool,
    /// What the text shows; nothing once deleted.
    pub media: Media,
}

/// Somebody whom a message names, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    pub id: MemberId,
    pub name: Arc<str>,
}

/// A broadcast (场次) after a change of its phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    pub id: BroadcastId,
    pub phase: Phase,
    pub title: Arc<str>,
    pub host: Person,
    /// When it is to start, where that was announced.
    pub starts_ms: Option<u64>,
    /// When it first went live.
    pub live_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// Its media clock at this change: time spent live so far.
    pub played_ms: u64,
    /// Who watched it so far; nothing before it is live.
    pub turnout: Turnout,
}

/// What was measured of those who watched a broadcast, while it was live. The host is none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turnout {
    /// Most viewers at one moment.
    pub peak: u32,
    /// Viewers, each counted once.
    pub people: u32,
    /// The time that all of them were here, together.
    pub watched_ms: u64,
    /// Hearts by kind, the most used first; a few kinds only.
    pub hearts: Vec<(String, u64)>,
}

impl Record {
    /// The record as a client sees it.
    pub fn frame(&self) -> RecordFrame {
        RecordFrame {
            s: self.seq,
            t: self.at_ms,
            pos: self.pos,
            u: if matches!(self.body, RecordBody::Held(Held { of: None, .. })) {
                nobody()
            } else {
                self.author.frame()
            },
            body: self.body.frame(self.seq),
        }
    }
}

impl Record {
    /// The record with its likes and replies, where it is a message.
    #[must_use]
    pub fn with_tally(mut self, tally: Tally) -> Self {
        if let RecordBody::Message(it) = &mut self.body {
            it.tally = tally;
        }
        self
    }
}

/// Who is named where it is nobody's business who it was.
fn nobody() -> server::Person {
    server::Person {
        id: "".into(),
        name: String::new(),
        mark: server::Mark::Guest,
    }
}

impl RecordBody {
    /// Whether a room must read this record on recovery, however old it is.
    pub const fn is_fact(&self) -> bool {
        match self {
            // A question stays until it is answered, however much is said after it.
            Self::Message(it) => it.question.is_some(),
            // What can be brought back is to be erased in time.
            Self::Delete { undo, .. } => undo.is_some(),
            Self::Edit { .. }
            | Self::Question { .. }
            | Self::PollClosed { .. }
            | Self::Review { .. }
            | Self::Restore { .. }
            | Self::Split(_)
            | Self::Moved(_) => false,
            _ => true,
        }
    }

    fn frame(&self, seq: Seq) -> Body {
        match self {
            Self::Message(it) => Body::Msg {
                text: it.text.to_string(),
                re: it.reply_to,
                edits: it.edits,
                deleted: it.deleted,
                question: it.question,
                root: it.root.filter(|root| it.reply_to != Some(*root)),
                likes: it.tally.likes,
                replies: it.tally.replies,
                card: it.card.as_ref().map(|it| it.frame()),
                held: it.held,
                to: it.to.iter().map(Addressed::frame).collect(),
                doc: it.doc(),
            },
            Self::Edit {
                of,
                text: Some(text),
                md,
                media,
            } => Body::Edit {
                of: *of,
                text: text.to_string(),
                doc: doc(text, *md, media),
            },
            // No message has the seq 0, so a client that folds this changes nothing.
            Self::Edit { text: None, .. } => Body::Edit {
                of: 0,
                text: String::new(),
                doc: None,
            },
            Self::Delete { of, .. } | Self::Held(Held { of: Some(of), .. }) => {
                Body::Delete { of: *of }
            }
            Self::Held(_) | Self::Review { .. } => Body::Aside {},
            Self::Restore {
                of,
                kept: Some(kept),
            } => Body::Restore {
                of: *of,
                text: kept.message.text.to_string(),
                edits: kept.message.edits,
                question: kept.message.question,
                card: kept.message.card.as_ref().map(|it| it.frame()),
                doc: kept.message.doc(),
            },
            Self::Restore { of: _, kept: None } => Body::Aside {},
            Self::Rules(_) => Body::Rules {},
            Self::Kick {
                who,
                until_ms,
                reason,
            } => Body::Kick {
                who: who.frame(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            Self::Mute {
                who,
                until_ms,
                reason,
            } => Body::Mute {
                who: who.frame(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            Self::Unmute { who } => Body::Unmute { who: who.frame() },
            Self::Ban {
                who,
                until_ms,
                reason,
                ..
            } => Body::Ban {
                who: who.frame(),
                until_ms: *until_ms,
                reason: reason.to_string(),
            },
            Self::Unban { who } => Body::Unban { who: who.frame() },
            Self::SlowMode { gap_ms, auto } => Body::SlowMode {
                gap_ms: *gap_ms,
                auto: auto.as_ref().map(Auto::frame),
            },
            Self::Mode { mode, until_ms, .. } => Body::Mode(Mode {
                mode: *mode,
                until_ms: *until_ms,
            }),
            Self::Pin(it) => Body::Pin(it.frame()),
            Self::Question { of, to, done } => Body::Question {
                of: *of,
                to: *to,
                done: *done,
            },
            Self::CoHost { who, on } => Body::CoHost {
                who: who.frame(),
                on: *on,
            },
            Self::Poll(it) => Body::Poll(it.frame(seq)),
            Self::PollClosed { of, result } => Body::PollClosed(result.frame(*of)),
            Self::Broadcast(it) => Body::Broadcast(it.frame()),
            Self::Topic(it) => Body::Topic(Box::new(it.frame())),
            Self::Split(it) => it.frame(),
            Self::Moved(it) => it.frame(),
        }
    }
}

impl Message {
    pub(crate) fn new(text: Arc<str>, reply_to: Option<Seq>) -> Self {
        Self {
            text,
            reply_to,
            edits: 0,
            last_edit: None,
            deleted: false,
            question: None,
            root: None,
            tally: Tally::default(),
            card: None,
            held: None,
            restored: false,
            to: Arc::default(),
            md: false,
            media: Arc::default(),
        }
    }

    /// The text as it is shown, where it is Markdown.
    pub fn doc(&self) -> Option<Doc> {
        doc(&self.text, self.md, &self.media)
    }

    /// The blobs that it refers to, each once: of its card, and of its text.
    pub fn blobs(&self) -> Vec<BlobId> {
        let card = self.card.as_ref().and_then(|it| it.blob());
        let mut blobs: Vec<BlobId> = card.into_iter().cloned().collect();
        for it in self.media.iter() {
            if !blobs.contains(it.blob()) {
                blobs.push(it.blob().clone());
            }
        }
        blobs
    }

    /// The message whose thread this one is in. A reply to a reply is in the same thread.
    pub(crate) fn thread(&self) -> Option<Seq> {
        self.root.or(self.reply_to)
    }

    /// The message after the edit of that seq. Nothing happens where it is already folded in, so
    /// that a log may keep messages in either form.
    pub(crate) fn revise(&mut self, edit: Seq, text: Arc<str>, media: Media) {
        if self.deleted || self.last_edit >= Some(edit) {
            return;
        }
        self.text = text;
        self.media = media;
        self.edits += 1;
        self.last_edit = Some(edit);
        self.restored = false;
    }

    /// The message of that seq after a step of a question, which may be this one or another.
    pub(crate) fn question_moved(
        &mut self,
        seq: Seq,
        of: Seq,
        to: QuestionPhase,
        done: Option<Seq>,
    ) {
        if self.deleted {
            return;
        }
        if of == seq {
            self.question = Some(to);
        } else if done == Some(seq) {
            self.question = Some(QuestionPhase::Answered);
        }
    }

    /// The message after it was deleted or held by the record of that seq: its place stays, its words
    /// are gone. Nothing happens where it was brought back since.
    pub(crate) fn erase(&mut self, by: Seq) {
        if self.last_edit > Some(by) {
            return;
        }
        self.text = Arc::from("");
        self.last_edit = None;
        self.question = None;
        self.card = None;
        self.media = Arc::default();
        self.restored = false;
        self.to = Arc::default();
        self.deleted = true;
    }

    /// Whether something that was uploaded hangs on it.
    pub(crate) fn has_blob(&self) -> bool {
        let card = self.card.as_ref();
        !self.media.is_empty() || card.is_some_and(|it| it.blob().is_some())
    }

    /// The message after the record of that seq brought it back.
    pub(crate) fn restore(&mut self, by: Seq, kept: &Kept) {
        if self.last_edit >= Some(by) {
            return;
        }
        *self = kept.message.clone();
        self.last_edit = Some(by);
        self.restored = true;
    }

    /// What is left of the record whose text this message had, once another has taken its place.
    pub(crate) fn superseded(&self, of: Seq) -> RecordBody {
        if self.restored {
            RecordBody::Restore { of, kept: None }
        } else {
            RecordBody::Edit {
                of,
                text: None,
                md: self.md,
                media: Media::default(),
            }
        }
    }
}

/// A text as it is shown, where it is Markdown. Made whenever a record is shown, once for all who see it: the
/// log keeps what was written.
fn doc(text: &str, md: bool, media: &Media) -> Option<Doc> {
    (md && !text.is_empty()).then(|| shown::doc(text, media))
}

impl Addressed {
    pub(crate) fn frame(&self) -> Named {
        Named {
            id: self.id.clone(),
            name: self.name.to_string(),
        }
    }
}

impl Pin {
    /// What is pinned in the words of the wire.
    pub fn frame(&self) -> Quoted {
        Quoted {
            of: self.of.filter(|_| self.words.is_some()),
            text: self
                .words
                .as_ref()
                .map_or_else(String::new, |it| it.text.to_string()),
            author: self.words.as_ref().map(|it| it.author.frame()),
            card: self
                .words
                .as_ref()
                .and_then(|it| it.card.as_ref())
                .map(|it| it.frame()),
            pos: None,
        }
    }

    /// What is left of it once it is taken down or superseded.
    pub(crate) const fn emptied(&self) -> Self {
        Self {
            of: self.of,
            words: None,
        }
    }
}

impl Broadcast {
    /// The broadcast in the words of the wire.
    pub fn frame(&self) -> server::Broadcast {
        server::Broadcast {
            id: self.id.clone(),
            phase: self.phase,
            title: self.title.to_string(),
            host: self.host.frame(),
            starts_ms: self.starts_ms,
            live_ms: self.live_ms,
        }
    }

    /// Whether it still goes on: nobody else may open one.
    pub const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Live | Phase::Paused)
    }
}

#[cfg(test)]
mod tests;
