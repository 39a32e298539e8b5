//! Which of the formats that a viewer offers shows what is being published.

use media::{Codec, CodecName};

use super::offer::{Format, Section};
use crate::codecs::{is_redundancy_of, is_redundant};

/// What of a section shows a codec.
pub(super) struct Chosen<'a> {
    pub(super) format: &'a Format,
    /// Packets with redundancy (RFC 2198), where the codec has it and the viewer takes it.
    pub(super) redundant: Option<&'a Format>,
    pub(super) resend: Option<&'a Format>,
}

impl<'a> Chosen<'a> {
    /// As they are answered: what is sent first.
    pub(super) fn formats(&self) -> impl Iterator<Item = &'a Format> {
        let formats = [self.redundant, Some(self.format), self.resend];
        formats.into_iter().flatten()
    }
}

/// The best format of a section for a codec, with what belongs to it.
pub(super) fn choose<'a>(section: &'a Section, codec: &Codec) -> Option<Chosen<'a>> {
    let named = section
        .formats
        .iter()
        .filter(|it| it.payload_type.is_some() && fits(it, codec));
    // The first of the best: `min_by_key` keeps the viewer's own order among equals.
    let chosen = named.min_by_key(|format| distance(format, codec))?;
    let redundant = section.formats.iter().find(|format| {
        codec.redundancy.is_some()
            && format.payload_type.is_some()
            && is_redundant(&format.encoding)
            && chosen
                .payload_type
                .is_some_and(|of| is_redundancy_of(&format.parameters, of))
    });
    let resend = section.formats.iter().find(|format| {
        // A retransmission says that it is of one format, and with redundancy there are two.
        redundant.is_none()
            && format.payload_type.is_some()
            && encoding_is(format, "rtx", codec.clock)
            && parameter(&format.parameters, "apt") == Some(&chosen.id)
    });
    Some(Chosen {
        format: chosen,
        redundant,
        resend,
    })
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
