//! What the suites of topics do over a connection.

use std::time::Duration;

use protocol::{
    ClientFrame, Code, RoomNumber,
    server::{Joined, Push},
    topic::{TopicAct, TopicCard},
};
use tokio::time::timeout;
use weiquan_client::{Connection, Error, new_client_id};

const SOON: Duration = Duration::from_secs(10);

pub(crate) async fn join(line: &mut Connection, card: &TopicCard) -> Joined {
    line.join(card.room.as_str(), None).await.expect("joined")
}

pub(crate) async fn act(line: &mut Connection, a: RoomNumber, act: TopicAct) -> Result<(), Code> {
    let cid = new_client_id();
    match line
        .request(|i| ClientFrame::Topic { i, a, cid, act })
        .await
    {
        Ok(_) => Ok(()),
        Err(Error::Refused(it)) => Err(it.code),
        Err(other) => panic!("{other:?}"),
    }
}

/// The first push of which that can be said.
pub(crate) async fn until(line: &mut Connection, says: impl Fn(&Push) -> bool) -> Push {
    let found = timeout(SOON, async {
        loop {
            let push = line.next_push().await.expect("a push");
            if says(&push) {
                return push;
            }
        }
    });
    found.await.expect("in time")
}
