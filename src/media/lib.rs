//! The medium itself, pure: what RTP packets mean, and what each viewer gets of them.
//!
//! A [`Track`] turns what publishers send into one line of numbered packets that outlives each
//! publisher; a picture that comes in several sizes is one of them for each [`Layer`]. A [`Leg`] shows
//! one layer at a time to one viewer under its own numbers; the [`Router`] knows which room has which
//! tracks and viewers. No socket, no clock, no crypto: time and packets are
//! passed in, and what is to be sent comes out as plain RTP and RTCP. Nothing here panics on bytes
//! from the network.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")
)]

mod choice;
mod codec;
mod descriptor;
mod extension;
mod feedback;
mod health;
mod keyframe;
mod leg;
mod rate;
mod red;
mod report;
mod router;
mod rtp;
mod sequence;
mod size;
mod skew;
mod track;
mod tracks;
mod vp8;
mod wish;

pub use choice::{Ceiling, Choice, Chosen, Sending, TRY_AFTER, TRY_AFTER_MAX};
pub use codec::{Codec, CodecName, Kind, LAYERS_MAX, Layer, PublicationId, Redundancy};
pub use feedback::{Feedback, Reported, read as read_feedback};
pub use health::{Level, Meter, Reading, Said, Verdict, judge};
pub use keyframe::begins_keyframe;
pub use leg::{Leg, LegIds, RESEND_STORE_MAX, Stamp};
pub use red::RED_BLOCKS_MAX;
pub use report::{CNAME, WallClock, reference_time_answer, sender_report};
pub use router::{Opened, Router, Stage};
pub use rtp::{HEADER_BYTES, View};
pub use size::Size;
pub use track::{Accepted, GOP_BYTES_MAX, GOP_MAX, Kept, RING_PACKETS, Track};
pub use tracks::{LayerSeen, Lines, SILENT_AFTER, Seen, Tracks};
pub use wish::{WISH_EVERY, Wishes};

#[cfg(test)]
mod tests;
