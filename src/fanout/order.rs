//! What others tell a shard: adopt this socket, put this connection into a room, publish this frame.

use std::{any::Any, fmt, future::Future, net::SocketAddr, pin::Pin};

use bytes::Bytes;
use protocol::{CloseCode, RoomNumber, Seq};

/// One connection of this process: where it lives, and a generation so that a reused slot is never
/// mistaken for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    pub shard: u16,
    pub slot: u32,
    pub generation: u32,
}

/// Short, printable and unique in this process: `0-17-3`.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.shard, self.slot, self.generation)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who is at the other end, as far as the upgrade told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub addr: SocketAddr,
    /// The `Origin` header, which a browser always sends.
    pub origin: Option<String>,
}

/// A socket after its upgrade: the 101 is sent, and `read` holds what came after the head.
#[derive(Debug)]
pub struct Adopt {
    /// Non-blocking, as tokio's `into_std` leaves it.
    pub socket: std::net::TcpStream,
    /// What the socket speaks, after its handshake; `None` is plain.
    pub tls: Option<tls::Session>,
    pub peer: Peer,
    /// Kept for as long as the socket is open, and dropped with it: the front counts by it.
    pub held: Option<Box<dyn Any + Send>>,
    /// Already decrypted.
    pub read: Vec<u8>,
}

/// The two forms in which a connection takes the frames of its rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As everybody reads them.
    #[default]
    Text,
    /// Deflated, where they are.
    Deflated,
}

/// A frame of a room, encoded for the WebSocket: once in each form, whoever and however many get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub text: Bytes,
    /// Absent where nobody asked, or nothing is gained: then the text goes to everybody.
    pub deflated: Option<Bytes>,
}

impl Frame {
    /// The bytes of a form.
    pub fn of(&self, form: Form) -> &Bytes {
        match (form, &self.deflated) {
            (Form::Deflated, Some(deflated)) => deflated,
            _ => &self.text,
        }
    }

    /// Bytes that it holds in all.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.deflated.as_ref().map_or(0, Bytes::len)
    }
}

impl From<Bytes> for Frame {
    fn from(text: Bytes) -> Self {
        Self {
            text,
            deflated: None,
        }
    }
}

/// What a frame of a room is, and so what becomes of it under pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Records `from..=to`. Late or an explicit gap, never lost. A room's ranges follow each other
    /// without a hole: where `from` is beyond the last `to + 1`, viewers are told of a gap.
    Log { from: Seq, to: Seq },
    /// A value of which only the last one per key counts.
    State { key: u8 },
    /// Counted, dropped first: a viewer that lags never sees it.
    Burst,
}

/// A wish to a shard. The orders of one sender are carried out in order.
///
/// An order for a connection or membership that is gone is dropped: its end was told by
/// [`crate::Handler::closed`].
pub enum Order {
    /// Puts a connection into a room. `first` (the answer, and pages of a resume) is written before
    /// anything of the room; then follows every log frame beyond `after`, once and in order, or an
    /// explicit gap. Joining again starts afresh from the new `after`.
    Join {
        connection: ConnectionId,
        room: RoomNumber,
        first: Bytes,
        after: Seq,
    },
    /// Nothing more of the room is written, except what was already begun on a blocked socket.
    Leave {
        connection: ConnectionId,
        room: RoomNumber,
    },
    /// One frame for everybody in the room on this shard.
    Publish {
        room: RoomNumber,
        frame: Frame,
        class: Class,
    },
    /// The room is no more, for now: everybody in it is written this frame, and is out of it.
    Dissolve { room: RoomNumber, frame: Bytes },
    /// One frame for one connection.
    Send {
        connection: ConnectionId,
        frame: Bytes,
    },
    /// Says why and ends the connection; it hears nothing else.
    Close {
        connection: ConnectionId,
        code: CloseCode,
        reason: &'static str,
    },
}

/// A future that lives on one shard.
pub(crate) type Local = Pin<Box<dyn Future<Output = ()>>>;

/// What a shard's inbox holds.
pub(crate) enum Letter {
    Order(Order),
    Adopt(Adopt),
    Spawn(Box<dyn FnOnce() -> Local + Send>),
    /// Say farewell, close everybody, adopt nobody.
    Drain {
        farewell: Bytes,
    },
    Stop,
}
