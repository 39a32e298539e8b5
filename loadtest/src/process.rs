//! What a process costs: CPU time by its clock, resident memory by `/proc`. Linux only, as the server is.
//!
//! Memory per client is a difference of two *settled* readings. A server that has just started holds
//! memory that no client will cost (weiquan: 19 MiB in which it hashed a password that nobody has, given
//! back by the allocator seconds later), and its first visitors pay for code that was never touched. Both
//! would drown the figure, so a small crowd comes and leaves before the first reading.

use std::{collections::VecDeque, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use nix::{time::ClockId, unistd::Pid};
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

/// Reads the cost of `pid`. CPU time is the process's own clock (clock_getcpuclockid(3)): the scheduler's
/// nanoseconds over all threads, also those that ended. `utime` and `stime` know only ticks of 10 ms.
pub(crate) fn cost(pid: u32) -> Result<Cost> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("there is no process {pid}"))?;
    let rss_kib: u64 = status
        .lines()
        .find_map(|it| it.strip_prefix("VmRSS:"))
        .and_then(|it| it.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0);
    let cpu = ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into()?))
        .and_then(ClockId::now)
        .with_context(|| format!("process {pid} has no CPU clock"))?;
    Ok(Cost {
        cpu_s: Duration::from(cpu).as_secs_f64(),
        rss_bytes: rss_kib * 1024,
    })
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

/// CPU seconds of those threads of `pid` whose names begin so; none where there is no such thread. The scheduler's
/// nanoseconds (`schedstat`), which for a thread that runs just now may lack what it took since the last tick (4 ms).
pub(crate) fn threads_cpu_s(pid: u32, named: &str) -> Result<Option<f64>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("there is no process {pid}"))?;
    let mut ns = None;
    for task in tasks {
        let task = task?.path();
        // One that ended between the two was no thread that lives as long as the server.
        let Ok(name) = fs::read_to_string(task.join("comm")) else {
            continue;
        };
        let Ok(spent) = fs::read_to_string(task.join("schedstat")) else {
            continue;
        };
        if name.starts_with(named) {
            let spent = spent.split(' ').next().and_then(|it| it.parse().ok());
            let spent: u64 = spent.with_context(|| format!("{} says nothing", task.display()))?;
            *ns.get_or_insert(0) += spent;
        }
    }
    Ok(ns.map(|it| Duration::from_nanos(it).as_secs_f64()))
}

/// CPU seconds of this process.
pub(crate) fn own_cpu_s() -> f64 {
    cost(std::process::id()).map_or(0.0, |it| it.cpu_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ended_thread_spent_is_counted() {
        let before_s = own_cpu_s();
        let spent = std::thread::spawn(|| {
            let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
            loop {
                let spent = Duration::from(clock.now().expect("a clock"));
                if spent > Duration::from_millis(3) {
                    return spent;
                }
            }
        });
        let spent = spent.join().expect("it ends");
        assert!(own_cpu_s() - before_s >= spent.as_secs_f64());
    }

    #[test]
    fn threads_are_counted_by_their_names() {
        let pid = std::process::id();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("counted-7".into());
        let thread = thread.spawn(move || {
            let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
            while Duration::from(clock.now().expect("a clock")) < Duration::from_millis(20) {}
            ready.send(()).expect("heard");
            // Until the other end is dropped.
            let _ = ended.recv();
        });
        is_ready.recv().expect("it lives");
        let spent = threads_cpu_s(pid, "counted-").expect("read");
        assert!(spent.expect("there is one") >= 0.015, "{spent:?}");
        assert_eq!(threads_cpu_s(pid, "nobody-").expect("read"), None);
        drop(end);
        thread.expect("started").join().expect("it ends");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let nobody = u32::MAX / 2 - 1;
        let error = cost(nobody).expect_err("nobody").to_string();
        assert!(error.contains("there is no process"), "{error}");
        let error = threads_cpu_s(nobody, "").expect_err("nobody").to_string();
        assert!(error.contains("there is no process"), "{error}");
    }
}
