//! Who watched: what the record of an end says of it.

use protocol::client::BroadcastAct;

use super::*;
use crate::record::Turnout;

fn live() -> Bench {
    let mut bench = Bench::new();
    bench.join(MAKER);
    bench.report(StageReport::PublisherHere {
        peer: "p1".into(),
        who: who(MAKER),
    });
    bench.report(StageReport::Flowing {
        peer: "p1".into(),
        video: true,
        audio: true,
    });
    bench
}

fn end(bench: &mut Bench) -> Turnout {
    let client_id = bench.cid();
    let command = Command::Broadcast {
        client_id,
        act: BroadcastAct::End,
        title: None,
        starts_ms: None,
    };
    bench.ack(MAKER, command).expect("ended");
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
    let client_id = bench.cid();
    let pause = Command::Broadcast {
        client_id,
        act: BroadcastAct::Pause,
        title: None,
        starts_ms: None,
    };
    bench.ack(MAKER, pause).expect("paused");
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
    let client_id = bench.cid();
    let pause = Command::Broadcast {
        client_id,
        act: BroadcastAct::Pause,
        title: None,
        starts_ms: None,
    };
    bench.ack(MAKER, pause).expect("paused");
    bench.restart();
    bench.join(MAKER);
    bench.join(ANN);
    bench.report(StageReport::PublisherHere {
        peer: "p2".into(),
        who: who(MAKER),
    });
    bench.report(StageReport::Flowing {
        peer: "p2".into(),
        video: true,
        audio: true,
    });
    bench.pass(5_000);
    let turnout = end(&mut bench);
    assert_eq!((turnout.peak, turnout.people), (3, 3));
    assert_eq!(turnout.watched_ms, 3 * 10_000 + 5_000);
}

fn grace_ms() -> u64 {
    protocol::limits::REJOIN_GRACE.as_millis() as u64
}
