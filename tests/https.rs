//! The whole server over HTTPS: the same room, certificates that change while people are in it, and
//! plain requests that are shown the way.

mod support;

use std::{net::SocketAddr, path::Path, time::Duration};

use protocol::server::{Body, Push};
use support::{SOON, Server, tls::connector};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::pki_types::{CertificateDer, ServerName},
};

/// Puts a new certificate for this machine into the folder.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .expect("a certificate is made");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
    made.cert.der().clone()
}

fn start(folder: &TempDir, more: &[String]) -> Server {
    let path = |name| folder.path().join(name).display().to_string();
    let mut sets = vec![
        "tls.mode=files".to_owned(),
        format!("tls.certificate={}", path("cert.pem")),
        format!("tls.key={}", path("key.pem")),
    ];
    sets.extend_from_slice(more);
    Server::start_with(&sets.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn connect(server: SocketAddr, by: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a name");
    by.connect(name, TcpStream::connect(server).await?).await
}

/// A plain port of the test's own whose connections go on over TLS, so that every client of the
/// other tests is a client of this one.
async fn tunnel(server: SocketAddr, by: TlsConnector) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let by = by.clone();
            tokio::spawn(async move {
                let mut secure = connect(server, &by).await.expect("the handshake");
                // Either side may hang up at any time.
                let _ = copy_bidirectional(&mut plain, &mut secure).await;
            });
        }
    });
    address
}

/// Sends one request as it is and reads the whole answer.
async fn ask(
    mut socket: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: &str,
) -> String {
    socket
        .write_all(request.as_bytes())
        .await
        .expect("it is taken");
    let mut answer = Vec::new();
    timeout(SOON, socket.read_to_end(&mut answer))
        .await
        .expect("in time")
        .expect("an answer and an end");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn a_room_is_the_same_over_https() {
    let folder = TempDir::new().expect("a folder");
    let certificate = certify(folder.path());
    let mut server = start(&folder, &[]);
    server.address = tunnel(server.address, connector(&certificate)).await;
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let xiaoming = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    host.join("hall", None).await.expect("joined");
    let mut viewer = xiaoming.connect("laptop").await;
    let a = viewer.join("hall", None).await.expect("joined").a;
    for n in 1..=200_u64 {
        // Up to several records for one message.
        let text = format!("第 {n} 句 {}", "长".repeat(n as usize));
        let ack = viewer.say(a, &text).await;
        // More than the rate allows is refused, and then not heard.
        let Ok(ack) = ack else { break };
        assert_eq!(ack.s, n);
        let heard = timeout(SOON, async {
            loop {
                if let Push::Ev { ev, .. } = host.next_push().await.expect("a push") {
                    return ev.into_iter().next().expect("a record");
                }
            }
        });
        let record = heard.await.expect("in time");
        assert_eq!(record.s, n);
        let Body::Msg { text: heard, .. } = record.body else {
            panic!("a message")
        };
        assert_eq!(heard, text);
    }
    assert_eq!(server.stop(), 0, "everybody is told before it goes");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let first = certify(folder.path());
    let server = start(&folder, &[]);
    let mut before = connect(server.address, &connector(&first))
        .await
        .expect("the first certificate is shown");
    let second = connector(&certify(folder.path()));
    timeout(SOON, async {
        while connect(server.address, &second).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the second certificate is shown");
    // Who was there before stays.
    let answer = ask(
        &mut before,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age="),
        "{answer}"
    );
}

#[tokio::test]
async fn plain_requests_are_sent_to_https() {
    let folder = TempDir::new().expect("a folder");
    certify(folder.path());
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let beside = port.local_addr().expect("an address");
    drop(port);
    let more = [
        format!("tls.redirect={beside}"),
        "server.public_url=https://live.example".to_owned(),
    ];
    let server = start(&folder, &more);
    for address in [server.address, beside] {
        let socket = TcpStream::connect(address).await.expect("connects");
        let answer = ask(
            socket,
            "GET /r/hall?x=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
        assert!(
            answer.contains("Location: https://live.example/r/hall?x=1\r\n"),
            "{answer}"
        );
    }
    let mut noise = TcpStream::connect(server.address).await.expect("connects");
    noise.write_all(&[0; 64]).await.expect("taken");
    let mut rest = Vec::new();
    timeout(SOON, noise.read_to_end(&mut rest))
        .await
        .expect("what is no request is hung up on")
        .ok();
    assert!(rest.is_empty());
}

/// Built by `cargo build --workspace`, beside the server.
fn terminal_client() -> std::path::PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_weiquan")).with_file_name("weiquan-chat");
    assert!(
        program.exists(),
        "build it first: cargo build -p weiquan-terminal"
    );
    program
}

#[tokio::test]
async fn the_terminal_client_talks_over_https_with_a_certificate_that_it_trusts() {
    let folder = TempDir::new().expect("a folder");
    let certificate = certify(folder.path());
    let mut server = start(&folder, &[]);
    let public = format!("https://localhost:{}", server.address.port());
    server.address = tunnel(server.address, connector(&certificate)).await;
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    host.join("hall", None).await.expect("joined");
    let trusted = folder.path().join("cert.pem");
    let said = tokio::task::spawn_blocking(move || {
        let mut child = std::process::Command::new(terminal_client())
            .args(["hall", "--lines", "--server", &public, "--name", "终端"])
            .env("SSL_CERT_FILE", trusted)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut input, "隔着 TLS\n".as_bytes()).expect("it reads");
        drop(input);
        child.wait_with_output().expect("it ends")
    });
    let heard = timeout(SOON, async {
        loop {
            if let Push::Ev { ev, .. } = host.next_push().await.expect("a push") {
                return ev.into_iter().next().expect("a record");
            }
        }
    });
    let record = heard.await.expect("in time");
    assert_eq!(record.u.name, "终端");
    let Body::Msg { text, .. } = record.body else {
        panic!("a message")
    };
    assert_eq!(text, "隔着 TLS");
    let said = timeout(SOON, said).await.expect("it ends").expect("it ran");
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{words}");
}
