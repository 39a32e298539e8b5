//! One device in one room: folds the frames it hears, and notices at once where one is missing,
//! comes twice or out of order.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Epoch, MemberId, Seq,
    client::Position,
    server::{Body, Joined, Push, QuestionPhase, Quoted, RecordFrame, Resumed, RoomMode, State},
};

use super::model::{Line, Model};
use crate::{Command, Who};

pub(super) struct Client {
    pub(super) room: usize,
    pub(super) who: Who,
    /// Absent while offline.
    pub(super) connection: Option<u64>,
    /// The `joined` answer came.
    pub(super) joined: bool,
    pub(super) position: Option<Position>,
    lines: BTreeMap<Seq, Line>,
    /// Left out of what everybody is shown.
    skipped: BTreeSet<Seq>,
    /// Up to here the log was not shown to this device.
    unknown: Option<Seq>,
    pub(super) roster: Option<BTreeSet<MemberId>>,
    pub(super) count: u32,
    /// As the state says, not the records.
    mode: RoomMode,
    pin: Quoted,
    picked: Quoted,
    /// Said and not answered for good: to be said again after a doubt.
    pub(super) outbox: Vec<Command>,
}

impl Client {
    pub(super) fn new(room: usize, who: Who) -> Self {
        Self {
            room,
            who,
            connection: None,
            joined: false,
            position: None,
            lines: BTreeMap::new(),
            skipped: BTreeSet::new(),
            unknown: None,
            roster: None,
            count: 0,
            mode: RoomMode::Open,
            pin: Quoted::default(),
            picked: Quoted::default(),
            outbox: Vec::new(),
        }
    }

    /// Comes back from long ago, with nothing of it kept.
    pub(super) fn was_here(&mut self, epoch: Epoch, seq: Seq) {
        self.position = Some(Position { e: epoch, s: seq });
        self.unknown = Some(seq);
    }

    pub(super) fn joined(&mut self, answer: &Joined) {
        self.joined = true;
        let before = self.position.as_ref().map_or(0, |it| it.s);
        let first = answer.ev.first().map(|it| it.s);
        let after = match answer.resumed {
            Resumed::Fresh => {
                assert!(
                    self.position
                        .as_ref()
                        .is_none_or(|it| it.e != answer.e || it.s > answer.s),
                    "a known position is resumed"
                );
                self.lines.clear();
                self.unknown = first.map(|it| it - 1);
                first.map_or(answer.s, |it| it - 1)
            }
            Resumed::Full => before,
            Resumed::Gap => {
                let (from, to) = answer.gap.expect("a gap is named");
                assert_eq!(from, before + 1, "the gap begins where the client stopped");
                assert_eq!(Some(to + 1), first, "the tail follows the gap");
                // What happened in between to older messages is unknown as well.
                self.lines.clear();
                self.unknown = Some(to);
                to
            }
        };
        self.position = Some(Position {
            e: answer.e.clone(),
            s: after,
        });
        self.records(&answer.ev);
        let reached = self.last();
        assert!(
            answer.more || reached == answer.s,
            "joined at {}, heard {reached}",
            answer.s
        );
        self.roster = answer
            .roster
            .as_ref()
            .map(|it| it.iter().map(|it| it.id.clone()).collect());
        self.mode = RoomMode::Open;
        self.pin = Quoted::default();
        self.picked = Quoted::default();
        self.state(&answer.state);
    }

    pub(super) fn push(&mut self, push: &Push) {
        match push {
            Push::Ev { s, skip, ev, .. } => {
                assert_eq!(s.0, self.last() + 1, "no hole and no double");
                if *skip == 0 {
                    self.records(ev);
                    assert_eq!(s.1, self.last(), "the frame stands for what it says");
                } else {
                    self.part(*s, *skip, ev);
                }
            }
            Push::Beside { ev, .. } => {
                for record in ev {
                    assert!(
                        matches!(record.body, Body::Msg { .. }),
                        "what people say, and nothing else"
                    );
                    self.skipped.remove(&record.s);
                    self.fold(record);
                }
            }
            Push::State { state, .. } => self.state(state),
            Push::Roster { came, left, .. } => {
                if let Some(roster) = &mut self.roster {
                    roster.extend(came.iter().map(|it| it.id.clone()));
                    for member in left {
                        roster.remove(member);
                    }
                }
            }
            _ => {}
        }
    }

    fn state(&mut self, state: &State) {
        self.count = state.count.unwrap_or(self.count);
        self.mode = state.mode.map_or(self.mode, |it| it.mode);
        if let Some(pin) = &state.pin {
            self.pin.clone_from(pin);
        }
        if let Some(picked) = &state.picked {
            self.picked.clone_from(picked);
        }
    }

    fn records(&mut self, records: &[RecordFrame]) {
        for record in records {
            assert_eq!(record.s, self.last() + 1, "records follow each other");
            self.fold(record);
            self.position.as_mut().expect("in the room").s = record.s;
        }
    }

    /// A part of a range: the rest of it is in the history.
    fn part(&mut self, (from, to): (Seq, Seq), skip: u32, records: &[RecordFrame]) {
        let shown: BTreeSet<Seq> = records.iter().map(|it| it.s).collect();
        assert!(records.is_sorted_by_key(|it| it.s), "in their order");
        assert!(shown.iter().all(|it| (from..=to).contains(it)));
        let left_out = (from..=to).filter(|it| !shown.contains(it));
        self.skipped.extend(left_out);
        let said = to + 1 - from;
        assert_eq!(
            said,
            shown.len() as u64 + u64::from(skip),
            "all accounted for"
        );
        for record in records {
            self.fold(record);
        }
        self.position.as_mut().expect("in the room").s = to;
    }

    fn fold(&mut self, record: &RecordFrame) {
        match &record.body {
            Body::Msg {
                text,
                edits,
                deleted,
                question,
                ..
            } => {
                let line = Line {
                    author: record.u.id.clone(),
                    text: text.clone(),
                    edits: *edits,
                    deleted: *deleted,
                    question: *question,
                };
                self.lines.insert(record.s, line);
            }
            Body::Edit { of, text, .. } => {
                if let Some(line) = self.lines.get_mut(of).filter(|it| !it.deleted) {
                    line.text.clone_from(text);
                }
            }
            Body::Delete { of } => {
                if let Some(line) = self.lines.get_mut(of) {
                    line.deleted = true;
                    line.question = None;
                    line.text.clear();
                }
            }
            Body::Restore {
                of,
                text,
                edits,
                question,
                ..
            } => {
                if let Some(line) = self.lines.get_mut(of) {
                    line.text.clone_from(text);
                    line.edits = *edits;
                    line.deleted = false;
                    line.question = *question;
                }
            }
            Body::Question { of, to, done } => {
                for (seq, to) in [(Some(*of), *to), (*done, QuestionPhase::Answered)] {
                    let line = seq.and_then(|it| self.lines.get_mut(&it));
                    // A message that came in its latest form may be further already.
                    if let Some(line) = line.filter(|it| it.question.is_some()) {
                        line.question = line.question.max(Some(to));
                    }
                }
            }
            _ => {}
        }
    }

    fn last(&self) -> Seq {
        self.position.as_ref().map_or(0, |it| it.s)
    }

    /// What this device shows is what the log says.
    pub(super) fn check(&self, model: &Model, epoch: &Epoch, shown: Seq) {
        let Some(position) = self.position.as_ref().filter(|_| self.joined) else {
            return;
        };
        assert_eq!(position.e, *epoch);
        assert_eq!(position.s, shown, "heard everything that is committed");
        for (seq, line) in &self.lines {
            let truth = &model.lines[seq];
            assert_eq!(
                (&line.text, line.deleted),
                (&truth.text, truth.deleted),
                "message {seq} is shown as it reads"
            );
            let answered = |it: Option<QuestionPhase>| it == Some(QuestionPhase::Answered);
            assert_eq!(
                answered(line.question),
                answered(truth.question),
                "question {seq} is as far as it is"
            );
        }
        assert_eq!(self.mode, model.mode.0, "who may speak");
        let pin = model.pin.clone().unwrap_or_default();
        assert_eq!((self.pin.of, self.pin.text.clone()), pin, "what is pinned");
        assert_eq!(self.picked.of, model.picked(), "what is being answered");
        if let Some(of) = model.picked() {
            assert_eq!(self.picked.text, model.lines[&of].text);
        }
        let known = self.unknown.unwrap_or_default() + 1..=shown;
        let missing = model.lines.range(known).find(|(seq, line)| {
            let mine = line.author == self.who.id;
            !self.lines.contains_key(seq) && (mine || !self.skipped.contains(seq))
        });
        assert!(missing.is_none(), "{missing:?} is not shown");
    }
}
