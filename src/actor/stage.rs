//! The seam between rooms and media.
//!
//! Rooms and edges speak to media by [`MediaOrder`]s through one bounded channel; what media reports
//! comes back through [`Directory::report`]. `main` joins the ends. A signalling request never waits
//! in a room's inbox longer than the question "may this member?".

use std::{net::IpAddr, sync::Arc, time::Instant};

use community::Who;
use fanout::ConnectionId;
use protocol::{
    Code, MemberId, PeerId, Refusal, RoomNumber,
    client::PeerRole,
    limits,
    server::{Answered, PeerEnd},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    RoomHandle,
    peers::{Holder, PeerOwner, Peers},
};

/// Orders that wait for media. A full channel answers `busy`.
pub const MEDIA_ORDERS_MAX: usize = 1_024;

/// Whoever is overtaken by a change of what is published offers again after this.
const OFFER_AGAIN_MS: u64 = 100;

/// What media is asked to do.
#[derive(Debug)]
pub enum MediaOrder {
    Establish {
        room: RoomNumber,
        role: PeerRole,
        /// Whose place in the line it is where a viewer has to wait: the same words, the same place.
        asker: String,
        offer: String,
        done: oneshot::Sender<Result<Established, Refusal>>,
    },
    /// Another ICE session for a viewer, by a fragment of SDP; answered with ours.
    Restart {
        peer: PeerId,
        fragment: String,
        done: oneshot::Sender<Result<String, Refusal>>,
    },
    /// Sends a viewer the picture, or holds it back. Answers whether there was such a viewer.
    Show {
        peer: PeerId,
        video: bool,
        /// How high the viewer shows it, in pixels, where it says so.
        height: Option<u16>,
        done: oneshot::Sender<Result<bool, Refusal>>,
    },
    /// Answers whether there was such a peer.
    End {
        peer: PeerId,
        why: PeerEnd,
        done: Option<oneshot::Sender<bool>>,
    },
}

/// An answered offer.
#[derive(Clone, Debug)]
pub struct Established {
    pub peer: PeerId,
    pub sdp: String,
    pub etag: String,
}

impl Established {
    pub fn answered(self) -> Answered {
        Answered {
            peer: self.peer,
            sdp: self.sdp,
        }
    }
}

/// Which way an offer came.
#[derive(Clone, Debug)]
pub enum Way {
    Connection(Holder),
    Whip,
    Whep(IpAddr),
}

impl Way {
    /// Each page of a person waits for itself (PROTOCOL H4); players by WHEP, by who they are and where
    /// they come from.
    fn asker(&self, room: RoomNumber, who: &Who) -> String {
        let member = who.id.as_str();
        match self {
            Self::Connection(holder) => format!("{room} {member} {}", holder.device),
            Self::Whep(address) => format!("{room} {member} {address}"),
            // Nobody waits to publish.
            Self::Whip => String::new(),
        }
    }

    fn holder(self) -> Option<Holder> {
        match self {
            Self::Connection(holder) => Some(holder),
            Self::Whip | Self::Whep(_) => None,
        }
    }
}

/// The door to media.
#[derive(Clone)]
pub struct Stage {
    orders: mpsc::Sender<MediaOrder>,
    pub peers: Arc<Peers>,
}

impl Stage {
    /// The stage, and the end of it that `main` joins to media.
    pub fn new() -> (Self, mpsc::Receiver<MediaOrder>) {
        let (orders, ordered) = mpsc::channel(MEDIA_ORDERS_MAX);
        (
            Self {
                orders,
                peers: Arc::default(),
            },
            ordered,
        )
    }

    /// Asks the room whether this person may, then media for the answer.
    pub async fn establish(
        &self,
        room: &RoomHandle,
        role: PeerRole,
        who: Who,
        way: Way,
        offer: String,
    ) -> Result<Established, Refusal> {
        room.may(role, who.clone()).await?;
        let (done, answer) = oneshot::channel();
        let order = MediaOrder::Establish {
            room: room.number,
            role,
            asker: way.asker(room.number, &who),
            offer,
            done,
        };
        self.orders.try_send(order).map_err(|_| busy())?;
        let established = answer.await.map_err(|_| busy())??;
        let owner = PeerOwner {
            room: room.number,
            role,
            who,
            holder: way.holder(),
            key: None,
            until_ms: None,
            ending: None,
        };
        let who = owner.who.clone();
        if !self.peers.own(&established.peer, owner) {
            let words = "what is published has just changed; offer again";
            return Err(Refusal::new(Code::Busy, words).after_ms(OFFER_AGAIN_MS));
        }
        // Whoever was banned while media made its answer had no peer yet that could be ended.
        if let Err(refusal) = room.may(role, who).await {
            self.order_end(established.peer, PeerEnd::NotPermitted);
            return Err(refusal);
        }
        Ok(established)
    }

    /// Ends a peer; false when there is none of that name any more.
    pub async fn end(&self, peer: PeerId, why: PeerEnd) -> bool {
        let (done, ended) = oneshot::channel();
        self.peers.ends(&peer, why);
        let order = MediaOrder::End {
            peer,
            why,
            done: Some(done),
        };
        self.orders.send(order).await.is_ok() && ended.await.unwrap_or(false)
    }

    /// A peer of a connection before goes on with another of the same member and device, if that may
    /// still do what the peer does. Answers as if it had never been where it is somebody else's.
    pub async fn resume(
        &self,
        room: &RoomHandle,
        peer: PeerId,
        who: Who,
        holder: Holder,
    ) -> Result<(), Refusal> {
        let role = self
            .peers
            .get(&peer)
            .filter(|it| it.room == room.number && it.is_of(&who.id, &holder.device))
            .ok_or_else(no_such_peer)?
            .role;
        if let Err(refusal) = room.may(role, who.clone()).await {
            self.order_end(peer, PeerEnd::NotPermitted);
            return Err(refusal);
        }
        if self.peers.take_over(&peer, who, holder) {
            metrics::counter!("weiquan_peers_resumed_total").increment(1);
            Ok(())
        } else {
            Err(no_such_peer())
        }
    }

    /// Another ICE session for a viewer; answers our side of it.
    pub async fn restart(&self, peer: PeerId, fragment: String) -> Result<String, Refusal> {
        let (done, answer) = oneshot::channel();
        let order = MediaOrder::Restart {
            peer,
            fragment,
            done,
        };
        self.orders.try_send(order).map_err(|_| busy())?;
        answer.await.map_err(|_| busy())?
    }

    /// Sends a viewer the picture, or holds it back; `height` is how high it shows it, in pixels.
    pub async fn show(
        &self,
        peer: PeerId,
        video: bool,
        height: Option<u16>,
    ) -> Result<(), Refusal> {
        let (done, answer) = oneshot::channel();
        let order = MediaOrder::Show {
            peer,
            video,
            height,
            done,
        };
        self.orders.try_send(order).map_err(|_| busy())?;
        match answer.await.map_err(|_| busy())?? {
            true => Ok(()),
            false => Err(no_such_peer()),
        }
    }

    /// A connection is gone. Its peers go on for [`limits::PEER_GRACE`], so that a hiccup of the chat
    /// takes nobody's picture away.
    pub fn let_go(&self, connection: ConnectionId, now: Instant) {
        let too_many = self.peers.let_go(connection, now);
        self.end_all(too_many, PeerEnd::Closed);
    }

    /// Ends the peers whose connection did not come back in time.
    pub fn end_of_alone(&self, now: Instant) {
        let over = self.peers.of(|it| {
            it.ending.is_none()
                && it
                    .alone_since()
                    .is_some_and(|since| now.saturating_duration_since(since) >= limits::PEER_GRACE)
        });
        self.end_all(over, PeerEnd::Closed);
    }

    /// Ends every peer that a member has in a room, on whichever way it came.
    pub fn end_of_member(&self, room: RoomNumber, member: &MemberId) {
        let theirs = self.peers.of(|it| it.room == room && it.who.id == *member);
        self.end_all(theirs, PeerEnd::NotPermitted);
    }

    /// Ends every peer in a room: it starts anew, and does not know them.
    pub fn end_of_room(&self, room: RoomNumber) {
        self.end_all(self.peers.of(|it| it.room == room), PeerEnd::Closed);
    }

    /// Ends every peer of a person, in every room: a sign-out everywhere.
    pub fn end_of_person(&self, member: &MemberId) {
        self.end_all(
            self.peers.of(|it| it.who.id == *member),
            PeerEnd::NotPermitted,
        );
    }

    /// Ends the publishers that a stream key let in.
    pub fn end_of_key(&self, room: RoomNumber, key: &str) {
        let theirs = self
            .peers
            .of(|it| it.room == room && it.key.as_deref() == Some(key));
        self.end_all(theirs, PeerEnd::NotPermitted);
    }

    /// Ends the peers whose token is over at this moment.
    pub fn end_of_tokens(&self, now_ms: u64) {
        let over = self
            .peers
            .of(|it| it.ending.is_none() && it.until_ms.is_some_and(|until_ms| until_ms <= now_ms));
        self.end_all(over, PeerEnd::Expired);
    }

    /// Orders an end without waiting for it.
    pub fn order_end(&self, peer: PeerId, why: PeerEnd) {
        self.end_all(vec![peer], why);
    }

    fn end_all(&self, peers: Vec<PeerId>, why: PeerEnd) {
        for peer in peers {
            self.peers.ends(&peer, why);
            let order = MediaOrder::End {
                peer,
                why,
                done: None,
            };
            if let Err(mpsc::error::TrySendError::Full(order)) = self.orders.try_send(order) {
                // An end must not be lost: a peer that nobody owns would be served for ever.
                let orders = self.orders.clone();
                tokio::spawn(async move { orders.send(order).await });
            }
        }
    }
}

pub fn no_such_peer() -> Refusal {
    Refusal::new(Code::NoSuchPeer, "there is no such peer (any more)")
}

fn busy() -> Refusal {
    Refusal::new(Code::Busy, "media is busy; try again in a moment").after_ms(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{
        Wish,
        peers::tests::{connection_of, held},
    };

    #[tokio::test]
    async fn who_is_banned_while_media_answers_gets_nothing() {
        let (stage, mut ordered) = Stage::new();
        let (room, mut inbox) = RoomHandle::alone(7);
        let verdicts = [Ok(()), Err(Refusal::new(Code::Banned, "banned"))];
        let answering = async {
            for verdict in verdicts {
                let mut asked = Vec::new();
                assert!(inbox.take(&mut asked).await);
                for posted in asked {
                    let Wish::May { done, .. } = posted.begin() else {
                        panic!("only asked whether it may")
                    };
                    done.send(verdict.clone()).expect("it waits");
                }
            }
        };
        let media = async {
            let Some(MediaOrder::Establish { done, .. }) = ordered.recv().await else {
                panic!("an offer")
            };
            let established = Established {
                peer: PeerId::from("v0-1"),
                sdp: String::new(),
                etag: String::new(),
            };
            done.send(Ok(established)).expect("it waits");
            ordered.recv().await
        };
        let who = held("m_1", 1, "tab").who;
        let offer = stage.establish(&room, PeerRole::View, who, Way::Whip, String::new());
        let (outcome, order, ()) = tokio::join!(offer, media, answering);
        assert_eq!(outcome.expect_err("banned").code, Code::Banned);
        let Some(MediaOrder::End { peer, why, .. }) = order else {
            panic!("{order:?}")
        };
        assert_eq!((peer.as_str(), why), ("v0-1", PeerEnd::NotPermitted));
    }

    #[tokio::test]
    async fn b10_the_grace_ends_and_only_once() {
        let (stage, mut ordered) = Stage::new();
        let peer = PeerId::from("v0-1");
        let owner = held("m_1", 1, "tab");
        let now = clock::now();
        stage.peers.own(&peer, owner.clone());
        stage.end_of_alone(now + limits::PEER_GRACE);
        assert!(ordered.try_recv().is_err(), "its connection is there");
        stage.let_go(connection_of(&owner), now);
        let almost = limits::PEER_GRACE - std::time::Duration::from_millis(1);
        stage.end_of_alone(now + almost);
        assert!(ordered.try_recv().is_err(), "the grace runs");
        stage.end_of_alone(now + limits::PEER_GRACE);
        stage.end_of_alone(now + limits::PEER_GRACE);
        assert!(matches!(ordered.try_recv(), Ok(MediaOrder::End { .. })));
        assert!(ordered.try_recv().is_err(), "ordered once");
        let next = held("m_1", 2, "tab");
        let holder = next.holder.expect("it has one");
        assert!(!stage.peers.take_over(&peer, next.who, holder), "too late");
    }
}
