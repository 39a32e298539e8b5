//! Does this payload begin a picture that needs no other? Looked at per packet, as cheaply as each
//! codec allows.

use crate::CodecName;

/// True for the first packet of a keyframe (for H264 also for its parameter sets, which come first
/// and without which the picture is useless). Sound has no keyframes: always true.
pub fn begins_keyframe(codec: CodecName, payload: &[u8]) -> bool {
    match codec {
        CodecName::Opus => true,
        CodecName::H264 => h264(payload),
        CodecName::Vp8 => vp8(payload),
        CodecName::Vp9 => vp9(payload),
        CodecName::Av1 => av1(payload),
    }
}

const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;

/// RFC 6184: a single NAL unit, several in one packet (STAP-A §5.7.1), or the first fragment of one
/// (FU-A §5.8).
fn h264(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else {
        return false;
    };
    match first & 0x1f {
        H264_IDR | H264_SPS => true,
        H264_STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, unit @ ..] = rest {
                let size = usize::from(u16::from_be_bytes([*high, *low]));
                let Some(kind) = unit.first().filter(|_| size > 0).map(|byte| byte & 0x1f) else {
                    return false;
                };
                if matches!(kind, H264_IDR | H264_SPS) {
                    return true;
                }
                let Some(next) = unit.get(size..) else {
                    return false;
                };
                rest = next;
            }
            false
        }
        H264_FU_A => payload
            .get(1)
            .is_some_and(|head| head & 0x80 != 0 && head & 0x1f == H264_IDR),
        _ => false,
    }
}

/// RFC 7741 §4.2 and §4.3: the first packet of the first partition, and the inverse keyframe bit of
/// its payload header.
fn vp8(payload: &[u8]) -> bool {
    let [descriptor, rest @ ..] = payload else {
        return false;
    };
    let begins = descriptor & 0x10 != 0 && descriptor & 0x07 == 0;
    let mut skip = 0;
    if descriptor & 0x80 != 0 {
        let Some(&extension) = rest.first() else {
            return false;
        };
        skip = 1;
        if extension & 0x80 != 0 {
            let Some(&picture) = rest.get(skip) else {
                return false;
            };
            skip += if picture & 0x80 != 0 { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            skip += 1;
        }
        if extension & 0x30 != 0 {
            skip += 1;
        }
    }
    begins && rest.get(skip).is_some_and(|header| header & 1 == 0)
}

/// RFC 9628 §4.2: the beginning of a frame that is not predicted from another, on the base layer.
fn vp9(payload: &[u8]) -> bool {
    let [descriptor, rest @ ..] = payload else {
        return false;
    };
    let (picture_id, predicted, layers, begins) = (
        descriptor & 0x80,
        descriptor & 0x40,
        descriptor & 0x20,
        descriptor & 0x08,
    );
    if predicted != 0 || begins == 0 {
        return false;
    }
    if layers == 0 {
        return true;
    }
    let mut at = 0;
    if picture_id != 0 {
        let Some(&first) = rest.first() else {
            return false;
        };
        at = if first & 0x80 != 0 { 2 } else { 1 };
    }
    rest.get(at).is_some_and(|layer| (layer >> 1) & 0x07 == 0)
}

/// The aggregation header of AV1 RTP §4.4 says it itself: N, the first packet of a coded video
/// sequence.
fn av1(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & 0x08 != 0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn check(codec: CodecName, payload: &[u8], begins: bool) {
        assert_eq!(
            begins_keyframe(codec, payload),
            begins,
            "{codec:?} {payload:02x?}"
        );
    }

    #[test]
    fn h264_begins_with_parameter_sets_or_an_idr() {
        check(CodecName::H264, &[0x67, 0x42], true);
        check(CodecName::H264, &[0x65, 0x88], true);
        check(CodecName::H264, &[0x41, 0x9a], false);
        check(CodecName::H264, &[0x68, 0xce], false);
        check(CodecName::H264, &[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68], true);
        check(CodecName::H264, &[0x78, 0, 1, 0x06, 0, 2, 0x65, 1], true);
        check(CodecName::H264, &[0x78, 0, 1, 0x06, 0, 2, 0x41, 1], false);
        check(CodecName::H264, &[0x78, 0, 9, 0x06], false);
        check(CodecName::H264, &[0x78, 0, 0, 0x65], false);
        check(CodecName::H264, &[0x7c, 0x85], true);
        check(CodecName::H264, &[0x7c, 0x05], false);
        check(CodecName::H264, &[0x7c, 0x81], false);
        check(CodecName::H264, &[], false);
    }

    #[test]
    fn vp8_begins_with_its_first_partition_and_a_clear_bit() {
        check(CodecName::Vp8, &[0x10, 0x00], true);
        check(CodecName::Vp8, &[0x10, 0x01], false);
        check(CodecName::Vp8, &[0x00, 0x00], false);
        check(CodecName::Vp8, &[0x11, 0x00], false);
        check(
            CodecName::Vp8,
            &[0x90, 0xe0, 0x81, 0x23, 0x05, 0x20, 0x10],
            true,
        );
        check(CodecName::Vp8, &[0x90, 0x80, 0x11, 0x10], true);
        check(CodecName::Vp8, &[0x90, 0x80, 0x11, 0x11], false);
        check(CodecName::Vp8, &[0x90, 0x80], false);
    }

    #[test]
    fn vp9_begins_with_an_unpredicted_base_layer() {
        check(CodecName::Vp9, &[0x88, 0x12], true);
        check(CodecName::Vp9, &[0xc8, 0x12], false);
        check(CodecName::Vp9, &[0x80, 0x12], false);
        check(CodecName::Vp9, &[0xa8, 0x81, 0x23, 0x00], true);
        check(CodecName::Vp9, &[0xa8, 0x81, 0x23, 0x02], false);
        check(CodecName::Vp9, &[0xa8], false);
    }

    #[test]
    fn av1_says_so() {
        check(CodecName::Av1, &[0x18, 0x0a], true);
        check(CodecName::Av1, &[0x10, 0x0a], false);
        check(CodecName::Av1, &[], false);
    }

    #[test]
    fn no_payload_makes_it_panic() {
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..24)];
            rng.fill_bytes(&mut bytes);
            for codec in CodecName::ALL {
                let _ = begins_keyframe(codec, &bytes);
            }
        }
    }
}
