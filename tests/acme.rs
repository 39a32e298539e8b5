//! Certificates that the server orders by itself, from a real authority (Pebble, the one that Let's
//! Encrypt tests with) on loopback, which checks names for real: it looks them up, comes to the
//! server's port, and refuses what it does not find there.

mod support;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use support::{Server, free_ports, tls::connector};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// A name that only the authority's own name server knows.
const NAME: &str = "live.test";
/// Longest wait for a fact that must come: longer than a short certificate lives.
const SOON: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(100);

/// Pebble and its name server, which says that every name is this machine.
struct Authority {
    directory: String,
    ca: PathBuf,
    management: SocketAddr,
    trusted: CertificateDer<'static>,
    children: Vec<Child>,
    _folder: TempDir,
}

impl Authority {
    /// It looks for answers on `checked`, as the real one does on port 443.
    async fn start(checked: u16, lifetime: Duration) -> Self {
        let folder = TempDir::new().expect("a folder");
        let ports = free_ports(4);
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate is made");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("ca.pem"), made.cert.pem()).expect("written");
        std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": at(ports[0]), "managementListenAddress": at(ports[1]),
            "certificate": path("ca.pem"), "privateKey": path("key.pem"),
            "httpPort": 1, "tlsPort": checked, "certificateValidityPeriod": lifetime.as_secs(),
        }});
        std::fs::write(path("pebble.json"), config.to_string()).expect("written");
        let names = at(ports[2]).to_string();
        let mut children = Vec::new();
        run(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &names, "-defaultIPv4", "127.0.0.1"])
                .args(["-defaultIPv6", "", "-management", &at(ports[3]).to_string()])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""]),
            &mut children,
        );
        run(
            Command::new("pebble")
                .args(["-config", &path("pebble.json").display().to_string()])
                .args(["-dnsserver", &names])
                .env("PEBBLE_VA_NOSLEEP", "1"),
            &mut children,
        );
        let authority = Self {
            directory: format!("https://localhost:{}/dir", ports[0]),
            ca: path("ca.pem"),
            management: at(ports[1]),
            trusted: made.cert.der().clone(),
            children,
            _folder: folder,
        };
        for port in [ports[0], ports[1], ports[3]] {
            soon(async || TcpStream::connect(at(port)).await.ok()).await;
        }
        authority
    }

    /// Who vouches for what it issues; made anew whenever it starts.
    async fn root(&self) -> CertificateDer<'static> {
        let connector = connector(&self.trusted);
        let name = ServerName::try_from("localhost").expect("a name");
        let socket = TcpStream::connect(self.management).await.expect("connects");
        let mut socket = connector.connect(name, socket).await.expect("a handshake");
        let answer = ask(&mut socket, "/roots/0").await;
        CertificateDer::from_pem_slice(answer.as_bytes()).expect("a certificate")
    }

    fn settings(&self, name: &str) -> Vec<String> {
        vec![
            "tls.mode=acme".into(),
            format!("tls.domains=[{name:?}]"),
            "tls.contact=me@live.test".into(),
            format!("tls.directory={}", self.directory),
            format!("tls.directory_ca={}", self.ca.display()),
        ]
    }

    fn stop(&mut self) {
        for mut child in self.children.drain(..) {
            // It may have ended already; then there is nothing to wait for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(command: &mut Command, children: &mut Vec<Child>) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    children.push(child.expect("Debian's package `pebble` is installed (scripts/need.sh)"));
}

/// Waits until something is there.
async fn soon<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    timeout(SOON, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(EVERY).await;
        }
    })
    .await
    .expect("it comes in time")
}

/// A connection to the server by its name, where what it shows is trusted.
async fn trusted(server: SocketAddr, by: &TlsConnector) -> Option<TlsStream<TcpStream>> {
    let name = ServerName::try_from(NAME).expect("a name");
    let socket = TcpStream::connect(server).await.ok()?;
    by.connect(name, socket).await.ok()
}

fn shown(socket: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let (_, session) = socket.get_ref();
    let chain = session.peer_certificates().expect("after the handshake");
    assert!(chain.len() > 1, "the chain is shown too");
    chain[0].clone().into_owned()
}

async fn ask(socket: &mut TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("taken");
    let mut answer = Vec::new();
    // Not everybody says the last word before hanging up.
    let _ = timeout(SOON, socket.read_to_end(&mut answer))
        .await
        .expect("in time");
    String::from_utf8(answer).expect("text")
}

async fn metric(server: &Server, name: &str) -> f64 {
    let text = reqwest::get(format!("http://{}/metrics", server.admin))
        .await
        .expect("answered")
        .text()
        .await
        .expect("text");
    let line = text.lines().find(|it| it.starts_with(&format!("{name} ")));
    line.and_then(|it| it.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// Everything below a folder, with its mode.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            let mode = path.metadata().expect("there").permissions().mode() & 0o777;
            found.push((entry.file_name().into_string().expect("plain"), mode));
        }
    }
    found.sort();
    found
}

fn texts(settings: &[String]) -> Vec<&str> {
    settings.iter().map(String::as_str).collect()
}

const ORDERS_FAILED: &str = "weiquan_acme_orders_total{outcome=\"failed\"}";
const EXPIRES: &str = "weiquan_tls_certificate_expires_seconds";

#[tokio::test]
async fn a_certificate_comes_by_itself_and_is_kept() {
    let port = free_ports(1)[0];
    let mut authority = Authority::start(port, Duration::from_secs(90 * 24 * 3_600)).await;
    let root = connector(&authority.root().await);
    let mut server = Server::start_on(port, &texts(&authority.settings(NAME)));
    let mut socket = soon(async || trusted(server.address, &root).await).await;
    let first = shown(&socket);
    let answer = ask(&mut socket, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age="),
        "{answer}"
    );
    let private = |name: &str| (name.to_owned(), 0o600);
    let kept = soon(async || {
        let kept = modes(&server.folder.join("acme"));
        (kept.len() == 2).then_some(kept)
    });
    assert_eq!(
        kept.await,
        [private("account.json"), private("certificate.pem")]
    );
    let left = soon(async || Some(metric(&server, EXPIRES).await).filter(|it| *it > 0.0)).await;
    let days = left / (24.0 * 3_600.0);
    assert!((89.0..=90.1).contains(&days), "{days} days");

    // The kept one is shown from the first moment, whether the authority lives or not.
    authority.stop();
    server.kill();
    server.restart();
    let socket = trusted(server.address, &root).await.expect("at once");
    assert_eq!(shown(&socket), first);
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn a_certificate_is_renewed_in_time_and_nobody_is_cut() {
    let port = free_ports(1)[0];
    let mut authority = Authority::start(port, Duration::from_secs(24)).await;
    let root = connector(&authority.root().await);
    let server = Server::start_on(port, &texts(&authority.settings(NAME)));
    let mut before = soon(async || trusted(server.address, &root).await).await;
    let first = shown(&before);
    soon(async || {
        hold(&mut before).await;
        // The first one holds until the next is there: nobody ever meets a stranger.
        let socket = trusted(server.address, &root).await;
        let socket = socket.expect("always trusted");
        (shown(&socket) != first).then_some(())
    })
    .await;
    assert_eq!(metric(&server, ORDERS_FAILED).await, 0.0);

    // The next renewal cannot succeed: the old one goes on.
    authority.stop();
    soon(async || {
        hold(&mut before).await;
        (metric(&server, ORDERS_FAILED).await > 0.0).then_some(())
    })
    .await;
    let socket = trusted(server.address, &root).await;
    socket.expect("the old one holds a third of its time more");
}

/// Asks something over a connection that stays open.
async fn hold(socket: &mut TlsStream<TcpStream>) {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("taken");
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"ok\"}") {
        let read = timeout(SOON, socket.read_buf(&mut answer)).await;
        assert!(
            read.expect("in time").expect("a connection") > 0,
            "it was cut"
        );
    }
}

#[tokio::test]
async fn who_cannot_be_proved_is_told_what_to_do_and_served_meanwhile() {
    let ports = free_ports(5);
    // The authority finds nothing where it looks for the answer.
    let authority = Authority::start(ports[4], Duration::from_secs(3_600)).await;
    let folder = TempDir::new().expect("a folder");
    let mut sets = authority.settings(NAME);
    let at = |n: usize| format!("127.0.0.1:{}", ports[n]);
    sets.push(format!("server.admin={}", at(1)));
    sets.push(format!("rtc.publish_port={}", ports[2]));
    sets.push(format!("rtc.view_ports=[{}]", ports[3]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_weiquan"));
    command
        .args(["serve", "--listen", &at(0), "--data"])
        .arg(folder.path());
    for pair in &sets {
        command.args(["--set", pair]);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut program = Program(child.expect("the program starts"));
    let said = lines(program.0.stderr.take().expect("piped"));
    let printed = lines(program.0.stdout.take().expect("piped"));

    let promise = until(&printed, "certificate");
    assert!(promise.contains("ordered for live.test"), "{promise}");
    let log = until(&said, "no certificate yet");
    assert!(
        log.contains("ERROR") && log.contains("live.test was not proved"),
        "{log}"
    );
    assert!(
        log.contains("its port 443 must lead to server.listen"),
        "{log}"
    );
    let again: u64 = log
        .split("again_s=")
        .nth(1)
        .expect("told")
        .split_whitespace()
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    assert!((45..=75).contains(&again), "{log}");
    // The port speaks TLS all the same, with a certificate that nobody vouches for.
    let name = ServerName::try_from(NAME).expect("a name");
    let socket = TcpStream::connect(at(0)).await.expect("connects");
    let stranger = connector(&authority.trusted).connect(name, socket).await;
    let error = stranger.expect_err("a stranger").to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

/// A server whose words are read.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to wait for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(output: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (told, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The test may be over; the program's output must still be read.
            let _ = told.send(line);
        }
    });
    lines
}

fn until(lines: &mpsc::Receiver<String>, words: &str) -> String {
    loop {
        let line = lines.recv_timeout(SOON).expect("it is said in time");
        if line.contains(words) {
            return line;
        }
    }
}
