//! What viewers saw, added up.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{freezes::Seen, tracks::Fates};
use crate::report;

#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) viewers: u64,
    pub(super) packets: u64,
    /// Packets in the counted part of the run.
    pub(super) counted: u64,
    /// Packets before it.
    pub(super) early: u64,
    /// Viewers that heard nothing in the counted part.
    pub(super) silent: u64,
    pub(super) verified: u64,
    pub(super) forged: u64,
    /// Of the picture.
    pub(super) missing: u64,
    /// Of the sound: what did not come before its time to be heard was over.
    pub(super) missing_sound: u64,
    /// Missing packets of the picture that came when they were asked for.
    pub(super) repaired: u64,
    pub(super) nacked: u64,
    pub(super) retransmitted: u64,
    /// Viewers that asked for a packet which they had, and those to whom it was repeated.
    pub(super) probes: u64,
    pub(super) probes_answered: u64,
    pub(super) sender_reports: u64,
    /// Viewers with a sender report of each track that they heard.
    pub(super) reported: u64,
    /// Handshakes by the SRTP cipher that they agreed on.
    pub(super) ciphers: BTreeMap<&'static str, u64>,
    /// Answers that agree to repeat what is asked for of the picture.
    pub(super) nack_agreed: u64,
    /// And of the sound.
    pub(super) sound_nack_agreed: u64,
    /// Of the counted packets, those that came again.
    pub(super) counted_again: u64,
    /// What became of the packets of picture and sound in the counted part.
    pub(super) fates: [Fates; 2],
    /// What was seen of the picture in the counted part.
    pub(super) seen: Seen,
    /// The same by players that hold pictures back for a round trip.
    pub(super) seen_held: Seen,
    /// Keyframes that were asked for.
    pub(super) wishes: u64,
    /// Connections that ended under a viewer and came back.
    pub(super) cuts: u64,
    pub(super) first_packet_us: Histogram<u64>,
    pub(super) first_keyframe_us: Histogram<u64>,
    /// From the offer to the first picture that could be shown.
    pub(super) first_frame_us: Histogram<u64>,
    /// The time there and back, of those who know it.
    pub(super) way_us: Histogram<u64>,
    /// The longest silence of each viewer in the counted part, without the cuts.
    pub(super) pause_us: Histogram<u64>,
    /// From the last packet before a cut to the first after it.
    pub(super) dark_us: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            viewers: 0,
            packets: 0,
            counted: 0,
            early: 0,
            silent: 0,
            verified: 0,
            forged: 0,
            missing: 0,
            missing_sound: 0,
            repaired: 0,
            nacked: 0,
            retransmitted: 0,
            probes: 0,
            probes_answered: 0,
            sender_reports: 0,
            reported: 0,
            ciphers: BTreeMap::new(),
            nack_agreed: 0,
            sound_nack_agreed: 0,
            counted_again: 0,
            fates: [Fates::default(); 2],
            seen: Seen::default(),
            seen_held: Seen::default(),
            wishes: 0,
            cuts: 0,
            first_packet_us: report::histogram(),
            first_keyframe_us: report::histogram(),
            first_frame_us: report::histogram(),
            way_us: report::histogram(),
            pause_us: report::histogram(),
            dark_us: report::histogram(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.viewers += other.viewers;
        self.packets += other.packets;
        self.counted += other.counted;
        self.early += other.early;
        self.silent += other.silent;
        self.verified += other.verified;
        self.forged += other.forged;
        self.missing += other.missing;
        self.missing_sound += other.missing_sound;
        self.repaired += other.repaired;
        self.nacked += other.nacked;
        self.retransmitted += other.retransmitted;
        self.probes += other.probes;
        self.probes_answered += other.probes_answered;
        self.sender_reports += other.sender_reports;
        self.reported += other.reported;
        for (cipher, n) in &other.ciphers {
            *self.ciphers.entry(cipher).or_default() += n;
        }
        self.nack_agreed += other.nack_agreed;
        self.sound_nack_agreed += other.sound_nack_agreed;
        self.counted_again += other.counted_again;
        for (fates, others) in self.fates.iter_mut().zip(&other.fates) {
            fates.add(others);
        }
        self.seen.add(&other.seen);
        self.seen_held.add(&other.seen_held);
        self.wishes += other.wishes;
        self.cuts += other.cuts;
        for (own, others) in [
            (&mut self.first_packet_us, &other.first_packet_us),
            (&mut self.first_keyframe_us, &other.first_keyframe_us),
            (&mut self.first_frame_us, &other.first_frame_us),
            (&mut self.way_us, &other.way_us),
            (&mut self.pause_us, &other.pause_us),
            (&mut self.dark_us, &other.dark_us),
        ] {
            own.add(others).expect("histograms of one shape");
        }
    }

    /// Everybody heard something, every packet came, and each that was tested was authentic. On a
    /// line that is bad on purpose lost sound is no fault: it is waited for only as long as it can be heard.
    pub(super) fn whole(&self, line_is_bad: bool) -> bool {
        let all_came = self.missing == 0 && (line_is_bad || self.missing_sound == 0);
        self.counted > 0 && self.silent == 0 && all_came && self.forged == 0
    }

    /// The ciphers in words: `AEAD_AES_128_GCM of 300`.
    pub(super) fn ciphers(&self) -> String {
        let each: Vec<String> = (self.ciphers.iter())
            .map(|(cipher, n)| format!("{cipher} of {n}"))
            .collect();
        if each.is_empty() {
            "none".into()
        } else {
            each.join(", ")
        }
    }
}
