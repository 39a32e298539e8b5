//! Who watched: what the record of an end says of it.

use protocol::client::BroadcastAct;

use super::*;
use crate::{
    record::Turnout,
    room::audience::{Audience, KEPT_EVERY_MS, VIEWERS_MAX, viewer_number},
};

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

/// What the disk is told in the course of a broadcast that the process does not survive.
#[test]
fn what_was_measured_outlives_the_process_but_for_the_last_seconds() {
    let mut bench = live();
    for name in [ANN, BOB, GUEST] {
        bench.join(name);
    }
    let heart = |n| Command::Burst {
        kind: "❤".into(),
        n,
    };
    bench.pass(KEPT_EVERY_MS);
    bench.decide(BOB, heart(2));
    bench.pass(KEPT_EVERY_MS);
    leave(&mut bench, GUEST);
    // What is after the last time is lost: a viewer, a heart, some of the time.
    bench.pass(KEPT_EVERY_MS - 1);
    bench.join(MODERATOR);
    bench.decide(BOB, heart(5));
    bench.restart();
    bench.join(MAKER);
    bench.here(MAKER, "p2");
    bench.flowing("p2");
    // They come back and count once; one is new.
    for name in [ANN, BOB, OWNER] {
        bench.join(name);
    }
    bench.pass(1_000);
    bench.decide(ANN, heart(1));
    let turnout = end(&mut bench);
    assert_eq!((turnout.peak, turnout.people), (3, 4));
    assert_eq!(turnout.watched_ms, 3 * 2 * KEPT_EVERY_MS + 3 * 1_000);
    assert_eq!(turnout.hearts, [("❤".to_owned(), 3)]);
    assert!(
        bench.loaded().measured.is_none(),
        "the end takes it off the disk"
    );
}

#[test]
fn a_room_that_ends_in_order_keeps_all_that_was_measured() {
    let mut bench = live();
    bench.join(ANN);
    bench.pass(KEPT_EVERY_MS + 1_700);
    let mut fx = Vec::new();
    bench.room.end(bench.now, &mut fx);
    bench.keep(&fx);
    bench.restart();
    bench.join(MAKER);
    bench.here(MAKER, "p2");
    bench.flowing("p2");
    let turnout = end(&mut bench);
    assert_eq!((turnout.peak, turnout.people), (1, 1));
    assert_eq!(turnout.watched_ms, KEPT_EVERY_MS + 1_700);
}

#[test]
fn the_disk_is_told_of_each_viewer_once_and_of_nothing_where_nobody_watches() {
    let mut bench = live();
    bench.pass(10 * KEPT_EVERY_MS);
    assert_eq!(told(&bench), Vec::<usize>::new(), "the host alone");
    for name in [ANN, BOB] {
        bench.join(name);
    }
    bench.pass(3 * KEPT_EVERY_MS);
    assert_eq!(told(&bench), [2, 0, 0]);
    bench.join(GUEST);
    bench.step(MAKER, BroadcastAct::Pause).expect("paused");
    assert_eq!(told(&bench), [2, 0, 0, 1], "with the change of phase");
    bench.pass(10 * KEPT_EVERY_MS);
    end(&mut bench);
    bench.step(MAKER, BroadcastAct::Archive).expect("archived");
    bench.pass(10 * KEPT_EVERY_MS);
    assert_eq!(told(&bench), [2, 0, 0, 1], "nothing after it is live");
}

#[test]
fn a_commit_that_failed_tells_the_disk_again_of_who_came() {
    let mut bench = live();
    for name in [ANN, BOB] {
        bench.join(name);
    }
    let rows = bench.rows.clone();
    bench.pass(KEPT_EVERY_MS);
    assert_eq!(told(&bench), [2]);
    // It is not on the disk after all: another room takes this one's place.
    bench.rows = rows;
    let mut fx = Vec::new();
    bench.room.failed(&mut fx);
    let fresh = Room::recover(meta(), bench.loaded());
    let old = std::mem::replace(&mut bench.room, fresh);
    bench.room.inherit(bench.now, old, &mut fx);
    bench.pass(KEPT_EVERY_MS);
    assert_eq!(told(&bench), [2]);
    let kept = bench.loaded().measured.expect("it is on the disk");
    assert_eq!(kept.turnout.watched_ms, 2 * 2 * KEPT_EVERY_MS);
}

#[test]
fn a_viewer_is_the_same_number_in_every_process_and_another_in_every_broadcast() {
    let number = |of: &str, who: &str| viewer_number(&of.into(), &who.into());
    // Of the algorithm, not of this program: FNV-1a of "b1", a zero, "ann".
    assert_eq!(number("b1", "ann"), 0x68a4_66ec_121e_3407);
    assert_ne!(number("b1", "ann"), number("b2", "ann"));
    assert_ne!(number("b1", "ann"), number("b1", "anm"));
}

#[test]
fn beyond_its_most_there_are_at_least_so_many() {
    let mut bench = live();
    let came = (1..=VIEWERS_MAX as u64 + 5).collect();
    let of = bench.room.decided.broadcast.clone().expect("it is on").id;
    bench.room.audience = Audience::recover(Some(Measured {
        of,
        turnout: Turnout::default(),
        came,
    }));
    bench.room.audience_fits(bench.now);
    bench.join(ANN);
    let turnout = end(&mut bench);
    assert_eq!((turnout.peak, turnout.people), (1, VIEWERS_MAX as u32));
}

/// How many viewers each row told of.
fn told(bench: &Bench) -> Vec<usize> {
    let came = |it: &RowChange| match it {
        RowChange::Measured(it) => Some(it.came.len()),
        _ => None,
    };
    bench.rows.iter().filter_map(came).collect()
}

fn grace_ms() -> u64 {
    protocol::limits::REJOIN_GRACE.as_millis() as u64
}
