//! Order in the room: how fast one talks, and who may.

use protocol::{limits, server::RoomMode};

use super::*;

fn mode(bench: &mut Bench, by: &str, mode: RoomMode, for_ms: Option<u64>) -> Result<Seq, Code> {
    let client_id = bench.cid();
    let command = Command::Mode {
        client_id,
        mode,
        for_ms,
    };
    bench.ack(by, command).map(|it| it.s).map_err(|it| it.code)
}

fn ask(bench: &mut Bench, name: &str) -> Result<Seq, Code> {
    let command = Command::Publish {
        client_id: bench.cid(),
        text: "为什么？".into(),
        reply_to: None,
        question: true,
        to: Vec::new(),
    };
    bench
        .ack(name, command)
        .map(|it| it.s)
        .map_err(|it| it.code)
}

fn shown(bench: &Bench) -> Option<protocol::server::Mode> {
    bench.room.state().mode
}

/// A room that counts: three at once, then one each 500 ms.
fn counting() -> Bench {
    let meta = RoomMeta {
        rates: Rates {
            talk: TalkRate::new(3, 2),
            readable: 0,
        },
        ..meta()
    };
    let mut bench = Bench::of(Room::new(meta, "k3".into()));
    for name in [OWNER, MAKER, ANN, BOB] {
        bench.join(name);
    }
    bench
}

#[test]
fn a_burst_passes_then_the_rate_counts_and_says_how_long() {
    let mut bench = counting();
    for n in 1..=3 {
        assert_eq!(bench.say(ANN, "a"), Ok(n));
    }
    let command = bench.line("too fast");
    let refusal = bench.ack(ANN, command.clone()).expect_err("too fast");
    assert_eq!((refusal.code, refusal.ms), (Code::RateLimited, Some(500)));
    assert_eq!(bench.say(BOB, "not my burst"), Ok(4));
    bench.tick(499);
    assert_eq!(bench.say(ANN, "still"), Err(Code::RateLimited));
    bench.tick(1);
    assert_eq!(
        bench.ack(ANN, command).map(|it| it.s),
        Ok(5),
        "the same wish"
    );
    assert_eq!(bench.say(ANN, "again"), Err(Code::RateLimited));
    bench.tick(60_000);
    for n in 6..=8 {
        assert_eq!(bench.say(ANN, "a full bucket is three, not more"), Ok(n));
    }
    assert_eq!(bench.say(ANN, "a"), Err(Code::RateLimited));
}

#[test]
fn edits_count_as_messages_do_and_refusals_do_not() {
    let mut bench = counting();
    for _ in 0..20 {
        assert_eq!(bench.say(ANN, " "), Err(Code::Empty));
    }
    let seq = bench.say(ANN, "a").expect("said");
    let mut edit = |text: &str| {
        let command = Command::Edit {
            client_id: bench.cid(),
            of: seq,
            text: text.into(),
        };
        bench.ack(ANN, command).map(|_| ()).map_err(|it| it.code)
    };
    assert_eq!(edit("b"), Ok(()));
    assert_eq!(edit("c"), Ok(()));
    assert_eq!(edit("d"), Err(Code::RateLimited));
}

#[test]
fn who_runs_the_room_is_not_counted_and_a_rate_of_nothing_counts_nobody() {
    let mut bench = counting();
    for name in [OWNER, MAKER] {
        for _ in 0..20 {
            bench.say(name, "a").expect("not counted");
        }
    }
    let mut bench = Bench::full();
    for _ in 0..100 {
        bench.say(ANN, "a").expect("not counted");
    }
    assert_eq!(
        TalkRate::new(0, 3),
        TalkRate {
            burst: 1,
            every_ms: 334
        }
    );
}

#[test]
fn a_mode_says_who_speaks_and_who_runs_the_room_always_may() {
    let mut bench = Bench::full();
    assert_eq!(shown(&bench), None);
    assert_eq!(
        mode(&mut bench, ANN, RoomMode::Host, None),
        Err(Code::NotPermitted)
    );
    mode(&mut bench, MODERATOR, RoomMode::Members, None).expect("set");
    assert_eq!(bench.say(GUEST, "a"), Err(Code::GuestsNotAllowed));
    bench.say(ANN, "a").expect("a member");
    mode(&mut bench, MAKER, RoomMode::Questions, None).expect("set");
    assert_eq!(bench.say(ANN, "a"), Err(Code::QuestionsOnly));
    ask(&mut bench, ANN).expect("a question");
    bench.say(MAKER, "the host answers").expect("runs the room");
    mode(&mut bench, OWNER, RoomMode::Host, None).expect("set");
    assert_eq!(ask(&mut bench, ANN), Err(Code::HostOnly));
    let own = bench.say(MODERATOR, "a").expect("runs the room");
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: 2,
        text: "around it".into(),
    };
    let edit = bench.ack(ANN, edit).map_err(|it| it.code);
    assert_eq!(edit, Err(Code::HostOnly), "an edit speaks as well ({own})");
    bench.restart();
    let joined = bench.join(ANN);
    let mode_then = joined.state.mode.map(|it| (it.mode, it.until_ms));
    assert_eq!(mode_then, Some((RoomMode::Host, None)));
    assert_eq!(bench.say(ANN, "a"), Err(Code::HostOnly));
    bench.join(OWNER);
    mode(&mut bench, OWNER, RoomMode::Open, None).expect("set");
    bench.say(ANN, "a").expect("open again");
}

#[test]
fn a_mode_for_a_time_gives_way_to_the_one_before_by_itself() {
    let mut bench = Bench::full();
    mode(&mut bench, MAKER, RoomMode::Members, None).expect("set");
    mode(&mut bench, MAKER, RoomMode::Host, Some(60_000)).expect("set");
    // Pulled again before it is over: what comes back is still what was there before.
    bench.pass(30_000);
    mode(&mut bench, MODERATOR, RoomMode::Host, Some(60_000)).expect("set");
    bench.pass(59_000);
    assert_eq!(bench.say(ANN, "a"), Err(Code::HostOnly));
    bench.fx.clear();
    bench.pass(1_000);
    let told = bench.states().iter().find_map(|it| it.mode);
    assert_eq!(
        told.map(|it| (it.mode, it.until_ms)),
        Some((RoomMode::Members, None))
    );
    bench.say(ANN, "a").expect("members speak");
    assert_eq!(bench.say(GUEST, "a"), Err(Code::GuestsNotAllowed));
    assert_eq!(
        bench.log.last().map(|it| it.author.id.clone()),
        Some(ANN.into())
    );
}

#[test]
fn a_mode_for_a_time_ends_although_the_server_was_away() {
    let mut bench = Bench::full();
    mode(&mut bench, MAKER, RoomMode::Host, Some(60_000)).expect("set");
    bench.restart();
    bench.tick(10_000);
    let mut fx = Vec::new();
    bench.room.wake(bench.now, &mut fx);
    bench.join(ANN);
    assert_eq!(bench.say(ANN, "a"), Err(Code::HostOnly));
    bench.pass(60_000);
    bench.say(ANN, "a").expect("its time is over");
}

#[test]
fn the_time_of_a_mode_has_its_bounds() {
    let mut bench = Bench::full();
    let most = limits::MODE_FOR_MAX.as_millis() as u64;
    for (for_ms, expect) in [(0, Err(Code::Malformed)), (most + 1, Err(Code::Malformed))] {
        let seen = mode(&mut bench, MAKER, RoomMode::Host, Some(for_ms)).map(|_| ());
        assert_eq!(seen, expect, "{for_ms}");
    }
    mode(&mut bench, MAKER, RoomMode::Host, Some(most)).expect("a day");
}
