//! A look into a server's data while it runs: what `weiquan token` and `weiquan audit` need, and
//! no more.

use std::path::Path;

use crate::{
    db::{Db, DbResult},
    postgres::DatabaseError,
    rows::{
        audit::{self, ActRow, ActsOf, Chain},
        server::SECRET,
    },
    store::{OpenError, StoreConfig, on_a_thread, open_reader},
};

/// The secret that signs the tokens of the server of this folder. Reads only, so it may run beside
/// the server.
pub fn peek_server_secret(folder: &Path, config: &StoreConfig) -> Result<[u8; 32], OpenError> {
    let secret = "SELECT value FROM server WHERE key = ?1";
    peek(folder, config, |db| {
        db.one(secret, [SECRET], |row| row.get(0))
    })
}

/// Lines of the audit log of this folder, the newest first.
pub fn peek_acts(
    folder: &Path,
    config: &StoreConfig,
    of: &ActsOf,
) -> Result<Vec<ActRow>, OpenError> {
    peek(folder, config, |db| audit::page(db, of))
}

/// Walks the chain of the audit log of this folder.
pub fn peek_chain(folder: &Path, config: &StoreConfig) -> Result<Chain, OpenError> {
    peek(folder, config, audit::verify)
}

fn peek<T: Send>(
    folder: &Path,
    config: &StoreConfig,
    look: impl FnOnce(&Db) -> DbResult<T> + Send,
) -> Result<T, OpenError> {
    on_a_thread(|| {
        let reader = open_reader(folder, config)?;
        look(&reader).map_err(|it| match &config.url {
            None => OpenError::Unreadable(folder.to_owned(), Box::new(it)),
            Some(url) => DatabaseError::Unreachable(url.clone(), it).into(),
        })
    })
}
