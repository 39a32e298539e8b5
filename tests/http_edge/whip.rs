//! The rules of WHIP (RFC 9725) and WHEP, as a table.

use std::sync::atomic::Ordering;

use serde_json::json;
use weiquan::http::seam::{Credential, IceSession};

use crate::rig::{OFFER, Rig, Said};

struct Show {
    rig: Rig,
    owner: String,
    key: String,
    key_id: String,
}

async fn show() -> Show {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    rig.room(&owner, "friday", true).await;
    rig.room(&owner, "inner", false).await;
    let (key_id, key) = rig.stream_key(&owner, "friday").await;
    Show {
        rig,
        owner,
        key,
        key_id,
    }
}

const WHEP: &str = "/api/v1/rooms/friday/whep";

fn is_open_to_all(said: &Said) {
    assert_eq!(said.header("access-control-allow-origin"), "*");
    assert!(
        said.header("access-control-expose-headers")
            .contains("Location")
    );
    assert_eq!(said.header("access-control-allow-credentials"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_key_publishes_and_ends() {
    let Show {
        rig, key, key_id, ..
    } = show().await;
    let made = rig
        .ask("POST", "/whip")
        .bearer(&key)
        .offer()
        .send()
        .await
        .expect(201);
    assert_eq!(made.header("content-type"), "application/sdp");
    assert_eq!(made.header("etag"), "\"ice-0\"", "a strong tag, in quotes");
    assert!(made.text.starts_with("v=0"));
    is_open_to_all(&made);
    let wish = rig.stage.published.lock().unwrap()[0].clone();
    assert_eq!(wish.by, Credential::StreamKey(key_id));
    assert_eq!((wish.offer.as_str(), &*wish.who.name), (OFFER, "Owner"));

    let resource = made.header("location").to_owned();
    assert!(
        resource.starts_with("/whip/p_") && resource.len() >= 6 + 22,
        "{resource}"
    );
    rig.get(&resource).await.expect(204);
    let ended = rig
        .ask("DELETE", &resource)
        .bearer(&key)
        .header("if-match", "\"other\"");
    is_open_to_all(&ended.send().await.expect(200));
    rig.ask("DELETE", &resource)
        .bearer(&key)
        .send()
        .await
        .refused(404, "no_such_peer");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_offer_has_its_own_status() {
    let Show {
        rig, owner, key, ..
    } = show().await;
    let whip = |token: &str| rig.ask("POST", "/whip").bearer(token);
    let sdp = "application/sdp";

    let missing = rig
        .ask("POST", "/whip")
        .offer()
        .send()
        .await
        .refused(401, "token_missing");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    is_open_to_all(&missing);
    whip("wqk_wrong")
        .offer()
        .send()
        .await
        .refused(401, "token_invalid");
    whip(&owner)
        .offer()
        .send()
        .await
        .refused(401, "token_invalid");
    whip(&key)
        .body("text/plain", OFFER)
        .send()
        .await
        .refused(415, "media_type_wrong");
    whip(&key)
        .body("application/json", "{}")
        .send()
        .await
        .refused(415, "media_type_wrong");
    whip(&key).send().await.refused(415, "media_type_wrong");
    for body in ["", "v=0", "hello", "m=video v=0"] {
        whip(&key)
            .body(sdp, body)
            .send()
            .await
            .refused(400, "sdp_invalid");
    }
    whip(&key)
        .body(sdp, vec![0xff; 100])
        .send()
        .await
        .refused(400, "sdp_invalid");
    let big = format!("{OFFER}{}", "a=x\r\n".repeat(60_000));
    whip(&key)
        .body(sdp, big)
        .send()
        .await
        .refused(413, "too_large");
    let recvonly = OFFER.replace("sendonly", "recvonly");
    whip(&key)
        .body(sdp, recvonly)
        .send()
        .await
        .refused(422, "sdp_unfit");
    let busy = whip(&key)
        .body(sdp, format!("{OFFER}BUSY"))
        .send()
        .await
        .refused(503, "busy");
    assert_eq!(busy.header("retry-after"), "5");
    assert!(rig.stage.published.lock().unwrap().is_empty());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoints_answer_to_every_method() {
    let Show { rig, owner, .. } = show().await;
    for endpoint in ["/whip", WHEP, "/api/v1/rooms/friday/whip"] {
        let options = rig.ask("OPTIONS", endpoint).send().await.expect(200);
        assert_eq!(
            options.header("accept-post"),
            "application/sdp",
            "{endpoint}"
        );
        assert_eq!(
            options.header("access-control-allow-methods"),
            "OPTIONS, GET, HEAD, POST"
        );
        assert!(
            options
                .header("access-control-allow-headers")
                .contains("Authorization")
        );
        is_open_to_all(&options);
        assert_eq!(rig.get(endpoint).await.expect(204).text, "");
        assert!(rig.ask("HEAD", endpoint).send().await.status < 300);
        rig.ask("PUT", endpoint)
            .send()
            .await
            .refused(405, "unknown_op");
    }
    let head = rig.ask("HEAD", WHEP).send().await.expect(200);
    assert_eq!(
        head.header("content-type"),
        "application/sdp",
        "a player may discover it"
    );

    let whip = "/api/v1/rooms/friday/whip";
    let made = rig
        .ask("POST", whip)
        .bearer(&owner)
        .offer()
        .send()
        .await
        .expect(201);
    let resource = made.header("location").to_owned();
    let options = rig.ask("OPTIONS", &resource).send().await.expect(200);
    assert_eq!(
        options.header("access-control-allow-methods"),
        "OPTIONS, GET, HEAD, PATCH, DELETE"
    );
    assert_eq!(options.header("accept-patch"), FRAGMENT_TYPE);
    is_open_to_all(&options);
    rig.ask("HEAD", &resource).send().await.expect(204);
    let wrong = rig.ask("PUT", &resource).send().await;
    let wrong = wrong.refused(405, "unknown_op");
    is_open_to_all(&wrong);
    let allow = wrong.header("allow");
    assert!(
        allow.contains("PATCH") && allow.contains("DELETE"),
        "{allow}"
    );
    rig.end().await;
}

const FRAGMENT_TYPE: &str = "application/trickle-ice-sdpfrag";

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_says_which_session_it_means() {
    let Show { rig, owner, .. } = show().await;
    let made = rig
        .ask("POST", "/api/v1/rooms/friday/whip")
        .bearer(&owner)
        .offer()
        .send()
        .await
        .expect(201);
    let resource = made.header("location").to_owned();
    let patch = |session: &str| {
        let ask = rig.ask("PATCH", &resource).bearer(&owner);
        match session {
            "" => ask,
            session => ask.header("if-match", session),
        }
    };
    let fragment = "a=ice-ufrag:x\r\n";
    let noted = patch(made.header("etag"))
        .body(FRAGMENT_TYPE, fragment)
        .send()
        .await
        .expect(204);
    assert_eq!((noted.header("etag"), noted.text.as_str()), ("", ""));
    is_open_to_all(&noted);
    for star in ["*", "\"*\""] {
        let said = patch(star).body(FRAGMENT_TYPE, fragment).send().await;
        let said = said.expect(200);
        assert_eq!(said.header("content-type"), FRAGMENT_TYPE);
        assert_eq!(said.header("etag"), "\"ice-anew\"");
        assert_eq!(said.text, "a=ice-lite\r\n");
    }
    let stale = patch("\"stale\"").body(FRAGMENT_TYPE, fragment).send();
    stale.await.refused(412, "malformed");
    let missing = patch("").body(FRAGMENT_TYPE, fragment).send();
    missing.await.refused(428, "malformed");
    for body in ["application/sdp", "text/plain"] {
        let wrong = patch("*").body(body, fragment).send().await;
        wrong.refused(415, "media_type_wrong");
    }
    let big = "a=x\r\n".repeat(20_000);
    let big = patch("*").body(FRAGMENT_TYPE, big).send().await;
    big.refused(413, "too_large");
    let binary = patch("*").body(FRAGMENT_TYPE, vec![0xff; 9]).send().await;
    binary.refused(400, "sdp_invalid");

    // It takes who made it, as an end does.
    let by = |token: Option<&str>| {
        let ask = rig.ask("PATCH", &resource).header("if-match", "*");
        let ask = match token {
            Some(token) => ask.bearer(token),
            None => ask,
        };
        ask.body(FRAGMENT_TYPE, fragment).send()
    };
    by(None).await.refused(401, "token_missing");
    let other = rig.sign_up("Mei").await.token();
    by(Some(&other)).await.refused(404, "no_such_peer");
    let patched = rig.stage.patched.lock().unwrap().clone();
    assert_eq!(patched.len(), 4, "what was refused here went no further");
    assert_eq!(
        patched[0].session,
        IceSession::Tagged(vec!["ice-0".into()]),
        "without its quotes"
    );
    assert_eq!(patched[1].session, IceSession::Any);
    assert_eq!(patched[0].fragment, fragment);
    let ended = rig.ask("DELETE", &resource).bearer(&owner).send().await;
    ended.expect(200);
    by(Some(&owner)).await.refused(404, "no_such_peer");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_new_is_let_in_while_the_server_goes_down() {
    let Show { rig, key, .. } = show().await;
    rig.stage.draining.store(true, Ordering::SeqCst);
    for endpoint in ["/whip", WHEP] {
        let mut ask = rig.ask("POST", endpoint).offer();
        if endpoint == "/whip" {
            ask = ask.bearer(&key);
        }
        let said = ask.send().await.refused(503, "draining");
        assert_eq!(said.header("retry-after"), "2");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_publishes_by_token_only_where_it_may() {
    let Show { rig, owner, .. } = show().await;
    let member = rig.sign_up("Mei").await.token();
    let guest = rig.guest('g').await;
    let whip = |room: &str| rig.ask("POST", &format!("/api/v1/rooms/{room}/whip"));
    whip("friday")
        .offer()
        .send()
        .await
        .refused(401, "token_missing");
    whip("friday")
        .bearer(&guest)
        .offer()
        .send()
        .await
        .refused(403, "not_permitted");
    whip("friday")
        .bearer(&member)
        .offer()
        .send()
        .await
        .refused(403, "not_permitted");
    whip("none")
        .bearer(&owner)
        .offer()
        .send()
        .await
        .refused(404, "not_found");
    let made = whip("friday")
        .bearer(&owner)
        .offer()
        .send()
        .await
        .expect(201);
    let wish = rig.stage.published.lock().unwrap()[0].clone();
    assert!(matches!(wish.by, Credential::Token { expires_ms } if expires_ms > clock::unix_ms()));

    let resource = made.header("location").to_owned();
    rig.ask("DELETE", &resource)
        .send()
        .await
        .refused(401, "token_missing");
    rig.ask("DELETE", &resource)
        .bearer(&member)
        .send()
        .await
        .refused(404, "no_such_peer");
    let (_, key) = rig.stream_key(&owner, "friday").await;
    rig.ask("DELETE", &resource)
        .bearer(&key)
        .send()
        .await
        .refused(404, "no_such_peer");
    rig.ask("DELETE", &resource)
        .bearer("nonsense")
        .send()
        .await
        .refused(401, "token_invalid");
    let forged = resource.replace("p_0", "p_1");
    rig.ask("DELETE", &forged)
        .bearer(&owner)
        .send()
        .await
        .refused(404, "no_such_peer");
    rig.ask("DELETE", &resource)
        .bearer(&owner)
        .send()
        .await
        .expect(200);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_waits_for_the_publisher_and_needs_no_token_where_guests_may() {
    let Show {
        rig, owner, key, ..
    } = show().await;
    let early = rig
        .ask("POST", WHEP)
        .offer()
        .send()
        .await
        .refused(409, "nothing_published");
    assert_eq!(early.header("retry-after"), "3");
    assert_eq!(early.json()["ms"], 2_500);
    is_open_to_all(&early);

    rig.ask("POST", "/whip")
        .bearer(&key)
        .offer()
        .send()
        .await
        .expect(201);
    let seen = rig.ask("POST", WHEP).offer().send().await.expect(201);
    let resource = seen.header("location").to_owned();
    assert!(resource.starts_with("/api/v1/whep/p_"), "{resource}");
    let known = rig.ask("POST", WHEP).bearer(&owner).offer().send();
    known.await.expect(201);
    let until: Vec<_> = {
        let viewed = rig.stage.viewed.lock().unwrap();
        viewed.iter().map(|it| it.expires_ms).collect()
    };
    assert_eq!((until.len(), until[0]), (2, None), "nothing runs out");
    assert!(until[1].is_some_and(|it| it > clock::unix_ms()));
    rig.ask("POST", WHEP)
        .body(
            "application/sdp",
            format!("{OFFER}a=rtpmap:45 AV1/90000\r\n"),
        )
        .send()
        .await
        .refused(422, "codec_unsupported");

    let inner = "/api/v1/rooms/inner/whep";
    rig.ask("POST", inner)
        .offer()
        .send()
        .await
        .refused(403, "guests_not_allowed");
    rig.ask("POST", inner)
        .bearer(&owner)
        .offer()
        .send()
        .await
        .refused(409, "nothing_published");
    rig.ask("POST", WHEP)
        .bearer("bad")
        .offer()
        .send()
        .await
        .refused(401, "token_invalid");
    rig.ask("POST", "/api/v1/rooms/none/whep")
        .offer()
        .send()
        .await
        .refused(404, "not_found");

    // A cookie does not count here: pages of any site may ask.
    let body = json!({"name": "Owner", "password": crate::rig::PASSWORD});
    let cookie = rig.post("/api/v1/sign-in", body).await.cookie();
    rig.ask("POST", inner)
        .header("cookie", &cookie)
        .offer()
        .send()
        .await
        .refused(403, "guests_not_allowed");

    rig.get(&resource).await.expect(204);
    rig.ask("DELETE", &resource.replace("p_0", "p_1"))
        .send()
        .await
        .refused(401, "token_missing");
    rig.ask("DELETE", &resource).send().await.expect(200);
    rig.ask("DELETE", &resource)
        .send()
        .await
        .refused(404, "no_such_peer");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_posts_again_and_again_is_slowed_down() {
    let Show { rig, key, .. } = show().await;
    // One more is earned each second, hence no exact count.
    let mut passed = 0;
    let slow = loop {
        let said = rig.ask("POST", "/whip").bearer(&key).offer().send().await;
        if said.status == 429 {
            break said.refused(429, "rate_limited");
        }
        said.expect(201);
        passed += 1;
        assert!(passed < 300, "it is not throttled");
    };
    assert!(passed >= 60, "{passed}");
    assert_eq!(slow.header("retry-after"), "1");
    rig.end().await;
}

/// RFC 9725 §4.6: relays are named to whom was let in, with what lets them in there, and to nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn w6_relays_are_named_to_whom_was_let_in() {
    let Show {
        rig, key, owner, ..
    } = show().await;
    let posts = [
        ("/whip", Some(&key)),
        ("/api/v1/rooms/friday/whip", Some(&owner)),
        (WHEP, Some(&owner)),
        (WHEP, None),
    ];
    for (endpoint, bearer) in posts {
        let mut ask = rig.ask("POST", endpoint).offer();
        if let Some(bearer) = bearer {
            ask = ask.bearer(bearer);
        }
        let made = ask.send().await.expect(201);
        let links: Vec<&str> = made
            .headers
            .get_all("link")
            .iter()
            .map(|it| it.to_str().unwrap())
            .filter(|it| it.contains("rel=\"ice-server\""))
            .collect();
        assert_eq!(links.len(), 2, "{endpoint}");
        assert!(links[0].starts_with("<turn:turn.example.org?transport=udp>; rel=\"ice-server\";"));
        assert!(links[1].starts_with("<turns:turn.example.org:443>; rel=\"ice-server\";"));
        for link in links {
            let value = |name: &str| {
                let (_, rest) = link.split_once(&format!("; {name}=\"")).expect(name);
                rest.split('"').next().unwrap().to_owned()
            };
            let (expiry, who) = {
                let username = value("username");
                let (expiry, who) = username.split_once(':').expect("expiry:who");
                (expiry.parse::<u64>().unwrap(), who.to_owned())
            };
            let now = clock::unix_ms() / 1_000;
            assert!((now + 3_500..=now + 3_600).contains(&expiry), "{link}");
            assert!(!who.is_empty() && !who.contains(key.as_str()), "{link}");
            // 20 bytes of HMAC-SHA1.
            assert_eq!(value("credential").len(), 28, "{link}");
            assert_eq!(value("credential-type"), "password");
        }
        let preflight = rig.ask("OPTIONS", endpoint).send().await.expect(200);
        assert_eq!(preflight.header("link"), "", "{endpoint}");
        assert_eq!(rig.ask("HEAD", endpoint).send().await.header("link"), "");
    }
    let stranger = rig.ask("POST", "/whip").bearer("nobody").offer();
    assert_eq!(stranger.send().await.header("link"), "");
    rig.end().await;
}
