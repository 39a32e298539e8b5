//! The cryptography that DTLS and SRTP run on: aws-lc, and one curve that it cannot verify.
//!
//! FFmpeg built with GnuTLS (every PyAV, Debian's ffmpeg) makes itself a certificate on P-224. The
//! signature is sound, but neither provider of `rtc-crypto` knows the curve, and the handshake ends
//! with `bad_certificate`. What a certificate proves here is only that its owner made the offer, so
//! 112 bits of security are enough; that it is really the owner's is still verified.

use std::sync::Arc;

use p224::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
use rtc_crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, PublicKeyEncoding, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme,
    SigningKey, StreamCipher, StreamCipherAlgorithm, providers::AwsLcRsProvider,
};

/// An uncompressed point on P-224: its tag and two coordinates of 28 bytes (SEC 1 §2.3.3).
const P224_POINT_BYTES: usize = 1 + 2 * 28;

/// What `rtc-*` and `webrtc` are given.
pub(crate) fn provider() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(Provider {
        crypto: Crypto(AwsLcRsProvider::new()),
    })
}

struct Provider {
    crypto: Crypto,
}

impl RTCCryptoProvider for Provider {
    fn name(&self) -> &'static str {
        "aws-lc-rs and P-224"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        &self.crypto
    }

    fn random(&self) -> &dyn RTCRandom {
        self.crypto.0.random()
    }
}

struct Crypto(AwsLcRsProvider);

impl Crypto {
    fn of_aws(&self) -> &dyn RTCCrypto {
        self.0.crypto()
    }
}

impl RTCCrypto for Crypto {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.of_aws().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.of_aws().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.of_aws().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.of_aws().new_hmac(algorithm, key)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.of_aws().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        self.of_aws().new_aead(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.of_aws().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.of_aws().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.of_aws().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.of_aws().import_signing_key(scheme, pkcs8_der)
    }

    /// On the wire `ecdsa` with SHA-256 names no curve (RFC 5246 §7.4.1.4.1): the key does.
    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let is_p224 = scheme == SignatureScheme::EcdsaP256Sha256
            && public_key.encoding == PublicKeyEncoding::EcUncompressedPoint
            && public_key.bytes.len() == P224_POINT_BYTES;
        if !is_p224 {
            return self
                .of_aws()
                .verify_signature(scheme, public_key, message, signature);
        }
        let hash = self.hash(HashAlgorithm::Sha256, message)?;
        let key = VerifyingKey::from_sec1_bytes(public_key.bytes);
        let signature = Signature::from_der(signature);
        match (key, signature) {
            (Ok(key), Ok(signature)) => key
                .verify_prehash(&hash, &signature)
                .map_err(|_| CryptoError::InvalidSignature),
            _ => Err(CryptoError::InvalidSignature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By OpenSSL: `openssl ecparam -name secp224r1 -genkey`, then `openssl dgst -sha256 -sign`.
    const MESSAGE: &[u8] = b"weiquan speaks to encoders as they come";
    const POINT: &str = "04d34a783300e26686273d5048f49638668cf8246b6111b8ea2b69690ff05976f191ac195a9e31a451b0f226ca969c2050c61ecd231974ef04";
    const SIGNATURE: &str = "303e021d00d83f6f481d470a8cd6c2bc782aea9abea72bc6fb15ac63925f5e412a021d00aec0a39be1b66757eab8236e155ca5ebcb7fa075d61cd0ad9f8d4d48";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        let byte = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }

    fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let key = PublicKey {
            encoding: PublicKeyEncoding::EcUncompressedPoint,
            bytes: point,
        };
        let scheme = SignatureScheme::EcdsaP256Sha256;
        provider()
            .crypto()
            .verify_signature(scheme, key, message, signature)
    }

    #[test]
    fn a_signature_on_p224_is_verified_not_waved_through() {
        let (point, signature) = (bytes(POINT), bytes(SIGNATURE));
        assert_eq!(verify(&point, MESSAGE, &signature), Ok(()));
        assert!(verify(&point, b"something else", &signature).is_err());
        for at in 0..signature.len() {
            let mut wrong = signature.clone();
            wrong[at] ^= 1;
            assert!(verify(&point, MESSAGE, &wrong).is_err(), "byte {at}");
        }
        let mut off_the_curve = point.clone();
        off_the_curve[20] ^= 1;
        assert!(verify(&off_the_curve, MESSAGE, &signature).is_err());
        assert!(verify(&[4; P224_POINT_BYTES], MESSAGE, &[]).is_err());
    }

    #[test]
    fn p256_is_still_verified_by_aws() {
        let provider = provider();
        let scheme = SignatureScheme::EcdsaP256Sha256;
        let key = provider.crypto().generate_signing_key(scheme).unwrap();
        let signature = key.sign(scheme, MESSAGE).unwrap();
        let verify = |message| {
            provider
                .crypto()
                .verify_signature(scheme, key.public_key(), message, &signature)
        };
        assert_eq!(verify(MESSAGE), Ok(()));
        assert!(verify(b"something else").is_err());
    }
}
