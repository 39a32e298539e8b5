//! The dependency descriptor (AV1 RTP, appendix A): what a picture's packets say of the pictures that it
//! needs, in a header extension. Decoders of a picture in layers within one stream (SVC) need it. It is kept
//! and sent as it came, all but the number of its picture: that runs on over all who publish, because a
//! browser takes no keyframe that is numbered lower than the one before.

use std::ops::Range;

use bytes::Bytes;

use crate::{Kept, View, extension};

/// What every descriptor has: where its picture begins and ends, its template, and the number of its picture.
pub(crate) const DESCRIPTOR_BYTES_MIN: usize = 3;
/// Where in it the number lies.
const NUMBER: Range<usize> = 1..3;

/// What of a kept packet is its descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    /// So many bytes in front; 0 where it has none.
    bytes: u8,
    /// Added to the number of its picture.
    shift: u16,
}

impl Described {
    pub(crate) const fn is_some(self) -> bool {
        self.bytes > 0
    }
}

/// How a track's pictures are numbered.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// A publisher begins: its first number goes on after the newest.
    begins: bool,
    shift: u16,
    /// As it is sent.
    newest: Option<u16>,
}

impl Numbers {
    /// Another publisher begins, or the same one anew.
    pub(crate) const fn begin(&mut self) {
        self.begins = true;
    }

    /// What of a packet is kept: all from its descriptor on, or where it has none its payload alone. One that
    /// is too short to be one is none.
    pub(crate) fn take(
        &mut self,
        id: Option<u8>,
        packet: &Bytes,
        view: &View,
    ) -> (Described, Bytes) {
        let at = id.and_then(|id| extension::find(packet, view, id));
        let at = at.filter(|at| at.len() >= DESCRIPTOR_BYTES_MIN);
        let Some(at) = at.filter(|at| view.payload.start - at.start <= usize::from(u16::MAX))
        else {
            return (Described::default(), packet.slice(view.payload.clone()));
        };
        let number = number_of(&packet[at.clone()]);
        if std::mem::take(&mut self.begins)
            && let Some(newest) = self.newest
        {
            self.shift = newest.wrapping_add(1).wrapping_sub(number);
        }
        let number = number.wrapping_add(self.shift);
        // What comes late is older, and less than half of all numbers behind.
        let is_newer = |newest: u16| number.wrapping_sub(newest) < 1 << 15;
        if self.newest.is_none_or(is_newer) {
            self.newest = Some(number);
        }
        let described = Described {
            bytes: at.len() as u8,
            shift: self.shift,
        };
        (described, packet.slice(at.start..view.payload.end))
    }
}

/// The number of a described packet's picture, as it is sent.
pub(crate) fn number(kept: &Kept) -> [u8; 2] {
    let number = number_of(content(kept));
    number.wrapping_add(kept.described.shift).to_be_bytes()
}

/// A described packet's descriptor, with this number.
pub(crate) fn parts<'a>(kept: &'a Kept, number: &'a [u8; 2]) -> [&'a [u8]; 3] {
    let content = content(kept);
    [&content[..NUMBER.start], number, &content[NUMBER.end..]]
}

fn content(kept: &Kept) -> &[u8] {
    &kept.bytes[..usize::from(kept.described.bytes)]
}

/// INVARIANT: a descriptor has at least [`DESCRIPTOR_BYTES_MIN`].
fn number_of(descriptor: &[u8]) -> u16 {
    u16::from_be_bytes([descriptor[NUMBER.start], descriptor[NUMBER.start + 1]])
}
