//! The store as the server holds it: one folder, one writer, a few readers.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use protocol::{ClientId, MemberId, RoomNumber, Seq};
use tokio::sync::{Notify, oneshot};

use crate::{
    completions::CompletionQueue,
    db::{self, Db},
    erasing,
    log::{Append, AppendError, Entry, Known, Loaded, Log, LogError, Page, PageOf, Tally, VoteRow},
    postgres::{self, DatabaseError, DatabaseUrl, PostgresLog},
    readers::Readers,
    records::{read, tallies},
    rows::{RowError, erasures},
    sqlite::{self, SqliteLog},
    told::Told,
    writer::{Commit, Health, Worked, Writer, WriterHandle},
};

/// How the store is set up.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The PostgreSQL database; absent: a SQLite file in the data folder.
    pub url: Option<DatabaseUrl>,
    /// Threads that read, each with a connection.
    pub readers: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: None,
            readers: 2,
        }
    }
}

/// What one server has for itself.
#[derive(Clone, Debug)]
pub enum Place {
    Folder(PathBuf),
    Database(DatabaseUrl),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(out, "the data folder {}", path.display()),
            Self::Database(url) => write!(out, "the database {url}"),
        }
    }
}

/// Why the store did not open. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data folder {0} cannot be used: {1}; make it writable for this user")]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("another server has {0} open; stop it first, or give this one a place of its own")]
    InUse(Place),
    #[error(
        "{file} was written by a newer version (schema {found}, this one knows {known}); start the \
         newer version, or put back the copy that it made before it changed the file"
    )]
    Newer {
        file: PathBuf,
        found: u32,
        known: u32,
    },
    /// For who only reads, and so brings nothing up to date.
    #[error(
        "{place} was written by another version (schema {found}, this one knows {known}); use that version, \
         or start this one on it once"
    )]
    OfAnotherVersion {
        place: Place,
        found: u32,
        known: u32,
    },
    #[error("{0} is not a weiquan database: {1}")]
    Unreadable(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} could not be brought up to date and is as it was: {1}")]
    Migration(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("a thread of the store did not start: {0}")]
    Thread(#[source] std::io::Error),
}

/// Everything stored. Cheap to clone; any runtime may await its answers.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: WriterHandle,
    readers: Mutex<Option<Arc<Readers>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    told: Arc<Told>,
    erasing: erasing::Shared,
}

impl Store {
    /// Opens the folder, makes it where it is missing, and brings an older database up to date. Blocks
    /// for as long as that takes.
    pub fn open(folder: &Path, config: &StoreConfig) -> Result<Self, OpenError> {
        let told = Arc::new(Told::default());
        let opened = on_a_thread(|| open_all(folder, config, told.clone()))?;
        let (writer, thread) = Writer::spawn(opened.log).map_err(OpenError::Thread)?;
        let (readers, mut threads) = Readers::spawn(opened.readers).map_err(OpenError::Thread)?;
        threads.push(thread);
        Ok(Self(Arc::new(Inner {
            writer,
            readers: Mutex::new(Some(Arc::new(readers))),
            threads: Mutex::new(threads),
            told,
            erasing: opened.erasing,
        })))
    }

    /// Opens what another server may be writing at this moment, to read it alone: appends and row changes are
    /// refused as unavailable. What is there must have been written by this version.
    pub fn beside(folder: &Path, config: &StoreConfig) -> Result<Self, OpenError> {
        let (connections, erasing) = on_a_thread(|| {
            let readers = (0..config.readers.max(1)).map(|_| open_reader(folder, config));
            let readers = readers.collect::<Result<Vec<Db>, OpenError>>()?;
            let known = sqlite::known_schema();
            let found = match &config.url {
                None => sqlite::schema(&readers[0], folder)?,
                Some(url) => postgres::open::look(url)?.0.unwrap_or_default(),
            };
            if found != known {
                let place = config
                    .url
                    .clone()
                    .map_or_else(|| Place::Folder(folder.to_path_buf()), Place::Database);
                return Err(OpenError::OfAnotherVersion {
                    place,
                    found,
                    known,
                });
            }
            let erasing = erasing_now(folder, config, &readers[0])?;
            Ok((readers, erasing))
        })?;
        let (writer, thread) = Writer::spawn(Box::new(Shut)).map_err(OpenError::Thread)?;
        let (readers, mut threads) = Readers::spawn(connections).map_err(OpenError::Thread)?;
        threads.push(thread);
        Ok(Self(Arc::new(Inner {
            writer,
            readers: Mutex::new(Some(Arc::new(readers))),
            threads: Mutex::new(threads),
            told: Arc::new(Told::default()),
            erasing,
        })))
    }

    /// Stores what waits, folds the write-ahead log into the file and ends the threads. What comes
    /// later is refused. A second call does nothing.
    pub async fn close(&self) {
        let writer = self.0.writer.clone();
        let threads = std::mem::take(&mut *lock(&self.0.threads));
        drop(lock(&self.0.readers).take());
        let (done, closed) = oneshot::channel();
        // A thread of its own: joining blocks, and there may be no runtime to lend one.
        thread::spawn(move || {
            writer.close();
            for thread in threads {
                // A thread that panicked has said so.
                let _ = thread.join();
            }
            let _ = done.send(());
        });
        // An error means that the closing thread panicked, which it has said.
        let _ = closed.await;
    }

    /// Returns once something was stored that somebody may have to be told of: a notice, or a change
    /// of a broadcast. What was stored between two calls is not missed; one caller at a time.
    pub async fn stirred(&self) {
        self.0.told.stirred.notified().await;
    }

    /// A row was written that somebody has to be told of.
    pub(crate) fn stir(&self) {
        self.0.told.stirred.notify_one();
    }

    pub(crate) fn erasing_shared(&self) -> &erasing::Shared {
        &self.0.erasing
    }

    /// Told of each letter that is asked for.
    pub(crate) fn letters(&self) -> &Notify {
        &self.0.told.letters
    }

    /// Rooms whose logs have grown since the last call, once there are some. None is missed; one caller at
    /// a time, and no commit waits for it.
    pub async fn grown(&self) -> BTreeSet<RoomNumber> {
        self.0.told.grown().await
    }

    /// Has [`Store::grown`] name a room although nothing was said in it.
    pub fn look_again(&self, room: RoomNumber) {
        self.0.told.again(room);
    }

    /// For readiness: does the log take appends?
    pub fn health(&self) -> Health {
        self.0.writer.health()
    }

    /// The handle that rooms append through.
    pub fn writer(&self) -> WriterHandle {
        self.0.writer.clone()
    }

    /// Queues an append without waiting; see [`WriterHandle::append`].
    pub fn append(&self, append: Append) -> Commit {
        self.0.writer.append(append)
    }

    /// The same, answered through a completion queue; see [`WriterHandle::append_through`].
    pub fn append_through(&self, queue: &CompletionQueue, append: Append) -> Commit {
        self.0.writer.append_through(queue, append)
    }

    /// Everything a room needs to be recovered, as committed now.
    pub async fn load(&self, room: RoomNumber) -> Result<Loaded, LogError> {
        self.read_log(move |db| read::load(db, room)).await
    }

    /// A page of a room's history: edits folded in, deleted bodies gone.
    pub async fn page(&self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        self.read_log(move |db| read::page(db, room, of, n)).await
    }

    /// One record.
    pub async fn entry(&self, room: RoomNumber, seq: Seq) -> Result<Option<Entry>, LogError> {
        self.read_log(move |db| read::entry(db, room, seq)).await
    }

    /// The likes and replies of these records, each of them named.
    pub async fn tallies(&self, room: RoomNumber, of: Vec<Seq>) -> Result<Vec<Tally>, LogError> {
        self.read_log(move |db| Ok(tallies::tallies_of(db, room, &of)?))
            .await
    }

    /// Which records from one seq to another a member likes.
    pub async fn liked(
        &self,
        room: RoomNumber,
        member: MemberId,
        (from, to): (Seq, Seq),
    ) -> Result<Vec<Seq>, LogError> {
        self.read_log(move |db| Ok(tallies::liked(db, room, &member, from, to)?))
            .await
    }

    /// The first `n` replies above a seq in the thread of a root, oldest first.
    pub async fn thread(
        &self,
        room: RoomNumber,
        (root, after): (Seq, Seq),
        n: usize,
    ) -> Result<Page, LogError> {
        self.read_log(move |db| tallies::thread(db, room, root, after, n))
            .await
    }

    /// Every vote in a room's open polls.
    pub async fn votes(&self, room: RoomNumber) -> Result<Vec<VoteRow>, LogError> {
        self.read_log(move |db| Ok(tallies::votes(db, room)?)).await
    }

    /// The first records of a kind between two seqs of a room.
    pub async fn entries_between(
        &self,
        room: RoomNumber,
        seqs: (Seq, Seq),
        kind: u8,
        n: usize,
    ) -> Result<Vec<Entry>, LogError> {
        self.read_log(move |db| read::between(db, room, seqs, kind, n))
            .await
    }

    /// What became of a client id, however long ago.
    pub async fn known(
        &self,
        room: RoomNumber,
        author: MemberId,
        client_id: ClientId,
    ) -> Result<Option<Known>, LogError> {
        self.read_log(move |db| read::known(db, room, &author, &client_id))
            .await
    }

    pub(crate) async fn read_log<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Db) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let Some(readers) = self.readers() else {
            return Err(LogError::Busy);
        };
        readers.run(query).await.unwrap_or(Err(LogError::Busy))
    }

    /// Runs a row query on a reader.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Db) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, RowError> {
        let Some(readers) = self.readers() else {
            return Err(RowError::Unavailable);
        };
        match readers.run(query).await {
            None => Err(RowError::Unavailable),
            Some(Err(RowError::Failed(error))) if db::is_out_of_reach(&*error) => {
                tracing::error!(%error, "a read failed");
                Err(RowError::Unavailable)
            }
            Some(outcome) => outcome,
        }
    }

    /// Runs a row change on the writer's thread, in a transaction of its own that is on disk when
    /// this answers `Ok`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Db) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, RowError> {
        self.changed(move |db| db.change(change)).await
    }

    /// The same for what may be lost by a power cut, because it follows from what may not: this answers
    /// once it is there for everybody, and nobody waits for the disk.
    pub(crate) async fn write_soon<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Db) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, RowError> {
        self.changed(move |db| db.change_soon(change)).await
    }

    async fn changed<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Db) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, RowError> {
        let outcome = self.0.writer.run(move |log| {
            let Some(tables) = log.tables() else {
                return Worked::Well(Err(RowError::Unavailable));
            };
            match change(tables.0) {
                Err(RowError::Failed(error)) if db::is_storage_failure(&*error) => {
                    tracing::error!(%error, "a row change failed");
                    Worked::Broken(Err(RowError::Unavailable))
                }
                outcome => Worked::Well(outcome),
            }
        });
        outcome.await.unwrap_or(Err(RowError::Unavailable))
    }

    fn readers(&self) -> Option<Arc<Readers>> {
        lock(&self.0.readers).clone()
    }
}

/// Where nothing is written.
struct Shut;

impl Log for Shut {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        Ok(batch
            .iter()
            .map(|_| Err(AppendError::Unavailable))
            .collect())
    }

    fn load(&mut self, _: RoomNumber) -> Result<Loaded, LogError> {
        Err(LogError::Busy)
    }

    fn page(&mut self, _: RoomNumber, _: PageOf, _: usize) -> Result<Page, LogError> {
        Err(LogError::Busy)
    }

    fn heal(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// The writer's log, the readers' connections, and whose names are being erased.
struct Opened {
    log: Box<dyn Log>,
    readers: Vec<Db>,
    erasing: erasing::Shared,
}

fn open_all(folder: &Path, config: &StoreConfig, told: Arc<Told>) -> Result<Opened, OpenError> {
    let log: Box<dyn Log> = match &config.url {
        None => {
            let mut log = SqliteLog::open(folder)?;
            log.tells(told);
            Box::new(log)
        }
        Some(url) => {
            let mut log = PostgresLog::open(folder, url)?;
            log.tells(told);
            Box::new(log)
        }
    };
    let readers = (0..config.readers.max(1)).map(|_| open_reader(folder, config));
    let readers = readers.collect::<Result<Vec<_>, _>>()?;
    let erasing = erasing_now(folder, config, &readers[0])?;
    Ok(Opened {
        log,
        readers,
        erasing,
    })
}

fn erasing_now(folder: &Path, config: &StoreConfig, db: &Db) -> Result<erasing::Shared, OpenError> {
    let members = erasures::members(db).map_err(|it| match &config.url {
        None => OpenError::Unreadable(sqlite::database_file(folder), Box::new(it)),
        Some(url) => DatabaseError::Unreachable(url.clone(), it).into(),
    })?;
    Ok(erasing::Shared::new(members))
}

/// A connection that cannot write.
pub(crate) fn open_reader(folder: &Path, config: &StoreConfig) -> Result<Db, OpenError> {
    match &config.url {
        None => sqlite::open_reader(folder),
        Some(url) => postgres::open::open_reader(url),
    }
}

/// Runs this where it may block: a connection to PostgreSQL has a runtime of its own, which is neither
/// made nor dropped inside another.
pub(crate) fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|it| it.spawn(work).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Nothing panics while one of these is held, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::db::DbError;

    fn failing(code: i32) -> RowError {
        DbError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[tokio::test]
    async fn a_row_change_that_finds_the_disk_full_breaks_the_writer_until_it_heals() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &StoreConfig::default()).expect("a new store");
        let half_done = store
            .write(|db| {
                db.execute("INSERT INTO server VALUES ('half', x'00')", ())?;
                Err::<(), _>(failing(ffi::SQLITE_FULL))
            })
            .await;
        assert!(
            matches!(half_done, Err(RowError::Unavailable)),
            "{half_done:?}"
        );
        // It heals by itself; until then it is refused.
        while store.write(|_| Ok(())).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.health(), Health::Well);
        let halves = store
            .read(|db| {
                let count = "SELECT count(*) FROM server WHERE key = 'half'";
                Ok(db.one(count, (), |row| row.get::<u32>(0))?)
            })
            .await;
        assert_eq!(halves.expect("a read"), 0, "nothing of the change is there");
    }

    #[tokio::test]
    async fn a_query_that_is_wrong_is_its_own_failure() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &StoreConfig::default()).expect("a new store");
        let wrong = store
            .write(|_| Err::<(), _>(failing(ffi::SQLITE_CONSTRAINT)))
            .await;
        assert!(matches!(wrong, Err(RowError::Failed(_))), "{wrong:?}");
        assert_eq!(store.health(), Health::Well);
    }

    #[tokio::test]
    async fn a_read_that_panics_fails_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig {
            readers: 1,
            ..StoreConfig::default()
        };
        let store = Store::open(folder.path(), &config).expect("a new store");
        let panicked = store.read::<()>(|_| panic!("a planned panic")).await;
        assert!(
            matches!(panicked, Err(RowError::Unavailable)),
            "{panicked:?}"
        );
        assert_eq!(store.circle().await.expect("the reader lives"), None);
    }

    #[tokio::test]
    async fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &StoreConfig::default()).expect("a new store");
        let written = store
            .read(|db| Ok(db.execute("INSERT INTO server VALUES ('x', x'00')", ())?))
            .await;
        assert!(matches!(written, Err(RowError::Failed(_))), "{written:?}");
    }
}
