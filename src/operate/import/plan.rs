//! What of an archive is new here. It only reads.

use std::collections::{BTreeMap, BTreeSet};

use community::{Record, RecordBody};
use protocol::{MemberId, RoomNumber, Seq, Slug, limits};
use store::{PageOf, RoomRow, Store, fold_name};

use super::{
    ImportError, Imported,
    held::{Held, log_of},
};
use crate::{
    actor::storing,
    export::{Archive, PersonLine, RoomLine},
};

/// What becomes of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is made.
    New,
    /// It is there: as far as this seq, and it may go on from there.
    There { room: RoomRow, upto: Seq },
    /// It has more than the archive: it is left as it is.
    Ahead(RoomRow),
}

/// What is to be written.
pub(super) struct Plan {
    pub(super) makes_circle: bool,
    /// Each with the name that is free for them.
    pub(super) people: Vec<(PersonLine, String)>,
    /// Who erased their account here: no archive of before brings their name back.
    pub(super) gone: BTreeSet<MemberId>,
    /// In the order of [`Held::rooms`].
    pub(super) fates: Vec<Fate>,
    /// Rooms that are here, by address, as far as the archive names them.
    pub(super) numbers: BTreeMap<Slug, RoomNumber>,
    pub(super) outside: BTreeSet<Slug>,
    pub(super) boards: Vec<usize>,
    renamed: Vec<(String, String)>,
    circle: Option<String>,
    records: u64,
    rooms_more: u64,
    rooms_same: u64,
    media: u64,
}

impl Plan {
    pub(super) async fn make(
        store: &Store,
        mut archive: Archive,
        held: &Held,
    ) -> Result<(Self, Archive), ImportError> {
        let here = store.circle().await?;
        if here.is_none() && held.circle.is_none() {
            return Err(ImportError::NoCircle);
        }
        let makes_circle = here.is_none();
        let mut plan = Self {
            makes_circle,
            people: Vec::new(),
            gone: store.erased_accounts().await?.into_keys().collect(),
            fates: Vec::new(),
            numbers: BTreeMap::new(),
            outside: BTreeSet::new(),
            boards: Vec::new(),
            renamed: Vec::new(),
            circle: held
                .circle
                .as_ref()
                .filter(|_| makes_circle)
                .map(|it| it.name.clone()),
            records: 0,
            rooms_more: 0,
            rooms_same: 0,
            media: 0,
        };
        plan.people(store, held).await?;
        for (n, board) in held.boards.iter().enumerate() {
            let circle = here.as_ref().map_or(1, |it| it.id);
            if makes_circle || !store.has_board(circle, board.slug.clone()).await? {
                plan.boards.push(n);
            }
        }
        for (id, room) in &held.broadcasts {
            if let Some(number) = store.room_of_broadcast(id.clone()).await?
                && store
                    .room_by_number(number)
                    .await?
                    .is_some_and(|it| it.slug != *room)
            {
                return Err(ImportError::BroadcastTaken {
                    room: room.clone(),
                    id: id.to_string(),
                });
            }
        }
        for room in &held.rooms {
            let fate = plan.room(store, &mut archive, room).await?;
            plan.fates.push(fate);
        }
        if plan.fates.iter().zip(&held.rooms).any(adds) {
            for id in held.media.keys() {
                plan.media += u64::from(store.blob(id.clone()).await?.is_none());
            }
        }
        plan.leads(store, &mut archive, held).await?;
        Ok((plan, archive))
    }

    pub(super) fn told(&self) -> Imported {
        let new = self.fates.iter().filter(|it| **it == Fate::New);
        Imported {
            circle: self.circle.clone(),
            people: self.people.len() as u64,
            renamed: self.renamed.clone(),
            boards: self.boards.len() as u64,
            rooms: new.count() as u64,
            rooms_more: self.rooms_more,
            rooms_same: self.rooms_same,
            records: self.records,
            media: self.media,
            outside: self.outside.clone(),
        }
    }

    /// Whoever is not here by their id is made, under a name that is nobody's.
    async fn people(&mut self, store: &Store, held: &Held) -> Result<(), ImportError> {
        let mut taken = BTreeSet::new();
        for it in &held.people {
            if self.gone.contains(&it.id) || store.account(it.id.clone()).await?.is_some() {
                continue;
            }
            if it.name.is_empty() {
                self.people.push((it.clone(), String::new()));
                continue;
            }
            let mut name = it.name.clone();
            for n in 2.. {
                let is_free = !taken.contains(&fold_name(&name))
                    && store.account_by_name(&name).await?.is_none();
                if is_free {
                    break;
                }
                name = format!("{} {n}", it.name);
            }
            if name != it.name {
                self.renamed.push((it.name.clone(), name.clone()));
            }
            taken.insert(fold_name(&name));
            self.people.push((it.clone(), name));
        }
        Ok(())
    }

    async fn room(
        &mut self,
        store: &Store,
        archive: &mut Archive,
        room: &RoomLine,
    ) -> Result<Fate, ImportError> {
        let Some(row) = store.room(room.slug.clone()).await? else {
            self.records += room.records;
            return Ok(Fate::New);
        };
        if (&row.epoch, row.kind) != (&room.epoch, room.kind) {
            return Err(ImportError::SlugTaken(room.slug.clone()));
        }
        self.numbers.insert(room.slug.clone(), row.number);
        let mut upto = 0;
        let mut lines = archive.each_line(&log_of(room))?;
        let mut page = Vec::new().into_iter();
        while lines.step()? {
            if page.len() == 0 {
                let n = limits::PAGE_RECORDS_MAX;
                let next = store.page(row.number, PageOf::After(upto), n).await?;
                page = next.entries.into_iter();
            }
            let Some(here) = page.next() else { break };
            let (there, _) = Record::read_archived(0, lines.text(), |_| Some(0))
                .map_err(|it| lines.odd(it.to_string()))?;
            let said = |seq, at_ms, id: &protocol::MemberId, kind| (seq, at_ms, id.clone(), kind);
            let columns = there.columns();
            let same = said(here.seq, here.at_ms, &here.author.id, here.kind)
                == said(columns.seq, columns.at_ms, &columns.author.id, columns.kind);
            if !same {
                return Err(ImportError::WentApart {
                    room: room.slug.clone(),
                    seq: here.seq,
                });
            }
            upto = here.seq;
        }
        drop(lines);
        let after = PageOf::After(room.records);
        if !store.page(row.number, after, 1).await?.entries.is_empty() {
            self.rooms_same += 1;
            return Ok(Fate::Ahead(row));
        }
        self.records += room.records - upto;
        if upto < room.records {
            self.rooms_more += 1;
        } else {
            self.rooms_same += 1;
        }
        Ok(Fate::There { room: row, upto })
    }

    /// What topics name that is not in the archive.
    async fn leads(
        &mut self,
        store: &Store,
        archive: &mut Archive,
        held: &Held,
    ) -> Result<(), ImportError> {
        let inside: BTreeSet<&Slug> = held.rooms.iter().map(|it| &it.slug).collect();
        let mut named = BTreeSet::new();
        for room in &held.rooms {
            let mut lines = archive.each_line(&log_of(room))?;
            while lines.step()? {
                let (record, missing) = Record::read_archived(0, lines.text(), |_| None)
                    .map_err(|it| lines.odd(it.to_string()))?;
                named.extend(missing);
                if let RecordBody::Topic(it) = &record.body {
                    named.extend(it.recap_of.as_ref().map(|it| it.room.clone()));
                    named.extend(it.at.as_ref().map(|it| it.room.clone()));
                }
            }
        }
        for slug in named.into_iter().filter(|it| !inside.contains(it)) {
            match store.room(slug.clone()).await? {
                Some(it) => drop(self.numbers.insert(slug, it.number)),
                None => drop(self.outside.insert(slug)),
            }
        }
        Ok(())
    }
}

/// Whether a room gets something that it has not.
fn adds((fate, line): (&Fate, &RoomLine)) -> bool {
    match fate {
        Fate::New => true,
        Fate::There { upto, .. } => *upto < line.records,
        Fate::Ahead(_) => false,
    }
}

/// What a server has is a record again, as it may leave.
pub(super) fn fit(
    store: &Store,
    room: &RoomRow,
    entry: store::Entry,
    upto: Seq,
) -> Result<Record, ImportError> {
    let record = storing::record(&store.erasing(), room.circle, entry)
        .map_err(|it| ImportError::Interrupted(it.to_string()))?;
    Ok(record.fit_to_leave(upto))
}
