//! A look into a data folder while its server runs: what `weiquan token` and `weiquan audit` need, and
//! no more.

use std::path::Path;

use crate::{
    db::{Db, DbResult},
    rows::{
        audit::{self, ActRow, ActsOf, Chain},
        server::SECRET,
    },
    sqlite,
    store::OpenError,
};

/// The secret that signs the tokens of the server of this folder. Reads only, so it may run beside
/// the server.
pub fn peek_server_secret(folder: &Path) -> Result<[u8; 32], OpenError> {
    let secret = "SELECT value FROM server WHERE key = ?1";
    peek(folder, |db| db.one(secret, [SECRET], |row| row.get(0)))
}

/// Lines of the audit log of this folder, the newest first.
pub fn peek_acts(folder: &Path, of: &ActsOf) -> Result<Vec<ActRow>, OpenError> {
    peek(folder, |db| audit::page(db, of))
}

/// Walks the chain of the audit log of this folder.
pub fn peek_chain(folder: &Path) -> Result<Chain, OpenError> {
    peek(folder, audit::verify)
}

fn peek<T>(folder: &Path, look: impl FnOnce(&Db) -> DbResult<T>) -> Result<T, OpenError> {
    let reader = sqlite::open_reader(folder)?;
    look(&reader).map_err(|it| OpenError::Unreadable(folder.to_owned(), Box::new(it)))
}
