//! How a peer ends, in the words of the wire.

use serde::{Deserialize, Serialize};

/// Why a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum PeerEnd {
    /// The client asked for it.
    Closed,
    /// The same key or host published anew.
    Replaced,
    /// The broadcast ended or the publisher left.
    Ended,
    /// Nothing was heard (RFC 7675 consent).
    Timeout,
    /// The handshake failed (wrong fingerprint, no common suite).
    Failed,
    /// The member lost the right to it.
    NotPermitted,
    /// The token that let it in has expired.
    Expired,
}

impl PeerEnd {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Replaced => "replaced",
            Self::Ended => "ended",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::NotPermitted => "not_permitted",
            Self::Expired => "expired",
        }
    }
}
