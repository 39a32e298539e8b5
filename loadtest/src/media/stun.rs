//! Connectivity checks of the controlling side (RFC 8445), by `rtc-stun`.

use rtc_crypto::RTCCryptoProvider;
use rtc_stun::{
    attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId},
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

/// Whether this is a success answer.
pub(super) fn is_success(bytes: &[u8]) -> bool {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).is_ok() && message.typ == BINDING_SUCCESS
}
