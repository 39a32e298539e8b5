use super::*;

#[test]
fn r3_nothing_is_shown_before_it_is_on_disk() {
    let mut bench = Bench::full();
    let command = bench.line("a");
    bench.decide(ANN, command);
    let client_id = bench.cid();
    bench.decide(
        OWNER,
        Command::SlowMode {
            client_id,
            gap_ms: 1_000,
            auto: None,
        },
    );
    assert!(
        bench.fx.iter().all(|it| matches!(it, Effect::Record(..))),
        "{:?}",
        bench.fx
    );
    assert_eq!(
        (bench.room.committed_seq(), bench.room.pending_len()),
        (0, 2)
    );
    bench.commit();
    assert_eq!(
        (bench.room.committed_seq(), bench.room.pending_len()),
        (2, 0)
    );
}

#[test]
fn a_commit_releases_one_announce_then_the_answers_in_order() {
    let mut bench = Bench::full();
    for text in ["a", "b", "c"] {
        let command = bench.line(text);
        bench.decide(ANN, command);
    }
    bench.fx.clear();
    let mut fx = Vec::new();
    bench.room.committed(bench.now, 2, &mut fx);
    let Effect::Announce(Announce::Records(records)) = &fx[0] else {
        panic!("{fx:?}")
    };
    assert_eq!(
        records.records.iter().map(|it| it.seq).collect::<Vec<_>>(),
        [1, 2]
    );
    let answered: Vec<_> = fx[1..]
        .iter()
        .map(|it| match it {
            Effect::Answer {
                outcome: Ok(Reply::Ack(ack)),
                ..
            } => ack.s,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answered, [1, 2], "the third waits");
    fx.clear();
    bench.room.committed(bench.now, 3, &mut fx);
    assert_eq!(fx.len(), 2);
}

#[test]
fn a_refusal_waits_for_what_it_was_decided_upon() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    let reason = String::new();
    bench.decide(
        OWNER,
        Command::Mute {
            client_id,
            who: ANN.into(),
            for_ms: 5_000,
            reason,
        },
    );
    let command = bench.line("a");
    let request = bench.decide(ANN, command);
    assert!(bench.answer(request).is_none(), "the mute is not on disk");
    bench.commit();
    let refusal = bench.answer(request).expect("answered").expect_err("muted");
    assert_eq!(refusal.code, Code::Muted);
}

#[test]
fn p6_after_a_failed_commit_everybody_is_refused_and_nothing_is_kept() {
    let mut bench = Bench::full();
    bench.say(ANN, "safe").expect("accepted");
    let client_id = bench.cid();
    let reason = String::new();
    let ban = Command::Ban {
        client_id,
        who: BOB.into(),
        for_ms: None,
        reason,
    };
    let requests = [bench.decide(OWNER, ban), {
        let command = bench.line("lost");
        bench.decide(BOB, command)
    }];
    let mut fx = Vec::new();
    bench.room.failed(&mut fx);
    bench.fx.append(&mut fx);
    for request in requests {
        let refusal = bench
            .answer(request)
            .expect("answered")
            .expect_err("not stored");
        assert_eq!(refusal.code, Code::StorageUnavailable);
        assert!(refusal.ms.is_some());
    }
    assert_eq!(
        bench.say(ANN, "to a broken room"),
        Err(Code::StorageUnavailable)
    );
    assert_eq!(
        bench.join_since("carol", None).map_err(|it| it.code),
        Err(Code::StorageUnavailable)
    );

    bench.log.truncate(1);
    let recovered = Room::recover(meta(), bench.loaded());
    let old = std::mem::replace(&mut bench.room, recovered);
    assert!(bench.room.inherit(bench.now, old, &mut fx).is_empty());
    assert_eq!(bench.say(BOB, "still here"), Ok(2));
    assert!(bench.outs().is_empty(), "the ban was never stored");
}

#[test]
fn what_landed_although_its_commit_failed_is_announced_and_followed() {
    let mut bench = Bench::full();
    let command = bench.line("landed");
    bench.decide(ANN, command.clone());
    let client_id = bench.cid();
    let reason = String::new();
    bench.decide(
        OWNER,
        Command::Ban {
            client_id,
            who: BOB.into(),
            for_ms: None,
            reason,
        },
    );
    let mut fx = Vec::new();
    bench.room.failed(&mut fx);
    bench.fx.clear();
    fx.clear();
    let recovered = Room::recover(meta(), bench.loaded());
    let old = std::mem::replace(&mut bench.room, recovered);
    bench.room.inherit(bench.now, old, &mut fx);
    let Effect::Announce(Announce::Records(records)) = &fx[0] else {
        panic!("{fx:?}")
    };
    assert_eq!(
        records.records.iter().map(|it| it.seq).collect::<Vec<_>>(),
        [1, 2]
    );
    bench.fx.extend(fx);
    assert_eq!(bench.outs(), [(BOB, vec![connection(BOB)])]);
    assert_eq!(
        bench.ack(ANN, command).map(|it| (it.s, it.v)),
        Ok((1, AckKind::Dup))
    );
}

#[test]
fn a_client_id_that_only_the_store_knew_is_answered_with_its_first_result() {
    let mut bench = Bench::full();
    let old = bench.line("long ago");
    bench.ack(ANN, old.clone()).expect("accepted");
    let first = bench.log[0].clone();

    // A room that has forgotten the client id decides the retry anew, and the store refuses it.
    let mut loaded = bench.loaded();
    loaded.client_ids.clear();
    bench.room = Room::recover(meta(), loaded.clone());
    for name in [ANN, BOB] {
        bench.join(name);
    }
    let retry = bench.decide(ANN, old);
    let fresh = bench.line("fresh");
    let other = bench.decide(BOB, fresh);
    bench.log.truncate(1);

    let recovered = Room::recover(meta(), loaded);
    let replaced = std::mem::replace(&mut bench.room, recovered);
    let mut fx = Vec::new();
    let commands = bench.room.inherit(bench.now, replaced, &mut fx);
    assert_eq!(
        commands.iter().map(|it| it.0.request).collect::<Vec<_>>(),
        [retry, other]
    );
    let id = first.client_id.clone().expect("a wish");
    bench.room.known(ANN.into(), id, first.seq, first.at_ms);
    for (from, command) in commands {
        bench.room.handle(bench.now, &from, command, &mut fx);
    }
    bench.take(fx);
    bench.commit();
    let acks = [retry, other].map(|it| match bench.answer(it) {
        Some(Ok(Reply::Ack(ack))) => (ack.s, ack.v),
        other => panic!("{other:?}"),
    });
    assert_eq!(acks, [(1, AckKind::Dup), (2, AckKind::New)]);
}

#[test]
fn a_stalled_disk_does_not_let_a_room_grow_without_bound() {
    let mut bench = Bench::full();
    for _ in 0..protocol::limits::ROOM_INBOX_MAX {
        let command = bench.line("a");
        bench.decide(ANN, command);
    }
    bench.fx.clear();
    let command = bench.line("one too many");
    let request = bench.decide(ANN, command);
    let refusal = bench
        .answer(request)
        .expect("at once")
        .expect_err("too busy");
    assert_eq!((refusal.code, refusal.ms), (Code::Busy, Some(1_000)));
    // Who runs the room still has places, as many as are kept for them, and no more.
    bench.fx.clear();
    for _ in 0..protocol::limits::ROOM_INBOX_FIRST_MAX {
        let command = bench.line("order, please");
        let request = bench.decide(OWNER, command);
        assert_eq!(bench.answer(request), None, "it waits for the disk");
    }
    let command = bench.line("one too many");
    let request = bench.decide(OWNER, command);
    let refusal = bench.answer(request).expect("at once").expect_err("busy");
    assert_eq!(refusal.code, Code::Busy);
    bench.commit();
    assert!(bench.say(ANN, "again").is_ok());
}

#[test]
fn a_recovered_room_is_the_room_that_was() {
    let mut bench = Bench::full();
    bench.say(ANN, "a").expect("accepted");
    let client_id = bench.cid();
    bench
        .ack(
            OWNER,
            Command::SlowMode {
                client_id,
                gap_ms: 2_000,
                auto: None,
            },
        )
        .expect("accepted");
    let client_id = bench.cid();
    bench
        .ack(
            ANN,
            Command::Edit {
                client_id,
                of: 1,
                text: "b".into(),
            },
        )
        .expect("accepted");
    let before = (
        bench.room.committed.clone(),
        bench.room.history(Past::Last, 50),
    );
    bench.restart();
    let after = (
        bench.room.committed.clone(),
        bench.room.history(Past::Last, 50),
    );
    assert_eq!(
        before, after,
        "also from a log that keeps messages as they were first said"
    );
    assert_eq!(bench.room.decided, bench.room.committed);
}
