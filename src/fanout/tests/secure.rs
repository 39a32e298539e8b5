//! The same suite over TLS: what a shard promises does not depend on what its sockets speak.
#![allow(clippy::duplicate_mod)]

#[path = "connections.rs"]
mod connections;
#[path = "rooms.rs"]
mod rooms;
#[path = "torture.rs"]
mod torture;
