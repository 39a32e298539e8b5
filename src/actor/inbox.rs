//! A room's inbox: two bounded queues, so that a flood of talk delays nobody who keeps order.
//!
//! *First* holds what runs the room and whatever the host and staff say (the lanes *control* and
//! *host*); *rest* holds everybody else's messages and questions (*normal*) and their hearts (*low*).
//! A batch takes the first queue first, and always keeps a share for the rest, so that neither starves
//! the other. People who do not run the room may use the first queue while at least half of it is free
//! (to come and to go), so that no crowd can fill it.
//!
//! What one connection wishes of a room is done in the order in which it was said: as long as anything
//! of it waits in the rest, everything of it goes there.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use protocol::limits;
use tokio::sync::mpsc;

use super::room_task::Wish;

/// Wishes of one batch: enough to fill a group commit, few enough not to hold the shard.
const BATCH_WISHES_MAX: usize = 256;
/// Of those, what the first queue may take while something waits in the rest: three quarters.
const BATCH_FIRST_MAX: usize = BATCH_WISHES_MAX / 4 * 3;

/// Which way a wish comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// What the server itself must tell the room: reports of media, changes of rights. It may wait for
    /// a place, and there are few of it.
    Control,
    /// Whatever somebody who runs the room says or does.
    Host,
    /// Comings and goings of everybody else.
    Passage,
    /// What everybody else says and does.
    Normal,
    /// Questions whose answer hangs on nothing that was said before: their order is nobody's.
    Aside,
    /// Hearts: dropped first.
    Low,
}

/// Why a wish did not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    Full,
    /// The server is going down.
    Closed,
}

/// How many wishes of one connection wait behind others.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicU32>);

/// A wish in the inbox.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) wish: Wish,
    /// Dropped as the wish is begun.
    waits: Option<Waits>,
}

/// One wish more of a connection that waits in the rest.
#[derive(Debug)]
struct Waits(Arc<AtomicU32>);

impl Waits {
    fn new(waiting: &Arc<AtomicU32>) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The way in. One made by [`Inlet::own`] keeps the order of one connection.
#[derive(Clone, Debug)]
pub(super) struct Inlet {
    first: mpsc::Sender<Posted>,
    rest: mpsc::Sender<Posted>,
    /// Wishes of this connection that wait in the rest; none for those who have no order to keep.
    waiting: Option<Arc<AtomicU32>>,
}

/// The room's end.
pub(super) struct Inbox {
    first: mpsc::Receiver<Posted>,
    rest: mpsc::Receiver<Posted>,
}

pub(super) fn inbox() -> (Inlet, Inbox) {
    let (to_first, first) = mpsc::channel(limits::ROOM_INBOX_FIRST_MAX);
    let (to_rest, rest) = mpsc::channel(limits::ROOM_INBOX_MAX);
    let inlet = Inlet {
        first: to_first,
        rest: to_rest,
        waiting: None,
    };
    (inlet, Inbox { first, rest })
}

impl Inlet {
    /// The room has ended: nothing gets in any more.
    pub(super) fn is_closed(&self) -> bool {
        self.first.is_closed()
    }

    /// The same inbox for one connection, whose wishes keep their order. `waiting` is the connection's,
    /// for all its rooms: a room that it left and joins again must not hear of it in the wrong order.
    pub(super) fn own(&self, waiting: &Waiting) -> Self {
        Self {
            waiting: Some(waiting.0.clone()),
            ..self.clone()
        }
    }

    /// Puts a wish in, or says at once why not.
    pub(super) fn put(&self, lane: Lane, wish: Wish) -> Result<(), Shut> {
        let (queue, posted) = self.post(lane, wish);
        if lane == Lane::Low && queue.capacity() < limits::ROOM_INBOX_MAX / 2 {
            return Err(Shut::Full);
        }
        queue.try_send(posted).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Shut::Full,
            mpsc::error::TrySendError::Closed(_) => Shut::Closed,
        })
    }

    /// Waits for a place: for what must not be refused.
    pub(super) async fn put_surely(&self, lane: Lane, wish: Wish) {
        let (queue, posted) = self.post(lane, wish);
        // A closed inbox means that the server is going; nothing is owed to it then.
        let _ = queue.send(posted).await;
    }

    fn post(&self, lane: Lane, wish: Wish) -> (&mpsc::Sender<Posted>, Posted) {
        let is_behind = self
            .waiting
            .as_ref()
            .is_some_and(|it| it.load(Ordering::Acquire) > 0);
        let is_first = match lane {
            Lane::Control => true,
            Lane::Host => !is_behind,
            // Whoever waits for a place must not stand before those who run the room.
            Lane::Passage => !is_behind && self.first.capacity() > limits::ROOM_INBOX_FIRST_MAX / 2,
            Lane::Normal | Lane::Aside | Lane::Low => false,
        };
        if is_first {
            return (&self.first, Posted { wish, waits: None });
        }
        let counted = self.waiting.as_ref().filter(|_| lane != Lane::Aside);
        let waits = counted.map(Waits::new);
        (&self.rest, Posted { wish, waits })
    }
}

impl Posted {
    /// The wish, whose turn it is now.
    pub(super) fn begin(mut self) -> Wish {
        self.waits = None;
        self.wish
    }
}

impl Inbox {
    /// Waits until something is there and takes a batch of it. False once the inbox is closed and
    /// empty. May be given up at any moment: nothing is lost by it.
    pub(super) async fn take(&mut self, batch: &mut Vec<Posted>) -> bool {
        self.take_what_is_there(batch);
        if !batch.is_empty() {
            return true;
        }
        let posted = tokio::select! {
            Some(it) = self.first.recv() => it,
            Some(it) = self.rest.recv() => it,
            else => return false,
        };
        // It opens the batch; what else came meanwhile is in the next one.
        batch.push(posted);
        true
    }

    /// Everything that nobody will take any more.
    pub(super) fn left(&mut self) -> impl Iterator<Item = Posted> {
        self.first.close();
        self.rest.close();
        std::iter::from_fn(|| self.first.try_recv().or_else(|_| self.rest.try_recv()).ok())
    }

    /// Handles that something can still be wished through.
    pub(super) fn handles(&self) -> usize {
        self.first.sender_strong_count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    fn take_what_is_there(&mut self, batch: &mut Vec<Posted>) {
        let share = if self.rest.is_empty() {
            BATCH_WISHES_MAX
        } else {
            BATCH_FIRST_MAX
        };
        fill(&mut self.first, batch, share);
        fill(&mut self.rest, batch, BATCH_WISHES_MAX);
    }
}

fn fill(queue: &mut mpsc::Receiver<Posted>, batch: &mut Vec<Posted>, upto: usize) {
    while batch.len() < upto
        && let Ok(posted) = queue.try_recv()
    {
        batch.push(posted);
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
