//! The medium itself, pure: what RTP packets mean and what each viewer gets of them.
//!
//! No socket, no clock, no crypto: time is passed in, packets are passed in, and what is to be sent
//! comes out.

mod codec;

pub use codec::{Codec, CodecName, Kind, PublicationId};
