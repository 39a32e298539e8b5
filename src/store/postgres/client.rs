//! A client for threads that wait, and that never wait longer than so long: the asynchronous one, driven
//! by whoever asks. A server that keeps the line and never answers would else hold the thread for good.

use std::{future::Future, time::Duration};

use tokio::{runtime, task::JoinHandle, time};
use tokio_postgres::{
    Config, Error, Row, Statement,
    types::{ToSql, Type},
};

use super::tls::Tls;
use crate::db::{DbError, DbResult};

/// How long a connection may take until it can be asked something.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// How long the last word of a connection may take to get out.
const PARTS_WITHIN: Duration = Duration::from_millis(200);

/// A connection. Dropped, it tells the server so.
pub(super) struct Client {
    /// Drives the connection while an answer is waited for.
    runtime: runtime::Runtime,
    /// Gone only while it is dropped.
    client: Option<tokio_postgres::Client>,
    connection: JoinHandle<()>,
    /// How long an answer is waited for.
    within: Duration,
}

impl Client {
    pub(super) fn connect(config: &Config, tls: Tls, within: Duration) -> DbResult<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DbError::Thread)?;
        let (client, connection) = wait(&runtime, CONNECTS_WITHIN, config.connect(tls))?;
        let connection = runtime.spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(Self {
            runtime,
            client: Some(client),
            connection,
            within,
        })
    }

    /// Waits so long for each answer from here on.
    pub(super) const fn waits(&mut self, within: Duration) {
        self.within = within;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client
            .as_ref()
            .is_none_or(tokio_postgres::Client::is_closed)
    }

    /// Asks nothing, and waits so long for the answer.
    pub(super) fn answers(&self, within: Duration) -> DbResult<()> {
        let client = self.client()?;
        wait(&self.runtime, within, client.batch_execute(""))
    }

    pub(super) fn batch(&self, sql: &str) -> DbResult<()> {
        let client = self.client()?;
        wait(&self.runtime, self.within, client.batch_execute(sql))
    }

    pub(super) fn prepare(&self, sql: &str, types: &[Type]) -> DbResult<Statement> {
        let client = self.client()?;
        wait(&self.runtime, self.within, client.prepare_typed(sql, types))
    }

    /// Answers how many rows it was about.
    pub(super) fn execute(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> DbResult<u64> {
        let client = self.client()?;
        wait(
            &self.runtime,
            self.within,
            client.execute(statement, values),
        )
    }

    pub(super) fn query(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> DbResult<Vec<Row>> {
        let client = self.client()?;
        wait(&self.runtime, self.within, client.query(statement, values))
    }

    fn client(&self) -> DbResult<&tokio_postgres::Client> {
        self.client.as_ref().ok_or(DbError::Lost)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Without a client the connection says goodbye and ends.
        drop(self.client.take());
        let parting = async { time::timeout(PARTS_WITHIN, &mut self.connection).await };
        // A server that does not listen hears of it from its own side of the line.
        let _ = self.runtime.block_on(parting);
    }
}

fn wait<T>(
    runtime: &runtime::Runtime,
    within: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> DbResult<T> {
    let answered = runtime.block_on(async { time::timeout(within, answer).await });
    Ok(answered.map_err(|_| DbError::Silent(within))??)
}
