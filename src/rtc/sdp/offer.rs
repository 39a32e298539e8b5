//! What a viewer offers, as far as we need it (RFC 8866, RFC 8829).

use protocol::{Code, Refusal, limits};

use super::{invalid, unfit};
use crate::extmap::{ALLOW_MIXED, DESCRIPTOR_URI, SENT_AT_URI, Way, id_of};

/// An offer with more sections is not a viewer's.
const SECTIONS_MAX: usize = 16;
/// Formats of one section; browsers offer about 40.
const FORMATS_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The other side's name in ICE; its connectivity checks carry it.
    pub(crate) ufrag: String,
    pub(crate) fingerprint: Fingerprint,
    /// True when all sections may share one transport.
    pub(crate) bundled: bool,
    pub(crate) sections: Vec<Section>,
}

/// The SHA-256 of the certificate that the peer will show. No client is known to offer another hash
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// `video`, `audio`, `application` …
    pub(crate) media: String,
    pub(crate) transport: String,
    pub(crate) mid: String,
    pub(crate) direction: Direction,
    /// Payload types, or whatever else the transport calls its formats, in order of preference.
    pub(crate) formats: Vec<Format>,
    pub(crate) muxes_rtcp: bool,
    /// Wants its reference time answered (RFC 3611 §5.1).
    pub(crate) round_trip: bool,
    /// The number of the dependency descriptor's header extension.
    descriptor: Option<u8>,
    /// Header extensions may have either form from packet to packet.
    mixed: bool,
    /// The number of the extension that says when a packet was sent.
    pub(crate) sent_at: Option<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) id: String,
    pub(crate) payload_type: Option<u8>,
    /// As in `a=rtpmap`: `H264/90000`, `opus/48000/2`.
    pub(crate) encoding: String,
    pub(crate) parameters: String,
    pub(crate) feedback: Vec<String>,
}

impl Section {
    /// True when the viewer wants to receive here.
    pub(crate) fn receives(&self) -> bool {
        matches!(self.direction, Direction::RecvOnly | Direction::SendRecv)
    }

    /// Under which number the viewer takes the dependency descriptor, however long it is.
    pub(super) fn descriptor(&self) -> Option<u8> {
        self.descriptor.filter(|_| self.mixed)
    }
}

impl Offer {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > limits::SDP_BYTES_MAX {
            return Err(Refusal::new(Code::TooLarge, "the offer is too large"));
        }
        let mut lines = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err(invalid("an offer begins with v=0"));
        }
        let mut reading = Reading::default();
        for line in lines {
            let (kind, value) = line
                .split_once('=')
                .ok_or_else(|| invalid("a line without ="))?;
            match kind {
                "m" => reading.begin_section(value)?,
                "a" => reading.attribute(value)?,
                kind if kind.len() == 1 => {}
                _ => return Err(invalid("a line without a type")),
            }
        }
        reading.finish()
    }
}

#[derive(Default)]
struct Reading {
    ufrag: Option<String>,
    pwd: bool,
    fingerprint: Option<Fingerprint>,
    unknown_fingerprint: bool,
    passive: bool,
    bundled: bool,
    direction: Option<Direction>,
    mixed: bool,
    sections: Vec<Section>,
}

impl Reading {
    fn begin_section(&mut self, value: &str) -> Result<(), Refusal> {
        if self.sections.len() == SECTIONS_MAX {
            return Err(unfit("the offer has too many sections"));
        }
        let mut words = value.split_ascii_whitespace();
        let (Some(media), Some(port), Some(transport)) = (words.next(), words.next(), words.next())
        else {
            return Err(invalid("an incomplete m= line"));
        };
        if port
            .split('/')
            .next()
            .and_then(|port| port.parse::<u16>().ok())
            .is_none()
        {
            return Err(invalid("an m= line without a port"));
        }
        let formats = words.take(FORMATS_MAX).map(|id| Format {
            id: id.to_owned(),
            payload_type: id.parse().ok().filter(|payload_type| *payload_type < 128),
            ..Format::default()
        });
        self.sections.push(Section {
            media: media.to_owned(),
            transport: transport.to_owned(),
            mid: String::new(),
            direction: self.direction.unwrap_or(Direction::SendRecv),
            formats: formats.collect(),
            muxes_rtcp: false,
            round_trip: false,
            descriptor: None,
            mixed: self.mixed,
            sent_at: None,
        });
        Ok(())
    }

    /// Attributes of the transport may stand above or in the sections; with one shared transport the
    /// first one said counts.
    fn attribute(&mut self, text: &str) -> Result<(), Refusal> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "ice-ufrag" if self.ufrag.is_none() => self.ufrag = Some(value.to_owned()),
            "ice-pwd" => self.pwd = true,
            "fingerprint" if self.fingerprint.is_none() => match read_fingerprint(value)? {
                Some(fingerprint) => self.fingerprint = Some(fingerprint),
                None => self.unknown_fingerprint = true,
            },
            "setup" => self.passive |= value == "passive",
            "group" => self.bundled |= value.split(' ').next() == Some("BUNDLE"),
            "sendrecv" => self.set_direction(Direction::SendRecv),
            "sendonly" => self.set_direction(Direction::SendOnly),
            "recvonly" => self.set_direction(Direction::RecvOnly),
            "inactive" => self.set_direction(Direction::Inactive),
            ALLOW_MIXED if self.sections.is_empty() => self.mixed = true,
            _ => {
                if let Some(section) = self.sections.last_mut() {
                    section.attribute(name, value);
                }
            }
        }
        Ok(())
    }

    fn set_direction(&mut self, direction: Direction) {
        match self.sections.last_mut() {
            Some(section) => section.direction = direction,
            None => self.direction = Some(direction),
        }
    }

    fn finish(self) -> Result<Offer, Refusal> {
        if self.sections.is_empty() {
            return Err(unfit("the offer has no media"));
        }
        let ufrag = self.ufrag.filter(|ufrag| is_ice_text(ufrag, 4) && self.pwd);
        let ufrag = ufrag.ok_or_else(|| unfit("the offer has no ICE name and password"))?;
        let fingerprint = self.fingerprint.ok_or_else(|| {
            unfit(match self.unknown_fingerprint {
                true => "the fingerprint is not sha-256",
                false => "the offer has no fingerprint",
            })
        })?;
        if self.passive {
            return Err(unfit(
                "a viewer opens DTLS itself: setup must be actpass or active",
            ));
        }
        if !self.sections.iter().any(Section::receives) {
            return Err(unfit("the offer receives nothing"));
        }
        Ok(Offer {
            ufrag,
            fingerprint,
            bundled: self.bundled,
            sections: self.sections,
        })
    }
}

impl Section {
    fn attribute(&mut self, name: &str, value: &str) {
        match name {
            "mid" => self.mid = value.to_owned(),
            "rtcp-mux" | "rtcp-mux-only" => self.muxes_rtcp = true,
            "rtcp-xr" => self.round_trip |= value.split(' ').any(|it| it.starts_with("rcvr-rtt")),
            ALLOW_MIXED => self.mixed = true,
            "extmap" => self.extension(value),
            "rtpmap" | "fmtp" | "rtcp-fb" => {
                let Some((id, value)) = value.split_once(' ') else {
                    return;
                };
                for format in self
                    .formats
                    .iter_mut()
                    .filter(|it| it.id == id || id == "*")
                {
                    match name {
                        "rtpmap" => value.clone_into(&mut format.encoding),
                        "fmtp" => value.clone_into(&mut format.parameters),
                        _ => format.feedback.push(value.to_owned()),
                    }
                }
            }
            _ => {}
        }
    }

    fn extension(&mut self, value: &str) {
        let id = |uri| id_of(value, uri, Way::ToThem);
        self.descriptor = self.descriptor.or(id(DESCRIPTOR_URI));
        // A number above 14 needs the other form of header, for which not everybody is ready.
        let sent_at = id(SENT_AT_URI).filter(|id| *id < 15);
        self.sent_at = self.sent_at.or(sent_at);
    }
}

/// Letters, digits, `+` and `/` (RFC 8839 §5.4).
pub(super) fn is_ice_text(text: &str, least: usize) -> bool {
    (least..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// `None` for a hash that we do not take (RFC 8122 §5).
fn read_fingerprint(value: &str) -> Result<Option<Fingerprint>, Refusal> {
    let wrong = || invalid("a fingerprint that is not one");
    let (hash, hex) = value.split_once(' ').ok_or_else(wrong)?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return Ok(None);
    }
    let byte = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok())?;
    let bytes: Option<Vec<u8>> = hex.trim().split(':').map(byte).collect();
    let bytes = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(wrong)?;
    Ok(Some(Fingerprint(bytes)))
}
