//! Mute, ban, slow mode: facts that a member's commands are held against.

use protocol::{Code, MemberId, Refusal, limits, server::AutoSlow};

use super::{Room, facts::Facts, pace, span};
use crate::{
    command::Origin,
    member::{Person, Who},
    now::Now,
    record::{Auto, RecordBody},
    rights::{Object, Standing, Verb},
    text,
};

/// The longest mute: whoever is to be silent for longer is to be banned.
const MUTE_MS_MAX: u64 = 366 * 24 * 3_600_000;
const KICK_MS: u64 = limits::KICK_FOR.as_millis() as u64;

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
            devices: self.traced.devices(&who.id),
            networks: self.traced.networks(&who.id),
            who,
            until_ms,
            reason,
        })
    }

    pub(super) fn kick(
        &self,
        now: Now,
        from: &Origin,
        member: &MemberId,
        reason: &str,
    ) -> Result<RecordBody, Refusal> {
        let who = self.target(from, Verb::Kick, member)?;
        Ok(RecordBody::Kick {
            who,
            until_ms: now.unix_ms.saturating_add(KICK_MS),
            reason: text::reason(reason)?.into(),
        })
    }

    pub(super) fn unban(&self, from: &Origin, member: &MemberId) -> Result<RecordBody, Refusal> {
        let banned = self.decided.bans.get(member).map(|it| it.who.clone());
        let who = self.lifted(from, Verb::Ban, member, banned, "banned")?;
        Ok(RecordBody::Unban { who })
    }

    pub(super) fn slow_mode(
        &self,
        from: &Origin,
        gap_ms: u64,
        auto: Option<AutoSlow>,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::SlowMode)?;
        if gap_ms > pace::GAP_MS_MAX {
            return Err(Refusal::new(
                Code::Malformed,
                "slow mode goes up to one hour",
            ));
        }
        if auto.is_some_and(|it| !(1..=limits::SLOW_TARGET_MAX).contains(&it.target_per_s)) {
            let words = format!(
                "slow mode follows the talk at 1 to {} messages a second",
                limits::SLOW_TARGET_MAX
            );
            return Err(Refusal::new(Code::Malformed, words));
        }
        let auto = auto.map(|it| Auto {
            target_per_s: it.target_per_s,
            least_ms: gap_ms,
        });
        Ok(RecordBody::SlowMode { gap_ms, auto })
    }

    pub(super) fn check_not_banned(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.banned_here(&self.decided, now, who)
            .map_or(Ok(()), Err)
    }

    /// Why this person may not be here: banned themselves, or by the device they come with.
    fn banned_here(&self, facts: &Facts, now: Now, who: &Who) -> Option<Refusal> {
        let own = banned(facts, now, &who.id);
        own.or_else(|| {
            let standing = Standing {
                role: who.role,
                host: self.is_host(facts, &who.id),
                co_host: facts.is_co_host(&who.id),
            };
            // A moderator who tries something on a banned device locks nobody out, least of all oneself.
            let by_device = facts
                .bans
                .values()
                .filter(|it| !standing.runs_the_room() && it.holds_device(who));
            by_device
                .filter_map(|it| banned(facts, now, &it.who.id))
                .next()
        })
    }

    /// The same, or put out a moment ago.
    pub(super) fn kept_out(&self, facts: &Facts, now: Now, who: &Who) -> Option<Refusal> {
        let kicked = || {
            let kick = facts.kicks.get(&who.id)?;
            let left_ms = kick
                .until_ms
                .checked_sub(now.unix_ms)
                .filter(|it| *it > 0)?;
            let why = because(&kick.reason);
            let words = format!(
                "you were put out of this room for another {}{why}",
                span(left_ms)
            );
            Some(Refusal::new(Code::Kicked, words).after_ms(left_ms))
        };
        self.banned_here(facts, now, who).or_else(kicked)
    }

    /// Others who are here on a device that this member's ban holds.
    pub(super) fn on_device_of(&self, banned: &MemberId) -> Vec<MemberId> {
        let Some(ban) = self.committed.bans.get(banned) else {
            return Vec::new();
        };
        self.presence
            .people()
            .filter(|who| who.id != *banned && ban.holds_device(who))
            .filter(|who| !self.committed_standing(who).runs_the_room())
            .map(|who| who.id.clone())
            .collect()
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
pub(super) fn banned(facts: &Facts, now: Now, member: &MemberId) -> Option<Refusal> {
    let ban = facts.ban(member, now.unix_ms)?;
    let why = because(&ban.reason);
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

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}
