//! What a client says of its ICE session after the offer (RFC 9725 §4.3), for whichever end it has.
//!
//! Viewers may restart; publishers may not, because nothing here can give a running `webrtc` session
//! another name without risking it. A publisher that changes network needs none: its checks move it.

use protocol::{Code, PeerId, Refusal};

use crate::{Rtc, sdp::Fragment};

/// Which session a client means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceSession {
    /// Whichever it is now. Only this may restart it.
    Any,
    /// One of these ([`crate::Established::etag`]).
    Tagged(Vec<String>),
}

impl IceSession {
    pub(crate) fn is(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tagged(tags) => tags.iter().any(|it| it == etag),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceUpdated {
    /// The session that was meant is over.
    Stale,
    /// Candidates of the session that is.
    Noted,
    /// A new session, and our side of it as a fragment of SDP.
    Restarted { etag: String, fragment: String },
}

impl Rtc {
    /// Takes a fragment of SDP (`application/trickle-ice-sdpfrag`): candidates, or a restart.
    pub async fn update_ice(
        &self,
        peer: &PeerId,
        session: IceSession,
        fragment: &str,
    ) -> Result<IceUpdated, Refusal> {
        let fragment = Fragment::parse(fragment)?;
        tracing::debug!(
            %peer,
            candidates = fragment.candidates,
            ended = fragment.ended,
            "a client spoke of its ICE session"
        );
        if self.viewers.names(peer) {
            self.viewers.update_ice(peer, session, fragment).await
        } else {
            self.publishers.update_ice(peer, &session, &fragment)
        }
    }
}

pub(crate) fn no_such_peer() -> Refusal {
    Refusal::new(Code::NoSuchPeer, "there is no such peer (any more)")
}

/// Another name means a restart, and a restart is asked for as one.
pub(crate) fn another_name() -> Refusal {
    Refusal::new(
        Code::SdpUnfit,
        "another ICE name than that of this session: a restart needs If-Match: *",
    )
}
