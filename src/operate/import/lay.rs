//! Writing what an import found new: each transaction by itself is something that a server could have.

use std::collections::{BTreeMap, BTreeSet};

use blobs::Shelf;
use community::{Record, RecordBody, RowChange, TopicTalk};
use protocol::{CircleId, MemberId, RoomNumber, Seq, Slug, limits, topic::RoomKind};
use store::{
    Append, BlobRow, NewAccount, NewBlob, NewBoard, NewRoom, PageOf, Role, RoomRow,
    RowChange as StoredChange, Store, VoteRow, account_without_password,
};

use super::{
    ImportError, Imported,
    held::{Held, LIKES, VOTES, log_of},
    plan::{Fate, Plan, fit},
};
use crate::{
    actor::storing,
    export::{Archive, LikeLine, MediaLine, RoomLine, VoteLine},
};

/// Records of one transaction.
const TOGETHER: usize = limits::COMMIT_RECORDS_MAX;

/// The import, while it writes.
struct Lay<'a> {
    store: &'a Store,
    shelf: &'a Shelf,
    held: &'a Held,
    circle: CircleId,
    numbers: BTreeMap<Slug, RoomNumber>,
    /// For pictures, while a log is read by another.
    media: Archive,
    done: BTreeSet<protocol::BlobId>,
    gone: BTreeSet<MemberId>,
    made: u64,
}

pub(super) async fn lay(
    store: &Store,
    shelf: &Shelf,
    (mut archive, media): (Archive, Archive),
    held: &Held,
    plan: Plan,
) -> Result<Imported, ImportError> {
    let circle = beside(store, held, &plan).await?;
    let mut lay = Lay {
        store,
        shelf,
        held,
        circle,
        numbers: plan.numbers.clone(),
        media,
        done: BTreeSet::new(),
        gone: plan.gone.clone(),
        made: 0,
    };
    let mut rooms = Vec::new();
    for (line, fate) in held.rooms.iter().zip(&plan.fates) {
        let (row, upto) = match fate {
            Fate::New => (lay.room(line).await?, 0),
            Fate::There { room, upto } => (room.clone(), *upto),
            Fate::Ahead(_) => continue,
        };
        rooms.push((line, row, upto));
    }
    // A recap names a broadcast, which therefore comes before it.
    rooms.sort_by_key(|(line, ..)| line.kind == RoomKind::Topic);
    for (line, row, upto) in &rooms {
        lay.log(&mut archive, line, row, *upto).await?;
    }
    // What topics say of each other, once all of them are there.
    for (line, row, _) in rooms.iter().filter(|it| it.0.kind == RoomKind::Topic) {
        lay.topic(&mut archive, line, row).await?;
    }
    let numbers: BTreeMap<Slug, RoomNumber> = rooms
        .iter()
        .map(|(line, row, _)| (line.slug.clone(), row.number))
        .collect();
    lay.likes(&mut archive, &numbers).await?;
    lay.votes(&mut archive, &numbers).await?;
    Ok(Imported {
        media: lay.made,
        ..plan.told()
    })
}

/// The circle, its people and its boards.
async fn beside(store: &Store, held: &Held, plan: &Plan) -> Result<CircleId, ImportError> {
    let (named, nobody): (Vec<_>, Vec<_>) =
        plan.people.iter().partition(|(_, name)| !name.is_empty());
    let people = named.into_iter().map(|(it, name)| {
        let new = account_without_password(it.id.clone(), name.clone(), it.joined_ms);
        (new, it.role.into())
    });
    let circle = match &held.circle {
        Some(it) if plan.makes_circle => {
            let made = store.import_circle(it.name.clone(), it.made_ms, people.collect());
            made.await.map_err(cut)?
        }
        _ => {
            let circle = store.circle().await?.ok_or(ImportError::NoCircle)?;
            for (new, _) in people.collect::<Vec<(NewAccount, Role)>>() {
                // Who comes into somebody else's circle has no say in it.
                let made = store.add_account(circle.id, Role::Member, new).await;
                made.map_err(cut)?;
            }
            circle
        }
    };
    for (it, _) in nobody {
        let made = store.import_erased(it.id.clone(), it.joined_ms).await;
        made.map_err(cut)?;
    }
    for board in plan.boards.iter().map(|it| &held.boards[*it]) {
        let new = NewBoard {
            circle: circle.id,
            slug: board.slug.clone(),
            title: board.title.clone(),
            about: board.about.clone(),
            rank: None,
        };
        let made = store.put_board(new, MemberId::from("")).await;
        made.map_err(cut)?;
    }
    Ok(circle.id)
}

impl Lay<'_> {
    async fn room(&mut self, line: &RoomLine) -> Result<RoomRow, ImportError> {
        let new = NewRoom {
            circle: self.circle,
            slug: line.slug.clone(),
            title: line.title.clone(),
            kind: line.kind,
            guests: line.guests,
            made_by: line.made_by.clone(),
            made_ms: line.made_ms,
        };
        let made = self.store.import_room(new, line.epoch.clone()).await;
        let row = made.map_err(cut)?;
        self.numbers.insert(line.slug.clone(), row.number);
        Ok(row)
    }

    /// A log from its first record on: what is there is brought up to date, the rest is added.
    async fn log(
        &mut self,
        archive: &mut Archive,
        line: &RoomLine,
        row: &RoomRow,
        upto: Seq,
    ) -> Result<(), ImportError> {
        let mut lines = archive.each_line(&log_of(line))?;
        let (mut records, mut rows) = (Vec::new(), Vec::new());
        let mut here = Vec::new().into_iter();
        let mut seq: Seq = 0;
        while lines.step()? {
            let numbers = &self.numbers;
            let (mut record, _) =
                Record::read_archived(row.circle, lines.text(), |it| numbers.get(it).copied())
                    .map_err(|it| lines.odd(it.to_string()))?;
            for member in &self.gone {
                record.unname(member);
            }
            if record.seq <= upto {
                if here.len() == 0 {
                    let after = PageOf::After(seq);
                    let page = self.store.page(row.number, after, limits::PAGE_RECORDS_MAX);
                    here = page.await?.entries.into_iter();
                }
                let entry = here.next().ok_or_else(|| cut("the room became shorter"))?;
                let was = fit(self.store, row, entry, line.records)?;
                self.revise(row, &was, &record).await?;
                seq = record.seq;
                continue;
            }
            let changes = self.rows_of(row, &record, When::WithItsRecord).await?;
            rows.extend(changes);
            // The row of a broadcast says which append made it.
            let is_last = matches!(record.body, RecordBody::Broadcast(_));
            records.push(record);
            if is_last || records.len() >= TOGETHER {
                self.append(row, &records, std::mem::take(&mut rows))
                    .await?;
                records.clear();
            }
        }
        if !records.is_empty() {
            self.append(row, &records, rows).await?;
        }
        Ok(())
    }

    /// A record that is there and reads in another way since.
    async fn revise(
        &mut self,
        row: &RoomRow,
        was: &Record,
        is: &Record,
    ) -> Result<(), ImportError> {
        if was.body == is.body {
            return Ok(());
        }
        let seq = is.seq;
        let mut rows = vec![RowChange::Revise {
            seq,
            body: is.body.clone(),
        }];
        // Whether it was gone and is, and whether it shows nothing any more.
        let change = match (&was.body, &is.body) {
            (RecordBody::Message(before), RecordBody::Message(after)) => {
                let shows_no_more = after.blobs().is_empty() && !before.blobs().is_empty();
                Some((before.deleted, after.deleted, shows_no_more))
            }
            // It is in another room since.
            (RecordBody::Message(before), RecordBody::Moved(_)) => {
                Some((before.deleted, true, false))
            }
            _ => None,
        };
        if let Some(change) = change {
            let is_topic = row.kind == RoomKind::Topic;
            let talk = |it| is_topic.then_some(RowChange::TopicTalk(it));
            match change {
                (false, true, _) => {
                    rows[0] = RowChange::Erase {
                        seq,
                        left: is.body.clone(),
                    };
                    rows.extend(talk(TopicTalk::Gone { seq }));
                    rows.push(RowChange::LetGo { seq });
                    for mut it in self.rows_of(row, was, When::Later).await? {
                        if let RowChange::Reply { on, .. } = &mut it {
                            *on = false;
                            rows.push(it);
                        }
                    }
                }
                (true, false, _) => rows.extend(talk(TopicTalk::Back { seq })),
                (_, _, true) => rows.push(RowChange::LetGo { seq }),
                _ => {}
            }
            let again = self.rows_of(row, is, When::Later).await?;
            rows.extend(again);
        }
        self.append(row, &[], rows).await
    }

    /// What pages query of a record, with what it shows laid beside it.
    async fn rows_of(
        &mut self,
        row: &RoomRow,
        record: &Record,
        when: When,
    ) -> Result<Vec<RowChange>, ImportError> {
        let mut rows = record.rows(row.kind);
        for change in &mut rows {
            match change {
                RowChange::Topic(it) => {
                    // Those topics may not be there yet.
                    (it.into, it.split_from) = (None, None);
                    if let Some(of) = &it.recap_of
                        && self.store.room_of_broadcast(of.id.clone()).await?.is_none()
                    {
                        it.recap_of = None;
                    }
                    if let Some(at) = &it.at
                        && self.store.room_of_broadcast(at.id.clone()).await?.is_none()
                    {
                        it.at = None;
                    }
                }
                RowChange::Refer { blobs, .. } => {
                    for blob in blobs.iter() {
                        self.blob(row, &record.author.id, blob).await?;
                    }
                }
                _ => {}
            }
        }
        if when == When::Later {
            // It was counted when it was said.
            rows.retain(|it| {
                !matches!(
                    it,
                    RowChange::TopicTalk(TopicTalk::Said { .. } | TopicTalk::Gone { .. })
                )
            });
        }
        Ok(rows)
    }

    /// A picture comes in with the first message that shows it.
    async fn blob(
        &mut self,
        row: &RoomRow,
        by: &MemberId,
        id: &protocol::BlobId,
    ) -> Result<(), ImportError> {
        let Some(line) = self.held.media.get(id) else {
            return Ok(());
        };
        if !self.done.insert(id.clone()) {
            return Ok(());
        }
        let is_new = self.store.blob(id.clone()).await?.is_none();
        let bytes = self.media.bytes(&line.file)?;
        self.shelf.put(&bytes).map_err(cut)?;
        let mut preview_bytes = 0;
        if let Some(file) = &line.preview_file {
            let bytes = self.media.bytes(file)?;
            preview_bytes = bytes.len() as u64;
            self.shelf.put(&bytes).map_err(cut)?;
        }
        if !is_new {
            return Ok(());
        }
        let new = NewBlob {
            blob: blob_row(line, bytes.len() as u64, preview_bytes),
            room: row.number,
            member: by.clone(),
            now_ms: clock::unix_ms(),
            unsaid_ms: limits::BLOB_UNSAID_KEPT.as_millis() as u64,
            // What was kept elsewhere is kept here: the operator knows the disk.
            room_max: i64::MAX as u64,
            all_max: i64::MAX as u64,
        };
        self.store.add_blob(new).await.map_err(cut)?;
        self.made += 1;
        Ok(())
    }

    /// A topic as its last record says, with the topics that it was merged into or split from.
    async fn topic(
        &mut self,
        archive: &mut Archive,
        line: &RoomLine,
        row: &RoomRow,
    ) -> Result<(), ImportError> {
        let mut lines = archive.each_line(&log_of(line))?;
        let mut last = None;
        while lines.step()? {
            let numbers = &self.numbers;
            let (record, _) =
                Record::read_archived(row.circle, lines.text(), |it| numbers.get(it).copied())
                    .map_err(|it| lines.odd(it.to_string()))?;
            if let RecordBody::Topic(it) = record.body {
                last = Some(it);
            }
        }
        drop(lines);
        match last {
            Some(it) if it.into.is_some() || it.split_from.is_some() => {
                let rows = vec![RowChange::Topic(Box::new(it))];
                self.append(row, &[], rows).await
            }
            _ => Ok(()),
        }
    }

    async fn likes(
        &self,
        archive: &mut Archive,
        rooms: &BTreeMap<Slug, RoomNumber>,
    ) -> Result<(), ImportError> {
        let mut lines = archive.each_line(LIKES)?;
        let mut waits = Waiting::default();
        while lines.step()? {
            let it: LikeLine = lines.read()?;
            let Some(number) = rooms.get(&it.room) else {
                continue;
            };
            let change = StoredChange::Like {
                of: it.seq,
                member: it.member,
                at_ms: Some(it.at_ms),
            };
            self.add(&mut waits, *number, change).await?;
        }
        self.send(&mut waits).await
    }

    async fn votes(
        &self,
        archive: &mut Archive,
        rooms: &BTreeMap<Slug, RoomNumber>,
    ) -> Result<(), ImportError> {
        let mut lines = archive.each_line(VOTES)?;
        let mut waits = Waiting::default();
        while lines.step()? {
            let it: VoteLine = lines.read()?;
            let (Some(number), Some(picks)) = (rooms.get(&it.room), it.bits()) else {
                continue;
            };
            let vote = VoteRow {
                of: it.poll,
                member: it.member,
                picks,
            };
            self.add(&mut waits, *number, StoredChange::Vote(vote, it.at_ms))
                .await?;
        }
        self.send(&mut waits).await
    }

    async fn add(
        &self,
        waits: &mut Waiting,
        room: RoomNumber,
        change: StoredChange,
    ) -> Result<(), ImportError> {
        if waits.rows.len() >= TOGETHER || waits.room.is_some_and(|it| it != room) {
            self.send(waits).await?;
        }
        waits.room = Some(room);
        waits.rows.push(change);
        Ok(())
    }

    async fn send(&self, waits: &mut Waiting) -> Result<(), ImportError> {
        let Some(room) = waits.room.take() else {
            return Ok(());
        };
        let append = Append {
            room,
            circle: self.circle,
            records: Vec::new(),
            rows: std::mem::take(&mut waits.rows),
        };
        self.store.append(append).await.map_err(cut)
    }

    async fn append(
        &self,
        row: &RoomRow,
        records: &[Record],
        rows: Vec<RowChange>,
    ) -> Result<(), ImportError> {
        let append = storing::append_of(row.number, row.circle, records, rows);
        self.store.append(append).await.map_err(cut)
    }
}

/// Whether a record is written now, or was before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    WithItsRecord,
    Later,
}

/// Changes of one room that go together.
#[derive(Default)]
struct Waiting {
    room: Option<RoomNumber>,
    rows: Vec<StoredChange>,
}

fn blob_row(line: &MediaLine, bytes: u64, preview_bytes: u64) -> BlobRow {
    BlobRow {
        id: line.id.clone(),
        kind: line.kind,
        mime: line.mime.clone(),
        bytes,
        size: line.width.zip(line.height),
        duration_ms: line.duration_ms,
        preview: line.preview.clone(),
        preview_bytes,
    }
}

/// The writing stopped here.
fn cut(error: impl std::fmt::Display) -> ImportError {
    ImportError::Interrupted(error.to_string())
}
