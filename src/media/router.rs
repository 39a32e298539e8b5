//! Which room has which tracks, and who is being shown them.

use std::{collections::BTreeMap, time::Instant};

use bytes::Bytes;

use crate::{
    Accepted, Codec, Kind, Layer, LayerSeen, PublicationId, Seen, Track, Tracks, WallClock,
    skew::Skew,
};

/// A room's media on one egress worker. Viewers are named by their keys in the worker's own list.
#[derive(Debug, Default)]
pub struct Stage {
    /// Who publishes now. Packets of anyone else are late and worth nothing.
    publication: Option<PublicationId>,
    video: Tracks,
    audio: Tracks,
    viewers: Vec<usize>,
    /// Added to the publisher's clock to get ours. One for both of its tracks, so that whatever is
    /// wrong with it is wrong for both.
    skew: Skew,
}

/// What a track's beginning means for those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Viewers stay, and go on with the next keyframe.
    GoesOn,
    /// Their answers name another codec: they have to offer again.
    CodecChanged,
}

impl Stage {
    /// The lines of a kind, whether or not somebody publishes them now.
    pub const fn tracks(&self, kind: Kind) -> &Tracks {
        match kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
        }
    }

    const fn tracks_mut(&mut self, kind: Kind) -> &mut Tracks {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        }
    }

    pub fn track(&self, kind: Kind, layer: Layer) -> Option<&Track> {
        self.tracks(kind).get(layer)
    }

    /// The codec of what is being published now.
    pub fn offered(&self, kind: Kind) -> Option<&Codec> {
        self.tracks(kind).codec(self.publication)
    }

    /// What flows of a kind now.
    pub fn seen(&self, kind: Kind) -> Seen {
        let publication = self.publication;
        publication.map_or_else(Seen::default, |it| self.tracks(kind).seen(it))
    }

    /// All layers of the picture that is being published, by their numbers.
    pub fn layers(&self) -> Vec<LayerSeen> {
        let publication = self.publication;
        publication.map_or_else(Vec::new, |it| self.video.told(it))
    }

    pub const fn publication(&self) -> Option<PublicationId> {
        self.publication
    }

    /// Nothing before the first report.
    pub fn skew(&self) -> Option<u64> {
        self.skew.get()
    }

    pub fn viewers(&self) -> &[usize] {
        &self.viewers
    }

    fn open(
        &mut self,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        codec: Codec,
    ) -> Opened {
        if self.publication != Some(publication) {
            self.publication = Some(publication);
            self.skew = Skew::default();
        }
        self.tracks_mut(kind).open(publication, layer, codec)
    }

    /// The tracks of a kind, if the publication is the room's.
    fn current(&mut self, publication: PublicationId, kind: Kind) -> Option<&mut Tracks> {
        (self.publication == Some(publication)).then(|| self.tracks_mut(kind))
    }

    /// Wants a keyframe of a layer of the room's picture. Names the publisher if it is to be asked now.
    pub fn wish(&mut self, layer: Layer, now: Instant) -> Option<PublicationId> {
        let publication = self.publication?;
        let track = self.video.of(publication, layer)?;
        track.wishes.wish(now).then_some(publication)
    }

    fn is_idle(&self) -> bool {
        self.publication.is_none() && self.viewers.is_empty()
    }
}

#[derive(Debug)]
pub struct Router {
    wall: WallClock,
    stages: BTreeMap<u32, Stage>,
}

impl Router {
    pub const fn new(wall: WallClock) -> Self {
        Self {
            wall,
            stages: BTreeMap::new(),
        }
    }

    pub const fn wall(&self) -> &WallClock {
        &self.wall
    }

    pub fn stage(&self, room: u32) -> Option<&Stage> {
        self.stages.get(&room)
    }

    pub fn stage_mut(&mut self, room: u32) -> Option<&mut Stage> {
        self.stages.get_mut(&room)
    }

    /// Rooms that hold anything here.
    pub fn rooms(&self) -> usize {
        self.stages.len()
    }

    pub fn open(
        &mut self,
        room: u32,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        codec: Codec,
    ) -> Opened {
        let stage = self.stages.entry(room).or_default();
        stage.open(publication, kind, layer, codec)
    }

    pub fn push(
        &mut self,
        room: u32,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        packets: &[Bytes],
        arrived: Instant,
    ) -> Option<Accepted> {
        let tracks = self.stages.get_mut(&room)?.current(publication, kind)?;
        tracks.push(publication, layer, packets, arrived)
    }

    /// A publisher's sender report of a track: `ntp` and `rtp` are the same moment by its clock, `sent` is
    /// when it left it by ours, as far as that is known.
    pub fn set_time(
        &mut self,
        room: u32,
        publication: PublicationId,
        kind: Kind,
        layer: Layer,
        (ntp, rtp): (u64, u32),
        sent: Instant,
    ) {
        let ours = self.wall.ntp(sent);
        let Some(stage) = self.stages.get_mut(&room) else {
            return;
        };
        let tracks = stage.current(publication, kind);
        let Some(track) = tracks.and_then(|it| it.of(publication, layer)) else {
            return;
        };
        track.set_time(ntp, rtp);
        stage.skew.hear(ours.wrapping_sub(ntp), sent);
    }

    /// The publisher is gone. Viewers stay, in case it comes back.
    pub fn close(&mut self, room: u32, publication: PublicationId) {
        let Some(stage) = self.stages.get_mut(&room) else {
            return;
        };
        if stage.publication == Some(publication) {
            stage.publication = None;
            stage.skew = Skew::default();
            for kind in Kind::ALL {
                stage.tracks_mut(kind).silence();
            }
        }
        self.forget_if_idle(room);
    }

    pub fn enter(&mut self, room: u32, viewer: usize) {
        self.stages.entry(room).or_default().viewers.push(viewer);
    }

    pub fn leave(&mut self, room: u32, viewer: usize) {
        if let Some(stage) = self.stages.get_mut(&room) {
            stage.viewers.retain(|other| *other != viewer);
        }
        self.forget_if_idle(room);
    }

    fn forget_if_idle(&mut self, room: u32) {
        if self.stages.get(&room).is_some_and(Stage::is_idle) {
            self.stages.remove(&room);
        }
    }

    /// Rooms and layers whose publisher is to be asked for a keyframe now, because a wish had to wait.
    pub fn due_wishes(&mut self, now: Instant) -> Vec<(u32, PublicationId, Layer)> {
        let mut due = Vec::new();
        for (room, stage) in &mut self.stages {
            let Some(publication) = stage.publication else {
                continue;
            };
            for layer in Layer::ALL {
                let track = stage.video.of(publication, layer);
                if track.is_some_and(|track| track.wishes.due(now)) {
                    due.push((*room, publication, layer));
                }
            }
        }
        due
    }
}

#[cfg(test)]
mod tests;
