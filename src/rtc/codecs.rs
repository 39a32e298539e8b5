//! Which of the formats that a publisher offers we take: exactly one for video, one for audio.
//!
//! One format per kind, so that a publisher cannot change codec in the middle of a broadcast, the
//! answer stays small (some encoders read 8 KB and no more), and it is known from the start what
//! viewers must be able to play. The payload types are the offer's own. Sound may come with redundancy
//! beside it, which is no other codec.

use media::{Codec, CodecName, Kind, Redundancy};

/// A format as an offer describes it (RFC 8866 §6.6, §6.15; RFC 4585 §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    /// As in `a=rtpmap`: `H264/90000`, `opus/48000/2`.
    pub(crate) encoding: String,
    pub(crate) fmtp: String,
    pub(crate) feedback: Vec<String>,
}

/// What we take of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    pub(crate) feedback: Vec<String>,
    /// The payload type of retransmissions (RFC 4588), if the publisher can make them.
    pub(crate) resend: Option<u8>,
}

/// The best format of a section, or none that we carry. H264 comes first, because only it can
/// become a replay in every browser; after that the publisher's own order counts.
pub(crate) fn choose(kind: Kind, formats: &[Format]) -> Option<Chosen> {
    let carried = formats.iter().filter_map(|format| {
        let codec = read(format)?;
        (codec.name.kind() == kind).then_some((format, codec))
    });
    // `min_by_key` keeps the first of equals.
    let (format, mut codec) = carried.min_by_key(|(_, codec)| rank(codec))?;
    codec.redundancy = redundancy_of(formats, &codec, format.payload_type);
    Some(Chosen {
        codec,
        payload_type: format.payload_type,
        feedback: format.feedback.clone(),
        resend: resend_of(formats, format.payload_type),
    })
}

/// Lower is better. Browsers all decode constrained baseline; a higher profile only where the
/// publisher offers nothing else. Packetization mode 0 (one unit per packet, RFC 6184 §6.2) is
/// playable by whoever plays mode 1, so it is taken when nothing better is there.
fn rank(codec: &Codec) -> u8 {
    if codec.name != CodecName::H264 {
        return u8::from(codec.name.kind() == Kind::Video) * 10;
    }
    let fragments = parameter(&codec.fmtp, "packetization-mode") == Some("1");
    let profile = match parameter(&codec.fmtp, "profile-level-id") {
        None => 0,
        Some(id) => match id.get(..4).map(str::to_ascii_lowercase).as_deref() {
            Some("42e0") => 0,
            Some(id) if id.starts_with("42") => 1,
            Some(id) if id.starts_with("4d") => 2,
            Some(id) if id.starts_with("64") => 3,
            _ => 4,
        },
    };
    profile + if fragments { 0 } else { 5 }
}

/// The codec of a format, if it is one that we carry with the clock it must have.
fn read(format: &Format) -> Option<Codec> {
    let mut parts = format.encoding.split('/');
    let name = CodecName::parse(parts.next()?)?;
    let clock = parts.next()?.parse().ok()?;
    let channels = parts.next().map_or(Some(1), |it| it.parse().ok())?;
    let fits = match name {
        // RFC 7587 §7: always announced as 48,000 Hz and two channels.
        CodecName::Opus => clock == 48_000 && channels == 2,
        _ => clock == 90_000,
    };
    let channels = if name.kind() == Kind::Audio {
        channels
    } else {
        0
    };
    fits.then(|| Codec {
        name,
        clock,
        channels,
        fmtp: format.fmtp.clone(),
        descriptor: None,
        redundancy: None,
    })
}

fn resend_of(formats: &[Format], payload_type: u8) -> Option<u8> {
    let resends = |format: &&Format| {
        format
            .encoding
            .get(..4)
            .is_some_and(|name| name.eq_ignore_ascii_case("rtx/"))
            && parameter(&format.fmtp, "apt").and_then(|it| it.parse().ok()) == Some(payload_type)
    };
    formats
        .iter()
        .find(resends)
        .map(|format| format.payload_type)
}

/// Packets that bring along what came before (RFC 2198), where the offer has them of this codec alone.
fn redundancy_of(formats: &[Format], codec: &Codec, of: u8) -> Option<Redundancy> {
    let named = |format: &&Format| {
        let name = format.encoding.split('/').next();
        name.is_some_and(|it| it.eq_ignore_ascii_case("red"))
    };
    let mut offered = formats.iter().filter(named);
    let format = offered.next()?;
    // `webrtc` cannot tell two of them apart.
    let fits = codec.name == CodecName::Opus
        && offered.next().is_none()
        && is_redundant(&format.encoding)
        && is_redundancy_of(&format.fmtp, of);
    fits.then_some(Redundancy {
        payload_type: format.payload_type,
        of,
    })
}

/// RED with the clock and channels of Opus.
pub(crate) fn is_redundant(encoding: &str) -> bool {
    encoding.eq_ignore_ascii_case("red/48000/2")
}

/// Whether each block is of this payload type: `111/111` (RFC 2198 §5).
pub(crate) fn is_redundancy_of(fmtp: &str, payload_type: u8) -> bool {
    let mut blocks = fmtp.split('/');
    blocks.all(|block| block.trim().parse() == Ok(payload_type))
}

/// One value of `a=fmtp`; names are compared without regard to case (RFC 4855 §3).
fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(payload_type: u8, encoding: &str, fmtp: &str) -> Format {
        Format {
            payload_type,
            encoding: encoding.into(),
            fmtp: fmtp.into(),
            feedback: Vec::new(),
        }
    }

    fn check(kind: Kind, formats: &[(u8, &str, &str)], wanted: Option<(u8, Option<u8>)>) {
        let formats: Vec<_> = formats.iter().map(|it| format(it.0, it.1, it.2)).collect();
        let chosen = choose(kind, &formats).map(|it| (it.payload_type, it.resend));
        assert_eq!(chosen, wanted, "{formats:?}");
    }

    #[test]
    fn h264_comes_before_what_is_offered_first() {
        let chromium = [
            (96, "VP8/90000", ""),
            (97, "rtx/90000", "apt=96"),
            (
                102,
                "H264/90000",
                "packetization-mode=1;profile-level-id=42001f",
            ),
            (
                104,
                "H264/90000",
                "packetization-mode=0;profile-level-id=42e01f",
            ),
            (
                108,
                "H264/90000",
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            ),
            (109, "rtx/90000", "apt=108"),
            (45, "AV1/90000", ""),
        ];
        check(Kind::Video, &chromium, Some((108, Some(109))));
    }

    #[test]
    fn what_ffmpeg_offers_is_taken() {
        let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000d";
        let offer = [(106, "H264/90000", fmtp), (105, "rtx/90000", "apt=106")];
        check(Kind::Video, &offer, Some((106, Some(105))));
    }

    #[test]
    fn without_h264_the_publishers_order_counts() {
        let offer = [(98, "VP9/90000", "profile-id=0"), (96, "VP8/90000", "")];
        check(Kind::Video, &offer, Some((98, None)));
    }

    #[test]
    fn a_codec_we_do_not_carry_is_none() {
        check(Kind::Video, &[(100, "H265/90000", "")], None);
        check(Kind::Video, &[(100, "H264/8000", "")], None);
        check(
            Kind::Audio,
            &[(0, "PCMU/8000", ""), (8, "PCMA/8000", "")],
            None,
        );
        check(Kind::Audio, &[(96, "VP8/90000", "")], None);
    }

    #[test]
    fn redundancy_is_taken_of_the_opus_that_is_taken() {
        let redundancy = |formats: &[(u8, &str, &str)]| {
            let opus = format(111, "opus/48000/2", "minptime=10;useinbandfec=1");
            let others = formats.iter().map(|it| format(it.0, it.1, it.2));
            let formats: Vec<_> = std::iter::once(opus).chain(others).collect();
            let chosen = choose(Kind::Audio, &formats).unwrap();
            assert_eq!(chosen.payload_type, 111);
            chosen.codec.redundancy
        };
        let (payload_type, of) = (63, 111);
        let taken = Some(Redundancy { payload_type, of });
        assert_eq!(redundancy(&[(63, "red/48000/2", "111/111")]), taken);
        assert_eq!(redundancy(&[(63, "RED/48000/2", "111/111/111")]), taken);
        for (encoding, fmtp) in [
            ("red/48000/2", ""),
            ("red/48000/2", "111/110"),
            ("red/48000/2", "9/9"),
            ("red/48000", "111/111"),
            ("red/8000/2", "111/111"),
            ("red/90000", "111/111"),
        ] {
            assert_eq!(
                redundancy(&[(63, encoding, fmtp)]),
                None,
                "{encoding} {fmtp}"
            );
        }
        let two = [(63, "red/48000/2", "111/111"), (64, "red/8000", "9/9")];
        assert_eq!(redundancy(&two), None);
        let video = [
            format(96, "VP8/90000", ""),
            format(97, "red/90000", "96/96"),
        ];
        let chosen = choose(Kind::Video, &video).unwrap();
        assert_eq!(chosen.codec.redundancy, None);
    }

    #[test]
    fn sound_is_opus_with_its_parameters() {
        let formats = [format(111, "opus/48000/2", "minptime=10;stereo=1")];
        let chosen = choose(Kind::Audio, &formats).unwrap();
        assert_eq!(chosen.codec.channels, 2);
        assert_eq!(chosen.codec.fmtp, "minptime=10;stereo=1");
    }
}
