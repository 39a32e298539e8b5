//! Publishers against a real port: FFmpeg as a process, a `webrtc` client in this one.

mod client;
mod described;
mod ffmpeg;
mod ice;
mod network;
mod offers;
mod port;
mod reach;
mod sound;
mod walls;
mod webrtc;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use media::{Kind, PublicationId};
use protocol::{PeerId, RoomNumber, server::PublisherHealth};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Publishers, Running, start};
use crate::{Config, Feed, FeedSender, PeerEnd, Report, WantKeyframe, view::Order};

pub(super) const ROOM: RoomNumber = 7;
/// Long enough for a slow machine, and an end for a test that would hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Publishers with the egress and the shell played by the test.
pub(super) struct Ingest {
    pub(super) publishers: Publishers,
    pub(super) running: Running,
    pub(super) feed: mpsc::Receiver<Order>,
    pub(super) reports: mpsc::Receiver<(RoomNumber, Report)>,
    pub(super) wishes: mpsc::Sender<WantKeyframe>,
}

impl Ingest {
    pub(super) async fn start() -> Self {
        Self::start_with("127.0.0.1:0", |_| ()).await
    }

    /// On this address, otherwise as `change` has it.
    pub(super) async fn start_with(address: &str, change: impl FnOnce(&mut Config)) -> Self {
        let nowhere: SocketAddr = address.parse().unwrap();
        let (frames, feed) = mpsc::channel(10_000);
        let (wishes, wished) = mpsc::channel(8);
        let (reported, reports) = mpsc::channel(64);
        let mut config = Config::new(nowhere, vec![nowhere]);
        change(&mut config);
        let config = Arc::new(config);
        let sender = FeedSender::new(vec![frames]);
        let (publishers, running) = start(&config, "sha-256 00", sender, wished, reported)
            .await
            .unwrap();
        Self {
            publishers,
            running,
            feed,
            reports,
            wishes,
        }
    }

    pub(super) async fn feed(&mut self) -> Feed {
        let order = tokio::time::timeout(PATIENCE, self.feed.recv()).await;
        match order
            .expect("something comes in time")
            .expect("the sender lives")
        {
            Order::Feed(feed) => feed,
            _ => panic!("publishers only feed"),
        }
    }

    /// The first thing of the feed that `wanted` makes something of.
    pub(super) async fn feed_until<T>(&mut self, mut wanted: impl FnMut(Feed) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.feed().await) {
                return found;
            }
        }
    }

    /// The next report but those of health, which come all the time.
    pub(super) async fn report(&mut self) -> Report {
        loop {
            match self.any_report().await {
                Report::Health { .. } => {}
                other => return other,
            }
        }
    }

    /// The first health that `wanted` agrees with.
    pub(super) async fn health_until(
        &mut self,
        wanted: impl Fn(&PublisherHealth) -> bool,
    ) -> PublisherHealth {
        loop {
            match self.any_report().await {
                Report::Health { health, .. } if wanted(&health) => return health,
                _ => {}
            }
        }
    }

    async fn any_report(&mut self) -> Report {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        let (room, report) = report
            .expect("a report comes in time")
            .expect("the sender lives");
        assert_eq!(room, ROOM);
        report
    }

    /// The next end of a publisher; what is reported before it is passed over.
    pub(super) async fn gone(&mut self) -> (PeerId, PeerEnd) {
        loop {
            if let Report::PublisherGone { peer, why } = self.report().await {
                return (peer, why);
            }
        }
    }

    /// Nothing of any publisher is left.
    pub(super) fn assert_empty(&self) {
        let shared = &self.publishers.shared;
        assert_eq!(shared.port.known(), (0, 0), "names and addresses");
        let registry = shared.registry();
        assert_eq!(
            (registry.peers.len(), registry.rooms.len()),
            (0, 0),
            "peers and rooms"
        );
    }
}

pub(super) fn frame_of(feed: Feed, wanted: Kind) -> Option<(PublicationId, Vec<bytes::Bytes>)> {
    match feed {
        Feed::Frame {
            publication,
            kind,
            packets,
            ..
        } if kind == wanted => Some((publication, packets)),
        _ => None,
    }
}

/// A WHIP door to the publishers of one room, as small as it can be.
pub(super) struct Door {
    pub(super) url: String,
    task: JoinHandle<()>,
}

impl Door {
    pub(super) async fn open(publishers: Publishers) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whip", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/whip", post(offered))
            .route("/whip/{peer}", delete(deleted))
            .with_state(publishers);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, task }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn offered(State(publishers): State<Publishers>, offer: String) -> Response {
    match publishers.publish(ROOM, offer).await {
        Ok(it) => {
            let location = format!("/whip/{}", it.peer);
            let headers = [
                (header::LOCATION, location),
                (header::CONTENT_TYPE, "application/sdp".into()),
            ];
            (StatusCode::CREATED, headers, it.sdp).into_response()
        }
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.code.status()).unwrap();
            (status, refusal.say).into_response()
        }
    }
}

async fn deleted(State(publishers): State<Publishers>, Path(peer): Path<String>) -> StatusCode {
    match publishers.close(&PeerId::new(peer), PeerEnd::Closed).await {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}
