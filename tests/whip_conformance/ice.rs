//! PATCH: trickled candidates and ICE restarts (RFC 9725 §4.3, RFC 8840 §9).

use crate::{
    ask::{Ask, CHROMIUM, FRAGMENT, Said, Show, refused},
    table::Table,
};

/// Chromium's name in ICE, as its offer has it.
const THEIRS: &str = "9IvE";

fn fragment(ufrag: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:e+SeHnaPxpZqv0mCJGSQvZxZ\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
         a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n\
         a=end-of-candidates\r\n"
    )
}

/// A PATCH of a viewer's resource, which needs no token, or of a publisher's.
fn patch(show: &Show, resource: &str, session: &str) -> Ask {
    let ask = show.ask("PATCH", resource);
    let ask = match resource.starts_with("/whip/") {
        true => ask.bearer(&show.key),
        false => ask,
    };
    match session {
        "" => ask,
        session => ask.header("if-match", session),
    }
}

pub async fn of_viewers(table: &mut Table, show: &Show, seen: &Said) {
    let (resource, etag) = (seen.resource(), seen.header("etag").to_owned());
    both(table, show, "WHEP", &resource, &etag).await;
    let restart = |ufrag: &str| {
        patch(show, &resource, "*")
            .body(FRAGMENT, fragment(ufrag))
            .send()
    };
    let restarted = restart("anew").await;
    let anew = restarted.header("etag").to_owned();
    let (ours, before) = (
        restarted.attributes("ice-ufrag"),
        seen.attributes("ice-ufrag"),
    );
    table
        .rule(
            "RFC 9725 §4.3.3",
            "a restart (If-Match: *, another name) is 200 with our side of it",
        )
        .is("status", restarted.status, 200)
        .is("type", restarted.header("content-type"), FRAGMENT)
        .holds(
            "another name of ours",
            ours.len() == 1 && !before.contains(&ours[0]),
        )
        .holds(
            "another password",
            restarted.attributes("ice-pwd") != seen.attributes("ice-pwd"),
        )
        .is(
            "candidates",
            restarted.attributes("candidate").len(),
            seen.attributes("candidate").len(),
        )
        .is("ice-lite stays", restarted.lines("a=ice-lite"), 1)
        .is("the section", restarted.attributes("mid"), vec!["0"]);
    table
        .rule("RFC 9725 §4.3.3", "a restart has another strong ETag")
        .holds(
            "in quotes",
            anew.len() > 2 && anew.starts_with('"') && anew.ends_with('"'),
        )
        .holds("another", anew != etag);
    let stale = patch(show, &resource, &etag)
        .body(FRAGMENT, fragment(THEIRS))
        .send()
        .await;
    let fresh = patch(show, &resource, &anew)
        .body(FRAGMENT, fragment("anew"))
        .send()
        .await;
    let mut rule = table.rule(
        "RFC 9725 §4.3.2",
        "after a restart the tag before is 412, the new one is good",
    );
    refused(&mut rule, "before", &stale, 412, "malformed");
    rule.is("after", fresh.status, 204);
    drop(rule);
    let quoted = patch(show, &resource, "\"*\"")
        .body(FRAGMENT, fragment("more"))
        .send()
        .await;
    table
        .rule(
            "WHIP drafts",
            "the star may come in quotes, as an example of the drafts had it",
        )
        .is("status", quoted.status, 200);
    let broken = patch(show, &resource, "*")
        .body(FRAGMENT, "a=ice-ufrag:x\r\n")
        .send()
        .await;
    let newest = quoted.header("etag");
    let goes_on = patch(show, &resource, newest)
        .body(FRAGMENT, fragment("more"))
        .send()
        .await;
    let mut rule = table.rule(
        "RFC 9725 §4.3.3",
        "a restart that fails leaves the session as it was",
    );
    refused(&mut rule, "broken", &broken, 400, "sdp_invalid");
    rule.is("before it", goes_on.status, 204);
}

pub async fn of_publishers(table: &mut Table, show: &Show) {
    let made = show.publish(CHROMIUM).await;
    let (resource, etag) = (made.resource(), made.header("etag").to_owned());
    both(table, show, "WHIP", &resource, &etag).await;
    let restart = patch(show, &resource, "*")
        .body(FRAGMENT, fragment("anew"))
        .send()
        .await;
    let goes_on = patch(show, &resource, &etag)
        .body(FRAGMENT, fragment(THEIRS))
        .send()
        .await;
    let mut rule = table.rule(
        "RFC 9725 §4.3.1",
        "a publisher's restart, which is not offered, is 422; the session goes on",
    );
    refused(&mut rule, "restart", &restart, 422, "sdp_unfit");
    rule.is("trickle", goes_on.status, 204);
    drop(rule);
    let other = show.ask("PATCH", &resource).header("if-match", "*");
    let other = other.body(FRAGMENT, fragment(THEIRS));
    let mut rule = table.rule(
        "RFC 9725 §5",
        "only its maker changes a resource: 401, and 404 to anybody else",
    );
    let by_owner = show.ask("PATCH", &resource).header("if-match", "*");
    let by_owner = by_owner
        .body(FRAGMENT, fragment(THEIRS))
        .bearer(&show.owner.token);
    refused(
        &mut rule,
        "nobody",
        &other.send().await,
        401,
        "token_missing",
    );
    refused(
        &mut rule,
        "another",
        &by_owner.send().await,
        404,
        "no_such_peer",
    );
    drop(rule);
    let ended = show.ask("DELETE", &resource).bearer(&show.key).send().await;
    let gone = patch(show, &resource, &etag)
        .body(FRAGMENT, fragment(THEIRS))
        .send()
        .await;
    let mut rule = table.rule("RFC 9725 §4.3.1", "what has ended is gone: PATCH is 404");
    rule.is("ended", ended.status, 200);
    refused(&mut rule, "gone", &gone, 404, "no_such_peer");
}

/// What holds for the resources of both. (The row says whose it is.)
async fn both(table: &mut Table, show: &Show, whose: &str, resource: &str, etag: &str) {
    let mine = fragment(THEIRS);
    let options = show.ask("OPTIONS", resource).send().await;
    table
        .rule(
            "RFC 5789 §3.1",
            "OPTIONS on a resource names PATCH, DELETE and Accept-Patch",
        )
        .is(whose, options.status, 200)
        .is(
            whose,
            options.header("allow"),
            "OPTIONS, GET, HEAD, PATCH, DELETE",
        )
        .is(
            whose,
            options.header("access-control-allow-methods"),
            options.header("allow"),
        )
        .is(whose, options.header("accept-patch"), FRAGMENT);
    let noted = patch(show, resource, etag)
        .body(FRAGMENT, mine.as_str())
        .send()
        .await;
    table
        .rule(
            "RFC 9725 §4.3.2",
            "candidates, with the ETag, are 204 without body and without ETag",
        )
        .is(whose, (noted.status, noted.text.as_str()), (204, ""))
        .is(whose, noted.header("etag"), "");
    let odd = mine
        .replace(" udp ", " sctp ")
        .replace("192.0.2.1", "no-such-host.local");
    let odd = patch(show, resource, etag).body(FRAGMENT, odd).send().await;
    let ended = "a=ice-ufrag:9IvE\r\na=ice-pwd:e+SeHnaPxpZqv0mCJGSQvZxZ\r\n\
                 m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n";
    let ended = patch(show, resource, etag)
        .body(FRAGMENT, ended)
        .send()
        .await;
    table
        .rule(
            "RFC 9725 §4.3.2",
            "a candidate that cannot be used, or none and the end, is 204 as well",
        )
        .is(whose, odd.status, 204)
        .is(whose, ended.status, 204);
    let mut rule = table.rule("RFC 9725 §4.3.2", "PATCH without If-Match is 428");
    let said = patch(show, resource, "")
        .body(FRAGMENT, mine.as_str())
        .send()
        .await;
    refused(&mut rule, whose, &said, 428, "malformed");
    drop(rule);
    let mut rule = table.rule(
        "RFC 9725 §4.3.2",
        "PATCH with the tag of another session, or a weak one, is 412",
    );
    for session in ["\"another\"", &format!("W/{etag}")] {
        let said = patch(show, resource, session)
            .body(FRAGMENT, mine.as_str())
            .send()
            .await;
        refused(&mut rule, whose, &said, 412, "malformed");
    }
    drop(rule);
    let mut rule = table.rule("RFC 9725 §4.3.1", "PATCH with another content type is 415");
    for kind in ["application/sdp", "text/plain"] {
        let said = patch(show, resource, etag)
            .body(kind, mine.as_str())
            .send()
            .await;
        refused(&mut rule, whose, &said, 415, "media_type_wrong");
    }
    drop(rule);
    let mut rule = table.rule(
        "RFC 8840 §9",
        "a fragment without name, password, section or mid is 400",
    );
    for part in [
        "a=ice-ufrag:9IvE\r\n",
        "a=ice-pwd:e+SeHnaPxpZqv0mCJGSQvZxZ\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 0\r\n",
        "a=mid:0\r\n",
    ] {
        let said = patch(show, resource, etag)
            .body(FRAGMENT, mine.replace(part, ""))
            .send()
            .await;
        refused(&mut rule, part, &said, 400, "sdp_invalid");
    }
    drop(rule);
    let mut rule = table.rule(
        "our choice",
        "another ICE name under the tag of this session is 422",
    );
    let said = patch(show, resource, etag)
        .body(FRAGMENT, fragment("anew"))
        .send()
        .await;
    refused(&mut rule, whose, &said, 422, "sdp_unfit");
}
