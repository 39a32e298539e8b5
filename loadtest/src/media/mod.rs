//! The media client of the load test: peers that are real on the wire and cheap in the process.

mod janus;
pub(crate) mod line;
pub(crate) mod sdp;
mod stun;
mod way;

use std::time::Duration;

use anyhow::{Context as _, Result};

pub(crate) use line::{Door, Heard, Identity, Line};
pub(crate) use stun::request;
pub(crate) use way::Transport;

/// A server lets go of a connection that idles, 5 s here. One that idled for so long is not used
/// again: a goodbye that crosses with the server's end has no answer.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// What posts offers and deletes resources.
pub(crate) fn http() -> Result<reqwest::Client> {
    let http = reqwest::Client::builder().pool_idle_timeout(IDLE_MAX);
    http.build().context("no HTTP client")
}
