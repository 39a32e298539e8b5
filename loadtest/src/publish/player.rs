//! Sends a trace for ever: at its times, with sequence numbers and timestamps that go on over the seam,
//! and a sender report of each track once a second.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::trace::{CLOCKS, Trace};
use crate::media::{Line, sdp};

const SSRCS: [u32; 2] = [sdp::VIDEO_SSRC, sdp::AUDIO_SSRC];
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// One track as it goes on.
#[derive(Default)]
struct Track {
    seq: u16,
    /// The timestamp at which this round began.
    begin: u32,
    packets: u32,
    octets: u32,
}

pub(super) struct Player {
    trace: Trace,
    next: usize,
    round_begin: Instant,
    tracks: [Track; 2],
    reported: Instant,
}

impl Player {
    pub(super) fn new(trace: Trace) -> Self {
        let now = Instant::now();
        Self {
            trace,
            next: 0,
            round_begin: now,
            tracks: Default::default(),
            reported: now,
        }
    }

    /// From the first packet, on a new line.
    pub(super) fn begin(&mut self) {
        self.next = 0;
        self.round_begin = Instant::now();
        self.tracks = Default::default();
    }

    pub(super) fn due(&self) -> Instant {
        self.round_begin + Duration::from_micros(self.trace.packets[self.next].at_us)
    }

    /// Everything that is due, each with its track.
    pub(super) fn take_due(&mut self) -> Result<Vec<(usize, Vec<u8>)>> {
        let now = Instant::now();
        let mut due = Vec::new();
        while self.due() <= now {
            let track = self.trace.packets[self.next].track;
            due.push((track, self.step()?));
        }
        Ok(due)
    }

    /// Sends everything that is due.
    pub(super) fn send(&mut self, line: &mut Line) -> Result<()> {
        for (_, packet) in self.take_due()? {
            if let Some(outbound) = &mut line.outbound {
                let protected = outbound.encrypt_rtp(&packet)?;
                line.send(&protected);
            }
        }
        Ok(())
    }

    /// The next packet as it goes out; the round begins again after the last.
    fn step(&mut self) -> Result<Vec<u8>> {
        let recorded = &self.trace.packets[self.next];
        let track = &mut self.tracks[recorded.track];
        let mut packet = recorded.packet.clone();
        let timestamp = track.begin.wrapping_add(recorded.ticks);
        packet[2..4].copy_from_slice(&track.seq.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&SSRCS[recorded.track].to_be_bytes());
        track.seq = track.seq.wrapping_add(1);
        track.packets = track.packets.wrapping_add(1);
        track.octets = (track.octets).wrapping_add(u32::try_from(packet.len() - 12)?);
        self.next += 1;
        if self.next == self.trace.packets.len() {
            self.next = 0;
            self.round_begin += Duration::from_micros(self.trace.round_us);
            for (track, clock) in self.tracks.iter_mut().zip(CLOCKS) {
                track.begin = (track.begin).wrapping_add(ticks(self.trace.round_us, clock));
            }
        }
        Ok(packet)
    }

    /// A sender report of each track that is played, once a second (RFC 3550 §6.4.1): the timestamp is
    /// that of the report's own moment, not of the last packet, so that sound and picture stay in step.
    pub(super) fn report(&mut self, line: &mut Line) -> Result<()> {
        if self.reported.elapsed() < REPORT_EVERY {
            return Ok(());
        }
        self.reported = Instant::now();
        let ntp = clock::ntp();
        let played = u64::try_from(self.round_begin.elapsed().as_micros())?;
        for ((track, ssrc), clock) in self.tracks.iter().zip(SSRCS).zip(CLOCKS) {
            if track.packets == 0 {
                continue;
            }
            let timestamp = track.begin.wrapping_add(ticks(played, clock));
            let mut report = vec![0x80, 200, 0, 6];
            report.extend_from_slice(&ssrc.to_be_bytes());
            report.extend_from_slice(&ntp.to_be_bytes());
            report.extend_from_slice(&timestamp.to_be_bytes());
            report.extend_from_slice(&track.packets.to_be_bytes());
            report.extend_from_slice(&track.octets.to_be_bytes());
            line.send_rtcp(&report)?;
        }
        Ok(())
    }
}

/// Timestamps wrap at 32 bits, as they are meant to.
fn ticks(us: u64, clock: u64) -> u32 {
    (us * clock / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::publish::trace::Tracks;

    #[test]
    fn the_shipped_trace_goes_on_evenly_over_the_seam() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/trace.bin");
        let trace = Trace::read(&path, Tracks::Both).expect("plays");
        let in_a_round = trace.packets.len();
        let mut player = Player::new(trace);
        let (mut seqs, mut timestamps) = ([0_u16; 2], [Vec::new(), Vec::new()]);
        for _ in 0..3 * in_a_round {
            let packet = player.step().expect("a packet");
            let track = usize::from(packet[1] & 0x7f == sdp::OPUS);
            let seq = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(seq, seqs[track]);
            seqs[track] = seq.wrapping_add(1);
            timestamps[track].push(u32::from_be_bytes([
                packet[4], packet[5], packet[6], packet[7],
            ]));
        }
        for (timestamps, frame) in timestamps.iter_mut().zip([3_600, 960]) {
            timestamps.dedup();
            assert!(timestamps.windows(2).all(|it| it[1] - it[0] == frame));
        }
    }
}
