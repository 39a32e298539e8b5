//! Votes and likes in the world: what was answered is on disk, and what is shown adds up to distinct
//! people.

use protocol::{MemberId, Refusal, Seq, server::Reply};

use super::{disk::Said, world::World};
use crate::{Command, Counted, Origin, Record, RecordBody, RowChange};

/// A row that waits for its answer: whose, and what it says.
pub(super) struct Waits {
    member: MemberId,
    command: Command,
}

impl World {
    /// Somebody votes in an open poll, or likes something; now and then in nothing at all.
    pub(super) fn mark(&mut self, client: usize) {
        let room = self.clients[client].room;
        let last = self.places[room].decided.last + 1;
        let polls: Vec<Seq> = self.places[room].decided.polls.keys().copied().collect();
        let command = if !polls.is_empty() && self.random.percent(60) {
            let of = polls[self.random.index(polls.len())];
            let picks = match self.random.below(8) {
                0 => Vec::new(),
                it => vec![(it % 3) as u8],
            };
            Command::Vote { of, picks }
        } else {
            let of = last.saturating_sub(self.random.below(12));
            let on = self.random.percent(70);
            Command::Like { of, on }
        };
        let from = self.origin(client);
        self.handle_mark(room, &from, command);
    }

    pub(super) fn handle_mark(&mut self, room: usize, from: &Origin, command: Command) {
        self.fetch(room, &from.who, &command);
        let waits = Waits {
            member: from.who.id.clone(),
            command: command.clone(),
        };
        self.marking.insert(from.request, waits);
        let mut fx = Vec::new();
        self.places[room]
            .room
            .handle(self.now, from, command, &mut fx);
        self.carry_out(room, fx);
    }

    /// A row was decided: it must be one that may be.
    pub(super) fn row_decided(&mut self, room: usize, row: &RowChange) {
        let place = &mut self.places[room];
        let (RowChange::Vote { member, .. } | RowChange::Like { member, .. }) = row else {
            panic!("{row:?} comes with a record");
        };
        assert!(
            !place.decided.is_banned(member, self.now),
            "a banned member acts"
        );
        assert!(
            !place.decided.is_muted(member, self.now),
            "a muted member acts"
        );
        match row {
            RowChange::Vote { of, .. } => {
                assert!(place.decided.polls.contains_key(of), "the poll is open");
                self.seen.note("voted");
            }
            RowChange::Like { of, .. } => {
                assert!(!place.decided.lines[of].deleted, "a message that is there");
                self.seen.note("liked");
            }
            _ => {}
        }
        place.votes.write(row);
    }

    /// Takes the answer where it is a row's.
    pub(super) fn mark_answered(
        &mut self,
        room: usize,
        request: u64,
        outcome: &Result<Reply, Refusal>,
    ) -> bool {
        let Some(Waits { member, command }) = self.marking.remove(&request) else {
            return false;
        };
        match outcome {
            Ok(Reply::Done {}) => {}
            Ok(other) => panic!("a row has no {other:?}"),
            Err(refusal) => {
                self.seen.note(refusal.code.as_str());
                return true;
            }
        }
        // A later one may have taken its place already, so what counts is that it was written.
        let (of, said) = match command {
            Command::Vote { of, picks } => {
                let bits = picks.iter().fold(0, |bits, it| bits | 1 << it);
                (of, Said::Picks(bits))
            }
            Command::Like { of, on } => (of, Said::Likes(on)),
            _ => unreachable!("only votes and likes wait here"),
        };
        let synced = self.places[room].disk.marks();
        assert!(
            synced.was_written(&(of, member, said)),
            "a row is answered before it is on disk"
        );
        true
    }

    /// A result is what the votes decided before it say.
    pub(super) fn poll_ended(&mut self, room: usize, record: &Record) {
        let RecordBody::PollClosed { of, result } = &record.body else {
            return;
        };
        let place = &mut self.places[room];
        let votes = place.votes.votes.iter().filter(|it| it.0.0 == *of);
        let picks: Vec<u16> = votes.map(|it| *it.1).collect();
        let has = |option: usize| picks.iter().filter(|it| *it >> option & 1 == 1).count();
        let truth = Counted {
            n: (0..result.n.len()).map(|it| has(it) as u32).collect(),
            voters: picks.len() as u32,
        };
        assert_eq!(*result, truth, "each voter counts once");
        place.votes.write(&RowChange::VotesGone { of: *of });
        self.seen.note("poll closed");
        if truth.voters > 0 {
            self.seen.note("poll with votes");
        }
    }

    /// When all is at rest, what the room shows of likes and votes is what the disk holds.
    pub(super) fn check_marks(&self) {
        for place in &self.places {
            // A time that ran out in the last moment has yet to reach the disk.
            if place.waiting.says_something() {
                continue;
            }
            let marks = place.disk.marks();
            assert_eq!(marks, &place.votes, "the disk has what was decided");
            for shown in place.room.state().votes.unwrap_or_default() {
                let voters = marks.votes.keys().filter(|it| it.0 == shown.of).count();
                assert_eq!(shown.voters as usize, voters, "each voter counts once");
            }
            let tallies = marks.tallies();
            let last = crate::Past::Last;
            let Some(page) = place.room.history(last, 200) else {
                continue;
            };
            for frame in page.page {
                if let protocol::server::Body::Msg { likes, replies, .. } = frame.body {
                    let truth = tallies.get(&frame.s).copied().unwrap_or_default();
                    let shown = crate::Tally { likes, replies };
                    assert_eq!(shown, truth, "likes and replies of {}", frame.s);
                }
            }
        }
    }
}
