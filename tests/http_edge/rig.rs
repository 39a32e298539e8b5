//! A served front on a free port, and short ways to ask it things.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use auth::{ServerSecret, Tokens, guests::Guests, relays::Relays, secrets};
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use store::{Store, StoreConfig};
use tokio::sync::mpsc;
use weiquan::http::{
    Blobs, Front, Parts, Settings,
    blobs::Bounds,
    listen,
    seam::{Adopt, Adopted},
    serve,
};

use crate::stage::StandIn;

pub const PASSWORD: &str = "correct horse battery";
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 106\r\na=sendonly\r\n";
pub const CODE: &str = "the code of the printed link";

/// Longest wait for a fact that must come.
pub const SOON: Duration = Duration::from_secs(10);

pub struct Rig {
    pub address: SocketAddr,
    pub store: Store,
    pub stage: Arc<StandIn>,
    pub tokens: Arc<Tokens>,
    pub adopted: mpsc::UnboundedReceiver<Adopted>,
    front: Front,
    client: Client,
    _folder: tempfile::TempDir,
}

/// An answer, read whole.
pub struct Said {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|it| panic!("{it}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The code of a problem, whose shape is held on the way.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(
            problem["detail"].is_string() && problem["title"].is_string(),
            "{problem}"
        );
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text
        );
        self
    }

    /// The sign-in's secret out of `Set-Cookie`.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    pub fn token(&self) -> String {
        self.json()["token"].as_str().unwrap().to_owned()
    }
}

/// One request in the making.
pub struct Ask<'a> {
    rig: &'a Rig,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Ask<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    pub fn json(self, body: Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn offer(self) -> Self {
        self.body("application/sdp", OFFER)
    }

    pub async fn send(self) -> Said {
        let url = format!("http://{}{}", self.rig.address, self.path);
        let mut request = self
            .rig
            .client
            .request(self.method, url)
            .headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("the whole body");
        Said {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

impl Rig {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &StoreConfig::default()).unwrap();
        store.put_set_up_code(secrets::hash(CODE)).await.unwrap();
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut settings = Settings {
            origin: format!("http://{address}"),
            origins: vec!["https://friend.example".into()],
            sign_up: true,
            mail: false,
            connections_per_address: 3,
        };
        change(&mut settings);
        let bytes = store.server_secret(ServerSecret::make()).await.unwrap();
        let secret = ServerSecret::new(&bytes).unwrap();
        let tokens = Arc::new(Tokens::new(&secret, &settings.origin, vec![]).unwrap());
        let stage = Arc::new(StandIn::new(store.clone()));
        let (sender, adopted) = mpsc::unbounded_channel();
        let adopt: Adopt = Arc::new(move |it| {
            // The test may be over.
            let _ = sender.send(it);
        });
        let shelf = blobs::Shelf::open(folder.path()).unwrap();
        let bounds = Bounds {
            room_bytes: 1 << 20,
            all_bytes: 2 << 20,
        };
        let relays = Relays::new(
            vec![
                "turn:turn.example.org?transport=udp".to_owned(),
                "turns:turn.example.org:443".to_owned(),
            ],
            b"a secret of this test",
            Duration::from_secs(3_600),
        );
        let parts = Parts {
            store: store.clone(),
            tokens: tokens.clone(),
            guests: Arc::new(Guests::new(&secret)),
            secret,
            stage: stage.clone(),
            settings,
            blobs: Arc::new(Blobs::new(shelf, bounds)),
            relays: Some(Arc::new(relays)),
            tls: None,
        };
        let (front, _live) = serve(listener, parts, adopt).unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A refusal that read no body ends its connection, and the next request on it would be lost.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self {
            address,
            store,
            stage,
            tokens,
            adopted,
            front,
            client,
            _folder: folder,
        }
    }

    /// Ends as the server does: the port first, then the store.
    pub async fn end(self) {
        self.front.stop(Duration::from_secs(5)).await;
        self.store.close().await;
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask {
            rig: self,
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// An answer whose body is read as it comes.
    pub async fn open(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.address);
        let opened = self.client.get(url).header("accept", "text/event-stream");
        opened.send().await.expect("the server answers")
    }

    pub async fn get(&self, path: &str) -> Said {
        self.ask("GET", path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Said {
        self.ask("POST", path).json(body).send().await
    }

    /// Makes the owner; answers what `set-up` said.
    pub async fn set_up(&self) -> Said {
        let body = json!({"code": CODE, "name": "Owner", "password": PASSWORD, "circle": "圈子"});
        self.post("/api/v1/set-up", body).await.expect(201)
    }

    pub async fn sign_up(&self, name: &str) -> Said {
        let body = json!({"name": name, "password": PASSWORD});
        self.post("/api/v1/accounts", body).await.expect(201)
    }

    /// A guest's token.
    pub async fn guest(&self, device: char) -> String {
        let device = device.to_string().repeat(32);
        self.post("/api/v1/guests", json!({"device": device}))
            .await
            .expect(200)
            .token()
    }

    pub async fn room(&self, token: &str, slug: &str, guests: bool) {
        let body = json!({"title": "Friday", "guests": guests, "slug": slug});
        self.ask("POST", "/api/v1/rooms")
            .bearer(token)
            .json(body)
            .send()
            .await
            .expect(201);
    }

    pub async fn stream_key(&self, token: &str, slug: &str) -> (String, String) {
        let path = format!("/api/v1/rooms/{slug}/stream-keys");
        let said = self
            .ask("POST", &path)
            .bearer(token)
            .json(json!({"label": "OBS"}))
            .send()
            .await;
        let made = said.expect(201).json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        (text(&made["id"]), text(&made["key"]))
    }

    /// A plain socket, for what no HTTP client would send.
    pub fn wire(&self) -> Wire {
        Wire::of(TcpStream::connect(self.address).unwrap())
    }
}

/// A client that writes HTTP by hand. It blocks: use it from [`blocking`].
pub struct Wire {
    pub socket: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub fn of(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            read: Vec::new(),
        }
    }

    pub fn say(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.socket.write_all(text.as_ref()).unwrap();
        self
    }

    /// The next response: its head, and its body where a length is told.
    pub fn hear(&mut self) -> (u16, String, String) {
        loop {
            if let Some(at) = self.read.windows(4).position(|it| it == b"\r\n\r\n") {
                let head = String::from_utf8(self.read[..at].to_vec()).unwrap();
                let lower = head.to_ascii_lowercase();
                let length = lower
                    .split("\r\n")
                    .find_map(|it| it.strip_prefix("content-length:"))
                    .map_or(0, |it| it.trim().parse::<usize>().unwrap());
                let end = at + 4 + length;
                if self.read.len() >= end {
                    let body = String::from_utf8_lossy(&self.read[at + 4..end]).into_owned();
                    self.read.drain(..end);
                    return (head[9..12].parse().unwrap(), head, body);
                }
            }
            assert!(self.more(), "closed before a response: {:?}", self.read);
        }
    }

    /// Exactly so many bytes after what was heard.
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        while self.read.len() < n {
            assert!(self.more(), "closed too early");
        }
        self.read.drain(..n).collect()
    }

    /// Waits until the server closes; everything it still said.
    pub fn until_closed(&mut self) -> String {
        while self.more() {}
        String::from_utf8_lossy(&self.read).into_owned()
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.read.extend_from_slice(&buffer[..n]);
                true
            }
            Err(it) if it.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(it) => panic!("{it}"),
        }
    }
}

/// Runs a blocking client beside the server.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the client's side holds")
}
