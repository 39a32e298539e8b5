//! The rules of a circle: who may do what, what becomes a record, and who hears of it.
//!
//! Pure: no clock, no randomness, no I/O, no map whose order varies. A [`Room`] is told the time and
//! a command, and answers with [`Effect`]s; the caller keeps records, sends frames and wakes it. It
//! never shows what is only decided: see [`room`] for the one rule that everything hangs on.
//!
//! Reading order: [`now`], [`member`] (who), [`rights`] (may they), [`record`] (what is kept),
//! [`command`] (what is wished), [`effect`] (what follows), [`room`] (the machine), [`text`].

pub mod command;
pub mod effect;
pub mod fold;
pub mod member;
pub mod now;
pub mod record;
pub mod rights;
pub mod room;
pub mod text;

mod fault;
#[cfg(test)]
mod simulation;

pub use command::{Command, Need, Origin, StageReport, Whose};
pub use effect::{
    Act, Announce, Asker, Effect, Measured, Notice, NoticeToAll, NoticeToBoard, Notify, Place,
    RowChange, Shown, SplitOff, StageOrder, TopicTalk,
};
pub use member::{Person, Role, Trace, Traces, Who};
pub use now::Now;
pub use record::{
    Addressed, Broadcast, Card, Columns, Counted, Media, Medium, Message, Moved, Pin, Poll, Quotes,
    ReadError, Record, RecordBody, Split, Tally, Topic, TopicPlace, Turnout, Words,
};
pub use rights::{Object, Standing, Verb, Verdict, can};
pub use room::{
    Keepsake, Loaded, NewSplit, NewTopic, Past, Rates, Reached, Room, RoomMeta, TalkRate, Upload,
    blobs_of, viewer_number,
};
