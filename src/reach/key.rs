//! The key by which push services know this server (VAPID, RFC 8292): one pair for ever, since browsers
//! subscribe with its public half.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;

/// How long a signature is good: at most 24 hours (RFC 8292 2), and a clock may be wrong.
const GOOD_FOR_S: u64 = 12 * 3_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key of pushes cannot be made or read")]
    Unreadable,
}

/// The server's pair of keys.
#[derive(Debug)]
pub struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    /// A new private key, to be kept (PKCS #8).
    pub fn make() -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| KeyError::Unreadable)?;
        Ok(made.as_ref().to_vec())
    }

    pub fn read(kept: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, kept)
            .map_err(|_| KeyError::Unreadable)?;
        Ok(Self { pair })
    }

    /// What browsers subscribe with.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// The `Authorization` of a push to that service.
    pub(crate) fn authorization(
        &self,
        to: &Uri,
        contact: &str,
        now_ms: u64,
    ) -> Result<String, KeyError> {
        let claims = serde_json::json!({
            "aud": format!("https://{}", to.authority().map_or("", |it| it.as_str())),
            "exp": now_ms / 1_000 + GOOD_FOR_S,
            "sub": contact,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| KeyError::Unreadable)?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn n8_a_push_is_signed_for_its_service_by_the_key_that_is_kept() {
        let kept = Key::make().unwrap();
        let key = Key::read(&kept).unwrap();
        assert_eq!(key.public(), Key::read(&kept).unwrap().public());
        let to: Uri = "https://push.example:8443/a/b?c".parse().unwrap();
        let text = key
            .authorization(&to, "mailto:host@example.org", 1_795_000_000_000)
            .unwrap();
        let (token, public) = text
            .strip_prefix("vapid t=")
            .and_then(|it| it.split_once(", k="))
            .unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = URL_SAFE_NO_PAD.decode(public).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let claims = signed.split_once('.').unwrap().1;
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["sub"], "mailto:host@example.org");
        assert_eq!(claims["exp"], 1_795_000_000 + GOOD_FOR_S);
        assert!(Key::read(b"something else").is_err());
    }
}
