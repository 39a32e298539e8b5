//! What happens because time passes: flights again, wishes that waited, reports, and the end of
//! viewers who fell silent.

use std::time::{Duration, Instant};

use media::{Kind, Layer, PublicationId};
use protocol::RoomNumber;

use super::{viewer::Viewer, worker::Worker};
use crate::{PeerEnd, WantKeyframe};

/// How often deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Each viewer's slow deadlines are looked at every second: one in twenty per tick.
const SWEEP_TICKS: usize = 20;

impl Worker {
    pub(super) fn tick(&mut self, now: Instant) {
        let shaking = std::mem::take(&mut self.shaking);
        for mut handshake in shaking {
            let line = handshake.line;
            let viewer = self
                .viewers
                .get(line.key)
                .filter(|viewer| viewer.line == line);
            if viewer.is_some_and(|viewer| viewer.shield.is_none()) && self.dtls.knows(line) {
                if handshake.is_due(now) {
                    self.dtls.wake(line, now);
                }
                self.shaking.push(handshake);
            }
        }
        self.flush_dtls();
        for (room, publication, layer) in self.router.due_wishes(now) {
            self.ask(room, publication, layer);
        }
        self.probe(now);
        for path in self.bench.wire.pipes.tick(now) {
            self.lose_path(path);
        }
        let left = self.bench.take_left();
        metrics::counter!("weiquan_media_packets_out_total").increment(left.packets);
        metrics::counter!("weiquan_media_bytes_out_total").increment(left.bytes);
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(SWEEP_TICKS) {
            self.tell_all();
        }
        let mut key = self.ticks % SWEEP_TICKS;
        while key < self.viewers.capacity() {
            self.sweep(key, now);
            key += SWEEP_TICKS;
        }
    }

    /// The slow deadlines of one viewer.
    fn sweep(&mut self, key: usize, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        if now.saturating_duration_since(viewer.heard) >= self.silent_max {
            let why = match viewer.shield {
                Some(_) => PeerEnd::Timeout,
                None => PeerEnd::Failed,
            };
            self.remove(key, why, now);
            return;
        }
        let Some(stage) = self.router.stage(viewer.room) else {
            return;
        };
        let mut tools = self.bench.tools(*self.router.wall(), now);
        for kind in Kind::ALL {
            viewer.report(kind, stage, &mut tools);
        }
        self.choose(key, now);
    }

    /// A viewer is on its way: the keyframe that it would wait for comes while it shakes hands.
    pub(super) fn foresee(&mut self, key: usize, now: Instant) {
        let Some((room, layer)) = self.viewers.get(key).and_then(Viewer::picture) else {
            return;
        };
        let stage = self.router.stage(room);
        let track = stage.and_then(|it| it.track(Kind::Video, layer));
        if track.is_some_and(|it| !it.has_picture()) {
            self.wish(room, layer, now);
        }
    }

    /// A viewer needs a keyframe: of the layer that it waits for, else of what it is shown.
    pub(super) fn wish_for(&mut self, key: usize, now: Instant) {
        let Some((room, layer)) = self.viewers.get(key).and_then(Viewer::picture) else {
            return;
        };
        self.wish(room, layer, now);
    }

    fn wish(&mut self, room: RoomNumber, layer: Layer, now: Instant) {
        let publication = self
            .router
            .stage_mut(room)
            .and_then(|stage| stage.wish(layer, now));
        if let Some(publication) = publication {
            self.ask(room, publication, layer);
        }
    }

    /// A full channel loses a wish; viewers say it again.
    fn ask(&mut self, room: RoomNumber, publication: PublicationId, layer: Layer) {
        let _ = self.wishes.try_send(WantKeyframe {
            room,
            publication,
            layer,
        });
    }
}
