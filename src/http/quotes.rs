//! The messages that a topic is made of: whoever starts it may read them, and whoever reads the topic is shown
//! what they say now, where they may read the room that they were said in.

use community::{Quotes, RecordBody, Verb, Who};
use protocol::topic::{QuotesWish, RoomKind, TopicFrom, TopicQuote, TopicSource};
use store::{Hit, QuoteRow, Quoted, RoomRow, TopicRow};

use super::{
    Doors, history,
    problem::{Failure, Outcome},
    rooms,
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
    frame(doors, quoted, admitted.is_ok().then_some(room)).map(Some)
}

/// What a topic was made of, as everybody may read it.
pub(super) async fn open(doors: &Doors, topic: &TopicRow) -> Outcome<Option<TopicFrom>> {
    let Some((quoted, room)) = found(doors, topic).await? else {
        return Ok(None);
    };
    frame(doors, quoted, room.guests.then_some(room)).map(Some)
}

async fn found(doors: &Doors, topic: &TopicRow) -> Outcome<Option<(Quoted, RoomRow)>> {
    let Some(quoted) = doors.store.quoted(topic.room).await? else {
        return Ok(None);
    };
    let room = doors.store.room_by_number(quoted.room).await?;
    let room = room.ok_or_else(|| Failure::not_found("room"))?;
    Ok(Some((quoted, room)))
}

/// `room` is absent for whom it is closed.
fn frame(doors: &Doors, quoted: Quoted, room: Option<RoomRow>) -> Outcome<TopicFrom> {
    let writers = quoted.quotes.iter().map(|it| it.writer.clone());
    let credit = Quotes::each_once(writers, |it| &it.id);
    let source = room.map(|room| {
        let quotes = quoted.quotes.into_iter().map(|it| quote(doors, &room, it));
        Outcome::Ok(TopicSource {
            quotes: quotes.collect::<Outcome<_>>()?,
            topic: room.kind == RoomKind::Topic,
            room: room.slug,
            room_title: room.title,
        })
    });
    Ok(TopicFrom {
        credit,
        source: source.transpose()?,
    })
}

/// A message that is not there any more leaves its place and its writer.
fn quote(doors: &Doors, room: &RoomRow, row: QuoteRow) -> Outcome<TopicQuote> {
    let mut quote = TopicQuote {
        seq: row.seq,
        at_ms: row.entry.as_ref().map(|it| it.at_ms),
        author: row.writer,
        text: String::new(),
        deleted: true,
        doc: None,
        card: None,
    };
    let record = row.entry.map(|it| history::read(doors, room.circle, it));
    if let Some(RecordBody::Message(it)) = record.transpose()?.map(|it| it.body)
        && !it.deleted
    {
        quote.deleted = false;
        quote.doc = it.doc();
        quote.card = it.card.as_ref().map(|it| it.frame());
        quote.text = it.text.to_string();
    }
    Ok(quote)
}
