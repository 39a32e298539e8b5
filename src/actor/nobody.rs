//! Shards to which nobody connects, for tests of what rooms do by themselves.

use bytes::Bytes;
use fanout::{Handler, Link, Open, Peer};
use protocol::{RoomNumber, Seq};

#[derive(Clone)]
pub(crate) struct Nobody;

impl Handler for Nobody {
    fn text(&mut self, _: &str) {}
    fn closed(&mut self) {}
}

impl Open for Nobody {
    type Handler = Self;

    fn open(&self, _: Link, _: Peer) -> Self {
        Self
    }

    fn gap(&self, _: RoomNumber, _: Seq, _: Seq) -> Bytes {
        Bytes::new()
    }
}
