//! The RTCP that we send: which RTP time is which wall-clock time, so that sound and picture stay
//! together, and the echo by which a viewer measures its round trip.

use std::time::{Duration, Instant};

/// The canonical name of everything that one viewer gets: streams are only held in step with each
/// other under one name (RFC 3550 §6.5.1).
pub const CNAME: &str = "live";

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const EXTENDED_REPORT: u8 = 207;
const BLOCK_DELAY_SINCE_LAST: u8 = 5;
const ITEM_CNAME: u8 = 1;

/// Tells the wall-clock time of an instant, from one pair of both.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    ntp: u64,
    at: Instant,
}

impl WallClock {
    /// `ntp` as in RFC 5905: seconds since 1900 above, the fraction below.
    pub const fn new(ntp: u64, at: Instant) -> Self {
        Self { ntp, at }
    }

    pub fn ntp(&self, at: Instant) -> u64 {
        match at.checked_duration_since(self.at) {
            Some(after) => self.ntp.wrapping_add(ntp_span(after)),
            None => self.ntp.wrapping_sub(ntp_span(self.at - at)),
        }
    }
}

/// A duration as NTP counts it.
pub(crate) fn ntp_span(span: Duration) -> u64 {
    (span.as_secs() << 32) | ((u64::from(span.subsec_nanos()) << 32) / 1_000_000_000)
}

/// A duration in ticks of an RTP clock, on the circle of 32 bits.
pub(crate) fn ticks(span: Duration, clock: u32) -> u32 {
    let ticks = span.as_nanos() * u128::from(clock) / 1_000_000_000;
    ticks as u32
}

/// A difference of two NTP times, which may be negative, in ticks of an RTP clock on its circle.
pub(crate) fn ntp_ticks(difference: u64, clock: u32) -> u32 {
    let ticks = (i128::from(difference.cast_signed()) * i128::from(clock)) >> 32;
    ticks as u32
}

/// A sender report and our name (RFC 3550 §6.4.1, §6.5), as they are before encryption.
pub fn sender_report(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    out.extend([0x80, SENDER_REPORT, 0, 6]);
    out.extend(ssrc.to_be_bytes());
    out.extend(ntp.to_be_bytes());
    out.extend(rtp.to_be_bytes());
    out.extend(packets.to_be_bytes());
    out.extend(octets.to_be_bytes());

    // The chunk ends with at least one zero and on a word.
    let words = (4 + 2 + CNAME.len() + 1).div_ceil(4);
    out.extend([0x81, SOURCE_DESCRIPTION, 0, words as u8]);
    let chunk = out.len();
    out.extend(ssrc.to_be_bytes());
    out.extend([ITEM_CNAME, CNAME.len() as u8]);
    out.extend(CNAME.as_bytes());
    out.resize(chunk + 4 * words, 0);
    out
}

/// Answers a receiver's reference time (RFC 3611 §4.5): a viewer that only receives has no other
/// way to know its round trip, and asks for lost packets late without it. We answer at once, so the
/// delay is the smallest that can be said, 1/65,536 s.
pub fn reference_time_answer(own_ssrc: u32, to: u32, last: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend([0x80, EXTENDED_REPORT, 0, 5]);
    out.extend(own_ssrc.to_be_bytes());
    out.extend([BLOCK_DELAY_SINCE_LAST, 0, 0, 3]);
    out.extend(to.to_be_bytes());
    out.extend(last.to_be_bytes());
    out.extend(1_u32.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_runs_with_the_steady_one_in_both_directions() {
        let at = Instant::now() + Duration::from_secs(10);
        let clock = WallClock::new(100 << 32, at);
        assert_eq!(
            clock.ntp(at + Duration::from_millis(1_500)),
            (101 << 32) | (1 << 31)
        );
        assert_eq!(
            clock.ntp(at - Duration::from_millis(500)),
            (99 << 32) | (1 << 31)
        );
    }

    #[test]
    fn ticks_wrap_instead_of_stopping() {
        assert_eq!(ticks(Duration::from_millis(20), 48_000), 960);
        let day = ticks(Duration::from_secs(86_400), 90_000);
        assert_eq!(day, (86_400_u64 * 90_000) as u32);
    }

    #[test]
    fn differences_of_wall_clock_time_go_both_ways() {
        let second = 1_u64 << 32;
        assert_eq!(ntp_ticks(second / 2, 90_000), 45_000);
        let before = ntp_ticks(0_u64.wrapping_sub(second / 2), 90_000);
        assert_eq!(before, 0_u32.wrapping_sub(45_000));
    }

    #[test]
    fn a_report_is_whole_words_and_says_what_it_was_told() {
        let report = sender_report(0x0102_0304, 0x0a0b_0c0d_0e0f_1011, 7, 8, 9);
        assert_eq!(report.len() % 4, 0);
        assert_eq!(report[..4], [0x80, 200, 0, 6]);
        assert_eq!(report[8..16], 0x0a0b_0c0d_0e0f_1011_u64.to_be_bytes());
        assert_eq!(report[28..30], [0x81, 202]);
        let words = usize::from(u16::from_be_bytes([report[30], report[31]]));
        assert_eq!(28 + 4 * (words + 1), report.len());
        assert_eq!(&report[36..38], &[1, 4]);
        assert_eq!(&report[38..42], CNAME.as_bytes());
        assert_eq!(report[42], 0);
    }

    #[test]
    fn an_answer_names_whom_it_answers() {
        let answer = reference_time_answer(1, 2, 3);
        assert_eq!(answer.len(), 24);
        assert_eq!(answer[12..], [0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1]);
    }
}
