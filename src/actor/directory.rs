//! Finds rooms, and starts each one once, on its home shard, when somebody first asks for it.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use community::{Broadcast, Command, Keepsake, Rates, Role, Room, RoomMeta, StageReport, Who};
use dashmap::{DashMap, Entry};
use fanout::{ConnectionId, Order, ShardHandle};
use futures_util::FutureExt;
use protocol::{
    Code, MemberId, PeerId, Refusal, RoomNumber, Seq, Slug,
    client::PeerRole,
    server::{PeerEnd, PublisherHealth, Push, RecordFrame, Reply as Spoken, State},
};
use store::{CompletionQueue, RoomRow, Store};
use tokio::sync::{OnceCell, oneshot, watch};

use super::{
    inbox::{self, Inbox, Inlet, Lane, Shut, Waiting},
    peers::PeerOwner,
    push_frame,
    roles::Roles,
    room_task::{self, Around, Asked, Rest, Wish},
    stage::Stage,
};

/// The shards, and which one something lives on.
#[derive(Clone)]
pub struct Shards(Arc<[ShardHandle]>);

impl Shards {
    pub fn new(handles: Vec<ShardHandle>) -> Self {
        Self(handles.into())
    }

    pub fn of(&self, connection: ConnectionId) -> &ShardHandle {
        &self.0[usize::from(connection.shard)]
    }

    pub fn all(&self) -> &[ShardHandle] {
        &self.0
    }
}

/// The shard that a room lives on; also where the front puts a connection that hints at the room.
/// FNV-1a: the same on every run, spread well enough over a handful of shards.
pub fn home_of(slug: &str, shards: usize) -> usize {
    let hash = slug.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    usize::try_from(hash % shards.max(1) as u64).unwrap_or(0)
}

/// A way into a room's inbox. Kept by connections, so that no message looks a room up.
#[derive(Clone)]
pub struct RoomHandle {
    pub number: RoomNumber,
    pub slug: Slug,
    inbox: Inlet,
    /// Who made the room, and so runs it.
    maker: MemberId,
    roles: Roles,
    /// Every value as it is committed, for pages that list rooms.
    state: watch::Receiver<State>,
}

impl RoomHandle {
    /// Puts a wish into the inbox; a full one is refused at once.
    pub fn wish(&self, wish: Wish) -> Result<(), Refusal> {
        let lane = self.lane(&wish);
        self.inbox.put(lane, wish).map_err(|shut| match shut {
            Shut::Full => {
                metrics::counter!("weiquan_room_inbox_full_total").increment(1);
                Refusal::new(
                    Code::Busy,
                    "this room has more to do than it can; try again",
                )
                .after_ms(500)
            }
            Shut::Closed => {
                Refusal::new(Code::Draining, "the server is shutting down").after_ms(2_000)
            }
        })
    }

    /// Waits for a place in the inbox: for what must not be refused.
    pub async fn wish_surely(&self, wish: Wish) {
        let lane = self.lane(&wish);
        self.inbox.put_surely(lane, wish).await;
    }

    /// It has ended by a bug, and another one takes its place as soon as somebody asks for it.
    pub fn is_over(&self) -> bool {
        self.inbox.is_closed()
    }

    /// The same way in for one connection: what it wishes is done in the order in which it says it.
    pub fn own(&self, waiting: &Waiting) -> Self {
        Self {
            inbox: self.inbox.own(waiting),
            ..self.clone()
        }
    }

    fn lane(&self, wish: &Wish) -> Lane {
        match wish {
            Wish::Report(_) | Wish::Changed(_) | Wish::Erased { .. } => Lane::Control,
            Wish::Command { who, .. }
            | Wish::May { who, .. }
            | Wish::MayTalk { who, .. }
            | Wish::Can { who, .. }
                if self.is_run_by(who) =>
            {
                Lane::Host
            }
            Wish::Command { command, .. } => match command {
                Command::Join { .. } | Command::Leave => Lane::Passage,
                Command::Burst { .. } | Command::Typing => Lane::Low,
                _ => Lane::Normal,
            },
            Wish::Left { .. } => Lane::Passage,
            Wish::History { .. }
            | Wish::Read { .. }
            | Wish::May { .. }
            | Wish::MayTalk { .. }
            | Wish::Can { .. }
            | Wish::Played { .. }
            | Wish::Health(_) => Lane::Aside,
        }
    }

    /// Whether somebody runs this room, as far as can be told from outside: the room itself decides
    /// what they may.
    fn is_run_by(&self, who: &Who) -> bool {
        let is_staff = matches!(self.roles.role_of(who), Role::Moderator | Role::Owner);
        is_staff || who.id == self.maker || {
            let state = self.state.borrow();
            let broadcast = state.broadcast.as_ref();
            broadcast.is_some_and(|it| it.host.id == who.id)
        }
    }

    /// Runs a command for somebody who has no connection (REST) and waits for its answer.
    pub async fn ask(&self, who: Who, command: Command) -> Result<Spoken, Refusal> {
        let (done, answer) = oneshot::channel();
        self.wish(Wish::Command {
            who,
            command,
            asked: Asked::Ticket(done),
        })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// One record, if there is such a seq.
    pub async fn record(&self, seq: Seq) -> Result<Option<RecordFrame>, Refusal> {
        let (done, answer) = oneshot::channel();
        let past = community::Past::After(seq.saturating_sub(1));
        self.wish(Wish::History {
            past,
            n: 1,
            asked: Asked::Ticket(done),
        })?;
        match answer.await.unwrap_or_else(|_| Err(gone()))? {
            Spoken::Page(page) => Ok(page.page.into_iter().find(|it| it.s == seq)),
            _ => Err(Refusal::new(Code::Internal, "an answer of another kind")),
        }
    }

    /// May this person publish or watch here now?
    pub async fn may(&self, role: PeerRole, who: Who) -> Result<(), Refusal> {
        let (done, answer) = oneshot::channel();
        self.wish(Wish::May { role, who, done })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// A room that nobody runs but the test.
    #[cfg(test)]
    pub(super) fn alone(number: RoomNumber) -> (Self, Inbox) {
        let (inlet, wishes) = inbox::inbox();
        let handle = Self {
            number,
            slug: "alone".into(),
            inbox: inlet,
            maker: "m_maker".into(),
            roles: Roles::default(),
            state: watch::channel(State::default()).1,
        };
        (handle, wishes)
    }

    /// May this person say something here now?
    pub async fn may_talk(&self, who: Who) -> Result<(), Refusal> {
        let (done, answer) = oneshot::channel();
        self.wish(Wish::MayTalk { who, done })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Does this person have this right here now?
    pub async fn can(&self, verb: community::Verb, who: Who) -> Result<(), Refusal> {
        let (done, answer) = oneshot::channel();
        self.wish(Wish::Can { verb, who, done })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The broadcast that is on here or was last, and how much of it was played, in milliseconds.
    pub async fn played(&self) -> Result<Option<(Broadcast, u64)>, Refusal> {
        let (done, answer) = oneshot::channel();
        self.wish(Wish::Played { done })?;
        answer.await.map_err(|_| gone())
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }
}

pub(super) fn meta(row: RoomRow, rates: Rates) -> RoomMeta {
    RoomMeta {
        number: row.number,
        slug: row.slug,
        circle: row.circle,
        title: row.title.into(),
        kind: row.kind,
        guests: row.guests,
        maker: row.made_by,
        rates,
    }
}

pub(super) fn gone() -> Refusal {
    Refusal::new(Code::Internal, "the room started anew; try again").after_ms(500)
}

/// Rooms that run, and those that are being read.
#[derive(Default)]
pub(super) struct Rooms {
    by_slug: DashMap<Slug, Arc<OnceCell<RoomHandle>>>,
    by_number: DashMap<RoomNumber, RoomHandle>,
    /// What is kept of rooms that rest.
    resting: DashMap<RoomNumber, Keepsake>,
}

/// Handles of a room that the directory itself holds: by its name and by its number.
const OWN_HANDLES: usize = 2;

impl Rooms {
    /// Takes out a room that nobody else has a way into, so that it may end; false where somebody has
    /// one, or left a wish. Both of its entries are locked meanwhile: who looks it up gets it before
    /// that, and it stays, or finds nothing after it, and has it started anew.
    pub(super) fn lay_down(&self, machine: &mut Room, wishes: &Inbox) -> bool {
        let number = machine.meta().number;
        let Entry::Occupied(by_slug) = self.by_slug.entry(machine.meta().slug.clone()) else {
            return false;
        };
        let is_unreachable = || {
            let is_looked_up = Arc::strong_count(by_slug.get()) > 1;
            !is_looked_up && wishes.handles() <= OWN_HANDLES && wishes.is_empty()
        };
        let taken = self.by_number.remove_if(&number, |_, _| is_unreachable());
        if taken.is_none() {
            return false;
        }
        if let Some(keepsake) = machine.keepsake() {
            self.resting.insert(number, keepsake);
        }
        by_slug.remove();
        true
    }

    fn forget(&self, number: RoomNumber, slug: &Slug) {
        self.by_slug.remove(slug);
        self.by_number.remove(&number);
    }
}

/// Every room that somebody asked for, until it rests.
pub struct Directory {
    shards: Shards,
    /// Where each of them hears what was stored.
    completions: Vec<CompletionQueue>,
    store: Store,
    stage: Stage,
    roles: Roles,
    rates: watch::Sender<Rates>,
    rest_after: Option<Duration>,
    rooms: Arc<Rooms>,
    listed: watch::Sender<u64>,
    tasks: Arc<AtomicU32>,
}

impl Directory {
    /// `rest_after`: how long a room runs in which nobody is and nothing is due; for good, without it.
    pub fn new(
        shards: Shards,
        store: Store,
        stage: Stage,
        rates: Rates,
        rest_after: Option<Duration>,
    ) -> Self {
        let completions: Vec<_> = shards
            .all()
            .iter()
            .map(|_| CompletionQueue::new())
            .collect();
        for (shard, queue) in shards.all().iter().zip(completions.clone()) {
            shard.spawn(move || queue.run());
        }
        Self {
            shards,
            completions,
            store,
            stage,
            roles: Roles::default(),
            rates: watch::channel(rates).0,
            rest_after,
            // Another number than before a restart, so that nobody waits for what they missed.
            listed: watch::channel(clock::unix_ms()).0,
            rooms: Arc::default(),
            tasks: Arc::default(),
        }
    }

    /// Grows whenever lists of rooms are old: a broadcast changed, a room was made.
    pub const fn listed(&self) -> &watch::Sender<u64> {
        &self.listed
    }

    /// The room of that name, if it runs already.
    pub fn running(&self, slug: &Slug) -> Option<RoomHandle> {
        self.rooms
            .by_slug
            .get(slug)
            .and_then(|it| it.get().cloned())
    }

    pub fn running_number(&self, number: RoomNumber) -> Option<RoomHandle> {
        self.rooms.by_number.get(&number).map(|it| it.clone())
    }

    /// The room of that name, started if need be: one load however many ask at once.
    pub async fn find(&self, slug: &Slug) -> Result<RoomHandle, Refusal> {
        if let Some(running) = self.running(slug) {
            return Ok(running);
        }
        if !slug.is_well_formed() {
            return Err(no_such_room());
        }
        let row = match self.store.room(slug.clone()).await {
            Ok(Some(row)) => row,
            Ok(None) => return Err(no_such_room()),
            Err(error) => return Err(unavailable(&error)),
        };
        let cell = self.rooms.by_slug.entry(slug.clone()).or_default().clone();
        let started = cell.get_or_try_init(|| self.start(row)).await?;
        Ok(started.clone())
    }

    /// The room of that number.
    pub async fn find_number(&self, number: RoomNumber) -> Result<RoomHandle, Refusal> {
        if let Some(running) = self.running_number(number) {
            return Ok(running);
        }
        match self.store.room_by_number(number).await {
            Ok(Some(row)) => self.find(&row.slug).await,
            Ok(None) => Err(no_such_room()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn start(&self, row: RoomRow) -> Result<RoomHandle, Refusal> {
        let (number, slug) = (row.number, row.slug.clone());
        let erasing = self.store.erasing();
        let rates = self.rates.subscribe();
        let meta = meta(row, *rates.borrow());
        let mut machine = room_task::recover(&self.store, &meta)
            .await
            .map_err(|error| {
                tracing::error!(room = meta.number, %error, "a room cannot be read from its log");
                Refusal::new(Code::StorageUnavailable, "the room cannot be read just now")
                    .after_ms(2_000)
            })?;
        if let Some((_, keepsake)) = self.rooms.resting.remove(&number) {
            machine.recall(keepsake);
        }
        let (inbox, wishes) = inbox::inbox();
        let (shown, state) = watch::channel(machine.state());
        let handle = RoomHandle {
            number,
            slug: slug.clone(),
            inbox,
            maker: meta.maker.clone(),
            roles: self.roles.clone(),
            state,
        };
        let home = home_of(slug.as_str(), self.shards.all().len());
        let around = Around {
            store: self.store.clone(),
            completions: self.completions[home].clone(),
            stage: self.stage.clone(),
            roles: self.roles.clone(),
            shards: self.shards.clone(),
            rates,
            listed: self.listed.clone(),
            rest: self.rest_after.map(|after| Rest {
                after,
                rooms: self.rooms.clone(),
            }),
        };
        self.rooms.by_number.insert(number, handle.clone());
        self.keep(&handle, home, move || {
            room_task::run(machine, wishes, shown, around)
        });
        // Who was erased while it was read is told to it as to all that ran already.
        for member in self.store.erasing().since(&erasing) {
            let (done, _) = oneshot::channel();
            let member = member.clone();
            handle.wish_surely(Wish::Erased { member, done }).await;
        }
        Ok(handle)
    }

    /// Runs a room on its home shard. Where a bug ends it, that room alone starts anew: who was in it is
    /// told to come in again, its peers connect again, and whoever asks first has it read from its log.
    fn keep<F>(&self, handle: &RoomHandle, home: usize, run: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let (number, slug) = (handle.number, handle.slug.clone());
        let (tasks, rooms) = (self.tasks.clone(), self.rooms.clone());
        let (shards, stage) = (self.shards.clone(), self.stage.clone());
        tasks.fetch_add(1, Ordering::Relaxed);
        self.shards.all()[home].spawn(move || async move {
            if AssertUnwindSafe(run()).catch_unwind().await.is_err() {
                tracing::error!(room = number, "a room ended by a bug; it starts anew");
                metrics::counter!("weiquan_rooms_broken_total").increment(1);
                rooms.forget(number, &slug);
                stage.end_of_room(number);
                let out = Push::Out {
                    a: number,
                    why: gone(),
                };
                let frame = push_frame(&out);
                for shard in shards.all() {
                    shard.order(Order::Dissolve {
                        room: number,
                        frame: frame.clone(),
                    });
                }
            }
            tasks.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Starts the rooms whose broadcast was going on when the server last stopped, so that their
    /// grace runs although nobody has come back yet.
    pub async fn wake_broadcasts(&self, numbers: Vec<RoomNumber>) {
        for number in numbers {
            if let Err(refusal) = self.find_number(number).await {
                tracing::warn!(room = number, %refusal, "a room with a broadcast did not start");
            }
        }
    }

    /// What media says about a publisher, for its room.
    pub async fn report(&self, room: RoomNumber, report: StageReport) {
        match self.find_number(room).await {
            Ok(handle) => handle.wish_surely(Wish::Report(report)).await,
            Err(refusal) => tracing::warn!(room, %refusal, "a report of media found no room"),
        }
    }

    /// How the media of a room arrives. The next one comes soon, so a full inbox loses this one.
    pub fn health(&self, room: RoomNumber, health: PublisherHealth) {
        if let Some(handle) = self.running_number(room) {
            let _ = handle.wish(Wish::Health(health));
        }
    }

    /// A peer is gone, whoever ended it: its owner hears of it.
    /// Answers why: what was ordered here, else what media says.
    pub fn peer_ended(&self, peer: &PeerId, why: PeerEnd) -> PeerEnd {
        let Some(owner) = self.stage.peers.ended(peer) else {
            return why;
        };
        let why = owner.ending.unwrap_or(why);
        let peer = peer.clone();
        self.tell_owner(&owner, &Push::Closed { peer, why });
        why
    }

    /// A viewer's line does not carry the picture, or does again: its owner hears of it.
    pub fn picture_held(&self, peer: PeerId, held: bool) {
        if let Some(owner) = self.stage.peers.get(&peer) {
            self.tell_owner(&owner, &Push::Picture { peer, held });
        }
    }

    fn tell_owner(&self, owner: &PeerOwner, push: &Push) {
        if let Some(connection) = owner.connection() {
            let frame = push_frame(push);
            self.shards
                .of(connection)
                .order(fanout::Order::Send { connection, frame });
        }
    }

    /// A member was given another role: it counts from here on, and every running room tells their
    /// connections. Callers see to it that two changes of one member do not overtake each other.
    pub async fn changed(&self, who: &Who) {
        self.roles.changed(who);
        self.tell(who).await;
    }

    /// The store says another role than a token that was just taken.
    pub async fn learned(&self, who: &Who) {
        if self.roles.learned(who) {
            self.tell(who).await;
        }
    }

    /// A member erased their account, and that is stored: returns once no running room shows their name.
    pub async fn erased(&self, member: &MemberId) {
        self.roles.erased(member);
        for mut kept in self.rooms.resting.iter_mut() {
            kept.forget(member);
        }
        let rooms: Vec<RoomHandle> = self.rooms.by_number.iter().map(|it| it.clone()).collect();
        let mut read = Vec::with_capacity(rooms.len());
        for room in rooms {
            let (done, anew) = oneshot::channel();
            let member = member.clone();
            room.wish_surely(Wish::Erased { member, done }).await;
            read.push(anew);
        }
        for anew in read {
            // A room that ended meanwhile shows nothing.
            let _ = anew.await;
        }
        self.listed.send_modify(|it| *it += 1);
    }

    /// Other rates, for rooms that run as well as for those to come.
    pub fn set_rates(&self, rates: Rates) {
        self.rates.send_replace(rates);
    }

    async fn tell(&self, who: &Who) {
        let rooms: Vec<RoomHandle> = self.rooms.by_number.iter().map(|it| it.clone()).collect();
        for room in rooms {
            room.wish_surely(Wish::Changed(who.clone())).await;
        }
    }

    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Rooms that run.
    pub fn count(&self) -> u32 {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Lets every room finish what is in its inbox, then end.
    pub fn close(&self) {
        self.rooms.by_slug.clear();
        self.rooms.by_number.clear();
    }
}

fn no_such_room() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such room")
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "a room cannot be looked up");
    Refusal::new(Code::StorageUnavailable, "the storage is unavailable").after_ms(1_000)
}
