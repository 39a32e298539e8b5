//! What `webrtc` runs on: tokio, but instead of UDP sockets of its own each peer connection gets
//! its ends of the shared port, one for each family. It reaches nowhere by itself: whom an offer names,
//! by address or by a name to look up, is not called.

use std::{
    fmt,
    future::Future,
    io::{self, IoSliceMut},
    net::{SocketAddr, TcpListener, UdpSocket},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use super::port::{Family, Inlet, Port};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The runtime of one peer connection.
#[derive(Clone)]
pub(super) struct PeerRuntime {
    pub(super) port: Arc<Port>,
    pub(super) inlet: Arc<Inlet>,
}

impl fmt::Debug for PeerRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerRuntime")
    }
}

impl Runtime for PeerRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    /// The socket that `webrtc` bound is only asked for its address, by which the two know each
    /// other, and closed again. No candidate names it (see `answer`).
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let named = socket.local_addr()?;
        Ok(Arc::new(PeerSocket {
            named,
            peer: self.clone(),
        }))
    }

    fn wrap_tcp_listener(&self, _: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// TCP comes to the shared port (see `port`); nothing is called from here.
    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    /// Names in candidates (mDNS has made them common) are the client's affair.
    fn resolve_host<'a>(&'a self, _: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn name(&self) -> &'static str {
        "tokio on a shared port"
    }
}

#[derive(Debug)]
struct PeerSocket {
    named: SocketAddr,
    peer: PeerRuntime,
}

impl Drop for PeerSocket {
    fn drop(&mut self) {
        self.peer.inlet.abandon();
    }
}

impl AsyncUdpSocket for PeerSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.named)
    }

    /// Never waits: see [`Port::send`]. One waker could not serve all peers of a shared socket.
    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.peer
            .inlet
            .note_sent(transmit.destination, transmit.contents);
        let to = self
            .peer
            .inlet
            .way_to(transmit.destination, transmit.contents);
        self.peer.port.send(to, transmit.contents);
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let family = Family::of(self.named);
            let Some((from, datagram)) = self.peer.inlet.poll(family, context.waker()) else {
                return Poll::Pending;
            };
            // A datagram that the caller has no room for would be cut short: it is lost instead.
            let Some(room) = buffer.get_mut(..datagram.len()) else {
                continue;
            };
            room.copy_from_slice(&datagram);
            *meta = RecvMeta::default();
            meta.addr = from;
            meta.len = datagram.len();
            meta.stride = datagram.len().max(1);
            return Poll::Ready(Ok(1));
        }
    }
}
