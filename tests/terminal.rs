//! The terminal client against the whole server: as lines for pipes, and on a screen of its own.

mod support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use protocol::server::{Body, RecordFrame};
use support::{Person, SOON, Server};

/// Built by `cargo build --workspace`, beside the server.
fn program() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_weiquan")).with_file_name("weiquan-chat");
    assert!(
        program.exists(),
        "build it first: cargo build -p weiquan-terminal"
    );
    program
}

/// A running `weiquan-chat --lines`.
struct Chat {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Chat {
    fn start(server: &Server, more: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["hall", "--lines", "--server", &server.url("")])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (told, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The test may be over; the output must still be read.
                let _ = told.send(line);
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    fn say(&mut self, text: &str) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{text}").expect("it reads");
    }

    fn hears(&self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(SOON).expect("it is printed");
            if line.ends_with(text) {
                return;
            }
        }
    }

    /// Ends its input; its exit code, what else it printed, and its words about errors.
    fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        self.input = None;
        let mut words = String::new();
        let mut errors = self.child.stderr.take().expect("piped");
        errors.read_to_string(&mut words).expect("text");
        let code = self.child.wait().expect("it ends").code();
        (code, self.lines.iter().collect(), words)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn history(owner: &Person) -> Vec<RecordFrame> {
    let mut line = owner.connect("reader").await;
    line.join("hall", None).await.expect("joined").ev
}

fn texts(records: &[RecordFrame]) -> Vec<(&str, &str)> {
    let mut said = Vec::new();
    for record in records {
        if let Body::Msg { text, .. } = &record.body {
            said.push((record.u.name.as_str(), text.as_str()));
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_says_its_lines_and_prints_what_is_said() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    host.say(a, "大家晚上好\n第二行\u{1b}[2J")
        .await
        .expect("said");

    let mut chat = Chat::start(&server, &["--name", "管道"]);
    chat.hears("圈主: 大家晚上好 第二行[2J");
    chat.say("从管道来");
    chat.hears("管道: 从管道来");
    chat.say("最后一句");
    let (code, _, words) = chat.end();
    assert_eq!(code, Some(0), "{words}");
    let records = history(&owner).await;
    let said = texts(&records);
    assert_eq!(said[1..], [("管道", "从管道来"), ("管道", "最后一句")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_no_line_and_doubles_none() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut chat = Chat::start(&server, &["--name", "不倒翁"]);
    chat.say("之前");
    chat.hears("不倒翁: 之前");
    server.kill();
    chat.say("之间");
    server.restart();
    chat.hears("不倒翁: 之间");
    let (code, more, words) = chat.end();
    assert_eq!((code, more.len()), (Some(0), 0), "{more:?} {words}");
    let records = history(&owner).await;
    assert_eq!(texts(&records), [("不倒翁", "之前"), ("不倒翁", "之间")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_told_in_words_and_by_the_exit_code() {
    let server = Server::start();
    let owner = server.set_up().await;
    let path = server.folder.join("a-token");
    std::fs::write(&path, "not.a.token\n").expect("written");
    let wrong = Chat::start(&server, &["--token-file", &path.display().to_string()]);
    let (code, _, words) = wrong.end();
    assert_eq!(code, Some(1));
    assert!(words.contains("token"), "{words}");

    // A room that is not there.
    let (code, _, words) = Chat::start(&server, &[]).end();
    assert_eq!(code, Some(1));
    assert_eq!(words, "there is no such room\n");

    // A member by token, and a line that is too long.
    owner.make_room("hall").await;
    std::fs::write(&path, &owner.token).expect("written");
    let mut long = Chat::start(&server, &["--token-file", &path.display().to_string()]);
    long.say(&"长".repeat(4_001));
    long.say("短");
    long.hears("圈主: 短");
    let (code, _, words) = long.end();
    assert_eq!(code, Some(1));
    assert!(words.contains("1 of 2 lines were refused"), "{words}");
}

/// A terminal of its own, driven by keys.
struct Screen {
    socket: String,
    _folder: tempfile::TempDir,
}

impl Screen {
    fn start(command: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("tmux").display().to_string();
        let screen = Self {
            socket,
            _folder: folder,
        };
        screen.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "90",
            "-y",
            "20",
            command,
        ]);
        screen
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-S", &self.socket])
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen shows it.
    async fn shows(&self, text: &str) {
        let seen = async {
            // A terminal tells nobody that it changed.
            let mut again = tokio::time::interval(std::time::Duration::from_millis(50));
            loop {
                again.tick().await;
                if self.tmux(&["capture-pane", "-p"]).contains(text) {
                    return;
                }
            }
        };
        if tokio::time::timeout(SOON, seen).await.is_err() {
            panic!("no {text} in\n{}", self.tmux(&["capture-pane", "-p"]));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The program may have left already, and its session with it.
        let _ = Command::new("tmux")
            .args(["-S", &self.socket, "kill-server"])
            .output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_shows_the_room_and_takes_keys_through_a_crash_of_the_server() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    host.say(a, "今晚八点开始").await.expect("said");

    let program = program();
    let command = format!(
        "{} hall --server {} --name 终端",
        program.display(),
        server.url("")
    );
    let screen = Screen::start(&command);
    screen.shows("圈主: 今晚八点开始").await;
    screen.shows("终端 guest").await;
    screen.shows("online").await;
    screen.keys(&["-l", "好的，准时来"]);
    screen.keys(&["Up", "Tab"]);
    screen.shows("↳ 圈主: 今晚八点开始").await;
    screen.keys(&["Enter"]);
    screen.shows("终端: 好的，准时来").await;

    server.kill();
    screen.shows("reconnecting").await;
    screen.keys(&["-l", "断线时写的"]);
    screen.keys(&["Enter"]);
    server.restart();
    screen.shows("终端: 断线时写的").await;
    screen.tmux(&["resize-window", "-x", "40", "-y", "10"]);
    screen.shows("终端: 断线时写的").await;

    let records = history(&owner).await;
    let said = texts(&records);
    assert_eq!(
        said[1..],
        [("终端", "好的，准时来"), ("终端", "断线时写的")]
    );
    assert!(matches!(records[1].body, Body::Msg { re: Some(1), .. }));
}
