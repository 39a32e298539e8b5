//! One viewer: who it is, how far it got, and its legs. The worker decides when; this knows how.

use std::time::Instant;

use media::{
    Accepted, Choice, Kind, Layer, Leg, Sending, Stage, Stamp, Track, Tracks, WallClock,
    reference_time_answer,
};
use protocol::{PeerId, RoomNumber};
use tokio::sync::watch;

use super::{
    dtls::Line,
    ice::Credentials,
    shield::Shield,
    wire::{Left, Sent, Train, Wire},
};
use crate::{path::Path, sdp::Fingerprint};

/// Packets of a joiner's first picture that leave at once: 10 a millisecond are about 100 Mbit/s,
/// which home networks take without loss.
pub(super) const REPLAY_PACKETS: usize = 10;
/// Packets of what is live that leave at once; a bigger frame is a keyframe, and its rest is paced
/// like a replay.
const FRAME_PACKETS: usize = 64;
/// What fills a line are the newest packets, so many of them, and so often at the most in one go.
const PROBE_PACKETS: u64 = 8;
const PROBE_PACKETS_AT_ONCE: u64 = 64;

pub(super) struct Viewer {
    pub(super) peer: PeerId,
    pub(super) room: RoomNumber,
    pub(super) line: Line,
    pub(super) credentials: Credentials,
    /// Those of an ICE restart that has not been proven yet. The ones before hold until then.
    pub(super) next: Option<Credentials>,
    pub(super) fingerprint: Fingerprint,
    /// Where it is, proven by a connectivity check.
    pub(super) address: Option<Path>,
    /// There once the handshake is done and the fingerprint was right.
    pub(super) shield: Option<Shield>,
    pub(super) video: Option<Leg>,
    pub(super) audio: Option<Leg>,
    /// Which section of its offer has the picture, from 0.
    pub(super) section: Option<usize>,
    /// Goes with the viewer; there once somebody hears of what it watches.
    pub(super) life: Option<watch::Sender<()>>,
    /// What it would take and nobody published when it came.
    pub(super) waits: Vec<Kind>,
    /// When anything valid was last heard.
    pub(super) heard: Instant,
    /// It is in the worker's list of those who are led on.
    pub(super) behind: bool,
    /// Which layer of the picture it is to have.
    pub(super) choice: Choice,
    /// It is in the worker's list of those whose line is probed.
    pub(super) probed: bool,
    /// Nobody looks at the picture.
    pub(super) hidden: bool,
}

/// The sockets, and the room in which packets to it are made.
pub(super) struct Bench {
    pub(super) wire: Wire,
    train: Train,
    plain: Vec<u8>,
}

impl Bench {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            train: Train::default(),
            plain: Vec::new(),
        }
    }

    /// What has left since it was last asked.
    pub(super) fn take_left(&mut self) -> Left {
        self.train.take_left()
    }

    pub(super) fn tools(&mut self, wall: WallClock, now: Instant) -> Tools<'_> {
        Tools {
            wire: &mut self.wire,
            train: &mut self.train,
            plain: &mut self.plain,
            wall,
            now,
        }
    }
}

/// What all viewers of a worker share while one of them is being served.
pub(super) struct Tools<'a> {
    pub(super) wire: &'a mut Wire,
    train: &'a mut Train,
    /// Where a packet is written before it is encrypted.
    plain: &'a mut Vec<u8>,
    wall: WallClock,
    now: Instant,
}

impl Viewer {
    pub(super) fn leg_mut(&mut self, kind: Kind) -> Option<&mut Leg> {
        match kind {
            Kind::Video => self.video.as_mut(),
            Kind::Audio => self.audio.as_mut(),
        }
    }

    /// Its room, and the layer of which it needs a keyframe if it needs one.
    pub(super) fn picture(&self) -> Option<(RoomNumber, Layer)> {
        let leg = self.video.as_ref()?;
        let layer = leg.awaits().unwrap_or_else(|| leg.layer());
        Some((self.room, layer))
    }

    /// Which of its legs a stream number belongs to.
    pub(super) fn kind_of(&self, ssrc: u32) -> Option<Kind> {
        let is = |leg: &Option<Leg>| leg.as_ref().is_some_and(|leg| leg.ids().ssrc == ssrc);
        match (is(&self.video), is(&self.audio)) {
            (true, _) => Some(Kind::Video),
            (_, true) => Some(Kind::Audio),
            _ => None,
        }
    }

    /// Whether a stream number is of the picture, or of what is sent of it again.
    pub(super) fn sending_of(&self, ssrc: u32) -> Option<Sending> {
        let ids = self.video.as_ref()?.ids();
        if ids.ssrc == ssrc {
            return Some(Sending::First);
        }
        let again = ids.resend.is_some_and(|(_, again)| again == ssrc);
        again.then_some(Sending::Again)
    }

    /// Begins a leg where one of its tracks can be begun, or takes it to the layer that it waits for.
    /// False when it waits for a keyframe.
    pub(super) fn join(&mut self, kind: Kind, tracks: &Tracks) -> bool {
        if self.shield.is_none() {
            return true;
        }
        let Some(leg) = self.leg_mut(kind) else {
            return true;
        };
        if leg.awaits().is_none() {
            return true;
        }
        let lines = tracks.lines();
        (leg.is_live() || leg.join(&lines)) && (leg.awaits().is_none() || leg.switch(&lines))
    }

    /// Shows what just came of a layer. True when the viewer is behind and has to be led on later.
    pub(super) fn show(
        &mut self,
        kind: Kind,
        layer: Layer,
        stage: &Stage,
        accepted: &Accepted,
        tools: &mut Tools<'_>,
    ) -> bool {
        let Some(track) = stage.track(kind, layer) else {
            return false;
        };
        self.join(kind, stage.tracks(kind));
        if !self.leg_mut(kind).is_some_and(|leg| leg.shows(layer)) {
            return false;
        }
        for index in &accepted.late {
            self.pack(kind, tools, |leg, plain| {
                leg.write_late(track, *index, plain)
            });
        }
        // A viewer that is still being shown its first picture gets this behind it, in its turn.
        if self
            .next(kind)
            .is_some_and(|next| next < accepted.fresh.start)
        {
            self.leave(kind, track, tools);
            return true;
        }
        self.lead_on(kind, stage, FRAME_PACKETS, tools)
    }

    /// Shows up to `packets_max` of what is next. True when there is more.
    pub(super) fn lead_on(
        &mut self,
        kind: Kind,
        stage: &Stage,
        packets_max: usize,
        tools: &mut Tools<'_>,
    ) -> bool {
        let Some(track) = self.track(kind, stage) else {
            return false;
        };
        let mut packets = 0;
        while packets < packets_max
            && self.pack(kind, tools, |leg, plain| leg.write_next(track, plain))
        {
            packets += 1;
        }
        self.leave(kind, track, tools);
        if packets > 0 {
            self.report(kind, stage, tools);
        }
        self.leg_mut(kind).is_some_and(|leg| leg.is_behind(track))
    }

    /// The track that a leg is led along.
    fn track<'a>(&mut self, kind: Kind, stage: &'a Stage) -> Option<&'a Track> {
        let layer = self.leg_mut(kind)?.layer();
        stage.track(kind, layer)
    }

    /// Sends a sender report if one is due.
    pub(super) fn report(&mut self, kind: Kind, stage: &Stage, tools: &mut Tools<'_>) {
        let Some(track) = self.track(kind, stage) else {
            return;
        };
        let (now, wall) = (tools.now, tools.wall);
        let report = self
            .leg_mut(kind)
            .and_then(|leg| leg.report(track, now, &wall, stage.skew()));
        if let Some(report) = report {
            self.send_report(&report, tools.wire);
        }
    }

    /// Sends again what the viewer misses.
    pub(super) fn resend(
        &mut self,
        kind: Kind,
        stage: &Stage,
        sequence: u16,
        tools: &mut Tools<'_>,
    ) -> bool {
        let layer = self.leg_mut(kind).and_then(|leg| leg.layer_of(sequence));
        let Some(track) = layer.and_then(|layer| stage.track(kind, layer)) else {
            return false;
        };
        let copies = self.leg_mut(kind).map_or(1, |leg| leg.copies(sequence));
        let now = tools.now;
        let mut sent = false;
        for _ in 0..copies {
            sent |= self.pack(kind, tools, |leg, plain| {
                leg.write_again(track, sequence, now, plain)
            });
        }
        sent
    }

    /// Fills its line with so many bytes of what it was just shown.
    pub(super) fn fill(&mut self, stage: &Stage, bytes: usize, tools: &mut Tools<'_>) {
        let Some(track) = self.track(Kind::Video, stage) else {
            return;
        };
        let (now, mut left, mut packets) = (tools.now, bytes, 0);
        for nth in 0..PROBE_PACKETS_AT_ONCE {
            if left == 0 {
                break;
            }
            let back = nth % PROBE_PACKETS;
            if self.pack(Kind::Video, tools, |leg, plain| {
                leg.write_probe(track, back, now, plain)
            }) {
                packets += 1;
                left = left.saturating_sub(tools.plain.len());
            }
        }
        metrics::counter!("weiquan_media_packets_probing_total").increment(packets);
        self.leave_again(tools);
    }

    /// Answers the viewer's reference time.
    pub(super) fn answer_time(&mut self, from: u32, last: u32, wire: &mut Wire) {
        let leg = self.video.as_ref().or(self.audio.as_ref());
        let Some(ssrc) = leg.map(|leg| leg.ids().ssrc) else {
            return;
        };
        self.send_report(&reference_time_answer(ssrc, from, last), wire);
    }

    fn send_report(&mut self, report: &[u8], wire: &mut Wire) {
        let (Some(shield), Some(address)) = (&mut self.shield, self.address) else {
            return;
        };
        if let Some(report) = shield.protect_report(report) {
            wire.send(address, &report);
        }
    }

    fn next(&mut self, kind: Kind) -> Option<u64> {
        self.leg_mut(kind)?.next()
    }

    /// Writes, encrypts and adds one packet to the train. False when there was none.
    fn pack(
        &mut self,
        kind: Kind,
        tools: &mut Tools<'_>,
        write: impl FnOnce(&mut Leg, &mut Vec<u8>) -> Option<Stamp>,
    ) -> bool {
        tools.plain.clear();
        let leg = match kind {
            Kind::Video => self.video.as_mut(),
            Kind::Audio => self.audio.as_mut(),
        };
        let (Some(leg), Some(shield)) = (leg, &mut self.shield) else {
            return false;
        };
        let Some(stamp) = write(leg, tools.plain) else {
            return false;
        };
        let Some(packet) = shield.protect(tools.plain, &stamp) else {
            return false;
        };
        tools.train.push(&packet);
        true
    }

    /// Lets packets leave that were asked for again. Those that a blocked socket does not take are
    /// asked for once more.
    pub(super) fn leave_again(&mut self, tools: &mut Tools<'_>) {
        match self.address {
            Some(address) => {
                tools.train.leave(tools.wire, address);
            }
            None => tools.train.clear(),
        }
    }

    /// Lets the train leave. What a blocked socket did not take is lost to the end of its frame.
    pub(super) fn leave(&mut self, kind: Kind, track: &Track, tools: &mut Tools<'_>) {
        // Another viewer has proven this one's address: until it checks from where it is now, what is
        // for it goes nowhere, least of all to whoever the train serves next.
        let Some(address) = self.address else {
            tools.train.clear();
            return;
        };
        if tools.train.is_empty() {
            return;
        }
        if tools.train.leave(tools.wire, address) == Sent::Blocked {
            metrics::counter!("weiquan_media_blocked_total").increment(1);
            if let Some(leg) = self.leg_mut(kind) {
                leg.skip_frame(track);
            }
        }
    }
}
