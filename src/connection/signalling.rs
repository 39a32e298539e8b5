//! Offers and their answers: the frames that bring a connection's own peers up and down.

use protocol::{
    Code, PeerId, Refusal, RoomNumber,
    client::PeerRole,
    server::{PeerEnd, Reply},
};

use super::{device::Device, dispatch::not_joined};
use crate::actor::answer_frame;

impl Device {
    pub(super) fn offer(&mut self, i: u32, a: RoomNumber, role: PeerRole, sdp: String) {
        let Some(room) = self.room(a) else {
            return self.refuse(i, not_joined());
        };
        let Some(asked) = self.opened(i) else { return };
        let Some(known) = &self.known else { return };
        let (who, link) = (known.who.clone(), self.link.clone());
        let stage = self.shared.directory.stage().clone();
        tokio::task::spawn_local(async move {
            let outcome = stage
                .establish(&room, role, who, Some(link.id()), sdp)
                .await;
            Self::settled(asked);
            if link.is_over() {
                // It went while media was thinking: nobody would ever end this peer.
                if let Ok(established) = outcome {
                    stage.order_end(established.peer, PeerEnd::Closed);
                }
                return;
            }
            link.send(answer_frame(
                i,
                outcome.map(|it| Reply::Answered(it.answered())),
            ));
        });
    }

    pub(super) fn close_peer(&mut self, i: u32, peer: PeerId) {
        let stage = self.shared.directory.stage().clone();
        let mine = stage
            .peers
            .get(&peer)
            .is_some_and(|it| it.connection == Some(self.link.id()));
        if !mine {
            let say = "there is no such peer (any more)";
            return self.refuse(i, Refusal::new(Code::NoSuchPeer, say));
        }
        stage.order_end(peer, PeerEnd::Closed);
        self.link.send(answer_frame(i, Ok(Reply::Done {})));
    }
}
