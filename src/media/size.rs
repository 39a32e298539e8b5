//! How large a picture is, as its keyframe says: what a viewer shows in a small place needs no big one.
//! Only for what is quickly read: H264 and VP8, which is nearly everything that is published in layers.

use crate::{CodecName, vp8};

const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
/// Longer ones have been seen from nobody; what is read lies in the first few bytes.
const SPS_BYTES_MAX: usize = 256;
/// Profiles whose parameter sets also tell the sampling of colours (ITU-T H.264 §7.3.2.1.1).
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// In pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

/// `payload` begins a keyframe; `None` where it does not say.
pub(crate) fn size_of(codec: CodecName, payload: &[u8]) -> Option<Size> {
    match codec {
        CodecName::H264 => h264(payload),
        CodecName::Vp8 => vp8::size(payload),
        CodecName::Vp9 | CodecName::Av1 | CodecName::Opus => None,
    }
}

fn h264(payload: &[u8]) -> Option<Size> {
    match payload.first()? & 0x1f {
        H264_SPS => sps(payload),
        H264_STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, after @ ..] = rest {
                let size = usize::from(u16::from_be_bytes([*high, *low]));
                let unit = after.get(..size)?;
                if unit.first()? & 0x1f == H264_SPS {
                    return sps(unit);
                }
                rest = &after[size..];
            }
            None
        }
        _ => None,
    }
}

/// A sequence parameter set (ITU-T H.264 §7.3.2.1.1), as far as the size.
fn sps(unit: &[u8]) -> Option<Size> {
    let mut clean = Vec::with_capacity(unit.len().min(SPS_BYTES_MAX));
    for byte in unit.iter().take(SPS_BYTES_MAX) {
        // The byte that keeps two zeros from looking like a start code (§7.4.1).
        if *byte == 3 && clean.ends_with(&[0, 0]) {
            continue;
        }
        clean.push(*byte);
    }
    let profile = *clean.get(1)?;
    let mut bits = Bits {
        bytes: &clean,
        at: 32,
    };
    bits.number()?;
    let mut colours = 1;
    if HIGH_PROFILES.contains(&profile) {
        colours = bits.number()?;
        if colours == 3 {
            bits.take(1)?;
        }
        bits.number()?;
        bits.number()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            skip_scaling_lists(&mut bits, if colours == 3 { 12 } else { 8 })?;
        }
    }
    bits.number()?;
    match bits.number()? {
        0 => {
            bits.number()?;
        }
        1 => {
            bits.take(1)?;
            bits.number()?;
            bits.number()?;
            let count = bits.number()?;
            for _ in 0..count.min(255) {
                bits.number()?;
            }
        }
        _ => {}
    }
    bits.number()?;
    bits.take(1)?;
    let across = bits.number()?.checked_add(1)?;
    let units = bits.number()?.checked_add(1)?;
    let fields = bits.take(1)? == 0;
    if fields {
        bits.take(1)?;
    }
    bits.take(1)?;
    let (mut sides, mut ends) = (0_u32, 0_u32);
    if bits.take(1)? == 1 {
        sides = bits.number()?.checked_add(bits.number()?)?;
        ends = bits.number()?.checked_add(bits.number()?)?;
    }
    let frame = if fields { 2 } else { 1 };
    // Cropping counts in units of the colour samples: two pixels where those are halved (§7.4.2.1.1).
    let halved_across = if matches!(colours, 1 | 2) { 2 } else { 1 };
    let halved_down = if colours == 1 { 2 } else { 1 };
    Some(Size {
        width: pixels(across, 16, sides, halved_across)?,
        height: pixels(units, 16 * frame, ends, halved_down * frame)?,
    })
}

/// So many units of so many pixels, less what is cropped of them.
fn pixels(units: u32, unit: u32, cropped: u32, crop_unit: u32) -> Option<u16> {
    let pixels = units.checked_mul(unit)?;
    let pixels = pixels.checked_sub(cropped.checked_mul(crop_unit)?)?;
    u16::try_from(pixels).ok().filter(|pixels| *pixels > 0)
}

fn skip_scaling_lists(bits: &mut Bits<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if bits.take(1)? == 0 {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let code = bits.number()?;
                let half = i32::try_from(code.div_ceil(2)).ok()?;
                let delta = if code % 2 == 1 { half } else { -half };
                next = (last + delta).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Some(())
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// An unsigned Exp-Golomb number (§9.1).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1) as u32 + self.take(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// Writes what [`Bits`] reads.
    #[derive(Default)]
    struct Written(Vec<bool>);

    impl Written {
        fn bit(&mut self, bit: bool) -> &mut Self {
            self.0.push(bit);
            self
        }

        fn number(&mut self, value: u32) -> &mut Self {
            let value = u64::from(value) + 1;
            let length = 64 - value.leading_zeros();
            self.0.extend((1..length).map(|_| false));
            self.0
                .extend((0..length).rev().map(|at| value >> at & 1 == 1));
            self
        }

        fn bytes(&self, profile: u8) -> Vec<u8> {
            let mut bytes = vec![0x67, profile, 0xc0, 0x1f];
            for chunk in self.0.chunks(8) {
                let bits = chunk.iter().enumerate();
                bytes.push(bits.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at)));
            }
            bytes.push(0x80);
            bytes
        }
    }

    const fn size(width: u16, height: u16) -> Option<Size> {
        Some(Size { width, height })
    }

    /// A baseline set of so many pixels, multiples of two.
    fn baseline(width: u32, height: u32) -> Vec<u8> {
        let mut written = Written::default();
        let (across, units) = (width.div_ceil(16), height.div_ceil(16));
        // id, frame numbers, order of pictures by count, references.
        written.number(0).number(0).number(2).number(1).bit(false);
        written.number(across - 1).number(units - 1);
        written.bit(true).bit(true);
        let (side, end) = ((across * 16 - width) / 2, (units * 16 - height) / 2);
        written.bit(side + end > 0);
        if side + end > 0 {
            written.number(0).number(side).number(0).number(end);
        }
        written.bytes(66)
    }

    #[test]
    fn h264_says_its_size_with_and_without_cropping() {
        for (width, height) in [(320, 180), (640, 360), (960, 540), (1_280, 720), (854, 480)] {
            let sps = baseline(width, height);
            let wanted = size(width as u16, height as u16);
            assert_eq!(size_of(CodecName::H264, &sps), wanted);
            let mut together = vec![0x78, 0, 2, 9, 0x10];
            together.extend((sps.len() as u16).to_be_bytes());
            together.extend(&sps);
            assert_eq!(size_of(CodecName::H264, &together), wanted);
        }
        assert_eq!(size_of(CodecName::H264, &[0x65, 0x88]), None);
    }

    #[test]
    fn a_high_profile_says_more_before_its_height() {
        let mut written = Written::default();
        written.number(0).number(1).number(0).number(0).bit(false);
        // One scaling list that ends after its first number.
        written.bit(true).bit(true).number(16);
        for _ in 0..7 {
            written.bit(false);
        }
        written.number(0).number(0).number(2).number(4).bit(false);
        written.number(119).number(67).bit(true).bit(true).bit(true);
        written.number(0).number(0).number(0).number(4);
        let sps = written.bytes(100);
        assert_eq!(size_of(CodecName::H264, &sps), size(1_920, 1_080));
    }

    #[test]
    fn a_byte_that_hides_a_start_code_is_no_part_of_the_numbers() {
        let mut hidden = baseline(1_280, 720);
        hidden.splice(4..4, [0, 0, 3]);
        let mut plain = baseline(1_280, 720);
        plain.splice(4..4, [0, 0]);
        assert_eq!(sps(&hidden), sps(&plain));
    }

    #[test]
    fn no_payload_makes_it_panic() {
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..40)];
            rng.fill_bytes(&mut bytes);
            if let Some(first) = bytes.first_mut() {
                *first = if rng.random_bool(0.5) { 0x67 } else { 0x78 };
            }
            for codec in CodecName::ALL {
                let _ = size_of(codec, &bytes);
            }
        }
    }
}
