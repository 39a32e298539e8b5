//! One viewer: counts, follows both tracks, asks for what is missing, authenticates a share.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{sync::watch, time};

use super::{
    Common,
    tracks::{Tally, Track, begins_keyframe},
};
use crate::media::{Door, Heard, Line, sdp};

const TICK: Duration = Duration::from_millis(20);
/// Receiver reports (RFC 3550 §6.4.2).
const REPORT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Peer {
    common: Arc<Common>,
    line: Line,
    last_report: Instant,
    tracks: [Track; 2],
    ssrcs: [u32; 2],
    first_keyframe: bool,
    tally: Tally,
}

impl Peer {
    pub(super) async fn open(common: Arc<Common>, n: usize) -> Result<Self> {
        let door = Door {
            http: &common.http,
            base: format!("http://{}", common.plan.server),
            path: format!("/api/v1/rooms/{}/whep", common.plan.room),
            token: common.tokens.get(n).map(String::as_str),
        };
        let line = Line::open(common.identity.clone(), door, sdp::player_offer).await?;
        Ok(Self {
            last_report: line.begin,
            line,
            tracks: Default::default(),
            ssrcs: [0; 2],
            first_keyframe: false,
            tally: Tally::new(),
            common,
        })
    }

    /// Watches until it is told to leave, then deletes its resource.
    pub(super) async fn watch(mut self, mut leave: watch::Receiver<bool>) -> Result<Tally> {
        let mut buffer = vec![0; 2_048];
        let mut tick = time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let now = Instant::now();
                    self.line.tick(now)?;
                    self.feedback(now)?;
                }
                readable = self.line.socket.readable() => {
                    readable?;
                    while let Ok(n) = self.line.socket.try_recv(&mut buffer) {
                        match self.line.hear(&buffer[..n])? {
                            Heard::Rtp(bytes) => self.media(bytes),
                            Heard::Rtcp(bytes) => self.control(bytes),
                            Heard::Ready => self.tally.cipher = self.line.cipher,
                            Heard::Nothing => {}
                        }
                    }
                }
                _ = leave.changed() => break,
            }
        }
        self.tally.missing += self.tracks.iter().map(Track::open).sum::<u64>();
        self.line.close(&self.common.http).await?;
        Ok(self.tally)
    }

    fn media(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.line.inbound else {
            return;
        };
        if self.tally.packets == 0 {
            self.tally
                .first_packet_us
                .saturating_record(micros(self.line.begin));
        }
        self.tally.packets += 1;
        if self.common.counting.load(Ordering::Relaxed) {
            self.tally.counted += 1;
        } else if self.tally.counted == 0 {
            self.tally.early += 1;
        }
        let kind = bytes[1] & 0x7f;
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let wanted = self.tally.packets.is_multiple_of(self.common.plan.verify);
        let is_again = kind == sdp::RTX;
        if wanted || is_again || !self.first_keyframe {
            match inbound.decrypt_rtp(bytes) {
                Ok(plain) => {
                    self.tally.verified += 1;
                    self.plain(&plain, is_again);
                }
                Err(_) => self.tally.forged += 1,
            }
        }
        if !is_again {
            let seq = u16::from_be_bytes([bytes[2], bytes[3]]);
            let track = usize::from(kind == 111);
            self.ssrcs[track] = ssrc;
            self.tally.missing += self.tracks[track].take(seq);
        }
    }

    fn plain(&mut self, plain: &[u8], is_again: bool) {
        let extension = if plain[0] & 0x10 != 0 && plain.len() >= 16 {
            4 + 4 * usize::from(u16::from_be_bytes([plain[14], plain[15]]))
        } else {
            0
        };
        let Some(payload) = plain.get(12 + extension..) else {
            return;
        };
        if is_again {
            // RFC 4588 §4: the original sequence number opens the payload.
            if let Some(original) = payload.first_chunk::<2>() {
                self.tally.retransmitted += 1;
                self.tracks[0].take(u16::from_be_bytes(*original));
            }
        } else if !self.first_keyframe && plain[1] & 0x7f != 111 && begins_keyframe(payload) {
            self.first_keyframe = true;
            self.tally
                .first_keyframe_us
                .saturating_record(micros(self.line.begin));
        }
    }

    fn control(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.line.inbound else {
            return;
        };
        match inbound.decrypt_rtcp(bytes) {
            Ok(plain) => self.tally.sender_reports += u64::from(plain.get(1) == Some(&200)),
            Err(_) => self.tally.forged += 1,
        }
    }

    /// NACKs for holes at once, a receiver report each second (RFC 4585 §6.2.1, RFC 3550 §6.4.2).
    fn feedback(&mut self, now: Instant) -> Result<()> {
        let mut compound = Vec::new();
        let wanted = self.tracks[0].wanted(now);
        if now.duration_since(self.last_report) >= REPORT_EVERY || !wanted.is_empty() {
            self.last_report = now;
            compound.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
        }
        if !wanted.is_empty() {
            let words = u16::try_from(2 + wanted.len()).unwrap_or(u16::MAX);
            compound.extend_from_slice(&[0x81, 205]);
            compound.extend_from_slice(&words.to_be_bytes());
            compound.extend_from_slice(&1_u32.to_be_bytes());
            compound.extend_from_slice(&self.ssrcs[0].to_be_bytes());
            for seq in &wanted {
                compound.extend_from_slice(&seq.to_be_bytes());
                compound.extend_from_slice(&[0, 0]);
            }
            self.tally.nacked += wanted.len() as u64;
        }
        if compound.is_empty() {
            Ok(())
        } else {
            self.line.send_rtcp(&compound)
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
