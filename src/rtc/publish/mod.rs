//! Publishers: the whole `webrtc` stack behind one port.
//!
//! An offer is checked ([`offer`]), gets a connection ([`connection`]) on the shared port ([`port`],
//! [`runtime`]) and an answer that names it ([`answer`]); then a task of its own ([`peer`]) turns
//! its tracks ([`lanes`]) into frames for the egress and tells the shell what happens. One room has
//! one publisher: a newer one replaces it. Whether somebody may publish is not decided here.

mod answer;
mod connection;
mod frame;
mod health;
mod lane;
mod lanes;
mod offer;
mod peer;
mod pipes;
mod police;
mod port;
mod reports;
mod runtime;
mod way;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use media::{LAYERS_MAX, Layer, PublicationId};
use protocol::{Code, PeerId, Refusal, RoomNumber};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

use self::{
    lane::Egress,
    offer::Offer,
    peer::Peer,
    port::{Credentials, Port},
    runtime::PeerRuntime,
};
use crate::{
    Config, Established, FeedSender, IceSession, IceUpdated, PeerEnd, Report, Role, StartError,
    WantKeyframe, another_name,
    line_probe::ProbeAnswers,
    no_such_peer,
    pipes::Pipes,
    random,
    sdp::{Fragment, candidates},
    sockets,
};

/// Publishers at one time. Each costs some hundred KiB and, at 1.5 Mbit/s, 1 % of a core.
const PUBLISHERS_MAX: usize = 1_000;
/// How long goodbyes may take on shutdown.
const GOODBYES_WITHIN: Duration = Duration::from_secs(2);

type Reports = mpsc::Sender<(RoomNumber, Report)>;

#[derive(Clone)]
pub(crate) struct Publishers {
    shared: Arc<Shared>,
}

struct Shared {
    port: Arc<Port>,
    /// What the answers call the port.
    candidates: String,
    probe_answers: ProbeAnswers,
    feed: FeedSender,
    reports: Reports,
    publications: AtomicU64,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    peers: HashMap<PeerId, Handle>,
    rooms: HashMap<RoomNumber, PeerId>,
    tasks: JoinSet<()>,
    closed: bool,
}

struct Handle {
    room: RoomNumber,
    publication: PublicationId,
    stop: oneshot::Sender<PeerEnd>,
    wish: mpsc::Sender<Layer>,
    /// Our name in ICE, and the publisher's.
    ufrag: String,
    remote_ufrag: String,
}

pub(crate) struct Running {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
    pipes: JoinHandle<()>,
    wishes: JoinHandle<()>,
}

pub(crate) async fn start(
    config: &Arc<Config>,
    fingerprint: &str,
    feed: FeedSender,
    wishes: mpsc::Receiver<WantKeyframe>,
    reports: Reports,
) -> Result<(Publishers, Running), StartError> {
    let addr = config.publish;
    let sockets = sockets::bind("publishers'", addr, config.tcp)?;
    let bound = sockets.address;
    let wrong = |source| StartError::Bind {
        what: "publishers'",
        addr,
        source,
    };
    let pipes = Pipes::new(sockets.tcp, "publish").map_err(wrong)?;
    let (piped, to_pipes) = mpsc::channel(pipes::PIPED_MAX);
    let port = Arc::new(Port::new(sockets.udp, bound, piped).map_err(wrong)?);
    let advertised = config.advertised(bound);
    let reachable: Vec<SocketAddr> = advertised
        .into_iter()
        .map(|ip| SocketAddr::new(ip, bound.port()))
        .collect();
    let shared = Arc::new(Shared {
        // No handshake follows a check of the line, so any certificate of this process will do.
        probe_answers: port
            .line_probe()
            .answers(&reachable, fingerprint, config.candidates()),
        port: Arc::clone(&port),
        candidates: candidates(&reachable, config.candidates()),
        feed,
        reports,
        publications: AtomicU64::new(0),
        registry: Mutex::default(),
    });
    let running = Running {
        pipes: tokio::spawn(pipes::serve(Arc::clone(&port), pipes, to_pipes)),
        reader: tokio::spawn(port.read()),
        wishes: tokio::spawn(pass_on_wishes(Arc::clone(&shared), wishes)),
        shared: Arc::clone(&shared),
    };
    Ok((Publishers { shared }, running))
}

impl Publishers {
    /// What leads a check of somebody's line to the port.
    pub(crate) fn probe_answers(&self) -> &ProbeAnswers {
        &self.shared.probe_answers
    }

    pub(crate) async fn publish(
        &self,
        room: RoomNumber,
        text: String,
    ) -> Result<Established, Refusal> {
        let offer = Offer::parse(&text)?;
        let shared = &self.shared;
        if shared.registry().peers.len() >= PUBLISHERS_MAX {
            return Err(crate::busy("the ingest"));
        }
        // RFC 8445 §5.3 asks for 24 bits of name and 128 of password.
        let credentials = Credentials {
            ufrag: random::token(8),
            password: random::token(16),
        };
        let inlet = shared.port.open(credentials.clone(), clock::now());
        let runtime = PeerRuntime {
            port: Arc::clone(&shared.port),
            inlet: Arc::clone(&inlet),
        };
        let answered = match connection::answer(text, &offer, &credentials, runtime).await {
            Ok(answered) => answered,
            Err(refusal) => {
                shared.port.remove(&inlet);
                return Err(refusal);
            }
        };
        let sdp = answer::finish(&answered.sdp, &offer, &shared.candidates);
        if sdp.len() > answer::ANSWER_BYTES_MAX {
            tracing::warn!(
                bytes = sdp.len(),
                "an answer is longer than some encoders read"
            );
        }
        let id = PeerId::new(random::token(16));
        let publication = PublicationId(shared.publications.fetch_add(1, Ordering::Relaxed));
        let (stop, stopped) = oneshot::channel();
        // One waiting wish for each layer says as much as ten.
        let (wish, wishes) = mpsc::channel(LAYERS_MAX);
        let peer = Peer {
            id: id.clone(),
            egress: Egress {
                room,
                publication,
                feed: shared.feed.clone(),
            },
            port: Arc::clone(&shared.port),
            inlet: Arc::clone(&inlet),
            reports: shared.reports.clone(),
            stop: stopped,
            wishes,
        };
        let refused = shared.admit(
            peer,
            Handle {
                room,
                publication,
                stop,
                wish,
                ufrag: credentials.ufrag.clone(),
                remote_ufrag: offer.ufrag.clone(),
            },
            offer,
            answered,
        );
        if let Some(refused) = refused {
            let _ = refused.connection.close().await;
            shared.port.remove(&inlet);
            return Err(Refusal::new(Code::Draining, "the server is going down"));
        }
        Ok(Established {
            peer: id,
            sdp,
            etag: credentials.ufrag,
        })
    }

    /// Candidates are noted: where the publisher is, its checks tell. A restart is refused.
    pub(crate) fn update_ice(
        &self,
        peer: &PeerId,
        session: &IceSession,
        fragment: &Fragment,
    ) -> Result<IceUpdated, Refusal> {
        let registry = self.shared.registry();
        let handle = registry.peers.get(peer).ok_or_else(no_such_peer)?;
        if !session.is(&handle.ufrag) {
            Ok(IceUpdated::Stale)
        } else if fragment.ufrag == handle.remote_ufrag {
            Ok(IceUpdated::Noted)
        } else if *session == IceSession::Any {
            Err(Refusal::new(
                Code::SdpUnfit,
                "a publisher's ICE session cannot be restarted: the one before goes on",
            ))
        } else {
            Err(another_name())
        }
    }

    pub(crate) async fn close(&self, peer: &PeerId, why: PeerEnd) -> bool {
        self.shared.stop(peer, why)
    }
}

impl Shared {
    /// Starts the publisher's task, and ends the room's publisher before it. While the server goes
    /// down the connection comes back to be closed.
    fn admit(
        self: &Arc<Self>,
        peer: Peer,
        handle: Handle,
        offer: Offer,
        answered: connection::Answered,
    ) -> Option<connection::Answered> {
        let mut registry = self.registry();
        if registry.closed {
            return Some(answered);
        }
        while registry.tasks.try_join_next().is_some() {}
        let (id, room) = (peer.id.clone(), handle.room);
        registry.peers.insert(id.clone(), handle);
        if let Some(before) = registry.rooms.insert(room, id) {
            registry.stop(&before, PeerEnd::Replaced);
        }
        let shared = Arc::clone(self);
        registry.tasks.spawn(async move {
            let (id, reports) = (peer.id.clone(), peer.reports.clone());
            metrics::gauge!("weiquan_publishers").increment(1);
            let why = peer.live(offer, answered).await;
            shared.forget(&id, room);
            metrics::gauge!("weiquan_publishers").decrement(1);
            tracing::info!(peer = %id, room, ?why, "a publisher is gone");
            for report in [
                Report::PublisherGone {
                    peer: id.clone(),
                    why,
                },
                Report::PeerEnded {
                    peer: id,
                    role: Role::Publisher,
                    why,
                },
            ] {
                let _ = reports.send((room, report)).await;
            }
        });
        None
    }

    fn stop(&self, peer: &PeerId, why: PeerEnd) -> bool {
        self.registry().stop(peer, why)
    }

    fn forget(&self, peer: &PeerId, room: RoomNumber) {
        let mut registry = self.registry();
        registry.peers.remove(peer);
        if registry.rooms.get(&room) == Some(peer) {
            registry.rooms.remove(&room);
        }
    }

    fn wish(&self, wanted: WantKeyframe) {
        let registry = self.registry();
        let Some(handle) = registry
            .rooms
            .get(&wanted.room)
            .and_then(|it| registry.peers.get(it))
        else {
            return;
        };
        if handle.publication == wanted.publication {
            let _ = handle.wish.try_send(wanted.layer);
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().expect("no holder of this lock panics")
    }
}

impl Registry {
    fn stop(&mut self, peer: &PeerId, why: PeerEnd) -> bool {
        let Some(handle) = self.peers.remove(peer) else {
            return false;
        };
        if self.rooms.get(&handle.room) == Some(peer) {
            self.rooms.remove(&handle.room);
        }
        handle.stop.send(why).is_ok()
    }
}

async fn pass_on_wishes(shared: Arc<Shared>, mut wishes: mpsc::Receiver<WantKeyframe>) {
    while let Some(wanted) = wishes.recv().await {
        shared.wish(wanted);
    }
}

impl Running {
    pub(crate) async fn shutdown(self) {
        let mut tasks = {
            let mut registry = self.shared.registry();
            registry.closed = true;
            let peers: Vec<PeerId> = registry.peers.keys().cloned().collect();
            for peer in &peers {
                registry.stop(peer, PeerEnd::Closed);
            }
            std::mem::take(&mut registry.tasks)
        };
        let goodbyes = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYES_WITHIN, goodbyes)
            .await
            .is_err()
        {
            tracing::warn!("some publishers could not be told goodbye");
        }
        self.wishes.abort();
        self.reader.abort();
        self.pipes.abort();
    }
}
