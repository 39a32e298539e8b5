//! Opening the database: that a commit there is durable, and that one server at a time writes.

use super::{
    migrate::{self, Standing},
    session::Session,
    url::DatabaseUrl,
};
use crate::{
    db::{Db, DbError, DbResult},
    store::{OpenError, Place},
};

/// The oldest version that the queries are tested with.
const OLDEST: u32 = 15;

/// Why a PostgreSQL database was not opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error(
        "{0} cannot be reached: {1}; see that PostgreSQL runs there, and that store.url names the \
         right host, user, password and database"
    )]
    Unreachable(DatabaseUrl, #[source] DbError),
    #[error("TLS to {0} cannot begin: {1}; see sslrootcert in store.url")]
    Tls(DatabaseUrl, #[source] tls::Untrusted),
    #[error("{0} is not fit for a server: {1}")]
    Unfit(DatabaseUrl, Unfit),
    #[error(
        "{url} was written by a newer version (schema {found}, this one knows {known}); start the \
         newer version, or restore the dump of before it"
    )]
    Newer {
        url: DatabaseUrl,
        found: u32,
        known: u32,
    },
    #[error(
        "{0} holds tables of something else; give the server a database or a schema of its own"
    )]
    Foreign(DatabaseUrl),
    #[error(
        "another server has written to {0} since the connection was lost; stop one of the two, then \
         start this one again"
    )]
    Overtaken(DatabaseUrl),
    #[error(
        "{0} has lost what was acknowledged, as a standby has that was behind when it took over; stop \
         the server, run `weiquan restored`, and start it again"
    )]
    Behind(DatabaseUrl),
    #[error("{0} could not be brought up to date and is as it was: {1}")]
    Migration(DatabaseUrl, #[source] DbError),
}

/// What a database lacks, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("PostgreSQL 15 is the oldest that is known to work; upgrade it")]
    Old,
    #[error("fsync is off, so a power cut takes what was acknowledged; set fsync = on there")]
    NoFsync,
    #[error(
        "full_page_writes is off, so a power cut may break it; set full_page_writes = on there"
    )]
    TornPages,
    #[error(
        "synchronous_commit cannot be switched on, so a crash takes what was acknowledged; set \
         synchronous_commit = on there"
    )]
    AsynchronousCommit,
    #[error("its encoding is not UTF8; make it with CREATE DATABASE … ENCODING 'UTF8'")]
    Encoding,
    #[error("it is a standby, which cannot be written to; name the primary in store.url")]
    Standby,
    #[error("its search_path names no schema that is there; make the schema, or leave the path")]
    NoSchema,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

impl Role {
    /// What is said first on each connection. A commit waits for the disk whatever the database's own
    /// setting is; nobody waits long for a person's lock; a peer that is gone is found soon, so that its
    /// locks go with it; and compiling a query costs more than any of ours takes.
    pub(super) const fn settings(self) -> &'static str {
        match self {
            Self::Writer => concat!(
                "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off';",
                "SET lock_timeout = '3s'; SET jit = off; SET client_min_messages = warning;
                 SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
                 SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;"
            ),
            Self::Reader => {
                "SET default_transaction_read_only = on;
                 SET lock_timeout = '3s'; SET jit = off; SET client_min_messages = warning;
                 SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
                 SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;"
            }
        }
    }
}

/// The connection that may write, of the one server that may, with every table up to date.
pub(super) fn open_writer(url: &DatabaseUrl) -> Result<Db, OpenError> {
    let db = connect(url, Role::Writer)?;
    let unreachable = |it| DatabaseError::Unreachable(url.clone(), it);
    if let Some(unfit) = unfit(&db).map_err(unreachable)? {
        return Err(DatabaseError::Unfit(url.clone(), unfit).into());
    }
    if !lock_soon(&db).map_err(unreachable)? {
        return Err(OpenError::InUse(Place::Database(url.clone())));
    }
    migrate::migrate(&db, url)?;
    Ok(db)
}

/// A connection that cannot write.
pub(crate) fn open_reader(url: &DatabaseUrl) -> Result<Db, OpenError> {
    Ok(connect(url, Role::Reader)?)
}

/// Looks at a database as the writer would, and takes nothing: its schema, and whether a server has it.
pub(crate) fn look(url: &DatabaseUrl) -> Result<(Option<u32>, bool), DatabaseError> {
    let db = connect(url, Role::Reader)?;
    let unreachable = |it| DatabaseError::Unreachable(url.clone(), it);
    if let Some(unfit) = unfit(&db).map_err(unreachable)? {
        return Err(DatabaseError::Unfit(url.clone(), unfit));
    }
    let schema = match migrate::standing(&db).map_err(unreachable)? {
        Standing::Empty => None,
        Standing::Foreign => return Err(DatabaseError::Foreign(url.clone())),
        Standing::Schema(version) => Some(version),
    };
    // A lock's halves are shown without their sign.
    let is_locked = db.one(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
             AND classid = 1465141861 AND objsubid = 2
             AND CAST(objid AS BIGINT) = CAST(hashtext(current_schema()) AS BIGINT) & 4294967295
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        (),
        |row| row.get(0),
    );
    Ok((schema, is_locked.map_err(unreachable)?))
}

fn connect(url: &DatabaseUrl, role: Role) -> Result<Db, DatabaseError> {
    let session = Session::new(url, role);
    session.connect()?;
    Ok(Db::Postgres(Box::new(session)))
}

fn unfit(db: &Db) -> DbResult<Option<Unfit>> {
    db.one(
        "SELECT CAST(current_setting('server_version_num') AS BIGINT) / 10000,
                current_setting('server_encoding') = 'UTF8',
                current_setting('fsync') = 'on',
                current_setting('full_page_writes') = 'on',
                current_setting('synchronous_commit') <> 'off',
                pg_is_in_recovery(), current_schema() IS NOT NULL",
        (),
        |row| {
            Ok(if row.get::<u32>(0)? < OLDEST {
                Some(Unfit::Old)
            } else if !row.get::<bool>(1)? {
                Some(Unfit::Encoding)
            } else if row.get(5)? {
                Some(Unfit::Standby)
            } else if !row.get::<bool>(2)? {
                Some(Unfit::NoFsync)
            } else if !row.get::<bool>(3)? {
                Some(Unfit::TornPages)
            } else if !row.get::<bool>(4)? {
                Some(Unfit::AsynchronousCommit)
            } else if !row.get::<bool>(6)? {
                Some(Unfit::NoSchema)
            } else {
                None
            })
        },
    )
}

/// Takes the schema for this connection, for as long as it stands; false where another has it. A commit
/// of a connection that holds the lock is therefore nobody else's time.
pub(super) fn lock(db: &Db) -> DbResult<bool> {
    db.one(
        "SELECT pg_try_advisory_lock(1465141861, hashtext(current_schema()))",
        (),
        |row| row.get(0),
    )
}

/// The same, and waits a while for one who is going: a server that has just ended may still be in the
/// database's eyes.
fn lock_soon(db: &Db) -> DbResult<bool> {
    let locked = db.all(
        "SELECT CAST(pg_advisory_lock(1465141861, hashtext(current_schema())) AS TEXT)",
        (),
        |_| Ok(()),
    );
    match locked {
        Ok(_) => Ok(true),
        Err(error) if error.is_of_a_lock() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number of the process that serves this connection, there.
pub(super) fn backend(db: &Db) -> DbResult<i64> {
    db.one("SELECT pg_backend_pid()", (), |row| row.get(0))
}

/// Ends the process of an earlier connection of ours, where the server has not noticed that it is lost.
pub(super) fn end_backend(db: &Db, backend: i64) -> DbResult<()> {
    db.all(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_locks
         WHERE pid = ?1 AND locktype = 'advisory' AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [backend],
        |row| row.get::<bool>(0),
    )?;
    Ok(())
}
