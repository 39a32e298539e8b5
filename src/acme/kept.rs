//! The folder: the account with an authority, and the certificate that it issued. Readable for the
//! server's user alone; each file is replaced whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};
use tls::Pair;

const ACCOUNT: &str = "account.json";
/// Key and chain in one file: two files could be torn apart by a crash between them.
const CERTIFICATE: &str = "certificate.pem";

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}", path = path.display())]
pub struct KeptError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// An account, as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    /// What the authority was told last.
    pub(crate) contact: Option<String>,
    pub(crate) credentials: AccountCredentials,
}

/// What is kept of one authority. Another one has its own, so that a certificate for trying is never
/// taken for a real one.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Makes the folder where it is missing.
    pub(crate) fn open(folder: &Path, directory: &str) -> Result<Self, KeptError> {
        let folder = folder.join(name_of(directory));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| KeptError {
                path: folder.clone(),
                error,
            })?;
        Ok(Self { folder })
    }

    /// The certificate that was kept; `None` where there is none that can be shown.
    pub(crate) fn certificate(&self) -> Result<Option<Pair>, KeptError> {
        let Some(pem) = self.read(CERTIFICATE)? else {
            return Ok(None);
        };
        match Pair::from_pem(&pem, &pem) {
            Ok(pair) => Ok(Some(pair)),
            Err(error) => {
                tracing::warn!(%error, "the kept certificate cannot be shown: a new one is ordered");
                Ok(None)
            }
        }
    }

    pub(crate) fn keep_certificate(&self, key_pem: &str, chain_pem: &str) -> Result<(), KeptError> {
        self.write(CERTIFICATE, format!("{key_pem}{chain_pem}").as_bytes())
    }

    /// The account that was kept; `None` where there is none that can be read.
    pub(crate) fn account(&self) -> Result<Option<Account>, KeptError> {
        let Some(json) = self.read(ACCOUNT)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&json) {
            Ok(account) => Ok(Some(account)),
            Err(error) => {
                tracing::warn!(%error, "the kept account cannot be read: a new one is made");
                Ok(None)
            }
        }
    }

    pub(crate) fn keep_account(&self, account: &Account) -> Result<(), KeptError> {
        let json = serde_json::to_vec_pretty(account).map_err(|error| KeptError {
            path: self.folder.join(ACCOUNT),
            error: error.into(),
        })?;
        self.write(ACCOUNT, &json)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, KeptError> {
        let path = self.folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(KeptError { path, error }),
        }
    }

    /// On disk under another name first, then in place: a crash leaves the old file or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), KeptError> {
        let (path, fresh) = (
            self.folder.join(name),
            self.folder.join(format!("{name}.new")),
        );
        let write = || {
            // Left behind by a crash; with its mode it must not live on.
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| KeptError {
            path: path.clone(),
            error,
        })
    }
}

/// A folder's name for an authority: its address without the scheme.
fn name_of(directory: &str) -> String {
    let address = directory.split_once("://").map_or(directory, |it| it.1);
    let plain = |it: char| {
        if it.is_ascii_alphanumeric() || it == '.' {
            it
        } else {
            '-'
        }
    };
    let name: String = address.chars().map(plain).collect();
    name.trim_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn kept() -> (tempfile::TempDir, Kept) {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::open(&folder.path().join("acme"), "https://ca.example:14000/dir").unwrap();
        (folder, kept)
    }

    #[test]
    fn a_certificate_is_kept_for_nobody_else_and_found_again() {
        let (_folder, kept) = kept();
        assert!(kept.certificate().unwrap().is_none());
        let made = rcgen::generate_simple_self_signed(vec!["live.example".to_owned()]).unwrap();
        // A crash may have left a file that everybody can read.
        fs::write(kept.folder.join("certificate.pem.new"), "half").unwrap();
        let key = made.signing_key.serialize_pem();
        kept.keep_certificate(&key, &made.cert.pem()).unwrap();
        let found = kept.certificate().unwrap().unwrap();
        assert_eq!(found.about().unwrap().names, ["live.example"]);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&kept.folder), 0o700);
        assert_eq!(mode(&kept.folder.join(CERTIFICATE)), 0o600);
        assert_eq!(fs::read_dir(&kept.folder).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_read_counts_as_missing() {
        let (_folder, kept) = kept();
        fs::write(kept.folder.join(CERTIFICATE), "half a certif").unwrap();
        fs::write(kept.folder.join(ACCOUNT), "{").unwrap();
        assert!(kept.certificate().unwrap().is_none());
        assert!(kept.account().unwrap().is_none());
    }

    #[test]
    fn each_authority_has_its_own_folder() {
        let names = [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
            "https://localhost:14000/../../etc",
        ]
        .map(name_of);
        assert_eq!(names[0], "acme-v02.api.letsencrypt.org-directory");
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|it| !it.contains('/')), "{names:?}");
    }
}
