//! Pictures whose packets say in a header extension which pictures they need.

use std::collections::BTreeMap;

use rand::Rng as _;

use super::*;
use crate::{
    descriptor::DESCRIPTOR_BYTES_MIN,
    extension::{self, Element},
};

/// As the publisher calls the extension, and as two viewers do.
const THEIRS: u8 = 13;
const SHORT: u8 = 12;
const LONG: u8 = 100;
/// As one calls the extension that says when a packet is sent.
const SENT_AT: u8 = 3;

fn av1() -> Track {
    let codec = Codec {
        name: CodecName::Av1,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
        descriptor: Some(THEIRS),
        redundancy: None,
    };
    Track::new(codec, Layer::ONLY)
}

fn leg(descriptor: Option<u8>, resend: Option<(u8, u32)>) -> Leg {
    let ids = LegIds {
        descriptor,
        resend,
        ..IDS
    };
    Leg::new(Kind::Video, ids, 500, 900)
}

/// A packet with this block of extensions; every tenth begins a keyframe, and its size is a function of its
/// number.
fn packet(ssrc: u32, sequence: u16, block: &[u8]) -> Bytes {
    let mut bytes = vec![0x80 | u8::from(!block.is_empty()) << 4, 0x80 | 96];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 3_000).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(block);
    bytes.push(if sequence.is_multiple_of(10) {
        0x18
    } else {
        0x10
    });
    bytes.resize(bytes.len() + 20 + usize::from(sequence), sequence as u8);
    bytes.into()
}

/// A packet with this descriptor.
fn described(ssrc: u32, sequence: u16, descriptor: &[u8]) -> Bytes {
    packet(ssrc, sequence, &block(THEIRS, descriptor))
}

/// A block of this one extension.
fn block(id: u8, content: &[u8]) -> Vec<u8> {
    let parts = [content, &[], &[]];
    let mut block = Vec::new();
    extension::write([Element { id, parts }].into_iter(), &mut block);
    block
}

/// A descriptor of so many bytes of the picture with this number.
fn descriptor(number: u16, length: usize) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut bytes = vec![0xc0, high, low];
    bytes.extend((3..length).map(|at| at as u8));
    bytes
}

/// What a packet that was sent has under a number, and its payload.
fn read(packet: &[u8], id: u8) -> (Option<Vec<u8>>, Vec<u8>) {
    let view = View::parse(packet).unwrap();
    let at = extension::find(packet, &view, id);
    (
        at.map(|at| packet[at].to_vec()),
        packet[view.payload].to_vec(),
    )
}

#[test]
fn who_takes_the_descriptor_has_it_as_it_came_under_their_number() {
    let mut track = av1();
    // A keyframe's tells of all templates; the others are as short as they can be.
    let sent: Vec<_> = [(0, 60), (1, 3), (2, 16), (3, 17), (4, 255)]
        .map(|(sequence, length)| descriptor(700 + sequence, length))
        .into();
    for (sequence, descriptor) in sent.iter().enumerate() {
        track.push(&[described(1, sequence as u16, descriptor)], Instant::now());
    }
    let lines = Lines::of(&track);
    let [mut short, mut long, mut without] =
        [Some(SHORT), Some(LONG), None].map(|id| leg(id, None));
    for leg in [&mut short, &mut long, &mut without] {
        assert!(leg.join(&lines));
    }
    let plain = shown(&mut without, &track);
    for (leg, id) in [(&mut short, SHORT), (&mut long, LONG)] {
        let packets = shown(leg, &track);
        assert_eq!(packets.len(), sent.len());
        for (at, packet) in packets.iter().enumerate() {
            let (has, payload) = read(packet, id);
            assert_eq!(has.as_ref(), Some(&sent[at]));
            // All else is what the others are sent.
            assert_eq!(payload, plain[at][HEADER_BYTES..]);
            assert_eq!(packet[0], plain[at][0] | 0x10);
            assert_eq!(packet[1..HEADER_BYTES], plain[at][1..HEADER_BYTES]);
        }
    }
    for packet in plain {
        assert_eq!(packet[0], 0x80);
    }
}

#[test]
fn the_cipher_is_told_how_long_the_header_is() {
    let mut track = av1();
    track.push(&[described(1, 0, &descriptor(1, 3))], Instant::now());
    track.push(&[described(1, 1, &descriptor(2, 17))], Instant::now());
    track.push(&[packet(1, 2, &[])], Instant::now());
    let mut leg = leg(Some(SHORT), None);
    assert!(leg.join(&Lines::of(&track)));
    let mut lengths = Vec::new();
    let mut out = Vec::new();
    while let Some(stamp) = leg.write_next(&track, &mut out) {
        let payload = View::parse(&out).unwrap().payload;
        assert_eq!(payload.start, HEADER_BYTES + usize::from(stamp.extensions));
        lengths.push(stamp.extensions);
        out.clear();
    }
    assert_eq!(lengths, [8, 24, 0]);
}

#[test]
fn what_is_sent_again_has_its_descriptor() {
    let mut track = av1();
    let sent = [descriptor(1, 40), descriptor(2, 5)];
    for (sequence, descriptor) in sent.iter().enumerate() {
        track.push(&[described(1, sequence as u16, descriptor)], Instant::now());
    }
    let mut same = leg(Some(SHORT), None);
    assert!(same.join(&Lines::of(&track)));
    let packets = shown(&mut same, &track);
    let mut out = Vec::new();
    same.write_again(&track, 501, Instant::now(), &mut out)
        .unwrap();
    assert_eq!(out, packets[1], "the very same packet");

    // Beside when it is sent, in the form that the longer one needs.
    let ids = LegIds {
        descriptor: Some(SHORT),
        resend: Some((109, 0xbbbb)),
        sent_at: Some(SENT_AT),
        ..IDS
    };
    let mut resent = Leg::new(Kind::Video, ids, 500, 900);
    assert!(resent.join(&Lines::of(&track)));
    shown(&mut resent, &track);
    out.clear();
    resent
        .write_again(&track, 500, Instant::now(), &mut out)
        .unwrap();
    let (has, payload) = read(&out, SHORT);
    assert_eq!(has.as_ref(), Some(&sent[0]));
    assert_eq!(read(&out, SENT_AT).0, Some(vec![0; 3]));
    assert_eq!(payload[..2], 500_u16.to_be_bytes());
    assert_eq!(payload[2..], read(&packets[0], SHORT).1);
    out.clear();
    assert!(
        resent
            .write_probe(&track, 0, Instant::now(), &mut out)
            .is_some()
    );
    assert_eq!(read(&out, SHORT).0.as_ref(), Some(&sent[1]));
    assert_eq!(read(&out, SENT_AT).0.map(|it| it.len()), Some(3));
}

#[test]
fn pictures_of_who_publishes_next_are_numbered_on() {
    let mut track = av1();
    let numbers = |track: &Track, leg: &mut Leg| -> Vec<(u16, usize)> {
        let packets = shown(leg, track);
        let read = packets.iter().map(|it| read(it, SHORT).0.unwrap());
        read.map(|it| (u16::from_be_bytes([it[1], it[2]]), it.len()))
            .collect()
    };
    let now = Instant::now();
    track.push(&[described(1, 0, &descriptor(65_534, 30))], now);
    let mut leg = leg(Some(SHORT), None);
    assert!(leg.join(&Lines::of(&track)));
    for (sequence, number) in [(1, 65_535), (3, 1), (2, 0)] {
        track.push(&[described(1, sequence, &descriptor(number, 5))], now);
    }
    let first = [(65_534, 30), (65_535, 5), (0, 5), (1, 5)];
    assert_eq!(numbers(&track, &mut leg), first);
    // Another one begins anywhere, twice behind and once far ahead, and in between is one without numbers.
    for (ssrc, begins, goes_on) in [(2, 1, 2), (3, 40_000, 4), (5, 4, 6)] {
        track.restart(track.codec().clone());
        track.push(&[described(ssrc, 10, &descriptor(begins, 30))], now);
        track.push(&[described(ssrc, 11, &descriptor(begins + 1, 5))], now);
        let wanted = [(goes_on, 30), (goes_on + 1, 5)];
        assert_eq!(numbers(&track, &mut leg), wanted);
        if ssrc == 3 {
            track.push(&[packet(4, 20, &[])], now);
            assert_eq!(shown(&mut leg, &track).len(), 1);
        }
    }
}

#[test]
fn what_is_no_descriptor_is_none() {
    let now = Instant::now();
    let other = block(THEIRS + 1, &descriptor(1, 5));
    for (at, block) in [&other[..], &[0xab, 0xcd, 0, 0], &[]]
        .into_iter()
        .enumerate()
    {
        let mut track = av1();
        track.push(&[packet(1, 0, block)], now);
        let mut leg = leg(Some(SHORT), None);
        assert!(leg.join(&Lines::of(&track)));
        assert_eq!(shown(&mut leg, &track)[0][0], 0x80, "case {at}");
    }
    for length in 0..DESCRIPTOR_BYTES_MIN {
        let mut track = av1();
        track.push(&[described(1, 0, &[7; 2][..length])], now);
        let mut leg = leg(Some(SHORT), None);
        assert!(leg.join(&Lines::of(&track)));
        assert_eq!(shown(&mut leg, &track)[0][0], 0x80, "{length} bytes");
    }
    // Nobody agreed on it.
    let mut track = av1();
    track.restart(Codec {
        descriptor: None,
        ..track.codec().clone()
    });
    track.push(&[described(1, 0, &descriptor(1, 5))], now);
    let mut leg = leg(Some(SHORT), None);
    assert!(leg.join(&Lines::of(&track)));
    assert_eq!(shown(&mut leg, &track)[0][0], 0x80);
}

#[test]
fn no_bytes_of_a_descriptor_disturb_anybody() {
    let mut with = 0;
    for seed in seeds::of(300) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut track = av1();
        let resend = rng.random_bool(0.5).then_some((109, 0xbbbb));
        let mut takes = leg(Some([SHORT, LONG][rng.random_range(0..2)]), resend);
        let mut without = leg(None, resend);
        let id = takes.ids().descriptor.unwrap();
        let mut used = BTreeMap::new();
        let mut ssrc = 1;
        for sequence in 0..rng.random_range(5..60) {
            let mut content = vec![0; rng.random_range(0..=extension::EXTENSION_BYTES_MAX)];
            rng.fill_bytes(&mut content);
            let mut block = block(THEIRS, &content);
            // Behind the length of the block, which says where the payload is.
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(4..block.len());
                block[at] = rng.random();
            }
            if rng.random_bool(0.05) {
                ssrc += 1;
            }
            track.push(&[packet(ssrc, sequence, &block)], Instant::now());
            let lines = Lines::of(&track);
            assert_eq!(takes.join(&lines), without.join(&lines), "seed {seed}");
            let (has, has_not) = (shown(&mut takes, &track), shown(&mut without, &track));
            assert_eq!(has.len(), has_not.len(), "seed {seed}");
            for (packet, plain) in has.into_iter().zip(has_not) {
                let (descriptor, payload) = read(&packet, id);
                with += usize::from(descriptor.is_some());
                assert_eq!(payload, plain[HEADER_BYTES..], "seed {seed}");
                assert_eq!(
                    packet[1..HEADER_BYTES],
                    plain[1..HEADER_BYTES],
                    "seed {seed}"
                );
                used.insert(View::parse(&packet).unwrap().sequence, packet);
            }
        }
        // However often a packet is written, its number says the same bytes.
        for (sequence, packet) in used.iter().filter(|_| resend.is_none()) {
            let mut out = Vec::new();
            if takes
                .write_again(&track, *sequence, Instant::now(), &mut out)
                .is_some()
            {
                assert_eq!(out, *packet, "seed {seed}");
            }
        }
    }
    assert!(
        with > 1_000,
        "only {with} had a descriptor: this proves little"
    );
}
