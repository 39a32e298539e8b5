//! JSON as nobody would write it.

use protocol::{Code, server::Outcome};
use tokio::time::timeout;
use weiquan_client::Incoming;

use crate::support::{SOON, Server};

#[tokio::test]
async fn s10_json_as_nobody_writes_it_is_refused_and_the_connection_stays() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let cid = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    let deep = |open: &str, close: &str| {
        format!(
            r#"{{"op":"pub","i":9,"a":{a},"cid":"{cid}","text":"x","x":{}1{}}}"#,
            open.repeat(10_000),
            close.repeat(10_000)
        )
    };
    let cases = [
        ("nested arrays", deep("[", "]")),
        ("nested objects", deep(r#"{"x":"#, "}")),
        (
            "a key twice",
            format!(r#"{{"op":"pub","i":9,"a":{a},"cid":"{cid}","text":"one","text":"two"}}"#),
        ),
        (
            "an op twice",
            format!(r#"{{"op":"ping","op":"pub","i":9,"a":{a},"cid":"{cid}","text":"x"}}"#),
        ),
        ("1e400", r#"{"op":"leave","i":9,"a":1e400}"#.to_owned()),
        ("-1", r#"{"op":"leave","i":9,"a":-1}"#.to_owned()),
        ("1.5", r#"{"op":"leave","i":9,"a":1.5}"#.to_owned()),
        (
            "2^64",
            r#"{"op":"leave","i":9,"a":18446744073709551616}"#.to_owned(),
        ),
        (
            "a lone high surrogate",
            format!(r#"{{"op":"pub","i":9,"a":{a},"cid":"{cid}","text":"\ud800"}}"#),
        ),
        (
            "a lone low surrogate",
            format!(r#"{{"op":"pub","i":9,"a":{a},"cid":"{cid}","text":"\udc00x"}}"#),
        ),
        ("a NaN", r#"{"op":"leave","i":9,"a":NaN}"#.to_owned()),
        (
            "words after it",
            format!(r#"{{"op":"leave","i":9,"a":{a}}} {{}}"#),
        ),
        ("nothing", String::new()),
        ("null", "null".to_owned()),
        ("an array in an array", "[[]]".to_owned()),
    ];
    for (what, text) in cases {
        line.send_text(text).await.expect("sent");
        let answer = timeout(SOON, async {
            loop {
                if let Incoming::Answer(answer) = line.next().await.expect("stays") {
                    return answer.outcome;
                }
            }
        });
        match answer.await.expect("in time") {
            Outcome::Err(refusal) => assert_eq!(refusal.code, Code::Malformed, "{what}"),
            Outcome::Ok(reply) => panic!("{what}: {reply:?}"),
        }
    }
    let ack = line.say(a, "还在").await.expect("the connection stays");
    assert_eq!(ack.s, 1, "none of it was kept");
}

#[tokio::test]
async fn s10_the_same_holds_for_bodies_of_the_api() {
    let server = Server::start();
    let owner = server.set_up().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        deep,
        r#"{"title":"a","title":"b","guests":true}"#.to_owned(),
        r#"{"title":"\ud800","guests":true}"#.to_owned(),
        r#"{"title":1e400,"guests":true}"#.to_owned(),
        r#"{"title":"a","guests":true} x"#.to_owned(),
        String::new(),
    ] {
        let request = owner.request(reqwest::Method::POST, "/api/v1/rooms");
        let answer = request
            .header("content-type", "application/json")
            .body(body.clone())
            .send()
            .await
            .expect("answered");
        let shown = &body[..body.len().min(60)];
        assert_eq!(answer.status(), 400, "{shown}");
        let problem: serde_json::Value = answer.json().await.expect("a problem");
        assert_eq!(problem["code"], "malformed", "{shown}");
    }
}
