//! One room's life on its home shard.
//!
//! The loop takes what waits in the inbox as one batch, lets the machine decide, and hands all
//! records to the log as one append; what arrives during the append is the next one. Only when it is
//! on disk does the machine release answers and announces, which leave here as bytes, encoded once.

mod needs;
mod outlet;
mod reading;
mod recovery;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use community::{
    Broadcast, Command, Effect, Now, Origin, Rates, Reached, RecordBody, Room, StageReport, Tally,
    Verb, Who,
};
use fanout::{ConnectionId, Form};
use protocol::{
    MemberId, Refusal, Seq,
    client::PeerRole,
    server::{PublisherHealth, Push, Reply as Spoken, State},
};
use store::{AppendError, CompletionQueue, Known, Store};
use tokio::{
    sync::{oneshot, watch},
    time,
};

use super::{
    directory::{Rooms, Shards, gone},
    inbox::{Inbox, Posted},
    roles::Roles,
    stage::Stage,
    storing::{self, Batch},
};
use outlet::Outlet;

pub use reading::Reading;
pub(super) use recovery::recover;

/// Where an answer goes.
#[derive(Debug)]
pub enum Asked {
    /// To request `i` of a connection, whose count of open requests it lowers.
    Connection {
        id: ConnectionId,
        i: u32,
        form: Form,
        open: Arc<std::sync::atomic::AtomicU32>,
    },
    /// To somebody who awaits it.
    Ticket(oneshot::Sender<Result<Spoken, Refusal>>),
    /// Nowhere: the command has no answer.
    Nobody { id: ConnectionId },
}

/// What can be put into a room's inbox.
#[derive(Debug)]
pub enum Wish {
    Command {
        who: Who,
        command: Command,
        asked: Asked,
    },
    History {
        past: community::Past,
        n: usize,
        asked: Asked,
    },
    /// A question that the store answers, for who is in the room.
    Read {
        reading: Reading,
        asked: Asked,
    },
    May {
        role: PeerRole,
        who: Who,
        done: oneshot::Sender<Result<(), Refusal>>,
    },
    /// May this person say something now?
    MayTalk {
        who: Who,
        done: oneshot::Sender<Result<(), Refusal>>,
    },
    Can {
        verb: Verb,
        who: Who,
        done: oneshot::Sender<Result<(), Refusal>>,
    },
    /// What is on, and how much of it was played.
    Played {
        done: oneshot::Sender<Option<(Broadcast, u64)>>,
    },
    /// A connection is over.
    Left {
        connection: ConnectionId,
    },
    Report(StageReport),
    /// For who may run the broadcast.
    Health(PublisherHealth),
    Changed(Who),
    /// A member erased their account: they leave, and the room is read from its log again, which shows their name
    /// no more. `done` is told then.
    Erased {
        member: MemberId,
        done: oneshot::Sender<()>,
    },
}

/// For tests of the whole server: ends the room by a panic when somebody says what this variable holds.
/// No release has it.
#[cfg(debug_assertions)]
fn break_if_asked(command: &Command) {
    let Ok(word) = std::env::var("WEIQUAN_BREAK_A_ROOM") else {
        return;
    };
    if matches!(command, Command::Publish { text, .. } if *text == word) {
        panic!("a planned panic");
    }
}

/// What a room has around it.
pub(super) struct Around {
    pub(super) store: Store,
    /// Of the shard that the room lives on.
    pub(super) completions: CompletionQueue,
    pub(super) stage: Stage,
    pub(super) roles: Roles,
    pub(super) shards: Shards,
    /// The operator may change them while the room runs.
    pub(super) rates: watch::Receiver<Rates>,
    /// Grows when a broadcast changed: lists of rooms are old then.
    pub(super) listed: watch::Sender<u64>,
    /// Absent where rooms run for good.
    pub(super) rest: Option<Rest>,
}

/// How a room goes to rest.
pub(super) struct Rest {
    /// The time in which nobody is there and nothing is due.
    pub(super) after: Duration,
    /// Where it is taken out.
    pub(super) rooms: Arc<Rooms>,
}

/// Runs a room until its inbox is closed and everything in it is answered, or until it rests.
pub(super) async fn run(machine: Room, wishes: Inbox, shown: watch::Sender<State>, around: Around) {
    let Around {
        store,
        completions,
        stage,
        roles,
        shards,
        rates,
        listed,
        rest,
    } = around;
    let outlet = Outlet::new(machine.meta(), shown, listed, stage, shards);
    let task = RoomTask {
        machine,
        wishes,
        taken: Vec::with_capacity(64),
        store,
        completions,
        roles,
        outlet,
        batch: Batch::default(),
        committing: None,
        counting: None,
        effects: Vec::new(),
        start: clock::now(),
        askers: BTreeMap::new(),
        next_ticket: 0,
    };
    task.live(rates, rest).await;
}

/// A room that a bug ends owes answers to all who wait for one.
impl Drop for RoomTask {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let posted = std::mem::take(&mut self.taken).into_iter();
        let waiting: Vec<Asked> = posted
            .chain(self.wishes.left())
            .filter_map(|it| match it.begin() {
                Wish::Command { asked, .. }
                | Wish::History { asked, .. }
                | Wish::Read { asked, .. } => Some(asked),
                // Who waits for these hears that nobody answers.
                _ => None,
            })
            .collect();
        let asked = std::mem::take(&mut self.askers).into_values();
        for asked in asked.chain(waiting) {
            self.outlet.answer(asked, Err(gone()));
        }
    }
}

/// An append on its way to the disk.
struct Committing {
    upto: Reached,
    commit: Pin<Box<dyn Future<Output = Result<(), AppendError>>>>,
}

struct RoomTask {
    machine: Room,
    wishes: Inbox,
    /// Wishes of the batch at hand, the next one last.
    taken: Vec<Posted>,
    store: Store,
    completions: CompletionQueue,
    roles: Roles,
    outlet: Outlet,
    /// Decided records that no append has taken yet.
    batch: Batch,
    committing: Option<Committing>,
    /// Likes and replies that are being counted for the machine.
    counting: Option<reading::Counting>,
    effects: Vec<Effect>,
    start: std::time::Instant,
    askers: BTreeMap<community::Asker, Asked>,
    next_ticket: u64,
}

impl RoomTask {
    async fn live(mut self, mut rates: watch::Receiver<Rates>, rest: Option<Rest>) {
        // They may have changed while the room was read from its log.
        self.machine.set_rates(*rates.borrow_and_update());
        let mut open = true;
        // A recovered room may have something to do at once (a grace that runs).
        self.wake();
        while open || self.committing.is_some() {
            let deadline = self.deadline();
            let rest = rest.as_ref().filter(|_| self.is_idle());
            tokio::select! {
                still = self.wishes.take(&mut self.taken), if open => {
                    open = still;
                    self.taken.reverse();
                    while let Some(posted) = self.taken.pop() {
                        self.take(posted.begin()).await;
                    }
                    if !open {
                        let now = self.now();
                        self.machine.end(now, &mut self.effects);
                    }
                }
                Ok(()) = rates.changed() => self.machine.set_rates(*rates.borrow_and_update()),
                outcome = committed(self.committing.as_mut()) => self.committed(outcome).await,
                tallies = counted(self.counting.as_mut()) => self.counted(&tallies),
                () = time::sleep(deadline.unwrap_or(Duration::MAX)), if deadline.is_some() => self.wake(),
                () = time::sleep(rest.map_or(Duration::MAX, |it| it.after)), if rest.is_some() => {
                    if rest.is_some_and(|it| it.rooms.lay_down(&mut self.machine, &self.wishes)) {
                        return;
                    }
                }
            }
            self.act();
            self.commit_next();
        }
    }

    fn now(&self) -> Now {
        let since = clock::now().saturating_duration_since(self.start);
        // Starts at one second, so that nothing of the room lies before the clock's zero.
        let mono_ms = 1_000 + u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 2);
        Now {
            unix_ms: clock::unix_ms(),
            mono_ms,
        }
    }

    /// How long until the machine wants to be woken.
    fn deadline(&self) -> Option<Duration> {
        let at = self.machine.deadline()?;
        Some(Duration::from_millis(at.saturating_sub(self.now().mono_ms)))
    }

    /// Nothing is on its way: neither to the disk nor to anybody.
    fn is_idle(&self) -> bool {
        self.machine.is_idle()
            && self.batch.is_empty()
            && self.committing.is_none()
            && self.counting.is_none()
            && self.askers.is_empty()
    }

    fn wake(&mut self) {
        let now = self.now();
        self.machine.wake(now, &mut self.effects);
    }

    async fn take(&mut self, wish: Wish) {
        match wish {
            Wish::Command {
                who,
                command,
                asked,
            } => {
                let who = self.roles.as_now(who);
                self.command(who, command, asked).await;
            }
            Wish::History { past, n, asked } => self.history(past, n, asked),
            Wish::Read { reading, asked } => self.read(reading, asked),
            Wish::May { role, who, done } => {
                let who = self.roles.as_now(who);
                let verdict = match role {
                    PeerRole::Publish => self.machine.may_publish(self.now(), &who),
                    PeerRole::View => self.machine.may_watch(self.now(), &who),
                };
                // Nobody waiting means that the request was given up.
                let _ = done.send(verdict);
            }
            Wish::MayTalk { who, done } => {
                let who = self.roles.as_now(who);
                // Nobody waiting means that the request was given up.
                let _ = done.send(self.machine.may_talk(self.now(), &who));
            }
            Wish::Played { done } => {
                let _ = done.send(self.machine.played(self.now()));
            }
            Wish::Can { verb, who, done } => {
                let who = self.roles.as_now(who);
                let _ = done.send(self.machine.may(self.now(), &who, verb));
            }
            Wish::Left { connection } => {
                if let Some(number) = self.outlet.left(connection) {
                    self.machine.left(self.now(), number);
                }
            }
            Wish::Report(report) => self.report(report),
            Wish::Health(health) => {
                let a = self.machine.meta().number;
                for connection in self.machine.runners() {
                    let health = health.clone();
                    self.outlet.push(connection, &Push::Health { a, health });
                }
            }
            Wish::Changed(who) => {
                let (now, who) = (self.now(), self.roles.as_now(who));
                self.machine.changed(now, &who, &mut self.effects);
            }
            Wish::Erased { member, done } => {
                self.erased(&member).await;
                // Nobody waiting means that the request was given up.
                let _ = done.send(());
            }
        }
        self.act();
    }

    async fn erased(&mut self, member: &MemberId) {
        let now = self.now();
        self.machine.erased(now, member, &mut self.effects);
        self.act();
        // What was decided is on disk first: then nothing of it is to be decided again.
        self.commit_next();
        while self.committing.is_some() {
            let outcome = committed(self.committing.as_mut()).await;
            self.committed(outcome).await;
            self.act();
            self.commit_next();
        }
        self.read_anew(Vec::new()).await;
    }

    async fn command(&mut self, who: Who, command: Command, asked: Asked) {
        self.fetch_needed(&who, &command).await;
        let connection = match &asked {
            Asked::Connection { id, .. } | Asked::Nobody { id } => self.outlet.number_of(*id),
            Asked::Ticket(_) => outlet::TICKETS,
        };
        self.next_ticket += 1;
        let origin = Origin {
            who,
            connection,
            request: self.next_ticket,
        };
        let leaves = matches!(command, Command::Leave);
        if !matches!(asked, Asked::Nobody { .. }) {
            self.askers.insert(origin.asker(), asked);
        }
        #[cfg(debug_assertions)]
        break_if_asked(&command);
        let now = self.now();
        self.machine
            .handle(now, &origin, command, &mut self.effects);
        self.act();
        if leaves {
            self.outlet.leave(connection);
        }
    }

    fn report(&mut self, report: StageReport) {
        let report = match report {
            StageReport::PublisherHere { peer, who } => StageReport::PublisherHere {
                peer,
                who: self.roles.as_now(who),
            },
            other => other,
        };
        let now = self.now();
        self.machine.report(now, report, &mut self.effects);
    }

    fn history(&self, past: community::Past, n: usize, asked: Asked) {
        let n = n.clamp(1, protocol::limits::PAGE_RECORDS_MAX);
        if let Asked::Connection { id, .. } = &asked
            && !self.outlet.is_here(*id)
        {
            let refusal = Refusal::new(protocol::Code::NotJoined, "join the room first");
            return self.outlet.answer(asked, Err(refusal));
        }
        if let Some(page) = self.machine.history(past, n) {
            return self.outlet.answer(asked, Ok(Spoken::Page(page)));
        }
        let (store, outlet) = (self.store.clone(), self.outlet.speaker());
        let (number, circle) = (self.machine.meta().number, self.machine.meta().circle);
        tokio::task::spawn_local(async move {
            let page = recovery::page(&store, number, circle, past, n).await;
            outlet.answer(asked, page.map(Spoken::Page));
        });
    }

    fn read(&self, reading: Reading, asked: Asked) {
        if let Asked::Connection { id, .. } = &asked
            && !self.outlet.is_here(*id)
        {
            let refusal = Refusal::new(protocol::Code::NotJoined, "join the room first");
            return self.outlet.answer(asked, Err(refusal));
        }
        let (store, outlet) = (self.store.clone(), self.outlet.speaker());
        let (number, circle) = (self.machine.meta().number, self.machine.meta().circle);
        tokio::task::spawn_local(async move {
            let read = reading::read(&store, number, circle, reading).await;
            outlet.answer(asked, read);
        });
    }

    fn counted(&mut self, tallies: &[(Seq, Tally)]) {
        self.counting = None;
        let now = self.now();
        self.machine.counted(now, tallies, &mut self.effects);
    }

    /// Carries out what the machine decided, in its order.
    fn act(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Record(record, mut rows) => {
                    if matches!(record.body, RecordBody::Split(_)) {
                        storing::unname(&self.store.erasing(), &mut rows);
                    }
                    self.batch.push(&record, rows);
                }
                Effect::Row(number, row) => self.batch.push_row(number, row),
                Effect::Count(of) => {
                    let number = self.machine.meta().number;
                    self.counting = Some(reading::count(self.store.clone(), number, of));
                }
                Effect::Rows(rows) => self.batch.push_rows(rows),
                Effect::Announce(announce) => self.outlet.announce(&announce),
                Effect::Answer { to, outcome } => {
                    if let Some(asked) = self.askers.remove(&to) {
                        self.outlet.answer_command(to.connection, asked, outcome);
                    }
                }
                Effect::Push { connection, push } => self.outlet.push(connection, &push),
                Effect::Direct(order) => self.outlet.direct(order),
                Effect::Notify(notify) => self.outlet.notify(notify),
            }
        }
        // Keeps the allocation for the next batch.
        self.effects = effects;
        self.outlet.show(|| self.machine.state());
    }

    /// Starts the next append, if there is anything and none is on its way.
    fn commit_next(&mut self) {
        if self.committing.is_some() || self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let (number, circle) = (self.machine.meta().number, self.machine.meta().circle);
        let upto = batch.reaches();
        let append = batch.into_append(number, circle);
        let commit = Box::pin(self.store.append_through(&self.completions, append));
        self.committing = Some(Committing { upto, commit });
    }

    async fn committed(&mut self, outcome: Result<(), AppendError>) {
        let Some(Committing { upto, .. }) = self.committing.take() else {
            return;
        };
        match outcome {
            Ok(()) => {
                let now = self.now();
                self.machine.stored(now, upto, &mut self.effects);
            }
            Err(error) => {
                // Nothing decided since may be built upon what was not stored.
                self.batch = Batch::default();
                self.start_anew(error).await;
            }
        }
    }

    /// The log did not take an append: this machine is thrown away and another recovered from disk.
    async fn start_anew(&mut self, error: AppendError) {
        let number = self.machine.meta().number;
        let known = match error {
            AppendError::Conflict(known) => known,
            error => {
                tracing::warn!(room = number, %error, "a commit failed; the room starts anew");
                metrics::counter!("weiquan_room_restarts_total").increment(1);
                self.machine.failed(&mut self.effects);
                self.act();
                Vec::new()
            }
        };
        self.read_anew(known).await;
    }

    /// Another machine, recovered from the log, takes the place of this one.
    async fn read_anew(&mut self, known: Vec<Known>) {
        let mut fresh = recovery::recover_surely(&self.store, self.machine.meta()).await;
        for it in known {
            fresh.known(it.author, it.client_id, it.seq, it.at_ms);
        }
        let now = self.now();
        let old = std::mem::replace(&mut self.machine, fresh);
        let again = self.machine.inherit(now, old, &mut self.effects);
        self.act();
        for (mut origin, command) in again {
            origin.who = self.roles.as_now(origin.who);
            self.fetch_needed(&origin.who, &command).await;
            let now = self.now();
            self.machine
                .handle(now, &origin, command, &mut self.effects);
            self.act();
        }
    }
}

/// What was counted; never, where nothing is.
async fn counted(counting: Option<&mut reading::Counting>) -> Vec<(Seq, Tally)> {
    match counting {
        Some(it) => it.as_mut().await,
        None => std::future::pending().await,
    }
}

/// The outcome of the append on its way; never, where there is none.
async fn committed(committing: Option<&mut Committing>) -> Result<(), AppendError> {
    match committing {
        Some(it) => it.commit.as_mut().await,
        None => std::future::pending().await,
    }
}
