//! A room as a machine: commands in, effects out, told the time.
//!
//! **Decided is not committed.** A command is decided against everything decided so far and becomes
//! a record for the log; nobody sees it before [`Room::committed`] says that it is on disk. A
//! refusal waits for the records that it was decided upon in the same way. If the commit fails,
//! everybody who waits is refused ([`Room::failed`]), this room is thrown away, and another is
//! recovered from the log, which inherits who is here ([`Room::inherit`]).
//!
//! Reading order: `decide` (from a command to a record), with `chat`, `moderation`, `mode`, `pin`,
//! `questions`, `polls`, `card`, `topic`, `merging`, `split`, `notices`, `broadcast` and `co_host`, and `rows` for votes and likes; order in
//! the room: `rule_book`, `held`, `undo`, `traces`, `auto`, `acts`; `facts` (what records make),
//! `pending`, `commit` (from decided to shown); `join`, `ring`; `presence`, `burst`, `typing`,
//! `tallies`, `stage`, `audience`; the small memories `client_ids`, `pace`,
//! `aside`; `rest`, `erased`.
//!
//! The room keeps the last 2,000 records; older ones are the log's, and [`Room::needs`] says when
//! one must be fetched first. It holds no sockets, no threads and no clock.

mod acts;
mod aside;
mod audience;
mod auto;
mod broadcast;
mod burst;
mod card;
mod chat;
mod client_ids;
mod co_host;
mod commit;
mod decide;
mod erased;
mod facts;
mod held;
mod join;
mod merging;
mod mode;
mod moderation;
mod notices;
mod pace;
mod pending;
mod pin;
mod polls;
mod presence;
mod questions;
mod readable;
mod rest;
mod ring;
mod rows;
mod rule_book;
mod shown;
mod split;
mod stage;
mod tallies;
#[cfg(test)]
mod tests;
mod topic;
mod traces;
mod typing;
mod undo;
mod votes;
mod who;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{
    CircleId, ClientId, Epoch, MemberId, Refusal, RoomNumber, Seq, Slug, limits,
    server::Reply,
    topic::{RoomKind, TopicAct},
};

pub use self::{rest::Keepsake, rows::Reached, shown::blobs_of};

use self::{
    aside::Aside,
    audience::Audience,
    auto::Talk,
    burst::Bursts,
    client_ids::{ClientIds, First},
    facts::Facts,
    pace::Pace,
    pending::Pending,
    presence::Presence,
    readable::Readable,
    ring::Ring,
    stage::Stage,
    tallies::Tallies,
    traces::Traced,
    typing::Typing,
};
use crate::{
    command::{Command, Need, Origin, StageReport},
    effect::{Announce, Effect, Measured},
    member::Who,
    now::Now,
    record::{Record, RecordBody, Tally},
    rights::{self, Verb},
};

pub use self::{audience::viewer_number, card::Upload, split::NewSplit, topic::NewTopic};

/// What a room is before anything happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMeta {
    pub number: RoomNumber,
    pub slug: Slug,
    pub circle: CircleId,
    pub title: Arc<str>,
    pub kind: RoomKind,
    /// May guests watch and talk?
    pub guests: bool,
    /// Who made the room: its host for ever.
    pub maker: MemberId,
    pub rates: Rates,
}

/// How much may be said and shown in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub talk: TalkRate,
    /// Messages a second that everybody is shown; 0: all.
    pub readable: u32,
}

/// How fast one member may talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkRate {
    /// Messages and edits at once.
    pub burst: u32,
    /// The time after which one more is free; 0: no limit.
    pub every_ms: u64,
}

impl Rates {
    /// Everything may be said, and is shown.
    pub const UNLIMITED: Self = Self {
        talk: TalkRate::new(1, 0),
        readable: 0,
    };
}

impl TalkRate {
    /// From a number a second; 0: no limit.
    pub const fn new(burst: u32, per_second: u32) -> Self {
        Self {
            burst: if burst == 0 { 1 } else { burst },
            every_ms: match per_second {
                0 => 0,
                n => 1_000_u64.div_ceil(n as u64),
            },
        }
    }
}

/// How fast one member may vote and like.
const ROW_RATE: TalkRate = TalkRate::new(limits::ROWS_BURST, limits::ROWS_PER_SECOND);

/// What the log holds of a room, for recovery.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub epoch: Epoch,
    /// Every fact ([`crate::RecordBody::is_fact`]), however old, oldest first.
    pub facts: Vec<Record>,
    /// The last 2,000 records, oldest first, facts included.
    pub tail: Vec<Record>,
    /// The newest client ids with their first results, oldest first.
    pub client_ids: Vec<(MemberId, ClientId, Seq, u64)>,
    /// Every vote in a poll that is open: options as bits.
    pub votes: Vec<(Seq, MemberId, u16)>,
    /// Likes and replies of the tail's messages that have any.
    pub tallies: BTreeMap<Seq, Tally>,
    /// What was measured of the broadcast that is on.
    pub measured: Option<Measured>,
}

/// Which part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    Last,
    Before(Seq),
    After(Seq),
}

/// One room. See the module for its contract.
#[derive(Debug)]
pub struct Room {
    meta: RoomMeta,
    epoch: Epoch,
    decided: Facts,
    committed: Facts,
    pending: Pending,
    /// Committed records only.
    ring: Ring,
    client_ids: ClientIds,
    pace: Pace,
    aside: Aside,
    presence: Presence,
    readable: Readable,
    bursts: Bursts,
    stage: Stage,
    tallies: Tallies,
    typing: Typing,
    /// Rows decided by this room so far: the number of the last one.
    rows: u64,
    row_pace: Pace,
    /// When polls close by themselves, on the steady clock.
    poll_ends: BTreeMap<Seq, u64>,
    audience: Audience,
    /// When the mode's time is over, on the steady clock.
    mode_ends: Option<u64>,
    /// When each delete can no longer be taken back, by message and on the steady clock.
    undo_ends: BTreeMap<Seq, u64>,
    talk: Talk,
    traced: Traced,
    /// Who runs the broadcast, as rosters and rights were last told: true for the host.
    hosts_shown: BTreeMap<MemberId, bool>,
    /// A moment was told: timers run.
    started: bool,
    /// A commit failed: nothing is decided any more.
    broken: bool,
}

impl Room {
    /// A room with an empty log.
    pub fn new(meta: RoomMeta, epoch: Epoch) -> Self {
        let nothing = Vec::new;
        let loaded = Loaded {
            epoch,
            facts: nothing(),
            tail: nothing(),
            client_ids: Vec::new(),
            votes: Vec::new(),
            tallies: BTreeMap::new(),
            measured: None,
        };
        Self::recover(meta, loaded)
    }

    /// A room from its log.
    ///
    /// Panics where the tail has a hole: the log is damaged, and a room on top of it would lie.
    pub fn recover(meta: RoomMeta, loaded: Loaded) -> Self {
        let mut facts = Facts::default();
        let mut ring = Ring::default();
        let mut pace = Pace::default();
        let mut client_ids = ClientIds::default();
        let tail_from = loaded.tail.first().map_or(Seq::MAX, |it| it.seq);
        for record in loaded.facts.iter().filter(|it| it.seq < tail_from) {
            facts.replay(record);
        }
        for mut record in loaded.tail {
            facts.replay(&record);
            if let RecordBody::Message(it) = &mut record.body {
                it.tally = loaded.tallies.get(&record.seq).copied().unwrap_or_default();
            }
            if matches!(record.body, RecordBody::Message(_)) && record.client_id.is_some() {
                pace.recover(&record.author.id, record.at_ms);
            }
            ring.push(Arc::new(record));
        }
        for (of, member, picks) in &loaded.votes {
            facts.vote(*of, member, *picks);
        }
        for (member, client_id, seq, at_ms) in loaded.client_ids {
            client_ids.insert(member, client_id, First { seq, at_ms }, 0);
        }
        Self {
            meta,
            epoch: loaded.epoch,
            hosts_shown: facts.hosts(),
            committed: facts.clone(),
            decided: facts,
            pending: Pending::default(),
            ring,
            client_ids,
            pace,
            aside: Aside::default(),
            presence: Presence::default(),
            readable: Readable::default(),
            bursts: Bursts::default(),
            stage: Stage::default(),
            tallies: Tallies::default(),
            typing: Typing::default(),
            rows: 0,
            row_pace: Pace::default(),
            poll_ends: BTreeMap::new(),
            audience: Audience::recover(loaded.measured),
            mode_ends: None,
            undo_ends: BTreeMap::new(),
            talk: Talk::default(),
            traced: Traced::default(),
            started: false,
            broken: false,
        }
    }

    /// A client id that the store knew and the room had forgotten, with its first result.
    pub fn known(&mut self, member: MemberId, client_id: ClientId, seq: Seq, at_ms: u64) {
        let pending = self.pending.records_len();
        self.client_ids
            .insert(member, client_id, First { seq, at_ms }, pending);
    }

    /// What must be fetched before this command can be decided well: tell it by
    /// [`Room::remember_record`] or [`Room::remember_member`], then handle the command at once.
    /// Where nothing is found, handle it all the same: the refusal says so.
    pub fn needs(&self, who: &Who, command: &Command) -> Option<Need> {
        let record = |seq: Seq| (!self.remembers(seq)).then_some(Need::Record(seq));
        let age = || self.needs_age(who).then(|| Need::Member(who.id.clone()));
        match command {
            Command::Publish {
                reply_to, to, text, ..
            } => reply_to
                .and_then(record)
                .or_else(|| self.stranger(to).map(Need::Member))
                .or_else(|| self.medium_needed(text, &[]).map(Need::Upload))
                .or_else(age),
            Command::Share {
                reply_to,
                card,
                text,
                ..
            } => reply_to
                .and_then(record)
                .or_else(|| self.medium_needed(text, &[]).map(Need::Upload))
                .or_else(|| {
                    let blob = card.blob().filter(|it| !self.aside.has_upload(it))?;
                    Some(Need::Upload(blob.clone()))
                })
                .or_else(age),
            Command::Edit { of, text, .. } => record(*of)
                .or_else(|| {
                    let (_, was) = self.message(*of).ok()?;
                    self.medium_needed(text, &was.media).map(Need::Upload)
                })
                .or_else(age),

            Command::Delete { of, .. }
            | Command::Forget { of, .. }
            | Command::Hold { of, .. }
            | Command::Like { of, .. } => record(*of),
            Command::Pin { of, .. }
            | Command::Topic {
                act: TopicAct::Accept { of },
                ..
            } => of.and_then(record),
            Command::SplitTopic { split, .. } => split.seqs().iter().copied().find_map(record),
            Command::Topic {
                act: TopicAct::Board { board: Some(board) },
                ..
            } => (!self.aside.has_board(board)).then(|| Need::Board(board.clone())),
            Command::Mute { who, .. }
            | Command::Kick { who, .. }
            | Command::Ban { who, .. }
            | Command::CoHost { who, .. } => {
                let here = self.presence.who(who).is_some();
                (!here).then(|| Need::Member(who.clone()))
            }
            _ => None,
        }
    }

    /// An old record, read from the log for a command that is about to be handled.
    pub fn remember_record(&mut self, now: Now, record: Record) {
        self.aside.remember_record(now, record);
    }

    /// Somebody who is not here, looked up for a command that is about to be handled.
    pub fn remember_member(&mut self, who: Who) {
        self.aside.remember_member(who);
    }

    /// A board that is there, looked up for a command that is about to be handled.
    pub fn remember_board(&mut self, board: Slug) {
        self.aside.remember_board(board);
    }

    /// Decides one command.
    pub fn handle(&mut self, now: Now, from: &Origin, command: Command, fx: &mut Vec<Effect>) {
        self.touch(now);
        match command {
            Command::Join { since } => self.join(now, from, since, fx),
            Command::Leave => {
                self.presence.leave(now, from.connection);
                fx.push(Effect::Answer {
                    to: from.asker(),
                    outcome: Ok(Reply::Done {}),
                });
            }
            Command::Burst { kind, n } => self.burst(now, from, &kind, n),
            Command::Roster => self.roster(from, fx),
            Command::Who(whose) => self.answer_who(from, &whose, fx),
            Command::Questions => self.questions(from, fx),
            Command::Typing => self.typing(now, from),
            Command::Vote { .. } | Command::Like { .. } => self.row(now, from, command, fx),
            Command::Held { after } => self.answer_held(from, after, fx),
            Command::Rules => self.answer_rules(from, fx),
            command => self.record(now, from, command, fx),
        }
    }

    /// A connection is gone; there is nobody to answer.
    pub fn left(&mut self, now: Now, connection: u64) {
        self.touch(now);
        self.presence.leave(now, connection);
    }

    /// A member's name or role changed while they are here.
    pub fn changed(&mut self, now: Now, who: &Who, fx: &mut Vec<Effect>) {
        self.touch(now);
        let before = self.presence.who(&who.id).cloned();
        self.presence.update(now, who);
        if before.is_some_and(|it| it.role != who.role) {
            self.push_rights(now, &who.id, fx);
        }
    }

    /// Connections of those here who may run the broadcast that is going on.
    pub fn runners(&self) -> Vec<u64> {
        let runs = |who: &&Who| {
            let standing = self.committed_standing(who);
            let object = self.object(&self.committed, &who.id);
            rights::can(standing, Verb::RunBroadcast, &object).is_allowed()
        };
        self.those_who_run_it()
            .filter(runs)
            .flat_map(|who| self.presence.connections(&who.id))
            .collect()
    }

    /// Connections of those here who run the room: co-hosts too.
    fn who_runs_it(&self) -> impl Iterator<Item = u64> {
        self.those_who_run_it()
            .flat_map(|it| self.presence.connections(&it.id))
    }

    /// Those here who run the room: few, and found without looking at everybody.
    fn those_who_run_it(&self) -> impl Iterator<Item = &Who> {
        let named = self.committed.hosts().into_keys();
        let named = named.chain([self.meta.maker.clone()]);
        let named: BTreeSet<MemberId> = named.collect();
        let others = named.into_iter().filter_map(|it| self.presence.who(&it));
        let others = others.filter(|it| !it.role.is_staff());
        self.presence.staff().chain(others)
    }

    /// Does this member have this right here now?
    pub fn may(&self, now: Now, who: &Who, verb: Verb) -> Result<(), Refusal> {
        self.check_works()?;
        self.check_not_banned(now, who)?;
        self.check(who, verb)
    }

    /// May this member publish media here now? Asked before an offer is answered.
    pub fn may_publish(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.check_works()?;
        self.check_publish(now, who)
    }

    /// Other rates. With another one of talk everybody's bucket is full again: it was counted by the
    /// rate before.
    pub fn set_rates(&mut self, rates: Rates) {
        if self.meta.rates.talk != rates.talk {
            self.pace.refill();
        }
        self.meta.rates = rates;
    }

    /// Something happened to the publisher.
    pub fn report(&mut self, now: Now, report: StageReport, fx: &mut Vec<Effect>) {
        self.touch(now);
        self.handle_report(now, report, fx);
    }

    /// When to be woken, on the steady clock: `Some(0)` means at once.
    pub fn deadline(&self) -> Option<u64> {
        if !self.started {
            return Some(0);
        }
        // A room that decides nothing any more leaves the broadcast to the one that replaces it.
        let stage = self.stage.deadline().filter(|_| !self.broken);
        let mode = self.mode_ends.filter(|_| !self.broken);
        let polls = self.poll_ends.values().min().copied();
        let polls = polls.filter(|_| !self.broken);
        let tallies = self.tallies.deadline().filter(|_| !self.broken);
        let undo = self.undo_deadline().filter(|_| !self.broken);
        let talk = self.talk.deadline().filter(|_| !self.broken);
        let audience = self.audience_deadline().filter(|_| !self.broken);
        let timers = [
            self.typing.deadline(),
            tallies,
            polls,
            self.presence.deadline(),
            self.readable.deadline(),
            self.bursts.deadline(),
            stage,
            mode,
            undo,
            talk,
            audience,
        ];
        timers.into_iter().flatten().min()
    }

    /// Does what time asks for; calling it early or late does no harm.
    pub fn wake(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.touch(now);
        if !self.broken {
            self.wake_broadcast(now, fx);
            self.wake_mode(now, fx);
            self.wake_polls(now, fx);
            self.wake_tallies(now, fx);
            self.wake_undo(now, fx);
            self.wake_auto(now, fx);
            self.wake_audience(now, fx);
        }
        self.wake_readable(now, fx);
        self.wake_typing(now, fx);
        if let Some(change) = self.presence.wake(now) {
            if !change.came.is_empty() || !change.left.is_empty() {
                let came = change
                    .came
                    .iter()
                    .map(|it| self.committed_person(it))
                    .collect();
                fx.push(Effect::Announce(Announce::Roster {
                    came,
                    left: change.left,
                }));
            }
            if change.count.is_some() {
                let state = protocol::server::State {
                    count: change.count,
                    ..Default::default()
                };
                fx.push(Effect::Announce(Announce::State(Box::new(state))));
            }
        }
        self.bursts.wake(now, fx);
    }

    /// Nobody can wish anything of this room any more: what is only in memory and belongs on the disk.
    pub fn end(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.touch(now);
        self.show_all(now, fx);
        if !self.broken {
            self.keep_audience(fx);
        }
    }

    pub const fn meta(&self) -> &RoomMeta {
        &self.meta
    }

    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The seq of the last committed record.
    pub const fn committed_seq(&self) -> Seq {
        self.committed.seq
    }

    /// Records that wait for their commit.
    pub const fn pending_len(&self) -> usize {
        self.pending.records_len()
    }

    pub fn is_here(&self, connection: u64) -> bool {
        self.presence.is_here(connection)
    }

    /// People here, each counted once.
    pub fn count(&self) -> u32 {
        self.presence.count()
    }
}

/// A time to wait, in words.
fn span(ms: u64) -> String {
    let s = ms.div_ceil(1_000);
    match s {
        0..=119 => format!("{s} s"),
        120..=7_199 => format!("{} min", s.div_ceil(60)),
        7_200..=172_799 => format!("{} h", s.div_ceil(3_600)),
        _ => format!("{} days", s.div_ceil(86_400)),
    }
}
