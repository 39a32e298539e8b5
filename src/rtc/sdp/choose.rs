//! Which of the formats that a viewer offers shows what is being published.

use media::{Codec, CodecName};

use super::offer::{Format, Section};

/// The best format of a section for a codec, with its retransmission format if there is one.
pub(super) fn choose<'a>(
    section: &'a Section,
    codec: &Codec,
) -> Option<(&'a Format, Option<&'a Format>)> {
    let named = section
        .formats
        .iter()
        .filter(|it| it.payload_type.is_some() && fits(it, codec));
    // The first of the best: `min_by_key` keeps the viewer's own order among equals.
    let chosen = named.min_by_key(|format| distance(format, codec))?;
    let resend = section.formats.iter().find(|format| {
        format.payload_type.is_some()
            && encoding_is(format, "rtx", codec.clock)
            && parameter(&format.parameters, "apt") == Some(&chosen.id)
    });
    Some((chosen, resend))
}

fn fits(format: &Format, codec: &Codec) -> bool {
    if !encoding_is(format, codec.name.as_str(), codec.clock) {
        return false;
    }
    match codec.name {
        // Mode 0 forbids fragments (RFC 6184 §6.2), and pictures do not fit a packet without them.
        CodecName::H264 => parameter(&format.parameters, "packetization-mode") == Some("1"),
        CodecName::Vp9 => profile(&format.parameters) == profile(&codec.fmtp),
        _ => true,
    }
}

/// H264 profiles differ in name more often than in what is sent: take the published family, then
/// constrained baseline, which every browser plays, then whatever there is.
fn distance(format: &Format, codec: &Codec) -> u8 {
    if codec.name != CodecName::H264 {
        return 0;
    }
    let offered = h264_family(&format.parameters);
    let constrained =
        parameter(&format.parameters, "profile-level-id").is_some_and(|id| id.starts_with("42e0"));
    match (offered == h264_family(&codec.fmtp), constrained) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// The profile of `profile-level-id`: 42 baseline, 4d main, 64 high. Baseline where none is said
/// (RFC 6184 §8.1).
fn h264_family(parameters: &str) -> String {
    let id = parameter(parameters, "profile-level-id").unwrap_or("42e01f");
    id.get(..2).unwrap_or("42").to_ascii_lowercase()
}

fn profile(parameters: &str) -> &str {
    parameter(parameters, "profile-id").unwrap_or("0")
}

fn encoding_is(format: &Format, name: &str, clock: u32) -> bool {
    let mut parts = format.encoding.split('/');
    parts.next().is_some_and(|it| it.eq_ignore_ascii_case(name))
        && parts.next().and_then(|it| it.parse().ok()) == Some(clock)
}

pub(super) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
