//! What a viewer's player may hear beside the media, for as long as the viewer is there: who publishes,
//! and in which layers (PROTOCOL W8). Only rooms of which somebody hears cost anything.

use std::time::Instant;

use media::{Ceiling, Layer};
use protocol::{
    PeerId, Refusal, RoomNumber,
    layers::{LayerCeiling, LayerTold, StageTold},
};
use tokio::sync::{oneshot, watch};

use super::{Order, Viewers, worker::Worker, worker_of};
use crate::{busy, sdp::Offer};

/// A way to hear of what a viewer watches.
#[derive(Clone, Debug)]
pub struct Tidings {
    pub room: RoomNumber,
    /// Which section of its offer has the picture, from 0; `None` where it was answered with sound alone.
    pub section: Option<usize>,
    pub stage: watch::Receiver<StageTold>,
    /// Closed when the viewer is gone.
    pub life: watch::Receiver<()>,
}

/// The section of an offer that an answer puts the picture in.
pub(super) fn picture_section(offer: &Offer) -> Option<usize> {
    offer.sections.iter().position(|section| {
        section.media == "video" && section.transport.ends_with("SAVPF") && section.receives()
    })
}

impl Worker {
    /// `None` when there is no such viewer.
    pub(super) fn hear(&mut self, peer: &PeerId) -> Option<Tidings> {
        let key = *self.by_peer.get(peer)?;
        let room = self.viewers.get(key)?.room;
        self.told_of
            .entry(room)
            .or_insert_with(|| watch::channel(StageTold::default()).0);
        // What it was told last may be of long ago.
        self.tell(room);
        let viewer = self.viewers.get_mut(key)?;
        let life = viewer.life.get_or_insert_with(|| watch::channel(()).0);
        Some(Tidings {
            room,
            section: viewer.section,
            stage: self.told_of.get(&room)?.subscribe(),
            life: life.subscribe(),
        })
    }

    /// Holds a viewer to a layer or size at the most. False when there is no such viewer.
    pub(super) fn hold_to(&mut self, peer: &PeerId, ceiling: LayerCeiling, now: Instant) -> bool {
        let Some(&key) = self.by_peer.get(peer) else {
            return false;
        };
        if let Some(viewer) = self.viewers.get_mut(key) {
            viewer.choice.hold_to(Ceiling {
                layer: ceiling.layer.map(Layer),
                width: ceiling.width,
                height: ceiling.height,
            });
        }
        self.choose(key, now);
        true
    }

    /// Tells those who hear of a room what is published there, if that is something else than before.
    pub(super) fn tell(&mut self, room: RoomNumber) {
        if !self.told_of.contains_key(&room) {
            return;
        }
        let told = self.told(room);
        if let Some(told_of) = self.told_of.get(&room) {
            told_of.send_if_modified(|before| {
                let changed = *before != told;
                *before = told;
                changed
            });
        }
    }

    /// The same for all rooms; those of which nobody hears any more are forgotten.
    pub(super) fn tell_all(&mut self) {
        self.told_of.retain(|_, it| it.receiver_count() > 0);
        let rooms: Vec<RoomNumber> = self.told_of.keys().copied().collect();
        for room in rooms {
            self.tell(room);
        }
    }

    fn told(&self, room: RoomNumber) -> StageTold {
        let Some(stage) = self.router.stage(room) else {
            return StageTold::default();
        };
        let layers = stage.layers().into_iter().map(|it| LayerTold {
            layer: it.layer.0,
            kbps: it.kbps,
            width: it.width,
            height: it.height,
        });
        StageTold {
            on: stage.publication().is_some(),
            layers: layers.collect(),
        }
    }
}

impl Viewers {
    pub(crate) async fn tidings(&self, peer: &PeerId) -> Result<Option<Tidings>, Refusal> {
        let tidings = self.ask(peer, |peer, reply| Order::Hear { peer, reply });
        Ok(tidings.await?.flatten())
    }

    /// False when there is no such viewer.
    pub(crate) async fn hold_to(
        &self,
        peer: &PeerId,
        ceiling: LayerCeiling,
    ) -> Result<bool, Refusal> {
        let held = self.ask(peer, |peer, reply| Order::HoldTo {
            peer,
            ceiling,
            reply,
        });
        Ok(held.await?.unwrap_or(false))
    }

    /// Asks the worker that a peer's name leads to, if there is one.
    async fn ask<T>(
        &self,
        peer: &PeerId,
        order: impl FnOnce(PeerId, oneshot::Sender<T>) -> Order,
    ) -> Result<Option<T>, Refusal> {
        let Some(worker) = worker_of(peer).and_then(|number| self.workers.get(number)) else {
            return Ok(None);
        };
        let (reply, answered) = oneshot::channel();
        let sent = worker.inbox.try_send(order(peer.clone(), reply));
        sent.map_err(|_| busy("the egress"))?;
        answered.await.map(Some).map_err(|_| busy("the egress"))
    }
}
