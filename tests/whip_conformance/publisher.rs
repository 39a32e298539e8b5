//! FFmpeg, publishing into `hall` for as long as it is held.

use protocol::server::Push;

use crate::{
    ask::Show,
    support::{Publisher, SOON},
};

/// Comes back once there is something to watch.
pub async fn live(show: &Show) -> Publisher {
    let mut line = show.owner.connect("phone").await;
    line.join("hall", None).await.expect("joined");
    let publisher = Publisher::start(&show.server, "/whip", &show.hall_key);
    let live = async {
        loop {
            let push = line.next_push().await.expect("a push");
            if let Push::State { state, .. } = push
                && state.stage.is_some_and(|it| it.video)
            {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, live).await.expect("it is live");
    publisher
}
