//! TLS without sockets: sessions that turn bytes into bytes, the certificate they show, the answer to
//! an authority that checks whose name this is, and whom the server's own clients trust.
//!
//! A [`Session`] is 1 KB and owns no buffer (rustls' unbuffered interface; its buffered one keeps
//! 4 KiB for ever after the first read). Whoever holds the socket brings the bytes: the front while
//! it reads the request head, a shard afterwards. The session travels between them.
//!
//! What this does not do: ask for client certificates, take early data (it can be replayed), speak
//! HTTP/2 (`http/1.1` is all that is offered).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")
)]

mod authorities;
mod certificates;
mod files;
mod pair;
mod session;

use std::sync::Arc;

use rustls::{ServerConfig, crypto::aws_lc_rs, server::NoServerSessionStorage};

pub use authorities::{Untrusted, trusting, trusting_anybody, trusting_as_the_machine};
pub use certificates::Certificates;
pub use files::{CertificateError, Files};
pub use pair::{About, Pair, Unfit};
pub use session::{Fault, Opened, RECORD_BYTES_MAX, Session};

/// What all sessions of a server share.
#[derive(Clone, Debug)]
pub struct Acceptor(Arc<ServerConfig>);

impl Acceptor {
    /// TLS 1.3, and 1.2 for older encoders. One stateless ticket: without any, a client that waits
    /// for an acknowledgement before it sends (Nagle's algorithm) loses 40 ms.
    pub fn new(certificates: Arc<Certificates>) -> Result<Self, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        // The second is for an authority alone: to others the certificate has no answer in it.
        config.alpn_protocols = vec![
            b"http/1.1".to_vec(),
            certificates::CHALLENGE_PROTOCOL.to_vec(),
        ];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        Ok(Self(Arc::new(config)))
    }

    /// A session for a connection that was just accepted.
    pub fn accept(&self) -> Result<Session, Fault> {
        Session::new(self.0.clone())
    }
}
