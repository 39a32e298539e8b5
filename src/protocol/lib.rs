//! Every word on the wire: frames, refusals, close codes, limits, and the bodies of the REST API.
//!
//! `docs/PROTOCOL.md` is the text, this crate is its grammar; a rule there is named by a test here.
//! It holds no behaviour: what a frame *means* is decided in `community` and `connection`.
//!
//! Reading order: [`ids`], [`limits`], [`client`] (what a client may say), [`server`] (what it
//! hears), [`notices`], [`refusal`] and [`close`] (how it is told no), [`rest`].

pub mod client;
pub mod close;
pub mod ids;
pub mod limits;
pub mod notices;
pub mod refusal;
pub mod rest;
pub mod server;

pub use client::{ClientFrame, FrameError, parse};
pub use close::CloseCode;
pub use ids::{BroadcastId, CircleId, ClientId, Epoch, MemberId, PeerId, RoomNumber, Seq, Slug};
pub use refusal::{Act, Code, Refusal};
