//! Messages that move into a room of their own: all that hangs on them goes along, or nothing of it happens.

use protocol::{
    BlobId, BlobKind, RoomNumber, Seq,
    notices::NoticeKind,
    topic::{Following, RoomKind, Topic, TopicPlace},
};
use store::{
    Append, AppendError, BlobRow, Entry, Hit, MovedRow, NewAccount, NewBlob, NewRoom, NoticeRow,
    PageOf, Role, RowChange, SplitRow, Store, TopicTalk,
};

use crate::disks::{CIRCLE, Home, append, change, entry, on_both_engines, person, set_up, topic};

on_both_engines! {
    what_hangs_on_messages_goes_with_them
    what_was_said_last_is_what_is_left
    a_split_that_cannot_be_kept_changes_nothing
    the_new_room_is_told_of_as_one_that_has_grown
}

const OLD: RoomNumber = 1;
const NEW: RoomNumber = 2;
/// What the record of a topic, and the place of a message that moved, are in these tests.
const TOPIC: u8 = 40;
const MOVED: u8 = 42;

fn by(seq: Seq, member: &str) -> Entry {
    Entry {
        author: person(member),
        ..entry(seq)
    }
}

fn said(seq: Seq, member: &str) -> RowChange {
    RowChange::TopicTalk(TopicTalk::Said {
        seq,
        at_ms: 1_000 + seq,
        by: person(member),
    })
}

/// A topic with five replies: 3 by Anna, 4 and 5 by Bob, 6 by the owner, 7 by Anna.
async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 0).await;
    for (id, name) in [("m_anna", "Anna"), ("m_bob", "Bob"), ("m_ivy", "Ivy")] {
        let account = NewAccount {
            id: id.into(),
            name: name.into(),
            password: "$hash".into(),
            made_ms: 2,
        };
        store
            .add_account(CIRCLE, Role::Member, account)
            .await
            .unwrap();
    }
    let room = NewRoom {
        circle: CIRCLE,
        slug: "old".into(),
        title: "old".into(),
        kind: RoomKind::Topic,
        guests: true,
        made_by: "m_anna".into(),
        made_ms: 1,
    };
    assert_eq!(store.add_room(room).await.unwrap().number, OLD);
    let writers = ["m_anna", "m_anna", "m_bob", "m_bob", "m_owner", "m_anna"];
    let records = writers.iter().zip(2..).map(|(it, seq)| by(seq, it));
    let first = Entry {
        kind: TOPIC,
        ..entry(1)
    };
    let talk = writers.iter().zip(2..).map(|(it, seq)| said(seq, it));
    let started = RowChange::Topic(Box::new(topic("old", 1)));
    let part = Append {
        rows: std::iter::once(started).chain(talk).collect(),
        ..append(OLD, std::iter::once(first).chain(records).collect())
    };
    store.append(part).await.unwrap();
    store
}

fn place(was: Seq, is: Seq) -> MovedRow {
    MovedRow {
        was,
        is,
        kind: MOVED,
        left: format!(r#"{{"v":1,"moved":{is}}}"#).into_bytes(),
    }
}

/// Replies 4, 5 and 6 become a topic, as records 2, 3 and 4 of it.
fn split() -> SplitRow {
    let made = Topic {
        split_from: Some(TopicPlace {
            room: "old".into(),
            title: "old".into(),
        }),
        by: person("m_bob"),
        ..topic("new", 1_004)
    };
    let first = Entry {
        kind: TOPIC,
        author: person("m_owner"),
        ..entry(1)
    };
    let moved = [(2, "m_bob"), (3, "m_bob"), (4, "m_owner")];
    let moved = moved.map(|(seq, who)| Entry {
        at_ms: 1_002 + seq,
        ..by(seq, who)
    });
    SplitRow {
        slug: "new".into(),
        guests: true,
        by: "m_owner".into(),
        at_ms: 9_000,
        topic: made,
        excerpt: "how it begins".into(),
        entries: std::iter::once(first).chain(moved).collect(),
        threads: vec![(2, 3)],
        places: vec![place(4, 2), place(5, 3), place(6, 4)],
    }
}

/// The record that says so, with what comes of it.
fn with_split(row: SplitRow) -> Append {
    let record = Entry {
        kind: 41,
        ..by(8, "m_owner")
    };
    Append {
        rows: vec![
            RowChange::SplitOff(Box::new(row)),
            RowChange::Reply {
                root: 4,
                seq: 5,
                on: false,
            },
        ],
        ..append(OLD, vec![record])
    }
}

async fn unread(store: &Store, slug: &str, member: &str) -> (Seq, u32, Following) {
    let row = store.topic(slug.into(), Some(member.into())).await.unwrap();
    let reading = row.expect("a topic").reading.expect("they were there");
    (reading.seq, reading.unread, reading.following)
}

/// Two that one message shows.
fn blobs() -> [BlobRow; 2] {
    ["a", "b"].map(blob)
}

fn blob(letter: &str) -> BlobRow {
    BlobRow {
        id: BlobId::from(letter.repeat(64)),
        kind: BlobKind::Image,
        mime: "image/jpeg".into(),
        bytes: 1_000,
        size: None,
        duration_ms: None,
        preview: None,
        preview_bytes: 0,
    }
}

/// Likes, a thread, a notice and a blob on what is going to move.
async fn hang_things(store: &Store) {
    for blob in blobs() {
        let upload = NewBlob {
            blob,
            room: OLD,
            member: "m_bob".into(),
            now_ms: 5,
            unsaid_ms: 3_600_000,
            room_max: 9_000,
            all_max: 9_000,
        };
        store.add_blob(upload).await.unwrap();
    }
    let like = |of, member: &str| RowChange::Like {
        of,
        member: member.into(),
        at_ms: Some(7),
    };
    let notice = RowChange::Notice(NoticeRow {
        member: "m_anna".into(),
        kind: NoticeKind::Reply,
        seq: 5,
        at_ms: 1_005,
        from: person("m_bob"),
        text: "message 5".into(),
    });
    let rows = vec![
        like(3, "m_bob"),
        like(4, "m_anna"),
        like(4, "m_ivy"),
        RowChange::Reply {
            root: 4,
            seq: 5,
            on: true,
        },
        RowChange::Refer {
            seq: 5,
            blobs: blobs().map(|it| it.id).to_vec(),
        },
        notice,
    ];
    store.append(change(OLD, rows)).await.unwrap();
}

async fn what_hangs_on_messages_goes_with_them(home: Home) {
    let store = ready(&home).await;
    hang_things(&store).await;
    for (member, seq) in [("m_anna", 5), ("m_ivy", 4)] {
        let following = Following::Yes;
        store
            .set_following(member.into(), OLD, following)
            .await
            .unwrap();
        store.set_reading(member.into(), OLD, seq, 1).await.unwrap();
    }
    // Whoever writes has read up to there, and Anna wrote 7.
    assert_eq!(
        unread(&store, "old", "m_anna").await,
        (7, 0, Following::Yes)
    );
    assert_eq!(unread(&store, "old", "m_bob").await, (5, 2, Following::Yes));
    let muted = Following::Muted;
    store
        .set_following("m_bob".into(), OLD, muted)
        .await
        .unwrap();
    store.append(with_split(split())).await.unwrap();

    let row = store
        .topic("new".into(), Some("m_owner".into()))
        .await
        .unwrap();
    let row = row.expect("it is there");
    assert_eq!(
        (row.room, row.guests, row.replies, row.likes),
        (NEW, true, 2, 2)
    );
    assert_eq!(
        (row.last_seq, row.last_ms, row.excerpt.as_str()),
        (4, 1_006, "how it begins")
    );
    assert_eq!(row.last_by, person("m_owner"));
    assert_eq!(row.topic, split().topic);
    let page = store.page(NEW, PageOf::Last, 50).await.unwrap();
    assert_eq!(page.entries, split().entries);
    let tallies: Vec<_> = page
        .tallies
        .iter()
        .map(|it| (it.of, it.likes, it.replies))
        .collect();
    assert_eq!(tallies, [(2, 2, 1)]);

    let page = store.page(OLD, PageOf::Last, 50).await.unwrap();
    let kinds: Vec<_> = page.entries.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [TOPIC, 1, 1, MOVED, MOVED, MOVED, 1, 41]);
    assert_eq!(page.entries[4].body, place(5, 3).left);
    assert_eq!(
        page.entries[4].author,
        person("m_bob"),
        "whose place it is stays"
    );
    let tallies: Vec<_> = page
        .tallies
        .iter()
        .map(|it| (it.of, it.likes, it.replies))
        .collect();
    assert_eq!(tallies, [(3, 1, 0)]);
    let old = store
        .topic("old".into(), None)
        .await
        .unwrap()
        .expect("it stays");
    assert_eq!(old.replies, 2, "3 and 7");

    // What they had read they have read, wherever it is now; nothing becomes new by it.
    assert_eq!(
        unread(&store, "new", "m_owner").await,
        (4, 0, Following::Yes)
    );
    assert_eq!(
        unread(&store, "new", "m_bob").await,
        (3, 1, Following::Muted)
    );
    assert_eq!(
        unread(&store, "old", "m_anna").await,
        (7, 0, Following::Yes)
    );
    assert_eq!(
        unread(&store, "old", "m_bob").await,
        (5, 1, Following::Muted)
    );
    assert_eq!(
        unread(&store, "old", "m_owner").await,
        (6, 1, Following::Yes)
    );
    assert!(
        store
            .topic("new".into(), Some("m_ivy".into()))
            .await
            .unwrap()
            .unwrap()
            .reading
            .is_none()
    );
    store
        .set_reading("m_owner".into(), OLD, 7, 1)
        .await
        .unwrap();
    assert_eq!(
        unread(&store, "old", "m_owner").await,
        (7, 0, Following::Yes)
    );

    let notices = store.notices("m_anna".into(), None, 10).await.unwrap();
    let at: Vec<_> = notices
        .rows
        .iter()
        .map(|it| (it.room.to_string(), it.s))
        .collect();
    assert_eq!(at, [("new".to_owned(), Some(3))]);
    for BlobRow { id, .. } in blobs() {
        let (_, rooms) = store.blob(id.clone()).await.unwrap().expect("it is kept");
        let rooms: Vec<_> = rooms.iter().map(|it| it.number).collect();
        assert_eq!(rooms, [NEW]);
        let upload = store.upload(OLD, "m_bob".into(), id).await.unwrap();
        assert!(upload.is_none(), "it is not said here again");
    }
    // And it goes on as every topic does.
    let reply = Append {
        rows: vec![said(5, "m_anna")],
        ..append(NEW, vec![entry(5)])
    };
    store.append(reply).await.unwrap();
    assert_eq!(
        unread(&store, "new", "m_owner").await,
        (4, 1, Following::Yes)
    );
}

async fn what_was_said_last_is_what_is_left(home: Home) {
    let store = ready(&home).await;
    let last = async || {
        let row = store.topic("old".into(), None).await.unwrap();
        let row = row.expect("a topic");
        (row.last_seq, row.last_ms, row.last_by.id.to_string())
    };
    assert_eq!(last().await, (7, 1_007, "m_anna".to_owned()));
    let mut row = split();
    row.entries.push(Entry {
        at_ms: 1_007,
        ..by(5, "m_anna")
    });
    row.places.push(place(7, 5));
    store.append(with_split(row)).await.unwrap();
    assert_eq!(last().await, (3, 1_003, "m_anna".to_owned()));
}

async fn a_split_that_cannot_be_kept_changes_nothing(home: Home) {
    let store = ready(&home).await;
    hang_things(&store).await;
    let before = store.page(OLD, PageOf::Last, 50).await.unwrap();
    let refused = async |row: SplitRow| match store.append(with_split(row)).await {
        Err(AppendError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    let nobody = SplitRow {
        by: "m_nobody".into(),
        ..split()
    };
    assert_eq!(refused(nobody).await, "who splits has no account");
    for places in [
        vec![],
        vec![place(9, 2)],
        vec![place(4, 5)],
        vec![place(0, 2)],
    ] {
        let row = SplitRow { places, ..split() };
        assert_eq!(refused(row).await, "what moves is not there");
    }
    let places = vec![place(5, 2), place(4, 3)];
    let row = SplitRow { places, ..split() };
    assert_eq!(refused(row).await, "what moves is not in order");
    let slug = "old".into();
    let why = refused(SplitRow { slug, ..split() }).await;
    assert_eq!(why, "the room that is split off is there already");
    assert_eq!(store.page(OLD, PageOf::Last, 50).await.unwrap(), before);
    assert!(store.room("new".into()).await.unwrap().is_none());
    let hit = Hit { room: OLD, seq: 4 };
    assert_eq!(
        store.entries(vec![hit]).await.unwrap(),
        [Some(by(4, "m_bob"))]
    );
    store.append(with_split(split())).await.unwrap();
}

async fn the_new_room_is_told_of_as_one_that_has_grown(home: Home) {
    let store = ready(&home).await;
    store.grown().await;
    store.append(with_split(split())).await.unwrap();
    let grown: Vec<_> = store.grown().await.into_iter().collect();
    assert_eq!(grown, [OLD, NEW]);
}
