//! Request heads and the answers to them.

use super::*;

const GOOD: &str = "GET /ws?room=lobby HTTP/1.1\r\nHost: circle.example:8080\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, weiquan.v1.json\r\n\
    Origin: http://circle.example:8080\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n\r\n";

fn check(from: &str, to: &str, expect: Result<(), Rejection>) {
    assert!(GOOD.contains(from), "{from}");
    let head = GOOD.replace(from, to);
    assert_eq!(Upgrade::parse(head.as_bytes()).map(drop), expect, "{to}");
}

#[test]
fn a_proper_request_is_upgraded() {
    let upgrade = Upgrade::parse(GOOD.as_bytes()).expect("a proper request");
    assert_eq!(upgrade.path, "/ws");
    assert_eq!(upgrade.room_hint.as_deref(), Some("lobby"));
    assert_eq!(upgrade.host.as_deref(), Some("circle.example:8080"));
    assert_eq!(
        upgrade.origin.as_deref(),
        Some("http://circle.example:8080")
    );
    assert_eq!(upgrade.forwarded_for.as_deref(), Some("10.0.0.1, 10.0.0.2"));
    // The example of RFC 6455 1.3.
    let response = String::from_utf8(upgrade.response()).expect("ASCII");
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
    assert!(response.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert!(response.contains("\r\nSec-WebSocket-Protocol: weiquan.v1.json\r\n"));
    assert!(response.ends_with("\r\n\r\n"));
}

#[test]
fn case_and_order_of_headers_do_not_matter() {
    check("Upgrade: websocket", "UPGRADE: h2c, WebSocket", Ok(()));
    check(
        "Connection: keep-alive, Upgrade",
        "connection: upgrade",
        Ok(()),
    );
    check("/ws?room=lobby", "/ws", Ok(()));
}

#[test]
fn f7_without_the_subprotocol_the_answer_is_426_with_the_list() {
    check("chat, weiquan.v1.json", "chat", Err(Rejection::Subprotocol));
    check(
        "chat, weiquan.v1.json",
        "weiquan.v1.jsonp",
        Err(Rejection::Subprotocol),
    );
    check(
        "Sec-WebSocket-Protocol: chat, weiquan.v1.json\r\n",
        "",
        Err(Rejection::Subprotocol),
    );
    check("Version: 13", "Version: 8", Err(Rejection::Version));
    let answer = String::from_utf8(Rejection::Subprotocol.response()).expect("ASCII");
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nSec-WebSocket-Protocol: weiquan.v1.json\r\n"),
        "{answer}"
    );
}

#[test]
fn f6_a_token_in_the_address_is_refused() {
    for query in [
        "token=x",
        "access_token=x",
        "room=lobby&jwt=x",
        "TOKEN",
        "%74oken=x",
        "a=b&Jwt=",
    ] {
        check("room=lobby", query, Err(Rejection::TokenInAddress));
    }
    check("room=lobby", "tokens=x", Ok(()));
    assert_eq!(Rejection::TokenInAddress.status(), 400);
}

#[test]
fn what_is_no_upgrade_is_refused() {
    check("GET ", "POST ", Err(Rejection::Method));
    check("HTTP/1.1", "HTTP/1.0", Err(Rejection::Malformed));
    check("Upgrade: websocket\r\n", "", Err(Rejection::NotAnUpgrade));
    check(
        "Connection: keep-alive, Upgrade\r\n",
        "",
        Err(Rejection::NotAnUpgrade),
    );
    check(
        "dGhlIHNhbXBsZSBub25jZQ==",
        "short",
        Err(Rejection::NotAnUpgrade),
    );
    check(
        "dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ\u{e9}==",
        Err(Rejection::NotAnUpgrade),
    );
    check("\r\n\r\n", "\r\n", Err(Rejection::Malformed));
    check(
        "Host: circle.example:8080",
        "Host: a\r\nHost: b",
        Err(Rejection::Malformed),
    );
    check(
        "Host: circle.example:8080",
        "Origin: http://a\r\nHost: b",
        Err(Rejection::Malformed),
    );
    let many = "X-A: b\r\n".repeat(100) + "Host:";
    check("Host:", &many, Err(Rejection::TooManyHeaders));
    for rejection in [
        Rejection::Method,
        Rejection::Malformed,
        Rejection::TooManyHeaders,
    ] {
        let answer = String::from_utf8(rejection.response()).expect("ASCII");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {} ", rejection.status())),
            "{answer}"
        );
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
}

#[test]
fn f7_foreign_pages_are_refused() {
    let allow_list = ["https://friends.example".to_owned()];
    let check = |origin: Option<&str>, host: Option<&str>, expect: bool| {
        assert_eq!(
            origin_allowed(origin, host, &allow_list),
            expect,
            "{origin:?} at {host:?}"
        );
    };
    let host = Some("circle.example:8080");
    check(None, host, true);
    check(Some("http://circle.example:8080"), host, true);
    check(Some("https://CIRCLE.example:8080"), host, true);
    check(
        Some("https://circle.example"),
        Some("circle.example:443"),
        true,
    );
    check(
        Some("https://circle.example:443"),
        Some("circle.example"),
        true,
    );
    check(Some("https://friends.example"), host, true);
    check(Some("http://friends.example"), host, false);
    check(Some("https://friends.example.evil.example"), host, false);
    check(Some("https://evil-friends.example"), host, false);
    check(Some("http://circle.example"), host, false);
    check(Some("http://circle.example:8080.evil.example"), host, false);
    check(Some("http://evil.example"), host, false);
    check(Some("null"), host, false);
    check(Some(""), host, false);
    check(Some("file://circle.example:8080"), host, false);
    check(Some("http://circle.example:8080"), None, false);
}

/// Heads with random damage: no panic, and every answer is whole.
#[test]
fn no_mutated_head_breaks_the_upgrade() {
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    let mut upgraded = 0;
    for seed in seeds::of(20_000) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut head = GOOD.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..head.len());
            match rng.random_range(0..4) {
                0 => head[at] = rng.random(),
                1 => head[at] = [b'\r', b'\n', b':', b' ', b'?', b'%', 0][rng.random_range(0..7)],
                2 if head.len() > 1 => drop(head.remove(at)),
                _ => {
                    let piece = head[at..(at + 20).min(head.len())].to_vec();
                    let to = rng.random_range(0..head.len());
                    head.splice(to..to, piece);
                }
            }
        }
        match Upgrade::parse(&head) {
            Ok(upgrade) => {
                upgraded += 1;
                assert!(upgrade.response().ends_with(b"\r\n\r\n"), "seed {seed}");
            }
            Err(rejection) => assert!((400..500).contains(&rejection.status()), "seed {seed}"),
        }
    }
    assert!(upgraded > 0, "the changes are too wild to prove anything");
}
