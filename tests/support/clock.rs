//! A clock of the server's that a test sets, by libfaketime.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::support::{Server, library};

pub(crate) struct Clock {
    folder: TempDir,
    faked: PathBuf,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let it = Self {
            folder: TempDir::new().expect("a folder"),
            faked: library(&["/usr/lib/*/faketime/libfaketimeMT.so.1"]),
        };
        it.set_ahead(0);
        it
    }

    /// So many hours ahead of the machine's from now on, in one step, so that nobody reads half of it.
    pub(crate) fn set_ahead(&self, hours: i64) {
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{:+}", hours * 3_600)).expect("written");
        fs::rename(&next, self.file()).expect("moved");
    }

    /// A server that goes by it.
    pub(crate) fn server(&self, more: &[&str]) -> Server {
        Server::start_with_under(
            more,
            &[
                ("LD_PRELOAD", &self.faked.display().to_string()),
                (
                    "FAKETIME_TIMESTAMP_FILE",
                    &self.file().display().to_string(),
                ),
                ("FAKETIME_NO_CACHE", "1"),
                ("DONT_FAKE_MONOTONIC", "1"),
            ],
        )
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}
