//! The way into a mountpoint of Janus's streaming plugin, so that the same receivers watch both servers.
//! Its API by HTTP: a session, a handle, and then it is Janus that offers and we who answer.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::sdp::{H264, OPUS, RTX};

/// Events that may come before the offer.
const EVENTS_MAX: usize = 8;

/// One viewer's session.
pub(super) struct Session {
    http: reqwest::Client,
    session: String,
    handle: String,
}

impl Session {
    /// Asks for a mountpoint; answers with Janus's offer.
    pub(super) async fn watch(
        http: &reqwest::Client,
        server: SocketAddr,
        mountpoint: u64,
    ) -> Result<(Self, String)> {
        let root = format!("http://{server}/janus");
        let session = id(&ask(http, &root, json!({ "janus": "create" })).await?)?;
        let session = format!("{root}/{session}");
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.streaming" });
        let handle = id(&ask(http, &session, attach).await?)?;
        let it = Self {
            handle: format!("{session}/{handle}"),
            session,
            http: http.clone(),
        };
        it.tell(json!({ "request": "watch", "id": mountpoint }), None)
            .await?;
        for _ in 0..EVENTS_MAX {
            let url = format!("{}?maxev=1", it.session);
            let event: Value = http.get(&url).send().await?.json().await?;
            if let Some(offer) = event["jsep"]["sdp"].as_str() {
                return Ok((it, offer.to_owned()));
            }
            let error = &event["plugindata"]["data"]["error"];
            ensure!(error.is_null(), "Janus does not let us watch: {error}");
        }
        bail!("Janus offers nothing")
    }

    pub(super) async fn start(&self, answer: String) -> Result<()> {
        let jsep = json!({ "type": "answer", "sdp": answer });
        self.tell(json!({ "request": "start" }), Some(jsep)).await
    }

    pub(super) async fn leave(self) -> Result<()> {
        let destroy = json!({ "janus": "destroy" });
        ask(&self.http, &self.session, destroy).await.map(drop)
    }

    async fn tell(&self, body: Value, jsep: Option<Value>) -> Result<()> {
        let mut message = json!({ "janus": "message", "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        ask(&self.http, &self.handle, message).await.map(drop)
    }
}

async fn ask(http: &reqwest::Client, url: &str, mut message: Value) -> Result<Value> {
    message["transaction"] = super::line::text(12).into();
    let post = http.post(url).json(&message).send().await;
    let answer: Value = post.with_context(|| format!("POST {url}"))?.json().await?;
    let word = answer["janus"].as_str();
    ensure!(
        matches!(word, Some("success" | "ack")),
        "POST {url}: {answer}"
    );
    Ok(answer)
}

fn id(answer: &Value) -> Result<u64> {
    let id = answer["data"]["id"].as_u64();
    id.context("Janus answers without an id")
}

/// The answer to an offer whose sections are H264 and Opus under our own payload types, from where we
/// are. It agrees to `rtx` where that has ours too.
pub(super) fn answer(
    offer: &str,
    ours: SocketAddr,
    ufrag: &str,
    pwd: &str,
    fingerprint: &str,
) -> Result<String> {
    let (mut mids, mut sections) = (Vec::new(), String::new());
    for section in offer.split("\r\nm=").skip(1) {
        let mid = section.lines().find_map(|it| it.strip_prefix("a=mid:"));
        let mid = mid.context("a section without a mid")?;
        let resend = format!("a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={H264}\r\n");
        let (again, resend) = match section.contains(&resend) {
            true => (format!(" {RTX}"), resend),
            false => (String::new(), String::new()),
        };
        let (kind, pt, codec) = match section.split(' ').next() {
            Some("video") => (
                "video",
                H264,
                format!(
                    "a=rtpmap:{H264} H264/90000\r\n\
                     a=fmtp:{H264} packetization-mode=1;profile-level-id=42e01f\r\n\
                     a=rtcp-fb:{H264} nack\r\na=rtcp-fb:{H264} nack pli\r\n{resend}"
                ),
            ),
            Some("audio") => ("audio", OPUS, format!("a=rtpmap:{OPUS} opus/48000/2\r\n")),
            other => bail!("Janus offers {other:?}"),
        };
        ensure!(
            section.contains(&format!("a=rtpmap:{pt} ")),
            "Janus offers its {kind} under another payload type than {pt}"
        );
        mids.push(mid);
        sections += &format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {pt}{again}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=recvonly\r\n\
             a=rtcp-mux\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n{codec}\
             a=candidate:1 1 udp 2130706431 {} {} typ host\r\na=end-of-candidates\r\n",
            ours.ip(),
            ours.port()
        );
    }
    ensure!(!mids.is_empty(), "Janus offers no section");
    Ok(format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n{sections}",
        mids.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE a v\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=rtpmap:111 opus/48000/2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=mid:v\r\na=rtpmap:108 H264/90000\r\n\
        a=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n";

    fn answered(offer: &str) -> Result<String> {
        answer(offer, ([192, 0, 2, 1], 4_000).into(), "u", "p", "AA:BB")
    }

    #[test]
    fn each_section_is_answered_in_its_place() {
        let text = answered(OFFER).expect("an answer");
        let sections: Vec<&str> = text.split("\r\nm=").collect();
        assert_eq!(sections.len(), 3);
        assert!(sections[0].ends_with("a=group:BUNDLE a v"));
        assert!(sections[1].starts_with("audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(sections[2].starts_with("video 9 UDP/TLS/RTP/SAVPF 108 109\r\n"));
        assert!(sections[2].contains("a=fmtp:109 apt=108\r\n"));
        assert!(sections[2].contains("a=rtcp-fb:108 nack\r\n"));
        for section in &sections[1..] {
            assert!(section.contains("a=setup:active\r\n"));
            assert!(section.contains(" udp 2130706431 192.0.2.1 4000 typ host\r\n"));
        }
    }

    #[test]
    fn repeats_under_another_number_are_not_agreed_to() {
        let text = answered(&OFFER.replace("109", "97")).expect("an answer");
        assert!(text.contains("video 9 UDP/TLS/RTP/SAVPF 108\r\n"));
        assert!(!text.contains("rtx"));
    }

    #[test]
    fn what_we_could_not_hear_is_refused() {
        let error = |offer: &str| answered(offer).expect_err("refused").to_string();
        assert!(error(&OFFER.replace("108 H264", "100 H264")).contains("payload type than 108"));
        assert!(error(&OFFER.replace("a=mid:v\r\n", "")).contains("mid"));
        assert!(error(&OFFER.replace("m=video", "m=application")).contains("application"));
        assert!(error("v=0\r\n").contains("no section"));
    }
}
