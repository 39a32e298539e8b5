//! A viewer's ICE session after its offer: trickled candidates and restarts (RFC 9725 §4.3).
//!
//! Candidates change nothing here, because a lite agent learns addresses from checks. A restart gives
//! the viewer another name and password beside those it has: whichever network its next check comes
//! from, the picture goes there, under the keys of the handshake that was. The ones before hold until
//! the viewer has chosen a path with the new ones, so a restart that fails costs nothing.

use std::time::Instant;

use protocol::{PeerId, Refusal};

use super::{ice::Credentials, viewer::Viewer, worker::Worker};
use crate::{IceSession, IceUpdated, another_name, no_such_peer, random, sdp::Fragment};

impl Worker {
    pub(super) fn update_ice(
        &mut self,
        peer: &PeerId,
        session: &IceSession,
        fragment: &Fragment,
        now: Instant,
    ) -> Result<IceUpdated, Refusal> {
        let key = self.by_peer.get(peer).copied().ok_or_else(no_such_peer)?;
        let viewer = self.viewers.get_mut(key).ok_or_else(no_such_peer)?;
        let newest = viewer.newest();
        if !session.is(&newest.ufrag) {
            return Ok(IceUpdated::Stale);
        }
        if fragment.ufrag == newest.remote_ufrag {
            return Ok(IceUpdated::Noted);
        }
        if *session != IceSession::Any {
            return Err(another_name());
        }
        let next = Credentials {
            ufrag: random::token(6),
            pwd: random::token(16),
            remote_ufrag: fragment.ufrag.clone(),
        };
        let updated = IceUpdated::Restarted {
            etag: next.ufrag.clone(),
            fragment: fragment.restarted(&next.ufrag, &next.pwd, &self.candidates),
        };
        self.by_ufrag.insert(next.ufrag.clone(), key);
        if let Some(unproven) = viewer.next.replace(next) {
            self.by_ufrag.remove(&unproven.ufrag);
        }
        // Between two networks it is silent for a while; that it asks shows that it is there.
        viewer.heard = now;
        metrics::counter!("weiquan_media_ice_restarts_total").increment(1);
        Ok(updated)
    }
}

impl Viewer {
    /// What it last agreed with us, proven or not.
    fn newest(&self) -> &Credentials {
        self.next.as_ref().unwrap_or(&self.credentials)
    }

    /// Those that a check names.
    pub(super) fn credentials_of(&self, ufrag: &str) -> &Credentials {
        match &self.next {
            Some(next) if next.ufrag == ufrag => next,
            _ => &self.credentials,
        }
    }

    /// The viewer has chosen a path under this name. Answers the name that is over by that, if any.
    pub(super) fn prove(&mut self, ufrag: &str) -> Option<String> {
        let next = self.next.take_if(|next| next.ufrag == ufrag)?;
        Some(std::mem::replace(&mut self.credentials, next).ufrag)
    }
}
