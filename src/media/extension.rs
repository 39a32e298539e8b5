//! Extensions of an RTP header (RFC 8285): one is found where it lies, and a block of some is written. What is in
//! it is nobody's business here.

use std::ops::Range;

use crate::View;

/// What an extension may be called in the form with headers of one byte (§4.2).
const ONE_BYTE_IDS: Range<u8> = 1..15;
/// How long it may be there; an empty one cannot be said.
const ONE_BYTE_MAX: usize = 16;
/// The form with headers of two bytes (§4.3) says no more.
pub(crate) const EXTENSION_BYTES_MAX: usize = 255;
const ONE_BYTE: u16 = 0xbede;
/// The lowest four bits are the application's.
const TWO_BYTES: u16 = 0x1000;
/// The form and the length in words.
const HEAD_BYTES: usize = 4;

/// Where the content of the extension with this number lies in a packet. The first one counts.
pub(crate) fn find(packet: &[u8], view: &View, id: u8) -> Option<Range<usize>> {
    let block = packet.get(view.extensions.clone())?;
    let (head, rest) = block.split_first_chunk::<HEAD_BYTES>()?;
    let form = u16::from_be_bytes([head[0], head[1]]);
    let has_one_byte = form == ONE_BYTE;
    if !has_one_byte && form & 0xfff0 != TWO_BYTES {
        return None;
    }
    let mut at = 0;
    while at < rest.len() {
        let first = rest[at];
        at += 1;
        // Padding may stand between extensions, too.
        if first == 0 {
            continue;
        }
        let (is, length) = match has_one_byte {
            // What follows the number 15 is not to be looked at (§4.2).
            true if first >> 4 == 15 => return None,
            true => (first >> 4, usize::from(first & 0x0f) + 1),
            false => {
                let length = usize::from(*rest.get(at)?);
                at += 1;
                (first, length)
            }
        };
        let content = at..at + length;
        rest.get(content.clone())?;
        if is == id {
            let start = view.extensions.start + HEAD_BYTES;
            return Some(start + content.start..start + content.end);
        }
        at = content.end;
    }
    None
}

/// One that is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) id: u8,
    /// What is in it, one after the other.
    pub(crate) parts: [&'a [u8]; 3],
}

impl Element<'_> {
    fn length(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn is_short(&self) -> bool {
        ONE_BYTE_IDS.contains(&self.id) && (1..=ONE_BYTE_MAX).contains(&self.length())
    }
}

/// Writes a block of these extensions; how many bytes that were. Which of the two forms it has, their numbers and
/// lengths alone decide.
pub(crate) fn write<'a>(all: impl Iterator<Item = Element<'a>> + Clone, out: &mut Vec<u8>) -> u16 {
    let start = out.len();
    let is_short = all.clone().all(|it| it.is_short());
    let (form, header) = if is_short {
        (ONE_BYTE, 1)
    } else {
        (TWO_BYTES, 2)
    };
    let bytes: usize = all.clone().map(|it| header + it.length()).sum();
    let words = bytes.div_ceil(4);
    out.extend(form.to_be_bytes());
    out.extend((words as u16).to_be_bytes());
    for it in all {
        let length = it.length();
        debug_assert!(
            length <= EXTENSION_BYTES_MAX,
            "it is bounded where it is taken in"
        );
        if is_short {
            out.push(it.id << 4 | (length - 1) as u8);
        } else {
            out.extend([it.id, length as u8]);
        }
        for part in it.parts {
            out.extend_from_slice(part);
        }
    }
    let bytes = HEAD_BYTES + 4 * words;
    out.resize(start + bytes, 0);
    bytes as u16
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// A packet with this block of extensions and a payload of two bytes.
    fn packet(block: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 96, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3];
        packet.extend(block);
        packet.extend([0xaa, 0xbb]);
        packet
    }

    fn found(block: &[u8], id: u8) -> Option<Vec<u8>> {
        let packet = packet(block);
        let view = View::parse(&packet).unwrap();
        find(&packet, &view, id).map(|at| packet[at].to_vec())
    }

    fn written(id: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let (first, second) = content.split_at(content.len() / 2);
        let parts = [first, &[], second];
        let one = [Element { id, parts }];
        assert_eq!(usize::from(write(one.into_iter(), &mut out)), out.len());
        out
    }

    #[test]
    fn one_is_found_among_others_in_both_forms() {
        let short = [
            0xbe, 0xde, 0, 3, 0x31, 1, 2, 0, 0, 0x50, 9, 0xc2, 7, 8, 9, 0,
        ];
        assert_eq!(found(&short, 3), Some(vec![1, 2]));
        assert_eq!(found(&short, 5), Some(vec![9]));
        assert_eq!(found(&short, 12), Some(vec![7, 8, 9]));
        assert_eq!(found(&short, 4), None);
        let long = [0x10, 0, 0, 3, 3, 0, 0, 200, 2, 1, 2, 5, 1, 4, 0, 0];
        assert_eq!(found(&long, 3), Some(vec![]));
        assert_eq!(found(&long, 200), Some(vec![1, 2]));
        assert_eq!(found(&long, 5), Some(vec![4]));
    }

    #[test]
    fn what_is_not_whole_or_of_another_form_is_nothing() {
        assert_eq!(found(&[0xbe, 0xde, 0, 1, 0x3f, 1, 2, 3], 3), None);
        assert_eq!(found(&[0x10, 0, 0, 1, 3, 3, 1, 2], 3), None);
        assert_eq!(found(&[0x10, 0, 0, 1, 0, 0, 0, 3], 3), None);
        assert_eq!(found(&[0xbe, 0xde, 0, 1, 0xf0, 0x30, 1, 0], 3), None);
        assert_eq!(found(&[0xab, 0xcd, 0, 1, 0x30, 1, 0, 0], 3), None);
        assert_eq!(found(&[0xbe, 0xde, 0, 0], 3), None);
        let mut without = packet(&[]);
        without[0] = 0x80;
        let view = View::parse(&without).unwrap();
        assert_eq!(find(&without, &view, 3), None);
    }

    #[test]
    fn the_short_form_is_taken_where_it_can_say_it() {
        assert_eq!(written(12, &[7, 8, 9]), [0xbe, 0xde, 0, 1, 0xc2, 7, 8, 9]);
        assert_eq!(written(1, &[7; 16])[..5], [0xbe, 0xde, 0, 5, 0x1f]);
        assert_eq!(written(1, &[7; 17])[..6], [0x10, 0, 0, 5, 1, 17]);
        assert_eq!(written(15, &[7])[..7], [0x10, 0, 0, 1, 15, 1, 7]);
        assert_eq!(written(255, &[7; 255])[..6], [0x10, 0, 0, 65, 255, 255]);
    }

    #[test]
    fn no_bytes_make_it_panic_and_what_is_written_is_found() {
        let mut found_any = 0;
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut content = vec![0; rng.random_range(0..=EXTENSION_BYTES_MAX)];
            rng.fill_bytes(&mut content);
            let id = rng.random_range(1..=255);
            let block = written(id, &content);
            assert_eq!(found(&block, id).as_ref(), Some(&content), "seed {seed}");

            let mut bytes = packet(&block);
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            if rng.random_bool(0.5) {
                bytes.truncate(rng.random_range(0..=bytes.len()));
            }
            let Some(view) = View::parse(&bytes) else {
                continue;
            };
            if let Some(at) = find(&bytes, &view, id) {
                found_any += 1;
                assert!(at.start >= view.extensions.start, "seed {seed}");
                assert!(at.end <= view.extensions.end, "seed {seed}");
                assert!(at.len() <= EXTENSION_BYTES_MAX, "seed {seed}");
            }
        }
        assert!(
            found_any > 1_000,
            "only {found_any} were found: this proves little"
        );
    }
}
