//! The certificate from files that somebody else keeps, and its successor when they change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    certificates::Certificates,
    pair::{Pair, Unfit},
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
    #[error("{certificate} and {key} do not belong together: {error}", certificate = certificate.display(), key = key.display())]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        error: rustls::Error,
    },
}

/// Two PEM files, and what is shown of them.
#[derive(Debug)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The files as they were read last.
    contents: Mutex<Contents>,
    certificates: Arc<Certificates>,
}

#[derive(Debug, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let contents = read(certificate, key)?;
        let pair = parse(certificate, key, &contents)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            contents: Mutex::new(contents),
            certificates: Arc::new(Certificates::new(pair)),
        })
    }

    /// What is shown.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// Reads the files again; true where something new is shown from now on. On an error the old
    /// certificate stays: a half-written file must not end a server's day.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let contents = read(&self.certificate, &self.key)?;
        let mut known = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if contents == *known {
            return Ok(false);
        }
        let pair = parse(&self.certificate, &self.key, &contents)?;
        self.certificates.show(pair);
        *known = contents;
        Ok(true)
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Contents, CertificateError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| CertificateError::Read {
            path: path.to_owned(),
            error,
        })
    };
    Ok(Contents {
        certificate: read(certificate)?,
        key: read(key)?,
    })
}

fn parse(certificate: &Path, key: &Path, contents: &Contents) -> Result<Pair, CertificateError> {
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    Pair::from_pem(&contents.certificate, &contents.key).map_err(|unfit| match unfit {
        Unfit::NoCertificate => CertificateError::NoCertificate { path: certificate },
        Unfit::NoKey => CertificateError::NoKey { path: key },
        Unfit::Mismatch(error) => CertificateError::Mismatch {
            certificate,
            key,
            error,
        },
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
        let files = Files::load(&certificate, &key).unwrap();
        assert!(!files.reload().unwrap(), "nothing changed");
        let shown = || files.certificates().now().certified;
        let first = shown();
        write(folder.path(), "two.example");
        assert!(files.reload().unwrap());
        let second = shown();
        assert_ne!(first.cert, second.cert);
        assert_eq!(files.certificates().about().unwrap().names, ["two.example"]);
        fs::write(&certificate, "half a certif").unwrap();
        assert!(matches!(
            files.reload(),
            Err(CertificateError::NoCertificate { .. })
        ));
        assert_eq!(shown().cert, second.cert);
    }

    #[test]
    fn each_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one.example");
        let absent = folder.path().join("absent.pem");
        let wrong = |error: CertificateError| error.to_string();
        let error = wrong(Files::load(&absent, &key).unwrap_err());
        assert!(error.contains("absent.pem"), "{error}");
        let error = wrong(Files::load(&certificate, &certificate).unwrap_err());
        assert!(error.contains("no private key"), "{error}");
        let other = rcgen::generate_simple_self_signed(vec!["two.example".to_owned()]).unwrap();
        fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        let error = wrong(Files::load(&certificate, &key).unwrap_err());
        assert!(error.contains("do not belong together"), "{error}");
    }
}
