//! A viewer that nobody looks at: a hidden page is sent the sound and no picture, which is nine tenths
//! of what it costs. When it is looked at again it begins as a newcomer does, with the pictures since
//! the last keyframe, under the numbers and keys that it has.

use std::time::Instant;

use protocol::PeerId;

use super::worker::Worker;
use crate::Shown;

impl Worker {
    /// False when there is no such viewer.
    pub(super) fn show_picture(&mut self, peer: &PeerId, shown: Shown, now: Instant) -> bool {
        let Some(&key) = self.by_peer.get(peer) else {
            return false;
        };
        let video = self.viewers.get_mut(key).map(|it| it.video.as_mut());
        match (video, shown) {
            (None, _) => return false,
            // It came for sound alone.
            (Some(None), _) => {}
            (Some(Some(leg)), Shown::SoundOnly) => leg.hold(),
            (Some(Some(leg)), Shown::All) => {
                if leg.release() {
                    self.lead_to_live(key, now);
                }
            }
        }
        true
    }
}
