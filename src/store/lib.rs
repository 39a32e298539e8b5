//! What lasts: the log of every room, and the rows beside it. SQL is only here.
//!
//! Reading order: [`log`] (the contract and its types), `db` (a database as queries see it), `records`
//! (the log's queries), `sqlite`, `postgres` and [`simulated`] (the three that keep it), [`writer`]
//! (group commit), `completions` (its answers) and `readers`, `told` (who hears of a commit), `erasing` (whose names
//! are not shown), [`store`] (all of it as one value),
//! `migrations` (the tables), [`search`] (what was said, by its words), and
//! `rows` (accounts, sign-ins, guests, rooms, broadcasts, stream keys, notices, reminders, push; each
//! adds its queries to [`Store`]), [`backup`] (a copy beside a running server, and the way back).
//!
//! Promises: what was acknowledged is on disk and there once; a room's log has no hole. It decides
//! nothing and reads no body of a record.

pub mod backup;
mod completions;
mod db;
mod erasing;
mod fold;
mod heat;
pub mod log;
mod migrations;
mod peek;
mod postgres;
mod readers;
mod records;
mod rows;
pub mod search;
pub mod simulated;
mod sqlite;
mod standing;
pub mod store;
mod told;
pub mod writer;

pub use completions::CompletionQueue;
pub use db::DbError;
pub use erasing::Erasing;
pub use fold::fold_name;
pub use heat::Heat;
pub use log::{
    Append, AppendError, BroadcastRow, Entry, Housekeeping, Known, Loaded, Log, LogError,
    MeasuredRow, MovedRow, NoticeRow, NoticeToAllRow, NoticeToBoardRow, Page, PageOf, QuotesRow,
    RowChange, SplitRow, Tally, TopicTalk, TurnoutRow, VoteRow,
};
pub use peek::{peek_acts, peek_chain, peek_server_secret};
pub use postgres::{DatabaseError, DatabaseUrl, PostgresLog, UrlError};
pub use rows::{
    Hash, RowError,
    accounts::{Account, NewAccount, Role},
    audit::{ACTS_MAX, ActRow, ActsOf, Chain, NewAct},
    boards::NewBoard,
    digests::{DIGESTS_AT_ONCE, DigestHours, DueDigest, NewIn, TakenDigest},
    erasures::{Erasure, Rewritten, Writings},
    exports::{LikeRow, OWN, Own, OwnLine, OwnValue, RoomUpto, RoomsOf, account_without_password},
    guests::{Guest, GuestDevice},
    mail::{DueLink, DueNotices, LetterFate, LetterKind, LinkLetter, MailAddress, MailOf},
    members::{MemberRow, Members, MembersOf},
    moments::MomentRow,
    notices::{NoticeSettings, Notices, Untold},
    open_topic::OpenTopic,
    push::Subscription,
    quotes::{QuoteRow, Quoted},
    rooms::{Listed, NewRoom, RoomRow},
    server::Circle,
    sign_ins::SignIn,
    stream_keys::StreamKey,
    summaries::{ComingRow, EndedRow, SaidRow, SummaryRow},
    topics::{TopicCursor, TopicOrder, TopicRow, TopicsOf},
    uploads::{BlobRoom, BlobRow, NewBlob, UNSTARTED, UploadRow},
};
pub use search::{Doc, Has, Hit, Hits, Lagging, RoomDocs, SEARCH_DOCS_MAX, Wanted};
pub use sqlite::SqliteLog;
pub use standing::{DatabaseStanding, database_standing};
pub use store::{OpenError, Place, Store, StoreConfig};
pub use writer::{Commit, Health, Worked, Writer, WriterHandle};
