//! The completion queue of one thread: what became of the appends that its rooms asked for.
//!
//! A commit answers many appends at once. Given to each room by itself, every answer may wake the thread that the
//! rooms live on, which on one core takes that core from the writer; here they lie together, and it is woken once
//! a commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::log::AppendError;

type Outcome = Result<(), AppendError>;

/// The queue of one thread. Cheap to clone; see [`crate::Store::append_through`].
#[derive(Clone, Default)]
pub struct CompletionQueue(Arc<Queue>);

#[derive(Default)]
struct Queue {
    done: Mutex<Vec<(oneshot::Sender<Outcome>, Outcome)>>,
    filled: Notify,
}

impl CompletionQueue {
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives each outcome to whoever awaits it, on their thread, for as long as it is polled. One at a time for each
    /// queue.
    pub async fn run(self) {
        let mut taken = Vec::new();
        loop {
            self.0.filled.notified().await;
            std::mem::swap(&mut *self.lock(), &mut taken);
            for (done, outcome) in taken.drain(..) {
                // An error means that nobody waits any more.
                let _ = done.send(outcome);
            }
        }
    }

    /// Adds an outcome, of which nobody knows before [`Self::notify`].
    pub(crate) fn push(&self, done: oneshot::Sender<Outcome>, outcome: Outcome) {
        self.lock().push((done, outcome));
    }

    pub(crate) fn notify(&self) {
        self.0.filled.notify_one();
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, Vec<(oneshot::Sender<Outcome>, Outcome)>> {
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
