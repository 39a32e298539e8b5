//! One track of a room, over all who publish it. What arrives becomes one line of kept packets with
//! one running timestamp; a publisher that comes back, or another one, goes on in the same line, so
//! viewers notice a pause and nothing else.
//!
//! The last 2,048 packets are kept once for all viewers: lost ones are sent again from there, and a
//! joiner's first picture is a stretch of it. There is no second copy.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    Codec, Kind, Layer, View, WallClock, Wishes, begins_keyframe,
    descriptor::{Described, Numbers},
    rate::Rate,
    report::{ntp_ticks, ticks},
    sequence::Line,
    size::{Size, size_of},
};

/// Packets kept per track: 13 s of a 1.5 Mbit/s picture, 40 s of sound.
pub const RING_PACKETS: usize = 2_048;
/// A group of pictures that lasts longer, or is bigger, is not replayed to joiners: they wait for
/// the next keyframe.
pub const GOP_MAX: Duration = Duration::from_secs(2);
pub const GOP_BYTES_MAX: usize = 512 * 1024;
/// Packets of one frame whose sizes differ by so much are padded to one size, because only equal
/// ones leave in one system call; browsers' encoders balance sizes to within a few bytes.
const EVEN_OUT_BYTES_MAX: usize = 4;
/// The same of sound that came in one frame: what it is padded by is little beside the headers, and without
/// it half of all pairs would not be of one size.
const EVEN_OUT_SOUND_BYTES_MAX: usize = 64;

/// A packet as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub index: u64,
    /// On the track's own running timeline.
    pub timestamp: u32,
    /// Counts pictures; packets of one picture share it.
    pub frame: u32,
    pub marker: bool,
    /// Bytes of padding to add, and how many where its own sound is sent alone.
    pub(crate) padding: u8,
    pub(crate) plain_padding: u8,
    /// Where its own sound begins, behind its redundancy; 0 where it has none.
    pub own: u16,
    /// The packet from its dependency descriptor on, or where it has none from its payload on.
    pub(crate) bytes: Bytes,
    pub(crate) payload_at: u16,
    pub(crate) described: Described,
}

impl Kept {
    pub fn payload(&self) -> &[u8] {
        &self.bytes[usize::from(self.payload_at)..]
    }

    /// The payload without its redundancy.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.payload()[usize::from(self.own)..]
    }
}

/// What became of the packets that were handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The end of the line grew by these; a lost packet's place is in it too.
    pub fresh: Range<u64>,
    /// These came late and filled holes.
    pub late: Vec<u64>,
    /// A keyframe began.
    pub keyframe: bool,
    /// Another set of layers flows than before.
    pub layers_changed: bool,
    /// Nobody can show these: not RTP, twice the same, too old, or before the first keyframe.
    pub dropped: usize,
}

#[derive(Debug)]
struct Gop {
    first: u64,
    first_frame: u32,
    began: Instant,
    bytes: usize,
}

/// Where a joiner's first picture begins and which stretch of the line is replayed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) first: u64,
    pub(crate) first_frame: u32,
    pub(crate) last_frame: u32,
    pub(crate) last_timestamp: u32,
    /// From its beginning to the newest packet.
    pub(crate) lasts: Duration,
}

#[derive(Clone, Copy, Debug)]
struct PublishersTime {
    ntp: u64,
    rtp: u32,
}

#[derive(Debug)]
pub struct Track {
    codec: Codec,
    layer: Layer,
    ring: Box<[Option<Kept>]>,
    /// The index of the packet to come.
    head: u64,
    line: Line,
    ssrc: Option<u32>,
    /// The picture is not understood before its publisher's first keyframe.
    starting: bool,
    /// Our timestamp minus the publisher's.
    shift: u32,
    frame: u32,
    frame_first: u64,
    timestamp: u32,
    arrived: Option<Instant>,
    /// When the frame before the newest had arrived.
    arrived_before: Option<Instant>,
    rate: Rate,
    plain_rate: Rate,
    size: Option<Size>,
    numbers: Numbers,
    gop: Option<Gop>,
    time: Option<PublishersTime>,
    pub wishes: Wishes,
}

impl Track {
    pub fn new(codec: Codec, layer: Layer) -> Self {
        let mut ring = Vec::new();
        ring.resize_with(RING_PACKETS, || None);
        Self {
            codec,
            layer,
            ring: ring.into_boxed_slice(),
            head: 0,
            line: Line::default(),
            ssrc: None,
            starting: true,
            shift: 0,
            frame: 0,
            frame_first: 0,
            timestamp: 0,
            arrived: None,
            arrived_before: None,
            rate: Rate::default(),
            plain_rate: Rate::default(),
            size: None,
            numbers: Numbers::default(),
            gop: None,
            time: None,
            wishes: Wishes::default(),
        }
    }

    pub const fn codec(&self) -> &Codec {
        &self.codec
    }

    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// What it took lately, with its headers. 0 before a second has passed.
    pub const fn kbps(&self) -> u32 {
        self.rate.kbps()
    }

    /// The same without redundancy.
    pub const fn plain_kbps(&self) -> u32 {
        self.plain_rate.kbps()
    }

    /// How large the picture is as its last keyframe says, where the codec tells.
    pub const fn size(&self) -> Option<Size> {
        self.size
    }

    /// Whether its publisher has sent anything that can be shown.
    pub const fn has_begun(&self) -> bool {
        !self.starting
    }

    /// When its newest packet came, and when the frame before the newest had come.
    pub(crate) const fn arrivals(&self) -> (Option<Instant>, Option<Instant>) {
        (self.arrived, self.arrived_before)
    }

    pub const fn head(&self) -> u64 {
        self.head
    }

    /// The publisher changed or came back. The line goes on with its first keyframe.
    pub fn restart(&mut self, codec: Codec) {
        self.codec = codec;
        self.cut();
    }

    /// The publisher is gone: nothing is replayed or sent again until it is back.
    pub fn silence(&mut self) {
        self.cut();
        self.ring.fill(None);
    }

    fn cut(&mut self) {
        self.line.cut();
        self.ssrc = None;
        self.starting = true;
        self.gop = None;
        self.time = None;
        self.rate = Rate::default();
        self.plain_rate = Rate::default();
        self.size = None;
    }

    /// Takes one frame, or a few packets of one.
    pub fn push(&mut self, packets: &[Bytes], arrived: Instant) -> Accepted {
        let mut accepted = Accepted {
            fresh: self.head..self.head,
            ..Accepted::default()
        };
        for packet in packets {
            match View::parse(packet) {
                Some(view) => self.push_one(packet, &view, arrived, &mut accepted),
                None => accepted.dropped += 1,
            }
        }
        accepted.fresh.end = self.head;
        self.even_out(accepted.fresh.clone());
        if accepted.keyframe {
            self.wishes.granted();
        }
        accepted
    }

    fn push_one(&mut self, packet: &Bytes, view: &View, arrived: Instant, accepted: &mut Accepted) {
        if self.ssrc.is_some_and(|ssrc| ssrc != view.ssrc) {
            self.cut();
        }
        self.ssrc = Some(view.ssrc);
        if view.payload.is_empty() {
            self.line.skip(view.sequence);
            return;
        }
        let payload = packet.slice(view.payload.clone());
        let Some(own) = self.codec.own_of(view.payload_type, &payload) else {
            accepted.dropped += 1;
            return;
        };
        let begins =
            self.codec.name.kind() == Kind::Video && begins_keyframe(self.codec.name, &payload);
        if self.starting {
            if self.codec.name.kind() == Kind::Video && !begins {
                accepted.dropped += 1;
                return;
            }
            self.line.cut();
            self.begin_timeline(view.timestamp, arrived);
            self.numbers.begin();
        }
        let Some(index) = self.line.place(view.sequence, self.head) else {
            accepted.dropped += 1;
            return;
        };
        let timestamp = view.timestamp.wrapping_add(self.shift);
        let (described, bytes) = self.numbers.take(self.codec.descriptor, packet, view);
        let payload_at = (bytes.len() - payload.len()) as u16;
        let kept = |frame| Kept {
            index,
            timestamp,
            frame,
            marker: view.marker,
            padding: 0,
            plain_padding: 0,
            own,
            bytes,
            payload_at,
            described,
        };
        if index < self.head {
            let known = self.get(index).is_some() || index + RING_PACKETS as u64 <= self.head;
            if known {
                accepted.dropped += 1;
                return;
            }
            let kept = kept(self.frame_of(index, timestamp));
            self.keep(kept);
            accepted.late.push(index);
            return;
        }
        if self.starting || timestamp != self.timestamp {
            self.frame = self.frame.wrapping_add(1);
            self.frame_first = index;
            self.arrived_before = self.arrived;
        }
        self.starting = false;
        self.timestamp = timestamp;
        self.arrived = Some(arrived);
        let kept = kept(self.frame);
        self.keep(kept);
        self.head = index + 1;
        self.rate.take(packet.len(), arrived);
        self.plain_rate
            .take(packet.len() - usize::from(own), arrived);
        if begins {
            self.size = size_of(self.codec.name, &payload).or(self.size);
        }
        accepted.keyframe |= self.follow_gop(begins, payload.len(), arrived);
    }

    /// The first packet of a publisher: its timestamps go on where the last ones were, as much later
    /// as time has passed.
    fn begin_timeline(&mut self, timestamp: u32, arrived: Instant) {
        if let Some(before) = self.arrived {
            let passed = ticks(arrived.saturating_duration_since(before), self.codec.clock);
            let goes_on = self.timestamp.wrapping_add(passed.max(1));
            self.shift = goes_on.wrapping_sub(timestamp);
        }
    }

    /// True when a keyframe began with this packet.
    fn follow_gop(&mut self, begins: bool, bytes: usize, arrived: Instant) -> bool {
        if begins
            && self
                .gop
                .as_ref()
                .is_none_or(|gop| gop.first_frame != self.frame)
        {
            self.gop = Some(Gop {
                first: self.frame_first,
                first_frame: self.frame,
                began: arrived,
                bytes,
            });
            return true;
        }
        if let Some(gop) = &mut self.gop {
            gop.bytes += bytes;
            let lasts = arrived.saturating_duration_since(gop.began);
            let packets = self.head - gop.first;
            if gop.bytes > GOP_BYTES_MAX || lasts > GOP_MAX || packets >= RING_PACKETS as u64 {
                self.gop = None;
            }
        }
        false
    }

    /// The frame of a late packet: that of a neighbour with its timestamp. Without one the packet is
    /// a frame of its own between its neighbours, which no replay counts on.
    fn frame_of(&self, index: u64, timestamp: u32) -> u32 {
        let beside = [index.wrapping_sub(1), index + 1];
        let mut beside = beside.into_iter().filter_map(|index| self.get(index));
        let same = beside.clone().find(|kept| kept.timestamp == timestamp);
        same.or_else(|| beside.next())
            .map_or(self.frame, |kept| kept.frame)
    }

    fn keep(&mut self, kept: Kept) {
        let slot = slot(kept.index);
        self.ring[slot] = Some(kept);
    }

    /// Pads almost equal packets to equal size, all but the last, which may be smaller. Only here, once and
    /// for all viewers: a packet that was sent is never changed afterwards.
    fn even_out(&mut self, fresh: Range<u64>) {
        // Where a packet is missing, its place in the ring still has one of long ago.
        let there = |index: &u64| self.get(*index).is_some();
        let Some(last) = fresh.clone().rfind(there) else {
            return;
        };
        let bytes_max = match self.codec.name.kind() {
            Kind::Video => EVEN_OUT_BYTES_MAX,
            Kind::Audio => EVEN_OUT_SOUND_BYTES_MAX,
        };
        let sizes = |of: fn(&Kept) -> usize| {
            let kept = fresh.clone().filter_map(|index| self.get(index));
            kept.map(of).max().unwrap_or(0)
        };
        let (largest, largest_plain) =
            (sizes(|it| it.payload().len()), sizes(|it| it.plain().len()));
        let lacks = |has, largest: usize| {
            let lacks = largest.saturating_sub(has);
            if lacks <= bytes_max { lacks as u8 } else { 0 }
        };
        for index in fresh.start..last {
            let kept = self.ring[slot(index)].as_mut();
            if let Some(kept) = kept.filter(|kept| kept.index == index) {
                kept.padding = lacks(kept.payload().len(), largest);
                kept.plain_padding = lacks(kept.plain().len(), largest_plain);
            }
        }
    }

    pub fn get(&self, index: u64) -> Option<&Kept> {
        self.ring[slot(index)]
            .as_ref()
            .filter(|kept| kept.index == index)
    }

    /// Whether who comes now has a picture at once.
    pub const fn has_picture(&self) -> bool {
        self.gop.is_some()
    }

    pub(crate) fn replay(&self) -> Option<Replay> {
        let gop = self.gop.as_ref()?;
        let lasts = self
            .arrived
            .map(|at| at.saturating_duration_since(gop.began));
        Some(Replay {
            first: gop.first,
            first_frame: gop.first_frame,
            last_frame: self.frame,
            last_timestamp: self.timestamp,
            lasts: lasts.unwrap_or_default(),
        })
    }

    /// The publisher's own clock reading, from its sender report.
    pub fn set_time(&mut self, ntp: u64, rtp: u32) {
        self.time = Some(PublishersTime { ntp, rtp });
    }

    /// What time it is by our clock, and which timestamp a picture would have that is captured now. From
    /// the publisher's report where there is one, moved from its clock to ours by `skew`, else from when
    /// packets arrived.
    pub fn time(&self, now: Instant, wall: &WallClock, skew: Option<u64>) -> Option<(u64, u32)> {
        if self.starting {
            return None;
        }
        if let (Some(time), Some(skew)) = (self.time, skew) {
            let ntp = wall.ntp(now);
            let since = ntp.wrapping_sub(time.ntp.wrapping_add(skew));
            let rtp = time.rtp.wrapping_add(self.shift);
            return Some((ntp, rtp.wrapping_add(ntp_ticks(since, self.codec.clock))));
        }
        let since = now.saturating_duration_since(self.arrived?);
        Some((
            wall.ntp(now),
            self.timestamp.wrapping_add(ticks(since, self.codec.clock)),
        ))
    }
}

/// What is added to `other`'s timestamps to have them on `base`'s timeline: the same picture has the
/// same time on both. From the publisher's reports where both have one; else what came at the same
/// time is taken for the same picture, which is wrong by as much as their ways differ.
pub(crate) fn offset(base: &Track, other: &Track) -> u32 {
    if let (Some(ours), Some(its)) = (base.time, other.time) {
        let later = ntp_ticks(ours.ntp.wrapping_sub(its.ntp), base.codec.clock);
        let its = its.rtp.wrapping_add(other.shift).wrapping_add(later);
        return ours.rtp.wrapping_add(base.shift).wrapping_sub(its);
    }
    let (Some(ours), Some(its)) = (base.arrived, other.arrived) else {
        return 0;
    };
    let clock = base.codec.clock;
    let later = match its.checked_duration_since(ours) {
        Some(later) => ticks(later, clock),
        None => 0_u32.wrapping_sub(ticks(ours.saturating_duration_since(its), clock)),
    };
    base.timestamp
        .wrapping_add(later)
        .wrapping_sub(other.timestamp)
}

fn slot(index: u64) -> usize {
    (index % RING_PACKETS as u64) as usize
}

#[cfg(test)]
mod tests;
