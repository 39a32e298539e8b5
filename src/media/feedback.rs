//! What viewers say by RTCP, as far as we act on it: packets they miss, pictures they cannot decode,
//! how much of what was sent is lost and what their line carries, the time at which they ask how far
//! away we are, and goodbye. Everything else (transport feedback) is stepped over.

const RECEIVER_REPORT: u8 = 201;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

const FORMAT_NACK: u8 = 1;
const FORMAT_PICTURE_LOSS: u8 = 1;
const FORMAT_FULL_INTRA: u8 = 4;
const FORMAT_APPLICATION: u8 = 15;
const BLOCK_REFERENCE_TIME: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// This packet did not arrive (RFC 4585 §6.2.1).
    Missing { ssrc: u32, sequence: u16 },
    /// Only a keyframe helps (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
    NeedsKeyframe { ssrc: u32 },
    /// Wants its time back: `last` is the middle of its NTP time (RFC 3611 §4.4).
    ReferenceTime { from: u32, last: u32 },
    /// What did not arrive of this stream.
    Lost { ssrc: u32, report: Reported },
    /// What its line carries of everything together (REMB, draft-alvestrand-rmcat-remb-03 §2.2).
    Carries { kbps: u32 },
    /// One of its sources left (RFC 3550 §6.6). Not the end of the peer.
    Bye,
}

/// What a receiver report counts of a stream from its beginning on (RFC 3550 §6.4.1). The difference of two
/// is what happened between them, even where some in between were lost themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// The highest number that arrived, with its rounds above.
    pub highest: u32,
    /// Falls where one came late after all.
    pub lost: i32,
}

/// Calls `each` for everything of interest in a decrypted compound packet. Stops at the first part
/// that does not fit.
pub fn read(mut packet: &[u8], mut each: impl FnMut(Feedback)) {
    while let [flags, kind, high, low, ..] = *packet {
        let size = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if flags >> 6 != 2 || size > packet.len() {
            return;
        }
        let (part, rest) = packet.split_at(size);
        read_part(flags & 0x1f, kind, &part[4..], &mut each);
        packet = rest;
    }
}

fn read_part(format: u8, kind: u8, body: &[u8], each: &mut impl FnMut(Feedback)) {
    match (kind, format) {
        (BYE, _) => each(Feedback::Bye),
        (RECEIVER_REPORT, blocks) => {
            let blocks_of = body.get(4..).unwrap_or_default().chunks_exact(24);
            for block in blocks_of.take(blocks.into()) {
                if let [Some(ssrc), Some(lost), Some(highest)] = [0, 4, 8].map(|at| word(block, at))
                {
                    // 24 bits with a sign, below a byte of something else.
                    let lost = (lost << 8).cast_signed() >> 8;
                    let report = Reported { highest, lost };
                    each(Feedback::Lost { ssrc, report });
                }
            }
        }
        (PAYLOAD_FEEDBACK, FORMAT_APPLICATION) => {
            if let Some(kbps) = estimate(body) {
                each(Feedback::Carries { kbps });
            }
        }
        (TRANSPORT_FEEDBACK, FORMAT_NACK) => {
            let Some(ssrc) = word(body, 4) else { return };
            for pair in body[8..].chunks_exact(4) {
                let first = u16::from_be_bytes([pair[0], pair[1]]);
                let more = u16::from_be_bytes([pair[2], pair[3]]);
                each(Feedback::Missing {
                    ssrc,
                    sequence: first,
                });
                for bit in (0..16).filter(|bit| more >> bit & 1 == 1) {
                    each(Feedback::Missing {
                        ssrc,
                        sequence: first.wrapping_add(bit + 1),
                    });
                }
            }
        }
        (PAYLOAD_FEEDBACK, FORMAT_PICTURE_LOSS) => {
            if let Some(ssrc) = word(body, 4) {
                each(Feedback::NeedsKeyframe { ssrc });
            }
        }
        (PAYLOAD_FEEDBACK, FORMAT_FULL_INTRA) => {
            for entry in body.get(8..).unwrap_or_default().chunks_exact(8) {
                if let Some(ssrc) = word(entry, 0) {
                    each(Feedback::NeedsKeyframe { ssrc });
                }
            }
        }
        (EXTENDED_REPORT, _) => read_blocks(body, each),
        _ => {}
    }
}

/// Six bits of exponent and 18 of mantissa, in bits a second.
fn estimate(body: &[u8]) -> Option<u32> {
    let [b'R', b'E', b'M', b'B', _, scale, high, low, ..] = *body.get(8..)? else {
        return None;
    };
    let mantissa = u128::from(u32::from_be_bytes([0, scale & 3, high, low]));
    let bits = mantissa << (scale >> 2);
    Some(u32::try_from(bits / 1_000).unwrap_or(u32::MAX))
}

fn read_blocks(body: &[u8], each: &mut impl FnMut(Feedback)) {
    let Some(from) = word(body, 0) else { return };
    let mut blocks = &body[4..];
    while let [kind, _, high, low, ..] = *blocks {
        let size = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some(block) = blocks.get(..size) else {
            return;
        };
        if let (BLOCK_REFERENCE_TIME, 12, Some(last)) = (kind, size, word(block, 6)) {
            each(Feedback::ReferenceTime { from, last });
        }
        blocks = &blocks[size..];
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn heard(packet: &[u8]) -> Vec<Feedback> {
        let mut heard = Vec::new();
        read(packet, |feedback| heard.push(feedback));
        heard
    }

    #[test]
    fn a_compound_packet_is_read_part_by_part() {
        let mut packet = vec![0x81, 201, 0, 7];
        packet.extend([0; 28]); // a receiver report
        packet.extend([
            0x81,
            205,
            0,
            3,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            9,
            0xff,
            0xff,
            0b1000_0000,
            1,
        ]);
        packet.extend([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9]);
        let missing = |sequence| Feedback::Missing { ssrc: 9, sequence };
        assert_eq!(
            heard(&packet),
            [
                Feedback::Lost {
                    ssrc: 0,
                    report: Reported::default()
                },
                missing(65_535),
                missing(0),
                missing(15),
                Feedback::NeedsKeyframe { ssrc: 9 }
            ]
        );
    }

    #[test]
    fn reports_of_loss_name_each_stream() {
        let mut packet = vec![0x82, 201, 0, 13, 0, 0, 0, 1];
        for (ssrc, lost) in [(9, [26, 0, 1, 2]), (11, [0, 0xff, 0xff, 0xfe])] {
            packet.extend([0, 0, 0, ssrc]);
            packet.extend(lost);
            packet.extend([0, 1, 0, 7]);
            packet.extend([0; 12]);
        }
        let lost = |ssrc, lost| Feedback::Lost {
            ssrc,
            report: Reported {
                highest: 65_543,
                lost,
            },
        };
        assert_eq!(heard(&packet), [lost(9, 258), lost(11, -2)]);
    }

    #[test]
    fn what_the_line_carries_is_a_number_of_any_size() {
        let estimate = |scale: u8, mantissa: u32| {
            let mut packet = vec![0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0];
            packet.extend(b"REMB\x01");
            let [_, high, middle, low] = mantissa.to_be_bytes();
            packet.extend([scale << 2 | high, middle, low, 0, 0, 0, 9]);
            heard(&packet)
        };
        assert_eq!(estimate(3, 50_000), [Feedback::Carries { kbps: 400 }]);
        assert_eq!(
            estimate(63, 0x3_ffff),
            [Feedback::Carries { kbps: u32::MAX }]
        );
        let other = [0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(heard(&other), []);
    }

    #[test]
    fn a_full_intra_request_names_its_streams_in_entries() {
        let mut packet = vec![0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0];
        packet.extend([0, 0, 0, 9, 3, 0, 0, 0]);
        assert_eq!(heard(&packet), [Feedback::NeedsKeyframe { ssrc: 9 }]);
    }

    #[test]
    fn a_reference_time_is_found_behind_other_blocks() {
        let mut packet = vec![0x80, 207, 0, 6, 0, 0, 0, 5];
        packet.extend([9, 0, 0, 1, 0, 0, 0, 0]);
        packet.extend([4, 0, 0, 2, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd, 0, 0]);
        assert_eq!(
            heard(&packet),
            [Feedback::ReferenceTime {
                from: 5,
                last: 0xaabb_ccdd
            }]
        );
    }

    #[test]
    fn lengths_that_point_outside_end_the_reading() {
        assert_eq!(heard(&[0x81, 205, 0, 9, 0, 0, 0, 1]), []);
        assert_eq!(heard(&[0x81, 205, 0, 0]), []);
        assert_eq!(heard(&[0x80, 207, 0, 2, 0, 0, 0, 5, 4, 0, 0, 200]), []);
        assert_eq!(heard(&[0x40, 203, 0, 0]), []);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for seed in seeds::of(50_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..80)];
            rng.fill_bytes(&mut bytes);
            if let [flags, kind, high, low, ..] = &mut bytes[..] {
                *flags = 0x80 | (*flags & 0x1f);
                *kind = 200 + *kind % 8;
                *high = 0;
                *low %= 20;
            }
            read(&bytes, |_| ());
        }
    }
}
