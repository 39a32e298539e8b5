//! FFmpeg as a publisher by WHIP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::Server;

/// FFmpeg, publishing a film in a loop until it is dropped.
pub struct Publisher(pub Child);

impl Publisher {
    /// Starts it, by a stream key or a token, and returns once it is connected.
    pub fn start(server: &Server, path: &str, bearer: &str) -> Self {
        let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut child = Command::new(python)
            .arg("tests/tools/whip_publish.py")
            .args(["--token", bearer, &server.url(path), "testdata/bunny.mp4"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 with PyAV (scripts/test.sh installs it)");
        let output = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        assert!(first.contains("connected"), "the publisher said {first:?}");
        Self(child)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended with its token, or with the server.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
