//! Polls, votes, likes, threads, and who is writing.

use protocol::{limits, server::Votes};

use super::*;
use crate::record::Tally;

impl Bench {
    fn poll(&mut self, name: &str, options: &[&str], for_ms: Option<u64>) -> Result<Seq, Code> {
        self.poll_of(name, options, false, for_ms)
    }

    fn poll_of(
        &mut self,
        name: &str,
        options: &[&str],
        multiple: bool,
        for_ms: Option<u64>,
    ) -> Result<Seq, Code> {
        let command = Command::Poll {
            client_id: self.cid(),
            question: "几点抽奖？".into(),
            options: options.iter().map(|it| (*it).to_owned()).collect(),
            multiple,
            for_ms,
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn vote(&mut self, name: &str, of: Seq, picks: &[u8]) -> Result<(), Code> {
        let picks = picks.to_vec();
        self.done(name, Command::Vote { of, picks })
    }

    fn like(&mut self, name: &str, of: Seq, on: bool) -> Result<(), Code> {
        self.done(name, Command::Like { of, on })
    }

    fn done(&mut self, name: &str, command: Command) -> Result<(), Code> {
        match self.ask(name, command) {
            Ok(Reply::Done {}) => Ok(()),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal.code),
        }
    }

    fn close(&mut self, name: &str, of: Seq) -> Result<Seq, Code> {
        let client_id = self.cid();
        let command = Command::ClosePoll { client_id, of };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }

    fn reply(&mut self, name: &str, to: Seq) -> Seq {
        let command = Command::Publish {
            client_id: self.cid(),
            text: "回复".into(),
            reply_to: Some(to),
            question: false,
            to: Vec::new(),
        };
        self.ack(name, command).expect("taken").s
    }

    fn votes(&self) -> Vec<(Vec<u32>, u32)> {
        let votes = self.room.state().votes.unwrap_or_default();
        votes.into_iter().map(|it| (it.n, it.voters)).collect()
    }

    /// What every announce of votes said, oldest first.
    fn told(&self) -> Vec<Vec<Votes>> {
        let votes = self.states().into_iter().filter_map(|it| it.votes.clone());
        votes.collect()
    }

    fn to_count(&self) -> Vec<Vec<Seq>> {
        let count = |it: &Effect| match it {
            Effect::Count(of) => Some(of.clone()),
            _ => None,
        };
        self.fx.iter().filter_map(count).collect()
    }

    fn writing(&self) -> Vec<(Vec<&str>, u32)> {
        let writing = |it: &'_ Effect| match it {
            Effect::Announce(Announce::Typing { who, n }) => Some((who.clone(), *n)),
            _ => None,
        };
        let all = self.fx.iter().filter_map(writing);
        all.map(|(who, n)| {
            let names = [OWNER, MODERATOR, MAKER, ANN, BOB, GUEST];
            let has = |name: &&str| who.iter().any(|it| &*it.name == *name);
            (names.into_iter().filter(has).collect(), n)
        })
        .collect()
    }
}

#[test]
fn v1_a_poll_is_by_who_runs_the_room_and_everybody_votes() {
    let mut bench = Bench::full();
    assert_eq!(
        bench.poll(ANN, &["八点", "九点"], None),
        Err(Code::NotPermitted)
    );
    let of = bench.poll(MAKER, &["八点", "九点"], None).expect("made");
    for (name, pick) in [(ANN, 0), (BOB, 1), (GUEST, 1), (OWNER, 1)] {
        assert_eq!(bench.vote(name, of, &[pick]), Ok(()), "{name}");
    }
    assert_eq!(bench.votes(), [(vec![1, 3], 4)]);
    let polls = bench.room.state().polls.expect("one is open");
    assert_eq!((polls[0].of, polls[0].poll.options.len()), (of, 2));
}

#[test]
fn v1_a_poll_has_two_to_ten_different_options_and_words() {
    let mut bench = Bench::full();
    let many: Vec<String> = (0..=10).map(|it| it.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "长".repeat(limits::POLL_OPTION_CHARS_MAX + 1);
    for (options, code) in [
        (&["one"][..], Code::Malformed),
        (&many[..], Code::Malformed),
        (&["a", " a "][..], Code::Malformed),
        (&["a", "\u{200b}"][..], Code::Empty),
        (&["a", &long][..], Code::TooLong),
    ] {
        assert_eq!(bench.poll(MAKER, options, None), Err(code), "{options:?}");
    }
    assert_eq!(
        bench.poll(MAKER, &["a", "b"], Some(0)),
        Err(Code::Malformed)
    );
    assert_eq!(bench.poll(MAKER, &many[..10], None), Ok(1));
}

#[test]
fn v2_only_so_many_polls_are_open_at_once() {
    let mut bench = Bench::full();
    let first = bench.poll(MAKER, &["a", "b"], None).expect("made");
    for _ in 1..limits::POLLS_OPEN_MAX {
        bench.poll(MAKER, &["a", "b"], None).expect("made");
    }
    assert_eq!(
        bench.poll(MAKER, &["a", "b"], None),
        Err(Code::TooManyPolls)
    );
    bench.close(MAKER, first).expect("closed");
    assert!(bench.poll(MAKER, &["a", "b"], None).is_ok());
}

#[test]
fn v3_a_vote_names_options_that_are_there_and_one_of_them_unless_several_may_be_picked() {
    let mut bench = Bench::full();
    let one = bench.poll(MAKER, &["a", "b"], None).expect("made");
    let several = bench
        .poll_of(MAKER, &["a", "b", "c"], true, None)
        .expect("made");
    assert_eq!(bench.vote(ANN, one, &[2]), Err(Code::Malformed));
    assert_eq!(bench.vote(ANN, one, &[200]), Err(Code::Malformed));
    assert_eq!(bench.vote(ANN, one, &[0, 1]), Err(Code::Malformed));
    assert_eq!(bench.vote(ANN, several, &[0, 2, 2]), Ok(()));
    assert_eq!(bench.vote(ANN, 99, &[0]), Err(Code::PollClosed));
    assert_eq!(bench.votes(), [(vec![0, 0], 0), (vec![1, 0, 1], 1)]);
}

#[test]
fn v3_a_vote_is_answered_once_it_is_on_disk_and_refused_when_the_disk_fails() {
    let mut bench = Bench::full();
    let of = bench.poll(MAKER, &["a", "b"], None).expect("made");
    let picks = vec![1];
    let request = bench.decide(ANN, Command::Vote { of, picks });
    assert_eq!(bench.answer(request), None);
    assert_eq!(bench.votes(), [(vec![0, 0], 0)], "decided is not committed");
    let mut fx = Vec::new();
    bench.room.failed(&mut fx);
    bench.fx.extend(fx);
    let refused = bench.answer(request).expect("answered");
    assert_eq!(refused.map_err(|it| it.code), Err(Code::StorageUnavailable));
}

#[test]
fn v4_votes_are_announced_at_most_once_a_second_and_the_last_value_wins() {
    let mut bench = Bench::full();
    let of = bench.poll(MAKER, &["a", "b"], None).expect("made");
    bench.pass(1_000);
    bench.fx.clear();
    for name in [ANN, BOB, GUEST] {
        bench.vote(name, of, &[0]).expect("taken");
        bench.pass(10);
    }
    bench.vote(ANN, of, &[1]).expect("changed");
    bench.pass(2_000);
    let told: Vec<Vec<u32>> = bench.told().into_iter().map(|it| it[0].n.clone()).collect();
    assert_eq!(told, [vec![1, 0], vec![2, 1]]);
}

#[test]
fn v5_a_poll_closes_by_hand_with_its_result_and_nobodys_vote_is_kept() {
    let mut bench = Bench::full();
    let of = bench.poll(MAKER, &["a", "b"], None).expect("made");
    bench.vote(ANN, of, &[1]).expect("taken");
    assert_eq!(bench.close(BOB, of), Err(Code::NotPermitted));
    bench.close(MODERATOR, of).expect("closed");
    assert_eq!(bench.close(MODERATOR, of), Err(Code::PollClosed));
    assert_eq!(bench.vote(BOB, of, &[1]), Err(Code::PollClosed));
    let result = Votes {
        of,
        n: vec![0, 1],
        voters: 1,
    };
    assert!(bench.rows.contains(&RowChange::VotesGone { of }));
    let page = bench.room.history(Past::Last, 10).expect("kept").page;
    let shown: Vec<_> = page
        .into_iter()
        .filter_map(|it| match it.body {
            protocol::server::Body::Poll(poll) => poll.result,
            protocol::server::Body::PollClosed(result) => Some(result),
            _ => None,
        })
        .collect();
    assert_eq!(shown, [result.clone(), result], "the poll and its end");
    assert_eq!(
        bench.states().last().and_then(|it| it.polls.clone()),
        Some(vec![])
    );
}

#[test]
fn v5_a_poll_closes_by_itself_after_a_restart_too() {
    for restarts in [false, true] {
        let mut bench = Bench::full();
        let of = bench.poll(MAKER, &["a", "b"], Some(60_000)).expect("made");
        bench.vote(ANN, of, &[0]).expect("taken");
        bench.pass(30_000);
        if restarts {
            bench.restart();
            bench.pass(0);
        }
        bench.pass(29_000);
        assert_eq!(bench.votes(), [(vec![1, 0], 1)], "restarts: {restarts}");
        bench.pass(1_100);
        assert_eq!(bench.room.state().polls, None, "restarts: {restarts}");
        let last = bench.log.last().expect("a record");
        assert_eq!(last.client_id, None, "the room itself closed it");
        assert!(matches!(&last.body, RecordBody::PollClosed { result, .. } if result.n == [1, 0]));
    }
}

#[test]
fn v6_banned_and_muted_members_do_not_vote_and_guests_only_where_they_take_part() {
    let mut bench = Bench::full();
    let of = bench.poll(MAKER, &["a", "b"], None).expect("made");
    let client_id = bench.cid();
    let mute = Command::Mute {
        client_id,
        who: ANN.into(),
        for_ms: 60_000,
        reason: String::new(),
    };
    bench.ack(MAKER, mute).expect("muted");
    assert_eq!(bench.vote(ANN, of, &[0]), Err(Code::Muted));
    for (mode, guest) in [
        (protocol::server::RoomMode::Host, Ok(())),
        (
            protocol::server::RoomMode::Members,
            Err(Code::GuestsNotAllowed),
        ),
    ] {
        let client_id = bench.cid();
        let command = Command::Mode {
            client_id,
            mode,
            for_ms: None,
        };
        bench.ack(MAKER, command).expect("set");
        assert_eq!(bench.vote(GUEST, of, &[0]), guest, "{mode:?}");
        assert_eq!(bench.vote(BOB, of, &[0]), Ok(()), "{mode:?}");
    }
    let client_id = bench.cid();
    let ban = Command::Ban {
        client_id,
        who: BOB.into(),
        for_ms: None,
        reason: String::new(),
    };
    bench.ack(MAKER, ban).expect("banned");
    assert_eq!(bench.vote(BOB, of, &[1]), Err(Code::Banned));
}

#[test]
fn v7_ones_own_vote_is_told_on_join_to_oneself_alone() {
    let mut bench = Bench::full();
    let of = bench.poll(MAKER, &["a", "b"], None).expect("made");
    bench.vote(ANN, of, &[1]).expect("taken");
    let ann = bench.join(ANN).voted;
    assert_eq!((ann[0].of, &ann[0].picks[..]), (of, &[1][..]));
    assert_eq!(bench.join(BOB).voted, []);
    bench.restart();
    assert_eq!(bench.join(ANN).voted, ann);
}

#[test]
fn l1_a_like_is_a_row_that_the_disk_counts_and_everybody_hears_at_most_once_a_second() {
    let mut bench = Bench::full();
    let of = bench.say(ANN, "hello").expect("said");
    bench.pass(1_000);
    bench.fx.clear();
    for name in [BOB, GUEST] {
        bench.like(name, of, true).expect("taken");
    }
    assert_eq!(bench.to_count(), Vec::<Vec<Seq>>::new());
    bench.pass(0);
    assert_eq!(bench.to_count(), [[of]]);
    let tally = Tally {
        likes: 2,
        replies: 0,
    };
    let (now, mut fx) = (bench.now, Vec::new());
    bench.room.counted(now, &[(of, tally)], &mut fx);
    bench.fx = fx;
    let told = bench.states()[0].tally.clone().expect("told");
    assert_eq!(told, [tally.frame(of)]);
    let joined = bench.join(OWNER);
    let message = joined.ev.iter().find(|it| it.s == of).expect("shown");
    assert!(matches!(
        message.body,
        protocol::server::Body::Msg { likes: 2, .. }
    ));
}

#[test]
fn l1_what_could_not_be_counted_is_counted_later() {
    let mut bench = Bench::full();
    let of = bench.say(ANN, "hello").expect("said");
    bench.like(BOB, of, true).expect("taken");
    bench.pass(0);
    let (now, mut fx) = (bench.now, Vec::new());
    bench.room.counted(now, &[], &mut fx);
    assert_eq!(fx, []);
    bench.fx.clear();
    bench.pass(2_000);
    assert_eq!(bench.to_count(), [[of]]);
}

#[test]
fn l2_only_messages_that_are_there_are_liked() {
    let mut bench = Bench::full();
    let of = bench.say(ANN, "hello").expect("said");
    let client_id = bench.cid();
    bench
        .ack(ANN, Command::Delete { client_id, of })
        .expect("deleted");
    assert_eq!(bench.like(BOB, of, true), Err(Code::NoSuchMessage));
    assert_eq!(bench.like(BOB, of + 1, true), Err(Code::NoSuchMessage));
    assert_eq!(bench.like(BOB, 0, true), Err(Code::NoSuchMessage));
}

#[test]
fn l3_likes_and_votes_have_a_rate() {
    let mut bench = Bench::full();
    let of = bench.say(ANN, "hello").expect("said");
    let mut taken = 0;
    while bench.like(BOB, of, taken % 2 == 0).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, limits::ROWS_BURST);
    assert_eq!(bench.like(BOB, of, true), Err(Code::RateLimited));
    assert_eq!(bench.like(ANN, of, true), Ok(()), "of one member only");
    bench.pass(1_000 / u64::from(limits::ROWS_PER_SECOND));
    assert_eq!(bench.like(BOB, of, true), Ok(()));
}

#[test]
fn l4_a_reply_to_a_reply_is_in_the_same_thread_and_a_deleted_one_in_none() {
    let mut bench = Bench::full();
    let root = bench.say(ANN, "hello").expect("said");
    let first = bench.reply(BOB, root);
    let second = bench.reply(ANN, first);
    let third = bench.reply(BOB, second);
    let client_id = bench.cid();
    bench
        .ack(
            BOB,
            Command::Delete {
                client_id,
                of: third,
            },
        )
        .expect("deleted");
    let replies: Vec<_> = bench
        .rows
        .iter()
        .filter(|it| matches!(it, RowChange::Reply { .. }))
        .cloned()
        .collect();
    let reply = |seq, on| RowChange::Reply { root, seq, on };
    assert_eq!(
        replies,
        [
            reply(first, true),
            reply(second, true),
            reply(third, true),
            reply(third, false)
        ]
    );
    bench.pass(1_000);
    assert_eq!(bench.to_count(), [[root]]);
    let page = bench.room.history(Past::Last, 10).expect("kept").page;
    let root_of = |seq: Seq| {
        page.iter().find_map(|it| match &it.body {
            protocol::server::Body::Msg { root, .. } if it.s == seq => Some(*root),
            _ => None,
        })
    };
    assert_eq!(root_of(first), Some(None), "`re` says it");
    assert_eq!(root_of(second), Some(Some(root)));
}

#[test]
fn l5_who_is_writing_is_told_at_most_once_a_second_and_is_over_by_itself() {
    let mut bench = Bench::full();
    for name in [ANN, BOB, GUEST, MODERATOR] {
        bench.decide(name, Command::Typing);
    }
    bench.pass(0);
    let (names, n) = bench.writing().pop().expect("told");
    assert_eq!((names.len(), n), (limits::TYPING_NAMES_MAX, 4));
    bench.fx.clear();
    bench.say(ANN, "hello").expect("said");
    bench.pass(limits::TYPING_FOR.as_millis() as u64 + 1_000);
    let told: Vec<u32> = bench.writing().into_iter().map(|it| it.1).collect();
    assert_eq!(told, [3, 0], "one has said it, the others stopped");
}

#[test]
fn l5_a_muted_member_is_not_shown_writing() {
    let mut bench = Bench::full();
    bench.decide(ANN, Command::Typing);
    let client_id = bench.cid();
    let mute = Command::Mute {
        client_id,
        who: ANN.into(),
        for_ms: 60_000,
        reason: String::new(),
    };
    bench.ack(MAKER, mute).expect("muted");
    bench.decide(ANN, Command::Typing);
    bench.pass(1_000);
    assert!(bench.writing().iter().all(|it| it.1 == 0));
}

#[test]
fn l5_in_a_large_room_nobody_is_shown_writing() {
    let mut bench = Bench::new();
    for n in 0..=limits::ROSTER_MEMBERS_MAX {
        bench.join(&format!("m{n}"));
    }
    bench.decide("m0", Command::Typing);
    bench.pass(2_000);
    assert_eq!(bench.writing(), []);
}
