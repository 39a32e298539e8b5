//! One socket, from the upgrade to the close.

use std::{cell::RefCell, collections::VecDeque, net::SocketAddr};

use deflate::Inflater;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    ClientFrame, Refusal, RoomNumber, Slug,
    client::{Position, Wanted},
    limits,
    rest::GuestWish,
    server::{Joined, Outcome, Push, Reply, Welcome},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        handshake::{client::generate_key, derive_accept_key},
        http::HeaderValue,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use crate::Incoming;

/// Why a socket is of no more use, or a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the socket broke: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    #[error("closed by the server with {code}: {reason}")]
    Closed { code: u16, reason: String },
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    #[error("nothing was heard for {} s", limits::DEAD_AFTER.as_secs())]
    Silent,
    #[error("the server said what this client cannot read: {0}")]
    Unreadable(String),
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

/// What a connection speaks over: TCP, or whatever hides in it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The WebSocket handshake, for whoever asks for the upgrade through an HTTP client of their own.
pub struct Upgrade {
    key: String,
}

impl Upgrade {
    #[expect(
        clippy::new_without_default,
        reason = "each one is another: it is random"
    )]
    pub fn new() -> Self {
        Self {
            key: generate_key(),
        }
    }

    /// What the request must say.
    pub fn headers(&self) -> [(&'static str, &str); 5] {
        [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &self.key),
            ("sec-websocket-protocol", limits::SUBPROTOCOL),
        ]
    }

    /// Whether `Sec-WebSocket-Accept` answers this very request.
    pub fn is_accepted(&self, accept: &[u8]) -> bool {
        derive_accept_key(self.key.as_bytes()).as_bytes() == accept
    }
}

/// One connection. Pushes that come while a request waits are kept for [`Connection::next`].
pub struct Connection {
    socket: WebSocketStream<Box<dyn Stream>>,
    request: u32,
    kept: VecDeque<Push>,
    /// Frames of a message that held several, not looked at yet.
    unread: VecDeque<Incoming>,
    /// The server may deflate what it says.
    is_deflating: bool,
    deflated: u64,
}

thread_local! {
    /// Of all connections of a thread: it holds a megabyte.
    static INFLATER: RefCell<Inflater> = RefCell::new(Inflater::new());
}

impl Connection {
    /// Upgrades at `server` (as `host:port`), with a placement hint.
    pub async fn open(server: SocketAddr, room_hint: Option<&str>) -> Result<Self, Error> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let hint = room_hint
            .map(|it| format!("?room={it}"))
            .unwrap_or_default();
        let mut request = format!("ws://{server}/ws{hint}").into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(limits::SUBPROTOCOL),
        );
        let stream: Box<dyn Stream> = Box::new(stream);
        let (socket, _) = client_async_with_config(request, stream, Some(config())).await?;
        Ok(Self::of(socket))
    }

    /// Speaks over a stream that was upgraded already (through TLS, a proxy).
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let stream: Box<dyn Stream> = Box::new(stream);
        Self::of(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config())).await)
    }

    fn of(socket: WebSocketStream<Box<dyn Stream>>) -> Self {
        Self {
            socket,
            request: 0,
            kept: VecDeque::new(),
            unread: VecDeque::new(),
            is_deflating: false,
            deflated: 0,
        }
    }

    /// Says hello.
    pub async fn hello(&mut self, token: &str, device: &str) -> Result<Welcome, Error> {
        self.hello_with(token, device, None).await
    }

    /// Says hello, and that it has dictionary `z`: what is long may come deflated then (Z1).
    pub async fn hello_with(
        &mut self,
        token: &str,
        device: &str,
        z: Option<u32>,
    ) -> Result<Welcome, Error> {
        let (token, device) = (Some(token.to_owned()), device.to_owned());
        self.welcome(|i| ClientFrame::Hello {
            i,
            token,
            guest: None,
            device,
            z,
        })
        .await
    }

    /// Says hello as a guest that is made by it (H7): its token is in the answer.
    pub async fn hello_as_guest(
        &mut self,
        guest: GuestWish,
        device: &str,
    ) -> Result<Welcome, Error> {
        let device = device.to_owned();
        self.welcome(|i| ClientFrame::Hello {
            i,
            token: None,
            guest: Some(guest),
            device,
            z: None,
        })
        .await
    }

    async fn welcome(&mut self, hello: impl FnOnce(u32) -> ClientFrame) -> Result<Welcome, Error> {
        match self.request(hello).await? {
            Reply::Welcome(welcome) => {
                self.is_deflating = welcome.z == Some(limits::DICTIONARY);
                Ok(welcome)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Messages that came deflated.
    pub fn deflated(&self) -> u64 {
        self.deflated
    }

    /// Joins a room, or resumes it from a position.
    pub async fn join(&mut self, room: &str, since: Option<Position>) -> Result<Joined, Error> {
        let want = Wanted {
            room: Slug::from(room),
            since,
        };
        match self.request(|i| ClientFrame::Join { i, want }).await? {
            Reply::Joined(joined) => Ok(*joined),
            other => Err(unexpected(&other)),
        }
    }

    /// Says a message and waits for its ack.
    pub async fn say(&mut self, a: RoomNumber, text: &str) -> Result<protocol::server::Ack, Error> {
        let cid = new_client_id();
        let text = text.to_owned();
        match self
            .request(|i| ClientFrame::Pub {
                i,
                a,
                cid,
                text,
                re: None,
                question: false,
                card: None,
                to: Vec::new(),
            })
            .await?
        {
            Reply::Ack(ack) => Ok(ack),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends the frame that `make` builds with a fresh request number and waits for its answer.
    pub async fn request(&mut self, make: impl FnOnce(u32) -> ClientFrame) -> Result<Reply, Error> {
        let i = self.next_request();
        self.send(&make(i)).await?;
        loop {
            match self.receive().await? {
                Incoming::Answer(answer) if answer.i == i => {
                    return match answer.outcome {
                        Outcome::Ok(reply) => Ok(reply),
                        Outcome::Err(refusal) => Err(refusal.into()),
                    };
                }
                Incoming::Answer(_) => {}
                Incoming::Push(push) => self.kept.push_back(push),
            }
        }
    }

    /// A request number of this connection that was not used before.
    pub fn next_request(&mut self) -> u32 {
        self.request += 1;
        self.request
    }

    /// Sends a frame without waiting for anything.
    pub async fn send(&mut self, frame: &ClientFrame) -> Result<(), Error> {
        let text = serde_json::to_string(frame).expect("frames are plain data");
        self.send_text(text).await
    }

    /// Sends any text, for those who test what the server makes of it.
    pub async fn send_text(&mut self, text: String) -> Result<(), Error> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(Error::from)
    }

    /// The next frame: kept pushes first, then what comes. Pings are answered on the way.
    pub async fn next(&mut self) -> Result<Incoming, Error> {
        match self.kept.pop_front() {
            Some(push) => Ok(Incoming::Push(push)),
            None => self.receive().await,
        }
    }

    /// The next push, answers left aside.
    pub async fn next_push(&mut self) -> Result<Push, Error> {
        loop {
            if let Incoming::Push(push) = self.next().await? {
                return Ok(push);
            }
        }
    }

    async fn receive(&mut self) -> Result<Incoming, Error> {
        loop {
            match self.unread.pop_front() {
                Some(Incoming::Push(Push::Ping {})) => self.send(&ClientFrame::Pong {}).await?,
                Some(incoming) => return Ok(incoming),
                None => self.read_message().await?,
            }
        }
    }

    /// The server pings a silent line: one that is silent even so is dead.
    async fn read_message(&mut self) -> Result<(), Error> {
        let message = timeout(limits::DEAD_AFTER, self.socket.next())
            .await
            .map_err(|_| Error::Silent)?;
        match message {
            Some(Ok(Message::Text(text))) => self.unread.extend(Incoming::read(&text)?),
            Some(Ok(Message::Binary(message))) if self.is_deflating => {
                self.deflated += 1;
                let read = INFLATER.with_borrow_mut(|it| {
                    let unreadable = |it: &dyn std::fmt::Display| Error::Unreadable(it.to_string());
                    let text = it.inflate(&message).map_err(|it| unreadable(&it))?;
                    Incoming::read(std::str::from_utf8(text).map_err(|it| unreadable(&it))?)
                });
                self.unread.extend(read?);
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(Error::Unreadable("a binary message, unasked".into()));
            }
            Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => {
                return Err(Error::Closed {
                    code: 1006,
                    reason: String::new(),
                });
            }
        }
        Ok(())
    }

    /// Closes from this side.
    pub async fn close(mut self) {
        // The other side may be gone already; there is nothing to do about it then.
        let _ = self.socket.close(None).await;
    }
}

fn config() -> WebSocketConfig {
    // The defaults cost 137 KB a connection (measured): thousands of clients share a process.
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::SIGNALLING_BYTES_MAX * 2)
        .max_message_size(Some(16 * 1024 * 1024))
}

fn closed(frame: Option<CloseFrame>) -> Error {
    frame.map_or(
        Error::Closed {
            code: 1005,
            reason: String::new(),
        },
        |it| Error::Closed {
            code: it.code.into(),
            reason: it.reason.to_string(),
        },
    )
}

fn unexpected(reply: &Reply) -> Error {
    Error::Unreadable(format!("an answer of another kind: {reply:?}"))
}

/// A fresh client id.
pub fn new_client_id() -> protocol::ClientId {
    protocol::ClientId::from(uuid::Uuid::now_v7().to_string())
}
