//! Containers made by hand, as browsers make them, and what tries to pass for one.

use super::*;
use crate::kind::find;

fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.push(0x40 | (content.len() >> 8) as u8);
    bytes.push(content.len() as u8);
    bytes.extend(content);
    bytes
}

/// As Chromium records: a segment and clusters of unknown length.
fn webm(codec: &[u8], seconds: u32) -> Vec<u8> {
    let mut bytes = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm"));
    bytes.extend(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff");
    let app = element(b"\x4d\x80", b"Chrome");
    let title = element(b"\x7b\xa9", b"a secret title");
    let scale = element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes());
    bytes.extend(element(b"\x15\x49\xa9\x66", &[scale, title, app].concat()));
    let track = element(b"\xae", &element(b"\x86", codec));
    bytes.extend(element(b"\x16\x54\xae\x6b", &track));
    bytes.extend(element(b"\x12\x54\xc3\x67", b"PLACE 22.5431N"));
    for second in 0..seconds {
        bytes.extend(b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff");
        bytes.extend(element(b"\xe7", &(second * 1_000).to_be_bytes()));
        for frame in 0..50_u16 {
            let mut block = vec![0x81];
            block.extend((frame * 20).to_be_bytes());
            block.extend([0x80, 0xfc, 1, 2, 3]);
            bytes.extend(element(b"\xa3", &block));
        }
    }
    bytes
}

fn ogg_page(kind: u8, granule: u64, content: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(kind);
    page.extend(granule.to_le_bytes());
    page.extend(b"\x01\x02\x03\x04\0\0\0\0\0\0\0\0");
    let full = content.len() / 255;
    page.push(full as u8 + 1);
    page.extend(vec![255; full]);
    page.push((content.len() % 255) as u8);
    page.extend(content);
    page
}

fn ogg(seconds: u64) -> Vec<u8> {
    let mut bytes = ogg_page(2, 0, b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
    let tags = b"OpusTags\x05\0\0\0nobodAND A SECRET NAME";
    bytes.extend(ogg_page(0, 0, tags));
    for second in 1..=seconds {
        bytes.extend(ogg_page(0, 312 + second * 48_000, &[7; 300]));
    }
    bytes
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(content);
    bytes
}

/// As Safari records: fragments.
fn mp4(handler: &[u8; 4], seconds: u32) -> Vec<u8> {
    let mut bytes = boxed(b"ftyp", b"iso5\0\0\0\0mp41");
    let mut header = vec![0; 12];
    header.extend(48_000_u32.to_be_bytes());
    header.extend([0; 8]);
    let mut handled = vec![0; 8];
    handled.extend(handler);
    handled.extend([0; 12]);
    let mut table = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 40];
    table.extend(b"mp4a");
    table.extend([0; 32]);
    let stbl = boxed(
        b"stbl",
        &[boxed(b"stsd", &table), boxed(b"stts", &[0; 8])].concat(),
    );
    let mdia = [
        boxed(b"mdhd", &header),
        boxed(b"hdlr", &handled),
        boxed(b"minf", &stbl),
    ]
    .concat();
    let trak = boxed(b"trak", &boxed(b"mdia", &mdia));
    let notes = boxed(b"udta", b"A SECRET PLACE");
    let mut trex = vec![0; 12];
    trex.extend(1_024_u32.to_be_bytes());
    trex.extend([0; 8]);
    let mvex = boxed(b"mvex", &boxed(b"trex", &trex));
    bytes.extend(boxed(b"moov", &[trak, notes, mvex].concat()));
    for _ in 0..seconds {
        // 47 frames of 1,024 samples: a little more than a second.
        let tfhd = boxed(b"tfhd", &[0, 0, 0, 0, 0, 0, 0, 1]);
        let trun = boxed(b"trun", &[0, 0, 0, 0, 0, 0, 0, 47]);
        bytes.extend(boxed(b"moof", &boxed(b"traf", &[tfhd, trun].concat())));
        bytes.extend(boxed(b"mdat", &[9; 64]));
    }
    bytes
}

fn fit(bytes: &[u8]) -> Result<Voice, Unfit> {
    fit_voice(bytes.to_vec(), find(bytes))
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|it| it == what)
}

#[test]
fn i4_what_browsers_record_is_taken_with_its_length_and_without_its_notes() {
    for (bytes, mime, ms) in [
        (webm(b"A_OPUS", 3), "audio/webm", 3_000),
        (ogg(3), "audio/ogg", 3_000),
        (mp4(b"soun", 3), "audio/mp4", 3_008),
    ] {
        let kept = fit(&bytes).unwrap_or_else(|it| panic!("{mime}: {it}"));
        assert_eq!((kept.mime, kept.duration_ms), (mime, ms));
        for note in [&b"secret"[..], b"SECRET", b"PLACE", b"Chrome"] {
            assert!(!holds(&kept.bytes, note) || note == b"Chrome", "{mime}");
        }
        let again = fit(&kept.bytes).expect("what is kept is one too");
        assert_eq!(again, kept);
    }
}

#[test]
fn i4_what_is_too_long_or_no_sound_is_refused() {
    assert_eq!(fit(&webm(b"A_OPUS", 62)), Err(Unfit::Length));
    assert_eq!(fit(&ogg(62)), Err(Unfit::Length));
    assert_eq!(fit(&mp4(b"soun", 62)), Err(Unfit::Length));
    assert_eq!(fit(&webm(b"V_VP9", 3)), Err(Unfit::Damaged));
    assert_eq!(fit(&mp4(b"vide", 3)), Err(Unfit::Damaged));
    assert_eq!(fit(&ogg(0)), Err(Unfit::Damaged));
    assert_eq!(fit(b"ID3\x03 a song"), Err(Unfit::Kind));
    let two = [webm(b"A_OPUS", 1), b"\0".to_vec()].concat();
    assert_eq!(fit(&two), Err(Unfit::Damaged));
}

#[test]
fn no_change_of_a_voice_note_breaks_its_reader() {
    let notes = [webm(b"A_OPUS", 1), ogg(2), mp4(b"soun", 2)];
    for seed in seeds::of(2_000) {
        let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |n: usize| {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            (draw % n as u64) as usize
        };
        let mut bytes = notes[next(3)].clone();
        for _ in 0..=next(6) {
            let at = next(bytes.len().min(400));
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
        }
        bytes.truncate(bytes.len() - next(2) * next(bytes.len()));
        // Any answer is fine, and that there is one.
        let _ = fit(&bytes);
    }
}
