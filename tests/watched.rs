//! How viewers say they watched, on its way to the operator's charts (PROTOCOL B18).

mod support;

use protocol::{ClientFrame, Code, PeerId, RoomNumber, Watched, server::Outcome};
use support::{Person, Publisher, SOON, Server, viewer};
use tokio::time::timeout;
use weiquan_client::{Connection, Incoming};

const MINUTE: Watched = Watched {
    watched_ms: 60_000,
    stalled_ms: 600,
    stalls: 1,
    height: 720,
    received: 8_910,
    lost: 90,
    first_frame_ms: Some(310),
    behind_ms: Some(240),
};

/// Somebody in the hall.
struct Viewer {
    line: Connection,
    a: RoomNumber,
}

impl Viewer {
    async fn enter(person: &Person, device: &str) -> Self {
        let mut line = person.connect(device).await;
        let a = line.join("hall", None).await.expect("joined").a;
        Self { line, a }
    }

    async fn watches(&mut self) -> PeerId {
        viewer::watch(&mut self.line, self.a).await
    }

    async fn tells(&mut self, how: Watched) {
        let a = self.a;
        let word = ClientFrame::Watched { a, how };
        self.line.send(&word).await.expect("sent");
    }

    /// Waits until what it said before was read: words are read in their order.
    async fn is_read(&mut self) {
        let a = self.a;
        let roster = |i| ClientFrame::Roster { i, a };
        self.line.request(roster).await.expect("a roster");
    }
}

async fn metrics(server: &Server) -> String {
    let url = format!("http://{}/metrics", server.admin);
    let answer = reqwest::get(url).await.expect("answered");
    answer.text().await.expect("text")
}

/// The number behind a name with its labels.
async fn told(server: &Server, name: &str) -> Option<f64> {
    let text = metrics(server).await;
    let value = text.lines().find_map(|it| it.strip_prefix(name));
    value.map(|it| it.trim().parse().expect("a number"))
}

async fn left_out(server: &Server, why: &str) -> Option<f64> {
    told(
        server,
        &format!("weiquan_watched_left_out_total{{why=\"{why}\"}}"),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_what_viewers_say_is_in_the_metrics_and_lies_are_not() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await.key;
    let mut first = Viewer::enter(&owner, "first").await;
    let publisher = Publisher::start(&server, "/whip", &key);
    viewer::picture_is_here(&mut first.line).await;

    // Who does not watch has nothing to tell.
    first.tells(MINUTE).await;
    first.is_read().await;
    assert_eq!(left_out(&server, "not_watching").await, Some(1.0));
    assert!(!metrics(&server).await.contains("room=\"hall\""));

    // Numbers that cannot be are refused in words, and are nowhere.
    let peer = first.watches().await;
    let lie = Watched {
        behind_ms: Some(60_001),
        ..MINUTE
    };
    first.tells(lie).await;
    let refusal = timeout(SOON, async {
        loop {
            if let Incoming::Answer(answer) = first.line.next().await.expect("a frame")
                && let Outcome::Err(refusal) = answer.outcome
            {
                return refusal;
            }
        }
    });
    let refusal = refusal.await.expect("in time");
    assert_eq!(refusal.code, Code::Malformed);
    assert!(refusal.say.contains("behind_ms"), "{refusal}");
    assert!(!metrics(&server).await.contains("room=\"hall\""));
    assert_eq!(left_out(&server, "unfit").await, Some(1.0));

    // What can be is told, once in ten seconds.
    first.tells(MINUTE).await;
    first.tells(MINUTE).await;
    first.is_read().await;
    let name = |what: &str| format!("weiquan_watched_{what}{{room=\"hall\"}}");
    assert_eq!(
        told(&server, &name("first_frame_seconds_sum")).await,
        Some(0.31)
    );
    assert_eq!(told(&server, &name("behind_seconds_sum")).await, Some(0.24));
    assert_eq!(told(&server, &name("stalled_share_sum")).await, Some(0.01));
    assert_eq!(told(&server, &name("lost_share_sum")).await, Some(0.01));
    assert_eq!(told(&server, &name("height_pixels_count")).await, Some(1.0));
    assert_eq!(left_out(&server, "too_often").await, Some(1.0));

    // The last word comes when the peer is over, and it is the last.
    let mut other = Viewer::enter(&owner, "other").await;
    let last = other.watches().await;
    let close = |i| ClientFrame::Close { i, peer: last };
    other.line.request(close).await.expect("closed");
    other.tells(MINUTE).await;
    other.tells(MINUTE).await;
    other.is_read().await;
    assert_eq!(told(&server, &name("height_pixels_count")).await, Some(2.0));

    // Nobody speaks for a peer that another connection has.
    let mut stranger = Viewer::enter(&server.sign_up("ann").await, "tab").await;
    stranger.tells(MINUTE).await;
    stranger.is_read().await;
    assert_eq!(told(&server, &name("height_pixels_count")).await, Some(2.0));
    drop((publisher, peer));
}
