//! Our answer: what is being published, in the numbers of the offer.

use std::fmt::Write as _;

use media::{CNAME, Codec, Kind, LegIds};
use protocol::{Code, Refusal};

use super::{
    choose::{Chosen, choose},
    offer::{Format, Offer, Section},
    unfit,
};
use crate::extmap::{ALLOW_MIXED, DESCRIPTOR_URI, SENT_AT_URI};

/// FFmpeg reads no more of an answer, and no viewer needs more.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Feedback that we act on.
const FEEDBACK: [&str; 3] = ["nack", "nack pli", "ccm fir"];

/// Our end of the transport.
#[derive(Clone, Debug)]
pub(crate) struct Transport<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) pwd: &'a str,
    /// As in `a=fingerprint`, with its hash.
    pub(crate) fingerprint: &'a str,
    /// Where to reach us: lines of [`super::candidates()`].
    pub(crate) candidates: &'a str,
    /// Fresh, never zero: our streams are numbered from it.
    pub(crate) first_ssrc: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) sdp: String,
    pub(crate) video: Option<LegIds>,
    pub(crate) audio: Option<LegIds>,
    /// What the viewer would take and nobody publishes yet.
    pub(crate) waits: Vec<Kind>,
}

enum Reply<'a> {
    Sends {
        kind: Kind,
        chosen: Chosen<'a>,
        ids: LegIds,
    },
    /// A kind that nobody publishes now: the section stays, silent.
    Waits,
    Refused,
}

/// Answers an offer with the tracks that are being published.
pub(crate) fn answer(
    offer: &Offer,
    video: Option<&Codec>,
    audio: Option<&Codec>,
    transport: &Transport<'_>,
) -> Result<Answered, Refusal> {
    let mut answered = Answered {
        sdp: String::new(),
        video: None,
        audio: None,
        waits: Vec::new(),
    };
    let mut replies = Vec::with_capacity(offer.sections.len());
    for section in &offer.sections {
        let reply = reply_to(section, video, audio, transport.first_ssrc, &mut answered)?;
        replies.push((section, reply));
    }
    if answered.video.is_none() && answered.audio.is_none() {
        return Err(unfit("the offer does not take what is being published"));
    }
    let shared = replies
        .iter()
        .filter(|(_, reply)| !matches!(reply, Reply::Refused))
        .count();
    if shared > 1 && !offer.bundled {
        return Err(unfit("all sections must share one transport (BUNDLE)"));
    }
    answered.sdp = write(offer, &replies, transport);
    // Names and parameters of the offer come back in the answer, however long they are.
    if answered.sdp.len() > ANSWER_BYTES_MAX {
        return Err(unfit("the offer's names and parameters are too long"));
    }
    Ok(answered)
}

fn reply_to<'a>(
    section: &'a Section,
    video: Option<&Codec>,
    audio: Option<&Codec>,
    first_ssrc: u32,
    answered: &mut Answered,
) -> Result<Reply<'a>, Refusal> {
    let (kind, published, taken) = match section.media.as_str() {
        "video" => (Kind::Video, video, &mut answered.video),
        "audio" => (Kind::Audio, audio, &mut answered.audio),
        _ => return Ok(Reply::Refused),
    };
    if taken.is_some() || !section.transport.ends_with("SAVPF") {
        return Ok(Reply::Refused);
    }
    if !section.muxes_rtcp {
        return Err(unfit("RTP and RTCP must share a port (rtcp-mux)"));
    }
    let Some(codec) = published.filter(|_| section.receives()) else {
        if section.receives() {
            answered.waits.push(kind);
        }
        return Ok(Reply::Waits);
    };
    let Some(chosen) = choose(section, codec) else {
        let say = format!(
            "this broadcast's {} is {}",
            kind.as_str(),
            codec.name.as_str()
        );
        return Err(Refusal::new(Code::CodecUnsupported, say));
    };
    let base = first_ssrc.wrapping_add(match kind {
        Kind::Video => 0,
        Kind::Audio => 2,
    });
    let ids = LegIds {
        payload_type: chosen
            .format
            .payload_type
            .expect("choose only returns formats with a number"),
        ssrc: base,
        resend: chosen
            .resend
            .and_then(|it| it.payload_type)
            .map(|it| (it, base.wrapping_add(1))),
        descriptor: section.descriptor().filter(|_| codec.name.is_scalable()),
        // Only what is sent again says it.
        sent_at: section
            .sent_at
            .filter(|_| kind == Kind::Video && chosen.resend.is_some()),
        redundant: chosen.redundant.and_then(|it| it.payload_type),
    };
    *taken = Some(ids);
    Ok(Reply::Sends { kind, chosen, ids })
}

fn write(offer: &Offer, replies: &[(&Section, Reply<'_>)], transport: &Transport<'_>) -> String {
    let mut out = String::with_capacity(2_048);
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = write!(out, "{text}\r\n");
    };
    line(format_args!("v=0"));
    line(format_args!(
        "o=- {} 1 IN IP4 0.0.0.0",
        transport.first_ssrc
    ));
    line(format_args!("s=-"));
    line(format_args!("t=0 0"));
    line(format_args!("a=ice-lite"));
    if offer.bundled {
        let mut mids = String::new();
        for (section, reply) in replies {
            if !matches!(reply, Reply::Refused) {
                let _ = write!(mids, " {}", section.mid);
            }
        }
        line(format_args!("a=group:BUNDLE{mids}"));
    }
    line(format_args!("a=msid-semantic: WMS *"));
    let mut first = true;
    for (section, reply) in replies {
        match reply {
            Reply::Refused => write_refused(section, &mut line),
            Reply::Waits => {
                write_head(
                    section,
                    &section.formats[..section.formats.len().min(1)],
                    &mut line,
                );
                write_transport(section, "inactive", transport, &mut first, &mut line);
                write_map(section.formats.first(), &mut line);
            }
            Reply::Sends { kind, chosen, ids } => {
                let formats: Vec<_> = chosen.formats().cloned().collect();
                write_head(section, &formats, &mut line);
                write_transport(section, "sendonly", transport, &mut first, &mut line);
                if let Some(id) = ids.descriptor {
                    line(format_args!("a={ALLOW_MIXED}"));
                    line(format_args!("a=extmap:{id} {DESCRIPTOR_URI}"));
                }
                if let Some(id) = ids.sent_at {
                    line(format_args!("a=extmap:{id} {SENT_AT_URI}"));
                }
                for format in chosen.formats() {
                    write_map(Some(format), &mut line);
                }
                write_stream(section, *kind, ids, &mut line);
            }
        }
    }
    out
}

fn write_refused(section: &Section, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let format = section.formats.first().map_or("0", |format| &format.id);
    line(format_args!(
        "m={} 0 {} {format}",
        section.media, section.transport
    ));
    line(format_args!("c=IN IP4 0.0.0.0"));
    if !section.mid.is_empty() {
        line(format_args!("a=mid:{}", section.mid));
    }
    line(format_args!("a=inactive"));
}

fn write_head(
    section: &Section,
    formats: &[Format],
    line: &mut impl FnMut(std::fmt::Arguments<'_>),
) {
    let ids: Vec<&str> = formats.iter().map(|format| format.id.as_str()).collect();
    line(format_args!(
        "m={} 9 {} {}",
        section.media,
        section.transport,
        ids.join(" ")
    ));
    line(format_args!("c=IN IP4 0.0.0.0"));
    if !section.mid.is_empty() {
        line(format_args!("a=mid:{}", section.mid));
    }
}

fn write_transport(
    section: &Section,
    direction: &str,
    transport: &Transport<'_>,
    first: &mut bool,
    line: &mut impl FnMut(std::fmt::Arguments<'_>),
) {
    line(format_args!("a={direction}"));
    line(format_args!("a=rtcp-mux"));
    line(format_args!("a=ice-ufrag:{}", transport.ufrag));
    line(format_args!("a=ice-pwd:{}", transport.pwd));
    line(format_args!("a=fingerprint:{}", transport.fingerprint));
    line(format_args!("a=setup:passive"));
    if section.round_trip {
        line(format_args!("a=rtcp-xr:rcvr-rtt=all"));
    }
    if !std::mem::take(first) {
        return;
    }
    for candidate in transport.candidates.lines() {
        line(format_args!("{candidate}"));
    }
}

fn write_map(format: Option<&Format>, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let Some(format) = format.filter(|format| !format.encoding.is_empty()) else {
        return;
    };
    line(format_args!("a=rtpmap:{} {}", format.id, format.encoding));
    if !format.parameters.is_empty() {
        line(format_args!("a=fmtp:{} {}", format.id, format.parameters));
    }
    for feedback in FEEDBACK
        .into_iter()
        .filter(|it| format.feedback.iter().any(|has| has == it))
    {
        line(format_args!("a=rtcp-fb:{} {feedback}", format.id));
    }
}

/// One stream name for sound and picture: a browser only keeps tracks of one stream in step.
fn write_stream(
    section: &Section,
    kind: Kind,
    ids: &LegIds,
    line: &mut impl FnMut(std::fmt::Arguments<'_>),
) {
    debug_assert_eq!(section.media, kind.as_str());
    line(format_args!("a=msid:{CNAME} {}", kind.as_str()));
    if let Some((_, resend)) = ids.resend {
        line(format_args!("a=ssrc-group:FID {} {resend}", ids.ssrc));
    }
    line(format_args!("a=ssrc:{} cname:{CNAME}", ids.ssrc));
    if let Some((_, resend)) = ids.resend {
        line(format_args!("a=ssrc:{resend} cname:{CNAME}"));
    }
}
