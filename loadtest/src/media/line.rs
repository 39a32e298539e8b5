//! The line under a peer: HTTP for the offer, then connectivity checks, the DTLS handshake and SRTP keys
//! on a socket of its own. We are the controlling side and the DTLS client, as a browser is.

use std::{
    net::SocketAddr,
    sync::Arc,
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
use tokio::time::{self, Interval, MissedTickBehavior};

use super::{
    janus,
    sdp::{self, Agreed, Answer},
    stun,
    way::{Transport, Way},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// Consent (RFC 7675).
const CONSENT_EVERY: Duration = Duration::from_secs(3);
const CHECK_EVERY: Duration = Duration::from_millis(60);
/// A server that says nothing for so many ticks of 20 ms (it answers a check each three seconds) is gone.
/// Ticks and not seconds: a generator that was itself held up has not listened either.
const GONE_AFTER_TICKS: u32 = 250;

/// Kinds of DTLS records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// One certificate for all peers of a run.
pub(crate) struct Identity {
    provider: Arc<AwsLcRsProvider>,
    config: Arc<HandshakeConfig>,
    fingerprint: String,
}

impl Identity {
    pub(crate) fn make() -> Result<Self> {
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
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(true, None)?;
        Ok(Self {
            provider,
            config: Arc::new(config),
            fingerprint: fingerprint.join(":"),
        })
    }

    /// A ClientHello as a peer says it first.
    pub(crate) fn hello(&self) -> Result<Vec<u8>> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut dtls = Endpoint::new(nowhere, TransportProtocol::UDP, None);
        dtls.connect(Instant::now(), nowhere, self.config.clone(), None)?;
        let hello = dtls.poll_transmit().context("no hello")?;
        Ok(hello.message.to_vec())
    }

    /// A connectivity check by this name, proven by this password.
    pub(crate) fn check(&self, user: &str, pwd: &str) -> Result<Vec<u8>> {
        stun::check(user, pwd, &*self.provider)
    }
}

/// Where the offer goes.
pub(crate) struct Door<'a> {
    pub(crate) http: &'a reqwest::Client,
    /// `http://host:port`, to which a relative `Location` belongs.
    pub(crate) base: String,
    pub(crate) path: String,
    pub(crate) token: Option<&'a str>,
    /// Where media goes instead of the answer's address: a relay that stands before it.
    pub(crate) through: Option<SocketAddr>,
    /// What media goes by.
    pub(crate) transport: Transport,
}

/// What came in on a line.
pub(crate) enum Heard<'a> {
    Rtp(&'a [u8]),
    Rtcp(&'a [u8]),
    /// The handshake is done: media may flow.
    Ready,
    Nothing,
}

pub(crate) struct Line {
    pub(crate) begin: Instant,
    pub(crate) socket: Way,
    pub(crate) inbound: Option<Context>,
    pub(crate) outbound: Option<Context>,
    pub(crate) cipher: Option<&'static str>,
    /// What the server's answer agrees to.
    pub(crate) agreed: Agreed,
    identity: Arc<Identity>,
    remote: SocketAddr,
    /// `theirs:ours`, as a check names itself.
    user: String,
    pwd: String,
    own_pwd: String,
    way_out: WayOut,
    dtls: Endpoint,
    handshaking: bool,
    /// Our last flight of the handshake has left.
    finishing: bool,
    last_check: Option<Instant>,
    /// Ticks since anything was heard on the established line.
    silent_ticks: u32,
    /// Nobody listens at the other end any more.
    refused: bool,
}

impl Line {
    /// Posts an offer made by `offer(ufrag, pwd, fingerprint)` and opens the socket.
    pub(crate) async fn open(
        identity: Arc<Identity>,
        door: Door<'_>,
        offer: impl FnOnce(&str, &str, &str) -> String,
    ) -> Result<Self> {
        let begin = Instant::now();
        let (ufrag, pwd) = (text(8), text(24));
        let (answer, resource) = post(&door, offer(&ufrag, &pwd, &identity.fingerprint)).await?;
        let answer: Answer = sdp::read(&answer, door.transport)?;
        let remote = door.through.unwrap_or(answer.address);
        let way_out = WayOut::Resource(resource, door.token.map(str::to_owned));
        let socket = Way::to(remote, door.transport).await?;
        Self::over(identity, begin, socket, answer, (&ufrag, pwd), way_out)
    }

    /// Answers the offer of a Janus that is asked for a mountpoint.
    pub(crate) async fn open_mountpoint(
        identity: Arc<Identity>,
        http: &reqwest::Client,
        server: SocketAddr,
        mountpoint: u64,
    ) -> Result<Self> {
        let begin = Instant::now();
        let (ufrag, pwd) = (text(8), text(24));
        let (session, offer) = janus::Session::watch(http, server, mountpoint).await?;
        let theirs = sdp::read(&offer, Transport::Udp)?;
        let socket = Way::to(theirs.address, Transport::Udp).await?;
        let ours = socket.local_addr()?;
        let answer = janus::answer(&offer, ours, &ufrag, &pwd, &identity.fingerprint)?;
        // What we answer is what is agreed on.
        let agreed = Agreed::of(&answer);
        session.start(answer).await?;
        let theirs = Answer { agreed, ..theirs };
        let way_out = WayOut::Janus(session);
        Self::over(identity, begin, socket, theirs, (&ufrag, pwd), way_out)
    }

    fn over(
        identity: Arc<Identity>,
        begin: Instant,
        socket: Way,
        theirs: Answer,
        (ufrag, own_pwd): (&str, String),
        way_out: WayOut,
    ) -> Result<Self> {
        let local = socket.local_addr()?;
        Ok(Self {
            begin,
            remote: socket.peer_addr()?,
            user: format!("{}:{ufrag}", theirs.ufrag),
            pwd: theirs.pwd,
            own_pwd,
            way_out,
            dtls: Endpoint::new(local, TransportProtocol::UDP, None),
            handshaking: false,
            finishing: false,
            inbound: None,
            outbound: None,
            cipher: None,
            agreed: theirs.agreed,
            last_check: None,
            silent_ticks: 0,
            refused: false,
            socket,
            identity,
        })
    }

    /// The name of its checks: `theirs:ours`.
    pub(crate) fn name(&self) -> &str {
        &self.user
    }

    /// What calls [`Line::tick`]: every 20 ms, and after a stall no more often.
    pub(crate) fn ticks() -> Interval {
        let mut ticks = time::interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Checks, consent and handshake timers.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<()> {
        self.silent_ticks += u32::from(self.inbound.is_some());
        if self.inbound.is_none() && self.begin.elapsed() > CONNECT_WITHIN {
            bail!("no connection within {CONNECT_WITHIN:?}");
        }
        let pause = if self.handshaking {
            CONSENT_EVERY
        } else {
            CHECK_EVERY
        };
        if self
            .last_check
            .is_none_or(|it| now.duration_since(it) >= pause)
        {
            self.last_check = Some(now);
            let check = stun::check(&self.user, &self.pwd, &*self.identity.provider)?;
            self.send(&check);
        }
        if self.handshaking && self.inbound.is_none() {
            self.dtls.handle_timeout(self.remote, now)?;
            self.flush();
        }
        Ok(())
    }

    /// Whether the server has vanished.
    pub(crate) fn is_gone(&self) -> bool {
        self.refused || self.silent_ticks > GONE_AFTER_TICKS
    }

    /// The next datagram that is there.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.socket.try_recv(buffer) {
            Ok(n) => Some(n),
            Err(error) => {
                self.refused |= self.socket.ends_by(&error);
                None
            }
        }
    }

    /// Takes a datagram; media is handed back as it came.
    pub(crate) fn hear<'a>(&mut self, bytes: &'a [u8]) -> Result<Heard<'a>> {
        self.silent_ticks = 0;
        match bytes.first() {
            Some(0..=3) => self.check(bytes),
            Some(20..=63) => self.handshake(bytes),
            Some(128..=191) if bytes.len() > 12 => match bytes[1] {
                192..=223 => Ok(Heard::Rtcp(bytes)),
                _ => Ok(Heard::Rtp(bytes)),
            },
            _ => Ok(Heard::Nothing),
        }
    }

    fn check(&mut self, bytes: &[u8]) -> Result<Heard<'static>> {
        match stun::read(bytes, self.remote, &self.own_pwd, &*self.identity.provider)? {
            stun::Seen::Success if !self.handshaking => {
                self.handshaking = true;
                let config = self.identity.config.clone();
                self.dtls
                    .connect(Instant::now(), self.remote, config, None)?;
                self.flush();
            }
            stun::Seen::Answer(answer) => self.send(&answer),
            stun::Seen::Success | stun::Seen::Other => {}
        }
        Ok(Heard::Nothing)
    }

    fn handshake(&mut self, bytes: &[u8]) -> Result<Heard<'static>> {
        // The server repeats its flight until it has ours. To the library such a repeat is progress: it
        // would stop its own timer, and if ours was lost nobody would ever say anything again.
        if self.finishing
            && records(bytes).any(|it| it.starts_with(&[HANDSHAKE]) && it[3..5] == [0, 0])
        {
            return Ok(Heard::Nothing);
        }
        let mut heard = Heard::Nothing;
        let events = self
            .dtls
            .read(Instant::now(), self.remote, None, BytesMut::from(bytes))?;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.keys()?;
                    heard = Heard::Ready;
                }
                EndpointEvent::PeerClosed => bail!("the server closed this peer"),
                _ => {}
            }
        }
        self.flush();
        Ok(heard)
    }

    /// RFC 5764 §4.2: SRTP keys out of the handshake.
    fn keys(&mut self) -> Result<()> {
        let state = self
            .dtls
            .get_connection_state(self.remote)
            .context("no DTLS state")?;
        let (profile, cipher) = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => {
                (ProtectionProfile::AeadAes128Gcm, "AEAD_AES_128_GCM")
            }
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => (
                ProtectionProfile::Aes128CmHmacSha1_80,
                "AES_CM_128_HMAC_SHA1_80",
            ),
            _ => bail!("the server chose an SRTP profile that was not offered"),
        };
        let mut config = SrtpConfig {
            profile,
            ..SrtpConfig::default()
        };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
        let keys = &config.keys;
        let provider = &self.identity.provider;
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, provider.crypto())
        };
        self.outbound = Some(context(&keys.local_master_key, &keys.local_master_salt)?);
        self.inbound = Some(context(&keys.remote_master_key, &keys.remote_master_salt)?);
        self.cipher = Some(cipher);
        Ok(())
    }

    fn flush(&mut self) {
        while let Some(it) = self.dtls.poll_transmit() {
            self.finishing |= records(&it.message).any(|it| it.starts_with(&[CHANGE_CIPHER_SPEC]));
            self.send(&it.message);
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A datagram that does not leave is a lost one: everything above copes with loss.
        if let Err(error) = self.socket.try_send(bytes) {
            self.refused |= self.socket.ends_by(&error);
        }
    }

    /// Protects a compound RTCP packet and sends it.
    pub(crate) fn send_rtcp(&mut self, compound: &[u8]) -> Result<()> {
        if let Some(outbound) = &mut self.outbound {
            let protected = outbound.encrypt_rtcp(compound)?;
            self.send(&protected);
        }
        Ok(())
    }

    /// Deletes the resource: a goodbye.
    pub(crate) async fn close(self, http: &reqwest::Client) -> Result<()> {
        let (resource, token) = match self.way_out {
            WayOut::Resource(resource, token) => (resource, token),
            WayOut::Janus(session) => return session.leave().await,
        };
        let mut request = http.delete(&resource);
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        let status = request.send().await.context("DELETE")?.status();
        ensure!(status.is_success(), "DELETE {resource}: {status}");
        Ok(())
    }
}

/// How a line says goodbye.
enum WayOut {
    /// A resource to delete, with the token that may.
    Resource(String, Option<String>),
    Janus(janus::Session),
}

/// The records of a DTLS datagram (RFC 6347 §4.1), each with its header.
fn records(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u16::from_be_bytes([*datagram.get(11)?, *datagram.get(12)?]);
        let (record, rest) = datagram.split_at_checked(13 + usize::from(length))?;
        datagram = rest;
        Some(record)
    })
}

async fn post(door: &Door<'_>, offer: String) -> Result<(String, String)> {
    let url = format!("{}{}", door.base, door.path);
    let mut request = door
        .http
        .post(&url)
        .header("content-type", "application/sdp")
        .body(offer);
    if let Some(token) = door.token {
        request = request.bearer_auth(token);
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("POST {url}"))?;
    let status = answer.status();
    let location = answer
        .headers()
        .get("location")
        .and_then(|it| it.to_str().ok());
    let resource = match location {
        Some(path) if path.starts_with('/') => format!("{}{path}", door.base),
        Some(url) => url.to_owned(),
        None => String::new(),
    };
    let body = answer.text().await?;
    ensure!(status.as_u16() == 201, "POST {url}: {status} {body}");
    ensure!(!resource.is_empty(), "the answer has no Location");
    Ok((body, resource))
}

pub(super) fn text(chars: usize) -> String {
    use rand::RngExt as _;
    let mut random = rand::rng();
    (0..chars)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}
