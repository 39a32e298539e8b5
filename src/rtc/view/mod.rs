//! The lean egress.

use std::sync::Arc;

use protocol::{PeerId, Refusal, RoomNumber};
use tokio::sync::mpsc;

use crate::{Config, Established, Feed, FeedSender, PeerEnd, Report, StartError, WantKeyframe};

#[derive(Debug)]
pub(crate) enum Order {
    Feed(Feed),
}

#[derive(Clone)]
pub(crate) struct Viewers {
    workers: Vec<mpsc::Sender<Order>>,
}

pub(crate) struct Running {}

pub(crate) fn start(
    _config: &Arc<Config>,
    _wishes: mpsc::Sender<WantKeyframe>,
    _reports: mpsc::Sender<(RoomNumber, Report)>,
) -> Result<(Viewers, FeedSender, Running), StartError> {
    Ok((Viewers { workers: Vec::new() }, FeedSender::new(Vec::new()), Running {}))
}

impl Viewers {
    pub(crate) async fn view(&self, _room: RoomNumber, _offer: String) -> Result<Established, Refusal> {
        Err(crate::busy("the egress"))
    }

    pub(crate) async fn close(&self, _peer: &PeerId, _why: PeerEnd) -> bool {
        false
    }

    pub(crate) fn count(&self, _room: RoomNumber) -> usize {
        0
    }
}

impl Running {
    pub(crate) async fn shutdown(self) {}
}
