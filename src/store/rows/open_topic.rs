//! A topic as the world reads it, with everything that its page needs: read at one go and at one moment.

use protocol::{Seq, Slug, limits::PAGE_RECORDS_MAX};

use super::{
    quotes::{Quoted, quoted},
    server::{Circle, first_circle},
    topics::{TopicRow, one},
};
use crate::{
    db::Db,
    log::{Entry, LogError},
    records::read,
    store::Store,
};

/// A topic that guests may read, and a page of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTopic {
    pub topic: TopicRow,
    pub circle: Circle,
    /// What it was made of.
    pub quoted: Option<Quoted>,
    /// Records, oldest first.
    pub entries: Vec<Entry>,
    /// There is nothing behind them.
    pub end: bool,
}

impl Store {
    /// A topic that guests may read, with the first `n` records of its log above a seq, of which there are at most
    /// [`PAGE_RECORDS_MAX`]; `None` where there is no such topic for them.
    pub async fn open_topic(
        &self,
        slug: Slug,
        after: Seq,
        n: usize,
    ) -> Result<Option<OpenTopic>, LogError> {
        self.read_log(move |db| db.view(|db| open_topic(db, &slug, after, n.min(PAGE_RECORDS_MAX))))
            .await
    }
}

fn open_topic(db: &Db, slug: &Slug, after: Seq, n: usize) -> Result<Option<OpenTopic>, LogError> {
    let topic = one(db, slug, None)?.filter(|it| it.guests);
    let (Some(topic), Some(circle)) = (topic, first_circle(db)?) else {
        return Ok(None);
    };
    let mut entries = read::after(db, topic.room, after, n + 1)?;
    let end = entries.len() <= n;
    entries.truncate(n);
    Ok(Some(OpenTopic {
        quoted: quoted(db, topic.room)?,
        topic,
        circle,
        entries,
        end,
    }))
}
