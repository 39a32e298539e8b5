//! The room as lines: for pipes, scripts, screen readers and logs.

use std::{collections::BTreeSet, io::Write};

use anyhow::bail;
use jiff::tz::TimeZone;
use protocol::{
    Seq,
    server::{Body, OpenPoll, Push, RecordFrame, State},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};
use weiquan_client::{Follower, Happening, Wish};

use crate::{
    text::{called, clock_face, one_line},
    votes,
};

/// One run: messages to the output, lines of the input to the room, words about both to the error output.
struct Lines<W> {
    out: W,
    zone: TimeZone,
    joined: bool,
    said: usize,
    settled: usize,
    /// The newest of one's own that is acknowledged, and the newest of all that was seen.
    acknowledged: Seq,
    seen: Seq,
    refused: Vec<String>,
    printed: BTreeSet<Seq>,
    polls: Vec<OpenPoll>,
}

/// Runs until the server stays away, or until the input ended and all of it was acknowledged and
/// seen (`stay`: never).
pub(crate) async fn run(
    follower: Follower,
    mut happenings: mpsc::Receiver<Happening>,
    stay: bool,
) -> anyhow::Result<()> {
    let mut run = Lines {
        out: std::io::stdout(),
        zone: TimeZone::system(),
        joined: false,
        said: 0,
        settled: 0,
        acknowledged: 0,
        seen: 0,
        refused: Vec::new(),
        printed: BTreeSet::new(),
        polls: Vec::new(),
    };
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let mut open = true;
    while open || stay || !run.is_done() {
        tokio::select! {
            line = input.next_line(), if open => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    run.said += 1;
                    match votes::wish(&run.polls, &line) {
                        None => follower.wish(Wish::Say { text: line, re: None }).await,
                        Some(Ok(vote)) => follower.wish(vote).await,
                        Some(Err(why)) => run.not_taken(&line, &why),
                    }
                }
                None => open = false,
            },
            happening = happenings.recv() => match happening {
                Some(it) => run.happened(it)?,
                None => bail!("the follower ended"),
            },
        }
    }
    match run.refused.len() {
        0 => Ok(()),
        n => bail!("{n} of {} lines were refused", run.said),
    }
}

impl<W: Write> Lines<W> {
    fn is_done(&self) -> bool {
        self.joined && self.settled >= self.said && self.seen >= self.acknowledged
    }

    fn happened(&mut self, happening: Happening) -> anyhow::Result<()> {
        match happening {
            Happening::Joined { joined, again, .. } => {
                self.joined = true;
                if again {
                    eprintln!("back in the room");
                }
                if let Some((from, to)) = joined.gap {
                    eprintln!("{} records were missed", to - from + 1);
                }
                self.asked(&joined.state, true);
                self.print(&joined.ev)?;
                if !joined.more {
                    self.seen = self.seen.max(joined.s);
                }
            }
            Happening::Push(Push::Ev { s, skip, ev, .. }) => {
                self.print(&ev)?;
                if skip > 0 {
                    eprintln!("{skip} more are in the history");
                }
                self.seen = self.seen.max(s.1);
            }
            Happening::Push(Push::Beside { ev, .. }) => self.print(&ev)?,
            Happening::Push(Push::Gap { from, to, .. }) => {
                self.seen = self.seen.max(to);
                eprintln!("{} records were missed", to - from + 1);
            }
            Happening::Push(Push::State { state, .. }) => self.asked(&state, false),
            Happening::Voted { .. } => {
                self.settled += 1;
                eprintln!("your vote is in");
            }
            Happening::VoteRefused { refusal, .. } => self.not_taken("/vote", &refusal.say),
            Happening::Said(said) => {
                self.settled += 1;
                self.acknowledged = self.acknowledged.max(said.seq);
            }
            Happening::Waits { refusal, after } => {
                eprintln!("{} Again in {:.1} s.", refusal.say, after.as_secs_f64());
            }
            Happening::Refused { text, refusal, .. } => self.not_taken(&text, &refusal.say),
            Happening::Lost { why, again_after } => match again_after {
                Some(wait) => eprintln!("{why}; again in {:.1} s", wait.as_secs_f64()),
                None => bail!("{why}"),
            },
            Happening::Breach(breach) => eprintln!("the server broke its word: {breach}"),
            Happening::Push(_) | Happening::Page { .. } => {}
        }
        Ok(())
    }

    fn not_taken(&mut self, text: &str, why: &str) {
        self.settled += 1;
        eprintln!("refused: {}: {why}", one_line(text));
        self.refused.push(text.to_owned());
    }

    /// Polls that are open, said once each. A join that names none says that there is none.
    fn asked(&mut self, state: &State, joined: bool) {
        let Some(polls) = state.polls.clone().or_else(|| joined.then(Vec::new)) else {
            return;
        };
        for open in &polls {
            if self.polls.iter().all(|it| it.of != open.of) {
                eprintln!("{}", votes::line(open, &[]));
            }
        }
        self.polls = polls;
    }

    fn print(&mut self, records: &[RecordFrame]) -> anyhow::Result<()> {
        for record in records {
            if let Body::PollClosed(result) = &record.body
                && let Some(open) = self.polls.iter().find(|it| it.of == result.of)
            {
                let options = votes::options(&open.poll.options, Some(result));
                let question = one_line(&open.poll.question);
                writeln!(self.out, "Poll closed: {question}{options}")?;
            }
            let Body::Msg { text, deleted, .. } = &record.body else {
                continue;
            };
            if *deleted || !self.printed.insert(record.s) {
                continue;
            }
            // A resume reaches no further back than that.
            while self.printed.len() > protocol::limits::RESUME_RECORDS_MAX {
                self.printed.pop_first();
            }
            let time = clock_face(record.t, &self.zone);
            let (name, text) = (called(&record.u.name), one_line(text));
            writeln!(self.out, "{time} {name}: {text}")?;
        }
        Ok(self.out.flush()?)
    }
}
