//! Whom a client of this server trusts, where a file names the authorities instead of the machine.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};

/// Why a file vouches for nobody.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    #[error(transparent)]
    Pem(#[from] pem::Error),
    #[error("no certificate in it")]
    NoCertificate,
    #[error("this machine trusts no authority (install ca-certificates)")]
    NoAuthority,
    #[error("a certificate in it, or TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// How a client speaks TLS that trusts the authorities in `path` (PEM, at least one), and nobody else.
pub fn trusting(path: &Path) -> Result<ClientConfig, Untrusted> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(Untrusted::NoCertificate);
    }
    Ok(trust()?.with_root_certificates(roots).with_no_client_auth())
}

/// How a client speaks TLS that trusts the authorities that the machine trusts.
pub fn trusting_as_the_machine() -> Result<ClientConfig, Untrusted> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Untrusted::NoAuthority);
    }
    Ok(trust()?.with_root_certificates(roots).with_no_client_auth())
}

/// How a client speaks TLS that believes whoever answers: against who listens, not against who answers in
/// another's place.
pub fn trusting_anybody() -> Result<ClientConfig, Untrusted> {
    let config = trust()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(aws_lc_rs::default_provider())))
        .with_no_client_auth();
    Ok(config)
}

fn trust() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// Any certificate will do; that who shows it has its key is still seen.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vouches_for_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refused = || trusting(&path).unwrap_err();
        assert!(matches!(refused(), Untrusted::Pem(_)), "there is no file");
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(refused(), Untrusted::NoCertificate));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(refused(), Untrusted::Tls(_)));
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        trusting(&path).unwrap();
    }
}
