//! Between a room's records and the store's entries: one place that knows both.

use community::{Columns, ReadError, Record, record};
use protocol::{CircleId, RoomNumber};
use store::{Append, BroadcastRow, Entry, NoticeRow, RowChange};

/// Everything that one room wants stored in one transaction.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<Entry>,
    rows: Vec<RowChange>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn push(&mut self, record: &Record, rows: Vec<community::RowChange>) {
        self.records.push(entry(record.columns()));
        self.rows.extend(rows.into_iter().map(row_change));
    }

    /// The seq of the last record.
    pub(super) fn last_seq(&self) -> protocol::Seq {
        self.records.last().map_or(0, |it| it.seq)
    }

    pub(super) fn into_append(self, room: RoomNumber, circle: CircleId) -> Append {
        Append {
            room,
            circle,
            records: self.records,
            rows: self.rows,
        }
    }
}

fn entry(columns: Columns) -> Entry {
    Entry {
        seq: columns.seq,
        at_ms: columns.at_ms,
        pos: columns.pos,
        author: columns.author,
        kind: columns.kind,
        is_fact: columns.is_fact,
        client_id: columns.client_id,
        body: columns.body,
    }
}

fn row_change(change: community::RowChange) -> RowChange {
    match change {
        community::RowChange::Revise { seq, body } => RowChange::Revise {
            seq,
            body: body.stored(),
        },
        community::RowChange::Erase { seq, left } => RowChange::Erase {
            seq,
            left: left.stored(),
        },
        community::RowChange::Broadcast(it) => RowChange::Broadcast(broadcast_row(it)),
        community::RowChange::Notice(it) => RowChange::Notice(NoticeRow {
            member: it.member,
            kind: it.kind,
            seq: it.seq,
            at_ms: it.at_ms,
            from: it.from.frame(),
            text: it.text.to_string(),
        }),
        community::RowChange::NoticeText { seq, text } => RowChange::NoticeText {
            seq,
            text: text.to_string(),
        },
    }
}

fn broadcast_row(it: record::Broadcast) -> BroadcastRow {
    BroadcastRow {
        id: it.id,
        phase: it.phase,
        title: it.title.to_string(),
        host: it.host.frame(),
        starts_ms: it.starts_ms,
        live_ms: it.live_ms,
        ended_ms: it.ended_ms,
    }
}

/// A stored entry as a record again.
pub(super) fn record(circle: CircleId, entry: Entry) -> Result<Record, ReadError> {
    Record::read(
        circle,
        Columns {
            seq: entry.seq,
            at_ms: entry.at_ms,
            pos: entry.pos,
            author: entry.author,
            kind: entry.kind,
            is_fact: entry.is_fact,
            client_id: entry.client_id,
            body: entry.body,
        },
    )
}

/// What the store loaded, as a room recovers from it.
pub(super) fn loaded(
    circle: CircleId,
    loaded: store::Loaded,
) -> Result<community::Loaded, ReadError> {
    let records = |entries: Vec<Entry>| -> Result<Vec<Record>, ReadError> {
        entries.into_iter().map(|it| record(circle, it)).collect()
    };
    Ok(community::Loaded {
        epoch: loaded.epoch,
        facts: records(loaded.facts)?,
        tail: records(loaded.tail)?,
        client_ids: loaded
            .client_ids
            .into_iter()
            .map(|it| (it.author, it.client_id, it.seq, it.at_ms))
            .collect(),
    })
}
