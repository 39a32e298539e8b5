//! What records make of a room. A room holds this twice: as decided and as committed.
//!
//! [`Facts::apply`] never refuses; it is also all of recovery.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    MemberId, Seq,
    server::{self, HeldWhy, Phase, QuestionPhase, Quoted, RoomMode},
};

use super::rule_book::RuleBook;
use super::votes::{OpenPoll, Votes};
use crate::{
    fault::{self, Fault},
    member::{Person, Trace},
    record::{Auto, Broadcast, Held, Kept, Media, Message, Pin, Record, RecordBody, Topic, Words},
    text,
};

const KICKS_KEPT: usize = 256;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The last record applied.
    pub(super) seq: Seq,
    pub(super) mutes: BTreeMap<MemberId, Mute>,
    pub(super) bans: BTreeMap<MemberId, Ban>,
    pub(super) slow_mode_ms: u64,
    /// Slow mode follows the talk, as somebody said.
    pub(super) auto: Option<(Auto, Person)>,
    /// Until when those who were put out stay out.
    pub(super) kicks: BTreeMap<MemberId, Kick>,
    pub(super) rules: Option<RuleBook>,
    /// Messages that wait for review, by the seq of the record that holds them.
    pub(super) held: BTreeMap<Seq, Waiting>,
    /// Deleted messages that can be brought back.
    pub(super) undo: BTreeMap<Seq, Undone>,
    /// What the topic is, once it is started.
    pub(super) topic: Option<Topic>,
    pub(super) broadcast: Option<Broadcast>,
    /// Who runs this broadcast beside its host.
    pub(super) co_hosts: BTreeMap<MemberId, Person>,
    pub(super) mode: Mode,
    pub(super) pin: Option<Pinned>,
    /// Those that wait for an answer, each message in its latest form.
    pub(super) questions: BTreeMap<Seq, Arc<Record>>,
    /// Polls that are open, with their votes.
    pub(super) polls: BTreeMap<Seq, OpenPoll>,
    /// The one that is being answered. INVARIANT: it is among `questions`.
    pub(super) picked: Option<Seq>,
    /// The highest stream position of this broadcast's records, and when it was taken.
    pub(super) last_pos: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mute {
    pub(super) who: Person,
    pub(super) until_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ban {
    pub(super) who: Person,
    pub(super) until_ms: Option<u64>,
    pub(super) reason: Arc<str>,
    pub(super) devices: Vec<Trace>,
    pub(super) networks: Vec<Trace>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kick {
    pub(super) until_ms: u64,
    pub(super) reason: Arc<str>,
}

/// A message that waits for review.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    pub(super) at_ms: u64,
    pub(super) of: Option<Seq>,
    pub(super) why: HeldWhy,
    pub(super) kept: Kept,
}

/// A deleted message that can be brought back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Undone {
    /// The record that deleted it, and holds it now.
    pub(super) delete: Seq,
    pub(super) until_ms: u64,
    pub(super) by: MemberId,
    pub(super) kept: Kept,
}

/// Who may speak.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mode {
    pub(super) mode: RoomMode,
    /// When it ends, and what is then.
    pub(super) until: Option<(u64, RoomMode)>,
    /// Who said so; nobody yet in a room that always was open.
    pub(super) by: Option<Person>,
}

/// What stands above the talk, and the record that put it there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pinned {
    pub(super) record: Seq,
    pub(super) of: Option<Seq>,
    pub(super) words: Words,
}

/// A stream position and the wall clock beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) pos_ms: u64,
    pub(super) at_ms: u64,
}

impl Facts {
    pub(super) fn apply(&mut self, record: &Record) {
        self.seq = record.seq;
        match &record.body {
            RecordBody::Message(it) => self.asked(record, it),
            RecordBody::Edit {
                of, text, media, ..
            } => self.edited(record.seq, *of, text.as_ref(), media),
            RecordBody::Delete { of, undo } => {
                self.deleted(record.seq, *of);
                if let Some(it) = undo {
                    let undone = Undone {
                        delete: record.seq,
                        until_ms: it.until_ms,
                        by: record.author.id.clone(),
                        kept: it.kept.clone(),
                    };
                    self.undo.insert(*of, undone);
                }
            }
            RecordBody::Held(it) => self.held(record, it),
            RecordBody::Review { of, .. } => {
                self.held.remove(of);
            }
            RecordBody::Restore { of, kept } => self.restored(record, *of, kept.as_ref()),
            RecordBody::Rules(rules) => {
                if let Some(rules) = rules {
                    self.rules = Some(RuleBook::new(record.seq, rules.clone()));
                }
            }
            RecordBody::Kick {
                who,
                until_ms,
                reason,
            } => {
                // Those that are over are forgotten now and then, not at once: the wall clock may jump.
                if self.kicks.len() >= KICKS_KEPT {
                    self.kicks.retain(|_, it| it.until_ms > record.at_ms);
                }
                let kick = Kick {
                    until_ms: *until_ms,
                    reason: reason.clone(),
                };
                self.kicks.insert(who.id.clone(), kick);
            }
            RecordBody::Mode {
                mode,
                until_ms,
                then,
            } => {
                self.mode = Mode {
                    mode: *mode,
                    until: until_ms.map(|it| (it, *then)),
                    by: Some(record.author.clone()),
                };
            }
            RecordBody::Topic(it) => self.topic = Some(it.clone()),
            RecordBody::Split(split) => {
                for (of, _) in &split.moved {
                    self.deleted(record.seq, *of);
                }
            }
            RecordBody::Moved(_) => {}
            RecordBody::Pin(it) => self.pin = Pinned::new(record.seq, it),
            RecordBody::Question { of, to, done } => {
                if let Some(done) = done {
                    self.answered(*done);
                }
                self.question_moved(record.seq, *of, *to);
            }
            // A log keeps a closed poll with its result, and its end beside it.
            RecordBody::Poll(it) if it.result.is_none() => {
                let open = OpenPoll {
                    poll: it.clone(),
                    by: record.author.clone(),
                    votes: Votes::of(it.options.len()),
                };
                self.polls.insert(record.seq, open);
            }
            RecordBody::Poll(_) => {}
            RecordBody::PollClosed { of, .. } => {
                self.polls.remove(of);
            }
            RecordBody::Mute {
                who,
                until_ms,
                reason: _,
            } => {
                let mute = Mute {
                    who: who.clone(),
                    until_ms: *until_ms,
                };
                self.mutes.insert(who.id.clone(), mute);
            }
            RecordBody::Unmute { who } => {
                self.mutes.remove(&who.id);
            }
            RecordBody::Ban {
                who,
                until_ms,
                reason,
                devices,
                networks,
            } => {
                let ban = Ban {
                    who: who.clone(),
                    until_ms: *until_ms,
                    reason: reason.clone(),
                    devices: devices.clone(),
                    networks: networks.clone(),
                };
                self.bans.insert(who.id.clone(), ban);
            }
            RecordBody::Unban { who } => {
                self.bans.remove(&who.id);
            }
            RecordBody::SlowMode { gap_ms, auto } => {
                self.slow_mode_ms = *gap_ms;
                self.auto = auto.map(|it| (it, record.author.clone()));
            }
            RecordBody::CoHost { who, on: true } => {
                self.co_hosts.insert(who.id.clone(), who.clone());
            }
            RecordBody::CoHost { who, on: false } => {
                self.co_hosts.remove(&who.id);
            }
            RecordBody::Broadcast(next) => {
                if self.broadcast.as_ref().is_none_or(|it| it.id != next.id) {
                    self.last_pos = None;
                    self.co_hosts.clear();
                }
                self.broadcast = Some(next.clone());
            }
        }
        if let Some(pos_ms) = record.pos {
            self.last_pos = Some(Mark {
                pos_ms,
                at_ms: record.at_ms,
            });
        }
    }

    /// A member's vote. Nothing happens where the poll is not open.
    pub(super) fn vote(&mut self, of: Seq, member: &MemberId, picks: u16) {
        if let Some(open) = self.polls.get_mut(&of) {
            open.votes.put(member, picks);
        }
    }

    fn asked(&mut self, record: &Record, message: &Message) {
        let open = matches!(
            message.question,
            Some(QuestionPhase::Asked | QuestionPhase::Picked)
        );
        if !open || message.deleted {
            return;
        }
        self.questions.insert(record.seq, Arc::new(record.clone()));
        if message.question == Some(QuestionPhase::Picked) {
            self.picked = Some(record.seq);
        }
    }

    fn edited(&mut self, edit: Seq, of: Seq, text: Option<&Arc<str>>, media: &Media) {
        let Some(text) = text else { return };
        if let Some(message) = self.question_mut(of) {
            message.revise(edit, text.clone(), media.clone());
        }
        if let Some(pin) = self.pin.as_mut().filter(|it| it.of == Some(of)) {
            pin.words.text = text::beginning(text);
        }
    }

    /// The record of seq `by` took a message out of the talk.
    fn deleted(&mut self, by: Seq, of: Seq) {
        // A question that was brought back since reads as it is now, from the log.
        if self.question(of).is_none_or(|it| it.1.last_edit < Some(by)) {
            self.answered(of);
        }
        self.pin.take_if(|it| it.of == Some(of));
    }

    fn held(&mut self, record: &Record, it: &Held) {
        if let Some(of) = it.of {
            self.deleted(record.seq, of);
        }
        let Some(kept) = it.kept.clone() else { return };
        let waiting = Waiting {
            at_ms: record.at_ms,
            of: it.of,
            why: it.why,
            kept,
        };
        self.held.insert(record.seq, waiting);
    }

    fn restored(&mut self, record: &Record, of: Seq, kept: Option<&Kept>) {
        self.undo.remove(&of);
        let Some(kept) = kept else { return };
        if self.question(of).is_some() {
            return;
        }
        let Some((at_ms, pos)) = kept.asked else {
            return;
        };
        let mut message = kept.message.clone();
        message.restore(record.seq, kept);
        let asked = Record {
            seq: of,
            circle: record.circle,
            at_ms,
            pos,
            author: kept.author.clone(),
            client_id: None,
            body: RecordBody::Message(message.clone()),
        };
        self.asked(&asked, &message);
    }

    fn answered(&mut self, of: Seq) {
        self.questions.remove(&of);
        self.picked.take_if(|it| *it == of);
    }

    /// The record of seq `by` moved it on, or back.
    fn question_moved(&mut self, by: Seq, of: Seq, to: QuestionPhase) {
        if to == QuestionPhase::Answered {
            return self.answered(of);
        }
        let Some(message) = self.question_mut(of) else {
            return;
        };
        // One that was changed or brought back since reads as it is now, from the log.
        let to = match message.question {
            Some(is) if message.last_edit > Some(by) => is,
            _ => to,
        };
        message.question = Some(to);
        if to == QuestionPhase::Picked {
            self.picked = Some(of);
        } else {
            self.picked.take_if(|it| *it == of);
        }
    }

    fn question_mut(&mut self, of: Seq) -> Option<&mut Message> {
        match &mut Arc::make_mut(self.questions.get_mut(&of)?).body {
            RecordBody::Message(it) => Some(it),
            _ => None,
        }
    }

    /// A question that waits: who asked, and the message.
    pub(super) fn question(&self, of: Seq) -> Option<(&Person, &Message)> {
        let record = self.questions.get(&of)?;
        match &record.body {
            RecordBody::Message(it) => Some((&record.author, it)),
            _ => None,
        }
    }

    /// What stands above the talk, in the words of the wire.
    pub(super) fn pin_shown(&self) -> Option<Quoted> {
        self.pin.as_ref().map(|it| it.body().frame())
    }

    /// The question that is being answered, in the words of the wire.
    pub(super) fn picked_shown(&self) -> Option<Quoted> {
        let of = self.picked?;
        let (author, message) = self.question(of)?;
        Some(Quoted {
            of: Some(of),
            text: message.text.to_string(),
            author: Some(author.frame()),
            card: message.card.as_ref().map(|it| it.frame()),
            pos: None,
        })
    }

    /// The same, from the log, where a planted fault may pass over a record.
    pub(super) fn replay(&mut self, record: &Record) {
        let lost = match record.body {
            RecordBody::Ban { .. } => fault::is(Fault::BanLostOnReplay),
            RecordBody::Mute { .. } => fault::is(Fault::MuteLostOnReplay),
            _ => false,
        };
        if lost {
            self.seq = record.seq;
        } else {
            self.apply(record);
        }
    }

    /// When the member's mute ends, where it still holds.
    pub(super) fn muted_until(&self, member: &MemberId, unix_ms: u64) -> Option<u64> {
        self.mutes
            .get(member)
            .map(|it| it.until_ms)
            .filter(|it| *it > unix_ms)
    }

    /// The member's ban, where it still holds.
    pub(super) fn ban(&self, member: &MemberId, unix_ms: u64) -> Option<&Ban> {
        self.bans
            .get(member)
            .filter(|it| it.until_ms.is_none_or(|until| until > unix_ms))
    }

    /// The broadcast that is not put away.
    pub(super) fn current(&self) -> Option<&Broadcast> {
        self.broadcast
            .as_ref()
            .filter(|it| it.phase != Phase::Archived)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.broadcast.as_ref().map(|it| it.phase)
    }

    /// Who runs the broadcast that is not put away: true for its host, false for the others.
    pub(super) fn hosts(&self) -> BTreeMap<MemberId, bool> {
        let Some(broadcast) = self.current() else {
            return BTreeMap::new();
        };
        let others = self.co_hosts.keys().map(|it| (it.clone(), false));
        others.chain([(broadcast.host.id.clone(), true)]).collect()
    }

    /// Whether this member runs the broadcast that is not put away beside its host.
    pub(super) fn is_co_host(&self, member: &MemberId) -> bool {
        self.current().is_some() && self.co_hosts.contains_key(member)
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase() == Some(Phase::Live)
    }
}

impl Pinned {
    fn new(record: Seq, it: &Pin) -> Option<Self> {
        let words = it.words.clone()?;
        Some(Self {
            record,
            of: it.of,
            words,
        })
    }

    /// As its record says it now.
    pub(super) fn body(&self) -> Pin {
        Pin {
            of: self.of,
            words: Some(self.words.clone()),
        }
    }
}

impl Mode {
    /// What it is when every time is over.
    pub(super) fn steady(&self) -> RoomMode {
        self.until.map_or(self.mode, |it| it.1)
    }

    /// The mode in the words of the wire.
    pub(super) fn frame(&self) -> server::Mode {
        server::Mode {
            mode: self.mode,
            until_ms: self.until.map(|it| it.0),
        }
    }
}
