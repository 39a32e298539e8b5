//! The two faces of a connection: what a handler is told ([`Handler`], [`Open`]) and what it can do
//! ([`Link`]). Both live on the connection's shard and never leave it.

use std::{
    rc::{Rc, Weak},
    time::Duration,
};

use bytes::Bytes;
use protocol::{CloseCode, RoomNumber, Seq};

use crate::{ConnectionId, Peer, ShardHandle, connection::Connection, shard::Shard};

/// The one who understands what a connection says.
///
/// It runs on the shard's thread, between reads: what takes longer than some microseconds is handed
/// to a task. A panic in it ends this connection and nobody else.
pub trait Handler: 'static {
    /// One message of the client. May use the [`Link`] and `tokio::task::spawn_local`.
    fn text(&mut self, text: &str);

    /// The connection is over. Called exactly once, and nothing is called after it.
    fn closed(&mut self);
}

/// Makes the handlers of one shard, and words for what only the shard knows.
pub trait Open: Clone + Send + 'static {
    type Handler: Handler;

    /// A connection is there: the link works already, and messages follow.
    fn open(&self, link: Link, peer: Peer) -> Self::Handler;

    /// The frame, encoded for the WebSocket, that tells a viewer it missed the records `from..=to`.
    fn gap(&self, room: RoomNumber, from: Seq, to: Seq) -> Bytes;
}

/// A handler's way to its connection. Cheap to clone; does nothing once the connection is over, and
/// keeps nothing of it alive, so a task may keep a link as long as it likes.
#[derive(Clone)]
pub struct Link {
    id: ConnectionId,
    connection: Weak<Connection>,
    shard: Rc<Shard>,
}

impl Link {
    pub(crate) fn new(connection: &Rc<Connection>, shard: &Rc<Shard>) -> Self {
        Self {
            id: connection.id,
            connection: Rc::downgrade(connection),
            shard: shard.clone(),
        }
    }

    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Writes one frame (see `ws::encode_text`), or queues it behind a blocked socket. A client
    /// that lets more than `answers_bytes_max` wait is closed with 4008.
    pub fn send(&self, frame: Bytes) {
        if let Some(connection) = self.connection.upgrade() {
            self.shard.send(&connection, frame);
        }
    }

    /// From its first room on this connection takes deflated what there is deflated. To be said before
    /// that room.
    pub fn take_deflated(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.take_deflated();
        }
    }

    /// Ends the connection with a code and a reason, after what was sent before. The handler hears
    /// `closed` soon after.
    pub fn close(&self, code: CloseCode, reason: &str) {
        if let Some(connection) = self.connection.upgrade() {
            self.shard.close(&connection, code, reason);
        }
    }

    /// How long nothing was heard from the client; nothing once the connection is over.
    pub fn silence(&self) -> Option<Duration> {
        let connection = self.connection.upgrade()?;
        (!connection.is_ending()).then(|| self.shard.since(connection.heard_ms.get()))
    }

    /// Closes the connection with 4500 unless [`Self::met`] is called within this time.
    pub fn expect_within(&self, within: Duration) {
        if let Some(connection) = self.connection.upgrade() {
            connection.expect_by(self.shard.now_ms(), within);
        }
    }

    /// What [`Self::expect_within`] waited for has come.
    pub fn met(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.expect_met();
        }
    }

    /// Whether the connection is ending or has ended.
    pub fn is_over(&self) -> bool {
        self.connection.upgrade().is_none_or(|it| it.is_ending())
    }

    /// The shard that this connection lives on.
    pub fn shard(&self) -> &ShardHandle {
        &self.shard.handle
    }
}
