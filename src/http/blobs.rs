//! Uploads: a picture, a voice note or a file comes in, is made fit, and is told by its id; and the way
//! back, for those who may watch a room that shows it.
//!
//! What is kept never changes, so a browser may keep it; what is shared by many (a proxy) may not, because
//! a message can be deleted. A blob runs nothing in this site's name: see [`headers_of`].

use std::{sync::Arc, time::Duration};

use ::blobs::{Found, Shelf, ShelfError, Unfit};
use auth::{Identity, Role};
use axum::{
    Json as Answer,
    body::Body,
    extract::{FromRequestParts, Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use community::{Media, Verb};
use protocol::{
    BlobId, BlobKind, Code, Refusal, RoomNumber, limits,
    rest::{BlobMade, Problem},
};
use serde::Deserialize;
use store::{BlobRow, NewBlob, RowError, Store, UNSTARTED};
use tokio::sync::{RwLock, Semaphore};

use super::{
    Doors, body,
    caller::{Caller, Known},
    file_body::FileBody,
    problem::{Failure, Outcome},
    rooms, topics,
};
use crate::actor::storing;

const BUSY_MS: u64 = 2_000;
/// How often what nobody needs is looked for; a deleted picture is gone from disk so soon.
const CLEAN_EVERY: Duration = Duration::from_secs(5);
const CLEANED_AT_ONCE: usize = 64;

/// What may be kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub room_bytes: u64,
    pub all_bytes: u64,
}

/// The blobs of a server: the folder, and who may work on it at once.
pub struct Blobs {
    shelf: Shelf,
    bounds: Bounds,
    uploading: Semaphore,
    decoding: Semaphore,
    /// Read by who adds a file and its row, written by who removes them.
    gate: RwLock<()>,
}

#[derive(Deserialize)]
pub(crate) struct As {
    #[serde(rename = "as")]
    kind: Option<BlobKind>,
}

/// Something made fit to keep.
struct Fit {
    kind: BlobKind,
    mime: &'static str,
    bytes: Vec<u8>,
    preview: Option<Vec<u8>>,
    size: Option<(u32, u32)>,
    duration_ms: Option<u32>,
}

/// Upload a picture, a voice note or a file, to be said within the hour
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/blobs", tag = "blobs",
    params(
        ("room" = String, Path, description = "the room's slug"),
        ("as" = Option<BlobKind>, Query, description = "what it is to be; absent: what its bytes say"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = BlobMade), (status = "default", body = Problem)),
)]
pub(crate) async fn upload(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    wish: Result<Query<As>, axum::extract::rejection::QueryRejection>,
    Known(by): Known,
    request: Request,
) -> Outcome<Response> {
    let Query(wish) = wish.map_err(|it| Failure::malformed(it.body_text()))?;
    let room = rooms::find(&doors, room).await?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::Talk)
        .await?;
    take(&doors, &by, room.number, (wish, request.into_body())).await
}

/// Upload a picture or a voice note for a topic that is still to be started, within the hour
#[utoipa::path(
    post, path = "/api/v1/topics/blobs", tag = "blobs",
    params(
        ("as" = Option<BlobKind>, Query, description = "what it is to be; absent: what its bytes say"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = BlobMade), (status = "default", body = Problem)),
)]
pub(crate) async fn upload_ahead(
    State(doors): State<Doors>,
    wish: Result<Query<As>, axum::extract::rejection::QueryRejection>,
    Known(by): Known,
    request: Request,
) -> Outcome<Response> {
    let Query(wish) = wish.map_err(|it| Failure::malformed(it.body_text()))?;
    topics::hold_may_start(&doors, &by).await?;
    take(&doors, &by, UNSTARTED, (wish, request.into_body())).await
}

/// What came is made fit, and is theirs to say there. Who may do so was held before.
async fn take(
    doors: &Doors,
    by: &Identity,
    room: RoomNumber,
    (wish, bytes): (As, Body),
) -> Outcome<Response> {
    doors.throttles.blob(&by.id)?;
    let blobs = &doors.blobs;
    let _place = blobs.uploading.try_acquire().map_err(|_| {
        Refusal::new(Code::Busy, "others are uploading: try again soon").after_ms(BUSY_MS)
    })?;
    let (most, within) = (limits::FILE_BYTES_MAX, limits::UPLOAD_WITHIN);
    let bytes = body::whole(bytes, most, within).await?;
    let found = ::blobs::find(&bytes);
    let kind = wish.kind.unwrap_or(match found {
        it if it.is_image() => BlobKind::Image,
        it if it.is_sound() => BlobKind::Voice,
        _ => BlobKind::File,
    });
    hold_bytes(kind, bytes.len())?;
    if by.role == Role::Guest && kind != BlobKind::Image {
        let words = "guests may share pictures; sign in to share more";
        return Err(Failure::new(Code::NotPermitted, words));
    }
    if room == UNSTARTED && kind == BlobKind::File {
        let words = "a text shows pictures and voice notes; share a file in the topic";
        return Err(Failure::new(Code::BlobUnfit, words));
    }
    let fit = blobs.fit(kind, found, bytes.into()).await?;
    let (room_bytes, all_bytes) = doors.store.blob_bytes(room).await?;
    let more = fit.len();
    if room_bytes + more > blobs.bounds.room_bytes || all_bytes + more > blobs.bounds.all_bytes {
        return Err(full());
    }
    let _gate = blobs.gate.read().await;
    let blob = blobs.put(fit).await?;
    let new = NewBlob {
        blob: blob.clone(),
        room,
        member: by.id.clone(),
        now_ms: clock::unix_ms(),
        unsaid_ms: limits::BLOB_UNSAID_KEPT.as_millis() as u64,
        room_max: blobs.bounds.room_bytes,
        all_max: blobs.bounds.all_bytes,
    };
    doors.store.add_blob(new).await.map_err(|it| match it {
        RowError::Full => full(),
        other => other.into(),
    })?;
    let made = BlobMade {
        id: blob.id,
        kind,
        bytes: blob.bytes as u32,
        width: blob.size.map(|it| it.0),
        height: blob.size.map(|it| it.1),
        duration_ms: blob.duration_ms,
    };
    Ok((StatusCode::CREATED, Answer(made)).into_response())
}

/// What a text shows that somebody begins a topic with, or why it may not. Held before there is a room.
pub(super) async fn shown(doors: &Doors, by: &Identity, text: &str) -> Outcome<Media> {
    let mut media = Vec::new();
    for blob in community::blobs_of(text)? {
        let found = doors
            .store
            .upload(UNSTARTED, by.id.clone(), blob.clone())
            .await?;
        let found = found.map(|it| storing::upload(by.id.clone(), it));
        media.push(community::Upload::medium_of(
            found.as_ref(),
            clock::unix_ms(),
        )?);
    }
    Ok(media.into())
}

/// A picture, voice note or file that a room shows
#[utoipa::path(
    get, path = "/api/v1/blobs/{id}", tag = "blobs",
    params(("id" = String, Path, description = "the blob's id")),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses(
        (status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, content_type = "application/octet-stream", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn show(
    State(doors): State<Doors>,
    Path(id): Path<String>,
    request: Request,
) -> Outcome<Response> {
    let (blob, headers) = find(&doors, id, request).await?;
    answer(&doors, &blob, blob.id.clone(), blob.mime.clone(), &headers).await
}

/// A smaller picture of it, for the talk
#[utoipa::path(
    get, path = "/api/v1/blobs/{id}/preview", tag = "blobs",
    params(("id" = String, Path, description = "the blob's id")),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses(
        (status = 200, content_type = "image/jpeg", body = Vec<u8>),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn preview(
    State(doors): State<Doors>,
    Path(id): Path<String>,
    request: Request,
) -> Outcome<Response> {
    let (blob, headers) = find(&doors, id, request).await?;
    match blob.preview.clone() {
        // Its own form is told by how it begins; see `blobs::picture`.
        Some(preview) => answer(&doors, &blob, preview, String::new(), &headers).await,
        None => answer(&doors, &blob, blob.id.clone(), blob.mime.clone(), &headers).await,
    }
}

impl Blobs {
    pub fn new(shelf: Shelf, bounds: Bounds) -> Self {
        Self {
            shelf,
            bounds,
            uploading: Semaphore::new(limits::UPLOADS_AT_ONCE),
            decoding: Semaphore::new(limits::DECODES_AT_ONCE),
            gate: RwLock::new(()),
        }
    }

    /// Where the files lie.
    pub(crate) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Removes what nobody needs, for as long as the server runs.
    pub async fn keep_clean(self: Arc<Self>, store: Store) {
        if let Err(error) = self.sweep(&store).await {
            tracing::warn!(%error, "files of blobs that nothing needs were not looked for");
        }
        loop {
            tokio::time::sleep(CLEAN_EVERY).await;
            if let Err(error) = self.clean(&store).await {
                tracing::warn!(%error, "blobs that nobody needs were not removed");
            }
        }
    }

    async fn clean(&self, store: &Store) -> anyhow::Result<()> {
        let _gate = self.gate.write().await;
        // A backup that copies them holds them: later, then.
        let Some(alone) = self.shelf.alone()? else {
            return Ok(());
        };
        let unsaid_ms = limits::BLOB_UNSAID_KEPT.as_millis() as u64;
        let unneeded = store
            .free_blobs(clock::unix_ms(), unsaid_ms, CLEANED_AT_ONCE)
            .await?;
        for id in unneeded {
            self.shelf.remove(&id, &alone)?;
        }
        Ok(())
    }

    /// Files without a row: of an upload that was cut, or a removal that was.
    async fn sweep(&self, store: &Store) -> anyhow::Result<()> {
        let shelf = self.shelf.clone();
        for id in tokio::task::spawn_blocking(move || shelf.all()).await?? {
            let _gate = self.gate.write().await;
            let Some(alone) = self.shelf.alone()? else {
                return Ok(());
            };
            if !store.is_blob_needed(id.clone()).await? {
                self.shelf.remove(&id, &alone)?;
            }
        }
        Ok(())
    }

    async fn fit(&self, kind: BlobKind, found: Found, bytes: Vec<u8>) -> Outcome<Fit> {
        let _turn = match kind {
            BlobKind::Image => self.decoding.acquire().await.ok(),
            BlobKind::Voice | BlobKind::File => None,
        };
        blocking(move || fit(kind, found, bytes))
            .await?
            .map_err(unfit)
    }

    async fn put(&self, fit: Fit) -> Outcome<BlobRow> {
        let shelf = self.shelf.clone();
        let kept = blocking(move || -> Result<BlobRow, ShelfError> {
            let preview = fit.preview.as_deref().map(|it| shelf.put(it)).transpose()?;
            Ok(BlobRow {
                id: shelf.put(&fit.bytes)?,
                kind: fit.kind,
                mime: fit.mime.to_owned(),
                bytes: fit.bytes.len() as u64,
                size: fit.size,
                duration_ms: fit.duration_ms,
                preview,
                preview_bytes: fit.preview.map_or(0, |it| it.len() as u64),
            })
        });
        kept.await?.map_err(|error| {
            tracing::error!(%error, "an upload could not be kept");
            Refusal::new(Code::StorageUnavailable, "the storage is unavailable")
                .after_ms(BUSY_MS)
                .into()
        })
    }
}

impl Fit {
    fn len(&self) -> u64 {
        let preview = self.preview.as_ref().map_or(0, Vec::len);
        (self.bytes.len() + preview) as u64
    }
}

fn fit(kind: BlobKind, found: Found, bytes: Vec<u8>) -> Result<Fit, Unfit> {
    Ok(match kind {
        BlobKind::Image => {
            let picture = ::blobs::fit_image(&bytes, found)?;
            Fit {
                kind,
                mime: picture.mime,
                bytes: picture.bytes,
                preview: picture.preview,
                size: Some(picture.size),
                duration_ms: None,
            }
        }
        BlobKind::Voice => {
            let voice = ::blobs::fit_voice(bytes, found)?;
            Fit {
                kind,
                mime: voice.mime,
                bytes: voice.bytes,
                preview: None,
                size: None,
                duration_ms: Some(voice.duration_ms),
            }
        }
        BlobKind::File => Fit {
            kind,
            mime: "application/octet-stream",
            bytes,
            preview: None,
            size: None,
            duration_ms: None,
        },
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|it| Failure::internal("an upload's work ended early", &it))
}

fn hold_bytes(kind: BlobKind, bytes: usize) -> Outcome<()> {
    let most = match kind {
        BlobKind::Image => limits::IMAGE_BYTES_MAX,
        BlobKind::Voice => limits::VOICE_BYTES_MAX,
        BlobKind::File => limits::FILE_BYTES_MAX,
    };
    match bytes {
        0 => Err(Failure::new(Code::Empty, "there is nothing in it")),
        n if n > most => {
            let words = format!("this may have up to {} MiB", most >> 20);
            Err(Failure::new(Code::TooLarge, words))
        }
        _ => Ok(()),
    }
}

fn unfit(why: Unfit) -> Failure {
    Failure::new(Code::BlobUnfit, why.to_string())
}

fn full() -> Failure {
    Failure::new(Code::QuotaFull, "there is no more space for uploads here")
}

/// The blob, where the one who asks may see it. Who may not, learns nothing of whether it is there.
async fn find(doors: &Doors, id: String, request: Request) -> Outcome<(BlobRow, HeaderMap)> {
    let gone = || Failure::not_found("blob");
    let id = BlobId::new(id);
    if !id.is_well_formed() {
        return Err(gone());
    }
    let (blob, rooms) = doors.store.blob(id).await?.ok_or_else(gone)?;
    let (mut parts, _) = request.into_parts();
    // Everybody may watch a room that guests may enter: nobody need be known for that.
    if !rooms.iter().any(|it| it.guests && !it.hidden) {
        let by = Caller::from_request_parts(&mut parts, doors).await?;
        // What waits for a topic that is not started yet is its uploader's alone.
        let own = by.0.as_ref().filter(|_| rooms.is_empty());
        let mut admitted = match own {
            Some(me) => {
                doors
                    .store
                    .is_own_upload(blob.id.clone(), me.id.clone())
                    .await?
            }
            None => false,
        };
        for room in rooms {
            let verb = if room.hidden {
                Verb::Review
            } else {
                Verb::Watch
            };
            let verdict = doors.stage.admit(room.number, by.who(), verb).await;
            admitted |= verdict.is_ok();
        }
        if !admitted {
            return Err(gone());
        }
    }
    Ok((blob, parts.headers))
}

async fn answer(
    doors: &Doors,
    blob: &BlobRow,
    file: BlobId,
    mime: String,
    asked: &HeaderMap,
) -> Outcome<Response> {
    let shelf = doors.blobs.shelf.clone();
    let opened = blocking(move || shelf.file(&file).map(FileBody::open)).await?;
    // It may have been removed since its row was read.
    let Ok(Ok((mut body, head))) = opened else {
        return Err(Failure::not_found("blob"));
    };
    let mime = match mime.as_str() {
        "" if ::blobs::find(&head) == Found::Png => "image/png".to_owned(),
        "" => "image/jpeg".to_owned(),
        _ => mime,
    };
    let mut headers = headers_of(blob.kind, &mime);
    let length = body.length();
    let status = match range(asked, length) {
        Span::Whole => StatusCode::OK,
        Span::Part(from, to) => {
            body.cut(from, to);
            let told = format!("bytes {from}-{}/{length}", to - 1);
            headers.insert(header::CONTENT_RANGE, text(told));
            StatusCode::PARTIAL_CONTENT
        }
        Span::Outside => {
            headers.insert(header::CONTENT_RANGE, text(format!("bytes */{length}")));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, body.length().into());
    Ok((status, headers, Body::new(body)).into_response())
}

/// What keeps it from being anything but what it is: no other type is guessed, nothing in it runs or loads,
/// no page of another site shows it by our visitor's cookie, and a file is only saved.
fn headers_of(kind: BlobKind, mime: &str) -> HeaderMap {
    let disposition = match kind {
        BlobKind::File => "attachment",
        BlobKind::Image | BlobKind::Voice => "inline",
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, mime),
        (header::CONTENT_DISPOSITION, disposition),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
        (header::ACCEPT_RANGES, "bytes"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, text(value.to_owned()));
    }
    headers
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("types and numbers fit a header")
}

#[derive(Debug, PartialEq, Eq)]
enum Span {
    Whole,
    /// From the first byte to before the last.
    Part(u64, u64),
    Outside,
}

/// One span of bytes (RFC 9110 §14). Several at once are answered whole, as one may.
fn range(headers: &HeaderMap, length: u64) -> Span {
    let asked = headers
        .get(header::RANGE)
        .and_then(|it| it.to_str().ok()?.strip_prefix("bytes="))
        .and_then(|it| it.split_once('-'));
    let number = |it: &str| it.trim().parse::<u64>();
    let Some((first, last)) = asked else {
        return Span::Whole;
    };
    let (from, to) = match (number(first), number(last)) {
        (Ok(from), Ok(last)) if last >= from => (from, last.saturating_add(1).min(length)),
        (Ok(from), Err(_)) if last.trim().is_empty() => (from, length),
        (Err(_), Ok(n)) if first.trim().is_empty() => (length.saturating_sub(n), length),
        _ => return Span::Whole,
    };
    if from < to {
        Span::Part(from, to)
    } else {
        Span::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_a_span_of_bytes_is_within_them_or_told_to_be_outside() {
        for (asked, expect) in [
            ("bytes=0-", Span::Part(0, 10)),
            ("bytes=2-4", Span::Part(2, 5)),
            ("bytes=2-99", Span::Part(2, 10)),
            ("bytes=-3", Span::Part(7, 10)),
            ("bytes=-99", Span::Part(0, 10)),
            ("bytes=10-", Span::Outside),
            ("bytes=-0", Span::Outside),
            ("bytes=5-2", Span::Whole),
            ("bytes=1-2,4-5", Span::Whole),
            ("lines=1-2", Span::Whole),
            ("bytes=", Span::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text(asked.to_owned()));
            assert_eq!(range(&headers, 10), expect, "{asked}");
        }
    }
}
