//! Rooms, their history, their stream keys.

use std::sync::Arc;

use community::{Person, Record, RecordBody};
use protocol::{Slug, server::Mark};
use serde_json::{Value, json};
use store::{Append, Entry};
use weiquan::http::seam::Revoked;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_member_makes_a_room_and_a_guest_does_not() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    let guest = rig.guest('g').await;
    let make = async |token: &str, body: Value| {
        rig.ask("POST", "/api/v1/rooms")
            .bearer(token)
            .json(body)
            .send()
            .await
    };
    let made = make(
        &owner,
        json!({"title": " Friday ", "guests": true, "slug": "friday"}),
    )
    .await;
    let made = made.expect(201);
    assert_eq!(made.header("location"), "/api/v1/rooms/friday");
    assert_eq!(made.json()["title"], "Friday");
    assert_eq!(made.json()["made_by"]["mark"], "host");
    let named = make(&owner, json!({"title": "周五", "guests": false}))
        .await
        .expect(201)
        .json();
    assert!(named["slug"].as_str().unwrap().starts_with("room-"));

    make(
        &owner,
        json!({"title": "Again", "guests": true, "slug": "friday"}),
    )
    .await
    .refused(409, "slug_taken");
    for slug in ["Friday", "a b", "-a", "", "a/b", "../x"] {
        let said = make(&owner, json!({"title": "T", "guests": true, "slug": slug})).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (400, "malformed"),
            "{slug}"
        );
    }
    make(&owner, json!({"title": " ", "guests": true}))
        .await
        .refused(422, "empty");
    make(&owner, json!({"title": "x".repeat(121), "guests": true}))
        .await
        .refused(422, "too_long");
    make(&guest, json!({"title": "T", "guests": true}))
        .await
        .refused(403, "not_permitted");
    rig.post("/api/v1/rooms", json!({"title": "T", "guests": true}))
        .await
        .refused(401, "token_missing");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_for_members_are_shown_to_members() {
    let rig = Rig::start().await;
    let none = rig.get("/api/v1/rooms").await.expect(200).json();
    assert_eq!(none["rooms"], json!([]));
    let owner = rig.set_up().await.token();
    rig.room(&owner, "open", true).await;
    rig.room(&owner, "inner", false).await;
    let guest = rig.guest('g').await;
    let slugs = |said: &Value| -> Vec<String> {
        let rooms = said["rooms"].as_array().unwrap();
        rooms
            .iter()
            .map(|it| it["slug"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(slugs(&rig.get("/api/v1/rooms").await.json()), ["open"]);
    let list = rig
        .ask("GET", "/api/v1/rooms")
        .bearer(&guest)
        .send()
        .await
        .json();
    assert_eq!(slugs(&list), ["open"]);
    let list = rig
        .ask("GET", "/api/v1/rooms")
        .bearer(&owner)
        .send()
        .await
        .json();
    assert_eq!(slugs(&list).len(), 2);

    let room = rig.get("/api/v1/rooms/open").await.expect(200).json();
    let number = rig
        .store
        .room(Slug::from("open"))
        .await
        .unwrap()
        .unwrap()
        .number;
    assert_eq!(room["count"], 10 * number, "the count is the rooms'");
    rig.get("/api/v1/rooms/inner")
        .await
        .refused(403, "guests_not_allowed");
    rig.ask("GET", "/api/v1/rooms/inner")
        .bearer(&owner)
        .send()
        .await
        .expect(200);
    for path in [
        "/api/v1/rooms/none",
        "/api/v1/rooms/%2e%2e",
        "/api/v1/rooms/A%00B",
    ] {
        rig.get(path).await.refused(404, "not_found");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn making_rooms_is_throttled() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    let make = async || {
        let body = json!({"title": "Flood", "guests": true});
        rig.ask("POST", "/api/v1/rooms")
            .bearer(&owner)
            .json(body)
            .send()
            .await
    };
    for _ in 0..20 {
        make().await.expect(201);
    }
    make().await.refused(429, "rate_limited");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_runs_the_broadcast() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let host = rig.sign_up("Host").await.token();
    let other = rig.sign_up("Other").await.token();
    rig.room(&host, "friday", true).await;
    let act = async |token: &str, body: Value| {
        rig.ask("POST", "/api/v1/rooms/friday/broadcast")
            .bearer(token)
            .json(body)
            .send()
            .await
    };
    let opened = act(&host, json!({"act": "open", "title": " Show "}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&opened["phase"], &opened["title"]),
        (&json!("open"), &json!("Show"))
    );
    act(&other, json!({"act": "open"}))
        .await
        .refused(403, "not_permitted");
    act(&host, json!({"act": "explode"}))
        .await
        .refused(400, "malformed");
    act(&host, json!({"act": "open", "title": "x".repeat(121)}))
        .await
        .refused(422, "too_long");
    rig.ask("POST", "/api/v1/rooms/none/broadcast")
        .bearer(&host)
        .json(json!({"act": "open"}))
        .send()
        .await
        .refused(404, "not_found");
    rig.end().await;
}

/// Writes messages into the room's log as the room's task would.
async fn write(rig: &Rig, slug: &str, n: u64) {
    let room = rig.store.room(Slug::from(slug)).await.unwrap().unwrap();
    let author = Person {
        id: "m_1".into(),
        name: Arc::from("Mei"),
        mark: Mark::Member,
    };
    let records = (1..=n)
        .map(|seq| {
            let message = json!({"v": 1, "k": "message", "text": format!("message {seq}")});
            let record = Record::read(
                room.circle,
                community::Columns {
                    seq,
                    at_ms: 1_000 + seq,
                    pos: None,
                    author: author.frame(),
                    kind: 1,
                    is_fact: false,
                    client_id: None,
                    body: message.to_string().into_bytes(),
                },
            )
            .unwrap();
            assert!(matches!(record.body, RecordBody::Message(_)));
            let it = record.columns();
            Entry {
                seq: it.seq,
                at_ms: it.at_ms,
                pos: it.pos,
                author: it.author,
                kind: it.kind,
                is_fact: it.is_fact,
                client_id: it.client_id,
                body: it.body,
            }
        })
        .collect();
    let append = Append {
        room: room.number,
        circle: room.circle,
        records,
        rows: vec![],
    };
    rig.store.append(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_read_page_by_page_in_both_directions() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    rig.room(&owner, "friday", true).await;
    write(&rig, "friday", 120).await;
    let page = async |query: &str| {
        let said = rig
            .get(&format!("/api/v1/rooms/friday/history{query}"))
            .await
            .expect(200);
        let page = said.json();
        let records = page["page"].as_array().unwrap().clone();
        let seqs: Vec<u64> = records.iter().map(|it| it["s"].as_u64().unwrap()).collect();
        assert!(seqs.windows(2).all(|it| it[0] + 1 == it[1]), "{seqs:?}");
        (
            seqs.first().copied(),
            seqs.last().copied(),
            page["end"].as_bool().unwrap(),
        )
    };
    assert_eq!(page("").await, (Some(71), Some(120), false));
    assert_eq!(page("?before=71&n=200").await, (Some(1), Some(70), true));
    assert_eq!(page("?after=100").await, (Some(101), Some(120), true));
    assert_eq!(page("?after=0&n=5").await, (Some(1), Some(5), false));
    assert_eq!(page("?n=100000").await, (Some(1), Some(120), true));
    assert_eq!(page("?after=120").await, (None, None, true));
    let said = rig.get("/api/v1/rooms/friday/history?n=1").await.json();
    assert_eq!(said["page"][0]["k"], "msg");
    assert_eq!(said["page"][0]["b"]["text"], "message 120");
    assert_eq!(said["page"][0]["u"]["name"], "Mei");

    for query in [
        "?before=1&after=2",
        "?before=x",
        "?n=-1",
        "?after=99999999999999999999",
    ] {
        let said = rig
            .get(&format!("/api/v1/rooms/friday/history{query}"))
            .await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (400, "malformed"),
            "{query}"
        );
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_for_who_may_watch() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    rig.room(&owner, "inner", false).await;
    rig.room(&owner, "open", true).await;
    let banned = rig.sign_up("Troll").await;
    let id = banned.json()["me"]["id"].as_str().unwrap().into();
    rig.stage.banned.lock().unwrap().push(id);
    rig.get("/api/v1/rooms/inner/history")
        .await
        .refused(403, "guests_not_allowed");
    rig.ask("GET", "/api/v1/rooms/inner/history")
        .bearer(&owner)
        .send()
        .await
        .expect(200);
    rig.get("/api/v1/rooms/open/history").await.expect(200);
    rig.ask("GET", "/api/v1/rooms/open/history")
        .bearer(&banned.token())
        .send()
        .await
        .refused(403, "banned");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_key_is_shown_once_and_can_be_revoked() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let host = rig.sign_up("Host").await.token();
    let other = rig.sign_up("Other").await.token();
    rig.room(&host, "friday", true).await;
    rig.room(&other, "monday", true).await;
    let (id, key) = rig.stream_key(&host, "friday").await;
    assert!(key.starts_with("wqk_") && key.len() == 47, "{key}");

    let keys = "/api/v1/rooms/friday/stream-keys";
    let list = rig.ask("GET", keys).bearer(&host).send().await.expect(200);
    assert!(!list.text.contains(&key[4..]), "never the key itself");
    assert_eq!(list.json()["keys"][0]["label"], "OBS");
    assert_eq!(list.json()["keys"][0]["used_ms"], Value::Null);
    rig.ask("GET", keys)
        .bearer(&other)
        .send()
        .await
        .refused(403, "not_permitted");
    rig.get(keys).await.refused(401, "token_missing");

    let whip = async || rig.ask("POST", "/whip").bearer(&key).offer().send().await;
    whip().await.expect(201);
    let list = rig.ask("GET", keys).bearer(&host).send().await.json();
    assert!(list["keys"][0]["used_ms"].is_u64());

    let one = format!("{keys}/{id}");
    let elsewhere = format!("/api/v1/rooms/monday/stream-keys/{id}");
    rig.ask("DELETE", &one)
        .bearer(&other)
        .send()
        .await
        .refused(403, "not_permitted");
    rig.ask("DELETE", &elsewhere)
        .bearer(&other)
        .send()
        .await
        .refused(404, "not_found");
    rig.ask("DELETE", &one)
        .bearer(&host)
        .send()
        .await
        .expect(204);
    rig.ask("DELETE", &one)
        .bearer(&host)
        .send()
        .await
        .refused(404, "not_found");
    whip().await.refused(401, "token_invalid");
    let room = rig
        .store
        .room(Slug::from("friday"))
        .await
        .unwrap()
        .unwrap()
        .number;
    assert_eq!(
        *rig.stage.revoked.lock().unwrap(),
        [Revoked::StreamKey { room, id }]
    );
    rig.end().await;
}
