//! A viewer as a browser is one, in as few lines as it takes: ICE, DTLS and SRTP over a real socket.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use media::View;
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
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
    option::srtp_replay_protection,
    protection_profile::ProtectionProfile,
};
use rtc_stun::{
    attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    task::JoinHandle,
    time::timeout,
};

/// Nothing here takes longer, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const GCM: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
pub(super) const GCM_256: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm;
pub(super) const SHA1: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;

/// What a viewer hears.
#[derive(Debug)]
pub(super) enum Heard {
    Checked,
    Keyed,
    Rtp {
        view: View,
        packet: Vec<u8>,
    },
    Rtcp(Vec<u8>),
    Closed,
    /// The handshake was refused.
    Refused,
}

pub(super) struct Client {
    pub(super) socket: UdpSocket,
    provider: Arc<dyn RTCCryptoProvider>,
    config: Arc<HandshakeConfig>,
    fingerprint: String,
    dtls: Endpoint,
    keys: Option<(Context, Context)>,
    server: SocketAddr,
    /// The same port, for TCP.
    tcp: SocketAddr,
    /// Where what is late may come from.
    before: SocketAddr,
    pub(super) ufrag: String,
    pub(super) remote_ufrag: String,
    pub(super) remote_pwd: String,
    heard: VecDeque<Heard>,
}

fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    sdp.lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the answer has it")
}

/// The addresses of an answer's candidates.
fn addresses(answer: &str) -> impl Iterator<Item = SocketAddr> {
    let candidates = answer.lines().filter(|it| it.starts_with("a=candidate:"));
    candidates.map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
    })
}

/// RFC 4571, in as few lines as it takes.
async fn carry(near: UdpSocket, far: TcpStream) {
    let (mut reading, mut writing) = far.into_split();
    let back = async {
        loop {
            let Ok(length) = reading.read_u16().await else {
                return;
            };
            let mut datagram = vec![0; length.into()];
            reading.read_exact(&mut datagram).await.unwrap();
            near.send(&datagram).await.unwrap();
        }
    };
    let forth = async {
        let mut buffer = [0; 2_048];
        loop {
            let size = near.recv(&mut buffer).await.unwrap();
            let length = u16::try_from(size).unwrap().to_be_bytes();
            // In two writes, as a client may.
            writing.write_all(&length).await.unwrap();
            writing.write_all(&buffer[..size]).await.unwrap();
        }
    };
    tokio::select! {
        () = back => {}
        () = forth => {}
    }
}

impl Client {
    pub(super) async fn new() -> Self {
        // Browsers name them in this order, and get GCM.
        Self::with_profiles(vec![SHA1, GCM]).await
    }

    pub(super) async fn with_profiles(profiles: Vec<SrtpProtectionProfile>) -> Self {
        Self::at("127.0.0.1:0", profiles).await
    }

    /// One that is here.
    pub(super) async fn at(address: &str, profiles: Vec<SrtpProtectionProfile>) -> Self {
        let provider = super::super::dtls::provider();
        let certificate = Certificate::generate_self_signed_with_alg(
            vec!["viewer".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )
        .unwrap();
        let hash = provider
            .crypto()
            .hash(HashAlgorithm::Sha256, &certificate.certificate[0])
            .unwrap();
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(Duration::from_millis(100))
            .build(true, None)
            .unwrap();
        let socket = UdpSocket::bind(address).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self {
            socket,
            provider,
            config: Arc::new(config),
            fingerprint: hex.join(":"),
            dtls: Endpoint::new(local, TransportProtocol::UDP, None),
            keys: None,
            server: local,
            tcp: local,
            before: local,
            ufrag: "view".to_owned(),
            remote_ufrag: String::new(),
            remote_pwd: String::new(),
            heard: VecDeque::new(),
        }
    }

    pub(super) fn offer(&self) -> String {
        let transport = format!(
            "a=ice-ufrag:{}\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
             a=fingerprint:sha-256 {}\r\na=recvonly\r\na=rtcp-mux\r\n",
            self.ufrag, self.fingerprint
        );
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=mid:0\r\n{transport}\
             a=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:108 H264/90000\r\n\
             a=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\n\
             a=extmap:2 urn:ietf:params:rtp-hdrext:toffset\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n{transport}\
             a=rtpmap:111 opus/48000/2\r\n"
        )
    }

    /// The same offer as another certificate's owner would make it.
    pub(super) fn offer_of_another(&self) -> String {
        let zeros = ["00"; 32].join(":");
        self.offer().replace(&self.fingerprint, &zeros)
    }

    /// What it says of its ICE session under a name, after the offer.
    pub(super) fn fragment(ufrag: &str) -> String {
        format!(
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
             a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
        )
    }

    /// Goes on under another name, with our side of the restart.
    pub(super) fn take_restart(&mut self, ufrag: &str, answer: &str) {
        ufrag.clone_into(&mut self.ufrag);
        self.take_answer(answer);
    }

    pub(super) fn take_answer(&mut self, answer: &str) {
        attribute(answer, "a=ice-ufrag:").clone_into(&mut self.remote_ufrag);
        attribute(answer, "a=ice-pwd:").clone_into(&mut self.remote_pwd);
        let own = self.socket.local_addr().unwrap();
        let mut addresses = addresses(answer);
        self.tcp = addresses
            .find(|it| it.is_ipv4() == own.is_ipv4())
            .expect("an address of our family");
        self.before = std::mem::replace(&mut self.server, self.tcp);
    }

    /// A connectivity check.
    pub(super) fn check(&self, nominates: bool) -> Vec<u8> {
        let mut message = Message::new();
        message.typ = BINDING_REQUEST;
        message.new_transaction_id().unwrap();
        message.write_header();
        message.add(
            ATTR_USERNAME,
            format!("{}:{}", self.remote_ufrag, self.ufrag).as_bytes(),
        );
        message.add(ATTR_PRIORITY, &1_u32.to_be_bytes());
        message.add(ATTR_ICE_CONTROLLING, &[1; 8]);
        if nominates {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        MessageIntegrity::new_short_term_integrity_with_provider(
            self.remote_pwd.clone(),
            self.provider.crypto(),
        )
        .add_to(&mut message)
        .unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    pub(super) async fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).await.unwrap();
    }

    /// Continues from another port, as a browser does when its network changes.
    pub(super) async fn move_away(&mut self) -> UdpSocket {
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        std::mem::replace(&mut self.socket, other)
    }

    /// Proves that it is here now, and forgets what came here for somebody else before.
    pub(super) async fn take_over_address(&self) {
        self.send(&self.check(true)).await;
        let mut buffer = [0; 2_048];
        while buffer[0] != 1 {
            let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            received.expect("the check is answered").unwrap();
        }
    }

    pub(super) async fn begin_handshake(&mut self) {
        self.dtls
            .connect(Instant::now(), self.server, self.config.clone(), None)
            .unwrap();
        self.flush().await;
    }

    /// Loses what answers its second hello, and says that hello again, as a browser does that is far away.
    pub(super) async fn lose_flight(&mut self) {
        let mut buffer = [0; 2_048];
        // The question for the cookie; the second hello is what answers it.
        let size = self.dtls_datagram(&mut buffer).await;
        let question = BytesMut::from(&buffer[..size]);
        self.dtls
            .read(Instant::now(), self.server, None, question)
            .unwrap();
        let hello = self.dtls.poll_transmit().expect("a second hello").message;
        self.send(&hello).await;
        self.dtls_datagram(&mut buffer).await;
        // In a record of another number, as everything that is repeated.
        let mut again = hello;
        again[10] += 8;
        self.send(&again).await;
        self.send(&self.check(true)).await;
        // The answer to this check comes after what was said before it.
        while !(0..=3).contains(&buffer[0]) {
            let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            received.expect("the check is answered").unwrap();
        }
    }

    async fn dtls_datagram(&self, buffer: &mut [u8]) -> usize {
        loop {
            let received = timeout(PATIENCE, self.socket.recv(buffer)).await;
            let size = received.expect("in time").unwrap();
            if (20..=63).contains(&buffer[0]) {
                return size;
            }
        }
    }

    /// Proves where it is and shakes hands.
    pub(super) async fn connect(&mut self, answer: &str) {
        self.take_answer(answer);
        self.prove_and_shake().await;
    }

    /// The same by TCP. The pipe ends with its task.
    pub(super) async fn connect_by_tcp(&mut self, answer: &str) -> JoinHandle<()> {
        self.take_answer(answer);
        let pipe = self.go_by_tcp().await;
        self.prove_and_shake().await;
        pipe
    }

    /// From here on everything goes by TCP: to a task that puts datagrams into frames.
    pub(super) async fn go_by_tcp(&mut self) -> JoinHandle<()> {
        let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(self.tcp).await.unwrap();
        self.before = std::mem::replace(&mut self.server, near.local_addr().unwrap());
        near.connect(self.socket.local_addr().unwrap())
            .await
            .unwrap();
        tokio::spawn(carry(near, far))
    }

    /// A connection that is chosen and never read.
    pub(super) async fn prove_silently(&self) -> TcpStream {
        let mut far = TcpStream::connect(self.tcp).await.unwrap();
        let check = self.check(true);
        let length = u16::try_from(check.len()).unwrap();
        far.write_u16(length).await.unwrap();
        far.write_all(&check).await.unwrap();
        // Its answer is there, so what it chose counts.
        far.readable().await.unwrap();
        far
    }

    async fn prove_and_shake(&mut self) {
        self.send(&self.check(true)).await;
        assert!(matches!(self.hear().await, Heard::Checked));
        self.begin_handshake().await;
        assert!(matches!(self.hear().await, Heard::Keyed));
    }

    pub(super) async fn say_goodbye(&mut self) {
        self.dtls.stop(Instant::now(), self.server);
        self.flush().await;
    }

    pub(super) async fn send_feedback(&mut self, feedback: &[u8]) {
        let datagram = self.protect_feedback(feedback);
        self.send(&datagram).await;
    }

    pub(super) fn protect_feedback(&mut self, feedback: &[u8]) -> Vec<u8> {
        let (outgoing, _) = self.keys.as_mut().expect("after the handshake");
        outgoing.encrypt_rtcp(feedback).unwrap().to_vec()
    }

    /// The next thing of any kind.
    pub(super) async fn hear(&mut self) -> Heard {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            assert!(Instant::now() < deadline, "nothing was heard");
            let mut buffer = [0; 2_048];
            let got = timeout(
                Duration::from_millis(50),
                self.socket.recv_from(&mut buffer),
            )
            .await;
            match got {
                Ok(got) => {
                    let (size, from) = got.unwrap();
                    assert!([self.server, self.before].contains(&from), "{from}");
                    self.take(&buffer[..size]).await;
                }
                Err(_) => {
                    let _ = self.dtls.handle_timeout(self.server, Instant::now());
                    self.flush().await;
                }
            }
        }
    }

    /// The next packet of a stream.
    pub(super) async fn rtp(&mut self, payload_type: u8) -> (View, Vec<u8>) {
        loop {
            match self.hear().await {
                Heard::Rtp { view, packet } if view.payload_type == payload_type => {
                    return (view, packet);
                }
                Heard::Closed | Heard::Refused => panic!("closed while waiting for a packet"),
                _ => {}
            }
        }
    }

    /// The next datagram of media as it comes, encrypted.
    pub(super) async fn datagram(&mut self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        loop {
            let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            let size = received.expect("in time").unwrap();
            let is_media = (128..=191).contains(&buffer[0]);
            if is_media && !(192..=223).contains(&buffer[1]) {
                return buffer[..size].to_vec();
            }
        }
    }

    /// The next report of a kind.
    pub(super) async fn rtcp(&mut self, kind: u8) -> Vec<u8> {
        loop {
            match self.hear().await {
                Heard::Rtcp(report) if report[1] == kind => return report,
                Heard::Closed | Heard::Refused => panic!("closed while waiting for a report"),
                _ => {}
            }
        }
    }

    pub(super) async fn closed(&mut self) {
        while !matches!(self.hear().await, Heard::Closed) {}
    }

    async fn take(&mut self, datagram: &[u8]) {
        match datagram[0] {
            0..=3 => {
                let mut message = Message::new();
                message.unmarshal_binary(datagram).unwrap();
                assert_eq!(message.typ, BINDING_SUCCESS);
                let pwd = self.remote_pwd.as_bytes();
                MessageIntegrity::check(&mut message, pwd, self.provider.crypto()).unwrap();
                self.heard.push_back(Heard::Checked);
            }
            20..=63 => self.take_dtls(datagram).await,
            _ => {
                let Some((_, incoming)) = &mut self.keys else {
                    panic!("media came before the handshake was over");
                };
                let heard = if (192..=223).contains(&datagram[1]) {
                    Heard::Rtcp(incoming.decrypt_rtcp(datagram).unwrap().to_vec())
                } else {
                    let packet = incoming.decrypt_rtp(datagram).unwrap().to_vec();
                    Heard::Rtp {
                        view: View::parse(&packet).unwrap(),
                        packet,
                    }
                };
                self.heard.push_back(heard);
            }
        }
    }

    async fn take_dtls(&mut self, datagram: &[u8]) {
        let read = self
            .dtls
            .read(Instant::now(), self.server, None, BytesMut::from(datagram));
        match read {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => {
                            self.keys = Some(self.session_keys());
                            self.heard.push_back(Heard::Keyed);
                        }
                        EndpointEvent::PeerClosed => self.heard.push_back(Heard::Closed),
                        _ => {}
                    }
                }
            }
            Err(_) => self.heard.push_back(Heard::Refused),
        }
        self.flush().await;
    }

    /// What the handshake agreed on.
    pub(super) fn profile(&self) -> SrtpProtectionProfile {
        let state = self.dtls.get_connection_state(self.server).unwrap();
        state.srtp_protection_profile()
    }

    fn session_keys(&self) -> (Context, Context) {
        let state = self.dtls.get_connection_state(self.server).unwrap();
        let profile = match self.profile() {
            GCM => ProtectionProfile::AeadAes128Gcm,
            SHA1 => ProtectionProfile::Aes128CmHmacSha1_80,
            other => panic!("{other:?} was agreed on"),
        };
        let mut config = SrtpConfig {
            profile,
            ..SrtpConfig::default()
        };
        let size = config.keying_material_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], size)
            .unwrap();
        config
            .set_session_keys_from_keying_material(material.as_ref(), true)
            .unwrap();
        let keys = &config.keys;
        let crypto = self.provider.crypto();
        // With replay protection, a packet that came twice would fail to decrypt.
        let once = || Some(srtp_replay_protection(64));
        let context =
            |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, once(), None, crypto);
        (
            context(&keys.local_master_key, &keys.local_master_salt).unwrap(),
            context(&keys.remote_master_key, &keys.remote_master_salt).unwrap(),
        )
    }

    async fn flush(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.send(&transmit.message).await;
        }
    }
}
