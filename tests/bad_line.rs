//! People on bad lines, and the whole server: who hangs harms nobody else and loses nothing, who vanishes
//! without a word is let go in time, and a picture on a lossy path is whole.

mod support;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use protocol::{
    RoomNumber, Seq,
    client::Position,
    limits,
    server::{Body, Joined, Push, RecordFrame, Resumed},
};
use support::{Person, SOON, Server, read_history};
use tokio::time::timeout;
use weiquan_client::{Connection, Error, Ledger};
use weiquan_loadtest::{
    Arguments, Verdict,
    impair::{Conditions, Relay, Route, Told},
};

/// A viewer of the chat that holds every delivery against what it was promised.
struct Viewer {
    line: Connection,
    ledger: Ledger,
    a: RoomNumber,
    seen: BTreeMap<Seq, String>,
}

impl Viewer {
    async fn enter(server: SocketAddr, token: &str, since: Option<Position>) -> (Self, Joined) {
        let mut line = Connection::open(server, None).await.expect("connects");
        line.hello(token, "tab").await.expect("welcome");
        let joined = line.join("hall", since.clone()).await.expect("joined");
        let mut viewer = Self {
            line,
            ledger: Ledger::default(),
            a: joined.a,
            seen: BTreeMap::new(),
        };
        if let Some(since) = since {
            viewer.ledger.resume_at(since);
        }
        viewer.ledger.join(&joined).expect("whole");
        viewer.take(&joined.ev);
        (viewer, joined)
    }

    fn take(&mut self, records: &[RecordFrame]) {
        for record in records {
            if let Body::Msg { text, .. } = &record.body {
                let twice = self.seen.insert(record.s, text.clone());
                assert_eq!(twice, None, "seq {} came twice", record.s);
            }
        }
    }

    async fn hear(&mut self) -> Result<Push, Error> {
        let push = self.line.next_push().await?;
        self.ledger.push(&push).expect("no breach");
        if let Push::Ev { ev, .. } = &push {
            self.take(ev);
        }
        Ok(push)
    }

    /// Hears everything up to `last`, be it shown or named as a gap.
    async fn reach(&mut self, last: Seq) -> Result<(), Error> {
        while self.ledger.last() < last {
            self.hear().await?;
        }
        Ok(())
    }

    /// Fetches what was named as a gap.
    async fn fetch_gaps(&mut self) {
        let gaps: Vec<(Seq, Seq)> = self.ledger.open_gaps().collect();
        let history = read_history(&mut self.line, self.a).await;
        for (from, to) in gaps {
            for (seq, text) in history.range(from..=to) {
                if let Some(text) = text {
                    let twice = self.seen.insert(*seq, text.clone());
                    assert_eq!(twice, None, "seq {seq} was named as missing and came");
                }
            }
            self.ledger.fetched(from);
        }
    }
}

async fn enter_all(server: SocketAddr, tokens: &[String]) -> Vec<Viewer> {
    let mut viewers = Vec::new();
    for token in tokens {
        viewers.push(Viewer::enter(server, token, None).await.0);
    }
    viewers
}

/// Waits until so many people are in the room, as a client in it is told.
async fn count_is(line: &mut Connection, n: u32, within: Duration) {
    let told = async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && state.count == Some(n)
            {
                return;
            }
        }
    };
    timeout(within, told)
        .await
        .expect("the count is right in time");
}

/// Longer than a sweep, a tick of presence and a busy machine need.
const SLACK: Duration = Duration::from_secs(20);

#[tokio::test]
async fn viewers_whose_line_went_dark_are_let_go_in_time_and_counted_no_more() {
    const VANISHED: usize = 6;
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let relay = Relay::open(Route::tcp(server.address))
        .await
        .expect("a relay");
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let tokens = server.tokens(VANISHED + 1);
    let mut gone = enter_all(relay.address(), &tokens[..VANISHED]).await;
    let mut stays = enter_all(server.address, &tokens[VANISHED..])
        .await
        .remove(0);
    let all = u32::try_from(VANISHED).expect("few") + 2;
    count_is(&mut host, all, SOON).await;

    // No FIN, no RST: the server has only their silence.
    relay.cut();
    let cut = Instant::now();
    // Whoever stays answers its pings meanwhile; the host does by listening.
    let stays = tokio::spawn(async move { stays.reach(Seq::MAX).await });
    let within = limits::DEAD_AFTER + limits::REJOIN_GRACE + SLACK;
    count_is(&mut host, 2, within).await;
    let took = cut.elapsed();
    assert!(
        took >= limits::DEAD_AFTER - limits::PING_AFTER,
        "{took:?}: a silent viewer has time to answer a ping"
    );
    println!("they were let go and counted no more after {took:?}");
    assert!(!stays.is_finished(), "who answers stays");

    // Their own end notices once anything comes through again; they go on where they were.
    let last = host.say(a, "还在吗？").await.expect("acknowledged").s;
    relay.heal();
    for (viewer, token) in gone.iter_mut().zip(&tokens) {
        let ended = timeout(SOON, viewer.reach(last)).await.expect("in time");
        assert!(ended.is_err(), "it was let go");
        let since = viewer.ledger.position();
        let (mut back, joined) = Viewer::enter(relay.address(), token, since).await;
        assert_eq!(joined.resumed, Resumed::Full);
        timeout(SOON, back.reach(last))
            .await
            .expect("in time")
            .expect("it holds");
        assert_eq!(back.seen.get(&last).map(String::as_str), Some("还在吗？"));
        viewer.line = back.line;
    }
    count_is(&mut host, all, SOON).await;
    stays.abort();
}

/// Waits until a counter of the server, with all its labels, is so high.
async fn metric_is(server: &Server, name: &str, n: u64) {
    let url = format!("http://{}/metrics", server.admin);
    loop {
        let text = reqwest::get(&url).await.expect("answered").text().await;
        let text = text.expect("text");
        let value = text.lines().find_map(|it| it.strip_prefix(name));
        if value.and_then(|it| it.trim().parse().ok()) == Some(n) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A counter of the server.
async fn counted(server: &Server, name: &str) -> u64 {
    let url = format!("http://{}/metrics", server.admin);
    let text = reqwest::get(url).await.expect("answered").text().await;
    let text = text.expect("text");
    let value = text.lines().find_map(|it| it.strip_prefix(name));
    value.and_then(|it| it.trim().parse().ok()).expect(name)
}

/// Says so many long messages and waits for every ack; tells what was acknowledged.
async fn talk(host: &mut Connection, a: RoomNumber, n: usize) -> BTreeMap<Seq, String> {
    let mut acknowledged = BTreeMap::new();
    for n in 0..n {
        let text = format!("{n} {}", "长".repeat(3_900));
        let ack = host.say(a, &text).await.expect("acknowledged");
        acknowledged.insert(ack.s, text);
    }
    acknowledged
}

/// One viewer in twenty takes nothing. Everybody else has everything while they still take nothing; who
/// reads on soon is told what it missed, who never does is closed and may resume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_viewers_disturb_nobody_and_lose_nothing() {
    const VIEWERS: usize = 40;
    /// More than a ring and all buffers hold: 3.5 MB.
    const MESSAGES: usize = 300;
    let server = Server::start_with(&["fanout.shards=1"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let narrow = Route {
        window: Some(4_096),
        ..Route::tcp(server.address)
    };
    let hiccup = Relay::open(narrow).await.expect("a relay");
    let hangs = Relay::open(narrow).await.expect("a relay");
    let tokens = server.tokens(VIEWERS);
    let (mut slow, _) = Viewer::enter(hiccup.address(), &tokens[0], None).await;
    let (mut stuck, _) = Viewer::enter(hangs.address(), &tokens[1], None).await;
    let others = enter_all(server.address, &tokens[2..]).await;
    let mut host = owner.connect("phone").await;
    let joined = host.join("hall", None).await.expect("joined");
    let (a, last) = (joined.a, joined.s + MESSAGES as Seq);

    hiccup.stall();
    hangs.stall();
    let watching: Vec<_> = others
        .into_iter()
        .map(|mut viewer| {
            tokio::spawn(async move {
                viewer.reach(last).await.expect("nobody else is closed");
                viewer
            })
        })
        .collect();
    let begin = Instant::now();
    let said = talk(&mut host, a, MESSAGES).await;
    println!("all was said in {:?}", begin.elapsed());
    assert_eq!(said.last_key_value().map(|it| *it.0), Some(last));
    for viewer in watching {
        let viewer = timeout(SOON, viewer)
            .await
            .expect("in time")
            .expect("whole");
        assert_eq!(viewer.ledger.gaps_named, 0, "nobody else is skipped");
        assert_eq!(viewer.seen, said);
    }
    for relay in [&hiccup, &hangs] {
        assert_eq!(relay.told().lines.open, 1, "both still hang");
    }

    // One reads on: what it could not have is named, and fetched.
    hiccup.heal();
    let caught_up = timeout(SOON, slow.reach(last)).await.expect("in time");
    caught_up.expect("it is not closed yet");
    assert!(slow.ledger.gaps_named >= 1, "it is told what it missed");
    slow.fetch_gaps().await;
    assert_eq!(slow.seen, said);

    // The other never does: it is closed as slow, is told so in the end, and goes on where it was.
    let closed = metric_is(&server, r#"fanout_closed_total{code="4008"}"#, 1);
    timeout(limits::BLOCKED_CLOSED_AFTER + SLACK, closed)
        .await
        .expect("closed in time");
    hangs.heal();
    let ended = timeout(SOON, stuck.reach(Seq::MAX)).await.expect("in time");
    println!(
        "who hung for good heard {:?}",
        ended.expect_err("it was closed")
    );
    let before = stuck.seen.clone();
    let since = stuck.ledger.position();
    let (mut back, joined) = Viewer::enter(server.address, &tokens[1], since).await;
    assert_ne!(joined.resumed, Resumed::Fresh, "its position holds");
    timeout(SOON, back.reach(last))
        .await
        .expect("in time")
        .expect("it holds");
    back.fetch_gaps().await;
    for (seq, text) in before {
        assert_eq!(back.seen.insert(seq, text), None, "seq {seq} came twice");
    }
    assert_eq!(back.seen, said);
}

/// The load test's command, on a thread of its own.
fn start(words: &str) -> JoinHandle<anyhow::Result<Verdict>> {
    let arguments = Arguments::of(words.split_whitespace()).expect("good flags");
    std::thread::spawn(move || weiquan_loadtest::run(arguments))
}

async fn picture_is_on(owner: &Person) {
    let mut line = owner.connect("looks").await;
    let joined = line.join("hall", None).await.expect("joined");
    let on = |state: &protocol::server::State| state.stage.as_ref().is_some_and(|it| it.video);
    if on(&joined.state) {
        return;
    }
    let told = async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && on(&state)
            {
                return;
            }
        }
    };
    timeout(SOON, told).await.expect("on air in time");
}

/// A server on whose room a picture is on air, until the server is gone.
async fn on_air() -> Server {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await.key;
    drop(start(&format!(
        "publish --server {} --key {key}",
        server.address
    )));
    picture_is_on(&owner).await;
    server
}

/// A path like this to the port that viewers receive from.
async fn path_to(server: &Server, path: Conditions) -> Relay {
    let port = server.media_ports()[1];
    let route = Route {
        seed: 4,
        ..Route::udp(SocketAddr::from(([127, 0, 0, 1], port))).both(path)
    };
    Relay::open(route).await.expect("a relay")
}

/// What four viewers by WHEP see over such a path, and what became of their datagrams on it.
async fn watched(path: Conditions, seconds: u32) -> (Verdict, serde_json::Value, Told) {
    let server = on_air().await;
    let relay = path_to(&server, path).await;
    let (address, through) = (server.address, relay.address());
    let report = server.folder.join("viewers.json");
    let watching = start(&format!(
        "viewers --server {address} --room hall --viewers 4 --warmup 0 --seconds {seconds} \
         --through {through} --json {}",
        report.display()
    ));
    let ended = tokio::task::spawn_blocking(|| watching.join().expect("no panic"));
    let verdict = ended.await.expect("it ended").expect("it ran");
    let text = std::fs::read_to_string(report).expect("a report");
    let mut seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    seen["server_again"] = counted(&server, "weiquan_media_packets_again_total")
        .await
        .into();
    (verdict, seen, relay.told())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_over_a_lossy_path_is_whole_by_nack() {
    let lossy = Conditions {
        loss: 0.05,
        delay: Duration::from_millis(40),
        ..Conditions::default()
    };
    let (verdict, seen, told) = watched(lossy, 8).await;
    assert_eq!(verdict, Verdict::Pass, "{seen}");
    let number = |name: &str| seen[name].as_u64().expect("a number");
    assert_eq!(number("missing"), number("missing_sound"), "{seen}");
    assert!(told.down.lost > 100, "{told:?}");
    assert!(number("repaired") > 100, "{seen}");
    // The picture was shown all the while, and what was lost of the sound was asked for too.
    let (picture, sound) = (&seen["picture"], &seen["sound"]);
    let frames = picture["frames"].as_f64().expect("a number");
    assert!(frames > 25.0 * 8.0 * 4.0 * 0.9, "{seen}");
    assert!(picture["frozen_share"].as_f64() < Some(0.3), "{seen}");
    assert_eq!(seen["negotiated"]["sound_nack_agreed"], 4, "{seen}");
    assert!(sound["lost"].as_u64() > Some(20), "{seen}");
    assert!(sound["kept_share"].as_f64() > Some(0.98), "{seen}");
    assert!(seen["round_trip_ms"]["p50"].as_f64() > Some(80.0), "{seen}");
    // Some of what it repeated was lost again.
    assert!(number("server_again") > number("repaired"), "{seen}");
    println!("{seen}\n{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_whoever_udp_does_not_reach_is_shown_a_whole_picture_by_tcp() {
    let server = on_air().await;
    let report = server.folder.join("viewers.json");
    let watching = start(&format!(
        "viewers --server {} --room hall --viewers 4 --warmup 0 --seconds 4 --tcp --json {}",
        server.address,
        report.display()
    ));
    let ended = tokio::task::spawn_blocking(|| watching.join().expect("no panic"));
    let verdict = ended.await.expect("it ended").expect("it ran");
    let text = std::fs::read_to_string(report).expect("a report");
    let seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(verdict, Verdict::Pass, "{seen}");
    assert_eq!((&seen["by"], &seen["missing"]), (&"tcp".into(), &0.into()));
    let frames = seen["picture"]["frames"].as_f64().expect("a number");
    assert!(frames > 25.0 * 4.0 * 4.0 * 0.9, "{seen}");
    let probes = &seen["negotiated"]["nack_probes_answered"];
    assert_eq!(
        probes, 4,
        "what is asked for again comes by TCP as well: {seen}"
    );
    // They came by it and by nothing else, and their goodbyes ended it.
    let pipes = r#"weiquan_media_pipes_closed_total{port="view",why="over"}"#;
    timeout(SOON, metric_is(&server, pipes, 4))
        .await
        .expect("closed in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_nothing_and_spoil_no_handshake() {
    let server = on_air().await;
    let ports = server.media_ports();
    let to: String = ports
        .iter()
        .map(|it| format!("--to 127.0.0.1:{it} "))
        .collect();
    let report = server.folder.join("strangers.json");
    let strangers = start(&format!(
        "strangers --server {} --room hall {to} --datagrams 100 --races 30 --at-once 4 --json {}",
        server.address,
        report.display()
    ));
    let ended = tokio::task::spawn_blocking(|| strangers.join().expect("no panic"));
    let verdict = ended.await.expect("it ended").expect("it ran");
    let text = std::fs::read_to_string(report).expect("a report");
    let seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(verdict, Verdict::Pass, "{seen}");
    assert_eq!(seen["amplification"]["heard_bytes"], 0, "{seen}");
    assert_eq!(seen["races"]["sessions"], 30, "{seen}");
    for stranger in ["other_port", "other_address", "same_address"] {
        let one = &seen["races"]["by_stranger"][stranger];
        assert_eq!((&one["sessions"], &one["lost"]), (&10.into(), &0.into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_who_is_a_second_away_is_let_in() {
    let far = Conditions {
        delay: Duration::from_millis(500),
        ..Conditions::default()
    };
    let (verdict, seen, _) = watched(far, 2).await;
    assert_eq!(verdict, Verdict::Pass, "{seen}");
    assert_eq!(seen["missing"], 0, "{seen}");
}

/// Consent to be sent to ends within 30 s of silence (RFC 7675).
const CONSENT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_whose_path_went_dark_are_let_go_in_time() {
    const VANISHED: u64 = 3;
    let server = on_air().await;
    let relay = path_to(&server, Conditions::default()).await;
    drop(start(&format!(
        "viewers --server {} --room hall --viewers {VANISHED} --seconds 120 --through {}",
        server.address,
        relay.address()
    )));
    let watch = async {
        while relay.told().lines.opened < VANISHED || relay.told().down.passed < 1_000 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, watch).await.expect("they watch");
    relay.cut();
    let ended = r#"weiquan_peers_ended_total{role="viewer",why="timeout"}"#;
    timeout(CONSENT + SLACK, metric_is(&server, ended, VANISHED))
        .await
        .expect("let go in time");
}
