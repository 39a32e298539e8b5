//! A `webrtc` peer connection as publishers need it: ICE-lite on the shared port, the codecs that
//! were chosen and no others, DTLS in the role that the offer leaves us, sender reports let through.

use std::{
    future::Future,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use media::{Kind, Redundancy};
use protocol::{Code, Refusal};
use rtc::{
    ice::mdns::MulticastDnsMode,
    interceptor::Slot,
    peer_connection::transport::RTCDtlsRole,
    rtp_transceiver::rtp_sender::{
        RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability,
        RtpCodecKind,
    },
    shared::error::Error,
};
use tokio::sync::{Notify, mpsc};
use webrtc::{
    media_stream::track_remote::TrackRemote,
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
        RTCConfigurationBuilder, RTCIceGatheringState, RTCPeerConnectionState,
        RTCSessionDescription, Registry, SettingEngineBuilder, register_default_interceptors,
    },
};

use super::{offer::Offer, port::Credentials, reports::LetThrough, runtime::PeerRuntime};
use crate::{codecs::Chosen, extmap::DESCRIPTOR_URI};

/// Silence after which ICE says `disconnected`.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// Longer silence after which it says `failed`, which is final. It only knows of connectivity checks,
/// and there are encoders that make none once they send (libnice): the publisher's task, which knows
/// of media too, gives up long before (see `peer`).
const FAILED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a path that was checked is looked at: DTLS begins at the next look. `webrtc` takes 200 ms, which
/// every publisher waits for.
const PATH_LOOKED_AT_EVERY: Duration = Duration::from_millis(25);
/// Our own checks of a path, one for each look: for 1.4 s, as `webrtc` does it.
const CHECKS_MAX: u16 = 56;
/// Only one host candidate is gathered, without asking anybody.
const GATHERED_WITHIN: Duration = Duration::from_secs(2);
/// What happens in a life: some changes of state and two tracks.
pub(super) const EVENTS_MAX: usize = 16;

/// Behind everything that reads RTCP, so that it sees what they saw.
const SENDER_REPORTS_SLOT: usize = 20_000;

pub(super) enum Event {
    Track(Arc<dyn TrackRemote>),
    State(RTCPeerConnectionState),
}

/// A connection with its answer, before the answer leaves.
pub(super) struct Answered {
    pub(super) connection: Arc<dyn PeerConnection>,
    pub(super) sdp: String,
    pub(super) events: mpsc::Receiver<Event>,
}

pub(super) async fn answer(
    text: String,
    offer: &Offer,
    credentials: &Credentials,
    runtime: PeerRuntime,
) -> Result<Answered, Refusal> {
    let (events, happened) = mpsc::channel(EVENTS_MAX);
    let gathered = Arc::new(Notify::new());
    let listener = Arc::new(Listener {
        events,
        gathered: Arc::clone(&gathered),
    });
    let connection: Arc<dyn PeerConnection> = build(offer, credentials, runtime, listener)
        .await
        .map_err(|error| {
            tracing::error!(%error, "a peer connection cannot be made");
            Refusal::new(Code::Internal, "the peer connection cannot be made")
        })?;
    match negotiate(&*connection, without_candidates(&text), &gathered).await {
        Ok(sdp) => Ok(Answered {
            connection,
            sdp,
            events: happened,
        }),
        Err(error) => {
            let _ = connection.close().await;
            Err(Refusal::new(
                Code::SdpUnfit,
                format!("the offer cannot be answered: {error}"),
            ))
        }
    }
}

/// Where a publisher is its checks tell, so that nobody else is called whom an offer names, and no name
/// is looked up. A candidate that `webrtc` cannot read does not cost the offer either (RFC 9725 §4.3.2).
fn without_candidates(offer: &str) -> String {
    let lines = offer.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with("a=candidate:"))
        .collect()
}

async fn negotiate(
    connection: &dyn PeerConnection,
    offer: String,
    gathered: &Notify,
) -> Result<String, Error> {
    connection
        .set_remote_description(RTCSessionDescription::offer(offer)?)
        .await?;
    let answer = connection.create_answer(None).await?;
    connection.set_local_description(answer).await?;
    tokio::time::timeout(GATHERED_WITHIN, gathered.notified())
        .await
        .map_err(|_| Error::Other("no candidate was gathered".to_owned()))?;
    let local = connection.local_description().await;
    Ok(local
        .ok_or_else(|| Error::Other("there is no answer".to_owned()))?
        .sdp)
}

async fn build(
    offer: &Offer,
    credentials: &Credentials,
    runtime: PeerRuntime,
    listener: Arc<Listener>,
) -> Result<Arc<dyn PeerConnection>, Error> {
    // An end for each family that the shared port takes, because ICE pairs like with like.
    let bound = runtime.port.address();
    let v4: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    let ends = match bound {
        SocketAddr::V4(_) => vec![v4],
        SocketAddr::V6(bound) if bound.ip().is_unspecified() => vec![v4, v6],
        SocketAddr::V6(_) => vec![v6],
    };
    let mut engine = MediaEngine::default();
    for (kind, chosen) in [(Kind::Video, &offer.video), (Kind::Audio, &offer.audio)] {
        if let Some(chosen) = chosen {
            register(&mut engine, kind, chosen)?;
        }
    }
    let interceptors = register_default_interceptors(Registry::new(), &mut engine)?.with(
        Slot::from(SENDER_REPORTS_SLOT),
        LetThrough::sender_reports(),
    );
    let mut settings = SettingEngineBuilder::new()
        .with_crypto_provider(crate::crypto::provider())
        .with_lite(true)
        .with_ice_credentials(credentials.ufrag.clone(), credentials.password.clone())
        .with_ice_timeouts(Some(SILENT_AFTER), Some(FAILED_AFTER), None)
        .with_ice_connection_attempts(Some(PATH_LOOKED_AT_EVERY), Some(CHECKS_MAX))
        // The peer's end of the shared port is named by a loopback address.
        .with_include_loopback_candidate(true)
        // A multicast socket cannot be had in many containers, and nobody needs it here.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled);
    // As a server we choose the SRTP profile, so we are one unless the offer forbids it.
    if !offer.passive {
        settings = settings.with_answering_dtls_role(RTCDtlsRole::Server);
    }
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(engine)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(interceptors)
        .with_handler(listener)
        .with_runtime(Arc::new(runtime))
        .with_udp_addrs(ends)
        .build()
        .await?;
    Ok(Arc::new(connection))
}

fn register(engine: &mut MediaEngine, kind: Kind, chosen: &Chosen) -> Result<(), Error> {
    let kind_of = match kind {
        Kind::Video => RtpCodecKind::Video,
        Kind::Audio => RtpCodecKind::Audio,
    };
    let codec = &chosen.codec;
    let mime_type = format!("{}/{}", kind.as_str(), codec.name.as_str());
    let feedback = chosen
        .feedback
        .iter()
        .filter_map(|it| feedback(it))
        .collect();
    engine.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type,
                clock_rate: codec.clock,
                channels: codec.channels.into(),
                sdp_fmtp_line: codec.fmtp.clone(),
                rtcp_feedback: feedback,
            },
            payload_type: chosen.payload_type,
        },
        kind_of,
    )?;
    if let Some(redundancy) = codec.redundancy {
        engine.register_codec(redundant(kind, chosen, redundancy), kind_of)?;
    }
    if codec.descriptor.is_some() {
        let uri = DESCRIPTOR_URI.to_owned();
        let extension = RTCRtpHeaderExtensionCapability { uri };
        engine.register_header_extension(extension, kind_of, None)?;
    }
    let Some(resend) = chosen.resend else {
        return Ok(());
    };
    engine.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: format!("{}/rtx", kind.as_str()),
                clock_rate: codec.clock,
                sdp_fmtp_line: format!("apt={}", chosen.payload_type),
                ..RTCRtpCodec::default()
            },
            payload_type: resend,
        },
        kind_of,
    )
}

/// As the offer has it: `webrtc` answers with the offer's parameters.
fn redundant(kind: Kind, chosen: &Chosen, redundancy: Redundancy) -> RTCRtpCodecParameters {
    let of = redundancy.of;
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: format!("{}/red", kind.as_str()),
            clock_rate: chosen.codec.clock,
            channels: chosen.codec.channels.into(),
            sdp_fmtp_line: format!("{of}/{of}"),
            ..RTCRtpCodec::default()
        },
        payload_type: redundancy.payload_type,
    }
}

/// The feedback of an offer that we give. `nack` and `transport-cc` are added where they are not
/// said already.
fn feedback(offered: &str) -> Option<RTCPFeedback> {
    let (typ, parameter) = offered.split_once(' ').unwrap_or((offered, ""));
    matches!((typ, parameter), ("ccm", "fir") | ("nack", "" | "pli")).then(|| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    })
}

/// Tells the publisher's task what `webrtc` says. It has no state of its own.
pub(super) struct Listener {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) gathered: Arc<Notify>,
}

type Told<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl PeerConnectionEventHandler for Listener {
    fn on_ice_gathering_state_change<'a, 'told>(
        &'a self,
        state: RTCIceGatheringState,
    ) -> Told<'told>
    where
        'a: 'told,
    {
        Box::pin(async move {
            if state == RTCIceGatheringState::Complete {
                self.gathered.notify_one();
            }
        })
    }

    fn on_connection_state_change<'a, 'told>(&'a self, state: RTCPeerConnectionState) -> Told<'told>
    where
        'a: 'told,
    {
        Box::pin(async move {
            // The publisher's task is gone: nobody wants to know.
            let _ = self.events.send(Event::State(state)).await;
        })
    }

    fn on_track<'a, 'told>(&'a self, track: Arc<dyn TrackRemote>) -> Told<'told>
    where
        'a: 'told,
    {
        Box::pin(async move {
            let _ = self.events.send(Event::Track(track)).await;
        })
    }
}
