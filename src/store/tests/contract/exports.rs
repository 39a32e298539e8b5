//! What exports read and imports write: on either engine the same, a page at a time.

use protocol::{BlobKind, MemberId, Seq, topic::RoomKind};
use store::{
    BlobRow, LetterKind, NewAccount, NewBlob, NewBoard, NewRoom, OWN, Own, OwnValue, Role, RoomsOf,
    RowChange, RowError, Store, VoteRow, account_without_password,
};

use crate::disks::{
    CIRCLE, Home, ROOM, append, change, entry, on_both_engines, person, set_up, topic, with_id,
};

on_both_engines! {
    rooms_are_walked_by_age_with_where_their_logs_end
    likes_and_votes_are_walked_by_record_and_member_up_to_a_seq
    the_last_fact_of_a_kind_and_what_one_member_wrote_are_found
    what_is_shown_is_walked_and_what_is_out_of_sight_is_not
    every_list_of_what_is_ones_own_can_be_read_page_by_page
    a_circle_and_its_rooms_come_in_with_their_epochs_once
    an_import_that_was_cut_off_is_known_until_it_is_whole
    a_link_that_was_handed_over_sets_a_password_once
    who_only_reads_writes_nothing
}

async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 2).await;
    let anna = NewAccount {
        id: "m_anna".into(),
        name: "Anna".into(),
        password: "$hash".into(),
        made_ms: 2,
    };
    store.add_account(CIRCLE, Role::Member, anna).await.unwrap();
    store
}

async fn rooms_are_walked_by_age_with_where_their_logs_end(home: Home) {
    let store = ready(&home).await;
    let new = NewRoom {
        circle: CIRCLE,
        slug: "a-topic".into(),
        title: "t".into(),
        kind: RoomKind::Topic,
        guests: true,
        made_by: "m_anna".into(),
        // As old as the second room: then the address decides.
        made_ms: 2,
    };
    let number = store.add_room(new).await.unwrap().number;
    let mut it = topic("t", 2);
    it.board = Some("news".into());
    let mut part = append(number, vec![entry(1)]);
    part.rows = vec![RowChange::Topic(Box::new(it))];
    store.append(part).await.unwrap();
    store
        .append(append(ROOM, vec![entry(1), entry(2)]))
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .rooms_upto(RoomsOf::Circle(CIRCLE), after.clone(), 1)
            .await
            .unwrap();
        let Some(it) = page.into_iter().next() else {
            break;
        };
        after = Some((it.room.made_ms, it.room.slug.clone()));
        seen.push((it.room.slug.to_string(), it.upto));
    }
    let all = [("room-1", 2), ("a-topic", 1), ("room-2", 0)];
    assert_eq!(seen, all.map(|it| (it.0.to_owned(), it.1)));
    let of = |of| async { store.rooms_upto(of, None, 10).await.unwrap() };
    let board = of(RoomsOf::Board(CIRCLE, "news".into())).await;
    assert_eq!(board.len(), 1);
    assert_eq!(board[0].room.number, number);
    assert_eq!(of(RoomsOf::Board(CIRCLE, "else".into())).await, []);
    assert_eq!(of(RoomsOf::One(2)).await[0].room.slug, "room-2".into());
}

async fn likes_and_votes_are_walked_by_record_and_member_up_to_a_seq(home: Home) {
    let store = ready(&home).await;
    let records = (1..=3).map(entry).collect();
    store.append(append(ROOM, records)).await.unwrap();
    let mut rows = Vec::new();
    for (of, member) in [(3, "m_b"), (1, "m_b"), (1, "m_a"), (2, "m_a")] {
        rows.push(RowChange::Like {
            of,
            member: member.into(),
            at_ms: Some(10 + of),
        });
        let vote = VoteRow {
            of,
            member: member.into(),
            picks: 5,
        };
        rows.push(RowChange::Vote(vote, 20 + of));
    }
    store.append(change(ROOM, rows)).await.unwrap();
    let expected: [(Seq, &str); 3] = [(1, "m_a"), (1, "m_b"), (2, "m_a")];
    let expected = expected.map(|it| (it.0, MemberId::from(it.1)));
    let (mut likes, mut votes) = (Vec::new(), Vec::new());
    let mut after = None;
    while let Some(it) = store
        .likes_upto(ROOM, 2, after.clone(), 1)
        .await
        .unwrap()
        .pop()
    {
        assert_eq!(it.at_ms, 10 + it.of);
        after = Some((it.of, it.member.clone()));
        likes.push((it.of, it.member));
    }
    let mut after = None;
    while let Some((it, at_ms)) = store
        .votes_upto(ROOM, 2, after.clone(), 1)
        .await
        .unwrap()
        .pop()
    {
        assert_eq!((it.picks, at_ms), (5, 20 + it.of));
        after = Some((it.of, it.member.clone()));
        votes.push((it.of, it.member));
    }
    assert_eq!((likes, votes), (expected.to_vec(), expected.to_vec()));
}

async fn the_last_fact_of_a_kind_and_what_one_member_wrote_are_found(home: Home) {
    let store = ready(&home).await;
    let fact = |seq, kind| {
        let mut it = entry(seq);
        (it.kind, it.is_fact) = (kind, true);
        it
    };
    let mut others = entry(4);
    others.author = person("m_b");
    let records = vec![fact(1, 40), fact(2, 9), fact(3, 40), others, entry(5)];
    store.append(append(ROOM, records)).await.unwrap();
    let last = async |upto| {
        store
            .last_fact(ROOM, upto, 40)
            .await
            .unwrap()
            .map(|it| it.seq)
    };
    assert_eq!(
        (last(5).await, last(2).await, last(0).await),
        (Some(3), Some(1), None)
    );
    let wrote = async |span| {
        let found = store.written_by(ROOM, "m_anna".into(), span).await.unwrap();
        found.iter().map(|it| it.seq).collect::<Vec<Seq>>()
    };
    assert_eq!(wrote((0, 5)).await, [1, 2, 3, 5]);
    assert_eq!(wrote((1, 3)).await, [2, 3]);
}

async fn what_is_shown_is_walked_and_what_is_out_of_sight_is_not(home: Home) {
    let store = ready(&home).await;
    let blob = |name: char| BlobRow {
        id: name.to_string().repeat(64).into(),
        kind: BlobKind::Image,
        mime: "image/jpeg".into(),
        bytes: 1_000,
        size: Some((800, 600)),
        duration_ms: None,
        preview: None,
        preview_bytes: 0,
    };
    let mut part = append(ROOM, (1..=3).map(entry).collect());
    for (seq, name) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        let new = NewBlob {
            blob: blob(name),
            room: ROOM,
            member: "m_anna".into(),
            now_ms: 1,
            unsaid_ms: 1_000,
            room_max: 1_000_000,
            all_max: 1_000_000,
        };
        store.add_blob(new).await.unwrap();
        // The third shows what the first does.
        let blobs = match seq {
            3 => vec![blob('a').id, blob(name).id],
            _ => vec![blob(name).id],
        };
        part.rows.push(RowChange::Refer { seq, blobs });
    }
    part.rows.push(RowChange::Veil { seq: 2, on: true });
    store.append(part).await.unwrap();
    let shown = async |after, upto, n| store.blobs_shown(ROOM, after, upto, n).await.unwrap();
    let of = |name| Some(blob(name).id);
    assert_eq!(shown((1, None), 9, 1).await, [(1, blob('a'))]);
    assert_eq!(shown((1, of('a')), 9, 1).await, [(3, blob('a'))]);
    assert_eq!(
        shown((3, of('a')), 9, 9).await,
        [(3, blob('c'))],
        "a page may end within a message"
    );
    assert_eq!(shown((1, of('a')), 2, 9).await, []);
}

/// Each list is asked of both engines, so that no column is of another kind than it says.
async fn every_list_of_what_is_ones_own_can_be_read_page_by_page(home: Home) {
    let store = ready(&home).await;
    let mut part = append(ROOM, vec![with_id(1, "m_anna", "c1"), entry(2)]);
    for of in [1, 2] {
        part.rows.push(RowChange::Like {
            of,
            member: "m_anna".into(),
            at_ms: Some(of),
        });
    }
    store.append(part).await.unwrap();
    let read = async |list: &'static Own, from, n| {
        store
            .own_lines("m_anna".into(), list, from, n)
            .await
            .unwrap()
    };
    for list in OWN {
        let whole = read(list, 0, 10).await;
        let expected = match list.name {
            "account" => 1,
            "likes" => 2,
            _ => 0,
        };
        assert_eq!(whole.len(), expected, "{}", list.name);
        let pages = [read(list, 0, 1).await, read(list, 1, 1).await].concat();
        assert_eq!(pages, whole, "{}", list.name);
    }
    let account = &read(&OWN[0], 0, 1).await[0];
    let name = ("name", OwnValue::Text("Anna".into()));
    assert!(account.contains(&name), "{account:?}");
}

async fn a_circle_and_its_rooms_come_in_with_their_epochs_once(home: Home) {
    let store = home.open();
    store.put_set_up_code([1; 32]).await.unwrap();
    let new = || account_without_password("m_ming".into(), "小明".into(), 9);
    let people = vec![(new(), Role::Owner)];
    let twice = vec![(new(), Role::Owner), (new(), Role::Member)];
    let none = store.import_circle("读书会".into(), 7, twice).await;
    assert!(matches!(none, Err(RowError::NameTaken)), "{none:?}");
    assert_eq!(store.circle().await.unwrap(), None, "all of it or nothing");
    let circle = store
        .import_circle("读书会".into(), 7, people)
        .await
        .unwrap();
    assert_eq!((circle.name.as_str(), circle.made_ms), ("读书会", 7));
    assert_eq!(store.circle().await.unwrap(), Some(circle.clone()));
    assert_eq!(store.set_up_code().await.unwrap(), None);
    let again = store.import_circle("another".into(), 8, Vec::new()).await;
    assert!(matches!(again, Err(RowError::SetUpDone)), "{again:?}");
    let owner = store.account("m_ming".into()).await.unwrap().unwrap();
    assert_eq!((owner.role, owner.password.as_str()), (Role::Owner, ""));
    let room = NewRoom {
        circle: circle.id,
        slug: "hall".into(),
        title: "大厅".into(),
        kind: RoomKind::Live,
        guests: true,
        made_by: "m_ming".into(),
        made_ms: 10,
    };
    let made = store
        .import_room(room.clone(), "feedfacefeedface".into())
        .await
        .unwrap();
    assert_eq!(made.epoch.as_str(), "feedfacefeedface");
    let twice = store.import_room(room, "0000000000000000".into()).await;
    assert!(matches!(twice, Err(RowError::SlugTaken)), "{twice:?}");
    let board = NewBoard {
        circle: circle.id,
        slug: "news".into(),
        title: "新闻".into(),
        about: String::new(),
        rank: None,
    };
    let boards = store.put_board(board, "".into()).await.unwrap();
    assert_eq!(boards.len(), 1);
}

async fn an_import_that_was_cut_off_is_known_until_it_is_whole(home: Home) {
    let store = ready(&home).await;
    let act = store::NewAct {
        at_ms: 3_000,
        room: None,
        seq: None,
        by: person("operator"),
        what: "import".into(),
        whom: None,
        why: "circle".into(),
        until_ms: None,
    };
    let is_cut = async |it| store.is_import_cut([it; 32]).await.unwrap();
    assert!(!is_cut(1).await);
    for it in [1, 1, 2] {
        store.begin_import([it; 32]).await.unwrap();
    }
    assert!(is_cut(1).await && is_cut(2).await);
    store.end_import([1; 32], act.clone()).await.unwrap();
    assert!(!is_cut(1).await && is_cut(2).await);
    let of = store::ActsOf {
        n: 9,
        ..store::ActsOf::default()
    };
    let acts = store.acts(of).await.unwrap();
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0].act, act);
}

async fn a_link_that_was_handed_over_sets_a_password_once(home: Home) {
    let store = ready(&home).await;
    let kind = LetterKind::Password;
    store.note_link("m_anna".into(), kind, 1_000).await.unwrap();
    store.note_link("m_anna".into(), kind, 2_000).await.unwrap();
    assert_eq!(
        store.due_links(9_000).await.unwrap(),
        [],
        "no letter goes out"
    );
    let act = || store::NewAct {
        at_ms: 3_000,
        room: None,
        seq: None,
        by: person("m_anna"),
        what: "password_reset".into(),
        whom: None,
        why: String::new(),
        until_ms: None,
    };
    let set = |made_ms| store.reset_password("m_anna".into(), made_ms, "$new".into(), act());
    assert_eq!(set(1_000).await.unwrap(), None, "there is a newer one");
    let account = set(2_000).await.unwrap().expect("it is good");
    assert_eq!(account.password, "$new");
    assert_eq!(set(2_000).await.unwrap(), None, "once");
}

async fn who_only_reads_writes_nothing(home: Home) {
    let store = ready(&home).await;
    store.append(append(ROOM, vec![entry(1)])).await.unwrap();
    let beside = {
        let _still = crate::postgres::nobody_is_born();
        Store::beside(home.folder.path(), &home.config).unwrap()
    };
    let page = beside.page(ROOM, store::PageOf::Last, 10).await.unwrap();
    assert_eq!(page.entries, [entry(1)]);
    let written = beside.append(append(ROOM, vec![entry(2)])).await;
    assert_eq!(written, Err(store::AppendError::Unavailable));
    let written = beside.put_set_up_code([1; 32]).await;
    assert!(matches!(written, Err(RowError::Unavailable)), "{written:?}");
    // The server goes on meanwhile, and is read.
    store.append(append(ROOM, vec![entry(2)])).await.unwrap();
    let page = beside.page(ROOM, store::PageOf::Last, 10).await.unwrap();
    assert_eq!(page.entries.len(), 2);
    beside.close().await;
    store.close().await;
}
