//! Blobs: a reference comes and goes with its record, and nothing is kept that nobody needs.

use protocol::BlobKind;
use store::{BlobRow, BroadcastRow, NewBlob, RowChange, RowError, Store, TurnoutRow, UNSTARTED};

use crate::disks::{Home, append, change, entry, on_both_engines, person, set_up};

on_both_engines! {
    what_nobody_says_is_removed_after_its_time_and_what_is_said_stays
    a_blob_stays_until_the_last_message_that_shows_it_is_deleted
    a_room_and_the_server_keep_no_more_than_they_may
    a_message_refers_to_what_it_shows_now_and_to_nothing_else
    what_somebody_may_say_is_theirs_or_in_sight_there
    what_came_for_a_topic_comes_to_it_with_its_first_message
    a_broadcast_that_is_over_has_its_summary_and_it_stays_the_first
}

const HOUR_MS: u64 = 3_600_000;

fn blob(name: char, preview: Option<char>) -> BlobRow {
    let id = |it: char| it.to_string().repeat(64).into();
    BlobRow {
        id: id(name),
        kind: BlobKind::Image,
        mime: "image/jpeg".into(),
        bytes: 1_000,
        size: Some((800, 600)),
        duration_ms: None,
        preview: preview.map(id),
        preview_bytes: 100,
    }
}

fn upload(name: char, room: u32, member: &str, now_ms: u64) -> NewBlob {
    NewBlob {
        blob: blob(name, Some('f')),
        room,
        member: member.into(),
        now_ms,
        unsaid_ms: HOUR_MS,
        room_max: 2_500,
        all_max: 4_000,
    }
}

async fn said(store: &Store, room: u32, seq: u64, name: char) {
    let mut part = append(room, vec![entry(seq)]);
    part.rows.push(refers(seq, &[name]));
    store.append(part).await.unwrap();
}

fn refers(seq: u64, names: &[char]) -> RowChange {
    let blobs = names.iter().map(|it| blob(*it, None).id).collect();
    RowChange::Refer { seq, blobs }
}

async fn deleted(store: &Store, room: u32, seq: u64) {
    let part = change(room, vec![RowChange::LetGo { seq }]);
    store.append(part).await.unwrap();
}

async fn freed(store: &Store, now_ms: u64) -> Vec<char> {
    let ids = store.free_blobs(now_ms, HOUR_MS, 10).await.unwrap();
    ids.iter()
        .filter_map(|it| it.as_str().chars().next())
        .collect()
}

async fn what_nobody_says_is_removed_after_its_time_and_what_is_said_stays(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    store.add_blob(upload('a', 1, "m_anna", 10)).await.unwrap();
    store.add_blob(upload('b', 1, "m_anna", 10)).await.unwrap();
    said(&store, 1, 1, 'a').await;
    assert_eq!(freed(&store, HOUR_MS).await, []);
    assert_eq!(
        freed(&store, HOUR_MS + 10).await,
        ['b'],
        "f is a's preview too"
    );
    let (row, rooms) = store.blob(blob('a', None).id).await.unwrap().unwrap();
    assert_eq!(row, blob('a', Some('f')));
    assert_eq!(rooms.len(), 1);
    assert!(store.blob(blob('b', None).id).await.unwrap().is_none());
    let gone = store
        .upload(1, "m_anna".into(), row.id.clone())
        .await
        .unwrap();
    let gone = gone.expect("it is in sight");
    assert_eq!(gone.made_ms, None, "its upload is forgotten");
    assert!(store.is_blob_needed("f".repeat(64).into()).await.unwrap());

    deleted(&store, 1, 1).await;
    assert_eq!(freed(&store, HOUR_MS + 11).await, ['a', 'f'], "at once");
}

async fn a_blob_stays_until_the_last_message_that_shows_it_is_deleted(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    for room in [1, 2] {
        store
            .add_blob(upload('a', room, "m_anna", 10))
            .await
            .unwrap();
    }
    said(&store, 1, 1, 'a').await;
    said(&store, 1, 2, 'a').await;
    said(&store, 2, 1, 'a').await;
    deleted(&store, 1, 1).await;
    let rooms = store.blob(blob('a', None).id).await.unwrap().unwrap().1;
    assert_eq!(rooms.len(), 2);
    deleted(&store, 1, 2).await;
    let rooms = store.blob(blob('a', None).id).await.unwrap().unwrap().1;
    assert_eq!(rooms.iter().map(|it| it.number).collect::<Vec<_>>(), [2]);
    assert_eq!(freed(&store, u64::MAX / 2).await, []);
    deleted(&store, 2, 1).await;
    assert_eq!(freed(&store, HOUR_MS).await, ['a', 'f']);
}

async fn a_room_and_the_server_keep_no_more_than_they_may(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    for name in ['a', 'b'] {
        store.add_blob(upload(name, 1, "m_anna", 10)).await.unwrap();
    }
    let full = store.add_blob(upload('c', 1, "m_anna", 10)).await;
    assert!(matches!(full, Err(RowError::Full)), "{full:?}");
    store
        .add_blob(upload('a', 1, "m_bob", 11))
        .await
        .expect("it is there already");
    store.add_blob(upload('c', 2, "m_anna", 10)).await.unwrap();
    let full = store.add_blob(upload('d', 2, "m_anna", 10)).await;
    assert!(matches!(full, Err(RowError::Full)), "the server: {full:?}");
    assert_eq!(store.blob_bytes(1).await.unwrap(), (2_200, 3_300));
}

async fn a_message_refers_to_what_it_shows_now_and_to_nothing_else(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    for name in ['a', 'b'] {
        let mut new = upload(name, 1, "m_anna", 10);
        new.blob.preview = None;
        store.add_blob(new).await.unwrap();
    }
    let mut part = append(1, vec![entry(1)]);
    part.rows.push(refers(1, &['a', 'b']));
    store.append(part).await.unwrap();
    let rooms = async |name| {
        let found = store.blob(blob(name, None).id).await.unwrap();
        found.map(|it| it.1.len())
    };
    assert_eq!(freed(&store, HOUR_MS + 11).await, [], "both are shown");
    // Another text shows one of them, twice over.
    for _ in 0..2 {
        let part = change(1, vec![refers(1, &['b'])]);
        store.append(part).await.unwrap();
    }
    assert_eq!(freed(&store, HOUR_MS + 12).await, ['a']);
    assert_eq!((rooms('a').await, rooms('b').await), (None, Some(1)));
    // What is gone cannot be referred to again, and stands in nobody's way.
    let part = change(1, vec![refers(1, &['a', 'b'])]);
    store.append(part).await.unwrap();
    assert_eq!((rooms('a').await, rooms('b').await), (None, Some(1)));
    deleted(&store, 1, 1).await;
    assert_eq!(freed(&store, HOUR_MS + 13).await, ['b']);
}

async fn what_somebody_may_say_is_theirs_or_in_sight_there(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    store.add_blob(upload('a', 1, "m_anna", 10)).await.unwrap();
    let id = blob('a', None).id;
    let may = async |room, member: &str| {
        let found = store.upload(room, member.into(), id.clone()).await;
        found.unwrap().map(|it| (it.made_ms, it.shown))
    };
    assert_eq!(may(1, "m_anna").await, Some((Some(10), false)));
    assert_eq!(may(1, "m_bob").await, None, "its name is no right to it");
    assert_eq!(may(2, "m_anna").await, None, "it came to another room");
    said(&store, 1, 1, 'a').await;
    assert_eq!(may(1, "m_bob").await, Some((None, true)));
    assert_eq!(may(2, "m_bob").await, None);
    let part = change(1, vec![RowChange::Veil { seq: 1, on: true }]);
    store.append(part).await.unwrap();
    assert_eq!(may(1, "m_bob").await, None, "it is out of sight");
    assert!(
        store
            .is_own_upload(id.clone(), "m_anna".into())
            .await
            .unwrap()
    );
    assert!(!store.is_own_upload(id, "m_bob".into()).await.unwrap());
}

/// The rooms of these tests are Anna's.
async fn what_came_for_a_topic_comes_to_it_with_its_first_message(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    let ahead = |name, member: &str| NewBlob {
        room_max: u64::MAX / 4,
        all_max: u64::MAX / 4,
        ..upload(name, UNSTARTED, member, 10)
    };
    let maker = store.room_by_number(1).await.unwrap().unwrap().made_by;
    store.add_blob(ahead('a', maker.as_str())).await.unwrap();
    let id = blob('a', None).id;
    let may = async |room, member: &str| {
        let found = store.upload(room, member.into(), id.clone()).await;
        found.unwrap().is_some()
    };
    assert!(store.blob(id.clone()).await.unwrap().unwrap().1.is_empty());
    assert!(may(UNSTARTED, maker.as_str()).await && may(1, maker.as_str()).await);
    assert!(!may(1, "m_bob").await);
    assert_eq!(store.blob_bytes(1).await.unwrap().0, 0);
    said(&store, 1, 1, 'a').await;
    assert_eq!(
        store.blob_bytes(1).await.unwrap().0,
        1_100,
        "it is the topic's"
    );
    assert!(!may(UNSTARTED, maker.as_str()).await);
    assert!(may(1, maker.as_str()).await);
    deleted(&store, 1, 1).await;
    assert_eq!(freed(&store, 20).await, ['a', 'f'], "at once, as anything");

    let most = protocol::limits::DRAFT_BLOBS_MAX;
    for n in 0..=most {
        let mut new = ahead('a', "m_bob");
        new.blob.id = format!("{n:064x}").into();
        let added = store.add_blob(new).await;
        assert_eq!(added.is_ok(), n < most, "{n}: {added:?}");
    }
}

async fn a_broadcast_that_is_over_has_its_summary_and_it_stays_the_first(home: Home) {
    let store = home.open();
    set_up(&store, 1).await;
    let turnout = TurnoutRow {
        played_ms: 60_000,
        peak: 3,
        people: 5,
        watched_ms: 120_000,
        hearts: "❤ 12".into(),
    };
    let row = |phase, turnout| BroadcastRow {
        id: "b1".into(),
        phase,
        title: "First".into(),
        host: person("m_anna"),
        starts_ms: None,
        live_ms: Some(5),
        ended_ms: Some(60_005),
        turnout,
    };
    let mut seq = 0;
    for (phase, turnout) in [
        (protocol::server::Phase::Live, None),
        (protocol::server::Phase::Ended, Some(turnout.clone())),
        (
            protocol::server::Phase::Archived,
            Some(TurnoutRow::default()),
        ),
    ] {
        seq += 1;
        let mut part = append(1, vec![entry(seq)]);
        part.rows.push(RowChange::Broadcast(row(phase, turnout)));
        store.append(part).await.unwrap();
        // What its host put away is no longer listed; what it was can still be read.
        let lately = store.ended_lately(1, true, 10).await.unwrap();
        let listed = usize::from(phase == protocol::server::Phase::Ended);
        assert_eq!(lately.len(), listed, "{phase:?}");
    }
    let summary = store.summary("b1".into()).await.unwrap().unwrap();
    assert_eq!(
        (summary.turnout, summary.seqs, summary.room),
        (turnout, (1, 2), 1)
    );
    let said = store.said_between(1, (1, 2), 1).await.unwrap();
    assert_eq!((said.messages, said.people), (2, 1));
    assert_eq!(
        store.entries_between(1, (2, 3), 1, 9).await.unwrap().len(),
        2
    );
}
