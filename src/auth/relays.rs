//! Credentials for a TURN server that shares a secret with this one, as coturn takes them
//! (`use-auth-secret`): a name that says until when it is good, and a proof of the name.

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Where the TURN servers are, and what they share with this one.
pub struct Relays {
    /// `turn:` and `turns:` addresses (RFC 7065).
    urls: Vec<String>,
    key: hmac::Key,
    good_for: Duration,
}

/// What one client shows a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass {
    /// `expiry:who`, the expiry in Unix seconds.
    pub username: String,
    pub credential: String,
}

/// Never the credential, wherever it is printed.
impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}

impl Relays {
    pub fn new(urls: Vec<String>, secret: &[u8], good_for: Duration) -> Self {
        Self {
            urls,
            // What coturn reads is SHA-1; as a key of HMAC nothing is known against it.
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret),
            good_for,
        }
    }

    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// For whoever `who` is, from now (Unix milliseconds) on.
    pub fn pass(&self, who: &str, now_ms: u64) -> Pass {
        let expires = now_ms / 1_000 + self.good_for.as_secs();
        let username = format!("{expires}:{who}");
        let proof = hmac::sign(&self.key, username.as_bytes());
        Pass {
            credential: STANDARD.encode(proof),
            username,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_what_coturn_expects() {
        let urls = vec!["turn:turn.example.org".to_owned()];
        let relays = Relays::new(urls, b"north wind", Duration::from_secs(3_600));
        let pass = relays.pass("m_ann", 1_699_996_400_999);
        assert_eq!(pass.username, "1700000000:m_ann");
        // printf %s 1700000000:m_ann | openssl dgst -sha1 -hmac 'north wind' -binary | base64
        assert_eq!(pass.credential, "nr2Iw5EZKQSWmorvm7Vhi3WDDl4=");
        assert_ne!(
            relays.pass("m_ben", 1_699_996_400_999).credential,
            pass.credential
        );
    }

    #[test]
    fn a_pass_is_never_printed() {
        let relays = Relays::new(Vec::new(), b"north wind", Duration::from_secs(60));
        let pass = relays.pass("m_ann", 0);
        let printed = format!("{pass:?}");
        assert!(!printed.contains(&pass.credential), "{printed}");
        assert!(!printed.contains("m_ann"), "{printed}");
    }
}
