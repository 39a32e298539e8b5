//! A disk for one room's log: what was not synced is lost in a crash, but for a prefix by chance.
//! Appends are transactions: a whole one is there, or nothing of it.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{ClientId, Epoch, MemberId, Seq};

use crate::{Columns, Loaded, Record, RowChange};

/// One transaction.
#[derive(Clone)]
pub(super) struct Append {
    pub(super) records: Vec<Arc<Record>>,
    pub(super) rows: Vec<RowChange>,
}

#[derive(Clone, Default)]
struct Rows {
    records: Vec<Columns>,
    client_ids: BTreeMap<(MemberId, ClientId), (Seq, u64)>,
    /// What everybody is told of, with its words.
    notices: BTreeMap<(Seq, MemberId), String>,
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
        }
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
            if let RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } = row {
                let place = usize::try_from(seq - 1).expect("a seq of this log");
                self.records[place].body = body.stored();
            }
            match row {
                RowChange::Notice(it) => {
                    // A question that is picked again is no news.
                    let key = (it.seq, it.member.clone());
                    self.notices.entry(key).or_insert(it.text.to_string());
                }
                RowChange::NoticeText { seq, text } => self.say(*seq, text),
                RowChange::Erase { seq, .. } => self.say(*seq, ""),
                RowChange::Revise { .. } | RowChange::Broadcast(_) => {}
            }
        }
    }

    fn say(&mut self, seq: Seq, text: &str) {
        let notices = self.notices.iter_mut().filter(|it| it.0.0 == seq);
        notices.for_each(|it| *it.1 = text.to_owned());
    }
}
