//! What an archive may be wrong in, one thing at a time, and what an import does about it.

use std::{
    io::{Cursor, Write},
    path::PathBuf,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

/// A small circle: two people, a room with three records, a topic, a like and a vote.
struct Made {
    files: Vec<(String, String)>,
    form: &'static str,
}

const PERSON: &str = r#"{"id":"m_1","name":"圈主","role":"owner","joined_ms":1}"#;

fn record(seq: u64, body: Value) -> String {
    json!({
        "seq": seq, "at_ms": 1_000 + seq, "author": { "id": "m_1", "name": "圈主", "mark": "owner" },
        "body": body,
    })
    .to_string()
}

fn said(seq: u64, text: &str) -> String {
    record(seq, json!({ "v": 1, "k": "message", "text": text }))
}

fn room(slug: &str, kind: &str, records: u64) -> String {
    json!({
        "slug": slug, "kind": kind, "title": slug, "guests": true, "made_by": "m_1", "made_ms": 5,
        "epoch": "e1", "records": records,
    })
    .to_string()
}

fn broadcast(seq: u64) -> String {
    record(
        seq,
        json!({
            "v": 1, "k": "broadcast", "id": "b_1", "phase": "scheduled", "title": "今晚",
            "host": { "id": "m_1", "name": "圈主", "mark": "owner" },
        }),
    )
}

impl Made {
    fn sound() -> Self {
        let topic = json!({
            "v": 1, "k": "topic", "kind": "discussion", "title": "话题", "made_ms": 6, "status": "open",
            "by": { "id": "m_1", "name": "圈主", "mark": "owner" },
        });
        let rooms = format!(
            "{}\n{}\n",
            room("hall", "live", 3),
            room("talk", "topic", 2)
        );
        let files = [
            (
                "circle.jsonl",
                r#"{"name":"读书会","made_ms":1}"#.to_owned(),
            ),
            ("people.jsonl", PERSON.to_owned()),
            ("rooms.jsonl", rooms),
            (
                "records/hall.jsonl",
                [said(1, "一"), said(2, "二"), broadcast(3)].join("\n"),
            ),
            (
                "records/talk.jsonl",
                [record(1, topic), said(2, "开头")].join("\n"),
            ),
            (
                "likes.jsonl",
                r#"{"room":"hall","seq":2,"member":"m_1","at_ms":9}"#.to_owned(),
            ),
            (
                "votes.jsonl",
                r#"{"room":"hall","poll":1,"member":"m_1","picks":[0],"at_ms":9}"#.to_owned(),
            ),
        ];
        Self {
            files: files.map(|(name, text)| (name.to_owned(), text)).to_vec(),
            form: "whole",
        }
    }

    /// The same with one file as it is said.
    fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.retain(|it| it.0 != name);
        self.files.push((name.to_owned(), text.into()));
        self
    }

    fn put(&self, folder: &TempDir) -> PathBuf {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut said = Vec::new();
        let mut add = |name: &str, text: &str| {
            zip.start_file(name, SimpleFileOptions::default())
                .expect("begun");
            zip.write_all(text.as_bytes()).expect("written");
        };
        for (name, text) in &self.files {
            let mut text = text.clone();
            if name.ends_with(".jsonl") && !text.ends_with('\n') {
                text.push('\n');
            }
            let lines = name.ends_with(".jsonl").then(|| text.lines().count());
            said.push(json!({
                "name": name, "bytes": text.len(), "lines": lines,
                "sha256": blobs::id_of(text.as_bytes()),
            }));
            add(name, &text);
        }
        let manifest = json!({
            "format": "weiquan export", "version": 1, "program": "0.1.0", "scope": { "of": "circle" },
            "form": self.form, "made_ms": 1, "files": said,
        });
        add("manifest.json", &manifest.to_string());
        let path = folder.path().join("a.zip");
        let bytes = zip.finish().expect("whole").into_inner();
        std::fs::write(&path, bytes).expect("written");
        path
    }

    async fn import(&self) -> Result<Imported, String> {
        let folder = TempDir::new().expect("a folder");
        let file = self.put(&folder);
        let data = folder.path().join("data");
        let done = import(&file, &data, &StoreConfig::default(), Run::Real).await;
        if done.is_err() {
            assert!(!data.exists(), "nothing of it is there");
        }
        done.map_err(|it| it.to_string())
    }
}

#[tokio::test]
async fn a_sound_archive_comes_in() {
    let done = Made::sound().import().await.expect("imported");
    assert_eq!(done.circle.as_deref(), Some("读书会"));
    assert_eq!((done.people, done.rooms, done.records), (1, 2, 5));
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_written() {
    let hall = |lines: &[String]| Made::sound().with("records/hall.jsonl", lines.join("\n"));
    let rooms = |lines: &[String]| Made::sound().with("rooms.jsonl", lines.join("\n"));
    let (one, two) = (said(1, "一"), said(2, "二"));
    let topic_room = room("talk", "topic", 2);
    let person = |more: &str| Made::sound().with("people.jsonl", format!("{PERSON}\n{more}"));
    let media = |line: Value, bytes: &str| {
        Made::sound()
            .with("media.jsonl", line.to_string())
            .with("media/a.png", bytes)
    };
    let sum = "0".repeat(64);
    let page = "<svg onload='alert(1)'/>";
    let cases: Vec<(&str, Made)> = vec![
        (
            "to be read",
            Made {
                form: "shown",
                ..Made::sound()
            },
        ),
        (
            "to be read",
            Made {
                form: "own",
                ..Made::sound()
            },
        ),
        // A hole in a log, one that is too short, a record twice, one that is none.
        (
            "seq 2 comes next",
            hall(&[one.clone(), said(3, "三"), said(4, "四")]),
        ),
        ("has 2 lines", hall(&[one.clone(), two.clone()])),
        (
            "seq 2 comes next",
            hall(&[one.clone(), one.clone(), two.clone()]),
        ),
        (
            "line 2 of records/hall.jsonl",
            hall(&[one.clone(), "{}".into(), said(3, "三")]),
        ),
        (
            "newer version",
            hall(&[
                one.clone(),
                two.clone(),
                record(3, json!({ "v": 2, "k": "rules" })),
            ]),
        ),
        (
            "missing field",
            hall(&[
                one.clone(),
                two.clone(),
                record(3, json!({ "v": 1, "k": "pin", "words": {} })),
            ]),
        ),
        // Rooms and their addresses.
        (
            "no address",
            rooms(&[room("../hall", "live", 3), topic_room.clone()]),
        ),
        (
            "another room's",
            rooms(&[room("hall", "live", 3), room("hall", "live", 3)]),
        ),
        (
            "this room is no topic",
            rooms(&[room("hall", "live", 3), room("talk", "live", 2)]),
        ),
        (
            "a topic begins by saying",
            rooms(&[room("hall", "topic", 3), topic_room.clone()]),
        ),
        (
            "in two rooms",
            hall(&[one.clone(), two.clone(), broadcast(3)])
                .with(
                    "rooms.jsonl",
                    [
                        room("hall", "live", 3),
                        room("other", "live", 1),
                        topic_room,
                    ]
                    .join("\n"),
                )
                .with("records/other.jsonl", broadcast(1)),
        ),
        // People.
        ("somebody else's", person(PERSON)),
        (
            "this is no id",
            person(r#"{"id":"<b>","name":"x","role":"member","joined_ms":1}"#),
        ),
        (
            "this is no name",
            person(r#"{"id":"m_2","name":" ","role":"member","joined_ms":1}"#),
        ),
        (
            "unknown variant",
            person(r#"{"id":"m_2","name":"x","role":"king","joined_ms":1}"#),
        ),
        (
            "is not among the people",
            Made::sound().with(
                "people.jsonl",
                r#"{"id":"m_2","name":"x","role":"owner","joined_ms":1}"#,
            ),
        ),
        (
            "no owner among the people",
            Made::sound().with("people.jsonl", PERSON.replace("\"owner\"", "\"member\"")),
        ),
        // What hangs on records.
        (
            "line 1 of likes.jsonl",
            Made::sound().with(
                "likes.jsonl",
                r#"{"room":"hall","seq":4,"member":"m_1","at_ms":9}"#,
            ),
        ),
        (
            "line 1 of likes.jsonl",
            Made::sound().with(
                "likes.jsonl",
                r#"{"room":"nowhere","seq":1,"member":"m_1","at_ms":9}"#,
            ),
        ),
        (
            "line 1 of votes.jsonl",
            Made::sound().with(
                "votes.jsonl",
                r#"{"room":"hall","poll":1,"member":"m_1","picks":[10],"at_ms":9}"#,
            ),
        ),
        // Media that are something else than they say.
        (
            "is not what media.jsonl says",
            media(
                json!({ "id": blobs::id_of(page.as_bytes()), "file": "media/a.png", "kind": "image",
                        "mime": "image/svg+xml", "bytes": page.len() }),
                page,
            ),
        ),
        (
            "is not what media.jsonl says",
            media(
                json!({ "id": sum, "file": "media/a.png", "kind": "file",
                        "mime": "application/octet-stream", "bytes": page.len() }),
                page,
            ),
        ),
        (
            "this is no sum",
            media(
                json!({ "id": "../a", "file": "media/a.png", "kind": "file",
                        "mime": "application/octet-stream", "bytes": page.len() }),
                page,
            ),
        ),
        (
            "media/b.png is missing",
            media(
                json!({ "id": sum, "file": "media/b.png", "kind": "file",
                        "mime": "application/octet-stream", "bytes": page.len() }),
                page,
            ),
        ),
    ];
    for (n, (why, made)) in cases.iter().enumerate() {
        let told = made.import().await.expect_err(why);
        assert!(
            told.contains(why),
            "case {n}: {told:?} says nothing of {why:?}"
        );
    }
}

/// How many likes and votes there are; with `taken_back` they are taken back first.
async fn liked(data: &std::path::Path, taken_back: bool) -> usize {
    let store = Store::open(data, &StoreConfig::default()).expect("the store");
    let room = store.room("hall".into()).await.expect("read");
    let room = room.expect("it is there");
    if taken_back {
        let member = protocol::MemberId::from("m_1");
        let vote = store::VoteRow {
            of: 1,
            member: member.clone(),
            picks: 0,
        };
        let like = store::RowChange::Like {
            of: 2,
            member,
            at_ms: None,
        };
        let append = store::Append {
            room: room.number,
            circle: room.circle,
            records: Vec::new(),
            rows: vec![like, store::RowChange::Vote(vote, 9)],
        };
        store.append(append).await.expect("taken back");
    }
    let likes = store
        .likes_upto(room.number, 9, None, 9)
        .await
        .expect("read");
    let votes = store.votes(room.number).await.expect("read");
    store.close().await;
    likes.len() + votes.len()
}

#[tokio::test]
async fn what_was_cut_off_behind_the_last_record_comes_with_the_next_try() {
    let folder = TempDir::new().expect("a folder");
    let file = Made::sound().put(&folder);
    let data = folder.path().join("data");
    let config = StoreConfig::default();
    let once_more = || import(&file, &data, &config, Run::Real);
    once_more().await.expect("imported");
    assert_eq!(liked(&data, false).await, 2);
    // Whole: what people took back since then stays so.
    assert_eq!(liked(&data, true).await, 0);
    assert!(once_more().await.expect("there").is_nothing());
    assert_eq!(liked(&data, false).await, 0);
    // Cut off before it came to them.
    let sum = sum_of(&Archive::open(&file).expect("an archive").manifest);
    let store = Store::open(&data, &config).expect("the store");
    store.begin_import(sum).await.expect("begun");
    store.close().await;
    once_more().await.expect("goes on");
    assert_eq!(liked(&data, false).await, 2);
}
