//! Which wishes were heard before: the newest client ids of a room with their first results. Older
//! ones are the store's unique index to find (see [`crate::Room::known`]).

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
};

use protocol::{ClientId, MemberId, Seq};

use crate::fault::{self, Fault};

/// Client ids kept in memory. A retry comes within seconds; 7,000 is minutes of a very busy room.
///
/// Just below a power of two, which is what the queue takes, and below half of what the table takes, so that a full one
/// is done growing. A queue that takes 16,384 places for 10,000 goes through memory that it has not touched yet, 80 bytes
/// a message (9 MiB an hour of 50 small rooms), and a table that is over half full doubles for places that were given up.
const KEPT: usize = 7_000;

/// The first result of a client id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct First {
    pub(super) seq: Seq,
    pub(super) at_ms: u64,
}

#[derive(Debug)]
struct Heard {
    hash: IdHash,
    member: MemberId,
    client_id: ClientId,
    first: First,
}

/// Of a member and a client id, keyed by this process's own secret, so that nobody can make two alike on purpose.
type IdHash = u64;

/// The table holds hashes and places alone, so it grows by moving 16 bytes an id. A map by the ids themselves hashes each
/// anew then, 1.2 ms at 7,000, and rooms that are equally busy grow together: 64 of them hold their shard for 80 ms.
#[derive(Debug, Default)]
pub(super) struct ClientIds {
    /// Oldest first.
    heard: VecDeque<Heard>,
    /// How many were forgotten: the place of the oldest one that is kept.
    forgotten: u64,
    /// Where the newest of each hash is, counted from the first that was ever heard. Looked up only: its order,
    /// which is another in each run, decides nothing.
    places: HashMap<IdHash, u64, BuildHasherDefault<AsItIs>>,
    secret: RandomState,
}

impl ClientIds {
    /// Of two that have one hash, which is as likely as one in 2⁶⁴, the older is not found: the store finds it.
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
        let hash = self.secret.hash_one((&member, &client_id));
        let place = self.forgotten + self.heard.len() as u64;
        self.places.insert(hash, place);
        self.heard.push_back(Heard {
            hash,
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
        if let Entry::Occupied(of) = self.places.entry(oldest.hash)
            && *of.get() == self.forgotten
        {
            of.remove();
        }
        self.forgotten += 1;
    }
}

/// What is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is one number")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
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
    fn a_full_one_takes_no_more_memory_however_much_is_heard() {
        let mut ids = ClientIds::default();
        let mut taken = [0, 0];
        for n in 0..12 * KEPT {
            heard(&mut ids, n, n % 100);
            let takes = [ids.heard.capacity(), ids.places.capacity()];
            if n < 2 * KEPT {
                taken = takes;
            }
            // The table's free places come and go; what it takes doubles or stays.
            assert!(takes[0] <= taken[0] || n < 2 * KEPT, "{n}: {takes:?}");
            assert!(
                takes[1] < taken[1] * 3 / 2 || n < 2 * KEPT,
                "{n}: {takes:?}"
            );
        }
        assert!(taken[0] < KEPT * 5 / 4, "{taken:?} for {KEPT}");
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
    fn another_id_of_the_same_hash_is_not_taken_for_it() {
        let mut ids = ClientIds::default();
        heard(&mut ids, 0, 0);
        heard(&mut ids, 1, 0);
        // As if the two had one hash, which no test could wait for.
        ids.places.insert(ids.heard[1].hash, 0);
        assert_eq!((seq_of(&ids, 0), seq_of(&ids, 1)), (Some(1), None));
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
