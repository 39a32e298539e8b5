//! The room's mode: who may speak. It may be set for a time, and the one before comes back by itself:
//! a lever that is pulled in haste must not need somebody who remembers it.

use protocol::{Code, Refusal, limits, server::RoomMode};

use super::{Room, span};
use crate::{
    command::Origin,
    effect::Effect,
    member::{Role, Who},
    now::Now,
    record::RecordBody,
    rights::Verb,
};

impl Room {
    pub(super) fn mode(
        &self,
        now: Now,
        from: &Origin,
        mode: RoomMode,
        for_ms: Option<u64>,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Mode)?;
        let most_ms = limits::MODE_FOR_MAX.as_millis() as u64;
        if for_ms.is_some_and(|it| it == 0 || it > most_ms) {
            let words = format!("a mode is set for 1 ms to {}", span(most_ms));
            return Err(Refusal::new(Code::Malformed, words));
        }
        let then = match for_ms {
            Some(_) => self.decided.mode.steady(),
            None => mode,
        };
        Ok(RecordBody::Mode {
            mode,
            until_ms: for_ms.map(|it| now.unix_ms.saturating_add(it)),
            then,
        })
    }

    /// May this member say such a thing now?
    pub(super) fn check_mode(&self, who: &Who, question: bool) -> Result<(), Refusal> {
        self.check_not_merged()?;
        if self.standing(who).runs_the_room() {
            return Ok(());
        }
        self.check_not_locked(who)?;
        let refused = match self.decided.mode.mode {
            RoomMode::Members if who.role == Role::Guest => (
                Code::GuestsNotAllowed,
                "just now only members speak here: sign in",
            ),
            RoomMode::Questions if !question => (
                Code::QuestionsOnly,
                "just now only questions are taken here: ask yours as one",
            ),
            RoomMode::Host => (
                Code::HostOnly,
                "just now only the host and moderators speak here",
            ),
            _ => return Ok(()),
        };
        Err(Refusal::new(refused.0, refused.1))
    }

    /// When the mode ends on the steady clock, from what was decided of it.
    pub(super) fn time_mode(&mut self, now: Now) {
        let until = self.decided.mode.until;
        self.mode_ends = until.map(|(until_ms, _)| {
            now.mono_ms
                .saturating_add(until_ms.saturating_sub(now.unix_ms))
        });
    }

    pub(super) fn wake_mode(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.mode_ends.is_none_or(|it| it > now.mono_ms) {
            return;
        }
        self.mode_ends = None;
        let mode = &self.decided.mode;
        let (Some((_, then)), Some(by)) = (mode.until, mode.by.clone()) else {
            return;
        };
        let body = RecordBody::Mode {
            mode: then,
            until_ms: None,
            then,
        };
        self.keep(now, by, None, body, fx);
    }
}
