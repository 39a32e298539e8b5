//! Viewers by WHEP that measure without decoding: a real ICE check, a real DTLS handshake, real SRTP, by UDP
//! or by TCP.
//!
//! Each viewer counts every packet, follows the sequence numbers of both tracks, says by RTCP what a
//! browser says ([`feedback`]), tells which pictures it could show ([`shown`]) and when they stood still
//! ([`freezes`]), and decrypts and authenticates a share of the packets. Once, it asks for a packet that it
//! has, and expects it repeated: NACK is proven, not believed. The moments of the first packet, the first
//! keyframe and the first picture are measured from the POST.

mod feedback;
mod freezes;
mod held;
mod peer;
mod shown;
mod tally;
mod tell;
mod tracks;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::{sync::watch, time};

use crate::{
    media::{self, Identity, Transport},
    process::{self, Cost, Memory},
    report::Verdict,
    tokens,
};
use tally::Tally;

/// Viewers that come and leave before memory is read.
const WARM_VIEWERS: usize = 10;
/// Longer than a viewer's own patience with its connection.
const IN_WITHIN: Duration = Duration::from_secs(30);
const TELLS_EVERY: Duration = Duration::from_secs(5);
/// How often the generator looks whether it runs when it should.
const LOOKS_EVERY: Duration = Duration::from_millis(20);
/// What the threads of the server are called that connect viewers and send to them. Another server has none.
const MEDIA_THREADS: &str = "view-";
/// Media flows while memory is read, so that it never stands quite still.
const STILL_BYTES: u64 = 256 * 1024;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// The room's slug.
    #[arg(long, default_value = "lobby")]
    room: String,
    /// Viewers in all.
    #[arg(long, default_value_t = 10)]
    viewers: usize,
    /// Viewers that connect per second.
    #[arg(long, default_value_t = 50.0)]
    join_rate: f64,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before them that do not, from when everybody has media.
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// A file with one token a line; without it viewers come as guests without a token.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// One packet in so many is decrypted and authenticated.
    #[arg(long, default_value_t = 16)]
    verify: u64,
    /// The server's process: its CPU time is read from /proc.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Measure the server's memory per viewer (adds about 20 seconds; needs --server-pid).
    ///
    /// Counted is the growth of VmRSS, all of the process, from "settled, published, nobody watches"
    /// to "settled and all watching", divided by the viewers. One-time costs are no viewer's: ten
    /// viewers come and leave before the first reading. Settled means: within 256 KiB for three seconds.
    #[arg(long, requires = "server_pid")]
    memory: bool,
    /// Connect again when the server was killed or restarted under the stream.
    ///
    /// Within each connection every packet is still checked; how long the picture was away is told.
    #[arg(long)]
    through_restarts: bool,
    /// Send and receive media through this address, at which a bad line stands before the server.
    ///
    /// `weiquan-loadtest impair --udp --to` its media port makes one. Every packet of the picture must come
    /// all the same, by NACK; sound that comes too late to be heard is told and is no fault.
    #[arg(long)]
    through: Option<SocketAddr>,
    /// Send and receive media by TCP (RFC 6544), as a browser does whose network blocks UDP.
    ///
    /// The connection goes to the media port that the answer names. Everything is held as by UDP.
    #[arg(long)]
    tcp: bool,
    /// Watch this mountpoint of a Janus whose API is at --server instead, by its streaming plugin.
    ///
    /// Its payload types are 108 for H264 and 111 for Opus. What Janus costs is then told like ours.
    #[arg(long, value_name = "ID", conflicts_with_all = ["tokens", "through", "through_restarts", "tcp"])]
    janus: Option<u64>,
    /// Say each second that the line takes so much (REMB), in kbit/s; without it nothing is said of it.
    #[arg(long, value_name = "KBPS")]
    remb: Option<u32>,
    /// Write the whole report as JSON here.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Plan {
    const fn transport(&self) -> Transport {
        match self.tcp {
            true => Transport::Tcp,
            false => Transport::Udp,
        }
    }
}

/// What the viewers share.
struct Common {
    plan: Plan,
    tokens: Vec<String>,
    http: reqwest::Client,
    identity: Arc<Identity>,
    counting: AtomicBool,
    /// Viewers that have media.
    watching: AtomicU64,
    packets: AtomicU64,
}

/// What the server cost until the counted seconds, in them, and in memory.
struct Costs {
    join_cpu_s: Option<f64>,
    cpu_s: Option<f64>,
    /// The same of the media threads alone: without HTTP and what the room does.
    media_join_cpu_s: Option<f64>,
    media_cpu_s: Option<f64>,
    memory: Option<Memory>,
    own_cpu_s: f64,
    /// The longest time for which the generator did not run though it should have.
    held_up: Duration,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    ensure!(plan.verify >= 1, "--verify is at least 1");
    ensure!(plan.join_rate > 0.0, "--join-rate is more than 0");
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
        http: media::http()?,
        identity: Arc::new(Identity::make()?),
        counting: AtomicBool::new(false),
        watching: AtomicU64::new(0),
        packets: AtomicU64::new(0),
        plan: plan.clone(),
    });
    // Across a restart the process is another one: its costs would be of two.
    let pid = plan.server_pid.filter(|_| !plan.through_restarts);
    let cost = || pid.map(process::cost).transpose();
    let media = || match pid {
        Some(pid) => process::threads_cpu_s(pid, MEDIA_THREADS),
        None => Ok(None),
    };
    let empty_bytes = match pid.filter(|_| plan.memory) {
        Some(pid) => Some(of_empty(&common, pid).await?),
        None => None,
    };
    let (empty, media_empty) = (cost()?, media()?);
    let audience = Audience::join(&common, plan.viewers).await;
    audience.all_in(&common).await;
    time::sleep(Duration::from_secs_f64(plan.warmup)).await;
    let (before, media_before) = (cost()?, media()?);
    let own_before = process::own_cpu_s();
    common.counting.store(true, Ordering::Relaxed);
    let held_up = progress(&common).await;
    common.counting.store(false, Ordering::Relaxed);
    let (after, media_after) = (cost()?, media()?);
    let own_cpu_s = process::own_cpu_s() - own_before;
    let memory = match empty_bytes.zip(pid) {
        Some((empty_bytes, pid)) => Some(Memory {
            empty_bytes,
            joined_bytes: process::settled(pid, Duration::ZERO, STILL_BYTES).await?,
        }),
        None => None,
    };
    let (total, failed) = audience.leave().await?;
    let between = |from: Option<Cost>, to: Option<Cost>| Some(to?.cpu_s - from?.cpu_s);
    let costs = Costs {
        join_cpu_s: between(empty, before),
        cpu_s: between(before, after),
        media_join_cpu_s: media_before.zip(media_empty).map(|(to, from)| to - from),
        media_cpu_s: media_after.zip(media_before).map(|(to, from)| to - from),
        memory,
        own_cpu_s,
        held_up,
    };
    tell::tell(&plan, &total, &failed, &costs)
}

async fn of_empty(common: &Arc<Common>, pid: u32) -> Result<u64> {
    eprintln!("  memory: {WARM_VIEWERS} viewers come and leave");
    let audience = Audience::join(common, WARM_VIEWERS.min(common.plan.viewers)).await;
    audience.all_in(common).await;
    let (_, failed) = audience.leave().await?;
    ensure!(failed.is_empty(), "a viewer failed: {}", failed[0]);
    process::settled(pid, Duration::from_secs(12), STILL_BYTES).await
}

struct Audience {
    tasks: Vec<tokio::task::JoinHandle<Result<Tally>>>,
    leave: watch::Sender<bool>,
}

impl Audience {
    /// Lets viewers in at the planned rate.
    async fn join(common: &Arc<Common>, viewers: usize) -> Self {
        let (leave, leaving) = watch::channel(false);
        let begin = time::Instant::now();
        let mut tasks = Vec::with_capacity(viewers);
        for n in 0..viewers {
            let due = Duration::from_secs_f64(n as f64 / common.plan.join_rate);
            time::sleep_until(begin + due).await;
            tasks.push(tokio::spawn(peer::view(common.clone(), n, leaving.clone())));
        }
        Self { tasks, leave }
    }

    /// Waits until each viewer has media or has failed: whoever still connects while others are counted
    /// would be counted with them.
    async fn all_in(&self, common: &Common) {
        let deadline = time::Instant::now() + IN_WITHIN;
        while time::Instant::now() < deadline {
            let failed = self.tasks.iter().filter(|it| it.is_finished()).count();
            let inside = common.watching.load(Ordering::Relaxed) as usize;
            if inside + failed >= self.tasks.len() {
                return;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets everybody go: what they saw, and why some could not.
    async fn leave(self) -> Result<(Tally, Vec<String>)> {
        // Viewers that failed keep no receiver; their error is told.
        let _ = self.leave.send(true);
        let (mut total, mut failed) = (Tally::new(), Vec::new());
        for task in self.tasks {
            match task.await.context("a viewer died")? {
                Ok(tally) => total.add(&tally),
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
        Ok((total, failed))
    }
}

/// Lets the counted seconds pass and tells how it goes. Answers with the longest time for which this
/// process itself was held up meanwhile: what its viewers saw then is none of the server's doing.
async fn progress(common: &Common) -> Duration {
    let seconds = common.plan.seconds;
    let begin = time::Instant::now();
    let end = begin + Duration::from_secs_f64(seconds);
    let mut heard = common.packets.load(Ordering::Relaxed);
    let (mut told, mut held_up) = (begin, Duration::ZERO);
    while time::Instant::now() < end {
        let due = end.min(time::Instant::now() + LOOKS_EVERY);
        time::sleep_until(due).await;
        held_up = held_up.max(due.elapsed());
        if told.elapsed() < TELLS_EVERY && time::Instant::now() < end {
            continue;
        }
        let packets = common.packets.load(Ordering::Relaxed);
        let rate = (packets - heard) as f64 / told.elapsed().as_secs_f64();
        (heard, told) = (packets, time::Instant::now());
        eprintln!(
            "  {:.0} s of {seconds:.0} s: {} of {} viewers have media, {rate:.0} packets a second",
            begin.elapsed().as_secs_f64(),
            common.watching.load(Ordering::Relaxed),
            common.plan.viewers,
        );
    }
    held_up
}
