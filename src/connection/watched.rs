//! What a connection says of how it watched: who may say it, and how often.

use std::{cell::RefCell, collections::BTreeMap, time::Instant};

use protocol::{PeerId, RoomNumber, Watched, client::PeerRole, limits};

use super::device::Device;

/// Where this connection watches: in a room by this peer, the newest. Here until the peer's end was
/// spoken of, because a viewer's last word comes when a broadcast is over.
#[derive(Default)]
pub(super) struct Views(BTreeMap<RoomNumber, PeerId>);

impl Views {
    /// A peer of this connection was answered, or goes on with it.
    pub(super) fn note(views: &RefCell<Self>, room: RoomNumber, role: PeerRole, peer: &PeerId) {
        if role == PeerRole::View {
            views.borrow_mut().began(room, peer.clone());
        }
    }

    fn began(&mut self, room: RoomNumber, peer: PeerId) {
        if self.0.len() >= limits::ROOMS_PER_CONNECTION_MAX && !self.0.contains_key(&room) {
            self.0.pop_first();
        }
        self.0.insert(room, peer);
    }

    /// Whether it may say how it watched there. After the end of its peer it may once more.
    fn may_tell(&mut self, room: RoomNumber, is_there: impl FnOnce(&PeerId) -> bool) -> bool {
        let Some(peer) = self.0.get(&room) else {
            return false;
        };
        if !is_there(peer) {
            self.0.remove(&room);
        }
        true
    }
}

/// When it said so last: what comes sooner is dropped, as hearts are.
#[derive(Default)]
pub(super) struct Words(Option<Instant>);

impl Words {
    fn allow(&mut self, now: Instant) -> bool {
        let long_ago = |at: Instant| now.saturating_duration_since(at) >= limits::WATCHED_EVERY;
        let allowed = self.0.is_none_or(long_ago);
        if allowed {
            self.0 = Some(now);
        }
        allowed
    }
}

impl Device {
    pub(super) fn watched(&mut self, a: RoomNumber, how: &Watched) {
        if let Err(refusal) = how.check() {
            left_out("unfit");
            // Nobody waits for it, but a person at a console sees why.
            return self.refuse(0, refusal);
        }
        let Some(room) = self.room(a) else {
            return left_out("not_watching");
        };
        let Some(known) = &mut self.known else { return };
        let peers = &self.shared.directory.stage().peers;
        let is_there = |peer: &PeerId| {
            let owner = peers.get(peer);
            owner.is_some_and(|it| it.ending.is_none() && it.connection() == Some(self.link.id()))
        };
        if !self.views.borrow_mut().may_tell(a, is_there) {
            return left_out("not_watching");
        }
        let now = clock::now();
        if !known.words.allow(now) {
            return left_out("too_often");
        }
        if !self.shared.watched.hear(&room.slug, how, now) {
            left_out("rooms");
        }
    }
}

fn left_out(why: &'static str) {
    metrics::counter!("weiquan_watched_left_out_total", "why" => why).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b18_who_watches_there_may_tell_and_once_more_after_the_end() {
        let mut views = Views::default();
        let there = |_: &PeerId| true;
        let over = |_: &PeerId| false;
        assert!(!views.may_tell(7, there), "it has no peer in that room");
        views.began(7, "v0-1".into());
        assert!(views.may_tell(7, there));
        assert!(!views.may_tell(8, there));
        assert!(views.may_tell(7, over), "its last word");
        assert!(!views.may_tell(7, over));
        views.began(7, "v0-2".into());
        assert!(views.may_tell(7, |it| it.as_str() == "v0-2"));
    }

    #[test]
    fn b18_the_rooms_that_are_noted_are_bounded() {
        let mut views = Views::default();
        for room in 0..1_000 {
            views.began(room, "v0-1".into());
            views.began(room, "v0-2".into());
        }
        assert_eq!(views.0.len(), limits::ROOMS_PER_CONNECTION_MAX);
        assert!(views.may_tell(999, |_| true));
    }

    #[test]
    fn b18_one_word_in_ten_seconds_is_taken() {
        let mut words = Words::default();
        let start = clock::now();
        let taken = (0..100).filter(|s| words.allow(start + std::time::Duration::from_secs(*s)));
        assert_eq!(taken.count(), 10);
    }
}
