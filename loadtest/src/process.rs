//! What a process costs, from `/proc`: CPU time and resident memory. Linux only, as the server is.

use std::fs;

use anyhow::{Context, Result};

/// CPU seconds and resident bytes of a process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_s: f64,
    pub(crate) rss_bytes: u64,
}

/// Reads the cost of `pid`. CPU time is the scheduler's own nanoseconds over all threads, which is
/// finer than the 10 ms ticks of `utime` and `stime`; threads that ended are taken from those.
pub(crate) fn cost(pid: u32) -> Result<Cost> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("there is no process {pid}"))?;
    let rss_kib: u64 = status
        .lines()
        .find_map(|it| it.strip_prefix("VmRSS:"))
        .and_then(|it| it.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0);
    Ok(Cost {
        cpu_s: threads_s(pid).max(ticks_s(pid)),
        rss_bytes: rss_kib * 1024,
    })
}

fn threads_s(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds: u64 = tasks
        .filter_map(|it| fs::read_to_string(it.path().join("schedstat")).ok())
        .filter_map(|it| it.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 * 1e-9
}

fn ticks_s(pid: u32) -> f64 {
    const TICKS_PER_S: f64 = 100.0;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return 0.0;
    };
    // The name in parentheses may hold spaces: count the fields after it (proc(5): 14 and 15).
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|it| it.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

/// CPU seconds of this process.
pub(crate) fn own_cpu_s() -> f64 {
    cost(std::process::id()).map_or(0.0, |it| it.cpu_s)
}
