//! Offers and their answers, and what is said of the peers they made: the frames that bring a
//! connection's own peers up, hold them and take them down.

use std::future::Future;

use protocol::{
    PeerId, Refusal, RoomNumber,
    client::PeerRole,
    server::{PeerEnd, Reply, Restarted},
};

use super::{device::Device, dispatch::not_joined, watched::Views};
use crate::actor::{Holder, Way, answer_frame, no_such_peer};

impl Device {
    pub(super) fn offer(&mut self, i: u32, a: RoomNumber, role: PeerRole, sdp: String) {
        let Some(room) = self.room(a) else {
            return self.refuse(i, not_joined());
        };
        let Some(asked) = self.opened(i) else { return };
        let (Some(known), Some(holder)) = (&self.known, self.holder()) else {
            return;
        };
        let (who, link) = (known.who.clone(), self.link.clone());
        let (stage, views) = (self.shared.directory.stage().clone(), self.views.clone());
        tokio::task::spawn_local(async move {
            let outcome = stage
                .establish(&room, role, who, Way::Connection(holder), sdp)
                .await;
            Self::settled(asked);
            if link.is_over() {
                // It went while media was thinking, and does not know this peer's name.
                if let Ok(established) = outcome {
                    stage.order_end(established.peer, PeerEnd::Closed);
                }
                return;
            }
            if let Ok(established) = &outcome {
                Views::note(&views, a, role, &established.peer);
            }
            link.send(answer_frame(
                i,
                outcome.map(|it| Reply::Answered(it.answered())),
            ));
        });
    }

    /// A peer of the connection before this one goes on.
    pub(super) fn resume_peer(&mut self, i: u32, peer: PeerId) {
        let stage = self.shared.directory.stage().clone();
        let owner = stage.peers.get(&peer);
        let known = owner.and_then(|it| Some((self.room(it.room)?, it.role)));
        // Whether it exists is not told to whom is not in its room.
        let Some((room, role)) = known else {
            return self.refuse(i, no_such_peer());
        };
        let Some(asked) = self.opened(i) else { return };
        let (Some(known), Some(holder)) = (&self.known, self.holder()) else {
            return;
        };
        let (who, link) = (known.who.clone(), self.link.clone());
        let views = self.views.clone();
        tokio::task::spawn_local(async move {
            let outcome = stage.resume(&room, peer.clone(), who, holder).await;
            Self::settled(asked);
            if link.is_over() {
                // This connection went as well; the grace begins again.
                return stage.let_go(link.id(), clock::now());
            }
            if outcome.is_ok() {
                Views::note(&views, room.number, role, &peer);
            }
            link.send(answer_frame(i, outcome.map(|()| Reply::Done {})));
        });
    }

    pub(super) fn restart_peer(&mut self, i: u32, peer: PeerId, sdp: String) {
        let stage = self.shared.directory.stage().clone();
        self.of_peer(i, peer, |peer| async move {
            let sdp = stage.restart(peer, sdp).await?;
            Ok(Reply::Restarted(Restarted { sdp }))
        });
    }

    pub(super) fn show_peer(&mut self, i: u32, peer: PeerId, video: bool, height: Option<u16>) {
        let stage = self.shared.directory.stage().clone();
        self.of_peer(i, peer, |peer| async move {
            stage.show(peer, video, height).await?;
            Ok(Reply::Done {})
        });
    }

    pub(super) fn close_peer(&mut self, i: u32, peer: PeerId) {
        if !self.holds(&peer) {
            return self.refuse(i, no_such_peer());
        }
        let stage = self.shared.directory.stage();
        stage.order_end(peer, PeerEnd::Closed);
        self.link.send(answer_frame(i, Ok(Reply::Done {})));
    }

    /// Asks media something about a peer of this connection, and answers when it has.
    fn of_peer<F>(&self, i: u32, peer: PeerId, ask: impl FnOnce(PeerId) -> F)
    where
        F: Future<Output = Result<Reply, Refusal>> + 'static,
    {
        if !self.holds(&peer) {
            return self.refuse(i, no_such_peer());
        }
        let Some(asked) = self.opened(i) else { return };
        let (link, answer) = (self.link.clone(), ask(peer));
        tokio::task::spawn_local(async move {
            let outcome = answer.await;
            Self::settled(asked);
            link.send(answer_frame(i, outcome));
        });
    }

    fn holds(&self, peer: &PeerId) -> bool {
        let owner = self.shared.directory.stage().peers.get(peer);
        owner.is_some_and(|it| it.connection() == Some(self.link.id()))
    }

    fn holder(&self) -> Option<Holder> {
        let known = self.known.as_ref()?;
        Some(Holder::new(self.link.id(), known.device.clone()))
    }
}
