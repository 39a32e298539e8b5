//! All viewers of a run: the storm in which they come, and the end, when each must have everything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time,
};

use super::{
    Common,
    sight::{Sight, Tally},
    spoken::Spoken,
    viewer::Viewer,
};
use crate::report;

/// A viewer at work: how far it has seen, and what it will tell in the end.
struct Watching {
    seen: Arc<AtomicU64>,
    task: JoinHandle<Result<Sight>>,
}

pub(super) struct Audience {
    watching: Vec<Watching>,
    leave: watch::Sender<bool>,
}

/// What all viewers together saw, and each of them.
pub(super) struct Seen {
    pub(super) tally: Tally,
    pub(super) viewers: Vec<Sight>,
}

/// What viewers heard because of the joins of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WhileJoining {
    /// Of all frames but the answers to joins.
    pub(crate) bytes: u64,
    /// How long all viewers together had been in.
    pub(crate) viewer_seconds: f64,
}

impl WhileJoining {
    pub(super) fn of(seen: &Seen, until_us: u64) -> Self {
        let inside_us: u64 = seen.viewers.iter().map(|it| it.inside_us(until_us)).sum();
        Self {
            bytes: seen.tally.while_joining_bytes,
            viewer_seconds: Duration::from_micros(inside_us).as_secs_f64(),
        }
    }

    pub(crate) fn bytes_per_viewer_s(self) -> f64 {
        self.bytes as f64 / self.viewer_seconds.max(f64::EPSILON)
    }
}

/// Lets `viewers` in at the planned rate and waits until all have their first snapshot. The histogram is
/// from the moment each was meant to connect.
pub(super) async fn join(
    common: &Arc<Common>,
    viewers: usize,
) -> Result<(Audience, Histogram<u64>)> {
    let (joined, mut all_joined) = mpsc::channel(viewers.max(1));
    let (leave, leaving) = watch::channel(false);
    let mut watching = Vec::with_capacity(viewers);
    let begin = Instant::now();
    let mut told = begin;
    for n in 0..viewers {
        let due = begin + Duration::from_secs_f64(n as f64 / common.plan.join_rate);
        time::sleep_until(due.into()).await;
        let seen = Arc::new(AtomicU64::new(0));
        let viewer = Viewer::new(common.clone(), n, due, seen.clone());
        let task = tokio::spawn(viewer.watch(joined.clone(), leaving.clone()));
        watching.push(Watching { seen, task });
        if told.elapsed() >= Duration::from_secs(2) {
            told = Instant::now();
            let inside = joined.max_capacity() - joined.capacity();
            eprintln!("  {inside} of {viewers} viewers have joined");
        }
    }
    drop(joined);
    let mut latency = report::histogram();
    for n in 0..viewers {
        let Some(took) = all_joined.recv().await else {
            // Those who are in would watch on, and nobody would hear why the others are not.
            let _ = leave.send(true);
            let why = first_failure(watching).await;
            anyhow::bail!("only {n} of {viewers} viewers could join: {why}");
        };
        latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
    if viewers > 0 {
        eprintln!(
            "  {viewers} viewers have joined in {:.1} s",
            begin.elapsed().as_secs_f64()
        );
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

impl Audience {
    /// Waits until every viewer has what was acknowledged in its room, and adds up what they saw.
    pub(super) async fn settle(self, common: &Common, spoken: &Spoken) -> Result<Seen> {
        let deadline = Instant::now() + common.plan.settle_within();
        let target = |n: usize| spoken.last(&common.room(n));
        let behind = |(n, it): (usize, &Watching)| {
            it.seen.load(Ordering::Relaxed) < target(n) && !it.task.is_finished()
        };
        while Instant::now() < deadline && self.watching.iter().enumerate().any(behind) {
            time::sleep(Duration::from_millis(20)).await;
        }
        let lost = (self.watching.iter().enumerate())
            .map(|(n, it)| target(n).saturating_sub(it.seen.load(Ordering::Relaxed)))
            .sum();
        let mut tally = Tally::new();
        let viewers = self.leave().await?;
        for viewer in &viewers {
            tally.add(&viewer.tally);
        }
        tally.lost = lost;
        Ok(Seen { tally, viewers })
    }

    /// Lets everybody go.
    pub(super) async fn leave(self) -> Result<Vec<Sight>> {
        // Viewers that ended early keep no receiver; the others hear it.
        let _ = self.leave.send(true);
        let mut viewers = Vec::with_capacity(self.watching.len());
        for it in self.watching {
            viewers.push(it.task.await.context("a viewer died")??);
        }
        Ok(viewers)
    }
}
