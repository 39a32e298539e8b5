//! The tracks of one kind in a room: sound has one, a picture one for each of its layers. Knows which
//! of them flow: a browser stops sending its upper layers when its own line is narrow, and says so to
//! nobody.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Accepted, Codec, LAYERS_MAX, Layer, Opened, PublicationId, Track};

/// A layer of which nothing came for so long, while another one went on, is silent.
pub const SILENT_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Tracks {
    seats: [Option<Seat>; LAYERS_MAX],
    /// Which of them flowed when that was last looked at.
    flowing: [bool; LAYERS_MAX],
}

#[derive(Debug)]
struct Seat {
    track: Track,
    publication: PublicationId,
}

/// The tracks of all layers, to look from one to another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines<'a>(pub(crate) [Option<&'a Track>; LAYERS_MAX]);

/// A layer that flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerSeen {
    pub layer: Layer,
    pub kbps: u32,
    /// In pixels, where the codec tells.
    pub width: Option<u16>,
    pub height: Option<u16>,
}

/// The layers that flow, from the smallest to the largest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    layers: [LayerSeen; LAYERS_MAX],
    count: usize,
}

impl<'a> Lines<'a> {
    /// Of a track that is alone.
    pub fn of(track: &'a Track) -> Self {
        let mut lines = Self::default();
        if let Some(line) = lines.0.get_mut(track.layer().index()) {
            *line = Some(track);
        }
        lines
    }

    pub fn get(&self, layer: Layer) -> Option<&'a Track> {
        *self.0.get(layer.index())?
    }
}

impl Seen {
    pub(crate) fn of(layers: impl IntoIterator<Item = LayerSeen>) -> Self {
        let mut seen = Self::default();
        for layer in layers.into_iter().take(LAYERS_MAX) {
            seen.layers[seen.count] = layer;
            seen.count += 1;
        }
        let layers = &mut seen.layers[..seen.count];
        // The offer's order counts until every layer has said how high it is.
        if layers.iter().all(|it| it.height.is_some()) {
            layers.sort_by_key(|it| (it.height, it.layer));
        }
        seen
    }

    pub fn layers(&self) -> &[LayerSeen] {
        &self.layers[..self.count]
    }
}

impl Tracks {
    pub fn get(&self, layer: Layer) -> Option<&Track> {
        Some(&self.seats.get(layer.index())?.as_ref()?.track)
    }

    pub fn lines(&self) -> Lines<'_> {
        Lines(
            self.seats
                .each_ref()
                .map(|seat| Some(&seat.as_ref()?.track)),
        )
    }

    /// The codec of what this publication publishes.
    pub(crate) fn codec(&self, publication: Option<PublicationId>) -> Option<&Codec> {
        let mut seats = self.seats.iter().flatten();
        let seat = seats.find(|seat| Some(seat.publication) == publication)?;
        Some(seat.track.codec())
    }

    pub(crate) fn open(
        &mut self,
        publication: PublicationId,
        layer: Layer,
        codec: Codec,
    ) -> Opened {
        let changed = self
            .seats
            .iter()
            .flatten()
            .any(|seat| seat.track.codec().name != codec.name);
        if changed {
            *self = Self::default();
        }
        let Some(seat) = self.seats.get_mut(layer.index()) else {
            return Opened::GoesOn;
        };
        match seat {
            Some(seat) => {
                seat.publication = publication;
                seat.track.restart(codec);
            }
            None => {
                *seat = Some(Seat {
                    track: Track::new(codec, layer),
                    publication,
                });
            }
        }
        match changed {
            true => Opened::CodecChanged,
            false => Opened::GoesOn,
        }
    }

    /// The track, if it is this publication's.
    pub(crate) fn of(&mut self, publication: PublicationId, layer: Layer) -> Option<&mut Track> {
        let seat = self.seats.get_mut(layer.index())?.as_mut()?;
        (seat.publication == publication).then_some(&mut seat.track)
    }

    pub(crate) fn push(
        &mut self,
        publication: PublicationId,
        layer: Layer,
        packets: &[Bytes],
        arrived: Instant,
    ) -> Option<Accepted> {
        let mut accepted = self.of(publication, layer)?.push(packets, arrived);
        let before = self.flowing;
        self.flowing = self.flow(publication);
        accepted.layers_changed = before != self.flowing;
        Some(accepted)
    }

    pub(crate) fn silence(&mut self) {
        for seat in self.seats.iter_mut().flatten() {
            seat.track.silence();
        }
        self.flowing = [false; LAYERS_MAX];
    }

    /// The layers of a publication that flow.
    pub(crate) fn seen(&self, publication: PublicationId) -> Seen {
        let flows = self.flow(publication);
        let seats = self.seats.iter().zip(flows);
        Seen::of(
            seats
                .filter_map(|(seat, flows)| Some(seen_of(&seat.as_ref().filter(|_| flows)?.track))),
        )
    }

    /// All layers of a publication in the order of their numbers; one that does not flow has no rate.
    pub(crate) fn told(&self, publication: PublicationId) -> Vec<LayerSeen> {
        let flows = self.flow(publication);
        let seats = self.seats.iter().zip(flows);
        let told = seats.filter_map(|(seat, flows)| {
            let seat = seat.as_ref().filter(|it| it.publication == publication)?;
            let seen = seen_of(&seat.track);
            Some(LayerSeen {
                kbps: if flows { seen.kbps } else { 0 },
                ..seen
            })
        });
        told.collect()
    }

    /// A layer is only silent beside one that is not: a picture that stands still has few frames, and
    /// the frame before the newest of another layer tells that it was not merely the first to come.
    fn flow(&self, publication: PublicationId) -> [bool; LAYERS_MAX] {
        let begun = |seat: &&Seat| seat.publication == publication && seat.track.has_begun();
        let seats = self.seats.each_ref();
        let seats = seats.map(|seat| seat.as_ref().filter(begun));
        let others = seats.iter().flatten();
        let newest = others.filter_map(|seat| seat.track.arrivals().1).max();
        seats.map(|seat| {
            let arrived = seat.and_then(|seat| seat.track.arrivals().0);
            arrived.is_some_and(|at| newest.is_none_or(|newest| at + SILENT_AFTER >= newest))
        })
    }
}

fn seen_of(track: &Track) -> LayerSeen {
    let size = track.size();
    LayerSeen {
        layer: track.layer(),
        kbps: track.kbps(),
        width: size.map(|it| it.width),
        height: size.map(|it| it.height),
    }
}

#[cfg(test)]
mod tests;
