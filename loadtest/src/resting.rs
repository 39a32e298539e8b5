//! What a server holds while nobody does anything: its resident memory, once that stands still.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::{
    process,
    report::{self, Verdict},
};

const STILL_BYTES: u64 = 64 * 1024;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// The process.
    #[arg(long)]
    server_pid: u32,
    /// Not before so many seconds have passed.
    #[arg(long, default_value_t = 10.0)]
    at_least: f64,
    /// Write the report as JSON here.
    #[arg(long)]
    json: Option<PathBuf>,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let at_least = Duration::from_secs_f64(plan.at_least);
    let bytes = runtime.block_on(process::settled(plan.server_pid, at_least, STILL_BYTES))?;
    let cpu_s = process::cost(plan.server_pid)?.cpu_s;
    println!(
        "resting {} KiB resident, {cpu_s:.2} s of CPU so far",
        bytes / 1024
    );
    let value = json!({ "verdict": Verdict::Pass.word(), "rss_bytes": bytes, "cpu_s": cpu_s });
    report::write_json(plan.json.as_deref(), &value)?;
    Ok(Verdict::Pass)
}
