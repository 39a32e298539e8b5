//! WebSocket as a pure codec: bytes to messages, messages to bytes (RFC 6455). No sockets, no time.
//!
//! [`upgrade`] reads the request head and words the 101 or the refusal; [`read`] turns what a client
//! sent into events without keeping a buffer while it is silent; [`write`] encodes a server frame
//! once, so that the same bytes serve every viewer (server frames are not masked).
//!
//! It hears text only and offers no extension: `permessage-deflate` made single chat messages of
//! 180 bytes 1.2 times smaller for 12 µs each, and would need state per connection. What a client
//! asked to be deflated is a binary frame like any other here.

pub mod read;
pub mod upgrade;
pub mod write;

pub use read::{Event, Fault, Reader};
pub use upgrade::{Rejection, TOKEN_KEYS, Upgrade, accept_key, origin_allowed};
pub use write::{close, encode_binary, encode_text, encode_text_into, pong};
