//! Offers that come by POST: publishing by stream key or token, watching with or without one.

use std::net::IpAddr;

use auth::Identity;
use axum::{
    extract::{FromRequest, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{Code, Refusal, RoomNumber, Slug, rest::Problem};

use super::{events::EVENTS, key_of, seal::Owner, unknown_key};
use crate::http::{
    Doors,
    body::{Offer, SDP},
    caller::{self, Address, bearer, by_token, missing},
    problem::{Failure, Outcome},
    rooms,
    seam::{Credential, Established, PublishWish, ViewWish},
    throttles::ByAddress,
};

/// While the server goes down, another may be up after this.
const TRY_AGAIN_MS: u64 = 2_000;

/// Publish with a stream key
#[utoipa::path(
    post, path = "/whip", tag = "media", security(("stream_key" = [])),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 201, body = String, content_type = "application/sdp"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn publish_by_key(
    State(doors): State<Doors>,
    Address(address): Address,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    doors.throttles.address(ByAddress::Publish, address)?;
    let key = key_of(&doors, &headers).await?;
    let offer = read_offer(&doors, request).await?;
    // The account's rights of now, not of when the key was made.
    let who = caller::who_is(&doors, key.account)
        .await?
        .ok_or_else(unknown_key)?;
    let by = Credential::StreamKey(key.id.clone());
    let wish = PublishWish {
        room: key.room,
        who,
        by,
        offer,
    };
    let established = doors.stage.publish(wish).await?;
    if let Err(error) = doors
        .store
        .touch_stream_key(key.id.clone(), clock::unix_ms())
        .await
    {
        // It publishes already; when the key was last used is only a note.
        tracing::warn!(%error, "the use of a stream key was not noted");
    }
    created(&doors, "/whip", &Owner::Key(key.id), &established)
}

/// Publish with a token
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/whip", tag = "media",
    params(("room" = String, Path, description = "the room's slug")),
    security(("bearer" = [])),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 201, body = String, content_type = "application/sdp"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn publish_by_token(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(room): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    let came = came(&doors, ByAddress::Publish, address, room, &headers, request).await?;
    let by = came.by.ok_or_else(missing)?;
    let wish = PublishWish {
        room: came.room,
        who: by.who(),
        by: Credential::Token {
            expires_ms: by.expires_ms,
        },
        offer: came.offer,
    };
    let established = doors.stage.publish(wish).await?;
    created(&doors, "/whip", &Owner::of(Some(&by)), &established)
}

/// Watch; without a token where the room lets guests in
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/whep", tag = "media",
    params(("room" = String, Path, description = "the room's slug")),
    security((), ("bearer" = [])),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 201, body = String, content_type = "application/sdp"),
        (status = 409, description = "nothing is published now: Retry-After", body = Problem),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn view(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(room): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    let came = came(&doors, ByAddress::View, address, room, &headers, request).await?;
    let by = came.by.as_ref();
    let wish = ViewWish {
        room: came.room,
        who: by.map(Identity::who),
        expires_ms: by.map(|it| it.expires_ms),
        address,
        offer: came.offer,
    };
    let established = doors.stage.view(wish).await?;
    let mut response = created(&doors, "/api/v1/whep", &Owner::of(by), &established)?;
    for link in extensions(response.headers()) {
        response.headers_mut().append(header::LINK, link?);
    }
    Ok(response)
}

/// What WHEP's extensions add to a viewer's resource: a `Link` each, below its `Location`.
fn extensions(headers: &HeaderMap) -> [Outcome<HeaderValue>; 2] {
    let resource = headers.get(header::LOCATION).map(HeaderValue::to_str);
    let resource = resource.and_then(Result::ok).unwrap_or_default();
    [
        format!("<{resource}/layer>; rel=\"urn:ietf:params:whep:ext:core:layer\""),
        format!(
            "<{resource}/sse>; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; \
             events=\"{EVENTS}\""
        ),
    ]
    .map(value)
}

/// Somebody who came to a room's door with an offer.
struct Came {
    room: RoomNumber,
    by: Option<Identity>,
    offer: String,
}

/// What holds at the doors of a room, in this order: not too often, a good token (where publishing
/// is asked for, one at all), an offer, a room.
async fn came(
    doors: &Doors,
    how: ByAddress,
    address: IpAddr,
    room: String,
    headers: &HeaderMap,
    request: Request,
) -> Outcome<Came> {
    doors.throttles.address(how, address)?;
    let by = identified(doors, headers).await?;
    if by.is_none() && how == ByAddress::Publish {
        return Err(missing());
    }
    let offer = read_offer(doors, request).await?;
    // Where media flows the room is awake: a crowd that joins asks no store which one it is.
    let room = match doors.stage.awake(&Slug::new(room.clone())) {
        Some(awake) => awake,
        None => rooms::find(doors, room).await?.number,
    };
    Ok(Came { room, by, offer })
}

/// The caller by Bearer alone: a cookie is not looked at, because pages of any site may ask here.
async fn identified(doors: &Doors, headers: &HeaderMap) -> Outcome<Option<Identity>> {
    match bearer(headers)? {
        Some(token) => by_token(doors, token).await.map(Some),
        None => Ok(None),
    }
}

/// Reads the offer. Nobody new is let in any more while the server goes down.
async fn read_offer(doors: &Doors, request: Request) -> Outcome<String> {
    let Offer(offer) = <Offer as FromRequest<()>>::from_request(request, &()).await?;
    if doors.stage.is_draining() {
        let refusal = Refusal::new(Code::Draining, "the server is going down");
        return Err(refusal.after_ms(TRY_AGAIN_MS).into());
    }
    doors.stage.takes_newcomers()?;
    Ok(offer)
}

fn created(
    doors: &Doors,
    below: &str,
    owner: &Owner,
    established: &Established,
) -> Outcome<Response> {
    let resource = doors.seal.resource(&established.peer, owner);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(SDP)),
        (header::LOCATION, value(format!("{below}/{resource}"))?),
        (header::ETAG, value(format!("\"{}\"", established.etag))?),
    ];
    let mut response = (StatusCode::CREATED, headers, established.sdp.clone()).into_response();
    for link in links(doors, owner) {
        response.headers_mut().append(header::LINK, value(link)?);
    }
    Ok(response)
}

fn value(text: String) -> Outcome<HeaderValue> {
    HeaderValue::try_from(text).map_err(|it| Failure::internal("an answer fits no header", &it))
}

/// The relays (RFC 9725 §4.6), with what lets this client in there. Only whoever has been let in here is
/// told: never a preflight.
fn links(doors: &Doors, owner: &Owner) -> Vec<String> {
    let Some(relays) = &doors.relays else {
        return Vec::new();
    };
    let who = match owner {
        Owner::Key(id) | Owner::Member(id) => id.as_str(),
        Owner::Anybody => "anybody",
    };
    let pass = relays.pass(who, clock::unix_ms());
    let link = |url: &String| {
        format!(
            "<{url}>; rel=\"ice-server\"; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
            pass.username, pass.credential
        )
    };
    relays.urls().iter().map(link).collect()
}
