//! Makes what is said findable: follows the logs of all rooms, a moment behind them.
//!
//! A commit waits for none of this: the store only notes which rooms have grown. Their new records are read
//! by page, what they change is looked up as it is now, and the outcome is stored in small parts with the
//! seq that it reaches. So it matters neither when nor how often something is read, and after a start it
//! goes on where it stood. Between two parts it rests, so that rooms come first.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    time::Duration,
};

use community::{Record, RecordBody, record::Held};
use protocol::{CircleId, RoomNumber, Seq, limits::PAGE_RECORDS_MAX};
use store::{
    Doc, Entry, Has, Hit, Lagging, LogError, PageOf, RoomDocs, RowError, SEARCH_DOCS_MAX, Store,
};
use tokio::time;

use crate::{actor::storing, giving_way::GivingWay};

/// Changes whenever texts are folded or cut otherwise than before: the index is then made again.
const RULES: u32 = 1;
/// What is said meanwhile is stored together.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// Rooms that are asked for at once when it is seen which lag.
const LAGGING_AT_ONCE: usize = 256;
/// After the store failed.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Records of one room in one part: half of a part, so that what they change beside themselves has a place. Fewer while
/// the rooms have much to commit ([`GivingWay::part_of`]).
const PAGE_RECORDS: usize = SEARCH_DOCS_MAX / 2 - 1;
/// How many new texts weigh as much as one that is taken out or replaced, which is looked for in the index and
/// overwritten there: 1.2 ms instead of 13 µs, in a million.
const CHANGE_WEIGHS: usize = 8;
const _: () = assert!(PAGE_RECORDS <= PAGE_RECORDS_MAX, "a page holds them");

/// Follows the logs for as long as the server runs.
pub async fn follow(store: Store) {
    let mut indexer = Indexer {
        giving_way: GivingWay::new(store.clone()),
        store,
        rooms: BTreeMap::new(),
    };
    loop {
        match indexer.run().await {
            Failed::Forgotten => {}
            error => {
                tracing::warn!(%error, "what was said cannot be made findable yet");
                time::sleep(AGAIN_AFTER).await;
            }
        }
        indexer.rooms.clear();
    }
}

/// Why it stopped for now.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// All is to be looked at again, from where it stands then.
    #[error("the index was forgotten")]
    Forgotten,
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Row(#[from] RowError),
}

struct Indexer {
    store: Store,
    giving_way: GivingWay,
    rooms: BTreeMap<RoomNumber, Known>,
}

/// What is remembered of a room.
#[derive(Clone, Copy)]
struct Known {
    circle: CircleId,
    upto: Seq,
}

/// What is to be stored of a room next.
struct Read {
    part: Option<RoomDocs>,
    /// In new texts.
    weight: usize,
    /// It reaches the end of the log.
    is_end: bool,
}

/// Which records of before a record changes.
enum Changes {
    Nothing,
    One(Seq),
    /// They are in another room now.
    Moved(Vec<Seq>),
}

impl Default for Read {
    /// Of a room that is not there.
    fn default() -> Self {
        Self {
            part: None,
            weight: 0,
            is_end: true,
        }
    }
}

impl Indexer {
    /// Goes on until it cannot.
    async fn run(&mut self) -> Failed {
        let Err(failed) = self.try_run().await;
        failed
    }

    async fn try_run(&mut self) -> Result<Infallible, Failed> {
        self.store.search_by_rules(RULES).await?;
        self.catch_up().await?;
        loop {
            let grown = self.store.grown().await;
            // The room that is none.
            if grown.contains(&0) {
                return Err(Failed::Forgotten);
            }
            self.index(grown).await?;
            time::sleep(GATHERED_FOR).await;
        }
    }

    /// Everything that was said and cannot be found yet.
    async fn catch_up(&mut self) -> Result<(), Failed> {
        while self.store.search_forgets().await? {
            time::sleep(GATHERED_FOR / 10).await;
        }
        let mut above = 0;
        loop {
            let lagging = self.store.search_lags(above, LAGGING_AT_ONCE).await?;
            let Some(Lagging { room, .. }) = lagging.last() else {
                return Ok(());
            };
            above = *room;
            self.index(lagging.iter().map(|it| it.room).collect())
                .await?;
        }
    }

    /// Brings these rooms up to the ends of their logs.
    async fn index(&mut self, mut rooms: BTreeSet<RoomNumber>) -> Result<(), Failed> {
        let mut after = 0;
        while !rooms.is_empty() {
            let mut parts = Vec::new();
            let mut weight = 0;
            let whole = self.giving_way.part_of(PAGE_RECORDS);
            while weight < whole {
                // They take turns, so that a long log holds up nobody.
                let next = rooms.range(after + 1..).next().or_else(|| rooms.first());
                let Some(room) = next.copied().filter(|it| !taken(&parts, *it)) else {
                    break;
                };
                after = room;
                let read = self.read(room, whole).await?;
                if read.is_end {
                    rooms.remove(&room);
                }
                weight += read.weight;
                parts.extend(read.part);
            }
            self.put(parts).await?;
        }
        Ok(())
    }

    /// What is to be stored of a room next, of at most so many records.
    async fn read(&mut self, room: RoomNumber, n: usize) -> Result<Read, Failed> {
        let (known, title) = match self.rooms.get(&room) {
            Some(known) => (*known, None),
            None => match self.look_up(room).await? {
                Some((known, title)) => (known, Some(title)),
                None => return Ok(Read::default()),
            },
        };
        // Of what was there before: the writer is not away from the rooms for longer than by as many new ones.
        let changes_max = (n / CHANGE_WEIGHS).max(1);
        let after = known.upto;
        let page = self.store.page(room, PageOf::After(after), n).await?;
        let title = match title {
            // It was named although nothing was said: it may be called otherwise now.
            None if page.entries.is_empty() => self.look_up(room).await?.map(|it| it.1),
            it => it,
        };
        let mut part = RoomDocs {
            room,
            after,
            upto: after,
            docs: title.into_iter().collect(),
            gone: Vec::new(),
        };
        let last = page.entries.last().map_or(after, |it| it.seq);
        let mut changed = BTreeSet::new();
        let mut away = Vec::new();
        for entry in page.entries {
            part.upto = entry.seq;
            // A later one of this page is in its latest form already.
            match self.take(&mut part, known.circle, entry) {
                Changes::Nothing => {}
                Changes::One(of) => changed.extend((of <= after).then_some(of)),
                Changes::Moved(all) => away.extend(all.into_iter().filter(|it| *it <= after)),
            }
            if changed.len() == changes_max {
                break;
            }
        }
        // As many as went away at once are taken out bit by bit, before it is noted that they were.
        for gone in away.chunks(changes_max) {
            let without = RoomDocs {
                room,
                after,
                upto: after,
                docs: Vec::new(),
                gone: gone.to_vec(),
            };
            self.put(vec![without]).await?;
        }
        let weight = part.docs.len() + CHANGE_WEIGHS * changed.len();
        let is_end = page.end && part.upto == last;
        let older = changed.into_iter().map(|seq| Hit { room, seq }).collect();
        for entry in self.store.entries(older).await?.into_iter().flatten() {
            self.take(&mut part, known.circle, entry);
        }
        let known = Known {
            upto: part.upto,
            ..known
        };
        self.rooms.insert(room, known);
        Ok(Read {
            part: Some(part),
            weight,
            is_end,
        })
    }

    /// Adds what a record says to a part; answers which other records it changes.
    fn take(&self, part: &mut RoomDocs, circle: CircleId, entry: Entry) -> Changes {
        let (room, seq) = (part.room, entry.seq);
        let record = match storing::record_as_stored(circle, entry) {
            Ok(record) => record,
            Err(error) => {
                // It is as unreadable for everybody else; the others can be found.
                tracing::error!(room, seq, %error, "a record cannot be read to be found");
                return Changes::Nothing;
            }
        };
        let Record {
            at_ms,
            author,
            body,
            ..
        } = record;
        match body {
            RecordBody::Message(message) => {
                match message.findable() {
                    Some(it) => {
                        let has = Has {
                            link: it.link,
                            image: it.image,
                            card: it.card,
                        };
                        part.docs
                            .push(Doc::new(seq, at_ms, author.id, has, &it.words));
                    }
                    None => part.gone.push(seq),
                }
                Changes::Nothing
            }
            RecordBody::Moved(_) => {
                part.gone.push(seq);
                Changes::Nothing
            }
            RecordBody::Topic(it) => {
                // The last one counts: a part is stored in its order.
                let docs = &mut part.docs;
                docs.retain(|it| it.seq != 0);
                docs.push(Doc::new(0, it.made_ms, it.by.id, Has::default(), &it.title));
                Changes::Nothing
            }
            RecordBody::Split(it) => {
                Changes::Moved(it.moved.into_iter().map(|(was, _)| was).collect())
            }
            RecordBody::Edit { of, .. }
            | RecordBody::Delete { of, .. }
            | RecordBody::Restore { of, .. }
            | RecordBody::Held(Held { of: Some(of), .. }) => Changes::One(of),
            _ => Changes::Nothing,
        }
    }

    /// Where a room stands, and its title as something to be found.
    async fn look_up(&self, room: RoomNumber) -> Result<Option<(Known, Doc)>, Failed> {
        let Some(row) = self.store.room_by_number(room).await? else {
            return Ok(None);
        };
        let known = Known {
            circle: row.circle,
            upto: self.store.search_upto(room).await?,
        };
        let title = Doc::new(0, row.made_ms, row.made_by, Has::default(), &row.title);
        Ok(Some((known, title)))
    }

    async fn put(&mut self, parts: Vec<RoomDocs>) -> Result<(), Failed> {
        if parts.is_empty() {
            return Ok(());
        }
        let docs: usize = parts.iter().map(|it| it.docs.len()).sum();
        let started = clock::now();
        let stale = self.store.put_search(parts).await?;
        let took = clock::now() - started;
        metrics::histogram!("weiquan_search_put_seconds").record(took);
        metrics::counter!("weiquan_search_docs_total").increment(docs as u64);
        if !stale.is_empty() {
            return Err(Failed::Forgotten);
        }
        self.giving_way.rest(took).await;
        Ok(())
    }
}

fn taken(parts: &[RoomDocs], room: RoomNumber) -> bool {
    parts.iter().any(|it| it.room == room)
}
