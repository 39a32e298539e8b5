//! The bad line on real sockets: what it promises of datagrams, of streams, and of what it is told.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
    time::timeout,
};
use weiquan_loadtest::{
    impair::{Conditions, Ending, Relay, Route, Wish},
    path,
};

/// Longest wait for a fact that must come.
const SOON: Duration = Duration::from_secs(20);

fn on(text: &str) -> Conditions {
    Conditions::default().with_text(text).expect("conditions")
}

async fn soon<T>(fact: impl Future<Output = T>) -> T {
    timeout(SOON, fact).await.expect("in time")
}

async fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a port")
}

fn at(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("bound")
}

/// The next datagram and whom it came from.
async fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (n, from) = soon(socket.recv_from(&mut buffer)).await.expect("heard");
    (buffer[..n].to_vec(), from)
}

#[tokio::test]
async fn each_source_is_a_line_of_its_own_and_answers_find_their_way_back() {
    let server = udp().await;
    let relay = Relay::open(Route::udp(at(&server))).await.expect("a relay");
    let (ann, bob) = (udp().await, udp().await);
    ann.send_to(b"ann", relay.address()).await.expect("sent");
    let (said, of_ann) = hear(&server).await;
    assert_eq!(said, b"ann");
    bob.send_to(b"bob", relay.address()).await.expect("sent");
    let (said, of_bob) = hear(&server).await;
    assert_eq!(said, b"bob");
    assert_ne!(of_ann, of_bob);
    server.send_to(b"to bob", of_bob).await.expect("sent");
    server.send_to(b"to ann", of_ann).await.expect("sent");
    assert_eq!(hear(&ann).await, (b"to ann".to_vec(), relay.address()));
    assert_eq!(hear(&bob).await, (b"to bob".to_vec(), relay.address()));
    let told = relay.told();
    assert_eq!(
        (told.lines.open, told.up.passed, told.down.passed),
        (2, 2, 2)
    );
}

#[tokio::test]
async fn a_rebind_is_another_address_to_the_server_and_none_to_the_client() {
    let server = udp().await;
    let relay = Relay::open(Route::udp(at(&server))).await.expect("a relay");
    let client = udp().await;
    client
        .send_to(b"wifi", relay.address())
        .await
        .expect("sent");
    let (_, before) = hear(&server).await;
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    relay.rebind(Some(elsewhere));
    client.send_to(b"4G", relay.address()).await.expect("sent");
    let (said, after) = hear(&server).await;
    assert_eq!((said.as_slice(), after.ip()), (&b"4G"[..], elsewhere));
    assert_ne!(before.port(), after.port());
    server.send_to(b"found you", after).await.expect("sent");
    assert_eq!(
        hear(&client).await,
        (b"found you".to_vec(), relay.address())
    );
}

#[tokio::test]
async fn a_cut_line_loses_datagrams_of_one_line_or_of_all() {
    let server = udp().await;
    let relay = Relay::open(Route::udp(at(&server))).await.expect("a relay");
    let (ann, bob) = (udp().await, udp().await);
    for who in [&ann, &bob] {
        who.send_to(b"here", relay.address()).await.expect("sent");
        hear(&server).await;
    }
    let tell = |text: &str| relay.tell(&Wish::read(text).expect("an order"));
    assert_eq!(tell(r#"{"do":"cut","line":1}"#).expect("done"), 1);
    ann.send_to(b"lost", relay.address()).await.expect("sent");
    bob.send_to(b"heard", relay.address()).await.expect("sent");
    assert_eq!(hear(&server).await.0, b"heard");
    assert_eq!(tell(r#"{"do":"heal"}"#).expect("done"), 2);
    ann.send_to(b"again", relay.address()).await.expect("sent");
    assert_eq!(hear(&server).await.0, b"again");
    assert_eq!(relay.told().up.blackholed, 1);
    assert!(tell(r#"{"do":"cut","line":3}"#).is_err());
    assert!(tell(r#"{"do":"stall"}"#).is_err(), "that is for TCP");
}

/// What a path through such a line does to numbered datagrams.
async fn seen(conditions: Conditions, seed: u64) -> path::Seen {
    let end = udp().await;
    let to = at(&end);
    drop(end);
    let route = Route {
        seed,
        up: conditions,
        ..Route::udp(to)
    };
    let relay = Relay::open(route).await.expect("a relay");
    let plan = path::Plan {
        at: to,
        to: relay.address(),
        count: 5_000,
        bytes: 100,
        rate: 0.0,
        in_flight: 64,
        json: None,
    };
    let seen = path::measure(&plan).await.expect("measured");
    let up = relay.told().up;
    assert_eq!((up.came, up.lost), (seen.sent, seen.lost), "{up:?}");
    assert_eq!(up.passed, seen.arrived + seen.doubled, "{up:?}");
    seen
}

#[tokio::test]
async fn the_same_seed_loses_the_same_datagrams() {
    let bad = on("loss=10%,burst=2,duplicate=3%");
    let first = seen(bad, 5).await;
    let again = seen(bad, 5).await;
    assert_eq!(first.missing, again.missing);
    assert_eq!(first.doubled, again.doubled);
    assert!((300..700).contains(&first.missing.len()), "{}", first.lost);
    assert_ne!(first.missing, seen(bad, 6).await.missing);
}

#[tokio::test]
async fn nothing_comes_before_its_delay_nor_out_of_order_unless_it_may() {
    let seen_on = |text: &str| seen(on(text), 1);
    let good = seen_on("").await;
    assert_eq!((good.lost, good.doubled, good.overtaken), (0, 0, 0));
    let late = seen_on("delay=5ms,jitter=2ms").await;
    assert_eq!((late.lost, late.overtaken), (0, 0));
    // The histogram keeps three digits.
    assert!(late.delay_us.min() >= 2_990, "{} µs", late.delay_us.min());
    let mixed = seen_on("delay=2ms,reorder=5%,reorder-by=5ms").await;
    assert!(mixed.overtaken > 0 && mixed.lost == 0, "{mixed:?}");
}

/// Both ends of a connection through a relay.
async fn connected(route: impl Fn(SocketAddr) -> Route) -> (TcpStream, TcpStream, Relay) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("bound");
    let relay = Relay::open(route(to)).await.expect("a relay");
    let client = TcpStream::connect(relay.address()).await.expect("connects");
    let (server, _) = soon(listener.accept()).await.expect("arrives");
    (client, server, relay)
}

/// Sends `bytes` in pieces of all sizes, and its end.
async fn send(mut to: OwnedWriteHalf, bytes: &[u8], mut random: SmallRng) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = random.random_range(1..=rest.len().min(20_000));
        to.write_all(&rest[..n]).await.expect("sent");
        rest = &rest[n..];
    }
    to.shutdown().await.expect("ended");
}

#[tokio::test]
async fn a_stream_is_whole_and_in_order_whatever_the_line_does() {
    for seed in seeds::of(6) {
        let mut random = SmallRng::seed_from_u64(seed);
        let worst = on(
            "loss=3%,burst=2,delay=2ms,jitter=2ms,shape=tail,rate=40mbit,queue=8kib,retransmit=5ms",
        );
        let (client, server, relay) = connected(|to| Route {
            seed,
            window: Some(8_192),
            ..Route::tcp(to).both(worst)
        })
        .await;
        let mut make = |n: usize| -> Vec<u8> { (0..n).map(|_| random.random()).collect() };
        let (up, down) = (make(300_000), make(300_000));
        let (mut client_reads, client_writes) = client.into_split();
        let (mut server_reads, server_writes) = server.into_split();
        let (mut came_up, mut came_down) = (Vec::new(), Vec::new());
        let changes = async {
            // The line changes under what is on it; a cut and a stall keep every byte as well.
            for text in [
                r#"{"do":"set","both":{"rate":"2mbit","loss":"10%"}}"#,
                r#"{"do":"cut"}"#,
                r#"{"do":"heal"}"#,
                r#"{"do":"stall","way":"down"}"#,
                r#"{"do":"set","both":{"rate":"none","loss":0}}"#,
                r#"{"do":"heal"}"#,
            ] {
                tokio::task::yield_now().await;
                relay
                    .tell(&Wish::read(text).expect("an order"))
                    .expect("done");
            }
        };
        let both = async {
            tokio::join!(
                send(client_writes, &up, SmallRng::seed_from_u64(seed)),
                send(server_writes, &down, SmallRng::seed_from_u64(seed + 1)),
                server_reads.read_to_end(&mut came_up),
                client_reads.read_to_end(&mut came_down),
                changes,
            )
        };
        let (_, _, read_up, read_down, ()) = soon(both).await;
        read_up.and(read_down).expect("read");
        assert!(came_up == up, "what went up changed");
        assert!(came_down == down, "what came down changed");
    }
}

#[tokio::test]
async fn a_stalled_viewer_fills_the_buffers_of_the_server_and_gets_everything_later() {
    let narrow = |to| Route {
        window: Some(4_096),
        ..Route::tcp(to)
    };
    let (mut client, server, relay) = connected(narrow).await;
    relay.stall();
    let mut sent = 0;
    let chunk = [7; 16_384];
    // Until the kernel takes nothing for a second: a stalled line never takes more.
    while let Ok(writable) = timeout(Duration::from_secs(1), server.writable()).await {
        writable.expect("it holds");
        if let Ok(n) = server.try_write(&chunk) {
            sent += n;
        }
        assert!(sent < 100_000_000, "nothing fills up");
    }
    assert_eq!(relay.told().down.came_bytes, 0);
    relay.heal();
    drop(server);
    let mut came = Vec::new();
    soon(client.read_to_end(&mut came)).await.expect("read");
    assert_eq!(came.len(), sent);
}

#[tokio::test]
async fn a_cut_connection_tells_nobody_that_an_end_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("bound");
    let relay = Relay::open(Route::tcp(to)).await.expect("a relay");
    let open = async || {
        let client = TcpStream::connect(relay.address()).await.expect("connects");
        let (server, _) = soon(listener.accept()).await.expect("arrives");
        (client, server)
    };
    let (dead, dead_server) = open().await;
    let (witness, mut witness_server) = open().await;
    let wish = Wish::read(r#"{"do":"cut","line":1}"#).expect("an order");
    relay.tell(&wish).expect("done");
    drop(dead);
    drop(witness);
    // What the witness's end took has long taken the other's too, had it been told.
    assert_eq!(soon(witness_server.read(&mut [0])).await.expect("read"), 0);
    let nothing = dead_server.try_read(&mut [0]).expect_err("nothing is told");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    // Who dials a dead network reaches nobody until it is healed.
    relay.cut();
    let mut late = TcpStream::connect(relay.address())
        .await
        .expect("the kernel's part");
    late.write_all(b"hello").await.expect("the kernel takes it");
    assert_eq!(relay.told().up.came_bytes, 0);
    relay.heal();
    let (mut late_server, _) = soon(listener.accept()).await.expect("arrives");
    let mut said = [0; 5];
    soon(late_server.read_exact(&mut said)).await.expect("read");
    assert_eq!(&said, b"hello");
    let mut dead_server = dead_server;
    assert_eq!(soon(dead_server.read(&mut [0])).await.expect("told now"), 0);
}

#[tokio::test]
async fn a_reset_is_a_reset_to_both() {
    let (mut client, mut server, relay) = connected(Route::tcp).await;
    relay.reset();
    for end in [&mut client, &mut server] {
        let error = soon(end.read(&mut [0])).await.expect_err("it broke");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = nobody.local_addr().expect("bound");
    drop(nobody);
    let relay = Relay::open(Route::tcp(to)).await.expect("a relay");
    let mut client = TcpStream::connect(relay.address()).await.expect("connects");
    let error = soon(client.read(&mut [0]))
        .await
        .expect_err("nobody is there");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_line_is_cut_after_so_many_bytes() {
    let cut = Conditions {
        cut_after: Some(1_000),
        cut_by: Ending::HangUp,
        ..Conditions::default()
    };
    let (mut client, mut server, _relay) = connected(|to| Route {
        down: cut,
        ..Route::tcp(to)
    })
    .await;
    server.write_all(&[7; 5_000]).await.expect("taken");
    let mut came = vec![0; 1_000];
    soon(client.read_exact(&mut came)).await.expect("so many");
    // The rest of it is lost with the connection: its end is a FIN, or an RST for what was not read.
    let end = soon(client.read(&mut [0])).await;
    assert!(!matches!(end, Ok(1..)), "{end:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_at_once() {
    let to = SocketAddr::from(([127, 0, 0, 1], 9));
    for bad in [
        "reorder=1%",
        "duplicate=1%",
        "overtake=true",
        "loss=90%,burst=2",
    ] {
        let opened = Relay::open(Route::tcp(to).both(on_unchecked(bad))).await;
        assert!(opened.is_err(), "{bad}");
    }
}

/// As a program that fills in the fields may have it.
fn on_unchecked(text: &str) -> Conditions {
    match text {
        "loss=90%,burst=2" => Conditions {
            loss: 0.9,
            burst: 2.0,
            ..Conditions::default()
        },
        other => on(other),
    }
}
