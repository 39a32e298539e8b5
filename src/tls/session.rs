//! One connection's side of TLS.

use std::{cell::RefCell, sync::Arc};

use rustls::{
    ServerConfig,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{
        ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
    },
};

use crate::certificates::CHALLENGE_PROTOCOL;

/// Application bytes of the largest record (RFC 8446 §5.1).
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// What a record adds at most: header 5, tag 16, and the content type (1.3) or the nonce (1.2).
const RECORD_OVERHEAD: usize = 5 + 16 + 8;
/// First guess for a handshake message of ours; a certificate chain may need more.
const MESSAGE_BYTES: usize = 4 * 1024;

/// The other side does not speak TLS, or not honestly: close the socket.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("TLS: {0}")]
    Protocol(#[from] rustls::Error),
    /// Something was to be sealed before the handshake was over, or after the end.
    #[error("TLS: the session cannot carry data now")]
    NotOpen,
    #[error("TLS: early data was never offered")]
    EarlyData,
    #[error("TLS: a message of ours could not be written: {0}")]
    Encode(String),
}

/// Whether more can come from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    More,
    /// It said its last word (close_notify).
    Closed,
}

/// TLS of one connection, as its server. See the crate's description.
///
/// One pointer, and everything behind it in one piece: a viewer's session is cold when a pass comes to it,
/// and each detour costs a tenth of a microsecond.
pub struct Session(Box<RefCell<Inner>>);

struct Inner {
    connection: UnbufferedServerConnection,
    /// The beginning of a record, or of a message in several records, whose end has not come yet.
    ///
    /// INVARIANT: every call of `process_tls_records` is given these bytes first. rustls remembers
    /// places in them and panics on a shorter buffer (0.23.46), which a client could bring about.
    rest: Vec<u8>,
    /// After a fault rustls is not asked again: it would find the same fault, and panic over telling
    /// it twice (0.23.46).
    is_broken: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("is_handshaking", &self.is_handshaking())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, Fault> {
        Ok(Self(Box::new(RefCell::new(Inner {
            connection: UnbufferedServerConnection::new(config)?,
            rest: Vec::new(),
            is_broken: false,
        }))))
    }

    /// No data can be sealed yet.
    pub fn is_handshaking(&self) -> bool {
        self.0.borrow().connection.is_handshaking()
    }

    /// Takes received bytes. Appends what they say to `plain`, and what has to be sent because of
    /// them (handshake, key updates, an alert before a fault) to `out`; that must go out before
    /// anything sealed later. `received` is decrypted in place; what is not understood yet is kept.
    pub fn open(
        &self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Opened, Fault> {
        self.0.borrow_mut().open(received, plain, out)
    }

    /// Appends the records that carry `plain` to `out`. From here on they must be sent, whole and in
    /// this order: their place in the sequence is taken.
    pub fn seal(&self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.0.borrow_mut().seal(plain, out)
    }

    /// Appends our last word (close_notify), without which the other side cannot tell the end from
    /// a cut.
    pub fn close(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.0.borrow_mut().close(out)
    }
}

impl Inner {
    fn is_challenge(&self) -> bool {
        !self.connection.is_handshaking()
            && self.connection.alpn_protocol() == Some(CHALLENGE_PROTOCOL)
    }

    fn open(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Opened, Fault> {
        if self.is_broken {
            return Err(Fault::NotOpen);
        }
        let opened = self.open_all(received, plain, out);
        self.is_broken = opened.is_err();
        // Such a handshake is all that an authority wants; nothing may be said over it (RFC 8737 §4).
        if opened.is_ok() && self.is_challenge() {
            plain.clear();
            return Ok(Opened::Closed);
        }
        opened
    }

    fn open_all(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Opened, Fault> {
        if self.rest.is_empty() {
            let (used, opened) = self.open_whole(received, plain, out)?;
            self.rest.extend_from_slice(&received[used..]);
            return Ok(opened);
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(received);
        let (used, opened) = self.open_whole(&mut whole, plain, out)?;
        // A connection at rest owns no buffer.
        if used < whole.len() {
            whole.drain(..used);
            self.rest = whole;
        }
        Ok(opened)
    }

    /// Also tells how many bytes are done with.
    fn open_whole(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Opened), Fault> {
        let mut used = 0;
        loop {
            let UnbufferedStatus {
                mut discard, state, ..
            } = self.connection.process_tls_records(&mut received[used..]);
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    self.tell_fault(&mut received[used + discard..], out);
                    return Err(error.into());
                }
            };
            let mut done = None;
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => {
                    done = Some(Opened::More);
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    done = Some(Opened::Closed);
                }
                ConnectionState::ReadEarlyData(_) => return Err(Fault::EarlyData),
                // The enum may grow; a state that nobody handles here would never end.
                _ => return Err(Fault::NotOpen),
            }
            used += discard;
            if let Some(opened) = done {
                return Ok((used, opened));
            }
        }
    }

    fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.with_traffic(out, |traffic, out| {
            let records = plain.len().div_ceil(RECORD_BYTES_MAX).max(1);
            let from = out.len();
            out.resize(from + plain.len() + records * RECORD_OVERHEAD, 0);
            let sealed = match traffic.encrypt(plain, &mut out[from..]) {
                Err(EncryptError::InsufficientSize(needs)) => {
                    out.resize(from + needs.required_size, 0);
                    traffic.encrypt(plain, &mut out[from..])
                }
                sealed => sealed,
            };
            let sealed = sealed.map_err(|_| Fault::NotOpen);
            out.truncate(from + sealed.as_ref().copied().unwrap_or(0));
            sealed.map(|_| ())
        })
    }

    fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.with_traffic(out, |traffic, out| {
            let from = out.len();
            out.resize(from + 2 + RECORD_OVERHEAD, 0);
            let sealed = match traffic.queue_close_notify(&mut out[from..]) {
                Err(EncryptError::InsufficientSize(needs)) => {
                    out.resize(from + needs.required_size, 0);
                    traffic.queue_close_notify(&mut out[from..])
                }
                sealed => sealed,
            };
            let sealed = sealed.map_err(|_| Fault::NotOpen);
            out.truncate(from + sealed.as_ref().copied().unwrap_or(0));
            sealed.map(|_| ())
        })
    }

    /// Runs `then` where data can be written, after what rustls itself has to say before it.
    fn with_traffic(
        &mut self,
        out: &mut Vec<u8>,
        mut then: impl FnMut(
            &mut WriteTraffic<'_, ServerConnectionData>,
            &mut Vec<u8>,
        ) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.is_broken {
            return Err(Fault::NotOpen);
        }
        loop {
            let status = self.connection.process_tls_records(&mut self.rest);
            let discard = status.discard;
            let state = status.state.inspect_err(|_| self.is_broken = true)?;
            let done = match state {
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out).map(|()| None),
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    Ok(None)
                }
                // It closed its half; ours goes on until we close it.
                ConnectionState::PeerClosed => Ok(None),
                ConnectionState::WriteTraffic(mut traffic) => then(&mut traffic, out).map(Some),
                _ => Err(Fault::NotOpen),
            };
            self.rest.drain(..discard);
            if let Some(()) = done? {
                return Ok(());
            }
        }
    }

    /// After an error rustls has an alert to say, so that the other side can tell what was wrong.
    fn tell_fault(&mut self, rest: &mut [u8], out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            match self.connection.process_tls_records(rest).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    if encode(&mut data, out).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

fn encode(
    data: &mut EncodeTlsData<'_, ServerConnectionData>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let from = out.len();
    out.resize(from + MESSAGE_BYTES, 0);
    let encoded = match data.encode(&mut out[from..]) {
        Err(EncodeError::InsufficientSize(needs)) => {
            out.resize(from + needs.required_size, 0);
            data.encode(&mut out[from..])
        }
        encoded => encoded,
    };
    let encoded = encoded.map_err(|error| Fault::Encode(error.to_string()));
    out.truncate(from + encoded.as_ref().copied().unwrap_or(0));
    encoded.map(|_| ())
}

#[cfg(test)]
mod tests;
