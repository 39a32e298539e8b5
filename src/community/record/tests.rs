use std::sync::Arc;

use protocol::{
    server::{Body, HeldWhy, LinkRule, Mark, Phase, QuestionPhase, RoomMode, Rules},
    topic::{BroadcastPlace, Moment, TopicKind, TopicStatus},
};

use super::*;

fn person(id: &str, mark: Mark) -> Person {
    Person {
        id: id.into(),
        name: Arc::from("小明"),
        mark,
    }
}

fn record(body: RecordBody) -> Record {
    Record {
        seq: 7,
        circle: 1,
        at_ms: 1_795_000_000_123,
        pos: Some(734_100),
        author: person("m_1", Mark::Moderator),
        client_id: Some("00000000-0000-7000-8000-000000000001".into()),
        body,
    }
}

fn message() -> Message {
    Message {
        text: "今晚几点？".into(),
        reply_to: Some(3),
        edits: 2,
        last_edit: Some(6),
        deleted: false,
        question: None,
        root: None,
        tally: Tally::default(),
        card: None,
        held: None,
        restored: false,
        to: Arc::default(),
        md: false,
        media: Media::default(),
    }
}

fn topic() -> Topic {
    Topic {
        kind: TopicKind::Need,
        title: "修车".into(),
        by: person("m_2", Mark::Member),
        made_ms: 7,
        board: Some("help".into()),
        tags: vec!["车".into()],
        status: TopicStatus::Matched,
        reason: "".into(),
        accepted: Some((
            5,
            Addressed {
                id: "m_3".into(),
                name: "小波".into(),
            },
        )),
        locked: false,
        pinned: true,
        featured: false,
        from: None,
        into: None,
        merged: Arc::default(),
        recap_of: None,
        split_from: None,
        at: None,
    }
}

fn place(room: u32) -> TopicPlace {
    TopicPlace {
        room,
        slug: format!("t{room}").into(),
        title: "骑车".into(),
    }
}

fn quotes() -> Quotes {
    let said = record(RecordBody::Message(message()));
    Quotes::of(4, [(7, Some(said))]).expect("it can be quoted")
}

fn broadcast() -> Broadcast {
    Broadcast {
        id: "b1-k3-4".into(),
        phase: Phase::Paused,
        title: "读书会".into(),
        host: person("m_2", Mark::Host),
        starts_ms: None,
        live_ms: Some(1_795_000_000_000),
        ended_ms: None,
        played_ms: 734_100,
        turnout: Turnout::default(),
    }
}

/// Every kind with its number and its stored text of version 1. These texts lie on disks: a line
/// here may be added, never changed.
fn golden() -> Vec<(u8, RecordBody, &'static str)> {
    let who = || person("m_3", Mark::Member);
    vec![
        (
            1,
            RecordBody::Message(message()),
            r#"{"v":1,"k":"message","text":"今晚几点？","reply_to":3,"edits":2,"last_edit":6}"#,
        ),
        (
            2,
            RecordBody::Edit {
                of: 5,
                text: Some("八点".into()),
                md: false,
                media: Media::default(),
            },
            r#"{"v":1,"k":"edit","of":5,"text":"八点"}"#,
        ),
        (
            2,
            RecordBody::Edit {
                of: 5,
                text: None,
                md: false,
                media: Media::default(),
            },
            r#"{"v":1,"k":"edit","of":5}"#,
        ),
        (
            2,
            RecordBody::Edit {
                of: 5,
                text: Some("**八点**".into()),
                md: true,
                media: Media::default(),
            },
            r#"{"v":1,"k":"edit","of":5,"text":"**八点**","md":true}"#,
        ),
        (
            2,
            RecordBody::Edit {
                of: 5,
                text: Some("![](/api/v1/blobs/b1)".into()),
                md: true,
                media: [Medium::Voice {
                    blob: "b1".into(),
                    duration_ms: 4_200,
                }]
                .into(),
            },
            r#"{"v":1,"k":"edit","of":5,"text":"![](/api/v1/blobs/b1)","md":true,"media":[{"kind":"voice","blob":"b1","duration_ms":4200}]}"#,
        ),
        (
            1,
            RecordBody::Message(Message {
                md: true,
                media: [Medium::Image {
                    blob: "b1".into(),
                    w: 800,
                    h: 600,
                }]
                .into(),
                ..Message::new("![山](/api/v1/blobs/b1)".into(), None)
            }),
            r#"{"v":1,"k":"message","text":"![山](/api/v1/blobs/b1)","md":true,"media":[{"kind":"image","blob":"b1","w":800,"h":600}]}"#,
        ),
        (
            40,
            RecordBody::Topic(topic()),
            r#"{"v":1,"k":"topic","kind":"need","title":"修车","by":{"id":"m_2","name":"小明","mark":"member"},"made_ms":7,"board":"help","tags":["车"],"status":"matched","accepted":[5,{"id":"m_3","name":"小波"}],"pinned":true}"#,
        ),
        (
            40,
            RecordBody::Topic(Topic {
                from: Some(Arc::new(quotes())),
                ..topic()
            }),
            r#"{"v":1,"k":"topic","kind":"need","title":"修车","by":{"id":"m_2","name":"小明","mark":"member"},"made_ms":7,"board":"help","tags":["车"],"status":"matched","accepted":[5,{"id":"m_3","name":"小波"}],"pinned":true,"from":{"room":4,"of":[[7,{"id":"m_1","name":"小明"}]]}}"#,
        ),
        (
            40,
            RecordBody::Topic(Topic {
                into: Some(place(8)),
                merged: [place(4), place(5)].into(),
                recap_of: Some(BroadcastPlace {
                    room: "hall".into(),
                    id: "b1-e-2".into(),
                }),
                ..topic()
            }),
            r#"{"v":1,"k":"topic","kind":"need","title":"修车","by":{"id":"m_2","name":"小明","mark":"member"},"made_ms":7,"board":"help","tags":["车"],"status":"matched","accepted":[5,{"id":"m_3","name":"小波"}],"pinned":true,"into":{"room":8,"slug":"t8","title":"骑车"},"merged":[{"room":4,"slug":"t4","title":"骑车"},{"room":5,"slug":"t5","title":"骑车"}],"recap_of":["hall","b1-e-2"]}"#,
        ),
        (
            40,
            RecordBody::Topic(Topic {
                split_from: Some(place(8)),
                ..topic()
            }),
            r#"{"v":1,"k":"topic","kind":"need","title":"修车","by":{"id":"m_2","name":"小明","mark":"member"},"made_ms":7,"board":"help","tags":["车"],"status":"matched","accepted":[5,{"id":"m_3","name":"小波"}],"pinned":true,"split_from":{"room":8,"slug":"t8","title":"骑车"}}"#,
        ),
        (
            41,
            RecordBody::Split(Split {
                to: "t8".into(),
                title: "骑车".into(),
                moved: vec![(5, 2), (7, 3)],
            }),
            r#"{"v":1,"k":"split","to":"t8","title":"骑车","moved":[[5,2],[7,3]]}"#,
        ),
        (
            42,
            RecordBody::Moved(Moved {
                to: "t8".into(),
                title: "骑车".into(),
                seq: 3,
                reply_to: Some(5),
                root: Some(4),
            }),
            r#"{"v":1,"k":"moved","to":"t8","title":"骑车","seq":3,"reply_to":5,"root":4}"#,
        ),
        (
            40,
            RecordBody::Topic(Topic {
                pinned: false,
                accepted: None,
                at: Some(Moment {
                    room: "hall".into(),
                    id: "b1-e-2".into(),
                    title: "读书会".into(),
                    second: 754,
                }),
                ..topic()
            }),
            r#"{"v":1,"k":"topic","kind":"need","title":"修车","by":{"id":"m_2","name":"小明","mark":"member"},"made_ms":7,"board":"help","tags":["车"],"status":"matched","at":{"room":"hall","id":"b1-e-2","title":"读书会","second":754}}"#,
        ),
        (
            3,
            RecordBody::Delete { of: 5, undo: None },
            r#"{"v":1,"k":"delete","of":5}"#,
        ),
        (
            4,
            RecordBody::Mute {
                who: who(),
                until_ms: 99,
                reason: "刷屏".into(),
            },
            r#"{"v":1,"k":"mute","who":{"id":"m_3","name":"小明","mark":"member"},"until_ms":99,"reason":"刷屏"}"#,
        ),
        (
            5,
            RecordBody::Unmute { who: who() },
            r#"{"v":1,"k":"unmute","who":{"id":"m_3","name":"小明","mark":"member"}}"#,
        ),
        (
            6,
            RecordBody::Ban {
                who: who(),
                until_ms: None,
                reason: "".into(),
                devices: Vec::new(),
                networks: Vec::new(),
            },
            r#"{"v":1,"k":"ban","who":{"id":"m_3","name":"小明","mark":"member"},"reason":""}"#,
        ),
        (
            7,
            RecordBody::Unban { who: who() },
            r#"{"v":1,"k":"unban","who":{"id":"m_3","name":"小明","mark":"member"}}"#,
        ),
        (
            8,
            RecordBody::SlowMode {
                gap_ms: 5_000,
                auto: None,
            },
            r#"{"v":1,"k":"slow_mode","gap_ms":5000}"#,
        ),
        (
            9,
            RecordBody::Broadcast(broadcast()),
            r#"{"v":1,"k":"broadcast","id":"b1-k3-4","phase":"paused","title":"读书会","host":{"id":"m_2","name":"小明","mark":"host"},"live_ms":1795000000000,"played_ms":734100}"#,
        ),
        (
            10,
            RecordBody::Pin(Pin {
                of: Some(5),
                words: Some(Words {
                    text: "八点".into(),
                    author: who(),
                    card: None,
                }),
            }),
            r#"{"v":1,"k":"pin","of":5,"words":{"text":"八点","author":{"id":"m_3","name":"小明","mark":"member"}}}"#,
        ),
        (10, RecordBody::Pin(Pin::default()), r#"{"v":1,"k":"pin"}"#),
        (
            11,
            RecordBody::Question {
                of: 5,
                to: QuestionPhase::Picked,
                done: Some(4),
            },
            r#"{"v":1,"k":"question","of":5,"to":"picked","done":4}"#,
        ),
        (
            12,
            RecordBody::Mode {
                mode: RoomMode::Host,
                until_ms: Some(99),
                then: RoomMode::Members,
            },
            r#"{"v":1,"k":"mode","mode":"host","until_ms":99,"then":"members"}"#,
        ),
        (
            13,
            RecordBody::CoHost {
                who: who(),
                on: true,
            },
            r#"{"v":1,"k":"co_host","who":{"id":"m_3","name":"小明","mark":"member"},"on":true}"#,
        ),
        (
            20,
            RecordBody::Rules(Some(Arc::new(Rules {
                refuse: vec!["赌".into()],
                hold: vec!["微信".into()],
                links: LinkRule::Hold,
                domains: vec!["example.org".into()],
            }))),
            r#"{"v":1,"k":"rules","rules":{"refuse":["赌"],"hold":["微信"],"links":"hold","domains":["example.org"]}}"#,
        ),
        (
            21,
            RecordBody::Held(Held {
                of: Some(5),
                why: HeldWhy::Word,
                kept: Some(Kept {
                    author: who(),
                    message: Message::new("加微信".into(), Some(3)),
                    asked: None,
                }),
                outcome: None,
            }),
            r#"{"v":1,"k":"held","of":5,"why":"word","kept":{"author":{"id":"m_3","name":"小明","mark":"member"},"message":{"text":"加微信","reply_to":3}}}"#,
        ),
        (
            22,
            RecordBody::Review {
                of: 7,
                outcome: Outcome {
                    allowed: false,
                    reason: "广告".into(),
                },
            },
            r#"{"v":1,"k":"review","of":7,"outcome":{"allowed":false,"reason":"广告"}}"#,
        ),
        (
            23,
            RecordBody::Restore {
                of: 5,
                kept: Some(Kept {
                    author: who(),
                    message: Message::new("加微信".into(), Some(3)),
                    asked: None,
                }),
            },
            r#"{"v":1,"k":"restore","of":5,"kept":{"author":{"id":"m_3","name":"小明","mark":"member"},"message":{"text":"加微信","reply_to":3}}}"#,
        ),
        (
            24,
            RecordBody::Kick {
                who: who(),
                until_ms: 99,
                reason: "".into(),
            },
            r#"{"v":1,"k":"kick","who":{"id":"m_3","name":"小明","mark":"member"},"until_ms":99,"reason":""}"#,
        ),
        (
            30,
            RecordBody::Poll(Poll {
                question: "几点？".into(),
                options: ["八点".into(), "九点".into()].into(),
                multiple: true,
                closes_ms: Some(99),
                result: Some(Counted {
                    n: vec![2, 0],
                    voters: 2,
                }),
            }),
            r#"{"v":1,"k":"poll","question":"几点？","options":["八点","九点"],"multiple":true,"closes_ms":99,"result":{"n":[2,0],"voters":2}}"#,
        ),
        (
            31,
            RecordBody::PollClosed {
                of: 5,
                result: Counted {
                    n: vec![2, 0],
                    voters: 2,
                },
            },
            r#"{"v":1,"k":"poll_closed","of":5,"result":{"n":[2,0],"voters":2}}"#,
        ),
    ]
}

#[test]
fn every_kind_is_stored_as_its_golden_text_and_read_back() {
    for (kind, body, text) in golden() {
        let before = record(body);
        let columns = before.columns();
        assert_eq!(String::from_utf8_lossy(&columns.body), text);
        assert_eq!(columns.kind, kind);
        assert_eq!(
            columns.is_fact,
            !matches!(kind, 1..=3 | 11 | 22 | 23 | 31 | 41 | 42),
            "{text}"
        );
        assert_eq!(Record::read(1, columns).expect(text), before);
    }
}

#[test]
fn a_question_is_a_fact_and_says_how_far_it_is() {
    let mut asked = message();
    asked.question = Some(QuestionPhase::Asked);
    let before = record(RecordBody::Message(asked));
    let columns = before.columns();
    assert!(columns.is_fact, "it waits, however much is said after it");
    let text = String::from_utf8_lossy(&columns.body);
    assert!(text.ends_with(r#","question":"asked"}"#), "{text}");
    assert_eq!(Record::read(1, columns).expect("read"), before);
}

#[test]
fn a_body_of_version_one_reads_without_what_came_later() {
    let mut columns = record(RecordBody::Message(message())).columns();
    columns.body = br#"{"v":1,"k":"message","text":"hi","and":"more"}"#.to_vec();
    let read = Record::read(1, columns).expect("additions are ignored");
    assert_eq!(
        read.body,
        RecordBody::Message(Message::new("hi".into(), None))
    );
}

#[test]
fn a_message_is_the_same_however_its_body_begins() {
    let before = record(RecordBody::Message(message()));
    let mut columns = before.columns();
    let body = String::from_utf8(columns.body.clone()).expect("text");
    let fields = body.strip_prefix(r#"{"v":1,"k":"message","#).expect("ours");
    columns.body = format!(r#"{{ "k":"message","v":1,{fields}"#).into_bytes();
    assert_eq!(Record::read(1, columns.clone()).expect("read"), before);
    for damaged in [
        r#"{"v":1,"k":"message","#,
        r#"{"v":1,"k":"message","text":7}"#,
    ] {
        columns.body = damaged.into();
        let error = Record::read(1, columns.clone()).expect_err("damaged");
        assert!(
            matches!(error, ReadError::Damaged { seq: 7, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_newer_body_is_named_and_a_damaged_one_too() {
    let mut columns = record(RecordBody::Delete { of: 1, undo: None }).columns();
    columns.body = br#"{"v":2,"k":"dance"}"#.to_vec();
    let error = Record::read(1, columns.clone()).expect_err("from the future");
    assert!(
        matches!(error, ReadError::Newer { seq: 7, version: 2 }),
        "{error}"
    );
    for body in [
        &b""[..],
        b"{",
        b"{}",
        br#"{"v":1}"#,
        br#"{"v":1,"k":"dance"}"#,
        b"\xff",
    ] {
        columns.body = body.to_vec();
        let error = Record::read(1, columns.clone()).expect_err("damaged");
        assert!(
            matches!(error, ReadError::Damaged { seq: 7, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_frame_says_what_the_record_says() {
    let frame = record(RecordBody::Message(message())).frame();
    assert_eq!(
        (frame.s, frame.t, frame.pos),
        (7, 1_795_000_000_123, Some(734_100))
    );
    assert_eq!(
        (frame.u.id.as_str(), frame.u.mark),
        ("m_1", Mark::Moderator)
    );
    let text = "今晚几点？".to_owned();
    assert_eq!(
        frame.body,
        Body::Msg {
            text,
            re: Some(3),
            edits: 2,
            deleted: false,
            question: None,
            root: None,
            likes: 0,
            replies: 0,
            card: None,
            held: None,
            to: Vec::new(),
            doc: None,
        }
    );
}

#[test]
fn a_superseded_edit_changes_nothing_that_a_client_folds() {
    let frame = record(RecordBody::Edit {
        of: 5,
        text: None,
        md: false,
        media: Media::default(),
    })
    .frame();
    assert_eq!(
        frame.body,
        Body::Edit {
            of: 0,
            text: String::new(),
            doc: None,
        }
    );
}

#[test]
fn an_edit_is_folded_once_and_a_delete_for_good() {
    let mut it = Message::new("a".into(), None);
    it.revise(5, "b".into(), Media::default());
    it.revise(5, "b".into(), Media::default());
    assert_eq!((&*it.text, it.edits, it.last_edit), ("b", 1, Some(5)));
    it.erase(9);
    it.revise(6, "c".into(), Media::default());
    assert_eq!((&*it.text, it.deleted, it.last_edit), ("", true, None));
}

/// A record of each kind, with every place that a name can stand in: of `m_1`, who wrote it, `m_2` or `m_3`.
pub(super) fn each_kind() -> Vec<Record> {
    let mut naming = message();
    naming.to = [Addressed {
        id: "m_3".into(),
        name: "小波".into(),
    }]
    .into();
    let kept = Kept {
        author: person("m_3", Mark::Member),
        message: naming.clone(),
        asked: None,
    };
    let deleted = RecordBody::Delete {
        of: 5,
        undo: Some(Undo { until_ms: 99, kept }),
    };
    let bodies = golden().into_iter().map(|it| it.1);
    let bodies = bodies.chain([RecordBody::Message(naming), deleted]);
    bodies.map(record).collect()
}
