//! SIGHUP: the configuration is read again, and everybody stays connected.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use protocol::{
    ClientFrame,
    rest::{Credentials, NewRoom, SetUp, Token},
    server::Push,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::{PASSWORD, SOON, free_ports};
use tempfile::TempDir;
use weiquan_client::Connection;

/// A server with a configuration file, and its log line by line.
struct Configured {
    child: Child,
    log: Receiver<String>,
    base: String,
    http: reqwest::Client,
    code: String,
    home: TempDir,
    fixed: String,
}

impl Configured {
    fn start() -> Self {
        let home = TempDir::new().expect("a folder");
        let ports = free_ports(4);
        let fixed = format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\ndata = \"{}\"\n\
             [rtc]\npublish_port = {}\nview_ports = [{}]\n",
            ports[0],
            ports[1],
            home.path().join("data").display(),
            ports[2],
            ports[3]
        );
        let file = home.path().join("weiquan.toml");
        fs::write(&file, &fixed).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let log = lines(child.stderr.take().expect("piped"));
        let out = lines(child.stdout.take().expect("piped"));
        let mut code = String::new();
        loop {
            let line = out.recv_timeout(SOON).expect("it says that it serves");
            if let Some((_, it)) = line.split_once("/set-up#") {
                code = it.trim().to_owned();
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        let http = reqwest::Client::builder().cookie_store(true);
        Self {
            child,
            log,
            base: format!("http://127.0.0.1:{}", ports[0]),
            http: http.build().expect("a client"),
            code,
            home,
            fixed,
        }
    }

    /// Writes the file anew (`more` after what stays), sends SIGHUP and waits for this in the log.
    fn reload(&self, more: &str, told: &str) -> String {
        self.write(&format!("{}{more}", self.fixed), told)
    }

    fn write(&self, text: &str, told: &str) -> String {
        fs::write(self.home.path().join("weiquan.toml"), text).expect("written");
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("it runs");
        self.hear(told)
    }

    /// Waits for this in the log.
    fn hear(&self, told: &str) -> String {
        loop {
            let line = self.log.recv_timeout(SOON);
            let line = line.unwrap_or_else(|_| panic!("the log does not say: {told}"));
            if line.contains(told) {
                return line;
            }
        }
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.base));
        let from = request.header("origin", &self.base);
        from.json(&body).send().await.expect("answered")
    }

    /// Makes the owner and the first circle.
    async fn set_up(&self) -> Token {
        let body = SetUp {
            code: self.code.clone(),
            name: "圈主".into(),
            password: PASSWORD.into(),
            circle: "读书会".into(),
        };
        let owner = self.post("/api/v1/set-up", json!(body)).await;
        owner.json().await.expect("a token")
    }

    async fn make_room(&self, owner: &Token, slug: &str) {
        let room = NewRoom {
            title: slug.into(),
            guests: true,
            slug: Some(slug.into()),
        };
        let made = self.http.post(format!("{}/api/v1/rooms", self.base));
        let made = made.bearer_auth(&owner.token).json(&room).send().await;
        assert_eq!(made.expect("answered").status(), 201);
    }

    /// A connection of this person's.
    async fn connect(&self, token: &Token) -> Connection {
        let address = self.base.trim_start_matches("http://");
        let address = address.parse().expect("one");
        let mut line = Connection::open(address, None).await.expect("connects");
        line.hello(&token.token, "phone").await.expect("welcome");
        line
    }

    /// What an upgrade from a page of this origin is answered.
    async fn upgrade(&self, origin: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}/ws", self.base));
        let answer = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", protocol::limits::SUBPROTOCOL)
            .header("origin", origin)
            .send();
        answer.await.expect("answered")
    }

    async fn sign_up(&self, name: &str) -> Result<Token, u16> {
        let body = Credentials {
            name: name.into(),
            password: PASSWORD.into(),
        };
        let answer = self.post("/api/v1/accounts", json!(body)).await;
        match answer.status().as_u16() {
            200 | 201 => Ok(answer.json().await.expect("a token")),
            status => Err(status),
        }
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // The test is over; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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

#[tokio::test]
async fn a_new_configuration_counts_at_once_and_nobody_is_disconnected() {
    let server = Configured::start();
    let owner = server.set_up().await;
    server.make_room(&owner, "hall").await;
    let mut line = server.connect(&owner).await;
    let a = line.join("hall", None).await.expect("joined").a;
    server.sign_up("before").await.expect("anybody may");

    let told = server.reload("[auth]\nsign_up = false\n", "read again");
    assert!(told.contains("auth.sign_up"), "{told}");
    assert_eq!(server.sign_up("after").await.err(), Some(403));
    line.say(a, "still here").await.expect("acknowledged");

    // Wrong anywhere: nothing of it counts.
    let wrong = "[auth]\nsign_up = true\n[fanout]\nduty_percent = 900\n";
    let told = server.reload(wrong, "refused");
    let at = server.fixed.lines().count() + 4;
    for part in [
        format!("weiquan.toml:{at}"),
        "fanout.duty_percent = 900".into(),
    ] {
        assert!(told.contains(&part), "{part} in {told}");
    }
    assert_eq!(server.sign_up("after").await.err(), Some(403));
    let told = server.reload("[auth]\nsign_upp = true\n", "refused");
    assert!(told.contains("sign_upp") && told.contains("line"), "{told}");
    line.say(a, "still here").await.expect("acknowledged");

    // What cannot change meanwhile is named; the rest counts.
    let told = server.reload("[fanout]\nduty_percent = 50\n", "from the next start");
    assert!(told.contains("fanout.duty_percent"), "{told}");
    server.sign_up("after").await.expect("anybody may again");

    // The level of the log itself: each request is told at this one.
    server.reload("[log]\nlevel = \"debug\"\n", "read again");
    let quiet = server
        .http
        .get(format!("{}/healthz", server.base))
        .send()
        .await;
    assert_eq!(quiet.expect("answered").status(), 200);
    let heard = std::iter::from_fn(|| server.log.recv_timeout(SOON).ok())
        .any(|it| it.contains("a request was answered"));
    assert!(heard, "the log is at debug");
    line.say(a, "to the end").await.expect("acknowledged");
}

#[tokio::test]
async fn a_site_that_is_named_meanwhile_may_open_a_socket() {
    let server = Configured::start();
    let upgrade = async || server.upgrade("https://friend.example").await.status();
    assert_eq!(upgrade().await, 403);
    let origins = "origins = [\"https://friend.example\"]\n[rtc]";
    server.write(&server.fixed.replace("[rtc]", origins), "read again");
    assert_eq!(upgrade().await, 101);
}

#[tokio::test]
async fn another_rate_of_talk_counts_in_rooms_that_run() {
    let server = Configured::start();
    let owner = server.set_up().await;
    for slug in ["hall", "later"] {
        server.make_room(&owner, slug).await;
    }
    let member = server.sign_up("talker").await.expect("anybody may");
    let mut line = server.connect(&member).await;
    let a = line.join("hall", None).await.expect("joined").a;

    // How many of twelve messages in a row are taken: one a minute or none at all comes free meanwhile.
    let taken = async |line: &mut Connection, a| {
        let mut taken = 0;
        for _ in 0..12 {
            match line.say(a, "x").await {
                Ok(_) => taken += 1,
                Err(weiquan_client::Error::Refused(it)) => {
                    assert_eq!(it.code, protocol::Code::RateLimited);
                }
                Err(other) => panic!("{other}"),
            }
        }
        taken
    };
    let told = server.reload(
        "[rooms]\ntalk_burst = 3\ntalk_per_second = 1\n",
        "read again",
    );
    assert!(told.contains("rooms.talk_burst"), "{told}");
    let slow = taken(&mut line, a).await;
    assert!(
        (3..=6).contains(&slow),
        "{slow} of 12 at three and one a second"
    );
    // A room that starts after it has it as well.
    let later = line.join("later", None).await.expect("joined").a;
    let slow = taken(&mut line, later).await;
    assert!(
        (3..=6).contains(&slow),
        "{slow} of 12 in a room that starts now"
    );
    // No limit: at once, in both.
    server.reload("[rooms]\ntalk_per_second = 0\n", "read again");
    assert_eq!(taken(&mut line, a).await, 12);
    assert_eq!(taken(&mut line, later).await, 12);
}

/// Short of memory: who is here goes on talking, hearts are let go, and nobody new comes in until there is
/// enough again.
#[tokio::test]
async fn a_server_short_of_memory_lets_in_nobody_new_and_loses_nobody() {
    let server = Configured::start();
    let owner = server.set_up().await;
    for slug in ["hall", "other"] {
        server.make_room(&owner, slug).await;
    }
    let mut line = server.connect(&owner).await;
    let a = line.join("hall", None).await.expect("joined").a;
    let member = server.sign_up("ann").await.expect("anybody may");
    let mut watching = server.connect(&member).await;
    watching.join("hall", None).await.expect("joined");
    let heart = |kind: &str| ClientFrame::Burst {
        a,
        kind: kind.into(),
        n: 1,
    };
    // All kinds that are shown up to and with this one.
    let shown = async |watching: &mut Connection, last: &str| {
        let mut kinds = Vec::new();
        while !kinds.iter().any(|it| it == last) {
            let push = tokio::time::timeout(SOON, watching.next_push()).await;
            if let Push::Burst { b, .. } = push.expect("in time").expect("nobody is put out") {
                kinds.extend(b.into_keys());
            }
        }
        kinds
    };
    line.send(&heart("before")).await.expect("sent");
    assert_eq!(shown(&mut watching, "before").await, ["before"]);

    server.write(
        &server.fixed.replace("[rtc]", "memory_mib = 1\n[rtc]"),
        "memory is short",
    );
    let refused = server.upgrade(&server.base).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    match line.join("other", None).await.expect_err("nobody new") {
        weiquan_client::Error::Refused(it) => {
            assert_eq!((it.code, it.ms), (protocol::Code::Busy, Some(5_000)));
        }
        other => panic!("{other}"),
    }
    line.send(&heart("meanwhile")).await.expect("sent");
    line.say(a, "still here").await.expect("acknowledged");

    server.reload("", "there is enough memory again");
    line.send(&heart("after")).await.expect("sent");
    // What was let go would have been shown before, or with it.
    assert_eq!(shown(&mut watching, "after").await, ["after"]);
    assert_eq!(server.upgrade(&server.base).await.status(), 101);
    line.join("other", None).await.expect("joined");
}

/// What counts is written down first: no line, no change.
#[tokio::test]
async fn o13_a_configuration_that_counts_is_a_line_of_the_audit_log() {
    let server = Configured::start();
    server.set_up().await;
    let data = server.home.path().join("data");
    let audit = |what: &str| {
        let run = Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args(["audit", what, "--data"])
            .arg(&data)
            .output()
            .expect("the command runs");
        String::from_utf8(run.stdout).expect("text")
    };
    server.reload("[auth]\nsign_up = false\n", "read again");
    let list = audit("list");
    assert!(list.contains("operator reload: auth.sign_up\n"), "{list}");
    // What is refused changes nothing and is no line.
    server.reload("[auth]\nsign_upp = true\n", "refused");
    assert_eq!(audit("list"), list);

    let db = rusqlite::Connection::open(data.join("weiquan.db")).expect("the database");
    db.execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else writes now");
    let told = server.reload("", "takes no line");
    assert!(told.contains("then reload again"), "{told}");
    db.execute_batch("ROLLBACK").expect("others may write");
    server.hear("takes writes again");
    assert_eq!(audit("list"), list);
    assert_eq!(server.sign_up("ann").await.err(), Some(403), "as it was");

    server.reload("[fanout]\nduty_percent = 50\n", "from the next start");
    server.sign_up("ann").await.expect("anybody may again");
    let last = "operator reload: auth.sign_up; from the next start on: fanout.duty_percent\n";
    assert!(audit("list").ends_with(last), "{}", audit("list"));
    assert_eq!(audit("verify"), "the audit log is whole: 2 lines\n");
}
