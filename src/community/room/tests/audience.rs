//! Who watched: what the record of an end says of it.

use protocol::client::BroadcastAct;

use super::*;
use crate::record::Turnout;

fn live() -> Bench {
    let mut bench = Bench::new();
    bench.join(MAKER);
    bench.here(MAKER, "p1");
    bench.flowing("p1");
    bench
}

fn end(bench: &mut Bench) -> Turnout {
    bench.step(MAKER, BroadcastAct::End).expect("ended");
    match &bench.log.last().expect("a record").body {
        RecordBody::Broadcast(it) => it.turnout.clone(),
        other => panic!("{other:?}"),
    }
}

fn leave(bench: &mut Bench, name: &str) {
    bench.ask(name, Command::Leave).expect("left");
}

#[test]
fn viewers_are_counted_once_and_their_time_together() {
    let mut bench = live();
    bench.join(ANN);
    bench.pass(60_000);
    bench.join(BOB);
    bench.pass(60_000);
    leave(&mut bench, ANN);
    // The grace counts: who comes back within it never left.
    bench.pass(grace_ms());
    bench.pass(60_000);
    bench.join(ANN);
    bench.pass(30_000);
    let heart = Command::Burst {
        kind: "❤".into(),
        n: 3,
    };
    bench.decide(BOB, heart);
    let turnout = end(&mut bench);
    assert_eq!(
        (turnout.peak, turnout.people),
        (2, 2),
        "the host is no viewer"
    );
    let ann_ms = 60_000 + 60_000 + grace_ms() + 30_000;
    let bob_ms = 60_000 + grace_ms() + 60_000 + 30_000;
    assert_eq!(turnout.watched_ms, ann_ms + bob_ms);
    assert_eq!(turnout.hearts, [("❤".to_owned(), 3)]);
}

#[test]
fn nobody_watches_what_is_not_live() {
    let mut bench = live();
    bench.pass(10_000);
    bench.step(MAKER, BroadcastAct::Pause).expect("paused");
    bench.join(ANN);
    bench.pass(10_000);
    assert_eq!(end(&mut bench), Turnout::default());
}

#[test]
fn another_process_goes_on_from_what_was_recorded() {
    let mut bench = live();
    for name in [ANN, BOB, GUEST] {
        bench.join(name);
    }
    bench.pass(10_000);
    bench.step(MAKER, BroadcastAct::Pause).expect("paused");
    bench.restart();
    bench.join(MAKER);
    bench.join(ANN);
    bench.here(MAKER, "p2");
    bench.flowing("p2");
    bench.pass(5_000);
    let turnout = end(&mut bench);
    assert_eq!((turnout.peak, turnout.people), (3, 3));
    assert_eq!(turnout.watched_ms, 3 * 10_000 + 5_000);
}

fn grace_ms() -> u64 {
    protocol::limits::REJOIN_GRACE.as_millis() as u64
}
