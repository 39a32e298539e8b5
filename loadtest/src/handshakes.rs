//! What a new TLS connection costs a server: the whole of it, from accepting the socket to closing it,
//! and nothing asked for in between. Every handshake is a full one.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time,
};

use crate::{
    door::Door,
    process,
    report::{self, Verdict},
};

/// They touch code that was never run, which no later one pays for.
const WARM: usize = 200;
/// One line, from connecting to its end.
const LINE_WITHIN: Duration = Duration::from_secs(20);

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// PEM: the one certificate that is trusted.
    #[arg(long)]
    tls_ca: PathBuf,
    /// The server's process: its CPU time is read from /proc.
    #[arg(long)]
    server_pid: u32,
    /// Handshakes that count.
    #[arg(long, default_value_t = 4_000)]
    count: usize,
    /// Lines at the same time.
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// Write the whole report as JSON here.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What all lines together found.
struct Found {
    took_us: Histogram<u64>,
    /// By version and suite.
    agreed: BTreeMap<String, usize>,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    ensure!(
        plan.count > 0 && plan.at_once > 0,
        "--count and --at-once are at least 1"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(plan))
}

async fn measure(plan: Plan) -> Result<Verdict> {
    let door = Arc::new(Door::to(plan.server, Some(&plan.tls_ca))?);
    shake(&door, WARM, plan.at_once).await?;
    let before = process::cost(plan.server_pid)?;
    let begin = Instant::now();
    let found = shake(&door, plan.count, plan.at_once).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let spent = process::cost(plan.server_pid)?.cpu_s - before.cpu_s;
    let each_us = spent * 1e6 / plan.count as f64;
    println!(
        "handshakes {} in {seconds:.1} s, {each_us:.1} µs of the server's CPU each; {}",
        plan.count,
        report::line_ms(&found.took_us)
    );
    println!("agreed     {:?}", found.agreed);
    let value = json!({
        "verdict": Verdict::Pass.word(), "count": plan.count, "seconds": seconds,
        "cpu_us_per_handshake": each_us, "server_cpu_s": spent,
        "took_ms": report::quantiles_ms(&found.took_us), "agreed": found.agreed,
    });
    report::write_json(plan.json.as_deref(), &value)?;
    Ok(Verdict::Pass)
}

/// Opens and closes `count` lines, some at a time.
async fn shake(door: &Arc<Door>, count: usize, at_once: usize) -> Result<Found> {
    let left = Arc::new(AtomicUsize::new(count));
    let found = Arc::new(Mutex::new(Found {
        took_us: report::histogram(),
        agreed: BTreeMap::new(),
    }));
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (door, left, found) = (door.clone(), left.clone(), found.clone());
            tokio::spawn(async move {
                let take = |it: usize| it.checked_sub(1);
                while let Ok(n) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                    let one = time::timeout(LINE_WITHIN, one(&door, n)).await;
                    let (took, agreed) = one.context("a line without an end")??;
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found
                        .took_us
                        .saturating_record(u64::try_from(took.as_micros())?);
                    *found.agreed.entry(agreed).or_default() += 1;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for worker in workers {
        worker.await.context("a worker died")??;
    }
    let found = Arc::into_inner(found).context("all workers ended")?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// One line. Its end is waited for: only then has the server looked at the last flight.
async fn one(door: &Door, n: usize) -> Result<(Duration, String)> {
    let begin = Instant::now();
    let mut line = door.open(n).await?;
    let took = begin.elapsed();
    let (version, suite) = line.agreed().context("nothing was agreed on")?;
    line.shutdown().await?;
    let mut rest = Vec::new();
    // Whether the other side says goodbye or just goes is the same to us.
    let _ = line.read_to_end(&mut rest).await;
    Ok((took, format!("{version} {suite}")))
}
