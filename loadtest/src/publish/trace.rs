//! A recorded packet trace, checked when it is read, and laid out so that it can be played for ever.
//!
//! A trace is records of `u32` microseconds, `u16` length and a plain RTP packet, little-endian; the
//! payload type says which track it is ([`sdp::H264`], [`sdp::OPUS`]). One round lasts exactly as long
//! as its pictures (or, played as sound alone, its sound); sound that does not fit the round is left
//! out. So timestamps and sequence numbers go on evenly over the seam, and each round opens with a keyframe.

use std::{fmt, path::Path};

use anyhow::{Context, Result, bail, ensure};

use crate::media::sdp::{self, begins_keyframe};

/// Which tracks are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracks {
    Both,
    Sound,
}

/// The clock of a track, and its index where both are kept in an array.
pub(super) const VIDEO: usize = 0;
pub(super) const AUDIO: usize = 1;
pub(super) const CLOCKS: [u64; 2] = [90_000, 48_000];

/// One packet of the trace.
pub(crate) struct Recorded {
    /// Since the round began.
    pub(crate) at_us: u64,
    pub(crate) track: usize,
    /// Of the track's own clock, since the round began.
    pub(crate) ticks: u32,
    /// RTP, with its sequence number, timestamp and SSRC to be written.
    pub(crate) packet: Vec<u8>,
}

pub(crate) struct Trace {
    pub(crate) packets: Vec<Recorded>,
    pub(crate) round_us: u64,
}

impl Trace {
    pub(crate) fn read(path: &Path, tracks: Tracks) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes, tracks).with_context(|| format!("{} cannot be played", path.display()))
    }

    /// With sound at another rate: each of its packets is cut or filled up to the same size. Nobody here
    /// hears it; what counts is how many packets there are, and how large.
    pub(crate) fn with_sound_of(mut self, bits_per_s: u64) -> Self {
        let of_sound = |it: &&mut Recorded| it.track == AUDIO;
        let packets = self.packets.iter_mut().filter(of_sound).count() as u64;
        let bytes = (bits_per_s * self.round_us).checked_div(packets * 8_000_000);
        let Some(bytes) = bytes.and_then(|it| usize::try_from(it).ok()) else {
            return self;
        };
        for it in self.packets.iter_mut().filter(of_sound) {
            let head =
                sdp::payload(&it.packet).map_or(0, |payload| it.packet.len() - payload.len());
            // The first byte says what Opus this is (RFC 6716 §3.1), so there always is one.
            it.packet.resize(head + bytes.max(1), 0);
        }
        self
    }

    fn parse(bytes: &[u8], tracks: Tracks) -> Result<Self> {
        let mut packets = records(bytes)?;
        if tracks == Tracks::Sound {
            packets.retain(|it| it.track == AUDIO);
        }
        ensure!(!packets.is_empty(), "it holds no packets");
        for track in [VIDEO, AUDIO] {
            begin_at_zero(&mut packets, track)?;
        }
        let leader = usize::from(!packets.iter().any(|it| it.track == VIDEO));
        let round_us = round(&packets, leader)?;
        packets.retain(|it| u64::from(it.ticks) * 1_000_000 < round_us * CLOCKS[it.track]);
        let first = packets.iter().map(|it| it.at_us).min().unwrap_or(0);
        for it in &mut packets {
            // What came late in the recording may not run into the next round.
            it.at_us = (it.at_us - first).min(round_us - 1);
        }
        packets.sort_by_key(|it| it.at_us);
        let mut opening = packets
            .iter()
            .filter(|it| it.track == VIDEO && it.ticks == 0);
        ensure!(
            leader == AUDIO
                || opening.any(|it| sdp::payload(&it.packet).is_some_and(begins_keyframe)),
            "it does not open with a keyframe"
        );
        Ok(Self { packets, round_us })
    }
}

fn records(bytes: &[u8]) -> Result<Vec<Recorded>> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<6>() {
        let at_us = u64::from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
        ensure!(
            after.len() >= length && length > 12,
            "it is cut short or damaged"
        );
        let packet = after[..length].to_vec();
        let track = match packet[1] & 0x7f {
            sdp::H264 => VIDEO,
            sdp::OPUS => AUDIO,
            other => bail!("it holds payload type {other}"),
        };
        let ticks = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        packets.push(Recorded {
            at_us,
            track,
            ticks,
            packet,
        });
        rest = &after[length..];
    }
    ensure!(rest.is_empty(), "it is cut short");
    Ok(packets)
}

/// Counts a track's timestamps from its first packet; refuses a recording that lost packets.
fn begin_at_zero(packets: &mut [Recorded], track: usize) -> Result<()> {
    let mut first = None;
    let mut before: Option<u16> = None;
    for it in packets.iter_mut().filter(|it| it.track == track) {
        let seq = u16::from_be_bytes([it.packet[2], it.packet[3]]);
        ensure!(
            before.is_none_or(|it| seq == it.wrapping_add(1)),
            "the recording lost a packet before {seq}"
        );
        before = Some(seq);
        it.ticks = it.ticks.wrapping_sub(*first.get_or_insert(it.ticks));
    }
    Ok(())
}

/// The leader's length, its last frame included: as long as the frame before it.
fn round(packets: &[Recorded], leader: usize) -> Result<u64> {
    let mut frames: Vec<u32> = (packets.iter())
        .filter(|it| it.track == leader)
        .map(|it| it.ticks)
        .collect();
    frames.dedup();
    let [.., before, last] = frames[..] else {
        bail!("it holds less than two frames");
    };
    let ticks = u64::from(last) + u64::from(last - before);
    Ok(ticks * 1_000_000 / CLOCKS[leader])
}

/// What is played, in words: rates with RTP headers, without SRTP's tag, UDP and IP.
impl fmt::Display for Trace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.round_us as f64 * 1e-6;
        write!(out, "{:.2} s a round", seconds)?;
        for (track, name) in [(VIDEO, "H264"), (AUDIO, "Opus")] {
            let of_track = || self.packets.iter().filter(move |it| it.track == track);
            let bytes: usize = of_track().map(|it| it.packet.len()).sum();
            if bytes > 0 {
                write!(
                    out,
                    ", {name} {:.0} packets/s at {:.2} Mbit/s",
                    of_track().count() as f64 / seconds,
                    bytes as f64 * 8e-6 / seconds
                )?;
            }
        }
        let mut keyframes: Vec<u32> = (self.packets.iter())
            .filter(|it| it.track == VIDEO)
            .filter(|it| sdp::payload(&it.packet).is_some_and(begins_keyframe))
            .map(|it| it.ticks)
            .collect();
        keyframes.dedup();
        if !keyframes.is_empty() {
            write!(
                out,
                ", a keyframe each {:.2} s",
                seconds / keyframes.len() as f64
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(at_us: u32, kind: u8, seq: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(12 + payload.len()).expect("short");
        let mut bytes = at_us.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend([0x80, kind]);
        bytes.extend(seq.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    /// Three pictures of 40 ms from timestamp `u32::MAX`, and seven of sound, of which six fit.
    fn whole() -> Vec<Vec<u8>> {
        let picture = |n: u32| if n == 0 { [0x65, 1] } else { [0x41, 1] };
        let video = (0..3_u32).map(|n| {
            let timestamp = u32::MAX.wrapping_add(n * 3_600);
            one(
                n * 40_000,
                sdp::H264,
                65_535_u16.wrapping_add(n as u16),
                timestamp,
                &picture(n),
            )
        });
        let audio = (0..7_u32).map(|n| one(n * 20_000 + 7, sdp::OPUS, n as u16, n * 960, &[1]));
        video.chain(audio).collect()
    }

    #[test]
    fn a_round_lasts_as_long_as_its_pictures_and_opens_with_a_keyframe() {
        let trace = Trace::parse(&whole().concat(), Tracks::Both).expect("plays");
        assert_eq!(trace.round_us, 120_000);
        let ticks = |track: usize| -> Vec<u32> {
            let of_track = trace.packets.iter().filter(|it| it.track == track);
            of_track.map(|it| it.ticks).collect()
        };
        assert_eq!(ticks(VIDEO), [0, 3_600, 7_200]);
        assert_eq!(ticks(AUDIO), [0, 960, 1_920, 2_880, 3_840, 4_800]);
        assert!(trace.packets.iter().all(|it| it.at_us < trace.round_us));
        let sound = Trace::parse(&whole().concat(), Tracks::Sound).expect("plays");
        assert_eq!((sound.round_us, sound.packets.len()), (140_000, 7));
    }

    #[test]
    fn sound_of_another_rate_is_as_many_packets_of_one_size() {
        let trace = || Trace::parse(&whole().concat(), Tracks::Sound).expect("plays");
        let sizes = |trace: &Trace| -> Vec<usize> {
            let payload = |it: &Recorded| sdp::payload(&it.packet).map_or(0, <[u8]>::len);
            trace.packets.iter().map(payload).collect()
        };
        assert_eq!(sizes(&trace()), [1; 7]);
        // 20 ms of 32 kbit/s.
        let trace = trace().with_sound_of(32_000);
        assert_eq!(sizes(&trace), [80; 7]);
        assert!(trace.packets.iter().all(|it| it.packet[12] == 1));
        assert_eq!(sizes(&trace.with_sound_of(0)), [1; 7]);
        let film = Trace::parse(&whole().concat(), Tracks::Both).expect("plays");
        let film = film.with_sound_of(32_000);
        let video: Vec<usize> = (film.packets.iter().filter(|it| it.track == VIDEO))
            .map(|it| it.packet.len())
            .collect();
        assert_eq!(video, [14; 3], "pictures stay as they are");
    }

    #[test]
    fn a_recording_that_is_not_whole_is_refused() {
        let refused = |records: &[Vec<u8>]| {
            let bytes = records.concat();
            format!(
                "{:#}",
                Trace::parse(&bytes, Tracks::Both).err().expect("refused")
            )
        };
        let mut lost = whole();
        lost.remove(1);
        assert!(refused(&lost).contains("lost a packet"));
        assert!(refused(&whole()[1..]).contains("keyframe"));
        let mut short = whole();
        short.last_mut().expect("one").pop();
        assert!(refused(&short).contains("cut short"));
        assert!(refused(&[]).contains("no packets"));
    }

    #[test]
    fn the_shipped_trace_is_what_the_help_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/trace.bin");
        let trace = Trace::read(&path, Tracks::Both).expect("plays");
        assert_eq!(
            trace.to_string(),
            "5.00 s a round, H264 185 packets/s at 1.54 Mbit/s, Opus 50 packets/s at 0.07 Mbit/s, a keyframe each 1.00 s"
        );
    }
}
