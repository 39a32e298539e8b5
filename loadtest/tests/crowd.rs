//! The load test finds what it is there to find: each planted fault of a server fails the run by its own
//! name, a server that keeps its word passes, and the exit code says which.

mod support;

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use support::{Fault, serve};

const VIEWERS: u64 = 3;

/// Runs a crowd against a server with this fault: its exit code and its report.
fn crowd(fault: Fault, more: &[&str]) -> (i32, Value) {
    crowd_of(fault, "1", more)
}

/// … that speaks for so many seconds.
fn crowd_of(fault: Fault, seconds: &str, more: &[&str]) -> (i32, Value) {
    let name = format!("{fault:?}").to_lowercase();
    let file =
        |what: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{what}"));
    let (tokens, report) = (file("tokens"), file("json"));
    fs::write(&tokens, "token\n".repeat(8)).expect("a file of tokens");
    // Of an earlier run: there may be none.
    let _ = fs::remove_file(&report);
    let output = Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
        .arg("crowd")
        .args(["--server", &serve(fault).to_string(), "--room", "r"])
        .args([
            "--viewers",
            &VIEWERS.to_string(),
            "--writers",
            "2",
            "--rate",
            "60",
        ])
        .args(["--seconds", seconds, "--warmup", "0", "--settle", "2"])
        .args(more)
        .arg("--tokens")
        .arg(&tokens)
        .arg("--json")
        .arg(&report)
        .output()
        .expect("the load test runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let text =
        fs::read_to_string(&report).unwrap_or_else(|_| panic!("{fault:?}: no report: {said}"));
    let report = serde_json::from_str(&text).expect("the report is JSON");
    (output.status.code().expect("it ended by itself"), report)
}

fn count(report: &Value, pointer: &str) -> u64 {
    report
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer} is a number in {report}"))
}

#[test]
fn a_server_that_keeps_its_word_passes() {
    let (code, report) = crowd(Fault::None, &["--check-history"]);
    // 3: the machine was too busy to speak on time; nothing else is wrong then.
    assert!(matches!(code, 0 | 3), "{report}");
    let acked = count(&report, "/acked");
    assert!(acked >= 30, "{report}");
    assert_eq!(count(&report, "/delivered"), acked * VIEWERS);
    assert_eq!(count(&report, "/history/acknowledged"), acked);
    assert_eq!(count(&report, "/history/records"), acked);
}

#[test]
fn each_planted_fault_is_found_by_name() {
    let cases = [
        (Fault::Double, "/double", VIEWERS),
        (Fault::Hole, "/holes", VIEWERS),
        (Fault::Disorder, "/disorder", VIEWERS),
        (Fault::Gap, "/gaps", VIEWERS),
        (Fault::Changed, "/history/viewers_differ", VIEWERS),
        (Fault::NotKept, "/history/not_kept", 1),
    ];
    for (fault, pointer, expected) in cases {
        let (code, report) = crowd(fault, &["--check-history"]);
        assert_eq!(code, 1, "{fault:?}: {report}");
        assert_eq!(count(&report, pointer), expected, "{fault:?}: {report}");
    }
    let (code, report) = crowd(Fault::Lost, &[]);
    assert_eq!(code, 1, "{report}");
    assert_eq!(
        count(&report, "/lost"),
        (count(&report, "/acked") - 19) * VIEWERS
    );
}

#[test]
fn a_cut_fails_a_run_that_does_not_expect_one() {
    let (tokens, file) = ("cut.tokens", PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let tokens = file.join(tokens);
    fs::write(&tokens, "token\n".repeat(8)).expect("a file of tokens");
    let status = Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
        .args([
            "crowd",
            "--server",
            &serve(Fault::Cut).to_string(),
            "--room",
            "r",
        ])
        .args([
            "--viewers",
            "3",
            "--writers",
            "2",
            "--rate",
            "60",
            "--seconds",
            "1",
            "--warmup",
            "0",
        ])
        .arg("--tokens")
        .arg(&tokens)
        .status()
        .expect("the load test runs");
    assert_eq!(status.code(), Some(2), "a writer was closed");
}

#[test]
fn through_a_restart_everything_is_said_once_and_heard_once() {
    let (code, report) = crowd(Fault::Cut, &["--through-restarts"]);
    assert!(matches!(code, 0 | 3), "{report}");
    assert_eq!(count(&report, "/cuts"), VIEWERS);
    assert_eq!(count(&report, "/writer_cuts"), 2);
    assert!(count(&report, "/acks_of_before_a_cut") >= 1, "{report}");
    let acked = count(&report, "/acked");
    assert_eq!(count(&report, "/sent"), acked);
    assert_eq!(count(&report, "/history/records"), acked);
    assert_eq!(count(&report, "/delivered"), acked * VIEWERS);
}

#[test]
fn what_a_restart_may_not_do_is_found_by_name() {
    let cases = [
        (Fault::CutForgetsPositions, "/forgotten", VIEWERS),
        (Fault::CutSkips, "/holes", VIEWERS),
        (Fault::CutForgetsClientIds, "/history/twice", 1),
    ];
    for (fault, pointer, expected) in cases {
        let (code, report) = crowd(fault, &["--through-restarts"]);
        assert_eq!(code, 1, "{fault:?}: {report}");
        assert_eq!(count(&report, pointer), expected, "{fault:?}: {report}");
    }
}

/// Two of them, whose buffers are full after a third of a second and who take things again a second later.
#[test]
fn who_stalls_is_no_viewer_and_hears_in_the_end_how_it_was_closed() {
    let stall: Vec<&str> = "--stalled 2 --stall-seconds 1 --text-bytes 8000"
        .split(' ')
        .collect();
    let run = |fault| crowd_of(fault, "4.5", &stall);
    let (code, report) = run(Fault::Slow);
    assert!(matches!(code, 0 | 3), "{report}");
    assert_eq!(count(&report, "/stalled/closed/4008"), 2, "{report}");
    let acked = count(&report, "/acked");
    assert_eq!(count(&report, "/delivered"), acked * VIEWERS);
    let held = |what: &str| {
        let pointer = format!("/stalled/held/{what}");
        report.pointer(&pointer).and_then(Value::as_f64)
    };
    let (kernel, queue) = (held("kernel_bytes_each"), held("queue_bytes_each"));
    assert!(queue > Some(1_000.0) && kernel > queue, "{report}");

    let wrong = [
        (Fault::SlowForGood, "/stalled/for_good"),
        (Fault::SlowStays, "/stalled/open"),
    ];
    for (fault, pointer) in wrong {
        let (code, report) = run(fault);
        assert_eq!(code, 1, "{fault:?}: {report}");
        assert_eq!(count(&report, pointer), 2, "{report}");
    }
}

#[test]
fn what_joins_make_others_hear_is_in_the_report() {
    let (code, report) = crowd(Fault::None, &["--presence"]);
    assert!(matches!(code, 0 | 3), "{report}");
    // This server tells nobody of anybody; three viewers were in for two seconds each, at least.
    assert_eq!(count(&report, "/heard_while_joining/bytes"), 0);
    let seconds = report.pointer("/heard_while_joining/viewer_seconds");
    assert!(seconds.and_then(Value::as_f64) >= Some(6.0), "{report}");
}

#[test]
fn a_stall_that_cannot_be_seen_is_refused_in_words() {
    let refused = |flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
            .args(["crowd", "--stalled", "1"])
            .args(flags)
            .output()
            .expect("the load test runs");
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(refused(&["--seconds", "17"]).contains("19.6 s or more"));
    let far = ["--server", "192.0.2.1:80", "--seconds", "30"];
    assert!(refused(&far).contains("on this machine"));
    let restarts = ["--through-restarts", "--seconds", "30"];
    assert!(refused(&restarts).contains("does not come back"));
    let relay = ["--dialect", "relay", "--seconds", "30"];
    assert!(refused(&relay).contains("closes nobody"));
}
