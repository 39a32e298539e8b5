//! The logs, ready for a test: rooms 1, 2 and 3 in circle 1.

use std::path::Path;

use protocol::{
    CircleId, RoomNumber, Seq,
    server::{Mark, Person},
    topic::{Topic, TopicKind, TopicStatus},
};
use store::{
    Append, DatabaseUrl, Entry, Log, NewAccount, NewRoom, PostgresLog, RowChange, SqliteLog, Store,
    StoreConfig,
    simulated::{Kept, SimulatedLog},
};
use tempfile::TempDir;

use crate::postgres::{Postgres, nobody_is_born};

pub(crate) const CIRCLE: CircleId = 1;
pub(crate) const ROOM: RoomNumber = 1;
pub(crate) const OTHER_ROOM: RoomNumber = 2;
pub(crate) const ROOMS: [RoomNumber; 3] = [1, 2, 3];

/// A storage that can be restarted.
pub(crate) trait Disk: Sized {
    fn new() -> Self;
    fn log(&mut self) -> &mut dyn Log;
    /// The process ends and another one starts on what is on the disk.
    fn restart(&mut self);
}

/// Where a store is at home: a folder, and a database where its engine has one.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) config: StoreConfig,
    /// The database's schema.
    schema: String,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self::with(None, String::new())
    }

    /// In a schema of its own.
    pub(crate) fn postgres() -> Self {
        let (schema, url) = Postgres::shared().schema();
        Self::with(Some(url.parse().unwrap()), schema)
    }

    fn with(url: Option<DatabaseUrl>, schema: String) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            config: StoreConfig {
                url,
                ..StoreConfig::default()
            },
            schema,
        }
    }

    /// Runs SQL in the schema, beside the server.
    pub(crate) fn sql(&self, sql: &str) {
        Postgres::shared().sql(&format!("SET search_path = {}; {sql}", self.schema));
    }

    /// What a server does by itself after a while, where it is PostgreSQL's: other plans and paths are taken then.
    pub(crate) fn count_for_the_planner(&self, table: &str) {
        if !self.schema.is_empty() {
            self.sql(&format!("ANALYZE {table}"));
        }
    }

    /// Ends the session of whoever writes to the schema, as an operator may; returns when it is over.
    pub(crate) fn end_the_writer(&self) {
        let ended = Postgres::shared().sql(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
             WHERE locktype = 'advisory' AND CAST(CAST(objid AS BIGINT) AS BIT(32)) =
                 CAST(CAST(hashtext('{}') AS BIGINT) AS BIT(32))",
            self.schema
        ));
        assert_eq!(ended.trim(), "t", "one writes");
    }

    pub(crate) fn open(&self) -> Store {
        let _still = nobody_is_born();
        Store::open(self.folder.path(), &self.config).unwrap()
    }

    /// A home with the rooms.
    pub(crate) fn furnished(self) -> Self {
        block_on(async {
            let store = self.open();
            set_up(&store, ROOMS.len()).await;
            store.close().await;
        });
        self
    }
}

/// One test for each engine of each case.
macro_rules! on_both_engines {
    ($($case:ident)*) => {
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(crate::disks::Home::sqlite()).await; }
        )* }
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(crate::disks::Home::postgres()).await; }
        )* }
    };
}

pub(crate) use on_both_engines;

pub(crate) struct SqliteDisk {
    log: Option<SqliteLog>,
    home: Home,
}

impl Disk for SqliteDisk {
    fn new() -> Self {
        let home = Home::sqlite().furnished();
        let still = nobody_is_born();
        let log = Some(SqliteLog::open(home.folder.path()).unwrap());
        drop(still);
        Self { log, home }
    }

    fn log(&mut self) -> &mut dyn Log {
        self.log.as_mut().unwrap()
    }

    fn restart(&mut self) {
        drop(self.log.take());
        let _still = nobody_is_born();
        self.log = Some(SqliteLog::open(self.home.folder.path()).unwrap());
    }
}

pub(crate) struct PostgresDisk {
    log: Option<PostgresLog>,
    home: Home,
}

impl PostgresDisk {
    fn open(home: &Home) -> PostgresLog {
        let url = home.config.url.as_ref().unwrap();
        let _still = nobody_is_born();
        PostgresLog::open(home.folder.path(), url).unwrap()
    }
}

impl Disk for PostgresDisk {
    fn new() -> Self {
        let home = Home::postgres().furnished();
        let log = Some(Self::open(&home));
        Self { log, home }
    }

    fn log(&mut self) -> &mut dyn Log {
        self.log.as_mut().unwrap()
    }

    fn restart(&mut self) {
        drop(self.log.take());
        self.log = Some(Self::open(&self.home));
    }
}

pub(crate) struct SimulatedDisk(pub(crate) SimulatedLog);

impl Disk for SimulatedDisk {
    fn new() -> Self {
        let log = SimulatedLog::new();
        for room in ROOMS {
            log.add_room(room, CIRCLE, "epoch".into());
        }
        Self(log)
    }

    fn log(&mut self) -> &mut dyn Log {
        &mut self.0
    }

    fn restart(&mut self) {
        self.0.crash(Kept::Nothing);
    }
}

/// A circle, its owner, and rooms 1 to `rooms`.
pub(crate) async fn set_up(store: &Store, rooms: usize) {
    let owner = NewAccount {
        id: "m_owner".into(),
        name: "Owner".into(),
        password: "$hash".into(),
        made_ms: 1,
    };
    let owner = store.set_up("Circle".into(), owner).await.unwrap();
    for n in 1..=rooms {
        let room = NewRoom {
            circle: owner.circle,
            slug: format!("room-{n}").into(),
            title: format!("Room {n}"),
            kind: protocol::topic::RoomKind::Live,
            guests: true,
            made_by: owner.id.clone(),
            made_ms: n as u64,
        };
        let room = store.add_room(room).await.unwrap();
        assert_eq!(room.number as usize, n);
    }
}

pub(crate) async fn open(folder: &Path) -> Store {
    let _still = nobody_is_born();
    Store::open(folder, &StoreConfig::default()).unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A message of Anna's without a client id.
pub(crate) fn entry(seq: Seq) -> Entry {
    Entry {
        seq,
        at_ms: 1_000 + seq,
        pos: None,
        author: person("m_anna"),
        kind: 1,
        is_fact: false,
        client_id: None,
        body: format!(r#"{{"v":1,"text":"message {seq}"}}"#).into_bytes(),
    }
}

pub(crate) fn person(id: &str) -> Person {
    Person {
        id: id.into(),
        name: format!("name of {id}"),
        mark: Mark::Member,
    }
}

/// An open discussion that Anna started, with nothing special about it.
pub(crate) fn topic(title: &str, made_ms: u64) -> Topic {
    Topic {
        kind: TopicKind::Discussion,
        title: title.to_owned(),
        by: person("m_anna"),
        made_ms,
        board: None,
        tags: vec![],
        status: TopicStatus::Open,
        reason: String::new(),
        accepted: None,
        helper: None,
        locked: false,
        pinned: false,
        featured: false,
        into: None,
        merged: vec![],
        recap_of: None,
        split_from: None,
        at: None,
    }
}

pub(crate) fn with_id(seq: Seq, author: &str, client_id: &str) -> Entry {
    Entry {
        author: person(author),
        client_id: Some(client_id.into()),
        ..entry(seq)
    }
}

pub(crate) fn append(room: RoomNumber, records: Vec<Entry>) -> Append {
    Append {
        room,
        circle: CIRCLE,
        records,
        rows: vec![],
    }
}

pub(crate) fn change(room: RoomNumber, rows: Vec<RowChange>) -> Append {
    Append {
        rows,
        ..append(room, vec![])
    }
}

/// Fills a room with plain messages `from..=to`.
pub(crate) fn fill(log: &mut dyn Log, room: RoomNumber, from: Seq, to: Seq) {
    let seqs: Vec<Seq> = (from..=to).collect();
    for chunk in seqs.chunks(256) {
        let records = chunk.iter().map(|seq| entry(*seq)).collect();
        assert_eq!(log.append(&[append(room, records)]).unwrap(), [Ok(())]);
    }
}
