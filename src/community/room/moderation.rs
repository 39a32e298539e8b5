//! Mute, ban, slow mode: facts that a member's commands are held against.

use protocol::{Code, MemberId, Refusal};

use super::{Room, pace, span};
use crate::{
    command::Origin,
    member::{Person, Who},
    now::Now,
    record::RecordBody,
    rights::{Object, Verb},
    text,
};

/// The longest mute: whoever is to be silent for longer is to be banned.
const MUTE_MS_MAX: u64 = 366 * 24 * 3_600_000;

impl Room {
    pub(super) fn mute(
        &self,
        now: Now,
        from: &Origin,
        member: &MemberId,
        for_ms: u64,
        reason: &str,
    ) -> Result<RecordBody, Refusal> {
        let who = self.target(from, Verb::Mute, member)?;
        if for_ms == 0 || for_ms > MUTE_MS_MAX {
            return Err(Refusal::new(
                Code::Malformed,
                "a mute lasts between 1 ms and a year",
            ));
        }
        let reason = text::reason(reason)?.into();
        Ok(RecordBody::Mute {
            who,
            until_ms: now.unix_ms.saturating_add(for_ms),
            reason,
        })
    }

    pub(super) fn unmute(&self, from: &Origin, member: &MemberId) -> Result<RecordBody, Refusal> {
        let muted = self.decided.mutes.get(member).map(|it| it.who.clone());
        let who = self.lifted(from, Verb::Mute, member, muted, "muted")?;
        Ok(RecordBody::Unmute { who })
    }

    pub(super) fn ban(
        &self,
        now: Now,
        from: &Origin,
        member: &MemberId,
        for_ms: Option<u64>,
        reason: &str,
    ) -> Result<RecordBody, Refusal> {
        let who = self.target(from, Verb::Ban, member)?;
        if for_ms == Some(0) {
            return Err(Refusal::new(
                Code::Malformed,
                "a timed ban lasts at least 1 ms",
            ));
        }
        let reason = text::reason(reason)?.into();
        let until_ms = for_ms.map(|it| now.unix_ms.saturating_add(it));
        Ok(RecordBody::Ban {
            who,
            until_ms,
            reason,
        })
    }

    pub(super) fn unban(&self, from: &Origin, member: &MemberId) -> Result<RecordBody, Refusal> {
        let banned = self.decided.bans.get(member).map(|it| it.who.clone());
        let who = self.lifted(from, Verb::Ban, member, banned, "banned")?;
        Ok(RecordBody::Unban { who })
    }

    pub(super) fn slow_mode(&self, from: &Origin, gap_ms: u64) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::SlowMode)?;
        if gap_ms > pace::GAP_MS_MAX {
            return Err(Refusal::new(
                Code::Malformed,
                "slow mode goes up to one hour",
            ));
        }
        Ok(RecordBody::SlowMode { gap_ms })
    }

    pub(super) fn check_not_banned(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        banned(&self.decided, now, &who.id).map_or(Ok(()), Err)
    }

    pub(super) fn check_not_muted(&self, now: Now, from: &Origin) -> Result<(), Refusal> {
        self.check_may_speak(now, &from.who.id)
    }

    pub(super) fn check_may_speak(&self, now: Now, member: &MemberId) -> Result<(), Refusal> {
        let Some(until_ms) = self.decided.muted_until(member, now.unix_ms) else {
            return Ok(());
        };
        let left_ms = until_ms - now.unix_ms;
        let words = format!("you are muted here for another {}", span(left_ms));
        Err(Refusal::new(Code::Muted, words).after_ms(left_ms))
    }

    /// The person to act upon, if this one may.
    fn target(&self, from: &Origin, verb: Verb, member: &MemberId) -> Result<Person, Refusal> {
        let who = self.look_up(member);
        // Rights of the asker come first: who may not act here learns nothing about others.
        let standing = self.standing_or_guest(who.as_ref());
        let object = Object::Member {
            own: *member == from.who.id,
            standing,
        };
        self.check_object(&from.who, verb, &object)?;
        let who =
            who.ok_or_else(|| Refusal::new(Code::NotFound, "nobody here is known by that id"))?;
        Ok(self.person(&who))
    }

    /// The person to set free, if this one may.
    fn lifted(
        &self,
        from: &Origin,
        verb: Verb,
        member: &MemberId,
        held: Option<Person>,
        what: &str,
    ) -> Result<Person, Refusal> {
        let who = held.as_ref().map(Person::who);
        let standing = self.standing_or_guest(who.as_ref());
        let object = Object::Member {
            own: *member == from.who.id,
            standing,
        };
        self.check_object(&from.who, verb, &object)?;
        held.ok_or_else(|| Refusal::new(Code::NotFound, format!("this member is not {what} here")))
    }

    /// A person by id: here, looked up for this command, or known from something they did.
    pub(super) fn look_up(&self, member: &MemberId) -> Option<Who> {
        let found = self
            .presence
            .who(member)
            .or_else(|| self.aside.member(member));
        found
            .cloned()
            .or_else(|| self.ring.author(member).map(Person::who))
    }
}

/// The refusal that a banned member hears.
pub(super) fn banned(facts: &super::facts::Facts, now: Now, member: &MemberId) -> Option<Refusal> {
    let ban = facts.ban(member, now.unix_ms)?;
    let why = if ban.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", ban.reason)
    };
    Some(match ban.until_ms {
        None => Refusal::new(Code::Banned, format!("you are banned from this room{why}")),
        Some(until_ms) => {
            let left_ms = until_ms - now.unix_ms;
            let words = format!(
                "you are banned from this room for another {}{why}",
                span(left_ms)
            );
            Refusal::new(Code::Banned, words).after_ms(left_ms)
        }
    })
}
