//! Databases of earlier releases, as their servers wrote them, are served by this one with everything
//! that was in them.
//!
//! `testdata/upgrades` holds two files for each release: the database as SQL, and what its people know
//! of it. How a release adds its own is told there.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use protocol::{
    BroadcastId, ClientFrame, ClientId, Epoch, MemberId, Seq,
    client::BroadcastAct,
    rest::{GuestWish, MemberList, MemberRole, RoleWish, RoomList, Token},
    server::{Mark, Phase, Reply},
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use support::{Person, Server, read_history};
use tempfile::TempDir;

const FIXTURES: &str = "testdata/upgrades";
const DEVICE: &str = "a device of a guest, with a long secret";

/// What people know of a server, which must be so after an upgrade.
#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Known {
    /// Everybody with an account: name and mark.
    members: BTreeMap<String, Mark>,
    guest: MemberId,
    /// Slug, title and epoch of each room, and its log: seq and text.
    rooms: BTreeMap<String, Room>,
    stream_key: String,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Room {
    title: String,
    epoch: Epoch,
    log: BTreeMap<Seq, Option<String>>,
    broadcast: Option<(BroadcastId, String, Phase)>,
}

/// What one of every kind of thing looks like once a server had it: accounts, roles, a guest, rooms,
/// messages, an edit, a deletion, a mute, a ban, slow mode, a broadcast, a stream key.
async fn live_a_little(server: &Server) -> Known {
    let owner = server.set_up().await;
    let (mo, ann) = (server.sign_up("Mo").await, server.sign_up("小安").await);
    let path = format!("/api/v1/members/{}/role", mo.id());
    let role = RoleWish {
        role: MemberRole::Moderator,
    };
    let given = owner
        .request(reqwest::Method::PUT, &path)
        .json(&role)
        .send();
    assert_eq!(given.await.expect("answered").status(), 200);
    let guest = guest(server).await;
    for slug in ["hall", "later", "empty"] {
        owner.make_room(slug).await;
    }
    let key = owner.make_stream_key("hall").await.key;

    let mut line = owner.connect("phone").await;
    let hall = line.join("hall", None).await.expect("joined").a;
    let mut others = ann.connect("laptop").await;
    others.join("hall", None).await.expect("joined");
    for n in 1..=5 {
        line.say(hall, &format!("第 {n} 句"))
            .await
            .expect("acknowledged");
        others
            .say(hall, &format!("it's \"{n}\""))
            .await
            .expect("acknowledged");
    }
    let (ann_id, mo_id) = (ann.id(), mo.id());
    act(&mut line, |i, cid| ClientFrame::Edit {
        i,
        a: hall,
        cid,
        of: 1,
        text: "改过的一句".into(),
    })
    .await;
    act(&mut line, |i, cid| ClientFrame::Delete {
        i,
        a: hall,
        cid,
        of: 2,
    })
    .await;
    act(&mut line, |i, cid| ClientFrame::Mute {
        i,
        a: hall,
        cid,
        who: ann_id.clone(),
        for_ms: 1_000,
        reason: "a rest".into(),
    })
    .await;
    act(&mut line, |i, cid| ClientFrame::SlowMode {
        i,
        a: hall,
        cid,
        gap_ms: 2_000,
        auto: None,
    })
    .await;
    let later = line.join("later", None).await.expect("joined").a;
    act(&mut line, |i, cid| ClientFrame::Ban {
        i,
        a: later,
        cid,
        who: mo_id.clone(),
        for_ms: None,
        reason: String::new(),
    })
    .await;
    // 2100: it is still to come whenever this is read.
    act(&mut line, |i, cid| ClientFrame::Broadcast {
        i,
        a: later,
        cid,
        act: BroadcastAct::Schedule,
        title: Some("以后的一场".into()),
        starts_ms: Some(4_102_444_800_000),
    })
    .await;
    known(server, guest, key).await
}

async fn act(line: &mut weiquan_client::Connection, make: impl Fn(u32, ClientId) -> ClientFrame) {
    let cid = ClientId::from(uuid::Uuid::now_v7().to_string());
    let reply = line.request(|i| make(i, cid.clone())).await;
    assert!(matches!(reply, Ok(Reply::Ack(_))), "{reply:?}");
}

async fn guest(server: &Server) -> MemberId {
    let body = GuestWish {
        device: DEVICE.into(),
        name: Some("客人".into()),
    };
    let token: Token = Person::new(server).post("/api/v1/guests", &body).await;
    token.me.id
}

/// Asks the server, as its people do.
async fn known(server: &Server, guest: MemberId, stream_key: String) -> Known {
    let owner = server.sign_in("圈主").await;
    let list: MemberList = owner.get("/api/v1/members").await;
    let members = list.members.into_iter().map(|it| (it.name, it.mark));
    let mut rooms = BTreeMap::new();
    let listed: RoomList = owner.get("/api/v1/rooms").await;
    let mut line = owner.connect("reader").await;
    for card in listed.rooms {
        let joined = line.join(card.slug.as_str(), None).await.expect("joined");
        let room = Room {
            title: card.title,
            epoch: joined.e,
            log: read_history(&mut line, joined.a).await,
            broadcast: card.broadcast.map(|it| (it.id, it.title, it.phase)),
        };
        rooms.insert(card.slug.to_string(), room);
    }
    Known {
        members: members.collect(),
        guest,
        rooms,
        stream_key,
    }
}

#[tokio::test]
async fn every_earlier_database_is_served_whole() {
    let mut served = 0;
    for (release, sql, known_then) in fixtures() {
        println!("{release}");
        let home = TempDir::new().expect("a folder");
        load(&home.path().join("weiquan.db"), &sql);
        let server = Server::start_in(home.path());
        assert!(server.code.is_none(), "{release} was set up");

        let then: Known = serde_json::from_str(&known_then).expect("what was known");
        let now = known(&server, guest(&server).await, then.stream_key.clone()).await;
        assert_eq!(now, then, "{release}");
        for name in ["Mo", "小安"] {
            server.sign_in(name).await;
        }
        publishes_by(&server, &then.stream_key).await;
        // It goes on: the banned stay out, the next message has the next seq.
        let owner = server.sign_in("圈主").await;
        let mut line = owner.connect("phone").await;
        let hall = line.join("hall", None).await.expect("joined");
        let said = line.say(hall.a, "升级以后").await.expect("acknowledged");
        assert_eq!(said.s, hall.s + 1);
        let mo = server.sign_in("Mo").await;
        let banned = mo.connect("phone").await.join("later", None).await;
        assert!(banned.is_err(), "{release}: {banned:?}");
        served += 1;
    }
    assert!(served >= 1, "there is no database of an earlier release");
}

/// The audit log is younger than the first release: it begins with the restore.
#[tokio::test]
async fn o13_a_backup_of_an_earlier_release_is_restored_with_a_line_of_the_audit_log() {
    for (release, sql, _) in fixtures() {
        let home = TempDir::new().expect("a folder");
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        fs::create_dir(&old).expect("a folder");
        load(&old.join("weiquan.db"), &sql);
        let file = home.path().join("old.weiquan");
        weiquan::operate::backup(&old, &file, &mut |_, _| {}).expect("backed up");
        weiquan::operate::restore(&file, &new)
            .await
            .expect("restored");
        let of = store::ActsOf {
            n: 9,
            ..store::ActsOf::default()
        };
        let kept = store::StoreConfig::default();
        let lines = weiquan::operate::audit::list(&new, &kept, &of, false).expect("an audit log");
        let [.., last] = lines.as_slice() else {
            panic!("{release} has no line")
        };
        assert!(last.contains("operator restore: "), "{release}: {last}");
        let (words, holds) = weiquan::operate::audit::verify(&new, &kept).expect("an audit log");
        assert!(holds, "{release}: {words}");
        let copies = fs::read_dir(&new).expect("a folder").count();
        assert_eq!(copies, 3, "the database, its lock and the blobs");
    }
}

/// The key is known: an offer that is none is refused for what it is, and not for who sent it.
async fn publishes_by(server: &Server, key: &str) {
    let offer = |key: String| {
        let client = reqwest::Client::new();
        let request = client.post(server.url("/whip")).bearer_auth(key);
        let typed = request.header("content-type", "application/sdp");
        typed.body("no offer").send()
    };
    let known = offer(key.to_owned()).await.expect("answered").status();
    let unknown = offer(format!("{key}x")).await.expect("answered").status();
    assert_eq!(unknown, 401);
    assert!(
        known.is_client_error() && known != 401 && known != 403,
        "{known}"
    );
}

/// Each release of the changelog left its database here.
#[test]
fn every_release_has_its_database() {
    let changelog = fs::read_to_string("docs/CHANGELOG.md").expect("a changelog");
    let headings = changelog.lines().filter_map(|it| it.strip_prefix("## "));
    for heading in headings.filter(|it| *it != "Unreleased") {
        let release = heading.split_whitespace().next().expect("a version");
        for kind in ["sql", "json"] {
            let file = format!("{FIXTURES}/{release}.{kind}");
            assert!(
                Path::new(&file).is_file(),
                "{file}: see {FIXTURES}/README.md"
            );
        }
    }
}

/// Lives a little on a server of this version, so that the scenario always works, and keeps what
/// comes of it where `WEIQUAN_KEEP_UPGRADE` says so.
#[tokio::test]
async fn this_version_can_leave_its_database() {
    let mut server = Server::start();
    let known = live_a_little(&server).await;
    assert_eq!(server.stop(), 0);
    let sql = dump(&server.folder.join("weiquan.db"));
    let home = TempDir::new().expect("a folder");
    let copy = home.path().join("weiquan.db");
    load(&copy, &sql);
    assert_eq!(dump(&copy), sql, "what is loaded is what was dumped");
    if std::env::var_os("WEIQUAN_KEEP_UPGRADE").is_some() {
        let name = |kind| format!("{FIXTURES}/{}.{kind}", env!("CARGO_PKG_VERSION"));
        let text = serde_json::to_string_pretty(&known).expect("plain data");
        fs::write(name("sql"), sql).expect("written");
        fs::write(name("json"), text + "\n").expect("written");
    }
}

/// Release, database and what was known, the oldest first.
fn fixtures() -> Vec<(String, String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(FIXTURES)
        .expect("a folder")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.extension().is_some_and(|it| it == "sql"))
        .collect();
    files.sort();
    let read = |path: &Path| fs::read_to_string(path).expect("text");
    files
        .iter()
        .map(|sql| {
            let release = sql.with_extension("");
            let name = release.file_name().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                read(sql),
                read(&sql.with_extension("json")),
            )
        })
        .collect()
}

/// A database as SQL: its version, its tables and indexes, its rows in the order of their keys. What can be
/// found follows from the logs and is left out, so that whoever loads it makes it anew.
fn dump(file: &Path) -> String {
    let db = Connection::open(file).expect("a database");
    let text = |sql: &str| -> Vec<String> {
        let mut query = db.prepare(sql).expect("a query");
        let rows = query.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("text")
    };
    let version: u32 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .expect("a version");
    let mut out = format!("PRAGMA foreign_keys = off;\nPRAGMA user_version = {version};\n");
    for sql in text(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
         AND name NOT LIKE 'search_words_%' ORDER BY rowid",
    ) {
        out.push_str(&format!("{sql};\n"));
    }
    for table in text(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         AND name NOT LIKE 'search_%' ORDER BY rowid",
    ) {
        let columns = text(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<String> = columns.iter().map(|it| format!("quote({it})")).collect();
        let values = quoted.join(" || ', ' || ");
        for row in text(&format!("SELECT {values} FROM {table} ORDER BY 1")) {
            out.push_str(&format!("INSERT INTO {table} VALUES ({row});\n"));
        }
    }
    out
}

fn load(file: &Path, sql: &str) {
    let db = Connection::open(file).expect("a file");
    db.execute_batch(sql).expect("a database");
}
