//! One viewer's way along a track: which kept packet is next, under which numbers it is shown, and
//! what is sent again.
//!
//! A packet's bytes are a function of its place in the line alone. So however often a packet is
//! written it is the same, which a counter-mode cipher needs: the same number with other bytes would
//! give its key away.

use std::time::{Duration, Instant};

use crate::{
    Kept, Kind, Track, WallClock,
    report::sender_report,
    rtp::HEADER_BYTES,
    track::{RING_PACKETS, Replay},
};

/// Packets that may be sent again beyond one per packet sent, so that a viewer cannot make us send
/// more than twice the stream.
pub const RESEND_STORE_MAX: u32 = 512;
const RESEND_STORE_FIRST: u32 = 256;
/// A viewer's wish for a keyframe is heard at most so often.
const WISH_HEARD_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Ticks between replayed pictures: 1 ms of the 90 kHz clock. With their own times a browser would
/// take the replay for two seconds that passed in an instant, and show half the pictures from then
/// on.
const REPLAY_STEP: u32 = 90;

/// The numbers that a leg was given in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegIds {
    pub payload_type: u8,
    pub ssrc: u32,
    /// Payload type and source of retransmissions (RFC 4588), where the viewer takes them.
    pub resend: Option<(u8, u32)>,
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
}

#[derive(Clone, Copy, Debug)]
struct Live {
    /// The place that was shown first, and the number it was shown under.
    first: u64,
    first_sequence: u16,
    next: u64,
    replay: Option<Replay>,
    /// This frame is lost to the viewer to its end.
    skipping: Option<u32>,
}

#[derive(Debug)]
pub struct Leg {
    kind: Kind,
    ids: LegIds,
    live: Option<Live>,
    /// Nobody looks: nothing is shown until it is released.
    held: bool,
    /// Where it was held last. What begins before that was shown in part, under other numbers.
    held_at: u64,
    first_sequence: u16,
    resend_sequence: u16,
    resend_store: u32,
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
            live: None,
            held: false,
            held_at: 0,
            first_sequence: first_sequence & 0x7fff,
            resend_sequence: resend_sequence & 0x7fff,
            resend_store: RESEND_STORE_FIRST,
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

    /// Shows nothing more until [`Leg::release`].
    pub fn hold(&mut self) {
        self.held = true;
        // The numbers go on where they stopped: for the viewer nothing is missing, and no number is
        // ever given to other bytes.
        if let Some(live) = self.live.take() {
            self.held_at = live.next;
            self.first_sequence = sequence_of(&live, live.next);
        }
    }

    /// May be joined again. False when it was not held.
    pub const fn release(&mut self) -> bool {
        std::mem::replace(&mut self.held, false)
    }

    /// Begins with the newest picture that can be shown. False when there is none yet and a keyframe
    /// has to be waited for. Sound begins at once; a held leg begins nothing and waits for nothing.
    pub fn join(&mut self, track: &Track) -> bool {
        if self.live.is_some() || self.held {
            return true;
        }
        let (first, replay) = match self.kind {
            Kind::Audio => (track.head(), None),
            Kind::Video => match track.replay().filter(|it| it.first >= self.held_at) {
                Some(replay) => (replay.first, Some(replay)),
                None => return false,
            },
        };
        self.live = Some(Live {
            first,
            first_sequence: self.first_sequence,
            next: first,
            replay,
            skipping: None,
        });
        true
    }

    /// The place in the line that this viewer is to be shown next.
    pub fn next(&self) -> Option<u64> {
        self.live.map(|live| live.next)
    }

    /// True while there is more to show than has been shown.
    pub fn is_behind(&self, track: &Track) -> bool {
        self.live.is_some_and(|live| live.next < track.head())
    }

    /// Writes the next packet and steps on. `None` at the end of the line; a place whose packet is
    /// missing, or that is lost to this viewer, is stepped over.
    pub fn write_next(&mut self, track: &Track, out: &mut Vec<u8>) -> Option<Stamp> {
        let live = self.live.as_mut()?;
        live.next = live
            .next
            .max(track.head().saturating_sub(RING_PACKETS as u64));
        while live.next < track.head() {
            let index = live.next;
            live.next += 1;
            let Some(kept) = track.get(index) else {
                continue;
            };
            if live.skipping == Some(kept.frame) {
                continue;
            }
            live.skipping = None;
            return self.write(track, index, out);
        }
        None
    }

    /// Writes a packet that came late, if this viewer has already been led past its place.
    pub fn write_late(&mut self, track: &Track, index: u64, out: &mut Vec<u8>) -> Option<Stamp> {
        let live = self.live?;
        (live.first..live.next)
            .contains(&index)
            .then(|| self.write(track, index, out))?
    }

    fn write(&mut self, track: &Track, index: u64, out: &mut Vec<u8>) -> Option<Stamp> {
        let (stamp, octets) = self.write_as(track, index, out)?;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets);
        self.resend_store = (self.resend_store + 1).min(RESEND_STORE_MAX);
        Some(stamp)
    }

    /// The socket did not take what was just written: the rest of that frame is not tried. Part of a
    /// frame is worth nothing, and what is skipped leaves a hole that the viewer may ask for.
    pub fn skip_frame(&mut self, track: &Track) {
        if let Some(live) = &mut self.live {
            live.skipping = track.get(live.next.wrapping_sub(1)).map(|kept| kept.frame);
        }
    }

    /// Writes again what the viewer says it misses: as a retransmission, or where the viewer takes
    /// none, the very same packet. `None` when it is not kept, was never meant for this viewer, or
    /// too much was asked for.
    pub fn write_again(
        &mut self,
        track: &Track,
        sequence: u16,
        out: &mut Vec<u8>,
    ) -> Option<Stamp> {
        let live = self.live?;
        let newest = live.next.checked_sub(1)?;
        let back = sequence_of(&live, newest).wrapping_sub(sequence);
        let index = newest
            .checked_sub(u64::from(back))
            .filter(|index| *index >= live.first)?;
        let kept = track.get(index)?;
        self.resend_store = self.resend_store.checked_sub(1)?;
        let Some((payload_type, ssrc)) = self.ids.resend else {
            return self.write_as(track, index, out).map(|(stamp, _)| stamp);
        };
        let stamp = Stamp {
            marker: kept.marker,
            padded: false,
            payload_type,
            sequence: self.resend_sequence,
            timestamp: timestamp_of(&live, kept),
            ssrc,
        };
        self.resend_sequence = self.resend_sequence.wrapping_add(1);
        write_header(&stamp, out);
        out.extend(sequence.to_be_bytes());
        out.extend_from_slice(&kept.payload);
        Some(stamp)
    }

    /// The one place where the bytes of a packet are made. Also tells the size of its payload.
    fn write_as(&self, track: &Track, index: u64, out: &mut Vec<u8>) -> Option<(Stamp, u32)> {
        let live = self.live?;
        let kept = track.get(index)?;
        let stamp = Stamp {
            marker: kept.marker,
            padded: kept.padding > 0,
            payload_type: self.ids.payload_type,
            sequence: sequence_of(&live, index),
            timestamp: timestamp_of(&live, kept),
            ssrc: self.ids.ssrc,
        };
        write_header(&stamp, out);
        out.extend_from_slice(&kept.payload);
        if kept.padding > 0 {
            out.resize(out.len() + usize::from(kept.padding) - 1, 0);
            out.push(kept.padding);
        }
        Some((stamp, kept.payload.len() as u32))
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

fn sequence_of(live: &Live, index: u64) -> u16 {
    live.first_sequence
        .wrapping_add(index.wrapping_sub(live.first) as u16)
}

/// Replayed pictures end at the live one and are 1 ms apart before it; the rest keeps its time.
fn timestamp_of(live: &Live, kept: &Kept) -> u32 {
    match live.replay {
        Some(replay) => {
            // A frame after the replay is at most 2^31 ahead of it on the circle.
            let before = replay.last_frame.wrapping_sub(kept.frame);
            if before < 1 << 31 {
                replay
                    .last_timestamp
                    .wrapping_sub(before.wrapping_mul(REPLAY_STEP))
            } else {
                kept.timestamp
            }
        }
        None => kept.timestamp,
    }
}

fn write_header(stamp: &Stamp, out: &mut Vec<u8>) {
    let mut header = [0; HEADER_BYTES];
    header[0] = 0x80 | u8::from(stamp.padded) << 5;
    header[1] = u8::from(stamp.marker) << 7 | stamp.payload_type;
    header[2..4].copy_from_slice(&stamp.sequence.to_be_bytes());
    header[4..8].copy_from_slice(&stamp.timestamp.to_be_bytes());
    header[8..12].copy_from_slice(&stamp.ssrc.to_be_bytes());
    out.extend_from_slice(&header);
}

#[cfg(test)]
mod tests;
