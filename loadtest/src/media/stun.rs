//! Connectivity checks of the controlling side (RFC 8445), by `rtc-stun`.

use std::net::SocketAddr;

use rtc_crypto::RTCCryptoProvider;
use rtc_stun::{
    attributes::{
        ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
    },
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter, TransactionId},
    xoraddr::XorMappedAddress,
};

/// A check that nominates at once (the server is ICE-lite).
pub(super) fn check(
    user: &str,
    pwd: &str,
    provider: &dyn RTCCryptoProvider,
) -> anyhow::Result<Vec<u8>> {
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.transaction_id = TransactionId(rand::random());
    message.write_header();
    message.add(ATTR_USERNAME, user.as_bytes());
    message.add(ATTR_PRIORITY, &0x6e7f_1eff_u32.to_be_bytes());
    message.add(ATTR_ICE_CONTROLLING, &[1; 8]);
    message.add(ATTR_USE_CANDIDATE, &[]);
    MessageIntegrity::new_short_term_integrity_with_provider(pwd.into(), provider.crypto())
        .add_to(&mut message)?;
    FINGERPRINT.add_to(&mut message)?;
    Ok(message.raw)
}

/// A message of a kind with these attributes, whether or not they prove anything.
pub(crate) fn request(kind: MessageType, attributes: &[(AttrType, &[u8])]) -> Vec<u8> {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id = TransactionId([7; 12]);
    message.write_header();
    for (name, value) in attributes {
        message.add(*name, value);
    }
    message.raw
}

/// What a STUN datagram is to us.
pub(super) enum Seen {
    /// Our check was answered.
    Success,
    /// The other side checks too (it is no ICE-lite, or does not act like one): this is the answer.
    Answer(Vec<u8>),
    Other,
}

/// Reads a STUN datagram that came from `from`; `pwd` is our own.
pub(super) fn read(
    bytes: &[u8],
    from: SocketAddr,
    pwd: &str,
    provider: &dyn RTCCryptoProvider,
) -> anyhow::Result<Seen> {
    let mut message = Message::new();
    if message.unmarshal_binary(bytes).is_err() {
        return Ok(Seen::Other);
    }
    if message.typ == BINDING_SUCCESS {
        return Ok(Seen::Success);
    }
    if message.typ != BINDING_REQUEST {
        return Ok(Seen::Other);
    }
    let mut answer = Message::new();
    answer.typ = BINDING_SUCCESS;
    answer.transaction_id = message.transaction_id;
    answer.write_header();
    XorMappedAddress {
        ip: from.ip(),
        port: from.port(),
    }
    .add_to(&mut answer)?;
    MessageIntegrity::new_short_term_integrity_with_provider(pwd.into(), provider.crypto())
        .add_to(&mut answer)?;
    FINGERPRINT.add_to(&mut answer)?;
    Ok(Seen::Answer(answer.raw))
}
