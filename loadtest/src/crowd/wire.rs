//! A WebSocket as thin as a load generator wants it: one read buffer for all sockets of a thread, no
//! buffer for an idle one, frames handed out in place. Server frames only (RFC 6455 §5: unmasked).

use std::{cell::RefCell, future::poll_fn, io, net::SocketAddr, pin::Pin, task::Poll};

use anyhow::{Context, Result, bail, ensure};
use deflate::Inflater;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use crate::door::{Caller, Door, Line};

const READ_BYTES: usize = 256 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    static INFLATER: RefCell<Inflater> = RefCell::new(Inflater::new());
}

pub(crate) struct Wire {
    line: Line,
    /// The beginning of a frame whose rest has not come.
    rest: Vec<u8>,
    /// Bytes that were read since the upgrade.
    pub(crate) bytes: u64,
}

/// What came.
pub(crate) enum Frame<'a> {
    Text(&'a [u8]),
    /// With the code, where one is named.
    Close(Option<u16>),
    Other,
}

impl Wire {
    /// Connects as this client and upgrades at `path`.
    pub(crate) async fn open(
        door: &Door,
        caller: impl Into<Caller>,
        path: &str,
        subprotocol: Option<&str>,
    ) -> Result<Self> {
        let mut line = door.open(caller).await?;
        let server = door.server();
        let subprotocol = subprotocol
            .map(|it| format!("Sec-WebSocket-Protocol: {it}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2VpcXVhbi1sb2FkdGVzdA==\r\n{subprotocol}\r\n"
        );
        line.write_all(head.as_bytes()).await?;
        let mut got = Vec::with_capacity(512);
        let end = loop {
            ensure!(
                got.len() < 16 * 1024,
                "the answer to the upgrade has no end"
            );
            if line.read_buf(&mut got).await? == 0 {
                bail!("closed during the upgrade");
            }
            if let Some(at) = got.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let status = String::from_utf8_lossy(&got[..end]);
        ensure!(
            status.starts_with("HTTP/1.1 101"),
            "the upgrade was refused: {}",
            status.lines().next().unwrap_or("")
        );
        Ok(Self {
            line,
            rest: got[end..].to_vec(),
            bytes: (got.len() - end) as u64,
        })
    }

    /// Where this end of the line is.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.line.address()
    }

    /// Sends one text, masked with a key of zeros (RFC 6455 §5.3 asks for a mask, any mask).
    pub(crate) async fn send(&mut self, text: &[u8]) -> Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frame.push(0x81);
        match text.len() {
            n @ 0..=125 => frame.push(0x80 | n as u8),
            n @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text);
        self.line
            .write_all(&frame)
            .await
            .context("the socket broke")?;
        self.line.flush().await.context("the socket broke")
    }

    /// Waits until something can be read, then hands over every whole frame. False: it closed.
    pub(crate) async fn read(&mut self, mut each: impl FnMut(Frame<'_>)) -> Result<bool> {
        // What came with the answer to the upgrade may already be whole frames.
        if !self.rest.is_empty() {
            let mut held = std::mem::take(&mut self.rest);
            let used = frames(&held, &mut each)?;
            held.drain(..used);
            self.rest = held;
            if used > 0 {
                return Ok(true);
            }
        }
        ensure!(
            self.rest.len() < READ_BYTES,
            "a frame of more than {READ_BYTES} bytes"
        );
        let Self {
            line,
            rest,
            bytes: read_bytes,
        } = self;
        // What hides in TLS is opened into the shared buffer as well: an idle line holds none.
        poll_fn(|cx| {
            BUFFER.with_borrow_mut(|buffer| {
                let held = rest.len();
                let mut space = ReadBuf::new(&mut buffer[held..]);
                match Pin::new(&mut *line).poll_read(cx, &mut space) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(read) => read?,
                }
                let n = space.filled().len();
                if n == 0 {
                    return Poll::Ready(Ok(false));
                }
                *read_bytes += n as u64;
                buffer[..held].copy_from_slice(rest);
                let used = frames(&buffer[..held + n], &mut each)?;
                *rest = buffer[used..held + n].to_vec();
                Poll::Ready(Ok(true))
            })
        })
        .await
    }
}

/// Hands over the whole frames at the beginning of `bytes`, what was deflated as the text it was; returns
/// how many bytes they took.
fn frames(bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<usize> {
    let mut at = 0;
    while let Some((head, length)) = header(&bytes[at..]) {
        let (from, to) = (at + head, at + head + length);
        if to > bytes.len() {
            break;
        }
        let payload = &bytes[from..to];
        match bytes[at] {
            0x81 => each(Frame::Text(payload)),
            0x82 => INFLATER.with_borrow_mut(|it| {
                let text = it.inflate(payload).context("a binary message")?;
                each(Frame::Text(text));
                anyhow::Ok(())
            })?,
            0x88 => each(Frame::Close(code(payload))),
            0x89 | 0x8a => each(Frame::Other),
            first => bail!("a frame that starts with {first:#x}"),
        }
        at = to;
    }
    Ok(at)
}

/// What a close frame names (RFC 6455 §5.5.1).
fn code(payload: &[u8]) -> Option<u16> {
    payload.first_chunk().map(|it| u16::from_be_bytes(*it))
}

/// Bytes of a frame of the server with so much in it, as they travel.
pub(crate) fn frame_bytes(payload: usize) -> usize {
    payload
        + match payload {
            0..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        }
}

fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((
            4,
            usize::from(u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?)),
        )),
        127 => Some((
            10,
            usize::try_from(u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?)).ok()?,
        )),
        n => Some((2, usize::from(n & 0x7f))),
    }
}
