//! WebRTC at the edge: publishers in, viewers out. The only crate that knows ICE, DTLS and SRTP.
//!
//! Publishers ([`publish`]) use the whole `webrtc` stack. Viewers ([`view`]) use a lean egress built
//! from the same family's parts, because a viewer needs a fifth of the work and a thirtieth of the
//! memory of a full peer connection. What packets mean is decided in the pure `media` crate; this
//! one moves them. It decides nothing about rights: the shell asks the room before it calls here.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")
)]

mod codecs;
mod config;
mod crypto;
mod error;
mod extmap;
mod feed;
mod fragments;
mod framing;
mod ice;
mod line_probe;
mod meters;
mod path;
mod pipes;
mod probe;
mod publish;
mod random;
mod repeats;
mod sdp;
mod sockets;
mod view;

use std::sync::Arc;

use protocol::{Code, PeerId, Refusal, RoomNumber, layers::LayerCeiling, server::PublisherHealth};
use tokio::sync::mpsc;

use ice::{another_name, no_such_peer};

pub use config::Config;
pub use error::StartError;
pub use feed::{Codec, CodecName, Feed, FeedSender, Kind, Layer, PublicationId, WantKeyframe};
pub use ice::{IceSession, IceUpdated};
pub use line_probe::ProbeAnswers;
pub use probe::{Probe, probe};
pub use view::Tidings;

/// Keyframe wishes that wait for the publishers; each room has at most two a second.
const WISHES_MAX: usize = 1_024;

/// An answered offer.
#[derive(Clone, Debug)]
pub struct Established {
    /// 128 random bits, URL-safe: to know it is to be allowed to close it.
    pub peer: PeerId,
    pub sdp: String,
    /// Names this ICE session for WHIP and WHEP (RFC 9725 §4.3.1), without quotes.
    pub etag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Publisher,
    Viewer,
}

/// What a viewer is sent of what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    All,
    SoundOnly,
}

/// Why a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// It said goodbye, or we were told to close it.
    Closed,
    /// Nothing was heard from it any more.
    Timeout,
    /// It never got through, or broke the rules.
    Failed,
    /// A newer publisher of the same room took its place. A viewer: what is published now needs
    /// another offer, because it has another codec or a kind that was not there before.
    Replaced,
}

/// What the shell hears about peers, in order for each peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    PublisherHere {
        peer: PeerId,
    },
    Flowing {
        peer: PeerId,
        video: bool,
        audio: bool,
    },
    /// How its media arrives, every [`protocol::limits::HEALTH_EVERY`].
    Health {
        peer: PeerId,
        health: PublisherHealth,
    },
    /// The line of a viewer does not carry the picture beside the sound, so it is held back; or it does
    /// again. Only of viewers that have said how high they show it.
    Picture {
        peer: PeerId,
        held: bool,
    },
    PublisherGone {
        peer: PeerId,
        why: PeerEnd,
    },
    PeerEnded {
        peer: PeerId,
        role: Role,
        why: PeerEnd,
    },
}

/// The door to all media of this process. Cheap to clone.
#[derive(Clone)]
pub struct Rtc {
    publishers: publish::Publishers,
    viewers: view::Viewers,
    feed: FeedSender,
}

/// Keeps the media threads and tasks; dropping it without [`Running::shutdown`] ends them abruptly.
pub struct Running {
    publishers: publish::Running,
    viewers: view::Running,
}

impl Rtc {
    /// Binds the ports and starts the workers.
    pub async fn start(
        config: Config,
        reports: mpsc::Sender<(RoomNumber, Report)>,
    ) -> Result<(Self, Running), StartError> {
        meters::begin();
        let config = Arc::new(config);
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let (viewers, feed, viewing) = view::start(&config, wishes, reports.clone())?;
        let fingerprint = viewers.fingerprint();
        let (publishers, publishing) =
            publish::start(&config, fingerprint, feed.clone(), wished, reports).await?;
        let running = Running {
            publishers: publishing,
            viewers: viewing,
        };
        Ok((
            Self {
                publishers,
                viewers,
                feed,
            },
            running,
        ))
    }

    /// Answers a publisher's offer. A second publisher of a room replaces the first.
    pub async fn publish(&self, room: RoomNumber, offer: String) -> Result<Established, Refusal> {
        self.publishers.publish(room, offer).await
    }

    /// Answers a viewer's offer with what is being published in the room. Where every place is taken
    /// it refuses [`protocol::Code::RoomFull`] with a place in the line; who asks again with the same
    /// `asker` keeps it.
    pub async fn view(
        &self,
        room: RoomNumber,
        asker: &str,
        offer: String,
    ) -> Result<Established, Refusal> {
        self.viewers.view(room, asker, offer).await
    }

    /// Ends a peer. False when there is no such peer (any more).
    pub async fn close(&self, peer: &PeerId, why: PeerEnd) -> bool {
        self.viewers.close(peer, why).await || self.publishers.close(peer, why).await
    }

    /// Holds the picture of a viewer back, or sends it again: ordered when this returns, and answered
    /// when it is done. `height` is how high the viewer shows it, in pixels of the screen: no larger
    /// layer is sent than that needs, and none while the line carries the sound alone (reported as
    /// [`Report::Picture`]). Without it, what was said before holds. False when there is no such viewer.
    pub fn show(
        &self,
        peer: &PeerId,
        shown: Shown,
        height: Option<u16>,
    ) -> impl Future<Output = Result<bool, Refusal>> + use<> {
        self.viewers.show(peer, shown, height)
    }

    /// Sends a viewer no larger layer of the picture than this, whatever its line carries. False when there
    /// is no such viewer.
    pub async fn hold_to(&self, peer: &PeerId, ceiling: LayerCeiling) -> Result<bool, Refusal> {
        self.viewers.hold_to(peer, ceiling).await
    }

    /// To hear of what a viewer watches, while it is there. `None` when there is no such viewer.
    pub async fn tidings(&self, peer: &PeerId) -> Result<Option<Tidings>, Refusal> {
        self.viewers.tidings(peer).await
    }

    /// The way in for media that did not come by WebRTC.
    pub fn feed(&self) -> FeedSender {
        self.feed.clone()
    }

    /// Ends every viewer of a room. Its publisher stays.
    pub async fn close_viewers(&self, room: RoomNumber, why: PeerEnd) {
        self.viewers.close_room(room, why).await;
    }

    /// What leads a check of somebody's line to the ports that viewers are shown from.
    pub fn view_probe(&self) -> &ProbeAnswers {
        self.viewers.probe_answers()
    }

    /// The same for the port that publishers send to.
    pub fn publish_probe(&self) -> &ProbeAnswers {
        self.publishers.probe_answers()
    }

    /// Peers that are being shown this room now.
    pub fn viewers(&self, room: RoomNumber) -> usize {
        self.viewers.count(room)
    }
}

impl Running {
    /// Where viewers send, one address per worker, as bound.
    pub fn view_addresses(&self) -> &[std::net::SocketAddr] {
        &self.viewers.addresses
    }

    /// Says goodbye to every peer and waits for threads and tasks to end.
    pub async fn shutdown(self) {
        self.publishers.shutdown().await;
        self.viewers.shutdown().await;
    }
}

fn busy(what: &str) -> Refusal {
    Refusal::new(Code::Busy, format!("{what} is busy")).after_ms(1_000)
}
