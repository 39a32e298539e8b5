//! Seals words for one browser, so that the push service between cannot read them: message encryption
//! for Web Push (RFC 8291) in the coding aes128gcm (RFC 8188), as one record.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand,
};

/// The size of a record that the header names; ours is one, and shorter.
const RECORD_BYTES: u32 = 4_096;
/// What every push service takes (RFC 8030 7.2), less the header, the delimiter and the tag.
pub(crate) const WORDS_BYTES_MAX: usize = 4_096 - 86 - 1 - 16;
const POINT_BYTES: usize = 65;
const SECRET_BYTES: usize = 16;

/// Why nothing can be sealed for a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("p256dh is an uncompressed point of P-256, and auth has 16 bytes")]
    Keys,
    #[error("a push holds at most {WORDS_BYTES_MAX} bytes")]
    TooLong,
}

/// What a browser gave with its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    p256dh: Vec<u8>,
    auth: Vec<u8>,
}

impl Browser {
    /// Keys that fit; whether the point is on the curve shows here already.
    pub fn new(p256dh: Vec<u8>, auth: Vec<u8>) -> Result<Self, SealError> {
        if p256dh.len() != POINT_BYTES || auth.len() != SECRET_BYTES {
            return Err(SealError::Keys);
        }
        let browser = Self { p256dh, auth };
        browser.seal(b"")?;
        Ok(browser)
    }

    /// The body of a push.
    pub(crate) fn seal(&self, words: &[u8]) -> Result<Vec<u8>, SealError> {
        let failed = |_: Unspecified| SealError::Keys;
        let ours = PrivateKey::generate(&ECDH_P256).map_err(failed)?;
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(failed)?;
        self.seal_with(&ours, salt, words)
    }

    fn seal_with(
        &self,
        ours: &PrivateKey,
        salt: [u8; 16],
        words: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        if words.len() > WORDS_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let failed = |_: Unspecified| SealError::Keys;
        let public = ours.compute_public_key().map_err(failed)?;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &self.p256dh);
        let prk = agreement::agree(ours, theirs, Unspecified, |shared| {
            Ok(Salt::new(HKDF_SHA256, &self.auth).extract(shared))
        })
        .map_err(failed)?;
        let info: [&[u8]; 3] = [b"WebPush: info\0", &self.p256dh, public.as_ref()];
        let input: [u8; 32] = expand(&prk, &info).map_err(failed)?;
        let prk = Salt::new(HKDF_SHA256, &salt).extract(&input);
        let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"]).map_err(failed)?;
        let nonce: [u8; NONCE_LEN] =
            expand(&prk, &[b"Content-Encoding: nonce\0"]).map_err(failed)?;

        let mut body = Vec::with_capacity(86 + words.len() + 17);
        body.extend_from_slice(&salt);
        body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
        body.push(POINT_BYTES as u8);
        body.extend_from_slice(public.as_ref());
        // The delimiter of the last record, and no padding.
        let mut record = words.to_vec();
        record.push(2);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(failed)?);
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut record,
        )
        .map_err(failed)?;
        body.extend_from_slice(&record);
        Ok(body)
    }
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut out = [0; N];
    prk.expand(info, Bytes(N))?.fill(&mut out)?;
    Ok(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// What a browser makes of a body, by its own private key.
    pub(crate) fn open(ours: &PrivateKey, auth: &[u8], body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert_eq!(size, RECORD_BYTES.to_be_bytes());
        let (sender, record) = rest[1..].split_at(usize::from(rest[0]));
        let public = ours.compute_public_key().unwrap();
        let prk = agreement::agree(
            ours,
            UnparsedPublicKey::new(&ECDH_P256, sender),
            Unspecified,
            |shared| Ok(Salt::new(HKDF_SHA256, auth).extract(shared)),
        )
        .unwrap();
        let info: [&[u8]; 3] = [b"WebPush: info\0", public.as_ref(), sender];
        let input: [u8; 32] = expand(&prk, &info).unwrap();
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input);
        let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"]).unwrap();
        let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"]).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut record = record.to_vec();
        let words = key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut record,
            )
            .unwrap();
        let (end, words) = words.split_last().unwrap();
        assert_eq!(*end, 2, "the last record, without padding");
        words.to_vec()
    }

    #[test]
    fn n8_the_example_of_rfc_8291_comes_out_byte_for_byte() {
        let browser = Browser::new(
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        )
        .unwrap();
        let sender = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let sender = PrivateKey::from_private_key(&ECDH_P256, &sender).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let words = b"When I grow up, I want to be a watermelon";
        let body = browser.seal_with(&sender, salt, words).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
             AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_browser_alone() {
        let theirs = PrivateKey::generate(&ECDH_P256).unwrap();
        let public = theirs.compute_public_key().unwrap().as_ref().to_vec();
        let browser = Browser::new(public, vec![7; 16]).unwrap();
        for words in [&b""[..], "有人提到你".as_bytes(), &[b'x'; WORDS_BYTES_MAX]] {
            let body = browser.seal(words).unwrap();
            assert_eq!(open(&theirs, &[7; 16], &body), words);
        }
        let longer = [b'x'; WORDS_BYTES_MAX + 1];
        assert_eq!(browser.seal(&longer), Err(SealError::TooLong));
    }

    #[test]
    fn keys_that_do_not_fit_are_refused() {
        let mut off_the_curve = vec![4; POINT_BYTES];
        off_the_curve[1] = 9;
        for (p256dh, auth) in [
            (vec![], vec![0; 16]),
            (vec![4; 64], vec![0; 16]),
            (off_the_curve, vec![0; 16]),
        ] {
            assert_eq!(Browser::new(p256dh, auth), Err(SealError::Keys));
        }
    }
}
