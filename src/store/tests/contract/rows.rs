//! The rows beside the log.

use protocol::{MemberId, server::Phase};
use store::{
    Account, ActsOf, Append, BroadcastRow, Chain, Entry, GuestDevice, MembersOf, NewAccount,
    NewAct, NewRoom, Role, RowChange, RowError, SignIn, Store, StreamKey,
};

use crate::disks::{CIRCLE, Home, ROOM, append, entry, on_both_engines, person, set_up};

on_both_engines! {
    the_server_keeps_its_first_secret
    a_server_is_set_up_once
    only_one_of_many_set_ups_at_once_succeeds
    a_name_that_looks_the_same_is_taken
    a_circle_keeps_its_last_owner
    a_sign_in_is_good_until_it_is_signed_out
    signing_out_everywhere_ends_every_sign_in_and_token
    a_device_is_always_the_same_guest
    a_room_has_a_slug_of_its_own_and_an_epoch
    the_home_page_lists_live_rooms_first
    a_broadcast_goes_through_its_phases_and_the_next_one_follows
    a_broadcast_is_one_rooms
    a_stream_key_opens_its_room_until_it_is_revoked
    a_failed_query_neither_changes_a_row_nor_breaks_the_store
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 1).await;
    store
}

fn account(id: &str, name: &str) -> NewAccount {
    NewAccount {
        id: id.into(),
        name: name.into(),
        password: format!("$hash of {id}"),
        made_ms: 5,
    }
}

fn act(by: &str, what: &str, at_ms: u64) -> NewAct {
    NewAct {
        at_ms,
        room: None,
        seq: None,
        by: person(by),
        what: what.to_owned(),
        whom: None,
        why: String::new(),
        until_ms: None,
    }
}

async fn add(store: &Store, id: &str, name: &str) -> Result<Account, RowError> {
    store
        .add_account(CIRCLE, Role::Member, account(id, name))
        .await
}

async fn the_server_keeps_its_first_secret(home: Home) {
    let store = home.open();
    assert_eq!(store.server_secret([1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.server_secret([2; 32]).await.unwrap(), [1; 32]);
    store.close().await;
    let store = home.open();
    assert_eq!(store.server_secret([3; 32]).await.unwrap(), [1; 32]);
}

async fn a_server_is_set_up_once(home: Home) {
    let store = home.open();
    assert_eq!(store.circle().await.unwrap(), None);
    assert_eq!(store.set_up_code().await.unwrap(), None);
    store.put_set_up_code([1; 32]).await.unwrap();
    store.put_set_up_code([2; 32]).await.unwrap();
    assert_eq!(store.set_up_code().await.unwrap(), Some([2; 32]));
    let owner = store
        .set_up("微圈".into(), account("m_1", "Anna"))
        .await
        .unwrap();
    assert_eq!(
        (owner.role, owner.name.as_str(), owner.token_epoch),
        (Role::Owner, "Anna", 0)
    );
    assert_eq!(store.circle().await.unwrap().unwrap().name, "微圈");
    assert_eq!(
        store.set_up_code().await.unwrap(),
        None,
        "the code is used up"
    );
    let again = store.set_up("Another".into(), account("m_2", "Ben")).await;
    assert!(matches!(again, Err(RowError::SetUpDone)));
    assert_eq!(store.account("m_2".into()).await.unwrap(), None);
    let all = store
        .members(owner.circle, MembersOf::default(), 9)
        .await
        .unwrap();
    assert_eq!((all.count, &all.rows[0].id), (1, &owner.id));
}

async fn only_one_of_many_set_ups_at_once_succeeds(home: Home) {
    let store = home.open();
    let all: Vec<_> = (0..20)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .set_up(
                        "Circle".into(),
                        account(&format!("m_{n}"), &format!("n{n}")),
                    )
                    .await
            })
        })
        .collect();
    let mut made = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error, RowError::SetUpDone), "{error}"),
        }
    }
    assert_eq!(made, 1);
}

async fn a_name_that_looks_the_same_is_taken(home: Home) {
    let store = ready(&home).await;
    let anna = add(&store, "m_anna", "Anna Li").await.unwrap();
    assert_eq!(
        (anna.role, anna.circle, anna.made_ms),
        (Role::Member, CIRCLE, 5)
    );
    for name in ["Anna Li", "anna li", "ＡＮＮＡ　ＬＩ", " Anna \u{200B} Li "] {
        let taken = add(&store, "m_other", name).await;
        assert!(
            matches!(taken, Err(RowError::NameTaken)),
            "{name}: {taken:?}"
        );
        assert_eq!(store.account_by_name(name).await.unwrap().unwrap(), anna);
    }
    assert_eq!(store.account("m_other".into()).await.unwrap(), None);
    assert_eq!(store.account_by_name("Anna L").await.unwrap(), None);
    assert_eq!(store.account("m_anna".into()).await.unwrap(), Some(anna));
}

async fn a_circle_keeps_its_last_owner(home: Home) {
    let store = ready(&home).await;
    add(&store, "m_anna", "Anna").await.unwrap();
    let owner: MemberId = "m_owner".into();
    let refused = store.set_role(CIRCLE, owner.clone(), Role::Member).await;
    assert!(matches!(refused, Err(RowError::LastOwner)));
    store
        .set_role(CIRCLE, "m_anna".into(), Role::Owner)
        .await
        .unwrap();
    store
        .set_role(CIRCLE, owner.clone(), Role::Moderator)
        .await
        .unwrap();
    assert_eq!(
        store.account(owner.clone()).await.unwrap().unwrap().role,
        Role::Moderator
    );
    let refused = store.set_role(CIRCLE, "m_anna".into(), Role::Member).await;
    assert!(matches!(refused, Err(RowError::LastOwner)));
    for (circle, id) in [(CIRCLE, "m_nobody"), (CIRCLE + 1, "m_owner")] {
        let refused = store.set_role(circle, id.into(), Role::Member).await;
        assert!(matches!(refused, Err(RowError::NotFound)), "{id}");
    }
}

async fn a_sign_in_is_good_until_it_is_signed_out(home: Home) {
    let store = ready(&home).await;
    let anna = add(&store, "m_anna", "Anna").await.unwrap();
    let sign_in = |n: u8| SignIn {
        hash: [n; 32],
        account: anna.id.clone(),
        device: format!("device {n}"),
        made_ms: 10,
        used_ms: 10 + u64::from(n),
    };
    for n in 1..=3 {
        store.add_sign_in(sign_in(n)).await.unwrap();
    }
    let (found, whose) = store.sign_in([2; 32]).await.unwrap().unwrap();
    assert_eq!((found, whose), (sign_in(2), anna.clone()));
    store.touch_sign_in([1; 32], 99).await.unwrap();
    let order: Vec<u8> = store
        .sign_ins(anna.id.clone())
        .await
        .unwrap()
        .iter()
        .map(|it| it.hash[0])
        .collect();
    assert_eq!(order, [1, 3, 2], "the latest used first");
    store.remove_sign_in([1; 32]).await.unwrap();
    assert_eq!(store.sign_in([1; 32]).await.unwrap(), None);
    assert!(matches!(
        store.touch_sign_in([1; 32], 100).await,
        Err(RowError::NotFound)
    ));
    assert_eq!(store.remove_sign_ins_unused_since(13).await.unwrap(), 1);
    assert_eq!(store.sign_in([2; 32]).await.unwrap(), None);
    assert!(store.sign_in([3; 32]).await.unwrap().is_some());
}

async fn signing_out_everywhere_ends_every_sign_in_and_token(home: Home) {
    let store = ready(&home).await;
    let anna = add(&store, "m_anna", "Anna").await.unwrap();
    for (n, account) in [(1, "m_anna"), (2, "m_anna"), (3, "m_owner")] {
        let device = String::new();
        let new = SignIn {
            hash: [n; 32],
            account: account.into(),
            device,
            made_ms: 1,
            used_ms: 1,
        };
        store.add_sign_in(new).await.unwrap();
    }
    let out = |id| act(id, "sign_out_everywhere", 9);
    assert_eq!(store.sign_out_everywhere(out("m_anna")).await.unwrap(), 1);
    assert_eq!(
        store
            .account(anna.id.clone())
            .await
            .unwrap()
            .unwrap()
            .token_epoch,
        1
    );
    assert_eq!(store.sign_ins(anna.id).await.unwrap(), []);
    assert!(
        store.sign_in([3; 32]).await.unwrap().is_some(),
        "another account's stay"
    );
    let nobody = store.sign_out_everywhere(out("m_nobody")).await;
    assert!(matches!(nobody, Err(RowError::NotFound)));
    assert_eq!(store.verify_audit().await.unwrap(), Chain::Whole(1));
}

async fn a_device_is_always_the_same_guest(home: Home) {
    let store = ready(&home).await;
    let wish = |device: u8, id: &str, name: Option<&str>, now_ms| GuestDevice {
        circle: CIRCLE,
        device: [device; 32],
        new_id: id.into(),
        name: name.map(Into::into),
        made_name: "Guest 7".into(),
        now_ms,
    };
    let first = store.guest(wish(1, "g_1", None, 10)).await.unwrap();
    assert_eq!(
        (first.id.as_str(), first.name.as_str(), first.made_ms),
        ("g_1", "Guest 7", 10)
    );
    let named = store.guest(wish(1, "g_2", Some("小红"), 20)).await.unwrap();
    assert_eq!((named.id.as_str(), named.name.as_str()), ("g_1", "小红"));
    assert_eq!((named.made_ms, named.seen_ms), (10, 20));
    let again = store.guest(wish(1, "g_3", None, 30)).await.unwrap();
    assert_eq!(again.name, "小红", "saying no name keeps the name");
    let other = store.guest(wish(2, "g_4", None, 30)).await.unwrap();
    assert_eq!(other.id.as_str(), "g_4");
    assert_eq!(store.guest_by_id("g_1".into()).await.unwrap(), Some(again));
    assert_eq!(store.guest_by_id("g_2".into()).await.unwrap(), None);
}

async fn a_room_has_a_slug_of_its_own_and_an_epoch(home: Home) {
    let store = ready(&home).await;
    let new = |slug: &str| NewRoom {
        circle: CIRCLE,
        slug: slug.into(),
        title: "晚间直播".into(),
        kind: protocol::topic::RoomKind::Live,
        guests: false,
        made_by: "m_owner".into(),
        made_ms: 77,
    };
    let made = store.add_room(new("evening")).await.unwrap();
    assert_eq!(
        (made.made_by_name.as_str(), made.guests, made.made_ms),
        ("Owner", false, 77)
    );
    assert_eq!(made.epoch.as_str().len(), 16);
    assert!(matches!(
        store.add_room(new("evening")).await,
        Err(RowError::SlugTaken)
    ));
    let other = store.add_room(new("morning")).await.unwrap();
    assert_ne!(other.epoch, made.epoch);
    assert_eq!(
        store.room("evening".into()).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(store.room("night".into()).await.unwrap(), None);
    let changed = store
        .set_room(made.number, "New".into(), true)
        .await
        .unwrap();
    assert_eq!((changed.title.as_str(), changed.guests), ("New", true));
    assert_eq!(
        store.room_by_number(made.number).await.unwrap(),
        Some(changed)
    );
    let nowhere = store.set_room(99, "New".into(), true).await;
    assert!(matches!(nowhere, Err(RowError::NotFound)));
    assert_eq!(store.load(made.number).await.unwrap().epoch, made.epoch);
}

fn broadcast(id: &str, phase: Phase, live_ms: Option<u64>) -> BroadcastRow {
    BroadcastRow {
        id: id.into(),
        phase,
        title: format!("title of {id}"),
        host: person("m_anna"),
        starts_ms: None,
        live_ms,
        ended_ms: None,
        turnout: None,
    }
}

async fn put(store: &Store, room: u32, seq: u64, row: BroadcastRow) {
    let part = Append {
        rows: vec![RowChange::Broadcast(row)],
        ..append(
            room,
            vec![Entry {
                is_fact: true,
                ..entry(seq)
            }],
        )
    };
    assert_eq!(store.append(part).await, Ok(()));
}

async fn the_home_page_lists_live_rooms_first(home: Home) {
    let store = home.open();
    set_up(&store, 7).await;
    // Room 1 has none, and room 7 has only an archived one.
    put(&store, 2, 1, broadcast("ended", Phase::Ended, Some(50))).await;
    put(&store, 3, 1, broadcast("live-old", Phase::Live, Some(60))).await;
    let later = BroadcastRow {
        starts_ms: Some(900),
        ..broadcast("plan", Phase::Scheduled, None)
    };
    put(&store, 4, 1, later).await;
    put(&store, 5, 1, broadcast("live-new", Phase::Live, Some(70))).await;
    put(&store, 6, 1, broadcast("open", Phase::Open, None)).await;
    put(
        &store,
        7,
        1,
        broadcast("archived", Phase::Archived, Some(99)),
    )
    .await;
    let listed = store.rooms(CIRCLE, 100).await.unwrap();
    let order: Vec<_> = listed.iter().map(|it| it.room.number).collect();
    assert_eq!(order[..4], [5, 3, 6, 4]);
    let current = |n: usize| {
        listed[n]
            .broadcast
            .as_ref()
            .map(|it| it.id.as_str().to_owned())
    };
    assert_eq!(current(0).as_deref(), Some("live-new"));
    assert_eq!(
        listed[0].broadcast,
        Some(broadcast("live-new", Phase::Live, Some(70)))
    );
    let seven = listed.iter().find(|it| it.room.number == 7).unwrap();
    assert_eq!(seven.broadcast, None);
    assert_eq!(store.rooms(CIRCLE, 2).await.unwrap().len(), 2);
    assert_eq!(store.rooms(CIRCLE + 1, 9).await.unwrap(), []);
}

async fn a_broadcast_goes_through_its_phases_and_the_next_one_follows(home: Home) {
    let store = ready(&home).await;
    assert_eq!(store.current_broadcast(ROOM).await.unwrap(), None);
    put(&store, ROOM, 1, broadcast("b1", Phase::Open, None)).await;
    put(&store, ROOM, 2, broadcast("b1", Phase::Live, Some(5))).await;
    assert_eq!(
        store.current_broadcast(ROOM).await.unwrap(),
        Some(broadcast("b1", Phase::Live, Some(5)))
    );
    let ended = BroadcastRow {
        ended_ms: Some(9),
        turnout: None,
        ..broadcast("b1", Phase::Archived, Some(5))
    };
    put(&store, ROOM, 3, ended.clone()).await;
    assert_eq!(store.current_broadcast(ROOM).await.unwrap(), None);
    let next = broadcast("b2", Phase::Open, None);
    put(&store, ROOM, 4, next.clone()).await;
    assert_eq!(
        store.current_broadcast(ROOM).await.unwrap(),
        Some(next.clone())
    );
    assert_eq!(store.broadcasts(ROOM, 9).await.unwrap(), [next, ended]);
    assert_eq!(store.broadcasts(ROOM, 1).await.unwrap().len(), 1);
}

async fn a_broadcast_is_one_rooms(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    put(&store, 1, 1, broadcast("b1", Phase::Open, None)).await;
    let stolen = Append {
        rows: vec![RowChange::Broadcast(broadcast("b1", Phase::Live, None))],
        ..append(2, vec![entry(1)])
    };
    assert!(matches!(
        store.append(stolen).await,
        Err(store::AppendError::Invalid(_))
    ));
    assert_eq!(store.load(2).await.unwrap().last_seq, 0);
    assert_eq!(
        store.current_broadcast(1).await.unwrap().unwrap().phase,
        Phase::Open
    );
}

async fn a_stream_key_opens_its_room_until_it_is_revoked(home: Home) {
    let store = ready(&home).await;
    let key = |id: &str, made_ms| StreamKey {
        id: id.into(),
        room: ROOM,
        account: "m_owner".into(),
        label: format!("OBS {id}"),
        made_ms,
        used_ms: None,
    };
    for (it, hash) in [(key("k1", 2), [1; 32]), (key("k2", 1), [2; 32])] {
        let made = act("m_owner", "stream_key", 1);
        store.add_stream_key(it, hash, made).await.unwrap();
    }
    assert_eq!(store.stream_key([1; 32]).await.unwrap(), Some(key("k1", 2)));
    assert_eq!(store.stream_key([3; 32]).await.unwrap(), None);
    assert_eq!(
        store.stream_keys(ROOM).await.unwrap(),
        [key("k2", 1), key("k1", 2)]
    );
    store.touch_stream_key("k1".into(), 50).await.unwrap();
    store.touch_stream_key("k1".into(), 40).await.unwrap();
    assert_eq!(
        store.stream_key([1; 32]).await.unwrap().unwrap().used_ms,
        Some(50)
    );
    let revoked = |at_ms| act("m_owner", "revoke_stream_key", at_ms);
    let elsewhere = store.revoke_stream_key(ROOM + 1, "k1".into(), revoked(60));
    let elsewhere = elsewhere.await;
    assert!(
        matches!(elsewhere, Err(RowError::NotFound)),
        "a key is revoked by its own room"
    );
    store
        .revoke_stream_key(ROOM, "k1".into(), revoked(60))
        .await
        .unwrap();
    let twice = store
        .revoke_stream_key(ROOM, "k1".into(), revoked(61))
        .await;
    assert!(matches!(twice, Err(RowError::NotFound)));
    assert_eq!(store.stream_key([1; 32]).await.unwrap(), None);
    assert_eq!(store.stream_keys(ROOM).await.unwrap(), [key("k2", 1)]);
    let acts = store
        .acts(ActsOf {
            n: 9,
            ..ActsOf::default()
        })
        .await
        .unwrap();
    let acts: Vec<_> = acts.into_iter().map(|it| it.act.what).collect();
    assert_eq!(
        acts,
        ["revoke_stream_key", "stream_key", "stream_key"],
        "what failed is no act"
    );
}

async fn a_failed_query_neither_changes_a_row_nor_breaks_the_store(home: Home) {
    let store = ready(&home).await;
    let nobody = SignIn {
        hash: [1; 32],
        account: "m_nobody".into(),
        device: String::new(),
        made_ms: 1,
        used_ms: 1,
    };
    assert!(matches!(
        store.add_sign_in(nobody).await,
        Err(RowError::Failed(_))
    ));
    assert_eq!(store.health(), store::Health::Well);
    assert_eq!(store.sign_in([1; 32]).await.unwrap(), None);
    assert_eq!(store.append(append(ROOM, vec![entry(1)])).await, Ok(()));
}
