//! Coming in: the snapshot, and the resume that leaves no hole and shows nothing twice.

use std::sync::Arc;

use protocol::{
    Refusal, Seq,
    client::Position,
    limits,
    server::{Joined, Mode, Page, Push, RecordFrame, Reply, Resumed, Roster, State},
};

use super::{Past, Room};
use crate::{
    command::Origin,
    effect::Effect,
    member::Who,
    now::Now,
    record::Record,
    rights::{self, Verb},
};

/// What a position leads to.
struct Catch {
    resumed: Resumed,
    gap: Option<(Seq, Seq)>,
    records: Vec<Arc<Record>>,
}

impl Room {
    pub(super) fn join(
        &mut self,
        now: Now,
        from: &Origin,
        since: Option<Position>,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.may_watch(now, &from.who) {
            fx.push(Effect::Answer {
                to: from.asker(),
                outcome: Err(refusal),
            });
            return;
        }
        let shown = self.shown_seq();
        if since.as_ref().is_some_and(|it| it.s > shown) {
            // What they know is on its way to the others.
            self.show_all(now, fx);
        }
        self.presence.arrive(now, &from.who, from.connection);
        self.viewer_came(&from.who.id);
        self.traced.saw(&from.who);
        let catch = self.catch_up(since);
        let mut pages = catch.records.chunks(limits::PAGE_RECORDS_MAX);
        let first = pages.next().unwrap_or_default();
        let roster = self.presence.roster().map(|it| self.frames_of(it));
        self.presence.told();
        let standing = self.committed_standing(&from.who);
        let joined = Joined {
            a: self.meta.number,
            room: self.meta.slug.clone(),
            title: self.meta.title.to_string(),
            e: self.epoch.clone(),
            s: self.shown_seq(),
            resumed: catch.resumed,
            gap: catch.gap,
            ev: frames(first),
            more: catch.records.len() > first.len(),
            state: self.state(),
            roster,
            can: rights::names(standing, &self.object(&self.committed, &from.who.id)),
            mark: standing.mark(),
            muted_until_ms: self.committed.muted_until(&from.who.id, now.unix_ms),
            voted: self.voted(&from.who.id),
            held: standing
                .runs_the_room()
                .then(|| u32::try_from(self.committed.held.len()).unwrap_or(u32::MAX)),
        };
        let outcome = Ok(Reply::Joined(Box::new(joined)));
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
        for page in pages {
            let s = (page[0].seq, page[page.len() - 1].seq);
            let push = Push::Ev {
                a: self.meta.number,
                s,
                skip: 0,
                ev: frames(page),
            };
            fx.push(Effect::Push {
                connection: from.connection,
                push,
            });
        }
    }

    /// May this member be here, by what is committed? A ban that is only decided puts them out
    /// again when it is on disk.
    pub fn may_watch(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.check_works()?;
        if let Some(refusal) = self.kept_out(&self.committed, now, who) {
            return Err(refusal);
        }
        self.check(who, Verb::Watch)
    }

    pub(super) fn roster(&self, from: &Origin, fx: &mut Vec<Effect>) {
        let outcome = self.check_joined(from).map(|()| {
            let some = self.presence.after(None).take(limits::ROSTER_MEMBERS_MAX);
            let roster = self.frames_of(some.collect());
            Reply::Roster(Roster {
                roster,
                count: self.presence.count(),
            })
        });
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
    }

    /// A page of the committed past, or `None` where it reaches beyond what the room keeps: ask the
    /// store. `n` is brought within 1 and [`limits::PAGE_RECORDS_MAX`].
    pub fn history(&self, past: Past, n: usize) -> Option<Page> {
        let n = n.clamp(1, limits::PAGE_RECORDS_MAX);
        let last = self.committed.seq;
        if last == 0 {
            return Some(Page {
                page: Vec::new(),
                end: true,
            });
        }
        let (records, end) = match past {
            Past::Last => {
                let records = self.ring.before(last + 1, n)?;
                let end = records.first().is_none_or(|it| it.seq == 1);
                (records, end)
            }
            Past::Before(seq) => {
                let records = self.ring.before(seq.clamp(1, last + 1), n)?;
                let end = records.first().is_none_or(|it| it.seq == 1);
                (records, end)
            }
            Past::After(seq) => {
                let mut records = self.ring.after(seq.min(last))?;
                records.truncate(n);
                let end = records.last().is_none_or(|it| it.seq == last);
                (records, end)
            }
        };
        Some(Page {
            page: frames(&records),
            end,
        })
    }

    /// Every value as it is committed.
    pub fn state(&self) -> State {
        State {
            count: Some(self.presence.count()),
            slow_mode_ms: Some(self.committed.slow_mode_ms),
            slow_auto: self.committed.auto.as_ref().map(|it| it.0.frame()),
            broadcast: self.committed.current().map(crate::Broadcast::frame),
            stage: Some(self.stage.state()),
            mode: Some(self.committed.mode.frame()).filter(|it| *it != Mode::default()),
            pin: self.committed.pin_shown(),
            picked: self.committed.picked_shown(),
            polls: Some(self.polls_shown()).filter(|it| !it.is_empty()),
            votes: Some(self.votes_shown()).filter(|it| !it.is_empty()),
            topic: self.committed.topic.as_ref().map(crate::Topic::frame),
            tally: None,
            erased: None,
        }
    }

    /// Up to what everybody has been shown: what waits is announced to whoever is here by then.
    fn catch_up(&self, since: Option<Position>) -> Catch {
        let shown = self.shown_seq();
        let seen = |mut records: Vec<Arc<Record>>| {
            records.retain(|it| it.seq <= shown);
            records
        };
        let tail = || {
            let kept = limits::SNAPSHOT_RECORDS + self.readable.len();
            seen(self.ring.tail(kept))
        };
        let known = since.filter(|it| it.e == self.epoch && it.s <= shown);
        let Some(since) = known else {
            return Catch {
                resumed: Resumed::Fresh,
                gap: None,
                records: tail(),
            };
        };
        if since.s == shown {
            return Catch {
                resumed: Resumed::Full,
                gap: None,
                records: Vec::new(),
            };
        }
        if let Some(records) = self.ring.after(since.s) {
            return Catch {
                resumed: Resumed::Full,
                gap: None,
                records: seen(records),
            };
        }
        let records = tail();
        let gap = records.first().map(|it| (since.s + 1, it.seq - 1));
        Catch {
            resumed: Resumed::Gap,
            gap,
            records,
        }
    }

    pub(super) fn frames_of(&self, people: Vec<&Who>) -> Vec<protocol::server::Person> {
        people
            .into_iter()
            .map(|it| self.committed_person(it).frame())
            .collect()
    }
}

fn frames(records: &[Arc<Record>]) -> Vec<RecordFrame> {
    records.iter().map(|it| it.frame()).collect()
}
