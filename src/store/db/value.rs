//! What stands in for `?1`, `?2` …: three kinds of value, and the Rust types that are one of them.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// A parameter. Absence has a kind as well, for an engine that has to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Null(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(it) => ValueRef::Integer(*it),
            Self::Text(it) => ValueRef::Text(it.as_bytes()),
            Self::Bytes(it) => ValueRef::Blob(it),
            Self::Null(_) => ValueRef::Null,
        }))
    }
}

impl Value<'_> {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::Null(kind) => *kind,
        }
    }

    /// Whether it is a text that not every engine keeps.
    pub(crate) fn holds_nul(&self) -> bool {
        matches!(self, Self::Text(it) if it.as_bytes().contains(&0))
    }
}

/// A type that can be a parameter. Unsigned 64 bits are none: see [`crate::rows::column::int`].
pub(crate) trait ToValue {
    const KIND: Kind;
    fn value(&self) -> Value<'_>;
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl ToValue for $type {
            const KIND: Kind = Kind::Int;

            fn value(&self) -> Value<'_> {
                Value::Int(i64::from(*self))
            }
        }
    )* };
}

integers! { i64 u32 u16 u8 bool }

impl ToValue for str {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for Vec<u8> {
    const KIND: Kind = Kind::Bytes;

    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    const KIND: Kind = Kind::Bytes;

    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const KIND: Kind = T::KIND;

    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    const KIND: Kind = T::KIND;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null(T::KIND), ToValue::value)
    }
}

/// The parameters of a query: a tuple, or an array where they are of one type.
pub(crate) trait Params {
    fn bind<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T;
}

/// None at all.
impl Params for () {
    fn bind<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(&[])
    }
}

/// As many as there happen to be.
impl Params for &[Value<'_>] {
    fn bind<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(self)
    }
}

impl<V: ToValue, const N: usize> Params for [V; N] {
    fn bind<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
        run(&self.each_ref().map(ToValue::value))
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => { $(
        impl<$($name: ToValue),+> Params for ($($name,)+) {
            #[expect(non_snake_case, reason = "a value is named as its type")]
            fn bind<T>(&self, run: impl FnOnce(&[Value<'_>]) -> T) -> T {
                let ($($name,)+) = self;
                run(&[$($name.value()),+])
            }
        }
    )* };
}

tuples! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
    A B C D E F G H I J K L M;
    A B C D E F G H I J K L M N;
    A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
    A B C D E F G H I J K L M N O P Q R S U;
}
