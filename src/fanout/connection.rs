//! One connection as its shard sees it: a socket, some cells, and, only while the socket is
//! blocked, what waits for it ([`Lag`]).

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf, Bytes};
use protocol::{CloseCode, RoomNumber};
use smallvec::SmallVec;
use tokio::{net::TcpStream, task::AbortHandle};

use crate::{Config, ConnectionId, ring::Part};

/// The socket is blocked: passes leave it out, its flusher reads on at its cursors.
const LAGGING: u8 = 1;
/// It hears nothing more but a goodbye.
const ENDING: u8 = 2;

/// Frames of one write while catching up.
const PARTS_MAX: usize = 64;

pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) socket: TcpStream,
    flags: Cell<u8>,
    /// The rooms it is in, with its key in each.
    pub(crate) rooms: RefCell<SmallVec<[(RoomNumber, usize); 1]>>,
    pub(crate) lag: RefCell<Option<Box<Lag>>>,
    ending: RefCell<Option<Box<Ending>>>,
    /// The task that reads, to tell it of the end.
    reading: Cell<Option<Waker>>,
    /// Milliseconds of the shard's clock.
    pub(crate) heard_ms: Cell<u64>,
    expect_by_ms: Cell<u64>,
    pub(crate) is_pinged: Cell<bool>,
}

/// What waits for a blocked socket. Frames of rooms are not here: they wait in the rooms' rings.
pub(crate) struct Lag {
    /// The unsent rest of what was begun. Goes first.
    pub(crate) partial: Bytes,
    /// Whole frames for this connection alone. Go next.
    answers: VecDeque<(Kind, Bytes)>,
    answers_bytes: usize,
    joins_bytes: usize,
    /// When the socket last took something, in milliseconds of the shard's clock.
    pub(crate) moved_ms: u64,
    pub(crate) flusher: AbortHandle,
}

/// How a connection ends.
pub(crate) struct Ending {
    /// The close frame's code; absent where the client went without a word.
    pub(crate) code: Option<CloseCode>,
    pub(crate) goodbye: Bytes,
}

/// What a frame for one connection is, and so which limit it counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Answer,
    /// The first answer of a join, with the pages of a resume.
    Join,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    All,
    /// So many bytes.
    Part(usize),
    /// The socket is broken.
    Lost,
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, socket: TcpStream, now_ms: u64) -> Rc<Self> {
        Rc::new(Self {
            id,
            socket,
            flags: Cell::new(0),
            rooms: RefCell::default(),
            lag: RefCell::new(None),
            ending: RefCell::new(None),
            reading: Cell::new(None),
            heard_ms: Cell::new(now_ms),
            expect_by_ms: Cell::new(0),
            is_pinged: Cell::new(false),
        })
    }

    /// Passes leave it out: it lags or is ending.
    pub(crate) fn is_set_back(&self) -> bool {
        self.flags.get() != 0
    }

    pub(crate) fn is_lagging(&self) -> bool {
        self.flags.get() & LAGGING != 0
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.flags.get() & ENDING != 0
    }

    pub(crate) fn begin_lag(&self, lag: Lag) {
        self.flags.set(self.flags.get() | LAGGING);
        *self.lag.borrow_mut() = Some(Box::new(lag));
    }

    pub(crate) fn end_lag(&self) {
        self.flags.set(self.flags.get() & !LAGGING);
        *self.lag.borrow_mut() = None;
    }

    /// The first reason counts. Wakes the task that reads, which does the rest.
    pub(crate) fn end(&self, ending: Ending) {
        if self.is_ending() {
            return;
        }
        self.flags.set(self.flags.get() | ENDING);
        *self.ending.borrow_mut() = Some(Box::new(ending));
        if let Some(waker) = self.reading.take() {
            waker.wake();
        }
    }

    pub(crate) fn take_ending(&self) -> Option<Box<Ending>> {
        self.ending.borrow_mut().take()
    }

    pub(crate) fn expect_by(&self, now_ms: u64, within: Duration) {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.expect_by_ms
            .set(now_ms.saturating_add(within_ms).max(1));
    }

    pub(crate) fn expect_met(&self) {
        self.expect_by_ms.set(0);
    }

    /// What was expected has not come in time.
    pub(crate) fn is_overdue(&self, now_ms: u64) -> bool {
        let by_ms = self.expect_by_ms.get();
        by_ms != 0 && now_ms >= by_ms
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Written {
        written(self.socket.try_write(bytes), bytes.len())
    }

    /// Several buffers in one call of the kernel.
    pub(crate) fn write_parts(&self, parts: &[Part]) -> Written {
        let slices: SmallVec<[IoSlice<'_>; PARTS_MAX]> = parts
            .iter()
            .take(PARTS_MAX)
            .map(|it| IoSlice::new(&it.frame))
            .collect();
        let length = parts.iter().map(|it| it.frame.len()).sum();
        written(self.socket.try_write_vectored(&slices), length)
    }

    /// Ready when there is something to read, or nothing more to wait for.
    pub(crate) fn poll_heard(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_ending() {
            return Poll::Ready(());
        }
        match self.reading.take() {
            Some(waker) if waker.will_wake(context.waker()) => self.reading.set(Some(waker)),
            _ => self.reading.set(Some(context.waker().clone())),
        }
        self.socket.poll_read_ready(context).map(drop)
    }
}

fn written(result: io::Result<usize>, length: usize) -> Written {
    match result {
        Ok(n) if n == length => Written::All,
        Ok(n) => Written::Part(n),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Written::Part(0),
        Err(_) => Written::Lost,
    }
}

impl Lag {
    pub(crate) fn new(partial: Bytes, now_ms: u64, flusher: AbortHandle) -> Self {
        Self {
            partial,
            answers: VecDeque::new(),
            answers_bytes: 0,
            joins_bytes: 0,
            moved_ms: now_ms,
            flusher,
        }
    }

    /// Queues a frame behind the socket. False where the client has let too much wait.
    #[must_use]
    pub(crate) fn queue(&mut self, frame: Bytes, kind: Kind, config: &Config) -> bool {
        let bytes_max = match kind {
            Kind::Answer => config.answers_bytes_max,
            Kind::Join => config.joins_bytes_max,
        };
        let waiting = self.waiting_bytes(kind);
        *waiting += frame.len();
        let has_room = *waiting <= bytes_max;
        self.answers.push_back((kind, frame));
        has_room
    }

    fn waiting_bytes(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Answer => &mut self.answers_bytes,
            Kind::Join => &mut self.joins_bytes,
        }
    }

    /// The next thing to write that is not in a ring.
    pub(crate) fn next_answer(&mut self) -> Option<Bytes> {
        let (kind, answer) = self.answers.pop_front()?;
        *self.waiting_bytes(kind) -= answer.len();
        Some(answer)
    }

    pub(crate) fn advance(&mut self, n: usize, now_ms: u64) {
        self.partial.advance(n);
        self.moved(n, now_ms);
    }

    /// The socket took so many bytes.
    pub(crate) fn moved(&mut self, n: usize, now_ms: u64) {
        if n > 0 {
            self.moved_ms = now_ms;
        }
    }
}

/// The flusher belongs to the lag: whoever takes the lag away ends it.
impl Drop for Lag {
    fn drop(&mut self) {
        self.flusher.abort();
    }
}
