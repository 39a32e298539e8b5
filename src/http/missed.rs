//! What a member missed in the live: broadcasts that ended while they were not there, until they put them away.

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::{
    limits,
    rest::{Missed, MissedList, MissedSeen, Problem},
};

use super::{
    Doors,
    body::Json,
    caller::Known,
    notices::hold_member,
    problem::{Failure, Outcome},
    rooms,
};
use crate::actor::{Stretch, is_missed_by};

/// Broadcasts that are looked at.
const LOOKED_AT: usize = 20;

/// Broadcasts of the last days that you missed, the newest first
#[utoipa::path(
    get, path = "/api/v1/missed", tag = "notices",
    responses((status = 200, body = MissedList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Known(by): Known,
) -> Outcome<Answer<MissedList>> {
    hold_member(&by)?;
    let mut missed = Vec::new();
    let account = doors.store.account(by.id.clone()).await?;
    let (Some(circle), Some(account)) = (doors.store.circle().await?, account) else {
        return Ok(Answer(MissedList { missed }));
    };
    let within_ms = limits::MISSED_WITHIN.as_millis() as u64;
    let since_ms = clock::unix_ms()
        .saturating_sub(within_ms)
        .max(account.made_ms)
        .max(doors.store.caught_up(by.id.clone()).await?);
    let rows = doors
        .store
        .ended_since(circle.id, since_ms, LOOKED_AT)
        .await?;
    if rows.is_empty() {
        return Ok(Answer(MissedList { missed }));
    }
    let shut = rooms::shut_to(&doors, &by.who()).await?;
    let is_missed =
        |it: &store::EndedRow| !shut.contains(&it.summary.room) && is_missed_by(it, &by.id);
    for row in rows.into_iter().filter(is_missed).take(limits::MISSED_MAX) {
        let stretch = Stretch {
            store: &doors.store,
            room: row.summary.room,
            circle: circle.id,
            seqs: row.summary.seqs,
        };
        let answered = stretch.answered().await?.len();
        let mentions = doors
            .store
            .unseen_between(by.id.clone(), row.summary.room, row.summary.seqs)
            .await?;
        let recap = doors.store.recap(row.summary.broadcast.id.clone()).await?;
        missed.push(Missed {
            room: row.slug,
            room_title: row.room_title,
            ended_ms: row.ended_ms,
            played_ms: row.summary.turnout.played_ms,
            broadcast: rooms::frame(row.summary.broadcast),
            recap,
            answered: u32::try_from(answered).unwrap_or(u32::MAX),
            mentions,
        });
    }
    Ok(Answer(MissedList { missed }))
}

/// You have caught up: broadcasts that ended by then are no news to you, on any device
#[utoipa::path(
    post, path = "/api/v1/missed/seen", tag = "notices", request_body = MissedSeen,
    responses((status = 204), (status = "default", body = Problem)),
)]
pub(crate) async fn seen(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<MissedSeen>,
) -> Outcome<StatusCode> {
    hold_member(&by)?;
    if wish.upto_ms > clock::unix_ms() {
        return Err(Failure::malformed(
            "upto_ms is when the newest broadcast ended that you have caught up on",
        ));
    }
    doors.store.catch_up(by.id, wish.upto_ms).await?;
    Ok(StatusCode::NO_CONTENT)
}
