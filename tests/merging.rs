//! Topics that ask for the same and are merged (TOP-5, FBK-1), and who is thanked for what ships (FBK-6): the whole
//! server and real clients.

mod support;

#[path = "support/topics.rs"]
mod on_topic;

use on_topic::{act, join, until};
use protocol::{
    ClientFrame, Code, RoomNumber,
    notices::{NoticeKind, NoticeList},
    rest::Me,
    server::{Push, State},
    topic::{Following, OPENING, TopicAct, TopicCard, TopicList, TopicPlace, TopicStatus, Unread},
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, Server};
use weiquan_client::{Connection, Error, new_client_id};

async fn start(by: &Person, kind: &str, title: &str, guests: bool) -> TopicCard {
    let wish = json!({
        "cid": new_client_id(), "kind": kind, "title": title, "text": format!("说说{title}"),
        "guests": guests, "tags": ["手机"],
    });
    by.post("/api/v1/topics", &wish).await
}

async fn merge(by: &Person, topic: &TopicCard, into: &TopicCard) -> Result<TopicCard, String> {
    let path = format!("/api/v1/topics/{}/into", topic.room);
    let request = by.request(Method::PUT, &path);
    answered(request.json(&json!({ "into": into.room }))).await
}

async fn part(by: &Person, topic: &TopicCard) -> Result<TopicCard, String> {
    let path = format!("/api/v1/topics/{}/into", topic.room);
    answered(by.request(Method::DELETE, &path)).await
}

/// What was answered, or the code of the refusal.
async fn answered(request: reqwest::RequestBuilder) -> Result<TopicCard, String> {
    let answer = request.send().await.expect("answered");
    let ok = answer.status().is_success();
    let body: Value = answer.json().await.expect("JSON");
    match ok {
        true => Ok(serde_json::from_value(body).expect("a card")),
        false => Err(body["code"].as_str().expect("a code").to_owned()),
    }
}

async fn shown(by: &Person, topic: &TopicCard) -> TopicCard {
    by.get(&format!("/api/v1/topics/{}", topic.room)).await
}

async fn like(line: &mut Connection, a: RoomNumber, on: bool) -> Result<(), Code> {
    let of = OPENING;
    match line.request(|i| ClientFrame::Like { i, a, of, on }).await {
        Ok(_) => Ok(()),
        Err(Error::Refused(it)) => Err(it.code),
        Err(other) => panic!("{other:?}"),
    }
}

async fn likes(who: &Person, topic: &TopicCard) {
    let mut line = who.connect("phone").await;
    let a = join(&mut line, topic).await.a;
    like(&mut line, a, true).await.expect("liked");
}

fn place(card: &TopicCard) -> TopicPlace {
    TopicPlace {
        room: card.room.clone(),
        title: card.topic.title.clone(),
    }
}

/// Its page as nobody in particular reads it.
async fn public(server: &Server, topic: &TopicCard) -> String {
    let page = Person::new(server).request(Method::GET, &format!("/t/{}", topic.room));
    let page = page.send().await.expect("answered");
    page.text().await.expect("text")
}

/// Step 20 of the operator's journey, and row 44 of the specification (FBK-1): of four topics that ask for the same
/// three are merged into one, each voter counts once, and all of them hear that it shipped.
#[tokio::test]
async fn row44_of_merged_feedback_each_voter_counts_once_and_hears_that_it_shipped() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let mut people = Vec::new();
    for n in 0..18 {
        people.push(server.sign_up(&format!("成员{n}")).await);
    }
    let mut topics = Vec::new();
    for (n, title) in ["夜间模式", "深色主题", "晚上太亮", "黑底白字"]
        .iter()
        .enumerate()
    {
        topics.push(start(&people[n], "feedback", title, true).await);
    }
    let [kept, rest @ ..] = &topics[..] else {
        unreachable!()
    };
    // 0 to 3 started one each. 4 to 17 like one, and 4 to 8 a second one too: with the starters of the three
    // there are 17 who ask for the first one's starter's wish beside them.
    for (n, who) in people.iter().enumerate().skip(4) {
        likes(who, &topics[n % 4]).await;
        if n <= 8 {
            likes(who, &topics[(n + 1) % 4]).await;
        }
    }
    let mut reader = people[0].connect("phone").await;
    let a = join(&mut reader, kept).await.a;
    for it in rest {
        let merged = merge(&owner, it, kept).await.expect("merged");
        assert_eq!(merged.topic.into, Some(place(kept)));
    }
    let counted = until(&mut reader, |it| {
        let all = |it: &State| it.tally.iter().flatten().any(|it| it.likes == 17);
        matches!(it, Push::State { state, .. } if all(state))
    });
    counted.await;

    let card = shown(&people[5], kept).await;
    let places: Vec<_> = rest.iter().map(place).collect();
    assert_eq!((card.likes, &card.topic.merged), (17, &places));
    let list: TopicList = owner.get("/api/v1/topics?kind=feedback").await;
    let rooms: Vec<_> = list.topics.iter().map(|it| it.room.clone()).collect();
    assert_eq!(
        rooms,
        std::slice::from_ref(&kept.room),
        "what was merged is in no list"
    );

    let mut staff = owner.connect("phone").await;
    join(&mut staff, kept).await;
    let shipped = TopicAct::Status {
        to: TopicStatus::Shipped,
        reason: String::new(),
    };
    act(&mut staff, a, shipped).await.expect("shipped");
    let mut told = 0;
    for who in &people {
        let inbox: NoticeList = who.get("/api/v1/notices").await;
        let news = inbox.notices.iter().filter(|it| it.text == "shipped");
        let rooms: Vec<_> = news.map(|it| it.room.clone()).collect();
        assert_eq!(rooms, std::slice::from_ref(&kept.room), "each is told once");
        told += 1;
    }
    assert_eq!(told, 18, "17 who asked, and the starter");
    let inbox: NoticeList = people[2].get("/api/v1/notices").await;
    let merged: Vec<_> = inbox
        .notices
        .iter()
        .filter(|it| it.text.starts_with("merged"))
        .collect();
    assert_eq!(merged.len(), 1);
    assert_eq!(
        (merged[0].kind, merged[0].text.as_str(), &merged[0].room),
        (NoticeKind::Changed, "merged 夜间模式", &topics[2].room)
    );

    server.kill();
    server.restart();
    let owner = server.sign_in("圈主").await;
    let card = shown(&owner, kept).await;
    assert_eq!((card.likes, card.topic.merged), (17, places));
}

/// Row 27 of the specification: three asked for what ships, and where it is told that it is there they are named,
/// but for the one who does not want to be.
#[tokio::test]
async fn row27_who_asked_for_what_ships_is_named_unless_they_do_not_want_to_be() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let card = start(&ann, "feedback", "要夜间模式", true).await;
    let mut fans = Vec::new();
    for name in ["小波", "小蔡", "小丹"] {
        let fan = server.sign_up(name).await;
        likes(&fan, &card).await;
        fans.push(fan);
    }
    assert_eq!(shown(&ann, &card).await.thanks, None, "it has not shipped");
    let mut staff = owner.connect("phone").await;
    let a = join(&mut staff, &card).await.a;
    let (to, reason) = (TopicStatus::Shipped, String::new());
    let shipped = act(&mut staff, a, TopicAct::Status { to, reason }).await;
    shipped.expect("shipped");
    let named = async || {
        let thanks = shown(&ann, &card).await.thanks.expect("it shipped");
        let mut names: Vec<_> = thanks.people.into_iter().map(|it| it.name).collect();
        names.sort_unstable();
        (names.join(" "), thanks.more)
    };
    assert_eq!(named().await, ("小丹 小安 小波 小蔡".to_owned(), 0));
    let page = public(&server, &card).await;
    assert!(
        ["小波", "小蔡", "小丹"].iter().all(|it| page.contains(it)),
        "{page}"
    );

    let unnamed = json!({ "ways": [], "all_live": false, "unnamed": true });
    let request = fans[2].request(Method::PUT, "/api/v1/notices/settings");
    let answer = request.json(&unnamed).send().await.expect("answered");
    assert!(answer.status().is_success());
    assert_eq!(named().await, ("小安 小波 小蔡".to_owned(), 1));
    let page = public(&server, &card).await;
    assert!(
        !page.contains("小丹") && page.contains("另外 1 人"),
        "{page}"
    );
}

#[tokio::test]
async fn top5_what_was_merged_is_read_and_linked_and_written_by_nobody() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let kept = start(&ann, "question", "几点集合", true).await;
    let twin = start(&bob, "question", "周六几点见", true).await;
    let mut line = ann.connect("phone").await;
    let a = join(&mut line, &twin).await.a;
    let said = line.say(a, "我也想知道").await.expect("said").s;
    let mut staff = owner.connect("phone").await;
    join(&mut staff, &twin).await;

    merge(&owner, &twin, &kept).await.expect("merged");
    until(&mut line, |it| {
        let merged = |it: &State| it.topic.as_ref().is_some_and(|it| it.into.is_some());
        matches!(it, Push::State { state, .. } if merged(state))
    })
    .await;
    for line in [&mut line, &mut staff] {
        let late = line.say(a, "还能说吗").await;
        assert!(matches!(late, Err(Error::Refused(it)) if it.code == Code::Locked));
        assert_eq!(like(line, a, true).await, Err(Code::Locked));
        let pin = act(line, a, TopicAct::Pin { on: true }).await;
        assert_eq!(pin, Err(Code::Locked), "nothing of it changes");
    }
    // Who followed it follows the other, and is told of nothing that was said before.
    let card = shown(&ann, &kept).await;
    let reading = card.reading.expect("its starter");
    assert_eq!((reading.following, reading.unread), (Following::Yes, 0));
    let card = shown(&bob, &kept).await;
    let reading = card.reading.expect("who started the other");
    assert_eq!((reading.following, reading.unread), (Following::Yes, 0));
    let mut other = ann.connect("laptop").await;
    let b = join(&mut other, &kept).await.a;
    other.say(b, "八点，东门").await.expect("said");
    let news: Unread = bob.get("/api/v1/unread").await;
    assert_eq!((news.topics, news.messages), (1, 1));

    // Every address leads where it led.
    let found = shown(&ann, &twin).await;
    assert_eq!((found.replies, found.topic.into), (1, Some(place(&kept))));
    let again = join(&mut ann.connect("tablet").await, &twin).await;
    assert!(again.ev.iter().any(|it| it.s == said));
    let html = public(&server, &twin).await;
    assert!(html.contains("我也想知道"), "{html}");
    assert!(
        html.contains(&format!("<a href=\"/t/{}\">几点集合</a>", kept.room)),
        "{html}"
    );
    let canonical = format!("/t/{}\" />", kept.room);
    assert!(
        html.contains("rel=\"canonical\"") && html.contains(&canonical),
        "{html}"
    );
    let site = Person::new(&server).request(Method::GET, "/sitemap.xml");
    let site = site
        .send()
        .await
        .expect("answered")
        .text()
        .await
        .expect("text");
    assert!(site.contains(kept.room.as_str()) && !site.contains(twin.room.as_str()));

    // And it can be taken back.
    let parted = part(&owner, &twin).await.expect("by itself again");
    assert_eq!(parted.topic.into, None);
    assert_eq!(shown(&ann, &kept).await.topic.merged, []);
    line.say(a, "又能说了").await.expect("said");
    let list: TopicList = ann.get("/api/v1/topics").await;
    assert_eq!(list.topics.len(), 2);
}

#[tokio::test]
async fn top5_bad_merges_are_refused_and_change_nothing() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    owner.make_room("hall").await;
    let [first, second, third] = [
        start(&ann, "discussion", "一", true).await,
        start(&ann, "discussion", "二", true).await,
        start(&ann, "discussion", "三", true).await,
    ];
    let inner = start(&ann, "discussion", "里面", false).await;
    let refused = async |by, topic, into| merge(by, topic, into).await.expect_err("refused");
    assert_eq!(refused(&ann, &second, &first).await, "not_permitted");
    assert_eq!(refused(&owner, &first, &first).await, "wrong_phase");
    assert_eq!(refused(&owner, &inner, &first).await, "wrong_phase");
    assert_eq!(refused(&owner, &first, &inner).await, "wrong_phase");
    assert_eq!(part(&owner, &first).await, Err("wrong_phase".to_owned()));
    let nowhere = TopicCard {
        room: "nowhere".into(),
        ..first.clone()
    };
    let hall = TopicCard {
        room: "hall".into(),
        ..first.clone()
    };
    for it in [&nowhere, &hall] {
        assert_eq!(refused(&owner, &first, it).await, "not_found");
        assert_eq!(refused(&owner, it, &first).await, "not_found");
    }
    merge(&owner, &second, &first).await.expect("merged");
    assert_eq!(refused(&owner, &first, &second).await, "locked", "no ring");
    assert_eq!(
        refused(&owner, &second, &third).await,
        "locked",
        "merged once"
    );
    // What was merged before goes along.
    merge(&owner, &first, &third).await.expect("merged");
    let card = shown(&ann, &third).await;
    assert_eq!(card.topic.merged, [place(&first), place(&second)]);
    assert_eq!(shown(&ann, &second).await.topic.into, Some(place(&third)));
    let me: Me = ann.get("/api/v1/me").await;
    assert_eq!(me.name, "小安");
}

/// Merges each way at once, while others write: no ring comes of it, and whatever was acknowledged is there.
#[tokio::test]
async fn top5_merges_each_way_at_once_leave_no_ring() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    for round in 0..4 {
        let left = start(&ann, "discussion", &format!("左{round}"), true).await;
        let right = start(&ann, "discussion", &format!("右{round}"), true).await;
        let mut line = ann.connect("phone").await;
        let a = join(&mut line, &left).await.a;
        let talk = async {
            let mut said = Vec::new();
            for n in 0..5 {
                match line.say(a, &format!("第 {n} 句")).await {
                    Ok(ack) => said.push(ack.s),
                    Err(Error::Refused(it)) => assert_eq!(it.code, Code::Locked),
                    Err(other) => panic!("{other:?}"),
                }
            }
            said
        };
        let (one, other, said) = tokio::join!(
            merge(&owner, &left, &right),
            merge(&owner, &right, &left),
            talk
        );
        let (left, right) = (shown(&ann, &left).await, shown(&ann, &right).await);
        assert!(
            left.topic.into.is_none() || right.topic.into.is_none(),
            "{one:?} {other:?}"
        );
        let there = join(&mut ann.connect("laptop").await, &left).await;
        for seq in said {
            assert!(there.ev.iter().any(|it| it.s == seq), "{seq}");
        }
    }
}
