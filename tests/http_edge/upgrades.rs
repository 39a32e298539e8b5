//! `/ws`: every way in which an upgrade may arrive, and those in which it may not.

use std::{io::Write, sync::atomic::Ordering};

use weiquan::http::seam::Adopted;

use crate::rig::{Rig, SOON, Wire, blocking};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// RFC 6455 1.3 gives the answer to that key.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const EARLY: &[u8] = b"\x81\x80\x00\x00\x00\x00";

fn head(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: live.example\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: weiquan.v1.json\r\n{more}\r\n"
    )
}

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: live.example\r\n\r\n";

async fn adopted(rig: &mut Rig) -> Adopted {
    tokio::time::timeout(SOON, rig.adopted.recv())
        .await
        .expect("in time")
        .expect("adopted")
}

fn hear_101(wire: &mut Wire) {
    let (status, head, _) = wire.hear();
    assert_eq!(status, 101, "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(head.contains(ACCEPT), "{head}");
    assert!(
        lower.contains("sec-websocket-protocol: weiquan.v1.json"),
        "{head}"
    );
}

/// The upgrade works, its early bytes arrive, and the socket is the shard's from then on.
async fn check(name: &str, say: impl FnOnce(&mut Wire) + Send + 'static, early: &[u8]) {
    let mut rig = Rig::start().await;
    let mut wire = rig.wire();
    let wire = blocking(move || {
        say(&mut wire);
        hear_101(&mut wire);
        wire
    })
    .await;
    let mut it = adopted(&mut rig).await;
    assert_eq!(it.room_hint.as_deref(), Some("friday"), "{name}");
    assert_eq!(it.origin.as_deref(), Some("http://live.example"), "{name}");
    assert_eq!(it.peer.ip().to_string(), "127.0.0.1", "{name}");
    // What was not read with the head is still in the socket: together they are the early bytes.
    it.socket.set_nonblocking(false).unwrap();
    it.socket.set_read_timeout(Some(SOON)).unwrap();
    while it.read.len() < early.len() {
        let mut more = [0; 64];
        let n = std::io::Read::read(&mut it.socket, &mut more).unwrap();
        assert!(n > 0, "{name}");
        it.read.extend_from_slice(&more[..n]);
    }
    assert_eq!(it.read, early, "{name}");
    it.socket.write_all(b"from the shard").unwrap();
    let mut wire = wire;
    let seen = blocking(move || wire.take(14)).await;
    assert_eq!(seen, b"from the shard", "{name}");
    drop(it);
    rig.end().await;
}

fn good() -> String {
    head("/ws?room=friday", "Origin: http://live.example\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_first_request() {
    let say = |it: &mut Wire| {
        it.say(good());
    };
    check("first", say, b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_early_frame_in_the_same_packet() {
    let say = |it: &mut Wire| {
        it.say([good().as_bytes(), EARLY].concat());
    };
    check("early", say, EARLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_requests_on_a_kept_connection() {
    let say = |it: &mut Wire| {
        for _ in 0..3 {
            assert_eq!(it.say(GET).hear().0, 200);
        }
        it.say(good());
    };
    check("keep-alive", say, b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_request_with_an_early_frame() {
    let say = |it: &mut Wire| {
        assert_eq!(it.say(GET).hear().0, 200);
        it.say([good().as_bytes(), EARLY].concat());
    };
    check("keep-alive, early", say, EARLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_packet_with_the_request_before_it() {
    let say = |it: &mut Wire| {
        it.say([GET.as_bytes(), good().as_bytes(), EARLY].concat());
        assert_eq!(it.hear().0, 200);
    };
    check("pipelined", say, EARLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_a_packet() {
    let say = |it: &mut Wire| {
        for byte in good().bytes() {
            it.say([byte]);
        }
    };
    check("bytewise", say, b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_on_this_machine_tells_the_address() {
    let mut rig = Rig::start().await;
    for first in ["", GET] {
        let mut wire = rig.wire();
        let wire = blocking(move || {
            if !first.is_empty() {
                assert_eq!(wire.say(first).hear().0, 200);
            }
            wire.say(head("/ws", "X-Forwarded-For: 10.9.9.9, 203.0.113.7\r\n"));
            hear_101(&mut wire);
            wire
        })
        .await;
        assert_eq!(adopted(&mut rig).await.peer.ip().to_string(), "203.0.113.7");
        drop(wire);
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_upgrade_is_refused_in_words() {
    let rig = Rig::start().await;
    let own = "Origin: http://live.example\r\n";
    let without = |line: &str| {
        let start = good().find(line).unwrap();
        let end = start + good()[start..].find("\r\n").unwrap() + 2;
        format!("{}{}", &good()[..start], &good()[end..])
    };
    let table = [
        (
            head("/ws", "Origin: https://evil.example\r\n"),
            403,
            "origin_foreign",
        ),
        (head("/ws", "Origin: null\r\n"), 403, "origin_foreign"),
        (
            head("/ws", "Origin: https://evil-live.example\r\n"),
            403,
            "origin_foreign",
        ),
        (
            head("/ws", "Origin: https://live.example.evil\r\n"),
            403,
            "origin_foreign",
        ),
        (
            head("/ws", "Origin: https://friend.example.evil\r\n"),
            403,
            "origin_foreign",
        ),
        (head("/ws?token=abc", own), 400, "malformed"),
        (
            head("/ws?room=friday&%61ccess_token=abc", own),
            400,
            "malformed",
        ),
        (without("Upgrade: websocket"), 400, "malformed"),
        (without("Sec-WebSocket-Key"), 400, "malformed"),
        (without("Sec-WebSocket-Version"), 426, "malformed"),
        (without("Sec-WebSocket-Protocol"), 426, "malformed"),
        (good().replace("GET /ws", "POST /ws"), 405, "malformed"),
        (
            "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            400,
            "malformed",
        ),
    ];
    for (request, status, code) in table {
        // The first request of a connection, and one after another, get the same answer.
        for first in [false, true] {
            let (mut wire, said) = (rig.wire(), request.clone());
            let (seen, head, body) = blocking(move || {
                if first {
                    assert_eq!(wire.say(GET).hear().0, 200);
                }
                wire.say(&said).hear()
            })
            .await;
            assert_eq!(seen, status, "{request}\n{head}");
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["code"], code, "{request}");
            if status == 426 {
                assert!(
                    head.to_ascii_lowercase()
                        .contains("sec-websocket-version: 13"),
                    "{head}"
                );
            }
        }
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_site_a_program_and_our_own_page_may_come_in() {
    let mut rig = Rig::start().await;
    // The last is our own address while the Host is a proxy's other name for us.
    let own = format!("Origin: http://{}\r\n", rig.address);
    for origin in [
        "Origin: https://friend.example\r\n",
        "",
        "Origin: http://live.example\r\n",
        &own,
    ] {
        let origin = origin.to_owned();
        let mut wire = rig.wire();
        let wire = blocking(move || {
            wire.say(head("/ws", &origin));
            hear_101(&mut wire);
            wire
        })
        .await;
        adopted(&mut rig).await;
        drop(wire);
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_new_comes_in_while_the_server_drains() {
    let rig = Rig::start().await;
    rig.stage.draining.store(true, Ordering::SeqCst);
    let mut wire = rig.wire();
    let (status, head, _) = blocking(move || wire.say(good()).hear()).await;
    assert_eq!(status, 503);
    assert!(head.to_ascii_lowercase().contains("retry-after"), "{head}");
    rig.get("/readyz").await.refused(503, "draining");
    rig.get("/healthz").await.expect(200);
    rig.end().await;
}

fn from(address: &str) -> String {
    head("/ws", &format!("X-Forwarded-For: {address}\r\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_holds_so_many_sockets_and_gets_a_place_back_when_one_closes() {
    // The rig allows three.
    let mut rig = Rig::start().await;
    let mut open = Vec::new();
    for first in ["", GET, ""] {
        let mut wire = rig.wire();
        let wire = blocking(move || {
            if !first.is_empty() {
                assert_eq!(wire.say(first).hear().0, 200);
            }
            wire.say(from("203.0.113.7"));
            hear_101(&mut wire);
            wire
        });
        open.push((wire.await, adopted(&mut rig).await));
    }
    // Full, on both ways in; the connection itself stays good for HTTP.
    for first in ["", GET] {
        let mut wire = rig.wire();
        blocking(move || {
            if !first.is_empty() {
                assert_eq!(wire.say(first).hear().0, 200);
            }
            let (status, head, body) = wire.say(from("203.0.113.7")).hear();
            assert_eq!(status, 429, "{head}");
            let lower = head.to_ascii_lowercase();
            assert!(lower.contains("retry-after: 10"), "{head}");
            assert!(lower.contains("application/problem+json"), "{head}");
            assert!(body.contains("\"code\":\"too_many_connections\""), "{body}");
            assert_eq!(wire.say(GET).hear().0, 200);
        })
        .await;
    }
    // Another address, and this machine's own programs, have nothing to do with it.
    for other in [
        "203.0.113.8",
        "127.0.0.1",
        "127.0.0.1",
        "10.0.0.9",
        "2001:db8::1",
    ] {
        let mut wire = rig.wire();
        let wire = blocking(move || {
            wire.say(from(other));
            hear_101(&mut wire);
            wire
        });
        open.push((wire.await, adopted(&mut rig).await));
    }
    // The shard lets the place go with the socket.
    let (_, closed) = open.remove(0);
    drop(closed);
    let mut wire = rig.wire();
    let wire = blocking(move || {
        wire.say(from("203.0.113.7"));
        hear_101(&mut wire);
        wire
    })
    .await;
    drop((adopted(&mut rig).await, wire, open));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_takes_no_place() {
    let mut rig = Rig::start().await;
    for _ in 0..5 {
        let mut wire = rig.wire();
        blocking(move || {
            let foreign = "X-Forwarded-For: 203.0.113.7\r\nOrigin: https://evil.example\r\n";
            assert_eq!(wire.say(head("/ws", foreign)).hear().0, 403);
        })
        .await;
    }
    let mut wire = rig.wire();
    let wire = blocking(move || {
        wire.say(from("203.0.113.7"));
        hear_101(&mut wire);
        wire
    })
    .await;
    drop((adopted(&mut rig).await, wire));
    rig.end().await;
}
