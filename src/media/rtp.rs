//! A look at an RTP packet where it lies (RFC 3550 §5.1), without copying it.

use std::ops::Range;

/// The fixed part of the header; all that we send begins with exactly this one, and extensions may follow.
pub const HEADER_BYTES: usize = 12;

/// The parts of a packet that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Where the header's extensions lie, with their form and length; empty where there are none.
    pub extensions: Range<usize>,
    /// Where the payload lies, without header, extensions and padding. Empty for a packet that is
    /// only padding.
    pub payload: Range<usize>,
}

impl View {
    /// `None` for anything that is not a whole RTP packet of version 2.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (fixed, _) = packet.split_first_chunk::<HEADER_BYTES>()?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let mut start = HEADER_BYTES + 4 * usize::from(flags & 0x0f);
        let extensions_start = start;
        if flags & 0x10 != 0 {
            let length = packet.get(start + 2..start + 4)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
        }
        let mut end = packet.len();
        if start > end {
            return None;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(packet[end - 1]);
            if padding == 0 || padding > end - start {
                return None;
            }
            end -= padding;
        }
        Some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            extensions: extensions_start..start,
            payload: start..end,
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3, 0xaa, 0xbb];

    #[test]
    fn a_plain_packet_is_seen_as_it_is() {
        let view = View::parse(&PLAIN).unwrap();
        assert!(view.marker);
        assert_eq!((view.payload_type, view.sequence), (96, 7));
        assert_eq!((view.timestamp, view.ssrc, view.payload), (9, 3, 12..14));
        assert!(view.extensions.is_empty());
    }

    #[test]
    fn sources_extensions_and_padding_are_not_payload() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] = 0x80 | 0x20 | 0x10 | 1;
        packet.extend([0, 0, 0, 1]); // one contributing source
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]); // one word of extensions
        packet.extend([1, 2, 3, 0, 0, 3]);
        let view = View::parse(&packet).unwrap();
        assert_eq!((view.extensions, view.payload), (16..24, 24..27));
    }

    #[test]
    fn only_padding_has_an_empty_payload() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] |= 0x20;
        packet.extend([0, 0, 3]);
        assert!(View::parse(&packet).unwrap().payload.is_empty());
    }

    #[test]
    fn lengths_that_point_outside_are_refused() {
        let mut long_padding = PLAIN;
        long_padding[0] |= 0x20;
        long_padding[13] = 3;
        let mut no_padding = long_padding;
        no_padding[13] = 0;
        let mut extension = PLAIN;
        extension[0] |= 0x10;
        let mut sources = PLAIN;
        sources[0] |= 0x0f;
        let mut version = PLAIN;
        version[0] = 0x40;
        for bad in [long_padding, no_padding, extension, sources, version] {
            assert_eq!(View::parse(&bad), None, "{bad:02x?}");
        }
        assert_eq!(View::parse(&PLAIN[..11]), None);
    }

    #[test]
    fn no_bytes_make_it_panic_or_point_outside() {
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..64)];
            rng.fill_bytes(&mut bytes);
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x3f);
            }
            if let Some(view) = View::parse(&bytes) {
                assert!(view.payload.end <= bytes.len(), "seed {seed}");
                assert!(view.payload.start <= view.payload.end, "seed {seed}");
                assert!(view.extensions.end <= view.payload.start, "seed {seed}");
            }
        }
    }
}
