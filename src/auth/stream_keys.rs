//! Stream keys: what an encoder says as its Bearer at `/whip`. A key belongs to one room; it is
//! shown once and stored as a hash. The prefix tells it from a token and lets scanners of leaked
//! secrets find it.

use crate::secrets::{self, SECRET_CHARS, Secret};

const PREFIX: &str = "wqk_";

/// A new key: its text for the host, its hash for the store.
pub fn make() -> Secret {
    Secret::make(PREFIX)
}

/// The hash to look a key up by; `None` where the text has not the form of one.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let rest = text.strip_prefix(PREFIX)?;
    let fits = rest.len() == SECRET_CHARS
        && rest
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_');
    fits.then(|| secrets::hash(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_key_has_a_hash() {
        let key = make();
        assert_eq!(hash(&key.text), Some(key.hash));
        assert_eq!(hash(&key.text[1..]), None);
        assert_eq!(hash(&key.text[..46]), None);
        assert_eq!(hash(&format!("{}x", key.text)), None);
        assert_eq!(hash(&format!("wqk_{}", "'".repeat(43))), None);
        assert_eq!(hash(""), None);
    }
}
