//! What the log must never hold, at the level that says the most of our own.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use protocol::rest::{SetUp, Token};
use serde_json::json;
use weiquan_client::Connection;

use crate::support::{PASSWORD, SOON, free_ports};

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (told, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // The test may be over; the output must still be read.
            let _ = told.send(line);
        }
    });
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn s64_the_log_holds_no_token_no_message_no_sdp_and_no_address() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let ports = free_ports(4);
    let base = format!("http://127.0.0.1:{}", ports[0]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(["serve", "--listen", &format!("127.0.0.1:{}", ports[0])])
        .arg("--data")
        .arg(folder.path())
        .args(["--set", &format!("server.admin=127.0.0.1:{}", ports[1])])
        .args(["--set", &format!("rtc.publish_port={}", ports[2])])
        .args(["--set", &format!("rtc.view_ports=[{}]", ports[3])])
        .args(["--set", "log.level=trace,hyper=info,h2=info"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = lines(child.stderr.take().expect("piped"));
    let out = lines(child.stdout.take().expect("piped"));
    let code = loop {
        let line = out.recv_timeout(SOON).expect("it says its link");
        if let Some((_, it)) = line.split_once("/set-up#") {
            break it.trim().to_owned();
        }
    };
    while !out
        .recv_timeout(SOON)
        .expect("it serves")
        .contains("Ctrl-C")
    {}

    // A person from 203.0.113.7, as the proxy on this machine says.
    let http = reqwest::Client::builder().cookie_store(true);
    let http = http.build().expect("a client");
    let from = "203.0.113.7";
    let post = |path: &str, bearer: &str, kind: &str, body: String| {
        let request = http
            .post(format!("{base}{path}"))
            .header("origin", &base)
            .header("x-forwarded-for", from)
            .header("content-type", kind)
            .body(body);
        match bearer {
            "" => request,
            bearer => request.bearer_auth(bearer),
        }
    };
    let json_type = "application/json";
    let set_up = SetUp {
        code: code.clone(),
        name: "MarkerName".into(),
        password: PASSWORD.into(),
        circle: "读书会".into(),
    };
    let made = post("/api/v1/set-up", "", json_type, json!(set_up).to_string());
    let owner: Token = made
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("a token");
    let token = owner.token.as_str();
    let room = json!({"title": "hall", "guests": true, "slug": "hall"}).to_string();
    let made = post("/api/v1/rooms", token, json_type, room).send().await;
    assert_eq!(made.expect("answered").status(), 201);
    let label = json!({"label": "x"}).to_string();
    let made = post("/api/v1/rooms/hall/stream-keys", token, json_type, label);
    let key: serde_json::Value = made
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("a key");
    let key = key["key"].as_str().expect("a key").to_owned();
    // What goes wrong is logged most readily.
    let wrong = json!({"name": "MarkerName", "password": "MarkerPassword"}).to_string();
    post("/api/v1/sign-in", "", json_type, wrong)
        .send()
        .await
        .expect("answered");
    let wrong = post(
        "/api/v1/rooms/hall/whip",
        token,
        "application/sdp",
        "MarkerSdp".into(),
    );
    wrong.send().await.expect("answered");
    let offer = include_str!("../../src/rtc/publish/tests/offers/ffmpeg.sdp");
    let published = post("/whip", &key, "application/sdp", offer.to_owned())
        .send()
        .await;
    assert_eq!(published.expect("answered").status(), 201);
    http.get(format!("{base}/api/v1/rooms/hall?token=MarkerQuery"))
        .send()
        .await
        .expect("answered");
    let address = base.trim_start_matches("http://").parse().expect("one");
    let mut line = Connection::open(address, None).await.expect("open");
    line.hello(token, "MarkerDevice").await.expect("welcome");
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "MarkerMessage").await.expect("said");
    line.send_text(r#"{"op":"pub","i":9,"text":"MarkerBroken""#.into())
        .await
        .expect("sent");
    line.say(a, "MarkerMessage again").await.expect("said");
    line.close().await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    child.wait().expect("it ends");

    let log: Vec<String> = log.iter().collect();
    assert!(
        log.len() > 20,
        "the log speaks at this level: {}",
        log.len()
    );
    let ufrag = offer.lines().find_map(|it| it.strip_prefix("a=ice-pwd:"));
    let secrets = [
        token,
        token.rsplit('.').next().expect("a signature"),
        &key,
        &code,
        PASSWORD,
        "MarkerPassword",
        "MarkerMessage",
        "MarkerBroken",
        "MarkerSdp",
        "MarkerQuery",
        "MarkerName",
        "MarkerDevice",
        from,
        ufrag.expect("the offer has one"),
        "a=fingerprint",
        "weiquan_sign_in=",
    ];
    for line in &log {
        for secret in secrets {
            assert!(!line.contains(secret), "{secret} in: {line}");
        }
    }
}
