//! Polls: a question by who runs the room, options, and an end. Votes are rows ([`super::rows`]); the
//! result is a record, so that history and replay show it.

use std::sync::Arc;

use protocol::{
    Code, MemberId, Refusal, Seq, limits,
    server::{OpenPoll, Voted, Votes},
};

use super::{Room, span};
use crate::{
    command::Origin,
    effect::{Effect, RowChange},
    now::Now,
    record::{Poll, RecordBody},
    rights::Verb,
    text,
};

/// What is asked, as it was said.
pub(super) struct Asked<'a> {
    pub(super) question: &'a str,
    pub(super) options: &'a [String],
    pub(super) multiple: bool,
    pub(super) for_ms: Option<u64>,
}

impl Room {
    pub(super) fn poll(
        &self,
        now: Now,
        from: &Origin,
        asked: &Asked<'_>,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Polls)?;
        let question = text::question(asked.question)?;
        let (least, most) = (limits::POLL_OPTIONS_MIN, limits::POLL_OPTIONS_MAX);
        if !(least..=most).contains(&asked.options.len()) {
            let words = format!("a poll has {least} to {most} options");
            return Err(Refusal::new(Code::Malformed, words));
        }
        let options = asked.options.iter().map(|it| text::option(it));
        let options = options.map(|it| it.map(Arc::from));
        let options: Vec<Arc<str>> = options.collect::<Result<_, _>>()?;
        if (1..options.len()).any(|it| options[..it].contains(&options[it])) {
            let words = "two options of a poll are the same";
            return Err(Refusal::new(Code::Malformed, words));
        }
        let most_ms = limits::POLL_FOR_MAX.as_millis() as u64;
        if asked.for_ms.is_some_and(|it| it == 0 || it > most_ms) {
            let words = format!("a poll closes by itself after 1 ms to {}", span(most_ms));
            return Err(Refusal::new(Code::Malformed, words));
        }
        if self.decided.polls.len() >= limits::POLLS_OPEN_MAX {
            let words = format!("{} polls are open: close one first", limits::POLLS_OPEN_MAX);
            return Err(Refusal::new(Code::TooManyPolls, words));
        }
        Ok(RecordBody::Poll(Poll {
            question: question.into(),
            options: options.into(),
            multiple: asked.multiple,
            closes_ms: asked.for_ms.map(|it| now.unix_ms.saturating_add(it)),
            result: None,
        }))
    }

    pub(super) fn close_poll(&self, from: &Origin, of: Seq) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Polls)?;
        self.closed_poll(of).ok_or_else(no_such_poll)
    }

    /// The record that closes a poll, by every vote decided so far.
    fn closed_poll(&self, of: Seq) -> Option<RecordBody> {
        let result = self.decided.polls.get(&of)?.votes.counted();
        Some(RecordBody::PollClosed { of, result })
    }

    /// What closing a poll changes on disk: its record has the result, and who voted what is nowhere.
    pub(super) fn poll_revised(&self, body: &RecordBody) -> Vec<RowChange> {
        let RecordBody::PollClosed { of, result } = body else {
            return Vec::new();
        };
        let Some(open) = self.decided.polls.get(of) else {
            return Vec::new();
        };
        let mut poll = open.poll.clone();
        poll.result = Some(result.clone());
        let body = RecordBody::Poll(poll);
        vec![
            RowChange::Revise { seq: *of, body },
            RowChange::VotesGone { of: *of },
        ]
    }

    /// When each poll closes by itself, on the steady clock, from what was decided of it.
    pub(super) fn time_polls(&mut self, now: Now) {
        let ends = &mut self.poll_ends;
        ends.retain(|of, _| self.decided.polls.contains_key(of));
        for (of, open) in &self.decided.polls {
            if let Some(closes_ms) = open.poll.closes_ms {
                let left_ms = closes_ms.saturating_sub(now.unix_ms);
                ends.entry(*of)
                    .or_insert_with(|| now.mono_ms.saturating_add(left_ms));
            }
        }
    }

    pub(super) fn wake_polls(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let due = self.poll_ends.iter().filter(|it| *it.1 <= now.mono_ms);
        let due: Vec<Seq> = due.map(|it| *it.0).collect();
        for of in due {
            self.poll_ends.remove(&of);
            let by = self.decided.polls.get(&of).map(|it| it.by.clone());
            if let (Some(by), Some(body)) = (by, self.closed_poll(of)) {
                self.keep(now, by, None, body, fx);
            }
        }
    }

    /// Every open poll as it is committed.
    pub(super) fn polls_shown(&self) -> Vec<OpenPoll> {
        let polls = self.committed.polls.iter();
        polls
            .map(|(of, it)| it.poll.frame_open(*of, &it.by))
            .collect()
    }

    pub(super) fn votes_shown(&self) -> Vec<Votes> {
        let polls = self.committed.polls.iter();
        polls
            .map(|(of, it)| it.votes.counted().frame(*of))
            .collect()
    }

    /// What this member voted, as it is committed.
    pub(super) fn voted(&self, member: &MemberId) -> Vec<Voted> {
        let polls = self.committed.polls.iter();
        polls
            .filter(|it| it.1.votes.has(member))
            .map(|(of, it)| Voted {
                of: *of,
                picks: it.votes.picks(member),
            })
            .collect()
    }
}

/// A vote's options as bits, where the poll has them.
pub(super) fn bits(poll: &Poll, picks: &[u8]) -> Result<u16, Refusal> {
    let malformed = |words: &str| Err(Refusal::new(Code::Malformed, words));
    let mut bits = 0u16;
    for pick in picks {
        if usize::from(*pick) >= poll.options.len() {
            return malformed("the poll has no such option");
        }
        bits |= 1 << pick;
    }
    if !poll.multiple && bits.count_ones() > 1 {
        return malformed("one option of this poll is picked, not several");
    }
    Ok(bits)
}

pub(super) fn no_such_poll() -> Refusal {
    Refusal::new(Code::PollClosed, "this poll is not open (any more)")
}
