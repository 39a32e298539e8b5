//! The server's memory per viewer of a room; see `--memory` and [`process`].

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use protocol::limits;
use serde::Serialize;
use tokio::time;

use super::{Common, audience, writer::Writer};
use crate::process::{self, Memory};

const WARM_VIEWERS: usize = 50;
const WARM_MESSAGES: usize = 20;
const STILL_BYTES: u64 = 64 * 1024;
/// When the growth under the talk is read: just before the first who takes nothing may be closed for it.
const GROWN_AFTER: Duration = limits::BLOCKED_CLOSED_AFTER
    .checked_sub(Duration::from_millis(500))
    .expect("longer than that");

/// How much the server's resident memory grew while people spoke. May be negative.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Grown {
    /// Since the first word.
    pub(crate) after_s: f64,
    pub(crate) bytes: i64,
}

/// Warms the server with a small crowd that leaves again, and reads it once it is settled.
pub(super) async fn of_empty(common: &Arc<Common>, pid: u32) -> Result<u64> {
    eprintln!("  memory: {WARM_VIEWERS} viewers come, hear {WARM_MESSAGES} messages and leave");
    let viewers = WARM_VIEWERS.min(common.plan.viewers);
    let (audience, _) = audience::join(common, viewers).await?;
    let mut writer = Writer::open(common.clone(), 0).await?;
    writer.say_all(WARM_MESSAGES).await?;
    audience.leave().await?;
    drop(writer);
    // Until then whoever left still counts as here, and is kept.
    let at_least = limits::REJOIN_GRACE + Duration::from_secs(2);
    process::settled(pid, at_least, STILL_BYTES).await
}

/// Reads the server once it is settled with everybody there.
pub(super) async fn of_joined(common: &Common, empty_bytes: u64) -> Result<Memory> {
    let pid = (common.plan.server_pid).context("--memory needs --server-pid")?;
    let joined_bytes = process::settled(pid, Duration::from_secs(3), STILL_BYTES).await?;
    Ok(Memory {
        empty_bytes,
        joined_bytes,
    })
}

/// Waits for the moment when the growth under a talk that begins now is read. Nothing where the talk is shorter.
pub(super) async fn of_talk(
    pid: Option<u32>,
    joined: Option<Memory>,
    talk: Duration,
) -> Result<Option<Grown>> {
    let Some((pid, joined)) = pid.zip(joined).filter(|_| talk > GROWN_AFTER) else {
        return Ok(None);
    };
    time::sleep(GROWN_AFTER).await;
    let bytes = process::cost(pid)?.rss_bytes.cast_signed() - joined.joined_bytes.cast_signed();
    Ok(Some(Grown {
        after_s: GROWN_AFTER.as_secs_f64(),
        bytes,
    }))
}
