//! The program as an operator starts it, and what it is built from.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::support::{Person, Server};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weiquan"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

#[test]
fn s20_a_weak_secret_keeps_the_server_from_starting_and_is_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let secret = folder.path().join("secret");
    fs::write(&secret, [b'x'; 31]).expect("written");
    let config = folder.path().join("weiquan.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"off\"\ndata = \"{}\"\n[auth]\n\
         keys = [{{ id = \"site\", algorithm = \"HS256\", file = \"{}\", issuer = \"https://site\", audience = \"live\" }}]\n",
        folder.path().join("data").display(),
        secret.display()
    );
    fs::write(&config, text).expect("written");
    let output = run(&["serve", "--config", config.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(2), "it does not start");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("site") && words.contains("31 bytes"),
        "{words}"
    );
    assert!(
        !words.contains("xxxx"),
        "the secret itself is not shown: {words}"
    );
}

#[tokio::test]
async fn s59_nothing_of_the_operators_is_on_the_public_port() {
    let server = Server::start();
    server.set_up().await;
    let http = reqwest::Client::new();
    for path in [
        "/metrics",
        "/debug",
        "/debug/pprof",
        "/admin",
        "/api/v1/metrics",
        "/weiquan.db",
        "/data/weiquan.db",
        "/../weiquan.db",
        "/%2e%2e/weiquan.db",
        "/..%2fweiquan.db",
        "/.git/config",
        "/.env",
    ] {
        let answer = http.get(server.url(path)).send().await.expect("answered");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        assert!(!text.contains("weiquan_"), "{path} ({status}): {text}");
        assert!(!text.contains("SQLite format"), "{path}");
    }
    let metrics = http.get(format!("http://{}/metrics", server.admin));
    let text = metrics
        .send()
        .await
        .expect("answered")
        .text()
        .await
        .expect("text");
    assert!(text.contains("weiquan_"), "they are where the operator is");
    let names = Person::new(&server)
        .get::<serde_json::Value>("/api/v1/server")
        .await;
    let known: Vec<&String> = names.as_object().expect("fields").keys().collect();
    assert_eq!(
        known,
        ["circle", "mail", "set_up", "sign_up_open", "version"]
    );
}

#[test]
fn s68_no_crate_of_ours_may_be_unsafe() {
    let root = fs::read_to_string("Cargo.toml").expect("the workspace");
    assert!(root.contains("unsafe_code = \"forbid\""));
    let members = root.split_once("members = [").expect("members").1;
    let members = members.split_once(']').expect("an end").0;
    let mut held = 0;
    for member in members.split('"').skip(1).step_by(2) {
        let manifest = Path::new(member).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        let lints = text.split_once("[lints]\n").map(|it| it.1.trim_start());
        assert!(
            lints.is_some_and(|it| it.starts_with("workspace = true")),
            "{} has lints of its own",
            manifest.display()
        );
        held += 1;
    }
    assert!(held >= 16, "{held}");
}

#[test]
fn s69_every_parser_is_fuzzed_by_make_fuzz() {
    let script = fs::read_to_string("scripts/fuzz.sh").expect("the script");
    for (file, test) in FUZZED {
        let source = fs::read_to_string(file).unwrap_or_else(|_| panic!("{file}"));
        assert!(
            source.contains(&format!("fn {test}(")),
            "{file} has no {test}"
        );
        let names = script.split_once("named=(").expect("its list").1;
        let names = names.split_once(')').expect("an end").0;
        assert!(
            names.split_whitespace().any(|it| test.contains(it)),
            "make fuzz does not run {test}"
        );
    }
}

/// What reads bytes of strangers, and the test that mutates them from seeds.
const FUZZED: &[(&str, &str)] = &[
    ("src/ws/read_tests.rs", "nonsense_never_harms"),
    (
        "src/ws/upgrade_tests.rs",
        "no_mutated_head_breaks_the_upgrade",
    ),
    (
        "src/protocol/client_tests.rs",
        "no_text_makes_it_panic_and_what_is_wrong_is_named",
    ),
    (
        "src/export/unpack/tests.rs",
        "no_mutated_archive_breaks_its_reader_or_passes_for_another",
    ),
    (
        "src/auth/tokens_tests.rs",
        "no_mutated_token_is_taken_and_none_breaks_the_reader",
    ),
    (
        "src/rtc/sdp/tests.rs",
        "no_change_of_an_offer_makes_it_panic_or_answers_too_much",
    ),
    (
        "src/rtc/sdp/fragment.rs",
        "whatever_is_taken_can_be_answered",
    ),
    (
        "src/rtc/publish/tests/offers.rs",
        "changed_offers_are_taken_or_refused_but_never_break_it",
    ),
    (
        "src/rtc/publish/tests/port.rs",
        "no_datagram_breaks_the_port_or_opens_it",
    ),
    (
        "src/rtc/view/tests/path.rs",
        "no_datagram_ends_the_worker_or_another_viewer",
    ),
    (
        "src/rtc/view/hello.rs",
        "no_mutated_hello_breaks_the_guard_or_its_bounds",
    ),
    (
        "src/rtc/view/hello.rs",
        "no_number_and_no_order_of_fragments_changes_the_hello",
    ),
    (
        "src/media/rtp.rs",
        "no_bytes_make_it_panic_or_point_outside",
    ),
    (
        "src/media/red.rs",
        "no_bytes_make_it_panic_or_point_outside",
    ),
    (
        "src/media/tests.rs",
        "no_mutated_packet_breaks_a_track_or_what_is_read_from_it",
    ),
    ("src/media/feedback.rs", "no_bytes_make_it_panic"),
    (
        "src/media/extension.rs",
        "no_bytes_make_it_panic_and_what_is_written_is_found",
    ),
    (
        "src/media/leg/tests/described.rs",
        "no_bytes_of_a_descriptor_disturb_anybody",
    ),
    ("src/media/keyframe.rs", "no_payload_makes_it_panic"),
    (
        "src/tls/session/tests.rs",
        "no_mutated_bytes_end_more_than_their_session",
    ),
    (
        "tests/http_edge/fuzz.rs",
        "no_mutated_request_breaks_the_front",
    ),
];
