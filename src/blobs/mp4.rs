//! MP4 with one track of sound: how long it is, and its notes made void.

use super::{Cursor, big_endian};

#[derive(Default)]
struct Seen {
    tracks: usize,
    is_sound: bool,
    has_codec: bool,
    /// Ticks a second of the track.
    scale: u64,
    ticks: u64,
    /// Of a fragment's samples, where they do not say.
    each: u64,
    void: Vec<usize>,
}

/// How long it is in ms; nothing where it is not what it says.
pub(super) fn fit(bytes: &mut [u8]) -> Option<u64> {
    let mut seen = Seen::default();
    walk(bytes, 0, bytes.len(), 0, &mut seen)?;
    if seen.tracks != 1 || !seen.is_sound || !seen.has_codec || seen.scale == 0 {
        return None;
    }
    for at in seen.void {
        let length = usize::try_from(big_endian(&bytes[at..at + 4])).ok()?;
        bytes[at + 4..at + 8].copy_from_slice(b"free");
        bytes[at + 8..at + length].fill(0);
    }
    Some(seen.ticks.checked_mul(1_000)? / seen.scale)
}

fn walk(bytes: &[u8], from: usize, to: usize, depth: u8, seen: &mut Seen) -> Option<()> {
    let mut at = from;
    while at < to {
        let mut head = Cursor(bytes.get(at..to)?);
        let length = big_endian(head.take(4)?);
        let kind: &[u8; 4] = head.take(4)?.try_into().ok()?;
        let (skip, length) = match length {
            0 if depth == 0 => (8, (to - at) as u64),
            1 => (16, big_endian(head.take(8)?)),
            n => (8, n),
        };
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        let start = at + skip;
        if end > to || start > end {
            return None;
        }
        let content = &bytes[start..end];
        match kind {
            b"moov" | b"mdia" | b"minf" | b"stbl" | b"mvex" | b"moof" | b"traf" => {
                // INVARIANT: eight levels at most, whatever the bytes say.
                if depth >= 8 {
                    return None;
                }
                walk(bytes, start, end, depth + 1, seen)?;
            }
            b"trak" => {
                seen.tracks += 1;
                walk(bytes, start, end, depth + 1, seen)?;
            }
            // Notes: of people, places and programs.
            b"udta" | b"meta" | b"uuid" | b"skip" if skip == 8 => seen.void.push(at),
            b"udta" | b"meta" | b"uuid" => return None,
            b"hdlr" => seen.is_sound |= content.get(8..12)? == b"soun",
            b"stsd" => seen.has_codec = matches!(content.get(12..16)?, b"mp4a" | b"Opus"),
            b"mdhd" => {
                let wide = *content.first()? == 1;
                let at = if wide { 20 } else { 12 };
                seen.scale = big_endian(content.get(at..at + 4)?);
            }
            b"stts" => seen.ticks += times(content)?,
            b"trex" => seen.each = big_endian(content.get(12..16)?),
            b"tfhd" => {
                if let Some(each) = default_duration(content)? {
                    seen.each = each;
                }
            }
            b"trun" => seen.ticks += run(content, seen.each)?,
            _ => {}
        }
        at = end;
    }
    Some(())
}

/// All samples of a table of times.
fn times(content: &[u8]) -> Option<u64> {
    let mut from = Cursor(content);
    from.take(4)?;
    let count = big_endian(from.take(4)?);
    let mut ticks = 0_u64;
    for _ in 0..count {
        let samples = big_endian(from.take(4)?);
        ticks = ticks.checked_add(samples.checked_mul(big_endian(from.take(4)?))?)?;
    }
    Some(ticks)
}

fn default_duration(content: &[u8]) -> Option<Option<u64>> {
    let mut from = Cursor(content);
    let flags = big_endian(from.take(4)?) & 0xff_ffff;
    from.take(4)?;
    if flags & 0x1 != 0 {
        from.take(8)?;
    }
    if flags & 0x2 != 0 {
        from.take(4)?;
    }
    if flags & 0x8 == 0 {
        return Some(None);
    }
    Some(Some(big_endian(from.take(4)?)))
}

/// The samples of a fragment.
fn run(content: &[u8], each: u64) -> Option<u64> {
    let mut from = Cursor(content);
    let flags = big_endian(from.take(4)?) & 0xff_ffff;
    let count = big_endian(from.take(4)?);
    for flag in [0x1, 0x4] {
        if flags & flag != 0 {
            from.take(4)?;
        }
    }
    if flags & 0x100 == 0 {
        return count.checked_mul(each);
    }
    let others = [0x200, 0x400, 0x800]
        .iter()
        .filter(|it| flags & **it != 0)
        .count();
    let mut ticks = 0_u64;
    for _ in 0..count {
        ticks = ticks.checked_add(big_endian(from.take(4)?))?;
        from.take(4 * others)?;
    }
    Some(ticks)
}
