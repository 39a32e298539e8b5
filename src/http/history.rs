//! The past of a room, page by page, as the same records that the socket shows.

use axum::{
    Json as Answer,
    extract::{Path, Query, State},
};
use community::{ReadError, Record, Verb};
use protocol::{CircleId, Seq, limits, rest::Problem, server::Page};
use serde::Deserialize;
use store::{Entry, PageOf};

use crate::actor::storing;

use super::{
    Doors,
    caller::Caller,
    problem::{Failure, Outcome},
    rooms,
};

#[derive(Deserialize)]
pub(crate) struct Span {
    before: Option<Seq>,
    after: Option<Seq>,
    n: Option<usize>,
}

/// A page of the past: the newest records, those before a seq, or those after one, oldest first
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/history", tag = "rooms",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("before" = Option<u64>, Query, description = "the newest records below this seq"),
        ("after" = Option<u64>, Query, description = "the oldest records above this seq"),
        ("n" = Option<u32>, Query, description = "records, at most 200; 50 where it is absent"),
    ),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = Page), (status = "default", body = Problem)),
)]
pub(crate) async fn page(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    span: Result<Query<Span>, axum::extract::rejection::QueryRejection>,
    by: Caller,
) -> Outcome<Answer<Page>> {
    let Query(span) = span.map_err(|it| Failure::malformed(it.body_text()))?;
    let of = match (span.before, span.after) {
        (None, None) => PageOf::Last,
        (Some(seq), None) => PageOf::Before(seq),
        (None, Some(seq)) => PageOf::After(seq),
        (Some(_), Some(_)) => return Err(Failure::malformed("say before or after, not both")),
    };
    let n = span
        .n
        .unwrap_or(limits::SNAPSHOT_RECORDS)
        .clamp(1, limits::PAGE_RECORDS_MAX);
    let room = rooms::find(&doors, room).await?;
    doors
        .stage
        .admit(room.number, by.who(), Verb::Watch)
        .await?;
    let page = doors.store.page(room.number, of, n).await?;
    let end = page.end;
    let records =
        storing::records(&doors.store.erasing(), room.circle, page).map_err(unreadable)?;
    Ok(Answer(Page {
        page: records.into_iter().map(|it| it.frame()).collect(),
        end,
    }))
}

/// A stored entry as a record.
pub(super) fn read(doors: &Doors, circle: CircleId, entry: Entry) -> Outcome<Record> {
    storing::record(&doors.store.erasing(), circle, entry).map_err(unreadable)
}

fn unreadable(error: ReadError) -> Failure {
    Failure::internal("a stored record cannot be read", &error)
}
