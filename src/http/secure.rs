//! TLS between a public socket and whoever reads it, while HTTP does. A shard has its own way with
//! the session, which travels there when the connection is upgraded.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tls::{Opened, RECORD_BYTES_MAX, Session};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes of one read: the largest record and some.
const READ_BYTES: usize = 18 * 1024;

thread_local! {
    /// Where every secure connection of this thread is read into.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

pub(crate) struct Secure {
    session: Session,
    /// Decrypted, and not yet read by anybody.
    plain: BytesMut,
    /// Sealed, and not yet taken by the socket: at most one record, and what TLS itself says.
    unsent: BytesMut,
    has_said_last: bool,
    has_heard_last: bool,
}

impl Secure {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            plain: BytesMut::new(),
            unsent: BytesMut::new(),
            has_said_last: false,
            has_heard_last: false,
        }
    }

    /// The session, and what was decrypted and not read. An error where something is unsent: its
    /// place among the records is taken.
    pub(crate) fn into_session(self) -> io::Result<(Session, Bytes)> {
        if !self.unsent.is_empty() || self.has_said_last {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok((self.session, self.plain.freeze()))
    }

    pub(crate) fn poll_read(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.plain.is_empty() {
                let n = self.plain.len().min(buffer.remaining());
                buffer.put_slice(&self.plain[..n]);
                self.plain.advance(n);
                return Poll::Ready(Ok(()));
            }
            // The other side may wait for what we have to say before it says more.
            if let Poll::Ready(Err(error)) = self.poll_send(socket, cx) {
                return Poll::Ready(Err(error));
            }
            if self.has_heard_last {
                return Poll::Ready(Ok(()));
            }
            ready!(RECEIVED.with_borrow_mut(|received| self.poll_receive(socket, cx, received)))?;
        }
    }

    fn poll_receive(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
        received: &mut [u8],
    ) -> Poll<io::Result<()>> {
        let mut read = ReadBuf::new(received);
        ready!(Pin::new(&mut *socket).poll_read(cx, &mut read))?;
        let received = read.filled_mut();
        if received.is_empty() {
            self.has_heard_last = true;
            return Poll::Ready(Ok(()));
        }
        let (mut plain, mut due) = (Vec::new(), Vec::new());
        let opened = self.session.open(received, &mut plain, &mut due);
        self.plain.extend_from_slice(&plain);
        self.unsent.extend_from_slice(&due);
        match opened {
            Ok(opened) => {
                self.has_heard_last = opened == Opened::Closed;
                Poll::Ready(Ok(()))
            }
            Err(fault) => {
                // The alert that says why, as far as the socket takes it now.
                let _ = self.poll_send(socket, cx);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)))
            }
        }
    }

    /// Sends what is sealed.
    pub(crate) fn poll_send(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let n = ready!(Pin::new(&mut *socket).poll_write(cx, &self.unsent))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes at most one record, and only when the one before has left.
    pub(crate) fn poll_write(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(socket, cx))?;
        let bytes = &bytes[..bytes.len().min(RECORD_BYTES_MAX)];
        let mut sealed = Vec::new();
        if let Err(fault) = self.session.seal(bytes, &mut sealed) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, fault)));
        }
        self.unsent.extend_from_slice(&sealed);
        match self.poll_send(socket, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// Says the last word, so that the other side can tell the end from a cut.
    pub(crate) fn poll_last_word(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.has_said_last {
            self.has_said_last = true;
            let mut sealed = Vec::new();
            if self.session.close(&mut sealed).is_ok() {
                self.unsent.extend_from_slice(&sealed);
            }
        }
        self.poll_send(socket, cx)
    }
}
