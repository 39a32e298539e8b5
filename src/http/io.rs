//! The byte stream of one public connection, as hyper and the upgrade see it.
//!
//! One type for everything that listens, so that TLS can come between socket and reader without
//! touching its users. It hands out first what the head reader had read already, and it gives up on
//! a peer that takes nothing: hyper has no such limit, and a download that stands still must not
//! keep its place for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// A peer that takes no byte for so long is gone.
const STALLED_AFTER: Duration = Duration::from_secs(30);

pub(crate) struct Io {
    socket: TcpStream,
    /// Read by the head reader, not yet by anybody else.
    prefix: Bytes,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Io {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            prefix: Bytes::new(),
            stalled: None,
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

    /// The socket itself, out of this runtime, and what nobody has read yet.
    pub(crate) fn into_std(self) -> io::Result<(std::net::TcpStream, Bytes)> {
        Ok((self.socket.into_std()?, self.prefix))
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
        let sleep = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(STALLED_AFTER)));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buffer);
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
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.judge(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
