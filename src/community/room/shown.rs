//! Pictures and voice notes that stand in a text, and the blobs that records refer to.
//!
//! Who writes may show what they uploaded lately, and what somebody shows in this room already: to know the name
//! of a blob is no right to it.

use std::sync::Arc;

use protocol::{BlobId, BlobKind, Code, Refusal, Seq, limits};

use super::{Room, card::Upload};
use crate::{
    effect::RowChange,
    member::Who,
    now::Now,
    record::{Held, Media, Medium, Message, RecordBody, blobs_shown},
};

impl Room {
    /// The first of what a text shows that must be looked up before it can be said. `kept` is what it shows
    /// already, where it is an edit.
    pub(super) fn medium_needed(&self, text: &str, kept: &[Medium]) -> Option<BlobId> {
        if !self.is_topic() {
            return None;
        }
        let shown = blobs_shown(text).into_iter();
        shown
            .take(limits::MARKDOWN_MEDIA_MAX)
            .find(|it| !self.aside.has_upload(it) && kept.iter().all(|kept| kept.blob() != it))
    }

    /// What a text shows, as the store found it, or why it may not.
    pub(super) fn media(
        &self,
        now: Now,
        who: &Who,
        text: &str,
        kept: &[Medium],
    ) -> Result<Media, Refusal> {
        if !self.is_topic() {
            return Ok(Media::default());
        }
        let known = |blob: &BlobId| kept.iter().find(|it| it.blob() == blob);
        let media = blobs_of(text)?.into_iter().map(|blob| match known(&blob) {
            Some(known) => Ok(known.clone()),
            None => Upload::medium_of(self.aside.upload(&who.id, &blob), now.unix_ms),
        });
        media.collect()
    }

    /// The blobs that a new record refers to, or lets go. A message that can come back keeps its own:
    /// while it waits for review, and until its delete can no longer be undone.
    pub(super) fn blobs_revised(&self, seq: Seq, body: &RecordBody) -> Vec<RowChange> {
        let refer = |seq: Seq, message: &Message| {
            let blobs = message.blobs();
            (!blobs.is_empty()).then_some(RowChange::Refer { seq, blobs })
        };
        let veil = |of: Seq, on: bool| Some(RowChange::Veil { seq: of, on });
        let seen = |of: Seq| self.message(of).is_ok_and(|(_, it)| it.has_blob());
        let changes = match body {
            RecordBody::Message(it) => {
                // What was held until now is let go there, where this takes its place.
                let held = it.held.filter(|_| it.has_blob());
                [refer(seq, it), held.map(|seq| RowChange::LetGo { seq })]
            }
            RecordBody::Held(Held {
                of: None,
                kept: Some(kept),
                ..
            }) if kept.message.has_blob() => [refer(seq, &kept.message), veil(seq, true)],
            RecordBody::Held(Held {
                of: Some(of),
                kept: Some(kept),
                ..
            }) => {
                let hides = kept.message.has_blob().then(|| veil(*of, true)).flatten();
                [self.refers_otherwise(*of, kept.message.blobs()), hides]
            }
            RecordBody::Edit {
                of,
                text: Some(text),
                media,
                ..
            } => [self.edited_refers(seq, *of, text, media), None],
            RecordBody::Delete { of, undo: Some(_) } if seen(*of) => [veil(*of, true), None],
            RecordBody::Restore {
                of,
                kept: Some(kept),
            } if kept.message.has_blob() => [veil(*of, false), None],
            RecordBody::Delete { of, undo: None } if seen(*of) => {
                [Some(RowChange::LetGo { seq: *of }), None]
            }
            RecordBody::Review { of, outcome } if !outcome.allowed => {
                let waiting = self.decided.held.get(of);
                let waiting = waiting.filter(|it| it.kept.message.has_blob());
                let gone = waiting.map(|it| RowChange::LetGo {
                    seq: it.of.unwrap_or(*of),
                });
                [gone, None]
            }
            _ => [None, None],
        };
        changes.into_iter().flatten().collect()
    }

    fn edited_refers(
        &self,
        edit: Seq,
        of: Seq,
        text: &Arc<str>,
        media: &Media,
    ) -> Option<RowChange> {
        let (_, mut message) = self.message(of).ok()?;
        message.revise(edit, text.clone(), media.clone());
        self.refers_otherwise(of, message.blobs())
    }

    /// A message that refers to other blobs from now on.
    fn refers_otherwise(&self, of: Seq, blobs: Vec<BlobId>) -> Option<RowChange> {
        let (_, was) = self.message(of).ok()?;
        if was.blobs() == blobs {
            return None;
        }
        Some(match blobs.as_slice() {
            [] => RowChange::LetGo { seq: of },
            _ => RowChange::Refer { seq: of, blobs },
        })
    }
}

impl Upload {
    /// What was found of a blob as something that a text shows at that moment, or why it may not.
    pub fn medium_of(found: Option<&Self>, now_ms: u64) -> Result<Medium, Refusal> {
        let found = found
            .filter(|it| it.shown || it.is_fresh(now_ms))
            .ok_or_else(gone)?;
        let blob = found.blob.clone();
        match found.kind {
            BlobKind::Image => {
                let (w, h) = found.size.unwrap_or_default();
                Ok(Medium::Image { blob, w, h })
            }
            BlobKind::Voice => {
                let duration_ms = found.duration_ms.unwrap_or_default();
                Ok(Medium::Voice { blob, duration_ms })
            }
            BlobKind::File => {
                let words = "a text shows pictures and voice notes; share a file by itself";
                Err(Refusal::new(Code::BlobUnfit, words))
            }
        }
    }
}

/// The blobs that a text in Markdown shows, each once, if they are not too many.
pub fn blobs_of(text: &str) -> Result<Vec<BlobId>, Refusal> {
    let shown = blobs_shown(text);
    let (n, most) = (shown.len(), limits::MARKDOWN_MEDIA_MAX);
    if n > most {
        let words = format!("a text shows up to {most} pictures and voice notes, this has {n}");
        return Err(Refusal::new(Code::TooLong, words));
    }
    Ok(shown)
}

pub(crate) fn gone() -> Refusal {
    let words = "this upload is not there any more: upload it again";
    Refusal::new(Code::NoSuchBlob, words)
}
