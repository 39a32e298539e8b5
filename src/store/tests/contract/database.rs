//! What is by nature about a PostgreSQL server: whose the database is, what it must be like, and what is
//! said and done when it goes away.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use protocol::RoomNumber;
use store::{
    AppendError, DatabaseError, DatabaseUrl, Entry, Health, Loaded, Log, LogError, OpenError,
    Place, PostgresLog, RowError, Store, StoreConfig,
};
use tempfile::TempDir;

use crate::{
    disks::{Home, OTHER_ROOM, ROOM, append, entry, person, set_up, with_id},
    ports::free_ports,
    postgres::{Postgres, nobody_is_born},
    until,
};

/// A connection that was not used for so long is asked whether it stands.
const QUIET: Duration = Duration::from_millis(300);
/// How soon it writes again once the database is back.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn refused(folder: &TempDir, config: &StoreConfig) -> OpenError {
    let _still = nobody_is_born();
    match Store::open(folder.path(), config) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

fn at(url: &str) -> StoreConfig {
    StoreConfig {
        url: Some(url.parse().unwrap()),
        ..StoreConfig::default()
    }
}

#[tokio::test]
async fn a_database_is_one_servers() {
    let home = Home::postgres();
    let store = home.open();
    let elsewhere = tempfile::tempdir().unwrap();
    let error = refused(&elsewhere, &home.config);
    assert!(
        matches!(error, OpenError::InUse(Place::Database(_))),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(words.contains("stop it first"), "{words}");
    assert!(words.contains("postgres://weiquan@"), "{words}");
    store.close().await;
    home.open().close().await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://wq:a-secret@127.0.0.1:1/chat";
    let error = refused(&folder, &at(url));
    let words = error.to_string();
    assert!(
        matches!(error, OpenError::Database(DatabaseError::Unreachable(..))),
        "{error:?}"
    );
    assert!(words.contains("postgres://wq@127.0.0.1:1/chat"), "{words}");
    let all = format!("{error:?} {words}");
    assert!(!all.contains("a-secret"), "{all}");
}

#[tokio::test]
async fn tables_of_something_else_and_of_a_newer_version_are_refused() {
    let postgres = Postgres::shared();
    let folder = tempfile::tempdir().unwrap();
    let (schema, url) = postgres.schema();
    postgres.sql(&format!("CREATE TABLE {schema}.notes (text TEXT)"));
    let error = refused(&folder, &at(&url));
    assert!(
        matches!(error, OpenError::Database(DatabaseError::Foreign(_))),
        "{error:?}"
    );
    let (schema, url) = postgres.schema();
    let store = Store::open(folder.path(), &at(&url)).unwrap();
    store.close().await;
    postgres.sql(&format!("UPDATE {schema}.schema_version SET version = 99"));
    let error = refused(&folder, &at(&url));
    assert!(
        matches!(
            error,
            OpenError::Database(DatabaseError::Newer { found: 99, .. })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_that_loses_what_it_acknowledged_is_refused() {
    let postgres = Postgres::start(&["fsync=off"]);
    let folder = tempfile::tempdir().unwrap();
    let words = refused(&folder, &at(&postgres.url())).to_string();
    assert!(words.contains("set fsync = on"), "{words}");
}

#[tokio::test]
async fn by_tls_the_database_shows_who_it_is() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let password = "a-secret";
    let port = free_ports(1)[0];
    let postgres = Postgres::start_with_tls(port, &certificate, &key, password);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &certificate).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let stranger = folder.path().join("stranger.pem");
    std::fs::write(&stranger, other.cert.pem()).unwrap();
    let at = |host: &str, how: &str, password: &str| StoreConfig {
        url: Some(
            format!("postgres://weiquan@{host}:{port}/weiquan?{how}")
                .parse::<DatabaseUrl>()
                .unwrap()
                .with_password(password),
        ),
        ..StoreConfig::default()
    };
    let trusting = |it: &Path| format!("sslmode=verify-full&sslrootcert={}", it.display());
    for (host, how, encrypted) in [
        ("localhost", trusting(&ca), "3"),
        ("127.0.0.1", "sslmode=require".to_owned(), "3"),
        ("127.0.0.1", "sslmode=disable".to_owned(), "0"),
    ] {
        let config = at(host, &how, password);
        let still = nobody_is_born();
        let store = Store::open(folder.path(), &config).unwrap();
        drop(still);
        let sealed = postgres.sql(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE ssl AND application_name = 'weiquan'",
        );
        assert_eq!(sealed.trim(), encrypted, "{host} {how}");
        store.close().await;
    }
    for (host, how, password) in [
        ("localhost", trusting(&stranger), password),
        ("localhost", "sslmode=verify-full".to_owned(), password),
        // The certificate is for the name.
        ("127.0.0.1", trusting(&ca), password),
        ("localhost", trusting(&ca), "another-secret"),
    ] {
        let error = refused(&folder, &at(host, &how, password));
        assert!(
            matches!(error, OpenError::Database(DatabaseError::Unreachable(..))),
            "{host} {how}: {error:?}"
        );
        let words = format!("{error} {error:?}");
        assert!(!words.contains("-secret"), "{words}");
    }
}

#[tokio::test]
async fn a_text_with_nul_is_its_own_parts_failure() {
    let home = Home::postgres();
    let store = home.open();
    set_up(&store, 2).await;
    let mut odd = entry(1);
    odd.author.name = "A\0nna".into();
    let odd = store.append(append(ROOM, vec![odd]));
    let plain = store.append(append(OTHER_ROOM, vec![entry(1)]));
    assert!(matches!(odd.await, Err(AppendError::Invalid(_))));
    assert_eq!(plain.await, Ok(()));
    let mut in_an_id = entry(1);
    in_an_id.author = person("m_\0");
    let in_an_id = store.append(append(ROOM, vec![in_an_id])).await;
    assert!(matches!(in_an_id, Err(AppendError::Invalid(_))));
    let named = store.account_by_name("A\0nna").await;
    assert!(matches!(named, Err(RowError::Nul)), "{named:?}");
    assert_eq!(store.health(), Health::Well);
    // A body is bytes.
    let body = Entry {
        body: vec![0, 1, 0],
        ..entry(1)
    };
    assert_eq!(store.append(append(ROOM, vec![body])).await, Ok(()));
}

fn log_at(home: &Home, folder: &TempDir) -> Result<PostgresLog, OpenError> {
    let _still = nobody_is_born();
    PostgresLog::open(folder.path(), home.config.url.as_ref().unwrap())
}

#[test]
fn who_lost_the_database_to_another_server_writes_no_more() {
    let home = Home::postgres().furnished();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut first = log_at(&home, &home.folder).unwrap();
    first.append(&[append(ROOM, vec![entry(1)])]).unwrap();
    home.end_the_writer();
    thread::sleep(QUIET);
    // Its session is over, so the lock is free; the first one does not know yet.
    let mut second = log_at(&home, &elsewhere).unwrap();
    second.append(&[append(ROOM, vec![entry(2)])]).unwrap();
    let said = |it: Result<Vec<Result<(), AppendError>>, LogError>| {
        let Err(LogError::Failed(why)) = it else {
            panic!("it wrote")
        };
        why.to_string()
    };
    let words = said(first.append(&[append(ROOM, vec![entry(2)])]));
    assert!(words.contains("another server has"), "{words}");
    drop(second);
    // The lock is free again, but the log is not what the first one knows.
    let words = said(first.append(&[append(ROOM, vec![entry(3)])]));
    assert!(words.contains("another server has written"), "{words}");
    assert!(first.heal().is_err(), "and so for good");
    drop(first);
    let mut third = log_at(&home, &elsewhere).unwrap();
    assert_eq!(third.load(ROOM).unwrap().last_seq, 2);
}

#[test]
fn a_database_that_lost_what_was_acknowledged_is_written_to_no_more() {
    let home = Home::postgres().furnished();
    let mut log = log_at(&home, &home.folder).unwrap();
    let records = (1..=3).map(entry).collect();
    assert_eq!(log.append(&[append(ROOM, records)]).unwrap(), [Ok(())]);
    // As a standby that was behind looks, once it has taken over.
    home.sql("DELETE FROM records WHERE seq = 3");
    home.end_the_writer();
    thread::sleep(QUIET);
    for _ in 0..2 {
        let Err(LogError::Failed(why)) = log.append(&[append(ROOM, vec![entry(3)])]) else {
            panic!("it wrote")
        };
        let words = why.to_string();
        assert!(words.contains("run `weiquan restored`"), "{words}");
    }
    drop(log);
    let mut log = log_at(&home, &home.folder).unwrap();
    assert_eq!(
        log.append(&[append(ROOM, vec![entry(3)])]).unwrap(),
        [Ok(())]
    );
}

#[test]
fn a_connection_that_was_lost_while_nobody_wrote_is_made_again_unnoticed() {
    let home = Home::postgres().furnished();
    let mut log = log_at(&home, &home.folder).unwrap();
    for seq in 1..=3 {
        assert_eq!(
            log.append(&[append(ROOM, vec![entry(seq)])]).unwrap(),
            [Ok(())]
        );
        home.end_the_writer();
        thread::sleep(QUIET);
    }
    drop(log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_that_the_database_is_gone_and_that_it_is_back() {
    let postgres = Postgres::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &at(&postgres.url())).unwrap();
    set_up(&store, 1).await;
    assert_eq!(store.append(append(ROOM, vec![entry(1)])).await, Ok(()));
    postgres.crash();
    // Nobody writes: it finds out by itself.
    until(|| store.health() == Health::Broken).await;
    let refused = store.append(append(ROOM, vec![entry(2)])).await;
    assert_eq!(refused, Err(AppendError::Unavailable));
    assert!(matches!(
        store.account("m_owner".into()).await,
        Err(RowError::Unavailable)
    ));
    assert!(store.load(ROOM).await.is_err());
    postgres.begin();
    let back = Instant::now();
    until(|| store.health() == Health::Well).await;
    assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
    assert_eq!(store.append(append(ROOM, vec![entry(2)])).await, Ok(()));
    assert_eq!(soon(&store, ROOM).await.last_seq, 2);
    store.close().await;
}

/// A room, once the readers are back as well.
async fn soon(store: &Store, room: RoomNumber) -> Loaded {
    let since = Instant::now();
    loop {
        match store.load(room).await {
            Ok(loaded) => return loaded,
            Err(error) => assert!(since.elapsed() < BACK_WITHIN, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Says its messages one after another, each until it is acknowledged. One that is in doubt is looked for
/// by its client id before it is said again.
async fn talk(store: Store, room: RoomNumber, messages: u64) {
    let mut n = 1;
    let mut next = 1;
    while n <= messages {
        let id = format!("{room}-{n}");
        let said = with_id(next, "m_anna", &id);
        match store.append(append(room, vec![said])).await {
            Ok(()) => (n, next) = (n + 1, next + 1),
            Err(AppendError::Conflict(known)) => {
                assert_eq!(known[0].client_id.as_str(), id);
                n += 1;
            }
            Err(AppendError::Unavailable | AppendError::OutOfOrder { .. }) => {
                // As a room does: it is loaded anew, and knows then what is stored.
                next = loop {
                    match store.load(room).await {
                        Ok(loaded) => break loaded.last_seq + 1,
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                };
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_after_crashes_of_the_database() {
    const ROOMS: RoomNumber = 8;
    const MESSAGES: u64 = 400;
    const CRASHES: u64 = 3;
    let postgres = Postgres::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &at(&postgres.url())).unwrap();
    set_up(&store, ROOMS as usize).await;
    let talking: Vec<_> = (1..=ROOMS)
        .map(|room| tokio::spawn(talk(store.clone(), room, MESSAGES)))
        .collect();
    for crash in 1..=CRASHES {
        // In the midst of it.
        let so_far = crash * MESSAGES / (CRASHES + 1);
        while soon(&store, 1).await.last_seq < so_far {
            tokio::task::yield_now().await;
        }
        postgres.crash();
        until(|| store.health() == Health::Broken).await;
        postgres.begin();
        let back = Instant::now();
        until(|| store.health() == Health::Well).await;
        assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
        soon(&store, 1).await;
    }
    for talk in talking {
        talk.await.unwrap();
    }
    for room in 1..=ROOMS {
        let loaded = soon(&store, room).await;
        let ids: Vec<_> = loaded
            .tail
            .iter()
            .map(|it| it.client_id.clone().unwrap().to_string())
            .collect();
        let expect: Vec<_> = (1..=MESSAGES).map(|n| format!("{room}-{n}")).collect();
        assert_eq!(ids, expect, "each once, in order");
    }
    store.close().await;
}
