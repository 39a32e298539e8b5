//! Search (搜索): what was said in rooms, found by its words.
//!
//! The index follows the logs and is behind them by a moment. What belongs in it is told from outside
//! ([`RoomDocs`]), since nothing here reads a record's body; a text is kept in the form in which it is
//! searched, and its terms ([`folding::terms`]) in what the engine has for that: FTS5, or a `tsvector`
//! with a GIN index. A hit is one where the terms are there *and* the text holds each phrase, so both
//! engines find the same.
//!
//! Promises: a room's part is stored whole with the seq that it reaches, or not at all; what is taken out
//! is found by nobody from then on, and on SQLite overwritten in the file. Nothing waits for a disk: a
//! power cut may set the index back, never the log, and what is missing is seen at the next start.

mod find;
mod forget;
mod put;
mod terms;

use folding::Query;
use protocol::{CircleId, MemberId, RoomNumber, Seq};

use crate::{
    db::DbResult,
    log::{Entry, LogError},
    records::read,
    rows::RowError,
    store::Store,
};

pub use put::SEARCH_DOCS_MAX;

/// Texts with the right terms that one page looks at for those that may be shown: the page is then as
/// full as it is, and says where to go on.
pub const SEARCH_LOOKED_MAX: usize = 20_000;

/// Featured topics that come before what is as good a match and newer.
pub const FEATURED_FIRST: usize = 3;

/// Something that can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The message; 0 is the room's title.
    pub seq: Seq,
    pub at_ms: u64,
    pub author: MemberId,
    pub has: Has,
    folded: String,
}

impl Doc {
    pub fn new(seq: Seq, at_ms: u64, author: MemberId, has: Has, text: &str) -> Self {
        let folded = folding::normal(text);
        Self {
            seq,
            at_ms,
            author,
            has,
            folded,
        }
    }
}

/// What stands beside or in a text. Those looked for are all of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    pub link: bool,
    pub image: bool,
    pub card: bool,
}

/// What changes of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDocs {
    pub room: RoomNumber,
    /// Where the room stood when this was read from its log.
    pub after: Seq,
    /// Where it stands with this.
    pub upto: Seq,
    /// As they are now, whether they were there before or not.
    pub docs: Vec<Doc>,
    /// Nobody finds these any more.
    pub gone: Vec<Seq>,
}

/// A room that can be found less far than its log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagging {
    pub room: RoomNumber,
    pub upto: Seq,
    pub last: Seq,
}

/// What is looked for, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub query: Query,
    pub circle: CircleId,
    /// Rooms for members only as well.
    pub all_rooms: bool,
    /// Not in these.
    pub except: Vec<RoomNumber>,
    pub room: Option<RoomNumber>,
    pub author: Option<MemberId>,
    pub has: Has,
    /// Said at this moment or later.
    pub from_ms: Option<u64>,
    /// Said at this moment or earlier.
    pub to_ms: Option<u64>,
    /// `next` of the page before.
    pub after: Option<u64>,
    /// At most [`protocol::limits::SEARCH_HITS_MAX`].
    pub n: usize,
}

impl Wanted {
    /// Whether there is anything to look by: time alone is nothing.
    pub fn is_empty(&self) -> bool {
        self.query.is_empty()
            && self.room.is_none()
            && self.author.is_none()
            && self.has == Has::default()
    }
}

/// A place where it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub room: RoomNumber,
    /// 0: the room's title.
    pub seq: Seq,
}

/// A page of hits, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// On the first page alone: of up to [`FEATURED_FIRST`] featured topics the newest hit of each, which may be
    /// among `hits` too.
    pub featured: Vec<Hit>,
    pub hits: Vec<Hit>,
    /// Where to go on; absent where there is nothing more.
    pub next: Option<u64>,
}

impl Store {
    /// Stores parts of several rooms at once, at most [`SEARCH_DOCS_MAX`] of all: those which still stand
    /// where they stood. Answers which rooms do not, and are to be read again.
    pub async fn put_search(&self, parts: Vec<RoomDocs>) -> Result<Vec<RoomNumber>, RowError> {
        self.write_soon(move |db| put::put(db, &parts)).await
    }

    /// The first rooms above a number whose log goes further than what can be found of it, or which cannot
    /// be found themselves.
    pub async fn search_lags(&self, above: RoomNumber, n: usize) -> Result<Vec<Lagging>, RowError> {
        self.read(move |db| Ok(put::lagging(db, above, n)?)).await
    }

    /// Up to which seq a room can be found.
    pub async fn search_upto(&self, room: RoomNumber) -> Result<Seq, RowError> {
        self.read(move |db| Ok(put::upto(db, room)?)).await
    }

    /// Finds what is wanted. With nothing to look by nothing is found.
    pub async fn search(&self, wanted: Wanted) -> Result<Hits, RowError> {
        self.read(move |db| Ok(find::find(db, &wanted)?)).await
    }

    /// The records of these hits; `None` for a title, and for what is not there.
    pub async fn entries(&self, of: Vec<Hit>) -> Result<Vec<Option<Entry>>, LogError> {
        self.read_log(move |db| {
            let read = |it: &Hit| match it.seq {
                0 => Ok(None),
                seq => match read::entry(db, it.room, seq) {
                    // The others are whole.
                    Err(LogError::Damaged { .. }) => Ok(None),
                    entry => entry,
                },
            };
            of.iter().map(read).collect()
        })
        .await
    }

    /// Whether the index was made by these rules: where it was made by others, it is forgotten.
    pub async fn search_by_rules(&self, version: u32) -> Result<(), RowError> {
        self.write(move |db| forget::unless_by(db, version)).await
    }

    /// Forgets the index while the server runs, so that it is made again: nothing is found until then.
    /// What was stored goes by and by ([`Store::search_forgets`]).
    pub async fn forget_search(&self) -> Result<(), RowError> {
        self.write(forget::begin).await?;
        // Whoever makes it again is woken, by a room that is none.
        self.look_again(0);
        Ok(())
    }

    /// Removes a part of what was forgotten; true where there was something, and there may be more.
    pub async fn search_forgets(&self) -> Result<bool, RowError> {
        let forgets = self.read(|db| Ok(forget::is_under_way(db)?)).await?;
        if forgets {
            self.write_soon(forget::go_on).await?;
        }
        Ok(forgets)
    }

    /// Rooms in which something was ever said of this person in the audit log by that word.
    pub async fn rooms_of_acts(
        &self,
        whom: MemberId,
        what: &'static str,
    ) -> Result<Vec<RoomNumber>, RowError> {
        self.read(move |db| {
            let rooms: DbResult<_> = db.all(
                "SELECT DISTINCT room FROM audit
                 WHERE whom = ?1 AND what = ?2 AND room IS NOT NULL ORDER BY room",
                (whom.as_str(), what),
                |row| row.get(0),
            );
            Ok(rooms?)
        })
        .await
    }
}
