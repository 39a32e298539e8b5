//! What a delivery costs: viewers of one room in a process of their own, the shards in this one.
//!
//! ```text
//! cargo run --release -p weiquan-fanout --example fanout_bench -- \
//!     --viewers 2000 --rate 10 --seconds 10 --bytes 200 --shards 1 --stalled 0 --small-rooms 0
//! ```
//!
//! It prints one JSON object: CPU time of this process per delivery (utime + stime of
//! /proc/self/stat, so the kernel's sends are in it), RSS per connection while idle and after, and
//! the latency that the viewers saw, from the intended time of each message. `--stalled` viewers
//! never read; `--small-rooms` adds rooms of two with a message each 2 s, whose latency is told apart.
#![allow(clippy::unwrap_used)]

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fanout::{Adopt, Class, Config, Handler, Link, Open, Order, Peer, Shards};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// The big room. Small rooms count on from here.
const BIG: u32 = 1;

struct Plan {
    viewers: usize,
    rate: u64,
    seconds: u64,
    bytes: usize,
    shards: usize,
    stalled: usize,
    small_rooms: usize,
    duty: u32,
}

impl Plan {
    fn read() -> Self {
        let words: Vec<String> = std::env::args().collect();
        let number = |name: &str, default: u64| {
            let at = words.iter().position(|it| it == name);
            at.map_or(default, |it| {
                words[it + 1]
                    .parse()
                    .unwrap_or_else(|_| panic!("{name}: a number"))
            })
        };
        Self {
            viewers: number("--viewers", 2_000) as usize,
            rate: number("--rate", 10).max(1),
            seconds: number("--seconds", 10),
            bytes: number("--bytes", 200) as usize,
            shards: number("--shards", 1) as usize,
            stalled: number("--stalled", 0) as usize,
            small_rooms: number("--small-rooms", 0) as usize,
            duty: number("--duty", 100) as u32,
        }
    }

    /// Viewers that read, of the big room and of the small ones.
    fn readers(&self) -> usize {
        self.viewers - self.stalled + 2 * self.small_rooms
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match std::env::var("FANOUT_BENCH_SERVER") {
        Ok(addr) => runtime.block_on(view(&addr, &Plan::read())),
        Err(_) => runtime.block_on(serve(&Plan::read())),
    }
}

// The server's side.

/// Joins every connection to its room: the big one first, then two to each small one.
#[derive(Clone)]
struct BenchOpen {
    viewers: usize,
}

struct Silent;

impl Open for BenchOpen {
    type Handler = Silent;

    fn open(&self, link: Link, peer: Peer) -> Silent {
        // The origin carries the number in which the connection was accepted.
        let number: usize = peer.origin.unwrap().parse().unwrap();
        let room = match number.checked_sub(self.viewers) {
            None => BIG,
            Some(small) => BIG + 1 + (small / 2) as u32,
        };
        let (connection, first) = (link.id(), ws::encode_text(b"joined"));
        link.shard().order(Order::Join {
            connection,
            room,
            first,
            after: 0,
        });
        Silent
    }

    fn gap(&self, room: u32, from: u64, to: u64) -> Bytes {
        ws::encode_text(format!("gap {room} {from} {to}").as_bytes())
    }
}

impl Handler for Silent {
    fn text(&mut self, _: &str) {}
    fn closed(&mut self) {}
}

async fn serve(plan: &Plan) {
    let config = Config {
        shards: plan.shards,
        duty_percent: plan.duty,
        ..Config::default()
    };
    let before = rss_bytes();
    let shards = Shards::start(
        config,
        BenchOpen {
            viewers: plan.viewers,
        },
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = start_client(&listener.local_addr().unwrap().to_string());
    let all = plan.viewers + 2 * plan.small_rooms;
    for number in 0..all {
        let (socket, addr) = listener.accept().await.unwrap();
        let peer = Peer {
            addr,
            origin: Some(number.to_string()),
        };
        // Both of a small room live on one shard, as its home would have it.
        let shard = number.checked_sub(plan.viewers).map_or(number, |it| it / 2) % plan.shards;
        shards.adopt(
            shard,
            Adopt {
                socket: socket.into_std().unwrap(),
                tls: None,
                peer,
                held: None,
                read: Vec::new(),
            },
        );
    }
    let mut lines = BufReader::new(client_output(&mut client)).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    let idle = rss_bytes().saturating_sub(before) / all;

    let (cpu, started) = (cpu_ticks(), Instant::now());
    publish(plan, &shards).await;
    let told = lines.next_line().await.unwrap().unwrap();
    let cpu_us = (cpu_ticks() - cpu) * 10_000;
    let wall = started.elapsed();
    let after = rss_bytes().saturating_sub(before) / all;
    let deliveries: u64 = told.split_once(' ').unwrap().0.parse().unwrap();
    println!(
        "{{\"name\":\"fanout.cpu_us\",\"value\":{:.2},\"unit\":\"us CPU per delivery\",\
         \"deliveries\":{deliveries},\"expected\":{},\"cpu_percent\":{:.0},\
         \"rss_bytes_idle\":{idle},\"rss_bytes_after\":{after},{}}}",
        cpu_us as f64 / deliveries as f64,
        expected(plan),
        cpu_us as f64 / wall.as_micros() as f64 * 100.0,
        told.split_once(' ').unwrap().1,
    );
    client.wait().unwrap();
    shards.stop();
}

fn expected(plan: &Plan) -> u64 {
    let big = plan.rate * plan.seconds * (plan.viewers - plan.stalled) as u64;
    big + plan.seconds / 2 * 2 * plan.small_rooms as u64
}

/// Open model: every message has its intended time, whether or not the shards keep up.
async fn publish(plan: &Plan, shards: &Shards) {
    let start = tokio::time::Instant::now();
    let (ticks, small_every) = (plan.rate * plan.seconds, (2 * plan.rate).max(1));
    for tick in 0..ticks {
        let at = Duration::from_nanos(1_000_000_000 / plan.rate * tick);
        tokio::time::sleep_until(start + at).await;
        to_all(shards, BIG, tick + 1, plan.bytes);
        // Small rooms speak spread over the ticks of two seconds.
        for small in 0..plan.small_rooms {
            let is_due = small as u64 % small_every == tick % small_every;
            if is_due && tick / small_every < plan.seconds / 2 {
                to_all(
                    shards,
                    BIG + 1 + small as u32,
                    tick / small_every + 1,
                    plan.bytes,
                );
            }
        }
    }
}

fn to_all(shards: &Shards, room: u32, seq: u64, bytes: usize) {
    let kind = if room == BIG { 'b' } else { 's' };
    let text = format!("{kind} {:020} {seq} ", now_us());
    let frame = ws::encode_text(format!("{text:x<bytes$}").as_bytes());
    for shard in shards.handles().iter() {
        let class = Class::Log { from: seq, to: seq };
        shard.order(Order::Publish {
            room,
            frame: frame.clone(),
            class,
        });
    }
}

fn start_client(addr: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(std::env::args().skip(1))
        .env("FANOUT_BENCH_SERVER", addr)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn client_output(client: &mut Child) -> tokio::net::unix::pipe::Receiver {
    let output = client.stdout.take().unwrap();
    tokio::net::unix::pipe::Receiver::from_owned_fd(output.into()).unwrap()
}

fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn rss_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64
}

// The viewers' side.

/// What all viewers saw.
#[derive(Default)]
struct Tally {
    deliveries: u64,
    lost: u64,
    big_us: Vec<u32>,
    small_us: Vec<u32>,
}

async fn view(addr: &str, plan: &Plan) {
    let local = tokio::task::LocalSet::new();
    local.run_until(watch(addr, plan)).await;
}

async fn watch(addr: &str, plan: &Plan) {
    let tally = std::rc::Rc::new(std::cell::RefCell::new(Tally::default()));
    let mut sockets = Vec::new();
    for _ in 0..plan.viewers + 2 * plan.small_rooms {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        // One after the other, so that the server's numbers are ours; joined is the first word.
        let mut joined = [0; 8];
        socket.read_exact(&mut joined).await.unwrap();
        sockets.push(socket);
    }
    println!("ready");
    let stalled: Vec<TcpStream> = sockets.drain(..plan.stalled).collect();
    let big = plan.viewers - plan.stalled;
    let mut tasks = tokio::task::JoinSet::new();
    assert_eq!(sockets.len(), plan.readers());
    for (number, socket) in sockets.into_iter().enumerate() {
        let last = if number < big {
            plan.rate * plan.seconds
        } else {
            plan.seconds / 2
        };
        tasks.spawn_local(one(socket, last, tally.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    drop(stalled);
    let mut tally = tally.borrow_mut();
    let Tally {
        deliveries,
        lost,
        big_us,
        small_us,
    } = &mut *tally;
    let told = [("", big_us), ("small_", small_us)].map(|(name, all)| {
        all.sort_unstable();
        let at = |part: f64| {
            let last = all.len().saturating_sub(1);
            all.get((last as f64 * part) as usize)
                .map_or(0.0, |it| f64::from(*it) / 1_000.0)
        };
        format!(
            "\"{name}p50_ms\":{:.1},\"{name}p99_ms\":{:.1}",
            at(0.5),
            at(0.99)
        )
    });
    println!("{deliveries} \"lost\":{lost},{},{}", told[0], told[1]);
}

/// Reads one viewer's frames to the last, and checks that none is missing.
async fn one(mut socket: TcpStream, last: u64, tally: std::rc::Rc<std::cell::RefCell<Tally>>) {
    let (mut buffer, mut seq) = (Vec::with_capacity(2_048), 0);
    while seq < last {
        if socket.read_buf(&mut buffer).await.unwrap() == 0 {
            break;
        }
        let now = now_us();
        let mut at = 0;
        while let Some((text, used)) = split(&buffer[at..]) {
            let words: Vec<&str> = text.split(' ').collect();
            let mut tally = tally.borrow_mut();
            seq += 1;
            if words[2] != seq.to_string() {
                tally.lost += 1;
                seq = words.get(2).and_then(|it| it.parse().ok()).unwrap_or(seq);
            }
            tally.deliveries += 1;
            let late = now.saturating_sub(words[1].parse().unwrap_or(now));
            let all = if words[0] == "b" {
                &mut tally.big_us
            } else {
                &mut tally.small_us
            };
            all.push(u32::try_from(late).unwrap_or(u32::MAX));
            at += used;
        }
        buffer.drain(..at);
    }
    // The socket stays open, so that the server's RSS is that of living connections.
    std::mem::forget(socket);
}

fn split(bytes: &[u8]) -> Option<(&str, usize)> {
    let (at, length) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        n => (2, usize::from(n)),
    };
    let text = bytes.get(at..at + length)?;
    Some((std::str::from_utf8(text).unwrap(), at + length))
}
