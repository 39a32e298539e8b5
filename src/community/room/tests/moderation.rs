use super::*;

fn mute(bench: &mut Bench, by: &str, whom: &str, for_ms: u64) -> Result<Ack, Refusal> {
    let client_id = bench.cid();
    let reason = "刷屏".into();
    bench.ack(
        by,
        Command::Mute {
            client_id,
            who: whom.into(),
            for_ms,
            reason,
        },
    )
}

fn ban(bench: &mut Bench, by: &str, whom: &str, for_ms: Option<u64>) -> Result<Ack, Refusal> {
    let client_id = bench.cid();
    let reason = "ads".into();
    bench.ack(
        by,
        Command::Ban {
            client_id,
            who: whom.into(),
            for_ms,
            reason,
        },
    )
}

#[test]
fn a_muted_member_is_silent_for_the_time_and_hears_how_long() {
    let mut bench = Bench::full();
    mute(&mut bench, MODERATOR, ANN, 30_000).expect("accepted");
    bench.tick(10_000);
    let command = bench.line("a");
    let refusal = bench.ack(ANN, command).expect_err("muted");
    assert_eq!((refusal.code, refusal.ms), (Code::Muted, Some(20_000)));
    bench.tick(20_000);
    assert_eq!(bench.say(ANN, "a"), Ok(2));
}

#[test]
fn a_muted_member_is_silent_after_a_restart() {
    let mut bench = Bench::full();
    mute(&mut bench, MODERATOR, ANN, 30_000).expect("accepted");
    bench.restart();
    let joined = bench.join(ANN);
    assert_eq!(joined.muted_until_ms, Some(bench.now.unix_ms + 30_000));
    assert_eq!(bench.say(ANN, "a"), Err(Code::Muted));
}

#[test]
fn a_muted_member_neither_edits_nor_sends_hearts() {
    let mut bench = Bench::full();
    bench.say(ANN, "a").expect("accepted");
    mute(&mut bench, MODERATOR, ANN, 30_000).expect("accepted");
    let command = Command::Edit {
        client_id: bench.cid(),
        of: 1,
        text: "b".into(),
    };
    assert_eq!(
        bench.ack(ANN, command).map_err(|it| it.code),
        Err(Code::Muted)
    );
    bench.decide(
        ANN,
        Command::Burst {
            kind: "buy now".into(),
            n: 1,
        },
    );
    bench.decide(
        ANN,
        Command::Burst {
            kind: "❤".into(),
            n: 1,
        },
    );
    bench.fx.clear();
    bench.pass(1_000);
    assert!(
        !bench
            .fx
            .iter()
            .any(|it| matches!(it, Effect::Announce(Announce::Burst(_))))
    );
}

#[test]
fn a_mute_is_told_to_every_connection_of_the_member_and_lifted_by_unmute() {
    let mut bench = Bench::full();
    mute(&mut bench, MODERATOR, ANN, 30_000).expect("accepted");
    let until = bench.now.unix_ms + 30_000;
    let told = |bench: &Bench| {
        bench.fx.iter().rev().find_map(|it| match it {
            Effect::Push {
                connection: it,
                push: Push::Rights { muted_until_ms, .. },
            } => Some((*it, *muted_until_ms)),
            _ => None,
        })
    };
    assert_eq!(told(&bench), Some((connection(ANN), Some(until))));
    let unmute = Command::Unmute {
        client_id: bench.cid(),
        who: ANN.into(),
    };
    bench.ack(OWNER, unmute.clone()).expect("accepted");
    assert_eq!(told(&bench), Some((connection(ANN), None)));
    let client_id = bench.cid();
    let again = Command::Unmute {
        client_id,
        who: ANN.into(),
    };
    assert_eq!(
        bench.ack(OWNER, again).map_err(|it| it.code),
        Err(Code::NotFound)
    );
    assert_eq!(bench.say(ANN, "a"), Ok(3));
}

#[test]
fn a_muted_moderator_does_not_free_oneself() {
    let mut bench = Bench::full();
    mute(&mut bench, OWNER, MODERATOR, 30_000).expect("accepted");
    let unmute = Command::Unmute {
        client_id: bench.cid(),
        who: MODERATOR.into(),
    };
    assert_eq!(
        bench.ack(MODERATOR, unmute).map_err(|it| it.code),
        Err(Code::NotPermitted)
    );
}

#[test]
fn a_banned_member_is_out_at_once_and_stays_out() {
    let mut bench = Bench::full();
    ban(&mut bench, MODERATOR, ANN, None).expect("accepted");
    assert_eq!(bench.outs(), [(ANN, vec![connection(ANN)])]);
    assert!(!bench.room.is_here(connection(ANN)));
    let refusal = bench.join_since(ANN, None).expect_err("banned");
    assert_eq!((refusal.code, refusal.ms), (Code::Banned, None));
    assert!(refusal.say.contains("ads"), "{refusal}");
    assert_eq!(bench.say(ANN, "a"), Err(Code::Banned));
    bench.restart();
    assert_eq!(
        bench.join_since(ANN, Some(0)).expect_err("banned").code,
        Code::Banned
    );
    let command = Command::Unban {
        client_id: bench.cid(),
        who: ANN.into(),
    };
    bench.ack(OWNER, command).expect("accepted");
    bench.join(ANN);
}

#[test]
fn a_timed_ban_ends_by_itself() {
    let mut bench = Bench::full();
    ban(&mut bench, MODERATOR, ANN, Some(5_000)).expect("accepted");
    bench.tick(4_999);
    assert_eq!(bench.join_since(ANN, None).expect_err("banned").ms, Some(1));
    bench.tick(1);
    bench.join(ANN);
}

#[test]
fn nobody_is_out_before_the_ban_is_on_disk() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    let reason = String::new();
    bench.decide(
        OWNER,
        Command::Ban {
            client_id,
            who: ANN.into(),
            for_ms: None,
            reason,
        },
    );
    assert!(bench.outs().is_empty() && bench.room.is_here(connection(ANN)));
    bench.commit();
    assert_eq!(bench.outs().len(), 1);
}

#[test]
fn nobody_acts_upon_oneself_or_somebody_of_equal_or_higher_rank() {
    for (by, whom, may) in [
        (MODERATOR, OWNER, false),
        (MODERATOR, MODERATOR, false),
        (OWNER, OWNER, false),
        (ANN, BOB, false),
        (GUEST, ANN, false),
        (MAKER, MODERATOR, false),
        (MAKER, ANN, true),
        (MODERATOR, MAKER, true),
        (OWNER, MODERATOR, true),
    ] {
        let mut bench = Bench::full();
        let expect = if may { Ok(()) } else { Err(Code::NotPermitted) };
        let seen = ban(&mut bench, by, whom, None)
            .map(|_| ())
            .map_err(|it| it.code);
        assert_eq!(seen, expect, "{by} bans {whom}");
        let mut bench = Bench::full();
        let seen = mute(&mut bench, by, whom, 1_000)
            .map(|_| ())
            .map_err(|it| it.code);
        assert_eq!(seen, expect, "{by} mutes {whom}");
    }
}

#[test]
fn somebody_who_is_not_here_is_looked_up_with_the_role_of_today() {
    let mut bench = Bench::new();
    bench.join(MODERATOR);
    let command = Command::Ban {
        client_id: bench.cid(),
        who: "carol".into(),
        for_ms: None,
        reason: String::new(),
    };
    assert_eq!(
        bench.room.needs(&who(ANN), &command),
        Some(Need::Member("carol".into()))
    );
    assert_eq!(
        bench.ack(MODERATOR, command.clone()).map_err(|it| it.code),
        Err(Code::NotFound)
    );
    bench.room.remember_member(Who {
        role: Role::Owner,
        ..who("carol")
    });
    assert_eq!(
        bench.ack(MODERATOR, command.clone()).map_err(|it| it.code),
        Err(Code::NotPermitted)
    );
    bench.room.remember_member(who("carol"));
    bench.ack(MODERATOR, command).expect("accepted");
    assert_eq!(
        bench.join_since("carol", None).expect_err("banned").code,
        Code::Banned
    );
}

#[test]
fn slow_mode_holds_members_to_the_millisecond_and_staff_not_at_all() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    bench
        .ack(
            OWNER,
            Command::SlowMode {
                client_id,
                gap_ms: 5_000,
                auto: None,
            },
        )
        .expect("accepted");
    assert!(
        bench
            .states()
            .iter()
            .any(|it| it.slow_mode_ms == Some(5_000))
    );
    bench.say(ANN, "a").expect("the first is free");
    bench.tick(1_500);
    let command = bench.line("b");
    let refusal = bench.ack(ANN, command.clone()).expect_err("too soon");
    assert_eq!((refusal.code, refusal.ms), (Code::SlowMode, Some(3_500)));
    bench.now.unix_ms += 3_600_000;
    assert_eq!(
        bench.ack(ANN, command.clone()).map_err(|it| it.ms),
        Err(Some(3_500))
    );
    bench.tick(3_500);
    bench.ack(ANN, command).expect("the same wish, in time");
    for _ in 0..3 {
        bench.say(MODERATOR, "staff").expect("exempt");
    }
}

#[test]
fn slow_mode_holds_after_a_restart() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    bench
        .ack(
            OWNER,
            Command::SlowMode {
                client_id,
                gap_ms: 5_000,
                auto: None,
            },
        )
        .expect("accepted");
    bench.say(ANN, "a").expect("accepted");
    bench.tick(2_000);
    bench.restart();
    bench.join(ANN);
    let command = bench.line("b");
    assert_eq!(
        bench.ack(ANN, command).map_err(|it| it.ms),
        Err(Some(3_000))
    );
}

#[test]
fn limits_of_moderation_are_refused_by_name() {
    let mut bench = Bench::full();
    assert_eq!(
        mute(&mut bench, OWNER, ANN, 0).map_err(|it| it.code),
        Err(Code::Malformed)
    );
    assert_eq!(
        mute(&mut bench, OWNER, ANN, u64::MAX).map_err(|it| it.code),
        Err(Code::Malformed)
    );
    assert_eq!(
        ban(&mut bench, OWNER, ANN, Some(0)).map_err(|it| it.code),
        Err(Code::Malformed)
    );
    let client_id = bench.cid();
    let slow = Command::SlowMode {
        client_id,
        gap_ms: 3_600_001,
        auto: None,
    };
    assert_eq!(
        bench.ack(OWNER, slow).map_err(|it| it.code),
        Err(Code::Malformed)
    );
    ban(&mut bench, OWNER, ANN, Some(u64::MAX)).expect("for ever, nearly");
}

#[test]
fn a_role_that_changes_changes_rights_and_marks_while_connected() {
    let mut bench = Bench::full();
    let mut fx = Vec::new();
    bench.room.changed(
        bench.now,
        &Who {
            role: Role::Moderator,
            ..who(ANN)
        },
        &mut fx,
    );
    let Some(Effect::Push {
        connection: to,
        push: Push::Rights { can, mark, .. },
    }) = fx.first()
    else {
        panic!("{fx:?}")
    };
    assert_eq!(*to, connection(ANN));
    assert!(can.contains(&"ban".to_owned()));
    assert_eq!(*mark, protocol::server::Mark::Moderator);
    bench.fx.clear();
    bench.pass(2_000);
    let marks: Vec<_> = bench
        .fx
        .iter()
        .filter_map(|it| match it {
            Effect::Announce(Announce::Roster { came, .. }) => Some(came[0].mark),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [protocol::server::Mark::Moderator]);
}
