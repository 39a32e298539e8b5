//! The byte stream of one public connection, as hyper and the upgrade see it.
//!
//! One type for everything that listens, plain or TLS. It hands out first what the head reader had
//! read already, and it gives up on a peer that takes nothing: hyper has no such limit, and a
//! download that stands still must not keep its place for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::secure::Secure;

/// A peer that takes no byte for so long is gone.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(30);

pub(crate) struct Io {
    socket: TcpStream,
    secure: Option<Box<Secure>>,
    /// Read by the head reader, not yet by anybody else.
    prefix: Bytes,
    /// Longest time that a write may wait.
    patience: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Io {
    pub(crate) fn new(socket: TcpStream, patience: Duration) -> Self {
        Self {
            socket,
            secure: None,
            prefix: Bytes::new(),
            patience,
            stalled: None,
        }
    }

    /// The same over TLS; the handshake happens with the first read.
    pub(crate) fn secure(socket: TcpStream, session: tls::Session, patience: Duration) -> Self {
        Self {
            secure: Some(Box::new(Secure::new(session))),
            ..Self::new(socket, patience)
        }
    }

    /// Gives back what was read too early.
    pub(crate) fn unread(&mut self, bytes: Vec<u8>) {
        debug_assert!(
            self.prefix.is_empty(),
            "only the head reader gives back, once"
        );
        self.prefix = bytes.into();
    }

    /// The socket itself, out of this runtime. Everything written must have been flushed.
    pub(crate) fn leave(self) -> io::Result<Left> {
        let (session, mut unread) = (None, Vec::from(self.prefix));
        let session = match self.secure {
            None => session,
            Some(secure) => {
                let (session, plain) = secure.into_session()?;
                unread.extend_from_slice(&plain);
                Some(session)
            }
        };
        Ok(Left {
            socket: self.socket.into_std()?,
            tls: session,
            unread,
        })
    }

    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let sleep = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What is left of a connection that leaves HTTP.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) tls: Option<tls::Session>,
    /// What nobody has read yet, in plain.
    pub(crate) unread: Vec<u8>,
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            let io = &mut *self;
            return match &mut io.secure {
                None => Pin::new(&mut io.socket).poll_read(cx, buffer),
                Some(secure) => secure.poll_read(&mut io.socket, cx, buffer),
            };
        }
        let n = self.prefix.len().min(buffer.remaining());
        buffer.put_slice(&self.prefix[..n]);
        self.prefix.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let io = &mut *self;
        let polled = match &mut io.secure {
            None => Pin::new(&mut io.socket).poll_write(cx, bytes),
            Some(secure) => secure.poll_write(&mut io.socket, cx, bytes),
        };
        self.judge(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.secure.is_some() {
            let first = parts.iter().find(|it| !it.is_empty());
            return self.poll_write(cx, first.map_or(&[], |it| it));
        }
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.secure.is_none() && self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = &mut *self;
        if let Some(secure) = &mut io.secure {
            let polled = secure.poll_send(&mut io.socket, cx).map_ok(|()| 0);
            ready!(self.judge(cx, polled))?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = &mut *self;
        if let Some(secure) = &mut io.secure {
            let polled = secure.poll_last_word(&mut io.socket, cx).map_ok(|()| 0);
            ready!(self.judge(cx, polled))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn pair(patience: Duration) -> (Io, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("connects");
        let (socket, _) = listener.accept().await.expect("accepts");
        (Io::new(socket, patience), client)
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (mut io, client) = pair(Duration::from_millis(50)).await;
        let block = vec![0; 1 << 20];
        let error = loop {
            // The kernel takes some megabytes for a peer that does not read.
            if let Err(error) = io.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn a_peer_that_takes_its_time_is_not() {
        let (mut io, mut client) = pair(Duration::from_secs(5)).await;
        const BYTES: usize = 16 << 20;
        let reading = tokio::spawn(async move {
            let mut all = 0;
            let mut buffer = vec![0; 64 << 10];
            while all < BYTES {
                all += client.read(&mut buffer).await.expect("reads");
            }
            all
        });
        io.write_all(&vec![7; BYTES])
            .await
            .expect("everything is taken in the end");
        assert_eq!(reading.await.expect("ends"), BYTES);
    }

    #[tokio::test]
    async fn what_was_read_too_early_comes_first() {
        let (mut io, mut client) = pair(STALLED_AFTER).await;
        client.write_all(b" world").await.expect("writes");
        io.unread(b"hello".to_vec());
        let mut seen = [0; 11];
        io.read_exact(&mut seen).await.expect("reads");
        assert_eq!(&seen, b"hello world");
        io.unread(b"left".to_vec());
        assert_eq!(io.leave().expect("leaves").unread, b"left");
    }
}
