//! What a viewer says by RTCP, as browsers say it: receiver reports each second, its reference time, what
//! is missing, that it needs a keyframe, and how much its line takes; and what it learns of the answers.

use std::time::{Duration, Instant};

use super::tracks::Fates;

/// Our own source number.
const OWN: u32 = 1;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;
const NACK: u8 = 1;
const PICTURE_LOSS: u8 = 1;
const APPLICATION: u8 = 15;
const REFERENCE_TIME: u8 = 4;
const DELAY_SINCE: u8 = 5;
/// Cumulative loss has 24 bits, of which one is a sign.
const LOST_MAX: u64 = 0x7f_ffff;

/// One track as its reports say it (RFC 3550 §6.4.1 and §A.8).
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) ssrc: u32,
    clock_hz: f64,
    highest: u64,
    /// Since the report before this one.
    before: Fates,
    transit: Option<f64>,
    /// In ticks of the track's clock.
    jitter: f64,
    /// The middle of the sender report's time, and when it came.
    report: Option<(u32, Instant)>,
}

impl Reception {
    pub(super) fn new(clock_hz: u32) -> Self {
        Self {
            ssrc: 0,
            clock_hz: f64::from(clock_hz),
            highest: 0,
            before: Fates::default(),
            transit: None,
            jitter: 0.0,
            report: None,
        }
    }

    /// A packet came; `since` is the time since the line began.
    pub(super) fn hear(&mut self, ssrc: u32, index: u64, timestamp: u32, since: Duration) {
        if self.ssrc != ssrc {
            (self.ssrc, self.transit) = (ssrc, None);
        }
        self.highest = self.highest.max(index);
        let transit = since.as_secs_f64() * self.clock_hz - f64::from(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            // A timestamp that begins anew is no jitter.
            let apart = (transit - before).abs();
            if apart < self.clock_hz * 10.0 {
                self.jitter += (apart - self.jitter) / 16.0;
            }
        }
    }

    /// A sender report of this track came.
    pub(super) fn hear_report(&mut self, middle: u32, now: Instant) {
        self.report = Some((middle, now));
    }

    /// Whether a sender report came.
    pub(super) fn is_reported(&self) -> bool {
        self.report.is_some()
    }

    /// Of packets that were repeated under another source a receiver knows nothing here: what did not
    /// come in its turn is lost.
    fn block(&mut self, fates: &Fates, now: Instant) -> [u8; 24] {
        let part = fates.since(&self.before);
        self.before = *fates;
        let fraction = (part.lost * 256)
            .checked_div(part.sent)
            .unwrap_or(0)
            .min(255) as u32;
        let lost = fates.lost.min(LOST_MAX) as u32;
        let (last, delay) = self.report.map_or((0, 0), |(middle, at)| {
            let delay = now.saturating_duration_since(at).as_secs_f64() * 65_536.0;
            (middle, delay as u32)
        });
        let words = [
            self.ssrc,
            fraction << 24 | lost,
            self.highest as u32,
            self.jitter as u32,
            last,
            delay,
        ];
        let mut block = [0; 24];
        for (bytes, word) in block.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        block
    }
}

/// A compound packet in the making. It opens with a receiver report (RFC 3550 §6.1).
#[derive(Debug)]
pub(super) struct Compound(Vec<u8>);

impl Compound {
    /// With the blocks of those that were heard; an empty report where there are none.
    pub(super) fn new<'a>(
        tracks: impl Iterator<Item = (&'a mut Reception, &'a Fates)>,
        now: Instant,
    ) -> Self {
        let blocks: Vec<[u8; 24]> = tracks
            .filter(|(it, _)| it.ssrc != 0)
            .map(|(it, fates)| it.block(fates, now))
            .collect();
        let mut compound = Self(Vec::with_capacity(256));
        compound.part(
            blocks.len() as u8,
            RECEIVER_REPORT,
            &[OWN],
            &blocks.concat(),
        );
        compound
    }

    /// Our time, which a server that knows how answers (RFC 3611 §4.4).
    pub(super) fn reference_time(&mut self, ntp: u64) {
        let mut block = vec![REFERENCE_TIME, 0, 0, 2];
        block.extend(ntp.to_be_bytes());
        self.part(0, EXTENDED_REPORT, &[OWN], &block);
    }

    /// These are missing (RFC 4585 §6.2.1), in as few words as it takes.
    pub(super) fn missing(&mut self, ssrc: u32, seqs: &[u16]) {
        if seqs.is_empty() {
            return;
        }
        let mut pairs: Vec<(u16, u16)> = Vec::new();
        for seq in seqs {
            match pairs.last_mut() {
                Some((first, more)) if (1..=16).contains(&seq.wrapping_sub(*first)) => {
                    *more |= 1 << (seq.wrapping_sub(*first) - 1);
                }
                _ => pairs.push((*seq, 0)),
            }
        }
        let pairs: Vec<u8> = pairs
            .iter()
            .flat_map(|(first, more)| [first.to_be_bytes(), more.to_be_bytes()].concat())
            .collect();
        self.part(NACK, TRANSPORT_FEEDBACK, &[OWN, ssrc], &pairs);
    }

    /// Only a keyframe helps (RFC 4585 §6.3.1).
    pub(super) fn picture_loss(&mut self, ssrc: u32) {
        self.part(PICTURE_LOSS, PAYLOAD_FEEDBACK, &[OWN, ssrc], &[]);
    }

    /// The line takes so much (draft-alvestrand-rmcat-remb): mantissa and exponent.
    pub(super) fn estimate(&mut self, bits_per_s: u64, ssrcs: &[u32]) {
        let exponent = (64 - bits_per_s.leading_zeros()).saturating_sub(18);
        let mantissa = (bits_per_s >> exponent) as u32;
        let mut body = b"REMB".to_vec();
        let count = ssrcs.len() as u32;
        body.extend((count << 24 | exponent << 18 | mantissa).to_be_bytes());
        body.extend(ssrcs.iter().flat_map(|it| it.to_be_bytes()));
        self.part(APPLICATION, PAYLOAD_FEEDBACK, &[OWN, 0], &body);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn part(&mut self, format: u8, kind: u8, words: &[u32], body: &[u8]) {
        let length = (words.len() + body.len() / 4) as u16;
        self.0.extend([0x80 | format, kind]);
        self.0.extend(length.to_be_bytes());
        self.0.extend(words.iter().flat_map(|it| it.to_be_bytes()));
        self.0.extend_from_slice(body);
    }
}

/// What matters of a compound packet that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A sender report: of whom, and the middle of its time.
    Sent { ssrc: u32, middle: u32 },
    /// Our reference time comes back: its middle, and how long it was held, in 1/65536 s.
    Back { middle: u32, held: u32 },
}

/// Reads what came, decrypted; stops at the first part that does not fit.
pub(super) fn read(mut packet: &[u8], mut each: impl FnMut(Told)) {
    while let [flags, kind, high, low, ..] = *packet {
        let size = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if flags >> 6 != 2 || size > packet.len() {
            return;
        }
        let (part, rest) = packet.split_at(size);
        match kind {
            SENDER_REPORT => {
                if let (Some(ssrc), Some(middle)) = (word(part, 4), word(part, 10)) {
                    each(Told::Sent { ssrc, middle });
                }
            }
            EXTENDED_REPORT => read_blocks(part.get(8..).unwrap_or_default(), &mut each),
            _ => {}
        }
        packet = rest;
    }
}

fn read_blocks(mut blocks: &[u8], each: &mut impl FnMut(Told)) {
    while let [kind, _, high, low, ..] = *blocks {
        let size = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some((block, rest)) = blocks.split_at_checked(size) else {
            return;
        };
        for entry in block[4..].chunks_exact(12).filter(|_| kind == DELAY_SINCE) {
            if let (Some(OWN), Some(middle), Some(held)) =
                (word(entry, 0), word(entry, 4), word(entry, 8))
            {
                each(Told::Back { middle, held });
            }
        }
        blocks = rest;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*word))
}

/// The time there and back, when our reference time comes back at `ntp` (RFC 3611 §4.5). `None` where the
/// clock was set meanwhile.
pub(super) fn way(ntp: u64, middle: u32, held: u32) -> Option<Duration> {
    let round = middle_of(ntp).wrapping_sub(middle);
    let ticks = round.saturating_sub(held);
    (round < 1 << 24).then(|| Duration::from_secs_f64(f64::from(ticks) / 65_536.0))
}

/// The middle 32 bits of an NTP time.
pub(super) fn middle_of(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// A compound with nothing but its report, and the parts after it.
    fn after_report(with: impl FnOnce(&mut Compound)) -> Vec<u8> {
        let mut compound = Compound::new(std::iter::empty(), Instant::now());
        with(&mut compound);
        let bytes = compound.into_bytes();
        assert_eq!(bytes[..8], [0x80, 201, 0, 1, 0, 0, 0, 1]);
        bytes[8..].to_vec()
    }

    #[test]
    fn a_report_says_what_was_lost_and_when_it_was_told_last() {
        let now = Instant::now();
        let mut video = Reception::new(90_000);
        video.hear(7, 65_540, 0, Duration::ZERO);
        // 10 ms later than its timestamp says.
        video.hear(7, 65_542, 3_600, Duration::from_millis(50));
        video.hear_report(0x1234_5678, now);
        let fates = Fates {
            sent: 4,
            lost: 1,
            ..Fates::default()
        };
        let silent = &mut Reception::new(48_000);
        let later = now + Duration::from_millis(500);
        let unheard = (silent, &Fates::default());
        let tracks = [(&mut video, &fates), unheard].into_iter();
        let bytes = Compound::new(tracks, later).into_bytes();
        assert_eq!(bytes[..8], [0x81, 201, 0, 7, 0, 0, 0, 1]);
        let words: Vec<u32> = (bytes[8..].chunks_exact(4))
            .filter_map(|it| word(it, 0))
            .collect();
        // A quarter is lost; 900 ticks of jitter count a sixteenth.
        assert_eq!(words, [7, 64 << 24 | 1, 65_542, 56, 0x1234_5678, 32_768]);
        let more = Fates { sent: 8, ..fates };
        let block = video.block(&more, later);
        assert_eq!(block[4..8], [0, 0, 0, 1], "nothing was lost since then");
        assert!(video.is_reported());
    }

    #[test]
    fn a_timestamp_that_begins_anew_is_no_jitter() {
        let mut video = Reception::new(90_000);
        video.hear(7, 1, 5, Duration::ZERO);
        video.hear(7, 2, 4_000_000_000, Duration::from_millis(1));
        assert_eq!(video.jitter, 0.0);
    }

    #[test]
    fn what_is_missing_is_said_in_few_words() {
        let bytes = after_report(|it| it.missing(9, &[65_535, 0, 15, 16, 40]));
        let first = [0xff, 0xff, 0x80, 0x01];
        let wanted = [
            &[0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 9][..],
            &first,
            &[0, 16, 0, 0],
            &[0, 40, 0, 0],
        ];
        assert_eq!(bytes, wanted.concat());
        assert!(after_report(|it| it.missing(9, &[])).is_empty());
    }

    #[test]
    fn wishes_and_estimates_are_as_browsers_say_them() {
        let bytes = after_report(|it| it.picture_loss(9));
        assert_eq!(bytes, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9]);
        let bytes = after_report(|it| it.estimate(1_500_000, &[9]));
        assert_eq!(bytes[..12], [0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(&bytes[12..16], b"REMB");
        let word = word(&bytes, 16).expect("there");
        let (exponent, mantissa) = (word >> 18 & 63, word & 0x3_ffff);
        assert_eq!((word >> 24, mantissa << exponent), (1, 1_500_000));
        assert_eq!(bytes[20..], [0, 0, 0, 9]);
        let small = after_report(|it| it.estimate(1, &[]));
        assert_eq!(small[16..20], [0, 0, 0, 1]);
    }

    #[test]
    fn the_way_is_known_when_our_time_comes_back() {
        let ntp = 0x0000_0010_8000_0000;
        let bytes = after_report(|it| it.reference_time(ntp));
        assert_eq!(bytes[..12], [0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2]);
        assert_eq!(bytes[12..20], ntp.to_be_bytes());
        // It comes back after 100 ms, of which the server held it for 25.
        let ms = |n: u64| (n << 32) / 1_000;
        let held = (ms(25) >> 16) as u32;
        let mut answer = vec![0x80, 207, 0, 5, 0, 0, 0, 7, 5, 0, 0, 3, 0, 0, 0, 1];
        answer.extend(middle_of(ntp).to_be_bytes());
        answer.extend(held.to_be_bytes());
        let mut told = Vec::new();
        read(&answer, |it| told.push(it));
        let middle = middle_of(ntp);
        assert_eq!(told, [Told::Back { middle, held }]);
        let took = way(ntp + ms(100), middle, held).expect("known");
        assert_eq!(took.as_micros().div_ceil(1_000), 75);
        assert_eq!(way(ntp - ms(100), middle, 0), None);
    }

    #[test]
    fn a_sender_report_is_found_among_others() {
        let mut bytes = after_report(|it| it.picture_loss(9));
        bytes.extend([0x80, 200, 0, 6, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([0; 12]);
        let mut told = Vec::new();
        read(&bytes, |it| told.push(it));
        let middle = 0x0304_0506;
        assert_eq!(told, [Told::Sent { ssrc: 9, middle }]);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..80)];
            rng.fill_bytes(&mut bytes);
            if let [flags, kind, high, low, ..] = &mut bytes[..] {
                (*flags, *kind) = (0x80 | (*flags & 0x1f), 200 + *kind % 8);
                (*high, *low) = (0, *low % 20);
            }
            read(&bytes, |_| ());
        }
    }
}
