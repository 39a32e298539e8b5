//! A real mail server for the server under test (`tests/tools/smtp_sink.py`).

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde::Deserialize;
use tempfile::TempDir;

use super::SOON;

/// A letter as the mail server took it.
#[derive(Clone, Debug, Deserialize)]
pub struct Letter {
    pub to: Vec<String>,
    pub sender: String,
    /// Whether it came over TLS.
    pub secret: bool,
    pub user: String,
    pub subject: String,
    pub headers: std::collections::BTreeMap<String, String>,
    pub text: String,
    pub html: String,
}

impl Letter {
    /// What follows `before` in the plain text, up to the end of its line.
    pub fn after(&self, before: &str) -> String {
        let (_, rest) = self
            .text
            .split_once(before)
            .unwrap_or_else(|| panic!("{before} in {}", self.text));
        rest.lines().next().unwrap_or_default().to_owned()
    }
}

/// The mail server, until it is dropped.
pub struct Sink {
    child: Child,
    pub port: u16,
    letters: mpsc::Receiver<String>,
}

impl Sink {
    /// Starts it; port 0 is any that is free.
    pub fn start(port: u16, args: &[&str]) -> Self {
        let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut child = Command::new(python)
            .arg("tests/tools/smtp_sink.py")
            .args(["--port", &port.to_string()])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let output = child.stdout.take().expect("piped");
        let (told, letters) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The test may be over.
                let _ = told.send(line);
            }
        });
        #[derive(Deserialize)]
        struct Ready {
            port: u16,
        }
        let first = letters
            .recv_timeout(SOON)
            .expect("python3 with aiosmtpd (scripts/python.sh names one for WEIQUAN_PYTHON)");
        let ready: Ready = serde_json::from_str(&first).expect("its first line");
        Self {
            child,
            port: ready.port,
            letters,
        }
    }

    /// The next letter.
    pub fn letter(&self) -> Letter {
        let line = self.letters.recv_timeout(SOON).expect("a letter");
        serde_json::from_str(&line).expect("a letter")
    }

    /// That none comes for a while.
    pub fn stays_empty(&self, within: Duration) {
        if let Ok(line) = self.letters.recv_timeout(within) {
            panic!("a letter came: {line}");
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for `localhost` that vouches for itself, its key, and a file with a password.
pub struct Papers {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub password: PathBuf,
    _folder: TempDir,
}

impl Papers {
    pub fn make(password: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        Self {
            certificate: write("certificate.pem", &made.cert.pem()),
            key: write("key.pem", &made.signing_key.serialize_pem()),
            password: write("password", &format!("{password}\n")),
            _folder: folder,
        }
    }
}

/// For a `--set`.
pub fn set(key: &str, path: &Path) -> String {
    format!("{key}={}", path.display())
}
