//! A crowd in a room: viewers that check every delivery, writers that speak on time.
//!
//! The run has four parts: the join storm, a warm-up, the counted seconds, and a proof in which every
//! viewer must reach what was acknowledged. With `--through-restarts` a cut line comes back and resumes
//! as the SDKs do, writers say again what was not acknowledged, and the whole history is read in the end
//! and held against every acknowledgement and against what each viewer saw.

mod audience;
mod clock;
mod enter;
mod history;
mod memory;
mod sight;
mod spoken;
mod stalled;
mod viewer;
mod wire;
mod writer;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use tokio::time;

use crate::{
    door::Door,
    process,
    report::{self, Verdict},
    tokens,
};
pub(crate) use audience::WhileJoining;
use clock::Clock;
pub(crate) use history::Proof;
pub(crate) use memory::Grown;
pub(crate) use sight::Tally;
pub(crate) use spoken::Spoken;
pub(crate) use stalled::Fates;
use writer::Writer;

/// What stands before the intended time of sending in every text, microseconds since 1970: whoever reads it on this
/// machine, another generator too, knows how old it is.
const STAMP: &[u8] = b"wq@";
/// How much longer than its stall a talk lasts: the buffers must fill first.
const STALL_FILLS_S: f64 = 3.0;
/// How long --presence hears on after the last join: counts are told once a second.
const PRESENCE_TAIL: Duration = Duration::from_secs(2);

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
    /// Speak TLS (wss) and trust this one certificate, a PEM file; no session is resumed.
    #[arg(long)]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The room's slug; with --rooms, slug-1 … slug-N.
    #[arg(long, default_value = "lobby")]
    pub(crate) room: String,
    /// How many rooms; viewers and writers are spread evenly.
    #[arg(long, default_value_t = 1)]
    pub(crate) rooms: usize,
    /// Viewers in all. Towards a loopback server each 3,000 come from an address of their own (127.0.0.1, .2 …).
    #[arg(long, default_value_t = 100)]
    pub(crate) viewers: usize,
    /// Writers in all; they are connections of their own and do not listen.
    #[arg(long, default_value_t = 4)]
    pub(crate) writers: usize,
    /// Further viewers that take nothing once they have joined, on a server of this machine.
    ///
    /// They keep their sockets open and read nothing, with a receive buffer of 64 KiB, as a phone opens one. What they
    /// should have had counts nowhere. Every 250 ms the server's end of their sockets is looked at (`ss`): what the
    /// kernel holds there is reported, and how the server closed each. One that is left open, or closed with a code
    /// that says not to come back, fails the run.
    #[arg(long, default_value_t = 0)]
    pub(crate) stalled: usize,
    /// Seconds that a stalled viewer's queue stands before it takes everything again, to hear how it was closed.
    ///
    /// weiquan closes a socket that took nothing for 15 s, looks for such once a second, and gives its goodbye 2 s
    /// to be heard: whoever listens between 16 and 17 s hears it. (On a busy machine that look may come a quarter of a
    /// second late, and ours is as far apart.)
    #[arg(long, default_value_t = 16.6)]
    pub(crate) stall_seconds: f64,
    /// Messages a second over all writers, at fixed times whatever the server does (open model).
    #[arg(long, default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// Closed model: each writer keeps so many messages unacknowledged. 0: open model by --rate.
    #[arg(long, default_value_t = 0)]
    pub(crate) in_flight: usize,
    /// Bytes of a message's text.
    #[arg(long, default_value_t = 90)]
    pub(crate) text_bytes: usize,
    /// A file of chat, one message a line: what is said then, instead of so many bytes.
    #[arg(long)]
    pub(crate) lines: Option<PathBuf>,
    /// Viewers have the dictionary: what is long comes deflated (weiquan only).
    #[arg(long)]
    pub(crate) deflate: bool,
    /// Viewers that connect per second (the join storm).
    #[arg(long, default_value_t = 1_000.0)]
    pub(crate) join_rate: f64,
    /// Count what a viewer hears because of the joins of others: bytes of all frames but its answer, from its join
    /// to 2 s after the last one. The writers come after that.
    #[arg(long)]
    pub(crate) presence: bool,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Seconds of speaking before them that do not.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,
    /// Seconds in which, in the end, everything must be acknowledged and every viewer must have it.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) settle: f64,
    /// A file with one token a line: `weiquan token --count N > tokens` makes it (one per viewer, writer and stalled viewer).
    #[arg(long)]
    pub(crate) tokens: Option<PathBuf>,
    /// The server's process: its CPU time and memory are read from /proc.
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Measure the server's memory per viewer (adds about half a minute; needs --server-pid).
    ///
    /// Counted is the growth of VmRSS, all of the process, from "settled and empty" to "settled and all
    /// joined, nobody speaking", divided by the viewers. One-time costs are no viewer's: before the empty
    /// reading, 50 viewers come, hear 20 messages and leave, and the grace in which they still count as
    /// here passes. Settled means: within 64 KiB for three seconds. Where the talk is longer than 14.5 s, the growth
    /// from "all joined" to then is told as well: what stalls costs, less what the same run costs without.
    #[arg(long, requires = "server_pid")]
    pub(crate) memory: bool,
    /// Go on when the server is killed or restarted under the run (weiquan only).
    ///
    /// Viewers come back and resume from their position; writers come back and say again, under the same
    /// client id, what was not acknowledged. Every delivery is checked across the cut, and in the end the
    /// history is read: each acknowledged message must be there exactly once, and each viewer must have
    /// seen exactly what it holds.
    #[arg(long)]
    pub(crate) through_restarts: bool,
    /// Read the history in the end and compare it, also without --through-restarts.
    #[arg(long)]
    pub(crate) check_history: bool,
    /// Write the whole report as JSON here.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// What the server speaks.
    #[arg(long, value_enum, default_value_t = Dialect::Weiquan)]
    pub(crate) dialect: Dialect,
    /// Write every acknowledged text here, one a line, as it is acknowledged.
    #[arg(long)]
    pub(crate) acked: Option<PathBuf>,
}

impl Plan {
    fn check(&self) -> Result<()> {
        ensure!(
            self.rooms >= 1 && self.writers >= 1,
            "at least one room and one writer are needed"
        );
        ensure!(
            self.text_bytes >= 40,
            "--text-bytes is at least 40: a text carries its time"
        );
        ensure!(
            self.in_flight > 0 || self.rate > 0.0,
            "--rate is more than 0"
        );
        ensure!(self.join_rate > 0.0, "--join-rate is more than 0");
        ensure!(
            self.dialect == Dialect::Weiquan
                || !(self.reads_history() || self.in_flight > 0 || self.deflate),
            "a relay has no acks, no positions, no history, and deflates nothing"
        );
        ensure!(
            self.dialect == Dialect::Weiquan || !(self.presence || self.stalled > 0),
            "a relay knows nobody and closes nobody: neither --presence nor --stalled"
        );
        ensure!(
            self.stalled == 0 || self.server.ip().is_loopback(),
            "--stalled looks at the server's sockets: it must be on this machine"
        );
        ensure!(
            self.stalled == 0 || !self.through_restarts,
            "who stalls does not come back: --stalled without --through-restarts"
        );
        ensure!(
            self.stalled == 0 || self.talk().as_secs_f64() >= self.stall_seconds + STALL_FILLS_S,
            "--stalled needs a talk (--warmup and --seconds) of {} s or more",
            self.stall_seconds + STALL_FILLS_S
        );
        ensure!(
            self.tls_ca.is_none() || !self.reads_history(),
            "the history is read by plain HTTP: not with --tls-ca"
        );
        Ok(())
    }

    pub(crate) fn reads_history(&self) -> bool {
        self.check_history || self.through_restarts
    }

    /// How long there is speaking.
    fn talk(&self) -> Duration {
        Duration::from_secs_f64(self.warmup + self.seconds)
    }

    /// How long an unacknowledged message or a viewer that is behind is waited for in the end.
    fn settle_within(&self) -> Duration {
        Duration::from_secs_f64(self.settle)
    }
}

/// What the progress lines tell.
#[derive(Default)]
struct Live {
    delivered: AtomicU64,
    acked: AtomicU64,
    cuts: AtomicU64,
}

/// What all tasks of a crowd share.
struct Common {
    plan: Plan,
    door: Door,
    tokens: Vec<String>,
    /// What is said, in turns; empty where it is padding.
    lines: Vec<String>,
    clock: Clock,
    live: Live,
}

impl Common {
    /// The room of viewer or writer number `n`.
    fn room(&self, n: usize) -> String {
        match self.plan.rooms {
            1 => self.plan.room.clone(),
            rooms => format!("{}-{}", self.plan.room, n % rooms + 1),
        }
    }
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    plan.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the generator")?;
    runtime.block_on(crowd(plan))
}

async fn crowd(plan: Plan) -> Result<Verdict> {
    let tokens = match (&plan.tokens, plan.dialect) {
        (Some(path), Dialect::Weiquan) => {
            tokens::read(path, plan.viewers + plan.writers + plan.stalled)?
        }
        (None, Dialect::Weiquan) => {
            anyhow::bail!("--tokens is needed: `weiquan token --count N > tokens`")
        }
        (_, Dialect::Relay) => Vec::new(),
    };
    let common = Arc::new(Common {
        door: Door::to(plan.server, plan.tls_ca.as_deref())?,
        tokens,
        lines: spoken::lines(plan.lines.as_deref())?,
        clock: Clock::new(),
        live: Live::default(),
        plan: plan.clone(),
    });
    let empty = match plan.server_pid.filter(|_| plan.memory) {
        Some(pid) => Some(memory::of_empty(&common, pid).await?),
        None => None,
    };
    common.clock.joining.store(plan.presence, Ordering::Relaxed);
    let (audience, joining) = audience::join(&common, plan.viewers).await?;
    let heard_until_us = match plan.presence {
        true => {
            time::sleep(PRESENCE_TAIL).await;
            common.clock.joining.store(false, Ordering::Relaxed);
            Some(common.clock.now_us())
        }
        false => None,
    };
    let stalled = stalled::StalledViewers::join(&common).await?;
    let mut writers = Vec::with_capacity(plan.writers);
    for n in 0..plan.writers {
        writers.push(Writer::open(common.clone(), n).await?);
    }
    let memory = match empty {
        Some(empty) => Some(memory::of_joined(&common, empty).await?),
        None => None,
    };

    let grown = tokio::spawn(memory::of_talk(plan.server_pid, memory, plan.talk()));
    let stalled = tokio::spawn(stalled.watch());
    let speaking: Vec<_> = writers
        .into_iter()
        .map(|it| tokio::spawn(it.speak()))
        .collect();
    time::sleep(Duration::from_secs_f64(plan.warmup)).await;
    // Across a restart the process is another one: its costs would be of two.
    let pid = plan.server_pid.filter(|_| !plan.through_restarts);
    let before = pid.map(process::cost).transpose()?;
    let own_before = process::own_cpu_s();
    common.clock.counting.store(true, Ordering::Relaxed);
    progress(&common).await;
    common.clock.counting.store(false, Ordering::Relaxed);
    let after = pid.map(process::cost).transpose()?;
    let own_cpu_s = process::own_cpu_s() - own_before;
    common.clock.over.store(true, Ordering::Relaxed);

    let mut spoken = Spoken::new();
    for writer in speaking {
        spoken.add(writer.await.context("a writer died")??);
    }
    eprintln!("  all said; every viewer must reach the last acknowledged message");
    let stalled = stalled.await.context("who watches the stalled died")??;
    let grown = grown.await.context("who reads the memory died")??;
    let seen = audience.settle(&common, &spoken).await?;
    let proof = match plan.reads_history() {
        true => Some(history::prove(&common, &spoken, &seen.viewers).await?),
        false => None,
    };
    report::crowd(&report::Crowd {
        plan: &plan,
        tally: &seen.tally,
        spoken: &spoken,
        proof: proof.as_ref(),
        joining: &joining,
        while_joining: heard_until_us.map(|it| WhileJoining::of(&seen, it)),
        stalled: (plan.stalled > 0).then_some(&stalled),
        memory,
        grown,
        server_cpu_s: after.zip(before).map(|(to, from)| to.cpu_s - from.cpu_s),
        own_cpu_s,
    })
}

/// Lets the counted seconds pass and tells how it goes.
async fn progress(common: &Common) {
    let live = &common.live;
    let seconds = common.plan.seconds;
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds);
    let mut heard = live.delivered.load(Ordering::Relaxed);
    let mut told = begin;
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        time::sleep(left.min(Duration::from_secs(5))).await;
        let delivered = live.delivered.load(Ordering::Relaxed);
        let rate = (delivered - heard) as f64 / told.elapsed().as_secs_f64();
        (heard, told) = (delivered, Instant::now());
        let cuts = match live.cuts.load(Ordering::Relaxed) {
            0 => String::new(),
            cuts => format!(", {cuts} lines cut"),
        };
        eprintln!(
            "  {:.0} s of {seconds:.0} s: {} acknowledged, {rate:.0} deliveries a second{cuts}",
            begin.elapsed().as_secs_f64(),
            live.acked.load(Ordering::Relaxed),
        );
    }
}
