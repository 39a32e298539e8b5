//! Topics: what a room is that is one, how it is started, and what may be done to it. What is said in it is
//! said as in any room.

use std::sync::Arc;

use protocol::{
    Code, MemberId, Refusal, Seq, Slug, limits,
    notices::NoticeKind,
    topic::{BroadcastPlace, Moment, OPENING, RoomKind, TopicAct, TopicKind, TopicStatus},
};

use super::{Room, facts::Facts, merging};
use crate::{
    command::{Command, Origin},
    effect::{Notice, NoticeToAll, RowChange, TopicTalk},
    member::{Person, Role, Who},
    now::Now,
    record::{Addressed, Held, Media, Message, Quotes, RecordBody, Topic},
    rights::{Object, Verb},
    text,
};

/// A topic as somebody wishes to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub kind: TopicKind,
    pub title: String,
    pub text: String,
    pub board: Option<Slug>,
    pub tags: Vec<String>,
    /// What the text shows: looked up already.
    pub media: Media,
    /// The messages that it is made of.
    pub from: Option<Quotes>,
    /// The broadcast that it is the recap of.
    pub recap_of: Option<BroadcastPlace>,
    /// The second of a broadcast that it is about.
    pub at: Option<Moment>,
}

/// A topic's words as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitTopic {
    pub title: Arc<str>,
    pub text: Arc<str>,
    pub tags: Vec<Arc<str>>,
}

impl NewTopic {
    /// Its words as they are kept, or why it cannot be started.
    pub fn fit(&self) -> Result<FitTopic, Refusal> {
        let title = title(&self.title)?;
        // Where others are quoted, what they said may be all.
        let words = match self.from {
            Some(_) => text::beside_quotes(&self.text)?,
            None => text::reply(&self.text)?,
        };
        Ok(FitTopic {
            title,
            tags: tags_of(&self.tags, &words)?,
            text: words.into(),
        })
    }
}

impl Room {
    pub(super) fn is_topic(&self) -> bool {
        self.meta.kind == RoomKind::Topic
    }

    /// The room as somebody's rights see it.
    pub(super) fn object(&self, facts: &Facts, who: &MemberId) -> Object {
        let guests = self.meta.guests;
        if !self.is_topic() {
            return Object::Room { guests };
        }
        let own = facts.topic.as_ref().is_some_and(|it| it.by.id == *who);
        Object::Topic { guests, own }
    }

    /// A message's text, as long as it may be here.
    pub(super) fn fit(&self, words: &str) -> Result<String, Refusal> {
        if self.is_topic() {
            text::reply(words)
        } else {
            text::message(words)
        }
    }

    /// As much of a message as a notice or list shows, on one line and without marks.
    pub(super) fn short(&self, words: &str) -> Arc<str> {
        if self.is_topic() {
            text::short(&markdown::plain(&markdown::parse(words)))
        } else {
            text::short(words)
        }
    }

    pub(super) fn check_not_locked(&self, who: &Who) -> Result<(), Refusal> {
        let locked = self.decided.topic.as_ref().is_some_and(|it| it.locked);
        if locked && !self.standing(who).runs_the_room() {
            let words = "this topic is locked: it can be read, and only moderators write in it";
            return Err(Refusal::new(Code::Locked, words));
        }
        Ok(())
    }

    pub(super) fn start_topic(
        &self,
        now: Now,
        from: &Origin,
        new: &NewTopic,
    ) -> Result<RecordBody, Refusal> {
        if !self.is_topic() || self.decided.seq > 0 {
            let words = "a topic is started once, in a room of its own";
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        self.check(&from.who, Verb::Watch)?;
        if from.who.role == Role::Guest {
            let words = "topics are started by members: sign in";
            return Err(Refusal::new(Code::GuestsNotAllowed, words));
        }
        if new.kind == TopicKind::Announcement {
            self.check(&from.who, Verb::KeepTopic)?;
        }
        let FitTopic { title, tags, .. } = new.fit()?;
        Ok(RecordBody::Topic(Topic {
            kind: new.kind,
            title,
            by: self.person(&from.who),
            made_ms: now.unix_ms,
            board: new.board.clone(),
            tags,
            status: beginning(new.kind),
            reason: Arc::from(""),
            accepted: None,
            locked: false,
            pinned: false,
            featured: false,
            from: new.from.clone().map(Arc::new),
            into: None,
            merged: Arc::default(),
            recap_of: new.recap_of.clone(),
            split_from: None,
            at: new.at.clone(),
        }))
    }

    /// What its starter writes first, in the append of the record that starts it.
    pub(super) fn opening(command: &Command) -> Option<RecordBody> {
        let Command::StartTopic { topic, .. } = command else {
            return None;
        };
        let words = topic.fit().ok()?.text;
        let mut message = Message::new(words, None);
        message.md = true;
        message.media = topic.media.clone();
        Some(RecordBody::Message(message))
    }

    pub(super) fn topic_here(&self) -> Result<&Topic, Refusal> {
        let topic = self.decided.topic.as_ref();
        topic.ok_or_else(|| Refusal::new(Code::WrongPhase, "this room is no topic"))
    }

    pub(super) fn topic_act(&self, from: &Origin, act: &TopicAct) -> Result<RecordBody, Refusal> {
        let topic = self.topic_here()?;
        self.check(&from.who, Verb::Watch)?;
        self.check_not_merged()?;
        let verb = match act {
            TopicAct::Title { .. } | TopicAct::Tags { .. } | TopicAct::Accept { .. } => Verb::Topic,
            // Whose it is to say depends on what the topic is for.
            TopicAct::Status { .. } => Verb::Watch,
            TopicAct::Board { .. }
            | TopicAct::Lock { .. }
            | TopicAct::Pin { .. }
            | TopicAct::Feature { .. } => Verb::KeepTopic,
        };
        self.check(&from.who, verb)?;
        let mut next = topic.clone();
        match act {
            TopicAct::Title { title: words } => next.title = title(words)?,
            TopicAct::Tags { tags } => next.tags = text::tags(tags)?,
            TopicAct::Board { board } => {
                self.check_board(board.as_ref())?;
                next.board.clone_from(board);
            }
            TopicAct::Status { to, reason } => self.move_on(from, &mut next, *to, reason)?,
            TopicAct::Accept { of } => self.accept(&mut next, *of)?,
            TopicAct::Lock { on } => next.locked = *on,
            TopicAct::Pin { on } => next.pinned = *on,
            TopicAct::Feature { on } => next.featured = *on,
        }
        if next == *topic {
            let words = "this topic is so already";
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        Ok(RecordBody::Topic(next))
    }

    fn check_board(&self, board: Option<&Slug>) -> Result<(), Refusal> {
        if board.is_none_or(|it| self.aside.has_board(it)) {
            return Ok(());
        }
        Err(Refusal::new(Code::NotFound, "there is no such board"))
    }

    fn move_on(
        &self,
        from: &Origin,
        topic: &mut Topic,
        to: TopicStatus,
        reason: &str,
    ) -> Result<(), Refusal> {
        use TopicStatus::{Declined, Doing, Done, Matched, New, Planned, Seen, Shipped, Thanked};
        let reason = text::reason(reason)?;
        let (me, starter) = (&from.who.id, &topic.by.id);
        match (topic.kind, topic.status, to) {
            (TopicKind::Feedback, _, New | Seen | Planned | Doing | Shipped | Declined) => {
                self.check(&from.who, Verb::KeepTopic)?;
                if to == Declined && reason.is_empty() {
                    let words = "say why it will not be done";
                    return Err(Refusal::new(Code::Empty, words));
                }
                topic.reason = if to == Declined {
                    reason
                } else {
                    String::new()
                }
                .into();
            }
            (TopicKind::Offer | TopicKind::Need, Matched, Done) => {
                let helps = topic.accepted.as_ref().is_some_and(|it| it.1.id == *me);
                if !helps {
                    self.check(&from.who, Verb::Topic)?;
                }
            }
            (TopicKind::Offer | TopicKind::Need, Done, Thanked) => {
                if me != starter {
                    let words = "only who started this can say thank you for it";
                    return Err(Refusal::new(Code::NotPermitted, words));
                }
            }
            _ => {
                let (kind, now, to) = (topic.kind.as_str(), topic.status.as_str(), to.as_str());
                let words = format!("a {kind} that is {now} does not become {to} by this");
                return Err(Refusal::new(Code::WrongPhase, words));
            }
        }
        topic.status = to;
        Ok(())
    }

    fn accept(&self, topic: &mut Topic, of: Option<Seq>) -> Result<(), Refusal> {
        let helps = matches!(topic.kind, TopicKind::Offer | TopicKind::Need);
        if !helps && topic.kind != TopicKind::Question {
            let words = "replies are accepted in questions, offers and needs";
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        let Some(of) = of else {
            topic.accepted = None;
            topic.status = TopicStatus::Open;
            return Ok(());
        };
        let (author, _) = self.message(of)?;
        if of == OPENING || (helps && author.id == topic.by.id) {
            let words = "a reply of somebody else is accepted, not one's own";
            return Err(Refusal::new(Code::WrongPhase, words));
        }
        let helper = Addressed {
            id: author.id,
            name: author.name,
        };
        topic.accepted = Some((of, helper));
        topic.status = if helps {
            TopicStatus::Matched
        } else {
            TopicStatus::Answered
        };
        Ok(())
    }

    /// What a new record changes in the row that lists show of a topic.
    pub(super) fn topic_revised(
        &self,
        now: Now,
        seq: Seq,
        author: &Person,
        body: &RecordBody,
    ) -> Vec<RowChange> {
        if let RecordBody::Topic(it) = body {
            // What it was made of never changes: it is told once.
            let starts = self.decided.topic.is_none();
            let quotes = it.from.as_ref().filter(|_| starts);
            let mut rows = vec![RowChange::Topic(Box::new(it.clone()))];
            rows.extend(quotes.map(|it| RowChange::Quotes(it.clone())));
            rows.extend(self.topics_taken(it));
            return rows;
        }
        if !self.is_topic() {
            return Vec::new();
        }
        let (of, talk, words) = match body {
            RecordBody::Message(it) => {
                let said = TopicTalk::Said {
                    seq,
                    at_ms: now.unix_ms,
                    by: author.clone(),
                };
                (seq, Some(said), Some(&it.text))
            }
            RecordBody::Edit { of, text, .. } => (*of, None, text.as_ref()),
            RecordBody::Delete { of, .. } | RecordBody::Held(Held { of: Some(of), .. }) => {
                (*of, Some(TopicTalk::Gone { seq: *of }), None)
            }
            RecordBody::Restore { of, kept } => {
                let words = kept.as_ref().map(|it| &it.message.text);
                (*of, Some(TopicTalk::Back { seq: *of }), words)
            }
            _ => return Vec::new(),
        };
        let is_change = matches!(body, RecordBody::Edit { text: None, .. });
        let excerpt = (of == OPENING && !is_change).then(|| TopicTalk::Opening {
            text: words.map_or_else(|| Arc::from(""), |it| self.short(it)),
        });
        let changes = talk.into_iter().chain(excerpt);
        changes.map(RowChange::TopicTalk).collect()
    }

    /// Whom a change of the topic is news to.
    pub(super) fn topic_notices(
        &self,
        now: Now,
        seq: Seq,
        author: &Person,
        next: &Topic,
    ) -> Vec<RowChange> {
        let one = |member: &MemberId, kind, seq, text: &str| {
            RowChange::Notice(Notice {
                member: member.clone(),
                kind,
                seq,
                at_ms: now.unix_ms,
                from: author.clone(),
                text: text.into(),
            })
        };
        let Some(was) = &self.decided.topic else {
            // It begins: whoever it was made of is told.
            let quotes = next.from.iter();
            let writers = quotes.flat_map(|it| it.credit());
            return writers
                .filter(|it| it.id != author.id)
                .map(|it| one(&it.id, NoticeKind::Credit, OPENING, &next.title))
                .collect();
        };
        let mut told = Vec::new();
        if let Some((_, helper)) = next
            .accepted
            .as_ref()
            .filter(|_| next.accepted != was.accepted)
            && helper.id != author.id
        {
            told.push(one(&helper.id, NoticeKind::Accepted, seq, &next.title));
        }
        let starter = &next.by.id;
        if let Some(into) = next.into.as_ref().filter(|_| next.into != was.into)
            && *starter != author.id
        {
            let notice = one(starter, NoticeKind::Changed, seq, &merging::told(into));
            told.push(notice);
        }
        if next.status == was.status {
            return told;
        }
        match next.kind {
            // Everybody who asked for it is told what becomes of it.
            TopicKind::Feedback => told.push(RowChange::NoticeToAll(NoticeToAll {
                of: OPENING,
                kind: NoticeKind::Changed,
                seq,
                at_ms: now.unix_ms,
                from: author.clone(),
                starter: next.by.id.clone(),
                text: changed(next),
            })),
            TopicKind::Offer | TopicKind::Need => {
                let helper = next.accepted.as_ref().map(|it| &it.1.id);
                let others = [Some(&next.by.id), helper].into_iter().flatten();
                let steps = matches!(next.status, TopicStatus::Done | TopicStatus::Thanked);
                told.extend(
                    others
                        .filter(|it| steps && **it != author.id)
                        .map(|it| one(it, NoticeKind::Changed, seq, &changed(next))),
                );
            }
            _ => {}
        }
        told
    }
}

/// The new status by its word on the wire, and what was said to it.
fn changed(topic: &Topic) -> Arc<str> {
    let words = format!("{} {}", topic.status.as_str(), topic.reason);
    text::short(&words)
}

pub(super) const fn beginning(kind: TopicKind) -> TopicStatus {
    match kind {
        TopicKind::Feedback => TopicStatus::New,
        _ => TopicStatus::Open,
    }
}

/// Those that were said, and as many of those in the text as there is room for.
pub(super) fn tags_of(said: &[String], words: &str) -> Result<Vec<Arc<str>>, Refusal> {
    let mut tags = text::tags(said)?;
    for tag in markdown::tags(&markdown::parse(words)) {
        if tags.len() < limits::TAGS_MAX && !tags.iter().any(|it| **it == *tag) {
            tags.push(tag.into());
        }
    }
    Ok(tags)
}

pub(super) fn title(words: &str) -> Result<Arc<str>, Refusal> {
    let title = text::title(words)?;
    if title.is_empty() {
        return Err(Refusal::new(Code::Empty, "a topic needs a title"));
    }
    Ok(title.into())
}

impl Topic {
    /// What staff changed of somebody else's topic, in a word and its detail, for the audit log.
    pub(super) fn difference(&self, was: &Self) -> String {
        let word = |on: bool, yes: &str, no: &str| if on { yes } else { no }.to_owned();
        if self.into != was.into {
            let into = self.into.as_ref();
            into.map_or_else(
                || "stands by itself".to_owned(),
                |it| format!("merged into {}", it.slug),
            )
        } else if self.merged != was.merged {
            let of = |it: &Self| it.merged.len();
            format!("merged {} topics, was {}", of(self), of(was))
        } else if self.locked != was.locked {
            word(self.locked, "locked", "unlocked")
        } else if self.pinned != was.pinned {
            word(self.pinned, "pinned", "unpinned")
        } else if self.featured != was.featured {
            word(self.featured, "featured", "unfeatured")
        } else if self.board != was.board {
            let board = self.board.as_ref().map_or("none", Slug::as_str);
            format!("board {board}")
        } else if self.accepted != was.accepted {
            let of = self.accepted.as_ref().map_or(0, |it| it.0);
            format!("accepted #{of}")
        } else if self.status != was.status {
            format!("status {} {}", self.status.as_str(), self.reason)
        } else if self.title != was.title {
            format!("title {}", was.title)
        } else {
            "tags".to_owned()
        }
    }
}

const _: () = assert!(limits::MARKDOWN_CHARS_MAX * 3 < limits::FRAME_BYTES_MAX);
