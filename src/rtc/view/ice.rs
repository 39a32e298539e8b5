//! ICE as a lite agent does it (RFC 8445 §2.5): we answer checks and send none. Only a check that
//! proves knowledge of the password is answered, so nothing goes to an address that did not ask, and
//! an answer (64 bytes) is never larger than a check that carries the proof.
//!
//! What this does not do: ask back whether an address that a viewer moves to wants its packets. A
//! viewer that can forge source addresses could send its own copy elsewhere until it falls silent.

use std::net::SocketAddr;

use rtc_crypto::RTCCrypto;
use rtc_stun::{
    attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _},
    xoraddr::XorMappedAddress,
};

/// Our name and password, and the name of the other side.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) pwd: String,
    pub(super) remote_ufrag: String,
}

/// A connectivity check, not yet proven.
pub(crate) struct Check {
    message: Message,
    /// `ours:theirs` (RFC 8445 §7.2.2).
    username: String,
}

impl Check {
    /// `None` for anything but a binding request with a name and a right checksum.
    pub(crate) fn parse(datagram: &[u8]) -> Option<Self> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST || FINGERPRINT.check(&message).is_err() {
            return None;
        }
        let username = String::from_utf8(message.get(ATTR_USERNAME).ok()?).ok()?;
        Some(Self { message, username })
    }

    /// Whom it is for.
    pub(crate) fn ufrag(&self) -> &str {
        self.username.split(':').next().unwrap_or_default()
    }

    /// True when the other side chose this path.
    pub(super) fn nominates(&self) -> bool {
        self.message.contains(ATTR_USE_CANDIDATE)
    }

    /// The answer, if the check proves that it comes from whom the offer came from.
    pub(super) fn answer(
        &mut self,
        from: SocketAddr,
        own: &Credentials,
        crypto: &dyn RTCCrypto,
    ) -> Option<Vec<u8>> {
        let theirs = self.username.split(':').nth(1)?;
        if theirs != own.remote_ufrag {
            return None;
        }
        self.answer_anybody(from, &own.pwd, crypto)
    }

    /// The answer to whoever knows the password, by whatever name.
    pub(crate) fn answer_anybody(
        &mut self,
        from: SocketAddr,
        pwd: &str,
        crypto: &dyn RTCCrypto,
    ) -> Option<Vec<u8>> {
        MessageIntegrity::check(&mut self.message, pwd.as_bytes(), crypto).ok()?;
        let mut answer = Message::new();
        answer.typ = BINDING_SUCCESS;
        answer.transaction_id = self.message.transaction_id;
        answer.write_header();
        XorMappedAddress {
            ip: from.ip(),
            port: from.port(),
        }
        .add_to(&mut answer)
        .ok()?;
        MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), crypto)
            .add_to(&mut answer)
            .ok()?;
        FINGERPRINT.add_to(&mut answer).ok()?;
        // From an IPv6 address the barest check is shorter than its answer; real clients say more.
        Some(answer.raw).filter(|it| it.len() <= self.message.raw.len())
    }
}
