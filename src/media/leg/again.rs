//! What is sent again: what a viewer misses, and what fills its line to learn what that carries.
//!
//! A browser compares when packets come with the times they are of, and takes those that fall behind for a queue that
//! grows. What is sent again is behind by a round trip or two. So it is said when it was sent (RFC 5450): the browser
//! adds that to the time that the packet is of. This is of the other stream, whose numbers are never said twice.

use std::time::Instant;

use super::{Leg, Stamp, Stretch, sequence_of, timestamp_of};
use crate::{Kept, Track, extension::Element, report::ticks};

/// Of all pictures.
const CLOCK: u32 = 90_000;
/// What is said has 24 bits with a sign.
const AFTER_MAX: i32 = 1 << 23;

/// The time at which packets are sent, in ticks of the times that they are of. Where it begins does not matter:
/// a browser looks at each stream for itself.
#[derive(Debug)]
pub(super) struct SentAt(Option<(Instant, u32)>);

impl SentAt {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// How many ticks after the time that it is of a packet is sent.
    fn after(&mut self, timestamp: u32, now: Instant) -> i32 {
        let (began, first) = *self.0.get_or_insert((now, timestamp));
        let since = ticks(now.saturating_duration_since(began), CLOCK);
        let after = first.wrapping_add(since).wrapping_sub(timestamp);
        let after = after.cast_signed();
        if (-AFTER_MAX..AFTER_MAX).contains(&after) {
            return after;
        }
        // The times of the pictures are other ones than before.
        self.0 = Some((now, timestamp));
        0
    }
}

/// How long after the time that it is of a packet is sent, as it is said.
pub(super) struct SentAfter {
    id: u8,
    ticks: [u8; 4],
}

impl SentAfter {
    const fn new(id: u8, ticks: i32) -> Self {
        let ticks = ticks.to_be_bytes();
        Self { id, ticks }
    }

    /// 24 bits of it.
    pub(super) fn element(&self) -> Element<'_> {
        Element {
            id: self.id,
            parts: [&self.ticks[1..], &[], &[]],
        }
    }
}

impl Leg {
    /// How often what is missed is to be written: once, and twice when it is asked for once more, because then
    /// the line has lost an answer or a question already.
    pub fn copies(&mut self, sequence: u16) -> u32 {
        1 + u32::from(self.asked.again(sequence))
    }

    /// Writes again what the viewer says it misses, from the track of its layer: as a retransmission, or
    /// where the viewer takes none, the very same packet. `None` when it is not kept, was never meant for
    /// this viewer, or too much was asked for.
    pub fn write_again(
        &mut self,
        track: &Track,
        sequence: u16,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Stamp> {
        let (stretch, index) = self.place_of(sequence)?;
        if stretch.layer != track.layer() {
            return None;
        }
        let kept = track.get(index)?;
        self.resend_store = self.resend_store.checked_sub(1)?;
        if self.ids.resend.is_none() {
            return Some(self.write_as(&stretch, kept, out));
        }
        self.write_resent(&stretch, kept, now, out)
    }

    /// Writes what was just shown once more, as a retransmission that nobody asked for: the viewer has it, and
    /// it only fills its line, to learn what that carries. `back` counts from the newest. `None` where it is
    /// not kept, or the viewer takes no retransmissions.
    pub fn write_probe(
        &mut self,
        track: &Track,
        back: u64,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Stamp> {
        let live = self.live.filter(|it| it.layer == track.layer())?;
        let index = live.next.checked_sub(1 + back)?;
        let kept = track.get(index).filter(|_| index >= live.first)?;
        self.write_resent(&live, kept, now, out)
    }

    /// RFC 4588 §4: under a number of the other stream, the first number before the payload.
    fn write_resent(
        &mut self,
        stretch: &Stretch,
        kept: &Kept,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Stamp> {
        let (payload_type, ssrc) = self.ids.resend?;
        let stamp = Stamp {
            marker: kept.marker,
            padded: false,
            payload_type,
            sequence: self.resend_sequence,
            timestamp: timestamp_of(stretch, kept),
            ssrc,
            extensions: 0,
        };
        self.resend_sequence = self.resend_sequence.wrapping_add(1);
        let after = self.ids.sent_at.map(|id| {
            let ticks = self.sent_at.after(stamp.timestamp, now);
            SentAfter::new(id, ticks)
        });
        let stamp = self.write_header(stamp, kept, after, out);
        out.extend(sequence_of(stretch, kept.index).to_be_bytes());
        self.write_payload(stretch, kept, out);
        Some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_tells_when_a_packet_is_sent_whatever_it_is_of() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sent_at = SentAt::new();
        assert_eq!(sent_at.after(u32::MAX - 4_499, at(0)), 0);
        // One that is as old, 100 ms later; and one that is new then.
        assert_eq!(sent_at.after(u32::MAX - 4_499, at(100)), 9_000);
        assert_eq!(sent_at.after(4_500, at(100)), 0);
        assert_eq!(sent_at.after(9_000, at(100)), -4_500);
        // Other times begin anew.
        assert_eq!(sent_at.after(1 << 30, at(200)), 0);
        assert_eq!(sent_at.after(1 << 30, at(300)), 9_000);
        let after = SentAfter::new(3, -2);
        assert_eq!(after.element().parts[0], [0xff, 0xff, 0xfe]);
    }
}
