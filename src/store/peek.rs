//! A look into a data folder while its server runs: what `weiquan token` and `weiquan audit` need, and
//! no more.

use std::path::Path;

use crate::{
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
    let reader = sqlite::open_reader(folder)?;
    reader
        .query_row("SELECT value FROM server WHERE key = ?1", [SECRET], |row| {
            row.get(0)
        })
        .map_err(|it| OpenError::Unreadable(folder.to_owned(), Box::new(it)))
}

/// Lines of the audit log of this folder, the newest first.
pub fn peek_acts(folder: &Path, of: &ActsOf) -> Result<Vec<ActRow>, OpenError> {
    let reader = sqlite::open_reader(folder)?;
    audit::page(&reader, of).map_err(|it| OpenError::Unreadable(folder.to_owned(), Box::new(it)))
}

/// Walks the chain of the audit log of this folder.
pub fn peek_chain(folder: &Path) -> Result<Chain, OpenError> {
    let reader = sqlite::open_reader(folder)?;
    audit::verify(&reader).map_err(|it| OpenError::Unreadable(folder.to_owned(), Box::new(it)))
}
