//! One viewer: counts, follows both tracks, asks for what is missing, authenticates a share; and comes
//! back, if it is told to, when its connection ends under it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::BytesMut;
use tokio::{sync::watch, time};

use super::{
    Common,
    feedback::{self, Compound, Reception, Told},
    shown::{Piece, Screen},
    tally::Tally,
    tracks::{Fates, PICTURE_WAITS, Probe, SOUND_WAITS, Track},
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

/// The picture and the sound, where both are kept in an array.
pub(super) const PICTURE: usize = 0;
pub(super) const SOUND: usize = 1;

struct Peer {
    common: Arc<Common>,
    line: Line,
    last_report: Instant,
    tracks: [Track; 2],
    receptions: [Reception; 2],
    screen: Screen,
    /// What had become of the tracks' packets when counting began; none before and after it.
    counted_from: Option<[Fates; 2]>,
    /// The time there and back.
    way: Option<Duration>,
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
        let line = Self::line(&common, n).await?;
        let mut tally = Tally::new();
        tally.nack_agreed = u64::from(line.agreed.picture_again && line.agreed.resent);
        tally.sound_nack_agreed = u64::from(line.agreed.sound_again);
        Ok(Self {
            last_report: line.begin,
            line,
            tracks: [PICTURE_WAITS, SOUND_WAITS].map(Track::new),
            receptions: [90_000, 48_000].map(Reception::new),
            screen: Screen::default(),
            counted_from: None,
            way: None,
            first_keyframe: false,
            probe: Probe::default(),
            last_packet: None,
            pause: Duration::ZERO,
            dark_since,
            tally,
            common,
        })
    }

    async fn line(common: &Common, n: usize) -> Result<Line> {
        let (identity, plan) = (common.identity.clone(), &common.plan);
        if let Some(mountpoint) = plan.janus {
            return Line::open_mountpoint(identity, &common.http, plan.server, mountpoint).await;
        }
        let door = Door {
            http: &common.http,
            base: format!("http://{}", plan.server),
            path: format!("/api/v1/rooms/{}/whep", plan.room),
            token: common.tokens.get(n).map(String::as_str),
            through: plan.through,
            transport: plan.transport(),
        };
        Line::open(identity, door, sdp::player_offer).await
    }

    /// Watches until it is told to leave, then deletes its resource; or until the line ends.
    async fn watch(mut self, leave: &mut watch::Receiver<bool>) -> Result<Seen> {
        let mut buffer = vec![0; 2_048];
        let mut tick = Line::ticks();
        let mut leaves_by = None;
        let cut = loop {
            if leaves_by.is_some_and(|it| self.tracks[PICTURE].open() == 0 || Instant::now() > it) {
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
        self.sum_up(cut);
        if !cut {
            self.line.close(&self.common.http).await?;
        }
        Ok(Seen {
            tally: self.tally,
            cut,
            last_packet: self.last_packet,
        })
    }

    /// Writes down what the whole connection came to.
    fn sum_up(&mut self, cut: bool) {
        self.count(false, Instant::now());
        let us = |it: Duration| u64::try_from(it.as_micros()).unwrap_or(u64::MAX);
        if self.pause > Duration::ZERO {
            self.tally.pause_us.saturating_record(us(self.pause));
        }
        if let Some(first) = self.screen.first {
            let took = first.saturating_duration_since(self.line.begin);
            self.tally.first_frame_us.saturating_record(us(took));
        }
        if let Some(way) = self.way {
            self.tally.way_us.saturating_record(us(way));
        }
        self.tally.seen.add(self.screen.seen());
        self.tally.seen_held.add(self.screen.seen_held());
        let heard = self.tracks.iter().map(Track::began);
        let all = heard
            .zip(&self.receptions)
            .all(|(heard, it)| it.is_reported() || !heard);
        self.tally.reported = u64::from(all && self.last_packet.is_some());
        (self.tally.probes, self.tally.probes_answered) = self.probe.outcome();
        let [picture, sound] = &self.tracks;
        // Of a line that was cut, what was still on its way is not missing.
        let open = |it: &Track| if cut { 0 } else { it.open() };
        self.tally.repaired = picture.fates.recovered;
        self.tally.missing = picture.fates.given_up + open(picture);
        self.tally.missing_sound = sound.fates.given_up + open(sound);
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        self.line.tick(now)?;
        self.count(self.common.counting.load(Ordering::Relaxed), now);
        for index in self.tracks[PICTURE].give_up(now, self.way) {
            self.screen.lost(index);
        }
        self.tracks[SOUND].give_up(now, self.way);
        self.feedback(now)
    }

    /// Begins or ends what counts.
    fn count(&mut self, counting: bool, now: Instant) {
        let fates = [PICTURE, SOUND].map(|it| self.tracks[it].fates);
        match (counting, self.counted_from) {
            (true, None) => self.counted_from = Some(fates),
            (false, Some(before)) => {
                self.counted_from = None;
                for (track, (fates, before)) in fates.iter().zip(&before).enumerate() {
                    self.tally.fates[track].add(&fates.since(before));
                }
            }
            _ => return,
        }
        self.screen.counts(counting, now);
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
        // A loss is noticed by the packet after it, and said at once.
        let asks = self.asks();
        if (self.tracks.iter().zip(asks)).any(|(it, asks)| asks && it.has_news()) {
            self.feedback(Instant::now())?;
        }
        Ok(())
    }

    fn media(&mut self, bytes: &[u8]) {
        // As a browser, that drops what it has no keys for.
        if self.line.inbound.is_none() {
            return;
        }
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
        let Some(header) = Header::of(bytes) else {
            return;
        };
        match header.payload_type {
            sdp::RTX => self.repeat(bytes, &header, counting, now),
            sdp::OPUS => self.packet(SOUND, bytes, &header, now),
            _ => self.packet(PICTURE, bytes, &header, now),
        }
    }

    /// What was asked for, under its own source (RFC 4588 §4: the original number opens the payload).
    fn repeat(&mut self, bytes: &[u8], header: &Header, counting: bool, now: Instant) {
        self.tally.retransmitted += 1;
        self.tally.counted_again += u64::from(counting);
        let Some(plain) = self.decrypt(bytes) else {
            return;
        };
        let payload = sdp::payload(&plain).and_then(<[u8]>::split_first_chunk);
        let Some((original, payload)) = payload else {
            return;
        };
        let original = u16::from_be_bytes(*original);
        self.probe.answered(original);
        if let Some(index) = self.tracks[PICTURE].take(original, now) {
            self.screen
                .take(index, header.piece(Some(sdp::part(payload))), now);
        }
    }

    fn packet(&mut self, track: usize, bytes: &[u8], header: &Header, now: Instant) {
        let index = self.tracks[track].take(header.sequence, now);
        if let Some(index) = index {
            let since = now.saturating_duration_since(self.line.begin);
            self.receptions[track].hear(header.ssrc, index, header.timestamp, since);
        }
        let looks = track == PICTURE
            && (!self.first_keyframe
                || index.is_some_and(|it| self.screen.asks_for_part(it, header.timestamp)));
        let verifies = self.tally.packets.is_multiple_of(self.common.plan.verify);
        let plain = (looks || verifies).then(|| self.decrypt(bytes)).flatten();
        if track == SOUND {
            return;
        }
        // Without a stream for repeats the very same packet comes once more.
        self.probe.answered(header.sequence);
        self.probe.may_ask_for(header.sequence, now);
        let payload = plain.as_deref().and_then(sdp::payload);
        if !self.first_keyframe && payload.is_some_and(sdp::begins_keyframe) {
            self.first_keyframe = true;
            let first = &mut self.tally.first_keyframe_us;
            first.saturating_record(micros(self.line.begin));
        }
        if let Some(index) = index {
            let part = payload.map(sdp::part);
            self.screen.take(index, header.piece(part), now);
        }
    }

    fn decrypt(&mut self, bytes: &[u8]) -> Option<BytesMut> {
        let plain = self.line.inbound.as_mut()?.decrypt_rtp(bytes).ok();
        match plain {
            Some(_) => self.tally.verified += 1,
            None => self.tally.forged += 1,
        }
        plain
    }

    fn control(&mut self, bytes: &[u8]) {
        let Some(inbound) = &mut self.line.inbound else {
            return;
        };
        let Ok(plain) = inbound.decrypt_rtcp(bytes) else {
            self.tally.forged += 1;
            return;
        };
        let now = Instant::now();
        let (tally, receptions, way) = (&mut self.tally, &mut self.receptions, &mut self.way);
        feedback::read(&plain, |told| match told {
            Told::Sent { ssrc, middle } => {
                tally.sender_reports += 1;
                if let Some(it) = receptions.iter_mut().find(|it| it.ssrc == ssrc) {
                    it.hear_report(middle, now);
                }
            }
            Told::Back { middle, held } => {
                // Smoothed, as browsers do it: one late answer says little.
                if let Some(took) = feedback::way(clock::ntp(), middle, held) {
                    *way = Some(way.map_or(took, |before| (before * 7 + took) / 8));
                }
            }
        });
        self.screen.hold = self.way.unwrap_or_default();
    }

    /// Of which tracks it may ask for what is missing.
    fn asks(&self) -> [bool; 2] {
        let agreed = self.line.agreed;
        [agreed.picture_again, agreed.sound_again]
    }

    /// What is missing is asked for at once, what browsers say regularly each second.
    fn feedback(&mut self, now: Instant) -> Result<()> {
        if self.line.outbound.is_none() {
            return Ok(());
        }
        let mut missing = [Vec::new(), Vec::new()];
        for (track, asks) in self.asks().into_iter().enumerate() {
            if asks {
                missing[track] = self.tracks[track].wanted(now, self.way);
                self.tally.nacked += missing[track].len() as u64;
            }
        }
        missing[PICTURE].extend(self.probe.wanted(now));
        let wishes = self.screen.wishes(now);
        let reports = now.duration_since(self.last_report) >= REPORT_EVERY;
        if !reports && !wishes && missing.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let fates = [PICTURE, SOUND].map(|it| self.tracks[it].fates);
        let tracks = self.receptions.iter_mut().zip(&fates);
        let mut compound = Compound::new(tracks.filter(|_| reports), now);
        let ssrcs = [PICTURE, SOUND].map(|it| self.receptions[it].ssrc);
        if reports {
            self.last_report = now;
            if self.line.agreed.round_trip {
                compound.reference_time(clock::ntp());
            }
            if let Some(kbps) = self.common.plan.remb {
                compound.estimate(u64::from(kbps) * 1_000, &ssrcs[..1]);
            }
        }
        for (ssrc, missing) in ssrcs.iter().zip(&missing) {
            compound.missing(*ssrc, missing);
        }
        if wishes {
            self.tally.wishes += 1;
            compound.picture_loss(ssrcs[PICTURE]);
        }
        self.line.send_rtcp(&compound.into_bytes())
    }
}

/// What an RTP header says in the clear (RFC 3550 §5.1).
struct Header {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Header {
    fn of(packet: &[u8]) -> Option<Self> {
        let [_, kind, rest @ ..] = packet.first_chunk::<12>()?;
        let word =
            |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        Some(Self {
            payload_type: kind & 0x7f,
            marker: kind & 0x80 != 0,
            sequence: u16::from_be_bytes([rest[0], rest[1]]),
            timestamp: word(2),
            ssrc: word(6),
        })
    }

    fn piece(&self, part: Option<sdp::Part>) -> Piece {
        Piece {
            timestamp: self.timestamp,
            marker: self.marker,
            part,
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
