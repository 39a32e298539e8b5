//! What this process costs its machine, under the names that every Prometheus exporter uses.

use std::{fs, io};

/// The kernel tells times to programs in hundredths of a second, whatever its own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Records CPU time, memory and descriptors. To be called every few seconds; where there is no `/proc`
/// nothing is recorded.
pub fn record_process() {
    let Ok(usage) = Usage::read() else { return };
    metrics::gauge!("process_cpu_seconds_total").set(usage.cpu_seconds);
    metrics::gauge!("process_resident_memory_bytes").set(usage.resident_bytes);
    metrics::gauge!("process_open_fds").set(usage.descriptors);
    if let Some(max) = usage.descriptors_max {
        metrics::gauge!("process_max_fds").set(max);
    }
}

/// What this process holds in memory now, bytes; nothing where there is no `/proc`.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    resident_bytes_of(&status).map(|it| it as u64)
}

#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    descriptors: f64,
    /// Absent where there is no limit.
    descriptors_max: Option<f64>,
}

impl Usage {
    fn read() -> io::Result<Self> {
        let of = |name| fs::read_to_string(format!("/proc/self/{name}"));
        let (stat, status, limits) = (of("stat")?, of("status")?, of("limits")?);
        let descriptors = fs::read_dir("/proc/self/fd")?.count();
        let unclear = || io::Error::from(io::ErrorKind::InvalidData);
        Ok(Self {
            cpu_seconds: cpu_seconds(&stat).ok_or_else(unclear)?,
            resident_bytes: resident_bytes_of(&status).ok_or_else(unclear)?,
            descriptors: descriptors as f64,
            descriptors_max: descriptors_max(&limits),
        })
    }
}

/// The fields 14 and 15 of proc_pid_stat(5), in ticks. The second is the program's name in brackets, and
/// may hold spaces and brackets itself.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut ticks = after_name.split(' ').skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident_bytes_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024.0)
}

fn descriptors_max(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|it| it.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 9 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(
            resident_bytes_of("Name:\tx\nVmRSS:\t    2048 kB\n"),
            Some(2_097_152.0)
        );
        let limits = "Limit  Soft Hard\nMax open files            20000   524288   files\n";
        assert_eq!(descriptors_max(limits), Some(20_000.0));
        assert_eq!(
            descriptors_max("Max open files  unlimited unlimited files\n"),
            None
        );
    }

    #[test]
    fn this_process_is_somewhere_between_nothing_and_everything() {
        let usage = Usage::read().expect("Linux");
        assert!(usage.resident_bytes > 100_000.0, "{usage:?}");
        assert!(usage.descriptors >= 3.0, "{usage:?}");
        assert!(usage.cpu_seconds < 36_000.0, "{usage:?}");
    }
}
