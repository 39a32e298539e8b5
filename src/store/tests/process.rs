//! A server that is killed, or whose disk is full, loses nothing that it acknowledged.
//!
//! This program is both sides: started by itself with a folder, it is a server that appends as fast
//! as it can and prints every acknowledgement; started by `cargo test`, it kills such servers with
//! SIGKILL at random moments, or lets their files grow no further (`RLIMIT_FSIZE`, changed from
//! outside by `prlimit`), and compares what they said with what is on the disk.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use protocol::{
    RoomNumber, Seq,
    server::{Mark, Person},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::{Append, AppendError, Entry, NewAccount, NewRoom, PageOf, Store, StoreConfig};

const FOLDER: &str = "WEIQUAN_TEST_STORE";
const KILLS: u64 = 20;
const ROOMS: RoomNumber = 4;
const IN_FLIGHT: usize = 24;

/// What the server says of an append that was not stored.
const REFUSED: &str = "refused";

type Acks = BTreeMap<(RoomNumber, Seq), String>;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Ok(folder) = env::var(FOLDER) {
        runtime.block_on(serve(Path::new(&folder)));
        return;
    }
    let seed = env::var("WEIQUAN_SEED").map_or(1, |it| it.parse().unwrap());
    println!("test what_was_acknowledged_outlives_a_kill (seed {seed}) ...");
    runtime.block_on(what_was_acknowledged_outlives_a_kill(seed));
    println!("ok\ntest a_full_disk_refuses_and_heals_without_a_restart ...");
    runtime.block_on(a_full_disk_refuses_and_heals_without_a_restart());
    println!("ok");
}

async fn what_was_acknowledged_outlives_a_kill(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut draw = SmallRng::seed_from_u64(seed);
    let mut acks = Acks::new();
    let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
    set_up(&store).await;
    store.close().await;
    for kill in 1..=KILLS {
        let before = acks.len();
        run_and_kill(
            folder.path(),
            Duration::from_millis(draw.random_range(0..120)),
            &mut acks,
        );
        assert!(
            acks.len() > before,
            "seed {seed}, kill {kill}: it acknowledged nothing"
        );
        let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
        check(&store, &acks, seed, kill).await;
        store.close().await;
    }
    let db = rusqlite::Connection::open(folder.path().join("weiquan.db")).unwrap();
    let sound: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    println!("{} acknowledged appends, {KILLS} kills", acks.len());
}

async fn a_full_disk_refuses_and_heals_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
    set_up(&store).await;
    store.close().await;
    // No file grows beyond 2 MiB (a block is 512 bytes); the signal for it is ignored, as the write
    // then fails as on a full disk. The limit is soft, so that it can be lifted.
    let mut server = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\""])
        .arg(env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut acks = Acks::new();
    let mut until = |is_refused: bool| {
        for line in &mut lines {
            if line != REFUSED {
                heard(&line, &mut acks);
            }
            if (line == REFUSED) == is_refused {
                return;
            }
        }
        panic!("the server ended");
    };
    until(true);
    let lifted = Command::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &server.id().to_string()])
        .status()
        .unwrap();
    assert!(lifted.success());
    let since = Instant::now();
    until(false);
    let healed_after = since.elapsed();
    assert!(healed_after < Duration::from_secs(5), "{healed_after:?}");
    // It goes on: another thousand lines, of which the last ones are acknowledgements.
    for _ in 0..1_000 {
        until(false);
    }
    server.kill().unwrap();
    server.wait().unwrap();
    for line in lines {
        if line != REFUSED {
            heard(&line, &mut acks);
        }
    }
    let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
    check(&store, &acks, 0, 1).await;
    println!(
        "{} acknowledged appends, healed {healed_after:?} after there was space",
        acks.len()
    );
}

/// Starts a server, and kills it so long after its first acknowledgement.
fn run_and_kill(folder: &Path, after: Duration, acks: &mut Acks) {
    let mut server = Command::new(env::current_exe().unwrap())
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let first = lines.next().expect("the server starts").unwrap();
    let killer = thread::spawn(move || {
        // The moment of the kill is the experiment, not a wait for anything.
        thread::sleep(after);
        server.kill().unwrap();
        server.wait().unwrap();
    });
    for line in std::iter::once(first).chain(lines.map_while(Result::ok)) {
        heard(&line, acks);
    }
    killer.join().unwrap();
}

fn heard(line: &str, acks: &mut Acks) {
    // The last line may be cut off: then nobody heard that acknowledgement.
    let Some(line) = line.strip_suffix('.') else {
        return;
    };
    let mut words = line.split(' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (room, seq) = (number() as RoomNumber, number());
    let twice = acks.insert((room, seq), words.next().unwrap().to_owned());
    assert_eq!(twice, None, "room {room} acknowledged seq {seq} twice");
}

async fn check(store: &Store, acks: &Acks, seed: u64, kill: u64) {
    for room in 1..=ROOMS {
        let stored = history(store, room).await;
        let seqs: Vec<Seq> = stored.iter().map(|it| it.seq).collect();
        assert_eq!(
            seqs,
            (1..=stored.len() as Seq).collect::<Vec<_>>(),
            "seed {seed}, kill {kill}, room {room}: there is a hole"
        );
        for ((_, seq), client_id) in acks.range((room, 0)..(room + 1, 0)) {
            let entry = stored.get(*seq as usize - 1).map(|it| it.client_id.clone());
            assert_eq!(
                entry,
                Some(Some(client_id.as_str().into())),
                "seed {seed}, kill {kill}, room {room}, seq {seq}: acknowledged and lost"
            );
        }
        // Whether the last one was acknowledged or not: saying it again does not store it twice.
        let Some(last) = stored.last() else { continue };
        let again = Append {
            records: vec![Entry {
                seq: last.seq + 1,
                ..last.clone()
            }],
            ..append(room, last.seq + 1)
        };
        let refused = store.append(again).await;
        assert!(
            matches!(&refused, Err(AppendError::Conflict(known)) if known[0].seq == last.seq),
            "seed {seed}, kill {kill}, room {room}: {refused:?}"
        );
    }
}

async fn history(store: &Store, room: RoomNumber) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let after = all.last().map_or(0, |it| it.seq);
        let page = store.page(room, PageOf::After(after), 200).await.unwrap();
        all.extend(page.entries);
        if page.end {
            return all;
        }
    }
}

/// The server: every room appends as fast as its acknowledgements come, until the kill. A room that
/// is refused is loaded again, as its task would do.
async fn serve(folder: &Path) {
    let store = Store::open(folder, &StoreConfig::default()).unwrap();
    let mut rooms = Vec::new();
    for room in 1..=ROOMS {
        let last = store.load(room).await.unwrap().last_seq;
        rooms.push((room, last, VecDeque::new()));
    }
    let mut out = std::io::stdout().lock();
    // One write a line, so that a kill cuts only the last one.
    let mut say = |line: String| out.write_all(line.as_bytes()).unwrap();
    loop {
        for (room, last, waiting) in &mut rooms {
            while waiting.len() < IN_FLIGHT {
                *last += 1;
                waiting.push_back((*last, store.append(append(*room, *last))));
            }
            let (seq, commit) = waiting.pop_front().unwrap();
            if commit.await.is_ok() {
                say(format!("{room} {seq} {}.\n", client_id(*room, seq)));
                continue;
            }
            // What follows it cannot be stored either, or the log would have a hole.
            for (_, commit) in waiting.drain(..) {
                assert_ne!(commit.await, Ok(()));
            }
            say(format!("{REFUSED}\n"));
            tokio::time::sleep(Duration::from_millis(5)).await;
            *last = store.load(*room).await.unwrap().last_seq;
        }
    }
}

fn append(room: RoomNumber, seq: Seq) -> Append {
    let author = Person {
        id: "m_anna".into(),
        name: "Anna".into(),
        mark: Mark::Member,
    };
    let entry = Entry {
        seq,
        at_ms: seq,
        pos: None,
        author,
        kind: 1,
        is_fact: false,
        client_id: Some(client_id(room, seq).into()),
        body: vec![b'x'; 40 + (seq as usize % 7) * 300],
    };
    Append {
        room,
        circle: 1,
        records: vec![entry],
        rows: vec![],
    }
}

/// Each process makes its own, as clients do: the same seq of another life is another message.
fn client_id(room: RoomNumber, seq: Seq) -> String {
    format!("{}-{room}-{seq}", std::process::id())
}

async fn set_up(store: &Store) {
    let owner = NewAccount {
        id: "m_owner".into(),
        name: "Owner".into(),
        password: String::new(),
        made_ms: 1,
    };
    let owner = store.set_up("Circle".into(), owner).await.unwrap();
    for n in 1..=ROOMS {
        let room = NewRoom {
            circle: owner.circle,
            slug: format!("room-{n}").into(),
            title: String::new(),
            kind: protocol::topic::RoomKind::Live,
            guests: true,
            made_by: owner.id.clone(),
            made_ms: 1,
        };
        store.add_room(room).await.unwrap();
    }
}
