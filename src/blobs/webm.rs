//! WebM with one track of Opus: how long it is, and its notes made void.

use super::{Cursor, big_endian};

const HEADER: u32 = 0x1a45_dfa3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const SCALE: u32 = 0x002a_d7b1;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const CODEC: u32 = 0x86;
const CLUSTER: u32 = 0x1f43_b675;
const CLUSTER_TIME: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const VOID: u8 = 0xec;
/// Titles, tags, attached files, chapters, names of files: nothing of the sound.
const NOTES: [u32; 9] = [
    0x7ba9,
    0x1254_c367,
    0x1941_a469,
    0x1043_a770,
    0x7384,
    0x536e,
    0x0022_b59c,
    0x4461,
    0x0025_8688,
];
/// One frame of Opus, as browsers record it.
const LAST_FRAME_MS: u64 = 20;

#[derive(Default)]
struct Seen {
    /// Nanoseconds of one tick.
    scale: u64,
    tracks: usize,
    cluster: u64,
    last: Option<u64>,
    is_webm: bool,
    is_opus: bool,
    /// Where notes stand.
    void: Vec<(usize, usize)>,
}

/// How long it is in ms; nothing where it is not what it says.
pub(super) fn fit(bytes: &mut [u8]) -> Option<u64> {
    let mut seen = Seen {
        scale: 1_000_000,
        ..Seen::default()
    };
    walk(bytes, 0, bytes.len(), 0, &mut seen)?;
    if !seen.is_webm || !seen.is_opus || seen.tracks != 1 {
        return None;
    }
    for (from, to) in std::mem::take(&mut seen.void) {
        make_void(&mut bytes[from..to])?;
    }
    let ticks = seen.last?;
    Some(ticks.checked_mul(seen.scale)? / 1_000_000 + LAST_FRAME_MS)
}

fn walk(bytes: &[u8], from: usize, to: usize, depth: u8, seen: &mut Seen) -> Option<()> {
    let mut at = from;
    while at < to {
        let mut cursor = Cursor(bytes.get(at..to)?);
        let id = id(&mut cursor)?;
        let size = size(&mut cursor)?;
        let start = to - cursor.0.len();
        // A stream that is recorded says "unknown": up to the end of what it stands in, or for a
        // cluster, up to the next.
        let end = match size {
            Some(n) => start.checked_add(usize::try_from(n).ok()?)?,
            None if id == SEGMENT => to,
            None if id == CLUSTER => next_cluster(bytes, start, to),
            None => return None,
        };
        if end > to {
            return None;
        }
        let content = &bytes[start..end];
        match id {
            HEADER | SEGMENT | INFO | TRACKS | CLUSTER | GROUP => {
                // INVARIANT: six levels at most, whatever the bytes say.
                if depth >= 6 {
                    return None;
                }
                walk(bytes, start, end, depth + 1, seen)?;
            }
            TRACK => {
                seen.tracks += 1;
                walk(bytes, start, end, depth + 1, seen)?;
            }
            DOC_TYPE => seen.is_webm = content == b"webm",
            CODEC => seen.is_opus = content == b"A_OPUS",
            SCALE => seen.scale = number(content)?.clamp(1, 1_000_000_000),
            CLUSTER_TIME => seen.cluster = number(content)?,
            SIMPLE_BLOCK | BLOCK => {
                let mut block = Cursor(content);
                size_of(&mut block)?;
                let time = i16::from_be_bytes(block.take(2)?.try_into().ok()?);
                let at = seen.cluster.checked_add_signed(i64::from(time))?;
                seen.last = seen.last.max(Some(at));
            }
            id if NOTES.contains(&id) => seen.void.push((at, end)),
            _ => {}
        }
        at = end;
    }
    Some(())
}

/// Makes an element one that means nothing, of the same length.
fn make_void(element: &mut [u8]) -> Option<()> {
    let length = element.len();
    if length < 2 {
        return None;
    }
    element.fill(0);
    element[0] = VOID;
    if length < 9 + 1 {
        element[1] = 0x80 | u8::try_from(length - 2).ok()?;
    } else {
        let content = (length as u64 - 9) | (1 << 56);
        element[1..9].copy_from_slice(&content.to_be_bytes());
    }
    Some(())
}

fn next_cluster(bytes: &[u8], from: usize, to: usize) -> usize {
    let name = CLUSTER.to_be_bytes();
    let found = bytes[from..to].windows(4).position(|it| it == name);
    found.map_or(to, |it| from + it)
}

fn id(from: &mut Cursor<'_>) -> Option<u32> {
    let first = *from.0.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 4 {
        return None;
    }
    u32::try_from(big_endian(from.take(length)?)).ok()
}

/// `Some(None)` is "unknown".
fn size(from: &mut Cursor<'_>) -> Option<Option<u64>> {
    let (value, length) = size_of(from)?;
    let unknown = (1 << (7 * length)) - 1;
    Some((value != unknown).then_some(value))
}

fn size_of(from: &mut Cursor<'_>) -> Option<(u64, usize)> {
    let first = *from.0.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let bytes = from.take(length)?;
    Some((big_endian(bytes) & ((1 << (7 * length)) - 1), length))
}

fn number(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| big_endian(content))
}
