//! How a connection begins, what keeps it and how it ends.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{CURSED, Heard, Server, masked, quick, text};
use fanout::{Config, Order};
use protocol::CloseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn bytes_that_came_with_the_upgrade_are_heard() {
    let server = Server::start(Config::default()).await;
    let early = [masked(0x81, b"join 3 0"), masked(0x81, b"echo two")].concat();
    // The second message is cut in the middle.
    let (now, later) = early.split_at(early.len() - 3);
    let mut client = server.client_with(0, None, now).await;
    assert_eq!(client.text().await, "joined");
    client.send(later).await;
    assert_eq!(client.text().await, "two");
    server.log(3, 1, 1, 0);
    assert_eq!(client.text().await, "log 3 1 1");
}

#[tokio::test]
async fn pings_are_answered_and_a_flood_of_them_is_one_pong() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client.send(&masked(0x89, b"hi")).await;
    assert_eq!(client.hear().await, Heard::Pong(b"hi".to_vec()));
    let flood: Vec<u8> = (0..1_000).flat_map(|_| masked(0x89, b"x")).collect();
    client.send(&flood).await;
    client.say("echo end").await;
    let mut pongs = 0;
    while client.hear().await != Heard::Text("end".to_owned()) {
        pongs += 1;
    }
    assert!(pongs < 100, "{pongs}");
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let server = Server::start(Config::default()).await;
    let cases: [(&[u8], CloseCode); 5] = [
        (b"\x81\x02hi", CloseCode::ProtocolError),
        (b"\xc1\x80\x00\x00\x00\x00", CloseCode::ProtocolError),
        (b"\x82\x80\x00\x00\x00\x00", CloseCode::Unsupported),
        (b"\x81\x81\x00\x00\x00\x00\xff", CloseCode::BadUtf8),
        (
            b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            CloseCode::TooBig,
        ),
    ];
    for (bytes, code) in cases {
        let mut client = server.client().await;
        client.send(bytes).await;
        client.expect_close(code).await;
        server.await_closed(client.id);
    }
}

#[tokio::test]
async fn a_goodbye_is_answered_and_told_once() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client.send(&masked(0x88, b"\x03\xe8")).await;
    assert!(matches!(client.hear().await, Heard::Close(1000, _)));
    assert_eq!(client.hear().await, Heard::End);
    server.await_closed(client.id);
    assert_eq!(server.stop_and_count_closed(), 0);
}

#[tokio::test]
async fn a_client_that_vanishes_is_told_once() {
    let server = Server::start(Config::default()).await;
    let client = server.client().await;
    let id = client.id;
    server.join(&client, 1, 0);
    drop(client);
    server.await_closed(id);
    server.log(1, 1, 1, 0);
    assert_eq!(server.stop_and_count_closed(), 0);
}

#[tokio::test]
async fn a_task_that_keeps_a_link_keeps_no_socket() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client.say("keep").await;
    server.await_text("keep");
    client.socket.shutdown().await.unwrap();
    server.await_closed(client.id);
    assert_eq!(client.hear().await, Heard::End);
}

#[tokio::test]
async fn the_handler_closes_with_a_reason_and_hears_nothing_more() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client
        .send(
            &[
                masked(0x81, b"echo last"),
                masked(0x81, b"close"),
                masked(0x81, b"panic"),
            ]
            .concat(),
        )
        .await;
    assert_eq!(client.text().await, "last");
    assert_eq!(
        client.hear().await,
        Heard::Close(4502, "as asked".to_owned())
    );
    server.await_closed(client.id);
    // Orders for who is gone are dropped.
    server.shard().order(Order::Send {
        connection: client.id,
        frame: text("late"),
    });
    server.join(&client, 1, 0);
    assert_eq!(client.hear().await, Heard::End);
}

#[tokio::test]
async fn a_panic_in_a_handler_ends_its_connection_only() {
    let server = Server::start(Config::default()).await;
    let (mut bad, mut good) = (server.client().await, server.client().await);
    server.join(&good, 1, 0);
    server.join(&bad, 1, 0);
    bad.say("panic").await;
    bad.expect_close(CloseCode::Forced).await;
    server.await_closed(bad.id);
    server.log(1, 1, 1, 0);
    assert_eq!(good.until("log 1 1 1").await, ["joined"]);
}

#[tokio::test]
async fn a_panic_in_a_pass_sends_its_room_away_and_nobody_else() {
    let server = Server::start(Config::default()).await;
    let (mut bad, mut good) = (server.client().await, server.client().await);
    server.join(&bad, CURSED, 0);
    server.join(&good, 1, 0);
    // A hole, so a gap must be worded.
    server.log(CURSED, 5, 5, 0);
    bad.expect_close(CloseCode::Forced).await;
    server.await_closed(bad.id);
    server.log(1, 1, 1, 0);
    assert_eq!(good.until("log 1 1 1").await, ["joined"]);
    // The room begins anew.
    server.join(&good, CURSED, 5);
    server.log(CURSED, 6, 6, 0);
    assert_eq!(good.until("log 66 6 6").await, ["joined"]);
}

#[tokio::test]
async fn a_panic_in_a_task_of_the_shard_harms_nobody() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    server
        .shard()
        .spawn(|| async { panic!("a task's mistake") });
    server
        .shard()
        .spawn(|| -> std::future::Ready<()> { panic!("before there is a task") });
    client.say("echo alive").await;
    assert_eq!(client.text().await, "alive");
}

#[tokio::test]
async fn who_says_no_hello_in_time_is_closed() {
    let at_once = |link: &fanout::Link| link.expect_within(Duration::from_millis(100));
    let config = Config {
        ping_after: Duration::from_secs(9),
        ..quick()
    };
    let server = Server::start_with(
        Config {
            dead_after: Duration::from_secs(9),
            ..config
        },
        at_once,
    )
    .await;
    let (mut polite, mut silent) = (server.client().await, server.client().await);
    polite.say("met").await;
    silent.expect_close(CloseCode::BadToken).await;
    polite.say("echo still here").await;
    assert_eq!(polite.text().await, "still here");
}

#[tokio::test]
async fn a_silent_client_is_pinged_then_given_up() {
    let server = Server::start(quick()).await;
    let mut client = server.client().await;
    for _ in 0..3 {
        assert_eq!(client.text().await, r#"{"op":"ping"}"#);
        client.say("pong").await;
    }
    let before = tokio::time::Instant::now();
    client.expect_close(CloseCode::NoPong).await;
    assert!(
        before.elapsed() >= Duration::from_millis(200),
        "{:?}",
        before.elapsed()
    );
    server.await_closed(client.id);
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_closed() {
    let server = Server::start(Config {
        dead_after: Duration::from_secs(20),
        ..quick()
    })
    .await;
    let mut fast = server.client().await;
    let mut stuck = server.client_with(0, Some(4_096), b"").await;
    server.join(&stuck, 1, 0);
    server.join(&fast, 1, 0);
    for seq in 1..=40 {
        server.log(1, seq, seq, 16_000);
    }
    fast.until("log 1 40 40").await;
    server.await_closed(stuck.id);
    fast.say("echo still here").await;
    fast.until("still here").await;
    // It reads again, but too late: what the kernel had, perhaps the reason, and the end.
    let mut rest = Vec::new();
    stuck.socket.read_to_end(&mut rest).await.ok();
}

#[tokio::test]
async fn a_viewer_that_reads_slowly_but_steadily_stays() {
    let config = Config {
        ping_after: Duration::from_secs(20),
        dead_after: Duration::from_secs(20),
        blocked_closed_after: Duration::from_millis(1_200),
        ..quick()
    };
    let server = Server::start(config).await;
    let mut fast = server.client().await;
    let mut slow = server.client_with(0, Some(4_096), b"").await;
    server.join(&fast, 1, 0);
    server.join(&slow, 1, 0);
    for seq in 1..=60 {
        server.log(1, seq, seq, 16_000);
    }
    fast.until("log 1 60 60").await;
    slow.until("joined").await;
    // Three times as long as a socket may take nothing.
    let mut pace = tokio::time::interval(Duration::from_millis(60));
    for seq in 1..=60 {
        pace.tick().await;
        assert_eq!(slow.text().await, format!("log 1 {seq} {seq}"));
    }
}

#[tokio::test]
async fn a_client_that_lets_its_answers_wait_is_closed() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client_with(0, Some(4_096), b"").await;
    client.say("flood 400 16000").await;
    server.await_closed(client.id);
    client.expect_close(CloseCode::Slow).await;
}

#[tokio::test]
async fn a_drain_says_farewell_closes_all_and_adopts_nobody() {
    let server = Server::start(Config {
        shards: 2,
        ..Config::default()
    })
    .await;
    let mut clients = [
        server.client_with(0, None, b"").await,
        server.client_with(1, None, b"").await,
        server.client_with(1, None, b"").await,
    ];
    // A shard adopts after the client has its upgrade.
    while server.shards.connections() < 3 {
        tokio::task::yield_now().await;
    }
    let everybody_hears = async {
        for client in &mut clients {
            assert_eq!(client.text().await, "goaway");
            client.expect_close(CloseCode::Drain).await;
            client.socket.shutdown().await.ok();
        }
    };
    let drained = server.shards.drain(text("goaway"), Duration::from_secs(10));
    tokio::join!(everybody_hears, drained);
    assert_eq!(server.shards.connections(), 0);
    assert_eq!(server.stop_and_count_closed(), 3);
}

#[tokio::test]
async fn a_stop_tells_every_handler() {
    let server = Server::start(Config::default()).await;
    let _clients = [server.client().await, server.client().await];
    assert_eq!(server.stop_and_count_closed(), 2);
}
