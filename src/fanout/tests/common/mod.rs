//! A small server of one's own: the handler does what the client says, the client checks the frames.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
    time::Duration,
};

use bytes::Bytes;
use fanout::{
    Adopt, Class, Config, ConnectionId, Frame, Handler, Link, Open, Order, Peer, Prepared,
    ShardHandle, Shards,
};
use protocol::{CloseCode, Seq};
use tls::{Acceptor, Certificates, Pair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

/// The suite runs twice: `tests/secure.rs` is all of it once more over TLS.
const SECURE: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"secure");

/// A client's end, plain or TLS.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// Far above what anything takes here; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gap in this room is a panic.
pub const CURSED: u32 = 66;

/// What the handlers of a test saw.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Opened(ConnectionId),
    Text(ConnectionId, String),
    Closed(ConnectionId),
}

#[derive(Clone)]
pub struct TestOpen {
    seen: mpsc::Sender<Seen>,
    /// What every connection does at once.
    pub at_once: fn(&Link),
}

pub struct TestHandler {
    link: Link,
    seen: mpsc::Sender<Seen>,
}

impl Open for TestOpen {
    type Handler = TestHandler;

    fn open(&self, link: Link, _: Peer) -> TestHandler {
        (self.at_once)(&link);
        self.seen.send(Seen::Opened(link.id())).ok();
        TestHandler {
            link,
            seen: self.seen.clone(),
        }
    }

    fn gap(&self, room: u32, from: Seq, to: Seq) -> Bytes {
        assert!(room != CURSED, "a mistake in the words of a gap");
        text(&format!("gap {room} {from} {to}"))
    }
}

impl Handler for TestHandler {
    fn text(&mut self, said: &str) {
        let words: Vec<&str> = said.split(' ').collect();
        let number = |i: usize| words[i].parse::<u64>().unwrap();
        match words[0] {
            "echo" => self.link.send(text(&said[5..])),
            // So many answers of so many bytes.
            "flood" => {
                for _ in 0..number(1) {
                    self.link.send(text(&"f".repeat(number(2) as usize)));
                }
            }
            "join" => self.link.shard().order(Order::Join {
                connection: self.link.id(),
                room: number(1) as u32,
                first: text("joined"),
                after: number(2),
            }),
            // A task that lives as long as the shard.
            "keep" => {
                let link = self.link.clone();
                tokio::task::spawn_local(async move {
                    std::future::pending::<()>().await;
                    drop(link);
                });
            }
            "met" => self.link.met(),
            "deflate" => self.link.take_deflated(),
            "close" => self.link.close(CloseCode::Banned, "as asked"),
            "panic" => panic!("a handler's mistake"),
            _ => {}
        }
        self.seen
            .send(Seen::Text(self.link.id(), said.to_owned()))
            .ok();
    }

    fn closed(&mut self) {
        self.seen.send(Seen::Closed(self.link.id())).ok();
    }
}

pub struct Server {
    pub shards: Shards,
    seen: mpsc::Receiver<Seen>,
    listener: TcpListener,
    secure: Option<(Acceptor, TlsConnector)>,
}

fn secure() -> (Acceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let shown = Pair::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let certificates = Certificates::new(shown);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        Acceptor::new(Arc::new(certificates)).unwrap(),
        TlsConnector::from(Arc::new(config)),
    )
}

/// The server's side of a handshake, as the front does it; with what was read beyond it.
async fn shake_hands(acceptor: &Acceptor, socket: &mut TcpStream) -> (tls::Session, Vec<u8>) {
    let session = acceptor.accept().unwrap();
    let mut plain = Vec::new();
    let mut buffer = [0; 4_096];
    while session.is_handshaking() {
        let n = socket.read(&mut buffer).await.unwrap();
        let mut out = Vec::new();
        session
            .open(&mut buffer[..n], &mut plain, &mut out)
            .unwrap();
        socket.write_all(&out).await.unwrap();
    }
    (session, plain)
}

impl Server {
    pub async fn start(config: Config) -> Self {
        Self::start_with(config, |_| {}).await
    }

    pub async fn start_with(config: Config, at_once: fn(&Link)) -> Self {
        let (sender, seen) = mpsc::channel();
        let shards = Prepared::new(config)
            .start(TestOpen {
                seen: sender,
                at_once,
            })
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            shards,
            seen,
            listener,
            secure: SECURE.then(secure),
        }
    }

    /// A client on shard 0.
    pub async fn client(&self) -> Client {
        self.client_with(0, None, b"").await
    }

    /// `receive_bytes`: the size of the client's receive buffer. `early`: bytes that came with the
    /// upgrade.
    pub async fn client_with(
        &self,
        shard: usize,
        receive_bytes: Option<u32>,
        early: &[u8],
    ) -> Client {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let addr = self.listener.local_addr().unwrap();
        let (client, server) = tokio::join!(socket.connect(addr), self.listener.accept());
        let ((mut server, addr), client) = (server.unwrap(), client.unwrap());
        let peer = Peer { addr, origin: None };
        let mut read = early.to_vec();
        let mut session = None;
        let client: Box<dyn Socket> = match &self.secure {
            None => Box::new(client),
            Some((acceptor, connector)) => {
                let name = ServerName::try_from("localhost").unwrap();
                let (shaken, client) = tokio::join!(
                    shake_hands(acceptor, &mut server),
                    connector.connect(name, client)
                );
                read.extend(shaken.1);
                session = Some(shaken.0);
                Box::new(client.unwrap())
            }
        };
        let socket = server.into_std().unwrap();
        self.shards.adopt(
            shard,
            Adopt {
                socket,
                tls: session,
                peer,
                held: None,
                read,
            },
        );
        let id = self.opened();
        Client {
            id,
            socket: client,
            buffer: Vec::new(),
            addr,
            takes_deflated: false,
            deflated: 0,
        }
    }

    /// A client of which the shard knows that it takes deflated frames.
    pub async fn deflating(&self, receive_bytes: Option<u32>) -> Client {
        let mut client = self.client_with(0, receive_bytes, b"").await;
        client.takes_deflated = true;
        client.say("deflate").await;
        self.await_text("deflate");
        client
    }

    fn opened(&self) -> ConnectionId {
        self.await_seen(|it| match it {
            Seen::Opened(id) => Some(*id),
            _ => None,
        })
    }

    pub fn await_text(&self, text: &str) {
        self.await_seen(|it| matches!(it, Seen::Text(_, said) if said == text).then_some(()));
    }

    pub fn await_closed(&self, id: ConnectionId) {
        self.await_seen(|it| (*it == Seen::Closed(id)).then_some(()));
    }

    /// How many more times the end of a connection is told, now that the shards are stopped.
    pub fn stop_and_count_closed(self) -> usize {
        self.shards.stop();
        self.seen
            .iter()
            .filter(|it| matches!(it, Seen::Closed(_)))
            .count()
    }

    fn await_seen<T>(&self, pick: impl Fn(&Seen) -> Option<T>) -> T {
        loop {
            let seen = self
                .seen
                .recv_timeout(PATIENCE)
                .expect("the handler saw nothing of the kind");
            if let Some(it) = pick(&seen) {
                return it;
            }
        }
    }

    pub fn shard(&self) -> &ShardHandle {
        self.shards.handle(0)
    }

    pub fn join(&self, client: &Client, room: u32, after: Seq) {
        let first = text("joined");
        self.shard().order(Order::Join {
            connection: client.id,
            room,
            first,
            after,
        });
    }

    pub fn log(&self, room: u32, from: Seq, to: Seq, padding: usize) {
        let frame = text(&log(room, from, to, padding)).into();
        self.shard().order(Order::Publish {
            room,
            frame,
            class: Class::Log { from, to },
        });
    }

    /// The other form has the same words with half of the padding, in a binary frame.
    pub fn log_in_both(&self, room: u32, from: Seq, to: Seq, padding: usize) {
        let deflated = ws::encode_binary(log(room, from, to, padding / 2).as_bytes());
        let frame = Frame {
            text: text(&log(room, from, to, padding)),
            deflated: Some(deflated),
        };
        self.shard().order(Order::Publish {
            room,
            frame,
            class: Class::Log { from, to },
        });
    }

    pub fn state(&self, room: u32, key: u8, value: u64) {
        let frame = text(&format!("state {room} {key} {value}")).into();
        self.shard().order(Order::Publish {
            room,
            frame,
            class: Class::State { key },
        });
    }

    pub fn burst(&self, room: u32, value: u64) {
        let frame = text(&format!("burst {room} {value}")).into();
        self.shard().order(Order::Publish {
            room,
            frame,
            class: Class::Burst,
        });
    }
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Pong(Vec<u8>),
    Close(u16, String),
    /// The socket ended.
    End,
}

pub struct Client {
    pub id: ConnectionId,
    pub addr: SocketAddr,
    pub socket: Box<dyn Socket>,
    buffer: Vec<u8>,
    takes_deflated: bool,
    /// Frames that came in the other form.
    pub deflated: usize,
}

impl Client {
    pub async fn say(&mut self, said: &str) {
        self.send(&masked(0x81, said.as_bytes())).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    pub async fn hear(&mut self) -> Heard {
        timeout(PATIENCE, self.next())
            .await
            .expect("nothing was heard in time")
    }

    /// The next text without its padding.
    pub async fn text(&mut self) -> String {
        match self.hear().await {
            Heard::Text(text) => text.trim_end_matches('x').trim_end().to_owned(),
            other => panic!("heard {other:?}"),
        }
    }

    /// Reads on to this text.
    pub async fn until(&mut self, text: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let heard = self.text().await;
            if heard == text {
                return before;
            }
            before.push(heard);
        }
    }

    pub async fn expect_close(&mut self, code: CloseCode) {
        loop {
            match self.hear().await {
                Heard::Close(seen, _) => return assert_eq!(seen, code.number()),
                Heard::End => panic!("ended without {code:?}"),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Heard {
        loop {
            if let Some((opcode, payload, used)) = split(&self.buffer) {
                let payload = payload.to_vec();
                self.buffer.drain(..used);
                return match opcode {
                    1 => Heard::Text(String::from_utf8(payload).unwrap()),
                    2 => {
                        assert!(self.takes_deflated, "a binary frame, unasked");
                        self.deflated += 1;
                        Heard::Text(String::from_utf8(payload).unwrap())
                    }
                    10 => Heard::Pong(payload),
                    8 => Heard::Close(
                        u16::from_be_bytes([payload[0], payload[1]]),
                        String::from_utf8(payload[2..].to_vec()).unwrap(),
                    ),
                    other => panic!("opcode {other}"),
                };
            }
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Heard::End,
                Ok(_) => {}
            }
        }
    }
}

/// The first whole server frame: opcode, payload, its length with the header.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert!(second & 0x80 == 0, "a server frame is not masked");
    let (at, length) = match second {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        127 => (
            10,
            u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize,
        ),
        n => (2, usize::from(n)),
    };
    Some((first & 15, bytes.get(at..at + length)?, at + length))
}

pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut out = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
    out.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ [1, 2, 3, 4][i % 4]),
    );
    out
}

fn log(room: u32, from: Seq, to: Seq, padding: usize) -> String {
    format!("log {room} {from} {to} {}", "x".repeat(padding))
}

pub fn text(text: &str) -> Bytes {
    ws::encode_text(text.as_bytes())
}

/// Short times, so that a test of them is short.
pub fn quick() -> Config {
    Config {
        ping_after: Duration::from_millis(100),
        dead_after: Duration::from_millis(300),
        blocked_closed_after: Duration::from_millis(300),
        sweep_every: Duration::from_millis(20),
        close_within: Duration::from_millis(500),
        ..Config::default()
    }
}
