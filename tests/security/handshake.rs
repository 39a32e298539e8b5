//! Who gets a WebSocket at all.

use protocol::{ClientFrame, limits};
use weiquan_client::Connection;

use crate::{
    support::{Server, library},
    wire::{UPGRADE, close_code, frame, head, upgraded},
};

#[tokio::test]
async fn s1_a_page_of_another_site_gets_no_socket_and_a_cookie_opens_none() {
    let server = Server::start();
    let owner = server.set_up().await;
    let credentials = serde_json::json!({"name": "圈主", "password": crate::support::PASSWORD});
    let signed_in: serde_json::Value = owner.post("/api/v1/sign-in", &credentials).await;
    assert!(signed_in["token"].is_string(), "the cookie is there");
    // What the browser of somebody signed in sends from an evil page.
    let cookie = "Cookie: weiquan_sign_in=whatever-it-is\r\n";
    let evil = format!("{UPGRADE}{cookie}Origin: https://evil.example\r\n\r\n");
    let (status, text, _) = head(server.address, &evil).await;
    assert_eq!(status, 403, "{text}");
    // And even where no Origin says so: a socket is opened by the token of its hello, never by a cookie.
    let program = format!("{UPGRADE}{cookie}\r\n");
    let (status, _, mut socket) = head(server.address, &program).await;
    assert_eq!(status, 101);
    let join = frame(crate::wire::TEXT, br#"{"op":"join","i":1,"room":"lobby"}"#);
    tokio::io::AsyncWriteExt::write_all(&mut socket, &join)
        .await
        .expect("sent");
    assert_eq!(close_code(&mut socket).await.0, 4500, "nobody said hello");
}

#[tokio::test]
async fn s2_an_origin_is_allowed_whole_or_not_at_all() {
    let server = Server::start_with(&["server.origins=[\"https://friend.example\"]"]);
    let upgrade = async |origin: &str| {
        let text = format!("{UPGRADE}Origin: {origin}\r\n\r\n");
        head(server.address, &text).await.0
    };
    assert_eq!(upgrade("https://friend.example").await, 101);
    for evil in [
        "https://evil-friend.example",
        "https://friend.example.evil.example",
        "https://evil.example/friend.example",
        "http://friend.example",
        "https://friend.example:444",
        "https://friend.example@evil.example",
        "https://sub.friend.example",
        "null",
        "file://",
        "*",
        "",
        "https://friend.example https://evil.example",
    ] {
        assert_eq!(upgrade(evil).await, 403, "{evil:?}");
    }
}

#[tokio::test]
async fn s3_a_head_above_8_kib_or_100_lines_is_431() {
    let server = Server::start();
    let lines = |n: usize| {
        (0..n)
            .map(|it| format!("X-{it}: y\r\n"))
            .collect::<String>()
    };
    let (status, ..) = head(server.address, &format!("{UPGRADE}{}\r\n", lines(60))).await;
    assert_eq!(status, 101);
    let many = format!("{UPGRADE}{}\r\n", lines(101));
    let (status, text, _) = head(server.address, &many).await;
    assert_eq!(status, 431, "{text}");
    // To the byte, so that the answer is not lost to a reset.
    let long = format!("{UPGRADE}X: {}", "y".repeat(8 * 1024));
    let (status, text, _) = head(server.address, &long[..8 * 1024]).await;
    assert_eq!(status, 431, "{text}");
}

#[tokio::test]
async fn s6_a_token_in_the_address_is_400() {
    let server = Server::start();
    for key in ["token", "access_token", "jwt", "stream_key", "TOKEN"] {
        let text = UPGRADE.replacen("/ws", &format!("/ws?{key}=abc"), 1);
        let (status, ..) = head(server.address, &format!("{text}\r\n")).await;
        assert_eq!(status, 400, "{key}");
        let page = format!("GET /r/hall?{key}=abc HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(head(server.address, &page).await.0, 400, "{key}");
    }
}

#[tokio::test]
async fn s11_no_compression_is_ever_agreed_on() {
    let server = Server::start();
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (status, text, mut socket) = head(server.address, &format!("{UPGRADE}{offers}\r\n")).await;
    assert_eq!(status, 101);
    assert!(!text.contains("sec-websocket-extensions"), "{text}");
    // A frame that says that it is compressed, as a bomb would.
    let bomb = frame(0xc1, &[0x78, 0x9c, 0xed, 0xc1, 0x01]);
    tokio::io::AsyncWriteExt::write_all(&mut socket, &bomb)
        .await
        .expect("sent");
    assert_eq!(close_code(&mut socket).await.0, 1002);
}

#[tokio::test]
async fn s5_who_says_nothing_is_closed_after_five_seconds_and_nobody_else() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut good = owner.connect("phone").await;
    let a = good.join("hall", None).await.expect("joined").a;
    // A page that may need it soon says ping first.
    let mut ahead = Connection::open(server.address, None).await.expect("open");
    ahead.send(&ClientFrame::Ping {}).await.expect("sent");
    let mut silent = upgraded(&server).await;
    let began = std::time::Instant::now();
    assert_eq!(close_code(&mut silent).await.0, 4500);
    let took = began.elapsed();
    assert!((4_500..9_000).contains(&took.as_millis()), "{took:?}");
    ahead
        .hello(&owner.token, "tablet")
        .await
        .expect("it waited");
    good.say(a, "还在").await.expect("it stays");
    Connection::open(server.address, None).await.expect("open");
}

#[tokio::test]
async fn s5_a_line_that_is_opened_ahead_is_kept_two_minutes_however_often_it_asks() {
    const TIMES: u32 = 30;
    let faked = library(&["/usr/lib/*/faketime/libfaketimeMT.so.1"]);
    let speed = format!("+0 x{TIMES}");
    let server = Server::start_with_under(
        &[],
        &[
            ("LD_PRELOAD", &faked.display().to_string()),
            ("FAKETIME", &speed),
        ],
    );
    let (mut read, mut write) = upgraded(&server).await.into_split();
    let began = std::time::Instant::now();
    let asks = async {
        let ping = frame(crate::wire::TEXT, br#"{"op":"ping"}"#);
        while tokio::io::AsyncWriteExt::write_all(&mut write, &ping)
            .await
            .is_ok()
        {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        std::future::pending().await
    };
    let code = tokio::select! {
        (code, _) = close_code(&mut read) => code,
        () = asks => 0,
    };
    assert_eq!(code, 4500);
    let took = began.elapsed() * TIMES;
    let least = limits::HELLO_AHEAD_WITHIN - limits::HELLO_WITHIN;
    assert!(took > least, "{took:?}");
}
