//! A server with rooms and people, and a client that says exactly what it is told.

use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use crate::{
    support::{Person, Server},
    table::Rule,
};

/// As FFmpeg 8.1 and Chromium 156 made them.
pub const FFMPEG: &str = include_str!("../../src/rtc/publish/tests/offers/ffmpeg.sdp");
pub const CHROMIUM: &str = include_str!("../../src/rtc/publish/tests/offers/chromium.sdp");

pub const SDP: &str = "application/sdp";
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
pub const WHIP: &str = "/api/v1/rooms/studio/whip";
pub const WHEP: &str = "/api/v1/rooms/hall/whep";

/// Chromium's offer as it is for somebody who only watches.
pub fn watching() -> String {
    CHROMIUM.replace("a=sendonly", "a=recvonly")
}

/// A server where `hall` has a publisher in a while, and `studio` never has media.
pub struct Show {
    pub server: Server,
    pub owner: Person,
    /// Of `studio`, and of `hall`.
    pub key: String,
    pub hall_key: String,
    client: Client,
}

/// A client that goes nowhere by itself.
pub fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // A connection for each request: a refusal that read no body ends its own, and the next one on it would be lost.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

impl Show {
    pub async fn start() -> Self {
        let server = Server::start();
        let owner = server.set_up().await;
        let mut keys = Vec::new();
        for room in ["studio", "hall"] {
            owner.make_room(room).await;
            keys.push(owner.make_stream_key(room).await.key);
        }
        let hall_key = keys.pop().expect("two");
        let key = keys.pop().expect("two");
        Self {
            server,
            owner,
            key,
            hall_key,
            client: client(),
        }
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            client: self.client.clone(),
            method: Method::from_bytes(method.as_bytes()).expect("a method"),
            url: self.server.url(path),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// An encoder of `studio` that posts an offer.
    pub async fn publish(&self, offer: &str) -> Said {
        let ask = self.ask("POST", "/whip").bearer(&self.key);
        ask.body(SDP, offer).send().await
    }
}

/// One request in the making.
pub struct Ask {
    pub client: Client,
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub async fn send(self) -> Said {
        let request = self.client.request(self.method, self.url);
        let response = request
            .headers(self.headers)
            .body(self.body)
            .send()
            .await
            .expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Said {
            status,
            headers,
            text,
        }
    }
}

/// An answer.
pub struct Said {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Said {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    pub fn resource(&self) -> String {
        self.header("location").to_owned()
    }

    /// The values of an attribute in the body.
    pub fn attributes(&self, name: &str) -> Vec<&str> {
        let prefix = format!("a={name}:");
        let lines = self.text.lines();
        lines.filter_map(|it| it.strip_prefix(&prefix)).collect()
    }

    /// Lines of the body that are exactly this.
    pub fn lines(&self, wanted: &str) -> usize {
        self.text.lines().filter(|it| *it == wanted).count()
    }

    pub fn sections(&self) -> usize {
        self.text.lines().filter(|it| it.starts_with("m=")).count()
    }
}

/// That it was refused, and said so as RFC 9457 has it and to pages of every site.
pub fn refused(rule: &mut Rule<'_>, what: &str, said: &Said, status: u16, code: &str) {
    rule.is(what, said.status, status);
    rule.is(
        what,
        said.header("content-type"),
        "application/problem+json",
    );
    rule.is(what, said.header("access-control-allow-origin"), "*");
    let problem: Value = serde_json::from_str(&said.text).unwrap_or_default();
    rule.is(what, problem["status"].as_u64(), Some(u64::from(status)));
    rule.is(what, problem["code"].as_str().unwrap_or_default(), code);
    for field in ["type", "title", "detail"] {
        rule.holds(what, problem[field].is_string());
    }
}
