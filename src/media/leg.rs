//! One viewer's way along a track, or from one layer's track to another's: which kept packet is next,
//! under which numbers it is shown, and what is sent again.
//!
//! A packet's bytes are a function of its place alone, and so of its number: numbers run on from one
//! stretch of a line to the next, and which numbers were which stretch is remembered. So however often a
//! packet is written it is the same, which a counter-mode cipher needs: the same number with other bytes
//! would give its key away.

mod again;
mod asked;
mod stretch;

use std::{
    iter,
    time::{Duration, Instant},
};

use crate::{
    CodecName, Kept, Kind, LAYERS_MAX, Layer, Lines, SILENT_AFTER, Track, WallClock, descriptor,
    extension::{self, Element},
    red,
    report::sender_report,
    rtp::HEADER_BYTES,
    track::{RING_PACKETS, Replay, offset},
    vp8,
};

use again::{SentAfter, SentAt};
use asked::Asked;
use stretch::{REPLAY_STEP, Stretch, is_whole, sequence_of, timestamp_of};

/// Packets that may be sent again beyond one per packet sent, so that a viewer cannot make us send
/// more than twice the stream.
pub const RESEND_STORE_MAX: u32 = 512;
const RESEND_STORE_FIRST: u32 = 256;
/// What is left of that to a viewer that goes to a smaller layer.
const RESEND_STORE_SMALL: u32 = 32;
/// A viewer's wish for a keyframe is heard at most so often.
const WISH_HEARD_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A group of pictures that lasts longer is not replayed to change the layer: it is cheaper to ask for
/// a keyframe than to send what was shown already.
const SWITCH_GOP_MAX: Duration = Duration::from_millis(500);
/// So much the timeline may be pushed on by a change of layer: 100 ms.
const SWITCH_LAG_MAX: u32 = 9_000;
/// A picture that is being shown is shown to its end before the layer changes, unless nothing came of it
/// for so long.
const WHOLE_WITHIN: Duration = Duration::from_millis(100);
/// How far back the last picture that was shown is looked for.
const LOOK_BACK_PACKETS: u64 = 64;

/// The numbers that a leg was given in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegIds {
    pub payload_type: u8,
    pub ssrc: u32,
    /// Payload type and source of retransmissions (RFC 4588), where the viewer takes them.
    pub resend: Option<(u8, u32)>,
    /// Number of the header extension that says when those are sent (RFC 5450), where the viewer takes it.
    pub sent_at: Option<u8>,
    /// Payload type of packets with redundancy (RFC 2198), where the viewer takes them. The blocks in them
    /// are of `payload_type`.
    pub redundant: Option<u8>,
    /// Under which number the viewer takes the dependency descriptor, if it does.
    pub descriptor: Option<u8>,
}

/// What the cipher has to know of a packet that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub marker: bool,
    pub padded: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Bytes of its header's extensions; 0 where it has none.
    pub extensions: u16,
}

#[derive(Debug)]
pub struct Leg {
    kind: Kind,
    ids: LegIds,
    /// The layer that is to be shown.
    target: Layer,
    live: Option<Stretch>,
    /// This frame is lost to the viewer to its end.
    skipping: Option<u32>,
    /// What was shown of smaller layers before and may be asked for again, the oldest first.
    past: Vec<Stretch>,
    /// What was shown when it was held last. What begins before its end was shown in part, under other
    /// numbers.
    before: Option<Stretch>,
    /// The layer whose timeline is the viewer's.
    base: Option<Layer>,
    /// The timestamp that was shown last.
    shown: Option<u32>,
    /// Nobody looks: nothing is shown until it is released.
    held: bool,
    first_sequence: u16,
    resend_sequence: u16,
    resend_store: u32,
    asked: Asked,
    sent_at: SentAt,
    packets: u32,
    octets: u32,
    reported: Option<Instant>,
    wished: Option<Instant>,
}

impl Leg {
    /// `first_sequence` is random; it is kept below 2^15, so that the rollover counter of SRTP
    /// cannot be guessed wrong at the start (RFC 3711 §3.3.1).
    pub const fn new(kind: Kind, ids: LegIds, first_sequence: u16, resend_sequence: u16) -> Self {
        Self {
            kind,
            ids,
            target: Layer::ONLY,
            live: None,
            skipping: None,
            past: Vec::new(),
            before: None,
            base: None,
            shown: None,
            held: false,
            first_sequence: first_sequence & 0x7fff,
            resend_sequence: resend_sequence & 0x7fff,
            resend_store: RESEND_STORE_FIRST,
            asked: Asked::new(),
            sent_at: SentAt::new(),
            packets: 0,
            octets: 0,
            reported: None,
            wished: None,
        }
    }

    pub const fn ids(&self) -> &LegIds {
        &self.ids
    }

    pub const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// The layer that is to be shown. It is shown when [`Leg::join`] or [`Leg::switch`] finds it.
    pub const fn aim(&mut self, layer: Layer) {
        self.target = layer;
    }

    /// The layer that is shown, or was shown last.
    pub fn layer(&self) -> Layer {
        let stretch = self.live.or(self.before);
        stretch.map_or(self.target, |it| it.layer)
    }

    pub fn shows(&self, layer: Layer) -> bool {
        self.live.is_some_and(|live| live.layer == layer)
    }

    /// The layer that is waited for, if another one or none is shown.
    pub fn awaits(&self) -> Option<Layer> {
        (!self.held && !self.shows(self.target)).then_some(self.target)
    }

    /// Shows nothing more until [`Leg::release`].
    pub fn hold(&mut self) {
        self.held = true;
        // The numbers go on where they stopped: for the viewer nothing is missing, and no number is
        // ever given to other bytes.
        if let Some(live) = self.live.take() {
            self.first_sequence = sequence_of(&live, live.next);
            self.before = Some(live);
            self.past.clear();
        }
    }

    /// May be joined again. False when it was not held.
    pub const fn release(&mut self) -> bool {
        std::mem::replace(&mut self.held, false)
    }

    /// Begins with the newest picture that can be shown, of the layer that is to be shown or until there
    /// is one of the nearest. False when there is none yet and a keyframe has to be waited for. Sound
    /// begins at once; a held leg begins nothing and waits for nothing.
    pub fn join(&mut self, lines: &Lines<'_>) -> bool {
        if self.live.is_some() || self.held {
            return true;
        }
        if self.kind == Kind::Audio {
            let Some(track) = lines.get(self.target) else {
                return false;
            };
            self.begin(track, track.head(), None, lines);
            return true;
        }
        let newest = lines.0.iter().flatten().filter_map(|it| it.arrivals().0);
        let newest = newest.max();
        let below = (0..=self.target.0).rev();
        for layer in below.chain(self.target.0 + 1..).map_while(|it| {
            let layer = Layer(it);
            (layer.index() < lines.0.len()).then_some(layer)
        }) {
            let Some(track) = lines.get(layer) else {
                continue;
            };
            let is_old = newest > track.arrivals().0.map(|at| at + SILENT_AFTER);
            let known = self.before.filter(|it| it.layer == layer);
            let replay = track
                .replay()
                .filter(|it| !is_old && known.is_none_or(|before| it.first >= before.next));
            if let Some(replay) = replay {
                self.begin(track, replay.first, Some(replay), lines);
                return true;
            }
        }
        false
    }

    /// Goes over to the layer that is to be shown, if its line has a keyframe that can follow what was
    /// shown. False when nothing changed.
    pub fn switch(&mut self, lines: &Lines<'_>) -> bool {
        let Some(live) = self.live.filter(|live| live.layer != self.target) else {
            return false;
        };
        let (Some(from), Some(to)) = (lines.get(live.layer), lines.get(self.target)) else {
            return false;
        };
        let Some(replay) = to.replay().filter(|it| it.lasts <= SWITCH_GOP_MAX) else {
            return false;
        };
        let (came, goes) = (from.arrivals().0, to.arrivals().0);
        // Its last picture is long gone.
        if came > goes.map(|at| at + SWITCH_GOP_MAX) {
            return false;
        }
        let gone = came.is_some_and(|at| goes >= Some(at + WHOLE_WITHIN));
        if !gone && !is_whole(from, &live) {
            return false;
        }
        // A keyframe that has just come is the newest there will be, whatever its time.
        let is_new = replay.last_frame.wrapping_sub(replay.first_frame) <= 1;
        if !is_new && self.lag(&replay, self.aligned(to, lines)) > SWITCH_LAG_MAX {
            return false;
        }
        self.first_sequence = sequence_of(&live, live.next);
        if self.target < live.layer {
            // A line that did not carry the larger one is not filled with what was lost of it.
            self.past.clear();
            self.resend_store = self.resend_store.min(RESEND_STORE_SMALL);
        } else {
            self.past.push(live);
        }
        // INVARIANT: each is of a smaller layer than the one after it, so there are few.
        debug_assert!(self.past.len() < LAYERS_MAX);
        self.before = Some(live);
        self.begin(to, replay.first, Some(replay), lines);
        true
    }

    fn begin(&mut self, track: &Track, first: u64, replay: Option<Replay>, lines: &Lines<'_>) {
        let aligned = self.aligned(track, lines);
        self.base.get_or_insert(track.layer());
        let lag = replay.map_or(0, |it| self.lag(&it, aligned));
        self.live = Some(Stretch {
            layer: track.layer(),
            first,
            first_sequence: self.first_sequence,
            next: first,
            replay,
            shift: aligned.wrapping_add(lag),
            pictures: self.pictures(track, first, lines),
        });
        self.skipping = None;
    }

    /// What is added to a track's timestamps to have them on the viewer's timeline.
    fn aligned(&self, track: &Track, lines: &Lines<'_>) -> u32 {
        let base = self.base.filter(|base| *base != track.layer());
        let base = base.and_then(|base| lines.get(base));
        base.map_or(0, |base| offset(base, track))
    }

    /// How much later still a replay has to be shown so that time does not run back.
    fn lag(&self, replay: &Replay, aligned: u32) -> u32 {
        let Some(shown) = self.shown else { return 0 };
        let frames = replay.last_frame.wrapping_sub(replay.first_frame);
        let first = replay
            .last_timestamp
            .wrapping_sub(frames.wrapping_mul(REPLAY_STEP))
            .wrapping_add(aligned);
        let lacks = shown.wrapping_add(REPLAY_STEP).wrapping_sub(first);
        if lacks.cast_signed() > 0 { lacks } else { 0 }
    }

    /// Picture ids run on from layer to layer.
    fn pictures(&self, track: &Track, first: u64, lines: &Lines<'_>) -> vp8::Shift {
        let Some(before) = self.before else {
            return vp8::Shift::default();
        };
        if track.codec().name != CodecName::Vp8 || before.layer == track.layer() {
            return before.pictures;
        }
        let next = track.get(first).and_then(|it| vp8::read(it.payload()));
        let last = lines.get(before.layer).and_then(|line| {
            let oldest = before.next.saturating_sub(LOOK_BACK_PACKETS);
            let mut shown = (oldest.max(before.first)..before.next).rev();
            let last = shown.find_map(|index| line.get(index))?;
            vp8::read(last.payload())
        });
        match (last, next) {
            (Some(last), Some(next)) => before.pictures.after(&last, &next),
            _ => vp8::Shift::default(),
        }
    }

    /// The place in the line that this viewer is to be shown next.
    pub fn next(&self) -> Option<u64> {
        self.live.map(|live| live.next)
    }

    /// True while there is more to show than has been shown.
    pub fn is_behind(&self, track: &Track) -> bool {
        self.live.is_some_and(|live| live.next < track.head())
    }

    /// Writes the next packet of the layer that is shown and steps on. `None` at the end of the line; a
    /// place whose packet is missing, or that is lost to this viewer, is stepped over.
    pub fn write_next(&mut self, track: &Track, out: &mut Vec<u8>) -> Option<Stamp> {
        let live = self.live.as_mut()?;
        debug_assert_eq!(
            live.layer,
            track.layer(),
            "a leg is led along its own layer"
        );
        live.next = live
            .next
            .max(track.head().saturating_sub(RING_PACKETS as u64));
        while live.next < track.head() {
            let index = live.next;
            live.next += 1;
            let Some(kept) = track.get(index) else {
                continue;
            };
            if self.skipping == Some(kept.frame) {
                continue;
            }
            self.skipping = None;
            let live = *live;
            let stamp = self.write(&live, kept, out);
            self.shown = Some(stamp.timestamp);
            return Some(stamp);
        }
        None
    }

    /// Writes a packet that came late, if this viewer has already been led past its place.
    pub fn write_late(&mut self, track: &Track, index: u64, out: &mut Vec<u8>) -> Option<Stamp> {
        let stretch = self
            .stretches()
            .find(|it| it.layer == track.layer() && (it.first..it.next).contains(&index))?;
        let kept = track.get(index)?;
        Some(self.write(&stretch, kept, out))
    }

    fn write(&mut self, stretch: &Stretch, kept: &Kept, out: &mut Vec<u8>) -> Stamp {
        let stamp = self.write_as(stretch, kept, out);
        self.packets = self.packets.wrapping_add(1);
        let octets = red::part_of(&self.ids, kept).len() as u32;
        self.octets = self.octets.wrapping_add(octets);
        self.resend_store = (self.resend_store + 1).min(RESEND_STORE_MAX);
        stamp
    }

    /// The socket did not take what was just written: the rest of that frame is not tried. Part of a
    /// frame is worth nothing, and what is skipped leaves a hole that the viewer may ask for.
    pub fn skip_frame(&mut self, track: &Track) {
        if let Some(live) = &self.live {
            self.skipping = track.get(live.next.wrapping_sub(1)).map(|kept| kept.frame);
        }
    }

    /// The layer whose packet was shown under a number, where that is remembered.
    pub fn layer_of(&self, sequence: u16) -> Option<Layer> {
        self.place_of(sequence).map(|(stretch, _)| stretch.layer)
    }

    /// What is shown and what was shown before it, the newest first.
    fn stretches(&self) -> impl Iterator<Item = Stretch> + use<'_> {
        let past = self.past.iter().rev().copied();
        self.live
            .into_iter()
            .flat_map(move |live| iter::once(live).chain(past.clone()))
    }

    /// The place that was shown under a number: the stretches follow each other without a hole.
    fn place_of(&self, sequence: u16) -> Option<(Stretch, u64)> {
        let live = self.live?;
        let newest = sequence_of(&live, live.next).wrapping_sub(1);
        let mut back = u64::from(newest.wrapping_sub(sequence));
        for stretch in self.stretches() {
            let length = stretch.next - stretch.first;
            if back < length {
                return Some((stretch, stretch.next - 1 - back));
            }
            back -= length;
        }
        None
    }

    /// The one place where the bytes of a packet are made.
    fn write_as(&self, stretch: &Stretch, kept: &Kept, out: &mut Vec<u8>) -> Stamp {
        let padding = red::padding(&self.ids, kept);
        let stamp = Stamp {
            marker: kept.marker,
            padded: padding > 0,
            payload_type: red::payload_type(&self.ids, kept),
            sequence: sequence_of(stretch, kept.index),
            timestamp: timestamp_of(stretch, kept),
            ssrc: self.ids.ssrc,
            extensions: 0,
        };
        let stamp = self.write_header(stamp, kept, None, out);
        self.write_payload(stretch, kept, out);
        if padding > 0 {
            out.resize(out.len() + usize::from(padding) - 1, 0);
            out.push(padding);
        }
        stamp
    }

    /// The header in the viewer's numbers. What it says besides is a function of the packet, as all of it is;
    /// `after`, how long after its time it is sent, is of what is sent again alone.
    fn write_header(
        &self,
        mut stamp: Stamp,
        kept: &Kept,
        after: Option<SentAfter>,
        out: &mut Vec<u8>,
    ) -> Stamp {
        let start = out.len();
        let mut header = [0; HEADER_BYTES];
        header[0] = 0x80 | u8::from(stamp.padded) << 5;
        header[1] = u8::from(stamp.marker) << 7 | stamp.payload_type;
        header[2..4].copy_from_slice(&stamp.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&stamp.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&stamp.ssrc.to_be_bytes());
        out.extend_from_slice(&header);
        let descriptor = self.ids.descriptor.filter(|_| kept.described.is_some());
        if descriptor.is_none() && after.is_none() {
            return stamp;
        }
        let number = descriptor.map_or([0; 2], |_| descriptor::number(kept));
        let described = descriptor.map(|id| Element {
            id,
            parts: descriptor::parts(kept, &number),
        });
        let after = after.as_ref().map(SentAfter::element);
        out[start] |= 0x10;
        stamp.extensions = extension::write(described.into_iter().chain(after), out);
        stamp
    }

    fn write_payload(&self, stretch: &Stretch, kept: &Kept, out: &mut Vec<u8>) {
        let start = out.len();
        red::write(&self.ids, kept, out);
        stretch.pictures.apply(&mut out[start..]);
    }

    /// What a track takes as this viewer is sent it, in kbit/s.
    pub const fn kbps(&self, track: &Track) -> u32 {
        match self.ids.redundant {
            Some(_) => track.kbps(),
            None => track.plain_kbps(),
        }
    }

    /// A sender report if one is due: with the first packet, then every second.
    pub fn report(
        &mut self,
        track: &Track,
        now: Instant,
        wall: &WallClock,
        skew: Option<u64>,
    ) -> Option<Vec<u8>> {
        let due = self
            .reported
            .is_none_or(|at| now.saturating_duration_since(at) >= REPORT_EVERY);
        if self.packets == 0 || !due {
            return None;
        }
        let (ntp, rtp) = track.time(now, wall, skew)?;
        let shown = self.live.or(self.before);
        let rtp = rtp.wrapping_add(shown.map_or(0, |it| it.shift));
        self.reported = Some(now);
        Some(sender_report(
            self.ids.ssrc,
            ntp,
            rtp,
            self.packets,
            self.octets,
        ))
    }

    /// The viewer says it needs a keyframe. True when that is worth passing on: a browser also says so
    /// of a picture that is held.
    pub fn hear_wish(&mut self, now: Instant) -> bool {
        let heard = !self.held
            && self
                .wished
                .is_none_or(|at| now.saturating_duration_since(at) >= WISH_HEARD_EVERY);
        if heard {
            self.wished = Some(now);
        }
        heard
    }
}

#[cfg(test)]
mod tests;
