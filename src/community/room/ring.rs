//! The last committed records of a room, in their latest form: snapshots, resumes and recent
//! history come from here.

use std::{collections::VecDeque, sync::Arc};

use protocol::{MemberId, Seq, limits};

use crate::{
    fault::{self, Fault},
    member::Person,
    record::{Held, Media, Message, Outcome, Pin, Record, RecordBody, Split, Tally},
    text,
};

#[derive(Debug, Default)]
pub(super) struct Ring {
    /// INVARIANT: seqs follow each other without a hole.
    records: VecDeque<Arc<Record>>,
    /// The record of what is pinned, as far as it was pushed here.
    pin: Option<Seq>,
    /// The record of the rules, in the same way.
    rules: Option<Seq>,
}

impl Ring {
    /// The next record, whose edit or delete is folded into its message here.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        match &record.body {
            RecordBody::Edit {
                of,
                text: Some(text),
                media,
                ..
            } => {
                let before = self.message(*of, |it| {
                    let before = it.last_edit.filter(|it| *it < record.seq);
                    it.revise(record.seq, text.clone(), media.clone());
                    before
                });
                self.supersede(before.flatten());
                let text = text::beginning(text);
                self.pinned(*of, |it| {
                    if let Some(words) = &mut it.words {
                        words.text = text;
                    }
                });
            }
            RecordBody::Delete { of, .. } | RecordBody::Held(Held { of: Some(of), .. })
                if !fault::is(Fault::DeleteNotFolded) =>
            {
                let before = self.message(*of, |it| {
                    let before = it.last_edit.filter(|it| *it < record.seq);
                    it.erase(record.seq);
                    before
                });
                self.supersede(before.flatten());
                self.pinned(*of, |it| *it = it.emptied());
            }
            RecordBody::Split(split) => {
                for (of, _) in &split.moved {
                    self.move_away(*of, split);
                }
            }
            RecordBody::Restore {
                of,
                kept: Some(kept),
            } => {
                self.message(*of, |it| it.restore(record.seq, kept));
                self.forget_deleted(*of);
            }
            RecordBody::Review { of, outcome } => self.reviewed(*of, outcome),
            RecordBody::Rules(Some(_)) => {
                if let Some(RecordBody::Rules(before)) = self
                    .rules
                    .replace(record.seq)
                    .and_then(|it| self.body_mut(it))
                {
                    *before = None;
                }
            }
            RecordBody::Question { of, to, done } => {
                for seq in [Some(*of), *done].into_iter().flatten() {
                    self.message(seq, |it| it.question_moved(seq, *of, *to, *done));
                }
            }
            RecordBody::PollClosed { of, result } => {
                if let Some(RecordBody::Poll(it)) = self.body_mut(*of) {
                    it.result = Some(result.clone());
                }
            }
            RecordBody::Pin(it) => {
                let before = self.pin.take().and_then(|it| self.body_mut(it));
                if let Some(RecordBody::Pin(before)) = before {
                    *before = before.emptied();
                }
                self.pin = it.words.is_some().then_some(record.seq);
            }
            _ => {}
        }
        if let Some(last) = self.records.back() {
            assert_eq!(last.seq + 1, record.seq, "the log has no holes");
        }
        self.records.push_back(record);
        if self.records.len() > limits::RESUME_RECORDS_MAX {
            self.records.pop_front();
        }
    }

    /// A message's likes and replies were counted.
    pub(super) fn count(&mut self, seq: Seq, tally: Tally) {
        self.message(seq, |it| it.tally = tally);
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&Arc<Record>> {
        self.records.get(self.place(seq)?)
    }

    /// The first seq that is kept.
    pub(super) fn first(&self) -> Option<Seq> {
        self.records.front().map(|it| it.seq)
    }

    /// The last `n`, oldest first.
    pub(super) fn tail(&self, n: usize) -> Vec<Arc<Record>> {
        let skip = self.records.len().saturating_sub(n);
        self.records.iter().skip(skip).cloned().collect()
    }

    /// Everything above a seq, or `None` where some of it is no longer kept.
    pub(super) fn after(&self, seq: Seq) -> Option<Vec<Arc<Record>>> {
        let first = self.first()?;
        let skip = usize::try_from((seq + 1).checked_sub(first)?).ok()?;
        let skip = if fault::is(Fault::RingOffByOne) {
            skip + 1
        } else {
            skip
        };
        Some(self.records.iter().skip(skip).cloned().collect())
    }

    /// The last `n` below a seq, oldest first, or `None` where some of them are no longer kept.
    pub(super) fn before(&self, seq: Seq, n: usize) -> Option<Vec<Arc<Record>>> {
        let first = self.first()?;
        let upto = usize::try_from(seq.checked_sub(first)?)
            .ok()?
            .min(self.records.len());
        if upto < n && first > 1 {
            return None;
        }
        Some(
            self.records
                .range(upto.saturating_sub(n)..upto)
                .cloned()
                .collect(),
        )
    }

    /// A person as their newest record here shows them.
    pub(super) fn author(&self, member: &MemberId) -> Option<&Person> {
        self.records
            .iter()
            .rev()
            .map(|it| &it.author)
            .find(|it| it.id == *member)
    }

    fn place(&self, seq: Seq) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first()?)?).ok()
    }

    fn body_mut(&mut self, seq: Seq) -> Option<&mut RecordBody> {
        let place = self.place(seq)?;
        let record = self.records.get_mut(place)?;
        Some(&mut Arc::make_mut(record).body)
    }

    fn message<T>(&mut self, seq: Seq, change: impl FnOnce(&mut Message) -> T) -> Option<T> {
        match self.body_mut(seq)? {
            RecordBody::Message(it) => Some(change(it)),
            _ => None,
        }
    }

    /// Leaves of a message that it is in another topic, and of what hangs on it nothing.
    fn move_away(&mut self, of: Seq, split: &Split) {
        let left = self.message(of, |it| {
            let left = split.left(of, it.reply_to, it.root);
            left.map(|left| (it.last_edit, left))
        });
        let Some((before, left)) = left.flatten() else {
            return;
        };
        self.supersede(before);
        self.pinned(of, |it| *it = it.emptied());
        if let Some(body) = self.body_mut(of) {
            *body = RecordBody::Moved(left);
        }
    }

    /// Changes what is pinned, where it is this message.
    fn pinned(&mut self, message: Seq, change: impl FnOnce(&mut Pin)) {
        if let Some(RecordBody::Pin(it)) = self.pin.and_then(|it| self.body_mut(it))
            && it.of == Some(message)
        {
            change(it);
        }
    }

    fn supersede(&mut self, edit: Option<Seq>) {
        match edit.and_then(|it| self.body_mut(it)) {
            Some(RecordBody::Edit { text, media, .. }) => {
                *text = None;
                *media = Media::default();
            }
            Some(RecordBody::Restore { kept, .. }) => *kept = None,
            _ => {}
        }
    }

    /// What was deleted can no longer be brought back: its last words are gone from here too.
    pub(super) fn forget_undo(&mut self, delete: Seq) {
        if let Some(RecordBody::Delete { undo, .. }) = self.body_mut(delete) {
            *undo = None;
        }
    }

    /// The delete of a message that is there again holds it no longer.
    fn forget_deleted(&mut self, message: Seq) {
        let delete = self.records.iter().rev().find(|it| match &it.body {
            RecordBody::Delete { of, undo } => *of == message && undo.is_some(),
            _ => false,
        });
        if let Some(seq) = delete.map(|it| it.seq) {
            self.forget_undo(seq);
        }
    }

    fn reviewed(&mut self, held: Seq, outcome: &Outcome) {
        if let Some(RecordBody::Held(it)) = self.body_mut(held) {
            *it = Held::reviewed(it.of, it.why, outcome.clone());
        }
    }

    /// A record that holds a message, or held one.
    pub(super) fn held(&self, seq: Seq) -> Option<&Held> {
        match &self.get(seq)?.body {
            RecordBody::Held(it) => Some(it),
            _ => None,
        }
    }
}
