use super::*;
use protocol::{limits, server::Resumed};

fn bench_with(lines: u64) -> Bench {
    let mut bench = Bench::full();
    for n in 1..=lines {
        let command = bench.line(&format!("line {n}"));
        bench.decide(ANN, command);
    }
    bench.commit();
    bench.fx.clear();
    bench
}

/// The seqs that a join brought, with its pages.
fn heard(bench: &mut Bench, name: &str, since: Option<u64>) -> (Joined, Vec<Seq>) {
    let joined = bench.join_since(name, since).expect("let in");
    let mut seqs: Vec<Seq> = joined.ev.iter().map(|it| it.s).collect();
    for effect in &bench.fx {
        if let Effect::Push {
            connection: it,
            push: Push::Ev { s, ev, .. },
        } = effect
        {
            assert_eq!(*it, connection(name));
            assert!(ev.len() <= limits::PAGE_RECORDS_MAX);
            assert_eq!((s.0, s.1), (ev[0].s, ev[ev.len() - 1].s));
            seqs.extend(ev.iter().map(|it| it.s));
        }
    }
    (joined, seqs)
}

#[test]
fn j2_a_first_visit_gets_the_last_fifty() {
    let (joined, seqs) = heard(&mut bench_with(60), BOB, None);
    assert_eq!(
        (joined.resumed, joined.s, joined.more),
        (Resumed::Fresh, 60, false)
    );
    assert_eq!(seqs, (11..=60).collect::<Vec<_>>());
    assert_eq!(joined.gap, None);
}

#[test]
fn j3_a_resume_brings_everything_in_pages_without_hole_or_double() {
    for (since, more) in [
        (0, true),
        (300, true),
        (301, false),
        (499, false),
        (500, false),
    ] {
        let (joined, seqs) = heard(&mut bench_with(500), BOB, Some(since));
        assert_eq!(
            (joined.resumed, joined.s),
            (Resumed::Full, 500),
            "since {since}"
        );
        assert_eq!(seqs, (since + 1..=500).collect::<Vec<_>>(), "since {since}");
        assert_eq!(joined.more, since < 300, "since {since}, {more}");
    }
}

#[test]
fn j4_beyond_two_thousand_a_gap_is_named() {
    let mut bench = bench_with(limits::RESUME_RECORDS_MAX as u64 + 10);
    let last = bench.room.committed_seq();
    let (joined, seqs) = heard(&mut bench, BOB, Some(10));
    assert_eq!((joined.resumed, seqs.len()), (Resumed::Full, 2_000));
    bench.fx.clear();
    let (joined, seqs) = heard(&mut bench, BOB, Some(9));
    assert_eq!(
        (joined.resumed, joined.gap),
        (Resumed::Gap, Some((10, last - 50)))
    );
    assert_eq!(seqs, (last - 49..=last).collect::<Vec<_>>());
}

#[test]
fn j5_another_epoch_or_a_position_ahead_is_fresh() {
    let mut bench = bench_with(3);
    let (joined, _) = heard(&mut bench, BOB, Some(4));
    assert_eq!(joined.resumed, Resumed::Fresh);
    let since = Some(Position {
        e: "k2".into(),
        s: 1,
    });
    let Ok(Reply::Joined(joined)) = bench.ask(BOB, Command::Join { since }) else {
        panic!()
    };
    assert_eq!((joined.resumed, joined.ev.len()), (Resumed::Fresh, 3));
}

#[test]
fn a_join_shows_only_what_is_on_disk() {
    let mut bench = bench_with(2);
    let command = bench.line("not yet");
    bench.decide(ANN, command);
    let client_id = bench.cid();
    bench.decide(
        OWNER,
        Command::SlowMode {
            client_id,
            gap_ms: 9_000,
            auto: None,
        },
    );
    let client_id = bench.cid();
    bench.decide(ANN, Command::Delete { client_id, of: 1 });
    let request = bench.decide(BOB, Command::Join { since: None });
    let Some(Ok(Reply::Joined(joined))) = bench.answer(request) else {
        panic!("at once")
    };
    assert_eq!((joined.s, joined.ev.len()), (2, 2));
    assert_eq!(joined.state.slow_mode_ms, Some(0));
    let page = bench.room.history(Past::Last, 9).expect("kept").page;
    assert_eq!(page, joined.ev);
    bench.commit();
    assert_eq!(bench.join(BOB).s, 5);
}

#[test]
fn a_join_says_what_one_may_do_and_how_things_stand() {
    let mut bench = Bench::full();
    let joined = bench.join(GUEST);
    assert_eq!(
        (joined.a, joined.room.as_str(), joined.e.as_str()),
        (7, "tea", "k3")
    );
    assert_eq!(joined.can, ["watch", "talk", "react", "edit", "delete"]);
    assert_eq!(joined.state.count, Some(6));
    assert_eq!(joined.roster.map(|it| it.len()), Some(6));
    assert_eq!(bench.join(MAKER).mark, protocol::server::Mark::Host);
    assert!(bench.join(MAKER).can.contains(&"go_live".to_owned()));
}

#[test]
fn guests_stay_outside_of_a_room_for_members() {
    let meta = RoomMeta {
        guests: false,
        ..meta()
    };
    let mut bench = Bench::of(Room::new(meta, "k3".into()));
    assert_eq!(
        bench.join_since(GUEST, None).map_err(|it| it.code),
        Err(Code::GuestsNotAllowed)
    );
    assert_eq!(bench.say(GUEST, "a"), Err(Code::NotJoined));
    bench.join(ANN);
}

#[test]
fn s5_history_comes_in_pages_both_ways_and_says_where_it_ends() {
    let bench = bench_with(30);
    let page = |past, n| {
        let page = bench.room.history(past, n).expect("kept");
        let seqs: Vec<Seq> = page.page.iter().map(|it| it.s).collect();
        (seqs.first().copied(), seqs.last().copied(), page.end)
    };
    assert_eq!(page(Past::Last, 10), (Some(21), Some(30), false));
    assert_eq!(page(Past::Last, 30), (Some(1), Some(30), true));
    assert_eq!(page(Past::Before(11), 10), (Some(1), Some(10), true));
    assert_eq!(page(Past::Before(1), 10), (None, None, true));
    assert_eq!(page(Past::Before(0), 10), (None, None, true));
    assert_eq!(page(Past::Before(99), 1), (Some(30), Some(30), false));
    assert_eq!(page(Past::After(0), 10), (Some(1), Some(10), false));
    assert_eq!(page(Past::After(25), 10), (Some(26), Some(30), true));
    assert_eq!(page(Past::After(30), 10), (None, None, true));
    assert_eq!(page(Past::After(Seq::MAX), 10), (None, None, true));
    assert_eq!(page(Past::Before(Seq::MAX), 0), (Some(30), Some(30), false));
}

#[test]
fn history_beyond_the_ring_is_left_to_the_store() {
    let bench = bench_with(limits::RESUME_RECORDS_MAX as u64 + 10);
    assert!(bench.room.history(Past::After(9), 10).is_none());
    assert!(bench.room.history(Past::After(10), 10).is_some());
    assert!(bench.room.history(Past::Before(20), 10).is_none());
    assert!(bench.room.history(Past::Before(21), 10).is_some());
    assert!(bench.room.history(Past::Before(5), 10).is_none());
}

#[test]
fn an_empty_room_has_an_empty_history() {
    let bench = Bench::new();
    for past in [Past::Last, Past::Before(5), Past::After(5)] {
        let page = bench.room.history(past, 5).expect("nothing to fetch");
        assert_eq!((page.page.len(), page.end), (0, true));
    }
}
