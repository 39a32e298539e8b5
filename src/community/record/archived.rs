//! A record as an archive holds it: whole enough to go on from, and without what is for few eyes.
//!
//! It is the stored body with rooms by their slugs, since numbers are a server's own. What was deleted or is held
//! keeps its place without its words; where somebody was seen to come from, and the ids that a client chose,
//! stay behind. An archive that is read back gives the record again.

use std::sync::Arc;

use protocol::{
    CircleId, RoomNumber, Seq, Slug,
    server::{self, QuestionPhase},
    topic::{OPENING, RoomKind},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Columns, Message, ReadError, Record, RecordBody};
use crate::{
    effect::{RowChange, TopicTalk},
    text,
};

/// A line of an archive.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: Seq,
    at_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pos: Option<u64>,
    author: server::Person,
    body: Value,
}

impl Record {
    /// The room whose messages this topic was made of: its slug is needed for [`Record::archived`].
    pub fn quotes_room(&self) -> Option<RoomNumber> {
        match &self.body {
            RecordBody::Topic(it) => it.from.as_ref().map(|it| it.room()),
            _ => None,
        }
    }

    /// The record as it may leave, from a log that is told up to a seq.
    #[must_use]
    pub fn fit_to_leave(mut self, upto: Seq) -> Self {
        self.client_id = None;
        match &mut self.body {
            // What came after that is not told, so nothing refers to it.
            RecordBody::Message(it) if it.last_edit > Some(upto) => {
                it.last_edit = None;
                it.restored = false;
            }
            RecordBody::Delete { undo, .. } => *undo = None,
            RecordBody::Held(it) => it.kept = None,
            RecordBody::Ban {
                devices, networks, ..
            } => {
                devices.clear();
                networks.clear();
            }
            _ => {}
        }
        self
    }

    /// The record as a line of JSON without its end. `quotes` is the slug of [`Record::quotes_room`].
    pub fn archived(&self, quotes: Option<&Slug>) -> Vec<u8> {
        let mut body: Value = serde_json::from_slice(&self.body.stored())
            .expect("what was serialized just now is JSON");
        if matches!(self.body, RecordBody::Topic(_)) {
            for place in places(&mut body) {
                place.remove("room");
            }
            match quotes {
                Some(slug) => body["from"]["room"] = slug.as_str().into(),
                None => drop(body.as_object_mut().and_then(|it| it.remove("from"))),
            }
        }
        let line = Line {
            seq: self.seq,
            at_ms: self.at_ms,
            pos: self.pos,
            author: self.author.frame(),
            body,
        };
        serde_json::to_vec(&line).expect("strings and numbers are always JSON")
    }

    /// Reads what [`Record::archived`] wrote. Rooms are looked up by their slugs; one that is not there is left
    /// out and named.
    pub fn read_archived(
        circle: CircleId,
        line: &[u8],
        number: impl Fn(&Slug) -> Option<RoomNumber>,
    ) -> Result<(Self, Vec<Slug>), ReadError> {
        let damaged = |source| ReadError::Damaged { seq: 0, source };
        let mut line: Line = serde_json::from_slice(line).map_err(damaged)?;
        let mut missing = Vec::new();
        let mut find = |name: &Value| {
            let slug = Slug::from(name.as_str().unwrap_or_default());
            let found = number(&slug);
            if found.is_none() {
                missing.push(slug);
            }
            found
        };
        if line.body["k"] == "topic"
            && let Some(topic) = line.body.as_object_mut()
        {
            name_again(topic, &mut find);
        }
        let columns = Columns {
            seq: line.seq,
            at_ms: line.at_ms,
            pos: line.pos,
            author: line.author,
            // Both follow from the body, and so does the store's copy of them.
            kind: 0,
            is_fact: false,
            client_id: None,
            body: serde_json::to_vec(&line.body).expect("a value is always JSON"),
        };
        Ok((Self::read(circle, columns)?, missing))
    }

    /// What pages query of the record in its latest form: what the rows come to that it, and all that changed it
    /// since, wrote. Nobody is told of anything.
    pub fn rows(&self, kind: RoomKind) -> Vec<RowChange> {
        match &self.body {
            RecordBody::Topic(it) => {
                let quotes = it.from.as_ref().filter(|_| self.seq < OPENING);
                let quotes = quotes.map(|it| RowChange::Quotes(it.clone()));
                let topic = RowChange::Topic(Box::new(it.clone()));
                std::iter::once(topic).chain(quotes).collect()
            }
            RecordBody::Broadcast(it) => vec![RowChange::Broadcast(it.clone())],
            RecordBody::Message(it) => self.rows_of_message(kind, it),
            _ => Vec::new(),
        }
    }

    fn rows_of_message(&self, kind: RoomKind, it: &Message) -> Vec<RowChange> {
        let seq = self.seq;
        let mut rows = Vec::new();
        if kind == RoomKind::Topic {
            let mut talk = vec![TopicTalk::Said {
                seq,
                at_ms: self.at_ms,
                by: self.author.clone(),
            }];
            if it.deleted {
                talk.push(TopicTalk::Gone { seq });
            }
            if seq == OPENING {
                talk.push(TopicTalk::Opening { text: short(it) });
            }
            rows.extend(talk.into_iter().map(RowChange::TopicTalk));
        }
        if it.deleted {
            return rows;
        }
        rows.extend(it.thread().map(|root| RowChange::Reply {
            root,
            seq,
            on: true,
        }));
        let blobs = it.blobs();
        if !blobs.is_empty() {
            rows.push(RowChange::Refer { seq, blobs });
        }
        rows
    }

    /// How far a question is, where the record is one.
    pub const fn question(&self) -> Option<QuestionPhase> {
        match &self.body {
            RecordBody::Message(it) => it.question,
            _ => None,
        }
    }
}

/// As lists show how a topic begins.
fn short(it: &Message) -> Arc<str> {
    if it.md {
        text::short(&markdown::plain(&markdown::parse(&it.text)))
    } else {
        text::short(&it.text)
    }
}

/// The other topics that a topic names.
fn places(topic: &mut Value) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    let fields = topic.as_object_mut().into_iter().flatten();
    fields
        .filter(|it| matches!(it.0.as_str(), "into" | "merged" | "split_from"))
        .flat_map(|(_, it)| match it {
            Value::Array(all) => all.iter_mut().collect(),
            one => vec![one],
        })
        .filter_map(Value::as_object_mut)
}

fn name_again(
    topic: &mut serde_json::Map<String, Value>,
    find: &mut impl FnMut(&Value) -> Option<RoomNumber>,
) {
    let mut known = |place: &mut Value| match find(&place["slug"]) {
        Some(room) => {
            place["room"] = room.into();
            true
        }
        None => false,
    };
    for one in ["into", "split_from"] {
        if let Some(place) = topic.get_mut(one)
            && !known(place)
        {
            topic.remove(one);
        }
    }
    if let Some(Value::Array(merged)) = topic.get_mut("merged") {
        merged.retain_mut(known);
    }
    if let Some(from) = topic.get_mut("from") {
        match find(&from["room"]) {
            Some(room) => from["room"] = room.into(),
            None => drop(topic.remove("from")),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        BroadcastId,
        server::{HeldWhy, Mark},
        topic::{BroadcastPlace, TopicKind, TopicStatus},
    };

    use super::*;
    use crate::{
        member::{Person, Trace},
        record::{Held, Kept, Media, Quotes, Topic, TopicPlace, Undo},
    };

    fn person(id: &str) -> Person {
        Person {
            id: id.into(),
            name: id.into(),
            mark: Mark::Member,
        }
    }

    fn record(seq: Seq, body: RecordBody) -> Record {
        Record {
            seq,
            circle: 1,
            at_ms: 1_795_000_000_123,
            pos: Some(9),
            author: person("m_1"),
            client_id: Some("00000000-0000-7000-8000-000000000001".into()),
            body,
        }
    }

    fn said(words: &str) -> Message {
        Message::new(words.into(), None)
    }

    fn quotes() -> Quotes {
        let found = [(3, Some(record(3, RecordBody::Message(said("八点")))))];
        Quotes::of(4, found).expect("it can be quoted")
    }

    fn topic() -> Topic {
        let place = |room, slug: &str| TopicPlace {
            room,
            slug: slug.into(),
            title: slug.into(),
        };
        Topic {
            kind: TopicKind::Recap,
            title: "回顾".into(),
            by: person("m_1"),
            made_ms: 7,
            board: None,
            tags: Vec::new(),
            status: TopicStatus::Open,
            reason: "".into(),
            accepted: None,
            locked: false,
            pinned: false,
            featured: false,
            from: Some(Arc::new(quotes())),
            into: Some(place(5, "other")),
            merged: vec![place(6, "one"), place(7, "two")].into(),
            recap_of: Some(BroadcastPlace {
                room: "hall".into(),
                id: BroadcastId::from("b_1"),
            }),
            split_from: Some(place(8, "whole")),
            at: None,
        }
    }

    #[test]
    fn a_topic_names_rooms_by_their_slugs_and_finds_them_again() {
        let before = record(1, RecordBody::Topic(topic())).fit_to_leave(9);
        let line = before.archived(Some(&"hall".into()));
        let text = String::from_utf8(line.clone()).expect("text");
        assert!(
            text.contains(r#""from":{"of":[[3,{"id":"m_1","name":"m_1"}]],"room":"hall"}"#),
            "{text}"
        );
        assert!(
            text.contains(r#""into":{"slug":"other","title":"other"}"#),
            "{text}"
        );
        assert!(
            text.contains(r#""split_from":{"slug":"whole","title":"whole"}"#),
            "{text}"
        );
        // Elsewhere they have other numbers.
        let number = |it: &Slug| match it.as_str() {
            "hall" => Some(40),
            "other" => Some(50),
            "one" => Some(60),
            "whole" => Some(80),
            _ => None,
        };
        let (after, missing) = Record::read_archived(1, &line, number).expect("read");
        assert_eq!(missing, ["two".into()]);
        let RecordBody::Topic(it) = &after.body else {
            panic!("{after:?}")
        };
        assert_eq!(it.from.as_ref().map(|it| it.room()), Some(40));
        assert_eq!(it.into.as_ref().map(|it| it.room), Some(50));
        assert_eq!(it.split_from.as_ref().map(|it| it.room), Some(80));
        let merged: Vec<RoomNumber> = it.merged.iter().map(|it| it.room).collect();
        assert_eq!(merged, [60]);
        // With everything there it is the same line again.
        let all = |it: &Slug| Some(it.as_str().len() as RoomNumber);
        let (after, missing) = Record::read_archived(1, &line, all).expect("read");
        assert_eq!(missing, []);
        assert_eq!(after.archived(Some(&"hall".into())), line);
    }

    #[test]
    fn what_is_for_few_eyes_stays_behind() {
        let kept = || Kept {
            author: person("m_2"),
            message: said("秘密"),
            asked: None,
        };
        for body in [
            RecordBody::Delete {
                of: 3,
                undo: Some(Undo {
                    until_ms: 9,
                    kept: kept(),
                }),
            },
            RecordBody::Held(Held {
                of: None,
                why: HeldWhy::Word,
                kept: Some(kept()),
                outcome: None,
            }),
            RecordBody::Ban {
                who: person("m_2"),
                until_ms: None,
                reason: "".into(),
                devices: vec![Trace::new("秘密")],
                networks: vec![Trace::new("秘密")],
            },
        ] {
            let line = record(4, body).fit_to_leave(9).archived(None);
            let text = String::from_utf8(line.clone()).expect("text");
            assert!(
                !text.contains("秘密") && !text.contains("00000000"),
                "{text}"
            );
            let (after, _) = Record::read_archived(1, &line, |_| None).expect("read");
            assert_eq!(after.archived(None), line);
        }
    }

    #[test]
    fn an_edit_that_is_not_told_is_referred_to_by_nothing() {
        let mut edited = said("新的");
        edited.revise(12, "更新的".into(), Media::default());
        let leaves = |upto| match record(3, RecordBody::Message(edited.clone()))
            .fit_to_leave(upto)
            .body
        {
            RecordBody::Message(it) => (it.text.to_string(), it.edits, it.last_edit),
            other => panic!("{other:?}"),
        };
        assert_eq!(leaves(12), ("更新的".to_owned(), 1, Some(12)));
        assert_eq!(leaves(11), ("更新的".to_owned(), 1, None));
    }

    #[test]
    fn a_line_that_is_none_is_refused() {
        for line in [
            "",
            "{}",
            r#"{"seq":1,"at_ms":1,"author":{"id":"m_1","name":"x","mark":"member"},"body":{"v":9,"k":"rules"}}"#,
            r#"{"seq":1,"at_ms":1,"author":{"id":"m_1","name":"x","mark":"member"},"body":{"v":1,"k":"else"}}"#,
            r#"{"seq":1,"at_ms":1,"author":{"id":"m_1","name":"x","mark":"king"},"body":{"v":1,"k":"rules"}}"#,
            r#"{"seq":1,"at_ms":1,"who":1,"author":{"id":"m_1","name":"x","mark":"member"},"body":{"v":1,"k":"rules"}}"#,
        ] {
            let read = Record::read_archived(1, line.as_bytes(), |_| None);
            assert!(read.is_err(), "{line}");
        }
    }

    #[test]
    fn the_rows_of_a_message_are_what_pages_show_of_it() {
        let mut reply = Message::new("好".into(), Some(2));
        reply.md = true;
        let live = record(4, RecordBody::Message(reply.clone()));
        assert_eq!(
            live.rows(RoomKind::Live),
            [RowChange::Reply {
                root: 2,
                seq: 4,
                on: true
            }]
        );
        let said = |seq| {
            RowChange::TopicTalk(TopicTalk::Said {
                seq,
                at_ms: 1_795_000_000_123,
                by: person("m_1"),
            })
        };
        let gone = |seq| RowChange::TopicTalk(TopicTalk::Gone { seq });
        reply.erase(5);
        let deleted = record(4, RecordBody::Message(reply));
        assert_eq!(deleted.rows(RoomKind::Topic), [said(4), gone(4)]);
        let mut first = Message::new("# 你好".into(), None);
        first.md = true;
        let opening = RowChange::TopicTalk(TopicTalk::Opening {
            text: "你好".into(),
        });
        let rows = record(OPENING, RecordBody::Message(first)).rows(RoomKind::Topic);
        assert_eq!(rows, [said(OPENING), opening]);
    }
}
