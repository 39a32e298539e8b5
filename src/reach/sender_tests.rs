//! Against a push service of our own, which opens what it is sent by the browser's key.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use ::aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::seal::tests::open;

const AUTH: [u8; 16] = [7; 16];

/// A request as it came.
struct Heard {
    head: String,
    body: Vec<u8>,
    at: Instant,
}

struct Service {
    endpoint: String,
    heard: mpsc::Receiver<Heard>,
    browser: PrivateKey,
    settings: Settings,
    _folder: tempfile::TempDir,
}

impl Service {
    /// A service that answers so, one answer after the other; 201 when there are no more.
    async fn start(answers: &[&'static str]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let config =
            rustls::ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, heard) = mpsc::channel(64);
        let answers: Arc<Mutex<VecDeque<&str>>> =
            Arc::new(Mutex::new(answers.iter().copied().collect()));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, told, answers) = (acceptor.clone(), told.clone(), answers.clone());
                tokio::spawn(async move {
                    let mut socket = acceptor.accept(socket).await.unwrap();
                    while let Some(it) = request(&mut socket).await {
                        told.send(it).await.unwrap();
                        let answer = answers.lock().unwrap().pop_front().unwrap_or("201 Created");
                        let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
                        socket.write_all(text.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self {
            endpoint: format!("https://localhost:{port}/push/abc"),
            heard,
            browser: PrivateKey::generate(&ECDH_P256).unwrap(),
            settings: Settings {
                contact: "mailto:host@example.org".into(),
                private: true,
                ca: Some(ca),
            },
            _folder: folder,
        }
    }

    fn push(&self, words: &str) -> Push {
        let public = self.browser.compute_public_key().unwrap();
        Push {
            endpoint: self.endpoint.clone(),
            browser: Browser::new(public.as_ref().to_vec(), AUTH.to_vec()).unwrap(),
            words: words.as_bytes().to_vec(),
            ttl: Duration::from_secs(600),
            urgency: Urgency::High,
            topic: "r7-mention".into(),
        }
    }

    async fn hear(&mut self) -> Heard {
        let heard = timeout(Duration::from_secs(20), self.heard.recv()).await;
        heard.expect("it is sent").unwrap()
    }
}

async fn request(socket: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Heard> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec())
                .unwrap()
                .to_lowercase();
            let length = head.split("content-length: ").nth(1)?;
            let length: usize = length.lines().next()?.parse().ok()?;
            if read.len() >= end + 4 + length {
                let at = clock::now();
                let body = read[end + 4..end + 4 + length].to_vec();
                return Some(Heard { head, body, at });
            }
        }
        if socket.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

fn begin(settings: &Settings) -> (Sender, mpsc::Receiver<Gone>) {
    let (tell, gone) = mpsc::channel(8);
    let key = Arc::new(Key::read(&Key::make().unwrap()).unwrap());
    let (sender, task) = start(settings, key, tell).unwrap();
    tokio::spawn(task);
    (sender, gone)
}

#[tokio::test]
async fn n8_a_push_reaches_the_browser_and_says_how_it_is_to_be_kept() {
    let mut service = Service::start(&[]).await;
    let (sender, _gone) = begin(&service.settings);
    sender.send(service.push("小明 提到你"));
    let heard = service.hear().await;
    assert!(
        heard.head.starts_with("post /push/abc http/1.1"),
        "{}",
        heard.head
    );
    for line in [
        "ttl: 600",
        "urgency: high",
        "topic: r7-mention",
        "content-encoding: aes128gcm",
        "authorization: vapid t=",
    ] {
        assert!(heard.head.contains(line), "{line}: {}", heard.head);
    }
    let words = open(&service.browser, &AUTH, &heard.body);
    assert_eq!(words, "小明 提到你".as_bytes());
}

#[tokio::test]
async fn n8_a_subscription_that_is_over_is_told_and_not_tried_again() {
    for answer in ["410 Gone", "404 Not Found"] {
        let mut service = Service::start(&[answer]).await;
        let (sender, mut gone) = begin(&service.settings);
        sender.send(service.push("x"));
        service.hear().await;
        let endpoint = service.endpoint.clone();
        assert_eq!(gone.recv().await, Some(Gone { endpoint }));
        drop(sender);
        // Everything was sent: the task is over, and nobody else was asked.
        assert_eq!(gone.recv().await, None);
        assert!(service.heard.try_recv().is_err());
    }
}

#[tokio::test]
async fn n8_a_service_that_asks_for_time_gets_it() {
    let answers = ["429 Too Many Requests\r\nretry-after: 1"];
    let mut service = Service::start(&answers).await;
    let (sender, _gone) = begin(&service.settings);
    sender.send(service.push("x"));
    let first = service.hear().await;
    let second = service.hear().await;
    let waited = second.at - first.at;
    assert!(waited >= Duration::from_millis(990), "{waited:?}");
    assert_eq!(open(&service.browser, &AUTH, &second.body), b"x");
}

#[tokio::test]
async fn n8_a_service_that_asks_for_too_much_time_gets_nothing() {
    let answers = [
        "503 Service Unavailable\r\nretry-after: 7200",
        "400 Bad Request",
    ];
    let mut service = Service::start(&answers).await;
    let (sender, mut gone) = begin(&service.settings);
    sender.send(service.push("x"));
    sender.send(service.push("y"));
    service.hear().await;
    service.hear().await;
    drop(sender);
    // The task ends at once: nothing waits for two hours, and what was refused is not said again.
    let ended = timeout(Duration::from_secs(5), gone.recv()).await;
    assert_eq!(ended.expect("it ends"), None);
    assert!(service.heard.try_recv().is_err());
}

#[tokio::test]
async fn n9_a_private_address_is_not_reached_unless_it_may_be() {
    let mut service = Service::start(&[]).await;
    let settings = Settings {
        private: false,
        ..service.settings.clone()
    };
    let (sender, mut gone) = begin(&settings);
    sender.send(service.push("x"));
    drop(sender);
    assert_eq!(gone.recv().await, None);
    assert!(service.heard.try_recv().is_err());
}

#[tokio::test]
async fn a_full_queue_leaves_out_what_comes_and_says_so_to_nobody() {
    let (sender, mut waiting) = mpsc::channel(1);
    let service = Service::start(&[]).await;
    let sender = Sender(sender);
    sender.send(service.push("first"));
    sender.send(service.push("second"));
    drop(sender);
    assert_eq!(waiting.recv().await.unwrap().words, b"first");
    assert!(waiting.recv().await.is_none());
}
