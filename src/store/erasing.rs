//! Whose names are still in logs although their accounts are gone. Whoever reads a log looks here, so that a name is
//! shown to nobody from the moment its member erased their account, however long the logs still hold it.

use std::{collections::BTreeSet, sync::Arc};

use protocol::MemberId;
use tokio::sync::watch;

/// The members whose traces are being erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasing {
    members: BTreeSet<MemberId>,
    /// Grows with each that is added: who read a log before sees that there is one more.
    pub begun: u64,
}

impl Erasing {
    pub fn members(&self) -> impl Iterator<Item = &MemberId> {
        self.members.iter()
    }
}

/// The same, shared and changed by the store alone.
pub(crate) struct Shared(watch::Sender<Arc<Erasing>>);

impl Shared {
    pub(crate) fn new(members: BTreeSet<MemberId>) -> Self {
        let begun = members.len() as u64;
        Self(watch::Sender::new(Arc::new(Erasing { members, begun })))
    }

    pub(crate) fn now(&self) -> Arc<Erasing> {
        self.0.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Erasing>> {
        self.0.subscribe()
    }

    pub(crate) fn begins(&self, member: MemberId) {
        self.0.send_modify(|it| {
            let it = Arc::make_mut(it);
            it.members.insert(member);
            it.begun += 1;
        });
    }

    pub(crate) fn ends(&self, member: &MemberId) {
        self.0.send_modify(|it| {
            Arc::make_mut(it).members.remove(member);
        });
    }
}
