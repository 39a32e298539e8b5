//! Random secrets, the hashes that are stored in their place, and comparison in constant time.
//!
//! A secret made here has 256 bits, so a plain SHA-256 is enough to store it: there is nothing to
//! guess. Passwords are another matter, see [`crate::passwords`].

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;

/// Characters of a secret's text: 32 bytes in base64url without padding.
pub const SECRET_CHARS: usize = 43;

/// A secret that is shown once (a sign-in's cookie, the set-up code, a stream key) with the hash
/// that is stored. It does not print.
pub struct Secret {
    pub text: String,
    pub hash: [u8; 32],
}

impl Secret {
    /// A new one: `prefix`, then 32 random bytes.
    pub fn make(prefix: &str) -> Self {
        let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()));
        let hash = hash(&text);
        Self { text, hash }
    }
}

/// What is stored in place of a secret.
pub fn hash(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    out
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// An id that says nothing and cannot be guessed: `prefix`, then 96 random bits.
pub fn random_id(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<12>()))
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes once it has booted");
    bytes
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Debug, Error)]
#[error("the server's secret has {0} bytes; it must have 32")]
pub struct SecretError(usize);

/// The server's own secret, made once and kept in the store. Each use has a key of its own, derived
/// from it (HMAC-SHA-256 of the use's name), so that no output of one helps against another.
pub struct ServerSecret(hmac::Key);

impl ServerSecret {
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        if bytes.len() != 32 {
            return Err(SecretError(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Bytes for a new server.
    pub fn make() -> [u8; 32] {
        random()
    }

    pub(crate) fn key_for(&self, purpose: &str) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, purpose.as_bytes()).as_ref());
        out
    }
}

/// Seals texts: who shows a text with its seal got both from this server.
pub struct Sealer(hmac::Key);

impl Sealer {
    /// Seals of one purpose do not hold for another.
    pub fn new(secret: &ServerSecret, purpose: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &secret.key_for(purpose)))
    }

    /// 128 bits in base64url.
    pub fn seal(&self, text: &str) -> String {
        encode(&hmac::sign(&self.0, text.as_bytes()).as_ref()[..16])
    }

    pub fn holds(&self, text: &str, seal: &str) -> bool {
        same(self.seal(text).as_bytes(), seal.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_hash_and_never_repeats() {
        let one = Secret::make("");
        let other = Secret::make("");
        assert_eq!(one.text.len(), SECRET_CHARS);
        assert_ne!(one.text, other.text);
        assert!(same(&hash(&one.text), &one.hash));
        assert!(!same(&hash(&other.text), &one.hash));
        assert!(
            !same(&one.hash[..31], &one.hash),
            "a shorter one is never the same"
        );
        assert!(random_id("m_").starts_with("m_") && random_id("m_").len() == 18);
    }

    #[test]
    fn a_seal_holds_for_its_text_and_purpose_only() {
        let secret = ServerSecret::new(&[7; 32]).expect("32 bytes");
        let (door, gate) = (Sealer::new(&secret, "door"), Sealer::new(&secret, "gate"));
        let seal = door.seal("open");
        assert!(door.holds("open", &seal));
        assert!(!door.holds("opem", &seal) && !gate.holds("open", &seal));
        assert!(!door.holds("open", "") && !door.holds("open", &seal[1..]));
    }

    #[test]
    fn each_use_of_the_server_secret_has_its_own_key() {
        let secret = ServerSecret::new(&[7; 32]).expect("32 bytes");
        assert_ne!(secret.key_for("token"), secret.key_for("guest"));
        assert_eq!(secret.key_for("token"), secret.key_for("token"));
        let error = ServerSecret::new(&[7; 31]).err().expect("too short");
        assert!(error.to_string().contains("31"), "{error}");
    }
}
