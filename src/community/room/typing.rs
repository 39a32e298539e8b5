//! Who is writing: told at most once a second in a small room, never stored, over by itself.

use std::collections::BTreeMap;

use protocol::{MemberId, limits};

use super::Room;
use crate::{
    command::Origin,
    effect::{Announce, Effect},
    now::Now,
    rights::Verb,
};

const FOR_MS: u64 = limits::TYPING_FOR.as_millis() as u64;
const EVERY_MS: u64 = limits::TYPING_EVERY.as_millis() as u64;

#[derive(Debug, Default)]
pub(super) struct Typing {
    /// Until when each counts as writing.
    until: BTreeMap<MemberId, u64>,
    announced_at: Option<u64>,
    announce_at: Option<u64>,
}

impl Typing {
    fn started(&mut self, now: Now, member: &MemberId) {
        self.until.insert(member.clone(), now.mono_ms + FOR_MS);
        // Told again though nothing changed: a viewer lets it go by itself when nothing is heard.
        self.soon(now);
    }

    /// What was being written is said, or may not be said.
    pub(super) fn stopped(&mut self, now: Now, member: &MemberId) {
        if self.until.remove(member).is_some() {
            self.soon(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let over = self.until.values().min().copied();
        [self.announce_at, over].into_iter().flatten().min()
    }

    fn soon(&mut self, now: Now) {
        let rested = self.announced_at.map_or(0, |it| it + EVERY_MS);
        self.announce_at.get_or_insert(rested.max(now.mono_ms));
    }
}

impl Room {
    pub(super) fn typing(&mut self, now: Now, from: &Origin) {
        let small = self.count() as usize <= limits::ROSTER_MEMBERS_MAX;
        let may = small
            && self.check_joined(from).is_ok()
            && self.check(&from.who, Verb::Talk).is_ok()
            && self.check_mode(&from.who, true).is_ok()
            && self.check_not_banned(now, &from.who).is_ok()
            && self.check_not_muted(now, from).is_ok();
        if may {
            self.typing.started(now, &from.who.id);
        }
    }

    pub(super) fn wake_typing(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let before = self.typing.until.len();
        self.typing.until.retain(|_, until| *until > now.mono_ms);
        if self.typing.until.len() < before {
            self.typing.soon(now);
        }
        if self.typing.announce_at.is_none_or(|it| it > now.mono_ms) {
            return;
        }
        self.typing.announce_at = None;
        self.typing.announced_at = Some(now.mono_ms);
        let silent = |it: &MemberId| {
            self.committed.muted_until(it, now.unix_ms).is_some()
                || self.committed.ban(it, now.unix_ms).is_some()
        };
        let members = self.typing.until.keys();
        let here: Vec<_> = members
            .filter(|it| !silent(it))
            .filter_map(|it| self.presence.who(it))
            .collect();
        let named = here.iter().take(limits::TYPING_NAMES_MAX);
        let who = named.map(|it| self.committed_person(it)).collect();
        let n = u32::try_from(here.len()).unwrap_or(u32::MAX);
        fx.push(Effect::Announce(Announce::Typing { who, n }));
    }
}
