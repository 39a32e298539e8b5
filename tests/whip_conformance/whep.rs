//! What WHEP has of its own (draft-ietf-wish-whep); the rest it shares with WHIP.

use crate::{
    ask::{CHROMIUM, FFMPEG, SDP, Said, Show, WHEP, refused, watching as offer},
    table::Table,
};

const DRAFT: &str = "WHEP draft";

/// Nothing is published yet.
pub async fn before(table: &mut Table, show: &Show) {
    let said = show.ask("HEAD", WHEP).send().await;
    table
        .rule(
            DRAFT,
            "HEAD on the endpoint is 200 with its content type, for discovery",
        )
        .is("status", said.status, 200)
        .is("type", said.header("content-type"), SDP);
    let said = show.ask("POST", WHEP).body(SDP, offer()).send().await;
    let mut rule = table.rule(
        DRAFT,
        "while nothing is published it is 409 with Retry-After",
    );
    refused(&mut rule, "early", &said, 409, "nothing_published");
    let after = said.header("retry-after").parse::<u64>();
    rule.holds(
        "in some seconds",
        after.is_ok_and(|it| (1..=60).contains(&it)),
    );
}

/// Somebody watches what FFmpeg publishes, without a token: the room lets guests in.
pub async fn watching(table: &mut Table, show: &Show) -> Said {
    let seen = show.ask("POST", WHEP).body(SDP, offer()).send().await;
    table
        .rule(
            DRAFT,
            "a viewer's offer is answered 201, with Location and ETag",
        )
        .is("status", seen.status, 201)
        .is("type", seen.header("content-type"), SDP)
        .holds("Location", seen.resource().starts_with("/api/v1/whep/"))
        .holds("ETag", seen.header("etag").len() > 2);
    table
        .rule(
            DRAFT,
            "the answer sends, on one transport, with all candidates",
        )
        .is("sendonly", seen.lines("a=sendonly"), 2)
        .is("rtcp-mux", seen.lines("a=rtcp-mux"), 2)
        .is("group", seen.attributes("group"), vec!["BUNDLE 0 1"])
        .is("lite", seen.lines("a=ice-lite"), 1)
        .holds("candidates", !seen.attributes("candidate").is_empty());
    let mut rule = table.rule(DRAFT, "an offer that does not receive is 422");
    let sends = show.ask("POST", WHEP).body(SDP, CHROMIUM).send().await;
    refused(&mut rule, "sendonly", &sends, 422, "sdp_unfit");
    let passive = offer().replace("actpass", "passive");
    let passive = show.ask("POST", WHEP).body(SDP, passive).send().await;
    refused(&mut rule, "passive", &passive, 422, "sdp_unfit");
    drop(rule);
    let mut rule = table.rule(
        DRAFT,
        "without the broadcast's codec it is 422; no counter-offer (406) is made",
    );
    let other = offer().replace("H264/90000", "H261/90000");
    let other = show.ask("POST", WHEP).body(SDP, other).send().await;
    refused(&mut rule, "codec", &other, 422, "codec_unsupported");
    rule.is("Location", other.header("location"), "");
    drop(rule);
    let mut rule = table.rule(DRAFT, "400, 401, 404 and 415 are as for WHIP");
    let post = |path: &str, kind: &str, body: &str| show.ask("POST", path).body(kind, body);
    let said = post(WHEP, SDP, "hello").send().await;
    refused(&mut rule, "malformed", &said, 400, "sdp_invalid");
    let said = post(WHEP, SDP, FFMPEG).bearer("nonsense").send().await;
    refused(&mut rule, "token", &said, 401, "token_invalid");
    let said = post("/api/v1/rooms/none/whep", SDP, FFMPEG).send().await;
    refused(&mut rule, "room", &said, 404, "not_found");
    let said = post(WHEP, "text/plain", FFMPEG).send().await;
    refused(&mut rule, "type", &said, 415, "media_type_wrong");
    drop(rule);
    seen
}

/// The same, once more.
pub async fn again(show: &Show) -> Said {
    show.ask("POST", WHEP).body(SDP, offer()).send().await
}

pub async fn ending(table: &mut Table, show: &Show, seen: &Said) {
    let resource = seen.resource();
    let end = || show.ask("DELETE", &resource).send();
    let (once, twice) = (end().await, end().await);
    let mut rule = table.rule(DRAFT, "DELETE ends a viewer with 200, and again with 404");
    rule.is("once", once.status, 200);
    refused(&mut rule, "twice", &twice, 404, "no_such_peer");
}
