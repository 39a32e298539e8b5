//! The offers of a plain player and of a plain encoder, and the few lines of an answer that matter.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};

/// Payload types of our own choosing.
pub(crate) const H264: u8 = 108;
pub(crate) const RTX: u8 = 109;
pub(crate) const OPUS: u8 = 111;
/// The encoder's tracks.
pub(crate) const VIDEO_SSRC: u32 = 0x7100_0001;
pub(crate) const AUDIO_SSRC: u32 = 0x7100_0002;

/// A receive-only offer for H264 with retransmission, and Opus.
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
         a=rtcp-fb:{H264} nack\r\na=rtcp-fb:{H264} nack pli\r\n\
         a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={H264}\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=mid:1\r\n{transport}\
         a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
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
    /// Missing pictures may be asked for again (RFC 4585 and RFC 4588: `nack`, and `rtx` to carry them).
    pub(crate) nack: bool,
}

pub(crate) fn read(answer: &str) -> Result<Answer> {
    let line = |prefix: &str| answer.lines().find_map(|it| it.trim().strip_prefix(prefix));
    let candidate = line("a=candidate:").context("the answer has no candidate")?;
    let parts: Vec<&str> = candidate.split_whitespace().collect();
    let (Some(ip), Some(port)) = (parts.get(4), parts.get(5)) else {
        bail!("a candidate without address or port");
    };
    let (ip, port): (IpAddr, u16) = match (ip.parse(), port.parse()) {
        (Ok(ip), Ok(port)) => (ip, port),
        _ => bail!("a candidate that is no address"),
    };
    Ok(Answer {
        address: SocketAddr::new(ip, port),
        ufrag: line("a=ice-ufrag:")
            .context("the answer has no ufrag")?
            .to_owned(),
        pwd: line("a=ice-pwd:")
            .context("the answer has no pwd")?
            .to_owned(),
        nack: answer
            .lines()
            .any(|it| it.starts_with("a=rtcp-fb:") && it.trim_end().ends_with(" nack"))
            && answer.to_ascii_lowercase().contains(" rtx/90000"),
    })
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
