//! Reminders of a room's broadcast, and the broadcast as a calendar takes it.

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use community::Verb;
use protocol::{Code, name, notices::Reminder, rest::Problem, server::Phase};
use store::{BroadcastRow, RoomRow};

use super::{
    Doors, calendar,
    caller::{Caller, Known},
    notices::hold_member,
    problem::{Failure, Outcome},
    rooms,
    share::DEFAULT_LANG,
};

/// Whether you are reminded of the room's broadcast
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/reminder", tag = "notices",
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = Reminder), (status = "default", body = Problem)),
)]
pub(crate) async fn show(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<Reminder>> {
    hold_member(&by)?;
    let room = rooms::find(&doors, room).await?;
    let set = match coming(&doors, &room).await? {
        Some(it) => doors.store.reminder(it.id, by.id).await?,
        None => false,
    };
    Ok(Answer(Reminder { set }))
}

/// Be reminded ten minutes before the broadcast begins, and when it goes live
#[utoipa::path(
    put, path = "/api/v1/rooms/{room}/reminder", tag = "notices",
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = Reminder), (status = "default", body = Problem)),
)]
pub(crate) async fn set(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<Reminder>> {
    hold_member(&by)?;
    let room = rooms::find(&doors, room).await?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::Watch)
        .await?;
    let Some(broadcast) = coming(&doors, &room).await? else {
        return Err(Failure::new(
            Code::NoBroadcast,
            "no broadcast is announced in this room",
        ));
    };
    doors
        .store
        .add_reminder(broadcast.id, by.id, clock::unix_ms())
        .await?;
    Ok(Answer(Reminder { set: true }))
}

/// Be reminded no more
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room}/reminder", tag = "notices",
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = Reminder), (status = "default", body = Problem)),
)]
pub(crate) async fn unset(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<Reminder>> {
    let room = rooms::find(&doors, room).await?;
    if let Some(it) = coming(&doors, &room).await? {
        doors.store.remove_reminder(it.id, by.id).await?;
    }
    Ok(Answer(Reminder { set: false }))
}

/// The broadcast for a calendar (RFC 5545)
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/broadcast.ics", tag = "rooms",
    params(("room" = String, Path, description = "the room's slug")),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses(
        (status = 200, content_type = "text/calendar", body = String),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn calendar(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    by: Caller,
) -> Outcome<Response> {
    let room = rooms::find(&doors, room).await?;
    doors
        .stage
        .admit(room.number, by.who(), Verb::Watch)
        .await?;
    let found = doors.store.broadcast_for_calendar(room.number).await?;
    let dated = found.and_then(|(it, revision)| it.starts_ms.map(|starts| (it, revision, starts)));
    let Some((broadcast, revision, starts_ms)) = dated else {
        return Err(Failure::new(
            Code::NoBroadcast,
            "no broadcast is announced in this room",
        ));
    };
    let text = calendar::file(&calendar::Entry {
        id: broadcast.id.as_str(),
        title: &broadcast.title,
        room: &room.title,
        url: &format!("{}/r/{}", doors.settings.origin, room.slug),
        host: name::shown(&broadcast.host.name, DEFAULT_LANG),
        starts_ms,
        ended_ms: broadcast.ended_ms,
        // What was put away without having been live was taken back.
        cancelled: broadcast.phase == Phase::Archived && broadcast.live_ms.is_none(),
        revision,
        now_ms: clock::unix_ms(),
    });
    let named = format!("inline; filename=\"{}.ics\"", room.slug);
    Ok((
        [
            (header::CONTENT_TYPE, calendar::TYPE.to_owned()),
            (header::CONTENT_DISPOSITION, named),
            (header::CACHE_CONTROL, "no-cache".to_owned()),
        ],
        text,
    )
        .into_response())
}

/// The broadcast that is announced here, or about to be live.
async fn coming(doors: &Doors, room: &RoomRow) -> Outcome<Option<BroadcastRow>> {
    let found = doors.store.current_broadcast(room.number).await?;
    Ok(found.filter(|it| matches!(it.phase, Phase::Scheduled | Phase::Open)))
}
