//! A disk that lies is found out: what is read is what was written, or an error.

use std::{collections::BTreeSet, fs};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::{Entry, LogError, PageOf, Store, StoreConfig};

use crate::{
    disks::{OTHER_ROOM, ROOM, append, entry, open, set_up, with_id},
    postgres::nobody_is_born,
};

const FLIPS: usize = 250;
const RECORDS: u64 = 120;

fn written(seq: u64) -> Entry {
    Entry {
        is_fact: seq.is_multiple_of(10),
        ..with_id(seq, "m_anna", &format!("client-{seq}"))
    }
}

#[tokio::test]
async fn a_flipped_bit_is_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 1).await;
    let records = (1..=RECORDS).map(written).collect();
    assert_eq!(store.append(append(ROOM, records)).await, Ok(()));
    store.close().await;
    let file = folder.path().join("weiquan.db");
    let sound = fs::read(&file).unwrap();
    let mut draw = SmallRng::seed_from_u64(7);
    let mut found = 0;
    for _ in 0..FLIPS {
        let (at, bit) = (draw.random_range(0..sound.len()), draw.random_range(0..8));
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << bit;
        fs::write(&file, &bytes).unwrap();
        let config = StoreConfig {
            readers: 1,
            ..StoreConfig::default()
        };
        let still = nobody_is_born();
        let opened = Store::open(folder.path(), &config);
        drop(still);
        let Ok(store) = opened else {
            found += 1;
            continue;
        };
        match store.load(ROOM).await {
            Ok(loaded) => {
                for entry in loaded.tail.iter().chain(&loaded.facts) {
                    assert_eq!(*entry, written(entry.seq), "bit {bit} of byte {at}");
                }
            }
            Err(_) => found += 1,
        }
        if let Ok(page) = store.page(ROOM, PageOf::Last, 200).await {
            for entry in &page.entries {
                assert_eq!(*entry, written(entry.seq), "bit {bit} of byte {at}");
            }
        }
        store.close().await;
    }
    assert!(
        found > FLIPS / 20,
        "only {found} of {FLIPS} flips were noticed"
    );
}

#[tokio::test]
async fn damage_names_its_record_and_other_rooms_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    set_up(&store, 2).await;
    for room in [ROOM, OTHER_ROOM] {
        assert_eq!(
            store
                .append(append(room, (1..=9).map(entry).collect()))
                .await,
            Ok(())
        );
    }
    let odd = Entry {
        body: b"find me on the disk".to_vec(),
        ..entry(10)
    };
    assert_eq!(store.append(append(ROOM, vec![odd])).await, Ok(()));
    store.close().await;
    let file = folder.path().join("weiquan.db");
    let mut bytes = fs::read(&file).unwrap();
    let places: BTreeSet<usize> = bytes
        .windows(19)
        .enumerate()
        .filter(|(_, it)| it == b"find me on the disk")
        .map(|(at, _)| at)
        .collect();
    for at in &places {
        bytes[*at] = b'F';
    }
    assert!(!places.is_empty());
    fs::write(&file, &bytes).unwrap();
    let store = open(folder.path()).await;
    let damaged = |it: LogError| {
        matches!(
            it,
            LogError::Damaged {
                room: ROOM,
                seq: 10
            }
        )
    };
    assert!(damaged(store.load(ROOM).await.unwrap_err()));
    assert!(damaged(
        store.page(ROOM, PageOf::Last, 5).await.unwrap_err()
    ));
    assert!(damaged(store.entry(ROOM, 10).await.unwrap_err()));
    let sound = store.page(ROOM, PageOf::Before(10), 20).await.unwrap();
    assert_eq!(sound.entries, (1..=9).map(entry).collect::<Vec<_>>());
    assert_eq!(store.load(OTHER_ROOM).await.unwrap().last_seq, 9);
    assert_eq!(
        store.append(append(OTHER_ROOM, vec![entry(10)])).await,
        Ok(())
    );
}
