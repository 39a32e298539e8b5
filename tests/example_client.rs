//! The client that was written from docs/PROTOCOL.md alone: it enters, prints, says, and survives.

mod support;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use protocol::server::Body;
use support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_from_the_page_alone_says_each_line_once_through_a_crash() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let python = std::env::var("WEIQUAN_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut child = Command::new(python)
        .args(["docs/examples/client.py", &server.url(""), "hall", "蟒蛇"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
    writeln!(input, "第一句").expect("it reads");
    let heard = output.next().expect("it prints").expect("text");
    assert_eq!(heard, "蟒蛇: 第一句");

    server.kill();
    writeln!(input, "第二句").expect("it reads");
    server.restart();
    let heard = output.next().expect("it prints").expect("text");
    assert_eq!(heard, "蟒蛇: 第二句");
    drop(input);
    assert!(child.wait().expect("it ends").success());
    assert!(output.next().is_none(), "nothing is printed twice");

    let mut line = owner.connect("reader").await;
    let records = line.join("hall", None).await.expect("joined").ev;
    let texts: Vec<_> = records
        .iter()
        .map(|it| match &it.body {
            Body::Msg { text, .. } => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["第一句", "第二句"]);
}
