//! The writer: one thread that owns a [`Log`] and stores what is handed to it, in order.
//!
//! Group commit is self-clocked: what arrives during an fsync is the next commit, up to
//! [`limits::COMMIT_RECORDS_MAX`] records; a lone append never waits for a timer. Where several came
//! together, more will, and the next commit begins no sooner than a few times what this one took after
//! it began: half as many commits take a core half as long. The queue is bounded and a full one answers
//! at once. After a failed commit nothing is assumed: every append is refused until the storage has
//! proved by a synced write that it takes writes again, tried with a growing pause. It keeps no order
//! between rooms, but the order of one caller's appends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use protocol::{RoomNumber, limits};
use tokio::sync::oneshot;

use crate::{
    completions::CompletionQueue,
    log::{Append, AppendError, Housekeeping, Loaded, Log, LogError, Page, PageOf},
};

/// Appends and row changes that wait; beyond this the answer is [`AppendError::Full`]. Sixty-four
/// busy rooms with 64 appends each fit twice.
pub const WRITES_WAITING_MAX: usize = 8_192;
/// How many times as long as a commit of several appends took passes from its beginning to that of the next one. A thousand
/// rooms with five messages a second each on one core: a dozen records a commit instead of 4, and a core that keeps up.
const APART_TIMES: u32 = 4;
/// The longest time between the two that is waited for: a commit that took so long is followed by the next at once, for
/// what came meanwhile has waited enough. 25,000 messages a second are acknowledged within 20 to 21 ms (p99) so, and within
/// 25 where a rest is counted from the end.
const APART_MAX: Duration = Duration::from_millis(4);
/// With so much at hand (records and rows) nothing is gained by a rest.
const GATHERED: usize = limits::COMMIT_RECORDS_MAX / 4;
/// Silence after which the log does its housekeeping.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// The housekeeping is not put off longer than this, so that an erased body does not linger. A log that is
/// written over leaves it at that for some times.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(30);
/// First and longest pause between two attempts to heal. Space that returns is used within 5 s.
const HEAL_AFTER_MIN: Duration = Duration::from_millis(100);
const HEAL_AFTER_MAX: Duration = Duration::from_secs(2);

/// How the writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Appends are stored.
    Well,
    /// The last commit failed: everything is refused until the storage has healed.
    Broken,
    /// It was closed.
    Closed,
}

/// Starts writers.
pub struct Writer;

impl Writer {
    /// Starts the thread. It ends after [`WriterHandle::close`], or when every handle is gone, and
    /// in both cases after it has stored what was waiting.
    pub fn spawn(log: Box<dyn Log>) -> std::io::Result<(WriterHandle, JoinHandle<()>)> {
        let (jobs, inbox) = sync_channel(WRITES_WAITING_MAX);
        let health = Arc::new(AtomicU8::new(WELL));
        let busy_us = Arc::new(AtomicU64::new(0));
        let run = Run {
            log,
            inbox,
            health: Arc::clone(&health),
            busy_us: Arc::clone(&busy_us),
            // A process that was killed may have left a write-ahead log.
            is_dirty: true,
            keep_by: clock::now() + HOUSEKEEPING_EVERY,
            rests_until: clock::now(),
        };
        metrics::gauge!("weiquan_store_writer_well").set(1.0);
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run.run())?;
        let handle = WriterHandle {
            jobs,
            health,
            busy_us,
        };
        Ok((handle, thread))
    }
}

/// Hands work to the writer. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    jobs: SyncSender<Job>,
    health: Arc<AtomicU8>,
    busy_us: Arc<AtomicU64>,
}

impl WriterHandle {
    /// Queues an append without waiting. The answer comes when it is on disk.
    pub fn append(&self, append: Append) -> Commit {
        self.append_for(append, None)
    }

    /// The same for one of many who append on one thread: their answers come together, through its queue.
    pub fn append_through(&self, queue: &CompletionQueue, append: Append) -> Commit {
        self.append_for(append, Some(queue.clone()))
    }

    fn append_for(&self, append: Append, queue: Option<CompletionQueue>) -> Commit {
        let (done, commit) = oneshot::channel();
        match self
            .jobs
            .try_send(Job::Append(append, Waiting { done, queue }))
        {
            Ok(()) => {}
            Err(TrySendError::Full(Job::Append(_, waiting))) => {
                waiting.refuse(AppendError::Full, "full");
            }
            // The sender inside is dropped, which `Commit` reads as unavailable.
            Err(_) => {}
        }
        Commit(commit)
    }

    /// Runs a piece of work on the log, in its turn. `None` where it did not run: the queue is
    /// full, the storage is broken, or the writer is closed.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Log) -> Worked<T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::new(move |log| match work(log) {
            Worked::Well(value) => {
                let _ = done.send(value);
                true
            }
            Worked::Broken(value) => {
                let _ = done.send(value);
                false
            }
        });
        self.jobs.try_send(Job::Work(work)).ok()?;
        result.await.ok()
    }

    /// Loads a room on the writer's thread, behind what waits there: for a log without readers. A
    /// server's rooms use [`crate::Store::load`].
    pub async fn load(&self, room: RoomNumber) -> Result<Loaded, LogError> {
        let loaded = self.run(move |log| Worked::Well(log.load(room))).await;
        loaded.unwrap_or(Err(LogError::Busy))
    }

    /// Reads a page on the writer's thread, as [`WriterHandle::load`] does.
    pub async fn page(&self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        let page = self
            .run(move |log| Worked::Well(log.page(room, of, n)))
            .await;
        page.unwrap_or(Err(LogError::Busy))
    }

    /// How long commits took in all, since the start: what grows as fast as the clock is a writer that does
    /// nothing else.
    pub fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(Ordering::Relaxed))
    }

    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            WELL => Health::Well,
            BROKEN => Health::Broken,
            _ => Health::Closed,
        }
    }

    /// Stores what waits and ends the thread. Blocks until there is room in the queue.
    pub(crate) fn close(&self) {
        // An error means that the thread has ended already.
        let _ = self.jobs.send(Job::Close);
    }
}

/// What a piece of work says of the storage.
pub enum Worked<T> {
    Well(T),
    /// The storage failed under it: the writer heals before it goes on.
    Broken(T),
}

/// The answer to an append: a future that any runtime can await.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<(), AppendError>>);

impl Future for Commit {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|it| it.unwrap_or(Err(AppendError::Unavailable)))
    }
}

impl Commit {
    /// Waits on this thread. Not for use inside a runtime.
    pub fn wait(self) -> Result<(), AppendError> {
        self.0
            .blocking_recv()
            .unwrap_or(Err(AppendError::Unavailable))
    }
}

const WELL: u8 = 0;
const BROKEN: u8 = 1;
const CLOSED: u8 = 2;

/// Who waits for an append.
struct Waiting {
    done: oneshot::Sender<Result<(), AppendError>>,
    queue: Option<CompletionQueue>,
}

impl Waiting {
    fn refuse(self, error: AppendError, why: &'static str) {
        metrics::counter!("weiquan_store_writes_refused_total", "why" => why).increment(1);
        // An error means that nobody waits any more.
        let _ = self.done.send(Err(error));
    }
}

type Work = Box<dyn FnOnce(&mut dyn Log) -> bool + Send>;

enum Job {
    Append(Append, Waiting),
    Work(Work),
    /// The storage is gone, as the housekeeping found.
    Heal,
    Close,
}

struct Run {
    log: Box<dyn Log>,
    inbox: Receiver<Job>,
    health: Arc<AtomicU8>,
    busy_us: Arc<AtomicU64>,
    /// Something was written since the last housekeeping. The next one is due then, however much waits.
    is_dirty: bool,
    keep_by: Instant,
    /// No commit begins earlier, unless much waits.
    rests_until: Instant,
}

/// Appends of one commit, and who waits for each.
#[derive(Default)]
struct Gathered {
    batch: Vec<Append>,
    waiting: Vec<Waiting>,
    records: usize,
    /// Records and rows: rows alone cost as much as records do.
    weight: usize,
    /// The job that ended the gathering, which is no append.
    held: Option<Job>,
}

impl Gathered {
    fn add(&mut self, append: Append, waiting: Waiting) {
        self.records += append.records.len();
        self.weight += append.records.len() + append.rows.len();
        self.batch.push(append);
        self.waiting.push(waiting);
    }

    /// Takes what waits, up to a whole commit or to the first job that is no append.
    fn take(&mut self, inbox: &Receiver<Job>) {
        while self.weight < limits::COMMIT_RECORDS_MAX && self.held.is_none() {
            match inbox.try_recv() {
                Ok(Job::Append(append, waiting)) => self.add(append, waiting),
                Ok(job) => self.held = Some(job),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }
}

/// Says that the writer is gone, however its thread ends.
struct CloseOnDrop(Arc<AtomicU8>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.store(CLOSED, Ordering::Release);
    }
}

impl Run {
    fn run(mut self) {
        let _closed = CloseOnDrop(Arc::clone(&self.health));
        // The job that ended a batch and has not been done.
        let mut held = None;
        loop {
            if self.health.load(Ordering::Acquire) == BROKEN && !self.heal(held.take()) {
                return;
            }
            match held.take().or_else(|| self.next()) {
                Some(Job::Append(append, waiting)) => held = self.commit(append, waiting),
                Some(Job::Work(work)) => self.work(work),
                Some(Job::Heal) => self.health.store(BROKEN, Ordering::Release),
                Some(Job::Close) | None => {
                    self.log.idle();
                    return;
                }
            }
        }
    }

    /// The next job; housekeeping happens in here. `None` when every handle is gone.
    fn next(&mut self) -> Option<Job> {
        while self.is_dirty {
            let is_overdue = clock::now() >= self.keep_by;
            if !is_overdue {
                match self.inbox.recv_timeout(IDLE_AFTER) {
                    Ok(job) => return Some(job),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
            let log = &mut *self.log;
            let kept = guarded(|| match is_overdue {
                true => log.overdue(),
                false => log.idle(),
            });
            let kept = kept.unwrap_or(Housekeeping::Broken);
            self.is_dirty = matches!(kept, Housekeeping::Again | Housekeeping::Soon);
            self.keep_by = clock::now()
                + match kept {
                    Housekeeping::Soon => IDLE_AFTER,
                    _ => HOUSEKEEPING_EVERY,
                };
            if kept == Housekeeping::Broken {
                return Some(Job::Heal);
            }
        }
        self.inbox.recv().ok()
    }

    /// Commits this append and what else waits; hands back the first job that is not an append.
    fn commit(&mut self, first: Append, waiting: Waiting) -> Option<Job> {
        let mut gathered = Gathered::default();
        gathered.add(first, waiting);
        gathered.take(&self.inbox);
        let rest = self.rests_until.saturating_duration_since(clock::now());
        if gathered.weight < GATHERED && gathered.held.is_none() && !rest.is_zero() {
            thread::sleep(rest);
            gathered.take(&self.inbox);
        }
        self.soil();
        let started = clock::now();
        let stored = guarded(|| self.log.append(&gathered.batch));
        let ended = clock::now();
        let took_us = u64::try_from((ended - started).as_micros()).unwrap_or(0);
        self.busy_us.fetch_add(took_us, Ordering::Relaxed);
        metrics::histogram!("weiquan_store_commit_seconds").record(ended - started);
        metrics::histogram!("weiquan_store_commit_records").record(gathered.records as f64);
        self.rests_until = ended + rest_after(gathered.batch.len(), ended - started);
        let Gathered {
            batch,
            waiting,
            held,
            ..
        } = gathered;
        let Some(parts) = stored.and_then(logged) else {
            self.health.store(BROKEN, Ordering::Release);
            for it in waiting {
                it.refuse(AppendError::Unavailable, "unavailable");
            }
            return held;
        };
        assert_eq!(parts.len(), waiting.len(), "a log answers for each append");
        // One for each thread that rooms live on.
        let mut queues: Vec<CompletionQueue> = Vec::new();
        for ((Waiting { done, queue }, part), append) in waiting.into_iter().zip(parts).zip(&batch)
        {
            report(append.room, &part);
            match queue {
                // An error means that nobody waits any more: a room that was thrown away.
                None => drop(done.send(part)),
                Some(queue) => {
                    queue.push(done, part);
                    if !queues.iter().any(|it| it.is(&queue)) {
                        queues.push(queue);
                    }
                }
            }
        }
        queues.iter().for_each(CompletionQueue::notify);
        held
    }

    fn work(&mut self, work: Work) {
        self.soil();
        let log = &mut *self.log;
        let went_well = guarded(|| {
            let well = work(log);
            if well {
                log.worked();
            }
            well
        });
        if went_well != Some(true) {
            self.health.store(BROKEN, Ordering::Release);
        }
    }

    fn soil(&mut self) {
        if !self.is_dirty {
            self.is_dirty = true;
            self.keep_by = clock::now() + HOUSEKEEPING_EVERY;
        }
    }

    /// Refuses everything until the storage is well again; false when it was closed before that.
    fn heal(&mut self, held: Option<Job>) -> bool {
        metrics::gauge!("weiquan_store_writer_well").set(0.0);
        let mut pause = HEAL_AFTER_MIN;
        let mut next_try = clock::now() + pause;
        let mut job = held;
        loop {
            match job.take() {
                Some(Job::Append(_, it)) => it.refuse(AppendError::Unavailable, "unavailable"),
                // Dropping the work drops its sender: the caller hears that it did not run.
                Some(Job::Work(_) | Job::Heal) | None => {}
                Some(Job::Close) => return false,
            }
            match self
                .inbox
                .recv_timeout(next_try.saturating_duration_since(clock::now()))
            {
                Ok(it) => job = Some(it),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    if guarded(|| self.log.heal()).and_then(logged).is_some() {
                        tracing::info!("the storage takes writes again");
                        metrics::gauge!("weiquan_store_writer_well").set(1.0);
                        self.health.store(WELL, Ordering::Release);
                        self.soil();
                        return true;
                    }
                    pause = jittered((pause * 2).min(HEAL_AFTER_MAX));
                    next_try = clock::now() + pause;
                }
            }
        }
    }
}

/// Up to a quarter less, by chance: many servers of one database do not come back all at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut lot = [0];
    // Without a lot it is the whole pause.
    let _ = aws_lc_rs::rand::fill(&mut lot);
    pause - pause * u32::from(lot[0]) / (4 * 255)
}

/// How long the writer rests after a commit of so many appends that took so long.
fn rest_after(appends: usize, took: Duration) -> Duration {
    match appends {
        0 | 1 => Duration::ZERO,
        _ => APART_MAX.min(took * APART_TIMES).saturating_sub(took),
    }
}

/// A part that was left out is counted; where that is a bug of the caller, it is said.
fn report(room: RoomNumber, part: &Result<(), AppendError>) {
    let why = match part {
        Ok(()) => return,
        Err(AppendError::Conflict(_)) => "conflict",
        Err(error) => {
            tracing::error!(room, %error, "an append cannot be stored");
            "invalid"
        }
    };
    metrics::counter!("weiquan_store_writes_refused_total", "why" => why).increment(1);
}

/// Keeps the writer alive over a bug in the log; what it was doing counts as failed.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work))
        .inspect_err(|panic| {
            let words = panic
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
                .unwrap_or("a panic without words");
            tracing::error!(panic = words, "the log panicked");
        })
        .ok()
}

fn logged<T>(result: Result<T, LogError>) -> Option<T> {
    result
        .inspect_err(|error| {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "the storage failed");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_lone_append_is_followed_by_no_rest() {
        assert_eq!(rest_after(1, 10 * MS), Duration::ZERO);
    }

    #[test]
    fn a_rest_is_as_long_as_the_commit_was_dear_and_no_longer_than_it_may_be() {
        assert_eq!(rest_after(2, MS / 2), 3 * MS / 2);
        assert_eq!(rest_after(2, 3 * MS), MS);
    }

    #[test]
    fn nothing_waits_for_more_after_a_commit_that_took_long() {
        assert_eq!(rest_after(200, APART_MAX), Duration::ZERO);
        assert_eq!(rest_after(200, 30 * MS), Duration::ZERO);
    }
}
