//! What the suite of splits asks of a server, and how it reads what became of it.

use std::collections::BTreeMap;

use protocol::{
    Seq,
    server::{Body, Page, RecordFrame},
    topic::TopicCard,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use weiquan_client::new_client_id;

use crate::support::Person;

pub(crate) async fn start(by: &Person, title: &str) -> TopicCard {
    let wish = json!({
        "cid": new_client_id(), "kind": "discussion", "title": title, "text": format!("说说{title}"), "guests": true,
    });
    by.post("/api/v1/topics", &wish).await
}

pub(crate) fn wish(seqs: &[Seq]) -> Value {
    json!({ "cid": new_client_id(), "seqs": seqs, "title": "带什么", "kind": "question", "tags": ["露营"] })
}

/// What was answered, or the code of the refusal.
pub(crate) async fn split_by(
    by: &Person,
    topic: &TopicCard,
    wish: &Value,
) -> Result<TopicCard, String> {
    let path = format!("/api/v1/topics/{}/split", topic.room);
    let answer = by.request(Method::POST, &path).json(wish).send().await;
    let answer = answer.expect("answered");
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    match status {
        StatusCode::CREATED => Ok(serde_json::from_value(body).expect("a card")),
        _ => Err(body["code"].as_str().expect("a code").to_owned()),
    }
}

pub(crate) async fn split(
    by: &Person,
    topic: &TopicCard,
    seqs: &[Seq],
) -> Result<TopicCard, String> {
    split_by(by, topic, &wish(seqs)).await
}

pub(crate) async fn shown(by: &Person, room: &str) -> TopicCard {
    by.get(&format!("/api/v1/topics/{room}")).await
}

pub(crate) async fn history(by: &Person, room: &str) -> Vec<RecordFrame> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |it: &RecordFrame| it.s);
        let path = format!("/api/v1/rooms/{room}/history?after={after}&n=200");
        let page: Page = by.get(&path).await;
        all.extend(page.page);
        if page.end {
            return all;
        }
    }
}

/// The messages of a topic that have words, by their seqs.
pub(crate) fn words(records: &[RecordFrame]) -> BTreeMap<Seq, String> {
    let said = records.iter().filter_map(|it| match &it.body {
        Body::Msg { text, deleted, .. } if !deleted => Some((it.s, text.clone())),
        _ => None,
    });
    said.collect()
}
