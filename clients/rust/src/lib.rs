//! The Rust client of weiquan: what tests, the load test and a terminal use.
//!
//! [`Connection`] is one socket that speaks `weiquan.v1.json`: requests and their answers, pushes in
//! order. [`Ledger`] is what one viewer of a room must hold true: every record once, in order, or an
//! explicit gap; it proves or names the breach. [`Follower`] stays in a room through cuts, crashes
//! and restarts, and keeps what it wants to say until it is acknowledged.

mod connection;
mod follower;
mod ledger;

pub use connection::{Connection, Error, Incoming, new_client_id};
pub use follower::{Follower, Happening, Said};
pub use ledger::{Breach, Ledger};
