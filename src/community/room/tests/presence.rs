use super::*;
use crate::command::Whose;
use protocol::limits;

/// The rosters and counts announced so far.
fn announced(bench: &mut Bench) -> Vec<(Vec<String>, Vec<String>, Option<u32>)> {
    let mut seen = Vec::new();
    for effect in bench.fx.drain(..) {
        match effect {
            Effect::Announce(Announce::Roster { came, left }) => {
                let came = came.iter().map(|it| it.id.to_string()).collect();
                seen.push((came, left.iter().map(ToString::to_string).collect(), None));
            }
            Effect::Announce(Announce::State(state)) => match seen.last_mut() {
                Some(it) if it.2.is_none() => it.2 = state.count,
                _ => seen.push((Vec::new(), Vec::new(), state.count)),
            },
            _ => {}
        }
    }
    seen
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

fn leave(bench: &mut Bench, name: &str) {
    bench.room.left(bench.now, connection(name));
}

#[test]
fn s2_somebody_who_comes_back_within_ten_seconds_never_left() {
    let mut bench = Bench::full();
    leave(&mut bench, ANN);
    bench.pass(9_999);
    assert_eq!(bench.room.count(), 6);
    bench.join(ANN);
    bench.pass(60_000);
    assert_eq!(bench.room.count(), 6);
    assert!(
        announced(&mut bench).iter().all(|it| it.1.is_empty()),
        "nobody left"
    );
}

#[test]
fn s2_a_member_with_two_tabs_is_counted_once() {
    let mut bench = Bench::full();
    let second = Origin {
        who: who(ANN),
        connection: 42,
        request: 0,
    };
    let mut fx = Vec::new();
    bench
        .room
        .handle(bench.now, &second, Command::Join { since: None }, &mut fx);
    assert_eq!(bench.room.count(), 6);
    leave(&mut bench, ANN);
    bench.pass(60_000);
    assert_eq!(bench.room.count(), 6);
    bench
        .room
        .handle(bench.now, &second, Command::Leave, &mut fx);
    bench.pass(10_000);
    assert_eq!(bench.room.count(), 5);
    bench.pass(1_000);
    assert_eq!(
        announced(&mut bench),
        [(names(&[]), names(&[ANN]), Some(5))]
    );
}

#[test]
fn s3_comings_and_goings_are_announced_together_and_once_a_second() {
    let mut bench = Bench::new();
    for name in [ANN, BOB] {
        bench.join(name);
    }
    bench.pass(0);
    assert_eq!(
        announced(&mut bench),
        [(names(&[ANN, BOB]), names(&[]), Some(2))]
    );
    bench.join(OWNER);
    bench.tick(400);
    bench.join(GUEST);
    bench.pass(599);
    assert_eq!(announced(&mut bench), []);
    bench.pass(1);
    assert_eq!(
        announced(&mut bench),
        [(names(&[GUEST, OWNER]), names(&[]), Some(4))]
    );
}

fn crowd(bench: &mut Bench, from: usize, to: usize) {
    for n in from..to {
        bench.join(&format!("m{n:03}"));
    }
}

#[test]
fn s3_above_two_hundred_only_the_count_is_told() {
    let mut bench = Bench::new();
    crowd(&mut bench, 0, limits::ROSTER_MEMBERS_MAX);
    bench.pass(1_000);
    assert_eq!(announced(&mut bench)[0].0.len(), 200);
    let joined = bench.join("m200");
    assert_eq!((joined.roster, joined.state.count), (None, Some(201)));
    bench.pass(1_000);
    assert_eq!(announced(&mut bench), [(names(&[]), names(&[]), Some(201))]);

    leave(&mut bench, "m000");
    leave(&mut bench, "m001");
    bench.pass(12_000);
    let back = announced(&mut bench);
    assert_eq!(back.len(), 1);
    assert_eq!(
        (back[0].0.len(), back[0].2),
        (199, Some(199)),
        "a whole roster, for everybody"
    );
}

#[test]
fn the_roster_that_is_asked_for_has_a_bound() {
    let mut bench = Bench::new();
    crowd(&mut bench, 0, 230);
    let Ok(Reply::Roster(it)) = bench.ask("m000", Command::Roster) else {
        panic!()
    };
    assert_eq!((it.roster.len(), it.count), (200, 230));
    let refusal = bench
        .ask("stranger", Command::Roster)
        .expect_err("not here");
    assert_eq!(refusal.code, Code::NotJoined);
}

fn page(
    bench: &mut Bench,
    by: &str,
    q: Option<&str>,
    after: Option<&str>,
    n: usize,
) -> Result<(Vec<String>, Option<String>), Code> {
    let whose = Whose {
        q: q.map(str::to_owned),
        after: after.map(Into::into),
        n,
    };
    match bench.ask(by, Command::Who(whose)) {
        Ok(Reply::Who(page)) => {
            let here = page.here.iter().map(|it| it.id.to_string()).collect();
            Ok((here, page.next.map(|it| it.to_string())))
        }
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.code),
    }
}

#[test]
fn everybody_in_a_large_room_is_seen_page_by_page_and_once() {
    let mut bench = Bench::new();
    crowd(&mut bench, 0, 430);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (here, next) = page(&mut bench, "m000", None, after.as_deref(), 1_000).expect("told");
        assert!(here.len() <= limits::ROSTER_MEMBERS_MAX);
        seen.extend(here);
        match next {
            Some(it) => after = Some(it),
            None => break,
        }
    }
    let everybody: Vec<String> = (0..430).map(|n| format!("m{n:03}")).collect();
    assert_eq!(seen, everybody);
    assert_eq!(
        page(&mut bench, "stranger", None, None, 50),
        Err(Code::NotJoined)
    );
}

#[test]
fn who_keeps_order_finds_somebody_by_name_however_it_is_written() {
    let mut bench = Bench::new();
    crowd(&mut bench, 0, 1_000);
    bench.join(MODERATOR);
    bench.join("zoe");
    // The page looks at so many names and no more, and says where to go on.
    let (first, next) = page(&mut bench, MODERATOR, Some("ＺＯＥ"), None, 50).expect("told");
    assert_eq!(first, Vec::<String>::new());
    let (second, next) =
        page(&mut bench, MODERATOR, Some("ＺＯＥ"), next.as_deref(), 50).expect("told");
    assert_eq!((second, next), (vec!["zoe".to_owned()], None));
    assert_eq!(
        page(&mut bench, "m000", Some("m1"), None, 50),
        Err(Code::NotPermitted)
    );
    let long = "名".repeat(limits::WHO_CHARS_MAX + 1);
    assert_eq!(
        page(&mut bench, MODERATOR, Some(&long), None, 50),
        Err(Code::TooLong)
    );
    // Signs alone are no part of a name: they would find everybody.
    assert_eq!(
        page(&mut bench, MODERATOR, Some("！ …"), None, 50),
        Err(Code::Empty)
    );
}

#[test]
fn somebody_told_another_count_at_the_join_hears_the_right_one() {
    let mut bench = Bench::full();
    bench.join("carol");
    let joined = bench.join("dave");
    assert_eq!(joined.state.count, Some(8));
    // Two are put out within the same second: the count is what was announced before.
    for name in ["carol", ANN] {
        let client_id = bench.cid();
        let reason = String::new();
        let ban = Command::Ban {
            client_id,
            who: name.into(),
            for_ms: None,
            reason,
        };
        bench.ack(OWNER, ban).expect("accepted");
    }
    bench.fx.clear();
    bench.pass(1_000);
    assert_eq!(announced(&mut bench)[0].2, Some(6));
}

#[test]
fn p7_hearts_are_counted_and_announced_twice_a_second() {
    let mut bench = Bench::full();
    let heart = |bench: &mut Bench, kind: &str, n| {
        bench.decide(
            ANN,
            Command::Burst {
                kind: kind.into(),
                n,
            },
        );
    };
    heart(&mut bench, "❤", 3);
    heart(&mut bench, "👏", 1);
    bench.tick(300);
    heart(&mut bench, "❤", limits::BURST_COUNT_MAX + 100);
    heart(&mut bench, "❤", 0);
    bench.fx.clear();
    bench.pass(199);
    assert!(bench.fx.is_empty());
    bench.pass(1);
    let Some(Effect::Announce(Announce::Burst(counts))) = bench.fx.first() else {
        panic!()
    };
    let counts: Vec<_> = counts.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(counts, [("❤", 3 + limits::BURST_COUNT_MAX), ("👏", 1)]);
    bench.fx.clear();
    bench.pass(5_000);
    assert!(bench.fx.is_empty(), "nothing more to tell");
}

#[test]
fn hearts_that_do_not_fit_are_dropped() {
    let mut bench = Bench::full();
    for kind in ["", "a b", "seventeen letters", "\u{7}"] {
        bench.decide(
            ANN,
            Command::Burst {
                kind: kind.into(),
                n: 1,
            },
        );
    }
    bench.decide(
        "stranger",
        Command::Burst {
            kind: "❤".into(),
            n: 1,
        },
    );
    assert_eq!(bench.room.bursts.deadline(), None);
    for n in 0..20 {
        bench.decide(
            ANN,
            Command::Burst {
                kind: format!("k{n}"),
                n: 1,
            },
        );
    }
    bench.fx.clear();
    bench.pass(500);
    let Some(Effect::Announce(Announce::Burst(counts))) = bench.fx.first() else {
        panic!()
    };
    assert_eq!(counts.len(), 8);
}

#[test]
fn b13_only_who_may_run_the_broadcast_hears_how_its_media_arrives() {
    let bench = Bench::full();
    let mut heard = bench.room.runners();
    heard.sort_unstable();
    let mut wanted = [OWNER, MODERATOR, MAKER].map(connection);
    wanted.sort_unstable();
    assert_eq!(heard, wanted);
    assert!(Bench::new().room.runners().is_empty(), "nobody is here");
}
