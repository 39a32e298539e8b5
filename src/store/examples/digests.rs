//! Measures what digests ask of the store: `cargo run --release -p weiquan-store --example digests -- FOLDER`.
//!
//! Ten thousand members with addresses, each following twenty of two thousand topics; one in ten has something new.
//! It prints what a page of 64 costs to read, what a page without news costs to note, and both for all members.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use protocol::{
    CircleId, RoomNumber,
    server::{Mark, Person},
    topic::{Following, RoomKind, Topic, TopicKind, TopicStatus},
};
use store::{
    Append, DigestHours, Entry, LetterKind, LinkLetter, NewAccount, NewRoom, Role, RowChange,
    Store, StoreConfig, TakenDigest, TopicTalk,
};
use tokio::task::JoinSet;

const MEMBERS: usize = 10_000;
const TOPICS: usize = 2_000;
const FOLLOWED: usize = 20;
const ROUNDS: u64 = 5;
const HOUR_MS: u64 = 1_795_000_000_000;
const DAY_MS: u64 = 24 * 3_600_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = env::args().nth(1).context("say a folder on a real disk")?;
    let folder = Path::new(&folder).join("digests");
    ensure!(!folder.exists(), "{} is there already", folder.display());
    let store = Store::open(&folder, &StoreConfig::default())?;
    set_up(&store).await?;
    for round in 0..ROUNDS {
        let hour_ms = HOUR_MS + round * 7 * DAY_MS;
        let hours = DigestHours {
            daily_ms: hour_ms,
            weekly_ms: hour_ms,
        };
        let now_ms = hour_ms + 1;
        let (mut read, mut wrote) = (Vec::new(), Vec::new());
        let mut news = 0;
        loop {
            let began = Instant::now();
            let due = store.due_digests(hours, now_ms).await?;
            read.push(began.elapsed());
            if due.is_empty() {
                break;
            }
            news += due.iter().filter(|it| !it.topics.is_empty()).count();
            let taken = due.iter().map(|it| TakenDigest {
                member: it.member.clone(),
                before_ms: it.taken_ms,
                taken_ms: now_ms,
                last_notice: it.last_notice,
            });
            let taken = taken.collect();
            let began = Instant::now();
            store.leave_digests(taken).await?;
            wrote.push(began.elapsed());
        }
        report("read a page", &mut read);
        report("note a page", &mut wrote);
        println!("{MEMBERS} members, {news} with something new");
    }
    store.close().await;
    Ok(())
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let sum: Duration = times.iter().sum();
    println!(
        "{what}: median {:?}, most {:?}, all {} {:?}",
        times[times.len() / 2],
        times[times.len() - 1],
        times.len(),
        sum
    );
}

fn person(n: usize) -> Person {
    Person {
        id: format!("m_{n:05}").into(),
        name: format!("member {n}"),
        mark: Mark::Member,
    }
}

async fn set_up(store: &Store) -> Result<()> {
    let account = |n: usize| NewAccount {
        id: person(n).id,
        name: person(n).name,
        password: "$hash".into(),
        made_ms: 1,
    };
    let circle = store
        .set_up("Circle".into(), account(MEMBERS))
        .await?
        .circle;
    for n in 0..MEMBERS {
        store.add_account(circle, Role::Member, account(n)).await?;
        let letter = LinkLetter {
            member: person(n).id,
            kind: LetterKind::Confirm,
            address: format!("{n}@example.org"),
            lang: "en".into(),
            made_ms: HOUR_MS - DAY_MS,
        };
        store.ask_letter(letter).await?;
        let at_ms = HOUR_MS - DAY_MS;
        store.confirm_mail(person(n).id, at_ms, at_ms).await?;
    }
    let mut rooms = Vec::new();
    for n in 0..TOPICS {
        rooms.push(topic(store, circle, n).await?);
    }
    for n in 0..MEMBERS {
        // What waits for the disk together is one commit.
        let mut waiting = JoinSet::new();
        for k in 0..FOLLOWED {
            // Something new is in the first tenth of the topics, which one member in ten follows.
            let among = if n % 10 == 0 {
                0..TOPICS / 10
            } else {
                TOPICS / 10..TOPICS
            };
            let room = rooms[among.start + (n * 37 + k * 101) % among.len()];
            let (store, member) = (store.clone(), person(n).id);
            waiting.spawn(async move { store.set_following(member, room, Following::Yes).await });
        }
        for done in waiting.join_all().await {
            done?;
        }
    }
    for room in &rooms[..TOPICS / 10] {
        let said = Append {
            rows: vec![talk(3, HOUR_MS - 1)],
            ..append(*room, circle, vec![entry(3)])
        };
        store
            .append(said)
            .await
            .map_err(|it| anyhow::anyhow!("{it:?}"))?;
    }
    Ok(())
}

async fn topic(store: &Store, circle: CircleId, n: usize) -> Result<RoomNumber> {
    let room = NewRoom {
        circle,
        slug: format!("t{n}").into(),
        title: format!("topic {n}"),
        kind: RoomKind::Topic,
        guests: true,
        made_by: person(0).id,
        made_ms: HOUR_MS - 2 * DAY_MS,
    };
    let room = store.add_room(room).await?.number;
    let topic = Topic {
        kind: TopicKind::Discussion,
        title: format!("topic {n}"),
        by: person(MEMBERS),
        made_ms: HOUR_MS - 2 * DAY_MS,
        board: None,
        tags: Vec::new(),
        status: TopicStatus::Open,
        reason: String::new(),
        accepted: None,
        helper: None,
        locked: false,
        pinned: false,
        featured: false,
        into: None,
        merged: Vec::new(),
        recap_of: None,
        split_from: None,
        at: None,
    };
    let opened = Append {
        rows: vec![
            RowChange::Topic(Box::new(topic)),
            talk(2, HOUR_MS - 2 * DAY_MS),
        ],
        ..append(room, circle, vec![entry(1), entry(2)])
    };
    store
        .append(opened)
        .await
        .map_err(|it| anyhow::anyhow!("{it:?}"))?;
    Ok(room)
}

fn talk(seq: u64, at_ms: u64) -> RowChange {
    RowChange::TopicTalk(TopicTalk::Said {
        seq,
        at_ms,
        by: person(MEMBERS),
    })
}

fn append(room: RoomNumber, circle: CircleId, records: Vec<Entry>) -> Append {
    Append {
        room,
        circle,
        records,
        rows: Vec::new(),
    }
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq,
        at_ms: HOUR_MS,
        pos: None,
        author: person(MEMBERS),
        kind: 1,
        is_fact: false,
        client_id: None,
        body: b"{}".to_vec(),
    }
}
