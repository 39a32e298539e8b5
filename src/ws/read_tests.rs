//! Cases in the manner of the Autobahn test suite: what a client sends, and what is heard of it.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::*;

/// Feeds the bytes whole, byte by byte, and in random parts; all must tell the same.
fn check(sent: &[u8], heard: &[&str], end: Result<(), Fault>) {
    check_parts(sent, &mut |_| usize::MAX, heard, end);
    check_parts(sent, &mut |_| 1, heard, end);
    for seed in 0..20 {
        let mut random = SmallRng::seed_from_u64(seed);
        check_parts(sent, &mut |_| random.random_range(1..64), heard, end);
    }
}

fn check_parts(
    sent: &[u8],
    part: &mut dyn FnMut(usize) -> usize,
    heard: &[&str],
    end: Result<(), Fault>,
) {
    let (mut reader, mut seen, mut result) = (Reader::new(), Vec::new(), Ok(()));
    let mut at = 0;
    while at < sent.len() && result.is_ok() {
        let to = at.saturating_add(part(at)).min(sent.len());
        result = reader.feed(&mut sent[at..to].to_vec(), |it| seen.push(told(&it)));
        at = to;
    }
    assert_eq!(result, end, "{:02x?}", &sent[..sent.len().min(40)]);
    assert_eq!(seen, heard, "{:02x?}", &sent[..sent.len().min(40)]);
}

fn told(event: &Event<'_>) -> String {
    match event {
        Event::Text(text) if text.len() > 40 => format!("text of {}", text.len()),
        Event::Text(text) => format!("text {text}"),
        Event::Ping(payload) => format!("ping {}", payload.len()),
        Event::Pong => "pong".to_owned(),
        Event::Close(code) => format!("close {code:?}"),
    }
}

const FIN: u8 = 0x80;
const CONTINUE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A masked frame with the shortest header.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    out.extend(mask);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    out
}

fn frames(all: &[(u8, &[u8])]) -> Vec<u8> {
    all.iter()
        .flat_map(|(first, payload)| frame(*first, payload))
        .collect()
}

#[test]
fn messages_of_every_length_are_heard() {
    for length in [
        0, 1, 2, 15, 16, 17, 31, 125, 126, 127, 128, 1000, 65_535, 65_536, 65_537,
    ] {
        let text = "x".repeat(length);
        let told = if length > 40 {
            format!("text of {length}")
        } else {
            format!("text {text}")
        };
        check(&frame(FIN | TEXT, text.as_bytes()), &[&told], Ok(()));
    }
    let most = vec![b'y'; limits::SIGNALLING_BYTES_MAX];
    let sent = frame(FIN | TEXT, &most);
    check_parts(&sent, &mut |_| 65_536, &["text of 262144"], Ok(()));
}

#[test]
fn several_messages_in_one_read_are_heard_in_order() {
    let sent = frames(&[
        (FIN | TEXT, b"one"),
        (FIN | PING, b"hi"),
        (FIN | TEXT, "二".as_bytes()),
    ]);
    check(&sent, &["text one", "ping 2", "text 二"], Ok(()));
}

#[test]
fn fragments_make_a_message_with_control_frames_between_them() {
    let sent = frames(&[
        (TEXT, b"live "),
        (FIN | PING, b"?"),
        (CONTINUE, b"now"),
        (FIN | PONG, b""),
        (CONTINUE, b""),
        (FIN | CONTINUE, b"!"),
        (FIN | TEXT, b"next"),
    ]);
    check(
        &sent,
        &["ping 1", "pong", "text live now!", "text next"],
        Ok(()),
    );
    check(
        &frames(&[(TEXT, b""), (CONTINUE, b""), (FIN | CONTINUE, b"")]),
        &["text "],
        Ok(()),
    );
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let text = "微圈".as_bytes();
    let sent = frames(&[
        (TEXT, &text[..1]),
        (CONTINUE, &text[1..4]),
        (FIN | CONTINUE, &text[4..]),
    ]);
    check(&sent, &["text 微圈"], Ok(()));
}

#[test]
fn what_is_not_utf8_is_refused() {
    for bad in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut \xe5\xbe",
    ] {
        check(&frame(FIN | TEXT, bad), &[], Err(Fault::Utf8));
        check(
            &frames(&[(TEXT, b"ok "), (FIN | CONTINUE, bad)]),
            &[],
            Err(Fault::Utf8),
        );
    }
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let protocol = |sent: &[u8]| check(sent, &[], Err(Fault::Protocol));
    for rsv in [0x40, 0x20, 0x10] {
        protocol(&frame(FIN | rsv | TEXT, b"x"));
        protocol(&frame(FIN | rsv | PING, b""));
    }
    for reserved in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        protocol(&frame(FIN | reserved, b"x"));
    }
    protocol(b"\x81\x01x"); // not masked
    protocol(&frame(FIN | PING, &[0; 126]));
    protocol(&frame(PING, b"x")); // a fragmented control frame
    protocol(&frame(CLOSE, b""));
    protocol(&frame(FIN | CONTINUE, b"of nothing"));
    protocol(&frame(CONTINUE, b"of nothing"));
    protocol(&frames(&[(TEXT, b"a"), (FIN | TEXT, b"b")]));
    protocol(&frames(&[(TEXT, b"a"), (FIN | BINARY, b"b")]));
    // Lengths that are not written in the shortest way.
    protocol(b"\x81\xfe\x00\x01\x00\x00\x00\x00x");
    protocol(b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x7e\x00\x00\x00\x00");
    // What came before is heard all the same.
    let sent = [frame(FIN | TEXT, b"first"), frame(FIN | CONTINUE, b"x")].concat();
    check(&sent, &["text first"], Err(Fault::Protocol));
}

#[test]
fn binary_is_refused() {
    check(&frame(FIN | BINARY, b"\x00"), &[], Err(Fault::Binary));
    check(&frame(BINARY, b""), &[], Err(Fault::Binary));
}

#[test]
fn a_message_over_the_limit_is_refused_before_it_is_kept() {
    for claim in [
        limits::SIGNALLING_BYTES_MAX as u64 + 1,
        1 << 40,
        1 << 63,
        u64::MAX,
    ] {
        let mut sent = vec![FIN | TEXT, 0x80 | 127];
        sent.extend(claim.to_be_bytes());
        sent.extend([0; 4]);
        let mut reader = Reader::new();
        assert_eq!(
            reader.feed(&mut sent, |_| panic!("nothing was said")),
            Err(Fault::TooBig)
        );
        assert_eq!(reader.held_bytes(), 0);
    }
    let half = vec![b'x'; limits::SIGNALLING_BYTES_MAX / 2];
    let sent = frames(&[(TEXT, &half), (CONTINUE, &half), (FIN | CONTINUE, b"x")]);
    check_parts(&sent, &mut |_| 65_536, &[], Err(Fault::TooBig));
    let sent = frames(&[(TEXT, &half), (FIN | CONTINUE, &half)]);
    check_parts(&sent, &mut |_| 65_536, &["text of 262144"], Ok(()));
}

#[test]
fn a_flood_of_empty_fragments_ends() {
    let mut sent = frame(TEXT, b"");
    for _ in 0..10_000 {
        sent.extend(frame(CONTINUE, b""));
    }
    check_parts(&sent, &mut |_| 4_096, &[], Err(Fault::TooBig));
}

#[test]
fn a_goodbye_is_heard_and_ends_it() {
    check(&frame(FIN | CLOSE, b""), &["close None"], Ok(()));
    check(
        &frame(FIN | CLOSE, b"\x03\xe8bye"),
        &["close Some(1000)"],
        Ok(()),
    );
    for code in [1000u16, 1001, 1011, 3000, 4999] {
        let told = format!("close Some({code})");
        check(&frame(FIN | CLOSE, &code.to_be_bytes()), &[&told], Ok(()));
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 65_535] {
        check(
            &frame(FIN | CLOSE, &code.to_be_bytes()),
            &[],
            Err(Fault::Protocol),
        );
    }
    check(&frame(FIN | CLOSE, b"\x03"), &[], Err(Fault::Protocol));
    check(&frame(FIN | CLOSE, b"\x03\xe8\xff"), &[], Err(Fault::Utf8));
    let sent = frames(&[(FIN | CLOSE, b""), (FIN | TEXT, b"too late")]);
    check(&sent, &["close None"], Ok(()));
    let sent = frames(&[(TEXT, b"half"), (FIN | CLOSE, b"")]);
    check(&sent, &["close None"], Ok(()));
}

#[test]
fn nothing_is_kept_between_messages() {
    let mut reader = Reader::new();
    let sent = frames(&[
        (TEXT, &[b'x'; 3000]),
        (FIN | CONTINUE, &[b'x'; 3000]),
        (FIN | PING, b"p"),
    ]);
    for byte in &sent {
        let _ = reader.feed(&mut [*byte], |_| {});
    }
    assert_eq!(reader.held_bytes(), 0);
    assert!(size_of::<Reader>() <= 16);
}

#[test]
fn every_mask_and_every_cut_gives_the_text_back() {
    let text: Vec<u8> = (0..200u8).map(|i| b'a' + i % 26).collect();
    for cut in 0..text.len() {
        let mask = [cut as u8, 0x5a, 0xff, 0x01];
        let mut masked: Vec<u8> = text
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ mask[i % 4])
            .collect();
        let (a, b) = masked.split_at_mut(cut);
        unmask(a, mask, 0);
        unmask(b, mask, cut);
        assert_eq!(masked, text);
    }
}

/// Random bytes, and proper frames with random damage: no panic, bounded memory, an end that stays.
#[test]
fn nonsense_never_harms() {
    for seed in seeds::of(3_000) {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut reader = Reader::new();
        let mut sent = Vec::new();
        for _ in 0..random.random_range(1..12) {
            let payload: Vec<u8> = (0..random.random_range(0..600))
                .map(|_| random.random())
                .collect();
            let first = if random.random_bool(0.7) {
                [TEXT, FIN | TEXT, CONTINUE, FIN | CONTINUE, FIN | PING][random.random_range(0..5)]
            } else {
                random.random()
            };
            let payload = if random.random_bool(0.7) {
                vec![b'a'; payload.len()]
            } else {
                payload
            };
            sent.extend(frame(first, &payload));
        }
        for _ in 0..random.random_range(0..3) {
            let at = random.random_range(0..sent.len());
            sent[at] = random.random();
        }
        let (mut at, mut failed) = (0, false);
        while at < sent.len() {
            let to = (at + random.random_range(1..300)).min(sent.len());
            let mut events = 0;
            let result = reader.feed(&mut sent[at..to], |_| events += 1);
            assert!(
                !failed || (events == 0 && result.is_ok()),
                "seed {seed}: heard after the end"
            );
            failed |= result.is_err();
            assert!(reader.held_bytes() <= 2 * sent.len() + 256, "seed {seed}");
            at = to;
        }
    }
}
