//! The proxy's losses beside the kernel's: `iptables … -m statistic --mode random` in a network of the
//! test's own, and the relay at the same setting, seen by the same receiver.
//!
//! Two samples of 200,000 datagrams each are compared, and each with what theory says. A bound is chosen
//! so that it fails by chance less than once in ten million runs, and the four bounds together less than
//! once in a million:
//!
//! - shares of losses: normal, |z| > 5.5 has a probability of 4e-8 (both sides);
//! - lengths of the runs of losses (1, 2, 3 and more): chi-squared with two degrees of freedom, for which
//!   P(X > x) is exp(-x/2): at 40 it is 2e-9. The thinnest class has 24 runs in the mean and is Poisson
//!   rather than normal: it passes the bound alone at 55 of them, which has a probability of 5e-8.
//!
//! Chance is the kernel's alone: the relay's seed is fixed and told.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

const COUNT: u64 = 200_000;
const LOSS: f64 = 0.05;
const SEED: u64 = 20_261_128;
const Z_MAX: f64 = 5.5;
const CHI_SQUARED_MAX: f64 = 40.0;

/// Runs in a network of its own (see tests/browser/alone.sh for one with an outside).
const ALONE: &str = r#"
  ip link set lo up
  if [ -n "$RULE" ]; then iptables --append INPUT --protocol udp --dport 7001 $RULE --jump DROP; fi
  exec "$@""#;

/// What a way in a network of its own did to numbered datagrams, as `path` tells it.
fn seen(name: &str, rule: &str, to: &str, relay: &str) -> Seen {
    let report = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kernel-{name}.json"));
    let program = env!("CARGO_BIN_EXE_weiquan-loadtest");
    let run = format!(
        "{relay} {program} path --at 127.0.0.1:7001 --to {to} --count {COUNT} --json {}",
        report.display()
    );
    let mut unshare = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let output = unshare
        .args([
            "--net", "bash", "-euc", ALONE, "alone", "bash", "-euc", &run,
        ])
        .env("RULE", rule)
        .output()
        .expect("unshare is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let text = fs::read_to_string(&report).expect("a report");
    Seen::read(&serde_json::from_str(&text).expect("JSON"))
}

#[derive(Debug)]
struct Seen {
    sent: f64,
    lost: f64,
    /// Runs of 1, 2, 3 and more.
    runs: [f64; 3],
}

impl Seen {
    fn read(report: &Value) -> Self {
        let number = |name: &str| report[name].as_f64().expect("a number");
        let mut runs = [0.0; 3];
        for (length, n) in report["runs"].as_object().expect("runs") {
            let length: usize = length.parse().expect("a length");
            runs[length.min(3) - 1] += n.as_f64().expect("a number");
        }
        assert_eq!((number("doubled"), number("overtaken")), (0.0, 0.0));
        Self {
            sent: number("sent"),
            lost: number("lost"),
            runs,
        }
    }

    fn loss(&self) -> f64 {
        self.lost / self.sent
    }

    /// How many runs of each length there are where each loss is one of its own, by theory.
    fn expected_runs(&self) -> [f64; 3] {
        let all: f64 = self.runs.iter().sum();
        let p = LOSS;
        [all * (1.0 - p), all * p * (1.0 - p), all * p * p]
    }
}

/// How far a share of losses is from what it should be, in standard deviations.
fn z(difference: f64, samples: f64) -> f64 {
    difference / (LOSS * (1.0 - LOSS) * samples / COUNT as f64).sqrt()
}

fn chi_squared_of_one(found: &Seen) -> f64 {
    let terms = found.runs.iter().zip(found.expected_runs());
    terms
        .map(|(n, expected)| (n - expected).powi(2) / expected)
        .sum()
}

/// Whether two histograms come from one distribution.
fn chi_squared_of_two(one: &Seen, other: &Seen) -> f64 {
    let (all_one, all_other): (f64, f64) = (one.runs.iter().sum(), other.runs.iter().sum());
    let (weigh_one, weigh_other) = ((all_other / all_one).sqrt(), (all_one / all_other).sqrt());
    let terms = one.runs.iter().zip(other.runs);
    terms
        .map(|(n, m)| (n * weigh_one - m * weigh_other).powi(2) / (n + m))
        .sum()
}

#[test]
fn the_relay_loses_as_the_kernel_does() {
    let rule = format!("--match statistic --mode random --probability {LOSS}");
    let kernel = seen("iptables", &rule, "127.0.0.1:7001", "");
    let program = env!("CARGO_BIN_EXE_weiquan-loadtest");
    // It is ready once it says so, and ends with the network.
    let relay = format!(
        "exec 3< <({program} impair --udp --listen 127.0.0.1:7000 --to 127.0.0.1:7001 --loss {LOSS} --seed {SEED}); \
         trap \"kill $!\" EXIT; read -r -u 3;"
    );
    let relay = seen("relay", "", "127.0.0.1:7000", &relay);
    println!("seed {SEED}, kernel {kernel:?}, relay {relay:?}");
    assert_eq!((kernel.sent, relay.sent), (COUNT as f64, COUNT as f64));

    for (name, found) in [("kernel", &kernel), ("relay", &relay)] {
        let z = z(found.loss() - LOSS, 1.0);
        assert!(z.abs() < Z_MAX, "{name}: {} lost, z {z:.2}", found.loss());
        let chi = chi_squared_of_one(found);
        assert!(chi < CHI_SQUARED_MAX, "{name}: {found:?}, {chi:.1}");
    }
    let z = z(kernel.loss() - relay.loss(), 2.0);
    assert!(
        z.abs() < Z_MAX,
        "{} and {}: z {z:.2}",
        kernel.loss(),
        relay.loss()
    );
    let chi = chi_squared_of_two(&kernel, &relay);
    assert!(chi < CHI_SQUARED_MAX, "{kernel:?} and {relay:?}: {chi:.1}");
    println!("they differ by z {z:.2} in loss and {chi:.2} in runs");
}

#[test]
fn without_a_rule_nothing_is_lost_so_what_is_lost_is_the_rules() {
    let clear = seen("clear", "", "127.0.0.1:7001", "");
    assert_eq!(clear.lost, 0.0, "{clear:?}");
}
