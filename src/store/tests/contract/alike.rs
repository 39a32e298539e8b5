//! Each engine and the simulated disk answer alike, whatever they are asked.

use std::collections::BTreeMap;

use protocol::{RoomNumber, Seq};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::{Append, Entry, PageOf, RowChange};

use crate::disks::{Disk, PostgresDisk, ROOMS, SimulatedDisk, SqliteDisk, append, entry, with_id};

/// A batch waits for the disk's sync, so these are few; `WEIQUAN_SEEDS` asks for more.
const SEEDS: u64 = 8;
/// There every question is a message as well.
const SEEDS_OF_POSTGRESQL: u64 = 3;
const BATCHES: usize = 120;

#[test]
fn sqlite_answers_as_the_simulated_disk_does() {
    for seed in seeds::of(SEEDS) {
        run::<SqliteDisk>(seed);
    }
}

#[test]
fn postgresql_answers_as_the_simulated_disk_does() {
    for seed in seeds::of(SEEDS_OF_POSTGRESQL) {
        run::<PostgresDisk>(seed);
    }
}

fn run<D: Disk>(seed: u64) {
    let mut draw = SmallRng::seed_from_u64(seed);
    let mut engine = D::new();
    let mut simulated = SimulatedDisk::new();
    let mut last: BTreeMap<RoomNumber, Seq> = BTreeMap::new();
    for step in 0..BATCHES {
        let parts = draw.random_range(1..5);
        let batch: Vec<Append> = (0..parts).map(|_| part(&mut draw, &last)).collect();
        let seen = engine.log().append(&batch).unwrap();
        let expect = simulated.log().append(&batch).unwrap();
        assert_eq!(seen, expect, "seed {seed}, step {step}: {batch:#?}");
        for (part, result) in batch.iter().zip(&seen) {
            if result.is_ok() {
                *last.entry(part.room).or_default() += part.records.len() as Seq;
            }
        }
        if draw.random_ratio(1, 20) {
            engine.restart();
            simulated.restart();
        }
        compare(&mut draw, &mut engine, &mut simulated, seed, step);
    }
}

/// Mostly right, sometimes wrong in one of the ways that the contract names.
fn part(draw: &mut SmallRng, last: &BTreeMap<RoomNumber, Seq>) -> Append {
    let room = ROOMS[draw.random_range(0..ROOMS.len())];
    let end = last.get(&room).copied().unwrap_or_default();
    let slip = u64::from(draw.random_ratio(1, 15));
    let records: Vec<Entry> = (0..draw.random_range(0..4))
        .map(|i| {
            let seq = end + 1 + i + slip;
            let entry = match draw.random_range(0..3) {
                0 => entry(seq),
                who => with_id(
                    seq,
                    ["m_anna", "m_ben"][who - 1],
                    &draw.random_range(0..900).to_string(),
                ),
            };
            Entry {
                is_fact: draw.random_ratio(1, 8),
                ..entry
            }
        })
        .collect();
    let mut rows = Vec::new();
    if draw.random_ratio(1, 4) {
        let seq = draw.random_range(0..end + 3);
        let body = vec![b'r'; draw.random_range(0..40)];
        rows.push(if draw.random() {
            RowChange::Revise { seq, body }
        } else {
            RowChange::Erase { seq, left: body }
        });
    }
    let mut part = Append {
        rows,
        ..append(room, records)
    };
    if draw.random_ratio(1, 40) {
        part.circle += 1;
    }
    if draw.random_ratio(1, 40) {
        part.room = 99;
    }
    part
}

fn compare(
    draw: &mut SmallRng,
    engine: &mut impl Disk,
    simulated: &mut SimulatedDisk,
    seed: u64,
    step: usize,
) {
    let room = ROOMS[draw.random_range(0..ROOMS.len())];
    let mut seen = engine.log().load(room).unwrap();
    let expect = simulated.log().load(room).unwrap();
    seen.epoch = expect.epoch.clone();
    assert_eq!(seen, expect, "seed {seed}, step {step}");
    let seq = draw.random_range(0..expect.last_seq + 3);
    let of = [PageOf::Last, PageOf::Before(seq), PageOf::After(seq)][draw.random_range(0..3)];
    let n = draw.random_range(0..20);
    assert_eq!(
        engine.log().page(room, of, n).unwrap(),
        simulated.log().page(room, of, n).unwrap(),
        "seed {seed}, step {step}: {of:?} {n}"
    );
}
