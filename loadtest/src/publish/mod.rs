//! A publisher of a recorded packet trace, by WHIP: the same real packets in every run, whatever the
//! machine's encoder would do.
//!
//! A trace is records of `u32` microseconds, `u16` length and a plain RTP packet, little-endian; the
//! payload type says which track it is ([`sdp::H264`], [`sdp::OPUS`]). It is played in a loop: sequence
//! numbers and timestamps go on over the seam.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{self, Instant},
};

use crate::{
    media::{Door, Heard, Identity, Line, sdp},
    report::Verdict,
};

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// The stream key; it says which room.
    #[arg(long)]
    key: String,
    /// The recorded packets.
    #[arg(long, default_value = "testdata/trace.bin")]
    trace: PathBuf,
    /// Stop after so many seconds; without it at SIGTERM or Ctrl-C.
    #[arg(long)]
    seconds: Option<f64>,
}

struct Recorded {
    at_us: u64,
    packet: Vec<u8>,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let trace = read(&plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(publish(plan, trace))
}

fn read(plan: &Plan) -> Result<Vec<Recorded>> {
    let bytes = std::fs::read(&plan.trace)
        .with_context(|| format!("cannot read {}", plan.trace.display()))?;
    let mut rest = &bytes[..];
    let mut trace = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<6>() {
        let at_us = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
        ensure!(
            after.len() >= length && length >= 12,
            "{} is damaged",
            plan.trace.display()
        );
        trace.push(Recorded {
            at_us,
            packet: after[..length].to_vec(),
        });
        rest = &after[length..];
    }
    ensure!(trace.len() > 1, "{} holds no packets", plan.trace.display());
    Ok(trace)
}

async fn publish(plan: Plan, trace: Vec<Recorded>) -> Result<Verdict> {
    let http = reqwest::Client::new();
    let door = Door {
        http: &http,
        base: format!("http://{}", plan.server),
        path: "/whip".into(),
        token: Some(&plan.key),
    };
    let mut line = Line::open(Arc::new(Identity::make()?), door, sdp::encoder_offer).await?;
    let mut buffer = vec![0; 2_048];
    let mut tick = time::interval(Duration::from_millis(20));
    while line.outbound.is_none() {
        tokio::select! {
            _ = tick.tick() => line.tick(std::time::Instant::now())?,
            readable = line.socket.readable() => {
                readable?;
                drain(&mut line, &mut buffer)?;
            }
        }
    }
    println!("publishing");
    let mut terminate = signal(SignalKind::terminate())?;
    let end = plan
        .seconds
        .map(|it| Instant::now() + Duration::from_secs_f64(it));
    let mut player = Player::new(trace);
    loop {
        tokio::select! {
            () = time::sleep_until(player.due()) => player.send(&mut line)?,
            _ = tick.tick() => {
                line.tick(std::time::Instant::now())?;
                player.report(&mut line)?;
                if end.is_some_and(|it| Instant::now() >= it) {
                    break;
                }
            }
            readable = line.socket.readable() => {
                readable?;
                drain(&mut line, &mut buffer)?;
            }
            _ = terminate.recv() => break,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
        }
    }
    line.close(&http).await?;
    Ok(Verdict::Pass)
}

/// Feedback is read so that the line lives; the next keyframe of a trace comes by itself.
fn drain(line: &mut Line, buffer: &mut [u8]) -> Result<()> {
    while let Ok(n) = line.socket.try_recv(buffer) {
        match line.hear(&buffer[..n])? {
            Heard::Rtp(_) | Heard::Rtcp(_) | Heard::Ready | Heard::Nothing => {}
        }
    }
    Ok(())
}

/// One track as it goes on over the seam of the loop.
#[derive(Default)]
struct Track {
    seq: u16,
    /// Added to the recorded timestamps in this round.
    offset: u32,
    last_timestamp: u32,
    packets: u32,
    octets: u32,
}

struct Player {
    trace: Vec<Recorded>,
    next: usize,
    round_begin: Instant,
    round_us: u64,
    tracks: [Track; 2],
    reported: Instant,
}

impl Player {
    fn new(trace: Vec<Recorded>) -> Self {
        let last = trace.last().map_or(0, |it| it.at_us);
        // The round is closed by one mean frame, so that the seam is no pause.
        let round_us = last - trace[0].at_us + 40_000;
        let now = Instant::now();
        Self {
            trace,
            next: 0,
            round_begin: now,
            round_us,
            tracks: Default::default(),
            reported: now,
        }
    }

    fn due(&self) -> Instant {
        let at = self.trace[self.next].at_us - self.trace[0].at_us;
        self.round_begin + Duration::from_micros(at)
    }

    /// Sends everything that is due.
    fn send(&mut self, line: &mut Line) -> Result<()> {
        let now = Instant::now();
        while self.due() <= now {
            self.send_one(line)?;
            self.next += 1;
            if self.next == self.trace.len() {
                self.next = 0;
                self.round_begin += Duration::from_micros(self.round_us);
                for (track, clock) in self.tracks.iter_mut().zip([90_000_u64, 48_000]) {
                    let ticks = self.round_us * clock / 1_000_000;
                    track.offset = track.offset.wrapping_add(ticks as u32);
                }
            }
        }
        Ok(())
    }

    fn send_one(&mut self, line: &mut Line) -> Result<()> {
        let recorded = &self.trace[self.next].packet;
        let is_audio = recorded[1] & 0x7f == sdp::OPUS;
        let track = &mut self.tracks[usize::from(is_audio)];
        let ssrc = if is_audio {
            sdp::AUDIO_SSRC
        } else {
            sdp::VIDEO_SSRC
        };
        let mut packet = recorded.clone();
        let recorded_at = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        track.last_timestamp = recorded_at.wrapping_add(track.offset);
        packet[2..4].copy_from_slice(&track.seq.to_be_bytes());
        packet[4..8].copy_from_slice(&track.last_timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        track.seq = track.seq.wrapping_add(1);
        track.packets += 1;
        track.octets = track.octets.wrapping_add(u32::try_from(packet.len() - 12)?);
        let protected = match &mut line.outbound {
            Some(outbound) => outbound.encrypt_rtp(&packet)?,
            None => return Ok(()),
        };
        line.send(&protected);
        Ok(())
    }

    /// A sender report of each track, once a second (RFC 3550 §6.4.1).
    fn report(&mut self, line: &mut Line) -> Result<()> {
        if self.reported.elapsed() < Duration::from_secs(1) {
            return Ok(());
        }
        self.reported = Instant::now();
        let ntp = clock::ntp();
        for (track, ssrc) in self.tracks.iter().zip([sdp::VIDEO_SSRC, sdp::AUDIO_SSRC]) {
            let mut report = vec![0x80, 200, 0, 6];
            report.extend_from_slice(&ssrc.to_be_bytes());
            report.extend_from_slice(&ntp.to_be_bytes());
            report.extend_from_slice(&track.last_timestamp.to_be_bytes());
            report.extend_from_slice(&track.packets.to_be_bytes());
            report.extend_from_slice(&track.octets.to_be_bytes());
            line.send_rtcp(&report)?;
        }
        Ok(())
    }
}
