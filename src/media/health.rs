//! How a publisher's media arrives, as numbers and as the few things that a host can mend. Pure: told
//! the time.
//!
//! A [`Meter`] watches one track packet by packet; [`judge`] looks at what both tracks read over a while.
//! It knows encoders by what they do and not by what they say: one that answers wishes for a keyframe
//! may have as few as it likes.

use std::time::{Duration, Instant};

use crate::{Codec, Kind};

/// A packet that is this late was not merely overtaken: a retransmission takes a round trip.
const OVERTAKEN: Duration = Duration::from_millis(10);
/// Holes that are remembered for packets which may still come.
const HOLES_MAX: usize = 64;
/// A jump of so many numbers is another stream, not a loss.
const JUMP_MAX: u16 = 1_000;
/// A picture that is this much older than the one before is another timeline, not a B-frame.
const REORDER_MAX: Duration = Duration::from_secs(2);
/// A layer that a browser stopped has sent nothing for longer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// An encoder that has not answered a wish by then does not answer wishes.
const DEAF_AFTER: Duration = Duration::from_millis(1_500);
/// Opus codes silence in three bytes and a quiet room in some twenty.
const SILENT_BYTES_MAX: usize = 8;
/// A pause in a talk is no fault.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// A picture that stands still has few frames, but some.
const STILL_AFTER: Duration = Duration::from_secs(4);

/// Newcomers are shown groups of pictures of up to [`crate::GOP_MAX`]; beyond it they wait.
const KEYFRAMES_FAIR: Duration = Duration::from_millis(2_500);
const KEYFRAMES_POOR: Duration = Duration::from_millis(5_000);
/// Retransmission mends less than this without anybody seeing it.
const LOSS_FAIR_PERMILLE: u32 = 30;
const LOSS_POOR_PERMILLE: u32 = 100;
/// Of what is sent now, in percent: what a line that loses should be asked to carry.
const ADVISED_PERCENT: u32 = 70;
const ADVISED_STEP_KBPS: u32 = 100;

/// What one track read since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub kbps: u32,
    /// Pictures (or sounds) a second.
    pub frames: u32,
    /// Packets that did not come when they should have, of a thousand; sent again or not.
    pub loss_permille: u32,
    /// Pictures that are shown before one that came earlier.
    pub reordered: u32,
    /// The longest time without a keyframe, now or between the last two.
    pub keyframe_ms: Option<u32>,
    /// It was asked for a keyframe and did not answer.
    pub deaf: bool,
    /// Nothing came for a while.
    pub still: bool,
    /// Sound came, and there was nothing to hear in it.
    pub silent: bool,
}

/// What a host can mend, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    NoPicture,
    NoSound,
    BFrames,
    LossHigh,
    KeyframesRare,
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Good,
    Fair,
    Poor,
}

/// How it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    /// Empty when there is nothing to say.
    pub says: Vec<Said>,
    /// What the encoder's video should be set to, where the line loses.
    pub advised_kbps: Option<u32>,
}

/// Judges what was read of the tracks that a publisher offered.
pub fn judge(video: Option<&Reading>, audio: Option<&Reading>) -> Verdict {
    let mut says = Vec::new();
    let mut level = Level::Good;
    let mut say = |said, is: Level| {
        says.push(said);
        level = level.max(is);
    };
    if video.is_some_and(|it| it.still) {
        say(Said::NoPicture, Level::Poor);
    }
    if audio.is_some_and(|it| it.still) {
        say(Said::NoSound, Level::Poor);
    }
    if video.is_some_and(|it| it.reordered > 0) {
        say(Said::BFrames, Level::Poor);
    }
    let loss = [video, audio].into_iter().flatten();
    let loss = loss.map(|it| it.loss_permille).max().unwrap_or(0);
    if loss >= LOSS_FAIR_PERMILLE {
        let poor = loss >= LOSS_POOR_PERMILLE;
        say(Said::LossHigh, if poor { Level::Poor } else { Level::Fair });
    }
    let apart = video
        .filter(|it| it.deaf)
        .and_then(|it| it.keyframe_ms)
        .map(|ms| Duration::from_millis(ms.into()));
    if let Some(apart) = apart.filter(|it| *it >= KEYFRAMES_FAIR) {
        let poor = apart >= KEYFRAMES_POOR;
        say(
            Said::KeyframesRare,
            if poor { Level::Poor } else { Level::Fair },
        );
    }
    if audio.is_some_and(|it| it.silent) {
        say(Said::Silent, Level::Fair);
    }
    let advised_kbps = video.filter(|_| loss >= LOSS_FAIR_PERMILLE).map(|it| {
        let kbps = it.kbps * ADVISED_PERCENT / 100;
        (kbps / ADVISED_STEP_KBPS * ADVISED_STEP_KBPS).max(ADVISED_STEP_KBPS)
    });
    Verdict {
        level,
        says,
        advised_kbps,
    }
}

/// What is counted from one reading to the next.
#[derive(Debug, Default)]
struct Counts {
    bytes: u64,
    packets: u32,
    missed: u32,
    frames: u32,
    reordered: u32,
    longest: Option<Duration>,
}

/// Watches one track.
#[derive(Debug)]
pub struct Meter {
    kind: Kind,
    clock: u32,
    since: Instant,
    counts: Counts,
    newest: Option<u16>,
    holes: Vec<(u16, Instant)>,
    /// The latest timestamp, and that of the packet before.
    latest: Option<u32>,
    last: Option<u32>,
    came: Instant,
    keyframe: Option<Instant>,
    asked: Option<Instant>,
    deaf: bool,
    heard: Instant,
}

impl Meter {
    pub fn new(codec: &Codec, now: Instant) -> Self {
        Self {
            kind: codec.name.kind(),
            clock: codec.clock,
            since: now,
            counts: Counts::default(),
            newest: None,
            holes: Vec::new(),
            latest: None,
            last: None,
            came: now,
            keyframe: None,
            asked: None,
            deaf: false,
            heard: now,
        }
    }

    /// A packet came. `begins` says whether a keyframe begins with it.
    pub fn take(
        &mut self,
        sequence: u16,
        timestamp: u32,
        bytes: usize,
        begins: bool,
        now: Instant,
    ) {
        self.counts.bytes += bytes as u64;
        self.counts.packets += 1;
        self.came = now;
        if bytes > SILENT_BYTES_MAX {
            self.heard = now;
        }
        if !self.follow(sequence, now) || bytes == 0 {
            return;
        }
        if self.last != Some(timestamp) {
            self.last = Some(timestamp);
            self.counts.frames += 1;
            self.order(timestamp);
            if begins && self.kind == Kind::Video {
                self.begin(now);
            }
        }
    }

    /// A keyframe was asked for. What sends nothing now is not asked: it does not answer either.
    pub fn asked(&mut self, now: Instant) {
        if now.saturating_duration_since(self.came) < ANSWERS_WITHIN {
            self.asked.get_or_insert(now);
        }
    }

    /// Whether asking once would tell if this encoder answers: its keyframes are rare, and nobody asked.
    pub fn is_unproven(&self, now: Instant) -> bool {
        let rare = self
            .keyframe
            .is_some_and(|at| now.saturating_duration_since(at) >= KEYFRAMES_FAIR);
        rare && self.asked.is_none() && !self.deaf
    }

    /// What was counted since the last reading; counting begins anew.
    pub fn read(&mut self, now: Instant) -> Reading {
        let over = now.saturating_duration_since(self.since);
        let counts = std::mem::take(&mut self.counts);
        self.since = now;
        self.deaf |= self
            .asked
            .is_some_and(|at| now.saturating_duration_since(at) >= DEAF_AFTER);
        let ms = (over.as_millis() as u64).max(1);
        let age = self.keyframe.map(|at| now.saturating_duration_since(at));
        let apart = age.max(counts.longest).map(|it| it.as_millis() as u32);
        let silence = now.saturating_duration_since(self.heard);
        Reading {
            kbps: (counts.bytes * 8 / ms) as u32,
            frames: ((u64::from(counts.frames) * 1_000 + ms / 2) / ms) as u32,
            loss_permille: match counts.packets + counts.missed {
                0 => 0,
                all => counts.missed * 1_000 / all,
            },
            reordered: counts.reordered,
            keyframe_ms: apart,
            deaf: self.deaf,
            still: now.saturating_duration_since(self.came) >= STILL_AFTER,
            silent: self.kind == Kind::Audio && counts.packets > 0 && silence >= SILENT_AFTER,
        }
    }

    /// True for a packet that is newer than all before it; one that was overtaken fills its hole.
    fn follow(&mut self, sequence: u16, now: Instant) -> bool {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            return true;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 || ahead >= 1 << 15 {
            if let Some(at) = self.holes.iter().position(|hole| hole.0 == sequence) {
                let (_, noticed) = self.holes.swap_remove(at);
                if now.saturating_duration_since(noticed) < OVERTAKEN {
                    self.counts.missed = self.counts.missed.saturating_sub(1);
                }
            }
            return false;
        }
        self.newest = Some(sequence);
        if ahead > JUMP_MAX {
            self.holes.clear();
            return true;
        }
        self.counts.missed += u32::from(ahead - 1);
        for missing in 1..ahead {
            if self.holes.len() == HOLES_MAX {
                self.holes.remove(0);
            }
            self.holes.push((newest.wrapping_add(missing), now));
        }
        true
    }

    /// Timestamps say when a picture is shown; packets come as they are decoded.
    fn order(&mut self, timestamp: u32) {
        let Some(latest) = self.latest else {
            self.latest = Some(timestamp);
            return;
        };
        let back = latest.wrapping_sub(timestamp);
        let reorder_max = self.clock.saturating_mul(REORDER_MAX.as_secs() as u32);
        if (1..reorder_max).contains(&back) {
            self.counts.reordered += 1;
        } else {
            self.latest = Some(timestamp);
        }
    }

    fn begin(&mut self, now: Instant) {
        if let Some(before) = self.keyframe.replace(now) {
            let apart = now.saturating_duration_since(before);
            self.counts.longest = self.counts.longest.max(Some(apart));
        }
        if let Some(asked) = self.asked.take() {
            self.deaf = now.saturating_duration_since(asked) >= DEAF_AFTER;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodecName;

    struct Line {
        meter: Meter,
        start: Instant,
        at: Duration,
        sequence: u16,
    }

    fn line(name: CodecName) -> Line {
        let clock = if name == CodecName::Opus {
            48_000
        } else {
            90_000
        };
        let codec = Codec {
            name,
            clock,
            channels: 0,
            fmtp: String::new(),
            descriptor: None,
            redundancy: None,
        };
        let start = Instant::now();
        Line {
            meter: Meter::new(&codec, start),
            start,
            at: Duration::ZERO,
            sequence: 65_000,
        }
    }

    impl Line {
        fn now(&self) -> Instant {
            self.start + self.at
        }

        fn packet(&mut self, shown: u32, bytes: usize, begins: bool) {
            let now = self.now();
            self.meter.take(self.sequence, shown, bytes, begins, now);
            self.sequence = self.sequence.wrapping_add(1);
        }

        /// `frames` pictures of 25 a second and 5,000 bytes, a keyframe each `gop`.
        fn play(&mut self, frames: std::ops::Range<u32>, gop: u32) {
            for frame in frames {
                self.packet(frame * 3_600, 2_500, frame % gop == 0);
                self.packet(frame * 3_600, 2_500, false);
                self.at += Duration::from_millis(40);
            }
        }

        fn read(&mut self) -> Reading {
            let now = self.now();
            self.meter.read(now)
        }
    }

    fn says(video: Reading) -> (Level, Vec<Said>) {
        let verdict = judge(Some(&video), None);
        (verdict.level, verdict.says)
    }

    #[test]
    fn a_good_picture_has_nothing_said_of_it() {
        let mut line = line(CodecName::H264);
        line.play(0..50, 25);
        let read = line.read();
        assert_eq!((read.kbps, read.frames), (1_000, 25));
        assert_eq!(read.keyframe_ms, Some(1_000));
        assert_eq!((read.loss_permille, read.reordered), (0, 0));
        assert_eq!(says(read), (Level::Good, vec![]));
    }

    #[test]
    fn pictures_that_go_back_in_time_are_b_frames_and_a_new_timeline_is_not() {
        let mut line = line(CodecName::H264);
        for shown in [0, 3, 1, 2, 6, 4, 5] {
            line.packet(shown * 3_600, 900, shown == 0);
        }
        let read = line.read();
        assert_eq!(read.reordered, 4);
        assert_eq!(says(read), (Level::Poor, vec![Said::BFrames]));
        line.packet(0_u32.wrapping_sub(90_000 * 60), 900, true);
        assert_eq!(line.read().reordered, 0);
    }

    #[test]
    fn rare_keyframes_are_said_of_encoders_that_do_not_answer() {
        let mut line = line(CodecName::H264);
        line.play(0..60, 250);
        assert!(!line.meter.is_unproven(line.now()), "2.4 s");
        line.play(60..63, 250);
        assert!(line.meter.is_unproven(line.now()));
        assert_eq!(says(line.read()), (Level::Good, vec![]), "not known yet");
        let now = line.now();
        line.meter.asked(now);
        assert!(!line.meter.is_unproven(now));
        line.play(63..100, 250);
        assert_eq!(says(line.read()).1, [], "1.48 s after the wish");
        line.play(100..101, 250);
        let fair = line.read();
        assert_eq!(says(fair), (Level::Fair, vec![Said::KeyframesRare]));
        line.play(101..260, 250);
        let read = line.read();
        assert_eq!(read.keyframe_ms, Some(10_000));
        assert_eq!(says(read), (Level::Poor, vec![Said::KeyframesRare]));
        // Set to a second, it is as good as one that answers.
        line.play(275..350, 25);
        line.read();
        line.play(350..400, 25);
        assert_eq!(says(line.read()), (Level::Good, vec![]));
    }

    #[test]
    fn an_encoder_that_answers_may_have_as_few_keyframes_as_it_likes() {
        let mut line = line(CodecName::Vp8);
        line.play(0..250, 1_000);
        let now = line.now();
        line.meter.asked(now);
        line.at += Duration::from_millis(300);
        line.play(1_000..1_001, 1_000);
        line.play(1_001..1_200, 1_000);
        let read = line.read();
        assert!(read.keyframe_ms.is_some_and(|ms| ms > 8_000), "{read:?}");
        assert_eq!(says(read), (Level::Good, vec![]));
    }

    #[test]
    fn what_was_stopped_when_it_was_asked_is_not_called_deaf() {
        let mut line = line(CodecName::Vp8);
        line.play(0..25, 1_000);
        line.at += Duration::from_secs(2);
        let now = line.now();
        line.meter.asked(now);
        line.at += Duration::from_secs(2);
        line.play(1_000..1_075, 1_000);
        assert!(!line.read().deaf);
    }

    #[test]
    fn loss_is_what_did_not_come_in_time_and_has_an_advice() {
        let mut line = line(CodecName::H264);
        line.play(0..48, 25);
        // Two packets are overtaken by one, which is no loss; four come a round trip late, which is.
        line.sequence = line.sequence.wrapping_add(2);
        line.packet(48 * 3_600, 2_500, false);
        let late = line.sequence;
        for back in [3, 2] {
            line.sequence = late.wrapping_sub(back);
            line.packet(48 * 3_600, 2_500, false);
        }
        assert_eq!(line.meter.counts.missed, 0);
        line.sequence = late.wrapping_add(4);
        line.packet(49 * 3_600, 2_500, false);
        line.at += Duration::from_millis(80);
        let newest = line.sequence;
        line.sequence = late;
        line.packet(49 * 3_600, 2_500, false);
        line.sequence = newest;
        let read = line.read();
        assert_eq!(read.loss_permille, 4_000 / 105);
        let verdict = judge(Some(&read), None);
        assert_eq!(
            (verdict.level, verdict.says),
            (Level::Fair, vec![Said::LossHigh])
        );
        assert_eq!(verdict.advised_kbps, Some(read.kbps * 7 / 10 / 100 * 100));
        line.sequence = line.sequence.wrapping_add(20);
        line.play(50..75, 25);
        assert_eq!(says(line.read()), (Level::Poor, vec![Said::LossHigh]));
        assert!(line.meter.holes.len() <= HOLES_MAX);
    }

    #[test]
    fn sound_may_be_there_silent_or_gone() {
        let mut line = line(CodecName::Opus);
        let sound = |line: &mut Line, bytes, packets: u32| {
            for n in 0..packets {
                line.packet(n * 960, bytes, true);
                line.at += Duration::from_millis(20);
            }
            let read = line.read();
            judge(None, Some(&read)).says
        };
        assert_eq!(sound(&mut line, 160, 100), []);
        assert_eq!(sound(&mut line, 3, 400), [], "a pause of 8 s");
        assert_eq!(sound(&mut line, 3, 150), [Said::Silent]);
        assert_eq!(sound(&mut line, 160, 10), []);
        line.at += STILL_AFTER;
        let read = line.read();
        let verdict = judge(None, Some(&read));
        assert_eq!(
            (verdict.level, verdict.says),
            (Level::Poor, vec![Said::NoSound])
        );
    }

    #[test]
    fn a_picture_that_stops_is_said_first() {
        let mut line = line(CodecName::H264);
        line.play(0..25, 25);
        line.at += STILL_AFTER;
        let read = line.read();
        assert_eq!(says(read).1.first(), Some(&Said::NoPicture));
    }
}
