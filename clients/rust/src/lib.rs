//! The Rust client of weiquan: what tests, the load test and the terminal client use.
//!
//! [`Connection`] is one socket that speaks `weiquan.v1.json`: requests and their answers, pushes in
//! order. [`Ledger`] is what one viewer of a room must hold true: every record once, in order, or an
//! explicit gap; it proves or names the breach. [`Follower`] stays in a room through cuts, crashes
//! and restarts, and keeps what it wants to say until it is acknowledged. [`Room`] is what the room
//! looks like after all that.

mod connection;
mod follower;
mod incoming;
mod ledger;
mod pace;
mod room;

pub use connection::{Connection, Error, Upgrade, new_client_id};
pub use follower::{Direct, Door, Follower, HAPPENINGS_MAX, Happening, Said, WISHES_MAX, Wish};
pub use incoming::Incoming;
pub use ledger::{Breach, Ledger};
pub use pace::{AfterClose, AfterRefusal, Pace};
pub use room::{Gap, Message, Room};
