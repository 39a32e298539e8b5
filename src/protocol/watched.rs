//! How a viewer saw a broadcast, in its own numbers. What a client says is no proof: they are for the
//! operator's charts, and nothing is decided by them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    limits,
    refusal::{Code, Refusal},
};

/// Everything is about the time since the viewer said this before, or since the first picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct Watched {
    /// How long it watched, 1 to [`limits::WATCHED_FOR_MAX`].
    pub watched_ms: u32,
    /// How much of that the picture stood still, and how often.
    pub stalled_ms: u32,
    pub stalls: u32,
    /// Lines of the picture at the end of it; 0 for sound alone.
    pub height: u16,
    /// RTP packets of the sound and the picture together.
    pub received: u32,
    pub lost: u32,
    /// Said once: from the wish to watch to the first picture (or sound) on the screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub first_frame_ms: Option<u32>,
    /// How long a picture was on its way from the camera to the screen, the median. Only where the browser
    /// tells when a picture was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub behind_ms: Option<u32>,
}

impl Watched {
    /// Refuses numbers that no viewer can have, and names the first of them.
    pub fn check(&self) -> Result<(), Refusal> {
        let within = |name: &str, value: u32, from: u32, to: u32| {
            let wrong = || {
                let say = format!("`{name}` is {from} to {to}");
                Refusal::new(Code::Malformed, say)
            };
            (from..=to).contains(&value).then_some(()).ok_or_else(wrong)
        };
        let packets = limits::WATCHED_PACKETS_MAX;
        within(
            "watched_ms",
            self.watched_ms,
            1,
            ms(limits::WATCHED_FOR_MAX),
        )?;
        within("stalled_ms", self.stalled_ms, 0, self.watched_ms)?;
        within("stalls", self.stalls, 0, limits::WATCHED_STALLS_MAX)?;
        let height = u32::from(self.height);
        within("height", height, 0, limits::WATCHED_HEIGHT_MAX.into())?;
        within("received", self.received, 0, packets)?;
        within("lost", self.lost, 0, packets)?;
        let first = self.first_frame_ms.unwrap_or_default();
        within("first_frame_ms", first, 0, ms(limits::FIRST_FRAME_MAX))?;
        let behind = self.behind_ms.unwrap_or_default();
        within("behind_ms", behind, 0, ms(limits::BEHIND_MAX))
    }
}

fn ms(it: Duration) -> u32 {
    u32::try_from(it.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Watched = Watched {
        watched_ms: 60_000,
        stalled_ms: 400,
        stalls: 2,
        height: 720,
        received: 9_000,
        lost: 12,
        first_frame_ms: Some(310),
        behind_ms: Some(180),
    };

    #[test]
    fn b18_numbers_that_can_be_are_taken_up_to_their_ends() {
        let least = Watched {
            watched_ms: 1,
            ..Watched::default()
        };
        let most = Watched {
            watched_ms: 600_000,
            stalled_ms: 600_000,
            stalls: 10_000,
            height: 8_640,
            received: 10_000_000,
            lost: 10_000_000,
            first_frame_ms: Some(120_000),
            behind_ms: Some(60_000),
        };
        for it in [GOOD, least, most] {
            assert_eq!(it.check(), Ok(()), "{it:?}");
        }
    }

    #[test]
    fn b18_numbers_that_no_viewer_has_are_refused_by_name() {
        type Change = fn(&mut Watched);
        let cases: [(&str, Change); 9] = [
            ("watched_ms", |it| it.watched_ms = 0),
            ("watched_ms", |it| it.watched_ms = 600_001),
            ("stalled_ms", |it| it.stalled_ms = 60_001),
            ("stalls", |it| it.stalls = 10_001),
            ("height", |it| it.height = 8_641),
            ("received", |it| it.received = 10_000_001),
            ("lost", |it| it.lost = 10_000_001),
            ("first_frame_ms", |it| it.first_frame_ms = Some(120_001)),
            ("behind_ms", |it| it.behind_ms = Some(60_001)),
        ];
        for (name, change) in cases {
            let mut lie = GOOD;
            change(&mut lie);
            let refusal = lie.check().expect_err(name);
            assert_eq!(refusal.code, Code::Malformed, "{name}");
            assert!(refusal.to_string().contains(name), "{refusal}");
        }
    }
}
