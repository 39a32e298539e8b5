//! Bodies that are too big, of another kind, broken or slow.

use serde_json::json;

use crate::rig::{Rig, blocking};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_held_by_type_size_and_shape() {
    let rig = Rig::start().await;
    let post = async |kind: &str, body: &str| {
        rig.ask("POST", "/api/v1/sign-in")
            .body(kind, body)
            .send()
            .await
    };
    let good = json!({"name": "a", "password": "b"}).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let said = post(kind, &good).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (415, "media_type_wrong"),
            "{kind}"
        );
    }
    post("application/json; charset=utf-8", &good)
        .await
        .refused(401, "sign_in_failed");
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"name\":1}",
        "{\"name\":\"a\"}",
        "\u{fffd}",
    ] {
        let said = post("application/json", body).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (400, "malformed"),
            "{body}"
        );
    }
    let deep = "[".repeat(10_000);
    post("application/json", &deep)
        .await
        .refused(400, "malformed");
    let big = json!({"name": "a".repeat(70_000), "password": "b"}).to_string();
    post("application/json", &big)
        .await
        .refused(413, "too_large");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_cut_at_the_limit() {
    let rig = Rig::start().await;
    let mut wire = rig.wire();
    let status = blocking(move || {
        wire.say(
            "POST /api/v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        );
        let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
        for _ in 0..5 {
            wire.say(&chunk);
        }
        wire.hear().0
    })
    .await;
    assert_eq!(status, 413);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_methods_that_are_not_there_are_problems() {
    let rig = Rig::start().await;
    for path in [
        "/api/v1/nothing",
        "/api/v2/rooms",
        "/api",
        "/api/",
        "/metrics",
        "/debug/pprof",
    ] {
        let said = rig.get(path).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (404, "not_found"),
            "{path}"
        );
    }
    for (method, path) in [
        ("PUT", "/api/v1/rooms"),
        ("GET", "/api/v1/sign-in"),
        ("DELETE", "/api/v1/rooms"),
        ("POST", "/healthz"),
        ("POST", "/r/friday"),
        ("PATCH", "/whip"),
    ] {
        let said = rig.ask(method, path).send().await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (405, "unknown_op"),
            "{method} {path}"
        );
    }
    rig.end().await;
}
