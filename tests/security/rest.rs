//! Who may do what by HTTP: every address of the API by every role, each cell with its one status.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::{
    matrix::{self, ROLES},
    support::{Person, Server},
};

/// Method, address, body, and the status for somebody without any token, then for the roles of
/// [`ROLES`]. Where a body is not JSON its type stands before it.
const TABLE: &[(&str, &str, &str, [u16; 7])] = {
    const fn all(it: u16) -> [u16; 7] {
        [it; 7]
    }
    /// With any token.
    const fn known(it: u16) -> [u16; 7] {
        [401, it, it, it, it, it, it]
    }
    /// Host, moderator and owner.
    const fn run(it: u16) -> [u16; 7] {
        [401, 403, 403, it, it, it, 403]
    }
    const fn staff(it: u16) -> [u16; 7] {
        [401, 403, 403, 403, it, it, 403]
    }
    const fn owner(it: u16) -> [u16; 7] {
        [401, 403, 403, 403, 403, it, 403]
    }
    /// Members of the circle, banned from a room or not.
    const fn members(it: u16) -> [u16; 7] {
        [401, 403, it, it, it, it, it]
    }
    /// Whoever has an inbox: members, wherever they are banned.
    const fn inbox(it: u16) -> [u16; 7] {
        [401, 409, it, it, it, it, it]
    }
    /// All but the banned one.
    const fn welcome(it: u16) -> [u16; 7] {
        [it, it, it, it, it, it, 403]
    }
    &[
        ("GET", "/healthz", "", all(200)),
        ("GET", "/readyz", "", all(200)),
        ("GET", "/api/v1/openapi.json", "", all(200)),
        ("GET", "/api/v1/server", "", all(200)),
        ("GET", "/api/v1/check", "", all(200)),
        (
            "POST",
            "/api/v1/check/upload",
            "application/octet-stream x",
            all(200),
        ),
        (
            "POST",
            "/api/v1/set-up",
            r#"{"code":"x","name":"x","password":"correct horse battery","circle":"x"}"#,
            all(409),
        ),
        (
            "POST",
            "/api/v1/accounts",
            r#"{"name":"x","password":"x"}"#,
            all(422),
        ),
        (
            "POST",
            "/api/v1/sign-in",
            r#"{"name":"x","password":"x"}"#,
            all(401),
        ),
        (
            "POST",
            "/api/v1/sign-out",
            r#"{"everywhere":false}"#,
            known(204),
        ),
        ("POST", "/api/v1/token", "", all(401)),
        ("POST", "/api/v1/guests", r#"{"device":"short"}"#, all(400)),
        ("GET", "/api/v1/me", "", known(200)),
        ("GET", "/api/v1/me/export", "", inbox(200)),
        ("GET", "/api/v1/circle/export", "", owner(200)),
        // The password is asked anew.
        (
            "DELETE",
            "/api/v1/me",
            r#"{"password":"x","writings":"keep"}"#,
            [401, 409, 401, 401, 401, 401, 401],
        ),
        ("GET", "/api/v1/members", "", staff(200)),
        (
            "PUT",
            "/api/v1/members/$target/role",
            r#"{"role":"member"}"#,
            owner(200),
        ),
        (
            "PUT",
            "/api/v1/members/m_nobody/role",
            r#"{"role":"member"}"#,
            owner(404),
        ),
        // The password is asked anew, of who may.
        (
            "PUT",
            "/api/v1/circle/owner",
            r#"{"member":"m_nobody","password":"x"}"#,
            owner(401),
        ),
        ("GET", "/api/v1/rooms", "", all(200)),
        ("GET", "/api/v1/search?q=x", "", all(200)),
        ("GET", "/api/v1/search?q=x&room=hall", "", welcome(200)),
        (
            "GET",
            "/api/v1/search?q=x&room=inner",
            "",
            [403, 403, 200, 200, 200, 200, 200],
        ),
        (
            "POST",
            "/api/v1/rooms",
            r#"{"title":"x","guests":true,"slug":"hall"}"#,
            members(409),
        ),
        ("GET", "/api/v1/rooms/hall", "", all(200)),
        (
            "GET",
            "/api/v1/rooms/inner",
            "",
            [403, 403, 200, 200, 200, 200, 200],
        ),
        ("GET", "/api/v1/rooms/nowhere", "", all(404)),
        (
            "POST",
            "/api/v1/rooms/hall/broadcast",
            r#"{"act":"pause"}"#,
            run(409),
        ),
        ("GET", "/api/v1/rooms/hall/history", "", welcome(200)),
        (
            "GET",
            "/api/v1/rooms/inner/history",
            "",
            [403, 403, 200, 200, 200, 200, 200],
        ),
        ("GET", "/api/v1/rooms/hall/stream-keys", "", run(200)),
        (
            "POST",
            "/api/v1/rooms/hall/stream-keys",
            r#"{"label":"x"}"#,
            run(201),
        ),
        (
            "DELETE",
            "/api/v1/rooms/hall/stream-keys/k_none",
            "",
            run(404),
        ),
        ("GET", "/api/v1/rooms/hall/polls/9999", "", run(404)),
        // Guests have no inbox and no reminders.
        ("GET", "/api/v1/rooms/hall/reminder", "", inbox(200)),
        (
            "PUT",
            "/api/v1/rooms/hall/reminder",
            "",
            [401, 409, 409, 409, 409, 409, 403],
        ),
        ("DELETE", "/api/v1/rooms/hall/reminder", "", known(200)),
        ("GET", "/api/v1/rooms/hall/broadcast.ics", "", welcome(409)),
        (
            "GET",
            "/api/v1/rooms/hall/broadcasts/b_none/summary",
            "",
            welcome(404),
        ),
        (
            "GET",
            "/api/v1/rooms/hall/broadcasts/b_none/export",
            "",
            [401, 404, 404, 404, 404, 404, 403],
        ),
        // A guest shares pictures only.
        (
            "POST",
            "/api/v1/rooms/hall/blobs",
            "application/octet-stream x",
            [401, 403, 201, 201, 201, 201, 403],
        ),
        // Who starts topics uploads ahead; a file is none of what a text shows.
        (
            "POST",
            "/api/v1/topics/blobs",
            "application/octet-stream x",
            [401, 403, 422, 422, 422, 422, 422],
        ),
        ("GET", "/api/v1/blobs/x", "", all(404)),
        ("GET", "/api/v1/blobs/x/preview", "", all(404)),
        ("GET", "/api/v1/lately", "", all(200)),
        ("GET", "/api/v1/topics", "", all(200)),
        (
            "POST",
            "/api/v1/topics",
            r#"{"cid":"x","title":"x","text":"x","guests":true}"#,
            [401, 403, 400, 400, 400, 400, 400],
        ),
        // Nor shows what is not theirs, nor talks of a broadcast that is not there.
        (
            "POST",
            "/api/v1/topics",
            r#"{"cid":"00000000-0000-7000-8000-000000000008","title":"x","guests":true,
                "text":"![](/api/v1/blobs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"}"#,
            [401, 403, 404, 404, 404, 404, 404],
        ),
        (
            "POST",
            "/api/v1/topics",
            r#"{"cid":"00000000-0000-7000-8000-000000000009","title":"x","text":"x","guests":true,
                "at":{"room":"hall","id":"b_none","second":0}}"#,
            [401, 403, 404, 404, 404, 404, 403],
        ),
        // Nobody makes a topic of what they may not read.
        (
            "POST",
            "/api/v1/topics",
            r#"{"cid":"00000000-0000-7000-8000-000000000007","title":"x","text":"","guests":true,
                "from":{"room":"hall","seqs":[9999]}}"#,
            [401, 403, 404, 404, 404, 404, 403],
        ),
        ("GET", "/api/v1/topics/none", "", all(404)),
        // A room that is no topic.
        (
            "PUT",
            "/api/v1/topics/hall/reading",
            r#"{"seq":1}"#,
            known(404),
        ),
        (
            "PUT",
            "/api/v1/topics/hall/following",
            r#"{"following":"yes"}"#,
            known(404),
        ),
        ("GET", "/api/v1/rooms/hall/asked", "", run(200)),
        (
            "PUT",
            "/api/v1/topics/hall/into",
            r#"{"into":"other"}"#,
            known(404),
        ),
        ("DELETE", "/api/v1/topics/hall/into", "", known(404)),
        (
            "POST",
            "/api/v1/topics/hall/split",
            r#"{"cid":"x","seqs":[3],"title":"x"}"#,
            known(404),
        ),
        ("GET", "/api/v1/topics/none/export", "", known(404)),
        ("GET", "/api/v1/unread", "", known(200)),
        ("GET", "/api/v1/tags", "", all(200)),
        ("GET", "/api/v1/boards", "", all(200)),
        ("PUT", "/api/v1/boards/news", r#"{"title":"x"}"#, staff(200)),
        (
            "PUT",
            "/api/v1/boards/none/following",
            r#"{"following":true}"#,
            members(404),
        ),
        ("DELETE", "/api/v1/boards/none", "", staff(404)),
        ("GET", "/api/v1/boards/none/export", "", staff(404)),
        ("GET", "/api/v1/audit", "", staff(200)),
        ("GET", "/api/v1/penalties", "", known(200)),
        ("GET", "/api/v1/notices", "", inbox(200)),
        ("POST", "/api/v1/notices/seen", r#"{"upto":0}"#, inbox(200)),
        ("GET", "/api/v1/notices/settings", "", inbox(200)),
        (
            "PUT",
            "/api/v1/notices/settings",
            r#"{"kinds":[]}"#,
            known(400),
        ),
        ("GET", "/api/v1/missed", "", inbox(200)),
        (
            "POST",
            "/api/v1/missed/seen",
            r#"{"upto_ms":0}"#,
            inbox(204),
        ),
        ("GET", "/api/v1/mail", "", inbox(200)),
        (
            "PUT",
            "/api/v1/mail",
            r#"{"address":"a@example.org","lang":"en"}"#,
            inbox(409),
        ),
        ("DELETE", "/api/v1/mail", "", inbox(200)),
        ("POST", "/api/v1/mail/confirm", r#"{"link":"x"}"#, all(410)),
        (
            "POST",
            "/api/v1/password/forgotten",
            r#"{"name":"x","lang":"en"}"#,
            all(409),
        ),
        (
            "POST",
            "/api/v1/password",
            r#"{"link":"x","password":"correct horse battery"}"#,
            all(410),
        ),
        (
            "PUT",
            "/api/v1/password",
            r#"{"current":"x","password":"correct horse battery"}"#,
            [401, 409, 401, 401, 401, 401, 401],
        ),
        ("POST", "/mail/stop?of=x&seal=x", "", all(404)),
        ("GET", "/api/v1/push/key", "", all(200)),
        (
            "PUT",
            "/api/v1/push/subscription",
            r#"{"endpoint":"http://127.0.0.1/x","keys":{"p256dh":"x","auth":"x"},"lang":"en"}"#,
            [401, 409, 400, 400, 400, 400, 400],
        ),
        (
            "DELETE",
            "/api/v1/push/subscription",
            r#"{"endpoint":"https://push.example/x"}"#,
            known(204),
        ),
        // A token is no stream key.
        ("POST", "/whip", "application/sdp x", all(401)),
        (
            "POST",
            "/api/v1/rooms/hall/whip",
            "application/sdp $publish",
            run(201),
        ),
        (
            "POST",
            "/api/v1/rooms/hall/whep",
            "application/sdp $view",
            welcome(409),
        ),
        (
            "POST",
            "/api/v1/rooms/inner/whep",
            "application/sdp $view",
            [403, 403, 409, 409, 409, 409, 409],
        ),
        ("PATCH", "/whip/p0-1.x", "", known(404)),
        ("DELETE", "/whip/p0-1.x", "", known(404)),
        ("PATCH", "/api/v1/whep/v0-1.x", "", known(404)),
        ("DELETE", "/api/v1/whep/v0-1.x", "", known(404)),
        (
            "POST",
            "/api/v1/whep/v0-1.x/layer",
            r#"{"rid":"0"}"#,
            known(404),
        ),
        ("POST", "/api/v1/whep/v0-1.x/sse", "", known(404)),
        ("GET", "/api/v1/whep/v0-1.x/sse/1", "", known(404)),
        ("DELETE", "/api/v1/whep/v0-1.x/sse/1", "", known(404)),
    ]
};

const PUBLISH: &str = include_str!("../../src/rtc/publish/tests/offers/chromium.sdp");

/// `from` is where the person sits, as the proxy on this machine says.
async fn status(person: &Person, from: &str, row: (&str, &str, &str), target: &str) -> u16 {
    let (method, path, body) = row;
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = person
        .request(method, &path.replace("$target", target))
        .header("x-forwarded-for", from);
    if body.starts_with('{') {
        request = request
            .header("content-type", "application/json")
            .body(body.to_owned());
    } else if let Some((kind, body)) = body.split_once(' ') {
        let view = PUBLISH.replace("a=sendonly", "a=recvonly");
        let body = body.replace("$publish", PUBLISH).replace("$view", &view);
        request = request.header("content-type", kind).body(body);
    }
    request.send().await.expect("answered").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_every_address_by_every_role_has_its_one_status() {
    let server = Server::start();
    let cast = matrix::cast(&server).await;
    let nobody = Person::new(&server);
    let target = cast.target.id();
    let columns = std::iter::once(("nobody", &nobody)).chain(ROLES.into_iter().zip(&cast.by_role));
    let mut wrong = Vec::new();
    for (column, (role, person)) in columns.enumerate() {
        // Cookies are a way of their own, which the tests of identity have.
        let person = &Person::new(&server).with_token_of(person);
        let from = format!("203.0.113.{column}");
        for (method, path, body, expected) in TABLE {
            let got = status(person, &from, (method, path, body), target.as_str()).await;
            if got != expected[column] {
                wrong.push(format!(
                    "{method} {path} by {role}: {got}, not {}",
                    expected[column]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn s23_the_table_has_every_address_of_the_api() {
    let server = Server::start();
    let document: Value = Person::new(&server).get("/api/v1/openapi.json").await;
    let mut missing = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase();
            let held = TABLE
                .iter()
                .any(|it| it.0 == method && matches_pattern(it.1, path));
            if !held {
                missing.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "without a row: {missing:?}");
}

/// Whether an address is one of a pattern's.
fn matches_pattern(address: &str, pattern: &str) -> bool {
    let address = address.split('?').next().unwrap_or_default();
    let (mut address, mut pattern) = (address.split('/'), pattern.split('/'));
    loop {
        match (address.next(), pattern.next()) {
            (None, None) => return true,
            (Some(a), Some(p)) if a == p || p.starts_with('{') => {}
            _ => return false,
        }
    }
}
