//! Viewers: the lean egress. Each worker is one thread with one UDP socket, and everything of its
//! viewers belongs to that thread alone; the rest of the process talks to it through its inbox.
//!
//! A viewer is an ICE name, a DTLS line, a pair of SRTP contexts and two legs of the room's tracks.
//! It cannot send media, and it cannot make us send more than about twice what everybody gets.

mod deadlines;
mod dtls;
mod fed;
mod hello;
mod hold;
mod ice;
mod inbound;
mod layers;
mod pairs;
mod queue;
mod restart;
mod shield;
mod tidings;
mod viewer;
mod wire;
mod worker;

pub(crate) use ice::Check;
pub use tidings::Tidings;
pub(crate) use wire::SOCKET_BYTES;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use protocol::{Code, PeerId, Refusal, RoomNumber, layers::LayerCeiling, limits};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Config, Established, Feed, FeedSender, IceSession, IceUpdated, PeerEnd, Report, Shown,
    StartError, WantKeyframe, busy,
    line_probe::{LineProbe, ProbeAnswers},
    no_such_peer,
    sdp::{Fragment, Offer, candidates},
    sockets,
};
use dtls::Identity;
use queue::Queue;
use worker::{Worker, WorkerParts};

/// Orders and frames that wait for a worker: a second of ten busy rooms. A full inbox loses frames
/// and refuses newcomers.
const INBOX_MAX: usize = 1_024;

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Order {
    Feed(Feed),
    View {
        room: RoomNumber,
        offer: Offer,
        reply: oneshot::Sender<Result<Established, Refusal>>,
    },
    Close {
        peer: PeerId,
        why: PeerEnd,
        reply: oneshot::Sender<bool>,
    },
    CloseRoom {
        room: RoomNumber,
        why: PeerEnd,
    },
    /// What a viewer says of its ICE session after the offer.
    Ice {
        peer: PeerId,
        session: IceSession,
        fragment: Fragment,
        reply: oneshot::Sender<Result<IceUpdated, Refusal>>,
    },
    /// Whether a viewer is sent the picture, and how high it shows it.
    Show {
        peer: PeerId,
        shown: Shown,
        height: Option<u16>,
        reply: oneshot::Sender<bool>,
    },
    /// No more of the picture than this from now on.
    HoldTo {
        peer: PeerId,
        ceiling: LayerCeiling,
        reply: oneshot::Sender<bool>,
    },
    /// To hear of what a viewer watches.
    Hear {
        peer: PeerId,
        reply: oneshot::Sender<Option<Tidings>>,
    },
    Stop,
}

/// Peers that are being shown each room, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<RoomNumber, usize>>);

impl Counts {
    fn of(&self, room: RoomNumber) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&room).copied().unwrap_or(0)
    }

    fn entered(&self, room: RoomNumber) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(room)
            .or_default() += 1;
    }

    fn left(&self, room: RoomNumber) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&room) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&room);
            }
        }
    }
}

#[derive(Clone)]
struct WorkerDoor {
    inbox: mpsc::Sender<Order>,
    /// Viewers and would-be viewers.
    load: Arc<AtomicUsize>,
}

#[derive(Clone)]
pub(crate) struct Viewers {
    workers: Arc<[WorkerDoor]>,
    counts: Arc<Counts>,
    per_worker_max: usize,
    queue: Arc<Queue>,
    fingerprint: Arc<str>,
    probe_answers: Arc<ProbeAnswers>,
}

pub(crate) struct Running {
    inboxes: Vec<mpsc::Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Binds the viewers' ports and starts their workers.
pub(crate) fn start(
    config: &Arc<Config>,
    wishes: mpsc::Sender<WantKeyframe>,
    reports: mpsc::Sender<(RoomNumber, Report)>,
) -> Result<(Viewers, FeedSender, Running), StartError> {
    if config.view.is_empty() {
        return Err(StartError::NoViewAddress);
    }
    let provider = dtls::provider();
    let identity = Identity::new(&provider)?;
    let counts = Arc::new(Counts::default());
    let probe = LineProbe::new();
    let mut reachable = Vec::new();
    let mut workers = Vec::new();
    let mut running = Running {
        inboxes: Vec::new(),
        threads: Vec::new(),
        addresses: Vec::new(),
    };
    for (number, addr) in config.view.iter().copied().enumerate() {
        let sockets = sockets::bind("viewers'", addr, config.tcp)?;
        let bound = sockets.address;
        let told = config.advertised(bound);
        let (inbox, orders) = mpsc::channel(INBOX_MAX);
        let load = Arc::new(AtomicUsize::new(0));
        let own: Vec<SocketAddr> = told
            .into_iter()
            .map(|ip| SocketAddr::new(ip, bound.port()))
            .collect();
        reachable.extend_from_slice(&own);
        let parts = WorkerParts {
            number,
            sockets,
            candidates: candidates(&own, config.candidates()),
            probe: probe.clone(),
            identity: identity.clone(),
            provider: provider.clone(),
            viewers_max: config.viewers_per_worker_max,
            sound_paired_from: config.sound_paired_from,
            silent_max: config.viewer_silent_max,
            wishes: wishes.clone(),
            reports: reports.clone(),
            counts: counts.clone(),
            load: load.clone(),
        };
        running.threads.push(Worker::spawn(parts, orders)?);
        running.inboxes.push(inbox.clone());
        running.addresses.push(bound);
        workers.push(WorkerDoor { inbox, load });
    }
    let feed = FeedSender::new(running.inboxes.clone());
    let per_worker_max = config.viewers_per_worker_max;
    Ok((
        Viewers {
            workers: workers.into(),
            counts,
            per_worker_max,
            queue: Arc::default(),
            fingerprint: identity.fingerprint.as_str().into(),
            probe_answers: probe
                .answers(&reachable, &identity.fingerprint, config.candidates())
                .into(),
        },
        feed,
        running,
    ))
}

impl Viewers {
    /// Answers an offer, or says that every place is taken and which one in the line is held for
    /// `asker`: the same words are the same place.
    pub(crate) async fn view(
        &self,
        room: RoomNumber,
        asker: &str,
        offer: String,
    ) -> Result<Established, Refusal> {
        let offer = Offer::parse(&offer)?;
        // Everybody stands in the line until they watch, so that those who ask at the same moment for
        // the last place find each other there.
        let before = self.queue.ask(asker, clock::now());
        if before.is_none_or(|before| before >= self.free()) {
            return Err(full(before));
        }
        match self.view_now(room, offer).await {
            // Somebody has come meanwhile whom the line did not know yet.
            Err(refusal) if refusal.code == Code::RoomFull => Err(full(before)),
            outcome => {
                self.queue.leave(asker);
                outcome
            }
        }
    }

    /// Places that nobody has.
    fn free(&self) -> usize {
        let free = |it: &WorkerDoor| {
            let taken = it.load.load(Ordering::Relaxed);
            self.per_worker_max.saturating_sub(taken)
        };
        self.workers.iter().map(free).sum()
    }

    async fn view_now(&self, room: RoomNumber, offer: Offer) -> Result<Established, Refusal> {
        let worker = self
            .workers
            .iter()
            .min_by_key(|it| it.load.load(Ordering::Relaxed))
            .expect("start refuses to have no worker");
        let (reply, answered) = oneshot::channel();
        let order = Order::View { room, offer, reply };
        worker
            .inbox
            .try_send(order)
            .map_err(|_| busy("the egress"))?;
        answered.await.unwrap_or_else(|_| Err(busy("the egress")))
    }

    pub(crate) async fn close(&self, peer: &PeerId, why: PeerEnd) -> bool {
        let Some(worker) = worker_of(peer).and_then(|number| self.workers.get(number)) else {
            return false;
        };
        let (reply, closed) = oneshot::channel();
        let order = Order::Close {
            peer: peer.clone(),
            why,
            reply,
        };
        worker.inbox.send(order).await.is_ok() && closed.await.unwrap_or(false)
    }

    /// Whether a peer is one of ours by its name.
    pub(crate) fn names(&self, peer: &PeerId) -> bool {
        worker_of(peer).is_some()
    }

    pub(crate) async fn update_ice(
        &self,
        peer: &PeerId,
        session: IceSession,
        fragment: Fragment,
    ) -> Result<IceUpdated, Refusal> {
        let worker = worker_of(peer).and_then(|number| self.workers.get(number));
        let worker = worker.ok_or_else(no_such_peer)?;
        let (reply, answered) = oneshot::channel();
        let order = Order::Ice {
            peer: peer.clone(),
            session,
            fragment,
            reply,
        };
        worker
            .inbox
            .try_send(order)
            .map_err(|_| busy("the egress"))?;
        answered.await.unwrap_or_else(|_| Err(busy("the egress")))
    }

    /// The order is in the worker's inbox when this returns, so that two of them keep their order; what
    /// is awaited is the answer. False when there is no such viewer.
    pub(crate) fn show(
        &self,
        peer: &PeerId,
        shown: Shown,
        height: Option<u16>,
    ) -> impl Future<Output = Result<bool, Refusal>> + use<> {
        let (reply, done) = oneshot::channel();
        let worker = worker_of(peer).and_then(|number| self.workers.get(number));
        let order = Order::Show {
            peer: peer.clone(),
            shown,
            height,
            reply,
        };
        let sent = worker.map(|worker| worker.inbox.try_send(order).is_ok());
        async move {
            match sent {
                None => Ok(false),
                Some(true) => done.await.map_err(|_| busy("the egress")),
                Some(false) => Err(busy("the egress")),
            }
        }
    }

    pub(crate) async fn close_room(&self, room: RoomNumber, why: PeerEnd) {
        for worker in &*self.workers {
            // A worker that has stopped has no viewers left.
            let _ = worker.inbox.send(Order::CloseRoom { room, why }).await;
        }
    }

    /// Of the certificate that all workers have.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What leads a check of somebody's line to the ports of all workers.
    pub(crate) fn probe_answers(&self) -> &ProbeAnswers {
        &self.probe_answers
    }

    pub(crate) fn count(&self, room: RoomNumber) -> usize {
        self.counts.of(room)
    }
}

impl Running {
    /// Says goodbye to every viewer and waits for the threads.
    pub(crate) async fn shutdown(self) {
        for inbox in &self.inboxes {
            let _ = inbox.send(Order::Stop).await;
        }
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            threads
                .into_iter()
                .filter_map(|thread| thread.join().err())
                .count()
        });
        match joined.await {
            Ok(0) => {}
            _ => tracing::error!("a media worker had ended by a bug"),
        }
    }
}

/// The worker's number stands before the random part: `v0-…`.
fn peer_prefix(worker: usize) -> String {
    format!("v{worker}-")
}

fn worker_of(peer: &PeerId) -> Option<usize> {
    let (worker, _) = peer.as_str().strip_prefix('v')?.split_once('-')?;
    worker.parse().ok()
}

/// `before` is how many stand in the line before somebody, who has no place in it without.
fn full(before: queue::Before) -> Refusal {
    let ask = u64::try_from(limits::VIEW_LINE_ASK.as_millis()).unwrap_or(u64::MAX);
    let refusal = |say: &str| Refusal::new(Code::RoomFull, say).after_ms(ask);
    match before.and_then(|before| u32::try_from(before + 1).ok()) {
        Some(place) => refusal("every place is taken; ask again, and the one in the line is kept")
            .in_place(place),
        None => refusal("every place is taken, and the line is as long as it may be"),
    }
}

#[cfg(test)]
mod tests;
