//! Keys and certificates that we make ourselves: the request of an order, the answer to a check, and
//! what is shown until there is anything better. All keys are ECDSA P-256: a handshake then costs a
//! sixth of what it costs with RSA.

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tls::Pair;

use crate::fault::Fault;

/// A request for a certificate, and the key that it will belong to.
pub(crate) struct Request {
    pub(crate) csr: Vec<u8>,
    pub(crate) key_pem: String,
}

pub(crate) fn request(names: &[String]) -> Result<Request, Fault> {
    let key = key()?;
    let csr = params(names)?.serialize_request(&key)?;
    Ok(Request {
        csr: csr.der().to_vec(),
        key_pem: key.serialize_pem(),
    })
}

/// The certificate that answers a check of a name: it holds the digest that only the account's owner
/// can make (RFC 8737 §3).
pub(crate) fn answer(
    name: &str,
    digest: &[u8],
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Fault> {
    let key = key()?;
    let mut params = params(&[name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?.der().clone();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((certificate, key.into()))
}

/// What is shown until there is a certificate: nobody trusts it, everything else works.
pub(crate) fn stand_in(names: &[String]) -> Result<Pair, Fault> {
    let key = key()?;
    let certificate = params(names)?.self_signed(&key)?;
    let key = key.serialize_pem();
    let pair = Pair::from_pem(certificate.pem().as_bytes(), key.as_bytes())?;
    Ok(pair.that_claims_nothing())
}

fn key() -> Result<KeyPair, Fault> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn params(names: &[String]) -> Result<CertificateParams, Fault> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_meanwhile_claims_nothing() {
        let names = ["one.example".to_owned(), "two.example".to_owned()];
        assert!(stand_in(&names).unwrap().about().is_none());
        assert!(!request(&names).unwrap().csr.is_empty());
    }
}
