//! Slow mode that follows the talk: it comes, holds near its target, and goes.

use protocol::server::AutoSlow;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

/// A crowd of which each writes as soon as it may, after a pause of its own.
fn talk(bench: &mut Bench, rng: &mut StdRng, people: u64, pause_ms: u64, seconds: u64) -> u64 {
    let mut said = 0;
    let mut next: Vec<u64> = (0..people)
        .map(|_| bench.now.mono_ms + rng.random_range(0..pause_ms))
        .collect();
    let end = bench.now.mono_ms + seconds * 1_000;
    while bench.now.mono_ms < end {
        bench.pass(100);
        for n in 0..people {
            let at = &mut next[usize::try_from(n).expect("few")];
            if *at > bench.now.mono_ms {
                continue;
            }
            let name = format!("p{n}");
            let line = bench.line("好");
            let wait = match bench.ack(&name, line) {
                Ok(_) => {
                    said += 1;
                    pause_ms
                }
                Err(refusal) => refusal.ms.unwrap_or(pause_ms) + rng.random_range(0..200),
            };
            next[usize::try_from(n).expect("few")] = bench.now.mono_ms + wait;
        }
        bench.fx.clear();
    }
    said
}

fn changes(bench: &Bench) -> usize {
    let own =
        |it: &&Record| matches!(it.body, RecordBody::SlowMode { .. }) && it.client_id.is_none();
    bench.log.iter().filter(own).count()
}

#[test]
fn o12_it_comes_with_a_storm_holds_near_the_target_and_goes_with_calm() {
    for seed in seeds::of(4) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bench = Bench::full();
        let people = rng.random_range(20..60);
        let target = rng.random_range(2..6);
        for n in 0..people {
            bench.join(&format!("p{n}"));
        }
        let on = Command::SlowMode {
            client_id: bench.cid(),
            gap_ms: 0,
            auto: Some(AutoSlow {
                target_per_s: target,
            }),
        };
        bench.ack(MAKER, on).expect("turned on");
        talk(&mut bench, &mut rng, people, 1_000, 60);
        assert!(
            bench.room.state().slow_mode_ms > Some(0),
            "seed {seed}: it came"
        );
        let settled = changes(&bench);
        let said = talk(&mut bench, &mut rng, people, 1_000, 120);
        let most = u64::from(target) * 120 * 13 / 10;
        assert!(said <= most, "seed {seed}: {said} lines, at most {most}");
        let n = changes(&bench) - settled;
        assert!(n <= 6, "seed {seed}: {n} changes in two minutes");
        bench.pass(600_000);
        assert_eq!(
            bench.room.state().slow_mode_ms,
            Some(0),
            "seed {seed}: it went"
        );
        assert_eq!(bench.room.deadline(), None, "and it rests");
    }
}

#[test]
fn o12_a_calm_room_is_left_alone_and_a_gap_set_by_hand_is_the_least() {
    let mut bench = Bench::full();
    let on = |bench: &mut Bench, gap_ms, target_per_s| {
        let client_id = bench.cid();
        let auto = Some(AutoSlow { target_per_s });
        let command = Command::SlowMode {
            client_id,
            gap_ms,
            auto,
        };
        bench.ack(MAKER, command).map(drop).map_err(|it| it.code)
    };
    assert_eq!(on(&mut bench, 0, 0), Err(Code::Malformed));
    assert_eq!(on(&mut bench, 0, 101), Err(Code::Malformed));
    on(&mut bench, 5_000, 5).expect("on");
    for _ in 0..60 {
        bench.say(ANN, "好").expect("in time");
        bench.pass(5_000);
    }
    assert_eq!(changes(&bench), 0);
    assert_eq!(bench.room.state().slow_mode_ms, Some(5_000));
    bench.restart();
    assert_eq!(
        bench.room.state().slow_auto,
        Some(AutoSlow { target_per_s: 5 })
    );
}
