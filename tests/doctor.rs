//! `weiquan doctor` as an operator runs it: what it says of this machine, and by its exit code.

mod support;

use std::{fs, net::TcpListener, process::Command, time::Duration};

use serde_json::Value;
use support::{
    Server, free_ports,
    sink::{Papers, Sink, set},
};
use tempfile::TempDir;

/// The exit code, and the checks by name.
fn doctor(arguments: &[String]) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(["doctor", "--json"])
        .args(arguments)
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{output:?}"));
    let checks = report["checks"].as_array().expect("a list").clone();
    (output.status.code(), checks)
}

/// A configuration on these ports and in this folder.
fn settings(folder: &TempDir, ports: &[u16]) -> Vec<String> {
    let set = |pair: String| ["--set".to_owned(), pair];
    let mut all = vec!["--data".to_owned(), folder.path().display().to_string()];
    all.extend(set(format!("server.listen=127.0.0.1:{}", ports[0])));
    all.extend(set(format!("server.admin=127.0.0.1:{}", ports[1])));
    all.extend(set(format!("rtc.publish_port={}", ports[2])));
    all.extend(set(format!("rtc.view_ports=[{}]", ports[3])));
    all
}

fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    let found = checks.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {checks:?}"))
}

#[test]
fn what_hinders_a_start_is_a_failure_with_advice() {
    let folder = TempDir::new().expect("a folder");
    let ports = free_ports(4);
    let (code, checks) = doctor(&settings(&folder, &ports));
    assert_eq!(code, Some(0), "{checks:?}");
    assert!(checks.len() >= 12, "{checks:?}");
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "it leaves nothing");

    let _held = TcpListener::bind(("127.0.0.1", ports[0])).expect("free");
    let (code, checks) = doctor(&settings(&folder, &ports));
    assert_eq!(code, Some(1));
    let port = check(&checks, &format!("TCP {}", ports[0]));
    assert_eq!(port["outcome"], "fail");
    let advice = port["advice"].as_str().expect("advice");
    assert!(advice.contains("server.listen"), "{advice}");
}

#[tokio::test]
async fn a_running_server_is_left_alone_and_a_stopped_ones_database_is_read() {
    let mut server = Server::start();
    server.set_up().await;
    let mut arguments = vec!["--data".to_owned(), server.folder.display().to_string()];
    arguments.push(format!("--listen={}", server.address));
    arguments.push(format!("--set=server.admin={}", server.admin));
    let [publish, view] = server.media_ports()[..] else {
        panic!("two media ports")
    };
    arguments.push(format!("--set=rtc.publish_port={publish}"));
    arguments.push(format!("--set=rtc.view_ports=[{view}]"));
    let (code, checks) = doctor(&arguments);
    assert_eq!(code, Some(0), "{checks:?}");
    let port = check(&checks, &format!("TCP {}", server.address.port()));
    assert!(port["found"].as_str().expect("text").contains("running"));

    assert_eq!(server.stop(), 0);
    let (_, checks) = doctor(&arguments);
    let database = check(&checks, "database");
    assert_eq!(database["outcome"], "ok", "{database}");
    let file = server.folder.join("weiquan.db");
    let mut bytes = fs::read(&file).expect("a file");
    // The second page is the root of a table: its first byte says what kind of page it is.
    bytes[4_096] ^= 0xff;
    fs::write(&file, bytes).expect("written");
    let (code, checks) = doctor(&arguments);
    assert_eq!(code, Some(1));
    assert_eq!(check(&checks, "database")["outcome"], "fail");
}

#[test]
fn a_certificate_that_cannot_be_shown_is_told() {
    let folder = TempDir::new().expect("a folder");
    let ports = free_ports(4);
    let mut wanted = rcgen::CertificateParams::new(vec!["live.example".to_owned()]).expect("names");
    wanted.not_before = rcgen::date_time_ymd(2024, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2024, 4, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let paths = ["cert.pem", "key.pem"].map(|it| folder.path().join(it));
    let signed = wanted.self_signed(&key).expect("signed");
    fs::write(&paths[0], signed.pem()).expect("written");
    let mut arguments = settings(&folder, &ports);
    for (key, value) in [
        ("tls.mode", "files".to_owned()),
        ("tls.certificate", paths[0].display().to_string()),
        ("tls.key", paths[1].display().to_string()),
        ("server.public_url", "https://other.example".to_owned()),
    ] {
        arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    let (code, checks) = doctor(&arguments);
    assert_eq!(code, Some(1));
    let absent = check(&checks, "HTTPS")["found"].as_str().expect("text");
    assert!(absent.contains("key.pem"), "{absent}");

    fs::write(&paths[1], key.serialize_pem()).expect("written");
    let (code, checks) = doctor(&arguments);
    assert_eq!(code, Some(1));
    let ended = check(&checks, "HTTPS")["found"].as_str().expect("text");
    assert!(ended.contains("2024-04-01"), "{ended}");
    let foreign = check(&checks, "certificate")["found"]
        .as_str()
        .expect("text");
    assert!(foreign.contains("not for other.example"), "{foreign}");
}

#[test]
fn a_relay_that_firefox_leaves_out_is_told() {
    let folder = TempDir::new().expect("a folder");
    let ports = free_ports(4);
    let of = |urls: &str| {
        let mut arguments = settings(&folder, &ports);
        for pair in [
            format!("turn.urls={urls}"),
            "turn.secret_file=/etc/secret".into(),
        ] {
            arguments.extend(["--set".to_owned(), pair]);
        }
        let (code, checks) = doctor(&arguments);
        assert_eq!(code, Some(0), "it hinders no start: {checks:?}");
        check(&checks, "relay").clone()
    };
    let unnamed = of(r#"["turn:203.0.113.7", "turns:203.0.113.7:443"]"#);
    assert_eq!(unnamed["outcome"], "warn", "{unnamed}");
    let found = unnamed["found"].as_str().expect("text");
    assert!(found.starts_with("turns:203.0.113.7:443"), "{found}");
    for fit in [
        r#"["turn:203.0.113.7"]"#,
        r#"["turns:203.0.113.7:443", "turns:turn.example.org:443"]"#,
    ] {
        assert_eq!(of(fit)["outcome"], "ok", "{fit}");
    }
}

#[test]
fn the_mail_server_is_asked_whether_it_knows_us_and_gets_no_letter() {
    let folder = TempDir::new().expect("a folder");
    let papers = Papers::make("open sesame");
    let mut all = settings(&folder, &free_ports(4));
    let (_, checks) = doctor(&all);
    let off = check(&checks, "e-mail");
    assert_eq!(off["outcome"], "ok", "{off}");

    let sink = Sink::start(0, &["--user", "weiquan", "--password", "open sesame"]);
    for pair in [
        format!("mail.server=localhost:{}", sink.port),
        "mail.tls=off".to_owned(),
        "mail.from=live@circle.example".to_owned(),
        "mail.user=weiquan".to_owned(),
        set("mail.password_file", &papers.password),
    ] {
        all.extend(["--set".to_owned(), pair]);
    }
    let (code, checks) = doctor(&all);
    let known = check(&checks, "e-mail");
    assert_eq!(
        (code, &known["outcome"]),
        (Some(0), &"ok".into()),
        "{known}"
    );
    sink.stays_empty(Duration::ZERO);

    fs::write(&papers.password, "open barley\n").expect("written");
    let (code, checks) = doctor(&all);
    let refused = check(&checks, "e-mail");
    assert_eq!(code, Some(1), "{refused}");
    let found = refused["found"].as_str().expect("words");
    assert!(found.contains("535"), "{found}");
    drop(sink);
    let (_, checks) = doctor(&all);
    assert_eq!(check(&checks, "e-mail")["outcome"], "fail");
}
