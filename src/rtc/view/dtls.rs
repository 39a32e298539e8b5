//! DTLS towards viewers: we are the server, one endpoint serves all viewers of a worker, and a
//! viewer is known to it by a number instead of by its address, so that the address may change.
//!
//! Only AES-GCM is offered for the media. The handshake follows the client's order otherwise, which
//! with browsers ends at HMAC-SHA1 and twice the CPU per packet; a client without GCM cannot watch.

use std::{
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
};
use rtc_shared::TransportProtocol;
use rtc_srtp::{
    config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP, SessionKeys},
    protection_profile::ProtectionProfile,
};

use crate::{StartError, sdp::Fingerprint};

/// A lost flight is sent again after this; the library's own second would be most of a join.
const FLIGHT_EVERY: Duration = Duration::from_millis(100);

pub(super) type Provider = Arc<dyn RTCCryptoProvider>;

pub(super) fn provider() -> Provider {
    crate::crypto::provider()
}

/// Our certificate, one for all workers of this process, and what follows from it.
#[derive(Clone)]
pub(super) struct Identity {
    config: Arc<HandshakeConfig>,
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
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            // Certificates are self-signed; who it is says the fingerprint, checked below.
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_EVERY)
            .build(false, None)
            .map_err(wrong)?;
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        let fingerprint = format!("sha-256 {}", hex.join(":"));
        Ok(Self {
            config: Arc::new(config),
            fingerprint,
        })
    }
}

fn sha256(provider: &Provider, bytes: &[u8]) -> Option<Vec<u8>> {
    provider.crypto().hash(HashAlgorithm::Sha256, bytes).ok()
}

/// A viewer to the endpoint: its place in the worker's list and a number that is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a datagram led to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) finished: bool,
    pub(super) closed: bool,
}

pub(super) struct Dtls {
    endpoint: Endpoint,
    provider: Provider,
}

impl Dtls {
    pub(super) fn new(identity: &Identity, provider: Provider, local: SocketAddr) -> Self {
        let config = Some(identity.config.clone());
        Self {
            endpoint: Endpoint::new(local, TransportProtocol::UDP, config),
            provider,
        }
    }

    /// True while the handshake or the connection of this line is kept.
    pub(super) fn knows(&self, line: Line) -> bool {
        self.endpoint.get_connection_state(line.address()).is_some()
    }

    /// Takes a datagram. What does not fit is dropped: the other side repeats what counts, and a
    /// handshake that leads nowhere ends by its deadline.
    pub(super) fn read(&mut self, line: Line, datagram: &[u8], now: Instant) -> Heard {
        let mut heard = Heard::default();
        match self
            .endpoint
            .read(now, line.address(), None, BytesMut::from(datagram))
        {
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
            let transmit = self.endpoint.poll_transmit()?;
            if let Some(line) = Line::of(transmit.transport.peer_addr) {
                return Some((line, transmit.message));
            }
        }
    }

    /// Repeats a flight whose time has come.
    pub(super) fn wake(&mut self, line: Line, now: Instant) {
        if let Err(error) = self.endpoint.handle_timeout(line.address(), now) {
            tracing::debug!(%error, "a DTLS handshake gave up");
        }
    }

    /// Says goodbye and forgets the line.
    pub(super) fn stop(&mut self, line: Line, now: Instant) {
        self.endpoint.stop(now, line.address());
    }

    /// The keys of a finished handshake, if the peer showed the certificate that its offer named.
    pub(super) fn keys(&self, line: Line, expected: &Fingerprint) -> Option<SessionKeys> {
        let state = self.endpoint.get_connection_state(line.address())?;
        let shown = state.peer_certificates.first()?;
        if sha256(&self.provider, shown)? != expected.0 {
            tracing::warn!("a viewer's certificate is not the one that its offer named");
            return None;
        }
        if state.srtp_protection_profile() != SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm {
            return None;
        }
        let mut config = SrtpConfig {
            profile: ProtectionProfile::AeadAes128Gcm,
            ..SrtpConfig::default()
        };
        let size = config.keying_material_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], size)
            .ok()?;
        config
            .set_session_keys_from_keying_material(material.as_ref(), state.is_client())
            .ok()?;
        Some(config.keys)
    }
}
