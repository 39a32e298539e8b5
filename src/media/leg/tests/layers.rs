//! A viewer that goes from layer to layer, played from seeds: whatever is lost, late, asked for again or
//! changed in the middle, its numbers and its time run on.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::super::*;
use crate::{Codec, Tracks, View, codec::PublicationId};

const PUBLICATION: PublicationId = PublicationId(1);
const FRAME: Duration = Duration::from_millis(40);
const LAYERS: u8 = 3;

/// A publisher of three layers of VP8, each with its own beginning of everything.
struct Publisher {
    tracks: Tracks,
    start: Instant,
    frames: u32,
    layers: [Sender; LAYERS as usize],
}

#[derive(Clone, Default)]
struct Sender {
    sequence: u16,
    timestamp: u32,
    picture: u16,
    base: u8,
    asked: bool,
    late: Vec<Bytes>,
}

/// What one layer sends in a frame.
struct Sent {
    fresh: std::ops::Range<u64>,
    late: Vec<u64>,
}

impl Publisher {
    fn new(rng: &mut StdRng, long_ids: bool) -> Self {
        let mut tracks = Tracks::default();
        for layer in 0..LAYERS {
            let codec = Codec {
                name: CodecName::Vp8,
                clock: 90_000,
                channels: 0,
                fmtp: String::new(),
                descriptor: None,
                redundancy: None,
            };
            tracks.open(PUBLICATION, Layer(layer), codec);
        }
        let ids_max = if long_ids { 0x7fff } else { 0x7f };
        let layers = std::array::from_fn(|_| Sender {
            sequence: rng.random(),
            timestamp: rng.random(),
            picture: rng.random_range(0..=ids_max),
            base: rng.random(),
            asked: true,
            late: Vec::new(),
        });
        Self {
            tracks,
            start: Instant::now(),
            frames: 0,
            layers,
        }
    }

    fn now(&self) -> Instant {
        self.start + self.frames * FRAME
    }

    /// The publisher's clock; every layer has the same.
    fn report(&mut self, layer: u8) {
        let ntp = (1_000 << 32) + (u64::from(self.frames) << 32) / 25;
        let rtp = self.layers[usize::from(layer)].timestamp;
        let track = self.tracks.of(PUBLICATION, Layer(layer)).unwrap();
        track.set_time(ntp, rtp);
    }

    /// One picture of one layer, `loss` of its packets lost and as many late.
    fn picture(&mut self, layer: u8, long_ids: bool, loss: f64, rng: &mut StdRng) -> Sent {
        let arrived = self.now();
        let sender = &mut self.layers[usize::from(layer)];
        let key = std::mem::take(&mut sender.asked);
        let count = if key { 5 } else { rng.random_range(1..4) };
        let mut packets = Vec::new();
        for at in 0..count {
            let mut bytes = vec![0x80, 96 | u8::from(at == count - 1) << 7];
            bytes.extend(sender.sequence.to_be_bytes());
            bytes.extend(sender.timestamp.to_be_bytes());
            bytes.extend(u32::from(layer + 1).to_be_bytes());
            let begins = if at == 0 { 0x10 } else { 0 };
            bytes.extend([0x80 | begins, 0xe0]);
            match long_ids {
                true => bytes.extend((sender.picture | 0x8000).to_be_bytes()),
                false => bytes.push(sender.picture as u8 & 0x7f),
            }
            bytes.extend([sender.base, 0x20, u8::from(!key)]);
            bytes.resize(bytes.len() + rng.random_range(30..60), layer ^ at);
            sender.sequence = sender.sequence.wrapping_add(1);
            match rng.random_bool(loss) {
                true if rng.random_bool(0.5) => sender.late.push(bytes.into()),
                true => {}
                false => packets.push(Bytes::from(bytes)),
            }
        }
        sender.picture = sender.picture.wrapping_add(1) & 0x7fff;
        sender.base = sender.base.wrapping_add(1);
        if rng.random_bool(0.5) {
            packets.append(&mut sender.late);
        }
        let accepted = self
            .tracks
            .push(PUBLICATION, Layer(layer), &packets, arrived)
            .unwrap();
        Sent {
            fresh: accepted.fresh,
            late: accepted.late,
        }
    }

    /// The time of one picture has passed for every layer.
    fn step(&mut self) {
        self.frames += 1;
        for sender in &mut self.layers {
            sender.timestamp = sender.timestamp.wrapping_add(3_600);
        }
    }
}

fn vp8_leg(rng: &mut StdRng, resend: bool) -> Leg {
    let ids = LegIds {
        payload_type: 96,
        ssrc: 0xaaaa,
        resend: resend.then_some((97, 0xbbbb)),
        descriptor: None,
        sent_at: None,
        redundant: None,
    };
    Leg::new(Kind::Video, ids, rng.random(), rng.random())
}

/// Remembers what was sent under each number, and that it never differs.
#[derive(Default)]
struct Used(BTreeMap<(u32, u16), Vec<u8>>);

impl Used {
    fn check(&mut self, out: Vec<u8>, seed: u64) {
        let view = View::parse(&out).unwrap();
        let number = (view.ssrc, view.sequence);
        if let Some(before) = self.0.insert(number, out.clone()) {
            assert_eq!(before, out, "seed {seed}: two contents of {number:?}");
        }
    }
}

/// What one viewer saw, in its order.
#[derive(Default)]
struct Seen {
    last: Option<View>,
    switches: u32,
    layer: Option<Layer>,
}

#[test]
fn numbers_times_and_pictures_run_on_from_layer_to_layer() {
    let mut switches = 0;
    for seed in seeds::of(200) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (reports, long_ids) = (rng.random_bool(0.7), rng.random_bool(0.7));
        let mut publisher = Publisher::new(&mut rng, long_ids);
        let mut leg = vp8_leg(&mut rng, true);
        let mut seen = Seen::default();
        let mut numbers = None;
        for frame in 0..400 {
            if rng.random_bool(0.05) {
                leg.aim(Layer(rng.random_range(0..LAYERS)));
            }
            for layer in 0..LAYERS {
                if reports && frame % 25 == 3 {
                    publisher.report(layer);
                }
                if leg.awaits() == Some(Layer(layer)) && rng.random_bool(0.2) {
                    publisher.layers[usize::from(layer)].asked = true;
                }
                publisher.picture(layer, long_ids, 0.0, &mut rng);
                let lines = publisher.tracks.lines();
                leg.join(&lines);
                leg.switch(&lines);
                let track = lines.get(leg.layer()).unwrap();
                let mut out = Vec::new();
                while leg.write_next(track, &mut out).is_some() {
                    let view = View::parse(&out).unwrap();
                    let now = vp8::read(&out[12..]).unwrap();
                    let changed = seen.layer.replace(leg.layer()) != Some(leg.layer());
                    if let (Some(last), Some(before)) = (&seen.last, numbers) {
                        let said = format!("seed {seed} frame {frame} {last:?} {view:?}");
                        assert_eq!(view.sequence, last.sequence.wrapping_add(1), "{said}");
                        let later = view.timestamp.wrapping_sub(last.timestamp);
                        let new_frame = changed || last.marker;
                        assert_eq!(later > 0, new_frame, "{said}");
                        assert!(later < 90_000, "{said}");
                        assert_eq!(now.follows(&before), new_frame, "{said}");
                        seen.switches += u32::from(changed);
                    }
                    if changed {
                        assert!(crate::begins_keyframe(CodecName::Vp8, &out[12..]));
                    }
                    (seen.last, numbers) = (Some(view), Some(now));
                    out.clear();
                }
            }
            publisher.step();
        }
        switches += seen.switches;
    }
    assert!(switches > 1_000, "only {switches} switches prove nothing");
}

#[test]
fn no_number_has_two_contents_over_losses_switches_and_resends() {
    let mut again = 0;
    for seed in seeds::of(200) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut publisher = Publisher::new(&mut rng, true);
        let resend = rng.random_bool(0.5);
        let mut leg = vp8_leg(&mut rng, resend);
        let mut used = Used::default();
        let mut newest = None;
        for frame in 0..300 {
            if rng.random_bool(0.1) {
                leg.aim(Layer(rng.random_range(0..LAYERS)));
            }
            match rng.random_range(0..100) {
                0 => leg.hold(),
                1..10 => drop(leg.release()),
                _ => {}
            }
            for layer in 0..LAYERS {
                if frame % 25 == 3 {
                    publisher.report(layer);
                }
                publisher.layers[usize::from(layer)].asked |= rng.random_bool(0.1);
                let sent = publisher.picture(layer, true, 0.1, &mut rng);
                assert!(sent.fresh.end >= sent.fresh.start);
                let lines = publisher.tracks.lines();
                leg.join(&lines);
                leg.switch(&lines);
                for index in sent.late {
                    let mut out = Vec::new();
                    let track = lines.get(Layer(layer)).unwrap();
                    if leg.write_late(track, index, &mut out).is_some() {
                        used.check(out, seed);
                    }
                }
                let track = lines.get(leg.layer()).unwrap();
                for _ in 0..rng.random_range(0..8) {
                    let mut out = Vec::new();
                    if let Some(stamp) = leg.write_next(track, &mut out) {
                        newest = Some(stamp.sequence);
                        used.check(out, seed);
                    }
                    if rng.random_bool(0.03) {
                        leg.skip_frame(track);
                    }
                }
                let Some(newest) = newest else { continue };
                let missing = newest.wrapping_sub(rng.random_range(0..60));
                let track = leg.layer_of(missing).and_then(|it| lines.get(it));
                let Some(track) = track else { continue };
                let mut out = Vec::new();
                if leg
                    .write_again(track, missing, Instant::now(), &mut out)
                    .is_some()
                {
                    again += 1;
                    used.check(out, seed);
                }
            }
            publisher.step();
        }
    }
    assert!(again > 1_000, "only {again} were sent again");
}

/// Plays `frames` pictures of every layer and shows the leg what there is.
fn play(publisher: &mut Publisher, leg: &mut Leg, frames: u32, rng: &mut StdRng) -> Vec<Vec<u8>> {
    let mut shown = Vec::new();
    for _ in 0..frames {
        for layer in 0..LAYERS {
            publisher.picture(layer, true, 0.0, rng);
            let lines = publisher.tracks.lines();
            leg.join(&lines);
            leg.switch(&lines);
            let track = lines.get(leg.layer()).unwrap();
            let mut out = Vec::new();
            while leg.write_next(track, &mut out).is_some() {
                shown.push(std::mem::take(&mut out));
            }
        }
        publisher.step();
    }
    shown
}

/// A leg that was led along a layer, and then from it to another one.
fn switched(publisher: &mut Publisher, leg: &mut Leg, layers: [u8; 2]) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(1);
    let [from, to] = layers;
    leg.aim(Layer(from));
    let before = play(publisher, leg, 20, &mut rng);
    assert!(leg.shows(Layer(from)));
    leg.aim(Layer(to));
    play(publisher, leg, 20, &mut rng);
    assert_eq!(leg.awaits(), Some(Layer(to)), "its keyframe is too old");
    publisher.layers[usize::from(to)].asked = true;
    play(publisher, leg, 2, &mut rng);
    assert!(leg.shows(Layer(to)));
    assert_eq!(leg.awaits(), None);
    before
}

#[test]
fn what_was_shown_before_a_switch_is_sent_again_as_it_was() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut publisher = Publisher::new(&mut rng, true);
    let mut leg = vp8_leg(&mut rng, false);
    let before = switched(&mut publisher, &mut leg, [0, 2]);
    let missing = before.last().unwrap();
    let sequence = View::parse(missing).unwrap().sequence;
    assert_eq!(leg.layer_of(sequence), Some(Layer(0)));
    let lines = publisher.tracks.lines();
    let mut out = Vec::new();
    let wrong = lines.get(Layer(2)).unwrap();
    assert!(
        leg.write_again(wrong, sequence, Instant::now(), &mut out)
            .is_none()
    );
    let track = lines.get(Layer(0)).unwrap();
    assert!(
        leg.write_again(track, sequence, Instant::now(), &mut out)
            .is_some()
    );
    assert_eq!(out, *missing);
}

#[test]
fn a_narrow_line_is_not_filled_with_what_was_lost_of_a_larger_layer() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut publisher = Publisher::new(&mut rng, true);
    let mut leg = vp8_leg(&mut rng, false);
    let before = switched(&mut publisher, &mut leg, [2, 0]);
    let sequence = View::parse(before.last().unwrap()).unwrap().sequence;
    assert_eq!(leg.layer_of(sequence), None);
    assert!(leg.resend_store < 2 * RESEND_STORE_SMALL);
}

#[test]
fn only_what_was_shown_on_the_way_up_is_remembered() {
    let mut rng = StdRng::seed_from_u64(2);
    let mut publisher = Publisher::new(&mut rng, true);
    let mut leg = vp8_leg(&mut rng, true);
    for (layer, past) in [(0, 0), (1, 1), (2, 2), (1, 0), (2, 1), (0, 0), (2, 1)] {
        leg.aim(Layer(layer));
        publisher.layers[usize::from(layer)].asked = true;
        play(&mut publisher, &mut leg, 3, &mut rng);
        assert!(leg.shows(Layer(layer)));
        assert_eq!(leg.past.len(), past, "at {layer}");
    }
}

#[test]
fn a_joiner_begins_with_what_there_is_and_goes_over_when_it_can() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut publisher = Publisher::new(&mut rng, true);
    publisher.layers[2].asked = false;
    let mut leg = vp8_leg(&mut rng, true);
    leg.aim(Layer(2));
    let shown = play(&mut publisher, &mut leg, 5, &mut rng);
    assert!(!shown.is_empty());
    assert_eq!((leg.layer(), leg.awaits()), (Layer(0), Some(Layer(2))));
    publisher.layers[2].asked = true;
    play(&mut publisher, &mut leg, 1, &mut rng);
    assert!(leg.shows(Layer(2)));
}

#[test]
fn a_layer_that_fell_silent_is_left_at_once_for_one_with_a_keyframe() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut publisher = Publisher::new(&mut rng, true);
    let mut leg = vp8_leg(&mut rng, true);
    leg.aim(Layer(1));
    play(&mut publisher, &mut leg, 20, &mut rng);
    // The middle one stops in the middle of a picture, and the small one goes on.
    publisher.layers[1].asked = true;
    publisher.picture(1, true, 0.0, &mut rng);
    let stopped = publisher.tracks.get(Layer(1)).unwrap();
    leg.write_next(stopped, &mut Vec::new()).unwrap();
    let last = leg.shown.unwrap();
    leg.aim(Layer(0));
    for frame in 0..30 {
        publisher.layers[0].asked = frame == 25;
        publisher.picture(0, true, 0.0, &mut rng);
        leg.switch(&publisher.tracks.lines());
        publisher.step();
        assert_eq!(leg.shows(Layer(0)), frame >= 25);
    }
    let mut out = Vec::new();
    let track = publisher.tracks.get(Layer(0)).unwrap();
    let stamp = leg.write_next(track, &mut out).unwrap();
    let later = stamp.timestamp.wrapping_sub(last);
    // Led from the keyframe on in steps of a millisecond, to the newest of five.
    assert!((24 * 3_600..26 * 3_600).contains(&later), "{later}");
}

#[test]
fn the_report_tells_the_time_of_what_is_shown() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut publisher = Publisher::new(&mut rng, true);
    let mut leg = vp8_leg(&mut rng, true);
    leg.aim(Layer(2));
    play(&mut publisher, &mut leg, 5, &mut rng);
    for layer in 0..LAYERS {
        publisher.report(layer);
    }
    leg.aim(Layer(0));
    publisher.layers[0].asked = true;
    play(&mut publisher, &mut leg, 1, &mut rng);
    assert!(leg.shows(Layer(0)));
    let (now, wall) = (publisher.now(), WallClock::new(0, publisher.start));
    let track = publisher.tracks.get(Layer(0)).unwrap();
    // The publisher's clock says 1,000 when ours says 0.
    let skew = Some(0_u64.wrapping_sub(1_000 << 32));
    let report = leg.report(track, now, &wall, skew).unwrap();
    let rtp = u32::from_be_bytes(*report[16..].first_chunk().unwrap());
    // One picture after the one that was shown last.
    let later = rtp.wrapping_sub(leg.shown.unwrap());
    assert!(later.abs_diff(3_600) <= 1, "{later}");
}
