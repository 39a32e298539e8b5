//! Server frames. They are not masked (RFC 6455 5.1), so one encoding serves every viewer.

use bytes::{BufMut, Bytes, BytesMut};
use protocol::CloseCode;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The longest server header: two bytes and a 64-bit length.
const HEADER_BYTES_MAX: usize = 10;
/// A control frame carries up to 125 bytes (RFC 6455 5.5), two of which are the close code.
const REASON_BYTES_MAX: usize = 123;

/// One text frame. The payload must be UTF-8, which JSON is.
pub fn encode_text(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + HEADER_BYTES_MAX);
    encode_text_into(payload, &mut out);
    out.freeze()
}

/// One text frame, behind what is there already.
pub fn encode_text_into(payload: &[u8], out: &mut BytesMut) {
    frame_into(OpCode::Data(Data::Text), payload, out);
}

/// One binary frame.
pub fn encode_binary(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + HEADER_BYTES_MAX);
    frame_into(OpCode::Data(Data::Binary), payload, &mut out);
    out.freeze()
}

/// The answer to a ping: the same bytes back. Longer than a control frame may be, they are cut.
pub fn pong(payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(125)];
    let mut out = BytesMut::with_capacity(payload.len() + HEADER_BYTES_MAX);
    frame_into(OpCode::Control(Control::Pong), payload, &mut out);
    out.freeze()
}

/// A goodbye. A reason beyond 123 bytes is cut at a character.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = BytesMut::with_capacity(2 + end);
    payload.put_u16(code.number());
    payload.put_slice(&reason.as_bytes()[..end]);
    let mut out = BytesMut::with_capacity(payload.len() + HEADER_BYTES_MAX);
    frame_into(OpCode::Control(Control::Close), &payload, &mut out);
    out.freeze()
}

fn frame_into(opcode: OpCode, payload: &[u8], out: &mut BytesMut) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    out.reserve(payload.len() + HEADER_BYTES_MAX);
    header
        .format(payload.len() as u64, &mut out.writer())
        .expect("a BytesMut grows, so writing to it cannot fail");
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_header() {
        let check = |length: usize, header: &[u8]| {
            let frame = encode_text(&vec![b'x'; length]);
            assert_eq!(&frame[..header.len()], header, "{length}");
            assert_eq!(frame.len(), header.len() + length);
        };
        check(0, &[0x81, 0]);
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(65_535, &[0x81, 126, 255, 255]);
        check(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_binary_frame_is_any_bytes() {
        assert_eq!(&encode_binary(&[0xff, 0])[..], b"\x82\x02\xff\0");
    }

    #[test]
    fn frames_follow_each_other_in_one_buffer() {
        let mut out = BytesMut::new();
        encode_text_into(b"a", &mut out);
        encode_text_into(b"bc", &mut out);
        assert_eq!(&out[..], b"\x81\x01a\x81\x02bc");
    }

    #[test]
    fn a_goodbye_says_code_and_reason() {
        assert_eq!(&close(CloseCode::Slow, "slow")[..], b"\x88\x06\x0f\xa8slow");
        let long = "圈".repeat(80);
        let frame = close(CloseCode::Normal, &long);
        let reason = std::str::from_utf8(&frame[4..]).expect("cut at a character");
        assert_eq!(reason, "圈".repeat(41));
        assert_eq!(usize::from(frame[1]), frame.len() - 2);
    }

    #[test]
    fn a_pong_repeats_the_ping() {
        assert_eq!(&pong(b"hi")[..], b"\x8a\x02hi");
        assert_eq!(pong(&[7; 300]).len(), 127);
    }
}
