//! Stream keys of a room: listed without the key, made (shown once), revoked.

use auth::{Identity, Role, secrets};
use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use community::Verb;
use protocol::{
    Code, limits,
    rest::{NewStreamKey, Problem, StreamKey, StreamKeyList, StreamKeyMade},
};
use store::{NewAct, RoomRow};

use super::{
    Doors,
    audit::act,
    body::Json,
    caller::Known,
    problem::{Failure, Outcome},
    rooms::{self, fit_title},
    seam::Revoked,
};

/// Keys of one room at a time: one for each encoder, not one for each evening.
const KEYS_MAX: usize = 20;

/// The stream keys of a room, never the keys themselves
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/stream-keys", tag = "stream keys",
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = StreamKeyList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<StreamKeyList>> {
    let room = held(&doors, room, &by).await?;
    let keys = doors.store.stream_keys(room.number).await?;
    let keys = keys
        .into_iter()
        .map(|it| StreamKey {
            id: it.id,
            label: it.label,
            made_ms: it.made_ms,
            used_ms: it.used_ms,
        })
        .collect();
    Ok(Answer(StreamKeyList { keys }))
}

/// Make a stream key: the only time it is shown
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/stream-keys", tag = "stream keys",
    request_body = NewStreamKey,
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 201, body = StreamKeyMade), (status = "default", body = Problem)),
)]
pub(crate) async fn make(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(wish): Json<NewStreamKey>,
) -> Outcome<Response> {
    let room = held(&doors, room, &by).await?;
    let label = fit_title(&wish.label, limits::NAME_CHARS_MAX)?;
    if doors.store.stream_keys(room.number).await?.len() >= KEYS_MAX {
        return Err(Failure::new(
            Code::NotPermitted,
            format!("a room has at most {KEYS_MAX} stream keys: revoke one first"),
        ));
    }
    let secret = auth::stream_keys::make();
    let key = store::StreamKey {
        id: secrets::random_id("k_"),
        room: room.number,
        account: by.id.clone(),
        label,
        made_ms: clock::unix_ms(),
        used_ms: None,
    };
    let made = NewAct {
        room: Some(room.number),
        ..act(&by, "stream_key", key.label.clone())
    };
    doors
        .store
        .add_stream_key(key.clone(), secret.hash, made)
        .await?;
    let made = StreamKeyMade {
        id: key.id,
        key: secret.text,
        label: key.label,
    };
    Ok((StatusCode::CREATED, Answer(made)).into_response())
}

/// Revoke a stream key: whoever publishes with it is cut off
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room}/stream-keys/{id}", tag = "stream keys",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("id" = String, Path, description = "the key's id"),
    ),
    responses((status = 204), (status = "default", body = Problem)),
)]
pub(crate) async fn revoke(
    State(doors): State<Doors>,
    Path((room, id)): Path<(String, String)>,
    Known(by): Known,
) -> Outcome<StatusCode> {
    let room = held(&doors, room, &by).await?;
    let revoked = NewAct {
        room: Some(room.number),
        ..act(&by, "revoke_stream_key", String::new())
    };
    doors
        .store
        .revoke_stream_key(room.number, id.clone(), revoked)
        .await?;
    doors.stage.revoke(Revoked::StreamKey {
        room: room.number,
        id,
    });
    Ok(StatusCode::NO_CONTENT)
}

/// The room, for somebody with an account who may go live in it.
async fn held(doors: &Doors, room: String, by: &Identity) -> Outcome<RoomRow> {
    let room = rooms::find(doors, room).await?;
    if by.role == Role::Guest || by.foreign {
        return Err(Failure::new(
            Code::NotPermitted,
            "stream keys belong to accounts",
        ));
    }
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::GoLive)
        .await?;
    Ok(room)
}
