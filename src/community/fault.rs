//! Faults planted on purpose, in tests only: they show that the simulation finds what it is for. In
//! the shipped crate [`is`] is the constant `false`.

/// A mistake that one could make in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An ack leaves before its record is on disk.
    AckBeforeCommit,
    /// A client id is not remembered.
    ClientIdForgotten,
    /// A resume leaves out the first record that was missed.
    RingOffByOne,
    /// Recovery passes over bans.
    BanLostOnReplay,
    /// Recovery passes over mutes.
    MuteLostOnReplay,
    /// A member with two connections is gone when one of them closes.
    PresenceByConnection,
    /// Time spent paused counts as played.
    PauseCounts,
    /// What is pinned keeps the words of a deleted message.
    PinKeepsDeleted,
    /// What was deleted is never erased.
    UndoNeverEnds,
    /// Who is replied to is not told.
    ReplyNotTold,
    /// An edit leaves the words of before in notices.
    NoticeKeepsEdited,
    /// A delete leaves the text where a later joiner finds it.
    DeleteNotFolded,
    /// A changed vote counts beside the one before.
    VoteCountedTwice,
    /// Viewers of before a crash count beside those of after it.
    ViewersAddedUp,
    /// A vote or like is answered before it is on disk.
    RowAckedBeforeCommit,
}

#[cfg(not(test))]
pub(crate) const fn is(_: Fault) -> bool {
    false
}

#[cfg(test)]
pub(crate) use planted::{is, plant};

#[cfg(test)]
mod planted {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    pub(crate) fn is(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Plants a fault in the rooms of this thread, or takes it out.
    pub(crate) fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }
}
