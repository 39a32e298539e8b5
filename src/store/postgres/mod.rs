//! The log on PostgreSQL: the tables of one schema of one database, with one server at a time.
//!
//! A [`session`] is a connection with its statements, over a [`client`] that never waits for ever; [`url`] says where the database is, and [`tls`]
//! how it is spoken to; [`open`] sees that a commit there is durable and that nobody else writes;
//! [`log`] is the writer. The queries are everybody's.

mod client;
pub(crate) mod log;
mod migrate;
pub(crate) mod open;
pub(crate) mod session;
mod tls;
pub(crate) mod url;

#[cfg(test)]
mod tests;

pub use log::PostgresLog;
pub use open::DatabaseError;
pub(crate) use open::look;
pub use url::{DatabaseUrl, UrlError};
