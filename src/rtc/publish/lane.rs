//! One track of a publisher: what `webrtc` received becomes frames and reports for the egress.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use media::{Codec, Kind, Meter, PublicationId, Reading, begins_keyframe};
use protocol::RoomNumber;
use rtc::{
    peer_connection::event::RTCTrackEventInit,
    rtcp::{
        Packet as RtcpPacket, payload_feedbacks::picture_loss_indication::PictureLossIndication,
        sender_report::SenderReport,
    },
    rtp::Packet,
    shared::marshal::Marshal,
};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::frame::Gathering;
use crate::{Feed, FeedSender};

/// Where the frames of a lane go.
#[derive(Clone)]
pub(super) struct Egress {
    pub(super) room: RoomNumber,
    pub(super) publication: PublicationId,
    pub(super) feed: FeedSender,
}

pub(super) struct Lane {
    kind: Kind,
    codec: Codec,
    /// Of a simulcast offer the layer that was accepted.
    layer: Option<String>,
    egress: Egress,
    remote: Option<Arc<dyn TrackRemote>>,
    ssrc: Option<u32>,
    gathering: Gathering,
    /// True from the first packet that a viewer can begin with.
    flows: bool,
    meter: Meter,
}

impl Lane {
    pub(super) fn new(
        kind: Kind,
        codec: Codec,
        layer: Option<String>,
        egress: Egress,
        now: Instant,
    ) -> Self {
        Self {
            kind,
            meter: Meter::new(&codec, now),
            codec,
            layer,
            egress,
            remote: None,
            ssrc: None,
            gathering: Gathering::default(),
            flows: false,
        }
    }

    pub(super) fn flows(&self) -> bool {
        self.flows
    }

    /// The track arrived.
    pub(super) fn attach(&mut self, remote: Arc<dyn TrackRemote>) {
        self.remote = Some(remote);
    }

    /// The next event of the track; waits for ever where there is none.
    pub(super) async fn next(&self) -> Option<TrackRemoteEvent> {
        match &self.remote {
            Some(remote) => remote.poll().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.gathering.deadline()
    }

    pub(super) async fn handle(&mut self, event: Option<TrackRemoteEvent>, now: Instant) {
        match event {
            Some(TrackRemoteEvent::OnOpen(opened)) => self.open(&opened).await,
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => self.receive(packet, now),
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => self.report(&packets, now).await,
            Some(_) => {}
            None => self.remote = None,
        }
    }

    /// A source began to send: the track's first packet, or the first one of a layer. A later one
    /// is the publisher's new source and takes over.
    async fn open(&mut self, opened: &RTCTrackEventInit) {
        if self.layer.is_some() && opened.rid.as_deref() != self.layer.as_deref() {
            return;
        }
        self.flush();
        self.ssrc = Some(opened.ssrc);
        let Egress {
            room,
            publication,
            feed,
        } = &self.egress;
        let codec = self.codec.clone();
        let (room, publication, kind) = (*room, *publication, self.kind);
        feed.tell(Feed::Opened {
            room,
            publication,
            kind,
            codec,
        })
        .await;
    }

    fn receive(&mut self, mut packet: Packet, now: Instant) {
        if self.ssrc != Some(packet.header.ssrc) {
            return;
        }
        // Written anew, a packet gets padding of another length than it had. Where it is all there
        // is, the packet keeps it, because its sequence number must not be missing.
        packet.header.padding &= packet.payload.is_empty();
        let Ok(bytes) = packet.marshal() else { return };
        let (timestamp, marker) = (packet.header.timestamp, packet.header.marker);
        if self.gathering.is_over_at(timestamp) {
            self.flush();
        }
        let begins =
            !packet.payload.is_empty() && begins_keyframe(self.codec.name, &packet.payload);
        self.flows |= begins;
        let (sequence, size) = (packet.header.sequence_number, packet.payload.len());
        self.meter.take(sequence, timestamp, size, begins, now);
        // Each packet of sound is a frame of its own.
        let last = marker || self.kind == Kind::Audio;
        if self.gathering.add(Bytes::from(bytes), timestamp, last, now) {
            self.flush();
        }
    }

    /// Hands over what was gathered.
    pub(super) fn flush(&mut self) {
        let Some(frame) = self.gathering.take() else {
            return;
        };
        let Egress {
            room,
            publication,
            feed,
        } = &self.egress;
        let (room, publication, kind) = (*room, *publication, self.kind);
        let (packets, arrived) = (frame.packets, frame.arrived);
        feed.frame(Feed::Frame {
            room,
            publication,
            kind,
            packets,
            arrived,
        });
    }

    async fn report(&self, packets: &[Box<dyn RtcpPacket>], now: Instant) {
        for report in packets
            .iter()
            .filter_map(|it| it.as_any().downcast_ref::<SenderReport>())
        {
            if self.ssrc != Some(report.ssrc) {
                continue;
            }
            let Egress {
                room,
                publication,
                feed,
            } = &self.egress;
            feed.tell(Feed::Report {
                room: *room,
                publication: *publication,
                kind: self.kind,
                ntp: report.ntp_time,
                rtp: report.rtp_time,
                arrived: now,
            })
            .await;
        }
    }

    /// How it arrived since the last time this was asked.
    pub(super) fn read(&mut self, now: Instant) -> Reading {
        self.meter.read(now)
    }

    /// Whether a keyframe should be asked for, to see if this encoder answers.
    pub(super) fn is_unproven(&self, now: Instant) -> bool {
        self.meter.is_unproven(now)
    }

    /// Asks the publisher for a keyframe. True when there is somebody to ask.
    pub(super) async fn ask_for_keyframe(&mut self, now: Instant) -> bool {
        let (Some(remote), Some(media_ssrc)) = (&self.remote, self.ssrc) else {
            return false;
        };
        self.meter.asked(now);
        let wish = PictureLossIndication {
            sender_ssrc: 0,
            media_ssrc,
        };
        remote.write_rtcp(vec![Box::new(wish)]).await.is_ok()
    }
}
