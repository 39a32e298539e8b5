//! What pages show of all rooms: the list is another as soon as a broadcast is.

mod support;

use std::time::Duration;

use protocol::{
    client::BroadcastAct,
    rest::{BroadcastWish, RoomList},
    server::{Broadcast, Phase},
};
use support::{Person, Server};
use tokio::time::timeout;

const AT_ONCE: Duration = Duration::from_secs(1);

async fn act(owner: &Person, act: BroadcastAct) -> Broadcast {
    let wish = BroadcastWish {
        act,
        title: Some("第三夜".into()),
        starts_ms: (act == BroadcastAct::Schedule).then_some(u64::MAX / 4_096),
    };
    owner.post("/api/v1/rooms/night/broadcast", &wish).await
}

/// Does something while the next list is waited for, and answers with that list.
async fn next(who: &Person, after: u64, does: impl Future<Output = ()>) -> RoomList {
    let path = format!("/api/v1/rooms?after={after}");
    let (list, ()) = tokio::join!(timeout(AT_ONCE, who.get::<RoomList>(&path)), does);
    let list = list.expect("it comes at once");
    assert!(list.version > after);
    list
}

#[tokio::test]
async fn s10_whoever_waits_for_the_next_list_has_it_at_once() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let guest = Person::new(&server);
    let first: RoomList = guest.get("/api/v1/rooms").await;
    let made = next(&guest, first.version, async {
        owner.make_room("night").await;
    });
    let made = made.await;
    assert_eq!(made.rooms.len(), 1);
    let announced = next(&guest, made.version, async {
        act(&owner, BroadcastAct::Schedule).await;
    });
    let announced = announced.await;
    let phase = |list: &RoomList| list.rooms[0].broadcast.as_ref().map(|it| it.phase);
    assert_eq!(phase(&announced), Some(Phase::Scheduled));
    let opened = next(&guest, announced.version, async {
        act(&owner, BroadcastAct::Open).await;
    });
    assert_eq!(phase(&opened.await), Some(Phase::Open));
    // Whoever has an old version, or one of before a restart, waits for nothing.
    let path = format!("/api/v1/rooms?after={}", first.version);
    let now = timeout(AT_ONCE, guest.get::<RoomList>(&path)).await;
    assert_eq!(phase(&now.expect("at once")), Some(Phase::Open));
    server.kill();
    server.restart();
    let guest = Person::new(&server);
    let now = timeout(AT_ONCE, guest.get::<RoomList>(&path)).await;
    assert_eq!(phase(&now.expect("at once")), Some(Phase::Open));
}

#[tokio::test]
async fn s10_a_server_that_goes_waits_for_nobody() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let list: RoomList = owner.get("/api/v1/rooms").await;
    let url = server.url(&format!("/api/v1/rooms?after={}", list.version));
    let waiting = tokio::spawn(reqwest::get(url));
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    let code = timeout(Duration::from_secs(5), stopped).await;
    assert_eq!(code.expect("it does not wait").expect("no panic"), 0);
    // Answered or refused: it came to an end.
    let _ = waiting.await.expect("no panic");
}
