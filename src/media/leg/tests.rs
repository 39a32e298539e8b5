mod described;
mod layers;
mod sound;

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{Codec, CodecName, View};

const IDS: LegIds = LegIds {
    payload_type: 108,
    ssrc: 0xaaaa,
    resend: Some((109, 0xbbbb)),
    descriptor: None,
    sent_at: None,
    redundant: None,
};

fn h264() -> Track {
    let name = CodecName::H264;
    Track::new(
        Codec {
            name,
            clock: 90_000,
            channels: 0,
            fmtp: String::new(),
            descriptor: None,
            redundancy: None,
        },
        Layer::ONLY,
    )
}

fn packet(sequence: u16, timestamp: u32, first: u8, size: usize) -> Bytes {
    let mut bytes = vec![0x80, 96];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(7_u32.to_be_bytes());
    bytes.push(first);
    bytes.extend((1..size).map(|at| at as u8 ^ sequence as u8));
    bytes.into()
}

/// `frames` pictures of two packets each, the first of them a keyframe.
fn play(track: &mut Track, frames: std::ops::Range<u16>) {
    for frame in frames {
        let first = if frame == 0 { 0x65 } else { 0x41 };
        let timestamp = u32::from(frame) * 3_600;
        let both = [
            packet(frame * 2, timestamp, first, 60),
            packet(frame * 2 + 1, timestamp, 0x41, 50),
        ];
        track.push(&both, Instant::now());
    }
}

fn shown(leg: &mut Leg, track: &Track) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    loop {
        let mut out = Vec::new();
        if leg.write_next(track, &mut out).is_none() {
            return packets;
        }
        packets.push(out);
    }
}

fn views(packets: &[Vec<u8>]) -> Vec<View> {
    packets
        .iter()
        .map(|packet| View::parse(packet).unwrap())
        .collect()
}

#[test]
fn a_joiner_is_led_from_the_keyframe_in_steps_of_a_millisecond_to_live() {
    let mut track = h264();
    play(&mut track, 0..30);
    let mut leg = Leg::new(Kind::Video, IDS, 0xffff, 0);
    assert!(leg.join(&Lines::of(&track)));
    let seen = views(&shown(&mut leg, &track));
    assert_eq!(seen.len(), 60);
    let live = 29 * 3_600;
    for (at, view) in seen.iter().enumerate() {
        assert_eq!(view.sequence, 0x7fff_u16.wrapping_add(at as u16));
        let before = 29 - at as u32 / 2;
        assert_eq!(view.timestamp, live - before * 90);
        assert_eq!((view.payload_type, view.ssrc), (108, 0xaaaa));
    }
    // What comes then keeps its time.
    play(&mut track, 30..32);
    let seen = views(&shown(&mut leg, &track));
    let times: Vec<_> = seen.iter().map(|view| view.timestamp).collect();
    assert_eq!(times, [30 * 3_600, 30 * 3_600, 31 * 3_600, 31 * 3_600]);
}

#[test]
fn without_a_keyframe_a_joiner_waits() {
    let track = h264();
    let mut leg = Leg::new(Kind::Video, IDS, 0, 0);
    assert!(!leg.join(&Lines::of(&track)));
    assert!(!leg.is_live());
    assert!(leg.write_next(&track, &mut Vec::new()).is_none());
}

#[test]
fn a_missing_packet_is_sent_again_under_its_own_number() {
    let mut track = h264();
    play(&mut track, 0..10);
    let mut leg = Leg::new(Kind::Video, IDS, 100, 500);
    leg.join(&Lines::of(&track));
    let sent = shown(&mut leg, &track);
    for (nth, at) in [3_usize, 7].into_iter().enumerate() {
        let original = View::parse(&sent[at]).unwrap();
        let mut out = Vec::new();
        let stamp = leg
            .write_again(&track, original.sequence, Instant::now(), &mut out)
            .unwrap();
        let again = View::parse(&out).unwrap();
        assert_eq!((again.payload_type, again.ssrc), (109, 0xbbbb));
        assert_eq!(again.sequence, 500 + nth as u16);
        assert_eq!(stamp.sequence, again.sequence);
        assert_eq!(again.timestamp, original.timestamp);
        assert_eq!(out[12..14], original.sequence.to_be_bytes());
        assert_eq!(out[14..], sent[at][original.payload]);
    }
}

#[test]
fn what_is_sent_again_says_when_where_the_viewer_takes_that() {
    let mut track = h264();
    play(&mut track, 0..10);
    let ids = LegIds {
        sent_at: Some(3),
        ..IDS
    };
    let mut leg = Leg::new(Kind::Video, ids, 100, 500);
    leg.join(&Lines::of(&track));
    let sent = shown(&mut leg, &track);
    let original = View::parse(&sent[3]).unwrap();
    let start = Instant::now();
    for (ms, after) in [(0, [0, 0, 0]), (100, [0, 0x23, 0x28])] {
        let now = start + Duration::from_millis(ms);
        let mut out = Vec::new();
        let stamp = leg.write_again(&track, original.sequence, now, &mut out);
        assert!(stamp.unwrap().extensions > 0);
        assert_eq!(out[0], 0x90);
        assert_eq!(out[12..17], [0xbe, 0xde, 0, 1, 0x32]);
        assert_eq!(out[17..20], after, "{ms} ms are so many ticks");
        let again = View::parse(&out).unwrap();
        assert_eq!(again.timestamp, original.timestamp);
        assert_eq!(out[again.payload][2..], sent[3][original.payload.clone()]);
    }
}

#[test]
fn a_probe_is_what_was_just_shown() {
    let mut track = h264();
    play(&mut track, 0..10);
    let mut leg = Leg::new(Kind::Video, IDS, 100, 500);
    let mut out = Vec::new();
    assert!(
        leg.write_probe(&track, 0, Instant::now(), &mut out)
            .is_none()
    );
    leg.join(&Lines::of(&track));
    let sent = shown(&mut leg, &track);
    for (nth, back) in [0, 1, 7, 0, 0].into_iter().enumerate() {
        let mut out = Vec::new();
        leg.write_probe(&track, back, Instant::now(), &mut out)
            .unwrap();
        let again = View::parse(&out).unwrap();
        let original = &sent[sent.len() - 1 - back as usize];
        assert_eq!((again.payload_type, again.ssrc), (109, 0xbbbb));
        assert_eq!(again.sequence, 500 + nth as u16);
        assert_eq!(out[12..14], original[2..4]);
        assert_eq!(out[14..], original[View::parse(original).unwrap().payload]);
    }
    assert!(
        leg.write_probe(&track, 20, Instant::now(), &mut out)
            .is_none(),
        "never shown"
    );
    // One that takes no retransmissions would take it for the stream itself.
    let ids = LegIds {
        resend: None,
        ..IDS
    };
    let mut plain = Leg::new(Kind::Video, ids, 100, 500);
    plain.join(&Lines::of(&track));
    shown(&mut plain, &track);
    assert!(
        plain
            .write_probe(&track, 0, Instant::now(), &mut out)
            .is_none()
    );
}

#[test]
fn what_was_never_shown_is_never_sent_again() {
    let mut track = h264();
    play(&mut track, 0..10);
    let mut leg = Leg::new(Kind::Video, IDS, 100, 0);
    let mut out = Vec::new();
    assert!(
        leg.write_again(&track, 100, Instant::now(), &mut out)
            .is_none()
    );
    leg.join(&Lines::of(&track));
    shown(&mut leg, &track);
    assert!(
        leg.write_again(&track, 99, Instant::now(), &mut out)
            .is_none()
    );
    assert!(
        leg.write_again(&track, 120, Instant::now(), &mut out)
            .is_none()
    );
    assert!(
        leg.write_again(&track, 119, Instant::now(), &mut out)
            .is_some()
    );
}

#[test]
fn asking_again_and_again_ends() {
    let mut track = h264();
    play(&mut track, 0..10);
    let mut leg = Leg::new(Kind::Video, IDS, 100, 0);
    leg.join(&Lines::of(&track));
    let shown = shown(&mut leg, &track).len() as u32;
    let mut out = Vec::new();
    let again = (0..10_000)
        .filter(|_| {
            leg.write_again(&track, 101, Instant::now(), &mut out)
                .is_some()
        })
        .count();
    assert_eq!(again as u32, RESEND_STORE_FIRST + shown);
}

/// The promise that a counter-mode cipher needs: one number, one content. Whatever is lost, late,
/// blocked or asked for again, no two packets with one source and number differ.
#[test]
fn no_number_is_ever_used_for_two_contents() {
    let mut repeated = 0;
    for seed in seeds::of(300) {
        let mut rng = StdRng::seed_from_u64(seed);
        let resend = rng.random_bool(0.5).then_some((109, 0xbbbb));
        let mut leg = Leg::new(
            Kind::Video,
            LegIds { resend, ..IDS },
            rng.random_range(0..u16::MAX),
            0,
        );
        let mut track = h264();
        let mut used = std::collections::BTreeMap::new();
        let mut remember = |out: Vec<u8>| {
            let view = View::parse(&out).unwrap();
            let number = (view.ssrc, view.sequence);
            if let Some(before) = used.insert(number, out.clone()) {
                assert_eq!(before, out, "seed {seed}");
                repeated += 1;
            }
        };
        let mut late = Vec::new();
        for step in 0..200_u16 {
            let first = if step % 40 == 0 { 0x65 } else { 0x41 };
            let timestamp = u32::from(step / 2) * 3_600;
            let next = packet(step, timestamp, first, rng.random_range(40..46));
            match rng.random_range(0..10) {
                0 => late.push(next),
                1 => drop(track.push(&[next.clone(), next], Instant::now())),
                2 if rng.random_bool(0.1) => track.silence(),
                _ => drop(track.push(&[next], Instant::now())),
            }
            leg.join(&Lines::of(&track));
            for packet in late.extract_if(.., |_| rng.random_bool(0.2)) {
                for index in track.push(&[packet], Instant::now()).late {
                    let mut out = Vec::new();
                    if leg.write_late(&track, index, &mut out).is_some() {
                        remember(out);
                    }
                }
            }
            for _ in 0..rng.random_range(0..4) {
                let mut out = Vec::new();
                if leg.write_next(&track, &mut out).is_some() {
                    remember(out);
                }
                if rng.random_bool(0.05) {
                    leg.skip_frame(&track);
                }
            }
            if let Some(next) = leg.next() {
                let back = rng.random_range(1..20);
                let newest = leg.first_sequence.wrapping_add(next as u16);
                let mut out = Vec::new();
                if leg
                    .write_again(&track, newest.wrapping_sub(back), Instant::now(), &mut out)
                    .is_some()
                {
                    remember(out);
                }
            }
        }
    }
    assert!(
        repeated > 1_000,
        "only {repeated} numbers were used twice: this proves nothing"
    );
}

#[test]
fn what_a_blocked_socket_lost_is_lost_to_the_end_of_its_frame() {
    let mut track = h264();
    play(&mut track, 0..3);
    let mut leg = Leg::new(Kind::Video, IDS, 0, 0);
    leg.join(&Lines::of(&track));
    let mut out = Vec::new();
    leg.write_next(&track, &mut out).unwrap();
    leg.skip_frame(&track);
    let rest = views(&shown(&mut leg, &track));
    // The second packet of the first frame is missing, and its number with it.
    assert_eq!(
        rest.iter().map(|view| view.sequence).collect::<Vec<_>>(),
        [2, 3, 4, 5]
    );
}

#[test]
fn a_late_packet_is_shown_only_to_those_who_passed_its_place() {
    let mut track = h264();
    let now = Instant::now();
    track.push(&[packet(0, 0, 0x65, 40), packet(2, 3_600, 0x41, 40)], now);
    let mut passed = Leg::new(Kind::Video, IDS, 0, 0);
    passed.join(&Lines::of(&track));
    shown(&mut passed, &track);
    let mut not_yet = Leg::new(Kind::Video, IDS, 0, 0);
    not_yet.join(&Lines::of(&track));
    let late = track.push(&[packet(1, 0, 0x41, 40)], now).late;
    assert_eq!(late, [1]);
    let mut out = Vec::new();
    assert_eq!(passed.write_late(&track, 1, &mut out).unwrap().sequence, 1);
    assert!(not_yet.write_late(&track, 1, &mut out).is_none());
    let all = views(&shown(&mut not_yet, &track));
    assert_eq!(
        all.iter().map(|view| view.sequence).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn a_viewer_that_fell_out_of_the_ring_goes_on_with_what_is_kept() {
    let mut track = h264();
    play(&mut track, 0..1);
    let mut leg = Leg::new(Kind::Video, IDS, 0, 0);
    leg.join(&Lines::of(&track));
    for sequence in 2..(RING_PACKETS as u16 + 500) {
        track.push(
            &[packet(sequence, u32::from(sequence) * 3_600, 0x41, 40)],
            Instant::now(),
        );
    }
    let seen = views(&shown(&mut leg, &track));
    assert_eq!(seen.len(), RING_PACKETS);
    assert_eq!(seen[0].sequence, 500);
}

#[test]
fn a_report_comes_with_the_first_packet_and_then_every_second() {
    let mut track = h264();
    play(&mut track, 0..2);
    let now = Instant::now();
    let wall = WallClock::new(5 << 32, now);
    let mut leg = Leg::new(Kind::Video, IDS, 0, 0);
    leg.join(&Lines::of(&track));
    assert!(leg.report(&track, now, &wall, None).is_none());
    shown(&mut leg, &track);
    let report = leg.report(&track, now, &wall, None).unwrap();
    assert_eq!(report[4..8], 0xaaaa_u32.to_be_bytes());
    assert_eq!(report[20..24], 4_u32.to_be_bytes());
    assert_eq!(report[24..28], (2 * 110_u32).to_be_bytes());
    assert!(
        leg.report(&track, now + Duration::from_millis(999), &wall, None)
            .is_none()
    );
    assert!(
        leg.report(&track, now + Duration::from_millis(1_000), &wall, None)
            .is_some()
    );
}

#[test]
fn wishes_of_one_viewer_are_heard_once_a_second() {
    let now = Instant::now();
    let mut leg = Leg::new(Kind::Video, IDS, 0, 0);
    let heard = (0..3_000)
        .filter(|ms| leg.hear_wish(now + Duration::from_millis(*ms)))
        .collect::<Vec<_>>();
    assert_eq!(heard, [0, 1_000, 2_000]);
}

#[test]
fn a_held_picture_goes_on_with_the_next_keyframe_under_the_numbers_that_follow() {
    let mut track = h264();
    let mut leg = Leg::new(Kind::Video, IDS, 500, 0);
    play(&mut track, 0..4);
    assert!(leg.join(&Lines::of(&track)));
    let before = views(&shown(&mut leg, &track));
    leg.hold();
    play(&mut track, 4..6);
    assert!(leg.join(&Lines::of(&track)), "it waits for nothing");
    assert!(!leg.is_live() && !leg.is_behind(&track));
    assert!(shown(&mut leg, &track).is_empty());
    assert!(!leg.hear_wish(Instant::now()), "nobody looks");
    // The group of pictures that it was shown in part is not begun again.
    assert!(leg.release());
    assert!(!leg.release(), "once");
    assert!(!leg.join(&Lines::of(&track)), "a keyframe is waited for");
    assert!(leg.hear_wish(Instant::now()));
    leg.hold();
    let keyframe = packet(12, 6 * 3_600, 0x65, 60);
    track.push(&[keyframe], Instant::now());
    track.push(&[packet(13, 7 * 3_600, 0x41, 60)], Instant::now());
    assert!(leg.release());
    assert!(leg.join(&Lines::of(&track)));
    let after = views(&shown(&mut leg, &track));
    assert_eq!(after.len(), 2);
    let last = before.last().unwrap();
    assert_eq!(after[0].sequence, last.sequence.wrapping_add(1));
    assert_eq!(after[1].sequence, last.sequence.wrapping_add(2));
    let later = after[0].timestamp.wrapping_sub(last.timestamp);
    assert!((1..=4 * 3_600).contains(&later), "{later}");
    // What it missed before it was held was for other numbers, and is not sent again under these.
    let mut out = Vec::new();
    assert!(
        leg.write_again(&track, last.sequence, Instant::now(), &mut out)
            .is_none()
    );
    assert!(
        leg.write_again(&track, after[0].sequence, Instant::now(), &mut out)
            .is_some()
    );
}

#[test]
fn a_picture_that_is_held_before_it_began_begins_when_it_is_released() {
    let mut track = h264();
    let mut leg = Leg::new(Kind::Video, IDS, 500, 0);
    leg.hold();
    play(&mut track, 0..2);
    assert!(leg.join(&Lines::of(&track)));
    assert!(shown(&mut leg, &track).is_empty());
    assert!(leg.release());
    assert!(leg.join(&Lines::of(&track)));
    assert_eq!(views(&shown(&mut leg, &track))[0].sequence, 500);
}
