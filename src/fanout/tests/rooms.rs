//! What a viewer hears of its rooms.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::Server;
use fanout::{Config, Order};

/// A ring of a few frames, so that a slow viewer falls out of it soon.
fn small_ring() -> Config {
    Config {
        ring_frames_max: 8,
        ..Config::default()
    }
}

#[tokio::test]
async fn the_first_answer_comes_before_everything_of_the_room() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    server.join(&client, 7, 3);
    server.log(7, 4, 4, 0);
    server.state(7, 0, 1);
    server.log(7, 5, 6, 0);
    assert_eq!(client.text().await, "joined");
    assert_eq!(client.text().await, "log 7 4 4");
    assert_eq!(client.text().await, "state 7 0 1");
    assert_eq!(client.text().await, "log 7 5 6");
}

#[tokio::test]
async fn a_viewer_hears_only_its_rooms() {
    let server = Server::start(Config::default()).await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    server.join(&one, 1, 0);
    server.join(&two, 1, 0);
    server.join(&two, 2, 0);
    server.log(1, 1, 1, 0);
    server.log(2, 1, 1, 0);
    server.shard().order(Order::Leave {
        connection: two.id,
        room: 1,
    });
    server.log(1, 2, 2, 0);
    server.log(2, 2, 2, 0);
    assert_eq!(one.until("log 1 2 2").await, ["joined", "log 1 1 1"]);
    let heard = two.until("log 2 2 2").await;
    assert!(
        !heard.iter().any(|it| it.starts_with("log 1 2")),
        "{heard:?}"
    );
    assert_eq!(heard.iter().filter(|it| *it == "joined").count(), 2);
}

#[tokio::test]
async fn a_room_that_is_no_more_tells_everybody_in_it_and_nobody_else() {
    let server = Server::start(Config::default()).await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    server.join(&one, 1, 0);
    server.join(&one, 2, 0);
    server.join(&two, 2, 0);
    server.log(1, 1, 1, 0);
    server.shard().order(Order::Dissolve {
        room: 1,
        frame: common::text("out 1"),
    });
    // Nobody is in it any more; whoever comes in again hears what follows.
    server.log(1, 2, 2, 0);
    server.join(&one, 1, 2);
    server.log(1, 3, 3, 0);
    server.log(2, 1, 1, 0);
    let heard = one.until("log 2 1 1").await;
    assert!(heard.contains(&"out 1".to_owned()), "{heard:?}");
    assert!(!heard.contains(&"log 1 2 2".to_owned()), "{heard:?}");
    assert!(heard.contains(&"log 1 3 3".to_owned()), "{heard:?}");
    assert_eq!(two.until("log 2 1 1").await, ["joined"]);
}

#[tokio::test]
async fn a_hole_in_the_log_is_told_as_a_gap() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    server.join(&client, 1, 5);
    server.log(1, 6, 6, 0);
    server.log(1, 9, 9, 0);
    assert_eq!(
        client.until("log 1 9 9").await,
        ["joined", "log 1 6 6", "gap 1 7 8"]
    );
}

#[tokio::test]
async fn what_the_first_answer_held_already_is_not_said_twice() {
    let server = Server::start(Config::default()).await;
    let (mut first, mut ahead) = (server.client().await, server.client().await);
    server.join(&first, 1, 0);
    server.join(&ahead, 1, 2);
    for seq in 1..=3 {
        server.log(1, seq, seq, 0);
    }
    assert_eq!(
        first.until("log 1 3 3").await,
        ["joined", "log 1 1 1", "log 1 2 2"]
    );
    assert_eq!(ahead.until("log 1 3 3").await, ["joined"]);
}

#[tokio::test]
async fn a_viewer_that_joins_from_before_is_told_what_is_gone() {
    let server = Server::start(Config::default()).await;
    let (mut first, mut late) = (server.client().await, server.client().await);
    server.join(&first, 1, 10);
    server.log(1, 11, 12, 0);
    first.until("log 1 11 12").await;
    server.join(&late, 1, 4);
    server.log(1, 13, 13, 0);
    let heard = late.until("log 1 13 13").await;
    // The records are still there if the first one's socket was not ready at once.
    let gone: [&[&str]; 2] = [
        &["joined", "gap 1 5 12"],
        &["joined", "gap 1 5 10", "log 1 11 12"],
    ];
    assert!(
        gone.contains(&&heard.iter().map(String::as_str).collect::<Vec<_>>()[..]),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_stalled_viewer_reads_on_where_it_was() {
    let server = Server::start(Config::default()).await;
    let mut fast = server.client().await;
    let mut slow = server.client_with(0, Some(4_096), b"").await;
    server.join(&fast, 1, 0);
    server.join(&slow, 1, 0);
    for seq in 1..=60 {
        server.log(1, seq, seq, 16_000);
        if seq == 60 {
            server.burst(1, 1);
        }
        fast.until(&format!("log 1 {seq} {seq}")).await;
    }
    fast.until("burst 1 1").await;
    // A write of 64 KiB is kept whole by the kernel or waits in the ring: all of it comes, in order.
    slow.until("joined").await;
    for seq in 1..=60 {
        assert_eq!(slow.text().await, format!("log 1 {seq} {seq}"));
    }
    // The burst was skipped: the next thing said is the next record.
    server.log(1, 61, 61, 0);
    assert_eq!(slow.text().await, "log 1 61 61");
}

#[tokio::test]
async fn a_viewer_that_fell_out_of_the_ring_is_told_the_gap_and_the_last_values() {
    let server = Server::start(small_ring()).await;
    let mut fast = server.client().await;
    let mut slow = server.client_with(0, Some(4_096), b"").await;
    server.join(&fast, 1, 0);
    server.join(&slow, 1, 0);
    for seq in 1..=200 {
        server.log(1, seq, seq, 16_000);
        if seq <= 100 {
            server.state(1, 5, seq);
        }
        fast.until(&format!("log 1 {seq} {seq}")).await;
    }
    slow.until("joined").await;
    let (mut last, mut gaps, mut value) = (0, 0, 0);
    while last < 200 {
        let heard = slow.text().await;
        let words: Vec<&str> = heard.split(' ').collect();
        let number = |i: usize| words[i].parse::<u64>().unwrap();
        match words[0] {
            "log" => {
                assert_eq!(number(2), last + 1);
                last = number(3);
            }
            "gap" => {
                assert_eq!(number(2), last + 1, "{heard}");
                last = number(3);
                gaps += 1;
            }
            "state" => {
                assert!(number(3) > value, "{heard} after {value}");
                value = number(3);
            }
            _ => panic!("{heard}"),
        }
    }
    assert!(gaps >= 1);
    assert_eq!(value, 100, "the last value is never lost");
    server.log(1, 201, 201, 0);
    assert_eq!(slow.text().await, "log 1 201 201");
}

#[tokio::test]
async fn answers_pass_what_a_blocked_socket_still_has_to_hear_of_the_room() {
    let server = Server::start(Config::default()).await;
    let mut fast = server.client().await;
    let mut slow = server.client_with(0, Some(4_096), b"").await;
    server.join(&fast, 1, 0);
    server.join(&slow, 1, 0);
    for seq in 1..=60 {
        server.log(1, seq, seq, 16_000);
        fast.until(&format!("log 1 {seq} {seq}")).await;
    }
    slow.say("echo hello").await;
    server.await_text("echo hello");
    let before = slow.until("hello").await;
    assert!(before.len() < 60, "the answer waited behind the ring");
    slow.until("log 1 60 60").await;
}

#[tokio::test]
async fn a_silent_room_keeps_what_the_slowest_still_needs() {
    let config = Config {
        sweep_every: Duration::from_millis(5),
        ping_after: Duration::from_millis(20),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut fast = server.client().await;
    let mut slowest = server.client_with(0, Some(4_096), b"").await;
    let mut slow = server.client_with(0, Some(256 * 1_024), b"").await;
    for client in [&fast, &slowest, &slow] {
        server.join(client, 1, 0);
    }
    for seq in 1..=60 {
        server.log(1, seq, seq, 16_000);
        fast.until(&format!("log 1 {seq} {seq}")).await;
    }
    // The ping to the silent comes by the look at everything that also tidies the rings.
    fast.say("noop").await;
    fast.until(r#"{"op":"ping"}"#).await;
    for client in [&mut slow, &mut slowest] {
        let mut heard = client.until("log 1 60 60").await;
        heard.retain(|it| it.starts_with("log") || it.starts_with("gap"));
        let expect: Vec<String> = (1..60).map(|it| format!("log 1 {it} {it}")).collect();
        assert_eq!(heard, expect);
    }
}

#[tokio::test]
async fn each_viewer_hears_the_form_that_it_takes() {
    let server = Server::start(Config::default()).await;
    let (mut plain, mut small) = (server.client().await, server.deflating(None).await);
    let mut stalled = server.deflating(Some(4_096)).await;
    for client in [&plain, &small, &stalled] {
        server.join(client, 1, 0);
    }
    // Both forms of all of them fit into the ring.
    for seq in 1..=60 {
        server.log_in_both(1, seq, seq, 10_000);
        server.state(1, 0, seq);
        for client in [&mut plain, &mut small] {
            client.until(&format!("state 1 0 {seq}")).await;
        }
    }
    // What has no other form comes as text: the answer, values, gaps. So does nothing else.
    assert_eq!((plain.deflated, small.deflated), (0, 60));
    // One who was blocked reads on in its form, and hears every record once.
    stalled.until("joined").await;
    for seq in 1..=60 {
        stalled.until(&format!("log 1 {seq} {seq}")).await;
    }
    assert_eq!(stalled.deflated, 60);
    server.log_in_both(1, 70, 70, 0);
    for client in [&mut plain, &mut small, &mut stalled] {
        let heard = client.until("log 1 70 70").await;
        assert!(heard.contains(&"gap 1 61 69".to_owned()), "{heard:?}");
    }
    // When one who took it so has gone, the others hear on; so does one who comes again.
    let gone = small.id;
    drop(small);
    server.await_closed(gone);
    server.log_in_both(1, 71, 71, 100);
    plain.until("log 1 71 71").await;
    let mut again = server.deflating(None).await;
    server.join(&again, 1, 71);
    server.log_in_both(1, 72, 72, 100);
    again.until("log 1 72 72").await;
    assert_eq!((plain.deflated, again.deflated), (0, 1));
}

#[tokio::test]
async fn many_frames_at_once_reach_many_viewers_in_turns() {
    let server = Server::start(Config {
        turn_sends: 16,
        ..Config::default()
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let client = server.client().await;
        server.join(&client, 1, 0);
        clients.push(client);
    }
    for seq in 1..=100 {
        server.log(1, seq, seq, 100);
    }
    for client in &mut clients {
        let heard = client.until("log 1 100 100").await;
        let expect: Vec<String> = std::iter::once("joined".to_owned())
            .chain((1..100).map(|it| format!("log 1 {it} {it}")))
            .collect();
        assert_eq!(heard, expect);
    }
}
