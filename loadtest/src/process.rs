//! What a process costs, from `/proc`: CPU time and resident memory. Linux only, as the server is.
//!
//! Memory per client is a difference of two *settled* readings. A server that has just started holds
//! memory that no client will cost (weiquan: 19 MiB in which it hashed a password that nobody has, given
//! back by the allocator seconds later), and its first visitors pay for code that was never touched. Both
//! would drown the figure, so a small crowd comes and leaves before the first reading.

use std::{collections::VecDeque, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::{self, Instant};

const READ_EVERY: Duration = Duration::from_millis(250);
/// So many readings in a row that hardly differ are "settled": three seconds.
const STILL_READINGS: usize = 12;
const SETTLE_WITHIN: Duration = Duration::from_secs(40);

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

/// Resident bytes, with nobody and with everybody there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) empty_bytes: u64,
    pub(crate) joined_bytes: u64,
}

impl Memory {
    /// May be negative: then something else than the clients moved, and the reader shall see it.
    pub(crate) fn bytes_each(self, clients: usize) -> f64 {
        (self.joined_bytes as f64 - self.empty_bytes as f64) / clients.max(1) as f64
    }
}

/// Resident bytes of `pid` once they stand still within `still_bytes`, but not before `at_least`.
pub(crate) async fn settled(pid: u32, at_least: Duration, still_bytes: u64) -> Result<u64> {
    let begin = Instant::now();
    let mut readings = VecDeque::with_capacity(STILL_READINGS);
    loop {
        time::sleep(READ_EVERY).await;
        if readings.len() == STILL_READINGS {
            readings.pop_front();
        }
        readings.push_back(cost(pid)?.rss_bytes);
        let (least, most) = (readings.iter().min(), readings.iter().max());
        let (least, most) = least.zip(most).expect("one was just pushed");
        let still = readings.len() == STILL_READINGS && most - least <= still_bytes;
        if still && begin.elapsed() >= at_least {
            let (kib, seconds) = (most / 1024, begin.elapsed().as_secs_f64());
            eprintln!("  memory: settled at {kib} KiB after {seconds:.0} s");
            return Ok(*most);
        }
        ensure!(
            begin.elapsed() < SETTLE_WITHIN,
            "the server's memory did not settle within {SETTLE_WITHIN:?}: {} to {} KiB in the last readings",
            least / 1024,
            most / 1024
        );
    }
}

/// CPU seconds of this process.
pub(crate) fn own_cpu_s() -> f64 {
    cost(std::process::id()).map_or(0.0, |it| it.cpu_s)
}
