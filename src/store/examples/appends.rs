//! Measures the writer: `cargo run --release -p weiquan-store --example appends -- FOLDER [URL]`.
//!
//! With the URL of an empty database it is PostgreSQL's, else SQLite's. FOLDER must be on a real disk: a sync on tmpfs costs nothing and measures nothing. It prints one
//! line a figure: appends a second with 64 rooms and 16 appends of one record in flight each, with
//! the median and the 99th percentile of their latency and the CPU time of the writer's thread (which
//! a busy machine does not change), and the same for one writer alone.

use std::{
    collections::VecDeque,
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use protocol::server::{Mark, Person};
use store::{Append, Entry, NewAccount, NewRoom, Store, StoreConfig};

const ROOMS: u32 = 64;
const IN_FLIGHT: usize = 16;
const MEASURE: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = env::args().nth(1).context("say a folder on a real disk")?;
    let folder = Path::new(&folder).join("appends");
    ensure!(!folder.exists(), "{} is there already", folder.display());
    let url = env::args().nth(2).map(|it| it.parse()).transpose()?;
    let config = StoreConfig {
        url,
        ..StoreConfig::default()
    };
    let store = Store::open(&folder, &config)?;
    set_up(&store).await?;
    let mut last = vec![0; ROOMS as usize];
    for _ in 0..ROUNDS {
        for (rooms, flight) in [(ROOMS, IN_FLIGHT), (1, 1)] {
            let cpu = writer_cpu()?;
            let latencies = measure(&store, &mut last, rooms, flight).await?;
            report(
                &format!("{rooms} rooms x {flight}"),
                latencies,
                writer_cpu()? - cpu,
            );
        }
    }
    let records: u64 = last.iter().sum();
    timed("load a room", async { Ok(store.load(ROOMS).await?) }).await?;
    let close = async {
        store.close().await;
        Ok(())
    };
    timed("close", close).await?;
    let store = timed(&format!("open with {records} records"), async {
        Ok(Store::open(&folder, &config)?)
    })
    .await?;
    timed("load a room, nothing cached here", async {
        Ok(store.load(1).await?)
    })
    .await?;
    store.close().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

async fn set_up(store: &Store) -> Result<()> {
    let owner = NewAccount {
        id: "m_owner".into(),
        name: "Owner".into(),
        password: String::new(),
        made_ms: 0,
    };
    let owner = store.set_up("Circle".into(), owner).await?;
    for n in 1..=ROOMS {
        store
            .add_room(NewRoom {
                circle: owner.circle,
                slug: format!("room-{n}").into(),
                title: String::new(),
                kind: protocol::topic::RoomKind::Live,
                guests: true,
                made_by: owner.id.clone(),
                made_ms: 0,
            })
            .await?;
    }
    Ok(())
}

/// Each room keeps its appends in flight and awaits the oldest; latencies in milliseconds.
async fn measure(store: &Store, last: &mut [u64], rooms: u32, flight: usize) -> Result<Vec<f64>> {
    let until = Instant::now() + MEASURE;
    let mut tasks = Vec::new();
    for room in 1..=rooms {
        let store = store.clone();
        let mut seq = last[room as usize - 1];
        tasks.push(async move {
            let mut waiting = VecDeque::new();
            let mut latencies = Vec::new();
            while Instant::now() < until || !waiting.is_empty() {
                if Instant::now() < until && waiting.len() < flight {
                    seq += 1;
                    waiting.push_back((Instant::now(), store.append(append(room, seq))));
                    continue;
                }
                if let Some((since, commit)) = waiting.pop_front() {
                    commit.await?;
                    latencies.push(since.elapsed().as_secs_f64() * 1e3);
                }
            }
            anyhow::Ok((room, seq, latencies))
        });
    }
    let set = tokio::task::LocalSet::new();
    let tasks: Vec<_> = tasks.into_iter().map(|it| set.spawn_local(it)).collect();
    set.await;
    let mut all = Vec::new();
    for task in tasks {
        let (room, seq, latencies) = task.await??;
        last[room as usize - 1] = seq;
        all.extend(latencies);
    }
    Ok(all)
}

/// About 150 bytes in all, as a chat message.
fn append(room: u32, seq: u64) -> Append {
    Append {
        room,
        circle: 1,
        records: vec![Entry {
            seq,
            at_ms: 1_790_000_000_000 + seq,
            pos: Some(seq),
            author: Person {
                id: format!("m_{:016}", seq % 64).into(),
                name: "小明".into(),
                mark: Mark::Member,
            },
            kind: 1,
            is_fact: false,
            client_id: Some(format!("018f0000-0000-7000-{room:04x}-{seq:012x}").into()),
            body: format!(r#"{{"v":1,"k":"message","text":"今天的直播很清楚，谢谢主持人 {seq}"}}"#)
                .into_bytes(),
        }],
        rows: vec![],
    }
}

async fn timed<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    let value = work.await?;
    println!("{name}: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    Ok(value)
}

/// The CPU time of the writer's thread so far, from Linux's scheduler.
fn writer_cpu() -> Result<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == "store-writer" {
            let stat = std::fs::read_to_string(task.join("schedstat"))?;
            let ns = stat
                .split(' ')
                .next()
                .context("schedstat has three numbers")?;
            return Ok(Duration::from_nanos(ns.parse()?));
        }
    }
    anyhow::bail!("there is no writer")
}

fn report(name: &str, mut latencies: Vec<f64>, cpu: Duration) {
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: {:.0} appends/s, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms, {:.1} µs CPU an append",
        latencies.len() as f64 / MEASURE.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        cpu.as_secs_f64() * 1e6 / latencies.len() as f64,
    );
}
