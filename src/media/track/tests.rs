use super::*;
use crate::{CodecName, Redundancy, red::tests::red};

fn codec(name: CodecName) -> Codec {
    let clock = if name.kind() == Kind::Audio {
        48_000
    } else {
        90_000
    };
    Codec {
        name,
        clock,
        channels: 0,
        fmtp: String::new(),
        descriptor: None,
        redundancy: None,
    }
}

/// Opus as 111, with redundancy as 63.
fn redundant() -> Codec {
    Codec {
        redundancy: Some(Redundancy {
            payload_type: 63,
            of: 111,
        }),
        ..codec(CodecName::Opus)
    }
}

/// An H264 packet: the first payload byte says what it is.
fn packet(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Bytes {
    packet_as(96, ssrc, sequence, timestamp, payload)
}

fn packet_as(kind: u8, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Bytes {
    let mut bytes = vec![0x80, kind];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(payload);
    bytes.into()
}

const KEY: &[u8] = &[0x65, 1, 2, 3, 4, 5, 6, 7];
const DELTA: &[u8] = &[0x41, 1, 2, 3];

fn indexes(accepted: &Accepted) -> Vec<u64> {
    accepted.fresh.clone().collect()
}

#[test]
fn a_picture_begins_with_its_first_keyframe() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let now = Instant::now();
    let early = track.push(&[packet(1, 10, 0, DELTA)], now);
    assert_eq!((early.dropped, indexes(&early)), (1, vec![]));
    assert!(track.replay().is_none());
    let key = track.push(&[packet(1, 11, 3_600, KEY)], now);
    assert!(key.keyframe);
    assert_eq!(indexes(&key), [0]);
    assert_eq!(track.replay().unwrap().first, 0);
}

#[test]
fn sound_begins_at_once() {
    let mut track = Track::new(codec(CodecName::Opus), Layer::ONLY);
    let accepted = track.push(&[packet(1, 10, 0, &[1, 2])], Instant::now());
    assert_eq!(indexes(&accepted), [0]);
    assert!(!accepted.keyframe);
}

#[test]
fn a_replay_begins_with_the_first_packet_of_its_picture() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let now = Instant::now();
    track.push(&[packet(1, 1, 0, KEY), packet(1, 2, 3_600, DELTA)], now);
    // An access unit delimiter comes before the parameter sets of the next keyframe.
    let third = [
        packet(1, 3, 7_200, &[0x09, 0x10]),
        packet(1, 4, 7_200, &[0x67, 0x42]),
        packet(1, 5, 7_200, KEY),
    ];
    track.push(&third, now);
    assert_eq!(track.replay().unwrap().first, 2);
}

#[test]
fn a_late_packet_fills_its_hole_once() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let now = Instant::now();
    track.push(&[packet(1, 1, 0, KEY)], now);
    let gap = track.push(&[packet(1, 3, 3_600, DELTA)], now);
    assert_eq!(indexes(&gap), [1, 2]);
    assert!(track.get(1).is_none());
    let late = packet(1, 2, 3_600, &[0x41, 9]);
    assert_eq!(track.push(std::slice::from_ref(&late), now).late, [1]);
    assert_eq!(track.get(1).unwrap().frame, track.get(2).unwrap().frame);
    let twice = track.push(&[late], now);
    assert_eq!((twice.dropped, twice.late.len()), (1, 0));
}

#[test]
fn padding_leaves_no_hole() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let now = Instant::now();
    track.push(&[packet(1, 1, 0, KEY)], now);
    let mut padding = packet(1, 2, 0, &[0, 0, 3]).to_vec();
    padding[0] |= 0x20;
    let accepted = track.push(&[padding.into(), packet(1, 3, 3_600, DELTA)], now);
    assert_eq!(indexes(&accepted), [1]);
    assert!(track.get(1).is_some());
}

#[test]
fn another_publisher_goes_on_in_the_same_line_after_its_keyframe() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let start = Instant::now();
    track.push(&[packet(1, 50_000, 1_000_000, KEY)], start);
    let before = track.get(0).unwrap().timestamp;
    track.silence();
    assert!(track.get(0).is_none() && track.replay().is_none());
    track.restart(codec(CodecName::H264));
    let later = start + Duration::from_secs(2);
    assert_eq!(track.push(&[packet(2, 7, 90, DELTA)], later).dropped, 1);
    let accepted = track.push(&[packet(2, 8, 3_690, KEY)], later);
    assert_eq!(indexes(&accepted), [1]);
    let after = track.get(1).unwrap().timestamp;
    assert_eq!(after.wrapping_sub(before), 2 * 90_000);
}

#[test]
fn a_new_stream_number_is_another_publisher() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let now = Instant::now();
    track.push(&[packet(1, 1, 0, KEY), packet(1, 2, 3_600, DELTA)], now);
    let changed = track.push(&[packet(2, 900, 5, DELTA)], now);
    assert_eq!(changed.dropped, 1);
    let accepted = track.push(&[packet(2, 901, 3_605, KEY)], now);
    assert_eq!(indexes(&accepted), [2]);
    assert!(track.get(2).unwrap().timestamp.wrapping_sub(3_600) < 10);
}

#[test]
fn a_group_of_pictures_beyond_its_limits_is_not_replayed() {
    let start = Instant::now();
    let mut long = Track::new(codec(CodecName::H264), Layer::ONLY);
    long.push(&[packet(1, 1, 0, KEY)], start);
    long.push(&[packet(1, 2, 3_600, DELTA)], start + GOP_MAX);
    assert!(long.replay().is_some());
    long.push(
        &[packet(1, 3, 7_200, DELTA)],
        start + GOP_MAX + Duration::from_millis(1),
    );
    assert!(long.replay().is_none());

    let mut big = Track::new(codec(CodecName::H264), Layer::ONLY);
    big.push(&[packet(1, 1, 0, KEY)], start);
    let payload = vec![0x41; GOP_BYTES_MAX / 400 + 1];
    for sequence in 2..402 {
        big.push(&[packet(1, sequence, 3_600, &payload)], start);
    }
    assert!(big.replay().is_none());
    big.push(&[packet(1, 402, 7_200, KEY)], start);
    assert!(big.replay().is_some());
}

#[test]
fn almost_equal_packets_are_made_equal() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let sizes = [1_182, 1_183, 1_180, 900, 1_184];
    let payload = |size| vec![0x65_u8; size];
    let packets: Vec<_> = (1..)
        .zip(sizes)
        .map(|(seq, size)| packet(1, seq, 0, &payload(size)))
        .collect();
    track.push(&packets, Instant::now());
    let padding: Vec<_> = (0..5)
        .map(|index| track.get(index).unwrap().padding)
        .collect();
    assert_eq!(padding, [2, 1, 4, 0, 0]);
}

#[test]
fn the_last_packet_may_be_smaller() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let packets = [
        packet(1, 1, 0, &[0x65; 1_184]),
        packet(1, 2, 0, &[0x65; 1_183]),
    ];
    track.push(&packets, Instant::now());
    assert_eq!(track.get(1).unwrap().padding, 0);
}

#[test]
fn two_of_sound_are_made_equal_with_their_redundancy_and_without() {
    let mut track = Track::new(redundant(), Layer::ONLY);
    let of = |sequence: u16, before: usize, own: usize| {
        let (before, own) = (vec![1; before], vec![2; own]);
        let payload = red(111, &[(960, &before)], &own);
        packet_as(63, 1, sequence, u32::from(sequence) * 960, &payload)
    };
    let now = Instant::now();
    // With what came before the first is the larger one, without it the second; what is far apart stays so.
    for (first, second, padding) in [
        ((70, 60), (60, 64), (0, 4)),
        ((64, 30), (30, 95), (31, 0)),
        ((40, 40), (41, 40), (1, 0)),
    ] {
        let at = track.head();
        let pair = [
            of(at as u16, first.0, first.1),
            of(at as u16 + 1, second.0, second.1),
        ];
        track.push(&pair, now);
        let padded = |index| {
            let kept = track.get(index).unwrap();
            (kept.padding, kept.plain_padding)
        };
        assert_eq!([padded(at), padded(at + 1)], [padding, (0, 0)]);
    }
}

#[test]
fn only_the_last_packets_are_kept() {
    let mut track = Track::new(codec(CodecName::Opus), Layer::ONLY);
    let now = Instant::now();
    for sequence in 0..(RING_PACKETS as u16 + 10) {
        track.push(&[packet(1, sequence, u32::from(sequence) * 960, &[1])], now);
    }
    assert!(track.get(9).is_none());
    assert!(track.get(10).is_some());
    // Older than what is kept: no place for it any more.
    assert_eq!(track.push(&[packet(1, 3, 2_880, &[1])], now).dropped, 1);
}

#[test]
fn time_comes_from_the_publisher_and_runs_on() {
    let start = Instant::now();
    let wall = WallClock::new(1_000 << 32, start);
    let mut track = Track::new(codec(CodecName::Opus), Layer::ONLY);
    assert_eq!(track.time(start, &wall, None), None);
    track.push(&[packet(1, 1, 96_000, &[1])], start);
    let second = start + Duration::from_secs(1);
    assert_eq!(
        track.time(second, &wall, None),
        Some((1_001 << 32, 144_000))
    );
    // The publisher's clock says 500 when ours says 1,000.
    track.set_time(500 << 32, 95_000);
    let skew = Some(500 << 32);
    assert_eq!(
        track.time(second, &wall, skew),
        Some((1_001 << 32, 143_000))
    );
}

#[test]
fn rubbish_is_dropped() {
    let mut track = Track::new(codec(CodecName::H264), Layer::ONLY);
    let accepted = track.push(
        &[Bytes::new(), Bytes::from_static(&[0x80; 11])],
        Instant::now(),
    );
    assert_eq!((accepted.dropped, indexes(&accepted)), (2, vec![]));
}

#[test]
fn a_lost_packet_beside_a_larger_one_of_long_ago_is_no_matter() {
    let mut track = Track::new(codec(CodecName::Opus), Layer::ONLY);
    let now = Instant::now();
    let ring = RING_PACKETS as u16;
    for sequence in 0..ring {
        track.push(&[packet(1, sequence, 0, &[7; 200])], now);
    }
    // The second of three is lost; its place still has one of the first round.
    let next = [
        packet(1, ring, 960, &[1; 39]),
        packet(1, ring + 2, 2_880, &[1; 40]),
    ];
    let accepted = track.push(&next, now);
    assert_eq!(accepted.fresh.end - accepted.fresh.start, 3);
    assert!(track.get(accepted.fresh.start + 1).is_none());
    assert_eq!(track.get(accepted.fresh.start).unwrap().padding, 1);
}
