//! Which wishes were heard before: the newest client ids of a room with their first results. Older
//! ones are the store's unique index to find (see [`crate::Room::known`]).

use std::collections::{HashMap, VecDeque};

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

#[derive(Debug, Default)]
pub(super) struct ClientIds {
    /// Looked up only: its order, which is another in each run, decides nothing.
    first: HashMap<(MemberId, ClientId), First>,
    /// Oldest first.
    order: VecDeque<(MemberId, ClientId)>,
}

impl ClientIds {
    pub(super) fn get(&self, member: &MemberId, client_id: &ClientId) -> Option<First> {
        self.first
            .get(&(member.clone(), client_id.clone()))
            .copied()
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
        let key = (member, client_id);
        if self.first.insert(key.clone(), first).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > KEPT + pending {
            if let Some(oldest) = self.order.pop_front() {
                self.first.remove(&oldest);
            }
        }
    }
}
