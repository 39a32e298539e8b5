//! A body can be erased: not only unseen, but gone from the disk.

use std::{fs, path::Path};

use store::{Append, Doc, Entry, Has, RoomDocs, RowChange};

use crate::{
    disks::{ROOM, append, change, entry, open, set_up},
    until,
};

const MARKER: &str = "a secret that was said by mistake";

fn places(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| holds(it, MARKER))
        .map(|it| it.display().to_string())
        .collect()
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

async fn gone(folder: &Path) {
    until(|| places(folder).is_empty()).await;
}

/// Bodies from a few bytes to many overflow pages.
fn marked(seq: u64) -> Entry {
    let body = format!("{MARKER} ").repeat(if seq.is_multiple_of(5) { 900 } else { 1 });
    Entry {
        body: body.into_bytes(),
        ..entry(seq)
    }
}

#[tokio::test]
async fn an_erased_body_is_gone_from_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 1).await;
    for seq in 1..=200 {
        assert_eq!(store.append(append(ROOM, vec![marked(seq)])).await, Ok(()));
    }
    assert_ne!(
        places(folder.path()),
        Vec::<String>::new(),
        "the test can see what is stored"
    );
    let rows = (1..=200)
        .map(|seq| match seq % 2 {
            0 => RowChange::Erase { seq, left: vec![] },
            _ => RowChange::Revise {
                seq,
                body: b"something else".to_vec(),
            },
        })
        .collect();
    let erase = Append {
        rows,
        ..append(ROOM, vec![entry(201)])
    };
    assert_eq!(store.append(erase).await, Ok(()));
    // It happens by itself once the writer has nothing to do; nobody has to close the server.
    gone(folder.path()).await;
    assert_eq!(
        store.load(ROOM).await.unwrap().last_seq,
        201,
        "the seqs stay"
    );
}

#[tokio::test]
async fn a_reader_in_the_way_only_puts_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 1).await;
    assert_eq!(store.append(append(ROOM, vec![marked(1)])).await, Ok(()));
    // A person looks into the file from before the message is erased.
    let person = rusqlite::Connection::open(folder.path().join("weiquan.db")).unwrap();
    person
        .execute_batch("BEGIN; SELECT count(*) FROM records;")
        .unwrap();
    let erase = RowChange::Erase {
        seq: 1,
        left: vec![],
    };
    assert_eq!(store.append(change(ROOM, vec![erase])).await, Ok(()));
    // The housekeeping was tried: what the person sees unchanged has reached the file itself.
    until(|| holds(&folder.path().join("weiquan.db"), "Room 1")).await;
    assert_ne!(
        places(folder.path()),
        Vec::<String>::new(),
        "the person is in the way"
    );
    person.execute_batch("COMMIT").unwrap();
    gone(folder.path()).await;
}

/// Runs of Chinese and words that are nowhere else, in the forms in which they might be kept.
fn secrets() -> Vec<String> {
    let rare: Vec<char> = ('\u{9f40}'..'\u{9f90}').collect();
    let runs = rare.chunks(4).map(|it| it.iter().collect::<String>());
    let runs = runs.map(|it| folding::normal(&it).trim().to_owned());
    runs.chain((0..20).map(|n| format!("zsecret{n}word")))
        .collect()
}

#[tokio::test]
async fn of_a_text_that_is_found_no_more_nothing_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 1).await;
    let secrets = secrets();
    // Many others around them, so that terms lie on many pages and are merged.
    let doc = |seq: u64| {
        let secret = &secrets[seq as usize / 25 % secrets.len()];
        let text = match seq % 25 {
            0 => format!("大家{seq}好 {secret} and more"),
            _ => format!("大家好，这是第{seq}句 word{}", seq * 7919 % 3001),
        };
        Doc::new(seq, 1_000 + seq, "m_anna".into(), Has::default(), &text)
    };
    let with = |after: u64, upto, docs, gone| RoomDocs {
        room: ROOM,
        after,
        upto,
        docs,
        gone,
    };
    let seqs: Vec<u64> = (1..=1_500).collect();
    for some in seqs.chunks(100) {
        let docs = some.iter().map(|it| doc(*it)).collect();
        let part = with(some[0] - 1, some[99], docs, vec![]);
        assert!(store.put_search(vec![part]).await.unwrap().is_empty());
    }
    let left = |folder: &Path| -> Vec<String> {
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|it| fs::read(it.unwrap().path()).unwrap());
        let all: Vec<u8> = files.flatten().collect();
        let there = |it: &&String| all.windows(it.len()).any(|window| window == it.as_bytes());
        secrets.iter().filter(there).cloned().collect()
    };
    until(|| left(folder.path()).len() == secrets.len()).await;
    let gone: Vec<u64> = seqs
        .iter()
        .copied()
        .filter(|it| it.is_multiple_of(50))
        .collect();
    let edited = seqs.iter().filter(|it| *it % 50 == 25);
    let edited =
        edited.map(|it| Doc::new(*it, 1_000 + it, "m_anna".into(), Has::default(), "改了"));
    let part = with(1_500, 1_501, edited.collect(), gone);
    assert!(store.put_search(vec![part]).await.unwrap().is_empty());
    until(|| left(folder.path()).is_empty()).await;
}
