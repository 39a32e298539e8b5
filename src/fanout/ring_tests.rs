//! What a reader of the ring is given.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::*;

const LIMITS: Limits = Limits {
    frames_max: 6,
    bytes_max: 1_000,
};

fn gap(from: Seq, to: Seq) -> Bytes {
    format!("gap {from}-{to}").into()
}

fn words(text: String) -> Frame {
    Bytes::from(text).into()
}

fn log(ring: &mut Ring, from: Seq, to: Seq) {
    ring.push(
        Class::Log { from, to },
        words(format!("log {from}-{to}")),
        LIMITS,
    );
}

fn state(ring: &mut Ring, key: u8, value: u32) {
    ring.push(
        Class::State { key },
        words(format!("state {key}={value}")),
        LIMITS,
    );
}

fn burst(ring: &mut Ring) {
    ring.push(Class::Burst, words("burst".into()), LIMITS);
}

/// Everything behind a place, in words.
fn read(ring: &Ring, from: Cursor, bursts: Bursts) -> (Vec<String>, Cursor) {
    let (parts, to) = ring.read(from, Until::Bytes(usize::MAX), bursts, &gap);
    let words = parts
        .iter()
        .map(|it| String::from_utf8_lossy(&it.frame.text).into_owned())
        .collect();
    (words, to)
}

#[test]
fn of_values_only_the_last_is_given_and_bursts_may_be_left_out() {
    let mut ring = Ring::new(0);
    let start = ring.place(0);
    state(&mut ring, 1, 10);
    log(&mut ring, 1, 1);
    state(&mut ring, 2, 20);
    burst(&mut ring);
    state(&mut ring, 1, 11);
    let (words, to) = read(&ring, start, Bursts::Kept);
    assert_eq!(words, ["log 1-1", "state 2=20", "burst", "state 1=11"]);
    assert_eq!(to, Cursor { next: 5, seen: 1 });
    assert_eq!(
        read(&ring, start, Bursts::Skipped).0,
        ["log 1-1", "state 2=20", "state 1=11"]
    );
    assert_eq!(read(&ring, to, Bursts::Kept).0, [""; 0]);
}

#[test]
fn what_fell_out_is_a_gap_and_its_last_values() {
    let mut ring = Ring::new(4);
    let start = ring.place(4);
    state(&mut ring, 1, 1);
    state(&mut ring, 2, 2);
    log(&mut ring, 5, 6);
    state(&mut ring, 1, 3);
    for seq in 7..=11 {
        log(&mut ring, seq, seq);
    }
    state(&mut ring, 2, 4);
    let (words, to) = read(&ring, start, Bursts::Skipped);
    let expect = [
        "gap 5-6",
        "state 1=3",
        "log 7-7",
        "log 8-8",
        "log 9-9",
        "log 10-10",
        "log 11-11",
        "state 2=4",
    ];
    assert_eq!(words, expect);
    assert_eq!(to.seen, 11);
    assert!(!ring.is_behind(to));
    ring.trim(to.next);
    assert!(ring.is_empty());
}

#[test]
fn a_frame_beyond_the_bytes_is_kept_alone() {
    let mut ring = Ring::new(0);
    ring.push(
        Class::Log { from: 1, to: 1 },
        Bytes::from(vec![b'x'; 5_000]).into(),
        LIMITS,
    );
    assert_eq!(ring.end(), 1);
    log(&mut ring, 2, 2);
    let (words, _) = read(&ring, Cursor { next: 0, seen: 0 }, Bursts::Kept);
    assert_eq!(words, ["gap 1-1", "log 2-2"]);
}

#[test]
fn both_forms_lie_in_the_ring_and_count() {
    let both = |text: &'static str, deflated: &'static str| Frame {
        text: Bytes::from_static(text.as_bytes()),
        deflated: Some(Bytes::from_static(deflated.as_bytes())),
    };
    let mut ring = Ring::new(0);
    ring.push(Class::Log { from: 1, to: 1 }, both("one", "1"), LIMITS);
    log(&mut ring, 2, 2);
    assert_eq!(ring.bytes, "one".len() + "1".len() + "log 2-2".len());
    let (parts, _) = ring.read(
        Cursor { next: 0, seen: 0 },
        Until::Bytes(usize::MAX),
        Bursts::Kept,
        &gap,
    );
    assert_eq!(joined(&parts, Form::Text), "onelog 2-2");
    assert_eq!(joined(&parts, Form::Deflated), "1log 2-2");
    assert_eq!(joined(&parts[..1], Form::Deflated), "1");
    assert_eq!(joined(&[], Form::Text), "");
    let limits = Limits {
        frames_max: 6,
        bytes_max: 12,
    };
    ring.push(Class::Log { from: 3, to: 3 }, both("three", "3"), limits);
    assert_eq!(
        ring.dropped_seq(),
        2,
        "the deflated form takes its place too"
    );
}

#[test]
fn a_place_is_behind_what_was_seen() {
    let mut ring = Ring::new(0);
    for seq in [1, 3, 5] {
        log(&mut ring, seq, seq + 1);
    }
    assert_eq!(ring.place(0).next, 0);
    assert_eq!(ring.place(2).next, 1);
    assert_eq!(
        ring.place(3).next,
        1,
        "a range that was seen in part comes whole"
    );
    assert_eq!(ring.place(6).next, 3);
    assert_eq!(ring.place(9), Cursor { next: 3, seen: 9 });
}

/// Readers that stop anywhere, against the plain truth: every seq once, in order, delivered or told
/// as a gap; the last value of every key, whatever happened.
#[test]
fn no_reader_ever_has_a_silent_hole() {
    for seed in seeds::of(2_000) {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut ring = Ring::new(0);
        let mut readers = [Reader::default(), Reader::default(), Reader::default()];
        let (mut seq, mut values) = (0, [0u32; 3]);
        for _ in 0..random.random_range(1..80) {
            match random.random_range(0..8) {
                0..3 => {
                    let to = seq + random.random_range(1..4);
                    log(&mut ring, seq + 1, to);
                    seq = to;
                }
                3..5 => {
                    let key = random.random_range(0..3);
                    values[key] += 1;
                    state(&mut ring, key as u8, values[key]);
                }
                5 => burst(&mut ring),
                6 => ring.trim(
                    readers
                        .iter()
                        .map(|it| it.cursor.next)
                        .min()
                        .expect("three"),
                ),
                _ => {
                    let bytes_max = random.random_range(1..60);
                    let stop_after = random.random_range(1..6);
                    let reader = &mut readers[random.random_range(0..3)];
                    reader.read(&ring, Until::Bytes(bytes_max), stop_after, seed);
                }
            }
        }
        for reader in &mut readers {
            while ring.is_behind(reader.cursor) {
                reader.read(&ring, Until::Bytes(usize::MAX), usize::MAX, seed);
            }
            assert_eq!(reader.heard, seq, "seed {seed}");
            assert_eq!(reader.values, values, "seed {seed}");
        }
        ring.trim(ring.end());
        assert!(ring.is_empty() && ring.bytes == 0, "seed {seed}");
    }
}

struct Reader {
    cursor: Cursor,
    heard: Seq,
    values: [u32; 3],
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            cursor: Cursor { next: 0, seen: 0 },
            heard: 0,
            values: [0; 3],
        }
    }
}

impl Reader {
    /// Reads, but breaks off after some parts, as a blocked socket does.
    fn read(&mut self, ring: &Ring, until: Until, stop_after: usize, seed: u64) {
        let (parts, to) = ring.read(self.cursor, until, Bursts::Skipped, &gap);
        self.cursor = if parts.len() <= stop_after {
            to
        } else {
            parts[stop_after - 1].after
        };
        for part in parts.iter().take(stop_after) {
            let words = std::str::from_utf8(&part.frame.text).expect("words");
            self.hear(words, seed);
        }
    }

    fn hear(&mut self, words: &str, seed: u64) {
        let (kind, rest) = words.split_once(' ').expect("two words");
        match kind {
            "log" | "gap" => {
                let (from, to) = rest.split_once('-').expect("a range");
                assert_eq!(from, (self.heard + 1).to_string(), "seed {seed}: {words}");
                self.heard = to.parse().expect("a number");
            }
            _ => {
                let (key, value) = rest.split_once('=').expect("a value");
                let value = value.parse().expect("a number");
                let held = &mut self.values[key.parse::<usize>().expect("a key")];
                assert!(value >= *held, "seed {seed}: {words} after {held}");
                *held = value;
            }
        }
    }
}
