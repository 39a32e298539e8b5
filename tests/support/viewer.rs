//! Somebody in a room who watches, as far as the server knows: nobody takes the media.

use protocol::{
    ClientFrame, PeerId, RoomNumber,
    client::PeerRole,
    server::{Push, Reply},
};
use tokio::time::timeout;
use weiquan_client::Connection;

use super::{OFFER, SOON};

/// Waits until the room of a connection has a picture.
pub async fn picture_is_here(line: &mut Connection) {
    timeout(SOON, async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && state.stage.is_some_and(|it| it.video)
            {
                return;
            }
        }
    })
    .await
    .expect("in time");
}

/// Watches the picture of a room that it is in.
pub async fn watch(line: &mut Connection, a: RoomNumber) -> PeerId {
    let offer = |i| ClientFrame::Offer {
        i,
        a,
        role: PeerRole::View,
        sdp: OFFER.into(),
    };
    match line.request(offer).await {
        Ok(Reply::Answered(answered)) => answered.peer,
        other => panic!("{other:?}"),
    }
}
