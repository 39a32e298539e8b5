//! `weiquan audit`: reads the audit log of a data folder and proves that nobody changed it. It only reads,
//! so it may run beside the server.

use std::path::Path;

use store::{ActRow, ActsOf, Chain, OpenError, peek_acts, peek_chain};

use super::report::moment_text;

/// Walks the chain: what was found, in a sentence, and whether it holds.
pub fn verify(folder: &Path) -> Result<(String, bool), OpenError> {
    Ok(match peek_chain(folder)? {
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
pub fn list(folder: &Path, of: &ActsOf, json: bool) -> Result<Vec<String>, OpenError> {
    let mut lines = peek_acts(folder, of)?;
    lines.reverse();
    let say = if json { as_json } else { as_text };
    Ok(lines.iter().map(say).collect())
}

fn as_text(ActRow { number, act, .. }: &ActRow) -> String {
    let mut line = format!(
        "{number} {} {} {}",
        moment_text(act.at_ms),
        act.by.name,
        act.what
    );
    if let Some(whom) = &act.whom {
        line += &format!(" {}", whom.name);
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

fn as_json(ActRow { number, act, .. }: &ActRow) -> String {
    serde_json::json!({
        "number": number, "at_ms": act.at_ms, "room": act.room, "seq": act.seq, "by": act.by,
        "what": act.what, "whom": act.whom, "why": act.why, "until_ms": act.until_ms,
    })
    .to_string()
}
