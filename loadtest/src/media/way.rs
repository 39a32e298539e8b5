//! What a line's datagrams go by: a UDP socket, or a TCP connection to the same port (ICE-TCP, RFC 6544), in
//! which each is a frame (RFC 4571) as a browser sends it whose network blocks UDP.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context as _, Result};
use socket2::SockRef;
use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// A server that does not let a connection in for so long never will.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
/// Bytes read from a connection at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that say how long a frame's datagram is.
const LENGTH_BYTES: usize = 2;

/// Which candidate of an answer is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    Udp,
    /// The passive one.
    Tcp,
}

pub(crate) enum Way {
    Udp(UdpSocket),
    Tcp(Box<Pipe>),
}

impl Way {
    /// A socket of its own. Connected, it leaves from the address that reaches the other one: loopback or not.
    pub(super) async fn to(remote: SocketAddr, transport: Transport) -> Result<Self> {
        if transport == Transport::Tcp {
            let socket = timeout(CONNECT_WITHIN, TcpStream::connect(remote)).await;
            let socket = socket
                .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
                .with_context(|| format!("no TCP connection to {remote}"))?;
            socket.set_nodelay(true)?;
            return Ok(Self::Tcp(Box::new(Pipe::new(socket))));
        }
        let any = match remote {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = UdpSocket::bind(any).await.context("no UDP socket")?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        socket.connect(remote).await?;
        Ok(Self::Udp(socket))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(pipe) => pipe.socket.local_addr(),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.peer_addr(),
            Self::Tcp(pipe) => pipe.socket.peer_addr(),
        }
    }

    /// The socket's options.
    pub(crate) fn options(&self) -> SockRef<'_> {
        match self {
            Self::Udp(socket) => SockRef::from(socket),
            Self::Tcp(pipe) => SockRef::from(&pipe.socket),
        }
    }

    /// Waits until there may be a datagram.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.readable().await,
            Self::Tcp(pipe) => pipe.socket.readable().await,
        }
    }

    /// The next datagram that is there; one that is longer than the buffer is cut.
    pub(super) fn try_recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.try_recv(buffer),
            Self::Tcp(pipe) => pipe.try_recv(buffer),
        }
    }

    pub(super) fn try_send(&mut self, datagram: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.try_send(datagram).map(drop),
            Self::Tcp(pipe) => pipe.try_send(datagram),
        }
    }

    /// Whether an error says that nobody is there any more.
    pub(super) fn ends_by(&self, error: &io::Error) -> bool {
        match self {
            Self::Udp(_) => error.kind() == ErrorKind::ConnectionRefused,
            Self::Tcp(_) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// A TCP connection that carries datagrams.
pub(crate) struct Pipe {
    socket: TcpStream,
    frames: Frames,
    /// The rest of a frame of which a part has left.
    rest: Vec<u8>,
}

impl Pipe {
    fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            frames: Frames::default(),
            rest: Vec::new(),
        }
    }

    fn try_recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(size) = self.frames.pop(buffer) {
                return Ok(size);
            }
            let mut bytes = [0; READ_BYTES];
            match self.socket.try_read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                size => self.frames.push(&bytes[..size]),
            }
        }
    }

    /// A datagram that the kernel takes nothing of is lost; one that it takes a part of is not.
    fn try_send(&mut self, datagram: &[u8]) -> io::Result<()> {
        if !self.rest.is_empty() {
            let written = self.socket.try_write(&self.rest)?;
            self.rest.drain(..written);
            if !self.rest.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        let length = u16::try_from(datagram.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let frame = [&length.to_be_bytes(), datagram].concat();
        let written = self.socket.try_write(&frame)?;
        self.rest.extend_from_slice(&frame[written..]);
        Ok(())
    }
}

/// What has arrived of frames.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    /// Of these, what was handed on.
    taken: usize,
}

impl Frames {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole datagram; an empty one is none.
    fn pop(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            let waiting = &self.bytes[self.taken..];
            let (length, rest) = waiting.split_first_chunk::<LENGTH_BYTES>()?;
            let datagram = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
            self.taken += LENGTH_BYTES + datagram.len();
            let size = datagram.len().min(buffer.len());
            buffer[..size].copy_from_slice(&datagram[..size]);
            if size > 0 {
                return Some(size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn pair() -> (Way, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let way = Way::to(address, Transport::Tcp).await.expect("connects");
        let (other, _) = listener.accept().await.expect("arrives");
        (way, other)
    }

    async fn next(way: &mut Way, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match way.try_recv(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => way.readable().await?,
                other => return other,
            }
        }
    }

    #[tokio::test]
    async fn frames_are_datagrams_however_they_are_cut() {
        let (mut way, mut other) = pair().await;
        let mut buffer = [0; 4];
        for piece in [
            &[0, 3, 1, 2][..],
            &[3, 0, 0, 0],
            &[1, 9, 0, 5, 1, 2, 3, 4, 5],
        ] {
            other.write_all(piece).await.expect("taken");
        }
        let mut heard = Vec::new();
        for _ in 0..3 {
            let size = next(&mut way, &mut buffer).await.expect("a datagram");
            heard.push(buffer[..size].to_vec());
        }
        assert_eq!(heard, [vec![1, 2, 3], vec![9], vec![1, 2, 3, 4]]);
        drop(other);
        let over = next(&mut way, &mut buffer).await.expect_err("it is over");
        assert!(way.ends_by(&over));
        assert!(!way.ends_by(&ErrorKind::WouldBlock.into()));
    }

    #[tokio::test]
    async fn a_frame_that_was_cut_is_finished_before_the_next() {
        let (mut way, mut other) = pair().await;
        let datagram = vec![7; 1_200];
        let mut sent = 0;
        // Until the kernel takes no more of a whole one.
        while way.try_send(&datagram).is_ok() {
            sent += 1;
        }
        let reading = tokio::spawn(async move {
            let mut length = [0; 2];
            let mut heard = 0;
            while other.read_exact(&mut length).await.is_ok() {
                assert_eq!(length, 1_200_u16.to_be_bytes());
                let mut datagram = [0; 1_200];
                other.read_exact(&mut datagram).await.expect("whole");
                heard += 1;
            }
            heard
        });
        loop {
            let Way::Tcp(pipe) = &way else { unreachable!() };
            pipe.socket.writable().await.expect("it holds");
            match way.try_send(&datagram) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        sent += 1;
        // What is left of the last one goes with it.
        while let Way::Tcp(pipe) = &mut way
            && !pipe.rest.is_empty()
        {
            pipe.socket.writable().await.expect("it holds");
            let written = pipe.socket.try_write(&pipe.rest).unwrap_or(0);
            pipe.rest.drain(..written);
        }
        drop(way);
        assert_eq!(reading.await.expect("ends"), sent);
    }
}
