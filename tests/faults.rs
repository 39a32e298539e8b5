//! What a machine does to a server: a disk that is full, read-only or fails to sync, a clock that
//! jumps, a process that stands still. Nothing acknowledged is lost or doubled, what cannot be kept
//! is refused and never shown, and it heals without a restart.
//!
//! The disk fails by libfiu (Debian's `fiu-utils`), the clock jumps by libfaketime: both put their own
//! calls before those of the C library, for this one process.

mod support;

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use protocol::{
    ClientFrame, Code, RoomNumber, Seq,
    refusal::Act,
    server::{Push, Resumed},
};
use support::{SOON, Server, library, read_history};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use weiquan_client::{Connection, Error, Ledger, new_client_id};

const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EIO: i32 = 5;
/// A disk that takes writes again is believed within this.
const HEALS_WITHIN: Duration = Duration::from_secs(5);

/// A process whose calls for the disk can be made to fail.
struct Spoiled {
    server: Server,
    pipes: String,
    _temp: TempDir,
}

impl Spoiled {
    fn start() -> Self {
        let temp = TempDir::new().expect("a folder");
        let pipes = temp.path().join("fiu").display().to_string();
        let libraries = ["fiu_run_preload.so", "fiu_posix_preload.so"].map(|it| {
            library(&[&format!("/usr/lib/fiu/{it}")])
                .display()
                .to_string()
        });
        let server = Server::start_under(&[
            ("LD_PRELOAD", &libraries.join(" ")),
            ("FIU_CTRL_FIFO", &pipes),
        ]);
        Self {
            server,
            pipes,
            _temp: temp,
        }
    }

    fn tell(&self, command: &str) {
        let told = Command::new("fiu-ctrl")
            .args(["-f", &self.pipes, "-c", command])
            .arg(self.server.pid().to_string())
            .status()
            .expect("fiu-utils");
        assert!(told.success(), "{command}");
    }
}

async fn is_ready(server: &Server) -> bool {
    let url = format!("http://{}/readyz", server.admin);
    reqwest::get(url).await.expect("answered").status() == 200
}

/// Says a line; answers its seq, or the code of the refusal.
async fn say(line: &mut Connection, a: RoomNumber, text: &str) -> Result<Seq, Code> {
    match timeout(SOON, line.say(a, text)).await.expect("answered") {
        Ok(ack) => Ok(ack.s),
        Err(Error::Refused(refusal)) => Err(refusal.code),
        Err(other) => panic!("{other}"),
    }
}

/// The disk fails in this way while somebody writes, and works again.
async fn the_disk_fails(points: &[&str], error: i32) {
    let mut spoiled = Spoiled::start();
    let owner = spoiled.server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("writer").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let mut acked = BTreeMap::new();
    for n in 0..20 {
        let text = format!("before {n}");
        acked.insert(
            say(&mut line, a, &text).await.expect("the disk is well"),
            text,
        );
    }
    let mut watching = owner.connect("watcher").await;
    let mut ledger = Ledger::default();
    let joined = watching.join("hall", None).await.expect("joined");
    ledger.join(&joined).expect("whole");

    for point in points {
        spoiled.tell(&format!("enable name={point},failinfo={error}"));
    }
    for n in 0..5 {
        let refused = say(&mut line, a, &format!("lost {n}")).await;
        assert_eq!(refused, Err(Code::StorageUnavailable));
    }
    assert!(!is_ready(&spoiled.server).await, "it says so");
    // What was kept can be read all the same.
    assert_eq!(read_history(&mut watching, a).await.len(), acked.len());

    for point in points {
        spoiled.tell(&format!("disable name={point}"));
    }
    let healed = timeout(HEALS_WITHIN + SOON, async {
        loop {
            match say(&mut line, a, "it works again").await {
                Ok(seq) => return seq,
                Err(code) => assert_eq!(code, Code::StorageUnavailable),
            }
        }
    });
    acked.insert(healed.await.expect("it heals"), "it works again".into());
    assert!(is_ready(&spoiled.server).await);
    for n in 0..5 {
        let text = format!("after {n}");
        acked.insert(
            say(&mut line, a, &text).await.expect("the disk is well"),
            text,
        );
    }
    let last = *acked.keys().next_back().expect("said");
    let seen = timeout(SOON, async {
        while ledger.last() < last {
            let push = watching.next_push().await.expect("a push");
            ledger.push(&push).expect("no hole, no double");
        }
    });
    seen.await.expect("every word that was kept is shown");

    spoiled.server.kill();
    spoiled.server.restart();
    let mut line = owner.connect("reader").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let kept = read_history(&mut line, a).await;
    let texts: BTreeMap<Seq, String> = kept
        .into_iter()
        .filter_map(|(seq, text)| Some((seq, text?)))
        .collect();
    assert_eq!(
        texts, acked,
        "what was acknowledged, once, and nothing else"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_space_refuses_and_heals() {
    the_disk_fails(&["posix/io/rw/pwrite"], ENOSPC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_became_read_only_refuses_and_heals() {
    the_disk_fails(
        &[
            "posix/io/rw/pwrite",
            "posix/io/sync/fdatasync",
            "posix/io/sync/fsync",
        ],
        EROFS,
    )
    .await;
}

/// After a failed sync nobody knows what is on the disk: it is not tried again and believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_is_never_taken_for_one_that_worked() {
    the_disk_fails(&["posix/io/sync/fdatasync", "posix/io/sync/fsync"], EIO).await;
}

/// What a commit waits for is `fdatasync` alone, as `.cargo/config.toml` has SQLite compiled.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_syncs_its_data_alone() {
    the_disk_fails(&["posix/io/sync/fdatasync"], EIO).await;
}

/// An hour forward, two back, one forward: the order stays, nobody is put out, nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_disturbs_nobody() {
    let temp = TempDir::new().expect("a folder");
    let file = temp.path().join("clock");
    let set = |offset: &str| {
        // In one step, so that nobody reads half of it.
        let next = temp.path().join("next");
        fs::write(&next, offset).expect("written");
        fs::rename(&next, &file).expect("moved");
    };
    set("+0");
    let faked = library(&["/usr/lib/*/faketime/libfaketimeMT.so.1"]);
    let server = Server::start_under(&[
        ("LD_PRELOAD", &faked.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", &file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ann = server.sign_up("ann").await;
    let mut line = ann.connect("writer").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let mut watching = owner.connect("watcher").await;
    let mut ledger = Ledger::default();
    let joined = watching.join("hall", None).await.expect("joined");
    ledger.join(&joined).expect("whole");
    let mut last = 0;
    let mut times = Vec::new();
    for offset in ["+0", "+3600", "-3600", "+0"] {
        set(offset);
        for n in 0..5 {
            let ack = timeout(SOON, line.say(a, &format!("{offset} {n}"))).await;
            let ack = ack.expect("in time").expect("taken");
            assert_eq!(ack.s, last + 1);
            last = ack.s;
            times.push(ack.t);
        }
    }
    let hours: Vec<_> = times
        .windows(2)
        .map(|it| (it[1] as i64 - it[0] as i64) / 3_500_000)
        .collect();
    let jumps: Vec<_> = hours.into_iter().filter(|it| *it != 0).collect();
    assert_eq!(jumps, [1, -2, 1], "the clock did jump");
    let seen = timeout(SOON, async {
        while ledger.last() < last {
            let push = watching.next_push().await.expect("nobody is put out");
            ledger.push(&push).expect("no hole, no double");
        }
    });
    seen.await.expect("shown at once");
    assert!(is_ready(&server).await);
}

/// A machine that is suspended, or swaps: ten seconds in which nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_goes_on() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut watching = Vec::new();
    for n in 0..20 {
        let mut line = owner.connect(&format!("watcher-{n}")).await;
        let mut ledger = Ledger::default();
        let joined = line.join("hall", None).await.expect("joined");
        ledger.join(&joined).expect("whole");
        watching.push((line, ledger));
    }
    let mut line = owner.connect("writer").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let mut last = 0;
    for n in 0..10 {
        last = say(&mut line, a, &format!("before {n}"))
            .await
            .expect("taken");
    }
    signal(&server, "STOP");
    // What is said meanwhile waits in the socket.
    let waiting = tokio::spawn(async move {
        let seq = say(&mut line, a, "meanwhile").await;
        (line, seq)
    });
    sleep(Duration::from_secs(10)).await;
    signal(&server, "CONT");
    let (mut line, seq) = waiting.await.expect("no panic");
    assert_eq!(seq, Ok(last + 1));
    for n in 0..10 {
        last = say(&mut line, a, &format!("after {n}"))
            .await
            .expect("taken");
    }
    for (line, ledger) in &mut watching {
        let seen = timeout(SOON, async {
            while ledger.last() < last {
                let push = line.next_push().await.expect("nobody is put out");
                ledger.push(&push).expect("no hole, no double");
            }
        });
        seen.await.expect("everybody has all of it");
    }
}

/// A bug that ends one room: that room starts anew from its log, and nobody elsewhere notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_bug_in_one_room_ends_that_room_alone_and_it_starts_anew() {
    let server = Server::start_under(&[("WEIQUAN_BREAK_A_ROOM", "a planned panic")]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner.make_room("quiet").await;
    let mut line = owner.connect("writer").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let quiet = line.join("quiet", None).await.expect("joined").a;
    let mut acked = BTreeMap::new();
    for n in 0..10 {
        let text = format!("before {n}");
        acked.insert(say(&mut line, a, &text).await.expect("taken"), text);
    }
    let ann = server.sign_up("ann").await;
    let mut watching = ann.connect("watcher").await;
    let mut ledger = Ledger::default();
    let joined = watching.join("hall", None).await.expect("joined");
    ledger.join(&joined).expect("whole");
    let mut elsewhere = ann.connect("elsewhere").await;
    elsewhere.join("quiet", None).await.expect("joined");

    let mut bomb = owner.connect("bomb").await;
    bomb.join("hall", None).await.expect("joined");
    let wish = move |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: "a planned panic".into(),
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    };
    // Who said it hears that it may be said again.
    match timeout(SOON, bomb.request(wish)).await.expect("answered") {
        Err(Error::Refused(refusal)) => {
            assert_eq!((refusal.code, refusal.act), (Code::Internal, Act::Retry));
        }
        other => panic!("{other:?}"),
    }
    // Everybody in it is told to come in again.
    let out = timeout(SOON, async {
        loop {
            match watching.next_push().await.expect("the connection stays") {
                Push::Out { a: of, why } => break (of, why.act),
                push => ledger.push(&push).expect("no hole, no double"),
            }
        }
    });
    assert_eq!(out.await.expect("told"), (a, Act::Retry));
    let joined = timeout(SOON, async {
        loop {
            // Until it is read from its log.
            match watching.join("hall", ledger.position()).await {
                Ok(joined) => return joined,
                Err(Error::Refused(refusal)) => assert_eq!(refusal.act, Act::Retry, "{refusal}"),
                Err(other) => panic!("{other}"),
            }
        }
    });
    let joined = joined.await.expect("it starts anew");
    assert_eq!(joined.resumed, Resumed::Full, "it is the same log");
    ledger.join(&joined).expect("no hole, no double");

    // Elsewhere nothing happened.
    let seq = say(&mut line, quiet, "hello").await.expect("taken");
    let heard = timeout(SOON, async {
        loop {
            match elsewhere.next_push().await.expect("the connection stays") {
                Push::Ev { s, .. } => return s.1,
                Push::Out { .. } => panic!("it is another room"),
                _ => {}
            }
        }
    });
    assert_eq!(heard.await.expect("shown"), seq);

    line.join("hall", None).await.expect("joined");
    for n in 0..5 {
        let text = format!("after {n}");
        acked.insert(say(&mut line, a, &text).await.expect("taken"), text);
    }
    let last = *acked.keys().next_back().expect("said");
    let seen = timeout(SOON, async {
        while ledger.last() < last {
            let push = watching.next_push().await.expect("a push");
            ledger.push(&push).expect("no hole, no double");
        }
    });
    seen.await.expect("it is announced to who came in again");
    let kept = read_history(&mut line, a).await;
    let texts: BTreeMap<Seq, String> = kept
        .into_iter()
        .filter_map(|(seq, text)| Some((seq, text?)))
        .collect();
    assert_eq!(texts, acked);
}

fn signal(server: &Server, name: &str) {
    let told = Command::new("kill")
        .args([&format!("-{name}"), &server.pid().to_string()])
        .status();
    assert!(told.expect("kill").success());
}
