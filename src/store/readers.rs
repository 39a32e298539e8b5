//! The readers: a few threads, each with a connection of its own that cannot write.
//!
//! In WAL mode they neither wait for the writer nor make it wait. The queue is bounded; a full one
//! answers at once. They promise no order.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use crate::db::Db;

/// Reads that wait; beyond this the answer is "busy".
const READS_WAITING_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&Db) + Send>;

/// Hands reads to the threads, which end when this is dropped.
pub(crate) struct Readers {
    reads: SyncSender<Read>,
}

impl Readers {
    pub(crate) fn spawn(connections: Vec<Db>) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (reads, inbox) = sync_channel(READS_WAITING_MAX);
        let inbox = Arc::new(Mutex::new(inbox));
        let threads = connections
            .into_iter()
            .enumerate()
            .map(|(i, connection)| {
                let inbox = Arc::clone(&inbox);
                thread::Builder::new()
                    .name(format!("store-reader-{i}"))
                    .spawn(move || serve(&connection, &inbox))
            })
            .collect::<Result<_, _>>()?;
        Ok((Self { reads }, threads))
    }

    /// `None` where it did not run: too many reads wait, or the readers are gone.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // An error means that nobody waits any more.
            let _ = done.send(read(connection));
        });
        if self.reads.try_send(read).is_err() {
            metrics::counter!("weiquan_store_reads_refused_total").increment(1);
            return None;
        }
        result.await.ok()
    }
}

fn serve(connection: &Db, inbox: &Mutex<Receiver<Read>>) {
    loop {
        // One thread at a time waits for the next read, holding the lock; the others wait for the
        // lock. Nothing can panic in there, so a poisoned lock is as good as another.
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        // Dropping the read tells its caller that it did not run.
        if !connection.is_ready() {
            metrics::counter!("weiquan_store_reads_refused_total").increment(1);
            continue;
        }
        if catch_unwind(AssertUnwindSafe(|| read(connection))).is_err() {
            tracing::error!("a read panicked");
        }
    }
}
