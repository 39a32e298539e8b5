//! Publishers: the whole `webrtc` stack behind one UDP port.

use std::sync::Arc;

use protocol::{PeerId, Refusal, RoomNumber};
use tokio::sync::mpsc;

use crate::{Config, Established, FeedSender, PeerEnd, Report, StartError, WantKeyframe};

#[derive(Clone)]
pub(crate) struct Publishers {}

pub(crate) struct Running {}

pub(crate) async fn start(
    _config: &Arc<Config>,
    _feed: FeedSender,
    _wishes: mpsc::Receiver<WantKeyframe>,
    _reports: mpsc::Sender<(RoomNumber, Report)>,
) -> Result<(Publishers, Running), StartError> {
    Ok((Publishers {}, Running {}))
}

impl Publishers {
    pub(crate) async fn publish(
        &self,
        _room: RoomNumber,
        _offer: String,
    ) -> Result<Established, Refusal> {
        Err(crate::busy("the ingest"))
    }

    pub(crate) async fn close(&self, _peer: &PeerId, _why: PeerEnd) -> bool {
        false
    }
}

impl Running {
    pub(crate) async fn shutdown(self) {}
}
