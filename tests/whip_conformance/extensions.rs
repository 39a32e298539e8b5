//! What the extensions of WHEP add (webrtc-http-egress-events of the working group): layers that are chosen,
//! events that are heard.

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    ask::{Said, Show, refused},
    support::SOON,
    table::Table,
};

const DRAFT: &str = "WHEP extensions";
const JSON: &str = "application/json";
const LAYER: &str = "urn:ietf:params:whep:ext:core:layer";
const EVENTS: &str = "urn:ietf:params:whep:ext:core:server-sent-events";

/// The address that a `Link` of an answer names, and what else it says.
fn link<'a>(said: &'a Said, rel: &str) -> (&'a str, &'a str) {
    let links = said.headers.get_all("link").iter();
    let mut links = links.filter_map(|it| it.to_str().ok());
    let link = links.find(|it| it.contains(&format!("rel=\"{rel}\"")));
    let link = link.and_then(|it| it.strip_prefix('<'));
    link.and_then(|it| it.split_once('>')).unwrap_or_default()
}

/// `seen` is a viewer without a token, of what FFmpeg publishes.
pub async fn heard(table: &mut Table, show: &Show, seen: &Said) {
    let (layer, _) = link(seen, LAYER);
    let (events, said) = link(seen, EVENTS);
    let resource = seen.resource();
    table
        .rule(
            DRAFT,
            "a viewer's 201 names by Link where layers are chosen and events heard",
        )
        .is("layers", layer, &format!("{resource}/layer"))
        .is("events", events, &format!("{resource}/sse"))
        .holds(
            "which events",
            said.ends_with("events=\"active,inactive,layers,viewercount\""),
        );
    let mut rule = table.rule(
        DRAFT,
        "both succeed with nothing for GET; OPTIONS has Accept-Post: application/json",
    );
    for address in [layer, events] {
        let read = show.ask("GET", address).send().await;
        rule.is(address, (read.status, read.text.as_str()), (204, ""));
        let options = show.ask("OPTIONS", address).send().await;
        rule.is(address, options.status, 200);
        rule.is(address, options.header("accept-post"), JSON);
        rule.is(address, options.header("access-control-allow-origin"), "*");
    }
    drop(rule);
    let names = streams(table, show, events).await;
    layers(table, show, layer, &names).await;
    let mut rule = table.rule(
        DRAFT,
        "who did not make the viewer is 401 or 404, without a word more",
    );
    for address in [layer, events] {
        let forged = address.replace(".", ".x");
        let nobody = show.ask("POST", &forged).body(JSON, "{}").send().await;
        refused(&mut rule, address, &nobody, 401, "token_missing");
        let other = show.ask("POST", &forged).bearer(&show.owner.token);
        let other = other.body(JSON, "{}").send().await;
        refused(&mut rule, address, &other, 404, "no_such_peer");
    }
}

/// Answers the names of the layers that there are.
async fn streams(table: &mut Table, show: &Show, events: &str) -> Vec<String> {
    let wanted = r#"["active","inactive","layers","reconnect","viewercount"]"#;
    let made = show.ask("POST", events).body(JSON, wanted).send().await;
    let stream = made.header("location").to_owned();
    table
        .rule(
            DRAFT,
            "a list of events is 201 with a stream in Location; so is none, for all",
        )
        .is("status", made.status, 201)
        .holds("Location", stream.starts_with(&format!("{events}/")))
        .is("none", show.ask("POST", events).send().await.status, 201);
    let mut response = open(show, &stream).await;
    let kind = response.headers()["content-type"].clone();
    let told = until(&mut response, "event: viewercount").await;
    let said = |name: &str| {
        let mut events = told.split("\n\n");
        let event = events.find_map(|it| it.strip_prefix(&format!("event: {name}\ndata: ")))?;
        serde_json::from_str::<Value>(event).ok()
    };
    let layers = said("layers").unwrap_or_default();
    let layers = layers["0"].as_array().cloned().unwrap_or_default();
    let first = layers.first().cloned().unwrap_or_default();
    table
        .rule(
            DRAFT,
            "a stream is text/event-stream and begins with how things are, each in one data line",
        )
        .is(
            "type",
            kind.to_str().unwrap_or_default(),
            "text/event-stream",
        )
        .is("active", said("active"), Some(json!({})))
        .is("inactive", said("inactive"), None)
        .holds(
            "viewercount",
            said("viewercount").is_some_and(|it| it["viewercount"].is_u64()),
        );
    table
        .rule(
            DRAFT,
            "layers are told by the section of the picture, with rid and size",
        )
        .is("one, of FFmpeg", layers.len(), 1)
        .is("rid", &first["rid"], &json!("0"))
        .is("encodingId", &first["encodingId"], &json!("0"))
        .holds("width", first["width"].as_u64() > Some(0))
        .holds("height", first["height"].as_u64() > Some(0));
    let ended = show.ask("DELETE", &stream).send().await;
    let rest = until(&mut response, "\0").await;
    let mut rule = table.rule(DRAFT, "DELETE ends a stream with 200; read again it is 404");
    rule.is("ended", ended.status, 200);
    rule.holds("the reader hears the end", !rest.contains('\0'));
    for method in ["GET", "DELETE"] {
        let gone = show.ask(method, &stream).send().await;
        refused(&mut rule, method, &gone, 404, "no_such_peer");
    }
    drop(rule);
    let post = |kind: &str, body: &str| show.ask("POST", events).body(kind, body).send();
    let mut rule = table.rule(
        DRAFT,
        "none of our events is 422, what is no list 400, no JSON 415, read as a page 406",
    );
    let none = post(JSON, r#"["scte35"]"#).await;
    refused(&mut rule, "none", &none, 422, "malformed");
    refused(
        &mut rule,
        "no list",
        &post(JSON, "{}").await,
        400,
        "malformed",
    );
    let text = post("text/plain", "[]").await;
    refused(&mut rule, "text", &text, 415, "media_type_wrong");
    let made = post(JSON, r#"["layers"]"#).await;
    let page = show.ask("GET", made.header("location"));
    let page = page.header("accept", "text/html").send().await;
    refused(&mut rule, "page", &page, 406, "malformed");
    drop(rule);
    let names = layers.iter().filter_map(|it| it["rid"].as_str());
    names.map(str::to_owned).collect()
}

async fn layers(table: &mut Table, show: &Show, layer: &str, names: &[String]) {
    let choose = |wish: Value| {
        let ask = show.ask("POST", layer).body(JSON, wish.to_string());
        ask.send()
    };
    let mut rule = table.rule(
        DRAFT,
        "a layer is chosen by rid, encodingId or size with 200, and given back by none",
    );
    let name = names.first().cloned().unwrap_or_default();
    for wish in [
        json!({"mediaId": "0", "rid": name}),
        json!({"encodingId": name}),
        json!({"maxWidth": 640, "maxHeight": 360}),
        json!({"mediaId": "0"}),
        json!({}),
    ] {
        let said = choose(wish.clone()).await;
        rule.is(
            &wish.to_string(),
            (said.status, said.text.as_str()),
            (200, ""),
        );
    }
    drop(rule);
    let mut rule = table.rule(
        DRAFT,
        "a layer or section that is not there, and one within a stream, is 422",
    );
    for wish in [
        json!({"rid": "hd"}),
        json!({"mediaId": "1"}),
        json!({"spatialLayerId": 1}),
        json!({"temporalLayerId": 0}),
        json!({"maxHeight": 0}),
    ] {
        let said = choose(wish.clone()).await;
        refused(&mut rule, &wish.to_string(), &said, 422, "malformed");
    }
    drop(rule);
    let mut rule = table.rule(DRAFT, "a choice that is no object is 400, no JSON 415");
    let said = choose(json!({"rid": 1})).await;
    refused(&mut rule, "number", &said, 400, "malformed");
    let text = show.ask("POST", layer).body("text/plain", "{}").send();
    refused(&mut rule, "text", &text.await, 415, "media_type_wrong");
}

/// The viewer ends by DELETE, and what was heard of it.
pub async fn ending(table: &mut Table, show: &Show, seen: &Said) {
    let (layer, _) = link(seen, LAYER);
    let (events, _) = link(seen, EVENTS);
    let made = show.ask("POST", events).send().await;
    let stream = made.header("location").to_owned();
    let mut response = open(show, &stream).await;
    until(&mut response, "event: active").await;
    let ended = show.ask("DELETE", &seen.resource()).send().await;
    until(&mut response, "\0").await;
    let mut rule = table.rule(DRAFT, "what was heard of a viewer ends with it");
    rule.is("the viewer", ended.status, 200);
    for (method, address, body) in [
        ("GET", stream.as_str(), "[]"),
        ("POST", events, r#"["layers"]"#),
        ("POST", layer, "{}"),
    ] {
        let gone = show.ask(method, address).body(JSON, body).send().await;
        refused(&mut rule, address, &gone, 404, "no_such_peer");
    }
}

async fn open(show: &Show, stream: &str) -> Response {
    let ask = show
        .ask("GET", stream)
        .header("accept", "text/event-stream");
    let request = ask.client.request(ask.method, ask.url).headers(ask.headers);
    request.send().await.expect("an answer")
}

/// Reads a stream until it has said something, or ends.
async fn until(response: &mut Response, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) || !text.ends_with("\n\n") {
        let piece = timeout(SOON, response.chunk()).await.expect("soon");
        let Some(piece) = piece.expect("whole pieces") else {
            break;
        };
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    text
}
