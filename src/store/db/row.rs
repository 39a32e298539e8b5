//! A row of an answer, and the Rust types that its columns become.

use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};

use super::{DbError, DbResult};

/// A row, while it is read.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// What stands in a column.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Row<'_> {
    /// The column's value; [`DbError::Odd`] where it is none of this type.
    pub(crate) fn get<T: Column>(&self, column: usize) -> DbResult<T> {
        T::of(self.cell(column)?).ok_or(DbError::Odd(column))
    }

    /// Text that is looked at and not kept.
    pub(crate) fn text(&self, column: usize) -> DbResult<&str> {
        match self.cell(column)? {
            Cell::Text(it) => Ok(it),
            _ => Err(DbError::Odd(column)),
        }
    }

    pub(crate) fn is_null(&self, column: usize) -> DbResult<bool> {
        Ok(matches!(self.cell(column)?, Cell::Null))
    }

    fn cell(&self, column: usize) -> DbResult<Cell<'_>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Null => Ok(Cell::Null),
                ValueRef::Integer(it) => Ok(Cell::Int(it)),
                ValueRef::Text(it) => {
                    let text = std::str::from_utf8(it).map_err(|_| DbError::Odd(column))?;
                    Ok(Cell::Text(text))
                }
                ValueRef::Blob(it) => Ok(Cell::Bytes(it)),
                ValueRef::Real(_) => Err(DbError::Odd(column)),
            },
            Self::Postgres(row) => match row.columns().get(column).map(|it| it.type_()) {
                Some(&Type::INT8) => cell(row, column, Cell::Int),
                Some(&Type::INT4) => cell(row, column, |it: i32| Cell::Int(it.into())),
                Some(&Type::BOOL) => cell(row, column, |it: bool| Cell::Int(it.into())),
                Some(&Type::TEXT | &Type::NAME) => cell(row, column, Cell::Text),
                Some(&Type::BYTEA) => cell(row, column, Cell::Bytes),
                _ => Err(DbError::Odd(column)),
            },
        }
    }
}

fn cell<'a, T: FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    column: usize,
    make: impl FnOnce(T) -> Cell<'a>,
) -> DbResult<Cell<'a>> {
    let value: Option<T> = row.try_get(column)?;
    Ok(value.map_or(Cell::Null, make))
}

/// A type that a column can become; `None` where what stands there is not of it.
pub(crate) trait Column: Sized {
    fn of(cell: Cell<'_>) -> Option<Self>;
}

impl<T: Column> Column for Option<T> {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::of(cell).map(Some),
        }
    }
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Column for $type {
            fn of(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Int(it) => it.try_into().ok(),
                    _ => None,
                }
            }
        }
    )* };
}

integers! { i64 u64 u32 u16 u8 }

impl Column for bool {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Int(it) => Some(it != 0),
            _ => None,
        }
    }
}

impl Column for String {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(it) => Some(it.to_owned()),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(it) => Some(it.to_vec()),
            _ => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(it) => it.try_into().ok(),
            _ => None,
        }
    }
}
