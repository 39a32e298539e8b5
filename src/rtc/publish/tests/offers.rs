//! What is taken and what is refused, before anything is set up for it. The offers in `offers/` were
//! recorded from FFmpeg 8.1 and Chromium 156.

use protocol::{Code, limits};
use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use super::Ingest;
use crate::publish::{answer::ANSWER_BYTES_MAX, offer::Offer};

pub(super) const FFMPEG: &str = include_str!("offers/ffmpeg.sdp");
pub(super) const CHROMIUM: &str = include_str!("offers/chromium.sdp");
/// One picture of AV1 with its layers within it (`scalabilityMode: "L3T3_KEY"`).
pub(super) const SVC: &str = include_str!("offers/chromium_svc.sdp");
pub(super) const SIMULCAST: &str = include_str!("offers/chromium_simulcast.sdp");

fn check(offer: &str, wanted: Code) {
    match Offer::parse(offer) {
        Err(refusal) => assert_eq!(refusal.code, wanted, "{}", refusal.say),
        Ok(_) => panic!("taken, but should be {wanted:?}:\n{offer}"),
    }
}

#[test]
fn recorded_offers_are_taken() {
    let ffmpeg = Offer::parse(FFMPEG).unwrap();
    assert!(ffmpeg.passive);
    assert!(ffmpeg.layers.is_empty());
    let video = ffmpeg.video.unwrap();
    assert_eq!((video.payload_type, video.resend), (106, Some(105)));
    assert_eq!(ffmpeg.audio.unwrap().payload_type, 111);

    let chromium = Offer::parse(CHROMIUM).unwrap();
    assert!(!chromium.passive);
    assert!(chromium.layers.is_empty());
    assert_eq!(Offer::parse(SIMULCAST).unwrap().layers, ["q", "h", "f"]);
}

#[test]
fn layers_are_told_by_their_names_or_places_and_the_best_three_are_taken() {
    for (send, wanted) in [
        ("f;h;q", "q;h;f"),
        ("q;h", "q;h"),
        ("high;low;mid", "low;mid;high"),
        ("h;M;l", "l;M;h"),
        ("~a,b;c;d", "a;c;d"),
        ("a;b;c;d;e", "c;d;e"),
        ("f;x;q", "f;x;q"),
        ("one", "one"),
    ] {
        let offer = SIMULCAST.replace("send q;h;f", &format!("send {send}"));
        let layers = Offer::parse(&offer).unwrap().layers;
        assert_eq!(layers.join(";"), wanted, "{send}");
    }
    let nine = SIMULCAST.replace("send q;h;f", "send a;b;c;d;e;f;g;h;i");
    check(&nine, Code::SdpUnfit);
}

#[test]
fn what_is_no_offer_is_invalid() {
    check("", Code::SdpInvalid);
    check("{\"type\":\"offer\"}", Code::SdpInvalid);
    check(
        &FFMPEG.replace("m=audio 9", "m=audio nine"),
        Code::SdpInvalid,
    );
    check(
        &format!("{FFMPEG}{}", "a=x\r\n".repeat(limits::SDP_BYTES_MAX / 5)),
        Code::TooLarge,
    );
}

#[test]
fn what_a_publisher_cannot_be_is_unfit() {
    let without = |name: &str| -> String {
        let kept = FFMPEG
            .lines()
            .filter(|line| !line.starts_with(&format!("a={name}")));
        kept.map(|line| format!("{line}\r\n")).collect()
    };
    check(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        Code::SdpUnfit,
    );
    check(&FFMPEG.replace("a=sendonly", "a=recvonly"), Code::SdpUnfit);
    check(
        &FFMPEG.replacen("a=sendonly", "a=inactive", 1),
        Code::SdpUnfit,
    );
    check(&FFMPEG.replace("m=video", "m=text"), Code::SdpUnfit);
    check(
        &FFMPEG.replace("a=setup:passive", "a=setup:holdconn"),
        Code::SdpUnfit,
    );
    for name in ["fingerprint", "ice-ufrag", "ice-pwd", "setup", "group"] {
        check(&without(name), Code::SdpUnfit);
    }
    let audio = FFMPEG.find("m=audio").unwrap();
    let video = FFMPEG.find("m=video").unwrap();
    check(
        &format!("{FFMPEG}{}", &FFMPEG[audio..video]),
        Code::SdpUnfit,
    );
    check(
        &FFMPEG.replace(&FFMPEG[audio..], "m=application 9 UDP/DTLS/SCTP x\r\n"),
        Code::SdpUnfit,
    );
}

#[test]
fn a_codec_that_is_not_carried_is_said() {
    check(
        &FFMPEG.replace("H264/90000", "H265/90000"),
        Code::CodecUnsupported,
    );
    check(
        &FFMPEG.replace("opus/48000/2", "PCMU/8000"),
        Code::CodecUnsupported,
    );
}

#[tokio::test]
async fn answers_name_the_shared_port_once_and_stay_small() {
    let ingest = Ingest::start().await;
    let port = ingest.publishers.shared.port.address().port();
    for offer in [FFMPEG, CHROMIUM, SIMULCAST, SVC] {
        let answer = ingest
            .publishers
            .publish(super::ROOM, offer.to_owned())
            .await
            .unwrap()
            .sdp;
        let candidates: Vec<&str> = answer
            .lines()
            .filter(|line| line.starts_with("a=candidate:"))
            .collect();
        // UDP first: FFmpeg reads one.
        let wanted = [
            format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host"),
            format!("a=candidate:2 1 tcp 1520435199 127.0.0.1 {port} typ host tcptype passive"),
        ];
        assert_eq!(candidates, wanted, "{answer}");
        assert!(answer.starts_with("v=0\r\n") && answer.len() <= ANSWER_BYTES_MAX);
        let setup = if offer == FFMPEG {
            "a=setup:active"
        } else {
            "a=setup:passive"
        };
        assert!(answer.contains(setup), "{answer}");
        assert!(
            answer.contains("a=ice-lite") && answer.contains("a=recvonly"),
            "{answer}"
        );
        let sections = answer.lines().filter(|line| line.starts_with("m="));
        assert!(
            sections.clone().all(|line| !line.contains(" 0 UDP")),
            "{answer}"
        );
        assert_eq!(
            answer.contains("a=simulcast:recv q;h;f\r\n"),
            offer == SIMULCAST
        );
    }
    ingest.running.shutdown().await;
}

/// One change of an offer: a byte, a line twice, a line gone, two lines in each other's place, an
/// end too early.
fn mutate(offer: &str, rng: &mut SmallRng) -> String {
    let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
    for _ in 0..rng.random_range(1..6) {
        let (at, other) = (
            rng.random_range(0..lines.len()),
            rng.random_range(0..lines.len()),
        );
        match rng.random_range(0..6) {
            0 => lines.swap(at, other),
            1 => lines.insert(at, lines[other].clone()),
            2 if lines.len() > 1 => drop(lines.remove(at)),
            3 => lines.truncate(at.max(1)),
            _ => {
                let bytes: Vec<char> = lines[at].chars().collect();
                let end = rng.random_range(0..=bytes.len());
                let odd = ['\0', ' ', ':', '=', ';', '9', 'é', '-', '\u{ffff}'];
                lines[at] = bytes[..end]
                    .iter()
                    .chain(odd.choose(rng))
                    .collect::<String>()
                    + &bytes[end..].iter().skip(1).collect::<String>();
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

#[test]
fn changed_offers_are_taken_or_refused_but_never_break_it() {
    for seed in seeds::of(5_000) {
        let mut rng = SmallRng::seed_from_u64(seed);
        for offer in [FFMPEG, CHROMIUM, SIMULCAST, SVC] {
            // A panic names the test; the seed is in the message of the check below.
            let changed = mutate(offer, &mut rng);
            let outcome = std::panic::catch_unwind(|| Offer::parse(&changed).is_ok());
            assert!(outcome.is_ok(), "seed {seed} breaks the parser:\n{changed}");
        }
    }
}

/// Offers that pass our checks and are still odd go through the whole stack.
#[tokio::test]
async fn changed_offers_leave_nothing_behind() {
    let ingest = Ingest::start().await;
    let mut taken = 0;
    for seed in seeds::of(60) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let changed = mutate(SIMULCAST, &mut rng);
        match ingest.publishers.publish(super::ROOM, changed).await {
            Ok(it) => {
                taken += 1;
                assert!(
                    ingest
                        .publishers
                        .close(&it.peer, crate::PeerEnd::Closed)
                        .await
                );
            }
            Err(refusal) => assert!(refusal.code.status() < 500, "seed {seed}: {refusal}"),
        }
    }
    assert!(taken > 0, "the changes are too wild to test anything");
    let shared = std::sync::Arc::clone(&ingest.publishers.shared);
    ingest.running.shutdown().await;
    assert_eq!(shared.port.known(), (0, 0));
}
