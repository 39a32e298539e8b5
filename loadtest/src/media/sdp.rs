//! The offers of a plain player and of a plain encoder, and the few lines of an answer that matter.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};

use super::Transport;

/// Payload types of our own choosing.
pub(crate) const H264: u8 = 108;
pub(crate) const RTX: u8 = 109;
pub(crate) const OPUS: u8 = 111;
/// The encoder's tracks.
pub(crate) const VIDEO_SSRC: u32 = 0x7100_0001;
pub(crate) const AUDIO_SSRC: u32 = 0x7100_0002;

/// A receive-only offer for H264 with retransmission, and Opus; of both, what is lost may be asked for.
pub(crate) fn player_offer(ufrag: &str, pwd: &str, fingerprint: &str) -> String {
    let transport = format!(
        "c=IN IP4 0.0.0.0\r\na=recvonly\r\na=rtcp-mux\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
         a=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n"
    );
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS *\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF {H264} {RTX}\r\na=mid:0\r\n{transport}\
         a=rtpmap:{H264} H264/90000\r\n\
         a=fmtp:{H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
         a=rtcp-fb:{H264} goog-remb\r\na=rtcp-fb:{H264} nack\r\na=rtcp-fb:{H264} nack pli\r\n\
         a=rtcp-xr:rcvr-rtt=all\r\n\
         a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={H264}\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=mid:1\r\n{transport}\
         a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n\
         a=rtcp-fb:{OPUS} nack\r\n"
    )
}

/// A send-only offer for Opus and, if wanted, H264; with fixed SSRCs and no MID in the packets, as OBS
/// makes it.
pub(crate) fn encoder_offer(ufrag: &str, pwd: &str, fingerprint: &str, with_video: bool) -> String {
    let transport = format!(
        "c=IN IP4 0.0.0.0\r\na=sendonly\r\na=rtcp-mux\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
         a=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n"
    );
    let video = format!(
        "m=video 9 UDP/TLS/RTP/SAVPF {H264}\r\na=mid:1\r\n{transport}\
         a=msid:load video\r\na=rtpmap:{H264} H264/90000\r\n\
         a=fmtp:{H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
         a=rtcp-fb:{H264} nack\r\na=rtcp-fb:{H264} nack pli\r\n\
         a=ssrc:{VIDEO_SSRC} cname:load\r\n"
    );
    let (bundle, video) = if with_video {
        ("0 1", video.as_str())
    } else {
        ("0", "")
    };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundle}\r\na=msid-semantic: WMS *\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=mid:0\r\n{transport}\
         a=msid:load audio\r\na=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n\
         a=ssrc:{AUDIO_SSRC} cname:load\r\n\
         {video}"
    )
}

/// What a player needs of the answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) address: SocketAddr,
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    pub(crate) agreed: Agreed,
}

/// What the answer agrees to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Missing pictures may be asked for again (RFC 4585: `nack`).
    pub(crate) picture_again: bool,
    /// So may missing sound.
    pub(crate) sound_again: bool,
    /// What is asked for comes as a stream of its own (RFC 4588: `rtx`).
    pub(crate) resent: bool,
    /// A receiver's reference time is answered (RFC 3611).
    pub(crate) round_trip: bool,
}

impl Agreed {
    pub(super) fn of(answer: &str) -> Self {
        let mut agreed = Self::default();
        let mut picture = false;
        for line in answer.lines().map(str::trim_end) {
            if let Some(section) = line.strip_prefix("m=") {
                picture = section.starts_with("video");
            }
            if line.starts_with("a=rtcp-fb:") && line.ends_with(" nack") {
                match picture {
                    true => agreed.picture_again = true,
                    false => agreed.sound_again = true,
                }
            }
            let map = line.starts_with("a=rtpmap:");
            agreed.resent |= map && line.to_ascii_lowercase().ends_with(" rtx/90000");
            agreed.round_trip |= line.starts_with("a=rtcp-xr:") && line.contains("rcvr-rtt");
        }
        agreed
    }
}

/// Reads an answer; its address is of the best candidate for this transport.
pub(crate) fn read(answer: &str, transport: Transport) -> Result<Answer> {
    let line = |prefix: &str| answer.lines().find_map(|it| it.trim().strip_prefix(prefix));
    // The best stands first.
    let mut candidates = (answer.lines()).filter_map(|it| it.trim().strip_prefix("a=candidate:"));
    let address = candidates.find_map(|it| by(transport, it));
    Ok(Answer {
        address: address.with_context(|| match transport {
            Transport::Udp => "the answer has no candidate for UDP",
            Transport::Tcp => "the answer has no passive candidate for TCP",
        })?,
        ufrag: line("a=ice-ufrag:")
            .context("the answer has no ufrag")?
            .to_owned(),
        pwd: line("a=ice-pwd:")
            .context("the answer has no pwd")?
            .to_owned(),
        agreed: Agreed::of(answer),
    })
}

/// `1 1 udp 2130706431 192.0.2.1 4000 typ host` (RFC 8839 §5.1); by TCP `tcptype passive` follows (RFC 6544
/// §4.5), and nothing else is connected to.
fn by(transport: Transport, candidate: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = candidate.split_whitespace().collect();
    let [_, _, name, _, ip, port, ref more @ ..] = words[..] else {
        return None;
    };
    let ip: IpAddr = ip.parse().ok()?;
    let taken = match transport {
        Transport::Udp => name.eq_ignore_ascii_case("udp"),
        Transport::Tcp => {
            name.eq_ignore_ascii_case("tcp")
                && more.windows(2).any(|it| it == ["tcptype", "passive"])
        }
    };
    taken.then_some(SocketAddr::from((ip, port.parse().ok()?)))
}

/// The payload of a plain RTP packet (RFC 3550 §5.1, an extension left aside).
pub(crate) fn payload(packet: &[u8]) -> Option<&[u8]> {
    let extension = if packet.first()? & 0x10 != 0 && packet.len() >= 16 {
        4 + 4 * usize::from(u16::from_be_bytes([packet[14], packet[15]]))
    } else {
        0
    };
    packet.get(12 + extension..)
}

/// Whether an H264 payload begins a keyframe (RFC 6184: SPS or IDR, in a STAP-A or FU-A too).
pub(crate) fn begins_keyframe(payload: &[u8]) -> bool {
    match payload.first().map(|it| it & 31) {
        Some(5 | 7) => true,
        Some(24) => payload.get(3).is_some_and(|it| matches!(it & 31, 5 | 7)),
        Some(28) => payload
            .get(1)
            .is_some_and(|it| it & 0x80 != 0 && it & 31 == 5),
        _ => false,
    }
}

/// What an H264 payload says of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A keyframe begins here: with its parameter sets, or with the first slice of an IDR picture.
    Opens,
    /// Of a slice.
    Slice,
    /// Beside the slices: SEI, delimiters and the like.
    Beside,
}

/// Reads a payload (RFC 6184: alone, STAP-A or FU-A).
pub(crate) fn part(payload: &[u8]) -> Part {
    match payload {
        [head, units @ ..] if head & 31 == 24 => {
            let mut rest = units;
            let units = std::iter::from_fn(|| {
                let (size, after) = rest.split_first_chunk::<2>()?;
                let size = usize::from(u16::from_be_bytes(*size)).min(after.len());
                let (unit, after) = after.split_at(size);
                rest = after;
                Some(unit)
            });
            let parts: Vec<Part> = units.map(|it| unit(it.first(), it.get(1))).collect();
            let has = |of: Part| parts.contains(&of).then_some(of);
            has(Part::Opens)
                .or(has(Part::Slice))
                .unwrap_or(Part::Beside)
        }
        // What goes on in a later fragment was told by the first.
        [head, fu, ..] if head & 31 == 28 && fu & 0x80 == 0 => Part::Slice,
        [head, fu, first @ ..] if head & 31 == 28 => unit(Some(fu), first.first()),
        _ => unit(payload.first(), payload.get(1)),
    }
}

/// A NAL unit by its head and the byte behind it: the first slice of a picture begins with a one.
fn unit(head: Option<&u8>, first: Option<&u8>) -> Part {
    match head.map(|it| it & 31) {
        Some(7) => Part::Opens,
        Some(5) if first.is_some_and(|it| it & 0x80 != 0) => Part::Opens,
        Some(1..=5) => Part::Slice,
        _ => Part::Beside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\na=ice-lite\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=ice-ufrag:ours\r\na=ice-pwd:secret\r\n\
        a=rtcp-xr:rcvr-rtt=all\r\na=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n\
        a=rtpmap:108 H264/90000\r\na=rtcp-fb:108 nack\r\na=rtcp-fb:108 nack pli\r\n\
        a=rtpmap:109 rtx/90000\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n";

    #[test]
    fn what_is_agreed_is_told_by_section() {
        let all = Agreed {
            picture_again: true,
            sound_again: true,
            resent: true,
            round_trip: true,
        };
        let read = |text: &str| read(text, Transport::Udp).expect("an answer").agreed;
        assert_eq!(read(ANSWER), all);
        let without = |part: &str| read(&ANSWER.replace(part, ""));
        assert!(!without("a=rtcp-fb:111 nack\r\n").sound_again);
        assert!(!without("a=rtcp-fb:108 nack\r\n").picture_again);
        assert!(!without("a=rtpmap:109 rtx/90000\r\n").resent);
        assert!(!without("a=rtcp-xr:rcvr-rtt=all\r\n").round_trip);
    }

    #[test]
    fn the_first_candidate_for_udp_is_taken_of_either_family() {
        let tcp = "a=candidate:4 1 tcp 2130706431 192.0.2.9 4000 typ host tcptype passive\r\n";
        let answer = ANSWER.replacen("a=candidate:1", &format!("{tcp}a=candidate:1"), 1);
        let address = |text: &str| read(text, Transport::Udp).map(|it| it.address.to_string());
        assert_eq!(address(&answer).expect("one"), "192.0.2.1:4000");
        let six = "a=candidate:3 1 udp 2130706431 2001:db8::1 4000 typ host\r\n";
        let six = answer.replacen("a=candidate:1", &format!("{six}a=candidate:1"), 1);
        assert_eq!(address(&six).expect("one"), "[2001:db8::1]:4000");
        let without = answer.replace(" udp ", " ssltcp ");
        let error = address(&without).expect_err("none").to_string();
        assert!(error.contains("for UDP"), "{error}");
    }

    #[test]
    fn by_tcp_the_first_passive_candidate_is_taken() {
        let by_tcp = |text: &str| read(text, Transport::Tcp).map(|it| it.address.to_string());
        let active = "a=candidate:4 1 tcp 2 192.0.2.8 9 typ host tcptype active\r\n";
        let passive = "a=candidate:5 1 TCP 1 192.0.2.9 4000 typ host tcptype passive\r\n";
        let answer = ANSWER.replacen("a=rtpmap:108", &format!("{active}{passive}a=rtpmap:108"), 1);
        assert_eq!(by_tcp(&answer).expect("one"), "192.0.2.9:4000");
        let error = by_tcp(ANSWER).expect_err("none").to_string();
        assert!(error.contains("for TCP"), "{error}");
    }

    #[test]
    fn a_payload_says_what_it_is_of_its_frame() {
        let cases: [(&[u8], Part); 12] = [
            (&[0x67, 1], Part::Opens),
            (&[0x65, 0x88], Part::Opens),
            // The second slice of the picture.
            (&[0x65, 0x48], Part::Slice),
            (&[0x41, 0x9a], Part::Slice),
            (&[0x06, 5], Part::Beside),
            (&[0x7c, 0x85, 0x88], Part::Opens),
            (&[0x7c, 0x05, 0x88], Part::Slice),
            (&[0x7c, 0x81, 0x9a], Part::Slice),
            // A delimiter and parameter sets; two slices; only what is beside.
            (&[0x18, 0, 2, 9, 0xf0, 0, 2, 0x67, 1], Part::Opens),
            (&[0x18, 0, 2, 0x41, 0x9a, 0, 2, 0x41, 0x40], Part::Slice),
            (&[0x18, 0, 2, 6, 5, 0, 90], Part::Beside),
            (&[], Part::Beside),
        ];
        for (payload, wanted) in cases {
            assert_eq!(part(payload), wanted, "{payload:02x?}");
        }
    }
}
