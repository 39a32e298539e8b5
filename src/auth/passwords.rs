//! Passwords: argon2id with the parameters that OWASP recommends, and a rule for weak ones.
//!
//! One hash takes 19 MiB and tens of milliseconds, on purpose: callers run it on a blocking thread
//! and bound how many run at once. An unknown account costs the same time as a wrong password, so
//! that the answer's time does not say which names exist.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::PasswordHash,
};
use protocol::limits;
use thiserror::Error;

use crate::secrets;

/// OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Weak {
    #[error("a password has at least {} characters", limits::PASSWORD_CHARS_MIN)]
    Short,
    #[error("a password has at most {} characters", limits::PASSWORD_CHARS_MAX)]
    Long,
    #[error("a password is more than one character again and again")]
    Uniform,
    #[error("a password is not the name")]
    Name,
}

/// Whether somebody of this name may have this password.
pub fn check(password: &str, name: &str) -> Result<(), Weak> {
    let chars = password.chars().count();
    let first = password.chars().next();
    if chars < limits::PASSWORD_CHARS_MIN {
        Err(Weak::Short)
    } else if chars > limits::PASSWORD_CHARS_MAX {
        Err(Weak::Long)
    } else if password.chars().all(|it| Some(it) == first) {
        Err(Weak::Uniform)
    } else if password.trim().to_lowercase() == name.trim().to_lowercase() {
        Err(Weak::Name)
    } else {
        Ok(())
    }
}

/// Hashes and verifies passwords.
pub struct Passwords {
    argon: Argon2<'static>,
    /// Verified against when there is no account, for the time it takes. Nobody knows its password.
    nobody: String,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    pub fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .expect("the parameters are inside argon2's bounds");
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash_with(&argon, &secrets::Secret::make("").text);
        Self { argon, nobody }
    }

    /// The text to store (PHC string format: it names its own parameters and salt).
    pub fn hash(&self, password: &str) -> String {
        hash_with(&self.argon, password)
    }

    /// Whether the password is the one of the stored hash; without a hash (no such account) it is
    /// not, after the same time.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> bool {
        // A text beyond the limit was never accepted; hashing it would only cost time.
        let fits = password.chars().count() <= limits::PASSWORD_CHARS_MAX;
        let tried = if fits { password } else { "" };
        let against = stored.unwrap_or(&self.nobody);
        let right = PasswordHash::new(against)
            .is_ok_and(|it| self.argon.verify_password(tried.as_bytes(), &it).is_ok());
        right && fits && stored.is_some()
    }
}

fn hash_with(argon: &Argon2<'_>, password: &str) -> String {
    let salt = secrets::random::<16>();
    let hash: PasswordHash = argon
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("the salt has 16 bytes and the password is far below argon2's 4 GiB");
    hash.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_ne!(
            stored,
            passwords.hash("correct horse"),
            "each has its own salt"
        );
        assert!(passwords.verify("correct horse", Some(&stored)));
        assert!(!passwords.verify("correct horsf", Some(&stored)));
        assert!(!passwords.verify("", Some(&stored)));
        assert!(!passwords.verify("correct horse", None));
        assert!(!passwords.verify("correct horse", Some("not a hash")));
        assert!(!passwords.verify(&"x".repeat(100_000), Some(&stored)));
    }

    /// The same work by its parameters, and really done: left out, it would take a thousandth.
    #[test]
    fn an_unknown_account_takes_as_long_as_a_wrong_password() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse");
        let parameters = |it: &str| it.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(&passwords.nobody), parameters(&stored));
        assert_eq!(passwords.nobody.len(), stored.len());
        let time = |stored: Option<&str>| {
            let times = (0..5).map(|_| {
                let start = Instant::now();
                assert!(!passwords.verify("wrong horse", stored));
                start.elapsed()
            });
            times.min().expect("five").as_secs_f64()
        };
        // Best of five each, and bounds that no busy machine leaves.
        let ratio = time(Some(&stored)) / time(None);
        assert!((0.1..10.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for (password, expect) in [
            ("1234567", Err(Weak::Short)),
            ("密码密码密码密", Err(Weak::Short)),
            ("密码密码密码密码", Ok(())),
            ("aaaaaaaaaaaa", Err(Weak::Uniform)),
            ("Mei Long ", Err(Weak::Name)),
            ("correct horse", Ok(())),
        ] {
            assert_eq!(check(password, "mei long"), expect, "{password}");
        }
        assert_eq!(check(&"ab".repeat(101), "x"), Err(Weak::Long));
    }
}
