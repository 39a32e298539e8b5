//! A poll's numbers, for who runs the room: as JSON, or as a table for a spreadsheet.

use auth::{Identity, Role};
use axum::{
    Json as Answer,
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use community::{RecordBody, Verb};
use protocol::{
    Code, Seq,
    rest::{PollOption, PollResult, Problem},
};
use serde::Deserialize;
use store::{RoomRow, VoteRow};

use super::{
    Doors,
    caller::Known,
    history,
    problem::{Failure, Outcome},
    rooms,
};

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Csv,
}

#[derive(Deserialize)]
pub(crate) struct As {
    #[serde(default)]
    format: Format,
}

/// How a poll stands, or ended; with `format=csv` as a table. Who voted what is nobody's to read
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/polls/{seq}", tag = "rooms",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("seq" = u64, Path, description = "the poll's seq"),
        ("format" = Option<String>, Query, description = "`json`, or `csv` for a spreadsheet"),
    ),
    responses((status = 200, body = PollResult), (status = "default", body = Problem)),
)]
pub(crate) async fn result(
    State(doors): State<Doors>,
    Path((room, seq)): Path<(String, Seq)>,
    form: Result<Query<As>, axum::extract::rejection::QueryRejection>,
    Known(by): Known,
) -> Outcome<Response> {
    let Query(form) = form.map_err(|it| Failure::malformed(it.body_text()))?;
    let room = held(&doors, room, &by).await?;
    let found = read(&doors, &room, seq).await?;
    Ok(match form.format {
        Format::Json => Answer(found).into_response(),
        Format::Csv => {
            let name = format!("attachment; filename=\"poll-{}-{seq}.csv\"", room.slug);
            let name = HeaderValue::try_from(name).expect("a well-formed slug fits a header");
            let kind = HeaderValue::from_static("text/csv; charset=utf-8");
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, csv(&found)).into_response()
        }
    })
}

/// The room, for somebody with an account who runs it.
async fn held(doors: &Doors, room: String, by: &Identity) -> Outcome<RoomRow> {
    let room = rooms::find(doors, room).await?;
    if by.role == Role::Guest || by.foreign {
        let words = "a poll's numbers are for who runs the room";
        return Err(Failure::new(Code::NotPermitted, words));
    }
    let who = Some(by.who());
    doors.stage.admit(room.number, who, Verb::Polls).await?;
    Ok(room)
}

async fn read(doors: &Doors, room: &RoomRow, seq: Seq) -> Outcome<PollResult> {
    let gone = || Failure::new(Code::NotFound, "there is no poll of that number here");
    let entry = doors.store.entry(room.number, seq).await?;
    let record = history::read(doors, room.circle, entry.ok_or_else(gone)?)?;
    let RecordBody::Poll(poll) = record.body else {
        return Err(gone());
    };
    let votes: Vec<VoteRow> = match poll.result {
        Some(_) => Vec::new(),
        None => doors.store.votes(room.number).await?,
    };
    let votes: Vec<u16> = votes
        .into_iter()
        .filter_map(|it| (it.of == seq).then_some(it.picks))
        .collect();
    let count = |option: usize| match &poll.result {
        Some(it) => it.n.get(option).copied().unwrap_or(0),
        None => people(votes.iter().filter(|it| *it >> option & 1 == 1).count()),
    };
    let options = poll
        .options
        .iter()
        .enumerate()
        .map(|(at, text)| PollOption {
            text: text.to_string(),
            votes: count(at),
        });
    Ok(PollResult {
        seq,
        question: poll.question.to_string(),
        options: options.collect(),
        voters: poll
            .result
            .as_ref()
            .map_or_else(|| people(votes.len()), |it| it.voters),
        multiple: poll.multiple,
        open: poll.result.is_none(),
        made_ms: record.at_ms,
        closes_ms: poll.closes_ms,
    })
}

fn people(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// RFC 4180, with a mark that tells a spreadsheet that it is UTF-8.
fn csv(it: &PollResult) -> String {
    let mut text = String::from("\u{feff}option,votes\r\n");
    for option in &it.options {
        text.push_str(&cell(&option.text));
        text.push_str(&format!(",{}\r\n", option.votes));
    }
    text.push_str(&format!("{},{}\r\n", cell(&it.question), it.voters));
    text
}

/// Words of somebody's in a cell. A spreadsheet would run what begins like a formula, so such a cell
/// begins with an apostrophe.
fn cell(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if runs { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v8_a_cell_is_never_a_formula_and_never_ends_early() {
        for (text, expect) in [
            ("八点", "\"八点\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
        ] {
            assert_eq!(cell(text), expect);
        }
    }
}
