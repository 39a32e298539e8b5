//! `impair` as a command: told by flags and by JSON lines, it answers each order and tells its counters.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::UdpSocket,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

struct Impair {
    child: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Impair {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
            .arg("impair")
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        Self {
            orders: child.stdin.take().expect("piped"),
            told: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.told.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?} is JSON"))
    }

    fn tell(&mut self, order: &str) -> Value {
        writeln!(self.orders, "{order}").expect("it reads");
        self.hear()
    }
}

#[test]
fn it_says_where_it_listens_obeys_and_counts() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let to = server.local_addr().expect("bound").to_string();
    let mut impair = Impair::start(&["--udp", "--to", &to, "--control", "--down", "loss=100%"]);
    let begun = impair.hear();
    let address = begun["listening"].as_str().expect("an address").to_owned();
    assert_eq!(
        (&begun["up"]["loss"], &begun["down"]["loss"]),
        (&"0".into(), &"1".into())
    );

    let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
    client.send_to(b"hello", &address).expect("sent");
    let mut buffer = [0; 16];
    let (n, line) = server.recv_from(&mut buffer).expect("heard");
    assert_eq!(&buffer[..n], b"hello");
    server.send_to(b"never heard", line).expect("sent");
    while impair.tell(r#"{"do":"counters"}"#)["counters"]["down"]["lost"] != 1 {}
    let done = impair.tell(r#"{"do":"set","down":{"loss":0}}"#);
    assert_eq!(done, serde_json::json!({ "done": "set", "lines": 1 }));
    server.send_to(b"heard", line).expect("sent");
    let n = client.recv(&mut buffer).expect("heard");
    assert_eq!(&buffer[..n], b"heard");

    assert!(impair.tell(r#"{"do":"reset"}"#)["error"].as_str().is_some());
    assert!(impair.tell("nonsense")["error"].as_str().is_some());
    let pid = Pid::from_raw(impair.child.id().try_into().expect("a pid"));
    kill(pid, Signal::SIGUSR1).expect("it runs");
    assert_eq!(impair.hear()["counters"]["up"]["passed"], 1);
    drop(impair.orders);
    let mut rest = String::new();
    impair.told.read_line(&mut rest).expect("the last line");
    let last: Value = serde_json::from_str(&rest).expect("JSON");
    assert_eq!(last["counters"]["down"]["came"], 2);
    assert!(impair.child.wait().expect("it ends").success());
}

#[test]
fn what_is_not_meant_is_refused_in_words() {
    let refused = |flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weiquan-loadtest"))
            .arg("impair")
            .args(["--to", "127.0.0.1:9"])
            .args(flags)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(refused(&["--udp", "--loss", "5 percent"]).contains("write 0.05 or 5%"));
    assert!(refused(&["--udp", "--delay", "40"]).contains("write 250us, 40ms or 1.5s"));
    assert!(refused(&["--tcp", "--duplicate", "1%"]).contains("never reordered or doubled"));
    assert!(refused(&["--udp", "--up", "speed=1"]).contains("unknown field `speed`"));
    assert!(refused(&[]).contains("--udp"));
}
