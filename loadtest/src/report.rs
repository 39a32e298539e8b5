//! What a run is told as: a page a person reads, a JSON object a program reads, and a verdict.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    crowd::{Fates, Grown, Plan, Proof, Spoken, Tally, WhileJoining},
    process::Memory,
};

/// How a run ended; the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every delivery was right.
    Pass,
    /// Something was lost, doubled, out of order or skipped.
    Fail,
    /// The generator itself was too slow: the numbers mean nothing.
    Invalid,
}

impl Verdict {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Invalid => "INVALID",
        }
    }
}

/// Microseconds up to a minute, three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("fixed bounds are good")
}

/// Quantiles of a histogram of microseconds, in milliseconds.
pub(crate) fn quantiles_ms(of: &Histogram<u64>) -> Value {
    let ms = |q: f64| of.value_at_quantile(q) as f64 / 1_000.0;
    json!({ "n": of.len(), "p50": ms(0.5), "p90": ms(0.9), "p99": ms(0.99), "p999": ms(0.999), "max": of.max() as f64 / 1_000.0 })
}

pub(crate) fn line_ms(of: &Histogram<u64>) -> String {
    if of.is_empty() {
        return "–".into();
    }
    let ms = |q: f64| of.value_at_quantile(q) as f64 / 1_000.0;
    format!(
        "p50 {:.1} · p90 {:.1} · p99 {:.1} · max {:.1} ms",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        of.max() as f64 / 1_000.0
    )
}

/// Writes the JSON where it was asked for.
pub(crate) fn write_json(path: Option<&Path>, value: &Value) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(value).expect("plain data");
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// Everything that a crowd run found.
pub(crate) struct Crowd<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) tally: &'a Tally,
    pub(crate) spoken: &'a Spoken,
    pub(crate) proof: Option<&'a Proof>,
    pub(crate) joining: &'a Histogram<u64>,
    pub(crate) while_joining: Option<WhileJoining>,
    pub(crate) stalled: Option<&'a Fates>,
    pub(crate) memory: Option<Memory>,
    pub(crate) grown: Option<Grown>,
    /// Of the counted seconds.
    pub(crate) server_cpu_s: Option<f64>,
    pub(crate) own_cpu_s: f64,
}

impl Crowd<'_> {
    fn verdict(&self) -> Verdict {
        // A run whose sends were late by more than 10 ms one time in ten measured the generator.
        let late = self.spoken.late * 10 > self.spoken.sent && self.plan.in_flight == 0;
        let wrong = self.tally.wrong()
            + self.proof.map_or(0, Proof::wrong)
            + self.stalled.map_or(0, Fates::wrong);
        if wrong > 0 {
            Verdict::Fail
        } else if late || (self.tally.counted == 0 && self.plan.viewers > 0) {
            Verdict::Invalid
        } else {
            Verdict::Pass
        }
    }

    fn cpu_us_per_delivery(&self) -> Option<f64> {
        let spent = self.server_cpu_s?;
        (self.tally.counted > 0).then(|| spent * 1e6 / self.tally.counted as f64)
    }

    fn bytes_per_delivery(&self) -> Option<f64> {
        let Tally {
            counted,
            counted_bytes,
            ..
        } = self.tally;
        (*counted > 0).then(|| *counted_bytes as f64 / *counted as f64)
    }

    fn bytes_per_join(&self) -> Option<f64> {
        let viewers = self.plan.viewers;
        (viewers > 0).then(|| self.tally.join_bytes as f64 / viewers as f64)
    }
}

/// Tells a crowd run.
pub(crate) fn crowd(run: &Crowd<'_>) -> Result<Verdict> {
    say(run);
    write_json(run.plan.json.as_deref(), &as_json(run))?;
    Ok(run.verdict())
}

fn say(run: &Crowd<'_>) {
    let (plan, tally, spoken) = (run.plan, run.tally, run.spoken);
    let seconds = plan.seconds;
    println!(
        "crowd   {} viewers, {} writers, {} rooms, {seconds:.0} s",
        plan.viewers, plan.writers, plan.rooms
    );
    println!("join    {}", line_ms(run.joining));
    println!(
        "said    {} sent, {} acknowledged ({:.0}/s), {} late{}",
        spoken.sent,
        spoken.acked,
        spoken.counted as f64 / seconds,
        spoken.late,
        refusals(spoken),
    );
    println!("ack     {}", line_ms(&spoken.ack_us));
    println!(
        "heard   {} deliveries ({:.0}/s)",
        tally.delivered,
        tally.counted as f64 / seconds
    );
    println!("delay   {}", line_ms(&tally.latency_us));
    if let (Some(delivery), Some(join)) = (run.bytes_per_delivery(), run.bytes_per_join()) {
        println!("bytes   {delivery:.1} a delivery, {join:.0} a join");
    }
    if plan.through_restarts {
        println!(
            "cuts    {} of viewers, {} of writers; away {}; {} acks named what was said before a cut",
            tally.cuts,
            spoken.cuts,
            line_ms(&tally.away_us),
            spoken.known
        );
    }
    if let Some(heard) = run.while_joining {
        println!(
            "others  {:.0} bytes a second were heard by each because others joined",
            heard.bytes_per_viewer_s()
        );
    }
    if let Some(fates) = run.stalled {
        say_stalled(fates);
    }
    say_proof(tally, run.proof);
    if let Some(cpu_s) = run.server_cpu_s {
        let per = run
            .cpu_us_per_delivery()
            .map_or("–".into(), |it| format!("{it:.2} µs a delivery"));
        println!(
            "server  {cpu_s:.2} s of CPU ({:.0} % of a core), {per}",
            cpu_s / seconds * 100.0
        );
    }
    if let Some(memory) = run.memory {
        println!(
            "memory  {:.0} bytes a viewer (resident, settled: {} KiB empty, {} KiB joined)",
            memory.bytes_each(plan.viewers + plan.stalled),
            memory.empty_bytes / 1024,
            memory.joined_bytes / 1024
        );
    }
    println!("own     {:.0} % of a core", run.own_cpu_s / seconds * 100.0);
    println!("{}", run.verdict().word());
}

fn say_stalled(fates: &Fates) {
    let held = fates.held.map_or("–".into(), |it| {
        format!("{:.1} KiB", it.kernel_bytes_each / 1024.0)
    });
    let closed: String = (fates.closed.iter())
        .map(|(code, n)| format!(", {n} closed ({code})"))
        .collect();
    println!(
        "stalled {} viewers, {held} of the server's kernel each{closed}, {} left open",
        fates.viewers, fates.open
    );
}

fn say_proof(tally: &Tally, proof: Option<&Proof>) {
    println!(
        "proof   {} lost, {} double, {} out of order, {} holes, {} gaps, {} forgotten, {} closed; {} left out of what all are shown",
        tally.lost,
        tally.doubles,
        tally.disorder,
        tally.holes,
        tally.gaps,
        tally.forgotten,
        tally.closed,
        tally.sampled
    );
    if let Some(proof) = proof {
        println!(
            "history {} records; of {} acknowledged {} are not kept; {} twice, {} missing, {} viewers saw something else",
            proof.records,
            proof.acknowledged,
            proof.not_kept,
            proof.twice,
            proof.missing,
            proof.viewers_differ
        );
    }
}

fn as_json(run: &Crowd<'_>) -> Value {
    let (plan, tally, spoken) = (run.plan, run.tally, run.spoken);
    let seconds = plan.seconds;
    json!({
        "verdict": run.verdict().word(),
        "viewers": plan.viewers, "writers": plan.writers, "rooms": plan.rooms, "seconds": seconds,
        "join_ms": quantiles_ms(run.joining),
        "sent": spoken.sent, "acked": spoken.acked, "acked_per_s": spoken.counted as f64 / seconds,
        "late": spoken.late, "refused": spoken.refused,
        "ack_ms": quantiles_ms(&spoken.ack_us),
        "delivered": tally.delivered, "delivered_per_s": tally.counted as f64 / seconds,
        "delay_ms": quantiles_ms(&tally.latency_us),
        "deflate": plan.deflate, "bytes_per_delivery": run.bytes_per_delivery(), "bytes_per_join": run.bytes_per_join(),
        "lost": tally.lost, "double": tally.doubles, "disorder": tally.disorder,
        "holes": tally.holes, "gaps": tally.gaps, "sampled": tally.sampled, "forgotten": tally.forgotten, "closed": tally.closed,
        "cuts": tally.cuts, "writer_cuts": spoken.cuts, "away_ms": quantiles_ms(&tally.away_us),
        "acks_of_before_a_cut": spoken.known,
        "history": run.proof,
        "server_cpu_s": run.server_cpu_s, "cpu_us_per_delivery": run.cpu_us_per_delivery(),
        "rss_bytes_per_viewer": run.memory.map(|it| it.bytes_each(plan.viewers + plan.stalled)),
        "rss": run.memory.map(resident),
        "rss_grown": run.grown,
        "heard_while_joining": run.while_joining.map(heard),
        "stalled": run.stalled,
        "own_cpu_s": run.own_cpu_s,
    })
}

fn resident(it: Memory) -> Value {
    json!({
        "counts": "growth of VmRSS of the whole server process, settled and empty (after a small crowd came and left) to settled and all joined, nobody speaking, over the viewers",
        "empty_bytes": it.empty_bytes, "joined_bytes": it.joined_bytes,
    })
}

fn heard(it: WhileJoining) -> Value {
    json!({
        "counts": "bytes of all frames but the answers to joins, heads included, that viewers who had joined heard up to 2 s after the last join, over the seconds that all of them together had been in",
        "bytes": it.bytes, "viewer_seconds": it.viewer_seconds, "bytes_per_viewer_s": it.bytes_per_viewer_s(),
    })
}

fn refusals(spoken: &Spoken) -> String {
    spoken
        .refused
        .iter()
        .map(|(code, n)| format!(", {n} refused {code}"))
        .collect()
}
