//! What strangers and broken clients send: a documented code or silence, and nobody else disturbed.

mod support;

use std::time::Duration;

use protocol::Code;
use reqwest::{Method, StatusCode};
use support::{Person, SOON, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use weiquan_client::{Connection, Error};

const HEAD: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2VpcXVhbi10ZXN0cy0xMg==\r\n\
                    Sec-WebSocket-Protocol: weiquan.v1.json\r\n\r\n";

/// A socket after its upgrade, to send raw bytes on.
async fn raw(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.expect("connects");
    socket.write_all(HEAD.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 1_024];
    let n = socket.read(&mut answer).await.expect("answered");
    assert!(
        answer[..n].starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer[..n])
    );
    socket
}

/// The close code that the server ends a raw socket with.
async fn close_code(mut socket: TcpStream) -> u16 {
    let mut all = Vec::new();
    let mut chunk = [0; 4_096];
    timeout(SOON, async {
        while let Ok(n @ 1..) = socket.read(&mut chunk).await {
            all.extend_from_slice(&chunk[..n]);
        }
    })
    .await
    .expect("the server ends it");
    // The last frame is the close: 0x88, its length, and the code.
    let at = all
        .windows(2)
        .rposition(|it| it[0] == 0x88)
        .expect("a close frame");
    u16::from_be_bytes([all[at + 2], all[at + 3]])
}

/// A client frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(0x80 | n as u8),
        n @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test]
async fn f4_what_breaks_the_websocket_closes_with_its_code() {
    let server = Server::start();
    let mut huge = vec![0x81, 0x80 | 127];
    huge.extend_from_slice(&(1_u64 << 62).to_be_bytes());
    huge.extend_from_slice(&[0; 4]);
    let cases: &[(&str, Vec<u8>, u16)] = &[
        (
            "a message over 256 KiB",
            frame(0x81, &vec![b'x'; 300 * 1024]),
            1009,
        ),
        ("a header that claims 2^62 bytes", huge, 1009),
        ("binary", frame(0x82, b"{}"), 1003),
        ("text that is not UTF-8", frame(0x81, &[0xff, 0xfe]), 1007),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("an unmasked frame", vec![0x81, 2, b'{', b'}'], 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
    ];
    for (what, bytes, expected) in cases {
        let mut socket = raw(&server).await;
        socket.write_all(bytes).await.expect("sent");
        assert_eq!(close_code(socket).await, *expected, "{what}");
    }
}

#[tokio::test]
async fn h1_and_h2_who_does_not_say_who_it_is_goes() {
    let server = Server::start();
    let owner = server.set_up().await;
    // Silence after the upgrade.
    let silent = raw(&server).await;
    assert_eq!(close_code(silent).await, 4500);

    // Tokens that are none: {"alg":"none"}, a changed byte, an empty one.
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtX293bmVyIiwicm9sZSI6Im93bmVyIn0.";
    let mut changed = owner.token.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("ASCII");
    for token in [none, &changed, "", "a.b.c"] {
        let mut line = Connection::open(server.address, None)
            .await
            .expect("connects");
        let refused = line.hello(token, "phone").await;
        let code = match &refused {
            Err(Error::Refused(it)) => Some(it.code),
            _ => None,
        };
        assert_eq!(code, Some(Code::TokenInvalid), "{token:?}: {refused:?}");
        let end = timeout(SOON, line.next()).await.expect("in time");
        assert!(
            matches!(end, Err(Error::Closed { code: 4500, .. })),
            "{end:?}"
        );
    }

    // Anything before hello.
    let mut line = Connection::open(server.address, None)
        .await
        .expect("connects");
    let refused = line.join("hall", None).await;
    assert!(matches!(refused, Err(Error::Refused(it)) if it.code == Code::HelloFirst));
}

#[tokio::test]
async fn f3_nonsense_is_refused_and_the_connection_stays() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let nested = format!(
        r#"{{"op":"pub","i":9,"x":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let cases = [
        (r#"{"op":"dance","i":9}"#.to_owned(), Code::UnknownOp),
        (r#"{"op":"pub","i":9}"#.to_owned(), Code::Malformed),
        ("[]{".to_owned(), Code::Malformed),
        (
            r#"{"op":"leave","i":9,"a":1e400}"#.to_owned(),
            Code::Malformed,
        ),
        (
            r#"{"op":"pub","i":9,"a":1,"cid":"c","text":"\ud800"}"#.to_owned(),
            Code::Malformed,
        ),
        (nested, Code::Malformed),
        (
            format!(
                r#"{{"op":"pub","i":9,"a":{a},"cid":"c","text":"{}"}}"#,
                "x".repeat(65_536)
            ),
            Code::TooLarge,
        ),
        (
            r#"{"op":"history","i":9,"a":999,"n":5}"#.to_owned(),
            Code::NotJoined,
        ),
    ];
    for (text, expected) in cases {
        line.send_text(text.clone()).await.expect("sent");
        let answer = timeout(SOON, async {
            loop {
                if let weiquan_client::Incoming::Answer(answer) = line.next().await.expect("stays")
                {
                    return answer;
                }
            }
        })
        .await
        .expect("in time");
        let protocol::server::Outcome::Err(refusal) = answer.outcome else {
            panic!("{text}")
        };
        assert_eq!(refusal.code, expected, "{}", &text[..text.len().min(80)]);
    }
    line.say(a, "还在").await.expect("the connection stays");
}

#[tokio::test]
async fn b5_offers_that_cannot_be_answered_say_why() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await;
    let guest = Person::new(&server);
    let whep = "/api/v1/rooms/hall/whep";
    let send = |person: &Person, path: &str, kind: &str, body: String, bearer: Option<&str>| {
        let mut request = person
            .request(Method::POST, path)
            .header("content-type", kind)
            .body(body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        async move {
            let answer = request.send().await.expect("answered");
            let status = answer.status();
            let retry = answer.headers().contains_key("retry-after");
            (status, retry, answer.text().await.expect("a body"))
        }
    };
    let sdp = "application/sdp";
    let offer = |direction: &str, codec: &str| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na={direction}\r\na=rtcp-mux\r\n\
             a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n\
             a=fingerprint:sha-256 {}\r\na=rtpmap:96 {codec}/90000\r\n",
            vec!["AB"; 32].join(":")
        )
    };

    let (status, retry, body) = send(&guest, whep, sdp, offer("recvonly", "VP8"), None).await;
    assert_eq!(
        (status, retry),
        (StatusCode::CONFLICT, true),
        "nothing is published: {body}"
    );
    let (status, ..) = send(&guest, whep, "text/plain", offer("recvonly", "VP8"), None).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let whip = |kind: &'static str, body: String, bearer: Option<&'static str>| {
        let bearer = bearer.unwrap_or(&key.key).to_owned();
        let guest = &guest;
        async move { send(guest, "/whip", kind, body, Some(&bearer)).await }
    };
    let (status, _, body) = whip(sdp, "this is no SDP".into(), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let (status, _, body) = whip(sdp, offer("sendonly", "H261"), None).await;
    assert!(
        status == StatusCode::UNPROCESSABLE_ENTITY && body.contains("codec_unsupported"),
        "{status} {body}"
    );
    let (status, _, body) = whip(sdp, offer("recvonly", "VP8"), None).await;
    assert!(
        status == StatusCode::UNPROCESSABLE_ENTITY && body.contains("sdp_unfit"),
        "{status} {body}"
    );
    let (status, ..) = whip(sdp, offer("sendonly", "VP8"), Some("wqk_wrong")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, ..) = whip(sdp, "x".repeat(300 * 1024), None).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn packets_from_nowhere_are_dropped_and_answered_with_nothing() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut seed = 9_u64;
    for port in server.media_ports() {
        for _ in 0..500 {
            let bytes: Vec<u8> = (0..64)
                .map(|i| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i);
                    (seed >> 33) as u8
                })
                .collect();
            socket
                .send_to(&bytes, ("127.0.0.1", port))
                .await
                .expect("sent");
        }
        // A well-formed STUN binding request without credentials, and a ClientHello.
        let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        socket
            .send_to(&stun, ("127.0.0.1", port))
            .await
            .expect("sent");
        let hello = [
            &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 1][..],
            &[0; 39],
        ]
        .concat();
        socket
            .send_to(&hello, ("127.0.0.1", port))
            .await
            .expect("sent");
    }
    let mut buffer = [0; 2_048];
    let heard = timeout(Duration::from_millis(700), socket.recv_from(&mut buffer)).await;
    assert!(
        heard.is_err(),
        "the server answered {heard:?} to a stranger"
    );
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "没事").await.expect("nobody is disturbed");
}

/// Asks for an upgrade as somebody behind the proxy of this machine; answers the status.
async fn upgrade_from(server: &Server, address: &str) -> (u16, TcpStream) {
    let mut socket = TcpStream::connect(server.address).await.expect("connects");
    let head = HEAD.replace("Host:", &format!("X-Forwarded-For: {address}\r\nHost:"));
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut status = [0; 12];
    let read = timeout(SOON, socket.read_exact(&mut status)).await;
    read.expect("in time").expect("an answer");
    let text = std::str::from_utf8(&status[9..]).expect("digits");
    (text.parse().expect("a status"), socket)
}

#[tokio::test]
async fn f8_a_full_address_is_refused_and_gets_its_place_back_with_the_socket() {
    let server = Server::start_with(&["server.connections_per_address=2"]);
    let (first, one) = upgrade_from(&server, "203.0.113.7").await;
    let (second, _two) = upgrade_from(&server, "203.0.113.7").await;
    assert_eq!((first, second), (101, 101));
    assert_eq!(upgrade_from(&server, "203.0.113.7").await.0, 429);
    assert_eq!(upgrade_from(&server, "203.0.113.8").await.0, 101);
    let mut programs = Vec::new();
    for _ in 0..4 {
        let line = Connection::open(server.address, None).await;
        programs.push(line.expect("this machine's own programs are not counted"));
    }
    drop(one);
    timeout(SOON, async {
        while upgrade_from(&server, "203.0.113.7").await.0 != 101 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the place is free again");
}

/// Who has a token that the operator made, and no account here, can own nothing here: that is said, and is
/// no failure of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_belongs_to_an_account() {
    let server = Server::start();
    let owner = server.set_up().await;
    let token = server.tokens(1).remove(0);
    let answer = owner
        .http
        .post(server.url("/api/v1/rooms"))
        .bearer_auth(token)
        .json(&serde_json::json!({"title": "mine", "guests": true}))
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), 403);
    let problem: protocol::rest::Problem = answer.json().await.expect("a problem");
    assert_eq!(problem.code, protocol::Code::NotPermitted);
}
