//! The whole server on PostgreSQL: what is acknowledged is there once, whoever of the two dies.

mod support;

#[path = "support/postgres.rs"]
mod postgres;

use std::{
    net::SocketAddr,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use postgres::Postgres;
use protocol::{Code, Seq, server::Phase};
use support::{Publisher, SOON, Server, is_whole, read_history};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use weiquan_client::{Direct, Error, Follower, Happening, Pace};

const WRITERS: usize = 4;
const ROUNDS: usize = 3;
/// How soon the server writes again once its database is back.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// How soon somebody is told that a database which answers nothing has stored nothing.
const TOLD_WITHIN: Duration = Duration::from_secs(40);
/// Quicker than people's clients, so that more happens between two rounds.
const PACE: Pace = Pace {
    first: Duration::from_millis(20),
    most: Duration::from_millis(200),
};

type Noted = Arc<Mutex<Vec<(Seq, String)>>>;

/// Says texts until it is stopped; what is acknowledged is noted.
async fn write(
    server: SocketAddr,
    token: String,
    n: usize,
    noted: Noted,
    stop: watch::Receiver<bool>,
) {
    let room = "hall".to_owned();
    let door = Direct {
        server,
        token,
        room: room.clone(),
    };
    let (follower, mut happenings) = Follower::start_at(PACE, door, format!("writer-{n}"), room);
    let (mut said, mut acknowledged) = (0_u64, 0_u64);
    loop {
        if !*stop.borrow() && said < acknowledged + 4 {
            said += 1;
            follower.say(format!("writer {n} says {said}")).await;
            continue;
        }
        if *stop.borrow() && acknowledged == said {
            return;
        }
        let happening = timeout(SOON, happenings.recv()).await.expect("in time");
        match happening.expect("it stays") {
            Happening::Said(it) => {
                acknowledged += 1;
                noted.lock().expect("whole").push((it.seq, it.text));
            }
            Happening::Refused { refusal, .. } => panic!("refused: {refusal}"),
            Happening::Breach(breach) => panic!("writer {n}: {breach}"),
            _ => {}
        }
    }
}

async fn until(what: &str, fact: impl Fn() -> bool) {
    let fact = async {
        while !fact() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, fact)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

async fn until_readyz_is(server: &Server, status: u16) {
    let answered = async {
        while reqwest::get(server.url("/readyz"))
            .await
            .expect("answered")
            .status()
            != status
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, answered)
        .await
        .unwrap_or_else(|_| panic!("readyz is {status}"));
}

async fn until_live(owner: &support::Person) {
    let live = async {
        loop {
            let mut rooms: protocol::rest::RoomList = owner.get("/api/v1/rooms").await;
            let broadcast = rooms.rooms.remove(0).broadcast;
            if broadcast.is_some_and(|it| it.phase == Phase::Live) {
                return;
            }
        }
    };
    timeout(SOON, live).await.expect("live");
}

fn run(url: &str, server: &Server, what: &[&str], after: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(what)
        .arg("--data")
        .arg(&server.folder)
        .args(["--set", &format!("store.url={url}")])
        .args(["--listen", &server.address.to_string()])
        .args(after)
        .output()
        .expect("the program runs")
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_whoever_dies() {
    let database = Postgres::start(&[]);
    let url = database.url();
    let mut server = Server::start_with(&[&format!("store.url={url}")]);
    let owner = server.set_up().await;
    server.sign_up("小明").await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await;
    let publisher = Publisher::start(&server, "/whip", &key.key);
    until_live(&owner).await;

    let tokens = run(&url, &server, &["token"], &["--count", "4"]);
    assert!(tokens.status.success(), "{}", said(&tokens));
    let tokens = String::from_utf8(tokens.stdout).expect("text");
    let noted = Noted::default();
    let count = || noted.lock().expect("whole").len();
    let (stop, stopping) = watch::channel(false);
    let writers: Vec<_> = tokens
        .lines()
        .enumerate()
        .map(|(n, token)| {
            let (noted, stopping) = (noted.clone(), stopping.clone());
            tokio::spawn(write(server.address, token.to_owned(), n, noted, stopping))
        })
        .collect();
    assert_eq!(writers.len(), WRITERS);

    for _ in 0..ROUNDS {
        let before = count();
        until("they talk", || count() > before + 50).await;
        server.kill();
        server.restart();
    }
    drop(publisher);
    for _ in 0..ROUNDS {
        let before = count();
        until("they talk", || count() > before + 50).await;
        database.crash();
        until_readyz_is(&server, 503).await;
        database.begin();
        let (back, before) = (Instant::now(), count());
        until("they talk again", || count() > before).await;
        assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
        until_readyz_is(&server, 200).await;
    }
    stop.send(true).expect("the writers listen");
    for writer in writers {
        writer.await.expect("a writer");
    }

    let mut reader = owner.connect("reader").await;
    let a = reader.join("hall", None).await.expect("joined").a;
    let history = read_history(&mut reader, a).await;
    is_whole(&history);
    for (seq, text) in noted.lock().expect("whole").iter() {
        let kept = history.get(seq).and_then(Option::as_deref);
        assert_eq!(kept, Some(text.as_str()), "acknowledged at {seq}");
    }

    // Who signs in now is who signed up before all that.
    server.sign_in("小明").await;
    assert_eq!(server.stop(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_beside_the_server_work_or_say_what_to_do_instead() {
    let database = Postgres::start(&[]);
    let url = database.url();
    let mut server = Server::start_with(&[&format!("store.url={url}")]);
    server.set_up().await;
    let verified = run(&url, &server, &["audit", "verify"], &[]);
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(said(&verified).contains("whole"), "{}", said(&verified));
    let listed = run(&url, &server, &["audit", "list"], &[]);
    assert!(listed.status.success(), "{}", said(&listed));

    let file = server.folder.join("backup.tar");
    let file = file.to_str().expect("a plain name");
    let backup = run(&url, &server, &["backup"], &[file]);
    assert!(!backup.status.success(), "{}", said(&backup));
    let words = said(&backup);
    for told in [
        "pg_dump",
        "blobs",
        "docs/OPERATING.md",
        "postgres://weiquan@",
    ] {
        assert!(words.contains(told), "{told} in {words}");
    }

    let doctor = || said(&run(&url, &server, &["doctor"], &[]));
    let words = doctor();
    assert!(words.contains("open in a running server"), "{words}");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let second = Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(elsewhere.path())
        .args([
            "--set",
            &format!("store.url={url}"),
            "--set",
            "server.admin=off",
        ])
        .output()
        .expect("the program runs");
    let words = said(&second);
    assert!(!second.status.success(), "{words}");
    assert!(words.contains("another server has the database"), "{words}");

    let restored = run(&url, &server, &["restored"], &[]);
    assert!(
        !restored.status.success(),
        "a server runs: {}",
        said(&restored)
    );
    assert_eq!(server.stop(), 0);
    let restored = run(&url, &server, &["restored"], &[]);
    assert!(restored.status.success(), "{}", said(&restored));
    let listed = said(&run(&url, &server, &["audit", "list"], &[]));
    assert!(
        listed.contains("operator restore: a dump of PostgreSQL"),
        "{listed}"
    );
    database.crash();
    let words = said(&run(&url, &server, &["doctor"], &[]));
    assert!(words.contains("cannot be reached"), "{words}");
    let words = said(&run(&url, &server, &["audit", "verify"], &[]));
    assert!(words.contains("cannot be reached"), "{words}");
}

/// Every process of the database stands still: its lines stay, and nothing ever comes over them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_never_answers_holds_nobody_for_good() {
    let database = Postgres::start(&[]);
    let url = database.url();
    let mut server = Server::start_with(&[&format!("store.url={url}")]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("writer").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "before").await.expect("stored");

    database.freeze();
    let refused = timeout(TOLD_WITHIN, line.say(a, "meanwhile")).await;
    database.thaw();
    let refused = refused.expect("told, not held");
    assert!(
        matches!(&refused, Err(Error::Refused(it)) if it.code == Code::StorageUnavailable),
        "{refused:?}"
    );
    let after = timeout(SOON, async {
        loop {
            match line.say(a, "after").await {
                Ok(_) => return,
                Err(Error::Refused(it)) if it.code == Code::StorageUnavailable => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    after.await.expect("it stores again");
    until_readyz_is(&server, 200).await;
    let history = read_history(&mut line, a).await;
    let texts: Vec<&str> = history.values().flatten().map(String::as_str).collect();
    assert!(matches!(texts[..], ["before", "after"]), "{texts:?}");
    assert_eq!(server.stop(), 0);
}
