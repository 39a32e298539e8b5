//! More than anybody needs, of everything, beside somebody who only wants to talk.

use std::time::{Duration, Instant};

use protocol::limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    support::{Person, SOON, Server},
    wire::{FIRST_PART, MIB, NEXT_PART, PING, close_code, frame, resident_bytes, upgraded},
};

/// A room with somebody in it who was never in a hurry.
async fn hall(server: &Server) -> Person {
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_two_thousand_slow_heads_keep_nobody_waiting_and_are_cut() {
    let server = Server::start();
    let owner = hall(&server).await;
    let mut slow = JoinSet::new();
    for n in 0..2_000_usize {
        let mut socket = TcpStream::connect(server.address).await.expect("connects");
        slow.spawn(async move {
            let head = crate::wire::UPGRADE.as_bytes();
            let began = Instant::now();
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            let mut answer = [0; 256];
            // One byte a second, and the head never ends.
            for byte in head.iter().cycle().skip(n % 7) {
                tokio::select! {
                    read = socket.read(&mut answer) => match read {
                        Ok(0) | Err(_) => return began.elapsed(),
                        // The words of a 408 on the way out.
                        Ok(_) => {}
                    },
                    _ = ticks.tick() => if socket.write_all(&[*byte]).await.is_err() {
                        return began.elapsed();
                    },
                }
            }
            began.elapsed()
        });
    }
    // The best of five: other tests share the machine, and they only ever make one slower.
    let mut best = Duration::MAX;
    for n in 0..5 {
        let began = Instant::now();
        let mut line = owner.connect(&format!("tab {n}")).await;
        let a = line.join("hall", None).await.expect("joined").a;
        line.say(a, "很快").await.expect("said");
        best = best.min(began.elapsed());
    }
    assert!(best < Duration::from_millis(500), "{best:?} to come in");
    let all = timeout(SOON, slow.join_all()).await.expect("all are cut");
    let last = all.iter().max().expect("some");
    assert!(*last < Duration::from_secs(10), "{last:?}");
}

#[tokio::test]
async fn s7_a_header_that_claims_2_to_the_63_bytes_costs_no_memory() {
    let server = Server::start();
    hall(&server).await;
    let claims: &[u64] = &[
        u64::MAX,
        1 << 63,
        u64::MAX >> 1,
        1 << 62,
        limits::SIGNALLING_BYTES_MAX as u64 + 1,
    ];
    // What a first upgrade needs is there.
    drop(upgraded(&server).await);
    let before = resident_bytes(&server);
    for claimed in claims {
        for first in [crate::wire::TEXT, FIRST_PART] {
            let mut socket = upgraded(&server).await;
            let mut header = vec![first, 0x80 | 127];
            header.extend_from_slice(&claimed.to_be_bytes());
            header.extend_from_slice(&[0; 4]);
            socket.write_all(&header).await.expect("sent");
            assert_eq!(close_code(&mut socket).await.0, 1009, "{claimed:#x}");
        }
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < MIB, "{grown} bytes more");
}

#[tokio::test]
async fn s9_ten_thousand_empty_fragments_end_their_connection() {
    let server = Server::start();
    hall(&server).await;
    let mut socket = upgraded(&server).await;
    let (mut reader, mut writer) = socket.split();
    let mut bytes = frame(FIRST_PART, b"");
    for _ in 0..10_000 {
        bytes.extend(frame(NEXT_PART, b""));
    }
    let (_, (code, _)) = tokio::join!(writer.write_all(&bytes), close_code(&mut reader));
    assert_eq!(code, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_ping_flood_is_answered_sparingly_and_disturbs_nobody() {
    let server = Server::start_with(&["fanout.shards=1"]);
    let owner = hall(&server).await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "先说一句").await.expect("said");
    let before = resident_bytes(&server);

    let mut evil = owner.connect("evil").await;
    evil.join("hall", None).await.expect("joined");
    let mut socket = upgraded(&server).await;
    let hello = format!(
        r#"{{"op":"hello","i":1,"token":"{}","device":"x"}}"#,
        owner.token
    );
    let hello = frame(crate::wire::TEXT, hello.as_bytes());
    socket.write_all(&hello).await.expect("sent");
    let (mut reader, mut writer) = socket.into_split();
    let pings = frame(PING, b"0123456789").repeat(1_000);
    let sent = tokio::spawn(async move {
        let began = Instant::now();
        let mut sent = 0_u64;
        for _ in 0..400 {
            if writer.write_all(&pings).await.is_err() {
                break;
            }
            sent += pings.len() as u64;
        }
        drop(writer);
        (sent, began.elapsed())
    });
    let heard = tokio::spawn(async move {
        let mut heard = 0_u64;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = reader.read(&mut buffer).await {
            heard += n as u64;
        }
        heard
    });
    let mut worst = Duration::ZERO;
    while !sent.is_finished() {
        let began = Instant::now();
        line.say(a, "洪水中").await.expect("said");
        worst = worst.max(began.elapsed());
    }
    let (sent, took) = sent.await.expect("it ran");
    let heard = timeout(SOON, heard)
        .await
        .expect("it ends")
        .expect("it ran");
    assert!(sent >= 400 * 1_000 * 16, "{sent} bytes in {took:?}");
    assert!(heard < sent / 4, "{heard} bytes of answers to {sent}");
    assert!(worst < Duration::from_secs(1), "{worst:?} for a message");
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} bytes more");
}

#[tokio::test]
async fn s53_rooms_are_made_so_fast_and_no_faster_and_cost_no_memory() {
    let server = Server::start();
    let owner = hall(&server).await;
    let before = resident_bytes(&server);
    let (mut made, mut refused) = (0, 0);
    for n in 0..200 {
        let body = serde_json::json!({"title": format!("{n}"), "guests": true});
        let answer = owner.request(reqwest::Method::POST, "/api/v1/rooms");
        let answer = answer.json(&body).send().await.expect("answered");
        match answer.status().as_u16() {
            201 => made += 1,
            429 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    // The hall is one of the twenty.
    assert_eq!((made, refused), (19, 181));
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes more");
}
