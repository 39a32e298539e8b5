//! Topics that are made of messages (TOP-7): the whole server and real clients.

mod support;

use protocol::{
    ClientFrame, Seq,
    notices::{NoticeKind, NoticeList},
    rest::AskedList,
    topic::{Following, OPENING, TopicCard, TopicList, TopicSource, Unread},
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, Server};
use weiquan_client::new_client_id;

fn wish(title: &str, text: &str) -> Value {
    json!({
        "cid": new_client_id(), "kind": "discussion", "title": title, "text": text, "guests": true, "tags": [],
    })
}

fn made_of(room: &str, seqs: &[Seq]) -> Value {
    let mut wish = wish("香山还是百望山", "");
    wish["from"] = json!({ "room": room, "seqs": seqs });
    wish
}

async fn start(by: &Person, wish: &Value) -> TopicCard {
    by.post("/api/v1/topics", wish).await
}

/// The code that a wish is refused with.
async fn refused(by: &Person, wish: &Value) -> String {
    by.refused(Method::POST, "/api/v1/topics", wish).await
}

/// Somebody's words, said in a room.
async fn say_in(who: &Person, room: &str, text: &str) -> Seq {
    let mut line = who.connect("phone").await;
    let a = line.join(room, None).await.expect("joined").a;
    line.say(a, text).await.expect("said").s
}

async fn delete_in(who: &Person, room: &str, of: Seq) {
    let mut line = who.connect("phone").await;
    let a = line.join(room, None).await.expect("joined").a;
    let cid = new_client_id();
    let frame = |i| ClientFrame::Delete { i, a, cid, of };
    line.request(frame).await.expect("deleted");
}

fn source(card: &TopicCard) -> &TopicSource {
    let from = card.from.as_ref().expect("it was made of messages");
    from.source.as_ref().expect("that room may be read")
}

fn credit(card: &TopicCard) -> Vec<&str> {
    let from = card.from.as_ref().expect("it was made of messages");
    from.credit.iter().map(|it| it.name.as_str()).collect()
}

async fn read_by_nobody(server: &Server, path: &str) -> String {
    let answer = reqwest::get(server.url(path)).await.expect("answered");
    answer.text().await.expect("a body")
}

/// Journey 4.2, step 12: a chat exchange becomes a topic, with quotes and credit to both writers.
#[tokio::test]
async fn top7_a_chat_exchange_becomes_a_topic_with_credit_to_both_writers() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let wu = server.sign_up("小吴").await;
    owner.make_room("hall").await;
    let asked = say_in(&ann, "hall", "周末爬香山\n还是百望山？").await;
    let answered = say_in(&bob, "hall", "百望山 <b>人少</b>").await;
    let wanted = made_of("hall", &[answered, asked, asked]);
    let card = start(&wu, &wanted).await;
    assert_eq!((card.excerpt.as_str(), card.replies), ("", 0));
    assert_eq!(credit(&card), ["小安", "小波"]);
    let said = source(&card);
    let place = (said.room.as_str(), said.room_title.as_str(), said.topic);
    assert_eq!(place, ("hall", "hall", false));
    let quotes: Vec<_> = said
        .quotes
        .iter()
        .map(|it| (it.seq, it.text.as_str()))
        .collect();
    let expected = [
        (asked, "周末爬香山\n还是百望山？"),
        (answered, "百望山 <b>人少</b>"),
    ];
    assert_eq!(quotes, expected);

    // Both are told where they are; who started it is not.
    for who in [&ann, &bob] {
        let inbox: NoticeList = who.get("/api/v1/notices").await;
        let told: Vec<_> = inbox
            .notices
            .iter()
            .map(|it| (it.kind, it.room.clone()))
            .collect();
        assert_eq!(told, [(NoticeKind::Credit, card.room.clone())]);
        assert_eq!(inbox.notices[0].from.name, "小吴");
    }
    let inbox: NoticeList = wu.get("/api/v1/notices").await;
    assert!(inbox.notices.is_empty());
    // Lists do not carry it.
    let list: TopicList = ann.get("/api/v1/topics").await;
    assert_eq!(list.topics[0].from, None);
    let page = format!("/t/{}", card.room);
    let html = read_by_nobody(&server, &page).await;
    for there in [
        "周末爬香山\n还是百望山？",
        "百望山 &lt;b&gt;人少&lt;/b&gt;",
        &format!("href=\"/r/hall?s={asked}\""),
        "感谢 小安、小波",
    ] {
        assert!(html.contains(there), "{there} is not in {html}");
    }
    assert!(
        !html.contains("已删除"),
        "an opening without words is none that was deleted"
    );

    // Of what its writer takes back nothing is left but its place; and the topic is there all the same.
    delete_in(&bob, "hall", answered).await;
    let path = format!("/api/v1/topics/{}", card.room);
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.restart();
        }
        let json = read_by_nobody(&server, &path).await;
        let html = read_by_nobody(&server, &page).await;
        assert!(
            !json.contains("人少") && !html.contains("人少"),
            "{json} {html}"
        );
        assert!(html.contains("已删除"), "{html}");
        let card: TopicCard = serde_json::from_str(&json).expect("a card");
        assert_eq!(credit(&card), ["小安", "小波"]);
        let gone: Vec<_> = source(&card).quotes.iter().map(|it| it.deleted).collect();
        assert_eq!(gone, [false, true]);
    }
    let wu = server.sign_in("小吴").await;
    let again = start(&wu, &wanted).await;
    assert_eq!(again.room, card.room, "the same wish is the same topic");
}

#[tokio::test]
async fn top7_what_was_said_among_members_is_not_quoted_to_guests() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let inner = json!({ "title": "自己人", "guests": false, "slug": "inner" });
    let _: Value = owner.post("/api/v1/rooms", &inner).await;
    let said = say_in(&ann, "inner", "只说给自己人").await;
    let card = start(&owner, &made_of("inner", &[said])).await;
    assert_eq!(source(&card).quotes[0].text, "只说给自己人");
    let path = format!("/api/v1/topics/{}", card.room);
    let json = read_by_nobody(&server, &path).await;
    let outside: TopicCard = serde_json::from_str(&json).expect("a card");
    assert_eq!(credit(&outside), ["小安"]);
    assert_eq!(outside.from.expect("credit").source, None);
    let html = read_by_nobody(&server, &format!("/t/{}", card.room)).await;
    for text in [&json, &html] {
        for secret in ["只说给自己人", "自己人", "inner"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
    assert!(html.contains("感谢 小安"), "{html}");
    // Who is banned from there is shown as little as a guest.
    let mut staff = owner.connect("phone").await;
    let a = staff.join("inner", None).await.expect("joined").a;
    let (cid, who) = (new_client_id(), ann.id());
    let ban = |i| ClientFrame::Ban {
        i,
        a,
        cid,
        who,
        for_ms: None,
        reason: String::new(),
    };
    staff.request(ban).await.expect("banned");
    let banned: TopicCard = ann.get(&path).await;
    assert_eq!(
        (
            credit(&banned),
            banned.from.as_ref().and_then(|it| it.source.as_ref())
        ),
        (vec!["小安"], None)
    );
    let wanted = made_of("inner", &[said]);
    assert_eq!(refused(&ann, &wanted).await, "banned");
}

#[tokio::test]
async fn top7_a_selection_of_replies_becomes_a_topic_of_its_own() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let card = start(&ann, &wish("读书", "读什么？")).await;
    let reply = say_in(&bob, card.room.as_str(), "**另一本**也好").await;
    let split = start(&ann, &made_of(card.room.as_str(), &[OPENING, reply])).await;
    assert_eq!(credit(&split), ["小安", "小波"]);
    let said = source(&split);
    assert!(said.topic);
    let doc = said.quotes[1].doc.as_ref().expect("Markdown is shown");
    assert!(markdown::html(doc).contains("<strong>另一本</strong>"));
    // Who wrote themselves is not told of it.
    let inbox: NoticeList = ann.get("/api/v1/notices").await;
    assert!(inbox.notices.iter().all(|it| it.kind != NoticeKind::Credit));
    // An opening without words has nothing to quote.
    let odd = made_of(split.room.as_str(), &[OPENING]);
    assert_eq!(refused(&bob, &odd).await, "empty");
}

#[tokio::test]
async fn top7_what_no_topic_is_made_of_is_refused_and_leaves_none() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    owner.make_room("hall").await;
    let said = say_in(&ann, "hall", "在").await;
    let gone = say_in(&ann, "hall", "说错了").await;
    delete_in(&ann, "hall", gone).await;
    let more: Vec<Seq> = (1..=21).collect();
    for (room, seqs, code) in [
        ("hall", vec![], "empty"),
        ("hall", more, "too_long"),
        ("hall", vec![said, gone], "no_such_message"),
        ("hall", vec![said, 999], "no_such_message"),
        ("hall", vec![0], "no_such_message"),
        // The record of the delete is no message.
        ("hall", vec![gone + 1], "no_such_message"),
        ("nowhere", vec![said], "not_found"),
        ("../hall", vec![said], "not_found"),
    ] {
        let wanted = made_of(room, &seqs);
        let answer = refused(&ann, &wanted).await;
        assert_eq!(answer, code, "{room} {seqs:?}");
    }
    let mut blank = made_of("hall", &[said]);
    blank.as_object_mut().expect("a wish").remove("from");
    assert_eq!(refused(&ann, &blank).await, "empty");
    let list: TopicList = ann.get("/api/v1/topics").await;
    assert!(list.topics.is_empty());
}

/// What several ask in about the same words is one question for the host, and a topic that all of them follow.
#[tokio::test]
async fn what_many_ask_becomes_a_question_that_they_follow() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut people = Vec::new();
    for (name, text) in [
        ("小安", "录音在哪里听？"),
        ("小波", "请问录音在哪里听呀"),
        ("小吴", "錄音在哪里聽？？"),
        ("小易", "今天讲得真好"),
    ] {
        let who = server.sign_up(name).await;
        say_in(&who, "hall", text).await;
        people.push(who);
    }
    let gone = say_in(&people[3], "hall", "录音在哪里听").await;
    delete_in(&people[3], "hall", gone).await;
    let by_member = people[0].request(Method::GET, "/api/v1/rooms/hall/asked");
    assert_eq!(by_member.send().await.expect("answered").status(), 403);
    let list: AskedList = owner.get("/api/v1/rooms/hall/asked").await;
    let [asked] = &list.asked[..] else {
        panic!("{list:?}")
    };
    assert_eq!((asked.people, asked.times), (3, 3));
    assert_eq!(asked.text, "录音在哪里听？");
    let mut wanted = made_of("hall", &asked.seqs);
    wanted["kind"] = "question".into();
    wanted["title"] = asked.text.clone().into();
    let card = start(&owner, &wanted).await;
    for (n, who) in people.iter().enumerate() {
        let seen: TopicCard = who.get(&format!("/api/v1/topics/{}", card.room)).await;
        let following = seen.reading.map(|it| it.following);
        assert_eq!(following == Some(Following::Yes), n < 3, "{n}");
    }
    let mut line = owner.connect("laptop").await;
    let a = line.join(card.room.as_str(), None).await.expect("joined").a;
    line.say(a, "明天放上来").await.expect("said");
    let unread: Unread = people[1].get("/api/v1/unread").await;
    assert_eq!(
        (unread.topics, unread.messages),
        (1, 2),
        "how it begins, and the answer"
    );
}
