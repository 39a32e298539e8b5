//! Under a supervisor that speaks systemd's protocols, without systemd: a socket handed over, signs of
//! readiness and of life, the end announced.

mod support;

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use support::{SOON, free_ports};
use tempfile::TempDir;

/// The program as a shell of the test's own starts it: `environment` is set there, and what stands on
/// its standard input becomes descriptor 3, as systemd hands sockets over.
fn supervised(folder: &Path, environment: &str, given: Stdio) -> Command {
    let ports = free_ports(3);
    let shell = format!(
        "exec 3<&0 </dev/null; {environment} exec \"$0\" serve --data \"$1\" \
         --set server.admin=127.0.0.1:{} --set rtc.publish_port={} --set 'rtc.view_ports=[{}]'",
        ports[0], ports[1], ports[2]
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &shell, env!("CARGO_BIN_EXE_weiquan")])
        .arg(folder)
        .stdin(given)
        .stdout(Stdio::null());
    command
}

/// Ends with the test.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn is_served(address: std::net::SocketAddr) -> bool {
    let asked = reqwest::get(format!("http://{address}/healthz")).await;
    asked.is_ok_and(|it| it.status() == 200)
}

#[tokio::test]
async fn a_port_that_was_opened_before_is_served_and_waits_through_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("bound");
    for _ in 0..2 {
        // Whoever comes before the server does is not refused: the answer comes when it is there.
        let early = tokio::spawn(is_served(address));
        let given: OwnedFd = port.try_clone().expect("the same port").into();
        let mut server = Running(
            supervised(folder.path(), "LISTEN_PID=$$ LISTEN_FDS=1", given.into())
                .spawn()
                .expect("it starts"),
        );
        let served = tokio::time::timeout(SOON, early).await.expect("in time");
        assert!(served.expect("a task"));
        server.signal(Signal::TERM);
        let code = server.0.wait().expect("it ends").code();
        assert_eq!(code, Some(0));
    }
}

/// Huge pages are filled whole where one byte of each is used: nobody's idle server shall hold those.
#[tokio::test]
async fn memory_comes_in_small_pages() {
    let folder = TempDir::new().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("bound");
    let server = Running(
        supervised(
            folder.path(),
            "LISTEN_PID=$$ LISTEN_FDS=1",
            OwnedFd::from(port).into(),
        )
        .spawn()
        .expect("it starts"),
    );
    assert!(is_served(address).await);
    // proc_pid_status(5).
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id()));
    let status = status.expect("it runs");
    let huge = status.lines().find(|it| it.starts_with("THP_enabled:"));
    assert_eq!(huge, Some("THP_enabled:\t0"), "{status}");
}

#[test]
fn what_cannot_be_served_is_refused_with_words() {
    let folder = TempDir::new().expect("a folder");
    let run = |environment: &str, given: Stdio| -> Output {
        let mut command = supervised(folder.path(), environment, given);
        command.stderr(Stdio::piped()).output().expect("it ends")
    };
    let (one, other) = UnixDatagram::pair().expect("sockets");
    let given: OwnedFd = one.into();
    let wrong = run("LISTEN_PID=$$ LISTEN_FDS=1", given.into());
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(said.contains("LISTEN_FDS"), "{said}");
    let given: OwnedFd = other.into();
    let two = run("exec 4<&3; LISTEN_PID=$$ LISTEN_FDS=2", given.into());
    let said = String::from_utf8_lossy(&two.stderr);
    assert!(said.contains("2 sockets"), "{said}");
}

#[test]
fn it_says_when_it_is_ready_lives_and_ends() {
    let folder = TempDir::new().expect("a folder");
    let place = folder.path().join("notify");
    let heard = UnixDatagram::bind(&place).expect("a socket");
    heard.set_read_timeout(Some(SOON)).expect("set");
    let port = free_ports(1)[0];
    let environment = format!(
        "NOTIFY_SOCKET='{}' WATCHDOG_PID=$$ WATCHDOG_USEC=600000 \
         WEIQUAN__SERVER__LISTEN=127.0.0.1:{port}",
        place.display()
    );
    let mut server = Running(
        supervised(&folder.path().join("data"), &environment, Stdio::null())
            .spawn()
            .expect("it starts"),
    );
    let next = || {
        let mut text = [0; 256];
        let n = heard.recv(&mut text).expect("a word in time");
        String::from_utf8_lossy(&text[..n]).trim().to_owned()
    };
    assert_eq!(next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    server.signal(Signal::TERM);
    while next() != "STOPPING=1" {}
    assert_eq!(server.0.wait().expect("it ends").code(), Some(0));
    heard
        .set_read_timeout(Some(Duration::from_millis(1)))
        .expect("set");
    assert!(heard.recv(&mut [0; 8]).is_err(), "nothing after the end");
}

#[test]
fn the_unit_starts_the_program_with_what_it_knows() {
    let unit = include_str!("../config/weiquan.service");
    let setting = |name: &str| -> Vec<&str> {
        let found = unit.lines().filter_map(|it| it.strip_prefix(name));
        found.filter_map(|it| it.strip_prefix('=')).collect()
    };
    assert_eq!(setting("Type"), ["notify"]);
    let [start] = setting("ExecStart")[..] else {
        panic!("one ExecStart")
    };
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words[..2], ["/usr/bin/weiquan", "serve"]);
    assert!(words.contains(&"/etc/weiquan/weiquan.toml"), "{start}");
    let checked = Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .arg("check-config")
        .args(words[2..].iter().map(|it| match *it {
            "/etc/weiquan/weiquan.toml" => "config/weiquan.toml",
            other => other,
        }))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}
