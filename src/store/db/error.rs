//! Why a query failed, and whether that is the storage's fault or the query's.

pub(crate) type DbResult<T> = Result<T, DbError>;

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("there is no such row")]
    NoRow,
    /// A value that this program would not have written.
    #[error("column {0} holds an odd value")]
    Odd(usize),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
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
            Self::NoRow | Self::Odd(_) => false,
        }
    }

    /// True where the storage failed (full, read-only, gone, damaged) rather than the query.
    fn is_of_storage(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(is_sqlites_disk),
            Self::NoRow | Self::Odd(_) => false,
        }
    }
}

/// [`DbError::is_of_storage`] of an error that went through a box.
pub(crate) fn is_storage_failure(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
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
