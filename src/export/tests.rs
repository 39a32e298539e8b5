//! How an archive is written, however much there is: in pieces, and only as fast as it is taken.

use std::time::Duration;

use community::{Message, RecordBody};
use protocol::{Seq, limits, topic::RoomKind};
use store::{Append, Entry, NewAccount, NewRoom, RoomRow, StoreConfig};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;

const RECORDS: Seq = 20_000;

struct Home {
    folder: TempDir,
    store: Store,
    room: RoomRow,
}

/// A room with a long talk in it, no two lines alike.
async fn home(records: Seq) -> Home {
    let folder = TempDir::new().expect("a folder");
    let store = Store::open(folder.path(), &StoreConfig::default()).expect("a store");
    let owner = NewAccount {
        id: "m_owner".into(),
        name: "圈主".into(),
        password: "$hash".into(),
        made_ms: 1,
    };
    let owner = store.set_up("读书会".into(), owner).await.expect("set up");
    let room = NewRoom {
        circle: owner.circle,
        slug: "hall".into(),
        title: "大厅".into(),
        kind: RoomKind::Live,
        guests: true,
        made_by: owner.id,
        made_ms: 2,
    };
    let room = store.add_room(room).await.expect("made");
    let seqs: Vec<Seq> = (1..=records).collect();
    for some in seqs.chunks(limits::COMMIT_RECORDS_MAX) {
        let append = Append {
            room: room.number,
            circle: room.circle,
            records: some.iter().map(|it| entry(*it)).collect(),
            rows: Vec::new(),
        };
        store.append(append).await.expect("stored");
    }
    Home {
        folder,
        store,
        room,
    }
}

fn entry(seq: Seq) -> Entry {
    // Something that does not become small.
    let noise: String = (0..40)
        .map(|n| char::from(b'a' + ((seq * 31 + n).wrapping_mul(2_654_435_761) >> 13) as u8 % 26))
        .collect();
    let body = format!(r#"{{"v":1,"k":"message","text":"第 {seq} 句 {noise}"}}"#);
    Entry {
        seq,
        at_ms: 1_000 + seq,
        pos: None,
        author: protocol::server::Person {
            id: "m_owner".into(),
            name: "圈主".into(),
            mark: protocol::server::Mark::Owner,
        },
        kind: RecordBody::MESSAGE,
        is_fact: false,
        client_id: None,
        body: body.into_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_goes_out_in_pieces_and_none_of_it_is_missing() {
    let home = home(RECORDS).await;
    let (to, mut pieces) = mpsc::channel(1);
    let what = What::Room(home.room.clone());
    let shelf = Shelf::at(home.folder.path());
    let sink = Sink::Stream {
        to,
        within: limits::EXPORT_TAKEN_WITHIN,
    };
    let store = home.store.clone();
    let writing = tokio::spawn(async move { export(&store, &shelf, &what, sink, 7).await });
    let (mut whole, mut longest, mut n) = (Vec::new(), 0, 0);
    while let Some(piece) = pieces.recv().await {
        longest = longest.max(piece.len());
        n += 1;
        whole.extend_from_slice(&piece);
    }
    let manifest = writing.await.expect("it ends").expect("it is whole");
    assert!(
        n > 4 && longest < 256 * 1024,
        "{n} pieces, the longest of {longest} bytes"
    );
    let file = home.folder.path().join("a.zip");
    std::fs::write(&file, &whole).expect("written");
    let mut archive = Archive::open(&file).expect("an archive");
    archive.verify().expect("sound");
    assert_eq!(archive.manifest, manifest);
    let mut lines = archive.each_line("records/hall.jsonl").expect("there");
    let mut last: Seq = 0;
    while lines.step().expect("a line") {
        let (record, _) =
            community::Record::read_archived(1, lines.text(), |_| None).expect("a record");
        assert_eq!(record.seq, last + 1);
        last = record.seq;
        let said: &Message = match &record.body {
            RecordBody::Message(it) => it,
            other => panic!("{other:?}"),
        };
        assert!(
            said.text.starts_with(&format!("第 {last} 句")),
            "{}",
            said.text
        );
    }
    assert_eq!(last, RECORDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_nothing_gets_no_more() {
    let home = home(6_000).await;
    let shelf = Shelf::at(home.folder.path());
    let what = What::Room(home.room.clone());
    let out = async |pieces: Option<mpsc::Receiver<bytes::Bytes>>, to| {
        let sink = Sink::Stream {
            to,
            within: Duration::from_millis(50),
        };
        let done = export(&home.store, &shelf, &what, sink, 7).await;
        drop(pieces);
        done.expect_err("it does not become whole")
    };
    let (to, pieces) = mpsc::channel(1);
    let slow = out(Some(pieces), to).await;
    assert!(matches!(slow, ExportError::NotTaken), "{slow}");
    let (to, pieces) = mpsc::channel(1);
    drop(pieces);
    let gone = out(None, to).await;
    assert!(matches!(gone, ExportError::NotTaken), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_state_gives_the_same_bytes_of_content() {
    let home = home(500).await;
    let shelf = Shelf::at(home.folder.path());
    let what = What::Circle;
    let mut all = Vec::new();
    for made_ms in [7, 8] {
        let path = home.folder.path().join(format!("{made_ms}.zip"));
        let file = std::fs::File::create(&path).expect("a file");
        let written = export(&home.store, &shelf, &what, Sink::File(file), made_ms).await;
        let manifest = written.expect("whole");
        assert_eq!(manifest.made_ms, made_ms);
        all.push((manifest.files, manifest.scope));
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn a_file_is_named_after_what_is_in_it() {
    assert_eq!(What::Circle.file_name(), "weiquan-circle.zip");
    assert_eq!(
        What::Board("news".into()).file_name(),
        "weiquan-board-news.zip"
    );
    assert_eq!(What::Own("m_1".into()).file_name(), "weiquan-my-data.zip");
}
