//! What records make of a room. A room holds this twice: as decided and as committed.
//!
//! [`Facts::apply`] never refuses; it is also all of recovery.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{MemberId, Seq, server::Phase};

use crate::{
    fault::{self, Fault},
    member::Person,
    record::{Broadcast, Record, RecordBody},
};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The last record applied.
    pub(super) seq: Seq,
    pub(super) mutes: BTreeMap<MemberId, Mute>,
    pub(super) bans: BTreeMap<MemberId, Ban>,
    pub(super) slow_mode_ms: u64,
    pub(super) broadcast: Option<Broadcast>,
    /// The highest stream position of this broadcast's records, and when it was taken.
    pub(super) last_pos: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mute {
    pub(super) who: Person,
    pub(super) until_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ban {
    pub(super) who: Person,
    pub(super) until_ms: Option<u64>,
    pub(super) reason: Arc<str>,
}

/// A stream position and the wall clock beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) pos_ms: u64,
    pub(super) at_ms: u64,
}

impl Facts {
    pub(super) fn apply(&mut self, record: &Record) {
        self.seq = record.seq;
        match &record.body {
            RecordBody::Message(_) | RecordBody::Edit { .. } | RecordBody::Delete { .. } => {}
            RecordBody::Mute {
                who,
                until_ms,
                reason: _,
            } => {
                let mute = Mute {
                    who: who.clone(),
                    until_ms: *until_ms,
                };
                self.mutes.insert(who.id.clone(), mute);
            }
            RecordBody::Unmute { who } => {
                self.mutes.remove(&who.id);
            }
            RecordBody::Ban {
                who,
                until_ms,
                reason,
            } => {
                let ban = Ban {
                    who: who.clone(),
                    until_ms: *until_ms,
                    reason: reason.clone(),
                };
                self.bans.insert(who.id.clone(), ban);
            }
            RecordBody::Unban { who } => {
                self.bans.remove(&who.id);
            }
            RecordBody::SlowMode { gap_ms } => self.slow_mode_ms = *gap_ms,
            RecordBody::Broadcast(next) => {
                if self.broadcast.as_ref().is_none_or(|it| it.id != next.id) {
                    self.last_pos = None;
                }
                self.broadcast = Some(next.clone());
            }
        }
        if let Some(pos_ms) = record.pos {
            self.last_pos = Some(Mark {
                pos_ms,
                at_ms: record.at_ms,
            });
        }
    }

    /// The same, from the log, where a planted fault may pass over a record.
    pub(super) fn replay(&mut self, record: &Record) {
        let lost = match record.body {
            RecordBody::Ban { .. } => fault::is(Fault::BanLostOnReplay),
            RecordBody::Mute { .. } => fault::is(Fault::MuteLostOnReplay),
            _ => false,
        };
        if lost {
            self.seq = record.seq;
        } else {
            self.apply(record);
        }
    }

    /// When the member's mute ends, where it still holds.
    pub(super) fn muted_until(&self, member: &MemberId, unix_ms: u64) -> Option<u64> {
        self.mutes
            .get(member)
            .map(|it| it.until_ms)
            .filter(|it| *it > unix_ms)
    }

    /// The member's ban, where it still holds.
    pub(super) fn ban(&self, member: &MemberId, unix_ms: u64) -> Option<&Ban> {
        self.bans
            .get(member)
            .filter(|it| it.until_ms.is_none_or(|until| until > unix_ms))
    }

    /// The broadcast that is not put away.
    pub(super) fn current(&self) -> Option<&Broadcast> {
        self.broadcast
            .as_ref()
            .filter(|it| it.phase != Phase::Archived)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.broadcast.as_ref().map(|it| it.phase)
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase() == Some(Phase::Live)
    }
}
