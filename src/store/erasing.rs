//! Whose names may still be in logs although their accounts are gone. Whoever reads a log looks here, so that a name is
//! shown to nobody from the moment its member erased their account, however long the logs still hold it.

use std::{collections::BTreeSet, sync::Arc};

use protocol::MemberId;
use tokio::sync::watch;

/// The members whose accounts were erased since the start, and those whose logs were not gone through by then.
///
/// Nobody leaves it: who read a log before it was gone through may look here only afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasing {
    members: BTreeSet<MemberId>,
    /// The same, in the order in which they came.
    begun: Vec<MemberId>,
}

impl Erasing {
    fn new(members: BTreeSet<MemberId>) -> Self {
        let begun = members.iter().cloned().collect();
        Self { members, begun }
    }

    /// Whether nothing of this member's name is to be shown.
    pub fn hides(&self, member: &MemberId) -> bool {
        self.members.contains(member)
    }

    /// Whether there is nobody: what was read can be shown as it is.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Those who came since this was looked at earlier.
    pub fn since(&self, earlier: &Self) -> &[MemberId] {
        self.begun.get(earlier.begun.len()..).unwrap_or_default()
    }

    fn begins(&mut self, member: MemberId) {
        if self.members.insert(member.clone()) {
            self.begun.push(member);
        }
    }
}

/// The same, shared and changed by the store alone.
pub(crate) struct Shared(watch::Sender<Arc<Erasing>>);

impl Shared {
    pub(crate) fn new(members: BTreeSet<MemberId>) -> Self {
        Self(watch::Sender::new(Arc::new(Erasing::new(members))))
    }

    pub(crate) fn now(&self) -> Arc<Erasing> {
        self.0.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Erasing>> {
        self.0.subscribe()
    }

    pub(crate) fn begins(&self, member: MemberId) {
        self.0.send_modify(|it| Arc::make_mut(it).begins(member));
    }
}
