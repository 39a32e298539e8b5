//! Setting up what publishes: offers that are taken, and their answers (RFC 9725 §4.2, §4.4).

use crate::{
    ask::{CHROMIUM, FFMPEG, SDP, Said, Show, WHIP},
    table::Table,
};

pub async fn setting_up(table: &mut Table, show: &Show) {
    let made = show.publish(FFMPEG).await;
    table
        .rule(
            "RFC 9725 §4.2",
            "an offer is answered 201 with an SDP answer",
        )
        .is("status", made.status, 201)
        .is("type", made.header("content-type"), SDP)
        .holds(
            "the body is a session description",
            made.text.starts_with("v=0"),
        );
    let read = show.ask("GET", &made.resource()).send().await;
    table
        .rule("RFC 9725 §4.2", "Location is the address of the resource")
        .holds(
            "it is a path of this server",
            made.resource().starts_with("/whip/"),
        )
        .is("reading it", read.status, 204);
    let etag = made.header("etag");
    let inner = etag.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    table
        .rule("RFC 9725 §4.3.1", "ETag is a strong tag of the ICE session")
        .holds(
            etag,
            inner.is_some_and(|it| !it.is_empty() && !it.contains('"')),
        );
    table
        .rule(
            "RFC 9725 §4.6",
            "without ICE servers of its own the server names none (no Link)",
        )
        .is("Link", made.header("link"), "");
    table
        .rule(
            "RFC 9725 §4.7",
            "pages of other sites may read Location, ETag and Link; no cookie counts",
        )
        .is("origin", made.header("access-control-allow-origin"), "*")
        .is(
            "credentials",
            made.header("access-control-allow-credentials"),
            "",
        )
        .holds(
            "exposed",
            ["Location", "ETag", "Link", "Accept-Patch"]
                .iter()
                .all(|it| made.header("access-control-expose-headers").contains(it)),
        );
    answers(table, show, &made).await;
    let twice = show.ask("POST", "/whip").bearer(&show.key);
    let twice = twice
        .body("Application/SDP; charset=utf-8", FFMPEG)
        .send()
        .await;
    table
        .rule(
            "RFC 9110 §8.3",
            "the content type may come with parameters and in any case",
        )
        .is("status", twice.status, 201);
    let unknown = show.ask("POST", "/whip").bearer(&show.key);
    let unknown = unknown
        .header(
            "link",
            "<https://a.example/x>; rel=\"urn:ietf:params:whip:ext:example:unknown\"",
        )
        .body(SDP, FFMPEG)
        .send()
        .await;
    table
        .rule(
            "RFC 9725 §4.9",
            "an extension that is not known is passed over",
        )
        .is("status", unknown.status, 201);
    let by_token = show.ask("POST", WHIP).bearer(&show.owner.token);
    let by_token = by_token.body(SDP, CHROMIUM).send().await;
    table
        .rule("RFC 9725 §4.7", "a stream key or a token as Bearer lets in")
        .is("by key", made.status, 201)
        .is("by token", by_token.status, 201);
}

async fn answers(table: &mut Table, show: &Show, ffmpeg: &Said) {
    table
        .rule("RFC 9725 §4.2", "the answer receives, in each section")
        .is("sections", ffmpeg.sections(), 2)
        .is("recvonly", ffmpeg.lines("a=recvonly"), 2);
    table
        .rule(
            "RFC 9725 §4.4.1",
            "one transport: BUNDLE, and rtcp-mux in each section",
        )
        .is("group", ffmpeg.attributes("group"), vec!["BUNDLE 0 1"])
        .is("rtcp-mux", ffmpeg.lines("a=rtcp-mux"), 2);
    let candidates = ffmpeg.attributes("candidate");
    table
        .rule(
            "RFC 9725 §4.3.2",
            "the answer has all of the server's candidates: it trickles none",
        )
        .holds("there is one", !candidates.is_empty())
        .holds(
            "the first is UDP",
            candidates.first().is_some_and(|it| it.contains(" udp ")),
        )
        .holds("the end is said", ffmpeg.lines("a=end-of-candidates") > 0);
    let setup = |said: &Said| said.attributes("setup").first().map(|it| (*it).to_owned());
    let chromium = show.publish(CHROMIUM).await;
    let active = show.publish(&CHROMIUM.replace("actpass", "active")).await;
    table
        .rule(
            "RFC 9725 §4.4.4",
            "each DTLS role of an offer is taken: actpass, active, passive",
        )
        .is("actpass", setup(&chromium).as_deref(), Some("passive"))
        .is("active", setup(&active).as_deref(), Some("passive"))
        .is("passive", setup(ffmpeg).as_deref(), Some("active"));
    let both = show
        .publish(&FFMPEG.replace("a=sendonly", "a=sendrecv"))
        .await;
    table
        .rule(
            "RFC 9725 §4.2",
            "an offer may be sendrecv; the answer still only receives",
        )
        .is("status", both.status, 201)
        .is("recvonly", both.lines("a=recvonly"), 2);
}
