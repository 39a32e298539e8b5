//! How the rooms are watched, as their viewers say: histograms of each room, for the operator's charts.
//!
//! A room's are there from the first word about it until nobody has said one for
//! [`limits::WATCHED_KEPT`], so that rooms of long ago cost no memory and no lines of `/metrics`. It
//! judges no words: who may say them, and which can be, is decided before.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::{Slug, Watched, limits};
use telemetry::Histogram;

/// Seconds from the wish to the first picture: from a warm page to somebody who gave up.
const FIRST_FRAME: &[f64] = &[
    0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
];
/// Seconds from the camera to the screen.
const BEHIND: &[f64] = &[
    0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
];
/// Shares: of the time, and of the packets.
const SHARE: &[f64] = &[0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
/// Lines of a picture. 0 is the sound alone.
const HEIGHT: &[f64] = &[0.0, 180.0, 240.0, 360.0, 480.0, 720.0, 1_080.0, 2_160.0];

/// What is told: a name, what it means, the ends of its buckets, and the value in what a viewer said.
const TOLD: [Told; 5] = [
    Told {
        name: "weiquan_watched_first_frame_seconds",
        help: "From the wish to watch to the first picture on the screen, as viewers say",
        ends: FIRST_FRAME,
        value: |it| it.first_frame_ms.map(seconds),
    },
    Told {
        name: "weiquan_watched_behind_seconds",
        help: "From the camera to the screen, the median of a viewer's last minute, as viewers say",
        ends: BEHIND,
        value: |it| it.behind_ms.map(seconds),
    },
    Told {
        name: "weiquan_watched_stalled_share",
        help: "Of the time that it was watched, how much the picture stood still, as viewers say",
        ends: SHARE,
        value: |it| share(it.stalled_ms, it.watched_ms),
    },
    Told {
        name: "weiquan_watched_lost_share",
        help: "Of the packets of sound and picture, how many were lost, as viewers say",
        ends: SHARE,
        value: |it| share(it.lost, it.lost.saturating_add(it.received)),
    },
    Told {
        name: "weiquan_watched_height_pixels",
        help: "Lines of the picture that is seen, 0 for sound alone, as viewers say",
        ends: HEIGHT,
        value: |it| Some(it.height.into()),
    },
];

struct Told {
    name: &'static str,
    help: &'static str,
    ends: &'static [f64],
    value: fn(&Watched) -> Option<f64>,
}

fn seconds(ms: u32) -> f64 {
    f64::from(ms) / 1_000.0
}

/// None where there was nothing to have a share of.
fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// What was said of one room, in the order of [`TOLD`].
struct Room {
    told: [Histogram; TOLD.len()],
    heard: Instant,
}

impl Room {
    fn new(now: Instant) -> Self {
        Self {
            told: TOLD.map(|it| Histogram::new(it.ends)),
            heard: now,
        }
    }
}

/// Every room of which it was told lately.
#[derive(Default)]
pub struct WatchedRooms(Mutex<BTreeMap<Slug, Room>>);

impl WatchedRooms {
    /// A word about a room; it has been checked. False where too many other rooms are watched now.
    pub fn hear(&self, room: &Slug, said: &Watched, now: Instant) -> bool {
        let mut rooms = self.rooms();
        forget_old(&mut rooms, now);
        let full = rooms.len() >= limits::WATCHED_ROOMS_MAX;
        let room = match rooms.entry(room.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(new) => new.insert(Room::new(now)),
        };
        room.heard = now;
        for (told, histogram) in TOLD.iter().zip(&mut room.told) {
            if let Some(value) = (told.value)(said) {
                histogram.record(value);
            }
        }
        true
    }

    /// Adds the lines that Prometheus scrapes.
    pub fn write(&self, out: &mut String, now: Instant) {
        let mut rooms = self.rooms();
        forget_old(&mut rooms, now);
        if rooms.is_empty() {
            return;
        }
        for (nth, told) in TOLD.iter().enumerate() {
            // A string takes everything.
            let _ = writeln!(out, "# HELP {} {}.", told.name, told.help);
            let _ = writeln!(out, "# TYPE {} histogram", told.name);
            for (slug, room) in rooms.iter() {
                // A slug has letters, digits and hyphens: nothing that would have to be escaped.
                let label = format!("room=\"{slug}\"");
                room.told[nth].write(told.name, &label, out);
            }
        }
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn rooms(&self) -> MutexGuard<'_, BTreeMap<Slug, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_old(rooms: &mut BTreeMap<Slug, Room>, now: Instant) {
    let since = |room: &Room| -> Duration { now.saturating_duration_since(room.heard) };
    rooms.retain(|_, room| since(room) < limits::WATCHED_KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Watched = Watched {
        watched_ms: 60_000,
        stalled_ms: 600,
        stalls: 1,
        height: 720,
        received: 990,
        lost: 10,
        first_frame_ms: Some(310),
        behind_ms: None,
    };

    fn scraped(rooms: &WatchedRooms, now: Instant) -> String {
        let mut out = String::new();
        rooms.write(&mut out, now);
        out
    }

    #[test]
    fn what_a_viewer_says_is_in_its_rooms_histograms() {
        let (rooms, now) = (WatchedRooms::default(), clock::now());
        assert!(rooms.hear(&"hall".into(), &SAID, now));
        assert!(rooms.hear(&"hall".into(), &SAID, now));
        assert!(rooms.hear(&"cellar".into(), &SAID, now));
        let text = scraped(&rooms, now);
        for line in [
            "# TYPE weiquan_watched_first_frame_seconds histogram",
            "weiquan_watched_first_frame_seconds_bucket{room=\"hall\",le=\"0.3\"} 0",
            "weiquan_watched_first_frame_seconds_bucket{room=\"hall\",le=\"0.5\"} 2",
            "weiquan_watched_stalled_share_bucket{room=\"hall\",le=\"0.01\"} 2",
            "weiquan_watched_lost_share_bucket{room=\"cellar\",le=\"0.01\"} 1",
            "weiquan_watched_height_pixels_bucket{room=\"hall\",le=\"720\"} 2",
            "weiquan_watched_height_pixels_bucket{room=\"hall\",le=\"480\"} 0",
            // Nobody said how far behind it was.
            "weiquan_watched_behind_seconds_count{room=\"hall\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_room_of_which_nobody_speaks_any_more_is_forgotten() {
        let (rooms, start) = (WatchedRooms::default(), clock::now());
        rooms.hear(&"hall".into(), &SAID, start);
        let almost = start + limits::WATCHED_KEPT - Duration::from_millis(1);
        assert!(scraped(&rooms, almost).contains("room=\"hall\""));
        assert_eq!(scraped(&rooms, start + limits::WATCHED_KEPT), "");
    }

    #[test]
    fn rooms_that_are_told_of_at_once_are_bounded() {
        let (rooms, start) = (WatchedRooms::default(), clock::now());
        for n in 0..limits::WATCHED_ROOMS_MAX {
            assert!(rooms.hear(&format!("room-{n}").as_str().into(), &SAID, start));
        }
        assert!(!rooms.hear(&"more".into(), &SAID, start));
        assert!(rooms.hear(&"room-0".into(), &SAID, start), "a known one");
        let later = start + limits::WATCHED_KEPT;
        assert!(rooms.hear(&"more".into(), &SAID, later), "there is room");
    }
}
