//! One viewer: counts, follows both tracks, asks for what is missing, authenticates a share; and comes
//! back, if it is told to, when its connection ends under it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{sync::watch, time};

use super::{
    Common,
    tally::Tally,
    tracks::{Probe, Track},
};
use crate::media::{Door, Heard, Line, sdp};

/// Receiver reports (RFC 3550 §6.4.2).
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Between two tries to come back; the server says a second (Retry-After) while nothing is published.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// What was missing when a viewer leaves is waited for so long.
const SETTLE_WITHIN: Duration = Duration::from_secs(3);
/// A server or a publisher that is away for longer did not restart.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Watches until it is told to leave: one connection, or as many as it takes.
pub(super) async fn view(
    common: Arc<Common>,
    n: usize,
    mut leave: watch::Receiver<bool>,
) -> Result<Tally> {
    let mut total = Tally::new();
    total.viewers = 1;
    let mut dark_since = None;
    let mut tried_since: Option<Instant> = None;
    loop {
        let ended = match Peer::open(common.clone(), n, dark_since).await {
            Ok(peer) => peer.watch(&mut leave).await,
            Err(error) => Err(error),
        };
        let failure = match ended {
            Ok(seen) => {
                total.add(&seen.tally);
                if !seen.cut {
                    total.silent = u64::from(total.counted == 0);
                    return Ok(total);
                }
                if !common.plan.through_restarts {
                    return Err(anyhow::anyhow!("the server went away"));
                }
                // A connection that had media begins the patience anew.
                if seen.last_packet.is_some() {
                    (dark_since, tried_since) = (seen.last_packet, None);
                    total.cuts += 1;
                }
                anyhow::anyhow!("the server went away")
            }
            Err(error) => error,
        };
        let since = *tried_since.get_or_insert_with(Instant::now);
        if !common.plan.through_restarts || since.elapsed() > BACK_WITHIN {
            return Err(failure);
        }
        tokio::select! {
            () = time::sleep(RETRY_EVERY.mul_f64(rand::random::<f64>())) => {}
            _ = leave.changed() => {
                return Err(failure.context("was not back when the run ended"));
            }
        }
    }
}

/// What one connection saw, and whether it ended by itself.
struct Seen {
    tally: Tally,
    cut: bool,
    last_packet: Option<Instant>,
}

struct Peer {
    common: Arc<Common>,
    line: Line,
    last_report: Instant,
    tracks: [Track; 2],
    ssrcs: [u32; 2],
    /// Of which tracks a sender report came.
    reports: [bool; 2],
    first_keyframe: bool,
    probe: Probe,
    last_packet: Option<Instant>,
    /// The longest silence in the counted part.
    pause: Duration,
    dark_since: Option<Instant>,
    tally: Tally,
}

impl Peer {
    async fn open(common: Arc<Common>, n: usize, dark_since: Option<Instant>) -> Result<Self> {
        let door = Door {
            http: &common.http,
            base: format!("http://{}", common.plan.server),
            path: format!("/api/v1/rooms/{}/whep", common.plan.room),
            token: common.tokens.get(n).map(String::as_str),
            through: common.plan.through,
        };
        let line = Line::open(common.identity.clone(), door, sdp::player_offer).await?;
        let mut tally = Tally::new();
        tally.nack_agreed = u64::from(line.nack);
        Ok(Self {
            last_report: line.begin,
            line,
            tracks: Default::default(),
            ssrcs: [0; 2],
            reports: [false; 2],
            first_keyframe: false,
            probe: Probe::default(),
            last_packet: None,
            pause: Duration::ZERO,
            dark_since,
            tally,
            common,
        })
    }

    /// Watches until it is told to leave, then deletes its resource; or until the line ends.
    async fn watch(mut self, leave: &mut watch::Receiver<bool>) -> Result<Seen> {
        let mut buffer = vec![0; 2_048];
        let mut tick = Line::ticks();
        let mut leaves_by = None;
        let cut = loop {
            if leaves_by.is_some_and(|it| self.tracks[0].open() == 0 || Instant::now() > it) {
                break false;
            }
            let went = tokio::select! {
                _ = tick.tick() => self.tick(),
                readable = self.line.socket.readable() => match readable {
                    Ok(()) => self.hear(&mut buffer),
                    Err(error) => Err(error.into()),
                },
                _ = leave.changed(), if leaves_by.is_none() => {
                    self.tracks.iter_mut().for_each(Track::stop);
                    leaves_by = Some(Instant::now() + SETTLE_WITHIN);
                    continue;
                }
            };
            match went {
                // Before there was media, an error is a failure to connect.
                Err(error) if self.last_packet.is_none() => return Err(error),
                Err(_) => break true,
                Ok(()) if self.line.is_gone() => break true,
                Ok(()) => {}
            }
        };
        if self.last_packet.is_some() {
            self.common.watching.fetch_sub(1, Ordering::Relaxed);
        }
        if self.pause > Duration::ZERO {
            let us = u64::try_from(self.pause.as_micros()).unwrap_or(u64::MAX);
            self.tally.pause_us.saturating_record(us);
        }
        let heard = self.tracks.iter().map(Track::began);
        let all = heard
            .zip(self.reports)
            .all(|(heard, report)| report || !heard);
        self.tally.reported = u64::from(all && self.last_packet.is_some());
        (self.tally.probes, self.tally.probes_answered) = self.probe.outcome();
        if !cut {
            self.tally.missing += self.tracks[0].open();
            self.tally.missing_sound += self.tracks[1].open();
            self.line.close(&self.common.http).await?;
        }
        Ok(Seen {
            tally: self.tally,
            cut,
            last_packet: self.last_packet,
        })
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        self.line.tick(now)?;
        self.feedback(now)
    }

    fn hear(&mut self, buffer: &mut [u8]) -> Result<()> {
        while let Some(n) = self.line.receive(buffer) {
            match self.line.hear(&buffer[..n])? {
                Heard::Rtp(bytes) => self.media(bytes),
                Heard::Rtcp(bytes) => self.control(bytes),
                Heard::Ready => {
                    if let Some(cipher) = self.line.cipher {
                        self.tally.ciphers.insert(cipher, 1);
                    }
                }
                Heard::Nothing => {}
            }
        }
        Ok(())
    }

    fn media(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.line.inbound else {
            return;
        };
        let counting = self.common.counting.load(Ordering::Relaxed);
        let now = Instant::now();
        match self.last_packet.replace(now) {
            None => {
                self.common.watching.fetch_add(1, Ordering::Relaxed);
                let first = &mut self.tally.first_packet_us;
                first.saturating_record(micros(self.line.begin));
                if let Some(since) = self.dark_since {
                    self.tally.dark_us.saturating_record(micros(since));
                }
            }
            Some(before) if counting => self.pause = self.pause.max(now - before),
            Some(_) => {}
        }
        self.tally.packets += 1;
        self.common.packets.fetch_add(1, Ordering::Relaxed);
        if counting {
            self.tally.counted += 1;
        } else if self.tally.counted == 0 {
            self.tally.early += 1;
        }
        let kind = bytes[1] & 0x7f;
        let is_again = kind == sdp::RTX;
        let wanted = self.tally.packets.is_multiple_of(self.common.plan.verify);
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
            let track = usize::from(kind == sdp::OPUS);
            self.ssrcs[track] = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            let given_up = self.tracks[track].take(seq);
            if track == 0 {
                self.tally.missing += given_up;
                self.probe.may_ask_for(seq, now);
            } else {
                self.tally.missing_sound += given_up;
            }
        }
    }

    fn plain(&mut self, plain: &[u8], is_again: bool) {
        let Some(payload) = sdp::payload(plain) else {
            return;
        };
        if is_again {
            // RFC 4588 §4: the original sequence number opens the payload.
            if let Some(original) = payload.first_chunk::<2>() {
                let original = u16::from_be_bytes(*original);
                self.tally.retransmitted += 1;
                self.tally.repaired += u64::from(self.tracks[0].is_missing(original));
                self.tracks[0].take(original);
                self.probe.answered(original);
            }
        } else if !self.first_keyframe
            && plain[1] & 0x7f != sdp::OPUS
            && sdp::begins_keyframe(payload)
        {
            self.first_keyframe = true;
            let first = &mut self.tally.first_keyframe_us;
            first.saturating_record(micros(self.line.begin));
        }
    }

    fn control(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.line.inbound else {
            return;
        };
        match inbound.decrypt_rtcp(bytes) {
            Ok(plain) if plain.len() >= 8 && plain[1] == 200 => {
                self.tally.sender_reports += 1;
                let ssrc = u32::from_be_bytes([plain[4], plain[5], plain[6], plain[7]]);
                for (seen, of) in self.reports.iter_mut().zip(self.ssrcs) {
                    *seen |= ssrc == of;
                }
            }
            Ok(_) => {}
            Err(_) => self.tally.forged += 1,
        }
    }

    /// NACKs for holes at once, a receiver report each second (RFC 4585 §6.2.1, RFC 3550 §6.4.2).
    fn feedback(&mut self, now: Instant) -> Result<()> {
        let mut compound = Vec::new();
        let mut wanted = self.tracks[0].wanted(now);
        self.tally.nacked += wanted.len() as u64;
        wanted.extend(self.probe.wanted(now));
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
