//! DTLS towards viewers: we are the server, two endpoints serve all viewers of a worker, and a viewer
//! is known to them by a number instead of by its address, so that the address may change.
//!
//! One endpoint knows AES-GCM alone, the other HMAC-SHA1 alone: one that knows both would follow the
//! client's order, which with browsers ends at HMAC-SHA1 and four times the cipher's time per packet.
//! Which of them a viewer talks to says its ClientHello (see `hello`).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_dtls::{
    config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
    state::State,
};
use rtc_shared::TransportProtocol;
use rtc_srtp::{
    config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP, SessionKeys},
    protection_profile::ProtectionProfile,
};

use super::hello::{Guard, Passed, Profile};
use crate::{StartError, sdp::Fingerprint};

/// A lost flight is sent again after this; the library's own second would be most of a join. Each
/// further wait is twice the one before, up to the second of these: the library repeats a flight seven
/// times, and at a fixed 100 ms it would have given up on everybody who is 800 ms away.
const FLIGHT_AFTER: Duration = Duration::from_millis(100);
const FLIGHT_AFTER_MAX: Duration = Duration::from_secs(3);

pub(super) type Provider = Arc<dyn RTCCryptoProvider>;

pub(super) fn provider() -> Provider {
    crate::crypto::provider()
}

/// Our certificate, one for all workers of this process, and what follows from it.
#[derive(Clone)]
pub(super) struct Identity {
    gcm: Arc<HandshakeConfig>,
    sha1: Arc<HandshakeConfig>,
    /// As in `a=fingerprint`.
    pub(super) fingerprint: String,
}

impl Identity {
    pub(super) fn new(provider: &Provider) -> Result<Self, StartError> {
        let wrong = |error: rtc_shared::error::Error| StartError::Certificate(error.to_string());
        let certificate = Certificate::generate_self_signed_with_alg(
            vec!["weiquan".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )
        .map_err(wrong)?;
        let der = certificate
            .certificate
            .first()
            .expect("a new certificate has itself");
        let hash = sha256(provider, der)
            .ok_or_else(|| StartError::Certificate("no SHA-256".to_owned()))?;
        let config = |profile: Profile| {
            ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(vec![profile.in_dtls()])
                // Certificates are self-signed; who it is says the fingerprint, checked below.
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_insecure_skip_verify(true)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT_AFTER)
                .build(false, None)
                .map(Arc::new)
                .map_err(wrong)
        };
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        let fingerprint = format!("sha-256 {}", hex.join(":"));
        Ok(Self {
            gcm: config(Profile::Gcm)?,
            sha1: config(Profile::Sha1)?,
            fingerprint,
        })
    }
}

fn sha256(provider: &Provider, bytes: &[u8]) -> Option<Vec<u8>> {
    provider.crypto().hash(HashAlgorithm::Sha256, bytes).ok()
}

/// A viewer to the endpoint: its place in the worker's list and a number that is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) key: usize,
    pub(super) serial: u64,
}

impl Line {
    /// An address that no packet ever has: the endpoint only uses it to tell lines apart.
    fn address(self) -> SocketAddr {
        let bits = (u128::from(self.serial) << 64) | self.key as u128;
        SocketAddr::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), 1)
    }

    fn of(address: SocketAddr) -> Option<Self> {
        let IpAddr::V6(ip) = address.ip() else {
            return None;
        };
        let bits = ip.to_bits();
        Some(Self {
            key: bits as u64 as usize,
            serial: (bits >> 64) as u64,
        })
    }
}

impl Profile {
    fn in_dtls(self) -> SrtpProtectionProfile {
        match self {
            Self::Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Self::Sha1 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        }
    }

    pub(super) fn in_srtp(self) -> ProtectionProfile {
        match self {
            Self::Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::Sha1 => ProtectionProfile::Aes128CmHmacSha1_80,
        }
    }
}

/// What a finished handshake agreed on.
pub(super) struct Keys {
    pub(super) profile: Profile,
    pub(super) session: SessionKeys,
}

/// A handshake under way, and when its flight may be sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shaking {
    pub(super) line: Line,
    due: Instant,
    pause: Duration,
}

impl Shaking {
    pub(super) fn new(line: Line, now: Instant) -> Self {
        Self {
            line,
            due: now + FLIGHT_AFTER,
            pause: FLIGHT_AFTER,
        }
    }

    /// Whether it is time; the next time is further away.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.due {
            return false;
        }
        self.pause = (self.pause * 2).min(FLIGHT_AFTER_MAX);
        self.due = now + self.pause;
        true
    }
}

/// What a datagram led to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The handshake has begun: flights may have to be sent again.
    pub(super) begun: bool,
    pub(super) finished: bool,
    pub(super) closed: bool,
}

pub(super) struct Dtls {
    gcm: Endpoint,
    sha1: Endpoint,
    /// One for each line that has said anything, until it stops.
    guards: HashMap<Line, Guard>,
    provider: Provider,
}

impl Dtls {
    pub(super) fn new(identity: &Identity, provider: Provider, local: SocketAddr) -> Self {
        let endpoint = |config: &Arc<HandshakeConfig>| {
            Endpoint::new(local, TransportProtocol::UDP, Some(config.clone()))
        };
        Self {
            gcm: endpoint(&identity.gcm),
            sha1: endpoint(&identity.sha1),
            guards: HashMap::new(),
            provider,
        }
    }

    /// True while the handshake or the connection of this line is kept.
    pub(super) fn knows(&self, line: Line) -> bool {
        self.state(line).is_some()
    }

    /// Takes a datagram. What does not fit is dropped: the other side repeats what counts, and a
    /// handshake that leads nowhere ends by its deadline.
    pub(super) fn read(&mut self, line: Line, datagram: &[u8], now: Instant) -> Heard {
        let mut heard = Heard::default();
        let (profile, datagram) = match self.guards.entry(line).or_default().pass(datagram) {
            Passed::Nothing => return heard,
            Passed::Unfit => {
                metrics::counter!("weiquan_media_handshake_unfit_total").increment(1);
                return heard;
            }
            Passed::Hello(profile, hello) => {
                heard.begun = true;
                (profile, hello)
            }
            Passed::Through(profile) => (profile, BytesMut::from(datagram)),
        };
        let endpoint = self.endpoint(profile);
        match endpoint.read(now, line.address(), None, datagram) {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => heard.finished = true,
                        EndpointEvent::PeerClosed => heard.closed = true,
                        _ => {}
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "a DTLS datagram was not understood"),
        }
        heard
    }

    /// The next datagram to send, and to whom.
    pub(super) fn poll(&mut self) -> Option<(Line, BytesMut)> {
        loop {
            let transmit = self.gcm.poll_transmit();
            let transmit = transmit.or_else(|| self.sha1.poll_transmit())?;
            if let Some(line) = Line::of(transmit.transport.peer_addr) {
                return Some((line, transmit.message));
            }
        }
    }

    /// Repeats a flight whose time has come.
    pub(super) fn wake(&mut self, line: Line, now: Instant) {
        let Some(profile) = self.profile(line) else {
            return;
        };
        let endpoint = self.endpoint(profile);
        if let Err(error) = endpoint.handle_timeout(line.address(), now) {
            tracing::debug!(%error, "a DTLS handshake gave up");
        }
    }

    /// Says goodbye and forgets the line.
    pub(super) fn stop(&mut self, line: Line, now: Instant) {
        if let Some(profile) = self.profile(line) {
            self.endpoint(profile).stop(now, line.address());
        }
        self.guards.remove(&line);
    }

    /// The keys of a finished handshake, if the peer showed the certificate that its offer named.
    pub(super) fn keys(&self, line: Line, expected: &Fingerprint) -> Option<Keys> {
        let profile = self.profile(line)?;
        let state = self.state(line)?;
        let shown = state.peer_certificates.first()?;
        if sha256(&self.provider, shown)? != expected.0 {
            tracing::warn!("a viewer's certificate is not the one that its offer named");
            return None;
        }
        // Whoever offered no profile at all comes this far without one.
        if state.srtp_protection_profile() != profile.in_dtls() {
            return None;
        }
        let mut config = SrtpConfig {
            profile: profile.in_srtp(),
            ..SrtpConfig::default()
        };
        let size = config.keying_material_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], size)
            .ok()?;
        config
            .set_session_keys_from_keying_material(material.as_ref(), state.is_client())
            .ok()?;
        let session = config.keys;
        Some(Keys { profile, session })
    }

    fn profile(&self, line: Line) -> Option<Profile> {
        self.guards.get(&line)?.profile()
    }

    fn endpoint(&mut self, profile: Profile) -> &mut Endpoint {
        match profile {
            Profile::Gcm => &mut self.gcm,
            Profile::Sha1 => &mut self.sha1,
        }
    }

    fn state(&self, line: Line) -> Option<&State> {
        let endpoint = match self.profile(line)? {
            Profile::Gcm => &self.gcm,
            Profile::Sha1 => &self.sha1,
        };
        endpoint.get_connection_state(line.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_repeated_ever_more_seldom_and_for_longer_than_any_line_takes() {
        let begin = Instant::now();
        let line = Line { key: 1, serial: 1 };
        let mut shaking = Shaking::new(line, begin);
        let ticks = (0..300).map(|it| Duration::from_millis(50 * it));
        let due: Vec<_> = ticks.filter(|it| shaking.is_due(begin + *it)).collect();
        let ms: Vec<_> = due.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [100, 300, 700, 1_500, 3_100, 6_100, 9_100, 12_100]);
    }
}
