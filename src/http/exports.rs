//! Downloads of what people said: a topic, a board, a broadcast, the circle, and one's own data, each a zip that
//! is written as it is taken (docs/EXPORT.md).

use auth::{Identity, Role};
use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use community::Verb;
use futures_util::stream;
use protocol::{BroadcastId, Code, Refusal, RoomNumber, Slug, limits, rest::Problem};
use store::NewAct;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use super::{
    Doors,
    audit::act,
    caller::{Known, bearer, hold_download},
    problem::{Failure, Outcome},
    rooms,
    topics::{circle, found, hold_board, readable},
};
use crate::export::{ExportError, Manifest, Sink, What, export};

/// When somebody who finds every turn taken may ask again.
const BUSY_MS: u64 = 10_000;
/// Pieces that wait to be taken, of 64 KiB and a little more each.
const PIECES_WAITING: usize = 4;

/// A topic, as a zip
///
/// For staff its whole log, which `weiquan import` reads back; for who started it what its readers are shown.
#[utoipa::path(
    get, path = "/api/v1/topics/{room}/export", tag = "exports",
    params(("room" = String, Path, description = "the topic's slug")),
    responses(
        (status = 200, content_type = "application/zip", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn topic(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    headers: HeaderMap,
) -> Outcome<Response> {
    let room = readable(&doors, room, &by).await?;
    let row = found(&doors, &room.slug, Some(&by)).await?;
    let number = room.number;
    let what = if is_staff(&by) {
        What::Room(room)
    } else if row.topic.by.id == by.id {
        What::Shown(room)
    } else {
        return Err(Failure::new(
            Code::NotPermitted,
            "only who started this topic and moderators export it",
        ));
    };
    let told = note(&by, "topic", Some(number));
    download(doors, by, &headers, what, Some(told)).await
}

/// A board with all its topics, as a zip that `weiquan import` reads back
#[utoipa::path(
    get, path = "/api/v1/boards/{slug}/export", tag = "exports",
    params(("slug" = String, Path, description = "the board's name in addresses")),
    responses(
        (status = 200, content_type = "application/zip", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn board(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    Known(by): Known,
    headers: HeaderMap,
) -> Outcome<Response> {
    if !is_staff(&by) {
        return Err(Failure::new(
            Code::NotPermitted,
            "only the owner and moderators export boards",
        ));
    }
    let slug = Slug::new(slug);
    hold_board(&doors, circle(&doors).await?, &slug).await?;
    let told = note(&by, &format!("board {slug}"), None);
    download(doors, by, &headers, What::Board(slug), Some(told)).await
}

/// A broadcast that is over, as a zip: what was said and asked meanwhile, its polls, and what it came to
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}/broadcasts/{id}/export", tag = "exports",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("id" = String, Path, description = "the broadcast's id"),
    ),
    responses(
        (status = 200, content_type = "application/zip", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn broadcast(
    State(doors): State<Doors>,
    Path((room, id)): Path<(String, String)>,
    Known(by): Known,
    headers: HeaderMap,
) -> Outcome<Response> {
    let room = rooms::find(&doors, room).await?;
    let may = |verb| doors.stage.admit(room.number, Some(by.who()), verb);
    may(Verb::Watch).await?;
    let row = doors.store.summary(BroadcastId::new(id)).await?;
    let row = row
        .filter(|it| it.room == room.number)
        .ok_or_else(|| Failure::new(Code::NotFound, "this broadcast is not over, or not here"))?;
    if row.broadcast.host.id != by.id {
        may(Verb::GoLive).await.map_err(|it| {
            Refusal::new(it.code, "only its host and moderators export a broadcast")
        })?;
    }
    let told = note(
        &by,
        &format!("broadcast {}", row.broadcast.title),
        Some(room.number),
    );
    let what = What::Broadcast(room, Box::new(row));
    download(doors, by, &headers, what, Some(told)).await
}

/// The whole circle, as a zip that `weiquan import` reads back; for its owner
#[utoipa::path(
    get, path = "/api/v1/circle/export", tag = "exports",
    responses(
        (status = 200, content_type = "application/zip", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn whole_circle(
    State(doors): State<Doors>,
    Known(by): Known,
    headers: HeaderMap,
) -> Outcome<Response> {
    if by.role != Role::Owner {
        return Err(Failure::new(
            Code::NotPermitted,
            "only the owner exports the circle",
        ));
    }
    circle(&doors).await?;
    let told = note(&by, "circle", None);
    download(doors, by, &headers, What::Circle, Some(told)).await
}

/// Everything of one's own, as a zip: what one wrote, started, liked and uploaded, and what is kept about one
///
/// Whoever is banned from a room has it all the same.
#[utoipa::path(
    get, path = "/api/v1/me/export", tag = "exports",
    responses(
        (status = 200, content_type = "application/zip", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn own(
    State(doors): State<Doors>,
    Known(by): Known,
    headers: HeaderMap,
) -> Outcome<Response> {
    if doors.store.account(by.id.clone()).await?.is_none() {
        return Err(Failure::new(
            Code::NotAMember,
            "this identity has no account here, and so no data of its own",
        ));
    }
    let what = What::Own(by.id.clone());
    download(doors, by, &headers, what, None).await
}

fn is_staff(by: &Identity) -> bool {
    matches!(by.role, Role::Moderator | Role::Owner)
}

fn note(by: &Identity, what: &str, room: Option<RoomNumber>) -> NewAct {
    NewAct {
        room,
        ..act(by, "export", what.to_owned())
    }
}

/// Begins to write it, and hands on what is written as fast as it is taken.
async fn download(
    doors: Doors,
    by: Identity,
    headers: &HeaderMap,
    what: What,
    told: Option<NewAct>,
) -> Outcome<Response> {
    if bearer(headers)?.is_none() {
        hold_download(headers, &doors.settings.origin)?;
    }
    let turn = doors.exporting.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(Code::Busy, "others are exporting just now: try again soon").after_ms(BUSY_MS)
    })?;
    doors.throttles.export(&by.id)?;
    if let Some(told) = told {
        doors.store.add_act(told).await?;
    }
    let file_name = what.file_name();
    let (to, pieces) = mpsc::channel(PIECES_WAITING);
    // Packing takes a core, and files are read: a thread that nobody else waits for.
    let writing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let (store, shelf) = (&doors.store, doors.blobs.shelf());
        let sink = Sink::Stream {
            to,
            within: limits::EXPORT_TAKEN_WITHIN,
        };
        let writing = export(store, shelf, &what, sink, clock::unix_ms());
        Handle::current().block_on(writing)
    });
    let mut response =
        Body::from_stream(stream::unfold((pieces, Some(writing)), next)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    let disposition = format!("attachment; filename=\"{file_name}\"");
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::try_from(disposition).expect("slugs and words of ours fit a header"),
    );
    Ok(response)
}

type Written = JoinHandle<Result<Manifest, ExportError>>;
type Rest = (mpsc::Receiver<Bytes>, Option<Written>);

/// The next piece. An archive that does not become whole ends in an error, so that nobody takes it for one.
async fn next((mut pieces, writing): Rest) -> Option<(std::io::Result<Bytes>, Rest)> {
    if let Some(piece) = pieces.recv().await {
        return Some((Ok(piece), (pieces, writing)));
    }
    let why = match writing?.await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(why, "an export did not become whole");
    Some((Err(std::io::Error::other(why)), (pieces, None)))
}
