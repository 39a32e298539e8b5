//! Archives to go on from: logs as they are kept, and who likes and votes by name.

use std::collections::BTreeSet;

use blobs::Shelf;
use community::{Record, RecordBody};
use protocol::{CircleId, MemberId, Seq, Slug, limits, topic::RoomKind};
use serde_json::{Value, json};
use store::{MembersOf, PageOf, RoomRow, RoomUpto, RoomsOf, Store};

use super::{
    ExportError,
    lines::{BoardLine, CircleLine, LikeLine, PersonLine, RoleWord, RoomLine, VoteLine, picks},
    pack::Pack,
    uploads::Media,
};
use crate::actor::storing;

const PAGE: usize = limits::PAGE_RECORDS_MAX;

/// What an archive is made from, while it is made.
struct Whole<'a> {
    pack: &'a mut Pack,
    store: &'a Store,
    shelf: &'a Shelf,
    /// Each with where its log ended at the beginning.
    rooms: Vec<RoomUpto>,
    /// Whoever appears.
    people: BTreeSet<MemberId>,
}

pub(super) async fn circle(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
) -> Result<(), ExportError> {
    let circle = store.circle().await?.ok_or(ExportError::NotSetUp)?;
    let of = RoomsOf::Circle(circle.id);
    let mut whole = Whole::of(pack, store, shelf, of).await?;
    let line = CircleLine {
        name: circle.name,
        made_ms: circle.made_ms,
    };
    whole.pack.line("circle.jsonl", &line).await?;
    whole.boards(circle.id, |_| true).await?;
    whole.all_rooms().await?;
    whole.members(circle.id).await
}

pub(super) async fn board(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
    slug: &Slug,
) -> Result<(), ExportError> {
    let circle = store.circle().await?.ok_or(ExportError::NotSetUp)?;
    if !store.has_board(circle.id, slug.clone()).await? {
        return Err(ExportError::NoBoard);
    }
    let of = RoomsOf::Board(circle.id, slug.clone());
    let mut whole = Whole::of(pack, store, shelf, of).await?;
    whole.boards(circle.id, |it| it == slug).await?;
    whole.all_rooms().await?;
    whole.who_appears().await
}

pub(super) async fn room(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
    room: &RoomRow,
) -> Result<(), ExportError> {
    let mut whole = Whole::of(pack, store, shelf, RoomsOf::One(room.number)).await?;
    let on = match room.kind {
        RoomKind::Topic => store.topic(room.slug.clone(), None).await?,
        RoomKind::Live => None,
    };
    if let Some(board) = on.and_then(|it| it.topic.board) {
        whole.boards(room.circle, |it| *it == board).await?;
    }
    whole.all_rooms().await?;
    whole.who_appears().await
}

impl<'a> Whole<'a> {
    async fn of(
        pack: &'a mut Pack,
        store: &'a Store,
        shelf: &'a Shelf,
        of: RoomsOf,
    ) -> Result<Self, ExportError> {
        let mut rooms: Vec<RoomUpto> = Vec::new();
        loop {
            let after = rooms.last();
            let after = after.map(|it| (it.room.made_ms, it.room.slug.clone()));
            let page = store.rooms_upto(of.clone(), after, PAGE).await?;
            let full = page.len() == PAGE;
            rooms.extend(page);
            if !full {
                break;
            }
        }
        Ok(Self {
            pack,
            store,
            shelf,
            rooms,
            people: BTreeSet::new(),
        })
    }

    async fn boards(
        &mut self,
        circle: CircleId,
        which: impl Fn(&Slug) -> bool,
    ) -> Result<(), ExportError> {
        let boards = self.store.boards(circle, None).await?;
        for it in boards.into_iter().filter(|it| which(&it.slug)) {
            let line = BoardLine {
                slug: it.slug,
                title: it.title,
                about: it.about,
            };
            self.pack.line("boards.jsonl", &line).await?;
        }
        Ok(())
    }

    async fn all_rooms(&mut self) -> Result<(), ExportError> {
        let rooms = std::mem::take(&mut self.rooms);
        for RoomUpto { room, upto } in &rooms {
            let line = RoomLine {
                slug: room.slug.clone(),
                kind: room.kind,
                title: room.title.clone(),
                guests: room.guests,
                made_by: room.made_by.clone(),
                made_ms: room.made_ms,
                epoch: room.epoch.clone(),
                records: *upto,
            };
            self.people.insert(room.made_by.clone());
            self.pack.line("rooms.jsonl", &line).await?;
        }
        for it in &rooms {
            self.records(it).await?;
        }
        for it in &rooms {
            self.likes(it).await?;
        }
        for it in &rooms {
            self.votes(it).await?;
        }
        for it in &rooms {
            self.topic(it).await?;
        }
        for it in &rooms {
            self.quotes(it).await?;
        }
        for it in &rooms {
            self.broadcasts(it).await?;
        }
        let mut media = Media::default();
        for RoomUpto { room, upto } in &rooms {
            let from = (self.store, self.shelf);
            media.of_room(self.pack, from, room, (0, *upto)).await?;
        }
        media.finish(self.pack).await
    }

    async fn records(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        let RoomUpto { room, upto } = of;
        let name = format!("records/{}.jsonl", room.slug);
        let mut last = 0;
        while last < *upto {
            let page = self
                .store
                .page(room.number, PageOf::After(last), PAGE)
                .await?;
            let end = page.end;
            for entry in page.entries.into_iter().filter(|it| it.seq <= *upto) {
                last = entry.seq;
                let record = storing::record(&self.store.erasing(), room.circle, entry)?;
                self.people.insert(record.author.id.clone());
                let quotes = self.quotes_room(&record).await?;
                let line = record.fit_to_leave(*upto).archived(quotes.as_ref());
                self.pack.line_of(&name, line).await?;
            }
            if end {
                break;
            }
        }
        Ok(())
    }

    async fn quotes_room(&self, record: &Record) -> Result<Option<Slug>, ExportError> {
        let Some(number) = record.quotes_room() else {
            return Ok(None);
        };
        let room = self.store.room_by_number(number).await?;
        Ok(room.map(|it| it.slug))
    }

    async fn likes(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        let RoomUpto { room, upto } = of;
        let mut after = None;
        loop {
            let page = self
                .store
                .likes_upto(room.number, *upto, after, PAGE)
                .await?;
            after = page.last().map(|it| (it.of, it.member.clone()));
            let full = page.len() == PAGE;
            for it in page {
                self.people.insert(it.member.clone());
                let line = LikeLine {
                    room: room.slug.clone(),
                    seq: it.of,
                    member: it.member,
                    at_ms: it.at_ms,
                };
                self.pack.line("likes.jsonl", &line).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    async fn votes(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        let RoomUpto { room, upto } = of;
        let mut after = None;
        loop {
            let page = self
                .store
                .votes_upto(room.number, *upto, after, PAGE)
                .await?;
            after = page.last().map(|it| (it.0.of, it.0.member.clone()));
            let full = page.len() == PAGE;
            for (it, at_ms) in page {
                self.people.insert(it.member.clone());
                let line = VoteLine {
                    room: room.slug.clone(),
                    poll: it.of,
                    member: it.member,
                    picks: picks(it.picks),
                    at_ms,
                };
                self.pack.line("votes.jsonl", &line).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// What the topic is, as its last record says.
    async fn topic(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        if let Some(line) = topic_line(self.store, of).await? {
            self.pack.line("topics.jsonl", &line).await?;
        }
        Ok(())
    }

    /// What a topic was made of: who wrote it, and what it says now.
    async fn quotes(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        if of.room.kind != RoomKind::Topic {
            return Ok(());
        }
        let Some(quoted) = self.store.quoted(of.room.number).await? else {
            return Ok(());
        };
        let Some(from) = self.store.room_by_number(quoted.room).await? else {
            return Ok(());
        };
        for it in quoted.quotes {
            let read = |it| storing::record(&self.store.erasing(), from.circle, it);
            let record = it.entry.map(read);
            let text = record.transpose()?.and_then(|it| match it.body {
                RecordBody::Message(said) if !said.deleted => Some(said.text),
                _ => None,
            });
            let line = json!({
                "topic": of.room.slug, "room": from.slug, "seq": it.seq, "writer": it.writer,
                "text": text.as_deref(),
            });
            self.pack.line("quotes.jsonl", &line).await?;
        }
        Ok(())
    }

    /// Each broadcast as its last record says, with the seqs of its first and its last one.
    async fn broadcasts(&mut self, of: &RoomUpto) -> Result<(), ExportError> {
        let RoomUpto { room, upto } = of;
        let mut found: Vec<(Seq, Seq, Value)> = Vec::new();
        let mut from = 1;
        loop {
            let page = self
                .store
                .entries_between(room.number, (from, *upto), RecordBody::BROADCAST, PAGE)
                .await?;
            let full = page.len() == PAGE;
            for entry in page {
                from = entry.seq + 1;
                let record = storing::record(&self.store.erasing(), room.circle, entry)?;
                let RecordBody::Broadcast(it) = record.body else {
                    continue;
                };
                let line = json!({
                    "room": room.slug, "id": it.id, "phase": it.phase, "title": it.title.as_ref(),
                    "host": it.host.frame(), "starts_ms": it.starts_ms, "live_ms": it.live_ms,
                    "ended_ms": it.ended_ms, "played_ms": it.played_ms, "peak": it.turnout.peak,
                    "people": it.turnout.people, "watched_ms": it.turnout.watched_ms,
                    "hearts": it.turnout.hearts.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                });
                match found.iter_mut().find(|(.., was)| was["id"] == line["id"]) {
                    Some((_, last, was)) => (*last, *was) = (record.seq, line),
                    None => found.push((record.seq, record.seq, line)),
                }
            }
            if !full {
                break;
            }
        }
        for (first, last, mut line) in found {
            line["seqs"] = json!([first, last]);
            self.pack.line("broadcasts.jsonl", &line).await?;
        }
        Ok(())
    }

    /// Every member of the circle, by name.
    async fn members(&mut self, circle: CircleId) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let of = MembersOf {
                after,
                ..MembersOf::default()
            };
            let page = self.store.members(circle, of, PAGE).await?;
            after = page.rows.last().map(|it| it.id.clone());
            for it in page.rows {
                let line = PersonLine {
                    id: it.id,
                    name: it.name,
                    role: it.role.into(),
                    joined_ms: it.joined_ms,
                };
                self.pack.line("people.jsonl", &line).await?;
            }
            if !page.more {
                break;
            }
        }
        for (id, made_ms) in self.store.erased_accounts().await? {
            let line = nobody(id, made_ms);
            self.pack.line("people.jsonl", &line).await?;
        }
        Ok(())
    }

    /// Of those who appear whoever has an account, or had one, by id.
    async fn who_appears(&mut self) -> Result<(), ExportError> {
        let erased = self.store.erased_accounts().await?;
        for id in std::mem::take(&mut self.people) {
            let Some(it) = self.store.account(id.clone()).await? else {
                if let Some(made_ms) = erased.get(&id) {
                    let line = nobody(id, *made_ms);
                    self.pack.line("people.jsonl", &line).await?;
                }
                continue;
            };
            let line = PersonLine {
                id: it.id,
                name: it.name,
                role: it.role.into(),
                joined_ms: it.made_ms,
            };
            self.pack.line("people.jsonl", &line).await?;
        }
        Ok(())
    }
}

/// Who erased their account: what refers to it has an id to refer to.
const fn nobody(id: MemberId, made_ms: u64) -> PersonLine {
    PersonLine {
        id,
        name: String::new(),
        role: RoleWord::Member,
        joined_ms: made_ms,
    }
}

/// What a room is as a topic; `None` where it is none.
pub(super) async fn topic_line(store: &Store, of: &RoomUpto) -> Result<Option<Value>, ExportError> {
    let RoomUpto { room, upto } = of;
    if room.kind != RoomKind::Topic {
        return Ok(None);
    }
    let last = store
        .last_fact(room.number, *upto, RecordBody::TOPIC)
        .await?;
    let Some(entry) = last else { return Ok(None) };
    let RecordBody::Topic(it) = storing::record(&store.erasing(), room.circle, entry)?.body else {
        return Ok(None);
    };
    let mut line = serde_json::to_value(it.frame()).expect("plain data always serializes");
    line["room"] = room.slug.as_str().into();
    Ok(Some(line))
}
