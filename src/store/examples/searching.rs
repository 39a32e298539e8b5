//! Measures search: `cargo run --release -p weiquan-store --example searching -- FOLDER [TEXTS] [URL]`.
//!
//! With the URL of an empty database it is PostgreSQL's, else SQLite's; with 0 TEXTS it looks into what was put there
//! before and leaves it. It puts TEXTS short Chinese texts (a
//! million) of 200 rooms into the index, looks for words of two characters that people use and for rarer
//! ones, takes texts out again, and forgets all of it. It prints JSON, times in milliseconds.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use folding::Query;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::{Doc, Has, NewAccount, NewRoom, RoomDocs, SEARCH_DOCS_MAX, Store, StoreConfig, Wanted};

const ROOMS: u32 = 200;
/// From the most used character to the least: a text takes them by Zipf's law, as people do.
const CHARS: &str = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将月十实向声车全信重三机工物气每并别真打太新比才便夫再书部水像眼等体却加电主界门利海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色更拉东神记处让母父应直播卡顿微圈";
const QUERIES: usize = 2_000;
/// PostgreSQL's own upkeep is over by then (`autovacuum_naptime`, a minute, and what it takes).
const COUNTS_WITHIN: Duration = Duration::from_secs(150);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = env::args().nth(1).context("say a folder on a real disk")?;
    let texts: u64 = env::args().nth(2).map_or(Ok(1_000_000), |it| it.parse())?;
    let url = env::args().nth(3).map(|it| it.parse()).transpose()?;
    let folder = Path::new(&folder).join("searching");
    let is_filled = texts == 0;
    ensure!(
        is_filled || !folder.exists(),
        "{} is there already",
        folder.display()
    );
    let is_postgres = url.is_some();
    let config = StoreConfig {
        url,
        ..StoreConfig::default()
    };
    let store = Store::open(&folder, &config)?;
    if !is_filled {
        set_up(&store).await?;
    }
    let chars: Vec<char> = CHARS.chars().collect();
    let mut draw = SmallRng::seed_from_u64(1);

    let mut upto = vec![0; ROOMS as usize];
    let mut puts = Vec::new();
    let begun = Instant::now();
    for n in 0..texts.div_ceil(SEARCH_DOCS_MAX as u64) {
        let room = (n % u64::from(ROOMS)) as u32 + 1;
        let after = upto[room as usize - 1];
        let docs = (1..=SEARCH_DOCS_MAX as u64)
            .map(|it| doc(after + it, n * 128 + it, &some_text(&mut draw, &chars)))
            .collect();
        puts.push(put(&store, room, after, docs, vec![]).await?);
        upto[room as usize - 1] += SEARCH_DOCS_MAX as u64;
    }
    if !is_filled {
        let all = begun.elapsed();
        told("put", &mut puts);
        println!(
            r#"{{"name":"all","ms":{:.0},"texts":{texts}}}"#,
            all.as_secs_f64() * 1e3
        );
    }
    if is_postgres && !is_filled {
        // Of so many new texts it knows nothing before it has counted them, which it does by itself each minute, and
        // then it cleans up behind them.
        tokio::time::sleep(COUNTS_WITHIN).await;
    }

    for (name, length, rooms) in [
        ("two", 2, None),
        ("one", 1, None),
        ("four", 4, None),
        ("two_in_a_room", 2, Some(7)),
    ] {
        let mut times = Vec::new();
        for _ in 0..QUERIES {
            let words: String = (0..length)
                .map(|_| chars[zipf(&mut draw, chars.len())])
                .collect();
            let wanted = Wanted {
                query: Query::read(&words)?,
                circle: 1,
                all_rooms: true,
                room: rooms,
                n: 20,
                ..Wanted::default()
            };
            let since = Instant::now();
            store.search(wanted).await?;
            times.push(since.elapsed());
        }
        told(name, &mut times);
    }
    if is_filled {
        store.close().await;
        return Ok(());
    }

    let mut gone = Vec::new();
    for room in 1..=20 {
        let after = upto[room as usize - 1];
        gone.push(
            put(
                &store,
                room,
                after,
                vec![],
                (1..=SEARCH_DOCS_MAX as u64).collect(),
            )
            .await?,
        );
    }
    told("gone", &mut gone);

    let since = Instant::now();
    store.forget_search().await?;
    let mut forgets = vec![since.elapsed()];
    told("forget", &mut forgets);
    let mut parts = Vec::new();
    loop {
        let since = Instant::now();
        if !store.search_forgets().await? {
            break;
        }
        parts.push(since.elapsed());
    }
    told("forget_part", &mut parts);
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
        let room = NewRoom {
            circle: owner.circle,
            slug: format!("room-{n}").into(),
            title: String::new(),
            kind: protocol::topic::RoomKind::Live,
            guests: true,
            made_by: owner.id.clone(),
            made_ms: 0,
        };
        store.add_room(room).await?;
    }
    Ok(())
}

async fn put(
    store: &Store,
    room: u32,
    after: u64,
    docs: Vec<Doc>,
    gone: Vec<u64>,
) -> Result<Duration> {
    let upto = after + docs.len() as u64;
    let part = RoomDocs {
        room,
        after,
        upto,
        docs,
        gone,
    };
    let since = Instant::now();
    ensure!(
        store.put_search(vec![part]).await?.is_empty(),
        "a part is stale"
    );
    Ok(since.elapsed())
}

fn doc(seq: u64, at: u64, text: &str) -> Doc {
    let author = format!("m_{:016}", at % 64).into();
    Doc::new(
        seq,
        1_790_000_000_000 + at * 40,
        author,
        Has::default(),
        text,
    )
}

/// Four to forty characters, 22 on average, with a mark now and then.
fn some_text(draw: &mut SmallRng, chars: &[char]) -> String {
    let length = draw.random_range(4..=40);
    let mut text = String::with_capacity(length * 3);
    for _ in 0..length {
        text.push(match draw.random_range(0..12) {
            0 => '，',
            _ => chars[zipf(draw, chars.len())],
        });
    }
    text
}

/// The nth with a chance of about one in n.
fn zipf(draw: &mut SmallRng, n: usize) -> usize {
    let at = (n as f64).powf(draw.random::<f64>()) as usize;
    at.clamp(1, n) - 1
}

fn told(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        r#"{{"name":"{name}","n":{},"p50":{:.3},"p99":{:.3},"max":{:.3}}}"#,
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
