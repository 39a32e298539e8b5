//! What can go wrong when the media ports open. Everything after the start is a `Refusal` or a
//! [`crate::Report`].

use std::{io, net::SocketAddr};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("cannot bind the {what} media port {addr}")]
    Bind {
        what: &'static str,
        addr: SocketAddr,
        source: io::Error,
    },
    #[error(
        "cannot bind the {what} media port {addr} for TCP: free it, or let media be UDP alone (rtc.tcp = false)"
    )]
    BindTcp {
        what: &'static str,
        addr: SocketAddr,
        source: io::Error,
    },
    #[error("no address for viewers is configured")]
    NoViewAddress,
    #[error("cannot make the DTLS certificate: {0}")]
    Certificate(String),
    #[error("cannot start a media worker")]
    Worker(#[source] io::Error),
}
