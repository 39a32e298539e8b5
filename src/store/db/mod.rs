//! A database as the queries see it: four calls (`execute`, `one`, `first`, `all`), a transaction to
//! write in and one to read in.
//!
//! One text of every query, and one function around it, for both engines. What a query may use is what
//! both take; parameters are `?1`, `?2` …. Every statement is prepared once a connection and
//! kept: the texts are this crate's own, so there are only so many. It knows no table.

mod error;
mod row;
mod value;

use rusqlite::Connection;

pub use error::DbError;
pub(crate) use error::{DbResult, is_out_of_reach, is_storage_failure};
pub(crate) use row::Row;
pub(crate) use value::{Kind, Params, Value};

use crate::postgres::session::Session;

/// A connection, of one thread at a time.
pub(crate) enum Db {
    Sqlite(Connection),
    Postgres(Box<Session>),
}

impl Db {
    /// Runs a statement; answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> DbResult<usize> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql)?;
                Ok(params.bind(|it| statement.execute(rusqlite::params_from_iter(it)))?)
            }
            Self::Postgres(db) => params.bind(|it| db.execute(sql, it)),
        }
    }

    /// The only row; [`DbError::NoRow`] where there is none.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> DbResult<T>,
    ) -> DbResult<T> {
        self.first(sql, params, read)?.ok_or(DbError::NoRow)
    }

    /// The first row, where there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> DbResult<T>,
    ) -> DbResult<Option<T>> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = params.bind(|it| statement.query(rusqlite::params_from_iter(it)))?;
                let row = rows.next()?;
                row.map(|it| read(&Row::Sqlite(it))).transpose()
            }
            Self::Postgres(db) => {
                let rows = params.bind(|it| db.query(sql, it))?;
                let row = rows.first();
                row.map(|it| read(&Row::Postgres(it))).transpose()
            }
        }
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> DbResult<T>,
    ) -> DbResult<Vec<T>> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            DbResult::Ok(())
        })?;
        Ok(found)
    }

    /// Every row, until one is an error.
    pub(crate) fn each<E: From<DbError>>(
        &self,
        sql: &str,
        params: impl Params,
        mut look: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql).map_err(DbError::from)?;
                let mut rows = params
                    .bind(|it| statement.query(rusqlite::params_from_iter(it)))
                    .map_err(DbError::from)?;
                while let Some(row) = rows.next().map_err(DbError::from)? {
                    look(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            Self::Postgres(db) => {
                let rows = params.bind(|it| db.query(sql, it))?;
                rows.iter().try_for_each(|it| look(&Row::Postgres(it)))
            }
        }
    }

    /// Runs statements that take no parameters and answer nothing.
    pub(crate) fn batch(&self, sql: &str) -> DbResult<()> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(sql)?),
            Self::Postgres(db) => db.batch(sql),
        }
    }

    /// Writes in a transaction, which is on disk when this answers `Ok`; an error leaves nothing of it.
    pub(crate) fn change<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        };
        self.between(begin, work)
    }

    /// The same without waiting for the disk: a power cut may undo it, and then all of it. The next change
    /// that waits takes it along.
    pub(crate) fn change_soon<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(file) => {
                let _hurry = Hurry::begin(file)?;
                self.change(work)
            }
            Self::Postgres(_) => self.change(|db| {
                db.batch("SET LOCAL synchronous_commit = off")?;
                work(db)
            }),
        }
    }

    /// Reads what is there at one moment.
    pub(crate) fn view<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = match self {
            Self::Sqlite(_) => "BEGIN",
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.between(begin, work)
    }

    fn between<T, E: From<DbError>>(
        &self,
        begin: &str,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.batch(begin)?;
        let mut open = Open(Some(self));
        let value = work(self)?;
        self.batch(match self {
            Self::Sqlite(_) => "COMMIT",
            // After a failure that nobody passed on, a COMMIT alone would roll back and call that well.
            Self::Postgres(_) => "SELECT 1; COMMIT",
        })?;
        open.0 = None;
        Ok(value)
    }

    /// The SQLite file itself, for what only it knows. For whoever opened one.
    pub(crate) fn sqlite(&self) -> &Connection {
        match self {
            Self::Sqlite(db) => db,
            Self::Postgres(_) => unreachable!("this was opened as SQLite"),
        }
    }

    /// The session with PostgreSQL itself, likewise.
    pub(crate) fn postgres(&self) -> &Session {
        match self {
            Self::Postgres(db) => db,
            Self::Sqlite(_) => unreachable!("this was opened as PostgreSQL"),
        }
    }

    /// Whether a query may be asked. A connection that was lost is made again here.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(db) => db.is_ready(),
        }
    }
}

/// Commits that are not synced, until this is dropped.
struct Hurry<'a>(&'a Connection);

impl<'a> Hurry<'a> {
    fn begin(file: &'a Connection) -> DbResult<Self> {
        file.pragma_update(None, "synchronous", "normal")?;
        Ok(Self(file))
    }
}

impl Drop for Hurry<'_> {
    /// INVARIANT: every other commit is synced.
    fn drop(&mut self) {
        let back = self.0.pragma_update(None, "synchronous", "full");
        // After a panic the writer opens another connection.
        assert!(
            back.is_ok() || std::thread::panicking(),
            "a setting of the connection alone does not fail: {back:?}"
        );
    }
}

/// A transaction that is rolled back unless it was committed, by an error or by a panic.
struct Open<'a>(Option<&'a Db>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(db) = self.0 {
            // It fails where the failure before it has ended the transaction already.
            let _ = db.batch("ROLLBACK");
        }
    }
}
