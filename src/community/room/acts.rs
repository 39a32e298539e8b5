//! What of a room's records belongs into the audit log: what somebody did to somebody else, or to
//! what everybody may do.

use super::Room;
use crate::{
    effect::Act,
    member::Person,
    record::{Record, RecordBody},
};

impl Room {
    /// Who wrote the message that a new record is about.
    pub(super) fn whose(&self, body: &RecordBody) -> Option<Person> {
        match body {
            RecordBody::Delete { of, .. } => self.message(*of).ok().map(|it| it.0),
            RecordBody::Held(it) => it.kept.as_ref().map(|it| it.author.clone()),
            RecordBody::Restore { kept, .. } => kept.as_ref().map(|it| it.author.clone()),
            RecordBody::Review { of, .. } => {
                let waiting = self.decided.held.get(of)?;
                Some(waiting.kept.author.clone())
            }
            _ => None,
        }
    }

    /// The line of a record, where it has one. `whose` wrote the message that it is about.
    pub(super) fn act(&self, record: &Record, whose: Option<Person>) -> Option<Act> {
        let foreign = whose.filter(|it| it.id != record.author.id);
        let mut act = Act {
            at_ms: record.at_ms,
            seq: record.seq,
            by: record.author.clone(),
            what: "",
            whom: None,
            why: String::new(),
            until_ms: None,
        };
        let whom = |who: &Person| Some(who.clone());
        match &record.body {
            RecordBody::Delete { of, .. } => {
                act.what = "delete";
                act.whom = Some(foreign?);
                act.why = format!("#{of}");
            }
            RecordBody::Held(it) => {
                // What a rule holds is nobody's act.
                act.what = "hold";
                act.whom = Some(foreign?);
                act.why = it.of.map_or_else(String::new, |of| format!("#{of}"));
            }
            RecordBody::Review { outcome, .. } => {
                act.what = if outcome.allowed { "allow" } else { "refuse" };
                act.whom = Some(foreign?);
                act.why = outcome.reason.to_string();
            }
            RecordBody::Mute {
                who,
                until_ms,
                reason,
            } => {
                (act.what, act.whom) = ("mute", whom(who));
                (act.why, act.until_ms) = (reason.to_string(), Some(*until_ms));
            }
            RecordBody::Unmute { who } => (act.what, act.whom) = ("unmute", whom(who)),
            RecordBody::Kick {
                who,
                until_ms,
                reason,
            } => {
                (act.what, act.whom) = ("kick", whom(who));
                (act.why, act.until_ms) = (reason.to_string(), Some(*until_ms));
            }
            RecordBody::Ban {
                who,
                until_ms,
                reason,
                ..
            } => {
                (act.what, act.whom) = ("ban", whom(who));
                (act.why, act.until_ms) = (reason.to_string(), *until_ms);
            }
            RecordBody::Unban { who } => (act.what, act.whom) = ("unban", whom(who)),
            RecordBody::CoHost { who, on } => {
                act.what = if *on { "co_host" } else { "no_co_host" };
                act.whom = whom(who);
            }
            // What the room itself does by these is no person's act.
            RecordBody::SlowMode { gap_ms, .. } if record.client_id.is_some() => {
                act.what = "slow_mode";
                act.why = format!("{gap_ms} ms");
            }
            RecordBody::Mode { mode, until_ms, .. } if record.client_id.is_some() => {
                act.what = "mode";
                act.why = format!("{mode:?}").to_lowercase();
                act.until_ms = *until_ms;
            }
            RecordBody::Rules(Some(rules)) => {
                act.what = "rules";
                act.why = format!(
                    "refuse {}, hold {}, links {:?}",
                    rules.refuse.len(),
                    rules.hold.len(),
                    rules.links
                )
                .to_lowercase();
            }
            RecordBody::Topic(next) => {
                let was = self.decided.topic.as_ref()?;
                act.what = "topic";
                act.whom = Some(was.by.clone()).filter(|it| it.id != record.author.id);
                act.whom.as_ref()?;
                act.why = next.difference(was);
            }
            RecordBody::Split(it) => {
                let was = self.decided.topic.as_ref()?;
                act.what = "topic";
                act.whom = Some(was.by.clone()).filter(|it| it.id != record.author.id);
                act.why = format!("split {} replies into {}", it.moved.len(), it.to);
            }
            RecordBody::Restore { .. } if record.client_id.is_some() => {
                act.what = "undelete";
                act.whom = Some(foreign?);
            }
            _ => return None,
        }
        Some(act)
    }
}
