//! Viewers by WHEP that measure without decoding: a real ICE check, a real DTLS handshake, real SRTP.
//!
//! Each viewer counts every packet, follows the sequence numbers of both tracks, asks for what is
//! missing (NACK), and decrypts and authenticates a share of the packets. The moment of the first
//! packet and of the first keyframe is measured from the POST.

mod peer;
mod tracks;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use tokio::{sync::watch, time};

use crate::{
    media::Identity,
    process::{self, Cost},
    report::{self, Verdict},
    tokens,
};
use peer::Peer;
use tracks::Tally;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// The room's slug.
    #[arg(long, default_value = "lobby")]
    room: String,
    #[arg(long, default_value_t = 10)]
    viewers: usize,
    /// Viewers that connect per second.
    #[arg(long, default_value_t = 50.0)]
    join_rate: f64,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before them that do not.
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// A file with one token a line; without it viewers come as guests without a token.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// One packet in so many is decrypted and authenticated.
    #[arg(long, default_value_t = 16)]
    verify: u64,
    /// The server's process: its CPU time and memory are read from /proc.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Write the whole report as JSON here.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What the viewers share.
pub(crate) struct Common {
    pub(crate) plan: Plan,
    pub(crate) tokens: Vec<String>,
    pub(crate) http: reqwest::Client,
    pub(crate) identity: Arc<Identity>,
    pub(crate) counting: AtomicBool,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    ensure!(plan.verify >= 1, "--verify is at least 1");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the generator")?;
    runtime.block_on(watch(plan))
}

async fn watch(plan: Plan) -> Result<Verdict> {
    let tokens = match &plan.tokens {
        Some(path) => tokens::read(path, plan.viewers)?,
        None => Vec::new(),
    };
    let common = Arc::new(Common {
        tokens,
        http: reqwest::Client::new(),
        identity: Arc::new(Identity::make()?),
        counting: AtomicBool::new(false),
        plan: plan.clone(),
    });
    let cost = || plan.server_pid.map(process::cost).transpose();
    let empty = cost()?;
    let (leave, leaving) = watch::channel(false);
    let begin = time::Instant::now();
    let mut tasks = Vec::with_capacity(plan.viewers);
    for n in 0..plan.viewers {
        time::sleep_until(begin + Duration::from_secs_f64(n as f64 / plan.join_rate)).await;
        let (common, leaving) = (common.clone(), leaving.clone());
        tasks.push(tokio::spawn(async move {
            Peer::open(common, n).await?.watch(leaving).await
        }));
    }
    time::sleep(Duration::from_secs_f64(plan.warmup)).await;
    let before = cost()?;
    let own_before = process::own_cpu_s();
    common.counting.store(true, Ordering::Relaxed);
    time::sleep(Duration::from_secs_f64(plan.seconds)).await;
    common.counting.store(false, Ordering::Relaxed);
    let after = cost()?;
    let own_cpu_s = process::own_cpu_s() - own_before;
    // Viewers that failed keep no receiver; their error is told below.
    let _ = leave.send(true);
    let mut total = Tally::new();
    let mut failed = Vec::new();
    for task in tasks {
        match task.await.context("a viewer died")? {
            Ok(tally) => total.add(&tally),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    tell(&plan, &total, &failed, [empty, before, after], own_cpu_s)
}

fn tell(
    plan: &Plan,
    total: &Tally,
    failed: &[String],
    [empty, before, after]: [Option<Cost>; 3],
    own_cpu_s: f64,
) -> Result<Verdict> {
    let spent = after
        .zip(before)
        .map(|(after, before)| after.cpu_s - before.cpu_s);
    let joined = before
        .zip(empty)
        .map(|(before, empty)| before.cpu_s - empty.cpu_s);
    let per_packet = spent
        .filter(|_| total.counted > 0)
        .map(|it| it * 1e6 / total.counted as f64);
    let kib = after
        .zip(empty)
        .map(|(after, empty)| after.rss_bytes.saturating_sub(empty.rss_bytes) as f64 / 1024.0);
    let per_viewer = |it: f64| it / plan.viewers.max(1) as f64;
    let good = failed.is_empty() && total.whole() && total.counted > 0;
    let verdict = if good { Verdict::Pass } else { Verdict::Fail };
    println!("viewers {} by WHEP, {:.0} s", plan.viewers, plan.seconds);
    println!("first   packet {}", report::line_ms(&total.first_packet_us));
    println!(
        "        keyframe {}",
        report::line_ms(&total.first_keyframe_us)
    );
    println!(
        "heard   {} packets ({:.0}/s), {} verified, {} sender reports, cipher {}",
        total.packets,
        total.counted as f64 / plan.seconds,
        total.verified,
        total.sender_reports,
        total.cipher.unwrap_or("none"),
    );
    println!(
        "proof   {} missing, {} asked again, {} came again, {} not authentic, {} failed",
        total.missing,
        total.nacked,
        total.retransmitted,
        total.forged,
        failed.len()
    );
    for why in failed.iter().take(3) {
        println!("        {why}");
    }
    if let Some(spent) = spent {
        let per = per_packet.map_or("–".into(), |it| format!("{it:.2} µs a packet"));
        println!(
            "server  {spent:.2} s of CPU ({:.0} % of a core), {per}",
            spent / plan.seconds * 100.0
        );
    }
    if let Some(kib) = kib {
        println!("memory  {:.1} KiB a viewer", per_viewer(kib));
    }
    println!("{}", verdict.word());
    report::write_json(
        plan.json.as_deref(),
        &json!({
            "verdict": verdict.word(), "viewers": plan.viewers, "seconds": plan.seconds,
            "first_packet_ms": report::quantiles_ms(&total.first_packet_us),
            "first_keyframe_ms": report::quantiles_ms(&total.first_keyframe_us),
            "packets": total.packets, "packets_per_s": total.counted as f64 / plan.seconds,
            "verified": total.verified, "missing": total.missing, "nacked": total.nacked,
            "retransmitted": total.retransmitted, "forged": total.forged,
            "sender_reports": total.sender_reports, "cipher": total.cipher,
            "failed": failed, "server_cpu_s": spent, "cpu_us_per_packet": per_packet,
            "connect_cpu_ms": joined.map(|it| per_viewer(it * 1e3)),
            "rss_kib_per_viewer": kib.map(per_viewer), "own_cpu_s": own_cpu_s,
        }),
    )?;
    Ok(verdict)
}
