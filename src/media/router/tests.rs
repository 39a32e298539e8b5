use std::time::Duration;

use super::*;
use crate::CodecName;

const OLD: PublicationId = PublicationId(1);
const NEW: PublicationId = PublicationId(2);
const ROOM: u32 = 9;

fn router() -> Router {
    Router::new(WallClock::new(0, Instant::now()))
}

fn codec(name: CodecName) -> Codec {
    Codec {
        name,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
        descriptor: None,
        redundancy: None,
    }
}

fn key(ssrc: u32, sequence: u16) -> Bytes {
    let mut bytes = vec![0x80, 96];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x65, 1, 2]);
    bytes.into()
}

#[test]
fn a_publisher_that_comes_back_finds_its_viewers_and_its_line() {
    let mut router = router();
    let now = Instant::now();
    router.enter(ROOM, 4);
    assert_eq!(
        router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264)),
        Opened::GoesOn
    );
    router
        .push(ROOM, OLD, Kind::Video, Layer::ONLY, &[key(1, 5)], now)
        .unwrap();
    router.close(ROOM, OLD);
    assert!(router.stage(ROOM).unwrap().offered(Kind::Video).is_none());
    assert_eq!(
        router.open(ROOM, NEW, Kind::Video, Layer::ONLY, codec(CodecName::H264)),
        Opened::GoesOn
    );
    let accepted = router
        .push(ROOM, NEW, Kind::Video, Layer::ONLY, &[key(2, 900)], now)
        .unwrap();
    assert_eq!(accepted.fresh, 1..2);
    assert_eq!(router.stage(ROOM).unwrap().viewers(), [4]);
}

#[test]
fn who_was_replaced_is_not_heard_any_more() {
    let mut router = router();
    let now = Instant::now();
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    router.open(ROOM, NEW, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    assert!(
        router
            .push(ROOM, OLD, Kind::Video, Layer::ONLY, &[key(1, 5)], now)
            .is_none()
    );
    router.close(ROOM, OLD); // its end comes late and ends nothing
    assert!(
        router
            .push(ROOM, NEW, Kind::Video, Layer::ONLY, &[key(2, 5)], now)
            .is_some()
    );
}

#[test]
fn another_codec_says_that_answers_are_void() {
    let mut router = router();
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    let opened = router.open(ROOM, NEW, Kind::Video, Layer::ONLY, codec(CodecName::Vp8));
    assert_eq!(opened, Opened::CodecChanged);
}

#[test]
fn a_kind_that_the_new_publisher_has_not_is_not_offered() {
    let mut router = router();
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    router.open(ROOM, NEW, Kind::Audio, Layer::ONLY, codec(CodecName::Opus));
    let stage = router.stage(ROOM).unwrap();
    assert!(stage.offered(Kind::Video).is_none());
    assert!(stage.offered(Kind::Audio).is_some());
}

#[test]
fn a_room_without_publisher_and_viewers_is_forgotten() {
    let mut router = router();
    router.enter(ROOM, 1);
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    router.leave(ROOM, 1);
    assert_eq!(router.rooms(), 1);
    router.close(ROOM, OLD);
    assert_eq!(router.rooms(), 0);
    router.enter(ROOM, 1);
    router.leave(ROOM, 1);
    assert_eq!(router.rooms(), 0);
}

#[test]
fn wishes_of_a_room_are_asked_at_most_every_half_second() {
    let mut router = router();
    let start = Instant::now();
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    let mut asked = Vec::new();
    for ms in 0..1_200 {
        let now = start + Duration::from_millis(ms);
        if ms < 100
            && router
                .stage_mut(ROOM)
                .unwrap()
                .wish(Layer::ONLY, now)
                .is_some()
        {
            asked.push(ms);
        }
        asked.extend(router.due_wishes(now).into_iter().map(|_| ms));
    }
    assert_eq!(asked, [0, 500]);
}

#[test]
fn both_tracks_are_moved_to_our_clock_by_one_step() {
    let at = Instant::now();
    let mut router = Router::new(WallClock::new(1_000 << 32, at));
    router.open(ROOM, OLD, Kind::Video, Layer::ONLY, codec(CodecName::H264));
    router.open(ROOM, OLD, Kind::Audio, Layer::ONLY, codec(CodecName::Opus));
    router.set_time(ROOM, OLD, Kind::Video, Layer::ONLY, (100 << 32, 0), at);
    assert_eq!(router.stage(ROOM).unwrap().skew(), Some(900 << 32));
    router.set_time(ROOM, OLD, Kind::Audio, Layer::ONLY, (101 << 32, 0), at);
    assert_eq!(router.stage(ROOM).unwrap().skew(), Some(900 << 32));
}
