//! A bad line on purpose: a relay for UDP or TCP that loses, delays, jitters, reorders, doubles, narrows
//! and cuts, by a seed, without root, while it is told otherwise.
//!
//! A relay listens on one address and passes everything on to another. Each client is a *line* of its
//! own: a UDP source address or a TCP connection, with an upstream socket of its own (as behind a NAT)
//! and two directions, `up` (from who dials to `to`) and `down` (back). Each direction has its own
//! [`Conditions`], its own dice, its own queue: the n-th packet of line m has the same fate in each run
//! with the same seed.
//!
//! What is modelled for TCP is what the two ends would notice, never a missing byte: bytes arrive late,
//! slowly or not at all, but always whole and in order. A loss is a segment that waits for its
//! retransmission, with everything behind it: 200 ms for the first try (Linux's least), twice that for
//! each further one. Fast retransmit would be sooner and is not modelled; nor is what a sender's
//! congestion control makes of a loss, for the two connections that meet here lose nothing.
//!
//! A line that is *cut* is a dead network: no byte, no FIN, no RST passes, either way; datagrams are
//! lost, bytes wait as they would be sent again. Both ends' kernels still answer for themselves: an end
//! may hand its kernel as much as the socket buffers hold before it notices (`window` makes them small),
//! and whoever dials a cut TCP relay gets a connection on which nothing comes, as the handshake is the
//! kernel's. A line that is *stalled* hands over what it has and reads no more: a viewer whose program
//! hangs.

mod command;
mod conditions;
mod dice;
mod line;
mod order;
mod relay;
mod tcp;
mod udp;
mod units;
mod way;

use serde::{Deserialize, Serialize};

pub use self::{
    command::{Flags, Plan},
    conditions::{Conditions, Shape},
    order::{Order, Wish},
    relay::{Lines, Relay, Route, Told},
    units::NotA,
    way::{Counters, Ending},
};
pub(crate) use command::run;

/// Which way through a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From who dials towards the server.
    Up,
    /// Back.
    Down,
}

impl Direction {
    pub(crate) const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Udp,
    Tcp,
}
