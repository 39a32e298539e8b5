//! What viewers saw, added up.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

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
    /// Of the sound, which nobody repeats.
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
    /// Answers that agree to repeat what is asked for.
    pub(super) nack_agreed: u64,
    /// Connections that ended under a viewer and came back.
    pub(super) cuts: u64,
    pub(super) first_packet_us: Histogram<u64>,
    pub(super) first_keyframe_us: Histogram<u64>,
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
            cuts: 0,
            first_packet_us: report::histogram(),
            first_keyframe_us: report::histogram(),
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
        self.cuts += other.cuts;
        let both = "histograms of one shape";
        self.first_packet_us
            .add(&other.first_packet_us)
            .expect(both);
        self.first_keyframe_us
            .add(&other.first_keyframe_us)
            .expect(both);
        self.pause_us.add(&other.pause_us).expect(both);
        self.dark_us.add(&other.dark_us).expect(both);
    }

    /// Everybody heard something, every packet came, and each that was tested was authentic. On a
    /// line that is bad on purpose lost sound is no fault: it is not repeated.
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
