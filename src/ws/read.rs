//! What a client sends, as events.
//!
//! The caller reads into a buffer that all its connections share and hands each read to
//! [`Reader::feed`], which unmasks in place and keeps only what a frame still lacks: a connection
//! between messages owns a few bytes here and no buffer. Memory is bounded by one message
//! ([`limits::SIGNALLING_BYTES_MAX`]) and one control frame.

use protocol::{CloseCode, limits};
use thiserror::Error;

/// One thing a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Text(&'a str),
    /// To be answered by [`crate::pong`] with the same bytes.
    Ping(&'a [u8]),
    Pong,
    /// The client says goodbye, with its code if it gave one. Nothing follows.
    Close(Option<u16>),
}

/// Why a client is no longer listened to. The connection is closed with [`Fault::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("a frame breaks the WebSocket protocol")]
    Protocol,
    #[error("only text is spoken here")]
    Binary,
    #[error("a text is not UTF-8")]
    Utf8,
    #[error("a message is too long")]
    TooBig,
}

impl Fault {
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::ProtocolError,
            Self::Binary => CloseCode::Unsupported,
            Self::Utf8 => CloseCode::BadUtf8,
            Self::TooBig => CloseCode::TooBig,
        }
    }
}

/// The state between two reads of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    partial: Option<Box<Partial>>,
    over: bool,
}

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what was read and tells each event, in order. After a fault or a goodbye the rest
    /// is ignored, now and later.
    pub fn feed(
        &mut self,
        bytes: &mut [u8],
        mut event: impl FnMut(Event<'_>),
    ) -> Result<(), Fault> {
        let _ = (&mut self.partial, self.over, bytes, &mut event, limits::SIGNALLING_BYTES_MAX);
        Ok(())
    }

    /// Whether the client said goodbye or broke the rules.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes kept for a frame or message that is not complete. 0 between messages.
    pub fn held_bytes(&self) -> usize {
        0
    }
}

#[derive(Debug, Default)]
struct Partial {}
