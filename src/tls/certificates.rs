//! The certificate from files, and its successor when the files change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    client::verify_server_name,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Why the files cannot be used; each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{path}: {error}", path = path.display())]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{path} holds no certificate: it must be PEM, the server's own first and then its chain", path = path.display())]
    NoCertificate { path: PathBuf },
    #[error("{path} holds no private key: it must be PEM (PKCS#8, SEC1 or PKCS#1), without a password", path = path.display())]
    NoKey { path: PathBuf },
    #[error("{path} holds a certificate that cannot be read: {error}", path = path.display())]
    Unclear { path: PathBuf, error: String },
    #[error("{certificate} and {key} do not belong together: {error}", certificate = certificate.display(), key = key.display())]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        error: rustls::Error,
    },
}

/// When a certificate is good, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub from_s: i64,
    pub until_s: i64,
}

/// A certificate chain and its key, read from two PEM files.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    now: RwLock<Shown>,
}

#[derive(Clone, Debug)]
struct Shown {
    /// The files as they were read.
    contents: (Vec<u8>, Vec<u8>),
    certified: Arc<CertifiedKey>,
}

impl Certificates {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let contents = read(certificate, key)?;
        let certified = parse(certificate, key, &contents)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            now: RwLock::new(Shown {
                contents,
                certified,
            }),
        })
    }

    /// Reads the files again; true where something new is shown from now on. On an error the old
    /// certificate stays: a half-written file must not end a server's day.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let contents = read(&self.certificate, &self.key)?;
        if contents == self.shown().contents {
            return Ok(false);
        }
        let certified = parse(&self.certificate, &self.key, &contents)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Shown {
            contents,
            certified,
        };
        Ok(true)
    }

    /// When the server's own certificate is good.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        let certified = self.shown().certified;
        let (_, read) = x509_parser::parse_x509_certificate(&certified.cert[0])
            .map_err(|it| self.unclear(it))?;
        let validity = read.validity();
        Ok(Validity {
            from_s: validity.not_before.timestamp(),
            until_s: validity.not_after.timestamp(),
        })
    }

    /// Whether the certificate is for this name or address, as a browser sees it.
    pub fn is_for(&self, host: &str) -> Result<bool, CertificateError> {
        let certified = self.shown().certified;
        let read =
            ParsedCertificate::try_from(&certified.cert[0]).map_err(|it| self.unclear(it))?;
        let Ok(name) = ServerName::try_from(host) else {
            return Ok(false);
        };
        Ok(verify_server_name(&read, &name).is_ok())
    }

    fn unclear(&self, error: impl std::fmt::Display) -> CertificateError {
        CertificateError::Unclear {
            path: self.certificate.clone(),
            error: error.to_string(),
        }
    }

    fn shown(&self) -> Shown {
        self.now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        Some(now.certified.clone())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>), CertificateError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| CertificateError::Read {
            path: path.to_owned(),
            error,
        })
    };
    Ok((read(certificate)?, read(key)?))
}

fn parse(
    certificate: &Path,
    key: &Path,
    contents: &(Vec<u8>, Vec<u8>),
) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&contents.0)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate {
            path: certificate.to_owned(),
        });
    }
    let private =
        PrivateKeyDer::from_pem_slice(&contents.1).map_err(|_| CertificateError::NoKey {
            path: key.to_owned(),
        })?;
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider)
        .map(Arc::new)
        .map_err(|error| CertificateError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let paths = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&paths.0, made.cert.pem()).unwrap();
        fs::write(&paths.1, made.signing_key.serialize_pem()).unwrap();
        paths
    }

    #[test]
    fn new_files_are_shown_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one.example");
        let shown = Certificates::load(&certificate, &key).unwrap();
        assert!(!shown.reload().unwrap(), "nothing changed");
        let first = shown.shown().certified;
        write(folder.path(), "two.example");
        assert!(shown.reload().unwrap());
        let second = shown.shown().certified;
        assert_ne!(first.cert, second.cert);
        fs::write(&certificate, "half a certif").unwrap();
        assert!(matches!(
            shown.reload(),
            Err(CertificateError::NoCertificate { .. })
        ));
        assert_eq!(shown.shown().certified.cert, second.cert);
    }

    #[test]
    fn a_certificate_says_for_whom_and_how_long() {
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["live.example".to_owned()]).unwrap();
        wanted.not_before = rcgen::date_time_ymd(2026, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(2026, 4, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let paths = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        fs::write(&paths.0, wanted.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        let shown = Certificates::load(&paths.0, &paths.1).unwrap();
        let validity = shown.validity().unwrap();
        let (from_s, until_s) = (1_767_225_600, 1_775_001_600);
        assert_eq!(validity, Validity { from_s, until_s });
        assert!(shown.is_for("live.example").unwrap());
        assert!(!shown.is_for("other.example").unwrap());
        assert!(!shown.is_for("not a name").unwrap());
    }

    #[test]
    fn each_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one.example");
        let absent = folder.path().join("absent.pem");
        let wrong = |error: CertificateError| error.to_string();
        let error = wrong(Certificates::load(&absent, &key).unwrap_err());
        assert!(error.contains("absent.pem"), "{error}");
        let error = wrong(Certificates::load(&certificate, &certificate).unwrap_err());
        assert!(error.contains("no private key"), "{error}");
        let other = rcgen::generate_simple_self_signed(vec!["two.example".to_owned()]).unwrap();
        fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        let error = wrong(Certificates::load(&certificate, &key).unwrap_err());
        assert!(error.contains("do not belong together"), "{error}");
    }
}
