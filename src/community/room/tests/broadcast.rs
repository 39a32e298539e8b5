use super::*;
use protocol::{
    PeerId,
    client::BroadcastAct,
    server::{PeerEnd, Phase, StageState},
};

use crate::effect::StageOrder;

fn gone(bench: &mut Bench, peer: &str) {
    bench.report(StageReport::PublisherGone { peer: peer.into() });
}

fn live(name: &str) -> Bench {
    let mut bench = Bench::full();
    bench.here(name, "p1");
    bench.flowing("p1");
    bench
}

fn phase(bench: &Bench) -> Option<Phase> {
    bench.broadcast().map(|it| it.phase)
}

fn drops(bench: &Bench) -> Vec<(PeerId, PeerEnd)> {
    let order = |it: &Effect| match it {
        Effect::Direct(StageOrder::DropPublisher { peer, why }) => Some((peer.clone(), *why)),
        _ => None,
    };
    bench.fx.iter().filter_map(order).collect()
}

#[test]
fn b2_publishing_opens_a_broadcast_and_it_is_live_when_media_flows() {
    let mut bench = Bench::full();
    bench.here(MAKER, "p1");
    let opened = bench.broadcast().expect("opened");
    assert_eq!((opened.phase, opened.title.as_str()), (Phase::Open, "茶"));
    assert_eq!(opened.host.id.as_str(), MAKER);
    bench.flowing("p1");
    let it = bench.broadcast().expect("live");
    assert_eq!((it.phase, it.id), (Phase::Live, opened.id));
    assert_eq!(it.live_ms, Some(bench.now.unix_ms));
    let stage = StageState {
        here: true,
        video: true,
        audio: true,
    };
    assert_eq!(bench.room.state().stage, Some(stage));
    let rows = bench
        .rows
        .iter()
        .filter(|it| matches!(it, RowChange::Broadcast(_)))
        .count();
    assert_eq!(rows, 2, "each step is on the home page");
}

#[test]
fn b2_sound_alone_goes_live() {
    let mut bench = Bench::full();
    bench.here(MAKER, "p1");
    bench.report(StageReport::Flowing {
        peer: "p1".into(),
        video: false,
        audio: true,
    });
    assert_eq!(phase(&bench), Some(Phase::Live));
}

#[test]
fn b3_a_host_who_is_cut_off_has_sixty_seconds() {
    let mut bench = live(MAKER);
    gone(&mut bench, "p1");
    assert_eq!(bench.room.state().stage, Some(StageState::default()));
    bench.pass(59_999);
    assert_eq!(phase(&bench), Some(Phase::Live));
    bench.here(MAKER, "p2");
    bench.flowing("p2");
    bench.pass(3_600_000);
    assert_eq!(phase(&bench), Some(Phase::Live), "back in time");
}

#[test]
fn b3_then_it_is_paused_and_resumed_by_the_same_host_or_ended_after_ten_minutes() {
    let mut bench = live(MAKER);
    gone(&mut bench, "p1");
    bench.pass(60_000);
    assert_eq!(phase(&bench), Some(Phase::Paused));
    let author = bench.log.last().expect("a record").author.id.clone();
    assert_eq!(author.as_str(), MAKER, "time acts in the host's name");
    assert_eq!(
        bench
            .room
            .may_publish(bench.now, &who(OWNER))
            .map_err(|it| it.code),
        Err(Code::StageTaken)
    );
    bench.pass(599_999);
    bench.here(MAKER, "p2");
    assert_eq!(
        phase(&bench),
        Some(Phase::Paused),
        "not before something flows"
    );
    bench.flowing("p2");
    assert_eq!(phase(&bench), Some(Phase::Live));
    gone(&mut bench, "p2");
    bench.pass(660_000);
    assert_eq!(phase(&bench), Some(Phase::Ended));
}

#[test]
fn the_grace_counts_from_when_media_stopped_and_not_from_a_new_connection() {
    let mut bench = live(MAKER);
    gone(&mut bench, "p1");
    bench.pass(30_000);
    bench.here(MAKER, "p2");
    bench.pass(30_000);
    assert_eq!(
        phase(&bench),
        Some(Phase::Paused),
        "connected, but nothing to see"
    );
}

#[test]
fn the_host_ends_it_and_the_publisher_is_dropped_once_that_is_on_disk() {
    let mut bench = live(MAKER);
    let client_id = bench.cid();
    let end = BroadcastAct::End;
    let command = Command::Broadcast {
        client_id,
        act: end,
        title: None,
        starts_ms: None,
    };
    bench.decide(MAKER, command);
    assert_eq!(drops(&bench), []);
    bench.commit();
    assert_eq!(drops(&bench), [("p1".into(), PeerEnd::Ended)]);
    bench.flowing("p1");
    assert_eq!(
        phase(&bench),
        Some(Phase::Ended),
        "what still flows opens nothing"
    );
    gone(&mut bench, "p1");
    assert_eq!(bench.step(MAKER, BroadcastAct::Archive), Ok(()));
    assert_eq!(phase(&bench), None, "put away");
    bench.here(MAKER, "p2");
    assert_eq!(phase(&bench), Some(Phase::Open), "another one");
}

#[test]
fn b3_what_has_ended_is_archived_after_half_a_day_also_over_a_restart() {
    let mut bench = live(MAKER);
    assert_eq!(bench.step(MAKER, BroadcastAct::End), Ok(()));
    gone(&mut bench, "p1");
    bench.pass(4 * 3_600_000);
    bench.restart();
    bench.pass(0);
    let left_ms = 8 * 3_600_000;
    bench.pass(left_ms - 1);
    assert_eq!(phase(&bench), Some(Phase::Ended));
    bench.pass(1);
    assert_eq!(phase(&bench), None, "put away");
    // Where it was due while the server was away, it is the first thing that happens.
    let mut late = live(MAKER);
    assert_eq!(late.step(MAKER, BroadcastAct::End), Ok(()));
    late.now.unix_ms += 86_400_000;
    late.restart();
    late.pass(0);
    assert_eq!(phase(&late), None);
}

#[test]
fn b1_every_step_is_possible_from_its_phases_only() {
    use BroadcastAct::{Archive, End, Open, Pause, Schedule};
    let ways: [(&[BroadcastAct], Option<Phase>); 5] = [
        (&[], None),
        (&[Schedule], Some(Phase::Scheduled)),
        (&[Open], Some(Phase::Open)),
        (&[Open, End], Some(Phase::Ended)),
        (&[Open, End, Archive], None),
    ];
    let legal = |phase: Option<Phase>, act: BroadcastAct| match phase {
        None | Some(Phase::Archived) => matches!(act, Schedule | Open),
        Some(Phase::Scheduled) => matches!(act, Schedule | Open | Archive),
        Some(Phase::Open) => matches!(act, End),
        Some(Phase::Ended) => matches!(act, Schedule | Open | Archive),
        Some(Phase::Live | Phase::Paused) => unreachable!("needs media"),
    };
    for (way, reached) in ways {
        for wish in [Schedule, Open, Pause, End, Archive] {
            let mut bench = Bench::full();
            for step in way {
                bench.step(MAKER, *step).expect("on the way");
            }
            assert_eq!(phase(&bench), reached);
            let seen = bench.step(MAKER, wish);
            let expect = match (legal(reached, wish), reached) {
                (true, _) => Ok(()),
                (false, None) => Err(Code::NoBroadcast),
                (false, Some(_)) => Err(Code::WrongPhase),
            };
            assert_eq!(seen, expect, "{wish:?} from {reached:?}");
        }
    }
    let mut bench = live(MAKER);
    for wish in [Schedule, Open, Archive] {
        assert_eq!(
            bench.step(MAKER, wish),
            Err(Code::WrongPhase),
            "{wish:?} while live"
        );
    }
    assert_eq!(bench.step(MAKER, Pause), Ok(()));
    for wish in [Schedule, Pause, Archive] {
        assert_eq!(
            bench.step(MAKER, wish),
            Err(Code::WrongPhase),
            "{wish:?} while paused"
        );
    }
    assert_eq!(bench.step(MAKER, End), Ok(()));
}

#[test]
fn a_pause_on_purpose_holds_until_the_host_says_so() {
    let mut bench = live(MAKER);
    bench.step(MAKER, BroadcastAct::Pause).expect("accepted");
    bench.flowing("p1");
    assert_eq!(phase(&bench), Some(Phase::Paused));
    bench.step(MAKER, BroadcastAct::Open).expect("goes on");
    assert_eq!(phase(&bench), Some(Phase::Live));
    bench.step(MAKER, BroadcastAct::Pause).expect("accepted");
    gone(&mut bench, "p1");
    assert_eq!(bench.step(MAKER, BroadcastAct::Open), Err(Code::WrongPhase));
    bench.here(MAKER, "p2");
    bench.flowing("p2");
    assert_eq!(
        phase(&bench),
        Some(Phase::Live),
        "a new connection means to go on"
    );
}

#[test]
fn who_may_go_live_and_who_may_end_it() {
    for (name, code) in [
        (GUEST, Some(Code::NotPermitted)),
        (ANN, Some(Code::NotPermitted)),
        (MAKER, None),
        (MODERATOR, None),
        (OWNER, None),
    ] {
        let mut bench = Bench::full();
        let may = bench
            .room
            .may_publish(bench.now, &who(name))
            .err()
            .map(|it| it.code);
        assert_eq!(may, code, "{name} publishes");
        assert_eq!(
            bench.step(name, BroadcastAct::Open).err(),
            code,
            "{name} opens"
        );
        let mut bench = live(MAKER);
        assert_eq!(
            bench.step(name, BroadcastAct::End).err(),
            code,
            "{name} ends"
        );
    }
}

#[test]
fn a_publisher_without_the_right_is_dropped_and_a_second_one_too() {
    let mut bench = live(MAKER);
    bench.here(ANN, "p2");
    bench.here(OWNER, "p3");
    let why = PeerEnd::NotPermitted;
    assert_eq!(drops(&bench), [("p2".into(), why), ("p3".into(), why)]);
    gone(&mut bench, "p2");
    assert_eq!(phase(&bench), Some(Phase::Live));
    bench.here(MAKER, "p4");
    assert_eq!(
        drops(&bench).last(),
        Some(&("p1".into(), PeerEnd::Replaced))
    );
    gone(&mut bench, "p1");
    assert!(
        bench.room.state().stage.is_some_and(|it| it.here),
        "the new one is here"
    );
}

#[test]
fn a_banned_publisher_is_dropped() {
    let mut bench = live(MAKER);
    let client_id = bench.cid();
    let reason = String::new();
    let ban = Command::Ban {
        client_id,
        who: MAKER.into(),
        for_ms: None,
        reason,
    };
    bench.ack(OWNER, ban).expect("accepted");
    assert_eq!(drops(&bench), [("p1".into(), PeerEnd::NotPermitted)]);
    let refused = bench
        .room
        .may_publish(bench.now, &who(MAKER))
        .map_err(|it| it.code);
    assert_eq!(refused, Err(Code::Banned));
}

#[test]
fn a_scheduled_broadcast_keeps_its_id_title_and_host_until_it_is_opened() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    let soon = bench.now.unix_ms + 3_600_000;
    let (title, starts_ms) = (Some(" 读书会\n第三期 ".to_owned()), Some(soon));
    let act = BroadcastAct::Schedule;
    let command = Command::Broadcast {
        client_id,
        act,
        title,
        starts_ms,
    };
    bench.ack(MAKER, command).expect("accepted");
    let scheduled = bench.broadcast().expect("scheduled");
    assert_eq!(
        (scheduled.title.as_str(), scheduled.starts_ms),
        ("读书会 第三期", Some(soon))
    );
    let taken = bench
        .room
        .may_publish(bench.now, &who(OWNER))
        .map_err(|it| it.code);
    assert_eq!(taken, Err(Code::StageTaken));
    bench.here(MAKER, "p1");
    let opened = bench.broadcast().expect("open");
    assert_eq!(
        (opened.phase, opened.id, opened.title),
        (Phase::Open, scheduled.id, scheduled.title)
    );
}

#[test]
fn r4_the_stream_position_counts_time_live_and_not_time_paused() {
    let mut bench = live(MAKER);
    bench.tick(10_000);
    // The wall clock is set back: the media clock does not care.
    bench.now.unix_ms -= 3_600_000;
    bench.say(ANN, "at ten").expect("accepted");
    bench.step(MAKER, BroadcastAct::Pause).expect("accepted");
    bench.tick(60_000);
    bench.say(ANN, "while paused").expect("accepted");
    bench.step(MAKER, BroadcastAct::Open).expect("accepted");
    bench.tick(5_000);
    bench.say(ANN, "at fifteen").expect("accepted");
    let positions: Vec<_> = bench.log.iter().map(|it| it.pos).collect();
    let expected = [
        None,
        Some(0),
        Some(10_000),
        Some(10_000),
        None,
        Some(10_000),
        Some(15_000),
    ];
    assert_eq!(positions, expected);
}

#[test]
fn a_room_that_restarts_while_live_keeps_its_position_and_gives_the_host_a_new_grace() {
    let mut bench = live(MAKER);
    bench.tick(100_000);
    bench.say(ANN, "before").expect("accepted");
    bench.tick(8_000);
    bench.restart();
    assert_eq!(bench.room.deadline(), Some(0), "wants to be told the time");
    bench.pass(0);
    bench.join(ANN);
    bench.say(ANN, "after").expect("accepted");
    assert_eq!(bench.log.last().expect("said").pos, Some(108_000));
    bench.pass(59_999);
    assert_eq!(phase(&bench), Some(Phase::Live));
    bench.pass(1);
    assert_eq!(phase(&bench), Some(Phase::Paused));
}

#[test]
fn a_long_outage_counts_as_the_grace_and_no_more() {
    let mut bench = live(MAKER);
    bench.now.unix_ms += 86_400_000;
    bench.restart();
    bench.join(ANN);
    bench.say(ANN, "next day").expect("accepted");
    assert_eq!(bench.log.last().expect("said").pos, Some(60_000));
}

#[test]
fn a_publisher_goes_on_over_a_room_that_was_replaced() {
    let mut bench = Bench::full();
    bench.here(MAKER, "p1");
    bench.log.truncate(0);
    let mut fx = Vec::new();
    bench.room.report(
        bench.now,
        StageReport::Flowing {
            peer: "p1".into(),
            video: true,
            audio: true,
        },
        &mut fx,
    );
    bench.room.failed(&mut fx);
    let recovered = Room::recover(meta(), bench.loaded());
    let old = std::mem::replace(&mut bench.room, recovered);
    bench.room.inherit(bench.now, old, &mut fx);
    assert_eq!(phase(&bench), None, "nothing of it was stored");
    bench.pass(1_000);
    assert_eq!(phase(&bench), Some(Phase::Live), "taken up again");
}

#[test]
fn whoever_opened_the_broadcast_is_marked_as_its_host() {
    let mut bench = Bench::full();
    bench.join("carol");
    bench.pass(2_000);
    let standing = |bench: &Bench| bench.room.committed_standing(&who("carol")).mark();
    assert_eq!(standing(&bench), protocol::server::Mark::Member);
    // Carol is a moderator when she opens it, and a plain member afterwards.
    let moderator = Who {
        role: Role::Moderator,
        ..who("carol")
    };
    bench.report(StageReport::PublisherHere {
        peer: "p1".into(),
        who: moderator,
    });
    assert_eq!(standing(&bench), protocol::server::Mark::Host);
    bench.fx.clear();
    bench.pass(2_000);
    let roster = bench.fx.iter().find_map(|it| match it {
        Effect::Announce(Announce::Roster { came, .. }) => Some(came.clone()),
        _ => None,
    });
    let marks: Vec<_> = roster
        .expect("announced")
        .iter()
        .map(|it| (it.id.to_string(), it.mark))
        .collect();
    assert_eq!(marks, [("carol".to_owned(), protocol::server::Mark::Host)]);
}

#[test]
fn a_broadcast_is_scheduled_for_later_changed_and_cancelled_by_its_host() {
    let mut bench = Bench::full();
    let plan = |bench: &mut Bench, by: &str, act, title: Option<&str>, starts_ms| {
        let command = Command::Broadcast {
            client_id: bench.cid(),
            act,
            title: title.map(str::to_owned),
            starts_ms,
        };
        bench.ack(by, command).map_err(|it| it.code)
    };
    let now_ms = bench.now.unix_ms;
    for past in [0, now_ms - 1, now_ms] {
        let seen = plan(&mut bench, MAKER, BroadcastAct::Schedule, None, Some(past));
        assert_eq!(seen.map(|_| ()), Err(Code::StartPast), "{past}");
    }
    assert_eq!(phase(&bench), None, "nothing of it was kept");
    let (soon, later) = (now_ms + 1, now_ms + 7_200_000);
    plan(
        &mut bench,
        MAKER,
        BroadcastAct::Schedule,
        Some("夜谈"),
        Some(soon),
    )
    .expect("accepted");
    let first = bench.broadcast().expect("scheduled");
    let stranger = plan(&mut bench, ANN, BroadcastAct::Schedule, None, Some(later));
    assert_eq!(stranger.map(|_| ()), Err(Code::NotPermitted));
    // What is not said stays: the title here, the time in the next one.
    plan(&mut bench, MAKER, BroadcastAct::Schedule, None, Some(later)).expect("moved");
    let moved = bench.broadcast().expect("scheduled");
    assert_eq!(
        (&moved.id, moved.title.as_str(), moved.starts_ms),
        (&first.id, "夜谈", Some(later))
    );
    plan(
        &mut bench,
        MAKER,
        BroadcastAct::Schedule,
        Some("长谈"),
        None,
    )
    .expect("renamed");
    let renamed = bench.broadcast().expect("scheduled");
    assert_eq!(
        (renamed.title.as_str(), renamed.starts_ms),
        ("长谈", Some(later))
    );
    let stranger = plan(&mut bench, ANN, BroadcastAct::Archive, None, None);
    assert_eq!(stranger.map(|_| ()), Err(Code::NotPermitted));
    plan(&mut bench, MAKER, BroadcastAct::Archive, None, None).expect("cancelled");
    assert_eq!(phase(&bench), None, "put away");
}
