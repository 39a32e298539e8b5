//! Backups by the program itself, beside a server that is busy; what they are worth is tried out by
//! restoring them.

mod support;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use operate::{Outcome, Report};
use protocol::{Seq, client::Position, server::Resumed};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use support::{SOON, Server, read_history};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};
use weiquan::operate;
use weiquan_client::{Direct, Follower, Happening};

const WRITERS: usize = 4;
const FLIPS: usize = 150;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn back_up(server: &Server, file: &Path) {
    let output = run(&["backup", "--data", text(&server.folder), text(file)]);
    assert!(output.status.success(), "{}", said(&output));
}

/// Says texts until it is stopped; what is acknowledged is noted.
async fn write(
    server: SocketAddr,
    token: String,
    n: usize,
    noted: Arc<Mutex<Vec<(Seq, String)>>>,
    stop: watch::Receiver<bool>,
) {
    let room = "hall".to_owned();
    let door = Direct {
        server,
        token,
        room: room.clone(),
    };
    let (follower, mut happenings) = Follower::start(door, format!("writer-{n}"), room);
    let (mut said, mut acknowledged) = (0_u64, 0_u64);
    loop {
        if !*stop.borrow() && said < acknowledged + 8 {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_all_that_was_acknowledged_before_it_began() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    server.sign_up("小明").await;
    let mut line = owner.connect("phone").await;
    let joined = line.join("hall", None).await.expect("joined");
    let noted = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopping) = watch::channel(false);
    let mut writers = Vec::new();
    for (n, token) in server.tokens(WRITERS).into_iter().enumerate() {
        let (noted, stopping) = (noted.clone(), stopping.clone());
        writers.push(tokio::spawn(write(
            server.address,
            token,
            n,
            noted,
            stopping,
        )));
    }
    let count = || noted.lock().expect("whole").len();
    let more_than = async |n: usize| {
        let reached = async {
            while count() <= n {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, reached).await.expect("the writers go on");
    };

    let folder = TempDir::new().expect("a folder");
    let mut taken: Vec<(PathBuf, Vec<(Seq, String)>)> = Vec::new();
    for n in 0..3 {
        more_than(count() + 200).await;
        let before = noted.lock().expect("whole").clone();
        let file = folder.path().join(format!("{n}.weiquan"));
        back_up(&server, &file);
        taken.push((file, before));
    }
    more_than(count() + 100).await;
    stop.send(true).expect("the writers listen");
    for writer in writers {
        writer.await.expect("a writer");
    }
    let all = noted.lock().expect("whole").clone();

    let kept: Vec<String> = names(folder.path());
    assert_eq!(
        kept,
        ["0.weiquan", "1.weiquan", "2.weiquan"],
        "nothing else"
    );
    for (file, before) in &taken {
        let verified = run(&["verify-backup", text(file)]);
        assert!(verified.status.success(), "{}", said(&verified));
        let (_report, history, resumed) = serve_restored(file, &joined.e, all.len()).await;
        assert_eq!(
            resumed,
            Resumed::Fresh,
            "who saw more than was restored must not go on from there"
        );
        for (seq, text) in before {
            assert_eq!(history.get(seq), Some(&Some(text.clone())), "seq {seq}");
        }
        let seqs: Vec<Seq> = history.keys().copied().collect();
        let whole: Vec<Seq> = (1..=history.len() as Seq).collect();
        assert_eq!(seqs, whole, "no seq is missing");
    }
    let last = fs::metadata(&taken[2].0).expect("a file");
    assert!(last.len() > 50_000, "{} bytes", last.len());
}

/// Restores a backup, serves it, and reads the room as the owner does, who was at seq `s` of epoch `e`.
async fn serve_restored(
    file: &Path,
    e: &protocol::Epoch,
    s: usize,
) -> (
    String,
    std::collections::BTreeMap<Seq, Option<String>>,
    Resumed,
) {
    let home = TempDir::new().expect("a folder");
    let data = home.path().join("data");
    let restored = run(&["restore", text(file), "--data", text(&data)]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(names(&data), ["blobs", "weiquan.db", "weiquan.lock"]);
    let server = Server::start_in(&data);
    assert!(server.code.is_none(), "it is set up");
    server.sign_in("小明").await;
    let owner = server.sign_in("圈主").await;
    let mut line = owner.connect("phone").await;
    let since = Position {
        e: e.clone(),
        s: s as Seq,
    };
    let joined = line.join("hall", Some(since)).await.expect("joined");
    let history = read_history(&mut line, joined.a).await;
    let next = line
        .say(joined.a, "it goes on")
        .await
        .expect("acknowledged");
    assert_eq!(next.s, history.len() as Seq + 1);
    (said(&restored), history, joined.resumed)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|it| it.expect("an entry").file_name())
        .map(|it| it.into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// A small server's backup, and the folder it lies in.
async fn small() -> (Server, TempDir, PathBuf) {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    for n in 0..3 {
        line.say(a, &format!("第 {n} 句"))
            .await
            .expect("acknowledged");
    }
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("small.weiquan");
    back_up(&server, &file);
    (server, folder, file)
}

async fn verify(file: &Path, scratch: &Path) -> Report {
    operate::verify(file, scratch).await.expect("it is read")
}

#[tokio::test]
async fn a_flipped_bit_is_found_wherever_it_is() {
    let (_server, folder, file) = small().await;
    let sound = fs::read(&file).expect("a file");
    let report = verify(&file, folder.path()).await;
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.count(Outcome::Ok), 7, "{report:?}");

    let mut draw = SmallRng::seed_from_u64(11);
    // Each kind of place: the heads, the manifest, its sum, what is between and after them.
    let manifest_bytes = String::from_utf8_lossy(&sound[512..])
        .find('\0')
        .expect("an end");
    let mut places: Vec<usize> = vec![0, 100, 124, 140, 150, 155, 257, 345, 511, 512];
    places.extend([512 + manifest_bytes - 1, 512 + manifest_bytes]);
    places.extend([sound.len() - 1, sound.len() - 512, sound.len() - 1024]);
    places.extend((0..FLIPS).map(|_| draw.random_range(0..sound.len())));
    places.extend((0..FLIPS).map(|_| draw.random_range(0..4_096)));
    for at in places {
        let bit = draw.random_range(0..8);
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << bit;
        fs::write(&file, &bytes).expect("written");
        let report = verify(&file, folder.path()).await;
        assert!(!report.holds(), "bit {bit} of byte {at}");
    }
    for length in [0, 100, 512, 2_000, sound.len() / 2, sound.len() - 1] {
        fs::write(&file, &sound[..length]).expect("written");
        let report = verify(&file, folder.path()).await;
        assert!(!report.holds(), "cut at {length}");
    }
    let longer = [sound.as_slice(), b"\0"].concat();
    fs::write(&file, longer).expect("written");
    assert!(!verify(&file, folder.path()).await.holds(), "one more byte");
    assert_eq!(names(folder.path()), ["small.weiquan"], "nothing is left");
}

#[tokio::test]
async fn the_program_says_by_its_exit_code_whether_a_backup_is_sound() {
    let (_server, folder, file) = small().await;
    let good = run(&["verify-backup", text(&file)]);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let table = said(&good);
    for told in ["3 records in 1 room, no seq missing", "7 ok"] {
        assert!(table.contains(told), "{told} in {table}");
    }
    let mut bytes = fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = folder.path().join("bad.weiquan");
    fs::write(&bad, bytes).expect("written");
    let json = run(&["verify-backup", "--json", text(&bad)]);
    assert_eq!(json.status.code(), Some(1), "{}", said(&json));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["checks"][0]["outcome"], "fail", "{report}");
    let refused = run(&[
        "restore",
        text(&bad),
        "--data",
        text(&folder.path().join("new")),
    ]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("nothing was restored"),
        "{}",
        said(&refused)
    );
    let absent = run(&["verify-backup", text(&folder.path().join("absent"))]);
    assert_eq!(absent.status.code(), Some(2));
}

#[tokio::test]
async fn nothing_that_is_there_is_written_over() {
    let (mut server, folder, file) = small().await;
    let bytes = fs::read(&file).expect("a file");
    let again = run(&["backup", "--data", text(&server.folder), text(&file)]);
    assert!(
        said(&again).contains("is there already"),
        "{}",
        said(&again)
    );
    assert_eq!(fs::read(&file).expect("a file"), bytes);

    let open = run(&["restore", text(&file), "--data", text(&server.folder)]);
    assert!(said(&open).contains("another server"), "{}", said(&open));
    assert_eq!(server.stop(), 0);
    let database = fs::read(server.folder.join("weiquan.db")).expect("a file");
    let holds = run(&["restore", text(&file), "--data", text(&server.folder)]);
    assert!(
        said(&holds).contains("holds a database"),
        "{}",
        said(&holds)
    );
    let after = fs::read(server.folder.join("weiquan.db")).expect("a file");
    assert!(after == database, "the database is as it was");

    let empty = TempDir::new().expect("a folder");
    let none = folder.path().join("none.weiquan");
    let nothing = run(&["backup", "--data", text(empty.path()), text(&none)]);
    assert!(
        said(&nothing).contains("holds no server"),
        "{}",
        said(&nothing)
    );
    assert_eq!(names(folder.path()), ["small.weiquan"]);
    assert!(names(empty.path()).is_empty(), "nothing is made there");
}

#[tokio::test]
async fn a_newer_schema_and_a_missing_record_are_told() {
    let (mut server, folder, _) = small().await;
    assert_eq!(server.stop(), 0);
    let database = server.folder.join("weiquan.db");
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(&database).expect("a database");
        db.execute_batch(sql).expect("changed");
    };
    change("DELETE FROM records WHERE seq = 2");
    let holed = folder.path().join("holed.weiquan");
    back_up(&server, &holed);
    let report = verify(&holed, folder.path()).await;
    let failed: Vec<&str> = report
        .checks
        .iter()
        .filter(|it| !it.is_ok())
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(failed, ["logs", "start"], "{report:?}");

    change("PRAGMA user_version = 999");
    let newer = folder.path().join("newer.weiquan");
    back_up(&server, &newer);
    let data = folder.path().join("data");
    let refused = run(&["restore", text(&newer), "--data", text(&data)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("999"), "{}", said(&refused));
    let left = fs::metadata(data.join("weiquan.db")).map_or(0, |it| it.len());
    assert_eq!(left, 0, "there is no database");
}

/// The lines after the backup are gone with what they told of; the log itself says so.
#[tokio::test]
async fn o13_a_restore_is_a_line_of_the_audit_log_and_its_chain_goes_on() {
    let (server, folder, _) = small().await;
    let owner = server.sign_in("圈主").await;
    owner.make_stream_key("hall").await;
    let file = folder.path().join("with-a-line.weiquan");
    back_up(&server, &file);
    owner.make_stream_key("hall").await;
    let audit = |data: &Path, what: &str| {
        let run = run(&["audit", what, "--data", text(data)]);
        assert!(run.status.success(), "{}", said(&run));
        String::from_utf8(run.stdout).expect("text")
    };
    let whole = |lines: u64| format!("the audit log is whole: {lines} lines\n");
    assert_eq!(
        audit(&server.folder, "verify"),
        whole(2),
        "a backup is none"
    );

    let data = folder.path().join("data");
    let restored = run(&["restore", text(&file), "--data", text(&data)]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(audit(&data, "verify"), whole(2));
    let list = audit(&data, "list");
    let moment = said(&restored);
    let moment = moment.split("server was on ").nth(1).expect("a moment");
    let moment = moment.split(".\n").next().expect("a sentence");
    let line = list.lines().nth(1).expect("two lines");
    assert!(line.starts_with("2 "), "{line}");
    assert!(
        line.ends_with(&format!("operator restore: {moment}")),
        "{line}, of {moment}"
    );

    let server = Server::start_in(&data);
    let owner = server.sign_in("圈主").await;
    owner.make_stream_key("hall").await;
    let seen: protocol::rest::ActList = owner.get("/api/v1/audit").await;
    let seen: Vec<(u64, &str)> = seen
        .acts
        .iter()
        .map(|it| (it.number, it.what.as_str()))
        .collect();
    assert_eq!(seen, [(3, "stream_key"), (2, "restore"), (1, "stream_key")]);
    assert_eq!(audit(&data, "verify"), whole(3));
}
