//! Where the writer leaves its answers for one thread.
//!
//! A commit answers many appends at once. Given to each who waits, the first answer wakes their thread, which
//! takes the core from the writer where there are no more of them, deals with that one and sleeps again: a
//! hundred answers were a hundred such turns, half of what a commit cost at half load. At a desk they lie
//! together, and whoever hands them out there is woken once a commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::log::AppendError;

type Answer = Result<(), AppendError>;

/// A desk of one thread. Cheap to clone; every append that is made at it is answered there.
#[derive(Clone, Default)]
pub struct Desk(Arc<Tray>);

#[derive(Default)]
struct Tray {
    left: Mutex<Vec<(oneshot::Sender<Answer>, Answer)>>,
    filled: Notify,
}

impl Desk {
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands the answers out, on the thread of those who wait for them, for as long as it is polled. One at a
    /// time for each desk.
    pub async fn hand_out(self) {
        let mut taken = Vec::new();
        loop {
            self.0.filled.notified().await;
            std::mem::swap(&mut *self.lock(), &mut taken);
            for (done, answer) in taken.drain(..) {
                // An error means that nobody waits any more.
                let _ = done.send(answer);
            }
        }
    }

    /// Leaves an answer, of which nobody knows before [`Self::ring`].
    pub(crate) fn leave(&self, done: oneshot::Sender<Answer>, answer: Answer) {
        self.lock().push((done, answer));
    }

    pub(crate) fn ring(&self) {
        self.0.filled.notify_one();
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, Vec<(oneshot::Sender<Answer>, Answer)>> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
