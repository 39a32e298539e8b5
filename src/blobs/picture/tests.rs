//! Real pictures made on the spot, and what tries to pass for one.

use image::{GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::kind::find;

fn photograph(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            (x * 7 % 256) as u8,
            (y * 5 % 256) as u8,
            ((x ^ y) % 256) as u8,
        ])
    });
    jpeg(&picture.into(), 90).expect("encoded")
}

fn drawing(width: u32, height: u32, alpha: u8) -> Vec<u8> {
    let picture = RgbaImage::from_pixel(width, height, Rgba([200, 40, 30, alpha]));
    png(&picture.into()).expect("encoded")
}

fn fit(bytes: &[u8]) -> Result<Picture, Unfit> {
    fit_image(bytes, find(bytes))
}

/// What a camera writes behind the beginning: an orientation, and a place in words.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff.extend(b"GPS 22.5431N 114.0579E");
    let mut exif = b"Exif\0\0".to_vec();
    exif.extend(tiff);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|it| it == what)
}

#[test]
fn i3_a_photograph_is_turned_upright_and_loses_where_it_was_taken() {
    let bytes = with_exif(&photograph(640, 400), 6);
    assert!(holds(&bytes, b"GPS"));
    let kept = fit(&bytes).expect("fits");
    assert_eq!((kept.mime, kept.size), ("image/jpeg", (400, 640)));
    for note in [&b"GPS"[..], b"Exif"] {
        assert!(!holds(&kept.bytes, note));
    }
    let preview = kept.preview.expect("it is larger than a preview");
    let preview = image::load_from_memory(&preview).expect("a picture");
    assert_eq!(preview.dimensions(), (300, 480));
}

#[test]
fn i3_what_is_large_is_kept_smaller_and_what_is_small_has_no_preview() {
    let kept = fit(&photograph(3_000, 1_000)).expect("fits");
    assert_eq!(kept.size, (2_560, 853));
    let kept = fit(&drawing(300, 200, 255)).expect("fits");
    assert_eq!((kept.mime, kept.size), ("image/png", (300, 200)));
    assert!(kept.preview.is_none());
    let kept = fit(&drawing(600, 200, 90)).expect("fits");
    let preview = kept.preview.expect("a preview");
    assert_eq!(
        find(&preview),
        Found::Png,
        "what is behind it shines through"
    );
}

#[test]
fn i3_a_bomb_is_refused_by_its_head_alone() {
    // A PNG of 60,000 × 60,000 of one colour is some kilobytes; here even that is not there.
    let mut bomb = drawing(1, 1, 255);
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let head = bomb[12..29].to_vec();
    bomb[29..33].copy_from_slice(&crc(&head).to_be_bytes());
    assert_eq!(fit(&bomb).err(), Some(Unfit::Pixels));

    let mut bomb = photograph(16, 16);
    let frame = bomb
        .windows(2)
        .position(|it| it == [0xff, 0xc0])
        .expect("a frame");
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert!(fit(&bomb).is_err());

    let mut bomb = moving(2, b"");
    bomb[6..10].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert_eq!(fit(&bomb).err(), Some(Unfit::Pixels));
    assert_eq!(
        fit(&moving(limits::IMAGE_FRAMES_MAX + 1, b"")).err(),
        Some(Unfit::Frames)
    );
}

#[test]
fn i3_a_moving_picture_moves_on_without_its_notes() {
    let bytes = moving(3, b"taken at home");
    let kept = fit(&bytes).expect("fits");
    assert_eq!((kept.mime, kept.size), ("image/gif", (1, 1)));
    assert!(!holds(&kept.bytes, b"home"));
    assert_eq!(kept.bytes, moving(3, b""));
    let still = fit(&moving(1, b"")).expect("fits");
    assert_eq!(still.mime, "image/png");
}

#[test]
fn i2_what_is_no_picture_is_refused() {
    for bytes in [
        &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBPVP8X",
        b"\x89PNG\r\n\x1a\n<script>",
    ] {
        assert!(fit(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn no_change_of_a_picture_breaks_its_reader() {
    let pictures = [photograph(24, 16), drawing(24, 16, 90), moving(3, b"x")];
    for seed in seeds::of(300) {
        let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |n: usize| {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            (draw % n as u64) as usize
        };
        let mut bytes = pictures[next(3)].clone();
        for _ in 0..=next(8) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        bytes.truncate(bytes.len() - next(3) * next(bytes.len()) / 2);
        // Any answer is fine, and that there is one.
        let _ = fit(&bytes);
    }
}

/// A GIF of one pixel with so many frames, and a comment.
fn moving(frames: usize, comment: &[u8]) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    bytes.extend(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0");
    if !comment.is_empty() {
        bytes.extend(b"!\xfe");
        bytes.push(comment.len() as u8);
        bytes.extend(comment);
        bytes.push(0);
    }
    for _ in 0..frames {
        bytes.extend(b"!\xf9\x04\0\x0a\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0");
    }
    bytes.push(b';');
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
