//! A look into a data folder while its server runs: what `weiquan token` needs, and no more.

use std::path::Path;

use crate::{rows::server::SECRET, sqlite, store::OpenError};

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
