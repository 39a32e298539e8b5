//! The messages that a topic is made of: whoever starts it may read them, and whoever reads the topic is shown
//! what they say now, where they may read the room that they were said in.

use community::{Quotes, RecordBody, Verb, Who};
use protocol::topic::{QuotesWish, RoomKind, TopicFrom, TopicQuote, TopicSource};
use store::{Hit, QuoteRow, Quoted, RoomRow, TopicRow};

use super::{
    Doors, history,
    problem::{Failure, Outcome},
    rooms,
    splitting::where_it_is,
};

/// What somebody wants to make a topic of, as it stands in the log.
pub(super) async fn wanted(doors: &Doors, by: Who, wish: QuotesWish) -> Outcome<Quotes> {
    let seqs = Quotes::seqs(&wish.seqs)?;
    let room = rooms::find(doors, wish.room.as_str().to_owned()).await?;
    doors
        .stage
        .admit(room.number, Some(by), Verb::Watch)
        .await?;
    let hits = seqs.iter().map(|seq| Hit {
        room: room.number,
        seq: *seq,
    });
    let entries = doors.store.entries(hits.collect()).await?;
    let records = entries.into_iter().map(|it| {
        it.map(|it| history::read(doors, room.circle, it))
            .transpose()
    });
    let records: Vec<_> = records.collect::<Outcome<_>>()?;
    Ok(Quotes::of(room.number, seqs.into_iter().zip(records))?)
}

/// What a topic was made of, as somebody may read it. `None` is somebody without a token.
pub(super) async fn shown(
    doors: &Doors,
    topic: &TopicRow,
    who: Option<Who>,
) -> Outcome<Option<TopicFrom>> {
    let Some((quoted, room)) = found(doors, topic).await? else {
        return Ok(None);
    };
    let admitted = doors.stage.admit(room.number, who, Verb::Watch).await;
    frame(doors, quoted, admitted.is_ok().then_some(room))
        .await
        .map(Some)
}

/// What a topic was made of, as everybody may read it.
pub(super) async fn open(doors: &Doors, quoted: Option<Quoted>) -> Outcome<Option<TopicFrom>> {
    let Some(quoted) = quoted else {
        return Ok(None);
    };
    let room = room_of(doors, &quoted).await?;
    frame(doors, quoted, room.guests.then_some(room))
        .await
        .map(Some)
}

async fn found(doors: &Doors, topic: &TopicRow) -> Outcome<Option<(Quoted, RoomRow)>> {
    let Some(quoted) = doors.store.quoted(topic.room).await? else {
        return Ok(None);
    };
    let room = room_of(doors, &quoted).await?;
    Ok(Some((quoted, room)))
}

async fn room_of(doors: &Doors, quoted: &Quoted) -> Outcome<RoomRow> {
    let room = doors.store.room_by_number(quoted.room).await?;
    room.ok_or_else(|| Failure::not_found("room"))
}

/// `room` is absent for whom it is closed.
async fn frame(doors: &Doors, quoted: Quoted, room: Option<RoomRow>) -> Outcome<TopicFrom> {
    let writers = quoted.quotes.iter().map(|it| it.writer.clone());
    let credit = Quotes::each_once(writers, |it| &it.id);
    let source = match room {
        Some(room) => {
            let mut quotes = Vec::with_capacity(quoted.quotes.len());
            for it in quoted.quotes {
                quotes.push(quote(doors, &room, it).await?);
            }
            Some(TopicSource {
                quotes,
                topic: room.kind == RoomKind::Topic,
                room: room.slug,
                room_title: room.title,
            })
        }
        None => None,
    };
    Ok(TopicFrom { credit, source })
}

/// A message that is not there any more leaves its place and its writer; one that moved says what it says where it
/// is now, which has the same readers.
async fn quote(doors: &Doors, room: &RoomRow, row: QuoteRow) -> Outcome<TopicQuote> {
    let mut quote = TopicQuote {
        seq: row.seq,
        at_ms: row.entry.as_ref().map(|it| it.at_ms),
        author: row.writer,
        text: String::new(),
        deleted: true,
        doc: None,
        card: None,
    };
    let record = match row.entry {
        Some(it) => where_it_is(doors, room.circle, it).await?,
        None => None,
    };
    if let Some(RecordBody::Message(it)) = record.map(|it| it.body)
        && !it.deleted
    {
        quote.deleted = false;
        quote.doc = it.doc();
        quote.card = it.card.as_ref().map(|it| it.frame());
        quote.text = it.text.to_string();
    }
    Ok(quote)
}
