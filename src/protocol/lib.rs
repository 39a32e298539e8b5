//! Every word on the wire: frames, refusals, close codes, limits, and the bodies of the REST API.
//!
//! `docs/PROTOCOL.md` is the text, this crate is its grammar; a rule there is named by a test here.
//! It holds no behaviour: what a frame *means* is decided in `community` and `connection`.
//!
//! Reading order: [`ids`], [`limits`], [`card`], [`doc`], [`client`] (what a client may say), [`server`] (what it
//! hears, [`order`] among it), [`notices`], [`mail`], [`topic`], [`refusal`] and [`close`] (how it is told no), [`rest`],
//! [`name`], [`watched`], [`layers`].

pub mod card;
pub mod client;
pub mod close;
pub mod doc;
pub mod health;
pub mod ids;
pub mod layers;
mod life;
pub mod limits;
pub mod mail;
pub mod name;
pub mod notices;
pub mod order;
mod peer;
mod push;
pub mod refusal;
pub mod rest;
pub mod server;
pub mod topic;
mod turn;
pub mod watched;

pub use card::{BlobKind, Card};
pub use client::{ClientFrame, FrameError, parse};
pub use close::CloseCode;
pub use doc::Doc;
pub use ids::{
    BlobId, BroadcastId, CircleId, ClientId, Epoch, MemberId, PeerId, RoomNumber, Seq, Slug,
};
pub use refusal::{Act, Code, Refusal};
pub use watched::Watched;
