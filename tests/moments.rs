//! Moments: topics about a second of a broadcast, by the whole server and a real publisher.

mod support;

use std::time::Duration;

use protocol::{
    BroadcastId, ClientFrame,
    client::BroadcastAct,
    rest::{RoomCard, Summary},
    topic::{TopicCard, TopicList},
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, Publisher, SOON, Server};
use weiquan_client::{Connection, new_client_id};

/// A topic about a second of a broadcast in the room `hall`.
fn about(id: &BroadcastId, second: u32) -> Value {
    json!({
        "cid": new_client_id(), "title": format!("第 {second} 秒"), "text": "这里说得好", "guests": true,
        "at": { "room": "hall", "id": id, "second": second },
    })
}

async fn refused(by: &Person, wish: &Value) -> String {
    by.refused(Method::POST, "/api/v1/topics", wish).await
}

/// The broadcast of the room once it is live.
async fn live(by: &Person) -> BroadcastId {
    let live = async {
        loop {
            let card: RoomCard = by.get("/api/v1/rooms/hall").await;
            if let Some(it) = card.broadcast
                && it.live_ms.is_some()
            {
                return it.id;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, live).await.expect("live")
}

async fn act(line: &mut Connection, a: u32, act: BroadcastAct, title: Option<&str>) {
    let (cid, title, starts_ms) = (new_client_id(), title.map(str::to_owned), None);
    let frame = |i| ClientFrame::Broadcast {
        i,
        a,
        cid,
        act,
        title,
        starts_ms,
    };
    line.request(frame).await.expect("done");
}

async fn page(by: &Person, path: &str) -> String {
    let answer = by.request(Method::GET, path).send().await;
    answer.expect("answered").text().await.expect("a page")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_is_kept_with_its_broadcast_and_leads_back_to_it() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let ming = server.sign_up("小明").await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    act(&mut host, a, BroadcastAct::Open, Some("读书会")).await;
    let opened: RoomCard = owner.get("/api/v1/rooms/hall").await;
    let id = opened.broadcast.expect("open").id;
    assert_eq!(
        refused(&ming, &about(&id, 0)).await,
        "wrong_phase",
        "it has not begun"
    );

    let key = owner.make_stream_key("hall").await;
    let publisher = Publisher::start(&server, "/whip", &key.key);
    assert_eq!(live(&ming).await, id);
    // While it is live: what was played is there, what comes is not.
    let early: TopicCard = ming.post("/api/v1/topics", &about(&id, 0)).await;
    let at = early.topic.at.expect("it is about a moment");
    assert_eq!(
        (at.room.as_str(), &at.id, at.title.as_str(), at.second),
        ("hall", &id, "读书会", 0)
    );
    assert_eq!(refused(&ming, &about(&id, 3_600)).await, "wrong_phase");
    assert_eq!(
        refused(&ming, &about(&"b_none".into(), 0)).await,
        "not_found"
    );
    let mut recap = about(&id, 0);
    recap["kind"] = "recap".into();
    assert_eq!(
        refused(&owner, &recap).await,
        "wrong_phase",
        "that tells of all of it"
    );
    let mut odd = about(&id, 0);
    odd["at"]["second"] = (-1).into();
    assert_eq!(refused(&ming, &odd).await, "malformed");

    act(&mut host, a, BroadcastAct::End, None).await;
    drop(publisher);
    server.kill();
    server.restart();
    let owner = server.sign_in("圈主").await;
    let ming = server.sign_in("小明").await;
    let anybody = Person::new(&server);
    let path = format!("/api/v1/rooms/hall/broadcasts/{id}/summary");
    let summary: Summary = anybody.get(&path).await;
    let last = u32::try_from(summary.played_ms / 1_000).expect("a short one");
    assert_eq!(refused(&ming, &about(&id, last + 1)).await, "wrong_phase");
    let late: TopicCard = owner.post("/api/v1/topics", &about(&id, last)).await;
    let mut inner = about(&id, 0);
    inner["guests"] = false.into();
    let inner: TopicCard = owner.post("/api/v1/topics", &inner).await;

    // The summary has them by their seconds, each for who may read it.
    let listed = async |by: &Person| {
        let summary: Summary = by.get(&path).await;
        let each = summary
            .moments
            .into_iter()
            .map(|it| (it.topic.room, it.second));
        each.collect::<Vec<_>>()
    };
    let early = (early.room, 0);
    let all = [early.clone(), (inner.room, 0), (late.room, last)];
    let told = listed(&ming).await;
    assert!(told.is_sorted_by_key(|it| it.1), "{told:?}");
    assert!(
        told.len() == 3 && all.iter().all(|it| told.contains(it)),
        "{told:?}"
    );
    let told = listed(&anybody).await;
    assert_eq!(
        told,
        [all[0].clone(), all[2].clone()],
        "the other is for members"
    );
    let list: TopicList = anybody.get("/api/v1/topics").await;
    assert!(list.topics.iter().all(|it| it.topic.at.is_some()));
    let shown = page(&anybody, &format!("/t/{}", early.0)).await;
    assert!(
        shown.contains(&format!("href=\"/r/hall/b/{id}#t=0\"")),
        "{shown}"
    );
    assert!(shown.contains("直播「读书会」0:00 的时刻"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_among_members_stays_among_them() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ming = server.sign_up("小明").await;
    let new = json!({ "title": "内部", "guests": false, "slug": "hall" });
    let _: RoomCard = owner.post("/api/v1/rooms", &new).await;
    let key = owner.make_stream_key("hall").await;
    let _publisher = Publisher::start(&server, "/whip", &key.key);
    let id = live(&owner).await;
    assert_eq!(refused(&ming, &about(&id, 0)).await, "guests_not_allowed");
    let mut inner = about(&id, 0);
    inner["guests"] = false.into();
    let card: TopicCard = ming.post("/api/v1/topics", &inner).await;
    assert_eq!(
        card.topic.at.expect("it is about a moment").title,
        "内部",
        "as the room is called"
    );
}
