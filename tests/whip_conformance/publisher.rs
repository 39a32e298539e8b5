//! FFmpeg, publishing into `hall` for as long as it is held.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use protocol::server::Push;

use crate::{ask::Show, support::SOON};

pub struct Publisher(Child);

impl Publisher {
    /// Comes back once there is something to watch.
    pub async fn start(show: &Show) -> Self {
        let mut line = show.owner.connect("phone").await;
        line.join("hall", None).await.expect("joined");
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
            loop {
                let push = line.next_push().await.expect("a push");
                if let Push::State { state, .. } = push
                    && state.stage.is_some_and(|it| it.video)
                {
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
