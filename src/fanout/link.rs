//! The two faces of a connection: what a handler is told ([`Handler`], [`Open`]) and what it can do
//! ([`Link`]). Both live on the connection's shard and never leave it.

use std::{rc::Rc, time::Duration};

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

/// A handler's hold on its connection. Cheap to clone; does nothing once the connection is over.
#[derive(Clone)]
pub struct Link {
    pub(crate) connection: Rc<Connection>,
    pub(crate) shard: Rc<Shard>,
}

impl Link {
    pub fn id(&self) -> ConnectionId {
        self.connection.id
    }

    /// Writes one frame (see `ws::encode_text`), or queues it behind a blocked socket. A client
    /// that lets more than `answers_bytes_max` wait is closed with 4008.
    pub fn send(&self, frame: Bytes) {
        self.shard.send(&self.connection, frame);
    }

    /// Ends the connection with a code and a reason. The handler hears `closed` soon after.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.shard.close(&self.connection, code, reason);
    }

    /// How long nothing was heard from the client.
    pub fn silence(&self) -> Duration {
        self.shard.since(self.connection.heard_ms.get())
    }

    /// Closes the connection with 4500 unless [`Self::met`] is called within this time.
    pub fn expect_within(&self, within: Duration) {
        self.connection.expect_by(self.shard.now_ms(), within);
    }

    /// What [`Self::expect_within`] waited for has come.
    pub fn met(&self) {
        self.connection.expect_met();
    }

    /// Holds back everything of its rooms until [`Self::release`], so that one answer can name
    /// several rooms that were joined one by one. Frames sent to this connection itself still go.
    /// Each room sends its [`crate::Order::Join`] before it tells its part of the answer, so that all
    /// are in place at the release.
    pub fn hold(&self) {
        self.connection.hold();
    }

    /// Writes `first`, then lets the rooms go on from where each was joined. To do it from a room's
    /// task use [`crate::Order::Release`].
    pub fn release(&self, first: Bytes) {
        self.shard.release(&self.connection, first);
    }

    pub fn is_over(&self) -> bool {
        self.connection.is_ending()
    }

    /// The shard that this connection lives on.
    pub fn shard(&self) -> &ShardHandle {
        &self.shard.handle
    }
}
