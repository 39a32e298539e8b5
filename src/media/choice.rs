//! Which layer one viewer is to have: the largest that its line carries and its page shows. Pure: told
//! the time, what the viewer says of its line, and what there is.
//!
//! A viewer of whom nothing bad was heard gets what it shows. Where the line does not carry that, it goes
//! down at once to what the line carries, and comes up when more is known to fit: a browser's estimate follows
//! what it is sent (at most one and a half times of it), so more has to be sent to know. What is sent is a
//! [probe](Probe): packets once more, ever more of them, until they are as much as a larger layer or the
//! line says no; the picture stays what it is. A viewer that takes no packets again is tried on the larger
//! layer itself. Each try that fails doubles the time to the next. Sound comes first: where the smallest
//! picture does not fit beside it, a viewer whose page knows of that is sent the sound alone.

use std::time::{Duration, Instant};

use crate::{Layer, LayerSeen, Reported, Seen};
use loss::Loss;
use probe::{Probe, Probed, Said};

mod ceiling;
mod loss;
mod probe;

pub use ceiling::Ceiling;
pub use loss::Sending;

/// An estimate that is older says nothing; browsers say one five times a second, once they have one.
const ESTIMATE_HOLDS: Duration = Duration::from_secs(5);
/// The line is far too narrow: an estimate below this part of what is sent, in percent. A browser that
/// took one burst for a full queue says 85.
const FAR_SHORT_PERCENT: u32 = 75;
/// It is where packets are lost anyhow.
const HALF_PERCENT: u32 = 50;
/// The line is a little too narrow, if it lasts.
const SHORT_PERCENT: u32 = 95;
const SHORT_LASTS: Duration = Duration::from_secs(3);
/// An estimate that is below what is sent only counts when it fell lately: a picture that stood still
/// leaves a low one behind, which only ever rises.
const FELL_LATELY: Duration = Duration::from_secs(3);
/// Falls in a row that count without any loss: a browser on a busy machine once takes its own delay for
/// a full queue.
const FALLS: u8 = 2;
/// Of 256 packets: what retransmission mends without being noticed, what no line loses that is wide
/// enough, and what is too much even where the estimate finds nothing.
const LOST_FEW: u8 = 5;
const LOST_MANY: u8 = 38;
const LOST_FAR_TOO_MANY: u8 = 51;
/// How often in a row it has to be so.
const LOSSY_TIMES: u8 = 2;
/// What was said just after a change was said of what was sent before it.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);
/// And what was lost of it is told of later still, behind a full queue.
const QUEUE_EMPTIES_WITHIN: Duration = Duration::from_millis(1_500);
/// How long it has to go well before a larger layer is tried.
pub const TRY_AFTER: Duration = Duration::from_secs(4);
pub const TRY_AFTER_MAX: Duration = Duration::from_secs(32);
/// The longest where a try is a probe, which nobody sees.
const PROBE_AFTER_MAX: Duration = Duration::from_secs(6);
/// So long after a probe begins nothing is said of it yet.
const PROBE_IS_HEARD: Duration = Duration::from_millis(300);
/// A larger layer that lasts so long fits.
const PROVEN_AFTER: Duration = Duration::from_secs(10);
/// The estimate has to be above what is sent by so much before more is tried, in percent.
const SPARE_PERCENT: u32 = 120;
/// So long the smallest picture is tried before it is held back.
const HELD_AFTER: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chosen {
    SoundOnly,
    Picture(Layer),
}

#[derive(Debug)]
pub struct Choice {
    /// How high the page shows the picture, in its own pixels.
    height: Option<u16>,
    /// The page knows that a picture may be held back.
    knows: bool,
    ceiling: Ceiling,
    /// What the viewer says that its line carries, and when it said so.
    estimate: Option<(u32, Instant)>,
    fell: Option<Instant>,
    rose: Option<Instant>,
    /// How often it fell in a row, each time not long after the one before.
    falls: u8,
    loss: Loss,
    /// Of 256 packets, when it was judged last, and how often in a row it was too much.
    lost: u8,
    lossy_times: u8,
    short_since: Option<Instant>,
    /// The largest layer that the line carries, where that is not all.
    limit: Option<Layer>,
    /// Not even the smallest one.
    sound_only: bool,
    changed: Instant,
    climbed: Option<Instant>,
    try_after: Duration,
    /// It takes packets again that it has.
    takes_probes: bool,
    probe: Option<Probe>,
}

impl Choice {
    pub const fn new(now: Instant) -> Self {
        Self {
            height: None,
            knows: false,
            ceiling: Ceiling {
                layer: None,
                width: None,
                height: None,
            },
            estimate: None,
            fell: None,
            rose: None,
            falls: 0,
            loss: Loss::new(now),
            lost: 0,
            lossy_times: 0,
            short_since: None,
            limit: None,
            sound_only: false,
            changed: now,
            climbed: None,
            try_after: TRY_AFTER,
            takes_probes: false,
            probe: None,
        }
    }

    /// The viewer takes packets again that it has (RTX, RFC 4588): more is probed before it is shown.
    #[must_use]
    pub const fn with_probes(mut self, takes_probes: bool) -> Self {
        self.takes_probes = takes_probes;
        self
    }

    /// What is to be sent beside picture and sound to learn whether the line carries more, in kbit/s.
    pub fn probe_kbps(&self) -> Option<u32> {
        self.probe.as_ref().map(Probe::beside)
    }

    /// Nobody looks, or nothing is shown: there is nothing to learn.
    pub const fn end_probe(&mut self) {
        self.probe = None;
    }

    /// The page shows the picture so high, in pixels of the screen, and knows that it may be held back.
    pub const fn show_height(&mut self, height: u16) {
        self.height = Some(height);
        self.knows = true;
    }

    /// No more than that is sent from now on, whatever the line carries.
    pub const fn hold_to(&mut self, ceiling: Ceiling) {
        self.ceiling = ceiling;
    }

    /// Whether the picture is held back because not even the smallest one fits beside the sound.
    pub const fn is_sound_only(&self) -> bool {
        self.sound_only
    }

    /// What the viewer says that its line carries (REMB), in kbit/s. Browsers leave the sound out, which makes
    /// them say a little less.
    pub fn hear_estimate(&mut self, kbps: u32, now: Instant) {
        let before = self.estimate.replace((kbps, now));
        if before.is_some_and(|(before, _)| kbps > before) {
            self.rose = Some(now);
        }
        if before.is_some_and(|(before, _)| u64::from(kbps) * 100 < u64::from(before) * 97) {
            self.falls = match self.fell_lately(now) {
                true => self.falls.saturating_add(1),
                false => 1,
            };
            self.fell = Some(now);
        }
    }

    /// What a receiver report counts of the picture, or of what is sent of it again.
    pub fn hear_loss(&mut self, of: Sending, report: Reported, now: Instant) {
        let Some(lost) = self.loss.hear(of, report, now) else {
            return;
        };
        self.lost = lost;
        self.lossy_times = match lost >= LOST_MANY {
            true => self.lossy_times.saturating_add(1),
            false => 0,
        };
    }

    /// Chooses among the layers that flow; `sound_kbps` is sent beside any of them. `None` while nothing
    /// flows: what was chosen before holds.
    pub fn choose(&mut self, seen: &Seen, sound_kbps: u32, now: Instant) -> Option<Chosen> {
        let layers = seen.layers();
        let shown_max = self.shown_max(layers)?;
        let since = now.saturating_duration_since(self.changed);
        if self.sound_only {
            if since < self.try_after {
                return Some(Chosen::SoundOnly);
            }
            self.sound_only = false;
            self.climb(layers[0].layer, now);
            return Some(Chosen::Picture(layers[0].layer));
        }
        let at = self.carried(layers).min(shown_max);
        let need = layers[at].kbps.saturating_add(sound_kbps);
        let pressed = layers[at].kbps > 0 && self.is_pressed(need, now);
        if pressed && since >= SETTLES_WITHIN {
            if at > 0 {
                let to = self.fitting(&layers[..at], need, sound_kbps, now);
                self.go_down(self.tries_apart(), now);
                self.limit = Some(layers[to].layer);
                return Some(Chosen::Picture(layers[to].layer));
            }
            // A picture that only came to be too much a moment ago is tried for a while.
            if self.knows && since >= HELD_AFTER && self.may_be_full(layers[0].kbps, now) {
                self.go_down(TRY_AFTER_MAX, now);
                self.limit = Some(layers[0].layer);
                self.sound_only = true;
                return Some(Chosen::SoundOnly);
            }
        }
        if pressed {
            self.fail_probe(now);
            return Some(Chosen::Picture(layers[at].layer));
        }
        if let Some(probe) = self.probe.take() {
            let at = self.go_on(probe, &layers[..=shown_max], at, sound_kbps, now);
            return Some(Chosen::Picture(layers[at].layer));
        }
        if self.climbed.is_some() && since >= PROVEN_AFTER {
            self.climbed = None;
            self.try_after = TRY_AFTER;
        }
        let at = self.try_more(layers, at, shown_max, need, now);
        Some(Chosen::Picture(layers[at].layer))
    }

    /// The smallest layer that is as high as it is shown, or the largest below that is not too much.
    fn shown_max(&self, layers: &[LayerSeen]) -> Option<usize> {
        let top = layers.len().checked_sub(1)?;
        let enough = |layer: &LayerSeen| match (self.height, layer.height) {
            (Some(shown), Some(height)) => height >= shown,
            _ => false,
        };
        let shown = layers.iter().position(enough).unwrap_or(top);
        Some(shown.min(self.ceiling.within(layers)))
    }

    /// The largest layer that the line carries as far as is known.
    fn carried(&self, layers: &[LayerSeen]) -> usize {
        let top = layers.len() - 1;
        self.limit.map_or(top, |limit| place_of(layers, limit))
    }

    fn estimate(&self, now: Instant) -> Option<u32> {
        self.estimate
            .filter(|(_, at)| now.saturating_duration_since(*at) < ESTIMATE_HOLDS)
            .map(|(kbps, _)| kbps)
    }

    /// Whether the line does not carry what is sent.
    fn is_pressed(&mut self, need: u32, now: Instant) -> bool {
        let estimate = self.estimate(now);
        let below = |percent| estimate.is_some_and(|it| it < part(need, percent));
        if !below(SHORT_PERCENT) {
            self.short_since = None;
        }
        // What is lost since it went up is lost because of that.
        if self.climbed.is_some() && self.loss.is_more() {
            return true;
        }
        let fell = self.fell_lately(now);
        // One that is low and only rises has not found out yet.
        let unknown = estimate.is_none() || (below(SHORT_PERCENT) && fell);
        let far_too_many = self.lost >= LOST_FAR_TOO_MANY;
        let lasts = self.lossy_times >= LOSSY_TIMES;
        if (lasts && (unknown || far_too_many)) || (far_too_many && unknown) {
            return true;
        }
        if !below(SHORT_PERCENT) {
            return false;
        }
        let since = *self.short_since.get_or_insert(now);
        let falls = fell && self.falls >= FALLS;
        let lasts = now.saturating_duration_since(since) >= SHORT_LASTS;
        let far = below(FAR_SHORT_PERCENT) && fell;
        if self.loss.earlier() > LOST_FEW {
            // Where packets are lost anyhow a browser now and then sees a full queue that is none.
            return below(HALF_PERCENT) && falls || (far || lasts && falls) && self.loss.rises();
        }
        (far && (falls || self.lost > LOST_FEW)) || (lasts && falls)
    }

    /// Whether less may be carried than this. Nothing is won by sending less where packets are lost for another
    /// reason.
    fn may_be_full(&self, kbps: u32, now: Instant) -> bool {
        self.estimate(now).is_none_or(|it| it < kbps)
    }

    fn fell_lately(&self, now: Instant) -> bool {
        self.fell
            .is_some_and(|at| now.saturating_duration_since(at) < FELL_LATELY)
    }

    /// The largest of some layers that fits what the estimate says, or what came of `need` where there is
    /// none.
    fn fitting(&self, layers: &[LayerSeen], need: u32, sound_kbps: u32, now: Instant) -> usize {
        let came = u32::from(u8::MAX - self.lost) * 100 / u32::from(u8::MAX);
        let carried = self.estimate(now).unwrap_or_else(|| part(need, came));
        let fits = |layer: &LayerSeen| layer.kbps.saturating_add(sound_kbps) <= carried;
        layers.iter().rposition(fits).unwrap_or(0)
    }

    fn go_down(&mut self, tries_apart: Duration, now: Instant) {
        self.try_after = match (self.climbed.take(), self.probe.take()) {
            (None, None) => TRY_AFTER,
            _ => (self.try_after * 2).min(tries_apart),
        };
        self.changed = now;
        self.short_since = None;
        self.forget_loss(now + QUEUE_EMPTIES_WITHIN);
    }

    /// What was lost of another layer says nothing of what is shown from then on.
    fn forget_loss(&mut self, from: Instant) {
        self.loss.begin_anew(from);
        self.lost = 0;
        self.lossy_times = 0;
    }

    /// The longest that a larger layer is waited with.
    const fn tries_apart(&self) -> Duration {
        match self.takes_probes {
            true => PROBE_AFTER_MAX,
            false => TRY_AFTER_MAX,
        }
    }

    /// The line does not carry what is probed.
    fn fail_probe(&mut self, now: Instant) {
        if self.probe.take().is_some() {
            self.probe_later(now);
        }
    }

    fn probe_later(&mut self, now: Instant) {
        self.try_after = (self.try_after * 2).min(PROBE_AFTER_MAX);
        self.changed = now;
    }

    /// Takes a probe of some layers further. Answers which of them is to be shown.
    fn go_on(
        &mut self,
        probe: Probe,
        layers: &[LayerSeen],
        at: usize,
        sound_kbps: u32,
        now: Instant,
    ) -> usize {
        let estimate = self.estimate(now);
        // An estimate that is far below says of a line that is full what it said before, and of one that is not it rises.
        let said = if self.fell.is_some_and(|it| it > probe.begun()) || self.loss.is_more() {
            Said::No
        } else if estimate.is_none_or(|it| it >= probe.rate()) || self.rose > Some(probe.stepped())
        {
            Said::Yes
        } else {
            Said::Nothing
        };
        let need = |layer: &LayerSeen| layer.kbps.saturating_add(sound_kbps);
        let (carried, is_all) = match probe.go_on(at, layers.iter().map(need), said, now) {
            Probed::GoesOn(probe) => {
                self.probe = Some(probe);
                return at;
            }
            Probed::Carried(layer) => (layer, layer + 1 == layers.len()),
        };
        self.changed = now;
        if !is_all {
            self.probe_later(now);
        }
        if carried > at {
            self.climb(layers[carried].layer, now);
        }
        carried
    }

    fn climb(&mut self, to: Layer, now: Instant) {
        self.limit = Some(to);
        self.changed = now;
        self.climbed = Some(now);
        self.short_since = None;
        self.loss.look_closely(now);
        self.forget_loss(now);
    }

    /// The next larger layer, if it is time to try it.
    fn try_more(
        &mut self,
        layers: &[LayerSeen],
        at: usize,
        shown_max: usize,
        need: u32,
        now: Instant,
    ) -> usize {
        if self.limit.is_none() {
            return at;
        }
        let since = now.saturating_duration_since(self.changed);
        if at >= shown_max {
            // All that is shown is carried: nothing more is known to be too much.
            if self.climbed.is_none() && since >= PROVEN_AFTER {
                self.limit = None;
            }
            return at;
        }
        // A low estimate that only rises is left behind by what was sent before.
        let rests = self
            .fell
            .is_none_or(|at| now.saturating_duration_since(at) >= self.try_after);
        let spare = self
            .estimate(now)
            .is_none_or(|it| rests || it >= part(need, SPARE_PERCENT));
        let quiet = match self.takes_probes {
            // What a small picture loses too is not lost because of its size.
            true => self.loss.usual() < LOST_FAR_TOO_MANY,
            false => self.lost <= LOST_FEW,
        };
        if since < self.try_after || !spare || !quiet {
            return at;
        }
        if self.takes_probes {
            self.probe = Some(Probe::new(need, now));
            self.loss.look_closely(now + PROBE_IS_HEARD);
            return at;
        }
        self.climb(layers[at + 1].layer, now);
        at + 1
    }
}

/// Where a layer stands among those that flow. One that does not is known by its number: the largest below
/// it stands for it.
fn place_of(layers: &[LayerSeen], layer: Layer) -> usize {
    let same = layers.iter().position(|it| it.layer == layer);
    let below = || layers.iter().rposition(|it| it.layer < layer);
    same.or_else(below).unwrap_or(0)
}

fn part(kbps: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(kbps) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
