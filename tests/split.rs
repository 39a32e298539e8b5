//! Replies that become a topic of their own (TOP-5): the whole server and real clients.

mod support;

#[path = "support/topics.rs"]
mod on_topic;
#[path = "support/splits.rs"]
mod splits;

use std::collections::{BTreeMap, BTreeSet};

use on_topic::{act, join, until};
use protocol::{
    ClientFrame, Code, Refusal, RoomNumber, Seq,
    notices::NoticeList,
    rest::{ActList, SearchPage},
    server::{Body, Page, Push, Reply},
    topic::{Following, OPENING, TopicAct, TopicCard, TopicKind, TopicPlace, Unread},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use splits::{history, shown, split, split_by, start, wish, words};
use support::{PASSWORD, Person, SOON, Server};
use weiquan_client::{Connection, Error, new_client_id};

async fn ask(
    line: &mut Connection,
    make: impl FnOnce(u32) -> ClientFrame,
) -> Result<Reply, Refusal> {
    match line.request(make).await {
        Ok(reply) => Ok(reply),
        Err(Error::Refused(it)) => Err(it),
        Err(other) => panic!("{other:?}"),
    }
}

async fn reply(line: &mut Connection, a: RoomNumber, text: &str, re: Seq) -> Seq {
    let made = |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.into(),
        re: Some(re),
        question: false,
        card: None,
        to: Vec::new(),
    };
    match ask(line, made).await.expect("said") {
        Reply::Ack(it) => it.s,
        other => panic!("{other:?}"),
    }
}

async fn edit(line: &mut Connection, a: RoomNumber, of: Seq, text: &str) -> Result<Reply, Refusal> {
    let text = text.to_owned();
    let cid = new_client_id();
    ask(line, |i| ClientFrame::Edit {
        i,
        a,
        cid,
        of,
        text,
    })
    .await
}

async fn like(line: &mut Connection, a: RoomNumber, of: Seq) -> Result<Reply, Refusal> {
    ask(line, |i| ClientFrame::Like { i, a, of, on: true }).await
}

async fn page_of(server: &Server, path: &str) -> (StatusCode, String, String) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let answer = client.get(server.url(path)).send().await.expect("answered");
    let to = answer.headers().get("location");
    let to = to.map_or_else(String::new, |it| it.to_str().expect("text").to_owned());
    (answer.status(), to, answer.text().await.expect("text"))
}

fn place(card: &TopicCard) -> TopicPlace {
    TopicPlace {
        room: card.room.clone(),
        title: card.topic.title.clone(),
    }
}

#[tokio::test]
async fn top5_replies_move_with_all_that_hangs_on_them_and_every_address_leads_there() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let eve = server.sign_up("小易").await;
    let old = start(&ann, "周末去哪儿").await;
    let mut anns = ann.connect("phone").await;
    let a = join(&mut anns, &old).await.a;
    let mut bobs = bob.connect("phone").await;
    join(&mut bobs, &old).await;
    let mut eves = eve.connect("phone").await;
    join(&mut eves, &old).await;
    let stays = anns.say(a, "八点集合").await.expect("said").s;
    let first = bobs.say(a, "要带帐篷吗").await.expect("said");
    let child = reply(&mut anns, a, "要，海拔高", first.s).await;
    let aside = reply(&mut bobs, a, "好的八点", stays).await;
    edit(&mut anns, a, child, "要，夜里冷")
        .await
        .expect("edited");
    like(&mut eves, a, first.s).await.expect("liked");
    let following = json!({ "following": "yes" });
    let path = format!("/api/v1/topics/{}/following", old.room);
    let followed = eve
        .request(Method::PUT, &path)
        .json(&following)
        .send()
        .await;
    assert_eq!(followed.expect("answered").status(), StatusCode::OK);

    let new = split(&owner, &old, &[child, first.s, aside])
        .await
        .expect("split");
    let line = until(&mut eves, |it| match it {
        Push::Ev { ev, .. } => ev.iter().any(|it| matches!(it.body, Body::Split { .. })),
        _ => false,
    });
    let Push::Ev { ev, .. } = line.await else {
        unreachable!()
    };
    let Body::Split { to, moved } = &ev[0].body else {
        panic!("{ev:?}")
    };
    assert_eq!(
        (to, &moved[..]),
        (&place(&new), &[(first.s, 2), (child, 3), (aside, 4)][..])
    );

    // The new topic: who asked first started it, and everything is there as it was said.
    assert_eq!(
        (new.topic.kind, new.replies, new.likes),
        (TopicKind::Question, 2, 1)
    );
    assert_eq!(
        (new.topic.by.name.as_str(), new.topic.made_ms),
        ("小波", first.t)
    );
    assert_eq!(new.topic.split_from, Some(place(&old)));
    assert_eq!(
        (new.excerpt.as_str(), &new.topic.tags),
        ("要带帐篷吗", &vec!["露营".to_owned()])
    );
    let records = history(&eve, new.room.as_str()).await;
    let told: Vec<_> = records
        .iter()
        .skip(1)
        .map(|it| (it.s, it.u.name.as_str()))
        .collect();
    assert_eq!(told, [(2, "小波"), (3, "小安"), (4, "小波")]);
    assert!(matches!(
        &records[1].body,
        Body::Msg {
            likes: 1,
            replies: 0,
            ..
        }
    ));
    assert!(
        matches!(&records[2].body, Body::Msg { text, re: None, edits: 1, .. } if text == "要，夜里冷"),
        "{:?}",
        records[2]
    );
    assert!(matches!(&records[3].body, Body::Msg { re: None, .. }));

    // The old one: each place says where it is, and holds no words.
    let left = history(&eve, old.room.as_str()).await;
    for (was, is) in [(first.s, 2), (child, 3), (aside, 4)] {
        let record = left.iter().find(|it| it.s == was).expect("the seqs stay");
        assert!(
            matches!(&record.body, Body::Moved { to, s, .. } if *to == place(&new) && *s == is)
        );
    }
    let text = serde_json::to_string(&left).expect("JSON");
    for gone in ["帐篷", "夜里冷", "海拔", "好的八点"] {
        assert!(!text.contains(gone), "{gone} stays in {text}");
    }
    assert_eq!(shown(&eve, old.room.as_str()).await.replies, 1);

    // Unread: who wrote follows it and has read what they had read; nobody has anything new by it.
    for (who, seq) in [(&bob, 4), (&owner, 4), (&ann, 3)] {
        let reading = shown(who, new.room.as_str())
            .await
            .reading
            .expect("they follow it");
        assert_eq!((reading.following, reading.seq), (Following::Yes, seq));
    }
    assert!(shown(&eve, new.room.as_str()).await.reading.is_none());
    for who in [&bob, &owner, &eve] {
        let news: Unread = who.get("/api/v1/unread").await;
        assert_eq!((news.topics, news.messages), (0, 0));
    }
    let inbox: NoticeList = bob.get("/api/v1/notices").await;
    let told: Vec<_> = inbox
        .notices
        .iter()
        .map(|it| (it.room.clone(), it.s))
        .collect();
    assert_eq!(
        told,
        [(new.room.clone(), Some(3))],
        "the answer to him is where it is now"
    );

    // What its writers and others do goes on there, and is refused here with where it is.
    let here = edit(&mut anns, a, child, "太晚了")
        .await
        .expect_err("it is elsewhere");
    assert_eq!(here.code, Code::NoSuchMessage);
    assert!(
        here.say.contains(&format!("/t/{}?s=3", new.room)),
        "{}",
        here.say
    );
    let b = join(&mut anns, &new).await.a;
    edit(&mut anns, b, 3, "要，夜里很冷")
        .await
        .expect("it is still hers");
    like(&mut anns, b, 4).await.expect("liked");
    let title = TopicAct::Title {
        title: "露营带什么".into(),
    };
    let c = join(&mut bobs, &new).await.a;
    act(&mut bobs, c, title).await.expect("it is his topic");

    // Pages for everybody.
    let (status, to, _) = page_of(&server, &format!("/t/{}?s={child}", old.room)).await;
    assert_eq!(
        (status, to),
        (
            StatusCode::TEMPORARY_REDIRECT,
            format!("/t/{}?s=3", new.room)
        )
    );
    let (status, _, html) = page_of(&server, &format!("/t/{}", old.room)).await;
    assert_eq!(status, StatusCode::OK);
    let link = format!("<a href=\"/t/{}?s=3\">带什么</a>", new.room);
    assert!(
        html.contains(&format!("id=\"s{child}\"")) && html.contains(&link),
        "{html}"
    );
    assert!(!html.contains("帐篷"), "{html}");
    let (_, _, html) = page_of(&server, &format!("/t/{}", new.room)).await;
    assert!(
        html.contains("要带帐篷吗") && html.contains("要，夜里很冷"),
        "{html}"
    );
    assert!(
        html.contains(&format!("<a href=\"/t/{}\">周末去哪儿</a>", old.room)),
        "{html}"
    );
    // And the search.
    let found = async |q: &str| {
        let path = format!("/api/v1/search?q={q}");
        let page: SearchPage = ann.get(&path).await;
        page.hits
            .iter()
            .map(|it| (it.room.clone(), it.seq))
            .collect::<Vec<_>>()
    };
    let there = tokio::time::timeout(SOON, async {
        while found("夜里很冷").await != [(new.room.clone(), Some(3))] {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    there.await.expect("it is found where it is");
    assert_eq!(found("帐篷").await, [(new.room.clone(), Some(2))]);
    let acts: ActList = owner.get("/api/v1/audit").await;
    let why = format!("split 3 replies into {}", new.room);
    assert!(
        acts.acts
            .iter()
            .any(|it| it.what == "topic" && it.why == why),
        "{acts:?}"
    );

    server.kill();
    server.restart();
    let ann = server.sign_in("小安").await;
    assert_eq!(words(&history(&ann, new.room.as_str()).await).len(), 3);
    assert_eq!(
        words(&history(&ann, old.room.as_str()).await),
        [
            (OPENING, "说说周末去哪儿".to_owned()),
            (stays, "八点集合".to_owned()),
        ]
        .into()
    );
}

#[tokio::test]
async fn top5_a_split_said_again_is_done_once() {
    let server = Server::start();
    let owner = server.set_up().await;
    let old = start(&owner, "周末去哪儿").await;
    let mut line = owner.connect("phone").await;
    let a = join(&mut line, &old).await.a;
    let said = line.say(a, "带帐篷吗").await.expect("said").s;
    let wish = wish(&[said]);
    let (one, other, third) = tokio::join!(
        split_by(&owner, &old, &wish),
        split_by(&owner, &old, &wish),
        split_by(&owner, &old, &wish),
    );
    let room = one.expect("split").room;
    for again in [other, third, split_by(&owner, &old, &wish).await] {
        assert_eq!(again.expect("the same").room, room);
    }
    assert_eq!(
        split(&owner, &old, &[said]).await,
        Err("no_such_message".to_owned())
    );
    assert_eq!(words(&history(&owner, room.as_str()).await).len(), 1);
}

#[tokio::test]
async fn top5_bad_splits_are_refused_by_their_codes() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    owner.make_room("hall").await;
    let old = start(&ann, "周末去哪儿").await;
    let other = start(&ann, "另一个").await;
    let mut line = ann.connect("phone").await;
    let a = join(&mut line, &old).await.a;
    let said = line.say(a, "带帐篷吗").await.expect("said").s;
    let refused = async |by, seqs: &[Seq]| split(by, &old, seqs).await.expect_err("refused");
    assert_eq!(refused(&ann, &[said]).await, "not_permitted");
    assert_eq!(refused(&owner, &[]).await, "empty");
    assert_eq!(refused(&owner, &[OPENING]).await, "wrong_phase");
    // A reply of another topic has no place here.
    assert_eq!(refused(&owner, &[said, said + 1]).await, "no_such_message");
    let many: Vec<Seq> = (3..204).collect();
    assert_eq!(refused(&owner, &many).await, "too_long");
    let bad = async |more: Value| {
        let mut wish = wish(&[said]);
        for (name, value) in more.as_object().expect("fields") {
            wish[name] = value.clone();
        }
        split_by(&owner, &old, &wish).await.expect_err("refused")
    };
    assert_eq!(bad(json!({ "title": " " })).await, "empty");
    assert_eq!(bad(json!({ "board": "none" })).await, "not_found");
    assert_eq!(bad(json!({ "cid": "x" })).await, "malformed");
    let hall = TopicCard {
        room: "hall".into(),
        ..old.clone()
    };
    assert_eq!(
        split(&owner, &hall, &[1]).await,
        Err("not_found".to_owned())
    );
    let mut staff = owner.connect("phone").await;
    join(&mut staff, &old).await;
    act(&mut staff, a, TopicAct::Lock { on: true })
        .await
        .expect("locked");
    assert_eq!(refused(&owner, &[said]).await, "locked");
    act(&mut staff, a, TopicAct::Lock { on: false })
        .await
        .expect("unlocked");
    let path = format!("/api/v1/topics/{}/into", old.room);
    let merged = owner
        .request(Method::PUT, &path)
        .json(&json!({ "into": other.room }));
    assert!(merged.send().await.expect("answered").status().is_success());
    assert_eq!(refused(&owner, &[said]).await, "locked");
    assert_eq!(words(&history(&ann, old.room.as_str()).await).len(), 2);
}

/// Writers who talk, edit and like in the topic until they are told to stop; each knows what was acknowledged.
async fn write_on(
    who: Person,
    old: TopicCard,
    stop: tokio::sync::watch::Receiver<bool>,
) -> BTreeMap<Seq, String> {
    let mut line = who.connect("phone").await;
    let a = join(&mut line, &old).await.a;
    let mut acknowledged = BTreeMap::new();
    let mut n = 0;
    while !*stop.borrow() {
        let text = format!("{} 第 {n} 句", who.id());
        n += 1;
        let Ok(said) = line.say(a, &text).await else {
            break;
        };
        acknowledged.insert(said.s, text.clone());
        let better = format!("{text} 改");
        match line
            .request(|i| ClientFrame::Edit {
                i,
                a,
                cid: new_client_id(),
                of: said.s,
                text: better.clone(),
            })
            .await
        {
            Ok(_) => drop(acknowledged.insert(said.s, better)),
            // It went meanwhile, with the words that it had.
            Err(Error::Refused(it)) => assert_eq!(it.code, Code::NoSuchMessage),
            Err(_) => break,
        }
    }
    acknowledged
}

/// Every acknowledged reply is in exactly one place, with the words that were acknowledged last.
async fn hold_each_is_in_one_place(
    by: &Person,
    old: &TopicCard,
    acknowledged: &BTreeMap<Seq, String>,
) -> BTreeSet<String> {
    let records = history(by, old.room.as_str()).await;
    let mut topics: BTreeMap<String, BTreeMap<Seq, String>> = BTreeMap::new();
    let here = words(&records);
    let mut places = BTreeMap::new();
    for record in &records {
        if let Body::Moved { to, s, .. } = &record.body {
            places.insert(record.s, (to.room.to_string(), *s));
        }
    }
    for (room, _) in places.values() {
        if !topics.contains_key(room) {
            topics.insert(room.clone(), words(&history(by, room).await));
        }
    }
    for (seq, text) in acknowledged {
        let stays = here.get(seq);
        let went = places.get(seq).map(|(room, s)| &topics[room][s]);
        assert!(
            stays.is_some() != went.is_some(),
            "{seq} is in one place: {stays:?} {went:?}"
        );
        assert_eq!(stays.or(went), Some(text), "{seq}");
    }
    // And nothing is there twice.
    let all: Vec<&String> = here
        .values()
        .chain(topics.values().flat_map(BTreeMap::values))
        .collect();
    let each: BTreeSet<&String> = all.iter().copied().collect();
    assert_eq!(all.len(), each.len());
    topics.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top5_while_eight_write_and_edit_every_acknowledged_reply_is_in_exactly_one_place() {
    let server = Server::start();
    let owner = server.set_up().await;
    let old = start(&owner, "周末去哪儿").await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let who = server.sign_up(&format!("成员{n}")).await;
        writers.spawn(write_on(who, old.clone(), stopped.clone()));
    }
    let mut made = 0;
    while made < 8 {
        // The newest ones, which are being edited at this moment.
        let page: Page = owner
            .get(&format!("/api/v1/rooms/{}/history?n=40", old.room))
            .await;
        let newest: Vec<Seq> = words(&page.page)
            .into_keys()
            .filter(|it| *it > OPENING)
            .collect();
        match split(&owner, &old, &newest).await {
            Ok(card) => {
                assert_eq!(u64::from(card.replies), newest.len() as u64 - 1);
                made += 1;
            }
            Err(code) => assert_eq!(code, "empty", "nothing was said since"),
        }
    }
    stop.send(true).expect("they listen");
    let mut acknowledged = BTreeMap::new();
    while let Some(theirs) = writers.join_next().await {
        acknowledged.extend(theirs.expect("they wrote"));
    }
    let topics = hold_each_is_in_one_place(&owner, &old, &acknowledged).await;
    assert_eq!(topics.len(), 8);
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top5_a_server_that_is_killed_while_it_splits_has_split_or_has_not() {
    let mut server = Server::start();
    let mut owner = server.set_up().await;
    let old = start(&owner, "周末去哪儿").await;
    let mut acknowledged = BTreeMap::new();
    for round in 0..4_u64 {
        let mut line = owner.connect("phone").await;
        let a = join(&mut line, &old).await.a;
        let mut said = Vec::new();
        for n in 0..100 {
            let text = format!("第 {round} 回第 {n} 句");
            let seq = line.say(a, &text).await.expect("said").s;
            acknowledged.insert(seq, text);
            said.push(seq);
        }
        let wish = wish(&said);
        let asked = {
            let path = format!("/api/v1/topics/{}/split", old.room);
            let request = owner.request(Method::POST, &path).json(&wish);
            tokio::spawn(async move { request.send().await.is_ok() })
        };
        // Somewhere on the way: before it is written, while it is, and after it.
        tokio::time::sleep(std::time::Duration::from_millis(3 * round)).await;
        server.kill();
        let _ = asked.await;
        server.restart();
        owner = server.sign_in("圈主").await;
        let topics = hold_each_is_in_one_place(&owner, &old, &acknowledged)
            .await
            .len();
        // Whichever it was, the same wish ends in it.
        split_by(&owner, &old, &wish).await.expect("split");
        let now = hold_each_is_in_one_place(&owner, &old, &acknowledged)
            .await
            .len();
        assert_eq!(now as u64, round + 1, "{topics} after the kill");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_what_moved_is_erased_with_its_writer() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let old = start(&owner, "周末去哪儿").await;
    let mut line = ann.connect("phone").await;
    let a = join(&mut line, &old).await.a;
    let first = line.say(a, "她的第一句").await.expect("said").s;
    let second = line.say(a, "她的第二句").await.expect("said").s;
    let new = split(&owner, &old, &[first, second]).await.expect("split");
    let body = json!({ "password": PASSWORD, "writings": "remove" });
    let erased = ann
        .request(Method::DELETE, "/api/v1/me")
        .json(&body)
        .send()
        .await;
    assert_eq!(erased.expect("answered").status(), StatusCode::ACCEPTED);
    let gone = tokio::time::timeout(SOON, async {
        while !words(&history(&owner, new.room.as_str()).await).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    gone.await.expect("her words are gone where they are");
    for room in [&old.room, &new.room] {
        let text = serde_json::to_string(&history(&owner, room.as_str()).await).expect("JSON");
        assert!(!text.contains("小安") && !text.contains("她的"), "{text}");
    }
    let card = shown(&owner, new.room.as_str()).await;
    assert_eq!((card.topic.by.name.as_str(), card.replies), ("", 0));
}
