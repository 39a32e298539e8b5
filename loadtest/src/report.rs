//! What a run is told as: a page a person reads, a JSON object a program reads, and a verdict.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    crowd::{Plan, Spoken, Tally},
    process::Cost,
};

/// How a run ended; the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
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
    pub(crate) joining: &'a Histogram<u64>,
    pub(crate) rss_empty: Option<Cost>,
    pub(crate) rss_joined: Option<Cost>,
    pub(crate) before: Option<Cost>,
    pub(crate) after: Option<Cost>,
    pub(crate) own_cpu_s: f64,
}

impl Crowd<'_> {
    fn verdict(&self) -> Verdict {
        // A run whose sends were late by more than 10 ms one time in ten measured the generator.
        let late = self.spoken.late * 10 > self.spoken.sent && self.plan.in_flight == 0;
        if !self.tally.whole() {
            Verdict::Fail
        } else if late || (self.tally.counted == 0 && self.plan.viewers > 0) {
            Verdict::Invalid
        } else {
            Verdict::Pass
        }
    }

    fn cpu_us_per_delivery(&self) -> Option<f64> {
        let spent = self.after?.cpu_s - self.before?.cpu_s;
        (self.tally.counted > 0).then(|| spent * 1e6 / self.tally.counted as f64)
    }

    fn rss_per_viewer(&self) -> Option<f64> {
        let grown = self
            .rss_joined?
            .rss_bytes
            .saturating_sub(self.rss_empty?.rss_bytes);
        (self.plan.viewers > 0).then(|| grown as f64 / self.plan.viewers as f64)
    }
}

/// Tells a crowd run.
pub(crate) fn crowd(run: &Crowd<'_>) -> Result<Verdict> {
    let verdict = run.verdict();
    let (plan, tally, spoken) = (run.plan, run.tally, run.spoken);
    let seconds = plan.seconds;
    let cpu_s = run
        .after
        .zip(run.before)
        .map(|(after, before)| after.cpu_s - before.cpu_s);
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
    println!(
        "proof   {} lost, {} double, {} out of order, {} holes, {} gaps, {} closed",
        tally.lost, tally.doubles, tally.disorder, tally.holes, tally.gaps, tally.closed
    );
    if let Some(cpu_s) = cpu_s {
        let per = run
            .cpu_us_per_delivery()
            .map_or("–".into(), |it| format!("{it:.2} µs a delivery"));
        println!(
            "server  {cpu_s:.2} s of CPU ({:.0} % of a core), {per}",
            cpu_s / seconds * 100.0
        );
    }
    if let Some(bytes) = run.rss_per_viewer() {
        println!("memory  {bytes:.0} bytes a viewer");
    }
    println!("own     {:.0} % of a core", run.own_cpu_s / seconds * 100.0);
    println!("{}", verdict.word());
    write_json(
        plan.json.as_deref(),
        &json!({
            "verdict": verdict.word(),
            "viewers": plan.viewers, "writers": plan.writers, "rooms": plan.rooms, "seconds": seconds,
            "join_ms": quantiles_ms(run.joining),
            "sent": spoken.sent, "acked": spoken.acked, "acked_per_s": spoken.counted as f64 / seconds,
            "late": spoken.late, "refused": spoken.refused,
            "ack_ms": quantiles_ms(&spoken.ack_us),
            "delivered": tally.delivered, "delivered_per_s": tally.counted as f64 / seconds,
            "delay_ms": quantiles_ms(&tally.latency_us),
            "lost": tally.lost, "double": tally.doubles, "disorder": tally.disorder,
            "holes": tally.holes, "gaps": tally.gaps, "closed": tally.closed,
            "server_cpu_s": cpu_s, "cpu_us_per_delivery": run.cpu_us_per_delivery(),
            "rss_bytes_per_viewer": run.rss_per_viewer(),
            "own_cpu_s": run.own_cpu_s,
        }),
    )?;
    Ok(verdict)
}

fn refusals(spoken: &Spoken) -> String {
    spoken
        .refused
        .iter()
        .map(|(code, n)| format!(", {n} refused {code}"))
        .collect()
}
