//! What a topic was made of: kept with the append that starts it, and read as it is now.

use protocol::notices::Named;
use store::{Append, QuoteRow, QuotesRow, RowChange, Store, TopicTalk};

use crate::disks::{
    Home, OTHER_ROOM, ROOM, append, change, entry, on_both_engines, person, set_up, topic,
};

on_both_engines! {
    top7_what_a_topic_was_made_of_is_read_as_it_is_now
    top8_a_topic_is_read_for_the_world_at_one_go
}

fn writer(id: &str, name: &str) -> Named {
    Named {
        id: id.into(),
        name: name.into(),
    }
}

fn started() -> RowChange {
    RowChange::Topic(Box::new(topic("爬山", 7)))
}

async fn quotes(store: &Store) -> Vec<QuoteRow> {
    let quoted = store.quoted(OTHER_ROOM).await.unwrap().unwrap();
    assert_eq!(quoted.room, ROOM);
    quoted.quotes
}

async fn top7_what_a_topic_was_made_of_is_read_as_it_is_now(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    let said = append(ROOM, (1..=3).map(entry).collect());
    assert_eq!(store.append(said).await, Ok(()));
    assert_eq!(store.quoted(OTHER_ROOM).await.unwrap(), None);
    let row = QuotesRow {
        room: ROOM,
        of: vec![
            (1, writer("m_bob", "小波")),
            (3, writer("m_ann", "小安")),
            // A room whose last records were lost has it no more.
            (9, writer("m_eve", "小易")),
        ],
    };
    let start = Append {
        rows: vec![started(), RowChange::Quotes(row)],
        ..append(OTHER_ROOM, vec![entry(1), entry(2)])
    };
    assert_eq!(store.append(start).await, Ok(()));
    let found = quotes(&store).await;
    let names: Vec<_> = found.iter().map(|it| it.writer.name.as_str()).collect();
    assert_eq!(names, ["小波", "小安", "小易"]);
    assert_eq!(found[0].entry, Some(entry(1)));
    assert_eq!(found[1].entry, Some(entry(3)));
    assert_eq!(found[2].entry, None);
    // Whoever looks at the room finds what was made of it.
    let made = store.made_of(ROOM, 2).await.unwrap();
    let made: Vec<_> = made
        .iter()
        .map(|(seq, it)| (*seq, it.room.as_str()))
        .collect();
    assert_eq!(made, [], "nothing was said in it yet");
    let said = TopicTalk::Said {
        seq: 2,
        at_ms: 9,
        by: person("m_anna"),
    };
    let said = change(OTHER_ROOM, vec![RowChange::TopicTalk(said)]);
    assert_eq!(store.append(said).await, Ok(()));
    let made = store.made_of(ROOM, 2).await.unwrap();
    let made: Vec<_> = made
        .iter()
        .map(|(seq, it)| (*seq, it.room.as_str(), it.title.as_str()))
        .collect();
    assert_eq!(made, [(3, "room-2", "爬山"), (9, "room-2", "爬山")]);
    // What is erased is erased here too.
    let erase = RowChange::Erase {
        seq: 1,
        left: b"{}".to_vec(),
    };
    let delete = Append {
        rows: vec![erase],
        ..append(ROOM, vec![entry(4)])
    };
    assert_eq!(store.append(delete).await, Ok(()));
    let left = quotes(&store).await[0].entry.clone().unwrap();
    assert_eq!((left.seq, left.body.as_slice()), (1, &b"{}"[..]));
    // A change of the topic leaves it as it was.
    let change = Append {
        rows: vec![started()],
        ..append(OTHER_ROOM, vec![entry(3)])
    };
    assert_eq!(store.append(change).await, Ok(()));
    assert_eq!(quotes(&store).await.len(), 3);
    store.close().await;
}

async fn top8_a_topic_is_read_for_the_world_at_one_go(home: Home) {
    let store = home.open();
    set_up(&store, 2).await;
    let said = append(ROOM, vec![entry(1)]);
    assert_eq!(store.append(said).await, Ok(()));
    let row = QuotesRow {
        room: ROOM,
        of: vec![(1, writer("m_bob", "小波"))],
    };
    let start = Append {
        rows: vec![started(), RowChange::Quotes(row)],
        ..append(OTHER_ROOM, (1..=5).map(entry).collect())
    };
    assert_eq!(store.append(start).await, Ok(()));
    let slug = || "room-2".into();
    let first = store.open_topic(slug(), 0, 3).await.unwrap().unwrap();
    assert_eq!(
        (first.topic.room, &*first.topic.topic.title),
        (OTHER_ROOM, "爬山")
    );
    assert_eq!(first.circle.name, "Circle");
    assert_eq!(first.quoted, store.quoted(OTHER_ROOM).await.unwrap());
    assert_eq!(first.entries, (1..=3).map(entry).collect::<Vec<_>>());
    assert!(!first.end);
    let last = store.open_topic(slug(), 3, 2).await.unwrap().unwrap();
    assert_eq!((last.entries, last.end), (vec![entry(4), entry(5)], true));
    // A room that is no topic, and what is not there.
    for other in ["room-1", "room-9"] {
        assert_eq!(store.open_topic(other.into(), 0, 3).await.unwrap(), None);
    }
    store
        .set_room(OTHER_ROOM, "爬山".into(), false)
        .await
        .unwrap();
    assert_eq!(store.open_topic(slug(), 0, 3).await.unwrap(), None);
    store.close().await;
}
