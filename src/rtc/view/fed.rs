//! What publishers feed a worker, and how it comes to be shown to everybody in the room.

use std::time::Instant;

use bytes::Bytes;
use media::{Accepted, Kind, Layer, Opened, PublicationId};
use protocol::RoomNumber;

use super::{viewer::REPLAY_PACKETS, worker::Worker};
use crate::{Feed, PeerEnd};

/// What came of a track at once, or as good as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) publication: PublicationId,
    pub(super) kind: Kind,
    pub(super) layer: Layer,
    pub(super) packets: Vec<Bytes>,
    /// When the first of it came, and the last.
    pub(super) since: Instant,
    pub(super) arrived: Instant,
}

impl Worker {
    pub(super) fn take_feed(&mut self, feed: Feed, now: Instant) {
        match feed {
            Feed::Opened {
                room,
                publication,
                kind,
                layer,
                codec,
            } => {
                self.release_pair(room, now);
                match self.router.open(room, publication, kind, layer, codec) {
                    Opened::CodecChanged => self.close_room(room, PeerEnd::Replaced, now),
                    Opened::GoesOn => self.close_waiting(room, kind, now),
                }
                self.tell(room);
            }
            Feed::Frame {
                room,
                publication,
                kind,
                layer,
                packets,
                arrived,
            } => {
                let frame = Frame {
                    publication,
                    kind,
                    layer,
                    packets,
                    since: arrived,
                    arrived,
                };
                // Sound of who does not publish here any more is worth nothing, and takes nobody's place.
                let stage = self.router.stage(room);
                let stage = stage.filter(|it| it.publication() == Some(publication));
                let frame = match (kind, stage) {
                    (Kind::Audio, Some(stage)) => {
                        let is_alone = stage.offered(Kind::Video).is_none();
                        let has_many = stage.viewers().len() >= self.sound_paired_from;
                        self.pairs.take(room, frame, is_alone && has_many)
                    }
                    _ => Some(frame),
                };
                if let Some(frame) = frame {
                    self.take_frame(room, &frame, now);
                }
            }
            Feed::Report {
                room,
                publication,
                kind,
                layer,
                ntp,
                rtp,
                sent,
            } => {
                self.router
                    .set_time(room, publication, kind, layer, (ntp, rtp), sent);
            }
            Feed::Closed { room, publication } => {
                self.release_pair(room, now);
                self.router.close(room, publication);
                self.tell(room);
            }
        }
    }

    /// Shows sound that no second one came for.
    pub(super) fn show_due(&mut self, now: Instant) {
        while let Some((room, frame)) = self.pairs.due(now) {
            self.take_frame(room, &frame, now);
        }
    }

    fn release_pair(&mut self, room: RoomNumber, now: Instant) {
        if let Some(frame) = self.pairs.release(room) {
            self.take_frame(room, &frame, now);
        }
    }

    fn take_frame(&mut self, room: RoomNumber, frame: &Frame, now: Instant) {
        let Frame {
            publication,
            kind,
            layer,
            ..
        } = *frame;
        let pushed = self.router.push(
            room,
            publication,
            kind,
            layer,
            &frame.packets,
            frame.arrived,
        );
        let Some(accepted) = pushed else {
            return;
        };
        if accepted.layers_changed && kind == Kind::Video {
            self.choose_for_all(room, now);
            self.tell(room);
        }
        if accepted.dropped > 0 {
            let dropped = accepted.dropped as u64;
            metrics::counter!("weiquan_media_packets_unfit_total").increment(dropped);
        }
        self.show((room, kind, layer), &accepted, frame.since, now);
    }

    /// Shows what came to everybody in the room; the histogram is from the first packet's arrival to the last
    /// viewer's copies leaving.
    fn show(
        &mut self,
        (room, kind, layer): (RoomNumber, Kind, Layer),
        accepted: &Accepted,
        since: Instant,
        now: Instant,
    ) {
        if accepted.fresh.is_empty() && accepted.late.is_empty() {
            return;
        }
        let Some(stage) = self.router.stage(room) else {
            return;
        };
        let viewers = stage.viewers();
        let mut tools = self.bench.tools(*self.router.wall(), now);
        // Somebody else is first each time, so that nobody is always last.
        self.turn = self.turn.wrapping_add(1);
        let split = self.turn % viewers.len().max(1);
        let (last, first) = viewers.split_at(split);
        for key in first.iter().chain(last) {
            let Some(viewer) = self.viewers.get_mut(*key) else {
                continue;
            };
            let behind = viewer.show(kind, layer, stage, accepted, &mut tools);
            if behind && !std::mem::replace(&mut viewer.behind, true) {
                self.behind.push(viewer.line);
            }
        }
        let took = clock::now().saturating_duration_since(since);
        metrics::histogram!("weiquan_media_egress_seconds").record(took);
    }

    pub(super) fn lead_on(&mut self, now: Instant) {
        if self.behind.is_empty() {
            return;
        }
        let mut tools = self.bench.tools(*self.router.wall(), now);
        let (router, viewers) = (&self.router, &mut self.viewers);
        self.behind.retain(|line| {
            let viewer = viewers
                .get_mut(line.key)
                .filter(|viewer| viewer.line == *line);
            let Some(viewer) = viewer else { return false };
            let Some(stage) = router.stage(viewer.room) else {
                return false;
            };
            let mut behind = false;
            for kind in Kind::ALL {
                behind |= viewer.lead_on(kind, stage, REPLAY_PACKETS, &mut tools);
            }
            viewer.behind = behind;
            behind
        });
    }
}
