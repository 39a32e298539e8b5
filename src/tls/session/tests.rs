//! Against rustls' own client: handshake, data both ways however it is cut, key updates, ends, and
//! what is not TLS at all.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};

use super::*;
use crate::{Acceptor, Certificates};

struct Pair {
    client: ClientConnection,
    server: Session,
    /// What the server understood.
    heard: Vec<u8>,
    closed: bool,
}

fn acceptor() -> (Acceptor, RootCertStore) {
    let (certificates, roots) = certificates();
    (Acceptor::new(Arc::new(certificates)).unwrap(), roots)
}

fn certificates() -> (Certificates, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let shown = crate::Pair::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (Certificates::new(shown), roots)
}

fn pair(versions: &[&'static rustls::SupportedProtocolVersion]) -> Pair {
    let (acceptor, roots) = acceptor();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    Pair {
        client: ClientConnection::new(Arc::new(config), name).unwrap(),
        server: acceptor.accept().unwrap(),
        heard: Vec::new(),
        closed: false,
    }
}

impl Pair {
    /// What the client has to say reaches the server in pieces of these sizes; its answers reach
    /// the client.
    fn carry(&mut self, mut size: impl FnMut() -> usize) {
        loop {
            let mut sent = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut sent).unwrap();
            }
            if sent.is_empty() {
                return;
            }
            let mut out = Vec::new();
            while !sent.is_empty() {
                let piece = size().clamp(1, sent.len());
                let mut piece: Vec<u8> = sent.drain(..piece).collect();
                let opened = self.server.open(&mut piece, &mut self.heard, &mut out);
                self.closed |= opened.unwrap() == Opened::Closed;
            }
            self.give_client(&out);
        }
    }

    fn give_client(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).unwrap();
            let state = self.client.process_new_packets().unwrap();
            let from = plain.len();
            plain.resize(from + state.plaintext_bytes_to_read(), 0);
            self.client.reader().read_exact(&mut plain[from..]).unwrap();
        }
        plain
    }
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

#[test]
fn data_goes_both_ways_in_both_versions() {
    for version in BOTH {
        let mut pair = pair(&[version]);
        pair.carry(|| usize::MAX);
        assert!(!pair.server.is_handshaking());
        assert_eq!(pair.client.alpn_protocol(), Some(&b"http/1.1"[..]));
        pair.client.writer().write_all(b"hello").unwrap();
        pair.carry(|| usize::MAX);
        assert_eq!(pair.heard, b"hello");
        let mut out = Vec::new();
        pair.server.seal(b"one", &mut out).unwrap();
        pair.server.seal(&[7; 100_000], &mut out).unwrap();
        let heard = pair.give_client(&out);
        assert_eq!(&heard[..3], b"one");
        assert_eq!(heard[3..], [7; 100_000]);
    }
}

#[test]
fn records_may_be_cut_anywhere() {
    for seed in seeds::of(40) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut pair = pair(&BOTH);
        let mut said = Vec::new();
        pair.carry(|| rng.random_range(1..200));
        for _ in 0..20 {
            let mut part = vec![0; rng.random_range(1..5_000)];
            rng.fill_bytes(&mut part);
            pair.client.writer().write_all(&part).unwrap();
            said.extend(part);
            pair.carry(|| rng.random_range(1..2_000));
        }
        assert!(pair.heard == said, "seed {seed}");
        assert!(
            pair.server.0.borrow().rest.is_empty(),
            "seed {seed}: nothing is left over"
        );
    }
}

#[test]
fn a_new_key_is_taken_and_answered() {
    let mut pair = pair(&[&rustls::version::TLS13]);
    pair.carry(|| usize::MAX);
    for round in 0..3_u8 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client.writer().write_all(&[round]).unwrap();
        pair.carry(|| usize::MAX);
        let mut out = Vec::new();
        pair.server.seal(&[round], &mut out).unwrap();
        assert_eq!(pair.give_client(&out), [round]);
    }
    assert_eq!(pair.heard, [0, 1, 2]);
}

#[test]
fn the_last_word_is_said_and_heard() {
    let mut pair = pair(&BOTH);
    pair.carry(|| usize::MAX);
    pair.client.writer().write_all(b"bye").unwrap();
    pair.client.send_close_notify();
    pair.carry(|| usize::MAX);
    assert_eq!(pair.heard, b"bye", "what came before the end is heard");
    assert!(pair.closed);
    let mut out = Vec::new();
    pair.server.seal(b"you too", &mut out).unwrap();
    pair.server.close(&mut out).unwrap();
    let mut rest = &out[..];
    while !rest.is_empty() {
        pair.client.read_tls(&mut rest).unwrap();
    }
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
    assert!(pair.server.seal(b"more", &mut out).is_err());
}

#[test]
fn nothing_is_sealed_before_the_handshake() {
    let (acceptor, _) = acceptor();
    let session = acceptor.accept().unwrap();
    let mut out = Vec::new();
    assert!(matches!(session.seal(b"x", &mut out), Err(Fault::NotOpen)));
    assert!(out.is_empty());
}

#[test]
fn a_message_in_several_records_may_be_waited_for() {
    let (acceptor, _) = acceptor();
    let session = acceptor.accept().unwrap();
    let mut client = pair(&BOTH).client;
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    // The same ClientHello in two records: the first one alone is half a message.
    let body = hello.split_off(5);
    let (first, second) = body.split_at(body.len() / 2);
    for half in [first, second] {
        let mut record = hello[..3].to_vec();
        record.extend((half.len() as u16).to_be_bytes());
        record.extend(half);
        assert!(out.is_empty(), "half a message is not answered");
        assert!(session.seal(b"x", &mut out).is_err());
        session.open(&mut record, &mut plain, &mut out).unwrap();
    }
    assert!(!out.is_empty(), "the whole one is");
}

#[test]
fn what_is_not_tls_is_a_fault_and_told() {
    let (acceptor, _) = acceptor();
    let session = acceptor.accept().unwrap();
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    let mut request = *b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let error = session
        .open(&mut request, &mut plain, &mut out)
        .unwrap_err();
    assert!(matches!(error, Fault::Protocol(_)));
    assert!(plain.is_empty());
    assert_eq!(out.first(), Some(&21), "an alert says what was wrong");
}

#[test]
fn no_mutated_bytes_end_more_than_their_session() {
    let (acceptor, _) = acceptor();
    for seed in seeds::of(2_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut client = pair(&BOTH).client;
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..hello.len());
            hello[at] = rng.random();
        }
        let session = acceptor.accept().unwrap();
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        // Refused, or still waiting for more: never a panic, never data.
        let cut = rng.random_range(0..hello.len());
        let (first, second) = hello.split_at_mut(cut);
        if session.open(first, &mut plain, &mut out).is_ok() {
            assert!(session.seal(b"x", &mut out).is_err(), "seed {seed}");
            let _ = session.open(second, &mut plain, &mut out);
        }
        assert!(plain.is_empty(), "seed {seed}");
    }
}

/// Takes whatever it is shown, and remembers it: as an authority does.
#[derive(Debug)]
struct Looks(std::sync::Mutex<Option<CertificateDer<'static>>>);

impl ServerCertVerifier for Looks {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = Some(shown.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A handshake that offers only these protocols; what was shown, and the two ends of it.
fn check(
    certificates: &Arc<Certificates>,
    offers: &[&[u8]],
    version: &'static rustls::SupportedProtocolVersion,
) -> (Option<CertificateDer<'static>>, Pair) {
    let looks = Arc::new(Looks(std::sync::Mutex::default()));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(looks.clone())
        .with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut pair = Pair {
        client: ClientConnection::new(Arc::new(config), name).unwrap(),
        server: Acceptor::new(certificates.clone())
            .unwrap()
            .accept()
            .unwrap(),
        heard: Vec::new(),
        closed: false,
    };
    pair.client.writer().write_all(b"GET / HTTP/1.1").unwrap();
    pair.carry(|| usize::MAX);
    let shown = looks.0.lock().unwrap().clone();
    (shown, pair)
}

#[test]
fn an_authority_is_shown_its_answer_and_nothing_is_said_over_it() {
    let (certificates, _) = certificates();
    let certificates = Arc::new(certificates);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let answer = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    certificates
        .answer("LocalHost", answer.clone(), key)
        .unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (shown, pair) = check(&certificates, &[b"acme-tls/1"], version);
        assert_eq!(shown.as_ref(), Some(&answer));
        assert_eq!(pair.client.alpn_protocol(), Some(&b"acme-tls/1"[..]));
        assert!(!pair.client.is_handshaking() && pair.closed && pair.heard.is_empty());

        // Whoever can speak HTTP too is a client like any other.
        let (shown, pair) = check(&certificates, &[b"acme-tls/1", b"http/1.1"], version);
        assert!(shown.is_some() && shown.as_ref() != Some(&answer));
        assert_eq!(pair.heard, b"GET / HTTP/1.1");
    }
}

#[test]
fn who_asks_for_an_answer_that_is_not_there_is_shown_nothing() {
    let (certificates, _) = certificates();
    let certificates = Arc::new(certificates);
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let server = Acceptor::new(certificates).unwrap().accept().unwrap();
    let (mut sent, mut plain, mut out) = (Vec::new(), Vec::new(), Vec::new());
    client.write_tls(&mut sent).unwrap();
    assert!(server.open(&mut sent, &mut plain, &mut out).is_err());
    assert!(plain.is_empty() && server.is_handshaking());
}
