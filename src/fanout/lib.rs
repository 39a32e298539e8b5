//! The shards: threads that hold the WebSocket connections and write to them.
//!
//! A shard is one thread with one single-threaded runtime. What it owns (sockets, rooms, rings), it
//! owns alone, so that the delivery of a frame touches no lock and no shared map and wakes no task.
//! A frame that is published to a room lies once in the room's *ring*; a *pass* writes everything
//! new to every member, inline, in *turns* that rooms share. A blocked socket keeps a *cursor* into
//! the ring instead of a queue; a viewer that falls out of the ring is told of the *gap*. A frame may lie
//! there in two forms, as text and deflated; which of them a connection takes is its [`Form`].
//!
//! It knows nothing of JSON, people or rights: what a message means is the [`Handler`]'s, what goes
//! to a room is told by [`Order`]s.

mod config;
mod connection;
mod flush;
mod life;
mod link;
mod meters;
mod order;
mod ring;
mod room;
mod run;
mod schedule;
mod shard;
mod shards;
mod sweep;

pub use config::Config;
pub use link::{Handler, Link, Open};
pub use order::{Adopt, Class, ConnectionId, Form, Frame, Order, Peer};
pub use shards::{Prepared, ShardHandle, Shards};
