//! Datagrams from viewers: checks, handshakes, feedback. Each protocol only listens to what the one
//! before it has let through.

use std::time::Instant;

use media::{Feedback, Kind, read_feedback};

use super::{
    dtls::{Line, Shaking},
    ice::Check,
    shield::Shield,
    worker::Worker,
};
use crate::{PeerEnd, path::Path, pipes::Happened};

const BATCHES_PER_TURN: usize = 4;
/// Datagrams by TCP before orders and deadlines have their turn again.
const PIPED_PER_TURN: usize = 64;

impl Worker {
    pub(super) fn receive(&mut self) {
        // Taken out for the time being: what is done with a datagram may need all of the worker.
        let mut inbound = std::mem::take(&mut self.inbound);
        for _ in 0..BATCHES_PER_TURN {
            if !inbound.fill(&self.bench.wire) {
                break;
            }
            let now = clock::now();
            for (from, datagram) in inbound.datagrams() {
                self.receive_one(Path::Udp(from), datagram, now);
            }
        }
        self.inbound = inbound;
    }

    /// What happened on a pipe, and what has happened on others since.
    pub(super) fn receive_by_tcp(&mut self, first: Happened) {
        let now = clock::now();
        self.take_from_pipe(first, now);
        for _ in 1..PIPED_PER_TURN {
            let Some(happened) = self.bench.wire.pipes.try_next() else {
                break;
            };
            self.take_from_pipe(happened, now);
        }
    }

    fn take_from_pipe(&mut self, happened: Happened, now: Instant) {
        match happened {
            Happened::Datagram(from, datagram) => self.receive_one(from, &datagram, now),
            Happened::Ended(path) => self.lose_path(path),
        }
    }

    /// Nobody is there any more. A viewer that was has the time of any silent one to come from elsewhere.
    pub(super) fn lose_path(&mut self, path: Path) {
        let viewer = self.by_address.remove(&path);
        if let Some(viewer) = viewer.and_then(|key| self.viewers.get_mut(key))
            && viewer.address == Some(path)
        {
            viewer.address = None;
        }
    }

    /// RFC 7983: the first byte says which protocol it is.
    fn receive_one(&mut self, from: Path, datagram: &[u8], now: Instant) {
        match datagram.first() {
            Some(0..=3) => self.receive_check(from, datagram, now),
            Some(20..=63) => self.receive_dtls(from, datagram, now),
            Some(128..=191) => self.receive_feedback(from, datagram, now),
            _ => {}
        }
    }

    fn receive_check(&mut self, from: Path, datagram: &[u8], now: Instant) {
        let Some(mut check) = Check::parse(datagram) else {
            return;
        };
        if self.probe.is_for(check.ufrag()) {
            if let Some(answer) =
                self.probe
                    .check(&mut check, from.address(), self.provider.crypto(), now)
            {
                self.bench.wire.send(from, &answer);
            }
            return;
        }
        let Some(&key) = self.by_ufrag.get(check.ufrag()) else {
            return;
        };
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        let crypto = self.provider.crypto();
        let own = viewer.credentials_of(check.ufrag());
        let Some(answer) = check.answer(from.address(), own, crypto) else {
            return;
        };
        viewer.heard = now;
        self.bench.wire.send(from, &answer);
        let spare = from
            .pipe()
            .and_then(|pipe| self.bench.wire.pipes.prove(pipe, viewer.line.serial));
        if let Some(spare) = spare {
            self.lose_path(spare);
        }
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        if check.nominates()
            && let Some(before) = viewer.prove(check.ufrag())
        {
            self.by_ufrag.remove(&before);
        }
        if viewer.address == Some(from) || (viewer.address.is_some() && !check.nominates()) {
            return;
        }
        if let Some(before) = viewer.address.replace(from) {
            self.by_address.remove(&before);
        }
        // The newest proof counts: whoever had this address before has it no more.
        if let Some(other) = self.by_address.insert(from, key)
            && let Some(other) = self.viewers.get_mut(other)
        {
            other.address = None;
        }
    }

    /// Only from proven addresses, so that nobody makes us keep handshakes for strangers.
    fn receive_dtls(&mut self, from: Path, datagram: &[u8], now: Instant) {
        let Some(&key) = self.by_address.get(&from) else {
            return;
        };
        let Some(viewer) = self.viewers.get(key) else {
            return;
        };
        let line = viewer.line;
        // A connection that ended does not begin anew.
        if viewer.shield.is_some() && !self.dtls.knows(line) {
            return;
        }
        let heard = self.dtls.read(line, datagram, now);
        if heard.begun {
            self.shaking.push(Shaking::new(line, now));
        }
        let keys = heard
            .finished
            .then(|| self.dtls.keys(line, &viewer.fingerprint));
        // The last flight leaves before the first packet: a browser drops, without counting it, what
        // it has no keys for, and that would be the picture.
        let refused = self.flush_dtls();
        if heard.closed {
            self.remove(key, PeerEnd::Closed, now);
            return;
        }
        if refused == Some(line) {
            self.remove(key, PeerEnd::Failed, now);
            return;
        }
        match keys {
            None => {}
            Some(keys) => {
                let crypto = self.provider.crypto();
                let shield = keys.and_then(|keys| Shield::new(&keys, crypto));
                match shield {
                    Some(shield) => self.begin(key, shield, now),
                    None => {
                        self.remove(key, PeerEnd::Failed, now);
                    }
                }
            }
        }
    }

    /// The handshake is done: the viewer is shown the room, within a millisecond.
    fn begin(&mut self, key: usize, shield: Shield, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        viewer.shield = Some(shield);
        viewer.heard = now;
        self.counts.entered(viewer.room);
        self.choose(key, now);
        self.lead_to_live(key, now);
    }

    /// Begins whatever of the viewer's legs can be begun, and asks for a keyframe where one waits.
    pub(super) fn lead_to_live(&mut self, key: usize, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        let Some(stage) = self.router.stage(viewer.room) else {
            return;
        };
        let mut waits = false;
        for kind in Kind::ALL {
            let joined = viewer.join(kind, stage.tracks(kind));
            waits |= kind == Kind::Video && !joined;
        }
        if !std::mem::replace(&mut viewer.behind, true) {
            self.behind.push(viewer.line);
        }
        if waits {
            self.wish_for(key, now);
        }
    }

    /// Sends what DTLS has to say. Tells whose handshake it gave up, if any.
    pub(super) fn flush_dtls(&mut self) -> Option<Line> {
        let mut refused = None;
        while let Some((line, datagram)) = self.dtls.poll() {
            let viewer = self
                .viewers
                .get(line.key)
                .filter(|viewer| viewer.line == line);
            let Some(viewer) = viewer else { continue };
            if viewer.shield.is_none() && is_fatal_alert(&datagram) {
                refused = Some(line);
            }
            if let Some(address) = viewer.address {
                self.bench.wire.send(address, &datagram);
            }
        }
        refused
    }

    fn receive_feedback(&mut self, from: Path, datagram: &[u8], now: Instant) {
        // RFC 5761 §4: RTCP has 192 to 223 where RTP has its payload type. Viewers send no media.
        if !datagram
            .get(1)
            .is_some_and(|kind| (192..=223).contains(kind))
        {
            return;
        }
        let Some(&key) = self.by_address.get(&from) else {
            return;
        };
        let Some(viewer) = self.viewers.get_mut(key) else {
            return;
        };
        let Some(shield) = &mut viewer.shield else {
            return;
        };
        let Some(feedback) = shield.open_feedback(datagram) else {
            metrics::counter!("weiquan_media_feedback_unfit_total").increment(1);
            return;
        };
        let Some(stage) = self.router.stage(viewer.room) else {
            return;
        };
        let mut tools = self.bench.tools(*self.router.wall(), now);
        let mut wishes = false;
        let mut says_of_line = false;
        let mut again = 0_u64;
        read_feedback(&feedback, |feedback| match feedback {
            Feedback::Missing { ssrc, sequence } => {
                let Some(kind) = viewer.kind_of(ssrc) else {
                    return;
                };
                again += u64::from(viewer.resend(kind, stage, sequence, &mut tools));
            }
            Feedback::NeedsKeyframe { ssrc } => {
                let leg = viewer.kind_of(ssrc).and_then(|kind| viewer.leg_mut(kind));
                wishes |= leg.is_some_and(|leg| leg.hear_wish(now));
            }
            Feedback::Lost { ssrc, report } => {
                if let Some(of) = viewer.sending_of(ssrc) {
                    viewer.choice.hear_loss(of, report, now);
                    says_of_line = true;
                }
            }
            Feedback::Carries { kbps } => {
                viewer.choice.hear_estimate(kbps, now);
                says_of_line = true;
            }
            Feedback::ReferenceTime { from, last } => viewer.answer_time(from, last, tools.wire),
            Feedback::Bye => {}
        });
        if again > 0 {
            metrics::counter!("weiquan_media_packets_again_total").increment(again);
            viewer.leave_again(&mut tools);
        }
        if wishes {
            self.wish_for(key, now);
        }
        if says_of_line {
            self.choose(key, now);
        }
    }
}

/// A record of content type 21, not encrypted (epoch 0), whose level is 2 (RFC 6347 §4.1, RFC 5246
/// §7.2).
fn is_fatal_alert(datagram: &[u8]) -> bool {
    matches!(datagram, [21, _, _, 0, 0, _, _, _, _, _, _, _, _, 2, ..])
}
