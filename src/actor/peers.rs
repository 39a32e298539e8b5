//! Whose peer each one is: the room, the member, and the connection that hears of it.
//!
//! A peer outlives its connection for [`limits::PEER_GRACE`], and goes on with the next one of the same
//! member and device. What may be done with it is decided elsewhere.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use community::Who;
use dashmap::DashMap;
use fanout::ConnectionId;
use protocol::{MemberId, PeerId, RoomNumber, client::PeerRole, limits, server::PeerEnd};

/// Ends of peers that came before anybody was noted as their owner. Media answers an offer and reports
/// an end on two ways, so one may overtake the other by as long as a busy machine takes; older ones
/// belong to peers whose asker was gone before the answer.
const EARLY_ENDS_MAX: usize = 256;

/// The connection that a peer belongs to, and what another one must show to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub connection: ConnectionId,
    /// As it named itself in hello.
    pub device: Arc<str>,
    /// Since when the connection is gone, where it is: the grace runs.
    pub alone_since: Option<Instant>,
}

impl Holder {
    pub fn new(connection: ConnectionId, device: Arc<str>) -> Self {
        Self {
            connection,
            device,
            alone_since: None,
        }
    }
}

/// Whose peer it is.
#[derive(Clone, Debug)]
pub struct PeerOwner {
    pub room: RoomNumber,
    pub role: PeerRole,
    pub who: Who,
    /// Who asked for it by a connection; none for WHIP and WHEP.
    pub holder: Option<Holder>,
    /// The id of the stream key that let it in.
    pub key: Option<String>,
    /// When the token ends that let it in, Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Why we ordered its end, once we did: media itself knows only that it was closed.
    pub ending: Option<PeerEnd>,
}

impl PeerOwner {
    pub(super) fn is_of(&self, member: &MemberId, device: &str) -> bool {
        let holder = self.holder.as_ref();
        self.who.id == *member && holder.is_some_and(|it| *it.device == *device)
    }

    pub(super) fn alone_since(&self) -> Option<Instant> {
        self.holder.as_ref()?.alone_since
    }

    /// The connection that hears of it, while there is one.
    pub fn connection(&self) -> Option<ConnectionId> {
        let holder = self.holder.as_ref()?;
        holder.alone_since.is_none().then_some(holder.connection)
    }
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
    pub(super) fn own(&self, peer: &PeerId, owner: PeerOwner) -> bool {
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

    /// Notes that a connection is gone. Answers the peers that are too many for their member.
    pub(super) fn let_go(&self, connection: ConnectionId, now: Instant) -> Vec<PeerId> {
        let mut member = None;
        for mut owner in self.by_id.iter_mut() {
            if let Some(holder) = &mut owner.holder
                && holder.connection == connection
            {
                holder.alone_since = Some(now);
                member = Some(owner.who.id.clone());
            }
        }
        let Some(member) = member else {
            return Vec::new();
        };
        let mut alone: Vec<(Instant, PeerId)> = self
            .by_id
            .iter()
            .filter(|it| it.who.id == member && it.ending.is_none())
            .filter_map(|it| Some((it.alone_since()?, it.key().clone())))
            .collect();
        alone.sort();
        let too_many = alone.len().saturating_sub(limits::PEERS_ALONE_MAX);
        alone.drain(..too_many).map(|(_, peer)| peer).collect()
    }

    /// Another connection goes on with a peer. False where the peer is over or not theirs.
    pub(super) fn take_over(&self, peer: &PeerId, who: Who, holder: Holder) -> bool {
        let Some(mut owner) = self.by_id.get_mut(peer) else {
            return false;
        };
        let good = owner.ending.is_none() && owner.is_of(&who.id, &holder.device);
        if good {
            owner.who = who;
            owner.holder = Some(holder);
        }
        good
    }

    /// The first order to end a peer says why it ended.
    pub(super) fn ends(&self, peer: &PeerId, why: PeerEnd) {
        if let Some(mut owner) = self.by_id.get_mut(peer) {
            owner.ending.get_or_insert(why);
        }
    }

    pub(super) fn of(&self, belongs: impl Fn(&PeerOwner) -> bool) -> Vec<PeerId> {
        self.by_id
            .iter()
            .filter(|it| belongs(it.value()))
            .map(|it| it.key().clone())
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn owner() -> PeerOwner {
        PeerOwner {
            room: 7,
            role: PeerRole::View,
            who: Who {
                id: "m_1".into(),
                name: "".into(),
                role: community::Role::Member,
                traces: community::Traces::default(),
            },
            holder: None,
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

    pub(in crate::actor) fn held(member: &str, connection: u32, device: &str) -> PeerOwner {
        let id = ConnectionId {
            shard: 0,
            slot: connection,
            generation: 1,
        };
        let mut owner = owner();
        owner.who.id = member.into();
        owner.holder = Some(Holder::new(id, device.into()));
        owner
    }

    pub(in crate::actor) fn connection_of(owner: &PeerOwner) -> ConnectionId {
        owner.holder.as_ref().expect("it has one").connection
    }

    #[test]
    fn b10_a_peer_goes_on_with_the_next_connection_of_its_device_only() {
        let peers = Peers::default();
        let peer = PeerId::from("v0-1");
        let (first, next) = (held("m_1", 1, "tab"), held("m_1", 2, "tab"));
        let now = clock::now();
        assert!(peers.own(&peer, first.clone()));
        assert!(peers.let_go(connection_of(&first), now).is_empty());
        let alone = peers.get(&peer).expect("it goes on");
        assert_eq!(alone.connection(), None, "nobody hears of it");
        for (member, device) in [("m_2", "tab"), ("m_1", "another")] {
            let other = held(member, 3, device);
            let holder = other.holder.expect("it has one");
            assert!(
                !peers.take_over(&peer, other.who, holder),
                "{member} {device}"
            );
        }
        let holder = next.holder.clone().expect("it has one");
        assert!(peers.take_over(&peer, next.who.clone(), holder));
        // The end of the connection before comes late, and means it no more.
        assert!(peers.let_go(connection_of(&first), now).is_empty());
        let owner = peers.get(&peer).expect("it goes on");
        assert_eq!(owner.connection(), Some(connection_of(&next)));
    }

    #[test]
    fn b10_the_peers_that_a_member_leaves_alone_are_bounded() {
        let peers = Peers::default();
        let now = clock::now();
        let other = held("m_2", 99, "tab");
        peers.own(&PeerId::from("v0-99"), other.clone());
        peers.let_go(connection_of(&other), now);
        let mut ended = Vec::new();
        for n in 0..=limits::PEERS_ALONE_MAX {
            let owner = held("m_1", n as u32, &format!("tab {n}"));
            peers.own(&PeerId::from(format!("v0-{n}")), owner.clone());
            let at = now + std::time::Duration::from_millis(n as u64);
            ended.extend(peers.let_go(connection_of(&owner), at));
        }
        assert_eq!(ended, [PeerId::from("v0-0")], "the oldest of this member");
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
