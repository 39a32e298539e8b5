//! A publisher of `webrtc` in this process: H264 pictures that are nothing but their headers, or sound.

use std::{sync::Arc, time::Duration};

use rtc::{
    ice::mdns::MulticastDnsMode,
    interceptor::Slot,
    media_stream::MediaStreamTrack,
    rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication,
    rtp::{Packet, header::Header},
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
        RTCRtpHeaderExtensionCapability, RtpCodecKind,
    },
};
use tokio::sync::{Notify, mpsc};
use webrtc::{
    media_stream::track_local::{TrackLocal, TrackLocalEvent, static_rtp::TrackLocalStaticRTP},
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, RTCConfigurationBuilder,
        RTCSessionDescription, Registry, SettingEngineBuilder, register_default_interceptors,
    },
};

use super::PATIENCE;
use crate::extmap::DESCRIPTOR_URI;
use crate::publish::{
    connection::{EVENTS_MAX, Event, Listener},
    reports::LetThrough,
};

const SSRC: u32 = 0x1234_5678;
const PAYLOAD_TYPE: u8 = 102;
pub(super) const OPUS: u8 = 111;
pub(super) const RED: u8 = 63;
/// 25 pictures a second.
const EVERY: Duration = Duration::from_millis(40);
const TICKS: u32 = 3_600;

pub(super) struct Client {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    events: mpsc::Receiver<Event>,
    gathered: Arc<Notify>,
    sequence: u16,
    pictures: u32,
}

fn sound(name: &str, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: format!("audio/{name}"),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "video/H264".to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: "packetization-mode=1;profile-level-id=42e01f".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// H264 with start codes as payloads of RTP (RFC 6184): a unit alone where it fits, else in fragments.
fn payloads(picture: &[u8]) -> Vec<Vec<u8>> {
    const BYTES_MAX: usize = 1_100;
    let mut all = Vec::new();
    let mut starts: Vec<usize> = (0..picture.len().saturating_sub(2))
        .filter(|at| picture[*at..*at + 3] == [0, 0, 1])
        .map(|at| at + 3)
        .collect();
    starts.push(picture.len() + 3);
    for bounds in starts.windows(2) {
        let mut unit = &picture[bounds[0]..bounds[1] - 3];
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        let Some((head, body)) = unit.split_first() else {
            continue;
        };
        if unit.len() <= BYTES_MAX {
            all.push(unit.to_vec());
            continue;
        }
        let parts = body.len().div_ceil(BYTES_MAX);
        for (n, part) in body.chunks(BYTES_MAX).enumerate() {
            let first = u8::from(n == 0) << 7;
            let last = u8::from(n + 1 == parts) << 6;
            let mut payload = vec![head & 0xe0 | 28, first | last | head & 0x1f];
            payload.extend_from_slice(part);
            all.push(payload);
        }
    }
    all
}

impl Client {
    pub(super) async fn new() -> Self {
        Self::at("127.0.0.1:0").await
    }

    /// One that sends from here.
    pub(super) async fn at(address: &str) -> Self {
        let picture = vec![(PAYLOAD_TYPE, codec())];
        Self::with(address, RtpCodecKind::Video, picture).await
    }

    /// One of sound alone, as browsers offer it: plain and with redundancy.
    pub(super) async fn of_sound() -> Self {
        let opus = sound("opus", "minptime=10;useinbandfec=1");
        let red = sound("red", &format!("{OPUS}/{OPUS}"));
        let sound = vec![(OPUS, opus), (RED, red)];
        Self::with("127.0.0.1:0", RtpCodecKind::Audio, sound).await
    }

    /// One that sends AV1 with the dependency descriptor.
    pub(super) async fn of_av1() -> Self {
        let av1 = RTCRtpCodec {
            mime_type: "video/AV1".to_owned(),
            sdp_fmtp_line: String::new(),
            ..codec()
        };
        let picture = vec![(PAYLOAD_TYPE, av1)];
        Self::with("127.0.0.1:0", RtpCodecKind::Video, picture).await
    }

    async fn with(address: &str, kind: RtpCodecKind, codecs: Vec<(u8, RTCRtpCodec)>) -> Self {
        let mut engine = MediaEngine::default();
        if codecs[0].1.mime_type.ends_with("AV1") {
            let uri = DESCRIPTOR_URI.to_owned();
            let extension = RTCRtpHeaderExtensionCapability { uri };
            engine
                .register_header_extension(extension, kind, None)
                .unwrap();
        }
        let codec = codecs[0].1.clone();
        for (payload_type, rtp_codec) in codecs {
            let parameters = RTCRtpCodecParameters {
                rtp_codec,
                payload_type,
            };
            engine.register_codec(parameters, kind).unwrap();
        }
        let wishes = LetThrough::new(|packet| packet.as_any().is::<PictureLossIndication>());
        let interceptors = register_default_interceptors(Registry::new(), &mut engine)
            .unwrap()
            .with(Slot::from(20_000), wishes);
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled);
        let (told, events) = mpsc::channel(EVENTS_MAX);
        let gathered = Arc::new(Notify::new());
        let listener = Listener {
            events: told,
            gathered: Arc::clone(&gathered),
        };
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_setting_engine(settings.build())
            .with_interceptor_registry(interceptors)
            .with_handler(Arc::new(listener))
            .with_udp_addrs(vec![address.to_owned()])
            .build()
            .await
            .unwrap();
        let coding = RTCRtpCodingParameters {
            ssrc: Some(SSRC),
            ..Default::default()
        };
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "stream".to_owned(),
            "track".to_owned(),
            "label".to_owned(),
            kind,
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        connection
            .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        Self {
            connection,
            track,
            events,
            gathered,
            sequence: 65_000,
            pictures: 0,
        }
    }

    pub(super) async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.connection.set_local_description(offer).await.unwrap();
        tokio::time::timeout(PATIENCE, self.gathered.notified())
            .await
            .unwrap();
        // What `webrtc` calls sendrecv sends.
        self.connection.local_description().await.unwrap().sdp
    }

    /// Goes on by the answer, wherever that leads.
    pub(super) async fn follow(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).unwrap();
        self.connection
            .set_remote_description(answer)
            .await
            .unwrap();
    }

    pub(super) async fn take(&mut self, answer: String) {
        self.follow(answer).await;
        let connected = async {
            while let Some(event) = self.events.recv().await {
                if matches!(event, Event::State(state) if state.to_string() == "connected") {
                    return;
                }
            }
            panic!("the connection ended before it began");
        };
        tokio::time::timeout(PATIENCE, connected)
            .await
            .expect("connected in time");
    }

    pub(super) fn next_timestamp(&self) -> u32 {
        self.pictures * TICKS
    }

    /// One picture of three packets: parameter sets and two fragments.
    pub(super) async fn picture(&mut self, keyframe: bool) {
        let unit = if keyframe { 5 } else { 1 };
        let payloads: [&[u8]; 3] = [
            &[0x67, 0x42, 0xe0, 0x1f],
            &[0x7c, 0x80 | unit, 1, 2, 3],
            &[0x7c, 0x40 | unit, 4, 5],
        ];
        let skip = usize::from(!keyframe);
        for (at, payload) in payloads.iter().enumerate().skip(skip) {
            let header = Header {
                version: 2,
                marker: at == 2,
                payload_type: PAYLOAD_TYPE,
                sequence_number: self.sequence,
                timestamp: self.pictures * TICKS,
                ssrc: SSRC,
                ..Default::default()
            };
            self.sequence = self.sequence.wrapping_add(1);
            let payload = bytes::Bytes::copy_from_slice(payload);
            self.track
                .write_rtp(Packet { header, payload })
                .await
                .unwrap();
        }
        self.pictures += 1;
    }

    /// A picture of one packet with this extension.
    pub(super) async fn described(&mut self, payload: &[u8], id: u8, descriptor: &[u8]) {
        let mut header = Header {
            version: 2,
            marker: true,
            payload_type: PAYLOAD_TYPE,
            sequence_number: self.sequence,
            timestamp: self.pictures * TICKS,
            ssrc: SSRC,
            extension: true,
            // Of two bytes: any length may be said.
            extension_profile: 0x1000,
            ..Default::default()
        };
        let descriptor = bytes::Bytes::copy_from_slice(descriptor);
        header.set_extension(id, descriptor).unwrap();
        self.sequence = self.sequence.wrapping_add(1);
        self.pictures += 1;
        let payload = bytes::Bytes::copy_from_slice(payload);
        self.track
            .write_rtp(Packet { header, payload })
            .await
            .unwrap();
    }

    /// A packet of sound, 20 ms after the one before.
    pub(super) async fn sound(&mut self, payload_type: u8, payload: &[u8]) {
        let header = Header {
            version: 2,
            marker: false,
            payload_type,
            sequence_number: self.sequence,
            timestamp: u32::from(self.sequence) * 960,
            ssrc: SSRC,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        let payload = bytes::Bytes::copy_from_slice(payload);
        self.track
            .write_rtp(Packet { header, payload })
            .await
            .unwrap();
    }

    /// One picture as an encoder made it: its units with start codes, and when it is shown.
    pub(super) async fn encoded(&mut self, timestamp: u32, picture: &[u8]) {
        let payloads = payloads(picture);
        let last = payloads.len() - 1;
        for (at, payload) in payloads.into_iter().enumerate() {
            let header = Header {
                version: 2,
                marker: at == last,
                payload_type: PAYLOAD_TYPE,
                sequence_number: self.sequence,
                timestamp,
                ssrc: SSRC,
                ..Default::default()
            };
            self.sequence = self.sequence.wrapping_add(1);
            let payload = payload.into();
            self.track
                .write_rtp(Packet { header, payload })
                .await
                .unwrap();
        }
    }

    /// Pictures at their pace until a keyframe is asked of us.
    pub(super) async fn send_until_asked(&mut self) {
        let track = Arc::clone(&self.track);
        let asked = async {
            loop {
                let event = track.poll().await.expect("the track lives");
                let TrackLocalEvent::OnRtcpPacket(packets) = event else {
                    continue;
                };
                if packets
                    .iter()
                    .any(|it| it.as_any().is::<PictureLossIndication>())
                {
                    return;
                }
            }
        };
        let mut ticks = tokio::time::interval(EVERY);
        let sending = async {
            loop {
                ticks.tick().await;
                self.picture(self.pictures == 0).await;
            }
        };
        tokio::select! {
            () = asked => {}
            () = sending => {}
            () = tokio::time::sleep(PATIENCE) => panic!("nobody asked for a keyframe"),
        }
    }

    pub(super) async fn close(&self) {
        self.connection.close().await.unwrap();
    }
}
