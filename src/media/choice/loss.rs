//! How much of what one viewer is sent is lost, as far as its reports can say.
//!
//! A browser's report goes with everything that it says: with each estimate, five times a second, and with each
//! packet that it misses. So most are of a handful of packets, and one that is lost is a quarter of them. What they
//! count is added up until it is enough to be judged.

use std::time::{Duration, Instant};

use crate::Reported;

/// What is judged is of so much time at the least, a little less than the second between the reports of a viewer
/// that only says them by the clock.
const JUDGED_OVER: Duration = Duration::from_millis(800);
/// And of so many packets: of 40 on a line that loses 5 % a fifth is lost once in a thousand times.
const JUDGED_PACKETS_MIN: u32 = 40;
/// What is usual is of as many packets, roughly: those before count half.
const USUAL_PACKETS: u32 = 400;
/// A report that says more at once begins anew: no viewer is sent so much between two of them.
const JUMP: u32 = 1 << 16;
/// What a line loses that loses nothing, and the packets of which that may be wrong.
const CLEAN_OF_256: u8 = 5;
const CLEAN_LOST_MAX: u32 = 3;
/// More is lost than is usual if it is 5 % more, of so many packets, and three standard deviations away: that
/// happens by chance once in a thousand times.
const MORE_PERCENT: f32 = 5.0;
const MORE_PACKETS_MIN: u32 = 20;
const MORE_DEVIATIONS: f32 = 2.5;

/// Of which of its two streams a report is: the picture, or what is sent of it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    First,
    Again,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    lost: u32,
    packets: u32,
}

impl Share {
    const fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.packets += other.packets;
    }

    fn of_256(self) -> u8 {
        (self.lost * 256 / self.packets.max(1)).min(255) as u8
    }

    /// Whether so much more is lost than there that it is hardly by chance.
    fn is_more_than(self, usual: Self) -> bool {
        if usual.of_256() <= CLEAN_OF_256
            && self.of_256() > CLEAN_OF_256
            && self.lost >= CLEAN_LOST_MAX
        {
            return true;
        }
        if self.packets < MORE_PACKETS_MIN {
            return false;
        }
        let part = |it: Self| it.lost as f32 / it.packets.max(1) as f32;
        let more = part(self) - part(usual);
        let mut both = usual;
        both.add(self);
        let (mean, one_of) = (part(both), |it: Self| 1.0 / it.packets.max(1) as f32);
        let deviation = (mean * (1.0 - mean) * (one_of(self) + one_of(usual))).sqrt();
        more * 100.0 > MORE_PERCENT && more > deviation * MORE_DEVIATIONS
    }
}

#[derive(Debug)]
pub(super) struct Loss {
    /// The newest report of each.
    last: [Option<Reported>; 2],
    /// What was said before was said of something else.
    from: Instant,
    unjudged: Share,
    /// What was judged last, and what was lost before it.
    judged: Share,
    usual: Share,
    /// What was usual before it was looked at closely, and what was lost since.
    before: Share,
    since: Share,
    closely_from: Instant,
}

impl Loss {
    pub(super) const fn new(now: Instant) -> Self {
        const NONE: Share = Share {
            lost: 0,
            packets: 0,
        };
        Self {
            last: [None; 2],
            from: now,
            unjudged: NONE,
            judged: NONE,
            usual: NONE,
            before: NONE,
            since: NONE,
            closely_from: now,
        }
    }

    /// Of 256 packets so many were lost, once that can be said.
    pub(super) fn hear(&mut self, of: Sending, report: Reported, now: Instant) -> Option<u8> {
        let before = self.last[of as usize].replace(report)?;
        let packets = report.highest.wrapping_sub(before.highest);
        if packets > JUMP || now < self.from {
            return None;
        }
        // One that came late after all was counted before.
        let lost = report.lost.saturating_sub(before.lost).max(0) as u32;
        let heard = Share {
            lost: lost.min(packets),
            packets,
        };
        self.unjudged.add(heard);
        if now >= self.closely_from {
            self.since.add(heard);
        }
        let over = now.saturating_duration_since(self.from);
        if over < JUDGED_OVER || self.unjudged.packets < JUDGED_PACKETS_MIN {
            return None;
        }
        self.from = now;
        self.usual.add(self.judged);
        if self.usual.packets > USUAL_PACKETS {
            self.usual.lost /= 2;
            self.usual.packets /= 2;
        }
        self.judged = std::mem::take(&mut self.unjudged);
        Some(self.judged.of_256())
    }

    /// Something else is sent: what is heard from then on is of that.
    pub(super) fn begin_anew(&mut self, from: Instant) {
        self.from = from;
        for share in [&mut self.unjudged, &mut self.judged, &mut self.usual] {
            *share = Share::default();
        }
    }

    /// Of 256 packets so many are lost as a rule.
    pub(super) fn usual(&self) -> u8 {
        self.all().of_256()
    }

    /// Of 256 packets so many were lost before it was judged last.
    pub(super) fn earlier(&self) -> u8 {
        self.usual.of_256()
    }

    /// Whether more was lost when it was judged last than before that.
    pub(super) fn rises(&self) -> bool {
        self.judged.is_more_than(self.usual)
    }

    /// What is said to be lost from then on is compared with what is usual.
    pub(super) fn look_closely(&mut self, from: Instant) {
        self.before = self.all();
        self.since = Share::default();
        self.closely_from = from;
    }

    /// Whether more is lost than before it was looked at closely.
    pub(super) fn is_more(&self) -> bool {
        self.since.is_more_than(self.before)
    }

    /// All that was heard since something else was sent.
    fn all(&self) -> Share {
        let mut all = self.usual;
        all.add(self.judged);
        all.add(self.unjudged);
        all
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// A viewer that misses this share of its packets, and reports all the time.
    struct Viewer {
        rng: StdRng,
        start: Instant,
        ms: u64,
        said: Reported,
        loss: Loss,
    }

    impl Viewer {
        fn new(seed: u64) -> Self {
            let start = Instant::now();
            Self {
                rng: StdRng::seed_from_u64(seed),
                start,
                ms: 0,
                said: Reported {
                    highest: u32::MAX - 100,
                    lost: 0,
                },
                loss: Loss::new(start),
            }
        }

        /// What is judged while it is sent so many packets, one each 40 ms.
        fn take(&mut self, packets: u32, share: f64) -> Vec<u8> {
            let mut judged = Vec::new();
            for _ in 0..packets {
                self.ms += 40;
                self.said.highest = self.said.highest.wrapping_add(1);
                self.said.lost += i32::from(self.rng.random_bool(share));
                let now = self.start + Duration::from_millis(self.ms);
                judged.extend(self.loss.hear(Sending::First, self.said, now));
            }
            judged
        }
    }

    #[test]
    fn one_of_a_handful_is_not_a_quarter() {
        for seed in seeds::of(200) {
            let judged = Viewer::new(seed).take(401, 0.05);
            assert_eq!(judged.len(), 10, "each 40 packets");
            let most = judged.iter().max().unwrap();
            assert!(*most < 80, "seed {seed}: {judged:?}");
        }
    }

    #[test]
    fn what_is_lost_more_is_seen_and_chance_is_not() {
        let (mut looked, mut by_chance) = (0, 0);
        for seed in seeds::of(200) {
            for usual in [0.0, 0.05, 0.1] {
                let mut viewer = Viewer::new(seed);
                viewer.take(100, usual);
                viewer.loss.look_closely(viewer.start);
                looked += 1;
                for _ in 0..100 {
                    viewer.take(1, usual);
                    if viewer.loss.is_more() {
                        by_chance += 1;
                        break;
                    }
                }
                viewer.loss.look_closely(viewer.start);
                viewer.take(60, usual + 0.5);
                assert!(viewer.loss.is_more(), "seed {seed}, {usual}");
            }
        }
        assert!(by_chance <= 2 + looked / 15, "{by_chance} of {looked}");
    }

    #[test]
    fn what_was_said_of_something_else_does_not_count() {
        let mut viewer = Viewer::new(1);
        viewer.take(30, 1.0);
        let later = viewer.start + Duration::from_millis(30 * 40 + 1_000);
        viewer.loss.begin_anew(later);
        viewer.take(24, 1.0);
        assert_eq!(viewer.loss.usual(), 0);
        assert_eq!(viewer.take(50, 0.0), [0]);
    }

    #[test]
    fn counts_that_jump_or_run_back_are_no_loss() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut loss = Loss::new(start);
        let mut hear =
            |highest, lost, ms| loss.hear(Sending::First, Reported { highest, lost }, at(ms));
        assert_eq!(hear(0, 0, 0), None);
        assert_eq!(hear(u32::MAX / 2, i32::MAX, 1_000), None);
        assert_eq!(hear(u32::MAX / 2 + 50, i32::MIN, 2_000), Some(0));
        assert_eq!(hear(u32::MAX / 2 + 100, i32::MAX, 3_000), Some(255));
    }
}
