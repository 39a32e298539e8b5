//! Between a room's records and the store's entries: one place that knows both.

use std::collections::BTreeMap;

use community::{Columns, Measured, Reached, ReadError, Record, RecordBody, Tally, record};
use protocol::{CircleId, MemberId, RoomNumber, Seq, server::Phase};
use store::{
    Append, BroadcastRow, Entry, Erasing, MeasuredRow, MovedRow, NewAct, NoticeRow, NoticeToAllRow,
    NoticeToBoardRow, QuotesRow, RowChange, SplitRow, TopicTalk, TurnoutRow, UploadRow, VoteRow,
};

/// Everything that one room wants stored in one transaction.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<Entry>,
    rows: Vec<RowChange>,
    /// The number of the last row that came without a record.
    last_row: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.rows.is_empty()
    }

    pub(super) fn push_row(&mut self, number: u64, row: community::RowChange) {
        self.rows.push(row_change(row));
        self.last_row = number;
    }

    pub(super) fn push(&mut self, record: &Record, rows: Vec<community::RowChange>) {
        self.records.push(entry(record.columns()));
        self.rows.extend(rows.into_iter().map(row_change));
    }

    pub(super) fn push_rows(&mut self, rows: Vec<community::RowChange>) {
        self.rows.extend(rows.into_iter().map(row_change));
    }

    /// How far the disk has come once this is on it.
    pub(super) fn reaches(&self) -> Reached {
        Reached {
            seq: self.records.last().map_or(0, |it| it.seq),
            row: self.last_row,
        }
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

/// Records that were decided elsewhere, with the rows that they come to, as one transaction.
pub fn append_of(
    room: RoomNumber,
    circle: CircleId,
    records: &[Record],
    rows: Vec<community::RowChange>,
) -> Append {
    Append {
        room,
        circle,
        records: records.iter().map(|it| entry(it.columns())).collect(),
        rows: rows.into_iter().map(row_change).collect(),
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
        community::RowChange::Refer { seq, blobs } => RowChange::Refer { seq, blobs },
        community::RowChange::LetGo { seq } => RowChange::LetGo { seq },
        community::RowChange::Veil { seq, on } => RowChange::Veil { seq, on },
        community::RowChange::Broadcast(it) => RowChange::Broadcast(broadcast_row(it)),
        community::RowChange::Like {
            of,
            member,
            on,
            at_ms,
        } => RowChange::Like {
            of,
            member,
            at_ms: on.then_some(at_ms),
        },
        community::RowChange::Vote {
            of,
            member,
            picks,
            at_ms,
        } => RowChange::Vote(VoteRow { of, member, picks }, at_ms),
        community::RowChange::VotesGone { of } => RowChange::VotesGone { of },
        community::RowChange::Reply { root, seq, on } => RowChange::Reply { root, seq, on },
        community::RowChange::Measured(it) => RowChange::Measured(MeasuredRow {
            of: it.of,
            peak: it.turnout.peak,
            people: it.turnout.people,
            watched_ms: it.turnout.watched_ms,
            hearts: hearts(&it.turnout.hearts),
            came: it.came,
        }),
        community::RowChange::Audit(it) => RowChange::Audit(act(it)),
        community::RowChange::Notice(it) => RowChange::Notice(NoticeRow {
            member: it.member,
            kind: it.kind,
            seq: it.seq,
            at_ms: it.at_ms,
            from: it.from.frame(),
            text: it.text.to_string(),
        }),
        community::RowChange::Topic(it) => RowChange::Topic(Box::new(it.frame())),
        community::RowChange::Quotes(it) => RowChange::Quotes(QuotesRow {
            room: it.room(),
            of: it.frames(),
        }),
        community::RowChange::TopicTalk(it) => RowChange::TopicTalk(talk(it)),
        community::RowChange::NoticeToAll(it) => RowChange::NoticeToAll(NoticeToAllRow {
            of: it.of,
            kind: it.kind,
            seq: it.seq,
            at_ms: it.at_ms,
            from: it.from.frame(),
            starter: it.starter,
            text: it.text.to_string(),
        }),
        community::RowChange::NoticeToBoard(it) => RowChange::NoticeToBoard(NoticeToBoardRow {
            board: it.board,
            seq: it.seq,
            at_ms: it.at_ms,
            from: it.from.frame(),
            text: it.text.to_string(),
        }),
        community::RowChange::SplitOff(it) => RowChange::SplitOff(Box::new(split_off(*it))),
        community::RowChange::TookTopic { from } => RowChange::TookTopic { from },
        community::RowChange::NoticeText { seq, text } => RowChange::NoticeText {
            seq,
            text: text.to_string(),
        },
    }
}

/// What moves to another log goes without the names of those who are being erased: who goes through the logs may be
/// past it.
pub(super) fn unname(erasing: &Erasing, rows: &mut [community::RowChange]) {
    for row in rows {
        let community::RowChange::SplitOff(it) = row else {
            continue;
        };
        for record in &mut it.records {
            record.unname_all(&|it| erasing.hides(it));
        }
    }
}

fn split_off(it: community::SplitOff) -> SplitRow {
    let topic = it.records.iter().find_map(|it| match &it.body {
        RecordBody::Topic(it) => Some(it.frame()),
        _ => None,
    });
    SplitRow {
        slug: it.slug,
        guests: it.guests,
        by: it.by,
        at_ms: it.at_ms,
        topic: topic.expect("a topic's log begins with what it is"),
        excerpt: it.excerpt.to_string(),
        entries: it.records.iter().map(|it| entry(it.columns())).collect(),
        threads: it.threads,
        places: it.places.into_iter().map(moved).collect(),
    }
}

fn moved(it: community::Place) -> MovedRow {
    MovedRow {
        was: it.was,
        is: it.is,
        kind: it.left.kind(),
        left: it.left.stored(),
    }
}

fn talk(it: community::TopicTalk) -> TopicTalk {
    match it {
        community::TopicTalk::Said { seq, at_ms, by } => TopicTalk::Said {
            seq,
            at_ms,
            by: by.frame(),
        },
        community::TopicTalk::Gone { seq } => TopicTalk::Gone { seq },
        community::TopicTalk::Back { seq } => TopicTalk::Back { seq },
        community::TopicTalk::Opening { text } => TopicTalk::Opening {
            text: text.to_string(),
        },
    }
}

fn act(it: community::Act) -> NewAct {
    NewAct {
        at_ms: it.at_ms,
        room: None,
        seq: Some(it.seq),
        by: it.by.frame(),
        what: it.what.to_owned(),
        whom: it.whom.map(|it| it.frame()),
        why: it.why,
        until_ms: it.until_ms,
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
        turnout: (it.phase == Phase::Ended).then(|| TurnoutRow {
            played_ms: it.played_ms,
            peak: it.turnout.peak,
            people: it.turnout.people,
            watched_ms: it.turnout.watched_ms,
            hearts: hearts(&it.turnout.hearts),
        }),
    }
}

/// A kind and its number on each line: no kind has a space or an end of line in it.
fn hearts(counted: &[(String, u64)]) -> String {
    let lines: Vec<String> = counted
        .iter()
        .map(|it| format!("{} {}", it.0, it.1))
        .collect();
    lines.join("\n")
}

fn hearts_read(text: &str) -> Vec<(String, u64)> {
    let line = |it: &str| {
        let (kind, n) = it.split_once(' ')?;
        Some((kind.to_owned(), n.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn measured(it: MeasuredRow) -> Measured {
    Measured {
        of: it.of,
        turnout: record::Turnout {
            peak: it.peak,
            people: it.people,
            watched_ms: it.watched_ms,
            hearts: hearts_read(&it.hearts),
        },
        came: it.came,
    }
}

/// A stored entry as a record again, without the names of those who are being erased.
pub fn record(erasing: &Erasing, circle: CircleId, entry: Entry) -> Result<Record, ReadError> {
    let mut record = record_as_stored(circle, entry)?;
    if !erasing.is_empty() {
        record.unname_all(&|it| erasing.hides(it));
    }
    Ok(record)
}

/// The same with the names that the log still holds.
pub fn record_as_stored(circle: CircleId, entry: Entry) -> Result<Record, ReadError> {
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

/// A stored page as records again, each with its likes and replies.
pub fn records(
    erasing: &Erasing,
    circle: CircleId,
    page: store::Page,
) -> Result<Vec<Record>, ReadError> {
    let tallies: BTreeMap<Seq, Tally> = page.tallies.into_iter().map(tally).collect();
    let read = |it: Entry| {
        let tally = tallies.get(&it.seq).copied().unwrap_or_default();
        record(erasing, circle, it).map(|it| it.with_tally(tally))
    };
    page.entries.into_iter().map(read).collect()
}

/// A blob as a room is told that a member may say it.
pub fn upload(by: MemberId, it: UploadRow) -> community::Upload {
    community::Upload {
        blob: it.blob.id,
        by,
        kind: it.blob.kind,
        bytes: u32::try_from(it.blob.bytes).unwrap_or(u32::MAX),
        size: it.blob.size,
        duration_ms: it.blob.duration_ms,
        made_ms: it.made_ms,
        shown: it.shown,
    }
}

pub(super) fn tally(it: store::Tally) -> (Seq, Tally) {
    let tally = Tally {
        likes: it.likes,
        replies: it.replies,
    };
    (it.of, tally)
}

/// What the store loaded, as a room recovers from it.
pub(super) fn loaded(
    erasing: &Erasing,
    circle: CircleId,
    loaded: store::Loaded,
) -> Result<community::Loaded, ReadError> {
    let records = |entries: Vec<Entry>| -> Result<Vec<Record>, ReadError> {
        entries
            .into_iter()
            .map(|it| record(erasing, circle, it))
            .collect()
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
        votes: loaded
            .votes
            .into_iter()
            .map(|it| (it.of, it.member, it.picks))
            .collect(),
        tallies: loaded.tallies.into_iter().map(tally).collect(),
        measured: loaded.measured.map(measured),
    })
}
