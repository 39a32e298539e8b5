//! The life of one publisher, from its answer to its end. One task owns everything; the rest of the
//! world speaks to it by two channels.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{Kind, Layer};
use protocol::{PeerId, limits, server::PublisherHealth};
use rtc::{
    peer_connection::transport::RTCDtlsTransportState, rtp_transceiver::rtp_sender::RtpCodecKind,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep_until,
};
use webrtc::{
    media_stream::track_remote::{TrackRemote, TrackRemoteEvent},
    peer_connection::{PeerConnection, RTCPeerConnectionState},
};

use super::{
    Reports,
    connection::{Answered, Event},
    health::health_of,
    lane::Egress,
    lanes::Lanes,
    offer::Offer,
    port::{Inlet, Port},
    way::way_of,
};
use crate::{Feed, PeerEnd, Report};

/// A publisher that has its answer gets through within this, or not at all.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);
/// How long ICE may call it disconnected (which takes 5 s without a check), with no media either,
/// before it counts as gone.
const GONE_AFTER: Duration = Duration::from_secs(3);
/// As DTLS client we say hello again after this, and as DTLS server hand it over again. `webrtc`
/// waits a second, and encoders that still prepare their side when the first one comes lose it; OBS
/// waits a second too, and says its own before we can hear it.
const HELLO_EVERY: Duration = Duration::from_millis(25);
/// How often DTLS is asked whether the publisher said goodbye (close_notify): `webrtc` tells the
/// state of this transport only to those who ask.
const DTLS_ASKED_EVERY: Duration = Duration::from_secs(1);

/// What a publisher's task is made of.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) egress: Egress,
    pub(super) port: Arc<Port>,
    pub(super) inlet: Arc<Inlet>,
    pub(super) reports: Reports,
    /// Why it is to end.
    pub(super) stop: oneshot::Receiver<PeerEnd>,
    /// Somebody waits for a keyframe of a layer.
    pub(super) wishes: mpsc::Receiver<Layer>,
}

struct Life {
    video: Option<Lanes>,
    audio: Option<Lanes>,
    born: Instant,
    connected: bool,
    silent_since: Option<Instant>,
    /// When its media was last heard.
    heard: Instant,
    said_hello: Instant,
    asked_dtls: Instant,
    /// How long its packets are on their way is known.
    knows_way: bool,
    /// What was last reported as flowing: video, audio.
    flowing: (bool, bool),
    /// When its health was last told.
    health_at: Instant,
}

enum Woken {
    Event(Option<Event>),
    Lane(Kind, Option<TrackRemoteEvent>),
    Wish(Layer),
    Time,
    Stop(PeerEnd),
}

impl Peer {
    /// Lives until it is stopped or gone, and cleans up.
    pub(super) async fn live(mut self, offer: Offer, answered: Answered) -> PeerEnd {
        let Answered {
            connection,
            mut events,
            ..
        } = answered;
        let mut life = Life::new(offer, &self.egress, clock::now());
        let why = self.run(&mut life, &*connection, &mut events).await;
        // First of all: a full channel must not hold up the connection that is closed below.
        drop(events);
        self.end(life, &*connection).await;
        why
    }

    async fn run(
        &mut self,
        life: &mut Life,
        connection: &dyn PeerConnection,
        events: &mut mpsc::Receiver<Event>,
    ) -> PeerEnd {
        loop {
            // Rare things first: tracks are ready more often than not.
            let woken = self.wait(life, events).await;
            let now = clock::now();
            match woken {
                Woken::Stop(why) => return why,
                Woken::Event(None) => return PeerEnd::Failed,
                Woken::Event(Some(Event::Track(track))) => life.attach(track).await,
                Woken::Event(Some(Event::State(state))) => {
                    if let Some(why) = self.change(life, state, now).await {
                        return why;
                    }
                }
                Woken::Lane(kind, event) => {
                    if matches!(event, Some(TrackRemoteEvent::OnRtpPacket(_))) {
                        life.heard = now;
                    }
                    if let Some(lanes) = life.lanes(kind) {
                        lanes.handle(event, now).await;
                    }
                    self.say_what_flows(life).await;
                }
                Woken::Wish(layer) => life.wish(layer),
                Woken::Time => {}
            }
            if let Some(why) = self.turn(life, now).await {
                return why;
            }
            if life.connected && now >= life.asked_dtls + DTLS_ASKED_EVERY {
                life.asked_dtls = now;
                if said_goodbye(connection).await {
                    return PeerEnd::Closed;
                }
                if self.inlet.is_abandoned() {
                    return PeerEnd::Failed;
                }
                if let Some(way) = life.learn_way(connection, now).await {
                    let way_us = way.as_micros();
                    tracing::debug!(peer = %self.id, %way_us, "how far a publisher is");
                }
            }
        }
    }

    async fn wait(&mut self, life: &Life, events: &mut mpsc::Receiver<Event>) -> Woken {
        let deadline = life.deadline();
        tokio::select! {
            biased;
            why = &mut self.stop => Woken::Stop(why.unwrap_or(PeerEnd::Closed)),
            event = events.recv() => Woken::Event(event),
            Some(layer) = self.wishes.recv() => Woken::Wish(layer),
            event = next(life.audio.as_ref()) => Woken::Lane(Kind::Audio, event),
            event = next(life.video.as_ref()) => Woken::Lane(Kind::Video, event),
            () = sleep_until(deadline.into()) => Woken::Time,
        }
    }

    async fn change(
        &self,
        life: &mut Life,
        state: RTCPeerConnectionState,
        now: Instant,
    ) -> Option<PeerEnd> {
        match state {
            RTCPeerConnectionState::Connected => {
                life.silent_since = None;
                if !life.connected {
                    life.connected = true;
                    let after_ms = (now - life.born).as_millis();
                    tracing::info!(peer = %self.id, room = self.egress.room, %after_ms, "a publisher is here");
                    self.report(Report::PublisherHere {
                        peer: self.id.clone(),
                    })
                    .await;
                }
                None
            }
            RTCPeerConnectionState::Disconnected => {
                life.silent_since.get_or_insert(now);
                None
            }
            RTCPeerConnectionState::Closed => Some(PeerEnd::Closed),
            RTCPeerConnectionState::Failed => Some(life.lost()),
            _ => None,
        }
    }

    /// Does what has become due.
    async fn turn(&self, life: &mut Life, now: Instant) -> Option<PeerEnd> {
        if !life.connected {
            if now >= life.born + CONNECTED_WITHIN {
                return Some(PeerEnd::Failed);
            }
            if now >= life.said_hello + HELLO_EVERY {
                life.said_hello = now;
                if let Some((to, hello)) = self.inlet.hello() {
                    self.port.send(to, &hello);
                }
                self.inlet.repeat_early();
            }
        }
        if life.gone_at().is_some_and(|gone| now >= gone) {
            return Some(life.lost());
        }
        for lanes in [&mut life.video, &mut life.audio].into_iter().flatten() {
            lanes.flush_due(now);
        }
        if let Some(video) = &mut life.video {
            video.ask(life.born, now).await;
        }
        if life.health_due().is_some_and(|due| now >= due) {
            life.health_at = now;
            let health = life.read(now);
            let peer = self.id.clone();
            self.report(Report::Health { peer, health }).await;
        }
        None
    }

    /// A broadcast with video begins with its first keyframe, one without with its first sound.
    async fn say_what_flows(&self, life: &mut Life) {
        let video = life.video.as_ref().is_some_and(Lanes::flows);
        let audio = life.audio.as_ref().is_some_and(Lanes::flows);
        let begun = if life.video.is_some() { video } else { audio };
        if begun && life.flowing != (video, audio) {
            life.flowing = (video, audio);
            self.report(Report::Flowing {
                peer: self.id.clone(),
                video,
                audio,
            })
            .await;
        }
    }

    async fn end(&self, life: Life, connection: &dyn PeerConnection) {
        drop(life);
        // Says goodbye by DTLS, which needs the port.
        if let Err(error) = connection.close().await {
            tracing::debug!(peer = %self.id, %error, "a connection does not close cleanly");
        }
        self.port.remove(&self.inlet);
        let Egress {
            room,
            publication,
            feed,
        } = &self.egress;
        feed.tell(Feed::Closed {
            room: *room,
            publication: *publication,
        })
        .await;
    }

    pub(super) async fn report(&self, report: Report) {
        // The shell is gone only when everything ends.
        let _ = self.reports.send((self.egress.room, report)).await;
    }
}

async fn next(lanes: Option<&Lanes>) -> Option<TrackRemoteEvent> {
    match lanes {
        Some(lanes) => lanes.next().await,
        None => std::future::pending().await,
    }
}

/// All tracks share one transport, so any receiver knows it.
async fn said_goodbye(connection: &dyn PeerConnection) -> bool {
    for receiver in connection.get_receivers().await {
        if let Ok(Some(transport)) = receiver.transport().await {
            return matches!(transport.state().await, Ok(RTCDtlsTransportState::Closed));
        }
    }
    false
}

impl Life {
    fn new(offer: Offer, egress: &Egress, now: Instant) -> Self {
        let Offer {
            video,
            audio,
            layers,
            ..
        } = offer;
        let lanes = |kind, layers| {
            move |chosen: crate::codecs::Chosen| {
                Lanes::new(kind, &chosen.codec, layers, egress, now)
            }
        };
        Self {
            video: video.map(lanes(Kind::Video, layers)),
            audio: audio.map(lanes(Kind::Audio, Vec::new())),
            born: now,
            connected: false,
            silent_since: None,
            heard: now,
            said_hello: now,
            asked_dtls: now,
            knows_way: false,
            flowing: (false, false),
            health_at: now,
        }
    }

    fn lanes(&mut self, kind: Kind) -> Option<&mut Lanes> {
        match kind {
            Kind::Video => self.video.as_mut(),
            Kind::Audio => self.audio.as_mut(),
        }
    }

    async fn attach(&mut self, track: Arc<dyn TrackRemote>) {
        let kind = match track.kind().await {
            RtpCodecKind::Video => Kind::Video,
            RtpCodecKind::Audio => Kind::Audio,
            _ => return,
        };
        if let Some(lanes) = self.lanes(kind) {
            lanes.attach(track);
        }
    }

    fn wish(&mut self, layer: Layer) {
        if let Some(video) = &mut self.video {
            video.wish(layer);
        }
    }

    /// Asks ICE how far it is, until it knows; told once.
    async fn learn_way(
        &mut self,
        connection: &dyn PeerConnection,
        now: Instant,
    ) -> Option<Duration> {
        if self.knows_way {
            return None;
        }
        let way = way_of(connection, now).await?;
        self.knows_way = true;
        for lanes in [&mut self.video, &mut self.audio].into_iter().flatten() {
            lanes.know_way(way);
        }
        Some(way)
    }

    fn health_due(&self) -> Option<Instant> {
        let flows = self.flowing.0 || self.flowing.1;
        flows.then(|| self.health_at + limits::HEALTH_EVERY)
    }

    /// How the media arrived since the last time; asks once whether keyframes come on request.
    fn read(&mut self, now: Instant) -> PublisherHealth {
        let unproven = self.video.as_ref().and_then(|it| it.unproven(now));
        if let Some(layer) = unproven {
            self.wish(layer);
        }
        let video = self.video.as_mut().map(|it| it.read(now));
        let audio = self.audio.as_mut().map(|it| it.read(now));
        health_of(video.as_ref(), audio.as_ref())
    }

    fn wish_due(&self) -> Option<Instant> {
        self.video.as_ref()?.wish_due(self.born)
    }

    /// When it counts as gone, if neither a check nor media comes before.
    fn gone_at(&self) -> Option<Instant> {
        self.silent_since
            .map(|since| since.max(self.heard) + GONE_AFTER)
    }

    /// Why it ends where nothing is heard: one that was never here did not go.
    const fn lost(&self) -> PeerEnd {
        if self.connected {
            PeerEnd::Timeout
        } else {
            PeerEnd::Failed
        }
    }

    fn deadline(&self) -> Instant {
        let connecting = (!self.connected).then(|| self.said_hello + HELLO_EVERY);
        let asking = self.connected.then(|| self.asked_dtls + DTLS_ASKED_EVERY);
        let silent = self.gone_at();
        let frame = |lanes: &Option<Lanes>| lanes.as_ref().and_then(Lanes::deadline);
        [
            connecting,
            asking,
            silent,
            frame(&self.video),
            frame(&self.audio),
            self.wish_due(),
            self.health_due(),
        ]
        .into_iter()
        .flatten()
        .min()
        // Nothing is due: events wake the task.
        .unwrap_or_else(|| clock::now() + CONNECTED_WITHIN)
    }
}
