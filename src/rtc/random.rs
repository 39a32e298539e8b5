//! Names and secrets nobody can guess.

/// `bytes` random bytes in hexadecimal: URL-safe, and made of characters that ICE allows.
pub(crate) fn token(bytes: usize) -> String {
    use std::fmt::Write as _;
    let mut random = [0; 32];
    let random = &mut random[..bytes];
    fill(random);
    random
        .iter()
        .fold(String::with_capacity(2 * bytes), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

pub(crate) fn number() -> u32 {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    u32::from_be_bytes(bytes)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system's random source does not fail after boot");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_as_long_as_asked() {
        assert_eq!(token(16).len(), 32);
        assert_ne!(token(16), token(16));
    }
}
