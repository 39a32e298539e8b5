//! Rooms that go to rest while others come: whoever found a room is answered by it.

use std::{sync::Arc, time::Duration};

use community::{Rates, Role, TalkRate, Traces, Who};
use fanout::Prepared;
use protocol::topic::RoomKind;
use store::{NewAccount, NewRoom, Store, StoreConfig};

use super::{
    Nobody,
    directory::{Directory, Shards},
    stage::Stage,
};

const ROOMS: usize = 3;
const CALLERS: usize = 6;
const CALLS: usize = 400;

async fn with_rooms(store: &Store) -> Who {
    let owner = NewAccount {
        id: "m_owner".into(),
        name: "Owner".into(),
        password: String::new(),
        made_ms: 0,
    };
    let owner = store.set_up("Circle".into(), owner).await.expect("empty");
    for n in 0..ROOMS {
        let room = NewRoom {
            circle: owner.circle,
            slug: format!("room-{n}").into(),
            title: String::new(),
            kind: RoomKind::Live,
            guests: true,
            made_by: owner.id.clone(),
            made_ms: 0,
        };
        store.add_room(room).await.expect("made");
    }
    Who {
        id: owner.id,
        name: "Owner".into(),
        role: Role::Owner,
        traces: Traces::default(),
    }
}

/// Rooms that rest after a microsecond, asked by several at once, who wait for a moment now and then so
/// that rooms really do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_finds_a_room_finds_it_at_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), &StoreConfig::default()).expect("opens");
    let owner = with_rooms(&store).await;
    let prepared = Prepared::new(fanout::Config::default());
    let handles = Shards::new(prepared.handles().to_vec());
    let shards = prepared.start(Nobody).expect("starts");
    let rates = Rates {
        talk: TalkRate::new(0, 0),
        readable: 0,
    };
    let rest_after = Some(Duration::from_micros(1));
    let directory = Directory::new(handles, store.clone(), Stage::new().0, rates, rest_after);
    let directory = Arc::new(directory);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (directory, owner) = (directory.clone(), owner.clone());
            tokio::spawn(async move {
                let mut rested = 0;
                for call in 0..CALLS {
                    let slug = format!("room-{}", (caller + call) % ROOMS).into();
                    let room = directory.find(&slug).await.expect("found");
                    let answer = room.may_talk(owner.clone()).await;
                    answer.unwrap_or_else(|it| panic!("caller {caller}, call {call}: {it}"));
                    drop(room);
                    if call % 16 == caller {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        rested += usize::from(directory.running(&slug).is_none());
                    }
                }
                rested
            })
        })
        .collect();
    let mut rested = 0;
    for caller in callers {
        rested += caller.await.expect("answered every time");
    }
    assert!(rested > 0, "no room rested in between");
    let all_rest = async {
        while directory.count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_rest)
        .await
        .expect("all rest once nobody asks");
    for n in 0..ROOMS {
        let slug = format!("room-{n}").into();
        assert!(directory.running(&slug).is_none(), "room {n} is out");
    }
    tokio::task::spawn_blocking(move || shards.stop())
        .await
        .expect("stops");
    store.close().await;
}
