//! What one direction does to what passes, on a clock of the test's own.

use super::{super::Direction, *};

const MS: Duration = Duration::from_millis(1);

fn way(kind: Kind, on: &str) -> (Way<u64>, Instant) {
    let start = Instant::now();
    let dice = Dice::new(11, 1, Direction::Up);
    (Way::new(kind, conditions(on), dice, start), start)
}

fn conditions(on: &str) -> Conditions {
    Conditions::default().with_text(on).expect("conditions")
}

/// Everything that comes out, with when, in ms since the start.
fn all(way: &mut Way<u64>, start: Instant) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    while let Some(at) = way.deadline() {
        while let Some(what) = way.poll(at) {
            out.push((what, at.duration_since(start).as_millis() as u64));
        }
    }
    out
}

/// `n` packets of 1,000 bytes, one a millisecond, taken as they come out.
fn through(kind: Kind, on: &str, n: u64) -> (Vec<(u64, u64)>, Counters) {
    let (mut way, start) = way(kind, on);
    let mut out = Vec::new();
    for what in 0..n {
        let now = start + MS * what as u32;
        while let Some(at) = way.deadline().filter(|at| *at <= now) {
            while let Some(what) = way.poll(at) {
                out.push((what, at.duration_since(start).as_millis() as u64));
            }
        }
        if kind == Kind::Datagrams || way.room() >= 1_000 {
            way.take(what, 1_000, now);
        }
    }
    out.extend(all(&mut way, start));
    (out, way.counters())
}

fn order(out: &[(u64, u64)]) -> Vec<u64> {
    out.iter().map(|it| it.0).collect()
}

#[test]
fn a_good_line_passes_everything_at_once() {
    for kind in [Kind::Datagrams, Kind::Stream] {
        let (out, counters) = through(kind, "", 50);
        assert_eq!(out, (0..50).map(|it| (it, it)).collect::<Vec<_>>());
        assert_eq!((counters.came, counters.passed), (50, 50));
    }
}

#[test]
fn the_same_seed_and_the_same_packets_have_the_same_fates() {
    let on = "loss=5%,burst=3,delay=40ms,jitter=20ms,overtake=true,reorder=2%,duplicate=2%,rate=6mbit,queue=20kb";
    let first = through(Kind::Datagrams, on, 5_000);
    assert_eq!(first, through(Kind::Datagrams, on, 5_000));
    let counters = first.1;
    assert!(counters.lost > 0 && counters.overflowed > 0 && counters.doubled > 0);
    assert!(counters.held_back > 0 && counters.passed > 0);
    assert_eq!(
        counters.came + counters.doubled,
        counters.passed + counters.lost + counters.overflowed + counters.blackholed
    );
}

#[test]
fn jitter_keeps_order_unless_it_may_overtake() {
    let (out, _) = through(Kind::Datagrams, "delay=40ms,jitter=20ms", 1_000);
    assert!(order(&out).is_sorted());
    assert!(
        out.iter()
            .all(|(what, at)| (20..=60).contains(&(at - what)))
    );
    let (out, _) = through(
        Kind::Datagrams,
        "delay=40ms,jitter=20ms,overtake=true",
        1_000,
    );
    assert!(!order(&out).is_sorted());
    assert!(
        out.iter()
            .all(|(what, at)| (19..=60).contains(&(at - what)))
    );
}

#[test]
fn what_is_held_back_is_overtaken_and_nothing_else_moves() {
    let (out, counters) = through(
        Kind::Datagrams,
        "delay=5ms,reorder=10%,reorder-by=20ms",
        1_000,
    );
    let late = out.iter().filter(|(what, at)| at - what == 25).count();
    assert_eq!(late as u64, counters.held_back);
    assert_eq!(
        out.iter().filter(|(what, at)| at - what == 5).count(),
        1_000 - late
    );
}

#[test]
fn a_narrow_line_lets_through_its_rate_and_drops_what_has_no_room() {
    // 1,000 bytes a ms come; 4 Mbit/s are 500 bytes a ms, and 10 packets may wait.
    let (out, counters) = through(Kind::Datagrams, "rate=4mbit,bucket=1000,queue=10kb", 1_000);
    assert!(counters.overflowed.abs_diff(490) <= 10, "{counters:?}");
    assert_eq!(counters.passed + counters.overflowed, 1_000);
    let gaps = out.windows(2).map(|it| it[1].1 - it[0].1);
    assert!(gaps.skip(1).all(|it| it == 2), "one in two milliseconds");
    let worst = out.iter().map(|(what, at)| at - what).max();
    assert!(worst <= Some(22), "at most the queue's length: {worst:?}");
    // A stream is not read instead.
    let (out, counters) = through(Kind::Stream, "rate=4mbit,bucket=1000,queue=10kb", 1_000);
    assert_eq!((counters.overflowed, counters.came), (0, counters.passed));
    assert!(order(&out).is_sorted());
}

#[test]
fn a_line_can_be_widened_under_what_waits() {
    let (mut way, start) = way(Kind::Datagrams, "rate=8kbit,bucket=1000,queue=1MiB");
    for what in 0..10 {
        way.take(what, 1_000, start);
    }
    assert_eq!(way.poll(start), Some(0));
    assert_eq!(way.deadline(), Some(start + MS * 1_000));
    way.set(
        conditions("rate=8mbit,bucket=1000,queue=1MiB"),
        start + MS * 500,
    );
    let out = all(&mut way, start);
    assert_eq!(order(&out), (1..10).collect::<Vec<_>>());
    assert!(out.iter().all(|it| (500..=510).contains(&it.1)), "{out:?}");
    way.set(Conditions::default(), start + MS * 600);
    way.take(10, 1_000, start + MS * 600);
    assert_eq!(way.poll(start + MS * 600), Some(10));
}

#[test]
fn a_cut_loses_datagrams_and_keeps_a_stream() {
    for (kind, heard) in [(Kind::Datagrams, vec![3]), (Kind::Stream, vec![0, 1, 3])] {
        let (mut way, start) = way(kind, "delay=10ms");
        way.take(0, 1, start);
        way.take(1, 1, start);
        way.set_gate(Gate::Cut);
        assert_eq!((way.room(), way.deadline()), (0, None));
        assert_eq!(way.poll(start + MS * 20), None);
        if kind == Kind::Datagrams {
            way.take(2, 1, start + MS * 20);
        }
        way.set_gate(Gate::Open);
        way.take(3, 1, start + MS * 30);
        assert_eq!(order(&all(&mut way, start)), heard);
    }
}

#[test]
fn it_is_cut_after_so_many_bytes_and_not_one_more() {
    let (mut way, start) = way(Kind::Stream, "cut-after=1500");
    assert_eq!(way.room(), 1_500);
    way.take(0, 1_000, start);
    way.take(1, 500, start);
    assert_eq!((way.room(), order(&all(&mut way, start))), (0, vec![0, 1]));
    let (out, counters) = through(Kind::Datagrams, "cut-after=2500", 10);
    assert_eq!((order(&out), counters.blackholed), (vec![0, 1], 8));
}

#[test]
fn a_stalled_way_hands_over_what_it_has_and_reads_nothing() {
    let (mut way, start) = way(Kind::Stream, "delay=10ms");
    way.take(0, 1, start);
    way.set_gate(Gate::Stalled);
    assert_eq!(way.room(), 0);
    assert_eq!(order(&all(&mut way, start)), [0]);
}

#[test]
fn a_lost_segment_holds_up_everything_behind_it() {
    let (out, counters) = through(Kind::Stream, "loss=5%,delay=10ms", 2_000);
    assert_eq!(order(&out), (0..2_000).collect::<Vec<_>>());
    assert!(counters.repaired > 50 && counters.lost == 0, "{counters:?}");
    assert!(out.iter().all(|(what, at)| at - what >= 10));
    assert!(out.iter().any(|(what, at)| at - what >= 210));
    assert!(out.windows(2).all(|it| it[0].1 <= it[1].1));
}
