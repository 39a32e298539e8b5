//! An account ends: what is its alone is gone at once, its name with it, and logs are gone through in parts.

use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use protocol::{
    BlobKind, MemberId,
    notices::{Named, NoticeKind},
    topic::Following,
};
use store::{
    ActsOf, Append, BlobRow, BroadcastRow, Chain, Entry, Erasure, LetterKind, LinkLetter,
    NewAccount, NewAct, NewBlob, NewBoard, NewRoom, NoticeRow, NoticeSettings, QuotesRow,
    Rewritten, Role, RowChange, RowError, SignIn, Store, StreamKey, Subscription, TopicTalk,
    TopicsOf, Writings,
};

use crate::disks::{CIRCLE, Home, OTHER_ROOM, ROOM, append, entry, on_both_engines, set_up, topic};

on_both_engines! {
    an_account_that_is_erased_leaves_nothing_of_its_own_and_no_name
    its_name_is_free_and_gives_no_right
    a_circle_keeps_its_last_owner_and_an_account_ends_once
    logs_are_gone_through_in_parts_and_taken_up_again
    a_part_that_changed_meanwhile_is_read_again
    who_is_gone_is_told_of_nothing
    an_erasure_is_done_whole_though_nobody_waits_for_it
}

/// Far longer than a commit takes.
const SOON: Duration = Duration::from_secs(20);
const ANNA: &str = "m_anna";
const NAME: &str = "安娜的名字";

fn person(id: &str) -> protocol::server::Person {
    let mut it = crate::disks::person(id);
    if id == ANNA {
        it.name = NAME.into();
    }
    it
}

/// A fact, which it may be no more by its body: that is not looked at.
fn by_anna(seq: u64) -> Entry {
    Entry {
        is_fact: true,
        author: person(ANNA),
        body: format!(r#"{{"v":1,"id":"{ANNA}","name":"{NAME}"}}"#).into_bytes(),
        ..entry(seq)
    }
}

fn without_name(was: Entry) -> Rewritten {
    let body = String::from_utf8(was.body.clone()).unwrap();
    Rewritten {
        was,
        name: String::new(),
        body: body.replace(NAME, "").into_bytes(),
    }
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 2).await;
    for (id, name) in [(ANNA, NAME), ("m_ben", "Ben")] {
        let new = NewAccount {
            id: id.into(),
            name: name.into(),
            password: format!("$hash of {id}"),
            made_ms: 5,
        };
        store.add_account(CIRCLE, Role::Member, new).await.unwrap();
    }
    store
}

async fn with(store: &Store, room: u32, records: Vec<Entry>, rows: Vec<RowChange>) {
    let part = Append {
        rows,
        ..append(room, records)
    };
    assert_eq!(store.append(part).await, Ok(()));
}

async fn erase(store: &Store, writings: Writings) {
    store
        .erase_account(ANNA.into(), writings, 99)
        .await
        .unwrap();
}

fn notice(seq: u64, to: &str, from: &str) -> RowChange {
    RowChange::Notice(NoticeRow {
        member: to.into(),
        kind: NoticeKind::Mention,
        seq,
        at_ms: 1_000,
        from: person(from),
        text: "hello".into(),
    })
}

/// One of everything that an account can have.
async fn furnish(store: &Store) {
    let anna = || MemberId::from(ANNA);
    let sign_in = SignIn {
        hash: [7; 32],
        account: anna(),
        device: "Firefox".into(),
        made_ms: 6,
        used_ms: 6,
    };
    store.add_sign_in(sign_in).await.unwrap();
    let subscription = Subscription {
        endpoint: "https://push.example.org/anna".into(),
        member: anna(),
        p256dh: vec![1],
        auth: vec![2],
        lang: "en".into(),
    };
    store.put_subscription(subscription, 7).await.unwrap();
    let key = StreamKey {
        id: "k_anna".into(),
        room: ROOM,
        account: anna(),
        label: "camera".into(),
        made_ms: 8,
        used_ms: None,
    };
    let made = NewAct {
        at_ms: 8,
        room: Some(ROOM),
        seq: None,
        by: person(ANNA),
        what: "stream_key".into(),
        whom: None,
        why: "camera".into(),
        until_ms: None,
    };
    store.add_stream_key(key, [8; 32], made).await.unwrap();
    let letter = |kind| LinkLetter {
        member: anna(),
        kind,
        address: "anna@example.org".into(),
        lang: "en".into(),
        made_ms: 9,
    };
    store.ask_letter(letter(LetterKind::Confirm)).await.unwrap();
    store.confirm_mail(anna(), 9, 10).await.unwrap();
    store
        .ask_letter(letter(LetterKind::Password))
        .await
        .unwrap();
    store
        .put_notice_settings(anna(), NoticeSettings::default())
        .await
        .unwrap();
    let board = NewBoard {
        circle: CIRCLE,
        slug: "talk".into(),
        title: "Talk".into(),
        about: String::new(),
        rank: None,
    };
    store.put_board(board, "m_owner".into()).await.unwrap();
    store
        .follow_board(CIRCLE, "talk".into(), anna(), true)
        .await
        .unwrap();
    let blob = BlobRow {
        id: "b".repeat(64).into(),
        kind: BlobKind::Image,
        mime: "image/png".into(),
        bytes: 10,
        size: Some((1, 1)),
        duration_ms: None,
        preview: None,
        preview_bytes: 0,
    };
    let upload = NewBlob {
        blob,
        room: ROOM,
        member: anna(),
        now_ms: 100,
        unsaid_ms: 3_600_000,
        room_max: 1_000,
        all_max: 1_000,
    };
    store.add_blob(upload).await.unwrap();
    let broadcast = BroadcastRow {
        id: "b1".into(),
        phase: protocol::server::Phase::Scheduled,
        title: "evening".into(),
        host: person(ANNA),
        starts_ms: Some(1_000_000),
        live_ms: None,
        ended_ms: None,
        turnout: None,
    };
    let like = RowChange::Like {
        of: 1,
        member: anna(),
        at_ms: Some(5),
    };
    let rows = vec![
        RowChange::Broadcast(broadcast),
        like,
        notice(1, "m_ben", ANNA),
        notice(1, ANNA, "m_ben"),
        RowChange::Audit(NewAct {
            at_ms: 5,
            room: None,
            seq: Some(1),
            by: person("m_ben"),
            what: "mute".into(),
            whom: Some(person(ANNA)),
            why: String::new(),
            until_ms: Some(9),
        }),
    ];
    with(store, ROOM, vec![by_anna(1), entry(2)], rows).await;
    let mut it = topic("爬山", 7);
    it.by = person(ANNA);
    it.helper = Some(Named {
        id: ANNA.into(),
        name: NAME.into(),
    });
    it.accepted = Some(2);
    let quotes = QuotesRow {
        room: ROOM,
        of: vec![(1, it.helper.clone().unwrap())],
    };
    let said = TopicTalk::Said {
        seq: 1,
        at_ms: 20,
        by: person(ANNA),
    };
    let rows = vec![
        RowChange::Topic(Box::new(it)),
        RowChange::Quotes(quotes),
        RowChange::TopicTalk(said),
    ];
    with(store, OTHER_ROOM, vec![by_anna(1)], rows).await;
    let reminded = store.add_reminder("b1".into(), anna(), 11).await;
    reminded.unwrap();
    store
        .set_following(anna(), OTHER_ROOM, Following::Yes)
        .await
        .unwrap();
}

async fn an_account_that_is_erased_leaves_nothing_of_its_own_and_no_name(home: Home) {
    let store = ready(&home).await;
    furnish(&store).await;
    erase(&store, Writings::Keep).await;
    let anna = || MemberId::from(ANNA);
    assert_eq!(store.account(anna()).await.unwrap(), None);
    assert_eq!(store.account_by_name(NAME).await.unwrap(), None);
    assert!(store.sign_in([7; 32]).await.unwrap().is_none());
    assert!(store.sign_ins(anna()).await.unwrap().is_empty());
    assert!(store.subscriptions(anna()).await.unwrap().is_empty());
    assert!(store.stream_keys(ROOM).await.unwrap().is_empty());
    let mail = store.mail_of(anna()).await.unwrap();
    assert!(mail.address.is_none() && mail.asked.is_none(), "{mail:?}");
    assert!(store.due_links(u64::MAX >> 1).await.unwrap().is_empty());
    assert!(
        store
            .notices(anna(), None, 9)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert_eq!(store.unread(anna()).await.unwrap(), (0, 0));
    let boards = store.boards(CIRCLE, Some(anna())).await.unwrap();
    assert!(boards.iter().all(|it| !it.following), "{boards:?}");
    let freed = store.free_blobs(1_000, 3_600_000, 9).await.unwrap();
    assert_eq!(freed.len(), 1, "an upload that nobody said is nobody's");
    // Where the name stood beside the id it is empty, and all else is as it was.
    let told = store.notices("m_ben".into(), None, 9).await.unwrap().rows;
    assert_eq!(
        (told[0].from.id.as_str(), told[0].from.name.as_str()),
        (ANNA, "")
    );
    assert_eq!(told[0].text, "hello");
    let listed = store.rooms(CIRCLE, 9).await.unwrap();
    let host = listed[0].broadcast.as_ref().unwrap().host.clone();
    assert_eq!((host.id.as_str(), host.name.as_str()), (ANNA, ""));
    let of = TopicsOf::default();
    let (topics, _) = store.topics(of, 9).await.unwrap();
    let it = &topics[0];
    assert_eq!(
        (it.topic.by.id.as_str(), it.topic.by.name.as_str()),
        (ANNA, "")
    );
    assert_eq!(it.last_by.name, "");
    assert_eq!(it.topic.helper.as_ref().unwrap().name, "");
    let quoted = store.quoted(OTHER_ROOM).await.unwrap().unwrap();
    assert_eq!(quoted.quotes[0].writer.name, "");
    let tally = store.tallies(ROOM, vec![1]).await.unwrap()[0];
    assert_eq!(tally.likes, 1, "what they like counts");
    // So it is in the audit log, which is whole.
    let acts = store
        .acts(ActsOf {
            n: 9,
            ..ActsOf::default()
        })
        .await
        .unwrap();
    let names: Vec<&str> = acts
        .iter()
        .flat_map(|it| [Some(&it.act.by), it.act.whom.as_ref()])
        .flatten()
        .filter(|it| it.id.as_str() == ANNA)
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["", "", ""], "{acts:?}");
    assert_eq!(acts[0].act.what, "erase_account");
    assert!(
        acts.iter().all(|it| it.act.why != "camera"),
        "what they called a key"
    );
    assert_eq!(store.verify_audit().await.unwrap(), Chain::Whole(3));
    store.close().await;
}

async fn its_name_is_free_and_gives_no_right(home: Home) {
    let store = ready(&home).await;
    let room = NewRoom {
        circle: CIRCLE,
        slug: "annas".into(),
        title: "A room".into(),
        kind: protocol::topic::RoomKind::Live,
        guests: true,
        made_by: ANNA.into(),
        made_ms: 9,
    };
    store.add_room(room).await.unwrap();
    erase(&store, Writings::Keep).await;
    let room = store.room("annas".into()).await.unwrap().unwrap();
    assert_eq!(
        (room.made_by.as_str(), room.made_by_name.as_str()),
        (ANNA, "")
    );
    let new = NewAccount {
        id: "m_other".into(),
        name: NAME.into(),
        password: "$another".into(),
        made_ms: 100,
    };
    let other = store.add_account(CIRCLE, Role::Member, new).await.unwrap();
    assert_eq!(store.account_by_name(NAME).await.unwrap(), Some(other));
    let room = store.room("annas".into()).await.unwrap().unwrap();
    assert_eq!(room.made_by.as_str(), ANNA, "it is not theirs");
    // Two that are gone are in nobody's way.
    store
        .erase_account("m_ben".into(), Writings::Keep, 100)
        .await
        .unwrap();
    store.close().await;
}

async fn a_circle_keeps_its_last_owner_and_an_account_ends_once(home: Home) {
    let store = ready(&home).await;
    let owner = || MemberId::from("m_owner");
    let last = store.erase_account(owner(), Writings::Keep, 9).await;
    assert!(matches!(last, Err(RowError::LastOwner)), "{last:?}");
    assert_eq!(store.account(owner()).await.unwrap().unwrap().name, "Owner");
    store
        .set_role(CIRCLE, ANNA.into(), Role::Owner)
        .await
        .unwrap();
    let (one, other) = tokio::join!(
        store.erase_account(ANNA.into(), Writings::Keep, 9),
        store.erase_account(ANNA.into(), Writings::Remove, 9),
    );
    let ended = [one, other];
    assert_eq!(ended.iter().filter(|it| it.is_ok()).count(), 1, "{ended:?}");
    assert!(ended.iter().any(|it| matches!(it, Err(RowError::NotFound))));
    assert_eq!(store.erasures().await.unwrap().len(), 1);
    let nobody = store
        .erase_account("m_nobody".into(), Writings::Keep, 9)
        .await;
    assert!(matches!(nobody, Err(RowError::NotFound)), "{nobody:?}");
    let last = store.erase_account(owner(), Writings::Keep, 9).await;
    assert!(matches!(last, Err(RowError::LastOwner)), "{last:?}");
    store.close().await;
}

async fn logs_are_gone_through_in_parts_and_taken_up_again(home: Home) {
    let store = ready(&home).await;
    with(&store, ROOM, vec![by_anna(1), entry(2), by_anna(3)], vec![]).await;
    let before = store.erasing();
    assert!(before.is_empty());
    erase(&store, Writings::Remove).await;
    store.erasure_begun(&before).await;
    assert_eq!(store.erasing().since(&before), [MemberId::from(ANNA)]);
    let begun = Erasure {
        member: ANNA.into(),
        writings: Writings::Remove,
        room: 0,
        seq: 0,
    };
    assert_eq!(
        store.erasures().await.unwrap(),
        std::slice::from_ref(&begun)
    );
    assert_eq!(store.room_above(0).await.unwrap(), Some((ROOM, CIRCLE)));
    assert_eq!(store.room_above(OTHER_ROOM).await.unwrap(), None);
    let half = Erasure {
        room: ROOM,
        seq: 2,
        ..begun
    };
    let part = vec![without_name(by_anna(1))];
    assert!(store.rewrite(half.clone(), CIRCLE, part).await.unwrap());
    // It is work that is left, whatever becomes of the process.
    store.close().await;
    let store = home.open();
    assert_eq!(store.erasures().await.unwrap(), std::slice::from_ref(&half));
    assert!(store.erasing().hides(&ANNA.into()));
    let read_before = store.load(ROOM).await.unwrap();
    let upto = Erasure { seq: 3, ..half };
    let part = vec![without_name(by_anna(3))];
    assert!(store.rewrite(upto, CIRCLE, part).await.unwrap());
    store.erased(ANNA.into()).await.unwrap();
    assert!(store.erasures().await.unwrap().is_empty());
    // Who read a log before it was gone through looks here afterwards.
    assert_eq!(read_before.tail.last().unwrap().author.name, NAME);
    assert!(store.erasing().hides(&ANNA.into()));
    let loaded = store.load(ROOM).await.unwrap();
    assert_eq!(loaded.last_seq, 3, "the seqs stay");
    for it in loaded.tail {
        assert!(it.author.name.is_empty() || it.seq == 2, "{it:?}");
        assert!(!String::from_utf8(it.body).unwrap().contains(NAME));
    }
    store.close().await;
    let store = home.open();
    assert!(store.erasing().is_empty(), "no log holds it any more");
    store.close().await;
}

async fn an_erasure_is_done_whole_though_nobody_waits_for_it(home: Home) {
    let store = ready(&home).await;
    let before = store.erasing();
    {
        let mut asked = pin!(store.erase_account(ANNA.into(), Writings::Keep, 99));
        let polled = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    let begun = store.erasure_begun(&before);
    tokio::time::timeout(SOON, begun).await.expect("in time");
    assert!(store.erasing().hides(&ANNA.into()));
    assert_eq!(store.erasures().await.unwrap().len(), 1);
    store.close().await;
}

async fn a_part_that_changed_meanwhile_is_read_again(home: Home) {
    let store = ready(&home).await;
    with(&store, ROOM, vec![by_anna(1), by_anna(2)], vec![]).await;
    erase(&store, Writings::Keep).await;
    let upto = Erasure {
        room: ROOM,
        seq: 2,
        ..store.erasures().await.unwrap().remove(0)
    };
    let edit = RowChange::Revise {
        seq: 2,
        body: b"edited".to_vec(),
    };
    with(&store, ROOM, vec![], vec![edit]).await;
    let part = vec![without_name(by_anna(1)), without_name(by_anna(2))];
    assert!(!store.rewrite(upto.clone(), CIRCLE, part).await.unwrap());
    assert_eq!(
        store.erasures().await.unwrap()[0].room,
        0,
        "nothing is noted"
    );
    let read = store.entry(ROOM, 2).await.unwrap().unwrap();
    assert_eq!(read.body, b"edited", "what was said since stays");
    let part = vec![without_name(by_anna(1)), without_name(read)];
    assert!(store.rewrite(upto, CIRCLE, part).await.unwrap());
    let read = store.entry(ROOM, 2).await.unwrap().unwrap();
    assert_eq!(
        (read.author.name.as_str(), read.body.as_slice()),
        ("", &b"edited"[..])
    );
    store.close().await;
}

async fn who_is_gone_is_told_of_nothing(home: Home) {
    let store = ready(&home).await;
    with(&store, ROOM, vec![by_anna(1)], vec![]).await;
    erase(&store, Writings::Keep).await;
    let like = RowChange::Like {
        of: 1,
        member: ANNA.into(),
        at_ms: Some(1),
    };
    let rows = vec![
        notice(2, ANNA, "m_ben"),
        notice(2, "m_owner", "m_ben"),
        like,
    ];
    with(&store, ROOM, vec![entry(2)], rows).await;
    assert!(
        store
            .notices(ANNA.into(), None, 9)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert_eq!(
        store
            .notices("m_owner".into(), None, 9)
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
    let mut it = topic("爬山", 7);
    it.by = person(ANNA);
    with(
        &store,
        OTHER_ROOM,
        vec![by_anna(1)],
        vec![RowChange::Topic(Box::new(it))],
    )
    .await;
    let (named, more) = store.askers(OTHER_ROOM, 9).await.unwrap();
    assert_eq!((named.len(), more), (0, 1), "counted, and not named");
    store.close().await;
}
