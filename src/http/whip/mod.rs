//! WHIP (RFC 9725) and WHEP: an SDP offer by HTTP, the same orders as signalling on `/ws`.
//!
//! `/whip` is the address that never changes: the stream key says which room. Members publish by
//! token at `/api/v1/rooms/{room}/whip`, and anybody who may watch does so at `…/whep`. A resource's
//! address holds the peer and a seal of who made it ([`seal`]), so that what is done to it needs both
//! the address and its maker's credential, and this server keeps no list for that.
//!
//! Our answers hold all candidates, and we learn the client's from its checks, so what is trickled
//! by PATCH is checked and noted. Viewers may restart ICE; publishers may not ([`resources`]). Players may
//! choose a layer ([`layers`]) and hear what there is ([`events`]), by WHEP's extensions. Each rule has its
//! line in `docs/PROTOCOL.md` and its test in `tests/whip_conformance`.

pub(super) mod events;
pub(super) mod layers;
mod methods;
pub(super) mod offers;
pub(super) mod resources;
mod seal;
mod told;

use auth::stream_keys;
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
};
use protocol::Code;

use super::{
    Doors,
    caller::bearer,
    problem::{Failure, Outcome},
    server,
};

pub(crate) use events::Events;
pub(crate) use seal::Seal;

/// The encoder's address, and the resources of publishers.
pub(crate) fn endpoints() -> Router<Doors> {
    Router::new()
        .route(
            "/whip",
            post(offers::publish_by_key)
                .get(methods::nothing)
                .options(methods::of_endpoint),
        )
        .route(
            "/whip/{resource}",
            get(methods::nothing)
                .patch(resources::update_publish)
                .delete(resources::end_publish)
                .options(methods::of_resource),
        )
        .method_not_allowed_fallback(server::wrong_method)
        .layer(from_fn(open_to_all))
}

/// Publishing by token and watching, below `/api/v1`.
pub(crate) fn room_endpoints() -> Router<Doors> {
    Router::new()
        .route(
            "/rooms/{room}/whip",
            post(offers::publish_by_token)
                .get(methods::nothing)
                .options(methods::of_endpoint),
        )
        .route(
            "/rooms/{room}/whep",
            post(offers::view)
                .get(methods::watchable)
                .options(methods::of_endpoint),
        )
        .route(
            "/whep/{resource}",
            get(methods::nothing)
                .patch(resources::update_view)
                .delete(resources::end_view)
                .options(methods::of_resource),
        )
        .route(
            "/whep/{resource}/layer",
            post(layers::choose)
                .get(methods::nothing)
                .options(methods::of_extension),
        )
        .route(
            "/whep/{resource}/sse",
            post(events::make)
                .get(methods::nothing)
                .options(methods::of_extension),
        )
        .route(
            "/whep/{resource}/sse/{stream}",
            get(events::read)
                .head(methods::nothing)
                .delete(events::end)
                .options(methods::of_stream),
        )
        .method_not_allowed_fallback(server::wrong_method)
}

/// Encoders and players run in pages of any site. No cookie counts here, so nothing is lent.
pub(crate) async fn open_to_all(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Location, ETag, Link, Accept-Patch, Retry-After, WWW-Authenticate",
        ),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The stream key that was sent as Bearer.
async fn key_of(doors: &Doors, headers: &HeaderMap) -> Outcome<store::StreamKey> {
    let said = bearer(headers)?
        .ok_or_else(|| Failure::new(Code::TokenMissing, "send the stream key as Bearer"))?;
    let hash = stream_keys::hash(said).ok_or_else(unknown_key)?;
    doors.store.stream_key(hash).await?.ok_or_else(unknown_key)
}

fn unknown_key() -> Failure {
    Failure::new(
        Code::TokenInvalid,
        "this is not a stream key of this server, or it was revoked",
    )
}
