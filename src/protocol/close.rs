//! WebSocket close codes. 4000–4499: reconnect (after the jitter); 4500–4999: do not.

/// Why the server closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The client said goodbye, or the server is done with it.
    Normal = 1000,
    /// RFC 6455: a frame that breaks the WebSocket protocol.
    ProtocolError = 1002,
    /// RFC 6455: binary where only text is spoken.
    Unsupported = 1003,
    /// RFC 6455: a text frame that is not UTF-8.
    BadUtf8 = 1007,
    /// RFC 6455: a message over the limit.
    TooBig = 1009,
    /// The server is shutting down: come back at a random moment of the `goaway` frame's range.
    Drain = 4001,
    /// The rights of this connection changed: come back and join again.
    Forced = 4002,
    /// The socket took nothing for [`crate::limits::BLOCKED_CLOSED_AFTER`]: resume.
    Slow = 4008,
    /// Nothing was heard for [`crate::limits::DEAD_AFTER`].
    NoPong = 4009,
    /// The token is missing, wrong or revoked: sign in again.
    BadToken = 4500,
    /// The client speaks nonsense again and again.
    BadFrame = 4501,
    /// The member is banned.
    Banned = 4502,
    /// A newer connection of the same device took over.
    Replaced = 4503,
    /// The client is too old.
    Version = 4504,
}

impl CloseCode {
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Whether a client should come back by itself.
    pub const fn reconnects(self) -> bool {
        matches!(self as u16, 1001 | 4000..=4499)
    }
}
