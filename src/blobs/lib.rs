//! What people upload, made fit to keep, and the folder that keeps it.
//!
//! [`kind`] says what bytes are, whatever their name says; [`picture`] makes a picture fit (decoded within
//! limits, turned upright, encoded anew so that nothing but the picture is left), [`voice`] a voice note;
//! [`shelf`] is the folder, where each content lies once under its SHA-256. Everything here blocks: call
//! it where that is fine. It holds no SQL, asks no clock and opens no socket.

mod gif;
pub mod kind;
mod mp4;
mod ogg;
pub mod picture;
pub mod shelf;
pub mod voice;
mod webm;
mod webp;

pub use kind::{Found, find};
pub use picture::{Picture, fit_image};
pub use shelf::{FOLDER, Held, Shelf, ShelfError, id_of, name_of};
pub use voice::{Voice, fit_voice};

/// Why bytes are not taken. The words are for the person who uploaded them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("this is no picture or voice note that is taken here")]
    Kind,
    #[error("this cannot be read: it is damaged, or not what it says")]
    Damaged,
    #[error("this has too many pixels")]
    Pixels,
    #[error("this has too many frames")]
    Frames,
    #[error("this is longer than a voice note may be")]
    Length,
}

/// Bytes that are read one part after the other. Every read is within them, or `None`.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(n)?;
        self.0 = left;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|it| it[0])
    }
}

/// A number of up to eight bytes, the highest first.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, it| (n << 8) | u64::from(*it))
}

/// The same, the lowest first.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |n, it| (n << 8) | u64::from(*it))
}
