//! Why a query failed, and whether that is the storage's fault or the query's.

use std::{error::Error, io, time::Duration};

use tokio_postgres::error::SqlState;

pub(crate) type DbResult<T> = Result<T, DbError>;

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("there is no such row")]
    NoRow,
    /// A value that this program would not have written.
    #[error("column {0} holds an odd value")]
    Odd(usize),
    /// PostgreSQL keeps none in a text.
    #[error("a text holds a NUL character")]
    Nul,
    /// There is no connection.
    #[error("there is no connection to the database")]
    Lost,
    #[error("the database has not answered for {0:?}")]
    Silent(Duration),
    #[error("a connection cannot be driven: {0}")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{}", in_words(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

impl DbError {
    /// `taken` where a write broke a UNIQUE or PRIMARY KEY rule.
    pub(crate) fn or_taken<E: From<Self>>(self, taken: E) -> E {
        if self.is_taken() { taken } else { self.into() }
    }

    fn is_taken(&self) -> bool {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error().map(|it| it.extended_code),
                Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY)
            ),
            Self::Postgres(error) => error.code() == Some(&SqlState::UNIQUE_VIOLATION),
            Self::NoRow
            | Self::Odd(_)
            | Self::Nul
            | Self::Lost
            | Self::Silent(_)
            | Self::Thread(_) => false,
        }
    }

    /// True where somebody kept a lock for too long.
    pub(crate) fn is_of_a_lock(&self) -> bool {
        matches!(self, Self::Postgres(it) if it.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// True where the storage failed (full, read-only, gone, damaged) rather than the query.
    fn is_of_storage(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(is_sqlites_disk),
            Self::Postgres(error) => match error.code() {
                Some(code) => is_postgresqls_disk(code),
                // The way there failed, unless it is a value that has no place in its column.
                None => error.is_closed() || is_of_the_way(error),
            },
            Self::Lost | Self::Silent(_) | Self::Thread(_) => true,
            Self::NoRow | Self::Odd(_) | Self::Nul => false,
        }
    }
}

/// True where the database is out of reach, so that another time the same query may well do.
pub(crate) fn is_out_of_reach(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    match error.downcast_ref() {
        Some(DbError::Lost | DbError::Silent(_) | DbError::Thread(_)) => true,
        Some(DbError::Postgres(it)) => match it.code() {
            Some(code) => ["08", "53", "57"].contains(&&code.code()[..2]),
            None => it.is_closed() || is_of_the_way(it),
        },
        _ => false,
    }
}

/// [`DbError::is_of_storage`] of an error that went through a box.
pub(crate) fn is_storage_failure(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error
        .downcast_ref::<DbError>()
        .is_some_and(DbError::is_of_storage)
}

fn is_sqlites_disk(code: rusqlite::ErrorCode) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull,
        FileLockingProtocolFailed, NotADatabase, OutOfMemory, PermissionDenied, ReadOnly,
        SystemIoFailure,
    };
    matches!(
        code,
        CannotOpen
            | DatabaseBusy
            | DatabaseCorrupt
            | DatabaseLocked
            | DiskFull
            | FileLockingProtocolFailed
            | NotADatabase
            | OutOfMemory
            | PermissionDenied
            | ReadOnly
            | SystemIoFailure
    )
}

/// By the class of the code, which is its first two characters.
fn is_postgresqls_disk(code: &SqlState) -> bool {
    let code = code.code();
    // A connection, a refused one, resources (a full disk), an operator (a shutdown), the system,
    // damage; then: only to be read, a lock that somebody keeps.
    ["08", "28", "53", "57", "58", "XX"].contains(&&code[..2]) || ["25006", "55P03"].contains(&code)
}

fn is_of_the_way(error: &tokio_postgres::Error) -> bool {
    error.source().is_none_or(|it| it.is::<io::Error>())
}

/// PostgreSQL's errors name themselves only in their causes.
fn in_words(error: &tokio_postgres::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_storages_fault_is_told_from_what_is_the_querys() {
        for (code, storage) in [
            ("08006", true),
            ("53100", true),
            ("53300", true),
            ("25006", true),
            ("57P01", true),
            ("57P03", true),
            ("58030", true),
            ("XX001", true),
            ("55P03", true),
            ("23505", false),
            ("22021", false),
            ("42P01", false),
            ("40001", false),
        ] {
            assert_eq!(
                is_postgresqls_disk(&SqlState::from_code(code)),
                storage,
                "{code}"
            );
        }
    }
}
