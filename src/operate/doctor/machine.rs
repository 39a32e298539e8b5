//! The machine itself: descriptors, clocks, the kernel's settings.

use std::{fs, time::Duration};

use rustix::process::{Resource, getrlimit};

use super::super::report::{Check, moment_text};

/// Beside its clients a server holds some dozens: files, ports, threads.
const DESCRIPTORS_OF_ITS_OWN: u64 = 64;
/// Fewer than this is not enough for a room worth the name.
const DESCRIPTORS_MIN: u64 = 1_024;
/// One machine carries some ten thousand viewers.
const DESCRIPTORS_GOOD: u64 = 16_384;
/// 2026-01-01: no clock of a machine that runs this program is before that.
const EARLIEST_MS: u64 = 1_767_225_600_000;
/// How long the two clocks are compared, and how far they may drift apart meanwhile.
const COMPARED_FOR: Duration = Duration::from_millis(100);
const DRIFT_MAX: Duration = Duration::from_millis(20);
/// What the public port asks for: a join storm waits here for its turn.
const BACKLOG: u64 = 4_096;

pub(super) fn descriptors() -> Check {
    let limit = getrlimit(Resource::Nofile);
    // No number means no limit.
    let (soft, hard) = (
        limit.current.unwrap_or(u64::MAX),
        limit.maximum.unwrap_or(u64::MAX),
    );
    judge_descriptors(soft, hard)
}

fn judge_descriptors(soft: u64, hard: u64) -> Check {
    let name = "descriptors";
    let found = if soft == u64::MAX {
        "as many as there are".to_owned()
    } else {
        let people = soft.saturating_sub(DESCRIPTORS_OF_ITS_OWN);
        format!("{soft}: about {people} people at once")
    };
    let advice = if hard >= DESCRIPTORS_GOOD {
        "say `ulimit -n 65536` before the start, or LimitNOFILE=65536 in the unit"
    } else {
        "say LimitNOFILE=65536 in the unit, or raise nofile in /etc/security/limits.conf"
    };
    match soft {
        DESCRIPTORS_GOOD.. => Check::ok(name, found),
        DESCRIPTORS_MIN.. => Check::warn(name, found, advice),
        _ => Check::fail(name, found, advice),
    }
}

pub(super) fn clock() -> Check {
    let name = "clock";
    let (wall, steady) = (clock::unix_ms(), clock::now());
    if wall < EARLIEST_MS {
        return Check::fail(
            name,
            format!("it says {}", moment_text(wall)),
            "set it, and let systemd-timesyncd or chrony keep it: tokens and records carry its time",
        );
    }
    std::thread::sleep(COMPARED_FOR);
    let passed = clock::now().duration_since(steady);
    let told = Duration::from_millis(clock::unix_ms().saturating_sub(wall));
    if passed.abs_diff(told) > DRIFT_MAX {
        let found = format!(
            "in {} ms it went {} ms",
            passed.as_millis(),
            told.as_millis()
        );
        let advice = "it is being set just now, or runs wrong: wait until time is synchronised";
        return Check::warn(name, found, advice);
    }
    let source = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    match source.as_deref() {
        Some(slow @ ("hpet" | "acpi_pm" | "jiffies")) => Check::warn(
            name,
            format!("right, but read from {slow}, which is slow"),
            "let the machine use tsc or kvm-clock: the server asks the time for every packet",
        ),
        Some(source) => Check::ok(name, format!("{}, steady ({source})", moment_text(wall))),
        None => Check::ok(name, format!("{}, steady", moment_text(wall))),
    }
}

/// Settings that matter under load, where this kernel has them.
pub(super) fn kernel() -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(queue) = number("/proc/sys/net/core/somaxconn") {
        checks.push(judge_queue(queue));
    }
    let tracked = "/proc/sys/net/netfilter/nf_conntrack_";
    let counts = (
        number(&format!("{tracked}count")),
        number(&format!("{tracked}max")),
    );
    if let (Some(count), Some(max)) = counts {
        checks.push(judge_tracking(count, max));
    }
    checks
}

fn judge_queue(somaxconn: u64) -> Check {
    let found = format!("{somaxconn} connections may wait to be accepted");
    if somaxconn >= BACKLOG {
        Check::ok("accept queue", found)
    } else {
        let advice =
            "set net.core.somaxconn = 4096: a full room that comes back at once is refused else";
        Check::warn("accept queue", found, advice)
    }
}

fn judge_tracking(count: u64, max: u64) -> Check {
    let found = format!("the firewall tracks {count} of at most {max} connections");
    if count < max / 2 && max >= 2 * DESCRIPTORS_GOOD {
        Check::ok("conntrack", found)
    } else {
        let advice =
            "raise net.netfilter.nf_conntrack_max to 262144: beyond it packets are dropped";
        Check::warn("conntrack", found, advice)
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|it| it.trim().to_owned())
}

fn number(path: &str) -> Option<u64> {
    read(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Outcome, *};

    #[test]
    fn few_descriptors_are_told_with_what_to_do() {
        for (soft, hard, outcome) in [
            (u64::MAX, u64::MAX, Outcome::Ok),
            (65_536, 65_536, Outcome::Ok),
            (1_024, 524_288, Outcome::Warn),
            (256, 256, Outcome::Fail),
        ] {
            let check = judge_descriptors(soft, hard);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert_eq!(check.advice.is_none(), outcome == Outcome::Ok);
        }
        let raised = judge_descriptors(1_024, 524_288).advice.expect("advice");
        assert!(raised.contains("ulimit"), "{raised}");
    }

    #[test]
    fn settings_of_the_kernel_are_judged_by_what_the_server_needs() {
        assert_eq!(judge_queue(128).outcome, Outcome::Warn);
        assert_eq!(judge_queue(4_096).outcome, Outcome::Ok);
        assert_eq!(judge_tracking(10, 262_144).outcome, Outcome::Ok);
        assert_eq!(judge_tracking(200_000, 262_144).outcome, Outcome::Warn);
        assert_eq!(judge_tracking(10, 8_192).outcome, Outcome::Warn);
    }

    #[test]
    fn this_machine_knows_the_time() {
        assert_ne!(clock().outcome, Outcome::Fail);
    }
}
