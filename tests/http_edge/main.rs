//! The HTTP edge over real sockets: the whole router and the front, a real store, and a small
//! stand-in for the rooms and media (`stage`).

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop there, and a test binary exports nothing"
)]

mod rig;
mod stage;

mod bodies;
mod check;
mod front;
mod fuzz;
mod identity;
mod members;
mod openapi;
mod rooms;
mod share;
mod upgrades;
mod whep;
mod whip;
