//! Ogg with one stream of Opus: how long it is, and its comments taken out.

use super::{Cursor, little_endian};

/// Comments without any, by nobody.
const NO_TAGS: &[u8] = b"OpusTags\0\0\0\0\0\0\0\0";
const SAMPLES_PER_MS: u64 = 48;

/// How long it is in ms; nothing where it is not what it says.
pub(super) fn fit(bytes: &mut Vec<u8>) -> Option<u64> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = Cursor(bytes);
    let (mut serial, mut pages, mut skipped, mut last) = (None, 0_u32, 0, 0);
    let mut in_tags = false;
    while !from.0.is_empty() {
        let head = from.take(27)?;
        let lacing = from.take(usize::from(head[26]))?;
        let content = from.take(lacing.iter().map(|it| usize::from(*it)).sum())?;
        if &head[..5] != b"OggS\0" || *serial.get_or_insert(&head[14..18]) != &head[14..18] {
            return None;
        }
        pages += 1;
        match pages {
            1 => {
                if !content.starts_with(b"OpusHead") || content.len() < 19 {
                    return None;
                }
                skipped = little_endian(&content[10..12]);
                kept.extend(page(head, 0, lacing, content));
            }
            2 => {
                if !content.starts_with(b"OpusTags") {
                    return None;
                }
                // They may fill several pages; the last one ends below 255.
                in_tags = *lacing.last()? == 255;
                kept.extend(page(head, 1, &[NO_TAGS.len() as u8], NO_TAGS));
            }
            _ if in_tags => {
                // Sound begins on a page of its own.
                if lacing.iter().rev().skip(1).any(|it| *it < 255) {
                    return None;
                }
                in_tags = *lacing.last()? == 255;
                pages -= 1;
            }
            _ => {
                let at = little_endian(&head[6..14]);
                if at != u64::MAX {
                    last = last.max(at);
                }
                kept.extend(page(head, pages - 1, lacing, content));
            }
        }
    }
    *bytes = kept;
    Some(last.checked_sub(skipped)? / SAMPLES_PER_MS)
}

/// A page with its number and its sum anew.
fn page(head: &[u8], number: u32, lacing: &[u8], content: &[u8]) -> Vec<u8> {
    let mut page = head.to_vec();
    page[18..22].copy_from_slice(&number.to_le_bytes());
    page[22..26].fill(0);
    page[26] = lacing.len() as u8;
    page.extend(lacing);
    page.extend(content);
    let sum = sum(&page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// Ogg's CRC: polynomial 0x04c11db7, not reflected, from 0.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0_u32, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}
