//! Sound with redundancy, to those who take it and those who do not.

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::super::*;
use super::{shown, views};
use crate::{Codec, CodecName, Redundancy, View, red::tests::red};

const RED: u8 = 63;
const OPUS: u8 = 111;

fn opus() -> Track {
    let codec = Codec {
        name: CodecName::Opus,
        clock: 48_000,
        channels: 2,
        fmtp: String::new(),
        descriptor: None,
        redundancy: Some(Redundancy {
            payload_type: RED,
            of: OPUS,
        }),
    };
    Track::new(codec, Layer::ONLY)
}

/// A viewer that calls Opus 96, and takes redundancy as 97.
fn leg(redundant: Option<u8>) -> Leg {
    let ids = LegIds {
        payload_type: 96,
        ssrc: 0xaaaa,
        resend: None,
        sent_at: None,
        redundant,
        descriptor: None,
    };
    Leg::new(Kind::Audio, ids, 500, 0)
}

/// The sound of a packet; its size and bytes are a function of the number.
fn sound(sequence: u16) -> Vec<u8> {
    vec![sequence as u8; 60 + usize::from(sequence % 30)]
}

fn packet(payload_type: u8, sequence: u16, payload: &[u8]) -> Bytes {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 960).to_be_bytes());
    bytes.extend(7_u32.to_be_bytes());
    bytes.extend(payload);
    bytes.into()
}

fn with_redundancy(sequence: u16) -> Bytes {
    let before = sound(sequence.wrapping_sub(1));
    let payload = red(OPUS, &[(960, &before)], &sound(sequence));
    packet(RED, sequence, &payload)
}

fn payloads(packets: &[Vec<u8>]) -> Vec<(u8, Vec<u8>)> {
    let views = packets.iter().zip(views(packets));
    views
        .map(|(packet, view)| (view.payload_type, packet[view.payload].to_vec()))
        .collect()
}

#[test]
fn each_viewer_gets_sound_as_its_answer_says() {
    let mut track = opus();
    let (mut takes, mut plain) = (leg(Some(97)), leg(None));
    for leg in [&mut takes, &mut plain] {
        assert!(leg.join(&Lines::of(&track)));
    }
    let first = packet(RED, 10, &red(OPUS, &[(960, &sound(9))], &sound(10)));
    let alone = packet(RED, 11, &red(OPUS, &[], &sound(11)));
    for packet in [first, alone, packet(OPUS, 12, &sound(12))] {
        track.push(&[packet], Instant::now());
    }
    let taken = payloads(&shown(&mut takes, &track));
    assert_eq!(
        taken,
        [
            (97, red(96, &[(960, &sound(9))], &sound(10))),
            (97, red(96, &[], &sound(11))),
            (96, sound(12)),
        ]
    );
    let own = [10, 11, 12].map(|it| (96, sound(it)));
    assert_eq!(payloads(&shown(&mut plain, &track)), own);
}

#[test]
fn redundancy_that_is_not_whole_is_shown_to_nobody() {
    let mut track = opus();
    let now = Instant::now();
    let mut torn = red(OPUS, &[(960, &sound(1))], &sound(2));
    torn.truncate(40);
    let of_another = red(13, &[(960, &sound(1))], &sound(2));
    for (sequence, payload) in [(2, &torn), (3, &of_another)] {
        let accepted = track.push(&[packet(RED, sequence, payload)], now);
        assert_eq!((accepted.dropped, accepted.fresh), (1, 0..0));
    }
    assert!(!track.has_begun());
    let accepted = track.push(&[with_redundancy(4)], now);
    assert_eq!((accepted.dropped, accepted.fresh), (0, 0..1));
}

/// A counter-mode cipher needs it here as well: one number, one content, whatever is asked for again.
#[test]
fn sound_that_is_asked_for_again_is_the_same_to_the_last_bit() {
    let mut again = 0;
    for seed in seeds::of(200) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut track = opus();
        let mut legs = [leg(Some(97)), leg(None)];
        let mut used = [(); 2].map(|()| std::collections::BTreeMap::new());
        for sequence in 0..150 {
            if rng.random_bool(0.1) {
                continue;
            }
            let next = match rng.random_bool(0.8) {
                true => with_redundancy(sequence),
                false => packet(OPUS, sequence, &sound(sequence)),
            };
            track.push(&[next], Instant::now());
            for (leg, used) in legs.iter_mut().zip(&mut used) {
                leg.join(&Lines::of(&track));
                for packet in shown(leg, &track) {
                    let number = View::parse(&packet).unwrap().sequence;
                    assert_eq!(used.insert(number, packet), None, "seed {seed}");
                }
                let lost = 500_u16.wrapping_add(rng.random_range(0..150));
                let mut out = Vec::new();
                if leg
                    .write_again(&track, lost, Instant::now(), &mut out)
                    .is_some()
                {
                    assert_eq!(used.get(&lost), Some(&out), "seed {seed}");
                    again += 1;
                }
            }
        }
    }
    assert!(again > 1_000, "only {again} came again: this proves little");
}

#[test]
fn what_is_counted_is_what_is_sent() {
    let mut track = opus();
    let (mut takes, mut plain) = (leg(Some(97)), leg(None));
    let start = Instant::now();
    let wall = WallClock::new(5 << 32, start);
    let mut now = start;
    let mut octets = [0, 0];
    for sequence in 0..200 {
        let own = [7; 80];
        let payload = red(OPUS, &[(960, &[6; 80])], &own);
        track.push(&[packet(RED, sequence, &payload)], now);
        for (leg, octets) in [&mut takes, &mut plain].into_iter().zip(&mut octets) {
            leg.join(&Lines::of(&track));
            let sent = payloads(&shown(leg, &track));
            *octets += sent.iter().map(|it| it.1.len() as u32).sum::<u32>();
        }
        now += Duration::from_millis(20);
    }
    // 12 bytes of header, 5 of RED, twice 80 of Opus; and 50 of them a second.
    assert_eq!((takes.kbps(&track), plain.kbps(&track)), (70, 36));
    for (leg, octets) in [&mut takes, &mut plain].into_iter().zip(octets) {
        let report = leg.report(&track, now, &wall, None).unwrap();
        assert_eq!(report[24..28], octets.to_be_bytes());
    }
}
