//! Lists of topics, and where members are in them: on either engine the same.

use protocol::{
    BroadcastId, MemberId, RoomNumber, Seq, Slug,
    notices::NoticeKind,
    topic::{Board, Following, RoomKind, Topic, TopicKind, TopicPlace, TopicStatus},
};
use store::{
    Append, Entry, Heat, NewAccount, NewBoard, NewRoom, NoticeToBoardRow, Role, RowChange, Store,
    TopicOrder, TopicTalk, TopicsOf,
};

use crate::disks::{CIRCLE, Home, append, entry, on_both_engines, person, set_up, topic};

on_both_engines! {
    pages_follow_each_other_in_every_order
    a_list_is_narrowed_down_by_everything_that_is_asked
    questions_wait_until_somebody_replies
    the_hottest_come_first_and_the_others_not_at_all
    what_is_unread_is_counted_by_member
    of_merged_topics_each_who_likes_counts_once
    a_board_is_followed_and_tells
    a_recap_is_found_by_what_it_tells_of
}

/// The second of a topic's opening in these tests.
fn at(room: RoomNumber) -> u64 {
    1_000 * u64::from(room)
}

fn question(room: RoomNumber) -> Topic {
    Topic {
        kind: TopicKind::Question,
        ..topic(&format!("topic {room}"), at(room))
    }
}

fn said(seq: Seq, at_ms: u64, by: &str) -> RowChange {
    RowChange::TopicTalk(TopicTalk::Said {
        seq,
        at_ms,
        by: person(by),
    })
}

/// Four topics with their openings: 1 is pinned, 2 on a board, 3 has a tag, 4 is for members.
pub(crate) async fn ready(home: &Home) -> Store {
    let store = home.open();
    set_up(&store, 0).await;
    let anna = NewAccount {
        id: "m_anna".into(),
        name: "Anna".into(),
        password: "$hash".into(),
        made_ms: 2,
    };
    store.add_account(CIRCLE, Role::Member, anna).await.unwrap();
    for room in 1..=4 {
        let new = NewRoom {
            circle: CIRCLE,
            slug: format!("t{room}").into(),
            title: format!("topic {room}"),
            kind: RoomKind::Topic,
            guests: room != 4,
            made_by: "m_anna".into(),
            made_ms: at(room),
        };
        assert_eq!(store.add_room(new).await.unwrap().number, room);
        let mut it = question(room);
        it.pinned = room == 1;
        it.board = (room == 2).then(|| Slug::new("news".to_owned()));
        it.tags = (room == 3).then(|| "周末".to_owned()).into_iter().collect();
        it.featured = room == 3;
        if room == 2 {
            it.kind = TopicKind::Feedback;
        }
        let opening = TopicTalk::Opening {
            text: "how it begins".to_owned(),
        };
        let rows = vec![
            RowChange::Topic(Box::new(it)),
            said(2, at(room), "m_anna"),
            RowChange::TopicTalk(opening),
        ];
        // What the topic is comes first, and is no message.
        let first = Entry {
            kind: 20,
            ..entry(1)
        };
        let records = vec![first, entry(2)];
        put(
            &store,
            Append {
                rows,
                ..append(room, records)
            },
        )
        .await;
    }
    store
}

pub(crate) async fn put(store: &Store, part: Append) {
    store.append(part).await.unwrap();
}

async fn reply(store: &Store, room: RoomNumber, seq: Seq, at_ms: u64) {
    let rows = vec![said(seq, at_ms, "m_owner")];
    put(
        store,
        Append {
            rows,
            ..append(room, vec![entry(seq)])
        },
    )
    .await;
}

async fn list(store: &Store, of: TopicsOf) -> Vec<RoomNumber> {
    let (rows, more) = store.topics(of, 50).await.unwrap();
    assert!(!more);
    rows.iter().map(|it| it.room).collect()
}

/// The same, walked in pages of one.
async fn walk(store: &Store, mut of: TopicsOf) -> Vec<RoomNumber> {
    let mut seen = Vec::new();
    loop {
        let (rows, more) = store.topics(of.clone(), 1).await.unwrap();
        seen.extend(rows.iter().map(|it| it.room));
        if !more {
            return seen;
        }
        of.after = rows.last().map(|it| it.cursor(of.order));
    }
}

async fn pages_follow_each_other_in_every_order(home: Home) {
    let store = ready(&home).await;
    for room in 1..=4 {
        let following = Following::Yes;
        let owner = "m_owner".into();
        store.set_following(owner, room, following).await.unwrap();
    }
    let asker = Some("m_owner".into());
    let of = |order| TopicsOf {
        order,
        asker: asker.clone(),
        ..TopicsOf::default()
    };
    let fresh = of(TopicOrder::Fresh);
    assert_eq!(list(&store, fresh.clone()).await, [1, 4, 3, 2]);
    let waiting = of(TopicOrder::Unanswered { by_ms: at(4) });
    assert_eq!(list(&store, waiting.clone()).await, [1, 3, 4]);
    let news = of(TopicOrder::News);
    assert_eq!(list(&store, news.clone()).await, [0; 0]);
    for (room, at_ms) in [(2, 10_000), (3, 11_000)] {
        let rows = vec![said(3, at_ms, "m_anna")];
        put(
            &store,
            Append {
                rows,
                ..append(room, vec![entry(3)])
            },
        )
        .await;
    }
    assert_eq!(list(&store, news.clone()).await, [3, 2]);
    for of in [fresh, waiting, news] {
        assert_eq!(walk(&store, of.clone()).await, list(&store, of).await);
    }
}

async fn the_hottest_come_first_and_the_others_not_at_all(home: Home) {
    let store = ready(&home).await;
    let now_ms = 1_795_000_000_000;
    // In 2 one talks to oneself, in 3 two talk, in 4 they talk more; 1 was opened, long ago.
    let talks = [
        (2, vec!["m_anna"; 24]),
        (3, ["m_anna", "m_owner"].repeat(10)),
        (4, ["m_anna", "m_owner"].repeat(12)),
    ];
    for (room, writers) in talks {
        for (seq, by) in (3..).zip(writers) {
            let rows = vec![said(seq, now_ms, by)];
            let part = append(room, vec![entry(seq)]);
            put(&store, Append { rows, ..part }).await;
        }
    }
    let hot_at = |now_ms| TopicsOf {
        order: TopicOrder::Hot {
            from: Heat::hot_from(now_ms),
        },
        ..TopicsOf::default()
    };
    assert_eq!(list(&store, hot_at(now_ms)).await, [4, 3]);
    assert_eq!(walk(&store, hot_at(now_ms)).await, [4, 3]);
    let tagged = TopicsOf {
        tag: Some("周末".to_owned()),
        ..hot_at(now_ms)
    };
    assert_eq!(list(&store, tagged).await, [3]);
    assert_eq!(list(&store, hot_at(now_ms + 600_000)).await, [0; 0]);
}

async fn a_list_is_narrowed_down_by_everything_that_is_asked(home: Home) {
    let store = ready(&home).await;
    let all = TopicsOf::default;
    for (of, expect) in [
        (
            TopicsOf {
                board: Some("news".into()),
                ..all()
            },
            &[2][..],
        ),
        (
            TopicsOf {
                tag: Some("周末".into()),
                ..all()
            },
            &[3],
        ),
        (
            TopicsOf {
                kind: Some(TopicKind::Question),
                ..all()
            },
            &[1, 4, 3],
        ),
        (
            TopicsOf {
                status: Some(TopicStatus::Open),
                ..all()
            },
            &[1, 4, 3, 2],
        ),
        (
            TopicsOf {
                status: Some(TopicStatus::Done),
                ..all()
            },
            &[],
        ),
        (
            TopicsOf {
                starter: Some("m_anna".into()),
                ..all()
            },
            &[1, 4, 3, 2],
        ),
        (
            TopicsOf {
                starter: Some("m_owner".into()),
                ..all()
            },
            &[],
        ),
        (
            TopicsOf {
                featured: true,
                ..all()
            },
            &[3],
        ),
        (
            TopicsOf {
                for_guests: true,
                ..all()
            },
            &[1, 3, 2],
        ),
        (
            TopicsOf {
                tag: Some("周末".into()),
                board: Some("news".into()),
                ..all()
            },
            &[],
        ),
    ] {
        assert_eq!(list(&store, of.clone()).await, expect, "{of:?}");
    }
    assert_eq!(
        store.tags(true, 10).await.unwrap(),
        [("周末".to_owned(), 1)]
    );
    let open = store.open_topics(10).await.unwrap();
    let slugs: Vec<&str> = open.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(slugs, ["t3", "t2", "t1"]);
}

async fn questions_wait_until_somebody_replies(home: Home) {
    let store = ready(&home).await;
    let waiting = |by_ms| TopicsOf {
        order: TopicOrder::Unanswered { by_ms },
        ..TopicsOf::default()
    };
    assert_eq!(list(&store, waiting(at(1) - 1)).await, [0; 0]);
    assert_eq!(
        list(&store, waiting(at(3))).await,
        [1, 3],
        "no feedback, none too young"
    );
    reply(&store, 1, 3, 20_000).await;
    assert_eq!(list(&store, waiting(at(4))).await, [3, 4]);
    let gone = RowChange::TopicTalk(TopicTalk::Gone { seq: 3 });
    put(
        &store,
        Append {
            rows: vec![gone],
            ..append(1, vec![entry(4)])
        },
    )
    .await;
    assert_eq!(
        list(&store, waiting(at(4))).await,
        [1, 3, 4],
        "the reply was taken back"
    );
    let mut locked = question(3);
    locked.locked = true;
    let rows = vec![RowChange::Topic(Box::new(locked))];
    put(
        &store,
        Append {
            rows,
            ..append(3, vec![entry(3)])
        },
    )
    .await;
    assert_eq!(list(&store, waiting(at(4))).await, [1, 4]);
}

async fn what_is_unread_is_counted_by_member(home: Home) {
    let store = ready(&home).await;
    let unread = |member: &str| store.unread(member.into());
    // Whoever starts a topic follows it, and has read it.
    assert_eq!(unread("m_anna").await.unwrap(), (0, 0));
    reply(&store, 2, 3, 20_000).await;
    reply(&store, 2, 4, 21_000).await;
    reply(&store, 3, 3, 22_000).await;
    assert_eq!(unread("m_anna").await.unwrap(), (2, 3));
    assert_eq!(
        unread("m_owner").await.unwrap(),
        (0, 0),
        "they wrote all of it"
    );
    for (seq, left) in [(3, (2, 2)), (2, (2, 2)), (4, (1, 1))] {
        store.set_reading("m_anna".into(), 2, seq, 1).await.unwrap();
        assert_eq!(unread("m_anna").await.unwrap(), left, "read up to {seq}");
    }
    let muted = Following::Muted;
    store
        .set_following("m_anna".into(), 3, muted)
        .await
        .unwrap();
    assert_eq!(unread("m_anna").await.unwrap(), (0, 0));
    let slug = Slug::new("t2".to_owned());
    let row = store.topic(slug, Some("m_anna".into())).await.unwrap();
    let row = row.unwrap();
    assert_eq!(
        (row.replies, row.last_seq, row.excerpt.as_str()),
        (2, 4, "how it begins")
    );
    let reading = row.reading.unwrap();
    assert_eq!((reading.seq, reading.unread), (4, 0));
}

async fn like(store: &Store, room: RoomNumber, member: &str) {
    let rows = vec![RowChange::Like {
        of: 2,
        member: member.into(),
        at_ms: Some(30_000),
    }];
    let part = append(room, vec![]);
    put(store, Append { rows, ..part }).await;
}

/// A topic that is like this from here on, and what follows from it.
async fn turn(store: &Store, room: RoomNumber, seq: Seq, it: Topic, more: Vec<RowChange>) {
    let rows = [vec![RowChange::Topic(Box::new(it))], more].concat();
    let part = append(
        room,
        vec![Entry {
            kind: 20,
            ..entry(seq)
        }],
    );
    put(store, Append { rows, ..part }).await;
}

async fn of_merged_topics_each_who_likes_counts_once(home: Home) {
    let store = ready(&home).await;
    for (room, member) in [
        (1, "m_bob"),
        (1, "m_eve"),
        (3, "m_eve"),
        (3, "m_ivy"),
        (4, "m_ivy"),
    ] {
        like(&store, room, member).await;
    }
    let owner = || "m_owner".into();
    store
        .set_following(owner(), 3, Following::Yes)
        .await
        .unwrap();
    store
        .set_following("m_anna".into(), 1, Following::Muted)
        .await
        .unwrap();
    let shown = async |slug: &str| {
        let row = store.topic(slug.into(), Some(owner())).await.unwrap();
        row.expect("a topic")
    };
    let place = |room: RoomNumber| TopicPlace {
        room: format!("t{room}").into(),
        title: format!("topic {room}"),
    };
    let into = |room: RoomNumber, it: RoomNumber| Topic {
        into: Some(place(it)),
        ..question(room)
    };
    turn(
        &store,
        1,
        3,
        question(1),
        vec![RowChange::TookTopic { from: 3 }],
    )
    .await;
    turn(&store, 3, 3, into(3, 1), vec![]).await;
    // Again, as after a step that did not come.
    turn(
        &store,
        1,
        4,
        question(1),
        vec![RowChange::TookTopic { from: 3 }],
    )
    .await;
    let row = shown("t1").await;
    assert_eq!(row.likes, 3, "who started both asked for it already");
    assert_eq!(row.topic.merged, [place(3)]);
    let reading = row.reading.expect("who followed the other");
    assert_eq!((reading.following, reading.unread), (Following::Yes, 0));
    let anna = store
        .topic("t1".into(), Some("m_anna".into()))
        .await
        .unwrap();
    let reading = anna.expect("a topic").reading.expect("its starter");
    assert_eq!(
        reading.following,
        Following::Muted,
        "who wants none of it is left alone"
    );
    assert_eq!(shown("t3").await.topic.into, Some(place(1)));
    let rooms = list(&store, TopicsOf::default()).await;
    assert!(!rooms.contains(&3), "{rooms:?}");
    assert_eq!(store.tags(false, 10).await.unwrap(), []);
    assert!(
        store
            .open_topics(10)
            .await
            .unwrap()
            .iter()
            .all(|it| it.0.as_str() != "t3")
    );
    // What was merged goes along with what it was merged into.
    turn(
        &store,
        4,
        3,
        question(4),
        vec![RowChange::TookTopic { from: 1 }],
    )
    .await;
    turn(&store, 1, 5, into(1, 4), vec![]).await;
    let row = shown("t4").await;
    assert_eq!((row.likes, row.topic.merged), (3, vec![place(1), place(3)]));
    assert_eq!(shown("t3").await.topic.into, Some(place(4)));
    turn(&store, 1, 6, question(1), vec![]).await;
    assert_eq!(shown("t1").await.topic.into, None);
    assert_eq!(shown("t4").await.topic.merged, [place(3)]);
}

async fn a_board_is_followed_and_tells(home: Home) {
    let store = ready(&home).await;
    let board = |slug: &str| NewBoard {
        circle: CIRCLE,
        slug: slug.into(),
        title: slug.to_owned(),
        about: String::new(),
        rank: None,
    };
    let owner = || MemberId::new("m_owner".to_owned());
    for slug in ["news", "help"] {
        store.put_board(board(slug), owner()).await.unwrap();
    }
    let followed = |boards: Vec<Board>| {
        let on = boards.into_iter().filter(|it| it.following);
        on.map(|it| it.slug.to_string()).collect::<Vec<_>>()
    };
    let turn = async |slug: &str, on| {
        let all = store.follow_board(CIRCLE, slug.into(), owner(), on).await;
        followed(all.unwrap())
    };
    assert_eq!(turn("news", true).await, ["news"]);
    assert_eq!(
        turn("news", true).await,
        ["news"],
        "once is as good as twice"
    );
    let nobody = store.boards(CIRCLE, None).await.unwrap();
    assert_eq!(followed(nobody), [""; 0]);
    let tell = |board: &str| {
        RowChange::NoticeToBoard(NoticeToBoardRow {
            board: board.into(),
            seq: 2,
            at_ms: 40_000,
            from: person("m_anna"),
            text: "how it begins".to_owned(),
        })
    };
    for (room, slug) in [(1, "help"), (2, "news")] {
        let part = append(room, vec![entry(3)]);
        let rows = vec![tell(slug), tell(slug)];
        put(&store, Append { rows, ..part }).await;
    }
    let told = store.notices(owner(), None, 10).await.unwrap().rows;
    let told: Vec<_> = told.iter().map(|it| (it.kind, it.room.as_str())).collect();
    assert_eq!(told, [(NoticeKind::Started, "t2")]);
    let left = store
        .drop_board(CIRCLE, "news".into(), owner())
        .await
        .unwrap();
    assert_eq!(followed(left), [""; 0]);
    let again = store.put_board(board("news"), owner()).await.unwrap();
    assert_eq!(followed(again), [""; 0], "another board of that name");
}

async fn a_recap_is_found_by_what_it_tells_of(home: Home) {
    let store = ready(&home).await;
    let id = || BroadcastId::new("b1-e-1".to_owned());
    assert_eq!(store.recap(id()).await.unwrap(), None);
    let row = store.topic("t1".into(), None).await.unwrap();
    assert_eq!(row.expect("a topic").topic.recap_of, None);
}
