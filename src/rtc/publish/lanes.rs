//! One track of a publisher as `webrtc` knows it: sound, or a picture with a lane for each layer that
//! was accepted. All layers come by one track and are told apart by their sources.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{Codec, Kind, Layer, Reading};
use rtc::rtcp::{Packet as RtcpPacket, sender_report::SenderReport};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::lane::{Egress, Lane};

pub(super) struct Lanes {
    remote: Option<Arc<dyn TrackRemote>>,
    /// From the smallest layer to the largest.
    lanes: Vec<Lane>,
    /// The largest layer that flowed when it was last read.
    best: usize,
    /// How long packets are on their way at best; 0 as long as nobody knows.
    way: Duration,
}

impl Lanes {
    /// `layers` are the names of a simulcast offer's layers, from the smallest to the largest; none for a
    /// plain track.
    pub(super) fn new(
        kind: Kind,
        codec: &Codec,
        layers: Vec<String>,
        egress: &Egress,
        now: Instant,
    ) -> Self {
        let lane = |layer, name| Lane::new(kind, codec.clone(), layer, name, egress.clone(), now);
        let lanes = match layers.is_empty() {
            true => vec![lane(Layer::ONLY, None)],
            false => Layer::ALL
                .into_iter()
                .zip(layers)
                .map(|(layer, name)| lane(layer, Some(name)))
                .collect(),
        };
        Self {
            remote: None,
            best: lanes.len() - 1,
            lanes,
            way: Duration::ZERO,
        }
    }

    /// Whether there is anything that a viewer can begin with.
    pub(super) fn flows(&self) -> bool {
        self.lanes.iter().any(Lane::flows)
    }

    /// The track arrived.
    pub(super) fn attach(&mut self, remote: Arc<dyn TrackRemote>) {
        self.remote = Some(remote);
    }

    /// How long its packets are on their way.
    pub(super) const fn know_way(&mut self, way: Duration) {
        self.way = way;
    }

    /// The next event of the track; waits for ever where there is none.
    pub(super) async fn next(&self) -> Option<TrackRemoteEvent> {
        match &self.remote {
            Some(remote) => remote.poll().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(Lane::deadline).min()
    }

    pub(super) async fn handle(&mut self, event: Option<TrackRemoteEvent>, now: Instant) {
        match event {
            Some(TrackRemoteEvent::OnOpen(opened)) => {
                let rid = opened.rid.as_deref();
                if let Some(lane) = self.lanes.iter_mut().find(|it| it.is_named(rid)) {
                    lane.open(opened.ssrc).await;
                }
            }
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                if let Some(lane) = self.of(packet.header.ssrc) {
                    lane.receive(packet, now);
                }
            }
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => self.report(&packets, now).await,
            Some(_) => {}
            None => self.remote = None,
        }
    }

    fn of(&mut self, ssrc: u32) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.is_from(ssrc))
    }

    async fn report(&mut self, packets: &[Box<dyn RtcpPacket>], now: Instant) {
        let sent = now.checked_sub(self.way).unwrap_or(now);
        for report in packets
            .iter()
            .filter_map(|it| it.as_any().downcast_ref::<SenderReport>())
        {
            if let Some(lane) = self.of(report.ssrc) {
                lane.report(report, sent).await;
            }
        }
    }

    /// Hands over what has waited for its end long enough.
    pub(super) fn flush_due(&mut self, now: Instant) {
        for lane in &mut self.lanes {
            if lane.deadline().is_some_and(|deadline| now >= deadline) {
                lane.flush();
            }
        }
    }

    /// How it arrived since the last time this was asked: of the largest layer that flows, because a
    /// browser on a narrow line stops the ones above it, which is no fault.
    pub(super) fn read(&mut self, now: Instant) -> Reading {
        let readings = self.lanes.iter_mut().map(|lane| lane.read(now));
        let readings: Vec<Reading> = readings.collect();
        if let Some(best) = readings.iter().rposition(|it| it.frames > 0) {
            self.best = best;
        }
        readings[self.best]
    }

    /// Whether a keyframe of the largest layer that flows should be asked for, to see if this encoder
    /// answers. Names the layer.
    pub(super) fn unproven(&self, now: Instant) -> Option<Layer> {
        let best = &self.lanes[self.best];
        best.is_unproven(now).then(|| best.layer())
    }

    pub(super) fn wish(&mut self, layer: Layer) {
        if let Some(lane) = self.lanes.get_mut(layer.index()) {
            lane.wish();
        }
    }

    /// When the next keyframe is to be asked for; the first at `born`.
    pub(super) fn wish_due(&self, born: Instant) -> Option<Instant> {
        self.lanes.iter().filter_map(|it| it.wish_due(born)).min()
    }

    /// Asks for the keyframes that are due.
    pub(super) async fn ask(&mut self, born: Instant, now: Instant) {
        for lane in &mut self.lanes {
            if lane.wish_due(born).is_some_and(|due| now >= due) {
                lane.ask(self.remote.as_deref(), now).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use media::{CodecName, PublicationId};
    use rtc::{
        peer_connection::event::RTCTrackEventInit,
        rtp::{Header, Packet},
    };
    use tokio::sync::mpsc;

    use super::*;
    use crate::{Feed, FeedSender, view::Order};

    struct Publisher {
        lanes: Lanes,
        feeds: mpsc::Receiver<Order>,
        now: Instant,
        frames: u16,
    }

    async fn three() -> Publisher {
        let (inbox, feeds) = mpsc::channel(1_024);
        let codec = Codec {
            name: CodecName::H264,
            clock: 90_000,
            channels: 0,
            fmtp: String::new(),
            descriptor: None,
            redundancy: None,
        };
        let egress = Egress {
            room: 7,
            publication: PublicationId(1),
            feed: FeedSender::new(vec![inbox]),
        };
        let now = clock::now();
        let names = ["q", "h", "f"].map(str::to_owned).to_vec();
        let mut lanes = Lanes::new(Kind::Video, &codec, names, &egress, now);
        for (ssrc, rid) in [(3, "f"), (1, "q"), (2, "h"), (9, "x")] {
            let opened = RTCTrackEventInit {
                ssrc,
                rid: Some(rid.to_owned()),
                ..RTCTrackEventInit::default()
            };
            lanes
                .handle(Some(TrackRemoteEvent::OnOpen(opened)), now)
                .await;
        }
        Publisher {
            lanes,
            feeds,
            now,
            frames: 0,
        }
    }

    impl Publisher {
        /// A second of a source's pictures, `bytes` each.
        async fn second(&mut self, sources: &[(u32, usize)]) {
            for frame in self.frames..self.frames + 25 {
                for (ssrc, bytes) in sources {
                    let first = if frame % 25 == 0 { 0x65 } else { 0x41 };
                    let packet = Packet {
                        header: Header {
                            version: 2,
                            marker: true,
                            sequence_number: frame,
                            timestamp: u32::from(frame) * 3_600,
                            ssrc: *ssrc,
                            ..Header::default()
                        },
                        payload: Bytes::from(vec![first; *bytes]),
                    };
                    let event = TrackRemoteEvent::OnRtpPacket(packet);
                    self.lanes.handle(Some(event), self.now).await;
                }
                self.now += Duration::from_millis(40);
            }
            self.frames += 25;
        }

        /// The layers of what was handed over.
        fn layers(&mut self) -> Vec<(Layer, bool)> {
            let mut layers = Vec::new();
            while let Ok(Order::Feed(feed)) = self.feeds.try_recv() {
                match feed {
                    Feed::Opened { layer, .. } => layers.push((layer, true)),
                    Feed::Frame { layer, .. } => layers.push((layer, false)),
                    other => panic!("{other:?}"),
                }
            }
            layers
        }
    }

    #[tokio::test]
    async fn each_source_is_its_layer_and_a_stranger_is_none() {
        let mut publisher = three().await;
        let opened = [2, 0, 1].map(|it| (Layer(it), true));
        assert_eq!(publisher.layers(), opened);
        assert!(!publisher.lanes.flows());
        publisher.second(&[(9, 100)]).await;
        assert_eq!(publisher.layers(), []);
        publisher.second(&[(2, 100)]).await;
        assert!(publisher.lanes.flows());
        assert_eq!(publisher.layers(), [(Layer(1), false); 25]);
    }

    #[tokio::test]
    async fn b13_the_largest_layer_that_flows_speaks_for_all() {
        let mut publisher = three().await;
        publisher.second(&[(1, 500), (2, 2_000), (3, 5_000)]).await;
        assert_eq!(publisher.lanes.read(publisher.now).kbps, 1_000);
        publisher.second(&[(1, 500), (2, 2_000)]).await;
        let read = publisher.lanes.read(publisher.now);
        assert_eq!((read.kbps, read.still), (400, false));
        // Nothing at all: that is said of the layer that was there last.
        publisher.now += Duration::from_secs(5);
        assert!(publisher.lanes.read(publisher.now).still);
    }

    #[tokio::test]
    async fn a_wish_is_over_when_it_was_passed_on() {
        let mut publisher = three().await;
        let (born, now) = (publisher.now, publisher.now);
        assert_eq!(publisher.lanes.wish_due(born), None);
        publisher.lanes.wish(Layer(1));
        publisher.lanes.wish(Layer(3));
        assert_eq!(publisher.lanes.wish_due(born), Some(born));
        // Nobody is there to be asked: the wish is over all the same.
        publisher.lanes.ask(born, now).await;
        assert_eq!(publisher.lanes.wish_due(born), None);
    }
}
