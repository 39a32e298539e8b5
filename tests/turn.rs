//! A relay is the operator's: what lets people in there comes with their welcome (PROTOCOL H8).

mod support;

use std::process::{Command, Stdio};

use protocol::server::Welcome;
use support::{Person, Server};
use weiquan_client::Connection;

fn settings(secret_file: &std::path::Path) -> [String; 3] {
    [
        "turn.urls=[\"turn:turn.example.org\", \"turns:turn.example.org:443\"]".to_owned(),
        format!("turn.secret_file={}", secret_file.display()),
        "turn.minutes=60".to_owned(),
    ]
}

async fn welcomed(server: &Server, person: &Person) -> Welcome {
    let mut line = Connection::open(server.address, None)
        .await
        .expect("a socket");
    line.hello(&person.token, "device").await.expect("welcome")
}

#[tokio::test(flavor = "multi_thread")]
async fn h8_what_lets_in_at_the_relay_comes_with_the_welcome() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret that two programs share\n").expect("written");
    let settings = settings(&secret);
    let more: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = Server::start_with(&more);
    let host = server.set_up().await;
    let turn = welcomed(&server, &host).await.turn.expect("a relay");
    assert_eq!(
        turn.urls,
        ["turn:turn.example.org", "turns:turn.example.org:443"]
    );
    let (expiry, who) = turn.username.split_once(':').expect("expiry:who");
    assert_eq!(who, host.id().as_str());
    let left = expiry.parse::<u64>().expect("seconds") - clock::unix_ms() / 1_000;
    assert!((3_500..=3_600).contains(&left), "{left} s");
    let relays = auth::relays::Relays::new(
        Vec::new(),
        b"a secret that two programs share",
        std::time::Duration::from_secs(3_600),
    );
    let seconds = expiry.parse::<u64>().expect("seconds") - 3_600;
    let proof = relays.pass(who, seconds * 1_000).credential;
    assert_eq!(turn.credential, proof);
}

#[tokio::test(flavor = "multi_thread")]
async fn h8_without_a_relay_nothing_is_said_of_one() {
    let server = Server::start();
    let host = server.set_up().await;
    assert_eq!(welcomed(&server, &host).await.turn, None);
}

/// Whoever starts the server hears which file it is, and what to write into it.
#[test]
fn a_secret_that_is_none_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    let said = |secret: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weiquan"));
        command.arg("serve").arg("--data").arg(folder.path());
        let own = ["server.listen=127.0.0.1:0", "server.admin=off"];
        let ports = ["rtc.publish_port=0", "rtc.view_ports=[0]"];
        let own = own.iter().chain(&ports).map(|it| (*it).to_owned());
        for set in own.chain(settings(secret)) {
            command.arg("--set").arg(set);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("it runs and ends");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(said(&secret).contains("it cannot be read"));
    std::fs::write(&secret, "short\n").expect("written");
    let error = said(&secret);
    assert!(error.contains("turn.secret_file"), "{error}");
    assert!(error.contains("openssl rand -hex 32"), "{error}");
    assert!(!error.contains("short"), "{error}");
}
