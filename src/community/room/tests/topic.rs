//! Topics: a room that is started once, and what may be done to it.

use protocol::{
    notices::NoticeKind,
    server::{Body, Mark},
    topic::{OPENING, TopicAct, TopicKind, TopicStatus},
};

use super::*;
use crate::{
    effect::{Notice, TopicTalk},
    member::Person,
    record::{Media, Quotes},
};

fn bench() -> Bench {
    let meta = RoomMeta {
        kind: RoomKind::Topic,
        ..meta()
    };
    Bench::of(Room::new(meta, "k3".into()))
}

fn new(kind: TopicKind) -> NewTopic {
    NewTopic {
        kind,
        title: " 周末去哪儿 ".into(),
        text: "**想去**爬山 #户外".into(),
        board: Some("out".into()),
        tags: vec!["#爬山".into(), "Weekend".into(), "weekend".into()],
        media: Media::default(),
        from: None,
        recap_of: None,
        at: None,
    }
}

/// What ann and bob said to each other in another room.
fn exchange() -> Quotes {
    let said = |seq, author: &str| {
        let record = Record {
            seq,
            circle: 1,
            at_ms: 1_000,
            pos: None,
            author: Person {
                id: author.into(),
                name: author.into(),
                mark: Mark::Member,
            },
            client_id: None,
            body: RecordBody::Message(Message::new("爬哪座山？".into(), None)),
        };
        (seq, Some(record))
    };
    Quotes::of(4, [said(3, ANN), said(4, BOB), said(7, ANN)]).expect("they can be quoted")
}

/// A topic that ann started, with everybody in it.
pub(super) fn started(kind: TopicKind) -> Bench {
    let mut bench = bench();
    start(&mut bench, ANN, new(kind)).expect("started");
    for name in [OWNER, MODERATOR, MAKER, ANN, BOB, GUEST] {
        bench.join(name);
    }
    bench.pass(1_000);
    bench.fx.clear();
    bench
}

fn start(bench: &mut Bench, name: &str, topic: NewTopic) -> Result<Ack, Code> {
    let command = Command::StartTopic {
        client_id: bench.cid(),
        topic: Box::new(topic),
    };
    bench.ack(name, command).map_err(|it| it.code)
}

pub(super) fn act(bench: &mut Bench, name: &str, act: TopicAct) -> Result<(), Code> {
    let client_id = bench.cid();
    let command = Command::Topic { client_id, act };
    bench.ack(name, command).map(|_| ()).map_err(|it| it.code)
}

fn to(status: TopicStatus, reason: &str) -> TopicAct {
    TopicAct::Status {
        to: status,
        reason: reason.into(),
    }
}

pub(super) fn now_is(bench: &Bench) -> protocol::topic::Topic {
    bench.room.state().topic.expect("it is a topic")
}

pub(super) fn notices(bench: &Bench) -> Vec<(String, NoticeKind, String)> {
    let told = bench.rows.iter().filter_map(|it| match it {
        RowChange::Notice(Notice {
            member, kind, text, ..
        }) => Some((member.to_string(), *kind, text.to_string())),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_topic_is_started_once_and_says_what_it_is() {
    let mut bench = bench();
    assert_eq!(
        start(&mut bench, GUEST, new(TopicKind::Discussion)),
        Err(Code::GuestsNotAllowed)
    );
    assert_eq!(
        start(&mut bench, ANN, new(TopicKind::Announcement)),
        Err(Code::NotPermitted)
    );
    let command = Command::StartTopic {
        client_id: cid(9_001),
        topic: Box::new(new(TopicKind::Discussion)),
    };
    let first = bench.ack(ANN, command.clone()).expect("started");
    assert_eq!(first.s, 1);
    assert_eq!(bench.log.len(), 2, "what it is, and what was written first");
    assert_eq!(bench.log[1].seq, OPENING);
    let again = bench.ack(ANN, command).expect("the same");
    assert_eq!((again.s, again.v), (1, AckKind::Dup));
    assert_eq!(
        start(&mut bench, BOB, new(TopicKind::Discussion)),
        Err(Code::WrongPhase)
    );
    let topic = now_is(&bench);
    assert_eq!(topic.title, "周末去哪儿");
    assert_eq!(topic.tags, ["爬山", "weekend", "户外"]);
    assert_eq!(topic.by.id.as_str(), ANN);
    let joined = bench.join(BOB);
    let Body::Msg { text, doc, .. } = &joined.ev[1].body else {
        panic!("{:?}", joined.ev[1])
    };
    assert_eq!(text, "**想去**爬山 #户外", "as it was written");
    let shown = markdown::html(doc.as_ref().expect("Markdown is shown"));
    assert!(shown.contains("<strong>想去</strong>"), "{shown}");
    assert_eq!(joined.state.topic, Some(topic.clone()));
    assert_eq!(joined.ev.len(), 2);
    // Its log says the same after a restart.
    bench.room = Room::recover(
        RoomMeta {
            kind: RoomKind::Topic,
            ..meta()
        },
        bench.loaded(),
    );
    assert_eq!(now_is(&bench), topic);
}

#[test]
fn a_room_of_another_kind_is_no_topic() {
    let mut bench = Bench::full();
    assert_eq!(
        start(&mut bench, MAKER, new(TopicKind::Discussion)),
        Err(Code::WrongPhase)
    );
    assert_eq!(
        act(&mut bench, OWNER, TopicAct::Lock { on: true }),
        Err(Code::WrongPhase)
    );
    assert!(bench.room.state().topic.is_none());
}

#[test]
fn nobody_goes_live_in_a_topic() {
    let mut bench = started(TopicKind::Discussion);
    for name in [ANN, MAKER, OWNER] {
        let opened = bench.step(name, BroadcastAct::Open);
        assert_eq!(opened, Err(Code::NotPermitted), "{name}");
    }
}

#[test]
fn what_a_row_shows_follows_the_talk() {
    let mut bench = started(TopicKind::Discussion);
    let s = bench.say(BOB, &"长".repeat(limits::MARKDOWN_CHARS_MAX));
    let s = s.expect("a reply is longer than a message");
    let too_long = "长".repeat(limits::MARKDOWN_CHARS_MAX + 1);
    assert_eq!(bench.say(BOB, &too_long), Err(Code::TooLong));
    let client_id = bench.cid();
    let delete = Command::Delete { client_id, of: s };
    bench.ack(BOB, delete).expect("deleted");
    let client_id = bench.cid();
    let undelete = Command::Undelete { client_id, of: s };
    bench.ack(BOB, undelete).expect("there again");
    let client_id = bench.cid();
    let edit = Command::Edit {
        client_id,
        of: OPENING,
        text: "换个\n地方".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    let talk: Vec<String> = bench
        .rows
        .iter()
        .filter_map(|it| match it {
            RowChange::Topic(it) => Some(format!("topic {}", it.title)),
            RowChange::TopicTalk(TopicTalk::Said { seq, by, .. }) => {
                Some(format!("{} said {seq}", by.id))
            }
            RowChange::TopicTalk(TopicTalk::Gone { seq }) => Some(format!("gone {seq}")),
            RowChange::TopicTalk(TopicTalk::Back { seq }) => Some(format!("back {seq}")),
            RowChange::TopicTalk(TopicTalk::Opening { text }) => Some(format!("begins {text}")),
            _ => None,
        })
        .collect();
    let expected = [
        "topic 周末去哪儿",
        "ann said 2",
        "begins 想去爬山 #户外",
        "bob said 3",
        "gone 3",
        "back 3",
        "begins 换个 地方",
    ];
    assert_eq!(talk, expected);
}

#[test]
fn a_locked_topic_is_read_and_only_staff_write() {
    let mut bench = started(TopicKind::Discussion);
    let s = bench.say(BOB, "在").expect("said");
    for name in [ANN, BOB] {
        let locked = act(&mut bench, name, TopicAct::Lock { on: true });
        assert_eq!(locked, Err(Code::NotPermitted), "{name}");
    }
    act(&mut bench, MODERATOR, TopicAct::Lock { on: true }).expect("locked");
    assert_eq!(bench.say(BOB, "还在"), Err(Code::Locked));
    assert_eq!(bench.say(ANN, "还在"), Err(Code::Locked));
    let client_id = bench.cid();
    let edit = Command::Edit {
        client_id,
        of: s,
        text: "改".into(),
    };
    let edited = bench.ack(BOB, edit).map_err(|it| it.code);
    assert_eq!(edited.map(|_| ()), Err(Code::Locked));
    bench.say(MODERATOR, "到此为止").expect("staff write");
    let again = act(&mut bench, OWNER, TopicAct::Lock { on: true });
    assert_eq!(again, Err(Code::WrongPhase), "it is so already");
    act(&mut bench, OWNER, TopicAct::Lock { on: false }).expect("open again");
    bench.say(BOB, "又能说了").expect("said");
    let whys: Vec<_> = bench
        .rows
        .iter()
        .filter_map(|it| match it {
            RowChange::Audit(it) => Some((it.what, it.why.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        whys,
        [
            ("topic", "locked".to_owned()),
            ("topic", "unlocked".to_owned())
        ]
    );
}

#[test]
fn its_starter_names_it_and_staff_keep_it() {
    let mut bench = started(TopicKind::Discussion);
    let title = |title: &str| TopicAct::Title {
        title: title.into(),
    };
    assert_eq!(act(&mut bench, BOB, title("别的")), Err(Code::NotPermitted));
    assert_eq!(act(&mut bench, ANN, title("  ")), Err(Code::Empty));
    act(&mut bench, ANN, title("周末爬山")).expect("renamed");
    let tags = |tags: &[&str]| TopicAct::Tags {
        tags: tags.iter().map(|it| (*it).to_owned()).collect(),
    };
    assert_eq!(act(&mut bench, ANN, tags(&["a  b"])), Err(Code::Malformed));
    let flood: Vec<String> = (0..=limits::TAGS_MAX).map(|it| format!("t{it}")).collect();
    let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
    assert_eq!(act(&mut bench, ANN, tags(&flood)), Err(Code::TooLong));
    act(&mut bench, ANN, tags(&["山"])).expect("tagged");
    let keep = [
        TopicAct::Pin { on: true },
        TopicAct::Feature { on: true },
        TopicAct::Board { board: None },
    ];
    for it in keep {
        assert_eq!(act(&mut bench, ANN, it.clone()), Err(Code::NotPermitted));
        act(&mut bench, MODERATOR, it).expect("kept");
    }
    let topic = now_is(&bench);
    assert!(topic.pinned && topic.featured && topic.board.is_none());
    assert_eq!((topic.title.as_str(), topic.tags.len()), ("周末爬山", 1));
}

#[test]
fn a_question_has_an_accepted_answer() {
    let mut bench = started(TopicKind::Question);
    let s = bench.say(BOB, "坐 12 路").expect("said");
    let accept = |of| TopicAct::Accept { of };
    assert_eq!(
        act(&mut bench, BOB, accept(Some(s))),
        Err(Code::NotPermitted)
    );
    assert_eq!(
        act(&mut bench, ANN, accept(Some(99))),
        Err(Code::NoSuchMessage)
    );
    assert_eq!(
        act(&mut bench, ANN, accept(Some(OPENING))),
        Err(Code::WrongPhase)
    );
    act(&mut bench, ANN, accept(Some(s))).expect("accepted");
    let topic = now_is(&bench);
    assert_eq!(
        (topic.status, topic.accepted),
        (TopicStatus::Answered, Some(s))
    );
    assert_eq!(
        notices(&bench),
        [(BOB.into(), NoticeKind::Accepted, "周末去哪儿".into())]
    );
    act(&mut bench, ANN, accept(None)).expect("taken back");
    assert_eq!(now_is(&bench).status, TopicStatus::Open);
    let planned = act(&mut bench, OWNER, to(TopicStatus::Planned, ""));
    assert_eq!(planned, Err(Code::WrongPhase), "it is no feedback");
}

#[test]
fn feedback_goes_from_new_to_shipped_by_staff() {
    let mut bench = started(TopicKind::Feedback);
    assert_eq!(now_is(&bench).status, TopicStatus::New);
    let steps = [
        TopicStatus::Seen,
        TopicStatus::Planned,
        TopicStatus::Doing,
        TopicStatus::Shipped,
    ];
    for step in steps {
        assert_eq!(act(&mut bench, ANN, to(step, "")), Err(Code::NotPermitted));
        act(&mut bench, MODERATOR, to(step, "")).expect("further");
        assert_eq!(now_is(&bench).status, step);
    }
    assert_eq!(
        act(&mut bench, OWNER, to(TopicStatus::Declined, " ")),
        Err(Code::Empty),
        "a reason is said"
    );
    act(&mut bench, OWNER, to(TopicStatus::Declined, "做不到")).expect("declined");
    assert_eq!(now_is(&bench).reason, "做不到");
    let told: Vec<_> = bench
        .rows
        .iter()
        .filter_map(|it| match it {
            RowChange::NoticeToAll(it) => Some((it.of, it.starter.to_string(), it.text.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 5, "all who asked hear of each step");
    assert_eq!(told[4], (OPENING, ANN.into(), "declined 做不到".into()));
    let done = act(&mut bench, ANN, to(TopicStatus::Done, ""));
    assert_eq!(done, Err(Code::WrongPhase));
}

#[test]
fn a_need_is_matched_done_and_thanked() {
    let mut bench = started(TopicKind::Need);
    let own = bench.say(ANN, "补充一下").expect("said");
    let s = bench.say(BOB, "我会").expect("said");
    let accept = |of| TopicAct::Accept { of: Some(of) };
    assert_eq!(act(&mut bench, ANN, accept(own)), Err(Code::WrongPhase));
    let early = act(&mut bench, ANN, to(TopicStatus::Done, ""));
    assert_eq!(early, Err(Code::WrongPhase), "nobody helps yet");
    act(&mut bench, ANN, accept(s)).expect("accepted");
    let topic = now_is(&bench);
    assert_eq!(topic.status, TopicStatus::Matched);
    assert_eq!(topic.helper.map(|it| it.id.to_string()), Some(BOB.into()));
    let by_others = act(&mut bench, MAKER, to(TopicStatus::Done, ""));
    assert_eq!(by_others, Err(Code::NotPermitted));
    act(&mut bench, BOB, to(TopicStatus::Done, "")).expect("who helps says so");
    let by_helper = act(&mut bench, BOB, to(TopicStatus::Thanked, ""));
    assert_eq!(by_helper, Err(Code::NotPermitted));
    act(&mut bench, ANN, to(TopicStatus::Thanked, "")).expect("thanked");
    let told: Vec<_> = notices(&bench);
    assert_eq!(
        told,
        [
            (BOB.into(), NoticeKind::Accepted, "周末去哪儿".into()),
            (ANN.into(), NoticeKind::Changed, "done".into()),
            (BOB.into(), NoticeKind::Changed, "thanked".into()),
        ]
    );
}

#[test]
fn top7_a_topic_of_messages_says_whose_they_are_and_tells_them() {
    let mut bench = bench();
    let topic = NewTopic {
        text: " \u{200b}\n".into(),
        from: Some(exchange()),
        ..new(TopicKind::Discussion)
    };
    start(&mut bench, ANN, topic).expect("the quotes are enough");
    let quoted = bench.rows.iter().filter_map(|it| match it {
        RowChange::Quotes(it) => Some(it.frames()),
        _ => None,
    });
    let quoted: Vec<_> = quoted.flatten().map(|it| (it.0, it.1.id)).collect();
    let expected = [(3, ANN.into()), (4, BOB.into()), (7, ANN.into())];
    assert_eq!(quoted, expected);
    // Who starts it knows; nobody is told twice.
    let told = [(BOB.to_owned(), NoticeKind::Credit, "周末去哪儿".to_owned())];
    assert_eq!(notices(&bench), told);
    let joined = bench.join(BOB);
    let Body::Msg { text, deleted, .. } = &joined.ev[1].body else {
        panic!("{:?}", joined.ev[1])
    };
    assert_eq!((text.as_str(), *deleted), ("", false));
    // What it was made of stays through changes and a restart, and is told once.
    bench.rows.clear();
    bench.join(OWNER);
    act(&mut bench, OWNER, TopicAct::Pin { on: true }).expect("pinned");
    assert!(
        !bench
            .rows
            .iter()
            .any(|it| matches!(it, RowChange::Quotes(_)))
    );
    assert_eq!(notices(&bench), []);
    let last = bench.log.last().expect("the pin");
    let RecordBody::Topic(it) = &last.body else {
        panic!("{last:?}")
    };
    assert_eq!(it.from.as_deref(), Some(&exchange()));
}

#[test]
fn a_topic_of_nothing_needs_words() {
    let topic = NewTopic {
        text: " ".into(),
        ..new(TopicKind::Discussion)
    };
    assert_eq!(start(&mut bench(), ANN, topic), Err(Code::Empty));
    let long = NewTopic {
        text: "长".repeat(limits::MARKDOWN_CHARS_MAX + 1),
        from: Some(exchange()),
        ..new(TopicKind::Discussion)
    };
    assert_eq!(start(&mut bench(), ANN, long), Err(Code::TooLong));
}
