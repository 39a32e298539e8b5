//! A room as one client knows it: the fold of what it heard.
//!
//! It promises that a record counts once, that an older form of a message never replaces a newer one,
//! and that nothing is missing in silence: what was not heard is a [`Gap`] to fetch.

use std::collections::BTreeMap;

use protocol::{
    Epoch, MemberId, Refusal, RoomNumber, Seq, Slug,
    client::Position,
    limits::ROSTER_MEMBERS_MAX,
    server::{
        Body, Broadcast, Joined, Mark, OpenPoll, Page, Person, Phase, Push, RecordFrame, Resumed,
        StageState, State, Votes,
    },
};

/// A message in the latest form that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub seq: Seq,
    /// The server's clock, Unix milliseconds.
    pub at_ms: u64,
    pub by: Person,
    /// Empty once deleted.
    pub text: String,
    pub re: Option<Seq>,
    pub edited: bool,
    pub deleted: bool,
    /// It is in another topic now, at that seq: deleted here.
    pub moved: Option<(Slug, Seq)>,
    /// As far as they were counted.
    pub likes: u32,
    pub replies: u32,
    /// Changes up to this seq are in it.
    up_to: Seq,
}

impl Message {
    fn moved_to(&mut self, place: (Slug, Seq)) {
        self.text.clear();
        self.deleted = true;
        self.moved = Some(place);
    }
}

/// Records that were not heard: first and last seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Seq,
    pub to: Seq,
    /// The server said so. Otherwise it is a hole, to be fetched unasked.
    pub named: bool,
}

/// The fold. Everything is as of the last frame taken.
#[derive(Clone, Debug, Default)]
pub struct Room {
    pub title: String,
    /// The room's number in frames, while one is in it.
    pub number: Option<RoomNumber>,
    /// Why one is no longer in it.
    pub out: Option<Refusal>,
    pub messages: BTreeMap<Seq, Message>,
    pub gaps: Vec<Gap>,
    /// Messages that not everybody was shown, because more was said than can be read. The history has them.
    pub left_out: u64,
    pub count: u32,
    pub slow_mode_ms: u64,
    pub broadcast: Option<Broadcast>,
    pub stage: StageState,
    /// The polls that are open, oldest first, and their votes.
    pub polls: Vec<OpenPoll>,
    pub votes: Vec<Votes>,
    /// Who is here; nothing in a room above the roster's size.
    pub roster: Option<Vec<Person>>,
    pub can: Vec<String>,
    pub mark: Mark,
    pub muted_until_ms: Option<u64>,
    /// Everything from here on is known, or in `gaps`; 1 is the very beginning.
    pub from: Seq,
    epoch: Option<Epoch>,
    last: Seq,
}

impl Room {
    /// Where to resume from; nothing before the first join.
    pub fn position(&self) -> Option<Position> {
        let e = self.epoch.clone()?;
        Some(Position { e, s: self.last })
    }

    /// Takes the answer to a join.
    pub fn joined(&mut self, joined: &Joined) {
        let goes_on = joined.resumed != Resumed::Fresh && self.epoch.as_ref() == Some(&joined.e);
        if !goes_on {
            *self = Self::default();
        }
        self.title.clone_from(&joined.title);
        self.number = Some(joined.a);
        self.out = None;
        self.epoch = Some(joined.e.clone());
        self.roster.clone_from(&joined.roster);
        self.can.clone_from(&joined.can);
        self.mark = joined.mark;
        self.muted_until_ms = joined.muted_until_ms;
        // A join says the whole state: what it does not say is not so.
        self.broadcast = None;
        self.stage = StageState::default();
        self.slow_mode_ms = 0;
        self.polls.clear();
        self.votes.clear();
        self.change(&joined.state);
        let first = joined.ev.first().map_or(joined.s + 1, |it| it.s);
        if goes_on {
            if let Some((_, to)) = joined.gap {
                self.skip(to, true);
            }
        } else {
            self.from = if joined.more && joined.ev.is_empty() {
                1
            } else {
                first
            };
            self.last = self.from - 1;
        }
        let last = joined.ev.last().map_or(self.last, |it| it.s);
        let last = if joined.more { last } else { joined.s };
        self.range(first.min(last + 1), last, &joined.ev);
    }

    /// Takes a push of this room; those of others, and of none, change nothing.
    pub fn push(&mut self, push: &Push) {
        match push {
            Push::Ev { a, s, skip, ev } if self.is(*a) => {
                self.left_out += u64::from(*skip);
                self.range(s.0, s.1, ev);
            }
            Push::Beside { a, ev } if self.is(*a) => {
                ev.iter().for_each(|it| self.record(it, it.s));
            }
            Push::Gap { a, to, .. } if self.is(*a) => self.skip(*to, true),
            Push::State { a, state } if self.is(*a) => self.change(state),
            Push::Roster { a, came, left } if self.is(*a) => self.people(came, left),
            Push::Rights {
                a,
                can,
                mark,
                muted_until_ms,
            } if self.is(*a) => {
                self.can.clone_from(can);
                self.mark = *mark;
                self.muted_until_ms = *muted_until_ms;
            }
            Push::Out { a, why } if self.is(*a) => {
                self.number = None;
                self.out = Some(why.clone());
                self.roster = None;
            }
            _ => {}
        }
    }

    /// Takes a page of the history that was asked for with this `before`.
    pub fn page(&mut self, before: Seq, page: &Page) {
        let reached = match page.page.first() {
            Some(first) if !page.end => first.s,
            _ => 1,
        };
        let up_to = self.last;
        page.page.iter().for_each(|it| self.record(it, up_to));
        if before <= self.from {
            self.from = self.from.min(reached);
        }
        // A page ends right before what was asked for: it closes the newer end of a gap.
        self.gaps.retain_mut(|gap| {
            if gap.to < before && gap.to >= reached {
                gap.to = reached - 1;
            }
            gap.from <= gap.to
        });
    }

    /// The connection is gone: nobody is in a room without one.
    pub fn lost(&mut self) {
        self.number = None;
    }

    /// Whether there is a past that was not read.
    pub fn has_older(&self) -> bool {
        self.epoch.is_some() && self.from > 1
    }

    fn is(&self, a: RoomNumber) -> bool {
        self.number == Some(a)
    }

    /// Records that stand for the seqs `from` to `to`.
    fn range(&mut self, from: Seq, to: Seq, records: &[RecordFrame]) {
        if to <= self.last {
            return;
        }
        if from > self.last + 1 {
            self.skip(from - 1, false);
        }
        for record in records {
            if record.s > self.last {
                self.record(record, record.s);
            }
        }
        self.last = to;
    }

    fn skip(&mut self, to: Seq, named: bool) {
        if to > self.last {
            let from = self.last + 1;
            self.gaps.push(Gap { from, to, named });
            self.last = to;
        }
    }

    /// `up_to`: how new the form of a message is. Live it is its own; a page answers with the latest.
    fn record(&mut self, record: &RecordFrame, up_to: Seq) {
        match &record.body {
            Body::Msg {
                text,
                re,
                edits,
                deleted,
                likes,
                replies,
                ..
            } => {
                let known = self.messages.get(&record.s);
                if known.is_none_or(|it| it.up_to <= up_to) {
                    let message = Message {
                        seq: record.s,
                        at_ms: record.t,
                        by: record.u.clone(),
                        text: text.clone(),
                        re: *re,
                        edited: *edits > 0,
                        deleted: *deleted,
                        moved: None,
                        likes: *likes,
                        replies: *replies,
                        up_to,
                    };
                    self.messages.insert(record.s, message);
                }
            }
            Body::Edit { of, text, .. } => self.amend(*of, record.s, |it| {
                it.text.clone_from(text);
                it.edited = true;
            }),
            Body::Delete { of } => self.amend(*of, record.s, |it| {
                it.text.clear();
                it.deleted = true;
            }),
            Body::Split { to, moved } => {
                for (of, seq) in moved {
                    let place = (to.room.clone(), *seq);
                    self.amend(*of, record.s, |it| it.moved_to(place));
                }
            }
            Body::Moved { to, s, re, .. } => {
                let mut message = Message {
                    seq: record.s,
                    at_ms: record.t,
                    by: record.u.clone(),
                    text: String::new(),
                    re: *re,
                    edited: false,
                    deleted: false,
                    moved: None,
                    likes: 0,
                    replies: 0,
                    up_to: Seq::MAX,
                };
                message.moved_to((to.room.clone(), *s));
                self.messages.insert(record.s, message);
            }
            // It comes back, so an older form of it is none.
            Body::Restore {
                of, text, edits, ..
            } => {
                if let Some(message) = self.messages.get_mut(of)
                    && record.s > message.up_to
                {
                    message.text.clone_from(text);
                    message.edited = *edits > 0;
                    message.deleted = false;
                    message.up_to = record.s;
                }
            }
            // What these mean for one's own rights and for the room comes as `rights` and `state`.
            Body::Aside {}
            | Body::Kick { .. }
            | Body::Rules {}
            | Body::Mute { .. }
            | Body::Unmute { .. }
            | Body::Ban { .. }
            | Body::Unban { .. }
            | Body::SlowMode { .. }
            | Body::CoHost { .. }
            | Body::Mode(_)
            | Body::Pin(_)
            | Body::Question { .. }
            | Body::Poll(_)
            | Body::PollClosed(_)
            | Body::Broadcast(_)
            | Body::Topic(_) => {}
        }
    }

    fn amend(&mut self, of: Seq, by: Seq, how: impl FnOnce(&mut Message)) {
        if let Some(message) = self.messages.get_mut(&of)
            && !message.deleted
            && by > message.up_to
        {
            how(message);
            message.up_to = by;
        }
    }

    fn change(&mut self, state: &State) {
        if let Some(count) = state.count {
            self.count = count;
            if count as usize > ROSTER_MEMBERS_MAX {
                self.roster = None;
            }
        }
        self.slow_mode_ms = state.slow_mode_ms.unwrap_or(self.slow_mode_ms);
        self.stage = state.stage.unwrap_or(self.stage);
        if let Some(polls) = &state.polls {
            self.polls.clone_from(polls);
        }
        if let Some(votes) = &state.votes {
            self.votes.clone_from(votes);
        }
        if let Some(gone) = &state.erased {
            let theirs = self.messages.values_mut().filter(|it| it.by.id == gone.id);
            theirs.for_each(|it| it.by.name.clone_from(&gone.name));
        }
        for tally in state.tally.iter().flatten() {
            if let Some(message) = self.messages.get_mut(&tally.of) {
                message.likes = tally.likes;
                message.replies = tally.replies;
            }
        }
        if let Some(broadcast) = &state.broadcast {
            let shown = broadcast.phase != Phase::Archived;
            self.broadcast = shown.then(|| broadcast.clone());
        }
    }

    fn people(&mut self, came: &[Person], left: &[MemberId]) {
        if let Some(roster) = &mut self.roster {
            roster.retain(|it| !left.contains(&it.id) && came.iter().all(|new| new.id != it.id));
            roster.extend_from_slice(came);
        }
    }
}
