//! The two logs, ready for a test: rooms 1, 2 and 3 in circle 1.

use std::path::Path;

use protocol::{
    CircleId, RoomNumber, Seq,
    server::{Mark, Person},
};
use store::{
    Append, Entry, Log, NewAccount, NewRoom, RowChange, SqliteLog, Store, StoreConfig,
    simulated::{Kept, SimulatedLog},
};
use tempfile::TempDir;

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

pub(crate) struct SqliteDisk {
    log: Option<SqliteLog>,
    folder: TempDir,
}

impl Disk for SqliteDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        block_on(async {
            let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
            set_up(&store, ROOMS.len()).await;
            store.close().await;
        });
        let log = Some(SqliteLog::open(folder.path()).unwrap());
        Self { log, folder }
    }

    fn log(&mut self) -> &mut dyn Log {
        self.log.as_mut().unwrap()
    }

    fn restart(&mut self) {
        drop(self.log.take());
        self.log = Some(SqliteLog::open(self.folder.path()).unwrap());
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
            guests: true,
            made_by: owner.id.clone(),
            made_ms: n as u64,
        };
        let room = store.add_room(room).await.unwrap();
        assert_eq!(room.number as usize, n);
    }
}

pub(crate) async fn open(folder: &Path) -> Store {
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
