//! What a broadcast leaves to be told of: its questions that were answered, messages as they are quoted, and to whom
//! it is news.

use std::collections::{BTreeMap, BTreeSet};

use community::{ReadError, Record, RecordBody, viewer_number};
use protocol::{
    CircleId, MemberId, RoomNumber, Seq,
    server::{QuestionPhase, Quoted},
};
use store::{EndedRow, LogError, Store};

use super::storing;

/// Records of one kind that are looked at.
const LOOKED_AT: usize = 50;

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A stretch of a room's log.
#[derive(Clone, Copy)]
pub struct Stretch<'a> {
    pub store: &'a Store,
    pub room: RoomNumber,
    pub circle: CircleId,
    /// The first record and the last.
    pub seqs: (Seq, Seq),
}

impl Stretch<'_> {
    /// The questions that were answered, in the order of their answers, each with when it was taken up.
    pub async fn answered(&self) -> Result<Vec<Quoted>, QuoteError> {
        let mut seqs = Vec::new();
        let mut taken_up = BTreeMap::new();
        for record in self.records(RecordBody::QUESTION).await? {
            if let RecordBody::Question { of, to, done } = record.body {
                if to == QuestionPhase::Picked {
                    taken_up.insert(of, record.pos);
                }
                seqs.extend(done);
                seqs.extend((to == QuestionPhase::Answered).then_some(of));
            }
        }
        self.messages(seqs, &taken_up).await
    }

    /// Messages that are still to be read, each once, with when it was taken up.
    pub async fn messages(
        &self,
        seqs: Vec<Seq>,
        taken_up: &BTreeMap<Seq, Option<u64>>,
    ) -> Result<Vec<Quoted>, QuoteError> {
        let mut known = BTreeSet::new();
        let mut quoted = Vec::new();
        for seq in seqs.into_iter().filter(|it| known.insert(*it)) {
            let Some(entry) = self.store.entry(self.room, seq).await? else {
                continue;
            };
            let record = storing::record(&self.store.erasing(), self.circle, entry)?;
            let author = record.author.frame();
            if let RecordBody::Message(message) = record.body
                && !message.deleted
            {
                quoted.push(Quoted {
                    of: Some(seq),
                    text: message.text.to_string(),
                    author: Some(author),
                    card: message.card.as_ref().map(|it| it.frame()),
                    pos: taken_up.get(&seq).copied().flatten(),
                });
            }
        }
        Ok(quoted)
    }

    /// Its first records of a kind.
    pub async fn records(&self, kind: u8) -> Result<Vec<Record>, QuoteError> {
        let entries = self
            .store
            .entries_between(self.room, self.seqs, kind, LOOKED_AT)
            .await?;
        let erasing = self.store.erasing();
        let read = |it| storing::record(&erasing, self.circle, it);
        Ok(entries.into_iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// Whether a member neither ran a broadcast nor was there.
pub fn is_missed_by(row: &EndedRow, member: &MemberId) -> bool {
    let broadcast = &row.summary.broadcast;
    broadcast.host.id != *member && !row.was_watched_by(viewer_number(&broadcast.id, member))
}
