//! Guests that a hello makes (H7): one way there and back instead of two.

mod support;

use protocol::{
    ClientFrame, Code, Refusal, limits,
    rest::{GuestWish, Me, Token},
    server::{Mark, Welcome},
};
use reqwest::Method;
use serde_json::json;
use support::{Person, SOON, Server};
use tokio::time::{sleep, timeout};
use weiquan_client::{Connection, Error};

fn wish(device: &str, name: Option<&str>) -> GuestWish {
    GuestWish {
        device: device.repeat(32),
        name: name.map(str::to_owned),
    }
}

async fn line(server: &Server) -> Connection {
    Connection::open(server.address, None)
        .await
        .expect("connects")
}

async fn hello(line: &mut Connection, wish: GuestWish) -> Result<Welcome, Error> {
    line.hello_as_guest(wish, "a page").await
}

fn refusal(of: Result<Welcome, Error>) -> Refusal {
    match of {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

async fn closed(line: &mut Connection) -> u16 {
    let told = timeout(SOON, async {
        loop {
            match line.next().await {
                Ok(_) => {}
                Err(Error::Closed { code, .. }) => return code,
                Err(other) => panic!("not closed with a word: {other}"),
            }
        }
    });
    told.await.expect("closed in time")
}

#[tokio::test]
async fn h7_a_hello_makes_a_guest_who_talks_at_once_and_is_the_same_by_http() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let mut line = line(&server).await;
    let welcome = hello(&mut line, wish("d", Some("小明")))
        .await
        .expect("welcome");
    assert_eq!((&*welcome.me.name, welcome.me.mark), ("小明", Mark::Guest));
    let token = welcome.token.expect("a guest that was made has a token");
    let a = line.join("tea", None).await.expect("joined").a;
    line.say(a, "大家好").await.expect("said");

    // The token is as good as one that was asked for by HTTP.
    let mut guest = Person::new(&server);
    guest.token = token.token;
    let me: Me = guest.get("/api/v1/me").await;
    assert_eq!((&me, &me.id), (&token.me, &welcome.me.id));
    let mut again = guest.connect("another page").await;
    again.join("tea", None).await.expect("joined");

    // And the device is known from here on: it keeps the name that it said.
    let kept = timeout(SOON, async {
        loop {
            let body = json!({ "device": "d".repeat(32) });
            let made: Token = guest.post("/api/v1/guests", &body).await;
            assert_eq!(made.me.id, me.id);
            if made.me.name == "小明" {
                return;
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    kept.await.expect("kept in time");
}

#[tokio::test]
async fn h7_a_hello_has_a_token_or_a_guest_and_a_fit_one() {
    let server = Server::start();
    server.set_up().await;
    for (wish, code) in [
        (wish("", None), Code::Malformed),
        (wish("dddddddddd", None), Code::Malformed),
        (wish("d", Some("a\u{200b}b")), Code::NameUnfit),
    ] {
        let mut line = line(&server).await;
        assert_eq!(refusal(hello(&mut line, wish).await).code, code);
        assert_eq!(closed(&mut line).await, 4500);
    }
    let both = (Some("x".to_owned()), Some(wish("d", None)));
    for (token, guest) in [(None, None), both] {
        let mut line = line(&server).await;
        let hello = |i| ClientFrame::Hello {
            i,
            token,
            guest,
            device: "a page".into(),
            z: None,
        };
        match line.request(hello).await {
            Err(Error::Refused(refusal)) => assert_eq!(refusal.code, Code::Malformed),
            other => panic!("not refused: {other:?}"),
        }
        assert_eq!(closed(&mut line).await, 4500);
    }
}

#[tokio::test]
async fn h7_guests_by_hello_and_by_http_are_counted_together() {
    let server = Server::start();
    let somebody = server.set_up().await;
    // A wish that cannot be granted is counted too: nobody may try for free.
    let unfit = json!({ "device": "short" });
    let mut wishes = 0;
    while somebody
        .refused(Method::POST, "/api/v1/guests", &unfit)
        .await
        == "malformed"
    {
        wishes += 1;
        assert!(wishes < 2 * limits::GUESTS_AT_ONCE, "for ever");
    }
    assert!(wishes >= limits::GUESTS_AT_ONCE, "only {wishes}");
    // One a second comes back meanwhile.
    let refused = timeout(SOON, async {
        loop {
            let mut line = line(&server).await;
            if let Err(Error::Refused(refusal)) = hello(&mut line, wish("d", None)).await {
                return refusal;
            }
        }
    });
    let refused = refused.await.expect("refused in time");
    assert_eq!(refused.code, Code::RateLimited);
    assert!(refused.ms.is_some_and(|ms| (1..=1_000).contains(&ms)));
}

#[tokio::test]
async fn h7_who_has_another_name_or_comes_before_the_circle_comes_again() {
    let server = Server::start();
    let mut early = line(&server).await;
    hello(&mut early, wish("d", Some("小明")))
        .await
        .expect("welcome");
    assert_eq!(closed(&mut early).await, 4500, "nothing is set up");

    let owner = server.set_up().await;
    let body = json!({ "device": "d".repeat(32), "name": "小明" });
    let _: Token = owner.post("/api/v1/guests", &body).await;
    let mut unnamed = line(&server).await;
    let welcome = hello(&mut unnamed, wish("d", None)).await.expect("welcome");
    assert!(welcome.me.name.starts_with("Guest "), "{:?}", welcome.me);
    assert_eq!(
        closed(&mut unnamed).await,
        4500,
        "its next token has its name"
    );
}
