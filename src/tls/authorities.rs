//! Whom a client of this server trusts, where a file names the authorities instead of the machine.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer,
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
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
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
