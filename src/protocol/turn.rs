//! What lets a client in at a TURN server, for a while.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An entry of `iceServers` as a browser takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Turn {
    /// `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// Until when it is good, in Unix seconds, a colon, and whose it is.
    pub username: String,
    pub credential: String,
}

/// Frames are printed here and there; what lets somebody in is not.
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_somebody_in_is_never_printed() {
        let turn = Turn {
            urls: vec!["turn:turn.example.org".to_owned()],
            username: "1700000000:m_ann".to_owned(),
            credential: "nr2Iw5E".to_owned(),
        };
        let printed = format!("{turn:?}");
        assert!(printed.contains("turn.example.org"), "{printed}");
        assert!(
            !printed.contains("nr2") && !printed.contains("m_ann"),
            "{printed}"
        );
    }
}
