//! Notices through the whole server, by the real client: who is named, replied to or taken up hears of
//! it wherever they are, once; reminders; the calendar.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code, MemberId, RoomNumber,
    client::{BroadcastAct, Position, QuestionAct},
    limits,
    notices::{
        Digest, Notice, NoticeKind, NoticeList, NoticeSettings, NoticeWays, NoticesSeen,
        NoticesUnread, PushKey, PushKeys, PushSubscription, Reminder,
    },
    rest::BroadcastWish,
    server::{Body, Broadcast, Push, Reply, Resumed},
};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use support::{Person, Server};
use tokio::{task::JoinSet, time::timeout};
use weiquan_client::{Connection, Error};

/// How soon one must hear of something.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Over which somebody says much at once.
const LINES: usize = 8;

struct Said<'a> {
    text: &'a str,
    to: Vec<MemberId>,
    re: Option<u64>,
    question: bool,
}

fn plain(text: &str) -> Said<'_> {
    Said {
        text,
        to: Vec::new(),
        re: None,
        question: false,
    }
}

async fn say(line: &mut Connection, a: RoomNumber, said: Said<'_>) -> Result<u64, Code> {
    let outcome = line.request(|i| ClientFrame::Pub {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        text: said.text.to_owned(),
        re: said.re,
        question: said.question,
        card: None,
        to: said.to,
    });
    match outcome.await {
        Ok(Reply::Ack(ack)) => Ok(ack.s),
        Err(Error::Refused(refusal)) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

/// The next new notice that this connection hears.
async fn heard(line: &mut Connection) -> (u32, Notice) {
    timeout(AT_ONCE, async {
        loop {
            if let Push::Notice {
                unread,
                notice: Some(notice),
            } = line.next_push().await.expect("a push")
            {
                return (unread, *notice);
            }
        }
    })
    .await
    .expect("within a second")
}

async fn put<B: Serialize, T: DeserializeOwned>(by: &Person, path: &str, body: &B) -> T {
    let answer = by
        .request(Method::PUT, path)
        .json(body)
        .send()
        .await
        .expect("answered");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("a body")
}

async fn inbox(of: &Person) -> NoticeList {
    of.get("/api/v1/notices").await
}

#[tokio::test]
async fn n1_to_n4_who_is_meant_hears_of_it_once_wherever_they_are() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner.make_room("garden").await;
    let (ann, bob) = (server.sign_up("Ann").await, server.sign_up("Bob").await);
    let mut anns = ann.connect("phone").await;
    let garden = anns.join("garden", None).await.expect("joined").a;
    let mut bobs = bob.connect("phone").await;
    let a = bobs.join("hall", None).await.expect("joined").a;

    // Ann is in another room, and hears of it.
    let named = Said {
        to: vec![ann.id(), ann.id(), bob.id()],
        ..plain("@Ann 今晚\n几点？")
    };
    let first = say(&mut bobs, a, named).await.expect("said");
    let (unread, notice) = heard(&mut anns).await;
    assert_eq!(
        (unread, notice.kind, notice.s),
        (1, NoticeKind::Mention, Some(first))
    );
    assert_eq!(
        (notice.room.as_str(), notice.from.id.clone()),
        ("hall", bob.id())
    );
    assert_eq!(notice.text, "@Ann 今晚 几点？");
    assert_eq!(
        inbox(&bob).await.notices,
        [],
        "nobody is told of what they say"
    );

    // The message names her to everybody.
    let joined = anns.join("hall", None).await.expect("joined");
    let record = joined
        .ev
        .iter()
        .find(|it| it.s == first)
        .expect("it is there");
    let Body::Msg { to, .. } = &record.body else {
        panic!("{record:?}")
    };
    let names: Vec<&str> = to.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Ann", "Bob"]);

    // A reply that names is one notice.
    let asked = Said {
        question: true,
        ..plain("为什么？")
    };
    let question = say(&mut anns, joined.a, asked).await.expect("said");
    let reply = Said {
        to: vec![ann.id()],
        re: Some(question),
        ..plain("因为")
    };
    say(&mut bobs, a, reply).await.expect("said");
    assert_eq!(heard(&mut anns).await.1.kind, NoticeKind::Mention);
    let reply = Said {
        re: Some(question),
        ..plain("所以")
    };
    say(&mut bobs, a, reply).await.expect("said");
    let (unread, notice) = heard(&mut anns).await;
    assert_eq!(
        (unread, notice.kind, notice.text.as_str()),
        (3, NoticeKind::Reply, "所以")
    );

    // Her question is being answered.
    let mut owners = owner.connect("desk").await;
    let o = owners.join("hall", None).await.expect("joined").a;
    owners
        .request(|i| ClientFrame::Question {
            i,
            a: o,
            cid: uuid::Uuid::now_v7().to_string().into(),
            of: question,
            act: QuestionAct::Pick,
        })
        .await
        .expect("picked");
    let (_, notice) = heard(&mut anns).await;
    assert_eq!(
        (notice.kind, notice.text.as_str()),
        (NoticeKind::Picked, "为什么？")
    );

    // What is edited or taken back is so in the inbox.
    let cid = || uuid::Uuid::now_v7().to_string().into();
    bobs.request(|i| ClientFrame::Edit {
        i,
        a,
        cid: cid(),
        of: first,
        text: "@Ann 八点".into(),
    })
    .await
    .expect("edited");
    let kept = inbox(&ann).await;
    assert_eq!((kept.unread, kept.notices.len(), kept.next), (4, 4, None));
    assert_eq!(kept.notices[3].text, "@Ann 八点");
    bobs.request(|i| ClientFrame::Delete {
        i,
        a,
        cid: cid(),
        of: first,
    })
    .await
    .expect("deleted");
    assert_eq!(inbox(&ann).await.notices[3].text, "");

    // Seen on one device is seen on all.
    let mut tablet = ann.connect("tablet").await;
    let seen = NoticesSeen {
        upto: kept.notices[1].id,
    };
    let left: NoticesUnread = ann.post("/api/v1/notices/seen", &seen).await;
    assert_eq!(left.unread, 1);
    let told = timeout(AT_ONCE, async {
        loop {
            if let Push::Notice {
                unread: 1,
                notice: None,
            } = tablet.next_push().await.expect("a push")
            {
                return;
            }
        }
    });
    told.await.expect("within a second");

    // It is there after a crash, and is not told again.
    server.kill();
    server.restart();
    let ann = server.sign_in("Ann").await;
    let again = inbox(&ann).await;
    assert_eq!((again.unread, again.notices.len()), (1, 4));
    let mut anns = ann.connect("phone").await;
    let greeted = timeout(AT_ONCE, anns.next_push())
        .await
        .expect("at once")
        .expect("a push");
    assert_eq!(
        greeted,
        Push::Notice {
            unread: 1,
            notice: None
        }
    );
    let _ = garden;
}

/// Row 51 of the specification: a question is picked while the client of who asked it has lost the talk.
#[tokio::test]
async fn row51_who_asked_is_marked_though_their_client_lost_the_talk() {
    let server = Server::start_with(&["rooms.talk_per_second=0"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ann = server.sign_up("Ann").await;
    let mut anns = ann.connect("phone").await;
    let joined = anns.join("hall", None).await.expect("joined");
    let asked = Said {
        question: true,
        ..plain("为什么？")
    };
    let question = say(&mut anns, joined.a, asked).await.expect("said");
    let last_seen = Position {
        e: joined.e,
        s: question,
    };
    // Her line is gone, and more is said than is kept at hand for who comes back.
    drop(anns);
    let mut owners = owner.connect("desk").await;
    let a = owners.join("hall", None).await.expect("joined").a;
    let mut talking = JoinSet::new();
    for n in 0..LINES {
        let mut line = owner.connect(&format!("desk{n}")).await;
        line.join("hall", None).await.expect("joined");
        talking.spawn(async move {
            for _ in 0..=limits::RESUME_RECORDS_MAX / LINES {
                say(&mut line, a, plain("嗯")).await.expect("said");
            }
        });
    }
    while let Some(said) = talking.join_next().await {
        said.expect("all of it");
    }
    let act = QuestionAct::Pick;
    let pick = |i| ClientFrame::Question {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        of: question,
        act,
    };
    owners.request(pick).await.expect("picked");

    let mut anns = ann.connect("phone").await;
    let unread = timeout(AT_ONCE, anns.next_push()).await.expect("at once");
    assert_eq!(
        unread.expect("a push"),
        Push::Notice {
            unread: 1,
            notice: None
        }
    );
    let back = anns.join("hall", Some(last_seen)).await.expect("joined");
    assert_eq!(back.resumed, Resumed::Gap);
    assert!(back.ev.iter().all(|it| it.s != question), "it is far back");
    // For everybody to see, and for her alone.
    let picked = back.state.picked.expect("it is being answered");
    assert_eq!(
        (picked.of, picked.text.as_str()),
        (Some(question), "为什么？")
    );
    assert_eq!(picked.author.map(|it| it.id), Some(ann.id()));
    let told = &inbox(&ann).await.notices[0];
    assert_eq!((told.kind, told.s), (NoticeKind::Picked, Some(question)));
}

#[tokio::test]
async fn n1_whom_nobody_knows_cannot_be_named_and_guests_have_no_inbox() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let nobody = Said {
        to: vec!["m_nobody".into()],
        ..plain("@nobody")
    };
    assert_eq!(say(&mut line, a, nobody).await, Err(Code::NotFound));
    let crowd = (0..11)
        .map(|it| MemberId::from(format!("m_{it}")))
        .collect();
    let too_many = Said {
        to: crowd,
        ..plain("@all")
    };
    assert_eq!(say(&mut line, a, too_many).await, Err(Code::TooLong));
    // Somebody who is not here, but has an account.
    let ann = server.sign_up("Ann").await;
    let named = Said {
        to: vec![ann.id()],
        ..plain("@Ann")
    };
    say(&mut line, a, named).await.expect("said");
    assert_eq!(inbox(&ann).await.unread, 1);
    let guest = server.tokens(1).remove(0);
    let answer = reqwest::Client::new()
        .get(server.url("/api/v1/notices"))
        .bearer_auth(guest)
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), 409);
}

#[tokio::test]
async fn n5_and_n6_a_reminder_is_told_once_and_settings_are_kept() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ann = server.sign_up("Ann").await;
    let path = "/api/v1/rooms/hall/reminder";
    let none = ann
        .request(Method::PUT, path)
        .send()
        .await
        .expect("answered");
    assert_eq!(none.status(), 409, "nothing is announced");
    let schedule = |starts_ms| BroadcastWish {
        act: BroadcastAct::Schedule,
        title: Some("读书会".into()),
        starts_ms: Some(starts_ms),
    };
    let in_nine_minutes = clock::unix_ms() + 540_000;
    let broadcast: Broadcast = owner
        .post("/api/v1/rooms/hall/broadcast", &schedule(in_nine_minutes))
        .await;
    let mut anns = ann.connect("phone").await;
    let set: Reminder = put(&ann, path, &()).await;
    assert!(set.set);
    let soon = timeout(Duration::from_secs(15), async {
        loop {
            let push = anns.next_push().await.expect("a push");
            if let Push::Notice {
                notice: Some(notice),
                ..
            } = push
            {
                return notice;
            }
        }
    });
    let notice = soon.await.expect("it is due already");
    assert_eq!(
        (notice.kind, notice.text.as_str()),
        (NoticeKind::Reminder, "读书会")
    );
    assert_eq!((notice.starts_ms, notice.s), (Some(in_nine_minutes), None));

    // Not again after a crash; again where it is moved; not where it is taken back.
    server.kill();
    server.restart();
    let (owner, ann) = (server.sign_in("圈主").await, server.sign_in("Ann").await);
    let again: Reminder = ann.get(path).await;
    assert!(again.set);
    let mut anns = ann.connect("phone").await;
    let _: Broadcast = owner
        .post(
            "/api/v1/rooms/hall/broadcast",
            &schedule(in_nine_minutes + 1_000),
        )
        .await;
    let (unread, notice) = heard(&mut anns).await;
    assert_eq!(
        (unread, notice.starts_ms),
        (2, Some(in_nine_minutes + 1_000))
    );

    // The calendar has it once, newer each time.
    let ics = async |by: &Person| {
        let at = "/api/v1/rooms/hall/broadcast.ics";
        let answer = by.request(Method::GET, at).send().await.expect("answered");
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(kind.starts_with("text/calendar"), "{kind}");
        answer.text().await.expect("text")
    };
    let line = |text: &str, name: &str| -> String {
        let found = text.lines().find(|it| it.starts_with(name)).expect(name);
        found[name.len()..].to_owned()
    };
    let moved = ics(&ann).await;
    assert!(line(&moved, "UID:").starts_with(broadcast.id.as_str()));
    let archive = BroadcastWish {
        act: BroadcastAct::Archive,
        title: None,
        starts_ms: None,
    };
    let _: Broadcast = owner.post("/api/v1/rooms/hall/broadcast", &archive).await;
    let taken_back = ics(&ann).await;
    assert_eq!(line(&moved, "UID:"), line(&taken_back, "UID:"));
    assert_eq!(line(&taken_back, "STATUS:"), "CANCELLED");
    let revision = |text: &str| line(text, "SEQUENCE:").parse::<u32>().expect("a number");
    assert!(revision(&taken_back) > revision(&moved));

    // Settings.
    let quiet = NoticeSettings {
        ways: vec![NoticeWays {
            kind: NoticeKind::Reply,
            push: false,
            mail: false,
        }],
        all_live: true,
        unnamed: Some(true),
        digest: Some(Digest::Daily),
    };
    let kept: NoticeSettings = put(&ann, "/api/v1/notices/settings", &quiet).await;
    let off: Vec<_> = kept
        .ways
        .iter()
        .filter(|it| !it.push)
        .map(|it| it.kind)
        .collect();
    assert_eq!(
        (off, kept.all_live, kept.ways.len()),
        (vec![NoticeKind::Reply], true, NoticeKind::CHOSEN.len())
    );
    let read: NoticeSettings = ann.get("/api/v1/notices/settings").await;
    assert_eq!(read, kept);
    // A page that knows nothing of it changes nothing of it.
    let older = NoticeSettings {
        unnamed: None,
        digest: None,
        ..quiet
    };
    let kept: NoticeSettings = put(&ann, "/api/v1/notices/settings", &older).await;
    assert_eq!(kept.unnamed, Some(true));
    assert_eq!(kept.digest, Some(Digest::Daily));

    // Browsers subscribe with one key for ever, and not with a machine beside this one.
    let key: PushKey = ann.get("/api/v1/push/key").await;
    assert_eq!(key.key.len(), 87, "a point of P-256");
    let subscription = |endpoint: &str| PushSubscription {
        endpoint: endpoint.into(),
        keys: PushKeys {
            p256dh: key.key.clone(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        },
        lang: "zh-CN".into(),
    };
    for (endpoint, status) in [
        ("https://push.example.org/abc", 204),
        ("http://push.example.org/abc", 400),
        ("https://127.0.0.1/abc", 400),
    ] {
        let wish = ann.request(Method::PUT, "/api/v1/push/subscription");
        let answer = wish
            .json(&subscription(endpoint))
            .send()
            .await
            .expect("answered");
        assert_eq!(answer.status(), status, "{endpoint}");
    }
    server.kill();
    server.restart();
    let ann = server.sign_in("Ann").await;
    let same: PushKey = ann.get("/api/v1/push/key").await;
    assert_eq!(same, key);
}
