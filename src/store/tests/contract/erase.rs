//! A body can be erased: not only unseen, but gone from the disk.

use std::{fs, path::Path, time::Duration};

use store::{Append, Entry, RowChange};

use crate::disks::{ROOM, append, entry, open, set_up};

const MARKER: &str = "a secret that was said by mistake";

fn places(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| {
            let bytes = fs::read(it).unwrap();
            bytes
                .windows(MARKER.len())
                .any(|it| it == MARKER.as_bytes())
        })
        .map(|it| it.display().to_string())
        .collect()
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
    let gone = async {
        while !places(folder.path()).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("the erased bytes are gone");
    assert_eq!(
        store.load(ROOM).await.unwrap().last_seq,
        201,
        "the seqs stay"
    );
}
