//! The reference: a room's log read in the plainest way, and what may follow from it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Code, MemberId, Seq,
    client::QuestionAct,
    limits,
    server::{Phase, QuestionPhase, RoomMode, Rules},
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

/// The rank from which the broadcast is one's own to run.
const HOST: u8 = 3;

/// What is pinned: which message, where it is one, and its words.
pub(super) type Pinned = (Option<Seq>, String);

/// What a log says, read front to back.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) last: Seq,
    pub(super) lines: BTreeMap<Seq, Line>,
    pub(super) mutes: BTreeMap<MemberId, u64>,
    pub(super) bans: BTreeMap<MemberId, u64>,
    /// Until when those who were put out stay out.
    pub(super) kicks: BTreeMap<MemberId, u64>,
    pub(super) rules: Rules,
    /// Messages that wait for review: which one it was, and how it would read.
    pub(super) held: BTreeMap<Seq, (Option<Seq>, Line)>,
    /// Deleted messages as they read, and who deleted them. Their time is not reckoned here.
    pub(super) undo: BTreeMap<Seq, (MemberId, Line)>,
    pub(super) gap_ms: u64,
    pub(super) broadcast: Option<Broadcast>,
    pub(super) co_hosts: BTreeSet<MemberId>,
    pub(super) pos: Option<u64>,
    /// Who may speak, and what is after a time.
    pub(super) mode: (RoomMode, Option<RoomMode>),
    pub(super) pin: Option<Pinned>,
    /// Polls that are open, by the number of their options.
    pub(super) polls: BTreeMap<Seq, usize>,
    /// A review that let a message through, until the record of it.
    allowed: Option<(Seq, Option<Seq>)>,
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
                if let Some(held) = it.held {
                    assert!(record.client_id.is_none(), "the room itself shows it");
                    assert_eq!(
                        self.allowed.take(),
                        Some((held, None)),
                        "allowed just before"
                    );
                    self.erased.remove(&line.text);
                }
                self.lines.insert(record.seq, line);
            }
            RecordBody::Edit { of, text, .. } => {
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
            RecordBody::Delete { of, undo } => {
                let line = self.taken_out(*of);
                self.erased.insert(line.text.clone());
                if let Some(undo) = undo {
                    assert_eq!(
                        undo.kept.message.text.as_ref(),
                        line.text,
                        "kept as it reads"
                    );
                    self.undo.insert(*of, (record.author.id.clone(), line));
                }
            }
            RecordBody::Held(it) => {
                let kept = it.kept.as_ref().expect("decided with its message");
                let mut line = match it.of {
                    Some(of) => self.taken_out(of),
                    None => Line {
                        author: kept.author.id.clone(),
                        text: kept.message.text.to_string(),
                        edits: 0,
                        deleted: false,
                        question: kept.message.question,
                    },
                };
                if line.text != kept.message.text.as_ref() {
                    line.edits += 1;
                    let before = std::mem::replace(&mut line.text, kept.message.text.to_string());
                    self.erased.insert(before);
                }
                self.held.insert(record.seq, (it.of, line));
            }
            RecordBody::Review { of, outcome } => {
                let (seen, line) = self.held.remove(of).expect("it waits");
                // Of an allowed message the words are in another record from here on.
                self.erased.insert(line.text.clone());
                if outcome.allowed {
                    self.allowed = Some((*of, seen));
                    if let Some(seen) = seen {
                        self.undo.insert(seen, (record.author.id.clone(), line));
                    }
                }
            }
            RecordBody::Restore { of, kept } => {
                let kept = kept.as_ref().expect("decided with its message");
                let (_, mut line) = self.undo.remove(of).expect("it can be brought back");
                if let Some((_, seen)) = self.allowed.take() {
                    assert_eq!(seen, Some(*of), "allowed just before");
                }
                assert_eq!(kept.message.text.as_ref(), line.text, "as it read");
                if line.question == Some(QuestionPhase::Picked) {
                    line.question = Some(QuestionPhase::Asked);
                }
                self.erased.remove(&line.text);
                self.lines.insert(*of, line);
            }
            RecordBody::Rules(it) => self.rules = Rules::clone(it.as_ref().expect("decided so")),
            RecordBody::Kick { who, until_ms, .. } => {
                self.kicks.insert(who.id.clone(), *until_ms);
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
            RecordBody::Poll(it) => {
                assert!(
                    self.polls.len() < limits::POLLS_OPEN_MAX,
                    "few polls at once"
                );
                self.polls.insert(record.seq, it.options.len());
            }
            RecordBody::PollClosed { of, .. } => {
                let was_open = self.polls.remove(of);
                assert!(was_open.is_some(), "a poll is closed once");
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
            RecordBody::SlowMode { gap_ms, .. } => self.gap_ms = *gap_ms,
            RecordBody::CoHost { who, on: true } => {
                self.co_hosts.insert(who.id.clone());
            }
            RecordBody::CoHost { who, on: false } => {
                assert!(
                    self.co_hosts.remove(&who.id),
                    "only a co-host ends to be one"
                );
            }
            RecordBody::Topic(_) | RecordBody::Split(_) | RecordBody::Moved(_) => {
                unreachable!("no room of the simulation is a topic")
            }
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

    /// Takes a message out of the talk, and answers how it read.
    fn taken_out(&mut self, of: Seq) -> Line {
        let line = self.lines.get_mut(&of).expect("it names a message");
        assert!(!line.deleted, "a message is taken out once");
        let was = line.clone();
        line.text.clear();
        line.deleted = true;
        line.question = None;
        self.pin = self.pin.take().filter(|it| it.0 != Some(of));
        was
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
            self.co_hosts.clear();
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

    pub(super) fn is_kicked(&self, member: &MemberId, now: Now) -> bool {
        self.kicks.get(member).is_some_and(|it| *it > now.unix_ms)
    }

    fn rank(&self, cast: &Cast, member: &MemberId) -> u8 {
        let current = self.current();
        let host = cast.maker == *member || current.is_some_and(|it| it.host.id == *member);
        let co_host = current.is_some() && self.co_hosts.contains(member);
        match (cast.role(member), host) {
            (Role::Guest, _) => 0,
            (Role::Member, false) if co_host => 2,
            (Role::Member, false) => 1,
            (Role::Member, true) => HOST,
            (Role::Moderator, _) => 4,
            (Role::Owner, _) => 5,
        }
    }

    fn current(&self) -> Option<&Broadcast> {
        let current = self.broadcast.as_ref();
        current.filter(|it| it.phase != Phase::Archived)
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
                .or_else(|| self.against_rules(cast, me, text))
                .or_else(|| reply_to.and_then(|it| self.missing(it)))
                .or_else(|| (to.len() > limits::MENTIONS_MAX).then_some(Code::TooLong)),
            Command::Share { text, reply_to, .. } => match self
                .may_speak(joined, me, now)
                .or_else(|| self.silenced(cast, me, false))
                .or_else(|| unfit(text))
                .or_else(|| self.against_rules(cast, me, text))
                .or_else(|| reply_to.and_then(|it| self.missing(it)))
            {
                // How fast one talks, and whose the upload is, comes after.
                None => return Expect::Either,
                refused => refused,
            },
            Command::Edit { of, text, .. } => self
                .may_speak(joined, me, now)
                .or_else(|| self.missing(*of))
                .or_else(|| not_permitted(self.lines[of].author == *me))
                .or_else(|| self.silenced(cast, me, true))
                .or_else(|| unfit(text))
                .or_else(|| self.against_rules(cast, me, text)),
            Command::Delete { of, .. } if !joined => {
                let _ = of;
                Some(Code::NotJoined)
            }
            Command::Delete { of, .. } => self.missing(*of).or_else(|| {
                let author = &self.lines[of].author;
                let rank = self.rank(cast, me);
                not_permitted(author == me || (rank >= 2 && rank > self.rank(cast, author)))
            }),
            Command::Undelete { of, .. } => match self.undo.get(of) {
                None => Some(Code::NoSuchMessage),
                Some((by, _)) if by == me => None,
                Some((_, line)) => not_permitted(
                    line.author != *me
                        && self.rank(cast, me) >= 2
                        && self.rank(cast, me) > self.rank(cast, &line.author),
                ),
            },
            Command::Hold { of, .. } => not_permitted(self.rank(cast, me) >= 2)
                .or_else(|| self.missing(*of))
                .or_else(|| {
                    let author = &self.lines[of].author;
                    not_permitted(author == me || self.rank(cast, me) > self.rank(cast, author))
                })
                .or_else(|| self.queue_full()),
            Command::Review { of, .. } => {
                not_permitted(self.rank(cast, me) >= 2).or_else(|| match self.held.get(of) {
                    None => Some(Code::NoSuchMessage),
                    Some((_, line)) => not_permitted(line.author != *me),
                })
            }
            Command::SetRules { .. } => not_permitted(self.rank(cast, me) >= 2),
            Command::Mute { who, .. } | Command::Kick { who, .. } | Command::Ban { who, .. } => {
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
            Command::Poll { .. } => not_permitted(self.rank(cast, me) >= 2).or_else(|| {
                (self.polls.len() >= limits::POLLS_OPEN_MAX).then_some(Code::TooManyPolls)
            }),
            Command::ClosePoll { of, .. } => not_permitted(self.rank(cast, me) >= 2)
                .or_else(|| (!self.polls.contains_key(of)).then_some(Code::PollClosed)),
            Command::Question { of, act, .. } => {
                not_permitted(self.rank(cast, me) >= 2).or_else(|| self.may_move(*of, *act))
            }
            Command::CoHost { who, on, .. } => not_permitted(self.rank(cast, me) >= HOST)
                .or_else(|| self.may_be_co_host(cast, who, *on)),
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

    /// By the first word alone: the folding of texts has tests of its own.
    fn against_rules(&self, cast: &Cast, me: &MemberId, text: &str) -> Option<Code> {
        if self.rank(cast, me) >= 2 {
            return None;
        }
        let first = text.split(' ').next().unwrap_or_default().to_owned();
        if self.rules.refuse.contains(&first) {
            return Some(Code::WordRefused);
        }
        self.rules
            .hold
            .contains(&first)
            .then(|| self.queue_full())
            .flatten()
    }

    fn queue_full(&self) -> Option<Code> {
        (self.held.len() >= limits::HELD_MAX).then_some(Code::Busy)
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

    fn may_be_co_host(&self, cast: &Cast, who: &MemberId, on: bool) -> Option<Code> {
        let Some(broadcast) = self.current().filter(|it| it.phase != Phase::Ended) else {
            return Some(Code::NoBroadcast);
        };
        let is = self.co_hosts.contains(who);
        if !on {
            return (!is).then_some(Code::NotFound);
        }
        if cast.role(who) == Role::Guest {
            return Some(Code::NotAMember);
        }
        if broadcast.host.id == *who {
            return Some(Code::RoleFixed);
        }
        let full = !is && self.co_hosts.len() >= limits::CO_HOSTS_MAX;
        full.then_some(Code::TooManyCoHosts)
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
