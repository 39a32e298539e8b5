//! What WHEP's extensions add to a viewer's resource: layers that are chosen (W7), and events (W8).

use std::sync::atomic::Ordering;

use protocol::{
    layers::{LayerCeiling, LayerTold, StageTold},
    limits,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{Rig, SOON, Said};

/// A room with a publisher in two layers, and somebody who watches without a token.
struct Show {
    rig: Rig,
    owner: String,
    resource: String,
    links: Vec<String>,
}

const WHEP: &str = "/api/v1/rooms/friday/whep";

async fn show() -> Show {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    rig.room(&owner, "friday", true).await;
    let (_, key) = rig.stream_key(&owner, "friday").await;
    let publishes = rig.ask("POST", "/whip").bearer(&key).offer().send();
    publishes.await.expect(201);
    rig.stage.told.send_replace(two(300));
    let seen = rig.ask("POST", WHEP).offer().send().await.expect(201);
    let links = seen.headers.get_all("link").iter();
    let links = links.map(|it| it.to_str().unwrap().to_owned()).collect();
    let resource = seen.header("location").to_owned();
    Show {
        rig,
        owner,
        resource,
        links,
    }
}

/// Two layers; the larger one takes so much.
fn two(kbps: u32) -> StageTold {
    let layer = |layer, kbps, width, height| LayerTold {
        layer,
        kbps,
        width: Some(width),
        height: Some(height),
    };
    StageTold {
        on: true,
        layers: vec![layer(0, 80, 320, 180), layer(1, kbps, 1_280, 720)],
    }
}

impl Show {
    async fn choose(&self, body: &str) -> Said {
        let path = format!("{}/layer", self.resource);
        let ask = self.rig.ask("POST", &path);
        ask.body("application/json", body).send().await
    }

    /// Makes an event stream; answers its address.
    async fn stream(&self, events: Value) -> String {
        let path = format!("{}/sse", self.resource);
        let made = self.rig.ask("POST", &path).json(events).send().await;
        made.expect(201).header("location").to_owned()
    }
}

/// A stream that is being read.
struct Events {
    response: reqwest::Response,
    read: String,
}

impl Events {
    async fn of(show: &Show, stream: &str) -> Self {
        let response = show.rig.open(stream).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            read: String::new(),
        }
    }

    /// The next event that is none of silence; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                let Some((name, data)) = event.split_once("\ndata: ") else {
                    assert_eq!(event, ":");
                    continue;
                };
                let name = name.strip_prefix("event: ").expect("a name");
                return Some((name.to_owned(), serde_json::from_str(data).unwrap()));
            }
            let piece = timeout(SOON, self.response.chunk()).await.expect("soon");
            let piece = piece.expect("whole pieces")?;
            self.read.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_viewer_is_told_where_layers_are_chosen_and_events_are_heard() {
    let show = show().await;
    let resource = &show.resource;
    let named = |rel: &str| {
        let mut links = show.links.iter();
        let link = links.find(|it| it.contains(&format!("rel=\"{rel}\"")));
        link.cloned().unwrap_or_default()
    };
    let layer = named("urn:ietf:params:whep:ext:core:layer");
    assert!(
        layer.starts_with(&format!("<{resource}/layer>;")),
        "{layer}"
    );
    let events = named("urn:ietf:params:whep:ext:core:server-sent-events");
    assert!(
        events.starts_with(&format!("<{resource}/sse>;")),
        "{events}"
    );
    let says = "events=\"active,inactive,layers,viewercount\"";
    assert!(events.ends_with(says), "{events}");
    for below in ["layer", "sse"] {
        let path = format!("{resource}/{below}");
        show.rig.get(&path).await.expect(204);
        let options = show.rig.ask("OPTIONS", &path).send().await.expect(200);
        assert_eq!(options.header("accept-post"), "application/json");
        assert_eq!(options.header("access-control-allow-origin"), "*");
        show.rig
            .ask("PUT", &path)
            .send()
            .await
            .refused(405, "unknown_op");
    }
    show.rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_layer_is_chosen_by_name_or_size_and_given_back() {
    let show = show().await;
    let none = LayerCeiling::default();
    for (wish, wanted) in [
        (
            r#"{"mediaId":"1","rid":"0"}"#,
            LayerCeiling {
                layer: Some(0),
                ..none
            },
        ),
        (
            r#"{"encodingId":"1"}"#,
            LayerCeiling {
                layer: Some(1),
                ..none
            },
        ),
        (
            r#"{"maxHeight":360}"#,
            LayerCeiling {
                height: Some(360),
                ..none
            },
        ),
        ("{}", none),
    ] {
        assert_eq!(show.choose(wish).await.expect(200).text, "");
        assert_eq!(
            show.rig.stage.held.lock().unwrap().pop(),
            Some(wanted),
            "{wish}"
        );
    }
    for wish in [
        r#"{"rid":"7"}"#,
        r#"{"mediaId":"0"}"#,
        r#"{"maxWidth":0}"#,
        r#"{"temporalLayerId":1}"#,
    ] {
        show.choose(wish).await.refused(422, "malformed");
    }
    for wish in ["", "[]", "hello", r#"{"rid":1}"#, r#"{"maxHeight":-1}"#] {
        show.choose(wish).await.refused(400, "malformed");
    }
    let path = format!("{}/layer", show.resource);
    let text = show.rig.ask("POST", &path).body("text/plain", "{}").send();
    text.await.refused(415, "media_type_wrong");
    let long = format!(r#"{{"rid":"{}"}}"#, "x".repeat(limits::BODY_BYTES_MAX));
    show.choose(&long).await.refused(413, "too_large");
    assert!(show.rig.stage.held.lock().unwrap().is_empty());
    show.rig
        .ask("DELETE", &show.resource)
        .send()
        .await
        .expect(200);
    show.choose("{}").await.refused(404, "no_such_peer");
    show.rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w8_events_say_how_things_are_and_what_changes_until_the_viewer_ends() {
    let show = show().await;
    show.rig.stage.watching.store(3, Ordering::SeqCst);
    let all = show.stream(json!([
        "active",
        "inactive",
        "layers",
        "reconnect",
        "viewercount"
    ]));
    let mut events = Events::of(&show, &all.await).await;
    assert_eq!(events.next().await, Some(("active".into(), json!({}))));
    let layers = json!({"1": [
        {"rid": "1", "encodingId": "1", "bitrate": 300_000, "width": 1_280, "height": 720},
        {"rid": "0", "encodingId": "0", "bitrate": 80_000, "width": 320, "height": 180},
    ]});
    assert_eq!(events.next().await, Some(("layers".into(), layers)));
    let count = json!({"viewercount": 3});
    assert_eq!(events.next().await, Some(("viewercount".into(), count)));
    // The larger one falls silent.
    show.rig.stage.told.send_replace(two(0));
    let (name, layers) = events.next().await.expect("goes on");
    assert_eq!(
        (name.as_str(), &layers["1"][0]["bitrate"]),
        ("layers", &Value::Null)
    );
    show.rig.stage.told.send_replace(StageTold::default());
    assert_eq!(events.next().await, Some(("inactive".into(), json!({}))));
    show.rig
        .ask("DELETE", &show.resource)
        .send()
        .await
        .expect(200);
    assert_eq!(events.next().await, None);
    show.rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w8_a_stream_says_what_was_wanted_and_ends_when_its_player_says_so() {
    let show = show().await;
    let stream = show.stream(json!(["viewercount"])).await;
    let mut first = Events::of(&show, &stream).await;
    assert_eq!(first.next().await.expect("one").0, "viewercount");
    // Whoever reads it anew takes the place of who reads it.
    let mut second = Events::of(&show, &stream).await;
    assert_eq!(second.next().await.expect("one").0, "viewercount");
    assert_eq!(first.next().await, None);
    show.rig.ask("DELETE", &stream).send().await.expect(200);
    assert_eq!(second.next().await, None);
    show.rig.get(&stream).await.refused(404, "no_such_peer");
    let again = show.rig.ask("DELETE", &stream).send().await;
    again.refused(404, "no_such_peer");
    // Without a body it is everything.
    let path = format!("{}/sse", show.resource);
    let made = show.rig.ask("POST", &path).send().await.expect(201);
    let mut all = Events::of(&show, made.header("location")).await;
    assert_eq!(all.next().await.expect("one").0, "active");
    // What goes down keeps nobody.
    show.rig.stage.draining.store(true, Ordering::SeqCst);
    while all.next().await.is_some() {}
    show.rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w8_what_is_wrong_with_a_stream_has_its_own_status() {
    let show = show().await;
    let path = format!("{}/sse", show.resource);
    let post = || show.rig.ask("POST", &path);
    let none = post().json(json!(["scte35"])).send().await;
    none.refused(422, "malformed");
    for body in ["", "{}", "[1]", "hello"] {
        let said = post().body("application/json", body).send().await;
        said.refused(400, "malformed");
    }
    let text = post().body("text/plain", "[]").send().await;
    text.refused(415, "media_type_wrong");
    let stream = show.stream(json!(["layers"])).await;
    let page = show.rig.ask("GET", &stream).header("accept", "text/html");
    page.send().await.refused(406, "malformed");
    for other in ["0", "9", "x", "18446744073709551616"] {
        let path = format!("{path}/{other}");
        show.rig.get(&path).await.refused(404, "no_such_peer");
    }
    // Another viewer's, and one of a member for somebody else.
    let known = show.rig.ask("POST", WHEP).bearer(&show.owner).offer();
    let theirs = known.send().await.expect(201).header("location").to_owned();
    let number = stream.rsplit('/').next().unwrap();
    let crossed = format!("{theirs}/sse/{number}");
    let crossed = show.rig.ask("GET", &crossed).bearer(&show.owner);
    crossed.send().await.refused(404, "no_such_peer");
    let path = format!("{theirs}/sse");
    let nobody = show.rig.ask("POST", &path).send().await;
    nobody.refused(401, "token_missing");
    let mine = show.rig.ask("POST", &path).bearer(&show.owner).send().await;
    mine.expect(201);
    show.rig.end().await;
}
