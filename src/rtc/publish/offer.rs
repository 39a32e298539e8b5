//! A publisher's offer, looked at before the `webrtc` stack sees it: is it one that we can take
//! whole? There are no partial answers (RFC 9725 §4.2): what cannot be carried is refused in words.

use std::io::Cursor;

use media::{Kind, LAYERS_MAX};
use protocol::{Code, Refusal, limits};
use rtc_sdp::{MediaDescription, SessionDescription};

use crate::{
    codecs::{Chosen, Format, choose},
    extmap::{ALLOW_MIXED, DESCRIPTOR_URI, Way, id_of},
};

/// An offer with more sections is not a publisher's: one video, one audio and perhaps data.
const SECTIONS_MAX: usize = 8;
/// Layers of a simulcast offer; browsers send three, and as many are taken.
const LAYERS_OFFERED_MAX: usize = 8;

/// What three layers are called, from the smallest to the largest.
type Custom = [&'static [&'static str]; LAYERS_MAX];
const CUSTOMS: [Custom; 2] = [
    [&["q", "quarter"], &["h", "half"], &["f", "full"]],
    [
        &["l", "lo", "low"],
        &["m", "mid", "middle"],
        &["h", "hi", "high"],
    ],
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The publisher's name in ICE.
    pub(super) ufrag: String,
    pub(super) video: Option<Chosen>,
    pub(super) audio: Option<Chosen>,
    /// The publisher wants us to open DTLS (`a=setup:passive`).
    pub(super) passive: bool,
    /// With a simulcast offer: the names of the layers that we take (RFC 8851), from the smallest to the
    /// largest.
    pub(super) layers: Vec<String>,
}

impl Offer {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > limits::SDP_BYTES_MAX {
            return Err(Refusal::new(Code::TooLarge, "the offer is too large"));
        }
        // The parser takes anything that ends early for an empty description.
        if !text.starts_with("v=0") {
            return Err(Refusal::new(Code::SdpInvalid, "an offer begins with v=0"));
        }
        let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|error| Refusal::new(Code::SdpInvalid, format!("not an offer: {error}")))?;
        let mut offer = Self {
            ufrag: check_transport(&session)?,
            video: None,
            audio: None,
            passive: passive(&session)?,
            layers: Vec::new(),
        };
        for section in &session.media_descriptions {
            offer.take(&session, section)?;
        }
        if offer.video.is_none() && offer.audio.is_none() {
            return Err(unfit("the offer sends neither video nor audio"));
        }
        Ok(offer)
    }

    fn take(
        &mut self,
        session: &SessionDescription,
        section: &MediaDescription,
    ) -> Result<(), Refusal> {
        let kind = match section.media_name.media.as_str() {
            "video" => Kind::Video,
            "audio" => Kind::Audio,
            // OBS and browsers may offer a data channel, which `webrtc` answers by itself.
            "application" => return Ok(()),
            _ => {
                return Err(unfit(
                    "the offer has a section that is neither video, audio nor data",
                ));
            }
        };
        if !sends(session, section) {
            return Err(unfit("each section of a publisher's offer must send"));
        }
        let taken = match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        };
        if taken.is_some() {
            return Err(unfit("the offer has more than one track of a kind"));
        }
        let say = match kind {
            Kind::Video => "no video codec in common: H264, VP8, VP9 and AV1 are carried",
            Kind::Audio => "no audio codec in common: Opus is carried",
        };
        let chosen = choose(kind, &formats(section));
        let mut chosen = chosen.ok_or_else(|| Refusal::new(Code::CodecUnsupported, say))?;
        if kind == Kind::Video {
            self.layers = layers(section)?;
            // Numbers of pictures would have to run on from one layer's track to another's.
            if self.layers.is_empty() && chosen.codec.name.is_scalable() {
                chosen.codec.descriptor = descriptor(session, section);
            }
        }
        *taken = Some(chosen);
        Ok(())
    }
}

/// ICE names and the fingerprint may stand above or in the sections. Answers the name.
fn check_transport(session: &SessionDescription) -> Result<String, Refusal> {
    let sections = &session.media_descriptions;
    if sections.is_empty() {
        return Err(unfit("the offer has no media"));
    }
    if sections.len() > SECTIONS_MAX {
        return Err(unfit("the offer has too many sections"));
    }
    let says = |name: &str| {
        session.has_attribute(name) || sections.iter().any(|section| section.has_attribute(name))
    };
    if !says("fingerprint") {
        return Err(unfit("the offer has no fingerprint"));
    }
    let above = session.attribute("ice-ufrag").map(String::as_str);
    let ufrag = above.or_else(|| {
        let mut sections = sections.iter();
        sections.find_map(|section| section.attribute("ice-ufrag").flatten())
    });
    let ufrag = ufrag.filter(|_| says("ice-pwd"));
    let ufrag = ufrag.ok_or_else(|| unfit("the offer has no ICE name and password"))?;
    let alone = sections.len() == 1;
    // There may be other groups (OBS says LS for lip sync).
    let bundled = session.attributes.iter().any(|attribute| {
        attribute.key == "group"
            && attribute
                .value
                .as_deref()
                .is_some_and(|it| it.starts_with("BUNDLE"))
    });
    if !alone && !bundled {
        return Err(unfit("all sections must share one transport (BUNDLE)"));
    }
    Ok(ufrag.to_owned())
}

/// Whether the publisher insists on being the DTLS server. `active` needs nothing of us but to be
/// the server ourselves, which is also what we choose for `actpass`.
fn passive(session: &SessionDescription) -> Result<bool, Refusal> {
    let said = session.attribute("setup").map(String::as_str).or_else(|| {
        session
            .media_descriptions
            .iter()
            .find_map(|section| section.attribute("setup").flatten())
    });
    match said {
        Some("passive") => Ok(true),
        Some("actpass" | "active") => Ok(false),
        _ => Err(unfit("setup must be actpass, passive or active")),
    }
}

fn sends(session: &SessionDescription, section: &MediaDescription) -> bool {
    for direction in ["sendrecv", "sendonly", "recvonly", "inactive"] {
        if section.has_attribute(direction) {
            return direction.starts_with("send");
        }
    }
    !session.has_attribute("recvonly") && !session.has_attribute("inactive")
}

/// Under which number the publisher would send the dependency descriptor.
fn descriptor(session: &SessionDescription, section: &MediaDescription) -> Option<u8> {
    let mixed = session.has_attribute(ALLOW_MIXED) || section.has_attribute(ALLOW_MIXED);
    let mut extensions = section.attributes.iter().filter(|it| it.key == "extmap");
    let id = extensions.find_map(|it| id_of(it.value.as_deref()?, DESCRIPTOR_URI, Way::ToUs));
    id.filter(|_| mixed)
}

fn formats(section: &MediaDescription) -> Vec<Format> {
    let payload_types = section
        .media_name
        .formats
        .iter()
        .filter_map(|it| it.parse().ok());
    let mut formats: Vec<Format> = payload_types
        .filter(|payload_type| *payload_type < 128)
        .map(|payload_type| Format {
            payload_type,
            ..Format::default()
        })
        .collect();
    for attribute in &section.attributes {
        let Some((id, value)) = attribute.value.as_deref().and_then(|it| it.split_once(' ')) else {
            continue;
        };
        for format in &mut formats {
            if id != "*" && id.parse() != Ok(format.payload_type) {
                continue;
            }
            match attribute.key.as_str() {
                "rtpmap" => value.clone_into(&mut format.encoding),
                "fmtp" => value.clone_into(&mut format.fmtp),
                "rtcp-fb" => format.feedback.push(value.to_owned()),
                _ => {}
            }
        }
    }
    formats
}

/// The best layers of a simulcast offer (RFC 8853), from the smallest to the largest. Nothing in an offer
/// says which is which, so the names tell: the two customs in use are quarter, half, full and low,
/// middle, high. Other names count in their order, because browsers list what the page gave them and
/// pages list from small to large.
fn layers(section: &MediaDescription) -> Result<Vec<String>, Refusal> {
    let Some(Some(simulcast)) = section.attribute("simulcast") else {
        return Ok(Vec::new());
    };
    let mut words = simulcast.split_ascii_whitespace();
    let sent = words
        .by_ref()
        .skip_while(|word| *word != "send")
        .nth(1)
        .unwrap_or_default();
    // `;` separates layers, `,` alternatives of one layer, `~` marks a layer that starts paused.
    let mut layers: Vec<&str> = sent
        .split(';')
        .filter_map(|layer| layer.split(',').next())
        .map(|layer| layer.trim_start_matches('~'))
        .filter(|layer| !layer.is_empty())
        .collect();
    if layers.len() > LAYERS_OFFERED_MAX {
        return Err(unfit("the offer has too many layers"));
    }
    let custom = CUSTOMS.iter().find(|custom| {
        let known = |layer: &&str| place(custom, layer).is_some();
        layers.iter().all(known)
    });
    if let Some(custom) = custom {
        layers.sort_by_key(|layer| place(custom, layer));
    }
    let too_many = layers.len().saturating_sub(LAYERS_MAX);
    Ok(layers.drain(too_many..).map(str::to_owned).collect())
}

fn place(custom: &Custom, layer: &str) -> Option<usize> {
    let is = |name: &&str| name.eq_ignore_ascii_case(layer);
    custom.iter().position(|names| names.iter().any(is))
}

fn unfit(say: &str) -> Refusal {
    Refusal::new(Code::SdpUnfit, say)
}
