//! A disk for one room's log: what was not synced is lost in a crash, but for a prefix by chance.
//! Appends are transactions: a whole one is there, or nothing of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{BlobId, ClientId, Epoch, MemberId, Seq, server::Phase};

use crate::{Columns, Loaded, Measured, Record, RecordBody, RowChange, Tally};

/// One transaction.
#[derive(Clone)]
pub(super) struct Append {
    pub(super) records: Vec<Arc<Record>>,
    pub(super) rows: Vec<RowChange>,
    /// The number of the last row that came without a record.
    pub(super) last_row: u64,
}

impl Append {
    pub(super) const fn new() -> Self {
        Self {
            records: Vec::new(),
            rows: Vec::new(),
            last_row: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.rows.is_empty()
    }

    /// Whether it changes anything but what is measured, which a room writes for as long as it is live.
    pub(super) fn says_something(&self) -> bool {
        let says = |it: &RowChange| !matches!(it, RowChange::Measured(_));
        !self.records.is_empty() || self.rows.iter().any(says)
    }
}

#[derive(Clone, Default)]
struct Rows {
    records: Vec<Columns>,
    client_ids: BTreeMap<(MemberId, ClientId), (Seq, u64)>,
    marks: Marks,
    /// What everybody is told of, with its words.
    notices: BTreeMap<(Seq, MemberId), String>,
    /// Which message refers to which blob.
    refs: BTreeMap<Seq, Vec<BlobId>>,
    /// What was measured of the broadcast that is on.
    measured: Option<Measured>,
}

/// Rows of their own: who voted what, who likes what.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Marks {
    pub(super) votes: BTreeMap<(Seq, MemberId), u16>,
    pub(super) likes: BTreeSet<(Seq, MemberId)>,
    pub(super) replies: BTreeSet<(Seq, Seq)>,
    /// Every vote and like that was ever written.
    written: BTreeSet<Mark>,
}

/// What a vote or like says: of what, who, and what.
type Mark = (Seq, MemberId, Said);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Picks(u16),
    Likes(bool),
}

#[derive(Default)]
pub(super) struct Disk {
    /// As it would read after a crash now.
    synced: Rows,
    /// As it reads while the process lives.
    seen: Rows,
    unsynced: Vec<Append>,
}

/// A client id that is in the log already.
pub(super) type Conflict = (MemberId, ClientId, Seq, u64);

impl Disk {
    /// Writes without syncing, or names the client ids that are there already.
    pub(super) fn write(&mut self, append: Append) -> Result<(), Vec<Conflict>> {
        let conflicts: Vec<Conflict> = append
            .records
            .iter()
            .filter_map(|it| {
                let key = (it.author.id.clone(), it.client_id.clone()?);
                let (seq, at_ms) = *self.seen.client_ids.get(&key)?;
                Some((key.0, key.1, seq, at_ms))
            })
            .collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        self.seen.write(&append);
        self.unsynced.push(append);
        Ok(())
    }

    /// Everything written is safe now.
    pub(super) fn sync(&mut self) {
        for append in self.unsynced.drain(..) {
            self.synced.write(&append);
        }
    }

    /// The power fails: of what was not synced, `kept` transactions happen to be there.
    pub(super) fn crash(&mut self, kept: usize) {
        for append in self.unsynced.drain(..).take(kept) {
            self.synced.write(&append);
        }
        self.seen = self.synced.clone();
    }

    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// The log as the running process reads it.
    pub(super) fn load(&self, epoch: &Epoch, tail_max: usize, client_ids_max: usize) -> Loaded {
        let read = |it: &Columns| Record::read(1, it.clone()).expect("what was written is read");
        let rows = &self.seen.records;
        let mut client_ids: Vec<Conflict> = self
            .seen
            .client_ids
            .iter()
            .map(|((member, id), (seq, at_ms))| (member.clone(), id.clone(), *seq, *at_ms))
            .collect();
        client_ids.sort_by_key(|it| it.2);
        client_ids.drain(..client_ids.len().saturating_sub(client_ids_max));
        Loaded {
            epoch: epoch.clone(),
            facts: rows.iter().filter(|it| it.is_fact).map(read).collect(),
            tail: rows[rows.len().saturating_sub(tail_max)..]
                .iter()
                .map(read)
                .collect(),
            client_ids,
            votes: self
                .seen
                .marks
                .votes
                .iter()
                .map(|((of, member), picks)| (*of, member.clone(), *picks))
                .collect(),
            tallies: self.seen.marks.tallies(),
            measured: self.seen.measured.clone(),
        }
    }

    /// The rows as the process sees them.
    pub(super) const fn seen_marks(&self) -> &Marks {
        &self.seen.marks
    }

    /// The rows as a crash now would leave them.
    pub(super) const fn marks(&self) -> &Marks {
        &self.synced.marks
    }

    pub(super) fn record(&self, seq: Seq) -> Option<Record> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        let columns = self.seen.records.get(place)?.clone();
        Some(Record::read(1, columns).expect("what was written is read"))
    }

    pub(super) fn is_synced(&self, seq: Seq) -> bool {
        seq <= self.synced.records.len() as u64
    }

    pub(super) fn last_seq(&self) -> Seq {
        self.seen.records.len() as u64
    }

    /// Every body and the words of every notice, one a line.
    pub(super) fn bodies(&self) -> String {
        let text = |it: &Columns| String::from_utf8(it.body.clone()).expect("JSON");
        let notices = self.seen.notices.values().map(|it| format!("{it:?}"));
        self.seen
            .records
            .iter()
            .map(text)
            .chain(notices)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What a crash now would leave of what was measured.
    pub(super) const fn measured(&self) -> Option<&Measured> {
        self.synced.measured.as_ref()
    }

    pub(super) fn find(&self, member: &MemberId, id: &ClientId) -> Option<(Seq, u64)> {
        self.synced
            .client_ids
            .get(&(member.clone(), id.clone()))
            .copied()
    }
}

impl Rows {
    fn write(&mut self, append: &Append) {
        for record in &append.records {
            assert_eq!(
                record.seq,
                self.records.len() as u64 + 1,
                "the log has no holes"
            );
            if let Some(id) = &record.client_id {
                let key = (record.author.id.clone(), id.clone());
                self.client_ids.insert(key, (record.seq, record.at_ms));
            }
            self.records.push(record.columns());
        }
        for row in &append.rows {
            self.marks.write(row);
            if let RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } = row {
                let place = usize::try_from(seq - 1).expect("a seq of this log");
                self.records[place].body = body.stored();
            }
            match row {
                // Of the room that is made nothing is kept here.
                RowChange::SplitOff(it) => {
                    for it in &it.places {
                        let place = usize::try_from(it.was - 1).expect("a seq of this log");
                        let columns = &mut self.records[place];
                        (columns.kind, columns.is_fact) = (it.left.kind(), it.left.is_fact());
                        columns.body = it.left.stored();
                        self.refs.remove(&it.was);
                        self.notices.retain(|(seq, _), _| *seq != it.was);
                    }
                }
                RowChange::Refer { seq, blobs } => {
                    let before = self.refs.insert(*seq, blobs.clone());
                    assert_ne!(
                        before.as_ref(),
                        Some(blobs),
                        "said where it changes something"
                    );
                }
                RowChange::LetGo { seq } => {
                    assert!(self.refs.remove(seq).is_some(), "what is let go was held");
                }
                RowChange::Broadcast(it) if it.phase == Phase::Ended => self.measured = None,
                RowChange::Measured(it) => {
                    let before = self.measured.take().filter(|was| was.of == it.of);
                    let mut came = before.map_or_else(Vec::new, |it| it.came);
                    came.extend(&it.came);
                    let (of, turnout) = (it.of.clone(), it.turnout.clone());
                    self.measured = Some(Measured { of, turnout, came });
                }
                _ => {}
            }
        }
        for row in &append.rows {
            if let RowChange::Refer { seq, .. } | RowChange::Erase { seq, .. } = row {
                self.check_blob(*seq);
            }
            match row {
                RowChange::Notice(it) => {
                    // A question that is picked again is no news.
                    let key = (it.seq, it.member.clone());
                    self.notices.entry(key).or_insert(it.text.to_string());
                }
                RowChange::NoticeText { seq, text } => self.say(*seq, text),
                RowChange::Erase { seq, .. } => self.say(*seq, ""),
                _ => {}
            }
        }
    }

    fn say(&mut self, seq: Seq, text: &str) {
        let notices = self.notices.iter_mut().filter(|it| it.0.0 == seq);
        notices.for_each(|it| *it.1 = text.to_owned());
    }

    /// A blob is held by the messages that show it, and by no other.
    fn check_blob(&self, seq: Seq) {
        let place = usize::try_from(seq - 1).expect("a seq of this log");
        let record = Record::read(1, self.records[place].clone()).expect("it was written");
        let shown = match &record.body {
            RecordBody::Message(it) => it.blobs(),
            _ => Vec::new(),
        };
        let held = self.refs.get(&seq).cloned().unwrap_or_default();
        // What can come back keeps its own.
        let comes_back = || {
            self.records.iter().any(|it| {
                let record = Record::read(1, it.clone()).expect("it was written");
                match &record.body {
                    RecordBody::Delete { of, undo } => *of == seq && undo.is_some(),
                    RecordBody::Held(it) => {
                        it.kept.is_some() && (it.of == Some(seq) || record.seq == seq)
                    }
                    _ => false,
                }
            })
        };
        let fits = held == shown || (shown.is_empty() && !held.is_empty() && comes_back());
        assert!(
            fits,
            "a blob is held by who shows it: {held:?} by {shown:?}"
        );
    }
}

impl Marks {
    pub(super) fn write(&mut self, row: &RowChange) {
        match row {
            RowChange::Vote {
                of, member, picks, ..
            } => {
                let key = (*of, member.clone());
                self.written
                    .insert((*of, member.clone(), Said::Picks(*picks)));
                match picks {
                    0 => self.votes.remove(&key),
                    picks => self.votes.insert(key, *picks),
                };
            }
            RowChange::VotesGone { of } => self.votes.retain(|it, _| it.0 != *of),
            RowChange::Like { of, member, on, .. } => {
                let key = (*of, member.clone());
                self.written.insert((*of, member.clone(), Said::Likes(*on)));
                let _ = if *on {
                    self.likes.insert(key)
                } else {
                    self.likes.remove(&key)
                };
            }
            RowChange::Reply { root, seq, on } => {
                let _ = if *on {
                    self.replies.insert((*root, *seq))
                } else {
                    self.replies.remove(&(*root, *seq))
                };
            }
            RowChange::SplitOff(it) => {
                let moved = |seq: Seq| it.places.iter().any(|it| it.was == seq);
                self.likes.retain(|it| !moved(it.0));
            }
            RowChange::Revise { .. }
            | RowChange::Erase { .. }
            | RowChange::Refer { .. }
            | RowChange::LetGo { .. }
            | RowChange::Veil { .. }
            | RowChange::Audit(_)
            | RowChange::Measured(_)
            | RowChange::Notice(_)
            | RowChange::NoticeText { .. }
            | RowChange::NoticeToAll(_)
            | RowChange::NoticeToBoard(_)
            | RowChange::TookTopic { .. }
            | RowChange::Topic(_)
            | RowChange::Quotes(_)
            | RowChange::TopicTalk(_)
            | RowChange::Broadcast(_) => {}
        }
    }

    pub(super) fn was_written(&self, mark: &Mark) -> bool {
        self.written.contains(mark)
    }

    pub(super) fn tallies(&self) -> BTreeMap<Seq, Tally> {
        let mut all: BTreeMap<Seq, Tally> = BTreeMap::new();
        for (of, _) in &self.likes {
            all.entry(*of).or_default().likes += 1;
        }
        for (root, _) in &self.replies {
            all.entry(*root).or_default().replies += 1;
        }
        all
    }
}
