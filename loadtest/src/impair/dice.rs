//! What chance decides about each packet: a fate, drawn from a seed.
//!
//! Every packet costs the same number of draws whatever the conditions are, so the fate of the n-th
//! packet of a line depends on the seed, on n and on the conditions in force, and on nothing else:
//! neither on time nor on what was asked for before.
//!
//! Bursts are a Gilbert–Elliott chain: a line is calm or in a bad spell, each with a loss of its own.
//! E. N. Gilbert, "Capacity of a Burst-Noise Channel", Bell System Technical Journal 39 (1960),
//! 1253–1265, has no loss while calm; E. O. Elliott, "Estimates of Error Rates for Codes on Burst-Noise
//! Channels", ibid. 42 (1963), 1977–1997, has one. G. Haßlinger and O. Hohlfeld, "The Gilbert-Elliott
//! Model for Packet Loss in Real Time Services on the Internet", MMB 2008, is how its parameters follow
//! from a mean loss and a mean burst. `rand`'s xoshiro256++ draws: the same on every machine and in
//! every later version.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use super::{
    Direction,
    conditions::{Conditions, Shape},
};

/// A segment is lost so often in a row at most.
const RETRIES_MAX: u32 = 6;

/// What happens to one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    pub(super) lost: bool,
    pub(super) twice: bool,
    pub(super) held_back: bool,
    /// Beside the delay; may be negative.
    pub(super) jitter_s: f64,
    /// If it is lost: how often it is sent until it comes.
    pub(super) retries: u32,
}

/// The dice of one direction of one line.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    random: Xoshiro256PlusPlus,
    in_bad_spell: bool,
}

impl Dice {
    /// Each line of a relay, and each direction of it, has dice of its own, from the relay's seed.
    pub(super) fn new(seed: u64, line: u64, direction: Direction) -> Self {
        let which = line.wrapping_mul(2).wrapping_add(direction as u64);
        // An odd constant (of Weyl's sequence by the golden ratio) keeps neighbours apart.
        let seed = seed ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            in_bad_spell: false,
        }
    }

    /// The fate of the next packet.
    pub(super) fn draw(&mut self, on: &Conditions) -> Fate {
        let [turn, loss, again, twice, back, one, other] = std::array::from_fn(|_| self.unit());
        Fate {
            lost: loss < self.loss(on, turn),
            twice: twice < on.duplicate,
            held_back: back < on.reorder,
            jitter_s: on.jitter.as_secs_f64() * spread(on.shape, one, other),
            retries: retries(on.loss, again),
        }
    }

    /// The chance to lose this packet, after the line has gone on to its next state.
    fn loss(&mut self, on: &Conditions, turn: f64) -> f64 {
        let Some(bad) = on.bad_share() else {
            self.in_bad_spell = false;
            return on.loss;
        };
        let ends = 1.0 / on.burst;
        let begins = ends * bad / (1.0 - bad);
        self.in_bad_spell = if self.in_bad_spell {
            turn >= ends
        } else {
            turn < begins
        };
        if self.in_bad_spell {
            on.burst_loss
        } else {
            on.calm_loss
        }
    }

    /// From 0 to below 1, 53 bits of it.
    fn unit(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Jitter in units of itself.
fn spread(shape: Shape, one: f64, other: f64) -> f64 {
    match shape {
        Shape::Uniform => 2.0 * one - 1.0,
        // Box and Muller.
        Shape::Normal => {
            let radius = (-2.0 * (1.0 - one).ln()).sqrt();
            (radius * (std::f64::consts::TAU * other).cos()).clamp(-3.0, 3.0)
        }
        Shape::Tail => (-(1.0 - one).ln()).min(10.0),
    }
}

/// How often a lost segment is sent again, if each try is lost as the first was.
fn retries(loss: f64, chance: f64) -> u32 {
    let (mut tries, mut all_lost) = (1, loss);
    while tries < RETRIES_MAX && chance < all_lost {
        tries += 1;
        all_lost *= loss;
    }
    tries
}

/// The wait until the last of so many retransmissions: each wait is twice the one before.
pub(super) fn repaired_after(first: Duration, retries: u32) -> Duration {
    first * ((1 << retries) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64, on: &Conditions) -> Vec<Fate> {
        let mut dice = Dice::new(seed, 1, Direction::Down);
        (0..100_000).map(|_| dice.draw(on)).collect()
    }

    fn text(text: &str) -> Conditions {
        Conditions::default().with_text(text).expect("conditions")
    }

    fn lost(fates: &[Fate]) -> Vec<bool> {
        fates.iter().map(|it| it.lost).collect()
    }

    /// How long each run of losses was.
    fn runs(fates: &[Fate]) -> Vec<usize> {
        let runs = fates.chunk_by(|one, next| one.lost == next.lost);
        runs.filter(|it| it[0].lost).map(<[Fate]>::len).collect()
    }

    fn share(fates: &[Fate], of: impl Fn(&Fate) -> bool) -> f64 {
        fates.iter().filter(|it| of(it)).count() as f64 / fates.len() as f64
    }

    #[test]
    fn a_seed_tells_every_fate() {
        let bad = text("loss=5%,jitter=10ms,reorder=1%,duplicate=1%,burst=3");
        assert_eq!(fates(7, &bad), fates(7, &bad));
        assert_ne!(fates(7, &bad), fates(8, &bad));
        let other = |line, direction| Dice::new(7, line, direction).draw(&text("jitter=1s"));
        let first = other(1, Direction::Down);
        assert_ne!(first, other(2, Direction::Down));
        assert_ne!(first, other(1, Direction::Up));
    }

    #[test]
    fn which_packets_are_lost_does_not_hang_on_the_other_conditions() {
        let alone = lost(&fates(7, &text("loss=5%")));
        let among = lost(&fates(
            7,
            &text("loss=5%,jitter=10ms,shape=normal,duplicate=9%"),
        ));
        assert_eq!(alone, among);
    }

    #[test]
    fn shares_are_what_was_asked_for() {
        // Six standard deviations of 100,000 draws at 5 % are 0.0041; a seed is fixed, so this never flickers.
        let all = fates(1, &text("loss=5%,reorder=5%,duplicate=5%"));
        for (what, found) in [
            ("lost", share(&all, |it| it.lost)),
            ("twice", share(&all, |it| it.twice)),
            ("held back", share(&all, |it| it.held_back)),
        ] {
            assert!((found - 0.05).abs() < 0.0041, "{what}: {found}");
        }
        let runs = runs(&all);
        let mean = runs.iter().sum::<usize>() as f64 / runs.len() as f64;
        assert!((mean - 1.0 / 0.95).abs() < 0.03, "mean run {mean}");
    }

    #[test]
    fn bursts_keep_the_mean_loss_and_have_the_mean_length() {
        for (loss, burst) in [(0.05, 4.0), (0.01, 10.0), (0.2, 2.0)] {
            let on = text(&format!("loss={loss},burst={burst}"));
            let all = fates(3, &on);
            let runs = runs(&all);
            let mean = runs.iter().sum::<usize>() as f64 / runs.len() as f64;
            assert!((mean / burst - 1.0).abs() < 0.1, "{burst}: {mean}");
            let found = share(&all, |it| it.lost);
            assert!((found / loss - 1.0).abs() < 0.15, "{loss}: {found}");
        }
        // Elliott's: some are lost while it is calm, not all in a bad spell.
        let both = fates(3, &text("loss=5%,burst=20,burst-loss=50%,calm-loss=1%"));
        let found = share(&both, |it| it.lost);
        assert!((found / 0.05 - 1.0).abs() < 0.15, "{found}");
        assert!(runs(&both).contains(&1));
    }

    #[test]
    fn jitter_has_its_shape() {
        let mean = |on: &str| {
            let all = fates(5, &text(on));
            let sum: f64 = all.iter().map(|it| it.jitter_s * 1e3).sum();
            let spread: f64 = all.iter().map(|it| (it.jitter_s * 1e3).powi(2)).sum();
            let n = all.len() as f64;
            (sum / n, (spread / n).sqrt())
        };
        let close = |found: (f64, f64), mean: f64, root: f64| {
            (found.0 - mean).abs() < 0.2 && (found.1 - root).abs() < 0.2
        };
        assert!(close(mean("jitter=10ms"), 0.0, 10.0 / 3_f64.sqrt()));
        assert!(close(mean("jitter=10ms,shape=normal"), 0.0, 9.93));
        assert!(close(mean("jitter=10ms,shape=tail"), 10.0, 200_f64.sqrt()));
    }

    #[test]
    fn a_segment_lost_again_waits_twice_as_long() {
        let first = Duration::from_millis(200);
        let waits: Vec<_> = (1..=3)
            .map(|it| repaired_after(first, it).as_millis())
            .collect();
        assert_eq!(waits, [200, 600, 1_400]);
        assert_eq!(
            [
                retries(0.05, 0.5),
                retries(0.05, 0.04),
                retries(0.05, 0.002)
            ],
            [1, 2, 3]
        );
        assert_eq!(retries(1.0, 0.5), RETRIES_MAX);
    }
}
