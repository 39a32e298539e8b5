//! The threads: how they start, how others reach them, how they end.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    Config, Open,
    order::{Adopt, Letter, Order},
    run,
};

/// The shards before their threads run: the handles are there, so that whoever opens connections
/// can be built with them.
pub struct Prepared {
    config: Config,
    handles: Arc<[ShardHandle]>,
    inboxes: Vec<mpsc::UnboundedReceiver<Letter>>,
}

/// The running shards.
pub struct Shards {
    handles: Arc<[ShardHandle]>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// The way to one shard, from any thread.
///
/// Orders are never lost while the shard runs, so the inbox has no limit of its own: a full inbox
/// would have to lose a record or block a room's task on a slow shard. What may be in it is bounded
/// where it comes from (a client's requests in flight, a room's inbox, one announce per commit), and
/// [`Self::is_pressed`] tells those places to answer `busy` before a shard falls far behind.
#[derive(Clone)]
pub struct ShardHandle {
    index: usize,
    pub(crate) shared: Arc<Shared>,
    inbox: mpsc::UnboundedSender<Letter>,
}

/// What a shard and its handles both see.
#[derive(Default)]
pub(crate) struct Shared {
    /// Letters sent and not yet carried out.
    pub(crate) waiting: AtomicUsize,
    connections: AtomicUsize,
    pressed_above: usize,
}

impl Shared {
    pub(crate) fn set_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }
}

impl Prepared {
    pub fn new(config: Config) -> Self {
        let count = config.shards.max(1);
        let (handles, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|index| {
                let (inbox, letters) = mpsc::unbounded_channel();
                let shared = Shared {
                    pressed_above: config.orders_pressed,
                    ..Shared::default()
                };
                (
                    ShardHandle {
                        index,
                        shared: Arc::new(shared),
                        inbox,
                    },
                    letters,
                )
            })
            .unzip();
        Self {
            config,
            handles: handles.into(),
            inboxes,
        }
    }

    pub fn handles(&self) -> &Arc<[ShardHandle]> {
        &self.handles
    }

    /// Starts one thread per shard. Orders sent before are carried out first.
    pub fn start<O: Open>(self, open: O) -> io::Result<Shards> {
        let mut threads = Vec::with_capacity(self.inboxes.len());
        for (handle, letters) in self.handles.iter().zip(self.inboxes) {
            let (config, open, handle) = (self.config.clone(), open.clone(), handle.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            threads.push(
                thread::Builder::new()
                    .name(format!("shard-{}", handle.index))
                    .spawn(move || run::shard(runtime, config, open, handle, letters))?,
            );
        }
        Ok(Shards {
            handles: self.handles,
            threads,
        })
    }
}

impl Shards {
    /// [`Prepared::new`] and [`Prepared::start`] for an `open` that needs no handles.
    pub fn start<O: Open>(config: Config, open: O) -> io::Result<Self> {
        Prepared::new(config).start(open)
    }

    pub fn count(&self) -> usize {
        self.handles.len()
    }

    pub fn handle(&self, shard: usize) -> &ShardHandle {
        &self.handles[shard]
    }

    pub fn handles(&self) -> &Arc<[ShardHandle]> {
        &self.handles
    }

    /// Gives a socket to a shard; see [`ShardHandle::adopt`].
    pub fn adopt(&self, shard: usize, adopt: Adopt) {
        self.handles[shard].adopt(adopt);
    }

    /// Connections of all shards.
    pub fn connections(&self) -> usize {
        self.handles.iter().map(ShardHandle::connections).sum()
    }

    /// Sends `farewell` (a `goaway` frame) to everybody, closes everybody with 4001 and waits until
    /// they are gone, or until `within` has passed. From now on nobody is adopted.
    pub async fn drain(&self, farewell: Bytes, within: Duration) {
        for handle in self.handles.iter() {
            handle.send(Letter::Drain {
                farewell: farewell.clone(),
            });
        }
        let gone = async {
            while self.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(within, gone).await.is_err() {
            tracing::warn!(
                connections = self.connections(),
                "connections were cut at the end of the drain"
            );
        }
    }

    /// Ends the threads and waits for them: what still lives there (connections, rooms' tasks) is
    /// dropped. Blocks for a moment, so an async caller uses `spawn_blocking`.
    pub fn stop(self) {
        for handle in self.handles.iter() {
            handle.send(Letter::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a shard's thread had panicked");
            }
        }
    }
}

impl ShardHandle {
    pub fn index(&self) -> usize {
        self.index
    }

    /// Sends one order. Those of one sender are carried out in order.
    pub fn order(&self, order: Order) {
        self.send(Letter::Order(order));
    }

    /// Gives an upgraded socket to this shard, which inserts it, opens a handler for it and only
    /// then feeds the bytes that came with the upgrade.
    pub fn adopt(&self, adopt: Adopt) {
        self.send(Letter::Adopt(adopt));
    }

    /// Runs a future on this shard: `make` is called there, so what it makes need not be `Send`.
    /// A panic in it is logged and ends this future only.
    pub fn spawn<F>(&self, make: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        self.send(Letter::Spawn(Box::new(move || Box::pin(make()))));
    }

    /// More orders wait here than should: new wishes are better answered `busy`.
    pub fn is_pressed(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) > self.shared.pressed_above
    }

    /// Connections that live here.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    fn send(&self, letter: Letter) {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        // An error means that the shard has stopped, and everything on it with it.
        let _ = self.inbox.send(letter);
    }
}
