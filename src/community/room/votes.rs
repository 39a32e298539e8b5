//! The votes of one open poll: who picked what, and how many that makes of each option.
//!
//! A vote is a set of options as bits: it replaces the member's vote before, and an empty one takes it
//! back. Saying it again changes nothing, so that a retry after any doubt is safe.

use std::collections::BTreeMap;

use protocol::MemberId;

use crate::{
    fault::{self, Fault},
    member::Person,
    record::{Counted, Poll},
};

/// A poll that is open, with its votes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenPoll {
    pub(super) poll: Poll,
    pub(super) by: Person,
    pub(super) votes: Votes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Votes {
    picks: BTreeMap<MemberId, u16>,
    /// INVARIANT: what `picks` add up to.
    n: Vec<u32>,
}

impl Votes {
    pub(super) fn of(options: usize) -> Self {
        Self {
            picks: BTreeMap::new(),
            n: vec![0; options],
        }
    }

    pub(super) fn put(&mut self, member: &MemberId, picks: u16) {
        let before = if picks == 0 {
            self.picks.remove(member)
        } else {
            self.picks.insert(member.clone(), picks)
        };
        let before = before.filter(|_| !fault::is(Fault::VoteCountedTwice));
        for (option, n) in self.n.iter_mut().enumerate() {
            let has = |picks: u16| u32::from(picks >> option & 1);
            *n = *n + has(picks) - before.map_or(0, has);
        }
    }

    pub(super) fn voters(&self) -> usize {
        self.picks.len()
    }

    pub(super) fn has(&self, member: &MemberId) -> bool {
        self.picks.contains_key(member)
    }

    pub(super) fn counted(&self) -> Counted {
        Counted {
            n: self.n.clone(),
            voters: u32::try_from(self.picks.len()).unwrap_or(u32::MAX),
        }
    }

    /// The options that this member picked; empty where they did not vote.
    pub(super) fn picks(&self, member: &MemberId) -> Vec<u8> {
        let picks = self.picks.get(member).copied().unwrap_or_default();
        (0..16).filter(|it| picks >> it & 1 == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(votes: &[(&str, u16)]) -> Counted {
        let mut all = Votes::of(3);
        for (who, picks) in votes {
            all.put(&MemberId::from(*who), *picks);
        }
        all.counted()
    }

    fn counted(n: [u32; 3], voters: u32) -> Counted {
        Counted {
            n: n.to_vec(),
            voters,
        }
    }

    #[test]
    fn v3_voting_again_replaces_the_vote_before() {
        assert_eq!(after(&[("a", 0b001), ("b", 0b001)]), counted([2, 0, 0], 2));
        assert_eq!(after(&[("a", 0b001), ("a", 0b001)]), counted([1, 0, 0], 1));
        assert_eq!(after(&[("a", 0b001), ("a", 0b110)]), counted([0, 1, 1], 1));
    }

    #[test]
    fn v3_a_vote_without_picks_is_taken_back() {
        assert_eq!(after(&[("a", 0b101), ("a", 0)]), counted([0, 0, 0], 0));
        assert_eq!(after(&[("a", 0)]), counted([0, 0, 0], 0));
    }
}
