//! `weiquan audit`: reads the audit log of a data folder and proves that nobody changed it. It only reads,
//! so it may run beside the server. And what the operator does to the circle from the machine itself, as
//! a line of that log; what only reads (a backup, a check, this command) is none.

use std::path::Path;

use protocol::server::{Mark, Person};
use store::{ActRow, ActsOf, Chain, NewAct, OpenError, StoreConfig, peek_acts, peek_chain};

use super::report::moment_text;

/// Who stands in the log for whoever has the machine. No account: their ids begin with a letter and `_`.
const OPERATOR: &str = "operator";

/// An act of the operator, now, to nobody and of no room.
pub(crate) fn act(what: &str, why: String) -> NewAct {
    NewAct {
        at_ms: clock::unix_ms(),
        room: None,
        seq: None,
        by: Person {
            id: OPERATOR.into(),
            name: OPERATOR.to_owned(),
            // Of no rank in the circle.
            mark: Mark::Member,
        },
        what: what.to_owned(),
        whom: None,
        why,
        until_ms: None,
    }
}

/// Walks the chain: what was found, in a sentence, and whether it holds.
pub fn verify(folder: &Path, store: &StoreConfig) -> Result<(String, bool), OpenError> {
    Ok(match peek_chain(folder, store)? {
        Chain::Whole(lines) => (format!("the audit log is whole: {lines} lines"), true),
        Chain::BrokenAt(number) => (
            format!(
                "line {number} of the audit log is not what was written, or one before it is missing"
            ),
            false,
        ),
    })
}

/// The lines asked for, oldest first: one a line, as text or as JSON.
pub fn list(
    folder: &Path,
    store: &StoreConfig,
    of: &ActsOf,
    json: bool,
) -> Result<Vec<String>, OpenError> {
    let mut lines = peek_acts(folder, store, of)?;
    lines.reverse();
    let say = if json { as_json } else { as_text };
    Ok(lines.iter().map(say).collect())
}

fn as_text(ActRow { number, act, .. }: &ActRow) -> String {
    let mut line = format!(
        "{number} {} {} {}",
        moment_text(act.at_ms),
        called(&act.by),
        act.what
    );
    if let Some(whom) = &act.whom {
        line += &format!(" {}", called(whom));
    }
    if let Some(until_ms) = act.until_ms {
        line += &format!(" until {}", moment_text(until_ms));
    }
    if let Some(room) = act.room {
        line += &format!(" in room {room}");
    }
    if !act.why.is_empty() {
        line += &format!(": {}", act.why);
    }
    line
}

/// Who erased their account is an id.
fn called(it: &Person) -> &str {
    if it.name.is_empty() {
        it.id.as_str()
    } else {
        &it.name
    }
}

fn as_json(ActRow { number, act, .. }: &ActRow) -> String {
    serde_json::json!({
        "number": number, "at_ms": act.at_ms, "room": act.room, "seq": act.seq, "by": act.by,
        "what": act.what, "whom": act.whom, "why": act.why, "until_ms": act.until_ms,
    })
    .to_string()
}
