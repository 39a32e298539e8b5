//! Media that came by a token ends with the token, in both directions, and says why.

mod support;

use std::time::Duration;

use auth::{Grant, Role, ServerSecret, Tokens};
use protocol::{limits, server::Push};
use support::{OFFER, Person, Publisher, SOON, Server};
use tokio::time::timeout;
use weiquan_client::Connection;

/// How long the tokens of this test are good from here: FFmpeg must be publishing before.
const GOOD_FOR: Duration = Duration::from_secs(8);

/// A token of this server that is about to end, and when that is, Unix milliseconds. It was made a
/// while ago: readers allow for clocks that differ, and the end that counts is after that.
fn token(server: &Server, role: Role) -> (String, u64) {
    let secret = store::peek_server_secret(&server.folder, &store::StoreConfig::default())
        .expect("the server's secret");
    let secret = ServerSecret::new(&secret).expect("32 bytes");
    let tokens = Tokens::new(&secret, &server.url(""), Vec::new()).expect("no other keys");
    let id = "m_short".into();
    let grant = Grant {
        id: &id,
        name: "Short",
        role,
        epoch: None,
        lifetime: GOOD_FOR,
    };
    let leeway_ms = limits::TOKEN_LEEWAY.as_millis() as u64;
    let minted = tokens.mint(&grant, clock::unix_ms() - leeway_ms);
    (minted.token, minted.expires_ms + leeway_ms)
}

async fn picture_is(line: &mut Connection, here: bool) {
    timeout(SOON, async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && state.stage.is_some_and(|it| it.video == here)
            {
                return;
            }
        }
    })
    .await
    .expect("in time");
}

/// Watches by WHEP; answers the resource.
async fn watch(guest: &Person, token: &str) -> String {
    let answer = guest
        .http
        .post(format!("{}/api/v1/rooms/hall/whep", guest.base()))
        .bearer_auth(token)
        .header("content-type", "application/sdp")
        .body(OFFER)
        .send()
        .await
        .expect("answered");
    assert_eq!(
        answer.status(),
        201,
        "{}",
        answer.text().await.unwrap_or_default()
    );
    let location = answer.headers()["location"].to_str().expect("text");
    location.to_owned()
}

async fn ended(server: &Server, role: &str) -> bool {
    let url = format!("http://{}/metrics", server.admin);
    let text = reqwest::get(url).await.expect("answered").text().await;
    text.expect("text").lines().any(|it| {
        it.starts_with("weiquan_peers_ended_total{")
            && it.contains(&format!("role=\"{role}\""))
            && it.contains("why=\"expired\"")
            && it.ends_with(" 1")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_a_publisher_and_a_viewer_end_with_the_token_that_let_them_in() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    line.join("hall", None).await.expect("joined");

    let (token, end_ms) = token(&server, Role::Moderator);
    let publisher = Publisher::start(&server, "/api/v1/rooms/hall/whip", &token);
    picture_is(&mut line, true).await;
    let guest = Person::new(&server);
    let resource = watch(&guest, &token).await;
    assert!(clock::unix_ms() < end_ms, "the token is good so far");

    picture_is(&mut line, false).await;
    let late_ms = clock::unix_ms().saturating_sub(end_ms);
    assert!(clock::unix_ms() >= end_ms, "not before its end");
    assert!(late_ms < 3_000, "{late_ms} ms late");
    timeout(SOON, async {
        while !(ended(&server, "publisher").await && ended(&server, "viewer").await) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("both are told apart from other ends");
    let gone = guest.http.delete(format!("{}{resource}", guest.base()));
    let gone = gone.bearer_auth(&token).send().await.expect("answered");
    assert_eq!(gone.status(), 401, "the token opens nothing any more");
    drop(publisher);
}
