//! Runs the pure rooms: each on its home shard, with an inbox, a log and an audience.
//!
//! [`Directory`] finds a room and starts it on first use. [`room_task`] is the room's life: wishes
//! in through two lanes ([`inbox`]), effects out, one append at a time, each announce encoded once.
//! [`stage`] joins rooms and media by bounded channels, so that neither names the other; [`peers`]
//! knows whose they are. [`people`] knows which connections a member has, [`Roles`] what they are
//! now. [`storing`] makes records of what is stored; [`Stretch`] what a broadcast leaves to be told of; [`read_back()`] proves a log without running
//! its room. No rule is decided here, and nothing here is on the path of a delivery.

pub mod directory;
mod frames;
mod inbox;
#[cfg(test)]
mod nobody;
mod peers;
pub mod people;
mod quoted;
mod read_back;
#[cfg(test)]
mod rest_tests;
mod roles;
pub mod room_task;
pub mod stage;
pub mod storing;

pub use directory::{Directory, RoomHandle, home_of};
pub use frames::{answer_frame, push_frame};
pub use inbox::Waiting;
#[cfg(test)]
pub(crate) use nobody::Nobody;
pub use peers::{Holder, Peers};
pub use people::People;
pub use quoted::{QuoteError, Stretch, is_missed_by};
pub use read_back::read_back;
pub use roles::Roles;
pub use room_task::{Asked, Reading, Wish};
pub use stage::{MediaOrder, Stage, Way, no_such_peer};
