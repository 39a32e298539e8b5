//! WHIP (RFC 9725) and WHEP: an SDP offer by HTTP, the same orders as signalling on `/ws`.
//!
//! `/whip` is the address that never changes: the stream key says which room. Members publish by
//! token at `/api/v1/rooms/{room}/whip`, and anybody who may watch does so at `…/whep`. A resource's
//! address holds the peer and a seal of who made it, so that ending it needs both the address and
//! its maker's credential, and this server keeps no list for that.
//!
//! Trickle and ICE restart (PATCH) are not offered: 405, whatever `If-Match` says. Our answers hold
//! all candidates, and ours learns the client's from its checks.

use std::net::IpAddr;

use auth::{Identity, ServerSecret, stream_keys};
use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use protocol::{Code, PeerId, RoomNumber, rest::Problem};

use super::{
    Doors,
    body::{Offer, SDP},
    caller::{self, Address, bearer, by_token, missing},
    problem::{Failure, Outcome},
    rooms,
    seam::{Credential, Established, PublishWish, ViewWish},
    throttles::ByAddress,
};

const METHODS: &str = "OPTIONS, GET, HEAD, POST, DELETE";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// The encoder's address, and the resources of publishers.
pub(crate) fn endpoints() -> Router<Doors> {
    Router::new()
        .route(
            "/whip",
            post(publish_by_key).get(nothing).options(endpoint_options),
        )
        .route(
            "/whip/{resource}",
            get(nothing).delete(end_publish).options(resource_options),
        )
        .layer(from_fn(open_to_all))
}

/// Publishing by token and watching, below `/api/v1`.
pub(crate) fn room_endpoints() -> Router<Doors> {
    Router::new()
        .route(
            "/rooms/{room}/whip",
            post(publish_by_token)
                .get(nothing)
                .options(endpoint_options),
        )
        .route(
            "/rooms/{room}/whep",
            post(view).get(watchable).options(endpoint_options),
        )
        .route(
            "/whep/{resource}",
            get(nothing).delete(end_view).options(resource_options),
        )
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
        HeaderValue::from_static("Location, ETag, Link, Retry-After, WWW-Authenticate"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

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
    let Offer(offer) = read_offer(request).await?;
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
        offer: came.offer,
    };
    let established = doors.stage.view(wish).await?;
    created(&doors, "/api/v1/whep", &Owner::of(by), &established)
}

/// Stop publishing
#[utoipa::path(
    delete, path = "/whip/{resource}", tag = "media",
    params(("resource" = String, Path, description = "from Location")),
    security(("stream_key" = []), ("bearer" = [])),
    responses((status = 200), (status = "default", body = Problem)),
)]
pub(crate) async fn end_publish(
    State(doors): State<Doors>,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    end(&doors, &resource, &headers).await
}

/// Stop watching
#[utoipa::path(
    delete, path = "/api/v1/whep/{resource}", tag = "media",
    params(("resource" = String, Path, description = "from Location")),
    security((), ("bearer" = [])),
    responses((status = 200), (status = "default", body = Problem)),
)]
pub(crate) async fn end_view(
    State(doors): State<Doors>,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    end(&doors, &resource, &headers).await
}

/// GET and HEAD succeed with nothing (RFC 9725 4.1): there is nothing to read here.
async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The WHEP draft lets a player discover the endpoint by HEAD and its content type.
async fn watchable(method: Method) -> Response {
    if method == Method::HEAD {
        ([(header::CONTENT_TYPE, SDP)], StatusCode::OK).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    }
}

async fn endpoint_options() -> Response {
    let mut response = preflight();
    response
        .headers_mut()
        .insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    response
}

async fn resource_options() -> Response {
    preflight()
}

fn preflight() -> Response {
    [
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, If-Match",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ]
    .into_response()
}

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
    let Offer(offer) = read_offer(request).await?;
    let room = rooms::find(doors, room).await?.number;
    Ok(Came { room, by, offer })
}

/// The caller by Bearer alone: a cookie is not looked at, because pages of any site may ask here.
async fn identified(doors: &Doors, headers: &HeaderMap) -> Outcome<Option<Identity>> {
    match bearer(headers)? {
        Some(token) => by_token(doors, token).await.map(Some),
        None => Ok(None),
    }
}

async fn read_offer(request: Request) -> Outcome<Offer> {
    <Offer as FromRequest<()>>::from_request(request, &()).await
}

fn created(
    doors: &Doors,
    below: &str,
    owner: &Owner,
    established: &Established,
) -> Outcome<Response> {
    let resource = doors.seal.resource(&established.peer, owner);
    let value = |text: String| {
        HeaderValue::try_from(text).map_err(|it| Failure::internal("an answer fits no header", &it))
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(SDP)),
        (header::LOCATION, value(format!("{below}/{resource}"))?),
        (header::ETAG, value(format!("\"{}\"", established.etag))?),
    ];
    Ok((StatusCode::CREATED, headers, established.sdp.clone()).into_response())
}

async fn end(doors: &Doors, resource: &str, headers: &HeaderMap) -> Outcome<StatusCode> {
    let owner = match bearer(headers)? {
        None => Owner::Anybody,
        Some(said) if stream_keys::hash(said).is_some() => {
            Owner::Key(key_of(doors, headers).await?.id)
        }
        Some(token) => Owner::Member(by_token(doors, token).await?.id.to_string()),
    };
    let peer = doors.seal.peer(resource, &owner).or_else(|| {
        // Who watches without a token may still have one for other things.
        doors.seal.peer(resource, &Owner::Anybody)
    });
    let Some(peer) = peer else {
        // Whether it exists is not told to whom it does not belong.
        return Err(match owner {
            Owner::Anybody => missing(),
            _ => no_such_peer(),
        });
    };
    if doors.stage.close(peer).await? {
        Ok(StatusCode::OK)
    } else {
        Err(no_such_peer())
    }
}

fn no_such_peer() -> Failure {
    Failure::new(Code::NoSuchPeer, "there is no such resource (any more)")
}

/// Who made a resource, and may end it.
enum Owner {
    Key(String),
    Member(String),
    /// Who watches without a token: the address is all there is.
    Anybody,
}

impl Owner {
    fn of(by: Option<&Identity>) -> Self {
        by.map_or(Self::Anybody, |it| Self::Member(it.id.to_string()))
    }
}

/// Makes and opens the names of resources: the peer, a dot, and an HMAC over peer and owner.
pub(crate) struct Seal(auth::secrets::Sealer);

impl Seal {
    pub(crate) fn new(secret: &ServerSecret) -> Self {
        Self(auth::secrets::Sealer::new(secret, "whip resource"))
    }

    fn resource(&self, peer: &PeerId, owner: &Owner) -> String {
        format!("{peer}.{}", self.0.seal(&Self::text(peer.as_str(), owner)))
    }

    fn peer(&self, resource: &str, owner: &Owner) -> Option<PeerId> {
        let (peer, seal) = resource.rsplit_once('.')?;
        self.0
            .holds(&Self::text(peer, owner), seal)
            .then(|| PeerId::from(peer))
    }

    /// A line end is in neither part, so no two pairs have one text.
    fn text(peer: &str, owner: &Owner) -> String {
        match owner {
            Owner::Key(id) => format!("key\n{id}\n{peer}"),
            Owner::Member(id) => format!("member\n{id}\n{peer}"),
            Owner::Anybody => format!("anybody\n\n{peer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_opens_only_to_who_made_it() {
        let seal = |byte| Seal::new(&ServerSecret::new(&[byte; 32]).expect("32 bytes"));
        let (ours, theirs) = (seal(1), seal(2));
        let peer = PeerId::from("p_AbC-1");
        let mine = ours.resource(&peer, &Owner::Member("m_1".into()));
        assert_eq!(
            ours.peer(&mine, &Owner::Member("m_1".into())),
            Some(peer.clone())
        );
        assert_eq!(ours.peer(&mine, &Owner::Member("m_2".into())), None);
        assert_eq!(ours.peer(&mine, &Owner::Key("m_1".into())), None);
        assert_eq!(ours.peer(&mine, &Owner::Anybody), None);
        assert_eq!(theirs.peer(&mine, &Owner::Member("m_1".into())), None);
        let anybodys = ours.resource(&peer, &Owner::Anybody);
        assert_eq!(ours.peer(&anybodys, &Owner::Anybody), Some(peer));
        for broken in [
            "",
            ".",
            "p_AbC-1",
            "p_AbC-1.",
            &mine[1..],
            &mine[..mine.len() - 1],
        ] {
            assert_eq!(
                ours.peer(broken, &Owner::Member("m_1".into())),
                None,
                "{broken}"
            );
        }
    }
}
