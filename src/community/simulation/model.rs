//! The reference: a room's log read in the plainest way, and what may follow from it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Code, MemberId, Seq,
    client::QuestionAct,
    limits,
    server::{Phase, QuestionPhase, RoomMode},
};

use super::world::Cast;
use crate::{Broadcast, Command, Now, Origin, Pin, Record, RecordBody, Role};

/// A message as it should read now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) author: MemberId,
    pub(super) text: String,
    pub(super) edits: u32,
    pub(super) deleted: bool,
    pub(super) question: Option<QuestionPhase>,
}

/// What is pinned: which message, where it is one, and its words.
pub(super) type Pinned = (Option<Seq>, String);

/// What a log says, read front to back.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) last: Seq,
    pub(super) lines: BTreeMap<Seq, Line>,
    pub(super) mutes: BTreeMap<MemberId, u64>,
    pub(super) bans: BTreeMap<MemberId, u64>,
    pub(super) gap_ms: u64,
    pub(super) broadcast: Option<Broadcast>,
    pub(super) pos: Option<u64>,
    /// Who may speak, and what is after a time.
    pub(super) mode: (RoomMode, Option<RoomMode>),
    pub(super) pin: Option<Pinned>,
    /// Texts that were taken back and must be nowhere.
    pub(super) erased: BTreeSet<String>,
}

/// What should become of a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expect {
    Accept,
    Dup,
    Refuse(Code),
    /// The reference does not say (the broadcast's machine has checks of its own).
    Either,
}

impl Model {
    pub(super) fn apply(&mut self, record: &Record) {
        assert_eq!(record.seq, self.last + 1, "seqs follow each other");
        self.last = record.seq;
        match &record.body {
            RecordBody::Message(it) => {
                let line = Line {
                    author: record.author.id.clone(),
                    text: it.text.to_string(),
                    edits: it.edits,
                    deleted: it.deleted,
                    question: it.question,
                };
                self.lines.insert(record.seq, line);
            }
            RecordBody::Edit { of, text } => {
                let line = self.lines.get_mut(of).expect("an edit names a message");
                assert!(!line.deleted, "a deleted message is not edited");
                assert_eq!(line.author, record.author.id, "only the author edits");
                let text = text.as_ref().expect("decided with its text").to_string();
                if let Some(pin) = self.pin.as_mut().filter(|it| it.0 == Some(*of)) {
                    pin.1.clone_from(&text);
                }
                self.erased.insert(std::mem::replace(&mut line.text, text));
                line.edits += 1;
            }
            RecordBody::Delete { of } => {
                let line = self.lines.get_mut(of).expect("a delete names a message");
                assert!(!line.deleted, "a message is deleted once");
                self.erased.insert(std::mem::take(&mut line.text));
                line.deleted = true;
                line.question = None;
                self.pin = self.pin.take().filter(|it| it.0 != Some(*of));
            }
            RecordBody::Mode {
                mode,
                until_ms,
                then,
            } => {
                let steady = self.mode.1.unwrap_or(self.mode.0);
                let expected = if until_ms.is_some() { steady } else { *mode };
                assert_eq!(*then, expected, "what was before comes back");
                if record.client_id.is_none() {
                    assert_eq!(self.mode.1, Some(*mode), "the room only brings back");
                }
                self.mode = (*mode, until_ms.map(|_| *then));
            }
            RecordBody::Pin(it) => self.pinned(it),
            RecordBody::Question { of, to, done } => {
                let before = self.picked();
                assert_eq!(
                    *done,
                    before.filter(|it| it != of && *to == QuestionPhase::Picked)
                );
                if let Some(done) = done {
                    self.line_mut(*done).question = Some(QuestionPhase::Answered);
                }
                let line = self.line_mut(*of);
                assert!(waits(line.question), "only a question that waits moves");
                line.question = Some(*to);
            }
            RecordBody::Mute { who, until_ms, .. } => {
                self.mutes.insert(who.id.clone(), *until_ms);
            }
            RecordBody::Unmute { who } => {
                self.mutes.remove(&who.id);
            }
            RecordBody::Ban { who, until_ms, .. } => {
                self.bans
                    .insert(who.id.clone(), until_ms.unwrap_or(u64::MAX));
            }
            RecordBody::Unban { who } => {
                self.bans.remove(&who.id);
            }
            RecordBody::SlowMode { gap_ms } => self.gap_ms = *gap_ms,
            RecordBody::Broadcast(next) => self.step(next),
        }
        if let Some(pos) = record.pos {
            assert!(
                self.pos.is_none_or(|it| it <= pos),
                "the stream position never goes back"
            );
            self.pos = Some(pos);
        }
        let live = self.phase() == Some(Phase::Live);
        assert!(
            !live || record.pos.is_some(),
            "every record while live has its stream position"
        );
    }

    fn pinned(&mut self, it: &Pin) {
        // Words of one's own are nowhere but in the pin: they go with it.
        if let Some((None, own)) = self.pin.take() {
            self.erased.insert(own);
        }
        let Some(words) = &it.words else { return };
        if let Some(of) = it.of {
            let line = &self.lines[&of];
            assert!(!line.deleted, "a deleted message is not pinned");
            assert_eq!(words.text.as_ref(), line.text, "pinned as it reads");
            assert_eq!(words.author.id, line.author);
        }
        self.pin = Some((it.of, words.text.to_string()));
    }

    /// The question that is being answered.
    pub(super) fn picked(&self) -> Option<Seq> {
        let mut picked = self
            .lines
            .iter()
            .filter(|it| it.1.question == Some(QuestionPhase::Picked));
        let first = picked.next().map(|it| *it.0);
        assert!(picked.next().is_none(), "one question at a time");
        first
    }

    /// The questions that wait, oldest first.
    pub(super) fn questions(&self) -> Vec<Seq> {
        let waiting = self.lines.iter().filter(|it| waits(it.1.question));
        waiting.map(|it| *it.0).collect()
    }

    fn line_mut(&mut self, seq: Seq) -> &mut Line {
        self.lines.get_mut(&seq).expect("names a message")
    }

    fn step(&mut self, next: &Broadcast) {
        use Phase::{Archived, Ended, Live, Open, Paused, Scheduled};
        let before = self
            .broadcast
            .as_ref()
            .filter(|it| it.id == next.id)
            .map(|it| it.phase);
        if before.is_none() {
            let over = matches!(self.phase(), None | Some(Ended | Archived));
            assert!(over, "a broadcast begins while another goes on");
            self.pos = None;
        }
        let legal = matches!(
            (before, next.phase),
            (None | Some(Scheduled), Scheduled | Open)
                | (Some(Open | Paused), Live | Ended)
                | (Some(Live), Paused | Ended)
                | (Some(Ended | Scheduled), Archived)
        );
        assert!(legal, "from {before:?} to {:?}", next.phase);
        self.broadcast = Some(next.clone());
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.broadcast.as_ref().map(|it| it.phase)
    }

    pub(super) fn is_muted(&self, member: &MemberId, now: Now) -> bool {
        self.mutes.get(member).is_some_and(|it| *it > now.unix_ms)
    }

    pub(super) fn is_banned(&self, member: &MemberId, now: Now) -> bool {
        self.bans.get(member).is_some_and(|it| *it > now.unix_ms)
    }

    fn rank(&self, cast: &Cast, member: &MemberId) -> u8 {
        let hosts = self
            .broadcast
            .as_ref()
            .filter(|it| it.phase != Phase::Archived);
        let host = cast.maker == *member || hosts.is_some_and(|it| it.host.id == *member);
        match (cast.role(member), host) {
            (Role::Guest, _) => 0,
            (Role::Member, false) => 1,
            (Role::Member, true) => 2,
            (Role::Moderator, _) => 3,
            (Role::Owner, _) => 4,
        }
    }

    /// What should become of a command that was not heard before.
    pub(super) fn expect(
        &self,
        cast: &Cast,
        joined: bool,
        now: Now,
        from: &Origin,
        command: &Command,
    ) -> Expect {
        let me = &from.who.id;
        if self.is_banned(me, now) {
            return Expect::Refuse(Code::Banned);
        }
        let refused = match command {
            Command::Publish {
                text,
                reply_to,
                question,
                to,
                ..
            } => self
                .may_speak(joined, me, now)
                .or_else(|| self.silenced(cast, me, *question))
                .or_else(|| unfit(text))
                .or_else(|| reply_to.and_then(|it| self.missing(it)))
                .or_else(|| (to.len() > limits::MENTIONS_MAX).then_some(Code::TooLong)),
            Command::Edit { of, text, .. } => self
                .may_speak(joined, me, now)
                .or_else(|| self.missing(*of))
                .or_else(|| not_permitted(self.lines[of].author == *me))
                .or_else(|| self.silenced(cast, me, true))
                .or_else(|| unfit(text)),
            Command::Delete { of, .. } if !joined => {
                let _ = of;
                Some(Code::NotJoined)
            }
            Command::Delete { of, .. } => self.missing(*of).or_else(|| {
                let author = &self.lines[of].author;
                let rank = self.rank(cast, me);
                not_permitted(author == me || (rank >= 2 && rank > self.rank(cast, author)))
            }),
            Command::Mute { who, .. } | Command::Ban { who, .. } => {
                not_permitted(self.may_act(cast, me, who))
            }
            Command::Unmute { who, .. } => self.may_lift(cast, me, who, &self.mutes),
            Command::Unban { who, .. } => self.may_lift(cast, me, who, &self.bans),
            Command::SlowMode { .. } => not_permitted(self.rank(cast, me) >= 2),
            Command::Mode { .. } => not_permitted(self.rank(cast, me) >= 2),
            Command::Pin { of, text, .. } => {
                not_permitted(self.rank(cast, me) >= 2).or_else(|| match (of, text) {
                    (Some(_), Some(_)) => Some(Code::Malformed),
                    (Some(of), None) => self.missing(*of),
                    (None, Some(text)) => unfit(text),
                    (None, None) => self.pin.is_none().then_some(Code::NotFound),
                })
            }
            Command::Question { of, act, .. } => {
                not_permitted(self.rank(cast, me) >= 2).or_else(|| self.may_move(*of, *act))
            }
            _ => return Expect::Either,
        };
        refused.map_or(Expect::Accept, Expect::Refuse)
    }

    fn silenced(&self, cast: &Cast, me: &MemberId, question: bool) -> Option<Code> {
        if self.rank(cast, me) >= 2 {
            return None;
        }
        match self.mode.0 {
            RoomMode::Members if cast.role(me) == Role::Guest => Some(Code::GuestsNotAllowed),
            RoomMode::Questions if !question => Some(Code::QuestionsOnly),
            RoomMode::Host => Some(Code::HostOnly),
            _ => None,
        }
    }

    pub(super) fn runs(&self, cast: &Cast, me: &MemberId) -> bool {
        self.rank(cast, me) >= 2
    }

    fn may_move(&self, of: Seq, act: QuestionAct) -> Option<Code> {
        let phase = self.lines.get(&of).and_then(|it| it.question);
        match (phase, act) {
            (None | Some(QuestionPhase::Answered), _) => Some(Code::NoSuchQuestion),
            (Some(QuestionPhase::Picked), QuestionAct::Pick)
            | (Some(QuestionPhase::Asked), QuestionAct::Unpick) => Some(Code::WrongPhase),
            _ => None,
        }
    }

    fn may_speak(&self, joined: bool, me: &MemberId, now: Now) -> Option<Code> {
        if !joined {
            return Some(Code::NotJoined);
        }
        self.is_muted(me, now).then_some(Code::Muted)
    }

    fn missing(&self, seq: Seq) -> Option<Code> {
        let there = self.lines.get(&seq).is_some_and(|it| !it.deleted);
        (!there).then_some(Code::NoSuchMessage)
    }

    fn may_act(&self, cast: &Cast, me: &MemberId, who: &MemberId) -> bool {
        let rank = self.rank(cast, me);
        me != who && rank >= 2 && rank > self.rank(cast, who)
    }

    fn may_lift(
        &self,
        cast: &Cast,
        me: &MemberId,
        who: &MemberId,
        held: &BTreeMap<MemberId, u64>,
    ) -> Option<Code> {
        let is_held = held.contains_key(who);
        let may = me != who
            && self.rank(cast, me) >= 2
            && (!is_held || self.rank(cast, me) > self.rank(cast, who));
        not_permitted(may).or((!is_held).then_some(Code::NotFound))
    }
}

const fn waits(phase: Option<QuestionPhase>) -> bool {
    matches!(phase, Some(QuestionPhase::Asked | QuestionPhase::Picked))
}

fn not_permitted(fine: bool) -> Option<Code> {
    (!fine).then_some(Code::NotPermitted)
}

fn unfit(text: &str) -> Option<Code> {
    match text.trim().chars().count() {
        0 => Some(Code::Empty),
        chars if chars > limits::TEXT_CHARS_MAX => Some(Code::TooLong),
        _ => None,
    }
}
