//! The public port: accepts, reads the request head under one deadline, and either gives the socket
//! to a shard (a WebSocket upgrade) or serves HTTP on it.
//!
//! Why not `axum::serve`: it has no deadline for a head at all (a slow one was still open after
//! 15 s), and it would not let go of the socket. Most connections of a live evening are upgrades on
//! their first request; those never meet hyper (16 µs of CPU against 23). Whatever is not a good
//! upgrade goes to hyper with the bytes read so far, so that every refusal is worded in one place.
//!
//! It never spins: out of descriptors it answers 503 through one held in reserve, and rests.

use std::{
    fs::File,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tower::Service;

use super::{
    io::{Io, STALLED_AFTER},
    places::Places,
    redirect,
    upgrade::{self, Upgrades},
};

/// Connections in the kernel's queue: a join storm must not lose its first packets.
const BACKLOG: u32 = 4_096;
/// HTTP connections at once (those that were upgraded are the shards'). At most 16 KiB of buffer
/// each.
const CONNECTIONS_MAX: usize = 8_192;
/// Connections of one address whose first request, with the handshake before it, has not come yet.
/// A network behind one address may open 2,560 a second at a round trip of 100 ms; somebody who only
/// opens them cannot keep everybody's places.
const UNREAD_PER_ADDRESS_MAX: u32 = 256;
/// hyper's read buffer. It refuses heads beyond it with 431.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Rest after an accept that failed.
const ACCEPT_REST: Duration = Duration::from_millis(20);
/// The first byte of every TLS connection: a handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
/// Out of file descriptors, in this process or on this machine (errno of Linux and BSD alike).
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Where a request came from: the peer, or whom the proxy on this machine vouched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// The address that a person is known by. A proxy is believed only when it runs on this machine,
    /// and only its own word, the last of the list: anybody can write the ones before.
    pub(crate) fn address(self, forwarded_for: Option<&str>) -> IpAddr {
        let own = self.0.ip().to_canonical();
        let last = forwarded_for.and_then(|it| it.rsplit(',').next());
        match last.and_then(|it| it.trim().parse::<IpAddr>().ok()) {
            Some(told) if own.is_loopback() => told.to_canonical(),
            _ => own,
        }
    }
}

/// Opens a public port.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A restart must not wait for the old connections' last minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes over a port that listens already.
pub fn adopt_listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A port that is served.
pub struct Front {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Front {
    /// Serves HTTP only: the admin's port.
    pub fn plain(listener: TcpListener, router: Router) -> io::Result<Self> {
        Self::start(listener, Served::new(Speaks::Http, router))
    }

    /// Sends everybody to `origin`: the plain port beside the secure one.
    pub fn redirect(listener: TcpListener, origin: Arc<str>) -> io::Result<Self> {
        Self::start(
            listener,
            Served::new(Speaks::Redirect(origin), Router::new()),
        )
    }

    /// Serves the public port; `secure` makes it HTTPS, and then `origin` is where plain requests
    /// are sent.
    pub(crate) fn serve(
        listener: TcpListener,
        router: Router,
        upgrades: Arc<Upgrades>,
        secure: Option<(tls::Acceptor, Arc<str>)>,
    ) -> io::Result<Self> {
        let speaks = match secure {
            None => Speaks::Http,
            Some((acceptor, origin)) => Speaks::Https { acceptor, origin },
        };
        let served = Served {
            upgrades: Some(upgrades),
            ..Served::new(speaks, router)
        };
        Self::start(listener, served)
    }

    fn start(listener: TcpListener, served: Served) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let served = Arc::new(served);
        let accepting = tokio::spawn(accept(listener, served, stopped));
        Ok(Self {
            address,
            stop,
            accepting,
        })
    }

    /// Where it listens; the port that was given for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets running requests end, and cuts what is left after that time.
    pub async fn stop(mut self, within: Duration) {
        self.stop.send_replace(true);
        if timeout(within, &mut self.accepting).await.is_err() {
            self.accepting.abort();
        }
    }
}

/// What a port speaks.
enum Speaks {
    Http,
    Https {
        acceptor: tls::Acceptor,
        /// Where plain requests on this port are sent.
        origin: Arc<str>,
    },
    Redirect(Arc<str>),
}

/// What every connection needs.
struct Served {
    speaks: Speaks,
    router: Router,
    upgrades: Option<Arc<Upgrades>>,
    /// HTTP/1.1 alone: an upgrade by HTTP/2 (RFC 8441) is not spoken here, and what is not spoken
    /// cannot be attacked.
    http: http1::Builder,
    places: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    unread: Arc<Places>,
}

impl Served {
    fn new(speaks: Speaks, router: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits::HEAD_WITHIN)
            .max_buf_size(BUFFER_BYTES_MAX);
        Self {
            speaks,
            router,
            upgrades: None,
            http,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            handshakes: Arc::new(Semaphore::new(limits::HANDSHAKES_MAX)),
            unread: Places::new(UNREAD_PER_ADDRESS_MAX),
        }
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut reserve = File::open("/dev/null").ok();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop(&mut stopped) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => match served.places.clone().try_acquire_owned() {
                Ok(place) => {
                    let connection =
                        connection(socket, Peer(peer), served.clone(), stopped.clone(), place);
                    connections.spawn(connection);
                }
                Err(_) => refuse(&socket, "connections"),
            },
            Err(error) if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) => {
                drop(reserve.take());
                // The one that waits is told; the others wait in the kernel until somebody leaves.
                if let Ok(Ok((socket, _))) = timeout(ACCEPT_REST, listener.accept()).await {
                    refuse(&socket, "descriptors");
                }
                reserve = File::open("/dev/null").ok();
                sleep(ACCEPT_REST).await;
            }
            Err(error) => {
                // A client that hung up while it waited; anything else must not spin either.
                tracing::debug!(%error, "accepting failed");
                sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits for the word to stop; a front that is dropped stops too.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // What is seen is a guard over the value, which must not be held across an await.
    let _ = stopped.wait_for(|it| *it).await.is_ok();
}

/// No place for this one: says so without waiting for anything.
fn refuse(socket: &TcpStream, why: &'static str) {
    metrics::counter!("weiquan_http_no_place_total", "why" => why).increment(1);
    // A client that does not even take these bytes hears nothing.
    let _ = socket.try_write(
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\
          Connection: close\r\n\r\n",
    );
}

async fn connection(
    socket: TcpStream,
    peer: Peer,
    served: Arc<Served>,
    stopped: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    // Without it a small answer may wait 40 ms for an acknowledgement; failing is only slower.
    let _ = socket.set_nodelay(true);
    let Ok(unread) = served.unread.take(peer.0.ip()) else {
        return refuse(&socket, "unread");
    };
    let mut handshake = None;
    let mut io = match &served.speaks {
        Speaks::Http => Io::new(socket, STALLED_AFTER),
        Speaks::Redirect(origin) => {
            return redirect::answer(Io::new(socket, STALLED_AFTER), origin.clone()).await;
        }
        Speaks::Https { acceptor, origin } => match begins_tls(&socket).await {
            None => return,
            Some(false) => {
                return redirect::answer(Io::new(socket, STALLED_AFTER), origin.clone()).await;
            }
            Some(true) => {
                handshake = served.handshakes.clone().try_acquire_owned().ok();
                if handshake.is_none() {
                    return refuse(&socket, "handshakes");
                }
                match acceptor.accept() {
                    Ok(session) => Io::secure(socket, session, STALLED_AFTER),
                    Err(fault) => return tracing::error!(%fault, "a TLS session could not be made"),
                }
            }
        },
    };
    let head = match read_head(&mut io).await {
        Ok(head) => head,
        Err(Unread::Closed) => return,
        Err(Unread::Refused(status)) => {
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // It is closed either way.
            let _ = timeout(limits::HEAD_WITHIN, async {
                io.write_all(answer.as_bytes()).await?;
                io.shutdown().await
            })
            .await;
            return;
        }
    };
    drop((unread, handshake));
    if let Some(upgrades) = &served.upgrades
        && let Some(response) = upgrade::of_head(upgrades, &head, peer)
    {
        let written = timeout(limits::HEAD_WITHIN, async {
            io.write_all(&response.bytes).await?;
            io.flush().await
        })
        .await;
        if matches!(written, Ok(Ok(()))) {
            upgrades.adopt(io, peer, response.upgrade, response.place, head.rest());
        }
        return;
    }
    io.unread(head.bytes);
    serve_http(io, peer, &served, stopped).await;
    drop(place);
}

/// Whether a connection to a secure port begins a handshake. `None`: it ended, or said nothing.
async fn begins_tls(socket: &TcpStream) -> Option<bool> {
    let mut first = [0];
    match timeout(limits::HEAD_WITHIN, socket.peek(&mut first)).await {
        Ok(Ok(1..)) => Some(first[0] == HANDSHAKE),
        _ => None,
    }
}

async fn serve_http(io: Io, peer: Peer, served: &Served, mut stopped: watch::Receiver<bool>) {
    let router = served.router.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        // A router is always ready, and a clone of it is one more reference.
        let mut router = router.clone();
        async move { router.call(request.map(Body::new)).await }
    });
    let connection = served
        .http
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Cut, timed out, or not HTTP: hyper has answered where that was possible.
        tracing::trace!(%error, "an HTTP connection ended early");
    }
}

/// What was read of a connection at first.
pub(crate) struct Head {
    bytes: Vec<u8>,
    /// Where the head ends; 0 where it is not a GET and hyper is to read it.
    end: usize,
}

impl Head {
    /// The whole request head with its empty line, where it was read.
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// What came after it.
    fn rest(&self) -> Vec<u8> {
        self.bytes[self.end..].to_vec()
    }
}

enum Unread {
    /// Closed before a request was there: nobody to answer.
    Closed,
    Refused(&'static str),
}

/// Reads until the head is whole, or until it is clear that it is no GET (its head is then hyper's
/// to read, under a deadline of its own).
async fn read_head(io: &mut Io) -> Result<Head, Unread> {
    let mut bytes = Vec::with_capacity(1_024);
    let reading = async {
        loop {
            let from = bytes.len().saturating_sub(3);
            let room = limits::HEAD_BYTES_MAX - bytes.len();
            let n = (&mut *io).take(room as u64).read_buf(&mut bytes).await;
            match n {
                Ok(0) | Err(_) => return Err(Unread::Closed),
                Ok(_) => {}
            }
            if let Some(at) = bytes[from..].windows(4).position(|it| it == b"\r\n\r\n") {
                return Ok(from + at + 4);
            }
            let start = &bytes[..bytes.len().min(5)];
            if !b"GET /".starts_with(start) {
                return Ok(0);
            }
            if bytes.len() == limits::HEAD_BYTES_MAX {
                return Err(Unread::Refused("431 Request Header Fields Too Large"));
            }
        }
    };
    let end = match timeout(limits::HEAD_WITHIN, reading).await {
        Ok(read) => read?,
        Err(_) if bytes.is_empty() => return Err(Unread::Closed),
        Err(_) => return Err(Unread::Refused("408 Request Timeout")),
    };
    Ok(Head { bytes, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_only_opens_connections_keeps_so_many_and_no_more() {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
        let served = Served {
            unread: Places::of_everybody(2),
            ..Served::new(Speaks::Http, Router::new())
        };
        let front = Front::start(listener, served).expect("starts");
        let connect = || async { TcpStream::connect(front.address()).await.expect("connects") };
        let status = |mut socket: TcpStream, request: &'static str| async move {
            socket.write_all(request.as_bytes()).await.expect("taken");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.expect("an answer");
            answer[9..12].to_owned()
        };
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let (first, second) = (connect().await, connect().await);
        // Both are accepted before the third, in the order they came.
        assert_eq!(status(connect().await, "").await, "503");
        assert_eq!(status(first, request).await, "404");
        assert_eq!(status(connect().await, request).await, "404");
        drop(second);
        front.stop(Duration::from_secs(1)).await;
    }

    fn acceptor() -> tls::Acceptor {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate is made");
        let key = made.signing_key.serialize_pem();
        let shown = tls::Pair::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).expect("PEM");
        tls::Acceptor::new(Arc::new(tls::Certificates::new(shown))).expect("it can be shown")
    }

    #[tokio::test]
    async fn so_many_handshakes_go_on_at_once_and_no_more() {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
        let speaks = Speaks::Https {
            acceptor: acceptor(),
            origin: "https://localhost".into(),
        };
        let served = Served {
            handshakes: Arc::new(Semaphore::new(1)),
            ..Served::new(speaks, Router::new())
        };
        let front = Front::start(listener, served).expect("starts");
        let address = front.address();
        // The first byte of a handshake, and then nothing. Who is let in is cut after a while, in
        // silence; who is refused hears 503, unless a reset overtakes it.
        let is_refused = || async move {
            let mut socket = TcpStream::connect(address).await.expect("connects");
            socket.write_all(&[HANDSHAKE]).await.expect("taken");
            let mut answer = String::new();
            let read = socket.read_to_string(&mut answer).await;
            read.is_err() || !answer.is_empty()
        };
        let mut begun = JoinSet::new();
        (0..3).for_each(|_| drop(begun.spawn(is_refused())));
        for _ in 0..2 {
            assert!(begun.join_next().await.expect("one").expect("ends"));
        }
        begun.shutdown().await;
        let waited = timeout(limits::HEAD_WITHIN * 3, async {
            while is_refused().await {}
        });
        waited
            .await
            .expect("the one that was let in left its place");
        front.stop(Duration::from_secs(1)).await;
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed_and_only_its_last_word() {
        let address = |peer: &str, told: Option<&str>| {
            Peer(peer.parse().expect("an address"))
                .address(told)
                .to_string()
        };
        assert_eq!(address("203.0.113.7:1", None), "203.0.113.7");
        assert_eq!(
            address("203.0.113.7:1", Some("198.51.100.1")),
            "203.0.113.7"
        );
        assert_eq!(address("127.0.0.1:1", Some("198.51.100.1")), "198.51.100.1");
        assert_eq!(
            address("127.0.0.1:1", Some("10.0.0.1, 198.51.100.1")),
            "198.51.100.1"
        );
        assert_eq!(address("[::1]:1", Some("2001:db8::1")), "2001:db8::1");
        assert_eq!(
            address("[::ffff:127.0.0.1]:1", Some("::ffff:192.0.2.1")),
            "192.0.2.1"
        );
        assert_eq!(address("127.0.0.1:1", Some("unknown")), "127.0.0.1");
        assert_eq!(address("127.0.0.1:1", Some("")), "127.0.0.1");
    }
}
