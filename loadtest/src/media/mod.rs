//! The media client of the load test: peers that are real on the wire and cheap in the process.

pub(crate) mod line;
pub(crate) mod sdp;
mod stun;

pub(crate) use line::{Door, Heard, Identity, Line};
