//! The answer of `webrtc`, made fit to leave: it names the shared port, and one layer.

use std::fmt::Write as _;

use super::offer::Offer;

/// Encoders read so much of an answer and no more (FFmpeg 8.1: 8,192 bytes).
pub(super) const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Replaces the candidates, which name a socket that does not exist, by where we really are
/// (lines of [`crate::sdp::candidates()`]), in the first section only, because all share its transport.
/// FFmpeg reads the first one and ignores the rest. Of a simulcast offer only the layer that we take is
/// accepted, so that the publisher does not send the others in vain.
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
        let Some(line) = one_layer(line, offer.layer.as_deref()) else {
            continue;
        };
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

fn one_layer<'a>(line: &'a str, layer: Option<&str>) -> Option<std::borrow::Cow<'a, str>> {
    let Some(layer) = layer else {
        return Some(line.into());
    };
    if line.starts_with("a=simulcast:") {
        return Some(format!("a=simulcast:recv {layer}").into());
    }
    if let Some(rid) = line.strip_prefix("a=rid:") {
        return (rid.split(' ').next() == Some(layer)).then_some(line.into());
    }
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{Tcp, candidates};

    fn offer(layer: Option<&str>) -> Offer {
        Offer {
            ufrag: String::new(),
            video: None,
            audio: None,
            passive: false,
            layer: layer.map(str::to_owned),
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
        let out = finish(answer, &offer(None), &candidates(&reachable, Tcp::Off));
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
    fn one_layer_of_a_simulcast_offer_is_accepted() {
        let answer =
            "v=0\r\nm=video 9 X 96\r\na=rid:q recv\r\na=rid:f recv\r\na=simulcast:recv q;f\r\n";
        let out = finish(answer, &offer(Some("f")), "");
        assert!(out.contains("a=rid:f recv\r\na=simulcast:recv f\r\n"));
        assert!(!out.contains("rid:q"));
    }
}
