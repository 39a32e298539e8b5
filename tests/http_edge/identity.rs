//! Becoming somebody, staying it, and not being somebody else.

use serde_json::{Value, json};
use weiquan::http::seam::Revoked;

use crate::rig::{CODE, PASSWORD, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_link_makes_the_owner_once() {
    let rig = Rig::start().await;
    let server = rig.get("/api/v1/server").await.expect(200).json();
    assert_eq!(
        (&server["set_up"], &server["sign_up_open"]),
        (&json!(false), &json!(false))
    );
    rig.post(
        "/api/v1/accounts",
        json!({"name": "Early", "password": PASSWORD}),
    )
    .await
    .refused(403, "sign_up_closed");

    let wrong = json!({"code": "guess", "name": "Owner", "password": PASSWORD, "circle": "C"});
    rig.post("/api/v1/set-up", wrong)
        .await
        .refused(403, "not_permitted");
    let made = rig.set_up().await;
    assert_eq!(made.json()["me"]["mark"], "owner");

    let again = json!({"code": CODE, "name": "Thief", "password": PASSWORD, "circle": "C"});
    rig.post("/api/v1/set-up", again)
        .await
        .refused(409, "set_up_done");
    let server = rig.get("/api/v1/server").await.json();
    assert_eq!(
        (&server["set_up"], &server["circle"]),
        (&json!(true), &json!("圈子"))
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_signs_in_by_cookie_and_gets_tokens_from_it() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let made = rig.sign_up("Mei").await;
    let cookie = made.header("set-cookie").to_owned();
    for part in [
        "HttpOnly",
        "SameSite=Strict",
        "Path=/api/v1",
        "Max-Age=15552000",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "plain HTTP would lose it: {cookie}"
    );

    let signed = rig
        .post(
            "/api/v1/sign-in",
            json!({"name": " ＭＥＩ ", "password": PASSWORD}),
        )
        .await
        .expect(200);
    assert_eq!(
        signed.json()["me"]["name"],
        "Mei",
        "one name however it is typed"
    );
    let cookie = signed.cookie();
    let own = format!("http://{}", rig.address);
    let fresh = rig
        .ask("POST", "/api/v1/token")
        .header("cookie", &cookie)
        .header("origin", &own)
        .send()
        .await
        .expect(200);
    let me = rig
        .ask("GET", "/api/v1/me")
        .bearer(&fresh.token())
        .send()
        .await
        .expect(200);
    assert_eq!(me.json()["mark"], "member");
    assert_eq!(me.header("cache-control"), "no-store");

    rig.post(
        "/api/v1/accounts",
        json!({"name": "mei", "password": PASSWORD}),
    )
    .await
    .refused(409, "name_taken");
    rig.post(
        "/api/v1/accounts",
        json!({"name": "Host\u{202e}", "password": PASSWORD}),
    )
    .await
    .refused(422, "name_unfit");
    rig.post(
        "/api/v1/accounts",
        json!({"name": "Long", "password": "short"}),
    )
    .await
    .refused(422, "password_weak");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_cookie_is_secure() {
    let rig = Rig::start_with(|it| it.origin = "https://live.example".into()).await;
    let made = rig.set_up().await;
    assert!(made.header("set-cookie").contains("; Secure"));
    assert!(
        made.header("strict-transport-security")
            .starts_with("max-age=")
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_and_a_wrong_password_are_told_alike_and_ten_times_only() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let try_in = async |name: &str, password: &str| {
        rig.post(
            "/api/v1/sign-in",
            json!({"name": name, "password": password}),
        )
        .await
    };
    let unknown = try_in("Nobody", PASSWORD)
        .await
        .refused(401, "sign_in_failed");
    let wrong = try_in("Owner", "wrong horse")
        .await
        .refused(401, "sign_in_failed");
    assert_eq!(unknown.text, wrong.text);
    assert_eq!(wrong.header("www-authenticate"), "Bearer");

    // Those that succeed do not count.
    for _ in 0..12 {
        try_in("Owner", PASSWORD).await.expect(200);
    }
    // A slow machine earns one more try each six seconds, hence no exact count.
    let mut told = 1;
    let slow = loop {
        let said = try_in("Owner", "wrong horse").await;
        if said.status == 429 {
            break said.refused(429, "too_many_tries");
        }
        said.refused(401, "sign_in_failed");
        told += 1;
        assert!(told < 40, "it is not throttled");
    };
    assert!(told >= 10, "{told}");
    try_in("Owner", PASSWORD)
        .await
        .refused(429, "too_many_tries");
    let wait: u64 = slow.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(slow.json()["act"], "retry");
    try_in("Other", "wrong horse")
        .await
        .refused(401, "sign_in_failed");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_changes_nothing_by_our_cookie() {
    let rig = Rig::start().await;
    let cookie = rig.set_up().await.cookie();
    let own = format!("http://{}", rig.address);
    let port = rig.address.port();
    let by_cookie = async |headers: &[(&'static str, &str)]| {
        let mut ask = rig.ask("POST", "/api/v1/rooms").header("cookie", &cookie);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.json(json!({"title": "Night", "guests": true}))
            .send()
            .await
    };
    let suffixed = format!("http://evil-127.0.0.1:{port}");
    let subdomain = format!("http://127.0.0.1.evil.example:{port}");
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &suffixed)],
        &[("origin", &subdomain)],
        &[("origin", "http://127.0.0.1:1")],
        // A site whose pages may open /ws may still not act by our people's cookies.
        &[("origin", "https://friend.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
    ] {
        let said = by_cookie(headers).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (403, "origin_foreign"),
            "{headers:?}"
        );
    }
    assert!(
        rig.get("/api/v1/rooms").await.json()["rooms"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    by_cookie(&[("origin", &own)]).await.expect(201);
    by_cookie(&[("sec-fetch-site", "same-origin"), ("origin", &own)])
        .await
        .expect(201);

    // Nor may such a page sign somebody in, or sign the owner out everywhere.
    rig.ask("POST", "/api/v1/sign-in")
        .header("origin", "https://evil.example")
        .json(json!({"name": "Owner", "password": PASSWORD}))
        .send()
        .await
        .refused(403, "origin_foreign");
    rig.ask("POST", "/api/v1/sign-out")
        .header("origin", "https://evil.example")
        .header("cookie", &cookie)
        .json(json!({"everywhere": true}))
        .send()
        .await
        .refused(403, "origin_foreign");
    // Reading changes nothing; a Bearer is put there on purpose.
    rig.ask("GET", "/api/v1/me")
        .header("cookie", &cookie)
        .send()
        .await
        .expect(200);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_who_knows_it_and_everybody_else_is_out() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let phone = rig.sign_up("Mei").await;
    let change = async |token: &str, current: &str, password: &str| {
        rig.ask("PUT", "/api/v1/password")
            .bearer(token)
            .json(json!({"current": current, "password": password}))
            .send()
            .await
    };
    let new = "another battery staple";
    change(&phone.token(), "a guess", new)
        .await
        .refused(401, "sign_in_failed");
    change(&phone.token(), PASSWORD, "short")
        .await
        .refused(422, "password_weak");
    let guest = rig
        .post(
            "/api/v1/guests",
            json!({"device": "d".repeat(32), "name": null}),
        )
        .await
        .expect(200);
    change(&guest.token(), PASSWORD, new)
        .await
        .refused(409, "not_a_member");
    assert!(rig.stage.revoked.lock().unwrap().is_empty());

    let desk = change(&phone.token(), PASSWORD, new).await.expect(200);
    rig.ask("GET", "/api/v1/me")
        .bearer(&phone.token())
        .send()
        .await
        .refused(401, "token_revoked");
    rig.ask("GET", "/api/v1/me")
        .bearer(&desk.token())
        .send()
        .await
        .expect(200);
    assert_eq!(rig.stage.revoked.lock().unwrap().len(), 1);
    let sign_in = async |password: &str| {
        let wish = json!({"name": "Mei", "password": password});
        rig.post("/api/v1/sign-in", wish).await
    };
    sign_in(PASSWORD).await.refused(401, "sign_in_failed");
    sign_in(new).await.expect(200);
    // Guessing here is bounded as it is at the door.
    let mut tries = 0;
    while change(&desk.token(), "a guess", PASSWORD).await.status != 429 {
        tries += 1;
        assert!(tries <= protocol::limits::SIGN_IN_TRIES_MAX, "for ever");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_this_browser_or_everything_at_once() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let phone = rig.sign_up("Mei").await;
    let desk = rig
        .post(
            "/api/v1/sign-in",
            json!({"name": "Mei", "password": PASSWORD}),
        )
        .await
        .expect(200);
    let own = format!("http://{}", rig.address);
    let act = async |path: &'static str, cookie: &str, body: Value| {
        rig.ask("POST", path)
            .header("cookie", cookie)
            .header("origin", &own)
            .json(body)
            .send()
            .await
    };
    let out = act(
        "/api/v1/sign-out",
        &phone.cookie(),
        json!({"everywhere": false}),
    )
    .await;
    assert!(out.expect(204).header("set-cookie").contains("Max-Age=0"));
    act("/api/v1/token", &phone.cookie(), json!({}))
        .await
        .refused(401, "token_missing");
    act("/api/v1/token", &desk.cookie(), json!({}))
        .await
        .expect(200);
    rig.ask("GET", "/api/v1/me")
        .bearer(&phone.token())
        .send()
        .await
        .expect(200);
    assert!(rig.stage.revoked.lock().unwrap().is_empty());

    act(
        "/api/v1/sign-out",
        &desk.cookie(),
        json!({"everywhere": true}),
    )
    .await
    .expect(204);
    for token in [phone.token(), desk.token()] {
        rig.ask("GET", "/api/v1/me")
            .bearer(&token)
            .send()
            .await
            .refused(401, "token_revoked");
    }
    act("/api/v1/token", &desk.cookie(), json!({}))
        .await
        .refused(401, "token_missing");
    let me = desk.json()["me"]["id"].as_str().unwrap().into();
    assert_eq!(*rig.stage.revoked.lock().unwrap(), [Revoked::Member(me)]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_are_told_and_let_nobody_in() {
    let rig = Rig::start().await;
    let good = rig.set_up().await.token();
    let claims = good.split('.').nth(1).unwrap();
    // {"alg":"none","typ":"JWT","kid":"weiquan"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoid2VpcXVhbiJ9.{claims}.");
    let wrong_end = format!("{}AAAA", &good[..good.len() - 4]);
    for token in [none.as_str(), &wrong_end, "x", "", "wqk_not_here", "a.b.c"] {
        let said = rig.ask("GET", "/api/v1/me").bearer(token).send().await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (401, "token_invalid"),
            "{token}"
        );
        assert_eq!(said.header("www-authenticate"), "Bearer");
    }
    rig.ask("GET", "/api/v1/me")
        .header("authorization", "Basic b3duZXI6eA==")
        .send()
        .await
        .refused(401, "token_invalid");
    rig.ask("GET", "/api/v1/me")
        .bearer(&good)
        .bearer(&none)
        .send()
        .await
        .refused(401, "token_invalid");
    rig.get("/api/v1/me").await.refused(401, "token_missing");

    let grant = auth::Grant {
        id: &"m_gone".into(),
        name: "Gone",
        role: auth::Role::Owner,
        epoch: Some(0),
        lifetime: auth::tokens::LIFETIME,
    };
    let gone = rig.tokens.mint(&grant, clock::unix_ms()).token;
    rig.ask("GET", "/api/v1/me")
        .bearer(&gone)
        .send()
        .await
        .refused(401, "token_revoked");
    let past = rig.tokens.mint(&grant, clock::unix_ms() - 700_000).token;
    rig.ask("GET", "/api/v1/me")
        .bearer(&past)
        .send()
        .await
        .refused(401, "token_expired");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_address_is_refused_on_any_path() {
    let rig = Rig::start().await;
    for path in [
        "/?token=x",
        "/r/friday?a=1&access_token=x",
        "/api/v1/rooms?jwt=x",
        "/api/v1/rooms?%74oken=x",
        "/api/v1/rooms?TOKEN=x",
        "/whip?token=x",
        "/healthz?access_token=x",
        "/ws?token=x",
        "/nowhere?token=",
    ] {
        let said = rig.get(path).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (400, "malformed"),
            "{path}"
        );
        assert!(!said.text.contains("=x"), "the token is not repeated");
    }
    rig.get("/api/v1/rooms?tokens=1&mytoken=2")
        .await
        .expect(200);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_the_same_person_on_the_same_device() {
    let rig = Rig::start().await;
    let device = "d".repeat(32);
    let wish = json!({"device": device, "name": "  小明 "});
    rig.post("/api/v1/guests", wish.clone())
        .await
        .refused(403, "guests_not_allowed");
    rig.set_up().await;
    let first = rig.post("/api/v1/guests", wish).await.expect(200).json();
    assert_eq!(
        (&first["me"]["name"], &first["me"]["mark"]),
        (&json!("小明"), &json!("guest"))
    );
    assert!(first["me"]["id"].as_str().unwrap().starts_with("g_"));
    let again = rig
        .post("/api/v1/guests", json!({"device": device}))
        .await
        .expect(200)
        .json();
    assert_eq!(again["me"], first["me"]);
    let other = rig
        .post("/api/v1/guests", json!({"device": "e".repeat(32)}))
        .await
        .expect(200)
        .json();
    assert_ne!(other["me"]["id"], first["me"]["id"]);
    rig.post("/api/v1/guests", json!({"device": "short"}))
        .await
        .refused(400, "malformed");
    rig.post(
        "/api/v1/guests",
        json!({"device": device, "name": "a\u{200b}b"}),
    )
    .await
    .refused(422, "name_unfit");
    let token = again["token"].as_str().unwrap();
    let me = rig
        .ask("GET", "/api/v1/me")
        .bearer(token)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(me, first["me"]);
    rig.ask("POST", "/api/v1/sign-out")
        .bearer(token)
        .json(json!({"everywhere": true}))
        .send()
        .await
        .refused(403, "not_permitted");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asked_for_gives_nobody_a_role() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let wish = json!({
        "name": "Sly", "password": PASSWORD, "role": "owner", "mark": "owner", "id": "m_1",
        "token_epoch": 99, "circle": 7,
    });
    let made = rig.post("/api/v1/accounts", wish).await.expect(201).json();
    assert_eq!(made["me"]["mark"], "member");
    assert_ne!(made["me"]["id"], "m_1");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_can_be_closed_and_is_throttled() {
    let rig = Rig::start_with(|it| it.sign_up = false).await;
    rig.set_up().await;
    assert_eq!(
        rig.get("/api/v1/server").await.json()["sign_up_open"],
        false
    );
    let wish = json!({"name": "Mei", "password": PASSWORD});
    rig.post("/api/v1/accounts", wish)
        .await
        .refused(403, "sign_up_closed");
    rig.end().await;

    let rig = Rig::start().await;
    rig.set_up().await;
    // Weak passwords are told before anything is hashed, and count all the same.
    for _ in 1..20 {
        let weak = json!({"name": "Mei", "password": "x"});
        rig.post("/api/v1/accounts", weak)
            .await
            .refused(422, "password_weak");
    }
    let wish = json!({"name": "Mei", "password": PASSWORD});
    let slow = rig
        .post("/api/v1/accounts", wish)
        .await
        .refused(429, "too_many_tries");
    assert!(slow.header("retry-after").parse::<u64>().unwrap() >= 1);
    rig.end().await;
}
