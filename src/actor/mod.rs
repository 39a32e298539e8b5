//! Runs the pure rooms: each on its home shard, with an inbox, a log and an audience.
//!
//! [`Directory`] finds a room and starts it on first use. [`room_task`] is the room's life: wishes
//! in through two lanes ([`inbox`]), effects out, one append at a time, each announce encoded once.
//! [`stage`] joins rooms and media by bounded channels, so that neither names the other; [`peers`]
//! knows whose they are. [`people`] knows which connections a member has, [`Roles`] what they are
//! now. [`storing`] makes records of what is stored; [`read_back()`] proves a log without running
//! its room. No rule is decided here, and nothing here is on the path of a delivery.

pub mod directory;
mod inbox;
mod peers;
pub mod people;
mod read_back;
mod roles;
pub mod room_task;
pub mod stage;
pub mod storing;

pub use directory::{Directory, RoomHandle, home_of};
pub use inbox::Waiting;
pub use peers::{Holder, Peers};
pub use people::People;
pub use read_back::read_back;
pub use roles::Roles;
pub use room_task::{Asked, Reading, Wish};
pub use stage::{MediaOrder, Stage, Way, no_such_peer};

use bytes::Bytes;
use protocol::server::{Answer, Outcome, Push};

/// A push as WebSocket bytes, to be shared by all who get it.
pub fn push_frame(push: &Push) -> Bytes {
    ws::encode_text(&serde_json::to_vec(push).expect("frames are plain data"))
}

/// An answer as WebSocket bytes.
pub fn answer_frame(i: u32, outcome: Result<protocol::server::Reply, protocol::Refusal>) -> Bytes {
    let outcome = match outcome {
        Ok(reply) => Outcome::Ok(reply),
        Err(refusal) => {
            metrics::counter!("weiquan_refusals_total", "code" => refusal.code.as_str())
                .increment(1);
            Outcome::Err(refusal)
        }
    };
    ws::encode_text(&serde_json::to_vec(&Answer { i, outcome }).expect("frames are plain data"))
}
