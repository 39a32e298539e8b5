//! A stretch of a layer's line, as one viewer is shown it: under which numbers and at which times.

use crate::{Kept, Layer, Track, track::Replay, vp8};

/// Ticks between replayed pictures: 1 ms of the 90 kHz clock. With their own times a browser would
/// take the replay for two seconds that passed in an instant, and show half the pictures from then
/// on.
pub(super) const REPLAY_STEP: u32 = 90;

/// What was shown of one layer without a break.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) layer: Layer,
    /// The place that was shown first, and the number it was shown under.
    pub(super) first: u64,
    pub(super) first_sequence: u16,
    /// The place that comes next.
    pub(super) next: u64,
    pub(super) replay: Option<Replay>,
    /// Our timestamps minus the track's.
    pub(super) shift: u32,
    pub(super) pictures: vp8::Shift,
}

pub(super) fn sequence_of(stretch: &Stretch, index: u64) -> u16 {
    stretch
        .first_sequence
        .wrapping_add(index.wrapping_sub(stretch.first) as u16)
}

/// Replayed pictures end at the live one and are 1 ms apart before it; the rest keeps its time.
pub(super) fn timestamp_of(stretch: &Stretch, kept: &Kept) -> u32 {
    let timestamp = match stretch.replay {
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
    };
    timestamp.wrapping_add(stretch.shift)
}

/// Whether the last picture that was shown has come to its end.
pub(super) fn is_whole(track: &Track, live: &Stretch) -> bool {
    let last = track.get(live.next.wrapping_sub(1));
    let next = track.get(live.next);
    match (last, next) {
        (None, _) => true,
        (Some(last), Some(next)) => last.frame != next.frame,
        (Some(last), None) => last.marker,
    }
}
