//! SRTP and SRTCP of one viewer: packets out, feedback in.

use bytes::BytesMut;
use media::Stamp;
use rtc_crypto::RTCCrypto;
use rtc_rtp::{Header, header::EXTENSION_PROFILE_ONE_BYTE};
use rtc_shared::replay_detector::{ReplayDetector, SlidingWindowDetector};
use rtc_srtp::{context::Context, option::ContextOption};

use super::dtls::Keys;

/// Feedback that is older than this many packets, or was heard before, is not heard.
const REPLAY_WINDOW: usize = 64;
/// Tries of feedback from sources that were never proven. The library keeps something for each source that it
/// is shown, whoever sent it; a viewer has two of its own at most, and is known by them within seconds.
const STRANGE_MAX: u32 = 1_024;
/// The index of SRTCP has 31 bits (RFC 3711 §3.4) and does not come round within a session.
const INDEX_MAX: u64 = 0x7fff_ffff;

pub(super) struct Shield {
    outgoing: Context,
    incoming: Context,
    header: Header,
    /// Whose feedback was authentic.
    sources: Vec<u32>,
    strange: u32,
}

impl Shield {
    pub(super) fn new(keys: &Keys, crypto: &dyn RTCCrypto) -> Option<Self> {
        let profile = keys.profile.in_srtp();
        let keys = &keys.session;
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, Some(replay_protection()), crypto).ok()
        };
        Some(Self {
            outgoing: context(&keys.local_master_key, &keys.local_master_salt)?,
            incoming: context(&keys.remote_master_key, &keys.remote_master_salt)?,
            header: Header {
                version: 2,
                extension_profile: EXTENSION_PROFILE_ONE_BYTE,
                ..Header::default()
            },
            sources: Vec::new(),
            strange: 0,
        })
    }

    /// Encrypts a packet that `media` wrote. `None` only when the key is used up (2^48 packets).
    ///
    /// A sequence number that is said again says the same bytes, whose ciphertext is the same: `media`
    /// keeps that promise, without which either profile would give its key stream away.
    pub(super) fn protect(&mut self, packet: &[u8], stamp: &Stamp) -> Option<BytesMut> {
        self.header.marker = stamp.marker;
        self.header.padding = stamp.padded;
        self.header.payload_type = stamp.payload_type;
        self.header.sequence_number = stamp.sequence;
        self.header.timestamp = stamp.timestamp;
        self.header.ssrc = stamp.ssrc;
        // The library only asks how long the header is, and a block of padding is as long as any other.
        self.header.extension = stamp.extensions > 0;
        self.header.extensions_padding = usize::from(stamp.extensions).saturating_sub(4);
        self.outgoing
            .encrypt_rtp_with_header(packet, &self.header)
            .ok()
    }

    pub(super) fn protect_report(&mut self, report: &[u8]) -> Option<BytesMut> {
        self.outgoing.encrypt_rtcp(report).ok()
    }

    /// Decrypts feedback. `None` when it is not the viewer's, or was heard before.
    pub(super) fn open_feedback(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        let source = u32::from_be_bytes(*datagram.get(4..)?.first_chunk()?);
        if self.sources.contains(&source) {
            return self.incoming.decrypt_rtcp(datagram).ok();
        }
        if self.strange == STRANGE_MAX {
            return None;
        }
        self.strange += 1;
        let feedback = self.incoming.decrypt_rtcp(datagram).ok()?;
        self.sources.push(source);
        Some(feedback)
    }
}

/// The library's own for SRTCP begins its window at the first index it is shown, before it knows whose that
/// is: a forged one would make it deaf to the viewer. This one begins at zero.
fn replay_protection() -> ContextOption {
    Box::new(|| -> Box<dyn ReplayDetector> {
        Box::new(SlidingWindowDetector::new(REPLAY_WINDOW, INDEX_MAX))
    })
}
