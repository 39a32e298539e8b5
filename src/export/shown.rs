//! Archives of what readers are shown: records as frames (docs/PROTOCOL.md), with how many like and reply.

use blobs::Shelf;
use community::{Record, RecordBody};
use protocol::{Seq, limits, server::Body};
use serde_json::json;
use store::{PageOf, RoomRow, RoomUpto, RoomsOf, Store, SummaryRow};

use super::{ExportError, pack::Pack, uploads::Media, whole::topic_line};
use crate::actor::storing;

const PAGE: usize = limits::PAGE_RECORDS_MAX;

/// A topic for who reads it. What it quotes is another room's.
pub(super) async fn topic(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
    room: &RoomRow,
) -> Result<(), ExportError> {
    let rooms = store.rooms_upto(RoomsOf::One(room.number), None, 1).await?;
    let Some(of) = rooms.into_iter().next() else {
        return Ok(());
    };
    if let Some(line) = topic_line(store, &of).await? {
        pack.line("topics.jsonl", &line).await?;
    }
    let RoomUpto { room, upto } = &of;
    let name = format!("records/{}.jsonl", room.slug);
    let mut pages = Records::of(store, room, (0, *upto));
    while let Some(records) = pages.next().await? {
        for record in records {
            pack.line(&name, &plain(&record)).await?;
        }
    }
    let mut media = Media::default();
    media
        .of_room(pack, (store, shelf), room, (0, *upto))
        .await?;
    media.finish(pack).await
}

/// A broadcast that is over, from its first record to the one that ended it.
pub(super) async fn broadcast(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
    room: &RoomRow,
    of: &SummaryRow,
) -> Result<(), ExportError> {
    let (first, last) = of.seqs;
    let span = (first.saturating_sub(1), last);
    let said = store
        .said_between(room.number, of.seqs, RecordBody::MESSAGE)
        .await?;
    let (it, turnout) = (&of.broadcast, &of.turnout);
    let hearts: std::collections::BTreeMap<&str, u64> = turnout
        .hearts
        .lines()
        .filter_map(|it| it.split_once(' '))
        .filter_map(|(kind, n)| Some((kind, n.parse().ok()?)))
        .collect();
    let line = json!({
        "id": it.id, "room": room.slug, "room_title": room.title, "title": it.title, "host": it.host,
        "starts_ms": it.starts_ms, "live_ms": it.live_ms, "ended_ms": it.ended_ms,
        "played_ms": turnout.played_ms, "peak": turnout.peak, "people": turnout.people,
        "watched_ms": turnout.watched_ms, "hearts": hearts, "messages": said.messages,
        "talkers": said.people, "seqs": [first, last],
    });
    pack.line("broadcast.jsonl", &line).await?;
    let mut pages = Records::of(store, room, span);
    while let Some(records) = pages.next().await? {
        for record in records {
            pack.line("chat.jsonl", &plain(&record)).await?;
        }
    }
    let mut pages = Records::of(store, room, span);
    while let Some(records) = pages.next().await? {
        for it in records.iter().filter(|it| it.question().is_some()) {
            pack.line("questions.jsonl", &question(it)).await?;
        }
    }
    let mut pages = Records::of(store, room, span);
    while let Some(records) = pages.next().await? {
        for it in &records {
            if let RecordBody::Poll(poll) = &it.body {
                let result = poll.result.as_ref();
                let line = json!({
                    "seq": it.seq, "at_ms": it.at_ms, "pos": it.pos, "question": poll.question.as_ref(),
                    "options": poll.options.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
                    "multiple": poll.multiple, "closed": result.is_some(),
                    "votes": result.map(|it| &it.n), "voters": result.map(|it| it.voters),
                });
                pack.line("polls.jsonl", &line).await?;
            }
        }
    }
    let mut media = Media::default();
    media.of_room(pack, (store, shelf), room, span).await?;
    media.finish(pack).await
}

fn question(record: &Record) -> serde_json::Value {
    let text = match &record.body {
        RecordBody::Message(it) => it.text.as_ref(),
        _ => "",
    };
    json!({
        "seq": record.seq, "at_ms": record.at_ms, "pos": record.pos, "author": record.author.frame(),
        "text": text, "phase": record.question(),
    })
}

/// A record as a reader is shown it, without the tree of a text that stands there as it was written.
pub(super) fn plain(record: &Record) -> protocol::server::RecordFrame {
    let mut frame = record.frame();
    if let Body::Msg { doc, .. } | Body::Edit { doc, .. } | Body::Restore { doc, .. } =
        &mut frame.body
    {
        *doc = None;
    }
    frame
}

/// A part of a log, page by page.
struct Records<'a> {
    store: &'a Store,
    room: &'a RoomRow,
    /// After the first seq, up to the second.
    span: (Seq, Seq),
}

impl<'a> Records<'a> {
    const fn of(store: &'a Store, room: &'a RoomRow, span: (Seq, Seq)) -> Self {
        Self { store, room, span }
    }

    async fn next(&mut self) -> Result<Option<Vec<Record>>, ExportError> {
        let (after, upto) = self.span;
        if after >= upto {
            return Ok(None);
        }
        let after = PageOf::After(after);
        let page = self.store.page(self.room.number, after, PAGE).await?;
        let Some(last) = page.entries.last().map(|it| it.seq) else {
            return Ok(None);
        };
        self.span.0 = last;
        let erasing = self.store.erasing();
        let mut records = storing::records(&erasing, self.room.circle, page)?;
        records.retain(|it| it.seq <= upto);
        Ok(Some(records))
    }
}
