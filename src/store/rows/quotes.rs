//! The messages that a topic was made of. Written once, by the append that starts the topic; what they say is
//! read from the log that they were said in, whenever it is asked for.

use std::collections::BTreeMap;

use protocol::{RoomNumber, Seq, notices::Named, topic::TopicPlace};

use super::{
    RowError,
    column::{int, member, slug},
};
use crate::{
    db::{Db, DbResult},
    log::{Entry, LogError, QuotesRow},
    records::read,
    store::Store,
};

/// What a topic was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Where it was said.
    pub room: RoomNumber,
    /// In the order in which it was said.
    pub quotes: Vec<QuoteRow>,
}

/// One message that a topic was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteRow {
    pub seq: Seq,
    /// As they were called then.
    pub writer: Named,
    /// Its record, as it is now; absent where it is not to be read any more.
    pub entry: Option<Entry>,
}

impl Store {
    /// What a topic was made of; `None` where that was nothing.
    pub async fn quoted(&self, topic: RoomNumber) -> Result<Option<Quoted>, LogError> {
        self.read_log(move |db| db.view(|db| quoted(db, topic)))
            .await
    }

    /// Messages of a room, from a seq on, that topics were made of, each with the first of those.
    pub async fn made_of(
        &self,
        room: RoomNumber,
        from: Seq,
    ) -> Result<BTreeMap<Seq, TopicPlace>, RowError> {
        self.read(move |db| {
            let found: Vec<(Seq, TopicPlace)> = db.all(
                "SELECT q.seq, r.slug, t.title FROM topic_quotes q
                 JOIN topics t ON t.room = q.topic AND t.said > 0 JOIN rooms r ON r.number = q.topic
                 WHERE q.room = ?1 AND q.seq >= ?2 ORDER BY q.topic DESC",
                (room, int(from)),
                |row| {
                    let place = TopicPlace {
                        room: slug(row, 1)?,
                        title: row.get(2)?,
                    };
                    Ok((row.get(0)?, place))
                },
            )?;
            // The first one comes last, and stays.
            Ok(found.into_iter().collect())
        })
        .await
    }
}

pub(super) fn quoted(db: &Db, topic: RoomNumber) -> Result<Option<Quoted>, LogError> {
    let rows: Vec<(RoomNumber, Seq, Named)> = db.all(
        "SELECT room, seq, writer, writer_name FROM topic_quotes WHERE topic = ?1 ORDER BY seq",
        [topic],
        |row| {
            let writer = Named {
                id: member(row, 2)?,
                name: row.get(3)?,
            };
            Ok((row.get(0)?, row.get(1)?, writer))
        },
    )?;
    let Some(room) = rows.first().map(|it| it.0) else {
        return Ok(None);
    };
    let mut entries = read::quoted(db, topic, room)?;
    let quotes = rows.into_iter().map(|(_, seq, writer)| QuoteRow {
        seq,
        writer,
        entry: entries.remove(&seq),
    });
    Ok(Some(Quoted {
        room,
        quotes: quotes.collect(),
    }))
}

/// What a topic is made of, inside the transaction of the append that starts it.
pub(crate) fn put(db: &Db, topic: RoomNumber, row: &QuotesRow) -> DbResult<()> {
    for (seq, writer) in &row.of {
        db.execute(
            "INSERT INTO topic_quotes (topic, room, seq, writer, writer_name) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
            (
                topic,
                row.room,
                int(*seq),
                writer.id.as_str(),
                &writer.name,
            ),
        )?;
    }
    // Who asked hears what is answered.
    db.execute(
        "INSERT INTO readings (member, room, seq, said, following)
         SELECT m.account, t.room, t.last_seq, t.said, 1 FROM topics t, members m
         WHERE t.room = ?1 AND t.kind = 'question'
           AND m.account IN (SELECT q.writer FROM topic_quotes q WHERE q.topic = ?1)
         ON CONFLICT DO NOTHING",
        [topic],
    )?;
    Ok(())
}
