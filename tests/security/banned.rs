//! Rights that are taken away count at once, on what runs already.

use std::time::{Duration, Instant};

use protocol::{
    ClientFrame, Code, MemberId,
    client::PeerRole,
    rest::{MemberRole, RoleWish},
    server::{Answered, PeerEnd, Push, Reply},
};
use tokio::time::timeout;
use weiquan_client::{Connection, Error, new_client_id};

use crate::support::{Person, Publisher, SOON, Server};

const AT_ONCE: Duration = Duration::from_secs(1);

/// As Chromium 156 offers it, for somebody who only watches.
fn offer() -> String {
    include_str!("../../src/rtc/publish/tests/offers/chromium.sdp")
        .replace("a=sendonly", "a=recvonly")
}

/// A room with a picture in it, and the host's line.
async fn on_air(server: &Server) -> (Person, Connection, u32, Publisher) {
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await.key;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let publisher = Publisher::start(server, "/whip", &key);
    live(&mut line).await;
    (owner, line, a, publisher)
}

async fn live(line: &mut Connection) {
    let live = async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && state.stage.is_some_and(|it| it.video)
            {
                return;
            }
        }
    };
    timeout(SOON, live).await.expect("it is live");
}

async fn watch(line: &mut Connection, a: u32) -> Answered {
    let offered = line.request(|i| ClientFrame::Offer {
        i,
        a,
        role: PeerRole::View,
        sdp: offer(),
    });
    match offered.await.expect("answered") {
        Reply::Answered(it) => it,
        other => panic!("{other:?}"),
    }
}

async fn ban(line: &mut Connection, a: u32, who: MemberId) {
    let banned = line.request(|i| ClientFrame::Ban {
        i,
        a,
        cid: new_client_id(),
        who,
        for_ms: None,
        reason: String::new(),
    });
    assert!(matches!(banned.await, Ok(Reply::Ack(_))));
}

/// How many peers ended so, as the operator sees it.
async fn ended(server: &Server, role: &str, why: &str) -> u32 {
    let url = format!("http://{}/metrics", server.admin);
    let text = reqwest::get(url).await.expect("answered").text().await;
    let text = text.expect("text");
    let line = text.lines().find(|it| {
        it.starts_with("weiquan_peers_ended_total{")
            && it.contains(&format!("role=\"{role}\""))
            && it.contains(&format!("why=\"{why}\""))
    });
    line.and_then(|it| it.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0)
}

async fn until_ended(server: &Server, role: &str, why: &str, count: u32, within: Duration) {
    let began = Instant::now();
    while ended(server, role, why).await < count {
        assert!(
            began.elapsed() < within,
            "{role} {why}: not within {within:?}"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_a_ban_puts_out_and_takes_the_picture_within_a_second() {
    let server = Server::start();
    let (_owner, mut host, a, _publisher) = on_air(&server).await;
    let ann = server.sign_up("Ann").await;
    let mut line = ann.connect("phone").await;
    line.join("hall", None).await.expect("joined");
    let peer = watch(&mut line, a).await.peer;
    // Another device, and a player by WHEP with the same token.
    let mut tablet = ann.connect("tablet").await;
    tablet.join("hall", None).await.expect("joined");
    let whep = ann
        .request(reqwest::Method::POST, "/api/v1/rooms/hall/whep")
        .header("content-type", "application/sdp")
        .body(offer())
        .send()
        .await
        .expect("answered");
    assert_eq!(whep.status(), 201);

    ban(&mut host, a, ann.id()).await;
    let told = Instant::now();
    let mut closed = false;
    let mut out = false;
    let hears = async {
        while !(closed && out) {
            match line.next_push().await.expect("a push") {
                Push::Closed { peer: it, why } if it == peer => {
                    assert_eq!(why, PeerEnd::NotPermitted);
                    closed = true;
                }
                Push::Out { why, .. } => {
                    assert_eq!(why.code, Code::Banned);
                    out = true;
                }
                _ => {}
            }
        }
    };
    timeout(AT_ONCE, hears).await.expect("within a second");
    until_ended(&server, "viewer", "not_permitted", 2, AT_ONCE).await;
    assert!(told.elapsed() < 2 * AT_ONCE);
    for line in [&mut line, &mut tablet] {
        let refused = line.join("hall", None).await;
        assert!(
            matches!(&refused, Err(Error::Refused(it)) if it.code == Code::Banned),
            "{refused:?}"
        );
    }
    let again = ann.request(reqwest::Method::POST, "/api/v1/rooms/hall/whep");
    let again = again
        .header("content-type", "application/sdp")
        .body(offer());
    assert_eq!(again.send().await.expect("answered").status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_a_ban_while_the_connection_is_away_takes_its_picture_too() {
    let server = Server::start();
    let (_owner, mut host, a, _publisher) = on_air(&server).await;
    let ann = server.sign_up("Ann").await;
    let mut line = ann.connect("phone").await;
    line.join("hall", None).await.expect("joined");
    let peer = watch(&mut line, a).await.peer;
    // The line breaks: the picture goes on, and waits for the next connection of this device.
    drop(line);
    ban(&mut host, a, ann.id()).await;
    until_ended(&server, "viewer", "not_permitted", 1, AT_ONCE).await;
    let mut again = ann.connect("phone").await;
    let refused = again.join("hall", None).await;
    assert!(
        matches!(&refused, Err(Error::Refused(it)) if it.code == Code::Banned),
        "{refused:?}"
    );
    let resumed = again.request(|i| ClientFrame::Resume { i, peer }).await;
    assert!(
        matches!(&resumed, Err(Error::Refused(it)) if it.code == Code::NoSuchPeer),
        "{resumed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_a_banned_publisher_is_off_the_air_within_a_second() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mo = server.sign_up("Mo").await;
    let path = format!("/api/v1/members/{}/role", mo.id());
    let put = owner.request(reqwest::Method::PUT, &path);
    let put = put.json(&RoleWish {
        role: MemberRole::Moderator,
    });
    assert_eq!(put.send().await.expect("answered").status(), 200);
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let whip = "/api/v1/rooms/hall/whip";
    let _publisher = Publisher::start(&server, whip, &mo.token);
    live(&mut host).await;
    ban(&mut host, a, mo.id()).await;
    until_ended(&server, "publisher", "not_permitted", 1, AT_ONCE).await;
    let again = mo.request(reqwest::Method::POST, whip);
    let again = again
        .header("content-type", "application/sdp")
        .body(include_str!(
            "../../src/rtc/publish/tests/offers/ffmpeg.sdp"
        ));
    assert_eq!(again.send().await.expect("answered").status(), 403);
}
