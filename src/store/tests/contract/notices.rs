//! Notices: there once, folded where one sender floods, bounded, and gone with their message.

use protocol::{
    limits,
    notices::NoticeKind,
    server::{Mark, Person},
};
use store::{Append, NewAccount, NoticeRow, Role, RowChange, Store};

use crate::disks::{CIRCLE, Home, OTHER_ROOM, ROOM, append, entry, on_both_engines, set_up};

on_both_engines! {
    n2_a_notice_is_there_once_and_only_for_who_has_an_account
    n2_words_follow_an_edit_and_go_with_the_message
    n4_a_flood_of_one_sender_is_folded_and_others_still_come_through
    n4_the_newest_are_kept_and_come_in_pages
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 2).await;
    let ann = NewAccount {
        id: "m_ann".into(),
        name: "Ann".into(),
        password: "$hash".into(),
        made_ms: 1,
    };
    store.add_account(CIRCLE, Role::Member, ann).await.unwrap();
    store
}

fn from(id: &str) -> Person {
    Person {
        id: id.into(),
        name: format!("name of {id}"),
        mark: Mark::Member,
    }
}

fn notice(seq: u64, sender: &str, text: &str) -> NoticeRow {
    NoticeRow {
        member: "m_ann".into(),
        kind: NoticeKind::Mention,
        seq,
        at_ms: 1_000_000 + seq,
        from: from(sender),
        text: text.into(),
    }
}

fn with(room: u32, seq: u64, rows: Vec<RowChange>) -> Append {
    Append {
        rows,
        ..append(room, vec![entry(seq)])
    }
}

async fn tell(store: &Store, room: u32, row: NoticeRow) {
    let part = with(room, row.seq, vec![RowChange::Notice(row)]);
    assert_eq!(store.append(part).await, Ok(()));
}

async fn texts(store: &Store) -> Vec<String> {
    let found = store.notices("m_ann".into(), None, 1_000).await.unwrap();
    found.rows.into_iter().map(|it| it.text).collect()
}

async fn n2_a_notice_is_there_once_and_only_for_who_has_an_account(home: Home) {
    let store = ready(&home).await;
    let guest = NoticeRow {
        member: "g_1".into(),
        ..notice(1, "m_owner", "to a guest")
    };
    let rows = vec![
        RowChange::Notice(notice(1, "m_owner", "first")),
        RowChange::Notice(notice(1, "m_owner", "again")),
        RowChange::Notice(guest),
    ];
    assert_eq!(store.append(with(ROOM, 1, rows)).await, Ok(()));
    assert_eq!(texts(&store).await, ["first"]);
    assert_eq!(store.unread_notices("m_ann".into()).await.unwrap(), Some(1));
    assert_eq!(store.unread_notices("g_1".into()).await.unwrap(), None);
    // An append that is left out takes its notices with it.
    let twice = with(
        ROOM,
        1,
        vec![RowChange::Notice(notice(9, "m_owner", "lost"))],
    );
    assert!(store.append(twice).await.is_err());
    assert_eq!(texts(&store).await, ["first"]);
}

async fn n2_words_follow_an_edit_and_go_with_the_message(home: Home) {
    let store = ready(&home).await;
    tell(&store, ROOM, notice(1, "m_owner", "before")).await;
    tell(&store, OTHER_ROOM, notice(1, "m_owner", "elsewhere")).await;
    let edit = RowChange::NoticeText {
        seq: 1,
        text: "after".into(),
    };
    assert_eq!(store.append(with(ROOM, 2, vec![edit])).await, Ok(()));
    assert_eq!(texts(&store).await, ["elsewhere", "after"]);
    let erase = RowChange::Erase {
        seq: 1,
        left: b"{}".to_vec(),
    };
    assert_eq!(store.append(with(ROOM, 3, vec![erase])).await, Ok(()));
    assert_eq!(texts(&store).await, ["elsewhere", ""]);
}

async fn n4_a_flood_of_one_sender_is_folded_and_others_still_come_through(home: Home) {
    let store = ready(&home).await;
    let many = limits::NOTICES_FROM_ONE_MAX as u64;
    for seq in 1..=many + 3 {
        tell(&store, ROOM, notice(seq, "m_flood", &format!("{seq}"))).await;
    }
    tell(&store, ROOM, notice(many + 4, "m_owner", "other")).await;
    let found = store.notices("m_ann".into(), None, 100).await.unwrap();
    assert_eq!(found.rows.len(), limits::NOTICES_FROM_ONE_MAX + 1);
    let folded = &found.rows[1];
    assert_eq!((folded.more, folded.s), (3, Some(many + 3)));
    // Seen: what comes now is news again.
    let left = store.notices_seen("m_ann".into(), folded.id).await.unwrap();
    assert_eq!(left, 1);
    tell(&store, ROOM, notice(many + 5, "m_flood", "news")).await;
    assert_eq!(texts(&store).await[0], "news");
    // Each is taken to be told once; what was folded, with what it says now.
    let untold = store
        .take_untold_notices(1, limits::MAIL_AFTER)
        .await
        .unwrap();
    assert_eq!(untold.len(), limits::NOTICES_FROM_ONE_MAX + 2);
    assert!(untold.iter().all(|it| it.push));
    assert_eq!(
        store
            .take_untold_notices(1, limits::MAIL_AFTER)
            .await
            .unwrap(),
        []
    );
}

async fn n4_the_newest_are_kept_and_come_in_pages(home: Home) {
    let store = ready(&home).await;
    let kept = limits::NOTICES_KEPT_MAX as u64;
    for seq in 1..=kept + 7 {
        tell(
            &store,
            ROOM,
            notice(seq, &format!("m_{seq}"), &format!("{seq}")),
        )
        .await;
    }
    let all = texts(&store).await;
    assert_eq!(all.len(), limits::NOTICES_KEPT_MAX);
    assert_eq!(
        (all[0].as_str(), all.last().unwrap().as_str()),
        ("507", "8")
    );
    let first = store.notices("m_ann".into(), None, 300).await.unwrap();
    let after = first.rows.last().map(|it| it.id);
    let second = store.notices("m_ann".into(), after, 300).await.unwrap();
    assert_eq!((first.more, second.more), (true, false));
    assert_eq!(
        first.rows.len() + second.rows.len(),
        limits::NOTICES_KEPT_MAX
    );
}
