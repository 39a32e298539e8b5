//! FFmpeg, publishing into `hall` for as long as it is held.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{ask::Show, support::SOON};

pub struct Publisher(Child);

impl Publisher {
    /// Comes back once there is something to watch.
    pub async fn start(show: &Show) -> Self {
        let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut child = Command::new(python)
            .arg("tests/tools/whip_publish.py")
            .args(["--token", &show.hall_key, &show.server.url("/whip")])
            .arg("testdata/bunny.mp4")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 with PyAV (scripts/test.sh installs it)");
        let output = child.stdout.take().expect("piped");
        let publisher = Self(child);
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        assert!(first.contains("connected"), "the publisher said {first:?}");
        let live = async {
            let mut every = tokio::time::interval(Duration::from_millis(20));
            loop {
                every.tick().await;
                let room: Value = show.owner.get("/api/v1/rooms/hall").await;
                if room.to_string().contains("\"live\"") {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, live).await.expect("it is live");
        publisher
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
