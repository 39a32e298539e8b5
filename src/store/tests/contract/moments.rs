//! Topics about a second of a broadcast.

use protocol::{server::Phase, topic::Moment};
use store::{Append, BroadcastRow, RowChange};

use crate::{
    disks::{Home, ROOM, append, change, entry, on_both_engines, person},
    topics::{put, ready},
};

on_both_engines! {
    a_moment_is_told_once_and_listed_by_its_second
}

async fn a_moment_is_told_once_and_listed_by_its_second(home: Home) {
    let store = ready(&home).await;
    let broadcast = BroadcastRow {
        id: "b1".into(),
        phase: Phase::Ended,
        title: "First".into(),
        host: person("m_anna"),
        starts_ms: None,
        live_ms: Some(5),
        ended_ms: Some(60_005),
        turnout: None,
    };
    let part = append(ROOM, vec![entry(3)]);
    let rows = vec![RowChange::Broadcast(broadcast)];
    put(&store, Append { rows, ..part }).await;
    let at = |second| {
        Some(Moment {
            room: "t1".into(),
            id: "b1".into(),
            title: "First".into(),
            second,
        })
    };
    // It is told once: what comes later changes nothing of it.
    for (room, second) in [(2, 90), (4, 12), (4, 50)] {
        let mut row = store
            .topic(format!("t{room}").as_str().into(), None)
            .await
            .unwrap()
            .unwrap()
            .topic;
        row.at = at(second);
        put(&store, change(room, vec![RowChange::Topic(Box::new(row))])).await;
    }
    let told = async |for_guests| {
        let rows = store.moments("b1".into(), for_guests, 10).await.unwrap();
        let each = rows
            .into_iter()
            .map(|it| (it.second, it.topic.room.to_string()));
        each.collect::<Vec<_>>()
    };
    assert_eq!(
        told(false).await,
        [(12, "t4".to_owned()), (90, "t2".to_owned())]
    );
    assert_eq!(
        told(true).await,
        [(90, "t2".to_owned())],
        "the other is for members"
    );
    let row = store.topic("t4".into(), None).await.unwrap().unwrap();
    let found = row.topic.at.expect("it is about a moment");
    assert_eq!(
        (found.title.as_str(), found.second, found.id.as_str()),
        ("First", 12, "b1")
    );
    assert_eq!(store.moments("b1".into(), false, 1).await.unwrap().len(), 1);
    assert_eq!(store.moments("b2".into(), false, 9).await.unwrap(), []);
}
