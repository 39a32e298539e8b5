//! The loop of one egress worker: orders in, datagrams in, time; packets out. Nothing here is
//! shared with another thread, and nothing waits but the loop itself.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use media::{Choice, Kind, Leg, LegIds, Router, WallClock};
use protocol::{Code, PeerId, Refusal, RoomNumber, layers::StageTold};
use slab::Slab;
use tokio::sync::{mpsc, watch};

use super::{
    Counts, Order,
    deadlines::TICK,
    dtls::{Dtls, Identity, Line, Provider, Shaking},
    full,
    ice::Credentials,
    pairs::Pairs,
    peer_prefix,
    tidings::picture_section,
    viewer::{Bench, Viewer},
    wire::{Inbound, Ready, Wire},
};
use crate::{
    Established, PeerEnd, Report, Role, StartError, WantKeyframe,
    line_probe::LineProbe,
    path::Path,
    random,
    sdp::{self, Offer, Transport},
    sockets::Bound,
};

/// Time between parts of a replay.
const LEAD_EVERY: Duration = Duration::from_millis(1);
/// Orders taken before datagrams and deadlines have their turn again.
const ORDERS_PER_TURN: usize = 64;
/// A viewer that comes when nothing is published asks again after this.
const TRY_AGAIN_MS: u64 = 2_000;

pub(super) struct WorkerParts {
    pub(super) number: usize,
    pub(super) sockets: Bound,
    /// Lines of [`sdp::candidates()`].
    pub(super) candidates: String,
    pub(super) probe: LineProbe,
    pub(super) identity: Identity,
    pub(super) provider: Provider,
    pub(super) viewers_max: usize,
    pub(super) sound_paired_from: usize,
    pub(super) silent_max: Duration,
    pub(super) wishes: mpsc::Sender<WantKeyframe>,
    pub(super) reports: mpsc::Sender<(RoomNumber, Report)>,
    pub(super) counts: Arc<Counts>,
    pub(super) load: Arc<AtomicUsize>,
}

pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) bench: Bench,
    pub(super) inbound: Inbound,
    /// Lines of [`sdp::candidates()`].
    pub(super) candidates: String,
    pub(super) probe: LineProbe,
    pub(super) identity: Identity,
    pub(super) provider: Provider,
    pub(super) viewers_max: usize,
    pub(super) sound_paired_from: usize,
    pub(super) silent_max: Duration,
    pub(super) wishes: mpsc::Sender<WantKeyframe>,
    pub(super) reports: mpsc::Sender<(RoomNumber, Report)>,
    /// Reports that found their channel full; at most one per viewer that ended.
    pub(super) unsaid: VecDeque<(RoomNumber, Report)>,
    pub(super) counts: Arc<Counts>,
    pub(super) load: Arc<AtomicUsize>,

    pub(super) router: Router,
    pub(super) dtls: Dtls,
    pub(super) viewers: Slab<Viewer>,
    pub(super) serial: u64,
    pub(super) by_ufrag: HashMap<String, usize>,
    pub(super) by_address: HashMap<Path, usize>,
    pub(super) by_peer: HashMap<PeerId, usize>,
    /// Viewers whose handshake may need another flight.
    pub(super) shaking: Vec<Shaking>,
    /// Viewers that are being led to what is live.
    pub(super) behind: Vec<Line>,
    /// Viewers of whose lines it is being learnt what they carry.
    pub(super) probed: Vec<Line>,
    /// What those are told who hear of a room.
    pub(super) told_of: BTreeMap<RoomNumber, watch::Sender<StageTold>>,
    pub(super) pairs: Pairs,
    pub(super) ticks: usize,
    pub(super) turn: usize,
}

impl Worker {
    pub(super) fn spawn(
        parts: WorkerParts,
        orders: mpsc::Receiver<Order>,
    ) -> Result<JoinHandle<()>, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::Worker)?;
        let bound = parts.sockets.address;
        let wire = {
            let _inside = runtime.enter();
            Wire::new(parts.sockets).map_err(StartError::Worker)
        };
        let wire = match wire {
            Ok(wire) => wire,
            Err(error) => {
                // Dropping a runtime waits for its threads, which its own kind forbids.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let worker = Self {
            number: parts.number,
            bench: Bench::new(wire),
            inbound: Inbound::default(),
            candidates: parts.candidates,
            probe: parts.probe,
            dtls: Dtls::new(&parts.identity, parts.provider.clone(), bound),
            identity: parts.identity,
            provider: parts.provider,
            viewers_max: parts.viewers_max,
            sound_paired_from: parts.sound_paired_from,
            silent_max: parts.silent_max,
            wishes: parts.wishes,
            reports: parts.reports,
            unsaid: VecDeque::new(),
            counts: parts.counts,
            load: parts.load,
            router: Router::new(WallClock::new(clock::ntp(), clock::now())),
            viewers: Slab::new(),
            serial: 0,
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            by_peer: HashMap::new(),
            shaking: Vec::new(),
            behind: Vec::new(),
            probed: Vec::new(),
            told_of: BTreeMap::new(),
            pairs: Pairs::default(),
            ticks: 0,
            turn: 0,
        };
        std::thread::Builder::new()
            .name(format!("view-{}", parts.number))
            .spawn(move || runtime.block_on(worker.run(orders)))
            .map_err(StartError::Worker)
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        self.bench.wire.writable().await;
        let mut next_tick = clock::now() + TICK;
        let mut next_lead = clock::now();
        loop {
            let next_lead_on = (!self.behind.is_empty()).then_some(next_lead);
            let soonest = next_lead_on.into_iter().chain(self.pairs.due_at()).min();
            let deadline = soonest.map_or(next_tick, |it| it.min(next_tick));
            // Without viewers or pipes nothing becomes due: a server that shows nobody anything sleeps.
            let has_deadline = !self.viewers.is_empty() || !self.bench.wire.pipes.is_empty();
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::Stop) => break,
                    Some(order) => {
                        self.handle(order, clock::now());
                        if self.drain(&mut orders) == Next::Stop {
                            break;
                        }
                    }
                },
                ready = self.bench.wire.ready() => match ready {
                    Ready::Datagrams => self.receive(),
                    Ready::Pipe(happened) => self.receive_by_tcp(happened),
                },
                () = tokio::time::sleep_until(deadline.into()), if has_deadline => {}
            }
            let now = clock::now();
            self.show_due(now);
            if now >= next_lead {
                next_lead = now + LEAD_EVERY;
                self.lead_on(now);
            }
            if now >= next_tick {
                next_tick = now + TICK;
                self.tick(now);
            }
            self.say();
        }
        self.close_all(clock::now());
    }

    fn drain(&mut self, orders: &mut mpsc::Receiver<Order>) -> Next {
        for _ in 0..ORDERS_PER_TURN {
            match orders.try_recv() {
                Ok(Order::Stop) => return Next::Stop,
                Ok(order) => self.handle(order, clock::now()),
                Err(_) => break,
            }
        }
        Next::GoOn
    }

    fn handle(&mut self, order: Order, now: Instant) {
        match order {
            Order::Feed(feed) => self.take_feed(feed, now),
            Order::View { room, offer, reply } => {
                let answered = self.view(room, &offer, now);
                let peer = answered.as_ref().ok().map(|it| it.peer.clone());
                // Whoever asked is gone: so is the viewer.
                if let (Err(_), Some(peer)) = (reply.send(answered), peer) {
                    self.close(&peer, PeerEnd::Closed, now);
                }
            }
            Order::Close { peer, why, reply } => {
                let _ = reply.send(self.close(&peer, why, now));
            }
            Order::CloseRoom { room, why } => self.close_room(room, why, now),
            Order::Ice {
                peer,
                session,
                fragment,
                reply,
            } => {
                // Whoever asked may be gone: the session holds either way.
                let _ = reply.send(self.update_ice(&peer, &session, &fragment, now));
            }
            Order::Show {
                peer,
                shown,
                height,
                reply,
            } => {
                // Last wish wins, whether or not its asker still waits.
                let _ = reply.send(self.show_picture(&peer, shown, height, now));
            }
            Order::HoldTo {
                peer,
                ceiling,
                reply,
            } => {
                // As above.
                let _ = reply.send(self.hold_to(&peer, ceiling, now));
            }
            Order::Hear { peer, reply } => {
                // Nobody who waits is nobody who hears.
                let _ = reply.send(self.hear(&peer));
            }
            Order::Stop => {}
        }
    }

    // ---- viewers in and out

    fn view(
        &mut self,
        room: RoomNumber,
        offer: &Offer,
        now: Instant,
    ) -> Result<Established, Refusal> {
        if self.viewers.len() >= self.viewers_max {
            return Err(full(None));
        }
        let stage = self
            .router
            .stage(room)
            .filter(|stage| stage.publication().is_some());
        let (video, audio) = match stage {
            Some(stage) => (stage.offered(Kind::Video), stage.offered(Kind::Audio)),
            None => (None, None),
        };
        if video.is_none() && audio.is_none() {
            let refusal = Refusal::new(Code::NothingPublished, "nothing is being published");
            return Err(refusal.after_ms(TRY_AGAIN_MS));
        }
        let credentials = Credentials {
            ufrag: random::token(6),
            pwd: random::token(16),
            remote_ufrag: offer.ufrag.clone(),
        };
        let transport = Transport {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &self.identity.fingerprint,
            candidates: &self.candidates,
            first_ssrc: random::number() | 1,
        };
        let answered = sdp::answer(offer, video, audio, &transport)?;
        let peer = PeerId::from(format!("{}{}", peer_prefix(self.number), random::token(16)));
        let etag = credentials.ufrag.clone();
        let sees = answered.video.is_some();
        let video = new_leg(Kind::Video, answered.video);
        let takes_again = video.as_ref().is_some_and(|it| it.ids().resend.is_some());
        self.serial += 1;
        let entry = self.viewers.vacant_entry();
        let key = entry.key();
        self.by_ufrag.insert(credentials.ufrag.clone(), key);
        self.by_peer.insert(peer.clone(), key);
        entry.insert(Viewer {
            peer: peer.clone(),
            room,
            line: Line {
                key,
                serial: self.serial,
            },
            credentials,
            next: None,
            fingerprint: offer.fingerprint,
            address: None,
            shield: None,
            video,
            audio: new_leg(Kind::Audio, answered.audio),
            section: picture_section(offer).filter(|_| sees),
            life: None,
            waits: answered.waits,
            heard: now,
            behind: false,
            choice: Choice::new(now).with_probes(takes_again),
            probed: false,
            hidden: false,
        });
        self.router.enter(room, key);
        self.load.store(self.viewers.len(), Ordering::Relaxed);
        if sees {
            self.choose(key, now);
            self.foresee(key, now);
        }
        Ok(Established {
            peer,
            sdp: answered.sdp,
            etag,
        })
    }

    fn close(&mut self, peer: &PeerId, why: PeerEnd, now: Instant) -> bool {
        let key = self.by_peer.get(peer).copied();
        key.is_some_and(|key| self.remove(key, why, now))
    }

    pub(super) fn close_room(&mut self, room: RoomNumber, why: PeerEnd, now: Instant) {
        let viewers = self
            .router
            .stage(room)
            .map(|stage| stage.viewers().to_vec());
        for key in viewers.unwrap_or_default() {
            self.remove(key, why, now);
        }
    }

    /// Viewers that came before this kind was published have no place for it in their answers. They
    /// end, and offer again.
    pub(super) fn close_waiting(&mut self, room: RoomNumber, kind: Kind, now: Instant) {
        let Some(stage) = self.router.stage(room) else {
            return;
        };
        let waits = |key: &&usize| {
            self.viewers
                .get(**key)
                .is_some_and(|it| it.waits.contains(&kind))
        };
        let waiting: Vec<usize> = stage.viewers().iter().filter(waits).copied().collect();
        for key in waiting {
            self.remove(key, PeerEnd::Replaced, now);
        }
    }

    fn close_all(&mut self, now: Instant) {
        let keys: Vec<usize> = self.viewers.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.remove(key, PeerEnd::Closed, now);
        }
        self.say();
    }

    /// Forgets everything about a viewer, after a goodbye where it can hear one.
    pub(super) fn remove(&mut self, key: usize, why: PeerEnd, now: Instant) -> bool {
        let Some(line) = self.viewers.get(key).map(|viewer| viewer.line) else {
            return false;
        };
        self.dtls.stop(line, now);
        self.flush_dtls();
        let viewer = self.viewers.remove(key);
        self.by_ufrag.remove(&viewer.credentials.ufrag);
        if let Some(next) = &viewer.next {
            self.by_ufrag.remove(&next.ufrag);
        }
        self.by_peer.remove(&viewer.peer);
        if let Some(address) = viewer.address {
            self.by_address.remove(&address);
        }
        self.bench.wire.pipes.close_of(line.serial);
        self.router.leave(viewer.room, key);
        if viewer.shield.is_some() {
            self.counts.left(viewer.room);
        }
        self.load.store(self.viewers.len(), Ordering::Relaxed);
        let report = Report::PeerEnded {
            peer: viewer.peer,
            role: Role::Viewer,
            why,
        };
        self.unsaid.push_back((viewer.room, report));
        true
    }

    /// Passes on what was to be reported, as far as the channel takes it.
    fn say(&mut self) {
        while let Some(report) = self.unsaid.pop_front() {
            match self.reports.try_send(report) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(report)) => {
                    self.unsaid.push_front(report);
                    return;
                }
                // Nobody listens any more.
                Err(mpsc::error::TrySendError::Closed(_)) => self.unsaid.clear(),
            }
        }
    }
}

/// A leg of the agreed numbers that begins at random ones (RFC 3550 §5.1).
fn new_leg(kind: Kind, ids: Option<LegIds>) -> Option<Leg> {
    let [a, b, c, d] = random::number().to_be_bytes();
    let (first, resend) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    ids.map(|ids| Leg::new(kind, ids, first, resend))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}
