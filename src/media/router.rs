//! Which room has which tracks, and who is being shown them.

use std::{collections::BTreeMap, time::Instant};

use bytes::Bytes;

use crate::{Accepted, Codec, Kind, PublicationId, Track, WallClock};

/// A room's media on one egress worker. Viewers are named by their keys in the worker's own list.
#[derive(Debug, Default)]
pub struct Stage {
    /// Who publishes now. Packets of anyone else are late and worth nothing.
    publication: Option<PublicationId>,
    video: Option<Seat>,
    audio: Option<Seat>,
    viewers: Vec<usize>,
    /// Added to the publisher's clock to get ours. One for both of its tracks, so that whatever is
    /// wrong with it is wrong for both.
    skew: Option<u64>,
}

#[derive(Debug)]
struct Seat {
    track: Track,
    publication: PublicationId,
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
    fn seat(&self, kind: Kind) -> Option<&Seat> {
        match kind {
            Kind::Video => self.video.as_ref(),
            Kind::Audio => self.audio.as_ref(),
        }
    }

    fn seat_mut(&mut self, kind: Kind) -> &mut Option<Seat> {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        }
    }

    /// The line of a kind, whether or not somebody publishes it now.
    pub fn track(&self, kind: Kind) -> Option<&Track> {
        self.seat(kind).map(|seat| &seat.track)
    }

    /// The codec of what is being published now.
    pub fn offered(&self, kind: Kind) -> Option<&Codec> {
        let seat = self
            .seat(kind)
            .filter(|seat| Some(seat.publication) == self.publication)?;
        Some(seat.track.codec())
    }

    pub const fn publication(&self) -> Option<PublicationId> {
        self.publication
    }

    pub const fn skew(&self) -> Option<u64> {
        self.skew
    }

    pub fn viewers(&self) -> &[usize] {
        &self.viewers
    }

    fn open(&mut self, publication: PublicationId, kind: Kind, codec: Codec) -> Opened {
        if self.publication != Some(publication) {
            self.publication = Some(publication);
            self.skew = None;
        }
        let seat = self.seat_mut(kind);
        match seat {
            Some(seat) if seat.track.codec().name == codec.name => {
                seat.publication = publication;
                seat.track.restart(codec);
                Opened::GoesOn
            }
            Some(seat) => {
                *seat = Seat {
                    track: Track::new(codec),
                    publication,
                };
                Opened::CodecChanged
            }
            None => {
                *seat = Some(Seat {
                    track: Track::new(codec),
                    publication,
                });
                Opened::GoesOn
            }
        }
    }

    /// The track, if it is this publication's and the publication is the room's.
    fn current(&mut self, publication: PublicationId, kind: Kind) -> Option<&mut Track> {
        if self.publication != Some(publication) {
            return None;
        }
        let seat = self.seat_mut(kind).as_mut();
        seat.filter(|seat| seat.publication == publication)
            .map(|seat| &mut seat.track)
    }

    /// Wants a keyframe for the room's picture. True when the publisher is to be asked now.
    pub fn wish(&mut self, now: Instant) -> Option<PublicationId> {
        let publication = self.publication?;
        let track = self.current(publication, Kind::Video)?;
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
        codec: Codec,
    ) -> Opened {
        self.stages
            .entry(room)
            .or_default()
            .open(publication, kind, codec)
    }

    pub fn push(
        &mut self,
        room: u32,
        publication: PublicationId,
        kind: Kind,
        packets: &[Bytes],
        arrived: Instant,
    ) -> Option<Accepted> {
        let track = self.stages.get_mut(&room)?.current(publication, kind)?;
        Some(track.push(packets, arrived))
    }

    pub fn set_time(
        &mut self,
        room: u32,
        publication: PublicationId,
        kind: Kind,
        ntp: u64,
        rtp: u32,
        arrived: Instant,
    ) {
        let ours = self.wall.ntp(arrived);
        let Some(stage) = self.stages.get_mut(&room) else {
            return;
        };
        let Some(track) = stage.current(publication, kind) else {
            return;
        };
        track.set_time(ntp, rtp, arrived);
        stage.skew.get_or_insert(ours.wrapping_sub(ntp));
    }

    /// The publisher is gone. Viewers stay, in case it comes back.
    pub fn close(&mut self, room: u32, publication: PublicationId) {
        let Some(stage) = self.stages.get_mut(&room) else {
            return;
        };
        if stage.publication == Some(publication) {
            stage.publication = None;
            stage.skew = None;
            for kind in Kind::ALL {
                if let Some(seat) = stage.seat_mut(kind) {
                    seat.track.silence();
                }
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

    /// Rooms whose publisher is to be asked for a keyframe now, because a wish had to wait.
    pub fn due_wishes(&mut self, now: Instant) -> Vec<(u32, PublicationId)> {
        let mut due = Vec::new();
        for (room, stage) in &mut self.stages {
            let Some(publication) = stage.publication else {
                continue;
            };
            let track = stage.current(publication, Kind::Video);
            if track.is_some_and(|track| track.wishes.due(now)) {
                due.push((*room, publication));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests;
