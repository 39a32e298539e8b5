//! What a commit tells: whoever waits for notices, and which rooms have more to be found.
//!
//! It is told on the writer's thread after the commit, by a lock that is held for a few instructions and
//! never over a wait, so that no commit waits for who listens.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use protocol::RoomNumber;
use tokio::sync::Notify;

use crate::log::{Append, AppendError, RowChange};

/// Whom a log tells of what it stored.
#[derive(Default)]
pub(crate) struct Told {
    /// Somebody may have to be told of something.
    pub(crate) stirred: Notify,
    /// A letter is asked for.
    pub(crate) letters: Notify,
    /// Rooms with new records since they were last taken: at most every room there is.
    grown: Mutex<BTreeSet<RoomNumber>>,
    grew: Notify,
}

impl Told {
    /// These appends were stored, or left out. `made` are rooms that they made.
    pub(crate) fn of(
        &self,
        batch: &[Append],
        results: &[Result<(), AppendError>],
        made: Vec<RoomNumber>,
    ) {
        if batch.iter().flat_map(|it| &it.rows).any(RowChange::stirs) {
            self.stirred.notify_one();
        }
        let stored = batch.iter().zip(results).filter(|it| it.1.is_ok());
        let mut rooms = stored
            .filter(|(it, _)| !it.records.is_empty())
            .map(|(it, _)| it.room)
            .chain(made)
            .peekable();
        if rooms.peek().is_some() {
            self.lock().extend(rooms);
            self.grew.notify_one();
        }
    }

    /// Rooms that have grown since the last call, once there are some; one caller at a time.
    pub(crate) async fn grown(&self) -> BTreeSet<RoomNumber> {
        loop {
            let rooms = std::mem::take(&mut *self.lock());
            if !rooms.is_empty() {
                return rooms;
            }
            self.grew.notified().await;
        }
    }

    /// Something else is to be looked at: a room that is named again.
    pub(crate) fn again(&self, room: RoomNumber) {
        self.lock().insert(room);
        self.grew.notify_one();
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<RoomNumber>> {
        self.grown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
