//! A room in which more is said than can be read.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{limits, server::Push};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::Shown;

const RATE: u32 = 20;

fn loud() -> Bench {
    let mut meta = meta();
    meta.rates.readable = RATE;
    let mut bench = Bench::of(Room::new(meta, "k3".into()));
    for name in [OWNER, MODERATOR, MAKER, ANN, BOB, GUEST] {
        bench.join(name);
    }
    bench.pass(2_000);
    bench.fx.clear();
    bench
}

fn shown(bench: &Bench) -> Vec<&Shown> {
    let shown = bench.fx.iter().filter_map(|it| match it {
        Effect::Announce(Announce::Records(shown)) => Some(shown),
        _ => None,
    });
    shown.collect()
}

fn seqs(bench: &Bench) -> Vec<Seq> {
    let shown = shown(bench);
    let records = shown.iter().flat_map(|it| &it.records);
    records.map(|it| it.seq).collect()
}

/// What one connection is shown beside the rest.
fn beside(bench: &Bench, name: &str) -> Vec<Seq> {
    let own = bench.fx.iter().filter_map(|it| match it {
        Effect::Push {
            connection: to,
            push: Push::Beside { ev, .. },
        } if *to == connection(name) => Some(ev),
        _ => None,
    });
    own.flatten().map(|it| it.s).collect()
}

#[test]
fn p9_up_to_the_rate_everything_is_shown_at_once() {
    let mut bench = loud();
    for n in 1..=u64::from(RATE) {
        bench.say(ANN, "hello").expect("said");
        assert_eq!(seqs(&bench).last(), Some(&n), "with its commit");
    }
    assert!(shown(&bench).iter().all(|it| it.skipped() == 0));
    // What is earned within a second may be used, and no more.
    bench.pass(60_000);
    bench.fx.clear();
    for _ in 0..RATE {
        bench.say(BOB, "hello").expect("said");
    }
    assert_eq!(seqs(&bench).len(), RATE as usize);
    bench.say(BOB, "one more").expect("said");
    assert_eq!(seqs(&bench).len(), RATE as usize, "it waits");
}

#[test]
fn p9_above_it_a_part_is_shown_that_names_the_whole_range() {
    let mut bench = loud();
    let before = bench.room.committed_seq();
    for _ in 0..60 {
        bench.say(ANN, "hello").expect("said");
    }
    assert_eq!(seqs(&bench).len(), 20, "the first second's worth");
    bench.fx.clear();
    let every_ms = limits::READABLE_EVERY.as_millis() as u64;
    bench.pass(every_ms - 1);
    assert_eq!(seqs(&bench), [] as [Seq; 0]);
    bench.pass(1);
    let [it] = shown(&bench)[..] else {
        panic!("one announce: {:?}", bench.fx)
    };
    assert_eq!((it.from, it.to), (before + 21, before + 60));
    assert_eq!((it.records.len(), it.skipped()), (10, 30));
    // The log has all of them.
    let page = bench.room.history(Past::After(before), 200).expect("kept");
    assert_eq!(page.page.len(), 60);
}

#[test]
fn p9_what_is_left_out_reaches_those_whom_it_is_about() {
    let mut bench = loud();
    let of = bench.say(BOB, "who comes along?").expect("said");
    for _ in 0..60 {
        bench.say(GUEST, "noise").expect("said");
    }
    let reply = Command::Publish {
        client_id: bench.cid(),
        text: "I do".into(),
        reply_to: Some(of),
        question: false,
        to: Vec::new(),
    };
    let reply = bench.ack(ANN, reply).expect("said").s;
    let named = Command::Publish {
        client_id: bench.cid(),
        text: "and you?".into(),
        reply_to: None,
        question: false,
        to: vec![GUEST.into()],
    };
    let named = bench.ack(ANN, named).expect("said").s;
    // Nobody was shown for so long that Ann could not be among them: so she was, before.
    bench.pass(10_000);
    let all: BTreeSet<Seq> = seqs(&bench).into_iter().collect();
    let left_out: Vec<Seq> = (1..=named).filter(|it| !all.contains(it)).collect();
    assert!(left_out.len() > 10);
    for (name, seq) in [(BOB, reply), (GUEST, named), (ANN, reply), (ANN, named)] {
        let seen = all.contains(&seq) || beside(&bench, name).contains(&seq);
        assert!(seen, "{seq} is for {name}");
    }
    for name in [MAKER, MODERATOR, OWNER] {
        assert_eq!(beside(&bench, name), left_out, "{name} runs the room");
    }
    let others = |it: &Seq| *it != reply && *it != named;
    assert_eq!(beside(&bench, BOB).into_iter().filter(others).count(), 0);
}

#[test]
fn p9_hosts_questions_and_changes_are_shown_with_all_before_them() {
    let mut bench = loud();
    for _ in 0..40 {
        bench.say(ANN, "noise").expect("said");
    }
    bench.fx.clear();
    let word = bench.say(MAKER, "one at a time, please").expect("said");
    assert_eq!(seqs(&bench).last(), Some(&word), "at once");
    assert_eq!(shown(&bench)[0].to, word);
    let of = bench.say(ANN, "noise").expect("said");
    let client_id = bench.cid();
    let delete = Command::Delete { client_id, of };
    bench.ack(ANN, delete).expect("deleted");
    assert!(
        seqs(&bench).contains(&(of + 1)),
        "a change is shown at once"
    );
    let said = bench
        .fx
        .iter()
        .any(|it| format!("{it:?}").contains("noise"));
    assert!(
        !said
            || shown(&bench)
                .iter()
                .flat_map(|it| &it.records)
                .all(|it| it.seq != of || !format!("{:?}", it.body).contains("noise")),
        "what was taken back meanwhile is not said"
    );
}

#[test]
fn p9_whoever_comes_in_begins_where_the_others_are() {
    let mut bench = loud();
    for _ in 0..40 {
        bench.say(ANN, "noise").expect("said");
    }
    let before = seqs(&bench).last().copied().expect("shown");
    bench.fx.clear();
    let joined = bench.join("newcomer");
    assert_eq!(
        seqs(&bench),
        [] as [Seq; 0],
        "a storm of joins shows nobody anything"
    );
    assert_eq!(joined.s, before, "as far as the others have been shown");
    assert_eq!(joined.ev.last().map(|it| it.s), Some(before));
    bench.say(MAKER, "welcome").expect("said");
    assert_eq!(
        shown(&bench)[0].from,
        before + 1,
        "and from there on with them"
    );
    // Who comes back knowing more than was shown (by the answer to their own) is no exception.
    for _ in 0..40 {
        bench.say(ANN, "noise").expect("said");
    }
    bench.fx.clear();
    let last = bench.room.committed_seq();
    let back = bench.join_since(BOB, Some(last)).expect("let in");
    assert_eq!((back.s, back.ev.len()), (last, 0));
    assert_eq!(shown(&bench)[0].to, last);
}

#[test]
fn a_room_that_is_quiet_again_shows_all_at_once_again() {
    let mut bench = loud();
    for _ in 0..60 {
        bench.say(ANN, "noise").expect("said");
    }
    bench.pass(2_000);
    bench.fx.clear();
    bench.say(ANN, "calm").expect("said");
    bench.pass(500);
    bench.fx.clear();
    let calm = bench.say(BOB, "calm").expect("said");
    assert_eq!(seqs(&bench), [calm]);
}

/// However unevenly people talk, those who speak little are seen.
#[test]
fn the_part_is_fair_over_those_who_speak() {
    for seed in seeds::of(20) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bench = loud();
        let people: Vec<String> = (0..30).map(|it| format!("m_{it:02}")).collect();
        for name in &people {
            bench.join(name);
        }
        bench.fx.clear();
        let (mut said, mut seen) = (0_u64, BTreeMap::<String, u32>::new());
        for _ in 0..600 {
            // The first few say nine tenths of all.
            let loud = random.random_bool(0.9);
            let who = random.random_range(if loud { 0..3 } else { 3..people.len() });
            for _ in 0..2 {
                bench.say(&people[who], "…").expect("said");
                said += 1;
            }
            bench.pass(10);
            for shown in shown(&bench) {
                for it in &shown.records {
                    *seen.entry(it.author.id.to_string()).or_default() += 1;
                }
            }
            bench.fx.clear();
        }
        let all: u32 = seen.values().sum();
        let most = seen.values().max().copied().unwrap_or(0);
        assert!(u64::from(all) < said / 4, "200 a second were said");
        // Those who said a tenth of it are nearly half of what is seen.
        let quiet: u32 = seen.iter().skip(3).map(|it| it.1).sum();
        assert!(quiet * 5 > all * 2, "{quiet} of {all}: {seen:?}");
        assert!(most * 4 < all, "{most} of {all}: {seen:?}");
        assert!(seen.len() > 20, "{seen:?}");
    }
}
