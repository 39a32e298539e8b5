//! Rooms that go to rest when nobody is there, and are the same when somebody comes.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code,
    client::Position,
    server::{Body, Resumed},
    topic::TopicCard,
};
use serde_json::json;
use support::{SOON, Server, is_whole, read_history};
use tokio::time::{sleep, timeout};
use weiquan_client::{Error, new_client_id};

/// Beyond the grace in which somebody who left may come back.
const AWAY: Duration = Duration::from_secs(60);

/// Waits until so many rooms run.
async fn running(server: &Server, rooms: u32) {
    let url = format!("http://{}/metrics", server.admin);
    let line = format!("weiquan_rooms_running {rooms}");
    let seen = timeout(AWAY, async {
        loop {
            let text = reqwest::get(&url).await.expect("answered").text().await;
            if text.expect("text").lines().any(|it| it == line) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    seen.await.expect("so many rooms run in time");
}

#[tokio::test]
async fn a_room_where_nobody_is_rests_and_is_the_same_when_somebody_comes() {
    let server = Server::start_with(&["rooms.rest_ms=100"]);
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let device = "0194c7e2-0000-7000-8000-0123456789ab";
    let mut line = ann.connect(&format!("{device}.tab1")).await;
    let joined = line.join("tea", None).await.expect("joined");
    let a = joined.a;
    let first = line.say(a, "早上好").await.expect("said");
    let cid = new_client_id();
    let say = |i| ClientFrame::Pub {
        i,
        a,
        cid: cid.clone(),
        text: "有人吗".into(),
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    };
    line.request(say).await.expect("said");
    running(&server, 1).await;
    line.close().await;
    running(&server, 0).await;

    // Who comes back goes on from where they were, and what they say again is said once.
    let mut line = ann.connect(&format!("{device}.tab1")).await;
    let since = Position {
        e: joined.e,
        s: first.s,
    };
    let back = line.join("tea", Some(since)).await.expect("joined");
    assert!(matches!(back.resumed, Resumed::Full), "{:?}", back.resumed);
    assert!(
        matches!(&back.ev[..], [it] if matches!(&it.body, Body::Msg { text, .. } if text == "有人吗")),
        "{:?}",
        back.ev
    );
    line.request(say).await.expect("said before");
    let history = read_history(&mut line, a).await;
    is_whole(&history);
    line.close().await;
    running(&server, 0).await;

    // The room still knows with which device they came: a ban holds it under another name.
    let mut host = owner.connect("o").await;
    host.join("tea", None).await.expect("joined");
    let ban = |i| ClientFrame::Ban {
        i,
        a,
        cid: new_client_id(),
        who: ann.id(),
        for_ms: None,
        reason: String::new(),
    };
    host.request(ban).await.expect("banned");
    let mut again = bob.connect(&format!("{device}.tab2")).await;
    let refused = again.join("tea", None).await;
    assert!(matches!(refused, Err(Error::Refused(it)) if it.code == Code::Banned));
}

#[tokio::test]
async fn a_topic_rests_after_its_start_and_a_room_with_a_broadcast_does_not() {
    let server = Server::start_with(&["rooms.rest_ms=100"]);
    let owner = server.set_up().await;
    let wish = json!({
        "cid": new_client_id(), "kind": "discussion", "title": "周六爬山", "text": "去哪座？",
        "guests": true, "tags": [],
    });
    let card: TopicCard = owner.post("/api/v1/topics", &wish).await;
    running(&server, 0).await;
    let mut line = owner.connect("o").await;
    let joined = timeout(SOON, line.join(card.room.as_str(), None)).await;
    let joined = joined.expect("in time").expect("joined");
    assert_eq!(
        joined.state.topic.map(|it| it.title).as_deref(),
        Some("周六爬山")
    );

    owner.make_room("tea").await;
    let open = json!({ "act": "open", "title": "夜聊" });
    let _: serde_json::Value = owner.post("/api/v1/rooms/tea/broadcast", &open).await;
    line.close().await;
    // The topic goes; the broadcast waits for its host's picture.
    running(&server, 1).await;
}
