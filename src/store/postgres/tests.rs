//! What a session does, against a server of the tests' own.

#[path = "../../../tests/support/postgres.rs"]
mod server;

use server::Postgres;

use super::{
    DatabaseUrl,
    open::{open_reader, open_writer},
};
use crate::db::{Db, DbError, DbResult};

/// An address of a schema of one's own, with further settings of its connections.
fn url(settings: &str) -> DatabaseUrl {
    let (_, url) = Postgres::shared().schema();
    format!("{url}{settings}").parse().expect("an address")
}

fn keys(db: &Db) -> Vec<String> {
    let all = "SELECT key FROM server ORDER BY key";
    db.all(all, (), |row| row.get(0)).expect("read")
}

fn put(db: &Db, key: &str) -> DbResult<usize> {
    let put = "INSERT INTO server (key, value) VALUES (?1, ?2)";
    db.execute(put, (key, vec![0]))
}

#[test]
fn a_change_whose_failure_nobody_passed_on_fails_all_the_same() {
    let db = open_writer(&url("")).expect("open");
    let changed = db.change(|db| -> DbResult<()> {
        put(db, "one")?;
        let _ = put(db, "one");
        Ok(())
    });
    assert!(matches!(changed, Err(DbError::Postgres(_))), "{changed:?}");
    assert_eq!(keys(&db), Vec::<String>::new());
    db.change(|db| put(db, "two")).expect("it goes on");
    assert_eq!(keys(&db), ["two"]);
}

#[test]
fn a_commit_waits_for_the_disk_whatever_the_database_says() {
    let db = open_writer(&url("%20-csynchronous_commit%3Doff")).expect("open");
    let shown = "SELECT current_setting('synchronous_commit')";
    let shown: String = db.one(shown, (), |row| row.get(0)).expect("read");
    assert_eq!(shown, "on");
}

#[test]
fn a_reader_cannot_write_and_sees_one_moment() {
    let url = url("");
    let writer = open_writer(&url).expect("open");
    let reader = open_reader(&url).expect("open");
    let refused = put(&reader, "one");
    assert!(matches!(refused, Err(DbError::Postgres(_))), "{refused:?}");
    reader
        .view(|db| -> DbResult<()> {
            assert_eq!(keys(db), Vec::<String>::new());
            put(&writer, "one")?;
            assert_eq!(keys(db), Vec::<String>::new());
            Ok(())
        })
        .expect("read");
    assert_eq!(keys(&reader), ["one"]);
}

#[test]
fn a_panic_in_a_change_leaves_nothing_of_it() {
    let db = open_writer(&url("")).expect("open");
    let fell = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.change(|db| -> DbResult<()> {
            put(db, "one")?;
            panic!("a planned panic")
        })
    }));
    assert!(fell.is_err());
    assert_eq!(keys(&db), Vec::<String>::new());
}

#[test]
fn what_is_absent_has_a_kind() {
    let db = open_writer(&url("")).expect("open");
    let (number, text, bytes): (Option<u64>, Option<&str>, Option<Vec<u8>>) = (None, None, None);
    let all: (bool, bool, bool) = db
        .one(
            "SELECT ?1 IS NULL, ?2 IS NULL, ?3 IS NULL",
            (number.map(crate::rows::column::int), text, bytes),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .expect("read");
    assert_eq!(all, (true, true, true));
}
