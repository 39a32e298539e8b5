//! One layer of a publisher's track: what `webrtc` received becomes frames and reports for the egress.

use std::time::Instant;

use bytes::Bytes;
use media::{Codec, Kind, Layer, Meter, PublicationId, Reading, begins_keyframe};
use protocol::{RoomNumber, limits};
use rtc::{
    rtcp::{
        payload_feedbacks::picture_loss_indication::PictureLossIndication,
        sender_report::SenderReport,
    },
    rtp::Packet,
    shared::marshal::Marshal,
};
use webrtc::media_stream::track_remote::TrackRemote;

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
    layer: Layer,
    /// What a simulcast offer calls it.
    name: Option<String>,
    egress: Egress,
    ssrc: Option<u32>,
    gathering: Gathering,
    /// True from the first packet that a viewer can begin with.
    flows: bool,
    meter: Meter,
    /// Somebody waits for a keyframe.
    wanted: bool,
    asked_at: Option<Instant>,
}

impl Lane {
    pub(super) fn new(
        kind: Kind,
        codec: Codec,
        layer: Layer,
        name: Option<String>,
        egress: Egress,
        now: Instant,
    ) -> Self {
        Self {
            kind,
            meter: Meter::new(&codec, now),
            codec,
            layer,
            name,
            egress,
            ssrc: None,
            gathering: Gathering::default(),
            flows: false,
            wanted: false,
            asked_at: None,
        }
    }

    pub(super) const fn layer(&self) -> Layer {
        self.layer
    }

    pub(super) const fn flows(&self) -> bool {
        self.flows
    }

    /// A plain track has one source at a time, whatever it is called.
    pub(super) fn is_named(&self, rid: Option<&str>) -> bool {
        self.name.is_none() || self.name.as_deref() == rid
    }

    pub(super) fn is_from(&self, ssrc: u32) -> bool {
        self.ssrc == Some(ssrc)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.gathering.deadline()
    }

    /// A source began to send: the first one of this layer. A later one is the publisher's new source
    /// and takes over.
    pub(super) async fn open(&mut self, ssrc: u32) {
        self.flush();
        self.ssrc = Some(ssrc);
        let Egress {
            room,
            publication,
            feed,
        } = &self.egress;
        let codec = self.codec.clone();
        let (room, publication, kind, layer) = (*room, *publication, self.kind, self.layer);
        feed.tell(Feed::Opened {
            room,
            publication,
            kind,
            layer,
            codec,
        })
        .await;
    }

    pub(super) fn receive(&mut self, mut packet: Packet, now: Instant) {
        // Written anew, a packet gets padding of another length than it had. Where it is all there
        // is, the packet keeps it, because its sequence number must not be missing.
        packet.header.padding &= packet.payload.is_empty();
        let Ok(bytes) = packet.marshal() else { return };
        let (timestamp, marker) = (packet.header.timestamp, packet.header.marker);
        if self.gathering.is_over_at(timestamp) {
            self.flush();
        }
        // What came before and is brought along says nothing of how it arrives now.
        let own = self
            .codec
            .own_of(packet.header.payload_type, &packet.payload);
        let own = own.map_or(&[][..], |own| &packet.payload[usize::from(own)..]);
        let begins = !own.is_empty() && begins_keyframe(self.codec.name, own);
        self.flows |= begins;
        let (sequence, size) = (packet.header.sequence_number, own.len());
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
        let (room, publication, kind, layer) = (*room, *publication, self.kind, self.layer);
        let (packets, arrived) = (frame.packets, frame.arrived);
        feed.frame(Feed::Frame {
            room,
            publication,
            kind,
            layer,
            packets,
            arrived,
        });
    }

    /// Hands over a sender report that left the publisher at `sent`.
    pub(super) async fn report(&self, report: &SenderReport, sent: Instant) {
        let Egress {
            room,
            publication,
            feed,
        } = &self.egress;
        feed.tell(Feed::Report {
            room: *room,
            publication: *publication,
            kind: self.kind,
            layer: self.layer,
            ntp: report.ntp_time,
            rtp: report.rtp_time,
            sent,
        })
        .await;
    }

    /// How it arrived since the last time this was asked.
    pub(super) fn read(&mut self, now: Instant) -> Reading {
        self.meter.read(now)
    }

    /// Whether a keyframe should be asked for, to see if this encoder answers.
    pub(super) fn is_unproven(&self, now: Instant) -> bool {
        self.meter.is_unproven(now)
    }

    /// A keyframe is to be asked for.
    pub(super) const fn wish(&mut self) {
        self.wanted = true;
    }

    /// When a keyframe is to be asked for; the first at `born`.
    pub(super) fn wish_due(&self, born: Instant) -> Option<Instant> {
        self.wanted.then(|| {
            self.asked_at
                .map_or(born, |asked| asked + limits::PLI_EVERY)
        })
    }

    /// Asks the publisher for a keyframe, if there is somebody to ask.
    pub(super) async fn ask(&mut self, remote: Option<&dyn TrackRemote>, now: Instant) {
        self.wanted = false;
        let (Some(remote), Some(media_ssrc)) = (remote, self.ssrc) else {
            return;
        };
        self.meter.asked(now);
        let wish = PictureLossIndication {
            sender_ssrc: 0,
            media_ssrc,
        };
        if remote.write_rtcp(vec![Box::new(wish)]).await.is_ok() {
            self.asked_at = Some(now);
        }
    }
}
