//! Offers that are not taken (RFC 9725 §4.2, §4.4, §4.7).

use crate::{
    ask::{FFMPEG, SDP, Show, WHIP, refused},
    table::Table,
};

pub async fn refusing(table: &mut Table, show: &Show) {
    let post = |kind: &str, body: &str| {
        let ask = show.ask("POST", "/whip").bearer(&show.key);
        ask.body(kind, body).send()
    };
    let mut rule = table.rule(
        "RFC 9725 §4.2",
        "another content type than application/sdp is 415",
    );
    for kind in ["text/plain", "application/json", "application/sdpx"] {
        refused(
            &mut rule,
            kind,
            &post(kind, FFMPEG).await,
            415,
            "media_type_wrong",
        );
    }
    let none = show.ask("POST", "/whip").bearer(&show.key).send().await;
    refused(&mut rule, "none", &none, 415, "media_type_wrong");
    drop(rule);

    let mut rule = table.rule("RFC 9725 §4.2", "a malformed offer is 400");
    let cut = FFMPEG.replace("m=audio 9", "m=audio nine");
    for body in ["", "hello", "v=0\r\n", "{\"type\":\"offer\"}", &cut] {
        refused(&mut rule, body, &post(SDP, body).await, 400, "sdp_invalid");
    }
    drop(rule);

    let mut rule = table.rule("RFC 9725 §4.2", "an offer that does not send is 422");
    for direction in ["a=recvonly", "a=inactive"] {
        let offer = FFMPEG.replace("a=sendonly", direction);
        refused(
            &mut rule,
            direction,
            &post(SDP, &offer).await,
            422,
            "sdp_unfit",
        );
    }
    drop(rule);

    let at = FFMPEG.find("m=video").unwrap_or_default();
    let second = FFMPEG[at..].replace("a=mid:1", "a=mid:2");
    let two = format!("{}{second}", FFMPEG.replace("BUNDLE 0 1", "BUNDLE 0 1 2"));
    let mut rule = table.rule("RFC 9725 §4.4.2", "a second track of a kind is 422");
    refused(
        &mut rule,
        "two videos",
        &post(SDP, &two).await,
        422,
        "sdp_unfit",
    );
    drop(rule);

    let loose = FFMPEG
        .replace("a=group:BUNDLE 0 1\r\n", "")
        .replace("a=group:BUNDLE 0 1\n", "");
    let mut rule = table.rule("RFC 9725 §4.4.1", "sections without BUNDLE are 422");
    refused(
        &mut rule,
        "no group",
        &post(SDP, &loose).await,
        422,
        "sdp_unfit",
    );
    drop(rule);

    let mut rule = table.rule(
        "RFC 9725 §4.4.3",
        "what cannot be carried whole is 422, never carried in part",
    );
    let codec = FFMPEG.replace("H264/90000", "H261/90000");
    refused(
        &mut rule,
        "codec",
        &post(SDP, &codec).await,
        422,
        "codec_unsupported",
    );
    let text = FFMPEG.replace("m=audio 9", "m=text 9");
    refused(
        &mut rule,
        "section",
        &post(SDP, &text).await,
        422,
        "sdp_unfit",
    );
    drop(rule);

    let big = format!("{FFMPEG}{}", "a=x-long:0123456789\r\n".repeat(15_000));
    let mut rule = table.rule("RFC 9110 §15.5.14", "an offer above 256 KiB is 413");
    refused(&mut rule, "big", &post(SDP, &big).await, 413, "too_large");
    drop(rule);
    credentials(table, show).await;
}

async fn credentials(table: &mut Table, show: &Show) {
    let post = |path: &str, token: Option<&str>| {
        let ask = show.ask("POST", path).body(SDP, FFMPEG);
        match token {
            Some(token) => ask.bearer(token).send(),
            None => ask.send(),
        }
    };
    let mut rule = table.rule(
        "RFC 9725 §4.7",
        "without a good Bearer it is 401 with WWW-Authenticate",
    );
    for path in ["/whip", WHIP] {
        let missing = post(path, None).await;
        refused(&mut rule, path, &missing, 401, "token_missing");
        let wrong = post(path, Some("wqk_nobody")).await;
        refused(&mut rule, path, &wrong, 401, "token_invalid");
        for said in [missing, wrong] {
            rule.is("challenge", said.header("www-authenticate"), "Bearer");
        }
    }
    drop(rule);
    let member = show.server.sign_up("Mei").await;
    let mut rule = table.rule(
        "RFC 9725 §4.7",
        "who may not publish here is 403, an unknown room 404",
    );
    refused(
        &mut rule,
        "member",
        &post(WHIP, Some(&member.token)).await,
        403,
        "not_permitted",
    );
    let none = post("/api/v1/rooms/none/whip", Some(&show.owner.token)).await;
    refused(&mut rule, "room", &none, 404, "not_found");
}
