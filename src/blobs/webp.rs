//! Moving WebPs: what is not picture (EXIF, XMP, a colour profile, anything unknown) is cut out.

use protocol::limits;

use super::{Cursor, Unfit, little_endian};

const MOVES: u8 = 0x02;
const HOLES: u8 = 0x10;

/// The picture without anything that is not picture; nothing where it does not move.
pub(super) fn without_notes(bytes: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
    let mut from = Cursor(bytes);
    let _riff = from.take(12).ok_or(Unfit::Damaged)?;
    let (kind, head) = chunk(&mut from).ok_or(Unfit::Damaged)?;
    if kind != b"VP8X" || head.len() != 10 || head[0] & MOVES == 0 {
        return Ok(None);
    }
    let mut kept = b"WEBP".to_vec();
    let mut told = head.to_vec();
    told[0] &= MOVES | HOLES;
    put(&mut kept, b"VP8X", &told);
    let (mut frames, mut pixels) = (0, 0);
    while !from.0.is_empty() {
        let (kind, content) = chunk(&mut from).ok_or(Unfit::Damaged)?;
        match kind {
            b"ANIM" => put(&mut kept, kind, content),
            b"ANMF" => {
                let (content, size) = frame(content).ok_or(Unfit::Damaged)?;
                put(&mut kept, kind, &content);
                frames += 1;
                pixels += size;
            }
            _ => {}
        }
    }
    if frames == 0 {
        return Err(Unfit::Damaged);
    }
    if frames > limits::IMAGE_FRAMES_MAX || pixels > limits::IMAGE_FRAMES_PIXELS_MAX {
        return Err(Unfit::Frames);
    }
    let length = u32::try_from(kept.len()).map_err(|_| Unfit::Damaged)?;
    let mut whole = b"RIFF".to_vec();
    whole.extend(length.to_le_bytes());
    whole.extend(kept);
    Ok(Some(whole))
}

/// A frame with nothing but its picture in it, and its pixels.
fn frame(content: &[u8]) -> Option<(Vec<u8>, u64)> {
    let mut from = Cursor(content);
    let head = from.take(16)?;
    let pixels = (little_endian(&head[6..9]) + 1) * (little_endian(&head[9..12]) + 1);
    let mut kept = head.to_vec();
    while !from.0.is_empty() {
        let (kind, content) = chunk(&mut from)?;
        if matches!(kind, b"ALPH" | b"VP8 " | b"VP8L") {
            put(&mut kept, kind, content);
        }
    }
    Some((kept, pixels))
}

fn chunk<'a>(from: &mut Cursor<'a>) -> Option<(&'a [u8; 4], &'a [u8])> {
    let kind = from.take(4)?.try_into().ok()?;
    let length = usize::try_from(little_endian(from.take(4)?)).ok()?;
    let content = from.take(length)?;
    // A last byte that is missing after an odd length is forgiven, as browsers do.
    from.take(length % 2).or_else(|| from.take(0))?;
    Some((kind, content))
}

fn put(to: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    to.extend(kind);
    to.extend((content.len() as u32).to_le_bytes());
    to.extend(content);
    if !content.len().is_multiple_of(2) {
        to.push(0);
    }
}
