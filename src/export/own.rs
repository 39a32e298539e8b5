//! What is one member's own: what they wrote, wherever it was, and every row that is about them.

use blobs::Shelf;
use community::{Record, RecordBody};
use protocol::{BlobId, MemberId};
use serde_json::{Map, Value, json};
use store::{OWN, OwnLine, OwnValue, RoomUpto, RoomsOf, Store};

use super::{ExportError, pack::Pack, shown::plain, uploads::Media};
use crate::actor::storing;

const PAGE: usize = 500;
/// Records of a room that are looked through at once.
const SPAN: u64 = 2_000;

pub(super) async fn all(
    pack: &mut Pack,
    store: &Store,
    shelf: &Shelf,
    of: &MemberId,
) -> Result<(), ExportError> {
    let circle = store.circle().await?.ok_or(ExportError::NotSetUp)?;
    let mut blobs: Vec<BlobId> = Vec::new();
    for list in OWN {
        let name = format!("{}.jsonl", list.name);
        let mut read = 0;
        loop {
            let lines = store.own_lines(of.clone(), list, read, PAGE).await?;
            read += lines.len();
            let full = lines.len() == PAGE;
            for line in lines {
                let line = object(line);
                if let Some(id) = line.get("blob").and_then(Value::as_str) {
                    blobs.push(id.into());
                }
                pack.line(&name, &line).await?;
            }
            if !full {
                break;
            }
        }
    }
    let mut after = None;
    loop {
        let of_circle = RoomsOf::Circle(circle.id);
        let rooms = store.rooms_upto(of_circle, after, PAGE).await?;
        after = rooms
            .last()
            .map(|it| (it.room.made_ms, it.room.slug.clone()));
        let full = rooms.len() == PAGE;
        for room in rooms {
            written(pack, store, of, &room, &mut blobs).await?;
        }
        if !full {
            break;
        }
    }
    let mut media = Media::default();
    for id in blobs {
        if let Some((blob, _)) = store.blob(id).await? {
            media.add(pack, shelf, blob).await?;
        }
    }
    media.finish(pack).await
}

async fn written(
    pack: &mut Pack,
    store: &Store,
    of: &MemberId,
    RoomUpto { room, upto }: &RoomUpto,
    blobs: &mut Vec<BlobId>,
) -> Result<(), ExportError> {
    let mut from = 0;
    while from < *upto {
        let to = (from + SPAN).min(*upto);
        let entries = store
            .written_by(room.number, of.clone(), (from, to))
            .await?;
        for entry in entries {
            let record = storing::record(&store.erasing(), room.circle, entry)?;
            if let RecordBody::Message(it) = &record.body {
                blobs.extend(it.blobs());
            }
            let mut line = own_frame(&record, of);
            line["room"] = room.slug.as_str().into();
            pack.line("records.jsonl", &line).await?;
        }
        from = to;
    }
    Ok(())
}

/// What others are shown of it, and what waits for review as its writer knows it.
fn own_frame(record: &Record, of: &MemberId) -> Value {
    if let RecordBody::Held(held) = &record.body
        && let Some(kept) = held.kept.as_ref().filter(|it| it.author.id == *of)
    {
        return json!({
            "s": record.seq, "t": record.at_ms, "u": kept.author.frame(),
            "k": "held", "b": { "text": kept.message.text.as_ref(), "re": kept.message.reply_to },
        });
    }
    serde_json::to_value(plain(record)).expect("plain data always serializes")
}

fn object(line: OwnLine) -> Map<String, Value> {
    let value = |it| match it {
        OwnValue::Nothing => Value::Null,
        OwnValue::Int(it) => it.into(),
        OwnValue::Flag(it) => it.into(),
        OwnValue::Text(it) => it.into(),
    };
    line.into_iter()
        .map(|(name, it)| (name.to_owned(), value(it)))
        .collect()
}
