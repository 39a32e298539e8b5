//! The way in to a server: its address, and TLS where a certificate is given to trust.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use anyhow::{Context as _, Result};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{self, cipher_suite::TLS13_AES_128_GCM_SHA256},
    },
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Sockets that leave from one loopback address: a server may bound the connections of one address
/// (weiquan: 4,096), and an address has 28,000 ports by default.
const SOCKETS_PER_ADDRESS: usize = 3_000;

/// A client as the kernel sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Its number: from which address it comes.
    pub(crate) n: usize,
    /// Bytes of the receive buffer that it asks for (`SO_RCVBUF`); the kernel's own choice where absent.
    pub(crate) window: Option<u32>,
}

impl From<usize> for Caller {
    fn from(n: usize) -> Self {
        Self { n, window: None }
    }
}

/// Opens lines to one server.
pub(crate) struct Door {
    server: SocketAddr,
    secure: Option<TlsConnector>,
}

impl Door {
    /// With `trusted` (PEM) every line speaks TLS and takes no other certificate. No session is ever
    /// resumed: each line costs the server a full handshake.
    pub(crate) fn to(server: SocketAddr, trusted: Option<&Path>) -> Result<Self> {
        let secure = trusted.map(connector).transpose()?;
        Ok(Self { server, secure })
    }

    pub(crate) const fn server(&self) -> SocketAddr {
        self.server
    }

    /// Connects as this client. Towards a loopback server many clients come from several loopback
    /// addresses.
    pub(crate) async fn open(&self, caller: impl Into<Caller>) -> Result<Line> {
        let stream = connect(self.server, caller.into())
            .await
            .with_context(|| format!("cannot reach {}", self.server))?;
        stream.set_nodelay(true)?;
        let Some(connector) = &self.secure else {
            return Ok(Line::Plain(stream));
        };
        let name = ServerName::from(self.server.ip());
        let stream = (connector.connect(name, stream).await).context("no TLS")?;
        Ok(Line::Secure(Box::new(stream)))
    }
}

fn connector(trusted: &Path) -> Result<TlsConnector> {
    let certificate = CertificateDer::from_pem_file(trusted)
        .with_context(|| format!("{} holds no certificate", trusted.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).context("not one to trust")?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(as_browsers_offer()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Browsers name AES-128 first, and a server takes the first that it has. With rustls's own order a
/// handshake would cost a server 28 µs of SHA-384 more than a viewer's does.
fn as_browsers_offer() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|it| *it != TLS13_AES_128_GCM_SHA256);
    provider
}

async fn connect(server: SocketAddr, caller: Caller) -> io::Result<TcpStream> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = caller.window {
        // Before the handshake, in which the window is told.
        socket.set_recv_buffer_size(bytes)?;
    }
    let address = caller.n / SOCKETS_PER_ADDRESS;
    if server.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) && address > 0 {
        let last = u8::try_from(1 + address).unwrap_or(u8::MAX);
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0)))?;
    }
    socket.connect(server).await
}

/// A line to the server, in the clear or not.
pub(crate) enum Line {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Where this end of it is.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
            Self::Secure(stream) => stream.get_ref().0.local_addr(),
        }
    }

    /// The version and the suite that were agreed on; nothing in the clear.
    pub(crate) fn agreed(&self) -> Option<(String, String)> {
        let Self::Secure(stream) = self else {
            return None;
        };
        let session = stream.get_ref().1;
        let version = session.protocol_version()?.as_str()?;
        let suite = session.negotiated_cipher_suite()?.suite();
        Some((version.to_owned(), suite.as_str()?.to_owned()))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
