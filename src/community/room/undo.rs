//! A delete that can be taken back: gone for everybody at once, and for a while kept in the record of
//! the delete, which shows it to nobody. When the time is over its text is erased, here and on disk;
//! after a restart what is overdue is erased first of all.

use protocol::{Code, Refusal, Seq, limits};

use super::{Room, held};
use crate::{
    command::Origin,
    effect::{Effect, RowChange},
    fault::{self, Fault},
    member::Person,
    now::Now,
    record::{Message, RecordBody, Undo},
    rights::Verb,
};

const WITHIN_MS: u64 = limits::UNDO_WITHIN.as_millis() as u64;

impl Room {
    pub(super) fn undo_of(
        &self,
        now: Now,
        of: Seq,
        author: Person,
        message: Message,
    ) -> Option<Undo> {
        let room = self.decided.undo.len() < limits::UNDO_MAX;
        room.then(|| Undo {
            until_ms: now.unix_ms.saturating_add(WITHIN_MS),
            kept: self.kept_of(of, author, message),
        })
    }

    pub(super) fn undelete(&self, now: Now, from: &Origin, of: Seq) -> Result<RecordBody, Refusal> {
        let in_time = self.undo_ends.get(&of).is_some_and(|it| *it > now.mono_ms);
        let Some(undone) = self.decided.undo.get(&of).filter(|_| in_time) else {
            let words = "this message can no longer be brought back";
            return Err(Refusal::new(Code::NoSuchMessage, words));
        };
        // What somebody else took out is for who runs the room to bring back, not for its writer.
        let (author, me) = (&undone.kept.author, &from.who.id);
        if undone.by != *me {
            if author.id == *me {
                let words = "who deleted this message, or a moderator, brings it back";
                return Err(Refusal::new(Code::NotPermitted, words));
            }
            let object = self.message_object(from, author);
            self.check_object(&from.who, Verb::DeleteAny, &object)?;
        }
        Ok(held::restore(of, undone.kept.clone()))
    }

    /// When each delete that was read from the log is over, on the steady clock.
    pub(super) fn time_undos(&mut self, now: Now) {
        for (of, it) in &self.decided.undo {
            let left_ms = it.until_ms.saturating_sub(now.unix_ms).min(WITHIN_MS);
            self.undo_ends.insert(*of, now.mono_ms + left_ms);
        }
    }

    pub(super) fn time_undo(&mut self, now: Now, of: Seq) {
        self.undo_ends.insert(of, now.mono_ms + WITHIN_MS);
    }

    /// The next end of a delete that is on disk.
    pub(super) fn undo_deadline(&self) -> Option<u64> {
        let ends = self.undo_ends.iter();
        ends.filter(|it| self.is_undo_committed(*it.0))
            .map(|it| *it.1)
            .min()
    }

    pub(super) fn wake_undo(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let due: Vec<Seq> = self
            .undo_ends
            .iter()
            .filter(|it| *it.1 <= now.mono_ms && self.is_undo_committed(*it.0))
            .map(|it| *it.0)
            .collect();
        let mut rows = Vec::new();
        for of in due {
            self.undo_ends.remove(&of);
            self.committed.undo.remove(&of);
            let Some(undone) = self.decided.undo.remove(&of) else {
                continue;
            };
            self.ring.forget_undo(undone.delete);
            if !fault::is(Fault::UndoNeverEnds) {
                rows.push(erased(undone.delete, of));
                if undone.kept.message.has_blob() {
                    rows.push(RowChange::LetGo { seq: of });
                }
            }
        }
        if !rows.is_empty() {
            fx.push(Effect::Rows(rows));
        }
    }

    /// Whether the record that can be taken back is on disk, or was brought back before that.
    fn is_undo_committed(&self, of: Seq) -> bool {
        let undone = self.decided.undo.get(&of);
        undone.is_none_or(|it| it.delete <= self.committed.seq)
    }
}

/// What is left of a delete that cannot be taken back any more.
pub(super) fn erased(delete: Seq, of: Seq) -> RowChange {
    RowChange::Erase {
        seq: delete,
        left: RecordBody::Delete { of, undo: None },
    }
}
