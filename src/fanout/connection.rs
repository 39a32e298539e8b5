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

use bytes::{Buf, Bytes, BytesMut};
use protocol::{CloseCode, RoomNumber};
use smallvec::SmallVec;
use socket2::SockRef;
use tokio::{net::TcpStream, task::AbortHandle};

use crate::{Config, ConnectionId, Form, ring::Part};

/// The socket is blocked: passes leave it out, its flusher reads on at its cursors.
const LAGGING: u8 = 1;
/// It hears nothing more but a goodbye.
const ENDING: u8 = 2;

/// Frames of one write while catching up.
const PARTS_MAX: usize = 64;

/// A pass visits thousands of these, none of which is in the cache: what a delivery needs comes first and
/// lies together, on one line and the beginning of the next, which processors fetch with it.
#[repr(C)]
pub(crate) struct Connection {
    /// `None` where the socket is plain.
    tls: Option<tls::Session>,
    flags: Cell<u8>,
    /// INVARIANT: it does not change while the connection is in a room, which counts it.
    form: Cell<Form>,
    pub(crate) is_pinged: Cell<bool>,
    pub(crate) socket: TcpStream,
    pub(crate) id: ConnectionId,
    /// The rooms it is in, with its key in each.
    pub(crate) rooms: RefCell<SmallVec<[(RoomNumber, usize); 1]>>,
    pub(crate) lag: RefCell<Option<Box<Lag>>>,
    ending: RefCell<Option<Box<Ending>>>,
    /// The task that reads, to tell it of the end.
    reading: Cell<Option<Waker>>,
    /// Milliseconds of the shard's clock.
    pub(crate) heard_ms: Cell<u64>,
    expect_by_ms: Cell<u64>,
}

/// What waits for a blocked socket. Frames of rooms are not here: they wait in the rooms' rings.
pub(crate) struct Lag {
    /// The unsent rest of what was begun, as it goes to the socket (sealed, where that is TLS: its
    /// place among the records is taken). Goes first.
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    All,
    /// The socket took `taken` bytes (maybe none); `rest` goes to it next, as it is.
    Part {
        taken: usize,
        rest: Bytes,
    },
    /// The socket is broken.
    Lost,
}

/// What became of a write of several frames.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PartsWritten {
    All,
    /// So many bytes of them; what was not begun may still be written otherwise.
    Begun(usize),
    /// All are sealed; see [`Written::Part`].
    Sealed {
        taken: usize,
        rest: Bytes,
    },
    Lost,
}

thread_local! {
    /// Where the shard seals what it writes to a TLS socket, so that no connection owns a buffer.
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        socket: TcpStream,
        tls: Option<tls::Session>,
        now_ms: u64,
    ) -> Rc<Self> {
        Rc::new(Self {
            tls,
            flags: Cell::new(0),
            form: Cell::default(),
            is_pinged: Cell::new(false),
            socket,
            id,
            rooms: RefCell::default(),
            lag: RefCell::new(None),
            ending: RefCell::new(None),
            reading: Cell::new(None),
            heard_ms: Cell::new(now_ms),
            expect_by_ms: Cell::new(0),
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

    /// In which form it takes the frames of its rooms.
    pub(crate) fn form(&self) -> Form {
        self.form.get()
    }

    pub(crate) fn take_deflated(&self) {
        assert!(
            self.rooms.borrow().is_empty(),
            "a form is chosen before the first room"
        );
        self.form.set(Form::Deflated);
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

    /// Writes one frame, or several that are joined.
    pub(crate) fn write(&self, bytes: &Bytes) -> Written {
        let Some(session) = &self.tls else {
            return match self.write_raw(bytes) {
                Ok(n) if n == bytes.len() => Written::All,
                Ok(n) => Written::Part {
                    taken: n,
                    rest: bytes.slice(n..),
                },
                Err(Broken) => Written::Lost,
            };
        };
        SEALED.with_borrow_mut(|sealed| {
            sealed.clear();
            match session.seal(bytes, sealed) {
                Ok(()) => self.write_sealed(sealed),
                Err(_) => Written::Lost,
            }
        })
    }

    /// Writes what is as the socket takes it. Zero where it takes nothing now.
    ///
    /// The kernel is asked first, and the runtime only when the kernel says no, so that it waits for
    /// the socket: its own book of what is ready is a cache line more in each of thousands of sends,
    /// and it knows nothing yet of a socket that was just adopted.
    pub(crate) fn write_raw(&self, bytes: &[u8]) -> Result<usize, Broken> {
        match SockRef::from(&self.socket).send(bytes) {
            Err(error) if is_for_later(&error) => taken(self.socket.try_write(bytes)),
            sent => taken(sent),
        }
    }

    /// Writes several frames in one call of the kernel.
    pub(crate) fn write_parts(&self, parts: &[Part]) -> PartsWritten {
        if let Some(session) = &self.tls {
            return SEALED.with_borrow_mut(|sealed| {
                sealed.clear();
                for part in parts {
                    let frame = part.frame.of(self.form());
                    if session.seal(frame, sealed).is_err() {
                        return PartsWritten::Lost;
                    }
                }
                match self.write_sealed(sealed) {
                    Written::All => PartsWritten::All,
                    Written::Part { taken, rest } => PartsWritten::Sealed { taken, rest },
                    Written::Lost => PartsWritten::Lost,
                }
            });
        }
        let frames = || parts.iter().map(|it| it.frame.of(self.form()));
        let slices: SmallVec<[IoSlice<'_>; PARTS_MAX]> = frames()
            .take(PARTS_MAX)
            .map(|it| IoSlice::new(it))
            .collect();
        let length: usize = frames().map(Bytes::len).sum();
        let sent = match SockRef::from(&self.socket).send_vectored(&slices) {
            Err(error) if is_for_later(&error) => self.socket.try_write_vectored(&slices),
            sent => sent,
        };
        match taken(sent) {
            Ok(n) if n == length => PartsWritten::All,
            Ok(n) => PartsWritten::Begun(n),
            Err(Broken) => PartsWritten::Lost,
        }
    }

    fn write_sealed(&self, sealed: &[u8]) -> Written {
        match self.write_raw(sealed) {
            Ok(n) if n == sealed.len() => Written::All,
            Ok(n) => Written::Part {
                taken: n,
                rest: Bytes::copy_from_slice(&sealed[n..]),
            },
            Err(Broken) => Written::Lost,
        }
    }

    /// Bytes of frames that are best written at once: a viewer that stalls owns no more sealed
    /// bytes than one record.
    pub(crate) fn write_bytes_max(&self, config: &Config) -> usize {
        match &self.tls {
            Some(_) => config.write_bytes_max.min(tls::RECORD_BYTES_MAX),
            None => config.write_bytes_max,
        }
    }

    /// What was received, in plain: `received` itself, or what TLS makes of it, written to `plain`.
    pub(crate) fn open<'a>(&self, received: &'a mut [u8], plain: &'a mut Vec<u8>) -> Heard<'a> {
        let Some(session) = &self.tls else {
            return Heard {
                plain: received,
                due: Vec::new(),
                is_over: false,
            };
        };
        let mut due = Vec::new();
        let opened = session.open(received, plain, &mut due);
        Heard {
            plain,
            due,
            is_over: !matches!(opened, Ok(tls::Opened::More)),
        }
    }

    /// A frame as it goes to the socket.
    pub(crate) fn sealed(&self, frame: Bytes) -> Bytes {
        let Some(session) = &self.tls else {
            return frame;
        };
        let mut sealed = Vec::new();
        match session.seal(&frame, &mut sealed) {
            Ok(()) => sealed.into(),
            // The session is over: there is nobody to say it to.
            Err(_) => Bytes::new(),
        }
    }

    /// The last word of TLS; nothing on a plain socket.
    pub(crate) fn last_word(&self) -> Bytes {
        let mut sealed = Vec::new();
        if let Some(session) = &self.tls
            && session.close(&mut sealed).is_err()
        {
            sealed.clear();
        }
        sealed.into()
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

/// What a read brought.
pub(crate) struct Heard<'a> {
    pub(crate) plain: &'a mut [u8],
    /// What TLS has to say because of it, before anything that is sealed later.
    pub(crate) due: Vec<u8>,
    /// TLS ended: by its last word, or by a fault.
    pub(crate) is_over: bool,
}

/// The socket is broken.
#[derive(Debug)]
pub(crate) struct Broken;

fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn taken(result: io::Result<usize>) -> Result<usize, Broken> {
    match result {
        Ok(n) => Ok(n),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(_) => Err(Broken),
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

    /// Puts bytes behind what was begun, as they go to the socket.
    pub(crate) fn append(&mut self, sealed: &[u8]) {
        let mut partial = BytesMut::with_capacity(self.partial.len() + sealed.len());
        partial.extend_from_slice(&self.partial);
        partial.extend_from_slice(sealed);
        self.partial = partial.freeze();
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

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// The counts of an `Rc` stand before what it holds.
    const COUNTS: usize = 2 * size_of::<usize>();

    #[test]
    fn what_a_delivery_needs_lies_together() {
        // How large a socket of tokio's is hangs on its features: 32 or 40 bytes.
        let ends = COUNTS + offset_of!(Connection, socket) + size_of::<TcpStream>();
        assert!(ends <= 72, "{ends}");
        let all = COUNTS + size_of::<Connection>();
        assert!(all <= 208, "{all}");
    }
}
