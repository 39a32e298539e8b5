//! Votes and likes: rows, not records ([decision 0007](../../../docs/decisions/0007-votes-and-likes-are-rows.md)).
//!
//! A row waits among what is decided, is committed by the append that carries it, and is answered only
//! then, as a record is; but it has no seq, flushes no ring and fills no screen. What everybody sees of
//! it is state ([`super::tallies`]). Each says what shall be (`likes`, `these options`), so that saying
//! it twice is saying it once, and needs no client id.

use protocol::{Code, MemberId, Refusal, Seq, server::RoomMode};

use super::{
    Room, commit,
    pending::{Decided, Outcome},
    polls, span,
};
use crate::{
    command::{Command, Origin},
    effect::{Effect, RowChange},
    fault::{self, Fault},
    member::{Role, Who},
    now::Now,
    rights::Verb,
};

use protocol::limits;

/// How far the disk has what a room decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last record's seq; 0 where the append had none.
    pub seq: Seq,
    /// The last row's number; 0 where the append had none.
    pub row: u64,
}

/// A row as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Vote {
        of: Seq,
        member: MemberId,
        picks: u16,
    },
    Like {
        of: Seq,
    },
}

impl Room {
    pub(super) fn row(&mut self, now: Now, from: &Origin, command: Command, fx: &mut Vec<Effect>) {
        if let Err(refusal) = self.check_room_for_more(&from.who) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: Err(refusal),
            });
            return;
        }
        match self.decide_row(now, from, &command) {
            Ok((row, change)) => self.keep_row(now, from, command, (row, change), fx),
            Err(refusal) => self.answer_in_order(from, command, Outcome::Refused(refusal), fx),
        }
    }

    fn decide_row(
        &self,
        now: Now,
        from: &Origin,
        command: &Command,
    ) -> Result<(Row, RowChange), Refusal> {
        self.check_not_banned(now, &from.who)?;
        self.check_joined(from)?;
        self.check_not_muted(now, from)?;
        let member = from.who.id.clone();
        let at_ms = now.unix_ms;
        match command {
            Command::Vote { of, picks } => {
                self.check_may_mark(from, Verb::Talk)?;
                let open = self.decided.polls.get(of);
                let open = open.ok_or_else(polls::no_such_poll)?;
                let picks = polls::bits(&open.poll, picks)?;
                let is_full = open.votes.voters() >= limits::POLL_VOTERS_MAX;
                if is_full && !open.votes.has(&member) {
                    let words = "this poll has as many votes as it can hold";
                    return Err(Refusal::new(Code::RoomFull, words));
                }
                self.check_row_rate(now, from)?;
                let of = *of;
                let change = RowChange::Vote {
                    of,
                    member: member.clone(),
                    picks,
                    at_ms,
                };
                Ok((Row::Vote { of, member, picks }, change))
            }
            Command::Like { of, on } => {
                self.check_may_mark(from, Verb::React)?;
                self.message(*of)?;
                self.check_row_rate(now, from)?;
                let (of, on) = (*of, *on);
                let change = RowChange::Like {
                    of,
                    member,
                    on,
                    at_ms,
                };
                Ok((Row::Like { of }, change))
            }
            _ => unreachable!("handle() gives only votes and likes"),
        }
    }

    /// Whoever may talk may vote and like, whatever mode the room is in: neither is a word. Only where
    /// members speak among themselves do guests stay out.
    fn check_may_mark(&self, from: &Origin, verb: Verb) -> Result<(), Refusal> {
        self.check(&from.who, verb)?;
        self.check_not_merged()?;
        let guest = from.who.role == Role::Guest;
        if guest && self.decided.mode.mode == RoomMode::Members {
            let words = "just now only members take part here: sign in";
            return Err(Refusal::new(Code::GuestsNotAllowed, words));
        }
        Ok(())
    }

    fn check_row_rate(&self, now: Now, from: &Origin) -> Result<(), Refusal> {
        let wait_ms = self.row_pace.free_in_ms(&from.who.id, super::ROW_RATE, now);
        if wait_ms == 0 {
            return Ok(());
        }
        let words = format!("that was too fast: go on in {}", span(wait_ms));
        Err(Refusal::new(Code::RateLimited, words).after_ms(wait_ms))
    }

    fn keep_row(
        &mut self,
        now: Now,
        from: &Origin,
        command: Command,
        (row, change): (Row, RowChange),
        fx: &mut Vec<Effect>,
    ) {
        if let Row::Vote { of, member, picks } = &row {
            self.decided.vote(*of, member, *picks);
        }
        self.row_pace.talked(&from.who.id, super::ROW_RATE, now);
        self.rows += 1;
        fx.push(Effect::Row(self.rows, change));
        let early = fault::is(Fault::RowAckedBeforeCommit);
        if early {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: Outcome::Done.into_result(),
            });
        }
        self.pending.push(Decided {
            record: None,
            row: Some((self.rows, row)),
            asked: (!early).then(|| (from.clone(), command)),
            outcome: Outcome::Done,
        });
    }

    /// A row is on disk.
    pub(super) fn row_committed(&mut self, now: Now, row: &Row) {
        match row {
            Row::Vote { of, member, picks } => {
                self.committed.vote(*of, member, *picks);
                self.tallies.votes_changed(now);
            }
            Row::Like { of } => self.tallies.changed(now, *of),
        }
    }

    fn check_room_for_more(&self, who: &Who) -> Result<(), Refusal> {
        if self.broken {
            return Err(commit::unavailable());
        }
        if self.pending.is_full_for(self.standing(who)) {
            let words = "this room is very busy, please try again";
            return Err(Refusal::new(Code::Busy, words).after_ms(1_000));
        }
        Ok(())
    }
}
