use media::{Codec, CodecName, Redundancy};
use protocol::Code;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::extmap::{ALLOW_MIXED, DESCRIPTOR_URI};

const SHA: &str = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:\
                   AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99";

/// What Chromium 156 offers for one video and one audio, shortened to what matters.
fn browser() -> String {
    let transport = format!(
        "a=ice-ufrag:Xy1+\na=ice-pwd:abcdefghijklmnopqrstuvwx\na=ice-options:trickle\n\
         a=fingerprint:sha-256 {SHA}\na=setup:actpass\n"
    );
    format!(
        "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n\
         a=extmap-allow-mixed\na=msid-semantic: WMS\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 115 98 99\n\
         c=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\n{transport}a=mid:0\n\
         a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\na=recvonly\na=rtcp-mux\na=rtcp-rsize\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\na=rtcp-xr:rcvr-rtt=all\n\
         a=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\n\
         a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
         a=rtpmap:103 H264/90000\na=rtcp-fb:103 nack\n\
         a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\n\
         a=rtpmap:104 rtx/90000\na=fmtp:104 apt=103\n\
         a=rtpmap:107 H264/90000\n\
         a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\n\
         a=rtpmap:108 H264/90000\na=rtcp-fb:108 goog-remb\na=rtcp-fb:108 transport-cc\n\
         a=rtcp-fb:108 ccm fir\na=rtcp-fb:108 nack\na=rtcp-fb:108 nack pli\n\
         a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n\
         a=rtpmap:109 rtx/90000\na=fmtp:109 apt=108\n\
         a=rtpmap:114 H264/90000\n\
         a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\n\
         a=rtpmap:115 rtx/90000\na=fmtp:115 apt=114\n\
         a=rtpmap:98 VP9/90000\na=fmtp:98 profile-id=0\n\
         a=rtpmap:99 VP9/90000\na=fmtp:99 profile-id=2\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63\n\
         c=IN IP4 0.0.0.0\n{transport}a=mid:1\na=recvonly\na=rtcp-mux\n\
         a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\n\
         a=rtcp-fb:111 transport-cc\na=rtpmap:63 red/48000/2\n"
    )
    .replace('\n', "\r\n")
}

fn codec(name: CodecName, fmtp: &str) -> Codec {
    let (clock, channels) = if name == CodecName::Opus {
        (48_000, 2)
    } else {
        (90_000, 0)
    };
    Codec {
        name,
        clock,
        channels,
        fmtp: fmtp.to_owned(),
        descriptor: None,
        redundancy: None,
    }
}

fn h264() -> Codec {
    codec(
        CodecName::H264,
        "packetization-mode=1;profile-level-id=42c01f",
    )
}

fn opus() -> Codec {
    codec(CodecName::Opus, "")
}

fn answered(
    offer: &str,
    video: Option<&Codec>,
    audio: Option<&Codec>,
) -> Result<answer::Answered, Refusal> {
    let reachable = [
        "192.0.2.1:4000".parse().unwrap(),
        "[2001:db8::1]:4000".parse().unwrap(),
    ];
    let transport = Transport {
        ufrag: "ours",
        pwd: "ourpassword",
        fingerprint: "sha-256 00:11",
        candidates: &candidates(&reachable, Tcp::Off),
        first_ssrc: 1_000,
    };
    answer(&Offer::parse(offer)?, video, audio, &transport)
}

fn refused(offer: &str) -> Code {
    answered(offer, Some(&h264()), Some(&opus()))
        .unwrap_err()
        .code
}

#[test]
fn b21_when_packets_are_sent_is_only_said_where_it_fits() {
    let said = |extmap: &str, rtx: &str| {
        let offer = browser()
            .replace("extmap:1 ", extmap)
            .replace("rtx/90000", rtx);
        let answered = answered(&offer, Some(&h264()), None).unwrap();
        let sent_at = answered.video.unwrap().sent_at;
        assert_eq!(answered.sdp.contains("a=extmap:"), sent_at.is_some());
        sent_at
    };
    assert_eq!(said("extmap:14/sendrecv ", "rtx/90000"), Some(14));
    assert_eq!(said("extmap:15 ", "rtx/90000"), None, "of two bytes");
    assert_eq!(said("extmap:x ", "rtx/90000"), None);
    assert_eq!(
        said("extmap:1 ", "other/90000"),
        None,
        "nothing comes again"
    );
}

#[test]
fn a_browser_gets_the_answer_that_browsers_are_known_to_take() {
    let answered = answered(&browser(), Some(&h264()), Some(&opus())).unwrap();
    let expected = "v=0\no=- 1000 1 IN IP4 0.0.0.0\ns=-\nt=0 0\na=ice-lite\na=group:BUNDLE 0 1\n\
        a=msid-semantic: WMS *\n\
        m=video 9 UDP/TLS/RTP/SAVPF 108 109\nc=IN IP4 0.0.0.0\na=mid:0\na=sendonly\na=rtcp-mux\n\
        a=ice-ufrag:ours\na=ice-pwd:ourpassword\na=fingerprint:sha-256 00:11\na=setup:passive\n\
        a=rtcp-xr:rcvr-rtt=all\n\
        a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\n\
        a=candidate:2 1 udp 2130706175 2001:db8::1 4000 typ host\na=end-of-candidates\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\na=rtpmap:108 H264/90000\n\
        a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n\
        a=rtcp-fb:108 nack\na=rtcp-fb:108 nack pli\na=rtcp-fb:108 ccm fir\n\
        a=rtpmap:109 rtx/90000\na=fmtp:109 apt=108\n\
        a=msid:live video\na=ssrc-group:FID 1000 1001\na=ssrc:1000 cname:live\n\
        a=ssrc:1001 cname:live\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\na=mid:1\na=sendonly\na=rtcp-mux\n\
        a=ice-ufrag:ours\na=ice-pwd:ourpassword\na=fingerprint:sha-256 00:11\na=setup:passive\n\
        a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\n\
        a=msid:live audio\na=ssrc:1002 cname:live\n";
    assert_eq!(answered.sdp.replace("\r\n", "\n"), expected);
    let video = answered.video.unwrap();
    assert_eq!(
        (video.payload_type, video.ssrc, video.resend),
        (108, 1_000, Some((109, 1_001)))
    );
    assert_eq!(video.sent_at, Some(1));
    let audio = answered.audio.unwrap();
    assert_eq!(
        (audio.payload_type, audio.ssrc, audio.resend),
        (111, 1_002, None)
    );
}

/// Opus of a publisher that sends redundancy, in numbers of its own.
fn redundant_opus() -> Codec {
    Codec {
        descriptor: None,
        redundancy: Some(Redundancy {
            payload_type: 120,
            of: 96,
        }),
        ..opus()
    }
}

#[test]
fn a_viewer_that_takes_redundancy_is_named_it_first() {
    // As Chromium 156 offers it.
    let chromium = browser().replace(
        "a=rtpmap:63 red/48000/2\r\n",
        "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n",
    );
    let taken = answered(&chromium, None, Some(&redundant_opus())).unwrap();
    let audio = taken.audio.unwrap();
    assert_eq!((audio.payload_type, audio.redundant), (111, Some(63)));
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n";
    assert!(taken.sdp.contains(section), "{}", taken.sdp);
    let formats = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
                   a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";
    assert!(taken.sdp.contains(formats), "{}", taken.sdp);

    let plain = answered(&chromium, None, Some(&opus())).unwrap();
    assert_eq!(plain.audio.unwrap().redundant, None, "nobody sends it");
    assert!(!plain.sdp.contains("red/"), "{}", plain.sdp);
    // Firefox offers none; and one that is of something else is none.
    let firefox = chromium.replace("a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n", "");
    let firefox = firefox.replace(" 111 63\r\n", " 111\r\n");
    for offer in [&firefox, &browser(), &chromium.replace("111/111", "0/0")] {
        let other = answered(offer, None, Some(&redundant_opus())).unwrap();
        let without = answered(offer, None, Some(&opus())).unwrap();
        assert_eq!(other.audio.unwrap().redundant, None, "{offer}");
        assert_eq!(other, without, "{offer}");
    }
}

#[test]
fn with_redundancy_missed_sound_comes_again_as_it_was() {
    let offer = browser().replace(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 112\r\n",
    );
    let offer = offer
        + "a=fmtp:63 111/111\r\na=rtpmap:112 rtx/48000/2\r\na=fmtp:112 apt=111\r\n\
           a=rtcp-fb:111 nack\r\n";
    let ids = |codec: &Codec| answered(&offer, None, Some(codec)).unwrap().audio.unwrap();
    assert_eq!(ids(&opus()).resend, Some((112, 1_003)));
    let redundant = ids(&redundant_opus());
    assert_eq!((redundant.redundant, redundant.resend), (Some(63), None));
}

#[test]
fn an_encoder_may_mend_sound_within_itself() {
    let fmtp = "a=fmtp:111 minptime=10;useinbandfec=1\r\n";
    let answered = answered(&browser(), None, Some(&opus())).unwrap();
    assert!(answered.sdp.contains(fmtp), "{}", answered.sdp);
}

#[test]
fn h264_is_chosen_by_its_parameters() {
    let choose = |fmtp: &str| {
        let codec = codec(CodecName::H264, fmtp);
        answered(&browser(), Some(&codec), None)
            .unwrap()
            .video
            .unwrap()
            .payload_type
    };
    assert_eq!(choose("profile-level-id=42e01f"), 108);
    assert_eq!(choose("profile-level-id=42000d"), 108);
    assert_eq!(choose("profile-level-id=64001f"), 114);
    assert_eq!(choose("profile-level-id=4d001f"), 108);
    assert_eq!(choose(""), 108);
}

#[test]
fn other_codecs_pass_through() {
    let choose = |codec: Codec| {
        answered(&browser(), Some(&codec), None).map(|it| it.video.unwrap().payload_type)
    };
    assert_eq!(choose(codec(CodecName::Vp8, "")), Ok(96));
    assert_eq!(choose(codec(CodecName::Vp9, "profile-id=2")), Ok(99));
    assert_eq!(
        choose(codec(CodecName::Av1, "")).unwrap_err().code,
        Code::CodecUnsupported
    );
}

#[test]
fn b20_who_offers_the_descriptor_is_answered_it_in_their_number() {
    let named = |number: &str| {
        let extension = format!("a=extmap:{number} {DESCRIPTOR_URI}\r\n");
        let before = "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
        let av1 = browser().replace("VP8/90000", "AV1/90000");
        av1.replace(before, &(before.to_owned() + &extension))
    };
    let of = |offer: &str, codec: Codec| {
        let answered = answered(offer, Some(&codec), None).unwrap();
        let id = answered.video.unwrap().descriptor;
        let lines = id.map(|id| format!("a=extmap-allow-mixed\na=extmap:{id} {DESCRIPTOR_URI}\n"));
        let sdp = answered.sdp.replace("\r\n", "\n");
        assert!(lines.is_none_or(|lines| sdp.contains(&lines)), "{sdp}");
        assert_eq!(sdp.contains(DESCRIPTOR_URI), id.is_some(), "{sdp}");
        assert_eq!(sdp.contains(ALLOW_MIXED), id.is_some(), "{sdp}");
        id
    };
    let (av1, vp9) = (codec(CodecName::Av1, ""), codec(CodecName::Vp9, ""));
    // Whether or not who publishes now sends it: the next one may.
    assert_eq!(of(&named("13"), av1.clone()), Some(13));
    assert_eq!(of(&named("100/recvonly"), vp9), Some(100));
    assert_eq!(of(&named("13"), h264()), None, "it has no layers");
    assert_eq!(of(&named("13/sendonly"), av1.clone()), None);
    assert_eq!(of(&named("15"), av1.clone()), None);
    let mixed = "a=extmap-allow-mixed\r\n";
    let short = named("13").replace(mixed, "");
    assert_eq!(of(&short, av1.clone()), None, "it may be long");
    // As Firefox says it.
    let in_the_section = short.replace("a=recvonly\r\n", &format!("a=recvonly\r\n{mixed}"));
    assert_eq!(of(&in_the_section, av1), Some(13));
}

#[test]
fn a_kind_that_nobody_publishes_stays_silent() {
    let answered = answered(&browser(), None, Some(&opus())).unwrap();
    assert!(answered.video.is_none() && answered.audio.is_some());
    assert_eq!(answered.waits, [media::Kind::Video]);
    let sections: Vec<&str> = answered.sdp.split("m=").collect();
    assert!(
        sections[1].starts_with("video 9 UDP/TLS/RTP/SAVPF 96\r\n"),
        "{}",
        sections[1]
    );
    assert!(sections[1].contains("a=inactive\r\n"));
    assert!(sections[2].contains("a=sendonly\r\n"));
    assert!(answered.sdp.contains("a=group:BUNDLE 0 1\r\n"));
}

#[test]
fn what_we_cannot_serve_is_refused_in_its_place() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
    let offer = browser().replace("BUNDLE 0 1", "BUNDLE 0 1 2") + data;
    let answered = answered(&offer, Some(&h264()), Some(&opus())).unwrap();
    assert!(answered.sdp.contains("a=group:BUNDLE 0 1\r\n"));
    assert!(
        answered
            .sdp
            .contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    );
}

#[test]
fn without_a_retransmission_format_there_is_none() {
    let offer = browser().replace("apt=108", "apt=1");
    let answered = answered(&offer, Some(&h264()), None).unwrap();
    assert_eq!(answered.video.unwrap().resend, None);
    assert!(!answered.sdp.contains("FID"));
}

#[test]
fn lost_sound_may_be_asked_for_by_who_offers_it() {
    let agrees = |offer: &str| {
        let answered = answered(offer, Some(&h264()), Some(&opus())).unwrap();
        let audio = answered.audio.unwrap();
        assert_eq!(audio.resend, None, "it comes again as it was");
        answered.sdp.contains("a=rtcp-fb:111 nack\r\n")
    };
    assert!(!agrees(&browser()));
    let wants = "a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n";
    assert!(agrees(
        &browser().replace("a=rtcp-fb:111 transport-cc\r\n", wants)
    ));
}

#[test]
fn what_stands_above_the_sections_counts_for_all() {
    let mut offer = String::from("v=0\r\ns=-\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789\r\n");
    offer += &format!("a=setup:active\r\na=fingerprint:SHA-256 {SHA}\r\na=recvonly\r\n");
    offer += "m=audio 9 UDP/TLS/RTP/SAVPF 0 111\r\na=rtcp-mux\r\na=rtpmap:111 OPUS/48000/2\r\n";
    let answered = answered(&offer, None, Some(&opus())).unwrap();
    assert_eq!(answered.audio.unwrap().payload_type, 111);
    assert!(!answered.sdp.contains("BUNDLE"));
}

#[test]
fn unfit_offers_are_told_apart_from_broken_ones() {
    let cases = [
        ("a=recvonly", "a=sendonly", Code::SdpUnfit),
        ("a=recvonly", "a=inactive", Code::SdpUnfit),
        ("a=fingerprint:", "a=finger:", Code::SdpUnfit),
        ("sha-256", "sha-1", Code::SdpUnfit),
        (SHA, "AA:BB", Code::SdpInvalid),
        ("a=ice-ufrag:", "a=ufrag:", Code::SdpUnfit),
        ("a=ice-pwd:", "a=pwd:", Code::SdpUnfit),
        ("a=setup:actpass", "a=setup:passive", Code::SdpUnfit),
        ("a=rtcp-mux\r\n", "", Code::SdpUnfit),
        ("a=group:BUNDLE 0 1", "a=group:LS 0 1", Code::SdpUnfit),
        ("H264", "H265", Code::CodecUnsupported),
        ("m=video 9", "m=video nine", Code::SdpInvalid),
        ("t=0 0", "time", Code::SdpInvalid),
        ("v=0", "v=1", Code::SdpInvalid),
    ];
    for (from, to, code) in cases {
        assert_eq!(
            refused(&browser().replace(from, to)),
            code,
            "{from} -> {to}"
        );
    }
    assert_eq!(refused("hello"), Code::SdpInvalid);
    assert_eq!(refused(""), Code::SdpInvalid);
    assert_eq!(refused("v=0\r\n"), Code::SdpUnfit);
    let long = browser() + &"a=x\r\n".repeat(60_000);
    assert_eq!(refused(&long), Code::TooLarge);
}

#[test]
fn long_names_do_not_make_long_answers() {
    let offer = browser().replace("a=mid:0", &format!("a=mid:{}", "0".repeat(100_000)));
    assert_eq!(refused(&offer), Code::SdpUnfit);
}

#[test]
fn no_change_of_an_offer_makes_it_panic_or_answers_too_much() {
    let original = browser();
    let lines: Vec<&str> = original.split("\r\n").collect();
    let mut answers = 0;
    for seed in seeds::of(4_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..lines.len());
            match rng.random_range(0..5) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[rng.random_range(0..lines.len())].clone()),
                2 => {
                    let size = rng.random_range(0..=lines[at].len());
                    if lines[at].is_char_boundary(size) {
                        lines[at].truncate(size);
                    }
                }
                3 => lines[at].push(rng.random_range(' '..'\u{3fff}')),
                _ => {
                    let other = rng.random_range(0..lines.len());
                    lines.swap(at, other);
                }
            }
        }
        if let Ok(answered) = answered(&lines.join("\r\n"), Some(&h264()), Some(&opus())) {
            answers += 1;
            assert!(answered.sdp.len() <= 8 * 1024, "seed {seed}");
        }
    }
    assert!(
        answers > 400,
        "only {answers} changed offers were still good: this proves little"
    );
}
