//! What belongs to somebody else: it is as if it were not there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, Server};

const WHIP_OFFER: &str = include_str!("../../src/rtc/publish/tests/offers/ffmpeg.sdp");

async fn ask(person: &Person, method: &str, path: &str, bearer: Option<&str>) -> (u16, String) {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = person
        .http
        .request(method, format!("{}{path}", person.base()))
        .header("origin", person.base());
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let answer = request.send().await.expect("answered");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_what_is_somebody_elses_is_answered_as_what_is_not_there() {
    let server = Server::start();
    let owner = server.set_up().await;
    let (one, other) = (server.sign_up("One").await, server.sign_up("Other").await);
    one.make_room("ones").await;
    other.make_room("others").await;
    let key = one.make_stream_key("ones").await;

    // A key of another room, revoked through one's own.
    let theirs = format!("/api/v1/rooms/others/stream-keys/{}", key.id);
    let none = "/api/v1/rooms/others/stream-keys/k_none";
    let told = ask(&other, "DELETE", &theirs, Some(&other.token)).await;
    assert_eq!(told, ask(&other, "DELETE", none, Some(&other.token)).await);
    assert_eq!(told.0, 404);
    let list: Value = one.get("/api/v1/rooms/ones/stream-keys").await;
    assert_eq!(
        list["keys"].as_array().expect("keys").len(),
        1,
        "it is still good"
    );

    // A publisher's resource, ended by somebody else with the best token there is.
    let publish = one
        .http
        .post(format!("{}/whip", one.base()))
        .bearer_auth(&key.key)
        .header("content-type", "application/sdp")
        .body(WHIP_OFFER)
        .send()
        .await
        .expect("answered");
    assert_eq!(publish.status(), 201);
    let resource = publish.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    for bearer in [
        &other.token,
        &owner.token,
        &other.make_stream_key("others").await.key,
    ] {
        for method in ["DELETE", "PATCH"] {
            let theirs = ask(&other, method, &resource, Some(bearer)).await;
            let none = ask(&other, method, "/whip/p0-none.none", Some(bearer)).await;
            assert_eq!(theirs, none, "{method}");
            assert_eq!(theirs.0, 404, "{method}");
        }
    }
    let own = ask(&one, "DELETE", &resource, Some(&key.key)).await;
    assert_eq!(own.0, 200, "it was there all the time");

    // A message of another room: a number is of the room that one is in.
    let mut line = other.connect("phone").await;
    let a = line.join("others", None).await.expect("joined").a;
    let mut theirs = one.connect("phone").await;
    let ones = theirs.join("ones", None).await.expect("joined").a;
    for n in 0..3 {
        theirs.say(ones, &format!("{n}")).await.expect("said");
    }
    for op in ["edit", "delete"] {
        let frame = json!({"op": op, "a": a, "of": 3, "text": "x", "cid": weiquan_client::new_client_id().as_str()});
        assert_eq!(refusal(&mut line, frame).await, "no_such_message", "{op}");
        let frame = json!({"op": op, "a": ones, "of": 3, "text": "x", "cid": weiquan_client::new_client_id().as_str()});
        assert_eq!(refusal(&mut line, frame).await, "not_joined", "{op}");
    }
    let frame = json!({"op": "history", "a": ones, "n": 5});
    assert_eq!(refusal(&mut line, frame).await, "not_joined");
}

#[tokio::test]
async fn s18_a_stream_key_opens_its_own_room_and_nothing_else() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner.make_room("studio").await;
    let key = owner.make_stream_key("studio").await;
    for (method, path) in [
        ("POST", "/api/v1/rooms/hall/whip"),
        ("POST", "/api/v1/rooms/studio/whip"),
        ("POST", "/api/v1/rooms/hall/whep"),
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/rooms/studio/stream-keys"),
        ("GET", "/api/v1/members"),
        ("GET", "/api/v1/rooms/hall/history"),
    ] {
        let (status, text) = ask(&owner, method, path, Some(&key.key)).await;
        assert_eq!(status, 401, "{method} {path}: {text}");
    }
    let mut line = weiquan_client::Connection::open(server.address, None)
        .await
        .expect("open");
    let refused = line.hello(&key.key, "phone").await.expect_err("no token");
    assert!(refused.to_string().contains("token"), "{refused}");
}

#[tokio::test]
async fn s25_what_nobody_may_set_is_not_set() {
    let server = Server::start();
    let owner = server.set_up().await;
    let http = reqwest::Client::new();
    let greedy = json!({
        "name": "Greedy", "password": crate::support::PASSWORD, "role": "owner", "mark": "owner",
        "id": owner.id(), "token_epoch": 9, "points": 9_999, "me": {"mark": "owner"},
    });
    let made = http
        .post(server.url("/api/v1/accounts"))
        .json(&greedy)
        .send()
        .await;
    let made: Value = made.expect("answered").json().await.expect("a token");
    assert_eq!(made["me"]["mark"], "member");
    assert_ne!(made["me"]["id"], owner.id().as_str());
    let token = made["token"].as_str().expect("a token");
    let room = json!({
        "title": "x", "guests": true, "slug": "greedy", "made_by": owner.id(), "number": 1,
        "circle": 9, "count": 10_000, "talk": {"every_ms": 0},
    });
    let made = http.post(server.url("/api/v1/rooms")).bearer_auth(token);
    let made: Value = made
        .json(&room)
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("a room");
    assert_eq!(
        (&made["made_by"]["name"], &made["count"]),
        (&json!("Greedy"), &json!(0))
    );
    let keys = http
        .post(server.url("/api/v1/rooms/greedy/stream-keys"))
        .bearer_auth(token);
    let wish = json!({"label": "x", "key": "wqk_mine", "id": "k_mine", "room": 1});
    let made: Value = keys
        .json(&wish)
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("a key");
    assert_ne!(made["key"], "wqk_mine");
    assert_ne!(made["id"], "k_mine");
}

async fn refusal(line: &mut weiquan_client::Connection, mut frame: Value) -> String {
    let i = line.next_request();
    frame["i"] = i.into();
    line.send_text(frame.to_string()).await.expect("sent");
    loop {
        if let weiquan_client::Incoming::Answer(answer) = line.next().await.expect("stays")
            && answer.i == i
        {
            let protocol::server::Outcome::Err(refusal) = answer.outcome else {
                panic!("{:?}", answer.outcome)
            };
            return refusal.code.as_str().to_owned();
        }
    }
}
