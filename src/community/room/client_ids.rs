//! Which wishes were heard before: the newest client ids of a room with their first results. Older
//! ones are the store's unique index to find (see [`crate::Room::known`]).

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
};

use protocol::{ClientId, MemberId, Seq};

use crate::fault::{self, Fault};

/// Client ids kept in memory. A retry comes within seconds; 10,000 is minutes of a very busy room.
const KEPT: usize = 10_000;

/// The first result of a client id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct First {
    pub(super) seq: Seq,
    pub(super) at_ms: u64,
}

#[derive(Debug)]
struct Heard {
    digest: Digest,
    member: MemberId,
    client_id: ClientId,
    first: First,
}

/// Of a member and a client id, keyed by this process's own secret, so that nobody can make two alike on purpose.
type Digest = u64;

/// The table holds digests alone. As a map by the ids themselves it hashed each anew whenever it grew, 1.2 ms at 7,000,
/// and rooms that are equally busy grow together: 64 of them held their shard for 80 ms.
#[derive(Debug, Default)]
pub(super) struct ClientIds {
    /// Oldest first.
    heard: VecDeque<Heard>,
    /// How many were forgotten: the place of the oldest one that is kept.
    forgotten: u64,
    /// Where the newest of each digest is, counted from the first that was ever heard. Looked up only: its order,
    /// which is another in each run, decides nothing.
    places: HashMap<Digest, u64, BuildHasherDefault<AsItIs>>,
    secret: RandomState,
}

impl ClientIds {
    /// Of two that have one digest, which is as likely as one in 2⁶⁴, the older is not found: the store finds it.
    pub(super) fn get(&self, member: &MemberId, client_id: &ClientId) -> Option<First> {
        let place = self
            .places
            .get(&self.secret.hash_one((member, client_id)))?;
        let heard = self.heard.get((place - self.forgotten) as usize)?;
        let same = heard.member == *member && heard.client_id == *client_id;
        same.then_some(heard.first)
    }

    /// `pending` is how many of them wait for their commit: those are never forgotten.
    pub(super) fn insert(
        &mut self,
        member: MemberId,
        client_id: ClientId,
        first: First,
        pending: usize,
    ) {
        if fault::is(Fault::ClientIdForgotten) {
            return;
        }
        let digest = self.secret.hash_one((&member, &client_id));
        let place = self.forgotten + self.heard.len() as u64;
        self.places.insert(digest, place);
        self.heard.push_back(Heard {
            digest,
            member,
            client_id,
            first,
        });
        while self.heard.len() > KEPT + pending {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.heard.pop_front() else {
            return;
        };
        if let Entry::Occupied(of) = self.places.entry(oldest.digest)
            && *of.get() == self.forgotten
        {
            of.remove();
        }
        self.forgotten += 1;
    }
}

/// A digest is as good as its hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a digest is one number")
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ids: &mut ClientIds, n: usize, pending: usize) {
        let first = First {
            seq: n as u64 + 1,
            at_ms: 0,
        };
        ids.insert("m_1".into(), n.to_string().into(), first, pending);
    }

    fn seq_of(ids: &ClientIds, n: usize) -> Option<Seq> {
        let found = ids.get(&"m_1".into(), &n.to_string().into());
        found.map(|it| it.seq)
    }

    #[test]
    fn the_newest_are_found_and_older_ones_are_not() {
        let mut ids = ClientIds::default();
        for n in 0..3 * KEPT {
            heard(&mut ids, n, 0);
        }
        for n in 0..3 * KEPT {
            let kept = n >= 2 * KEPT;
            assert_eq!(seq_of(&ids, n), kept.then_some(n as u64 + 1), "{n}");
        }
        assert_eq!(
            ids.get(&"m_2".into(), &(3 * KEPT - 1).to_string().into()),
            None
        );
        assert_eq!((ids.heard.len(), ids.places.len()), (KEPT, KEPT));
    }

    #[test]
    fn who_waits_for_a_commit_is_not_forgotten() {
        let mut ids = ClientIds::default();
        for n in 0..2 * KEPT {
            heard(&mut ids, n, n + 1);
        }
        assert_eq!(seq_of(&ids, 0), Some(1));
    }

    #[test]
    fn what_is_said_anew_stays_when_its_older_place_goes() {
        let mut ids = ClientIds::default();
        heard(&mut ids, 0, 0);
        for n in 1..KEPT {
            heard(&mut ids, n, 0);
        }
        heard(&mut ids, 0, 0);
        assert_eq!((ids.heard.len(), ids.places.len()), (KEPT, KEPT));
        assert_eq!(seq_of(&ids, 0), Some(1));
        assert_eq!(seq_of(&ids, 1), Some(2));
    }
}
