//! What every answer says to the browser, on every address there is.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Person, Server};

/// Every address of the public port: those of the API's own document, and the pages.
async fn addresses(server: &Server) -> Vec<(Method, String)> {
    let document: Value = Person::new(server).get("/api/v1/openapi.json").await;
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let path = path
            .replace("{room}", "hall")
            .replace("{id}", "k")
            .replace("{resource}", "x.y");
        for method in methods.as_object().expect("methods").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("one");
            all.push((method, path.clone()));
        }
        all.push((Method::OPTIONS, path.clone()));
        all.push((Method::PUT, path));
    }
    for page in [
        "/",
        "/r/hall",
        "/r/nowhere",
        "/r/hall/qr.svg",
        "/r/hall/cover.png",
        "/sign-in",
        "/index.html",
        "/none.js",
        "/%2e%2e/etc/passwd",
        "/ws",
        "/api/v1/none",
        "/?token=x",
    ] {
        all.push((Method::GET, page.to_owned()));
        all.push((Method::HEAD, page.to_owned()));
        all.push((Method::POST, page.to_owned()));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn s58_every_answer_on_every_address_has_the_headers() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let mut walked = 0;
    for (method, path) in addresses(&server).await {
        let asked = http.request(method.clone(), server.url(&path)).send().await;
        let answer = asked.expect("answered");
        let what = format!("{method} {path} ({})", answer.status());
        let says = |name: &str| {
            let values: Vec<&str> = answer
                .headers()
                .get_all(name)
                .iter()
                .filter_map(|it| it.to_str().ok())
                .collect();
            assert!(values.len() <= 1, "{what}: {name} twice");
            values.first().copied().unwrap_or_default().to_owned()
        };
        let policy = says("content-security-policy");
        let mut directives: Vec<&str> = policy.split(';').map(str::trim).collect();
        directives.sort_unstable();
        assert_eq!(
            directives,
            [
                "base-uri 'none'",
                "default-src 'self'",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "img-src 'self' data: blob:",
                "media-src 'self' blob:",
                "object-src 'none'",
            ],
            "{what}"
        );
        assert_eq!(says("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(says("x-frame-options"), "DENY", "{what}");
        assert_eq!(says("referrer-policy"), "same-origin", "{what}");
        assert_eq!(says("cross-origin-opener-policy"), "same-origin", "{what}");
        let for_others = path == "/r/hall/cover.png" && answer.status() == 200;
        let policy = if for_others {
            "cross-origin"
        } else {
            "same-origin"
        };
        assert_eq!(says("cross-origin-resource-policy"), policy, "{what}");
        let permissions = says("permissions-policy");
        for one in [
            "camera=(self)",
            "microphone=(self)",
            "geolocation=()",
            "payment=()",
        ] {
            assert!(permissions.contains(one), "{what}: {permissions}");
        }
        assert_eq!(says("server"), "", "{what}: nobody needs our version");
        assert_eq!(says("x-powered-by"), "", "{what}");
        walked += 1;
    }
    assert!(walked > 100, "{walked}");
}

#[tokio::test]
async fn s57_other_sites_pages_may_only_speak_to_what_takes_no_cookie() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let http = reqwest::Client::new();
    for (method, path) in addresses(&server).await {
        let asked = http
            .request(method.clone(), server.url(&path))
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST")
            .send()
            .await
            .expect("answered");
        let says = |name: &str| {
            let value = asked.headers().get(name);
            value.map_or("", |it| it.to_str().unwrap_or("?")).to_owned()
        };
        let what = format!("{method} {path} ({})", asked.status());
        assert_eq!(says("access-control-allow-credentials"), "", "{what}");
        let is_media = path.contains("/whip") || path.contains("/whep");
        let allowed = if is_media { "*" } else { "" };
        assert_eq!(says("access-control-allow-origin"), allowed, "{what}");
    }
}

#[tokio::test]
async fn s56_a_page_of_another_site_changes_nothing_and_a_get_never_does() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    // With the owner's cookie in the jar and no Bearer, as a browser would.
    let post = |path: &str| owner.http.post(format!("{}{path}", owner.base()));
    let signed_in = post("/api/v1/sign-in")
        .header("origin", owner.base())
        .json(&serde_json::json!({"name": "圈主", "password": crate::support::PASSWORD}));
    assert_eq!(signed_in.send().await.expect("answered").status(), 200);
    let wish = serde_json::json!({"title": "evil", "guests": true, "slug": "evil"});
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("x-nothing", "no word on where it comes from"),
    ] {
        let asked = post("/api/v1/rooms").header(name, value).json(&wish);
        let answer = asked.send().await.expect("answered");
        assert_eq!(answer.status(), 403, "{name}: {value}");
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!(problem["code"], "origin_foreign");
    }
    // A form of another site can post text, and that is no JSON.
    let form = post("/api/v1/rooms")
        .header("origin", owner.base())
        .header("content-type", "text/plain")
        .body(wish.to_string());
    assert_eq!(form.send().await.expect("answered").status(), 415);

    let before: Value = owner.get("/api/v1/rooms").await;
    let members: Value = owner.get("/api/v1/members").await;
    for (method, path) in addresses(&server).await {
        if method == Method::GET || method == Method::HEAD || method == Method::OPTIONS {
            let asked = owner
                .http
                .request(method, format!("{}{path}", owner.base()));
            asked.send().await.expect("answered");
        }
    }
    assert_eq!(before, owner.get::<Value>("/api/v1/rooms").await);
    assert_eq!(members, owner.get::<Value>("/api/v1/members").await);
    let keys: Value = owner.get("/api/v1/rooms/hall/stream-keys").await;
    assert_eq!(keys["keys"], serde_json::json!([]));
    let me: Value = owner.get("/api/v1/me").await;
    assert_eq!(me["mark"], "owner", "still signed in");
}
