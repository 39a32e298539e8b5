//! One viewer's peer: WHEP, then checks, handshake and packets on a socket of its own.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider, providers::AwsLcRsProvider};
use rtc_dtls::{
    config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
};
use rtc_shared::TransportProtocol;
use rtc_srtp::{
    config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP},
    context::Context,
    protection_profile::ProtectionProfile,
};
use tokio::{net::UdpSocket, sync::watch, time};

use super::{
    Common,
    sdp::{self, Answer},
    stun,
    tracks::{Tally, Track, begins_keyframe},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(20);
/// Consent (RFC 7675) and receiver reports.
const CONSENT_EVERY: Duration = Duration::from_secs(3);
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// One certificate for all viewers of a run.
pub(crate) struct Identity {
    provider: Arc<AwsLcRsProvider>,
    config: Arc<HandshakeConfig>,
    fingerprint: String,
}

impl Identity {
    pub(super) fn make() -> Result<Self> {
        let provider = Arc::new(AwsLcRsProvider::default());
        let certificate = Certificate::generate_self_signed_with_alg(
            vec!["weiquan-loadtest".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )?;
        let hash = provider
            .crypto()
            .hash(HashAlgorithm::Sha256, &certificate.certificate[0])?;
        let fingerprint: Vec<String> = hash.iter().map(|it| format!("{it:02X}")).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(true, None)?;
        Ok(Self {
            provider,
            config: Arc::new(config),
            fingerprint: fingerprint.join(":"),
        })
    }
}

pub(super) struct Peer {
    common: Arc<Common>,
    begin: Instant,
    socket: UdpSocket,
    remote: SocketAddr,
    /// `theirs:ours`, as a check names itself.
    user: String,
    pwd: String,
    resource: String,
    token: Option<String>,
    dtls: Endpoint,
    handshaking: bool,
    inbound: Option<Context>,
    outbound: Option<Context>,
    last_check: Option<Instant>,
    last_report: Instant,
    tracks: [Track; 2],
    ssrcs: [u32; 2],
    first_keyframe: bool,
    tally: Tally,
}

impl Peer {
    /// Posts the offer and opens the socket.
    pub(super) async fn open(common: Arc<Common>, n: usize) -> Result<Self> {
        let begin = Instant::now();
        let socket = UdpSocket::bind("127.0.0.1:0")
            .await
            .context("no UDP socket")?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
        let (ufrag, pwd) = (text(8), text(24));
        let offer = sdp::offer(&ufrag, &pwd, &common.identity.fingerprint);
        let token = common.tokens.get(n).cloned();
        let (answer, resource) = post(&common, token.as_deref(), offer).await?;
        let answer: Answer = sdp::read(&answer)?;
        socket.connect(answer.address).await?;
        let local = socket.local_addr()?;
        Ok(Self {
            begin,
            remote: answer.address,
            user: format!("{}:{ufrag}", answer.ufrag),
            pwd: answer.pwd,
            resource,
            token,
            dtls: Endpoint::new(local, TransportProtocol::UDP, None),
            handshaking: false,
            inbound: None,
            outbound: None,
            last_check: None,
            last_report: begin,
            tracks: Default::default(),
            ssrcs: [0; 2],
            first_keyframe: false,
            tally: Tally::new(),
            socket,
            common,
        })
    }

    /// Watches until it is told to leave, then deletes its resource.
    pub(super) async fn watch(mut self, mut leave: watch::Receiver<bool>) -> Result<Tally> {
        let mut buffer = vec![0; 2_048];
        let mut tick = time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => self.tick()?,
                received = self.socket.readable() => {
                    received?;
                    while let Ok(n) = self.socket.try_recv(&mut buffer) {
                        self.datagram(&buffer[..n])?;
                    }
                }
                _ = leave.changed() => break,
            }
        }
        self.tally.missing += self.tracks.iter().map(Track::open).sum::<u64>();
        let mut request = self.common.http.delete(&self.resource);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let status = request.send().await.context("DELETE")?.status();
        ensure!(status.is_success(), "DELETE {}: {status}", self.resource);
        Ok(self.tally)
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.inbound.is_none() && self.begin.elapsed() > CONNECT_WITHIN {
            bail!("no connection within {CONNECT_WITHIN:?}");
        }
        let pause = if self.handshaking {
            CONSENT_EVERY
        } else {
            Duration::from_millis(60)
        };
        if self
            .last_check
            .is_none_or(|it| now.duration_since(it) >= pause)
        {
            self.last_check = Some(now);
            let check = stun::check(&self.user, &self.pwd, &*self.common.identity.provider)?;
            self.send(&check);
        }
        if self.handshaking && self.inbound.is_none() {
            self.dtls.handle_timeout(self.remote, now)?;
            self.flush();
        }
        self.feedback(now)
    }

    fn datagram(&mut self, bytes: &[u8]) -> Result<()> {
        match bytes.first() {
            Some(0..=3) if !self.handshaking && stun::is_success(bytes) => {
                self.handshaking = true;
                let config = self.common.identity.config.clone();
                self.dtls
                    .connect(Instant::now(), self.remote, config, None)?;
                self.flush();
            }
            Some(20..=63) => self.handshake(bytes)?,
            Some(128..=191) if bytes.len() > 12 => match bytes[1] {
                192..=223 => self.control(bytes),
                _ => self.media(bytes),
            },
            _ => {}
        }
        Ok(())
    }

    fn handshake(&mut self, bytes: &[u8]) -> Result<()> {
        let events = self
            .dtls
            .read(Instant::now(), self.remote, None, BytesMut::from(bytes))?;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.keys()?,
                EndpointEvent::PeerClosed => bail!("the server closed this viewer"),
                _ => {}
            }
        }
        self.flush();
        Ok(())
    }

    /// RFC 5764 §4.2: SRTP keys out of the handshake.
    fn keys(&mut self) -> Result<()> {
        let state = self
            .dtls
            .get_connection_state(self.remote)
            .context("no DTLS state")?;
        ensure!(
            state.srtp_protection_profile() == SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            "the server chose another SRTP profile"
        );
        let profile = ProtectionProfile::AeadAes128Gcm;
        let mut config = SrtpConfig {
            profile,
            ..SrtpConfig::default()
        };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
        let keys = &config.keys;
        let provider = &self.common.identity.provider;
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, provider.crypto())
        };
        self.outbound = Some(context(&keys.local_master_key, &keys.local_master_salt)?);
        self.inbound = Some(context(&keys.remote_master_key, &keys.remote_master_salt)?);
        self.tally.cipher = Some("AEAD_AES_128_GCM");
        Ok(())
    }

    fn media(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.inbound else {
            return;
        };
        if self.tally.packets == 0 {
            self.tally
                .first_packet_us
                .saturating_record(micros(self.begin));
        }
        self.tally.packets += 1;
        self.tally.counted += u64::from(self.common.counting.load(Ordering::Relaxed));
        let kind = bytes[1] & 0x7f;
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let wanted = self.tally.packets.is_multiple_of(self.common.plan.verify);
        let is_again = kind == sdp::RTX;
        if wanted || is_again || !self.first_keyframe {
            match inbound.decrypt_rtp(bytes) {
                Ok(plain) => {
                    self.tally.verified += 1;
                    self.plain(&plain, is_again, ssrc);
                }
                Err(_) => self.tally.forged += 1,
            }
        }
        if !is_again {
            let seq = u16::from_be_bytes([bytes[2], bytes[3]]);
            let track = usize::from(kind == 111);
            self.ssrcs[track] = ssrc;
            self.tally.missing += self.tracks[track].take(seq);
        }
    }

    fn plain(&mut self, plain: &[u8], is_again: bool, _ssrc: u32) {
        let extension = if plain[0] & 0x10 != 0 && plain.len() >= 16 {
            4 + 4 * usize::from(u16::from_be_bytes([plain[14], plain[15]]))
        } else {
            0
        };
        let Some(payload) = plain.get(12 + extension..) else {
            return;
        };
        if is_again {
            // RFC 4588 §4: the original sequence number opens the payload.
            if let Some(original) = payload.first_chunk::<2>() {
                self.tally.retransmitted += 1;
                self.tracks[0].take(u16::from_be_bytes(*original));
            }
        } else if !self.first_keyframe && plain[1] & 0x7f != 111 && begins_keyframe(payload) {
            self.first_keyframe = true;
            self.tally
                .first_keyframe_us
                .saturating_record(micros(self.begin));
        }
    }

    fn control(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.inbound else {
            return;
        };
        match inbound.decrypt_rtcp(bytes) {
            Ok(plain) => self.tally.sender_reports += u64::from(plain.get(1) == Some(&200)),
            Err(_) => self.tally.forged += 1,
        }
    }

    /// NACKs for holes at once, a receiver report each second (RFC 4585 §6.2.1, RFC 3550 §6.4.2).
    fn feedback(&mut self, now: Instant) -> Result<()> {
        let mut compound = Vec::new();
        let wanted = self.tracks[0].wanted(now);
        if now.duration_since(self.last_report) >= REPORT_EVERY || !wanted.is_empty() {
            self.last_report = now;
            compound.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
        }
        if !wanted.is_empty() {
            let words = u16::try_from(2 + wanted.len()).unwrap_or(u16::MAX);
            compound.extend_from_slice(&[0x81, 205]);
            compound.extend_from_slice(&words.to_be_bytes());
            compound.extend_from_slice(&1_u32.to_be_bytes());
            compound.extend_from_slice(&self.ssrcs[0].to_be_bytes());
            for seq in &wanted {
                compound.extend_from_slice(&seq.to_be_bytes());
                compound.extend_from_slice(&[0, 0]);
            }
            self.tally.nacked += wanted.len() as u64;
        }
        if let (Some(outbound), false) = (&mut self.outbound, compound.is_empty()) {
            let protected = outbound.encrypt_rtcp(&compound)?;
            self.send(&protected);
        }
        Ok(())
    }

    fn flush(&mut self) {
        while let Some(it) = self.dtls.poll_transmit() {
            self.send(&it.message);
        }
    }

    fn send(&self, bytes: &[u8]) {
        // A datagram that does not leave is a lost one: everything above copes with loss.
        let _ = self.socket.try_send(bytes);
    }
}

async fn post(common: &Common, token: Option<&str>, offer: String) -> Result<(String, String)> {
    let base = format!("http://{}", common.plan.server);
    let url = format!("{base}/api/v1/rooms/{}/whep", common.plan.room);
    let mut request = common
        .http
        .post(&url)
        .header("content-type", "application/sdp")
        .body(offer);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.context("POST to WHEP")?;
    let status = answer.status();
    let location = answer
        .headers()
        .get("location")
        .and_then(|it| it.to_str().ok());
    let resource = match location {
        Some(path) if path.starts_with('/') => format!("{base}{path}"),
        Some(url) => url.to_owned(),
        None => String::new(),
    };
    let body = answer.text().await?;
    ensure!(status.as_u16() == 201, "POST {url}: {status} {body}");
    ensure!(!resource.is_empty(), "the answer has no Location");
    Ok((body, resource))
}

fn text(chars: usize) -> String {
    use rand::RngExt as _;
    let mut random = rand::rng();
    (0..chars)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
