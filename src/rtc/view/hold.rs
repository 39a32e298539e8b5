//! A viewer that nobody looks at: a hidden page is sent the sound and no picture, which is nine tenths
//! of what it costs. When it is looked at again it begins as a newcomer does, with the pictures since
//! the last keyframe, under the numbers and keys that it has.

use std::time::Instant;

use protocol::PeerId;

use super::worker::Worker;
use crate::Shown;

impl Worker {
    /// False when there is no such viewer.
    pub(super) fn show_picture(
        &mut self,
        peer: &PeerId,
        shown: Shown,
        height: Option<u16>,
        now: Instant,
    ) -> bool {
        let Some(&key) = self.by_peer.get(peer) else {
            return false;
        };
        let Some(viewer) = self.viewers.get_mut(key) else {
            return false;
        };
        if let Some(height) = height {
            viewer.choice.show_height(height);
        }
        viewer.hidden = shown == Shown::SoundOnly;
        // It may have come for sound alone.
        let Some(leg) = &mut viewer.video else {
            return true;
        };
        match shown {
            Shown::SoundOnly => leg.hold(),
            Shown::All => self.show_again(key, now),
        }
        true
    }

    /// Leads a viewer on to the picture that was held, unless somebody still holds it.
    pub(super) fn show_again(&mut self, key: usize, now: Instant) {
        self.choose(key, now);
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        let held = viewer.hidden || viewer.choice.is_sound_only();
        let leg = viewer.video.as_mut().filter(|_| !held);
        if leg.is_some_and(media::Leg::release) {
            self.lead_to_live(key, now);
        }
    }
}
