//! Rest: a room where nobody is and nothing is due needs no memory. It is read from its log again when
//! somebody comes, and is the same then as if it had never ended.

use protocol::MemberId;

use super::{Room, traces::Traced};

/// What a room knows and its log does not: kept in memory while the room rests.
#[derive(Debug, Default)]
pub struct Keepsake {
    traced: Traced,
}

impl Keepsake {
    /// A member's account is gone, and what was remembered of where they came from with it.
    pub fn forget(&mut self, member: &MemberId) {
        self.traced.forget(member);
    }
}

impl Room {
    /// Nobody is here, nothing waits for its commit and no time is waited for.
    pub fn is_idle(&self) -> bool {
        let broadcast = self.decided.broadcast.as_ref();
        self.started
            && !self.broken
            && self.presence.count() == 0
            && self.pending.is_empty()
            && self.deadline().is_none()
            && !broadcast.is_some_and(|it| it.is_running())
    }

    /// What is to be kept of a room that goes to rest; nothing, where there is nothing.
    pub fn keepsake(&mut self) -> Option<Keepsake> {
        let traced = std::mem::take(&mut self.traced);
        (!traced.is_empty()).then_some(Keepsake { traced })
    }

    /// The room that was read from its log knows again what was kept of it.
    pub fn recall(&mut self, keepsake: Keepsake) {
        self.traced = keepsake.traced;
    }
}
