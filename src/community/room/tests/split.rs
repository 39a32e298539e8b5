//! Replies that become a topic of their own: what is decided, what moves and what stays.

use protocol::{
    server::Body,
    topic::{OPENING, TopicAct, TopicKind, TopicStatus},
};

use super::{topic, *};
use crate::{
    effect::SplitOff,
    record::{Moved, Tally, TopicPlace},
    room::NewSplit,
};

fn wish(seqs: &[Seq]) -> Result<NewSplit, Code> {
    let mut new = NewSplit::new("t9".into(), TopicKind::Question, " 带什么 ".into());
    new.board = Some("out".into());
    new.tags = vec!["露营".into()];
    new.of(seqs.to_vec()).map_err(|it| it.code)
}

fn command(bench: &mut Bench, seqs: &[Seq]) -> Command {
    Command::SplitTopic {
        client_id: bench.cid(),
        split: Box::new(wish(seqs).expect("a wish")),
    }
}

fn split(bench: &mut Bench, name: &str, seqs: &[Seq]) -> Result<Ack, Refusal> {
    let command = command(bench, seqs);
    bench.ack(name, command)
}

fn reply(bench: &mut Bench, name: &str, text: &str, to: Seq) -> Seq {
    let command = Command::Publish {
        client_id: bench.cid(),
        text: text.into(),
        reply_to: Some(to),
        question: false,
        to: Vec::new(),
    };
    bench.tick(1_000);
    bench.ack(name, command).expect("said").s
}

fn say(bench: &mut Bench, name: &str, text: &str) -> Seq {
    bench.tick(1_000);
    bench.say(name, text).expect("said")
}

fn split_off(bench: &Bench) -> SplitOff {
    let found = bench.rows.iter().find_map(|it| match it {
        RowChange::SplitOff(it) => Some((**it).clone()),
        _ => None,
    });
    found.expect("something was split off")
}

/// A message's seq, its writer, its words, what it replies to and the root of that.
type Said<'a> = (Seq, &'a str, &'a str, Option<Seq>, Option<Seq>);

/// What the messages of a new log say.
fn said(of: &SplitOff) -> Vec<Said<'_>> {
    let messages = of.records.iter().filter_map(|it| match &it.body {
        RecordBody::Message(message) => Some((
            it.seq,
            it.author.id.as_str(),
            &*message.text,
            message.reply_to,
            message.root,
        )),
        _ => None,
    });
    messages.collect()
}

/// Messages that the disk is asked to count the likes and replies of.
fn counts(bench: &Bench) -> Vec<Seq> {
    let asked = bench.fx.iter().filter_map(|it| match it {
        Effect::Count(of) => Some(of.clone()),
        _ => None,
    });
    asked.flatten().collect()
}

/// The record in that place, as a snapshot has it.
fn shown(bench: &Bench, seq: Seq) -> RecordBody {
    let record = bench.room.ring.get(seq).expect("it is kept");
    record.body.clone()
}

fn place(seq: Seq, reply_to: Option<Seq>, root: Option<Seq>) -> RecordBody {
    RecordBody::Moved(Moved {
        to: "t9".into(),
        title: "带什么".into(),
        seq,
        reply_to,
        root,
    })
}

#[test]
fn replies_move_with_their_writers_and_times_and_leave_their_places() {
    let mut bench = topic::started(TopicKind::Discussion);
    let stays = say(&mut bench, ANN, "几点集合");
    let first = say(&mut bench, BOB, "带帐篷吗 #露营地");
    let child = reply(&mut bench, ANN, "带", first);
    let grandchild = reply(&mut bench, GUEST, "我也带", child);
    let other = reply(&mut bench, BOB, "八点", stays);
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: child,
        text: "带两顶".into(),
    };
    let edited = bench.ack(ANN, edit).expect("edited").s;
    let times: Vec<u64> = [first, child, grandchild, other]
        .map(|seq| bench.log[seq as usize - 1].at_ms)
        .to_vec();
    // What was to be counted of before is.
    bench.pass(2_000);
    let known: Vec<_> = counts(&bench)
        .into_iter()
        .map(|of| (of, Tally::default()))
        .collect();
    bench.room.counted(bench.now, &known, &mut Vec::new());
    bench.rows.clear();
    bench.fx.clear();
    let line = split(&mut bench, MODERATOR, &[other, grandchild, first, child])
        .expect("split")
        .s;

    let made = split_off(&bench);
    assert_eq!(
        said(&made),
        [
            (2, BOB, "带帐篷吗 #露营地", None, None),
            (3, ANN, "带两顶", None, None),
            (4, GUEST, "我也带", Some(3), None),
            (5, BOB, "八点", None, None),
        ]
    );
    assert_eq!(made.threads, [(3, 4)]);
    let moved: Vec<u64> = made.records[1..].iter().map(|it| it.at_ms).collect();
    assert_eq!(moved, times, "each was said when it was said");
    assert!(made.records.iter().all(|it| it.client_id.is_none()));
    let RecordBody::Topic(it) = &made.records[0].body else {
        panic!("a log begins with what it is")
    };
    // Who asked first started it, whoever split it off.
    assert_eq!(
        (it.by.id.as_str(), it.made_ms, &*it.title, it.status),
        (BOB, times[0], "带什么", TopicStatus::Open)
    );
    assert_eq!(made.records[0].author.id.as_str(), MODERATOR);
    let tags: Vec<&str> = it.tags.iter().map(|it| &**it).collect();
    assert_eq!(tags, ["露营", "露营地"]);
    let from = TopicPlace {
        room: 7,
        slug: "tea".into(),
        title: "周末去哪儿".into(),
    };
    assert_eq!(it.split_from, Some(from));
    assert_eq!((&*made.excerpt, made.guests), ("带帐篷吗 #露营地", true));

    let left = [
        (first, place(2, None, None)),
        (child, place(3, Some(first), None)),
        (grandchild, place(4, Some(child), Some(first))),
        (other, place(5, Some(stays), None)),
    ];
    let check = |bench: &Bench| {
        for (seq, left) in &left {
            assert_eq!(shown(bench, *seq), *left);
        }
        assert!(matches!(
            shown(bench, edited),
            RecordBody::Edit { text: None, .. }
        ));
        assert!(matches!(shown(bench, stays), RecordBody::Message(it) if !it.deleted));
    };
    check(&bench);
    let places: Vec<_> = made
        .places
        .iter()
        .map(|it| (it.was, it.left.clone()))
        .collect();
    assert_eq!(places, left);
    let erased = bench.rows.iter().any(
        |it| matches!(it, RowChange::Erase { seq, left: RecordBody::Edit { text: None, .. } } if *seq == edited),
    );
    assert!(erased, "what the edit said is nowhere here");
    // Everybody in the room is told of all of it by one record.
    let Body::Split { to, moved } = bench.log[line as usize - 1].frame().body else {
        panic!("{:?}", bench.log.last())
    };
    assert_eq!((to.room.as_str(), to.title.as_str()), ("t9", "带什么"));
    assert_eq!(moved, [(first, 2), (child, 3), (grandchild, 4), (other, 5)]);
    let act = bench.rows.iter().find_map(|it| match it {
        RowChange::Audit(it) => Some((it.what, it.why.clone())),
        _ => None,
    });
    assert_eq!(act, Some(("topic", "split 4 replies into t9".to_owned())));
    // The thread that stays is counted anew, and those that went are not.
    bench.pass(2_000);
    let counted = counts(&bench);
    assert!(
        counted.contains(&stays) && !counted.contains(&first),
        "{counted:?}"
    );

    bench.restart();
    check(&bench);
}

#[test]
fn what_comes_before_a_split_is_in_it_and_what_comes_after_is_told_where_it_is() {
    let mut bench = topic::started(TopicKind::Discussion);
    let it = say(&mut bench, BOB, "带帐篷吗");
    let deleted = say(&mut bench, BOB, "说错了");
    // All of it is decided before any of it is on disk.
    let edit = |bench: &mut Bench, text: &str| Command::Edit {
        client_id: bench.cid(),
        of: it,
        text: text.into(),
    };
    let before = edit(&mut bench, "带帐篷和锅吗");
    let before = bench.decide(BOB, before);
    let new = bench.line("刚说的");
    let new = bench.decide(ANN, new);
    let said_just_now = bench.log.len() as Seq;
    let command = command(&mut bench, &[it, said_just_now]);
    let splits = bench.decide(OWNER, command);
    let after = edit(&mut bench, "太晚了");
    let after = bench.decide(BOB, after);
    let like = bench.decide(ANN, Command::Like { of: it, on: true });
    let again = Command::Delete {
        client_id: bench.cid(),
        of: said_just_now,
    };
    let again = bench.decide(ANN, again);
    bench.commit();
    for done in [before, new, splits] {
        bench.answer(done).expect("answered").expect("done");
    }
    let made = split_off(&bench);
    let words: Vec<_> = said(&made).into_iter().map(|it| it.2).collect();
    assert_eq!(words, ["带帐篷和锅吗", "刚说的"]);
    for (late, address) in [
        (after, "/t/t9?s=2"),
        (like, "/t/t9?s=2"),
        (again, "/t/t9?s=3"),
    ] {
        let refused = bench.answer(late).expect("answered").expect_err("refused");
        assert_eq!(refused.code, Code::NoSuchMessage);
        assert!(refused.say.contains(address), "{}", refused.say);
    }
    // The same once it is on disk, and of what is older than the room remembers.
    let late = edit(&mut bench, "太晚了");
    let refused = bench.ack(BOB, late).expect_err("refused");
    assert!(
        refused.say.contains("“带什么” now: /t/t9?s=2"),
        "{}",
        refused.say
    );
    let again = split(&mut bench, OWNER, &[it, deleted]).expect_err("refused");
    assert_eq!(again.code, Code::NoSuchMessage);
    assert!(
        again.say.starts_with(&format!("reply {it}: this is in")),
        "{}",
        again.say
    );
}

#[test]
fn an_older_reply_is_read_from_the_log_and_moves_as_well() {
    let mut bench = topic::started(TopicKind::Discussion);
    let old = say(&mut bench, BOB, "很久以前");
    let record = bench.log[old as usize - 1].clone();
    for n in 0..limits::RESUME_RECORDS_MAX {
        bench.say(ANN, &format!("第 {n} 句")).expect("said");
    }
    let command = command(&mut bench, &[old]);
    let needs = |bench: &Bench, command: &Command| bench.room.needs(&who(OWNER), command);
    assert_eq!(needs(&bench, &command), Some(Need::Record(old)));
    let refused = bench
        .ack(OWNER, command.clone())
        .expect_err("it is not known");
    assert_eq!(refused.code, Code::NoSuchMessage);
    let at_ms = record.at_ms;
    bench.room.remember_record(bench.now, record);
    assert_eq!(needs(&bench, &command), None);
    bench.ack(OWNER, command).expect("split");
    assert_eq!(split_off(&bench).records[1].at_ms, at_ms);
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: old,
        text: "改".into(),
    };
    assert_eq!(
        bench.room.needs(&who(BOB), &edit),
        None,
        "its place is known"
    );
    let refused = bench.ack(BOB, edit).expect_err("it is elsewhere");
    assert!(refused.say.contains("/t/t9?s=2"), "{}", refused.say);
}

#[test]
fn what_is_pinned_and_asked_goes_with_its_reply() {
    let mut bench = topic::started(TopicKind::Discussion);
    let it = say(&mut bench, BOB, "八点东门");
    let pin = Command::Pin {
        client_id: bench.cid(),
        of: Some(it),
        text: None,
    };
    bench.ack(OWNER, pin).expect("pinned");
    assert!(bench.room.state().pin.is_some());
    bench.rows.clear();
    split(&mut bench, OWNER, &[it]).expect("split");
    assert!(bench.room.state().pin.is_none_or(|it| it.text.is_empty()));
    let emptied = bench.rows.iter().any(
        |it| matches!(it, RowChange::Erase { left: RecordBody::Pin(pin), .. } if pin.words.is_none()),
    );
    assert!(emptied, "no copy of it stays");
}

#[test]
fn bad_splits_are_refused_each_by_its_own_code_and_change_nothing() {
    let mut bench = topic::started(TopicKind::Question);
    let it = say(&mut bench, BOB, "八点");
    let gone = say(&mut bench, BOB, "说错了");
    let delete = Command::Delete {
        client_id: bench.cid(),
        of: gone,
    };
    let delete = bench.ack(BOB, delete).expect("deleted").s;
    let accepted = say(&mut bench, BOB, "九点");
    let accept = TopicAct::Accept { of: Some(accepted) };
    topic::act(&mut bench, ANN, accept).expect("accepted");
    let length = bench.log.len();
    bench.rows.clear();
    let mut refused =
        |name: &str, seqs: &[Seq]| split(&mut bench, name, seqs).expect_err("refused").code;
    for name in [ANN, BOB, MAKER, GUEST] {
        assert_eq!(refused(name, &[it]), Code::NotPermitted, "{name}");
    }
    assert_eq!(refused(OWNER, &[OPENING, it]), Code::WrongPhase);
    assert_eq!(refused(OWNER, &[it, accepted]), Code::WrongPhase);
    for no_message in [gone, delete, 1, 9_999] {
        assert_eq!(refused(OWNER, &[it, no_message]), Code::NoSuchMessage);
    }
    topic::act(&mut bench, OWNER, TopicAct::Lock { on: true }).expect("locked");
    assert_eq!(
        split(&mut bench, OWNER, &[it]).expect_err("refused").code,
        Code::Locked
    );
    assert_eq!(bench.log.len(), length + 1, "the lock alone");
    assert!(
        !bench
            .rows
            .iter()
            .any(|it| matches!(it, RowChange::SplitOff(_)))
    );

    assert_eq!(wish(&[]), Err(Code::Empty));
    let most: Vec<Seq> = (3..).take(limits::SPLIT_REPLIES_MAX).collect();
    assert_eq!(wish(&most).map(|it| it.seqs().len()), Ok(most.len()));
    assert_eq!(wish(&[&most[..], &[2_000]].concat()), Err(Code::TooLong));
    assert_eq!(
        wish(&[5, 3, 5]).map(|it| it.seqs().to_vec()),
        Ok(vec![3, 5])
    );
    let untitled = NewSplit::new("t9".into(), TopicKind::Discussion, " ".into());
    let untitled = untitled.of(vec![3]).map_err(|it| it.code);
    assert_eq!(untitled, Err(Code::Empty));
}
