//! What a client sends, as events.
//!
//! The caller reads into a buffer that all its connections share and hands each read to
//! [`Reader::feed`], which unmasks in place and keeps only what a frame still lacks: a connection
//! between messages owns a few bytes here and no buffer. Memory is bounded by one message
//! ([`limits::SIGNALLING_BYTES_MAX`]) and one control frame.

use std::io::Cursor;

use protocol::{CloseCode, limits};
use thiserror::Error;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// A client's header: two bytes, a 64-bit length, a mask.
const HEADER_BYTES_MAX: usize = 14;
/// RFC 6455 5.5.
const CONTROL_BYTES_MAX: u64 = 125;
/// Frames of one message. An honest client cuts 256 KiB into far fewer; without a limit a message
/// of empty fragments would never end.
const FRAGMENTS_MAX: u32 = 4_096;

/// One thing a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Text(&'a str),
    /// To be answered by [`crate::pong`] with the same bytes.
    Ping(&'a [u8]),
    Pong,
    /// The client says goodbye, with its code if it gave one. Nothing follows.
    Close(Option<u16>),
}

/// Why a client is no longer listened to. The connection is closed with [`Fault::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("a frame breaks the WebSocket protocol")]
    Protocol,
    #[error("only text is spoken here")]
    Binary,
    #[error("a text is not UTF-8")]
    Utf8,
    #[error("a message is too long")]
    TooBig,
}

impl Fault {
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::ProtocolError,
            Self::Binary => CloseCode::Unsupported,
            Self::Utf8 => CloseCode::BadUtf8,
            Self::TooBig => CloseCode::TooBig,
        }
    }
}

/// The state between two reads of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    partial: Option<Box<Partial>>,
    over: bool,
}

/// What is kept while a frame or a fragmented message is not complete.
#[derive(Debug, Default)]
struct Partial {
    /// A header of which some bytes are missing.
    head: Vec<u8>,
    /// A frame of which payload is missing.
    frame: Option<Frame>,
    /// The payload so far, unmasked, of a control frame.
    control: Vec<u8>,
    /// The payload so far, unmasked, of a message.
    message: Vec<u8>,
    /// Frames of the message so far. 0: no message has begun.
    fragments: u32,
}

/// A frame whose header was read and admitted.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    is_final: bool,
    mask: [u8; 4],
    length: usize,
    /// Payload bytes taken so far.
    taken: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A text frame or its continuation.
    Text,
    Ping,
    Pong,
    Close,
}

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what was read and tells each event, in order. After a fault or a goodbye the rest
    /// is ignored, now and later.
    pub fn feed(
        &mut self,
        mut bytes: &mut [u8],
        mut event: impl FnMut(Event<'_>),
    ) -> Result<(), Fault> {
        while !bytes.is_empty() && !self.over {
            let used = match self.step(bytes, &mut event) {
                Ok(used) => used,
                Err(fault) => {
                    self.over = true;
                    self.partial = None;
                    return Err(fault);
                }
            };
            bytes = &mut bytes[used..];
        }
        if self.over {
            self.partial = None;
        }
        Ok(())
    }

    /// Whether the client said goodbye or broke the rules.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes kept for a frame or message that is not complete. 0 between messages.
    pub fn held_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |it| {
            size_of::<Partial>()
                + it.head.capacity()
                + it.control.capacity()
                + it.message.capacity()
        })
    }

    /// Takes one header with what follows of its payload, or the next part of a payload.
    fn step(
        &mut self,
        bytes: &mut [u8],
        event: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, Fault> {
        if let Some(frame) = self.partial.as_mut().and_then(|it| it.frame.take()) {
            return self.payload(frame, bytes, event);
        }
        let kept = self.partial.as_ref().map_or(0, |it| it.head.len());
        let mut head = [0; HEADER_BYTES_MAX];
        let known = (kept + bytes.len()).min(HEADER_BYTES_MAX);
        if let Some(partial) = &self.partial {
            head[..kept].copy_from_slice(&partial.head);
        }
        head[kept..known].copy_from_slice(&bytes[..known - kept]);
        let mut cursor = Cursor::new(&head[..known]);
        let (header, length) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(it)) => it,
            Ok(None) => {
                // The rest of a header is at most 12 bytes: a fault in it can wait for them.
                self.partial.get_or_insert_default().head = head[..known].to_vec();
                return Ok(bytes.len());
            }
            Err(_) => return Err(Fault::Protocol),
        };
        let size = usize::try_from(cursor.position()).unwrap_or(HEADER_BYTES_MAX);
        if size != header.len(length) {
            // The length was not written in the shortest way (RFC 6455 5.2).
            return Err(Fault::Protocol);
        }
        let frame = self.admit(&header, length)?;
        if let Some(partial) = &mut self.partial {
            partial.head = Vec::new();
        }
        let used = size - kept;
        Ok(used + self.payload(frame, &mut bytes[used..], event)?)
    }

    /// Refuses what must not be read, before a byte of it is kept.
    fn admit(&self, header: &FrameHeader, length: u64) -> Result<Frame, Fault> {
        let Some(mask) = header
            .mask
            .filter(|_| !(header.rsv1 || header.rsv2 || header.rsv3))
        else {
            return Err(Fault::Protocol);
        };
        let (begun, fragments) = self
            .partial
            .as_ref()
            .map_or((0, 0), |it| (it.message.len(), it.fragments));
        let kind = match header.opcode {
            OpCode::Control(_) if !header.is_final || length > CONTROL_BYTES_MAX => {
                return Err(Fault::Protocol);
            }
            OpCode::Control(Control::Ping) => Kind::Ping,
            OpCode::Control(Control::Pong) => Kind::Pong,
            OpCode::Control(Control::Close) => Kind::Close,
            OpCode::Data(Data::Text) if fragments == 0 => Kind::Text,
            OpCode::Data(Data::Continue) if fragments > 0 => Kind::Text,
            OpCode::Data(Data::Binary) if fragments == 0 => return Err(Fault::Binary),
            _ => return Err(Fault::Protocol),
        };
        let room = limits::SIGNALLING_BYTES_MAX - begun;
        let length = usize::try_from(length)
            .ok()
            .filter(|it| *it <= room)
            .ok_or(Fault::TooBig)?;
        if fragments >= FRAGMENTS_MAX && kind == Kind::Text {
            return Err(Fault::TooBig);
        }
        Ok(Frame {
            kind,
            is_final: header.is_final,
            mask,
            length,
            taken: 0,
        })
    }

    /// Takes what is there of a payload; the event follows where it is whole.
    fn payload(
        &mut self,
        mut frame: Frame,
        bytes: &mut [u8],
        event: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, Fault> {
        let used = bytes.len().min(frame.length - frame.taken);
        let part = &mut bytes[..used];
        unmask(part, frame.mask, frame.taken);
        let whole_at_once = used == frame.length;
        frame.taken += used;
        let is_whole = frame.taken == frame.length;

        if frame.kind != Kind::Text {
            if whole_at_once {
                self.control(frame.kind, part, event)?;
            } else {
                let partial = self.partial.get_or_insert_default();
                partial.control.extend_from_slice(part);
                if is_whole {
                    let control = std::mem::take(&mut partial.control);
                    self.control(frame.kind, &control, event)?;
                }
            }
        } else if whole_at_once
            && frame.is_final
            && self.partial.as_ref().is_none_or(|it| it.fragments == 0)
        {
            event(Event::Text(
                std::str::from_utf8(part).map_err(|_| Fault::Utf8)?,
            ));
        } else {
            self.text(&frame, part, is_whole, event)?;
        }
        if is_whole {
            self.rest();
        } else {
            self.partial.get_or_insert_default().frame = Some(frame);
        }
        Ok(used)
    }

    /// Adds to a message that did not come in one piece.
    fn text(
        &mut self,
        frame: &Frame,
        part: &[u8],
        is_whole: bool,
        event: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Fault> {
        let partial = self.partial.get_or_insert_default();
        partial.message.extend_from_slice(part);
        if !is_whole {
            return Ok(());
        }
        partial.fragments += 1;
        if frame.is_final {
            partial.fragments = 0;
            let message = std::mem::take(&mut partial.message);
            event(Event::Text(
                std::str::from_utf8(&message).map_err(|_| Fault::Utf8)?,
            ));
        }
        Ok(())
    }

    fn control(
        &mut self,
        kind: Kind,
        payload: &[u8],
        event: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Fault> {
        match kind {
            Kind::Ping => event(Event::Ping(payload)),
            Kind::Pong => event(Event::Pong),
            Kind::Close => {
                let code = close_code(payload)?;
                self.over = true;
                event(Event::Close(code));
            }
            Kind::Text => unreachable!("text is no control frame"),
        }
        Ok(())
    }

    /// Gives the memory back where nothing is waited for.
    fn rest(&mut self) {
        if self.partial.as_ref().is_some_and(|it| it.fragments == 0) {
            self.partial = None;
        }
    }
}

/// The code of a close frame, where it has one, as RFC 6455 7.4 and the IANA registry allow it.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Fault::Protocol)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| Fault::Utf8)?;
    Ok(Some(code))
}

/// Removes the mask of a part that begins `taken` bytes into its payload. Whole words at a time, in
/// a shape that the compiler turns into vector instructions.
fn unmask(part: &mut [u8], mask: [u8; 4], taken: usize) {
    let key: [u8; 4] = std::array::from_fn(|i| mask[(i + taken) % 4]);
    let wide: [u8; 16] = std::array::from_fn(|i| key[i % 4]);
    let wide = u128::from_ne_bytes(wide);
    let (words, tail) = part.as_chunks_mut::<16>();
    for word in words {
        *word = (u128::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (i, byte) in tail.iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
