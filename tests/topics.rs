//! Topics over the wire: the whole server and real clients.

mod support;

#[path = "support/topics.rs"]
mod on_topic;

use on_topic::{act, join, until};
use protocol::{
    ClientFrame, Code, RoomNumber, Seq,
    notices::{NoticeKind, NoticeList},
    rest::RoomList,
    server::{Body, Push, Reply, State},
    topic::{
        BoardList, Following, TagList, TopicAct, TopicCard, TopicKind, TopicList, TopicStatus,
        Unread,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, Server, is_whole, read_history};
use weiquan_client::{Connection, Error, new_client_id};

fn wish(kind: &str, title: &str) -> Value {
    json!({
        "cid": new_client_id(), "kind": kind, "title": title, "text": format!("说说{title}"),
        "guests": true, "tags": ["周末"],
    })
}

async fn start(by: &Person, wish: &Value) -> TopicCard {
    by.post("/api/v1/topics", wish).await
}

async fn put<T: serde::de::DeserializeOwned>(by: &Person, path: &str, body: Value) -> T {
    let request = by.request(Method::PUT, path).json(&body);
    let answer = request.send().await.expect("answered");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    assert!(status.is_success(), "PUT {path}: {status} {text}");
    serde_json::from_str(&text).expect("what was promised")
}

async fn like(line: &mut Connection, a: RoomNumber, of: Seq) {
    let frame = |i| ClientFrame::Like { i, a, of, on: true };
    line.request(frame).await.expect("liked");
}

fn titles(list: &TopicList) -> Vec<&str> {
    list.topics
        .iter()
        .map(|it| it.topic.title.as_str())
        .collect()
}

#[tokio::test]
async fn a_topic_is_started_once_talked_in_live_and_there_after_a_kill() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let wanted = wish("discussion", "去哪儿爬山");
    let card = start(&ann, &wanted).await;
    assert_eq!(card.excerpt, "说说去哪儿爬山");
    assert_eq!((card.replies, card.topic.made_ms > 0), (0, true));
    let again = start(&ann, &wanted).await;
    assert_eq!(again.room, card.room, "the same wish is the same topic");
    let reading = card.reading.as_ref().expect("who starts it is in it");
    assert_eq!((reading.following, reading.unread), (Following::Yes, 0));

    // A topic is no room of the home page's list.
    let rooms: RoomList = owner.get("/api/v1/rooms").await;
    assert!(rooms.rooms.is_empty());

    let mut reader = bob.connect("phone").await;
    let joined = join(&mut reader, &card).await;
    assert_eq!(joined.state.topic.as_ref(), Some(&card.topic));
    assert_eq!(joined.ev.len(), 2);
    let mut writer = ann.connect("phone").await;
    let a = join(&mut writer, &card).await.a;
    let said = writer.say(a, "香山怎么样？").await.expect("said");
    let shown = until(&mut reader, |it| matches!(it, Push::Ev { .. })).await;
    let Push::Ev { ev, .. } = shown else {
        unreachable!()
    };
    assert_eq!(ev[0].s, said.s);

    server.kill();
    server.restart();
    let bob = server.sign_in("小波").await;
    let list: TopicList = bob.get("/api/v1/topics").await;
    assert_eq!(titles(&list), ["去哪儿爬山"]);
    let back = &list.topics[0];
    assert_eq!((back.replies, back.last_by.name.as_str()), (1, "小安"));
    let mut reader = bob.connect("phone").await;
    let a = join(&mut reader, back).await.a;
    let history = read_history(&mut reader, a).await;
    is_whole(&history);
    assert_eq!(history[&said.s].as_deref(), Some("香山怎么样？"));
}

#[tokio::test]
async fn what_is_new_is_counted_by_topic_and_read_on_every_device() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let card = start(&ann, &wish("discussion", "读书")).await;
    let mut line = bob.connect("phone").await;
    let a = join(&mut line, &card).await.a;
    let mut said = Vec::new();
    for text in ["一", "二", "三"] {
        said.push(line.say(a, text).await.expect("said").s);
    }
    let unread: Unread = ann.get("/api/v1/unread").await;
    assert_eq!((unread.topics, unread.messages), (1, 3));
    let news: TopicList = ann.get("/api/v1/topics?news=true").await;
    assert_eq!(titles(&news), ["读书"]);

    let path = format!("/api/v1/topics/{}", card.room);
    let read = put::<TopicCard>(&ann, &format!("{path}/reading"), json!({ "seq": said[1] })).await;
    let reading = read.reading.expect("a position");
    assert_eq!((reading.seq, reading.unread), (said[1], 1));
    // Another device lags behind: nothing becomes new again.
    put::<TopicCard>(&ann, &format!("{path}/reading"), json!({ "seq": said[0] })).await;
    let unread: Unread = ann.get("/api/v1/unread").await;
    assert_eq!(unread.messages, 1);
    put::<TopicCard>(&ann, &format!("{path}/reading"), json!({ "seq": said[2] })).await;
    let unread: Unread = ann.get("/api/v1/unread").await;
    assert_eq!((unread.topics, unread.messages), (0, 0));

    // Who mutes a topic is not told, though they wrote in it; who writes follows.
    let following = format!("{path}/following");
    let muted: TopicCard = put(&ann, &following, json!({ "following": "muted" })).await;
    assert_eq!(
        muted.reading.expect("a position").following,
        Following::Muted
    );
    line.say(a, "四").await.expect("said");
    let unread: Unread = ann.get("/api/v1/unread").await;
    assert_eq!(unread.messages, 0);
    let card: TopicCard = bob.get(&path).await;
    let reading = card.reading.expect("a position");
    assert_eq!((reading.following, reading.unread), (Following::Yes, 0));
    assert_eq!(card.replies, 4);
}

#[tokio::test]
async fn boards_and_tags_sort_topics_and_staff_keep_them() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let news = json!({ "title": "新闻" });
    let by_member = ann.refused(Method::PUT, "/api/v1/boards/news", &news);
    assert_eq!(by_member.await, "not_permitted");
    put::<BoardList>(&owner, "/api/v1/boards/news", news).await;
    put::<BoardList>(
        &owner,
        "/api/v1/boards/help",
        json!({ "title": "求助", "rank": 0 }),
    )
    .await;
    let boards: BoardList = ann.get("/api/v1/boards").await;
    let slugs: Vec<_> = boards.boards.iter().map(|it| it.slug.as_str()).collect();
    assert_eq!(slugs, ["help", "news"]);

    let mut wanted = wish("discussion", "下雨了");
    wanted["board"] = "nowhere".into();
    assert_eq!(
        ann.refused(Method::POST, "/api/v1/topics", &wanted).await,
        "not_found"
    );
    wanted["board"] = "news".into();
    let first = start(&ann, &wanted).await;
    start(&ann, &wish("question", "几点集合")).await;
    let by = |query: &'static str| {
        let ann = &ann;
        async move {
            ann.get::<TopicList>(&format!("/api/v1/topics?{query}"))
                .await
        }
    };
    assert_eq!(titles(&by("").await), ["几点集合", "下雨了"]);
    assert_eq!(titles(&by("board=news").await), ["下雨了"]);
    assert_eq!(titles(&by("kind=question").await), ["几点集合"]);
    assert_eq!(
        titles(&by("tag=%E5%91%A8%E6%9C%AB&n=1").await),
        ["几点集合"]
    );
    let page = by("n=1").await;
    let next = page.next.expect("there is another page");
    let rest: TopicList = ann.get(&format!("/api/v1/topics?n=1&after={next}")).await;
    assert_eq!((titles(&rest), rest.next.is_none()), (vec!["下雨了"], true));
    let tags: TagList = ann.get("/api/v1/tags").await;
    assert_eq!(
        (tags.tags[0].tag.as_str(), tags.tags[0].topics),
        ("周末", 2)
    );

    let mut member = ann.connect("phone").await;
    let a = join(&mut member, &first).await.a;
    let mut staff = owner.connect("phone").await;
    join(&mut staff, &first).await;
    let pin = TopicAct::Pin { on: true };
    assert_eq!(
        act(&mut member, a, pin.clone()).await,
        Err(Code::NotPermitted)
    );
    act(&mut staff, a, pin).await.expect("pinned");
    act(&mut staff, a, TopicAct::Feature { on: true })
        .await
        .expect("featured");
    let nowhere = TopicAct::Board {
        board: Some("nowhere".into()),
    };
    assert_eq!(act(&mut staff, a, nowhere).await, Err(Code::NotFound));
    let moved = TopicAct::Board {
        board: Some("help".into()),
    };
    act(&mut staff, a, moved).await.expect("moved");
    act(&mut staff, a, TopicAct::Lock { on: true })
        .await
        .expect("locked");
    let shown = until(&mut member, |it| {
        let topic = |it: &State| it.topic.as_ref().is_some_and(|it| it.locked);
        matches!(it, Push::State { state, .. } if topic(state))
    });
    shown.await;
    let late = member.say(a, "还能说吗").await;
    assert!(matches!(late, Err(Error::Refused(it)) if it.code == Code::Locked));
    assert_eq!(
        titles(&by("").await),
        ["下雨了", "几点集合"],
        "pinned ones first"
    );
    assert_eq!(titles(&by("featured=true").await), ["下雨了"]);
    assert_eq!(titles(&by("board=help").await), ["下雨了"]);
}

/// Row 21 of the specification: of two boards a member follows one, and is told of what is started in that one.
#[tokio::test]
async fn row21_who_follows_a_board_is_told_of_what_is_started_in_it() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    for slug in ["a", "b"] {
        let path = format!("/api/v1/boards/{slug}");
        put::<BoardList>(&owner, &path, json!({ "title": slug })).await;
    }
    let follow = async |who: &Person, slug: &str, following: bool| {
        let path = format!("/api/v1/boards/{slug}/following");
        let all: BoardList = put(who, &path, json!({ "following": following })).await;
        let followed = all.boards.into_iter().filter(|it| it.following);
        followed.map(|it| it.slug.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(follow(&bob, "a", true).await, ["a"]);
    assert_eq!(follow(&bob, "b", true).await, ["a", "b"]);
    assert_eq!(follow(&bob, "b", false).await, ["a"]);
    assert_eq!(follow(&ann, "a", true).await, ["a"]);
    let nowhere = json!({ "following": true });
    let path = "/api/v1/boards/nowhere/following";
    assert_eq!(bob.refused(Method::PUT, path, &nowhere).await, "not_found");

    let mut line = bob.connect("phone").await;
    for (board, title) in [("b", "在乙"), ("a", "在甲")] {
        let mut wanted = wish("discussion", title);
        wanted["board"] = board.into();
        start(&ann, &wanted).await;
    }
    // It comes while one looks at something else.
    let told = until(&mut line, |it| {
        matches!(
            it,
            Push::Notice {
                notice: Some(_),
                ..
            }
        )
    });
    let Push::Notice {
        unread: 1,
        notice: Some(notice),
    } = told.await
    else {
        panic!("one notice")
    };
    assert_eq!(notice.kind, NoticeKind::Started);
    assert_eq!((&*notice.title, &*notice.text), ("在甲", "说说在甲"));
    let inbox: NoticeList = bob.get("/api/v1/notices").await;
    assert_eq!(inbox.notices.len(), 1);
    let inbox: NoticeList = ann.get("/api/v1/notices").await;
    assert!(inbox.notices.is_empty(), "who starts it knows");
    // A board that goes takes nobody's inbox with it, and who followed it follows nothing.
    let gone = owner.request(Method::DELETE, "/api/v1/boards/a");
    assert!(gone.send().await.expect("answered").status().is_success());
    put::<BoardList>(&owner, "/api/v1/boards/a", json!({ "title": "a" })).await;
    let boards: BoardList = bob.get("/api/v1/boards").await;
    assert!(boards.boards.iter().all(|it| !it.following));
}

#[tokio::test]
async fn a_question_that_nobody_replied_to_for_a_day_waits_in_a_list() {
    let mut server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let first = start(&ann, &wish("question", "几点集合")).await;
    let second = start(&ann, &wish("question", "带什么")).await;
    start(&ann, &wish("question", "哪里吃饭")).await;
    start(&ann, &wish("discussion", "下雨了")).await;
    let path = "/api/v1/topics?unanswered=true";
    let young: TopicList = ann.get(path).await;
    assert_eq!(titles(&young), [""; 0], "a day has not passed");
    let both = format!("{path}&news=true");
    assert_eq!(
        ann.refused(Method::GET, &both, &json!(null)).await,
        "malformed"
    );

    server.restart_ahead(25);
    let (ann, bob) = (server.sign_in("小安").await, server.sign_up("小波").await);
    let waiting: TopicList = ann.get(path).await;
    assert_eq!(
        titles(&waiting),
        ["几点集合", "带什么", "哪里吃饭"],
        "who waits longest first"
    );
    let page: TopicList = ann.get(&format!("{path}&n=1")).await;
    let next = page.next.clone().expect("there is another page");
    let rest: TopicList = ann.get(&format!("{path}&after={next}")).await;
    assert_eq!(
        (titles(&page), titles(&rest)),
        (vec!["几点集合"], vec!["带什么", "哪里吃饭"])
    );

    let mut line = bob.connect("phone").await;
    let a = join(&mut line, &first).await.a;
    line.say(a, "八点").await.expect("said");
    let mut staff = server.sign_in("圈主").await.connect("phone").await;
    let a = join(&mut staff, &second).await.a;
    act(&mut staff, a, TopicAct::Lock { on: true })
        .await
        .expect("locked");
    let left: TopicList = ann.get(path).await;
    assert_eq!(titles(&left), ["哪里吃饭"], "replied to, and locked");
}

#[tokio::test]
async fn a_topic_in_which_many_speak_is_hot() {
    let server = Server::start_with(&["rooms.talk_per_second=0"]);
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let quiet = start(&ann, &wish("discussion", "下雨了")).await;
    let loud = start(&ann, &wish("discussion", "几点集合")).await;
    let path = "/api/v1/topics?hot=true";
    let cold: TopicList = ann.get(path).await;
    assert_eq!(titles(&cold), [""; 0]);
    let bob = server.sign_up("小波").await;
    let mut lines = Vec::new();
    for by in [&ann, &bob] {
        let mut line = by.connect("phone").await;
        let a = join(&mut line, &loud).await.a;
        lines.push((line, a));
    }
    for n in 0..10 {
        for (line, a) in &mut lines {
            line.say(*a, &format!("第{n}句")).await.expect("said");
        }
    }
    let hot: TopicList = ann.get(path).await;
    assert_eq!(titles(&hot), ["几点集合"]);
    let of = async |topic: &TopicCard| -> TopicCard {
        ann.get(&format!("/api/v1/topics/{}", topic.room)).await
    };
    assert!(of(&loud).await.hot && !of(&quiet).await.hot);
    let both = format!("{path}&unanswered=true");
    let refused = ann.refused(Method::GET, &both, &json!(null)).await;
    assert_eq!(refused, "malformed");
}

#[tokio::test]
async fn a_guest_reads_what_is_for_guests_and_starts_nothing() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    start(&ann, &wish("discussion", "大家看")).await;
    let mut inner = wish("discussion", "自己人");
    inner["guests"] = false.into();
    let inner = start(&ann, &inner).await;
    let base = owner.base().to_owned();
    let list: TopicList = reqwest::get(format!("{base}/api/v1/topics"))
        .await
        .expect("answered")
        .json()
        .await
        .expect("a list");
    assert_eq!(titles(&list), ["大家看"]);
    let shut = reqwest::get(format!("{base}/api/v1/topics/{}", inner.room)).await;
    assert_eq!(shut.expect("answered").status(), 403);
    let mut announced = wish("announcement", "通告");
    assert_eq!(
        ann.refused(Method::POST, "/api/v1/topics", &announced)
            .await,
        "not_permitted"
    );
    announced["cid"] = new_client_id().to_string().into();
    start(&owner, &announced).await;
    for (field, value, code) in [
        ("title", json!("  "), "empty"),
        ("title", json!("长".repeat(121)), "too_long"),
        ("text", json!("\u{200b}"), "empty"),
        ("text", json!("长".repeat(20_001)), "too_long"),
        ("tags", json!(["a/b"]), "malformed"),
        (
            "tags",
            json!((0..11).map(|it| it.to_string()).collect::<Vec<_>>()),
            "too_long",
        ),
        ("cid", json!("1"), "malformed"),
    ] {
        let mut odd = wish("discussion", "坏的");
        odd[field] = value;
        let code_is = ann.refused(Method::POST, "/api/v1/topics", &odd).await;
        assert_eq!(code_is, code, "{field}");
    }
    let list: TopicList = ann.get("/api/v1/topics").await;
    assert_eq!(list.topics.len(), 3, "what was refused is in no list");
    let mut spaced = wish("discussion", "带空格的标签");
    spaced["text"] = "#周末 爬山# 去".into();
    let spaced = start(&ann, &spaced).await;
    assert_eq!(spaced.topic.tags, ["周末", "周末 爬山"]);
    let path = format!("/api/v1/topics/{}", spaced.room);
    let kept: TopicCard = ann.get(&path).await;
    assert_eq!(kept.topic.tags, spaced.topic.tags);
}

#[tokio::test]
async fn feedback_that_ships_tells_everybody_who_asked() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let card = start(&ann, &wish("feedback", "要夜间模式")).await;
    assert_eq!(card.topic.status, TopicStatus::New);
    let mut fan = bob.connect("phone").await;
    let a = join(&mut fan, &card).await.a;
    like(&mut fan, a, 2).await;
    let mut staff = owner.connect("phone").await;
    join(&mut staff, &card).await;
    let to = |to| TopicAct::Status {
        to,
        reason: String::new(),
    };
    let by_member = act(&mut fan, a, to(TopicStatus::Shipped)).await;
    assert_eq!(by_member, Err(Code::NotPermitted));
    act(&mut staff, a, to(TopicStatus::Planned))
        .await
        .expect("planned");
    act(&mut staff, a, to(TopicStatus::Shipped))
        .await
        .expect("shipped");
    for who in [&ann, &bob] {
        let inbox: NoticeList = who.get("/api/v1/notices").await;
        let told: Vec<_> = inbox
            .notices
            .iter()
            .map(|it| (it.kind, it.text.as_str(), it.topic, it.title.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (NoticeKind::Changed, "shipped", true, "要夜间模式"),
                (NoticeKind::Changed, "planned", true, "要夜间模式"),
            ]
        );
    }
    let inbox: NoticeList = owner.get("/api/v1/notices").await;
    assert!(inbox.notices.is_empty(), "who did it is not told");
    let list: TopicList = bob.get("/api/v1/topics?kind=feedback&status=shipped").await;
    assert_eq!(list.topics[0].likes, 1);
    assert_eq!(list.topics[0].topic.kind, TopicKind::Feedback);
}

/// Row 24 of the specification: an open need, of two who offer one is accepted.
#[tokio::test]
async fn row24_a_need_is_matched_with_who_was_accepted_and_they_are_told() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let eve = server.sign_up("小易").await;
    let card = start(&ann, &wish("need", "会修自行车的")).await;
    let mut starter = ann.connect("phone").await;
    let a = join(&mut starter, &card).await.a;
    let mut offers = Vec::new();
    for who in [&bob, &eve] {
        let mut line = who.connect("phone").await;
        join(&mut line, &card).await;
        offers.push(line.say(a, "我会").await.expect("said").s);
    }
    let accept = TopicAct::Accept {
        of: Some(offers[0]),
    };
    act(&mut starter, a, accept).await.expect("accepted");
    let now: TopicCard = ann.get(&format!("/api/v1/topics/{}", card.room)).await;
    assert_eq!(now.topic.status, TopicStatus::Matched);
    assert_eq!(now.topic.helper.map(|it| it.id), Some(bob.id()));
    let kinds = |inbox: NoticeList| inbox.notices.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(
        kinds(bob.get("/api/v1/notices").await),
        [NoticeKind::Accepted]
    );
    assert_eq!(kinds(eve.get("/api/v1/notices").await), []);
    let mut helper = bob.connect("tablet").await;
    join(&mut helper, &card).await;
    let to = |to| TopicAct::Status {
        to,
        reason: String::new(),
    };
    act(&mut helper, a, to(TopicStatus::Done))
        .await
        .expect("done");
    act(&mut starter, a, to(TopicStatus::Thanked))
        .await
        .expect("thanked");
    assert_eq!(
        kinds(bob.get("/api/v1/notices").await),
        [NoticeKind::Changed, NoticeKind::Accepted]
    );
    assert_eq!(
        kinds(ann.get("/api/v1/notices").await),
        [NoticeKind::Changed]
    );
    // Its log says all of it.
    let Reply::Page(page) = starter
        .request(|i| ClientFrame::History {
            i,
            a,
            before: None,
            after: None,
            n: 200,
        })
        .await
        .expect("a page")
    else {
        panic!("a page")
    };
    let steps = page
        .page
        .iter()
        .filter(|it| matches!(it.body, Body::Topic(_)));
    assert_eq!(steps.count(), 4);
}
