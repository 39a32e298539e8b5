//! The load test's TLS: every handshake is a full one, what was agreed on is named, and no other
//! certificate is taken than the one that was given.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{
    HandshakeKind, ServerConfig, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::Value;

fn loadtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
        .args(args)
        .output()
        .expect("the load test runs")
}

/// A certificate of its own for each test.
fn certificate(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = loadtest(&["certificate", folder.to_str().expect("a plain path")]);
    assert!(made.status.success(), "{made:?}");
    folder
}

/// A server that shakes hands, counts those in full, and waits for the other side to go.
fn serve(folder: &Path) -> (SocketAddr, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem"));
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("a certificate")], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let full = Arc::new(AtomicUsize::new(0));
    let counted = full.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (config, full) = (config.clone(), full.clone());
            thread::spawn(move || {
                let mut session = ServerConnection::new(config).expect("a session");
                while session.complete_io(&mut stream).is_ok_and(|it| it.0 > 0) {}
                if session.handshake_kind() == Some(HandshakeKind::Full) {
                    full.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (address, counted)
}

fn shake(server: SocketAddr, folder: &Path, report: &Path) -> Output {
    let (server, ca) = (server.to_string(), folder.join("certificate.pem"));
    let (ca, report) = (ca.to_str().expect("plain"), report.to_str().expect("plain"));
    let pid = std::process::id().to_string();
    loadtest(&[
        "handshakes",
        "--server",
        &server,
        "--tls-ca",
        ca,
        "--server-pid",
        &pid,
        "--count",
        "20",
        "--json",
        report,
    ])
}

#[test]
fn every_handshake_is_a_full_one_and_says_what_was_agreed_on() {
    let folder = certificate("shakes");
    let (server, full) = serve(&folder);
    let report = folder.join("report.json");
    let done = shake(server, &folder, &report);
    assert!(done.status.success(), "{done:?}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(report).expect("a report")).expect("JSON");
    assert_eq!(
        report["agreed"]["TLSv1_3 TLS13_AES_128_GCM_SHA256"], 20,
        "{report}"
    );
    assert!(report["cpu_us_per_handshake"].as_f64().expect("a number") > 0.0);
    // Those before them that warm the server are full ones as well.
    assert_eq!(full.load(Ordering::Relaxed), 220);
}

#[test]
fn another_certificate_is_not_taken() {
    let (own, other) = (certificate("own"), certificate("other"));
    let (server, _) = serve(&own);
    let done = shake(server, &other, &other.join("report.json"));
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("no TLS"), "{said}");
}
