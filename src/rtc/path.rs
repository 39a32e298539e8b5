//! Where a peer is, as far as a media port knows: where its datagrams come from and ours go to.

use std::net::SocketAddr;

/// A TCP connection to a media port. Never used twice.
pub(crate) type PipeId = u64;

/// One way to a peer. The same address over UDP and over TCP is two ways, maybe of two peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Path {
    Udp(SocketAddr),
    Tcp { pipe: PipeId, from: SocketAddr },
}

impl Path {
    /// The peer's address, by which ICE names the path.
    pub(crate) const fn address(self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp { from: address, .. } => address,
        }
    }

    pub(crate) const fn pipe(self) -> Option<PipeId> {
        match self {
            Self::Udp(_) => None,
            Self::Tcp { pipe, .. } => Some(pipe),
        }
    }
}
