//! The check of a line before anybody watches or goes live: does UDP get through to a media port, or TCP?
//!
//! For each kind of port it is one ICE name and password for everybody, told by HTTP. Whoever sends a
//! check with it hears the answer, and that is all: nothing is kept, no handshake begins, no media ever
//! leaves.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use protocol::limits::PROBES_PER_SECOND;
use rtc_crypto::RTCCrypto;

use crate::{
    random,
    sdp::{Tcp, candidates},
    view::Check,
};

const SECOND: Duration = Duration::from_secs(1);

/// SDP answers that lead a check to a kind of port.
#[derive(Clone, Debug)]
pub struct ProbeAnswers {
    /// By UDP alone.
    pub udp: String,
    /// By TCP alone (RFC 6544), where the port takes it.
    pub tcp: Option<String>,
}

#[derive(Clone)]
pub(crate) struct LineProbe {
    ufrag: String,
    pwd: String,
    /// Answers of the second that began then.
    answered: u32,
    since: Option<Instant>,
}

impl LineProbe {
    pub(crate) fn new() -> Self {
        Self {
            ufrag: random::token(6),
            pwd: random::token(18),
            answered: 0,
            since: None,
        }
    }

    /// Whether a check names it.
    pub(crate) fn is_for(&self, ufrag: &str) -> bool {
        ufrag == self.ufrag
    }

    /// The answer to one check; none to a forged one, nor above the rate.
    pub(crate) fn check(
        &mut self,
        check: &mut Check,
        from: SocketAddr,
        crypto: &dyn RTCCrypto,
        now: Instant,
    ) -> Option<Vec<u8>> {
        if self.since.is_none_or(|it| now.duration_since(it) >= SECOND) {
            self.since = Some(now);
            self.answered = 0;
        }
        if self.answered >= PROBES_PER_SECOND {
            return None;
        }
        self.answered += 1;
        check.answer_anybody(from, &self.pwd, crypto)
    }

    /// The answers to an offer with nothing but a data channel, in its first section (`mid` 0), each with
    /// one transport: whether that gets through is the question.
    pub(crate) fn answers(
        &self,
        reachable: &[SocketAddr],
        fingerprint: &str,
        tcp: Tcp,
    ) -> ProbeAnswers {
        let by_tcp = || self.answer(reachable, fingerprint, Tcp::Only);
        ProbeAnswers {
            udp: self.answer(reachable, fingerprint, Tcp::Off),
            tcp: (tcp != Tcp::Off).then(by_tcp),
        }
    }

    fn answer(&self, reachable: &[SocketAddr], fingerprint: &str, tcp: Tcp) -> String {
        let Self { ufrag, pwd, .. } = self;
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\n\
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
            a=sctp-port:5000\r\na=setup:passive\r\na=fingerprint:{fingerprint}\r\n\
            a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n{}",
            candidates(reachable, tcp)
        )
    }

    #[cfg(test)]
    pub(crate) fn take_name_of(&mut self, other: &Self) {
        self.ufrag.clone_from(&other.ufrag);
    }
}
