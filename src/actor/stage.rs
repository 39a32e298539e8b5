//! The seam between rooms and media, and the register of peers.
//!
//! Rooms and edges speak to media by [`MediaOrder`]s through one bounded channel; what media reports
//! comes back through [`Directory::report`]. `main` joins the ends. A signalling request never waits
//! in a room's inbox longer than the question "may this member?".

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use dashmap::DashMap;
use fanout::ConnectionId;
use protocol::{
    Code, MemberId, PeerId, Refusal, RoomNumber,
    client::PeerRole,
    server::{Answered, PeerEnd},
};
use tokio::sync::{mpsc, oneshot};

use community::Who;

use super::RoomHandle;

/// Orders that wait for media. A full channel answers `busy`.
pub const MEDIA_ORDERS_MAX: usize = 1_024;

/// Whoever is overtaken by a change of what is published offers again after this.
const OFFER_AGAIN_MS: u64 = 100;

/// Ends of peers that came before anybody was noted as their owner. Media answers an offer and reports
/// an end on two ways, so one may overtake the other by as long as a busy machine takes; older ones
/// belong to peers whose asker was gone before the answer.
const EARLY_ENDS_MAX: usize = 256;

/// What media is asked to do.
#[derive(Debug)]
pub enum MediaOrder {
    Establish {
        room: RoomNumber,
        role: PeerRole,
        offer: String,
        done: oneshot::Sender<Result<Established, Refusal>>,
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

/// Whose peer it is.
#[derive(Clone, Debug)]
pub struct PeerOwner {
    pub room: RoomNumber,
    pub role: PeerRole,
    pub who: Who,
    /// The connection that asked for it; none for WHIP and WHEP.
    pub connection: Option<ConnectionId>,
    /// The id of the stream key that let it in.
    pub key: Option<String>,
    /// When the token ends that let it in, Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Why we ordered its end, once we did: media itself knows only that it was closed.
    pub ending: Option<PeerEnd>,
}

/// Every peer of this process by its id.
#[derive(Default)]
pub struct Peers {
    by_id: DashMap<PeerId, PeerOwner>,
    /// Peers that ended before they had an owner, oldest first.
    ended_early: Mutex<VecDeque<PeerId>>,
}

impl Peers {
    pub fn get(&self, peer: &PeerId) -> Option<PeerOwner> {
        self.by_id.get(peer).map(|it| it.clone())
    }

    /// A peer has ended: whose it was. Where nobody is noted yet, its owner learns it by [`Peers::own`].
    pub fn ended(&self, peer: &PeerId) -> Option<PeerOwner> {
        let mut early = self.early();
        let owner = self.by_id.remove(peer).map(|(_, it)| it);
        if owner.is_none() {
            if early.len() == EARLY_ENDS_MAX {
                early.pop_front();
            }
            early.push_back(peer.clone());
        }
        owner
    }

    /// Notes whose a new peer is; false when it has ended already.
    fn own(&self, peer: &PeerId, owner: PeerOwner) -> bool {
        let mut early = self.early();
        if let Some(at) = early.iter().position(|it| it == peer) {
            early.remove(at);
            return false;
        }
        self.by_id.insert(peer.clone(), owner);
        true
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn early(&self) -> MutexGuard<'_, VecDeque<PeerId>> {
        self.ended_early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which stream key let a publisher in, so that revoking the key ends it.
    pub fn came_by_key(&self, peer: &PeerId, key: String) {
        if let Some(mut owner) = self.by_id.get_mut(peer) {
            owner.key = Some(key);
        }
    }

    /// Notes until when the token is good that let a peer in, so that it ends with it.
    pub fn came_by_token(&self, peer: &PeerId, until_ms: u64) {
        if let Some(mut owner) = self.by_id.get_mut(peer) {
            owner.until_ms = Some(until_ms);
        }
    }

    /// The first order to end a peer says why it ended.
    fn ends(&self, peer: &PeerId, why: PeerEnd) {
        if let Some(mut owner) = self.by_id.get_mut(peer) {
            owner.ending.get_or_insert(why);
        }
    }

    fn of(&self, belongs: impl Fn(&PeerOwner) -> bool) -> Vec<PeerId> {
        self.by_id
            .iter()
            .filter(|it| belongs(it.value()))
            .map(|it| it.key().clone())
            .collect()
    }
}

/// The door to media.
#[derive(Clone)]
pub struct Stage {
    orders: mpsc::Sender<MediaOrder>,
    pub peers: std::sync::Arc<Peers>,
}

impl Stage {
    /// The stage, and the end of it that `main` joins to media.
    pub fn new() -> (Self, mpsc::Receiver<MediaOrder>) {
        let (orders, ordered) = mpsc::channel(MEDIA_ORDERS_MAX);
        (
            Self {
                orders,
                peers: std::sync::Arc::default(),
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
        connection: Option<ConnectionId>,
        offer: String,
    ) -> Result<Established, Refusal> {
        room.may(role, who.clone()).await?;
        let (done, answer) = oneshot::channel();
        let order = MediaOrder::Establish {
            room: room.number,
            role,
            offer,
            done,
        };
        self.orders.try_send(order).map_err(|_| busy())?;
        let established = answer.await.map_err(|_| busy())??;
        let owner = PeerOwner {
            room: room.number,
            role,
            who,
            connection,
            key: None,
            until_ms: None,
            ending: None,
        };
        if !self.peers.own(&established.peer, owner) {
            let words = "what is published has just changed; offer again";
            return Err(Refusal::new(Code::Busy, words).after_ms(OFFER_AGAIN_MS));
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

    /// Ends every peer of a connection that is gone.
    pub fn end_of_connection(&self, connection: ConnectionId) {
        self.end_all(
            self.peers.of(|it| it.connection == Some(connection)),
            PeerEnd::Closed,
        );
    }

    /// Ends every peer that a member has in a room, on whichever way it came.
    pub fn end_of_member(&self, room: RoomNumber, member: &MemberId) {
        let theirs = self.peers.of(|it| it.room == room && it.who.id == *member);
        self.end_all(theirs, PeerEnd::NotPermitted);
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

fn busy() -> Refusal {
    Refusal::new(Code::Busy, "media is busy; try again in a moment").after_ms(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> PeerOwner {
        PeerOwner {
            room: 7,
            role: PeerRole::View,
            who: Who {
                id: "m_1".into(),
                name: "".into(),
                role: community::Role::Member,
            },
            connection: None,
            key: None,
            until_ms: None,
            ending: None,
        }
    }

    #[test]
    fn an_end_that_overtakes_the_answer_is_not_lost() {
        let peers = Peers::default();
        let (early, late) = (PeerId::from("v0-1"), PeerId::from("v0-2"));
        assert!(peers.ended(&early).is_none());
        assert!(!peers.own(&early, owner()), "it is over already");
        assert!(peers.get(&early).is_none(), "nobody owns it for ever");
        assert!(peers.own(&late, owner()));
        assert!(peers.ended(&late).is_some());
        assert!(peers.own(&early, owner()), "told once");
    }

    #[test]
    fn ends_that_nobody_asks_about_are_bounded() {
        let peers = Peers::default();
        let names = (0..=EARLY_ENDS_MAX).map(|n| PeerId::from(format!("v0-{n}")));
        let names: Vec<PeerId> = names.collect();
        for name in &names {
            peers.ended(name);
        }
        assert_eq!(peers.early().len(), EARLY_ENDS_MAX);
        assert!(peers.own(&names[0], owner()), "the oldest was forgotten");
        assert!(!peers.own(&names[1], owner()));
    }
}
