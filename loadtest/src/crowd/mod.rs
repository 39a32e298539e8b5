//! A crowd in a room: viewers that check every delivery, writers that speak on time.

mod viewer;
mod wire;
mod writer;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time,
};

use crate::{
    process,
    report::{self, Verdict},
    tokens,
};
pub(crate) use viewer::Tally;
use viewer::Viewer;
pub(crate) use writer::Spoken;
use writer::Writer;

/// Which server is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// weiquan: hello, join, acknowledged messages.
    Weiquan,
    /// A plain relay that sends every text to all who opened `/r/<room>`: for comparing fan-outs. The
    /// writers send it the very frames that weiquan would make.
    Relay,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) server: SocketAddr,
    /// The room's slug; with --rooms, slug-1 … slug-N.
    #[arg(long, default_value = "lobby")]
    pub(crate) room: String,
    /// How many rooms; viewers and writers are spread evenly.
    #[arg(long, default_value_t = 1)]
    pub(crate) rooms: usize,
    /// Viewers in all.
    #[arg(long, default_value_t = 100)]
    pub(crate) viewers: usize,
    /// Writers in all; they are connections of their own and do not listen.
    #[arg(long, default_value_t = 4)]
    pub(crate) writers: usize,
    /// Messages a second over all writers, at fixed times (open model). 0 with --in-flight: as fast as acks come.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// Closed model: each writer keeps so many messages unacknowledged. 0: open model by --rate.
    #[arg(long, default_value_t = 0)]
    pub(crate) in_flight: usize,
    /// Bytes of a message's text.
    #[arg(long, default_value_t = 90)]
    pub(crate) text_bytes: usize,
    /// Viewers that connect per second (the join storm).
    #[arg(long, default_value_t = 1_000.0)]
    pub(crate) join_rate: f64,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Seconds before them that do not.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,
    /// A file with one token a line: `weiquan token --count N` makes it.
    #[arg(long)]
    pub(crate) tokens: Option<PathBuf>,
    /// The server's process: its CPU time and memory are read from /proc.
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Write the whole report as JSON here.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Dialect::Weiquan)]
    pub(crate) dialect: Dialect,
    /// Write every acknowledged text here, one a line, as it is acknowledged.
    #[arg(long)]
    pub(crate) acked: Option<PathBuf>,
}

/// When the counted part of the run is on.
pub(crate) struct Clock {
    start: Instant,
    counting: AtomicBool,
    over: AtomicBool,
}

impl Clock {
    /// Microseconds since the run began: what stands in the texts.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn counting(&self) -> bool {
        self.counting.load(Ordering::Relaxed)
    }

    pub(crate) fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    ensure!(
        plan.rooms >= 1 && plan.writers >= 1,
        "at least one room and one writer are needed"
    );
    ensure!(
        plan.text_bytes >= 40,
        "--text-bytes is at least 40: a text carries its time"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the generator")?;
    runtime.block_on(crowd(plan))
}

/// What all tasks of a crowd share.
pub(crate) struct Common {
    pub(crate) plan: Plan,
    pub(crate) tokens: Vec<String>,
    pub(crate) clock: Clock,
}

impl Common {
    pub(crate) fn server(&self) -> SocketAddr {
        self.plan.server
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.plan.dialect
    }

    /// The room of viewer or writer number `n`.
    pub(crate) fn room(&self, n: usize) -> String {
        match self.plan.rooms {
            1 => self.plan.room.clone(),
            rooms => format!("{}-{}", self.plan.room, n % rooms + 1),
        }
    }

    pub(crate) fn text_bytes(&self) -> usize {
        self.plan.text_bytes
    }
}

async fn crowd(plan: Plan) -> Result<Verdict> {
    let tokens = match (&plan.tokens, plan.dialect) {
        (Some(path), Dialect::Weiquan) => tokens::read(path, plan.viewers + plan.writers)?,
        (None, Dialect::Weiquan) => {
            anyhow::bail!("--tokens is needed: `weiquan token --count N > tokens`")
        }
        (_, Dialect::Relay) => Vec::new(),
    };
    let common = Arc::new(Common {
        tokens,
        clock: Clock {
            start: Instant::now(),
            counting: AtomicBool::new(false),
            over: AtomicBool::new(false),
        },
        plan: plan.clone(),
    });
    let rss_empty = plan.server_pid.map(process::cost).transpose()?;

    let (viewers, joining) = join(&common).await?;
    let writers = open_writers(&common).await?;
    time::sleep(Duration::from_secs_f64(plan.warmup.min(1.0))).await;
    let rss_joined = plan.server_pid.map(process::cost).transpose()?;

    let speaking: Vec<_> = writers
        .into_iter()
        .map(|it| tokio::spawn(it.speak()))
        .collect();
    time::sleep(Duration::from_secs_f64(plan.warmup)).await;
    let before = plan.server_pid.map(process::cost).transpose()?;
    let own_before = process::own_cpu_s();
    common.clock.counting.store(true, Ordering::Relaxed);
    progress(&common, plan.seconds).await;
    common.clock.counting.store(false, Ordering::Relaxed);
    let after = plan.server_pid.map(process::cost).transpose()?;
    let own_cpu_s = process::own_cpu_s() - own_before;
    common.clock.over.store(true, Ordering::Relaxed);

    let mut spoken = Spoken::new();
    for writer in speaking {
        spoken.add(writer.await.context("a writer died")??);
    }
    let tally = settle(&common, viewers, &spoken).await?;
    report::crowd(&report::Crowd {
        plan: &plan,
        tally: &tally,
        spoken: &spoken,
        joining: &joining,
        rss_empty,
        rss_joined,
        before,
        after,
        own_cpu_s,
    })
}

/// A viewer at work: how far it has seen, and what it will tell in the end.
struct Watching {
    seen: Arc<AtomicU64>,
    task: JoinHandle<Result<Tally>>,
}

struct Audience {
    watching: Vec<Watching>,
    leave: watch::Sender<bool>,
}

/// Lets every viewer in at the given rate and waits until all have their first snapshot.
async fn join(common: &Arc<Common>) -> Result<(Audience, Histogram<u64>)> {
    let (joined, mut all_joined) = mpsc::channel(1_024);
    let (leave, leaving) = watch::channel(false);
    let mut watching = Vec::with_capacity(common.plan.viewers);
    let begin = Instant::now();
    for n in 0..common.plan.viewers {
        let due = begin + Duration::from_secs_f64(n as f64 / common.plan.join_rate);
        time::sleep_until(due.into()).await;
        let seen = Arc::new(AtomicU64::new(0));
        let viewer = Viewer::new(common.clone(), n, due, seen.clone());
        let task = tokio::spawn(viewer.watch(joined.clone(), leaving.clone()));
        watching.push(Watching { seen, task });
    }
    drop(joined);
    let mut latency = report::histogram();
    for n in 0..common.plan.viewers {
        let Some(took) = all_joined.recv().await else {
            let why = first_failure(watching).await;
            anyhow::bail!(
                "only {n} of {} viewers could join: {why}",
                common.plan.viewers
            );
        };
        latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
    Ok((Audience { watching, leave }, latency))
}

async fn first_failure(watching: Vec<Watching>) -> String {
    for it in watching {
        if let Ok(Err(error)) = it.task.await {
            return format!("{error:#}");
        }
    }
    "no reason was given".into()
}

async fn open_writers(common: &Arc<Common>) -> Result<Vec<Writer>> {
    let mut writers = Vec::new();
    for n in 0..common.plan.writers {
        writers.push(Writer::open(common.clone(), n).await?);
    }
    Ok(writers)
}

async fn progress(common: &Common, seconds: f64) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        time::sleep(left.min(Duration::from_secs(5))).await;
        eprintln!(
            "  {} viewers, {:.0} s of {seconds:.0} s",
            common.plan.viewers,
            seconds - end.saturating_duration_since(Instant::now()).as_secs_f64(),
        );
    }
}

/// Waits until every viewer has what was acknowledged in its room, and adds up what they saw.
async fn settle(common: &Common, audience: Audience, spoken: &Spoken) -> Result<Tally> {
    const SETTLE_WITHIN: Duration = Duration::from_secs(20);
    let deadline = Instant::now() + SETTLE_WITHIN;
    let targets = spoken.last_by_room();
    let behind = |n: usize, it: &Watching| {
        let target = targets.get(&common.room(n)).copied().unwrap_or(0);
        it.seen.load(Ordering::Relaxed) < target && !it.task.is_finished()
    };
    while Instant::now() < deadline
        && audience
            .watching
            .iter()
            .enumerate()
            .any(|(n, it)| behind(n, it))
    {
        time::sleep(Duration::from_millis(20)).await;
    }
    let mut total = Tally::new();
    for (n, it) in audience.watching.iter().enumerate() {
        let target = targets.get(&common.room(n)).copied().unwrap_or(0);
        total.lost += target.saturating_sub(it.seen.load(Ordering::Relaxed));
    }
    // Viewers that ended early keep no receiver; the others hear it.
    let _ = audience.leave.send(true);
    for it in audience.watching {
        total.add(&it.task.await.context("a viewer died")??);
    }
    Ok(total)
}
