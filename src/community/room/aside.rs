//! What the room was told on request: messages older than its ring, people who are not here.
//!
//! An old message stays for a minute after it was last touched. A read of the log takes far less,
//! so that no read begun before a change can bring the old form back after it.

use std::collections::BTreeMap;

use protocol::{BlobId, MemberId, Seq, Slug, limits};

use super::card::Upload;
use crate::{
    member::{Person, Who},
    now::Now,
    record::{Held, Message, Moved, Record, RecordBody},
};

const KEPT_MS: u64 = 60_000;
/// Places of moved messages that are remembered: more than one command names.
const MOVED_MAX: usize = 2 * limits::SPLIT_REPLIES_MAX;
/// People looked up and not yet acted upon.
const PEOPLE_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Aside {
    messages: BTreeMap<Seq, Old>,
    /// Places of messages that are in another topic: that is for ever.
    moved: BTreeMap<Seq, Moved>,
    people: BTreeMap<MemberId, Who>,
    /// Of one command: up to as many as a text shows.
    uploads: Vec<Upload>,
    board: Option<Slug>,
}

#[derive(Debug)]
struct Old {
    author: Person,
    at_ms: u64,
    message: Message,
    touched_ms: u64,
}

impl Aside {
    pub(super) fn remember_record(&mut self, now: Now, record: Record) {
        self.messages
            .retain(|_, it| it.touched_ms + KEPT_MS > now.mono_ms);
        match record.body {
            RecordBody::Message(message) => {
                let old = Old {
                    author: record.author,
                    at_ms: record.at_ms,
                    message,
                    touched_ms: now.mono_ms,
                };
                self.messages.entry(record.seq).or_insert(old).touched_ms = now.mono_ms;
            }
            RecordBody::Moved(it) => {
                if self.moved.len() >= MOVED_MAX {
                    self.moved.pop_first();
                }
                self.moved.insert(record.seq, it);
            }
            _ => {}
        }
    }

    pub(super) fn said_at(&self, seq: Seq) -> Option<u64> {
        self.messages.get(&seq).map(|it| it.at_ms)
    }

    pub(super) fn moved(&self, seq: Seq) -> Option<&Moved> {
        self.moved.get(&seq)
    }

    pub(super) fn message(&self, seq: Seq) -> Option<(&Person, &Message)> {
        self.messages.get(&seq).map(|it| (&it.author, &it.message))
    }

    /// Folds a committed edit, delete or step of a question into its message.
    pub(super) fn apply(&mut self, now: Now, record: &Record) {
        let changed = match &record.body {
            RecordBody::Edit { of, .. }
            | RecordBody::Delete { of, .. }
            | RecordBody::Restore { of, .. }
            | RecordBody::Held(Held { of: Some(of), .. }) => [Some(*of), None],
            RecordBody::Question { of, done, .. } => [Some(*of), *done],
            RecordBody::Split(split) => {
                for (was, _) in &split.moved {
                    let old = self.messages.remove(was);
                    let left = old.and_then(|it| {
                        let it = it.message;
                        split.left(*was, it.reply_to, it.root)
                    });
                    self.moved.extend(left.map(|it| (*was, it)));
                }
                return;
            }
            _ => return,
        };
        for seq in changed.into_iter().flatten() {
            let Some(old) = self.messages.get_mut(&seq) else {
                continue;
            };
            old.touched_ms = now.mono_ms;
            match &record.body {
                RecordBody::Edit { text, media, .. } => {
                    if let Some(text) = text {
                        old.message.revise(record.seq, text.clone(), media.clone());
                    }
                }
                RecordBody::Question { of, to, done } => {
                    old.message.question_moved(seq, *of, *to, *done);
                }
                RecordBody::Restore { kept, .. } => {
                    if let Some(kept) = kept {
                        old.message.restore(record.seq, kept);
                    }
                }
                _ => old.message.erase(record.seq),
            }
        }
    }

    pub(super) fn remember_member(&mut self, who: Who) {
        if self.people.len() >= PEOPLE_MAX {
            self.people.pop_first();
        }
        self.people.insert(who.id.clone(), who);
    }

    pub(super) fn member(&self, id: &MemberId) -> Option<&Who> {
        self.people.get(id)
    }

    pub(super) fn remember_upload(&mut self, upload: Upload) {
        self.uploads.retain(|it| it.blob != upload.blob);
        self.uploads.push(upload);
    }

    pub(super) fn remember_board(&mut self, board: Slug) {
        self.board = Some(board);
    }

    /// Whether this one was just looked up.
    pub(super) fn has_board(&self, board: &Slug) -> bool {
        self.board.as_ref() == Some(board)
    }

    /// Serves one command only: it may be taken away.
    pub(super) fn forget_board(&mut self) {
        self.board = None;
    }

    /// Whether this blob was just looked up.
    pub(super) fn has_upload(&self, blob: &BlobId) -> bool {
        self.uploads.iter().any(|it| it.blob == *blob)
    }

    pub(super) fn upload(&self, by: &MemberId, blob: &BlobId) -> Option<&Upload> {
        let found = self.uploads.iter().find(|it| it.blob == *blob)?;
        (found.by == *by).then_some(found)
    }

    /// They serve one command only: the next may be somebody else's.
    pub(super) fn forget_uploads(&mut self) {
        self.uploads.clear();
    }

    /// A role may change, so what was looked up serves one command only.
    pub(super) fn forget_member(&mut self, id: &MemberId) {
        self.people.remove(id);
    }
}
