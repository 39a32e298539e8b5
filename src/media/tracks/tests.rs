use super::*;
use crate::CodecName;

const PUBLICATION: PublicationId = PublicationId(1);

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

struct Layers {
    tracks: Tracks,
    start: Instant,
    sequence: u16,
}

fn layers(count: u8) -> Layers {
    let mut tracks = Tracks::default();
    for layer in 0..count {
        tracks.open(PUBLICATION, Layer(layer), codec(CodecName::H264));
    }
    Layers {
        tracks,
        start: Instant::now(),
        sequence: 0,
    }
}

impl Layers {
    /// A frame of a layer at so many milliseconds.
    fn frame(&mut self, layer: u8, ms: u64) -> Accepted {
        self.sequence += 1;
        let mut bytes = vec![0x80, 0xe0];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend((ms as u32 * 90).to_be_bytes());
        bytes.extend(u32::from(layer + 1).to_be_bytes());
        bytes.extend([0x65; 40]);
        let arrived = self.start + Duration::from_millis(ms);
        let packets = [bytes.into()];
        let pushed = self
            .tracks
            .push(PUBLICATION, Layer(layer), &packets, arrived);
        pushed.unwrap()
    }

    fn flowing(&self) -> Vec<u8> {
        let seen = self.tracks.seen(PUBLICATION);
        seen.layers().iter().map(|it| it.layer.0).collect()
    }
}

#[test]
fn a_layer_that_stops_is_silent_after_a_second_and_comes_back() {
    let mut layers = layers(3);
    for ms in (0..1_000).step_by(50) {
        for layer in 0..3 {
            layers.frame(layer, ms);
        }
    }
    assert_eq!(layers.flowing(), [0, 1, 2]);
    let mut silent = None;
    for ms in (1_000..3_000).step_by(50) {
        for layer in 0..2 {
            if layers.frame(layer, ms).layers_changed {
                silent.get_or_insert(ms);
            }
        }
    }
    assert_eq!(layers.flowing(), [0, 1]);
    assert_eq!(silent, Some(2_050), "950 ms was its last");
    assert!(layers.frame(2, 3_000).layers_changed);
    assert_eq!(layers.flowing(), [0, 1, 2]);
    assert!(!layers.frame(2, 3_050).layers_changed);
}

#[test]
fn a_picture_that_stands_still_has_no_silent_layer() {
    let mut layers = layers(2);
    for ms in (0..30_000).step_by(3_000) {
        layers.frame(0, ms);
        if ms > 0 {
            assert_eq!(
                layers.flowing(),
                [0, 1],
                "{ms} ms: the other one is on its way"
            );
        }
        layers.frame(1, ms + 20);
        assert_eq!(layers.flowing(), [0, 1], "{ms} ms");
    }
}

#[test]
fn what_has_not_begun_does_not_flow_and_what_ended_neither() {
    let mut layers = layers(3);
    assert_eq!(layers.flowing(), [0_u8; 0]);
    layers.frame(0, 0);
    assert_eq!(layers.flowing(), [0]);
    layers.frame(1, 10);
    layers.tracks.silence();
    assert_eq!(layers.flowing(), [0_u8; 0]);
}

#[test]
fn every_layer_is_told_of_and_one_that_is_silent_without_a_rate() {
    let mut layers = layers(2);
    let rates = |layers: &Layers| {
        let told = layers.tracks.told(PUBLICATION);
        told.iter().map(|it| it.kbps > 0).collect::<Vec<_>>()
    };
    assert_eq!(rates(&layers), [false, false]);
    for ms in (0..2_000).step_by(50) {
        layers.frame(0, ms);
        layers.frame(1, ms);
    }
    assert_eq!(rates(&layers), [true, true]);
    for ms in (2_000..4_000).step_by(50) {
        layers.frame(0, ms);
    }
    assert_eq!(rates(&layers), [true, false]);
    assert!(layers.tracks.told(PublicationId(2)).is_empty());
}

#[test]
fn layers_are_ordered_by_their_height_where_all_tell_it() {
    let seen = |heights: [Option<u16>; 3]| {
        let layers = (0..).zip(heights).map(|(layer, height)| LayerSeen {
            layer: Layer(layer),
            height,
            ..LayerSeen::default()
        });
        let seen = Seen::of(layers);
        seen.layers()
            .iter()
            .map(|it| it.layer.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(seen([Some(720), Some(360), Some(180)]), [2, 1, 0]);
    assert_eq!(seen([Some(720), None, Some(180)]), [0, 1, 2]);
}

#[test]
fn another_codec_clears_every_layer() {
    let mut layers = layers(3);
    layers.frame(2, 0);
    let next = PublicationId(2);
    let opened = layers.tracks.open(next, Layer(0), codec(CodecName::Vp8));
    assert_eq!(opened, Opened::CodecChanged);
    assert!(layers.tracks.get(Layer(2)).is_none());
    let opened = layers.tracks.open(next, Layer(1), codec(CodecName::Vp8));
    assert_eq!(opened, Opened::GoesOn);
}

#[test]
fn a_layer_that_does_not_exist_is_nothing() {
    let mut tracks = Tracks::default();
    tracks.open(PUBLICATION, Layer(3), codec(CodecName::H264));
    assert!(tracks.get(Layer(3)).is_none());
    assert!(tracks.of(PUBLICATION, Layer(3)).is_none());
}
