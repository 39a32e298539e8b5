//! One device from hello to goodbye: who it is, which rooms it is in, how much it may ask at once.
//!
//! A [`Device`] lives on its shard, is told each message and writes answers by its link. It looks a
//! room up once, when it joins, and keeps the way into the inbox. It knows no transport and decides
//! no rule: what a frame means in a room is the room's.

mod device;
mod dispatch;
mod signalling;
mod traces;
mod watched;

use std::sync::Arc;

use auth::{TokenError, Tokens, guests::Guests, relays::Relays};
use bytes::Bytes;
use fanout::{Link, Open, Peer};
use protocol::{Code, Refusal, RoomNumber, Seq, limits, server::Push};
use store::Store;

use crate::{
    actor::{Directory, People, push_frame},
    memory::Memory,
    watched::WatchedRooms,
};
pub use device::Device;
pub use traces::Tracer;

/// What every connection shares.
pub struct Shared {
    pub directory: Arc<Directory>,
    pub people: Arc<People>,
    pub tokens: Arc<Tokens>,
    pub guests: Arc<Guests>,
    pub store: Store,
    pub tracer: Tracer,
    pub memory: Arc<Memory>,
    pub watched: Arc<WatchedRooms>,
    /// Where there is a relay.
    pub relays: Option<Arc<Relays>>,
}

/// Opens connections on the shards.
#[derive(Clone)]
pub struct Opener(pub Arc<Shared>);

impl Open for Opener {
    type Handler = Device;

    fn open(&self, link: Link, peer: Peer) -> Device {
        metrics::counter!("weiquan_connections_total").increment(1);
        link.expect_within(limits::HELLO_WITHIN);
        Device::new(link, self.0.clone(), peer.addr.ip())
    }

    fn gap(&self, room: RoomNumber, from: Seq, to: Seq) -> Bytes {
        push_frame(&Push::Gap { a: room, from, to })
    }
}

/// Why a token was not taken, as a client hears it.
pub fn token_refusal(error: &TokenError) -> Refusal {
    match error {
        TokenError::Expired => {
            Refusal::new(Code::TokenExpired, "the token has expired; get a new one")
        }
        other => Refusal::new(
            Code::TokenInvalid,
            format!("the token cannot be taken: {other}"),
        ),
    }
}
