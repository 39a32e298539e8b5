//! One connection to PostgreSQL, with the statements that it has prepared.
//!
//! It is lost when the server or the way there fails; then everything on it is an error of the storage,
//! until [`Session::connect`] has made another one.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio_postgres::{
    Row, Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    client::Client,
    open::{DatabaseError, Role},
    tls::Tls,
    url::DatabaseUrl,
};
use crate::{
    db::{DbError, DbResult, Kind, Value},
    writer::jittered,
};

/// How long an answer is waited for. The longest question takes a second or two with millions of rows; a
/// server that is silent for so long is as good as gone, and says so to everybody instead of holding them.
const STATEMENT_WITHIN: Duration = Duration::from_secs(15);
/// The same while tables are brought up to date.
const MIGRATION_WITHIN: Duration = Duration::from_secs(6 * 3_600);
/// How long the server may take to answer a question that asks nothing.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// Silence after which a connection is asked whether it stands.
const ASKED_AFTER: Duration = Duration::from_millis(200);
/// Pause between two tries to connect while reads are asked for.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// A connection of one role to one database.
pub(crate) struct Session {
    url: DatabaseUrl,
    role: Role,
    tls: OnceCell<Tls>,
    /// Absent before the first connection and after one was lost.
    client: RefCell<Option<Client>>,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    /// When the server was last asked something.
    used: Cell<Instant>,
    /// Not before then is a lost connection made again to be read by.
    again_at: Cell<Instant>,
}

impl Session {
    pub(crate) fn new(url: &DatabaseUrl, role: Role) -> Self {
        Self {
            url: url.clone(),
            role,
            tls: OnceCell::new(),
            client: RefCell::default(),
            statements: RefCell::default(),
            used: Cell::new(clock::now()),
            again_at: Cell::new(clock::now()),
        }
    }

    pub(crate) const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Makes a connection in place of the one before, and prepares it for its role.
    pub(crate) fn connect(&self) -> Result<(), DatabaseError> {
        self.disconnect();
        let tls = match self.tls.get() {
            Some(tls) => tls,
            None => {
                let made = Tls::new(&self.url)?;
                self.tls.get_or_init(|| made)
            }
        };
        let unreachable = |it| DatabaseError::Unreachable(self.url.clone(), it);
        let config = &self.url.address().config;
        let client = Client::connect(config, tls.clone(), STATEMENT_WITHIN).map_err(unreachable)?;
        client.batch(self.role.settings()).map_err(unreachable)?;
        *self.client.borrow_mut() = Some(client);
        self.used.set(clock::now());
        Ok(())
    }

    pub(crate) fn disconnect(&self) {
        self.statements.borrow_mut().clear();
        drop(self.client.borrow_mut().take());
    }

    /// Does work whose statements may take hours.
    pub(crate) fn patiently<T>(&self, work: impl FnOnce() -> T) -> T {
        self.waits(MIGRATION_WITHIN);
        let done = work();
        self.waits(STATEMENT_WITHIN);
        done
    }

    fn waits(&self, within: Duration) {
        if let Some(client) = self.client.borrow_mut().as_mut() {
            client.waits(within);
        }
    }

    /// Whether the connection stands. One that was used just now does, as far as is known; one that was
    /// not is asked, since where the server went nobody has heard it go.
    pub(crate) fn stands(&self) -> bool {
        let is_open = self
            .client
            .borrow()
            .as_ref()
            .is_some_and(|it| !it.is_closed());
        let is_fresh = clock::now() - self.used.get() < ASKED_AFTER;
        is_open && (is_fresh || self.answers().is_ok())
    }

    /// Whether a query may be asked: a connection that was lost is made again, though not at every query
    /// while that fails.
    pub(crate) fn is_ready(&self) -> bool {
        if self.stands() {
            return true;
        }
        if clock::now() < self.again_at.get() {
            return false;
        }
        match self.connect() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "there is no connection to read by");
                self.again_at.set(clock::now() + jittered(AGAIN_AFTER));
                false
            }
        }
    }

    /// Whether the server answers.
    pub(crate) fn answers(&self) -> DbResult<()> {
        self.used.set(clock::now());
        self.ask(|client| client.answers(ANSWERS_WITHIN))
    }

    pub(crate) fn batch(&self, sql: &str) -> DbResult<()> {
        self.ask(|client| client.batch(sql))
    }

    /// Asks over the connection. One that is silent is lost: whatever still came over it would be the
    /// answer to another question.
    fn ask<T>(&self, call: impl FnOnce(&Client) -> DbResult<T>) -> DbResult<T> {
        let answered = match self.client.borrow().as_ref() {
            Some(client) => call(client),
            None => Err(DbError::Lost),
        };
        if matches!(answered, Err(DbError::Silent(_))) {
            self.disconnect();
        }
        answered
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> DbResult<usize> {
        let changed = self.run(sql, values, |client, statement, values| {
            client.execute(statement, values)
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value<'_>]) -> DbResult<Vec<Row>> {
        self.run(sql, values, |client, statement, values| {
            client.query(statement, values)
        })
    }

    /// Runs a statement in PostgreSQL's own words, whose parameters are whole columns and are cast in it.
    pub(crate) fn execute_columns(
        &self,
        sql: &str,
        columns: &[&(dyn ToSql + Sync)],
    ) -> DbResult<usize> {
        let changed = self.prepared(sql, &[], |client, statement| {
            client.execute(statement, columns)
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn run<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        call: impl FnOnce(&Client, &Statement, &[&(dyn ToSql + Sync)]) -> DbResult<T>,
    ) -> DbResult<T> {
        if values.iter().any(Value::holds_nul) {
            return Err(DbError::Nul);
        }
        let types: Vec<Type> = values.iter().map(|it| column_type(it.kind())).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| it as _).collect();
        self.prepared(sql, &types, |client, statement| {
            call(client, statement, &values)
        })
    }

    fn prepared<T>(
        &self,
        sql: &str,
        types: &[Type],
        call: impl FnOnce(&Client, &Statement) -> DbResult<T>,
    ) -> DbResult<T> {
        self.used.set(clock::now());
        self.ask(|client| {
            let mut statements = self.statements.borrow_mut();
            if !statements.contains_key(sql) {
                let made = client.prepare(&in_postgres(sql), types)?;
                statements.insert(sql.into(), made);
            }
            call(client, &statements[sql])
        })
    }
}

/// The words that the two engines have for one thing.
const WORDS: &[(&str, &str)] = &[("instr(", "strpos(")];

/// A query's text as PostgreSQL takes it: `$1` for `?1`, and its own words.
fn in_postgres(sql: &str) -> String {
    let mut text = sql.replace('?', "$");
    for (ours, theirs) in WORDS {
        text = text.replace(ours, theirs);
    }
    text
}

const fn column_type(kind: Kind) -> Type {
    match kind {
        Kind::Int => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        column: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null(_) => Ok(IsNull::Yes),
            Self::Int(it) => it.to_sql_checked(column, out),
            Self::Text(it) => it.to_sql_checked(column, out),
            Self::Bytes(it) => it.to_sql_checked(column, out),
        }
    }

    /// Each value sees for itself, since a kind is no type of Rust.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_put_into_the_words_of_postgresql() {
        let ours = "SELECT 1 FROM t WHERE a = ?1 AND (instr(b, ?2) > 0 OR ?13 = '')";
        let theirs = "SELECT 1 FROM t WHERE a = $1 AND (strpos(b, $2) > 0 OR $13 = '')";
        assert_eq!(in_postgres(ours), theirs);
    }
}
