//! Opening, closing and opening again.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use protocol::server::Mark;
use store::{AppendError, Health, LogError, OpenError, PageOf, RowError, Store, StoreConfig};

use crate::disks::{Home, ROOM, append, entry, on_both_engines, open, person, set_up, with_id};

on_both_engines! {
    what_was_stored_is_read_at_once_and_after_a_restart
    a_closed_store_refuses_everything
    sixty_four_rooms_share_the_writer
    a_store_that_was_let_go_can_be_opened_again
    a_folder_is_one_servers
}

async fn a_folder_is_one_servers(home: Home) {
    let store = home.open();
    let second = Store::open(home.folder.path(), &home.config);
    let Err(error @ OpenError::InUse(_)) = second else {
        panic!("it opened twice")
    };
    let words = error.to_string();
    assert!(
        words.contains(&home.folder.path().display().to_string()),
        "{words}"
    );
    assert!(words.contains("stop it first"), "{words}");
    store.close().await;
    home.open().close().await;
}

async fn a_store_that_was_let_go_can_be_opened_again(home: Home) {
    let store = home.open();
    set_up(&store, 1).await;
    let commit = store.append(append(ROOM, vec![entry(1)]));
    drop(store);
    assert_eq!(commit.await, Ok(()));
    // The writer ends by itself soon after; then the lock is free.
    let store = loop {
        match Store::open(home.folder.path(), &home.config) {
            Ok(store) => break store,
            Err(OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.load(ROOM).await.unwrap().last_seq, 1);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 1).await;
    store.close().await;
    let wal = folder.path().join("weiquan.db-wal");
    assert!(!wal.exists() || wal.metadata().unwrap().len() == 0);
}

#[tokio::test]
async fn a_missing_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    open(&deep).await.close().await;
    assert!(deep.join("weiquan.db").exists());
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let store = open(&folder).await;
    set_up(&store, 1).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert!(
        files.len() >= 4,
        "database, write-ahead log, its index, lock: {files:?}"
    );
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    fs::write(&file, "not a folder").unwrap();
    let Err(OpenError::Folder(named, _)) = Store::open(&file, &StoreConfig::default()) else {
        panic!("it opened")
    };
    assert_eq!(named, file);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weiquan.db");
    let text = "this is a diary. ".repeat(400);
    fs::write(&file, &text).unwrap();
    let refused = Store::open(folder.path(), &StoreConfig::default());
    assert!(matches!(refused, Err(OpenError::Unreadable(..))));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

async fn what_was_stored_is_read_at_once_and_after_a_restart(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    let said = with_id(1, "m_anna", "x");
    assert_eq!(
        store
            .append(append(ROOM, vec![said.clone(), entry(2)]))
            .await,
        Ok(())
    );
    for again in [false, true] {
        let store = if again {
            store.close().await;
            home.open()
        } else {
            store.clone()
        };
        assert_eq!(
            store.load(ROOM).await.unwrap().tail,
            [said.clone(), entry(2)]
        );
        assert_eq!(
            store.page(ROOM, PageOf::Last, 1).await.unwrap().entries,
            [entry(2)]
        );
        assert_eq!(store.entry(ROOM, 1).await.unwrap(), Some(said.clone()));
        assert_eq!(store.entry(ROOM, 3).await.unwrap(), None);
        let known = store
            .known(ROOM, "m_anna".into(), "x".into())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((known.seq, known.at_ms), (1, 1_001));
        assert_eq!(
            store.known(ROOM, "m_ben".into(), "x".into()).await.unwrap(),
            None
        );
        assert_eq!(person("m_anna").mark, Mark::Member);
        assert!(matches!(store.load(9).await, Err(LogError::NoSuchRoom(9))));
    }
}

async fn a_closed_store_refuses_everything(home: Home) {
    let store = home.open();
    set_up(&store, 1).await;
    let waiting: Vec<_> = (1..=500)
        .map(|seq| store.append(append(ROOM, vec![entry(seq)])))
        .collect();
    store.close().await;
    store.close().await;
    for commit in waiting {
        assert_eq!(commit.await, Ok(()), "what waited is stored");
    }
    assert_eq!(store.health(), Health::Closed);
    let late = store.append(append(ROOM, vec![entry(501)]));
    assert_eq!(late.await, Err(AppendError::Unavailable));
    assert!(matches!(store.load(ROOM).await, Err(LogError::Busy)));
    assert!(matches!(store.circle().await, Err(RowError::Unavailable)));
    assert!(matches!(
        store.server_secret([1; 32]).await,
        Err(RowError::Unavailable)
    ));
    assert_eq!(home.open().load(ROOM).await.unwrap().last_seq, 500);
}

async fn sixty_four_rooms_share_the_writer(home: Home) {
    let store = home.open();
    set_up(&store, 64).await;
    let rooms: Vec<_> = (1..=64)
        .map(|room| {
            let store = store.clone();
            tokio::spawn(async move {
                for first in (1..=200).step_by(20) {
                    let waiting: Vec<_> = (first..first + 20)
                        .map(|seq| store.append(append(room, vec![entry(seq)])))
                        .collect();
                    for commit in waiting {
                        assert_eq!(commit.await, Ok(()));
                    }
                    // What was acknowledged is there for a reader at once.
                    let loaded = store.load(room).await.unwrap();
                    assert_eq!(loaded.last_seq, first + 19);
                }
            })
        })
        .collect();
    for room in rooms {
        room.await.unwrap();
    }
    for room in 1..=64 {
        let tail = store.load(room).await.unwrap().tail;
        assert_eq!(tail, (1..=200).map(entry).collect::<Vec<_>>());
    }
}
