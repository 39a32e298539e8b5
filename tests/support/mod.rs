//! A whole server for a test: its own folder, its own ports, an owner and a room.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

mod ports;
mod publisher;
pub mod sink;
pub mod tls;
pub mod viewer;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use protocol::{
    ClientFrame, RoomNumber, Seq,
    rest::{Credentials, Me, NewRoom, RoomCard, SetUp, StreamKeyMade, Token},
    server::{Body, Reply},
};
use serde::{Serialize, de::DeserializeOwned};
use tempfile::TempDir;
use weiquan_client::Connection;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use {ports::free_ports, publisher::Publisher};

pub const PASSWORD: &str = "correct horse battery";
/// Longest wait for a fact that must come.
pub const SOON: Duration = Duration::from_secs(20);

/// What somebody who wants to watch H264 offers; nobody is behind it.
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

/// The program, as an operator starts it.
pub struct Server {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub folder: PathBuf,
    child: Child,
    more: Vec<String>,
    environment: Vec<(String, String)>,
    /// The set-up link's code, on a first start.
    pub code: Option<String>,
    _temp: Option<TempDir>,
}

impl Server {
    /// Starts a server with an empty folder on free ports.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more `section.key=value`.
    pub fn start_with(more: &[&str]) -> Self {
        Self::start_on(free_ports(1)[0], more)
    }

    /// The same on a port that somebody else has to know before.
    pub fn start_on(port: u16, more: &[&str]) -> Self {
        let temp = TempDir::new().expect("a folder");
        let ports = free_ports(3);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let admin = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let mut more: Vec<String> = more.iter().map(|it| (*it).to_owned()).collect();
        // Tests talk faster than people; the one about that says so.
        if !more.iter().any(|it| it.starts_with("rooms.talk")) {
            more.push("rooms.talk_per_second=0".to_owned());
        }
        if !more.iter().any(|it| it.starts_with("rooms.readable")) {
            more.push("rooms.readable_per_second=0".to_owned());
        }
        more.push(format!("rtc.publish_port={}", ports[1]));
        more.push(format!("rtc.view_ports=[{}]", ports[2]));
        let folder = temp.path().to_owned();
        let (child, code) = spawn(address, admin, &folder, &more);
        Self {
            address,
            admin,
            folder,
            child,
            more,
            environment: Vec::new(),
            code,
            _temp: Some(temp),
        }
    }

    /// Starts a server in an environment of its own: a library that spoils its calls.
    pub fn start_under(environment: &[(&str, &str)]) -> Self {
        Self::start_with_under(&[], environment)
    }

    /// The same, with more `section.key=value`.
    pub fn start_with_under(more: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut it = Self::start_with(more);
        it.stop();
        let environment = environment.iter();
        it.environment = environment
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        it.restart();
        it
    }

    /// Starts a server on free ports with a folder that is there already.
    pub fn start_in(folder: &Path) -> Self {
        let ports = free_ports(4);
        let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let admin = SocketAddr::from(([127, 0, 0, 1], ports[1]));
        let more = vec![
            format!("rtc.publish_port={}", ports[2]),
            format!("rtc.view_ports=[{}]", ports[3]),
        ];
        let (child, code) = spawn(address, admin, folder, &more);
        Self {
            address,
            admin,
            folder: folder.to_owned(),
            child,
            more,
            environment: Vec::new(),
            code,
            _temp: None,
        }
    }

    /// The process, for `/proc`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: nothing is said, nothing is saved.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Starts again on the same folder and ports.
    pub fn restart(&mut self) {
        let (child, code) = spawn_in(
            &self.environment,
            self.address,
            self.admin,
            &self.folder,
            &self.more,
        );
        self.child = child;
        // As long as nobody has used it, each start prints another.
        if code.is_some() {
            self.code = code;
        }
    }

    /// Starts again under a clock that is so many hours ahead.
    pub fn restart_ahead(&mut self, hours: u32) {
        let faked = library(&["/usr/lib/*/faketime/libfaketimeMT.so.1"]);
        let set = |name: &str, value: String| (name.to_owned(), value);
        self.environment = vec![
            set("LD_PRELOAD", faked.display().to_string()),
            set("FAKETIME", format!("+{hours}h")),
            set("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        self.stop();
        self.restart();
    }

    /// SIGTERM, and the exit code.
    pub fn stop(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it was running");
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }

    /// The UDP ports of publishers and of viewers.
    pub fn media_ports(&self) -> Vec<u16> {
        let digits = |it: &String| it.chars().filter(char::is_ascii_digit).collect::<String>();
        let ports = self.more.iter().filter(|it| it.starts_with("rtc."));
        ports.filter_map(|it| digits(it).parse().ok()).collect()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Makes the owner and the first circle by the printed link.
    pub async fn set_up(&self) -> Person {
        let person = Person::new(self);
        let code = self.code.clone().expect("a first start prints a link");
        let body = SetUp {
            code,
            name: "圈主".into(),
            password: PASSWORD.into(),
            circle: "读书会".into(),
        };
        let token: Token = person.post("/api/v1/set-up", &body).await;
        person.with(token)
    }

    /// Makes an account.
    pub async fn sign_up(&self, name: &str) -> Person {
        let person = Person::new(self);
        let body = Credentials {
            name: name.into(),
            password: PASSWORD.into(),
        };
        let token: Token = person.post("/api/v1/accounts", &body).await;
        person.with(token)
    }

    /// Signs in to an account that is there.
    pub async fn sign_in(&self, name: &str) -> Person {
        let person = Person::new(self);
        let body = Credentials {
            name: name.into(),
            password: PASSWORD.into(),
        };
        let token: Token = person.post("/api/v1/sign-in", &body).await;
        person.with(token)
    }

    /// Tokens for people without accounts, by the program itself.
    pub fn tokens(&self, count: usize) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args([
                "token",
                "--listen",
                &self.address.to_string(),
                "--count",
                &count.to_string(),
            ])
            .arg("--data")
            .arg(&self.folder)
            .output()
            .expect("the program runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped by the test already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    address: SocketAddr,
    admin: SocketAddr,
    folder: &Path,
    more: &[String],
) -> (Child, Option<String>) {
    spawn_in(&[], address, admin, folder, more)
}

fn spawn_in(
    environment: &[(String, String)],
    address: SocketAddr,
    admin: SocketAddr,
    folder: &Path,
    more: &[String],
) -> (Child, Option<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weiquan"));
    command
        .arg("serve")
        .args(["--listen", &address.to_string()])
        .arg("--data")
        .arg(folder)
        .args(["--set", &format!("server.admin={admin}")])
        .args(["--set", "log.level=warn"])
        .envs(environment.iter().map(|(name, value)| (name, value)));
    for pair in more {
        command.args(["--set", pair]);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let output = child.stdout.take().expect("piped");
    let (told, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The test may be over; the program's output must still be read.
            let _ = told.send(line);
        }
    });
    let mut code = None;
    loop {
        let line = lines
            .recv_timeout(SOON)
            .expect("the server did not say that it serves");
        if let Some((_, after)) = line.split_once("/set-up#") {
            code = Some(after.trim().to_owned());
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    (child, code)
}

/// Somebody with a browser: cookies, and a token once signed in.
pub struct Person {
    pub http: reqwest::Client,
    base: String,
    address: SocketAddr,
    pub token: String,
    pub me: Option<Me>,
}

impl Person {
    pub fn new(server: &Server) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .build()
            .expect("a client");
        Self {
            http,
            base: server.url(""),
            address: server.address,
            token: String::new(),
            me: None,
        }
    }

    fn with(mut self, token: Token) -> Self {
        self.token = token.token;
        self.me = Some(token.me);
        self
    }

    /// The same client with somebody else's token.
    pub fn with_token_of(mut self, other: &Self) -> Self {
        self.token.clone_from(&other.token);
        self.me.clone_from(&other.me);
        self
    }

    /// The server's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn id(&self) -> protocol::MemberId {
        self.me.as_ref().expect("signed in").id.clone()
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("origin", &self.base);
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    /// The code of the problem that a request is refused with.
    pub async fn refused<B: Serialize>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &B,
    ) -> String {
        let answer = self.request(method, path).json(body).send().await;
        let problem: serde_json::Value = answer.expect("answered").json().await.expect("a problem");
        problem["code"].as_str().expect("a code").to_owned()
    }

    pub async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> T {
        let answer = self
            .request(reqwest::Method::POST, path)
            .json(body)
            .send()
            .await
            .expect("answered");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "POST {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|it| panic!("POST {path}: {it} in {text}"))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self
            .request(reqwest::Method::GET, path)
            .send()
            .await
            .expect("answered");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|it| panic!("GET {path}: {it} in {text}"))
    }

    /// A stream key for a room.
    pub async fn make_stream_key(&self, room: &str) -> StreamKeyMade {
        let path = format!("/api/v1/rooms/{room}/stream-keys");
        self.post(&path, &serde_json::json!({ "label": "test" }))
            .await
    }

    /// Makes a room where guests may be.
    pub async fn make_room(&self, slug: &str) -> RoomCard {
        let body = NewRoom {
            title: slug.into(),
            guests: true,
            slug: Some(slug.into()),
        };
        self.post("/api/v1/rooms", &body).await
    }

    /// A connection that has said hello.
    pub async fn connect(&self, device: &str) -> Connection {
        self.connect_with(device, None).await
    }

    /// The same, of a client that has dictionary `z`.
    pub async fn connect_with(&self, device: &str, z: Option<u32>) -> Connection {
        let mut line = Connection::open(self.address, None)
            .await
            .expect("connects");
        line.hello_with(&self.token, device, z)
            .await
            .expect("welcome");
        line
    }
}

/// A library of Debian's, wherever its architecture puts it.
pub fn library(places: &[&str]) -> std::path::PathBuf {
    let found = places.iter().find_map(|it| {
        let (folder, rest) = it.split_once("*/").unwrap_or(("", it));
        if folder.is_empty() {
            return Path::new(rest).exists().then(|| rest.into());
        }
        let folders = std::fs::read_dir(folder).ok()?;
        folders
            .flatten()
            .map(|it| it.path().join(rest))
            .find(|it| it.exists())
    });
    found.unwrap_or_else(|| panic!("none of {places:?} is there: see scripts/test.sh"))
}

/// Every record of a room as a member reads it: seq → text, nothing where it is no message.
/// Holds that a room's history has no hole, and no message twice.
pub fn is_whole(history: &BTreeMap<Seq, Option<String>>) {
    let last = *history.keys().last().expect("something was said");
    assert_eq!(history.len() as u64, last, "the log has a hole");
    let texts: Vec<&String> = history.values().flatten().collect();
    let unique: std::collections::BTreeSet<&&String> = texts.iter().collect();
    assert_eq!(texts.len(), unique.len(), "a message is there twice");
}

pub async fn read_history(line: &mut Connection, a: RoomNumber) -> BTreeMap<Seq, Option<String>> {
    let mut history = BTreeMap::new();
    loop {
        let after = history.last_key_value().map_or(0, |(seq, _)| *seq);
        let request = line.request(|i| ClientFrame::History {
            i,
            a,
            before: None,
            after: Some(after),
            n: 200,
        });
        let Reply::Page(page) = request.await.expect("a page") else {
            panic!("a page")
        };
        for record in page.page {
            let text = match record.body {
                Body::Msg { text, .. } => Some(text),
                _ => None,
            };
            let twice = history.insert(record.s, text).is_some();
            assert!(!twice, "seq {} is there twice", record.s);
        }
        if page.end {
            return history;
        }
    }
}
