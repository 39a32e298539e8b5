//! Reading what a server says, a newer one's words included.
//!
//! The grammar of [`protocol`] knows the words of today. A client must live with those of tomorrow
//! (F3, R5): an unknown push says nothing to it, a record of an unknown kind keeps its seq and shows
//! nothing, a refusal with an unknown code is still acted on by its `act`.

use protocol::server::{Answer, Outcome, Push, RecordFrame, Reply};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::Error;

/// One frame of the server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    Answer(Answer),
    Push(Push),
}

const PUSHES: &[&str] = &[
    "ev", "state", "burst", "gap", "roster", "out", "rights", "closed", "ping", "pong", "goaway",
];
const ACTS: &[&str] = &["none", "retry", "reauth", "resync", "move", "stop"];

impl Incoming {
    /// Reads one text message: a frame, or an array of them. What says nothing to this client is left out.
    pub fn read(text: &str) -> Result<Vec<Self>, Error> {
        let unreadable = |it: serde_json::Error| Error::Unreadable(format!("{it} in {text}"));
        if text.trim_start().starts_with('[') {
            let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(unreadable)?;
            let read = parts.iter().map(|it| read_one(it.get()));
            return read
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()
                .map_err(unreadable);
        }
        read_one(text)
            .map(|it| it.into_iter().collect())
            .map_err(unreadable)
    }
}

fn read_one(text: &str) -> serde_json::Result<Option<Incoming>> {
    match serde_json::from_str(text) {
        // `ok` is told apart by its fields: what fits none of them is either empty or not of today.
        Ok(Incoming::Answer(Answer {
            outcome: Outcome::Ok(Reply::Done {}),
            ..
        }))
        | Err(_) => read_tomorrow(text),
        Ok(known) => Ok(Some(known)),
    }
}

fn read_tomorrow(text: &str) -> serde_json::Result<Option<Incoming>> {
    let mut frame: Value = serde_json::from_str(text)?;
    if frame.get("i").is_none() {
        let op = frame.get("op").and_then(Value::as_str);
        if op.is_some_and(|it| !PUSHES.contains(&it)) {
            return Ok(None);
        }
    }
    soften_refusal(frame.get_mut("err"));
    soften_refusal(frame.get_mut("why"));
    soften_records(frame.get_mut("ev"));
    if let Some(ok) = frame.get_mut("ok") {
        soften_records(ok.get_mut("ev"));
        soften_records(ok.get_mut("page"));
    }
    serde_json::from_value(frame).map(Some)
}

/// A record of an unknown kind becomes the edit that changes nothing (R6): its seq counts.
fn soften_records(records: Option<&mut Value>) {
    for record in records.and_then(Value::as_array_mut).into_iter().flatten() {
        if RecordFrame::deserialize(&*record).is_err()
            && let Some(fields) = record.as_object_mut()
        {
            fields.insert("k".into(), json!("edit"));
            fields.insert("b".into(), json!({"of": 0, "text": ""}));
        }
    }
}

/// Clients act on `act` alone: the words stay, an unknown code is as good as any.
fn soften_refusal(refusal: Option<&mut Value>) {
    let Some(fields) = refusal.and_then(Value::as_object_mut) else {
        return;
    };
    if fields
        .get("code")
        .is_some_and(|it| protocol::Code::deserialize(it).is_err())
    {
        fields.insert("code".into(), json!("internal"));
    }
    let act = fields.get("act").and_then(Value::as_str);
    if act.is_some_and(|it| !ACTS.contains(&it)) {
        fields.insert("act".into(), json!("none"));
    }
}
