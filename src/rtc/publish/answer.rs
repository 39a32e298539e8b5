//! The answer of `webrtc`, made fit to leave: it names the shared port, the layers that we take, and
//! redundancy first.

use std::{borrow::Cow, fmt::Write as _};

use super::offer::Offer;

/// Encoders read so much of an answer and no more (FFmpeg 8.1: 8,192 bytes).
pub(super) const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Replaces the candidates, which name a socket that does not exist, by where we really are
/// (lines of [`crate::sdp::candidates()`]), in the first section only, because all share its transport.
/// FFmpeg reads the first one and ignores the rest. Of a simulcast offer only the layers that we take
/// are accepted, so that the publisher does not send the others in vain. A browser sends the first codec of
/// an answer, so sound with redundancy is named before sound without.
pub(super) fn finish(answer: &str, offer: &Offer, candidates: &str) -> String {
    let mut out = String::with_capacity(answer.len());
    let mut sections = 0;
    let mut placed = false;
    for line in answer.lines() {
        if line.starts_with("m=") {
            if sections == 1 {
                place(&mut out, &mut placed, candidates);
            }
            sections += 1;
        }
        if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
            continue;
        }
        let Some(line) = taken_layers(line, &offer.layers) else {
            continue;
        };
        let line = redundancy_first(line, offer);
        let _ = write!(out, "{line}\r\n");
    }
    place(&mut out, &mut placed, candidates);
    out
}

fn place(out: &mut String, placed: &mut bool, candidates: &str) {
    if !std::mem::replace(placed, true) {
        out.push_str(candidates);
    }
}

/// The line of the sound's formats with redundancy in front; any other as it is.
fn redundancy_first<'a>(line: Cow<'a, str>, offer: &Offer) -> Cow<'a, str> {
    let redundancy = offer.audio.as_ref().and_then(|it| it.codec.redundancy);
    let (Some(redundancy), true) = (redundancy, line.starts_with("m=audio ")) else {
        return line;
    };
    let first = redundancy.payload_type.to_string();
    let mut words: Vec<&str> = line.split(' ').collect();
    // Behind the kind, the port and the transport.
    if let Some(formats) = words.get_mut(3..)
        && let Some(at) = formats.iter().position(|it| *it == first)
    {
        formats[..=at].rotate_right(1);
    }
    words.join(" ").into()
}

/// A line without the layers that are not taken; `None` where nothing is left of it.
fn taken_layers<'a>(line: &'a str, layers: &[String]) -> Option<Cow<'a, str>> {
    let is_taken = |name: &str| layers.iter().any(|layer| layer == name);
    if layers.is_empty() {
        return Some(line.into());
    }
    if let Some(received) = line.strip_prefix("a=simulcast:recv ") {
        let taken: Vec<&str> = received.split(';').filter(|it| is_taken(it)).collect();
        return Some(format!("a=simulcast:recv {}", taken.join(";")).into());
    }
    if let Some(rid) = line.strip_prefix("a=rid:") {
        let name = rid.split(' ').next().unwrap_or_default();
        return is_taken(name).then_some(line.into());
    }
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use media::{Codec, CodecName, Redundancy};

    use super::*;
    use crate::{
        codecs::Chosen,
        sdp::{Tcp, candidates},
    };

    fn offer(layers: &[&str]) -> Offer {
        Offer {
            ufrag: String::new(),
            video: None,
            audio: None,
            passive: false,
            layers: layers.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn the_candidate_is_the_shared_port_and_comes_once() {
        let answer = "v=0\r\nm=audio 9 X 111\r\na=candidate:1 1 udp 1 127.0.0.1 4 typ host\r\n\
                      a=candidate:1 2 udp 1 127.0.0.1 4 typ host\r\na=end-of-candidates\r\n\
                      m=video 9 X 96\r\na=candidate:1 1 udp 1 127.0.0.1 4 typ host\r\n";
        let reachable = [
            "203.0.113.7:3478".parse().unwrap(),
            "[2001:db8::7]:3478".parse().unwrap(),
        ];
        let out = finish(answer, &offer(&[]), &candidates(&reachable, Tcp::Off));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(
            lines,
            [
                "v=0",
                "m=audio 9 X 111",
                "a=candidate:1 1 udp 2130706431 203.0.113.7 3478 typ host",
                "a=candidate:2 1 udp 2130706175 2001:db8::7 3478 typ host",
                "a=end-of-candidates",
                "m=video 9 X 96",
            ]
        );
    }

    #[test]
    fn sound_with_redundancy_is_named_first() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\n\
                      m=video 9 UDP/TLS/RTP/SAVPF 111 63\r\n";
        assert_eq!(finish(answer, &offer(&[]), ""), answer);
        let mut offer = offer(&[]);
        offer.audio = Some(Chosen {
            codec: Codec {
                name: CodecName::Opus,
                clock: 48_000,
                channels: 2,
                fmtp: String::new(),
                descriptor: None,
                redundancy: Some(Redundancy {
                    payload_type: 63,
                    of: 111,
                }),
            },
            payload_type: 111,
            feedback: Vec::new(),
            resend: None,
        });
        let wanted = answer.replace(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
            "m=audio 9 UDP/TLS/RTP/SAVPF 63 111",
        );
        assert_eq!(finish(answer, &offer, ""), wanted);
        // Nothing that `webrtc` may answer makes another format first.
        let without = "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n";
        assert_eq!(finish(without, &offer, ""), without);
    }

    #[test]
    fn of_a_simulcast_offer_the_layers_that_are_taken_are_accepted() {
        let answer = "v=0\r\nm=video 9 X 96\r\na=rid:t recv\r\na=rid:q recv\r\na=rid:f recv\r\n\
                      a=simulcast:recv t;q;f\r\n";
        let out = finish(answer, &offer(&["q", "f"]), "");
        assert!(out.contains("a=rid:q recv\r\na=rid:f recv\r\na=simulcast:recv q;f\r\n"));
        assert!(!out.contains("rid:t"));
    }
}
