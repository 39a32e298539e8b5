//! What the addresses answer to other methods, and who may end what is behind them (RFC 9725 §4.1,
//! §4.2, §5).

use protocol::rest::{MemberRole, RoleWish};

use crate::{
    ask::{CHROMIUM, FFMPEG, SDP, Show, WHEP, WHIP, refused},
    table::Table,
};

pub async fn methods(table: &mut Table, show: &Show) {
    let resource = show.publish(FFMPEG).await.resource();
    let mut rule = table.rule(
        "RFC 9725 §4.1",
        "GET and HEAD succeed with nothing, everywhere",
    );
    for address in ["/whip", WHIP, &resource] {
        for method in ["GET", "HEAD"] {
            let said = show.ask(method, address).send().await;
            rule.is(address, (said.status, said.text.as_str()), (204, ""));
        }
    }
    drop(rule);
    let mut rule = table.rule(
        "RFC 9725 §4.2",
        "OPTIONS is 200 with Accept-Post and what CORS asks for",
    );
    for address in ["/whip", WHIP, WHEP] {
        let said = show
            .ask("OPTIONS", address)
            .header("origin", "https://a.example")
            .send()
            .await;
        rule.is(address, said.status, 200)
            .is(address, said.header("accept-post"), SDP)
            .is(address, said.header("allow"), "OPTIONS, GET, HEAD, POST")
            .is(
                address,
                said.header("access-control-allow-methods"),
                said.header("allow"),
            )
            .is(address, said.header("access-control-allow-origin"), "*")
            .is(
                "no ICE servers in a preflight (§4.6)",
                said.header("link"),
                "",
            )
            .holds(
                "it needs no token",
                said.header("www-authenticate").is_empty(),
            );
        let allowed = said.header("access-control-allow-headers");
        for name in ["Authorization", "Content-Type", "If-Match"] {
            rule.holds(name, allowed.contains(name));
        }
    }
    drop(rule);
    let mut rule = table.rule("RFC 9110 §15.5.6", "another method is 405 with Allow");
    for (method, address, has) in [
        ("PUT", "/whip", "POST"),
        ("PATCH", "/whip", "POST"),
        ("DELETE", WHIP, "POST"),
        ("PUT", resource.as_str(), "DELETE"),
        ("POST", resource.as_str(), "PATCH"),
    ] {
        let said = show.ask(method, address).bearer(&show.key).send().await;
        refused(&mut rule, method, &said, 405, "unknown_op");
        rule.holds(method, said.header("allow").contains(has));
        rule.holds(
            method,
            !said
                .header("allow")
                .split(',')
                .any(|it| it.trim() == method),
        );
    }
}

pub async fn ending(table: &mut Table, show: &Show) {
    let (one, two) = (show.publish(FFMPEG).await, show.publish(FFMPEG).await);
    let (one, resource) = (one.resource(), two.resource());
    let name = resource.rsplit('/').next().unwrap_or_default();
    let secret = name.split('.').next().unwrap_or_default();
    table
        .rule(
            "RFC 9725 §5",
            "the address of a resource cannot be guessed: 128 random bits and a seal",
        )
        .holds(
            "32 hexadecimal digits",
            secret.len() == 32 && secret.bytes().all(|it| it.is_ascii_hexdigit()),
        )
        .holds("a seal", name.len() > secret.len() + 20)
        .holds("never twice", one != resource);

    let end = |address: &str, token: Option<&str>| {
        let ask = show.ask("DELETE", address);
        match token {
            Some(token) => ask.bearer(token).send(),
            None => ask.send(),
        }
    };
    let mut rule = table.rule(
        "RFC 9725 §5",
        "only its maker ends a resource: 401, and 404 to anybody else",
    );
    refused(
        &mut rule,
        "nobody",
        &end(&resource, None).await,
        401,
        "token_missing",
    );
    let owner = end(&resource, Some(&show.owner.token)).await;
    refused(&mut rule, "another credential", &owner, 404, "no_such_peer");
    let forged = resource.replace(secret, &"0".repeat(32));
    refused(
        &mut rule,
        "forged",
        &end(&forged, Some(&show.key)).await,
        404,
        "no_such_peer",
    );
    drop(rule);

    let ended = show.ask("DELETE", &resource).bearer(&show.key);
    let ended = ended.header("if-match", "\"another\"").send().await;
    table
        .rule(
            "RFC 9725 §4.2",
            "DELETE ends it with 200, whatever If-Match says",
        )
        .is("status", ended.status, 200)
        .is("body", ended.text.as_str(), "");
    let mut rule = table.rule(
        "RFC 9725 §4.2",
        "what has ended is gone: DELETE again is 404",
    );
    refused(
        &mut rule,
        "again",
        &end(&resource, Some(&show.key)).await,
        404,
        "no_such_peer",
    );
}

/// While FFmpeg publishes in `hall` by its maker's key.
pub async fn stage_taken(table: &mut Table, show: &Show) {
    let other = show.server.sign_up("Lan").await;
    let path = format!("/api/v1/members/{}/role", other.id());
    let made = show.owner.request(reqwest::Method::PUT, &path);
    let made = made
        .json(&RoleWish {
            role: MemberRole::Moderator,
        })
        .send();
    assert_eq!(made.await.expect("answered").status(), 200);
    let post = show
        .ask("POST", "/api/v1/rooms/hall/whip")
        .bearer(&other.token);
    let said = post.body(SDP, CHROMIUM).send().await;
    let mut rule = table.rule(
        "RFC 9110 §15.5.10",
        "where somebody else publishes it is 409",
    );
    refused(&mut rule, "taken", &said, 409, "stage_taken");
}
