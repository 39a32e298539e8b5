//! Frames made small: raw deflate (RFC 1951) behind a dictionary that both sides have from the start.
//!
//! Each frame is deflated by itself, so the same bytes serve every viewer who asked for it, whenever
//! they came. [`Deflater`] is the server's side, [`Inflater`] a client's, which never makes more of a
//! message than [`limits::INFLATED_BYTES_MAX`]. What the bytes mean is not known here.

use protocol::limits;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// Dictionary number [`limits::DICTIONARY`]: common words of a live room, then the bones of our frames,
/// the commonest last, where they are nearest. It is part of the protocol: another one is another
/// number.
pub const DICTIONARY: &[u8] = include_bytes!("dictionary-1.txt");

/// Level 1 is within a tenth of level 6 in bytes for less than half of its time; see
/// `docs/decisions/0011-the-bytes-of-a-frame.md`.
const LEVEL: i32 = 1;
/// Matches reach back 32 KiB: a page of the history is longer than that.
const WINDOW_BITS: u8 = 15;

/// Makes frames small. Holds 270 KB, so there is one for a thread and none for a connection.
pub struct Deflater {
    state: Deflate,
    out: Vec<u8>,
}

impl Deflater {
    #[expect(
        clippy::new_without_default,
        reason = "it is large: whoever makes one says so"
    )]
    pub fn new() -> Self {
        Self {
            state: Deflate::new(LEVEL, false, WINDOW_BITS),
            out: Vec::new(),
        }
    }

    /// The bytes of a frame's text, deflated; nothing where the text goes as it is: it is too short to
    /// gain by it, longer than a client would make of it, or not any smaller.
    pub fn deflate(&mut self, text: &[u8]) -> Option<&[u8]> {
        if !(limits::DEFLATED_BYTES_MIN..=limits::INFLATED_BYTES_MAX).contains(&text.len()) {
            return None;
        }
        self.state.reset();
        self.state.set_dictionary(DICTIONARY).ok()?;
        // What does not fit into one byte less than the text is not worth sending.
        self.out.resize(text.len() - 1, 0);
        let status = self
            .state
            .compress(text, &mut self.out, DeflateFlush::Finish);
        if !matches!(status, Ok(Status::StreamEnd)) {
            return None;
        }
        let length = usize::try_from(self.state.total_out()).ok()?;
        Some(&self.out[..length])
    }
}

/// Why a message is nothing that a server of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it is not deflated, or by another dictionary")]
    Broken,
    #[error("it is more than {} bytes", limits::INFLATED_BYTES_MAX)]
    TooLarge,
}

/// Makes the texts again. One for a thread: it has room for the longest text there may be, and a byte.
pub struct Inflater {
    state: Inflate,
    text: Vec<u8>,
}

impl Inflater {
    #[expect(
        clippy::new_without_default,
        reason = "it is large: whoever makes one says so"
    )]
    pub fn new() -> Self {
        Self {
            state: Inflate::new(false, WINDOW_BITS),
            text: vec![0; limits::INFLATED_BYTES_MAX + 1],
        }
    }

    /// The text of one message.
    pub fn inflate(&mut self, message: &[u8]) -> Result<&[u8], Unfit> {
        let Self { state, text } = self;
        state.reset(false);
        state
            .set_dictionary(DICTIONARY)
            .map_err(|_| Unfit::Broken)?;
        let status = state
            .decompress(message, text, InflateFlush::Finish)
            .map_err(|_| Unfit::Broken)?;
        let length = usize::try_from(state.total_out()).map_err(|_| Unfit::TooLarge)?;
        if length > limits::INFLATED_BYTES_MAX {
            return Err(Unfit::TooLarge);
        }
        let is_all = usize::try_from(state.total_in()).is_ok_and(|it| it == message.len());
        if status != Status::StreamEnd || !is_all {
            return Err(Unfit::Broken);
        }
        Ok(&text[..length])
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
