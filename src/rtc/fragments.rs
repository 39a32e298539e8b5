//! The fragments that a DTLS handshake comes in (RFC 6347 §4.2), looked at before the library sees
//! them: few and fit they must be.
//!
//! The library puts a message together by calling itself once for each fragment, without a bound on
//! their number: whoever sent tens of thousands of crumbs of a message ended the process, by the end
//! of its stack. Nothing here is kept but a count.

use std::mem;

use bytes::{BufMut as _, BytesMut};

/// Bytes of a message of a handshake: a chain of RSA certificates is about 5,000. What says
/// that it is larger is dropped.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// Fragments of one peer's handshake, with everything that it repeats: about six when nothing is
/// lost. Those after it are dropped, and a handshake that needs them ends by its deadline.
pub(crate) const FRAGMENTS_MAX: u16 = 256;

/// RFC 6347 §4.1: type, version, epoch, sequence number, length.
pub(crate) const RECORD_HEADER: usize = 13;
/// RFC 6347 §4.2.2: type, length, sequence number, offset and length of the fragment.
pub(crate) const HANDSHAKE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;

/// How many fragments a peer has left.
#[derive(Debug)]
pub(crate) struct Budget(u16);

impl Default for Budget {
    fn default() -> Self {
        Self(FRAGMENTS_MAX)
    }
}

impl Budget {
    /// The fragments of a datagram. `None` when they are unfit, or more than are left.
    pub(crate) fn spend<'a>(&mut self, datagram: &'a [u8]) -> Option<Vec<Fragment<'a>>> {
        let fragments = fragments(datagram)?;
        let count = u16::try_from(fragments.len()).ok()?;
        self.0 = self.0.checked_sub(count)?;
        Some(fragments)
    }
}

/// A part of a handshake message, as it came in a record that is not encrypted.
pub(crate) struct Fragment<'a> {
    record: &'a [u8],
    pub(crate) kind: u8,
    /// Of the whole message.
    pub(crate) length: usize,
    pub(crate) sequence: u16,
    pub(crate) offset: usize,
    pub(crate) body: &'a [u8],
}

impl Fragment<'_> {
    /// The whole message as if it had come in the record of this fragment.
    pub(crate) fn whole(&self, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::with_capacity(RECORD_HEADER + HANDSHAKE_HEADER + body.len());
        out.put_slice(&self.record[..RECORD_HEADER - 2]);
        out.put_uint((HANDSHAKE_HEADER + body.len()) as u64, 2);
        out.put_u8(self.kind);
        out.put_uint(body.len() as u64, 3);
        out.put_u16(self.sequence);
        out.put_uint(0, 3);
        out.put_uint(body.len() as u64, 3);
        out.put_slice(body);
        out
    }
}

/// A message that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    body: Vec<u8>,
    here: Vec<bool>,
    missing: usize,
}

impl Pieces {
    /// True when everything is there. A fragment of a message of another length begins anew.
    pub(crate) fn take(&mut self, fragment: &Fragment<'_>) -> bool {
        if self.body.len() != fragment.length {
            *self = Self {
                body: vec![0; fragment.length],
                here: vec![false; fragment.length],
                missing: fragment.length,
            };
        }
        for (at, byte) in (fragment.offset..).zip(fragment.body) {
            self.body[at] = *byte;
            self.missing -= usize::from(!mem::replace(&mut self.here[at], true));
        }
        self.missing == 0
    }

    /// Bytes that it keeps.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// The records of a datagram that are whole (RFC 6347 §4.1), each with its header.
pub(crate) fn records(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = u16::from_be_bytes([*datagram.get(11)?, *datagram.get(12)?]);
        let (record, rest) = datagram.split_at_checked(RECORD_HEADER + usize::from(size))?;
        datagram = rest;
        Some(record)
    })
}

/// All fragments in the records of a datagram that are not encrypted; none of other records. `None`
/// when a length lies.
fn fragments(datagram: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let size = usize::from(u16::from_be_bytes([*rest.get(11)?, *rest.get(12)?]));
        let (record, after) = rest.split_at_checked(RECORD_HEADER + size)?;
        rest = after;
        let encrypted = record[3..5] != [0, 0];
        if record[0] != HANDSHAKE || encrypted {
            continue;
        }
        let mut body = &record[RECORD_HEADER..];
        while !body.is_empty() {
            let (fragment, after) = read(record, body)?;
            found.push(fragment);
            body = after;
        }
    }
    Some(found)
}

/// The first fragment of a record's body, and what is behind it.
fn read<'a>(record: &'a [u8], body: &'a [u8]) -> Option<(Fragment<'a>, &'a [u8])> {
    let (header, rest) = body.split_at_checked(HANDSHAKE_HEADER)?;
    let number = |at: usize| {
        let bytes = [0, header[at], header[at + 1], header[at + 2]];
        u32::from_be_bytes(bytes) as usize
    };
    let (length, offset, size) = (number(1), number(6), number(9));
    let (body, rest) = rest.split_at_checked(size)?;
    // An empty fragment brings nothing, unless its message is empty.
    let lies = offset + size > length || (size == 0 && length > 0);
    if lies || length > MESSAGE_BYTES_MAX {
        return None;
    }
    let fragment = Fragment {
        record,
        kind: header[0],
        length,
        sequence: u16::from_be_bytes([header[4], header[5]]),
        offset,
        body,
    };
    Some((fragment, rest))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record with one fragment of a message that has this kind, length and number.
    pub(crate) fn record(
        record: u64,
        (kind, length, sequence): (u8, usize, u16),
        offset: usize,
        body: &[u8],
    ) -> Vec<u8> {
        let mut out = BytesMut::new();
        out.put_slice(&[HANDSHAKE, 0xfe, 0xff, 0, 0]);
        out.put_uint(record, 6);
        out.put_u16((HANDSHAKE_HEADER + body.len()) as u16);
        out.put_u8(kind);
        out.put_uint(length as u64, 3);
        out.put_u16(sequence);
        out.put_uint(offset as u64, 3);
        out.put_uint(body.len() as u64, 3);
        out.put_slice(body);
        out.to_vec()
    }

    fn fits(datagram: &[u8]) -> bool {
        Budget::default().spend(datagram).is_some()
    }

    #[test]
    fn a_length_that_lies_is_unfit() {
        let good = record(0, (1, 50, 0), 10, &[7; 40]);
        assert!(fits(&good));
        for size in 1..good.len() {
            assert!(!fits(&good[..size]), "{size} bytes");
        }
        assert!(
            !fits(&record(0, (1, 10, 0), 8, &[0; 3])),
            "beyond its message"
        );
        assert!(!fits(&record(0, (1, 10, 0), 8, &[])), "of nothing");
        assert!(fits(&record(0, (14, 0, 0), 0, &[])), "an empty message");
    }

    #[test]
    fn a_message_has_a_largest_size() {
        assert!(fits(&record(0, (11, MESSAGE_BYTES_MAX, 2), 0, &[0; 100])));
        assert!(!fits(&record(
            0,
            (11, MESSAGE_BYTES_MAX + 1, 2),
            0,
            &[0; 100]
        )));
    }

    #[test]
    fn a_handshake_has_a_largest_number_of_fragments() {
        let one = record(0, (1, 50, 0), 0, &[7; 50]);
        let mut budget = Budget::default();
        for _ in 0..FRAGMENTS_MAX - 1 {
            assert!(budget.spend(&one).is_some());
        }
        assert!(budget.spend(&[one.clone(), one.clone()].concat()).is_none());
        assert!(
            budget.spend(&one).is_some(),
            "what was unfit is not counted"
        );
        assert!(budget.spend(&one).is_none());
        // Of other records, and of those that are encrypted, the library makes no fragments.
        let goodbye = [21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
        assert!(budget.spend(&goodbye).is_some());
        let mut encrypted = one;
        encrypted[4] = 1;
        assert!(budget.spend(&encrypted).is_some());
    }
}
