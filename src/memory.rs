//! How much memory the server may use, how much it does, and what it gives up when little is left.
//!
//! What holds memory is bounded by name, but the sum of all bounds is more than a small machine has. From
//! four fifths of the limit on, hearts and typing are let go; from nine tenths on nobody new is let in, and
//! who is told so hears when to ask again. Who is here goes on talking. A server that the kernel ends all
//! the same is a server that is killed: nothing that was acknowledged is lost.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use protocol::{Code, Refusal};
use tokio::time;

/// Hearts and typing are let go from this part of the limit on, in percent.
const SCARCE_PERCENT: u64 = 80;
/// Nobody new is let in from this part on.
const SHORT_PERCENT: u64 = 90;
/// It must fall so far below where a state began before that state ends: no flapping.
const EASES_PERCENT: u64 = 5;
/// How often it is looked at. Ten thousand who join in ten seconds take 4 MB meanwhile.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// When to ask again.
const AGAIN_MS: u64 = 5_000;
/// A limit of a control group that is none (cgroup v1 says so by a huge number).
const NO_LIMIT: u64 = 1 << 60;

/// How much of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Enough,
    Scarce,
    Short,
}

impl Level {
    const ALL: [Self; 3] = [Self::Enough, Self::Scarce, Self::Short];

    /// The level after `self` at so many percent of the limit.
    fn at(self, percent: u64) -> Self {
        let begins = |level: Self, from: u64| match self >= level {
            true => percent + EASES_PERCENT >= from,
            false => percent >= from,
        };
        if begins(Self::Short, SHORT_PERCENT) {
            Self::Short
        } else if begins(Self::Scarce, SCARCE_PERCENT) {
            Self::Scarce
        } else {
            Self::Enough
        }
    }
}

/// Has the kernel give this process memory in pages of 4 KiB only. Huge pages of 2 MiB are filled whole as soon as
/// one byte of each is used: 6 of the 40 MB that a server held where nobody was, for some 2 % of what a
/// delivery costs (docs/MEASURED.md). To be called before anything else, because what is huge already stays so.
pub fn take_small_pages() {
    // A kernel that has no huge pages refuses; then there is nothing to turn off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// The memory of this process, looked at once a second.
pub struct Memory {
    /// Bytes; 0 where nobody knows.
    limit: AtomicU64,
    level: AtomicU8,
}

impl Memory {
    /// `mib`: the limit as configured; 0: what this machine or its control group gives.
    pub fn new(mib: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicU64::new(limit_of(mib)),
            level: AtomicU8::new(Level::Enough as u8),
        })
    }

    /// Another limit, which counts from the next look on.
    pub fn limit(&self, mib: u64) {
        self.limit.store(limit_of(mib), Ordering::Relaxed);
    }

    fn level(&self) -> Level {
        let level = usize::from(self.level.load(Ordering::Relaxed));
        Level::ALL[level.min(Level::ALL.len() - 1)]
    }

    /// What nobody misses is let go: hearts and typing.
    pub fn is_scarce(&self) -> bool {
        self.level() >= Level::Scarce
    }

    /// Refuses with `busy` while nobody new can be let in.
    pub fn takes_newcomers(&self) -> Result<(), Refusal> {
        if self.level() < Level::Short {
            return Ok(());
        }
        let say = "the server is short of memory: come again in a moment";
        Err(Refusal::new(Code::Busy, say).after_ms(AGAIN_MS))
    }

    /// Looks, until it is dropped.
    pub async fn watch(self: Arc<Self>) {
        loop {
            if let Some(used) = telemetry::resident_bytes() {
                self.look(used);
            }
            time::sleep(LOOKS_EVERY).await;
        }
    }

    fn look(&self, used: u64) {
        let limit = self.limit.load(Ordering::Relaxed);
        metrics::gauge!("weiquan_memory_limit_bytes").set(limit as f64);
        let percent = match limit {
            0 => 0,
            limit => used.saturating_mul(100) / limit,
        };
        let before = self.level();
        let level = before.at(percent);
        if level == before {
            return;
        }
        self.level.store(level as u8, Ordering::Relaxed);
        let (used_mib, limit_mib) = (used >> 20, limit >> 20);
        match level {
            Level::Enough => tracing::info!(used_mib, limit_mib, "there is enough memory again"),
            Level::Scarce => tracing::warn!(
                used_mib,
                limit_mib,
                "memory is scarce: hearts and typing are let go"
            ),
            Level::Short => tracing::error!(
                used_mib,
                limit_mib,
                "memory is short: nobody new is let in. Give the server more, or raise server.memory_mib"
            ),
        }
    }
}

fn limit_of(mib: u64) -> u64 {
    match mib {
        0 => given(),
        mib => mib << 20,
    }
}

/// What the machine has, or the control group that this process is in, whichever is less; 0 where neither
/// can be read.
fn given() -> u64 {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = limit_files(&group)
        .into_iter()
        .filter_map(|it| fs::read_to_string(it).ok())
        .filter_map(|it| group_limit(&it));
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|it| machine_bytes(&it));
    groups.chain(machine).min().unwrap_or(0)
}

/// Where the limits of a process stand, by its `/proc/self/cgroup` (cgroups(7)): of its group and of all
/// above it.
fn limit_files(group: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in group.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            it if it.split(',').any(|it| it == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let above = Path::new(path.trim_start_matches('/')).ancestors();
        files.extend(above.map(|it| Path::new(root).join(it).join(file)));
    }
    files
}

fn group_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|it| *it < NO_LIMIT)
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|it| it.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_begins_at_its_part_and_ends_well_below_it() {
        use Level::{Enough, Scarce, Short};
        let steps = [
            (79, Enough),
            (80, Scarce),
            (76, Scarce),
            (74, Enough),
            (91, Short),
            (86, Short),
            (84, Scarce),
            (99, Short),
            (10, Enough),
        ];
        let mut level = Enough;
        for (percent, expected) in steps {
            level = level.at(percent);
            assert_eq!(level, expected, "at {percent} %");
        }
    }

    #[test]
    fn newcomers_are_refused_and_hearts_let_go_in_their_turn() {
        let memory = Memory::new(100);
        let seen = |used_mib: u64| {
            memory.look(used_mib << 20);
            (
                memory.is_scarce(),
                memory.takes_newcomers().map_err(|it| (it.code, it.ms)),
            )
        };
        assert_eq!(seen(50), (false, Ok(())));
        assert_eq!(seen(82), (true, Ok(())));
        assert_eq!(seen(95), (true, Err((Code::Busy, Some(AGAIN_MS)))));
        memory.limit(200);
        assert_eq!(seen(95), (false, Ok(())));
    }

    #[test]
    fn the_limit_is_found_wherever_the_kernel_keeps_it() {
        let files = |group| -> Vec<String> {
            let found = limit_files(group);
            found.iter().map(|it| it.display().to_string()).collect()
        };
        assert_eq!(
            files("0::/system.slice/weiquan.service\n"),
            [
                "/sys/fs/cgroup/system.slice/weiquan.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            files("5:devices:/\n4:memory:/a\n"),
            [
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(group_limit("max\n"), None);
        assert_eq!(group_limit("9223372036854771712\n"), None);
        assert_eq!(group_limit("536870912\n"), Some(512 << 20));
        assert_eq!(
            machine_bytes("MemTotal:       2048 kB\nMemFree: 1 kB\n"),
            Some(2 << 20)
        );
        assert!(given() > 0, "this machine has memory");
    }
}
