//! Packets that nobody sane sends, into a track.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{Codec, CodecName, Kind, Layer, RING_PACKETS, Redundancy, Track, red::tests::red};

fn track(name: CodecName) -> Track {
    let clock = match name.kind() {
        Kind::Audio => 48_000,
        Kind::Video => 90_000,
    };
    Track::new(
        Codec {
            name,
            clock,
            channels: 0,
            fmtp: String::new(),
            descriptor: name.is_scalable().then_some(5),
            redundancy: (name == CodecName::Opus).then_some(Redundancy {
                payload_type: 97,
                of: 96,
            }),
        },
        Layer::ONLY,
    )
}

/// A packet that is whole: what is changed of it is changed afterwards.
fn packet(sequence: u16, timestamp: u32, ssrc: u32, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0x80, 96 | u8::from(rng.random_bool(0.3)) << 7];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    let payload = bytes.len();
    bytes.resize(payload + rng.random_range(0..60), 0);
    rng.fill_bytes(&mut bytes[payload..]);
    if let Some(first) = bytes.get_mut(payload) {
        // Often enough a keyframe of one codec or another, so that something is kept.
        *first = [0x65, 0x67, 0x18, 0x7c, 0x10, 0x08, *first][rng.random_range(0..7)];
    }
    bytes
}

/// Sound with what came before it.
fn redundant(mut bytes: Vec<u8>) -> Vec<u8> {
    let own = bytes.split_off(12);
    bytes[1] = 97;
    bytes.extend(red(96, &[(960, &[1, 2, 3])], &own));
    bytes
}

/// Whether these bytes came in that packet.
fn holds(packet: &[u8], payload: &[u8]) -> bool {
    payload.is_empty() || packet.windows(payload.len()).any(|it| it == payload)
}

#[test]
fn no_mutated_packet_breaks_a_track_or_what_is_read_from_it() {
    let (mut kept, mut brought) = (0, 0);
    for seed in seeds::of(400) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut track = track(CodecName::ALL[rng.random_range(0..CodecName::ALL.len())]);
        let mut now = Instant::now();
        let (mut sequence, mut timestamp, mut ssrc) = (rng.random(), rng.random(), 1);
        for _ in 0..rng.random_range(1..60) {
            let mut packets = Vec::new();
            for _ in 0..rng.random_range(0..8) {
                match rng.random_range(0..40) {
                    0 => sequence = rng.random(),
                    1 => timestamp = rng.random(),
                    2 => ssrc = rng.random(),
                    3 => track.restart(track.codec().clone()),
                    4 => track.silence(),
                    _ => {}
                }
                let mut bytes = packet(sequence, timestamp, ssrc, &mut rng);
                if track.codec().redundancy.is_some() && rng.random_bool(0.5) {
                    bytes = redundant(bytes);
                }
                for _ in 0..rng.random_range(0..3) {
                    let at = rng.random_range(0..bytes.len());
                    bytes[at] = rng.random();
                }
                if rng.random_bool(0.1) {
                    bytes.truncate(rng.random_range(0..=bytes.len()));
                }
                sequence = sequence.wrapping_add(rng.random_range(0..3));
                timestamp = timestamp.wrapping_add([0, 3_600][rng.random_range(0..2)]);
                packets.push(Bytes::from(bytes));
            }
            now += Duration::from_millis(rng.random_range(0..500));
            let before = track.head();
            let accepted = track.push(&packets, now);
            assert!(accepted.dropped <= packets.len(), "seed {seed}");
            assert!(accepted.fresh.is_empty() || accepted.fresh.start >= before);
            assert!(track.head() >= before, "seed {seed}: the line goes on");
            assert!(accepted.late.iter().all(|it| *it < track.head()));
            // What came anew is kept under its own place, no more of it than was handed in and no older
            // than the ring.
            let oldest = track.head().saturating_sub(RING_PACKETS as u64);
            let fresh = (accepted.fresh.clone().rev().take(RING_PACKETS))
                .filter_map(|index| Some((index, track.get(index)?)));
            for (index, it) in fresh {
                kept += 1;
                brought += usize::from(it.own > 0);
                assert_eq!(it.index, index, "seed {seed}");
                assert!(
                    it.own == 0 || usize::from(it.own) < it.payload().len(),
                    "seed {seed}"
                );
                assert!(index >= oldest, "seed {seed}");
                assert!(
                    packets.iter().any(|of| holds(of, it.payload())),
                    "seed {seed}"
                );
            }
            assert!(track.get(track.head()).is_none(), "seed {seed}");
        }
    }
    assert!(
        kept > 1_000 && brought > 100,
        "only {kept} packets were ever kept, {brought} with redundancy: this proves little"
    );
}
