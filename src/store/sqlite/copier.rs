//! Copies the write-ahead log into the file while the writer goes on.
//!
//! A checkpoint keeps the writer from its next commit for as long as it copies: 25 ms for a log of 64 MiB. This one
//! copies what is there (`PASSIVE`, <https://sqlite.org/c3ref/wal_checkpoint_v2.html>) on a connection and a thread
//! of its own and keeps nobody from anything. What comes meanwhile is left to the writer, and is little.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;

use super::open::open_copier;
use crate::store::OpenError;

/// The thread. It ends when this is dropped, and its connection with it.
pub(super) struct Copier {
    asks: Option<SyncSender<()>>,
    copying: Arc<Copying>,
    thread: Option<JoinHandle<()>>,
}

/// Whether it copies, and who waits until it does not.
#[derive(Default)]
struct Copying(Mutex<bool>, Condvar);

impl Copying {
    fn set(&self, on: bool) {
        *self.is() = on;
        self.1.notify_all();
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn is(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It does not copy any more, however that ended.
struct Done<'a>(&'a Copying);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Copier {
    pub(super) fn start(folder: &Path) -> Result<Self, OpenError> {
        let db = open_copier(folder)?;
        let (asks, inbox) = sync_channel(1);
        let copying = Arc::new(Copying::default());
        let tells = copying.clone();
        let thread = thread::Builder::new()
            .name("store-copier".into())
            .spawn(move || {
                for () in inbox {
                    let _done = Done(&tells);
                    copy(&db);
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            asks: Some(asks),
            copying,
            thread: Some(thread),
        })
    }

    /// Has it copy what is there now; nothing more where it does already.
    pub(super) fn copy(&self) {
        let Some(asks) = &self.asks else { return };
        if self.is_copying() {
            return;
        }
        self.copying.set(true);
        // An error means that its thread has ended by a bug: the writer copies for itself.
        if asks.send(()).is_err() {
            self.copying.set(false);
        }
    }

    pub(super) fn is_copying(&self) -> bool {
        *self.copying.is()
    }

    /// Blocks until it does not copy, which is as long as a checkpoint takes.
    pub(super) fn wait(&self) {
        let is = self.copying.is();
        drop(self.copying.1.wait_while(is, |it| *it));
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn copy(db: &Connection) {
    let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = copied {
        // What was committed is in the write-ahead log; nothing is lost.
        tracing::warn!(%error, "the write-ahead log could not be copied beside the writer");
    }
}
