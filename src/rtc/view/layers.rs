//! Which layer of the picture each viewer is sent: chosen when it comes, when it says something of its
//! line, when layers come and go, and each second; while its line is probed, at each tick.

use std::time::Instant;

use media::{Chosen, Kind, Layer};
use protocol::RoomNumber;

use super::{deadlines::TICK, worker::Worker};
use crate::Report;

impl Worker {
    /// Chooses anew for a viewer that is looking, and sees to it.
    pub(super) fn choose(&mut self, key: usize, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(key).filter(|it| !it.hidden) else {
            return;
        };
        let Some(stage) = self.router.stage(viewer.room) else {
            return;
        };
        let Some(leg) = &mut viewer.video else { return };
        let seen = stage.seen(Kind::Video);
        let sound = stage.track(Kind::Audio, Layer::ONLY);
        let heard = viewer.audio.as_ref().zip(sound);
        let sound_kbps = heard.map_or(0, |(leg, track)| leg.kbps(track));
        let was_held = viewer.choice.is_sound_only();
        let chosen = viewer.choice.choose(&seen, sound_kbps, now);
        let held = viewer.choice.is_sound_only();
        if held != was_held {
            let peer = viewer.peer.clone();
            self.unsaid
                .push_back((viewer.room, Report::Picture { peer, held }));
        }
        if viewer.choice.probe_kbps().is_some() && !std::mem::replace(&mut viewer.probed, true) {
            self.probed.push(viewer.line);
        }
        match chosen {
            None => {}
            Some(Chosen::SoundOnly) => leg.hold(),
            Some(Chosen::Picture(layer)) => {
                leg.aim(layer);
                if was_held {
                    self.show_again(key, now);
                } else if leg.is_live() && leg.awaits().is_some() {
                    self.wish_for(key, now);
                }
            }
        }
    }

    /// Fills the lines that are probed with what a tick has room for.
    pub(super) fn probe(&mut self, now: Instant) {
        for line in std::mem::take(&mut self.probed) {
            let viewer = self.viewers.get_mut(line.key);
            let Some(viewer) = viewer.filter(|viewer| viewer.line == line) else {
                continue;
            };
            viewer.probed = false;
            if viewer.hidden {
                viewer.choice.end_probe();
            }
            let kbps = viewer.choice.probe_kbps();
            if let (Some(kbps), Some(stage)) = (kbps, self.router.stage(viewer.room)) {
                let bytes = kbps as usize * TICK.as_millis() as usize / 8;
                let mut tools = self.bench.tools(*self.router.wall(), now);
                viewer.fill(stage, bytes, &mut tools);
                self.choose(line.key, now);
            }
        }
    }

    /// Other layers flow in a room than before.
    pub(super) fn choose_for_all(&mut self, room: RoomNumber, now: Instant) {
        let viewers = self
            .router
            .stage(room)
            .map(|stage| stage.viewers().to_vec());
        for key in viewers.unwrap_or_default() {
            self.choose(key, now);
        }
    }
}
