//! Certificates by themselves: ordered from an authority (ACME, RFC 8555), kept in a folder, renewed
//! in time, and shown through [`tls::Certificates`].
//!
//! The authority checks a name by a handshake on port 443 (TLS-ALPN-01, RFC 8737): no second port, no
//! file to serve, and the answer is given by the very port that is to be proved. The price is that
//! nothing in front may end TLS, and that a wildcard cannot be had (that takes DNS).
//!
//! Until there is a certificate, the server shows one that it signed itself, so that everything but a
//! browser's trust works. Whatever goes wrong later, the certificate in force stays. An order that
//! failed is tried again, ever more slowly: authorities shut out who asks too often.
//!
//! Reading order: `keeper` (the life of a certificate), `schedule` (when), `authority` and `order`
//! (what is said to the authority), `client` (how it gets there), `fault` (what went wrong, and what
//! to do), `kept` (the folder), `made` (keys and certificates of our own).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")
)]

mod authority;
mod client;
mod fault;
mod keeper;
mod kept;
mod made;
mod order;
mod schedule;

use std::path::PathBuf;

pub use fault::Fault;
pub use keeper::Keeper;
pub use kept::KeptError;

/// Let's Encrypt, and its stage for trying: what that one issues is trusted by nobody.
pub const LETS_ENCRYPT: &str = instant_acme::LetsEncrypt::Production.url();
pub const LETS_ENCRYPT_STAGING: &str = instant_acme::LetsEncrypt::Staging.url();

/// What to order, and of whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where account and certificate are kept; made where it is missing.
    pub folder: PathBuf,
    /// The names of one certificate, the first one being the main one. Never empty.
    pub domains: Vec<String>,
    /// An address of e-mail that the authority may write to.
    pub contact: Option<String>,
    /// The authority's directory, `https://…`.
    pub directory: String,
    /// PEM: who vouches for the directory itself, where that is nobody the machine knows.
    pub directory_ca: Option<PathBuf>,
}
