//! Moving GIFs: comments, notes of programs and texts are cut out, the frames and how often they are
//! repeated stay as they are.

use protocol::limits;

use super::{Cursor, Unfit, little_endian};

const REPEATS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// The picture without anything that is not picture; nothing where it does not move.
pub(super) fn without_notes(bytes: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
    let mut kept = Vec::with_capacity(bytes.len());
    let (frames, pixels) = walk(bytes, &mut kept).ok_or(Unfit::Damaged)?;
    if frames <= 1 {
        return Ok(None);
    }
    if frames > limits::IMAGE_FRAMES_MAX || pixels > limits::IMAGE_FRAMES_PIXELS_MAX {
        return Err(Unfit::Frames);
    }
    Ok(Some(kept))
}

/// Frames, and the pixels of all of them.
fn walk(bytes: &[u8], kept: &mut Vec<u8>) -> Option<(usize, u64)> {
    let mut from = Cursor(bytes);
    let head = from.take(13)?;
    kept.extend(head);
    kept.extend(from.take(colours(head[10]))?);
    let (mut frames, mut pixels) = (0, 0);
    loop {
        match from.byte()? {
            0x3b => {
                kept.push(0x3b);
                return Some((frames, pixels));
            }
            0x2c => {
                let head = from.take(9)?;
                kept.push(0x2c);
                kept.extend(head);
                kept.extend(from.take(colours(head[8]))?);
                kept.push(from.byte()?);
                kept.extend(blocks(&mut from)?);
                frames += 1;
                pixels += little_endian(&head[4..6]) * little_endian(&head[6..8]);
            }
            0x21 => {
                let label = from.byte()?;
                let content = blocks(&mut from)?;
                let repeats = REPEATS.iter().any(|it| content.get(1..12) == Some(*it));
                // How a frame is shown, and how often all of them are.
                if label == 0xf9 || (label == 0xff && repeats && content.len() == 17) {
                    kept.extend([0x21, label]);
                    kept.extend(content);
                }
            }
            _ => return None,
        }
    }
}

/// Bytes of the table of colours that these flags tell of.
const fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// Blocks up to the empty one, with their lengths.
fn blocks<'a>(from: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let start = from.0;
    loop {
        let length = from.byte()?;
        from.take(usize::from(length))?;
        if length == 0 {
            return Some(&start[..start.len() - from.0.len()]);
        }
    }
}
