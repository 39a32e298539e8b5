//! What is done to a resource: its ICE session goes on (PATCH, RFC 9725 §4.3), or it ends (DELETE).
//!
//! A PATCH says which ICE session it means by `If-Match`: a tag for candidates, `*` for a restart.
//! Without one it is refused (428), and so is one that means a session that is over (412). A DELETE
//! needs none, and one that comes along is not looked at.

use std::net::IpAddr;

use auth::stream_keys;
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{Code, PeerId, rest::Problem};

use super::{key_of, seal::Owner};
use crate::http::{
    Doors,
    body::{FRAGMENT, read_fragment},
    caller::{Address, bearer, by_token, missing},
    problem::{Failure, Outcome},
    seam::{IcePatch, IcePatched, IceSession},
    throttles::ByAddress,
};

/// Trickle candidates
#[utoipa::path(
    patch, path = "/whip/{resource}", tag = "media",
    params(
        ("resource" = String, Path, description = "from Location"),
        ("If-Match" = String, Header, description = "the ETag of the 201"),
    ),
    security(("stream_key" = []), ("bearer" = [])),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 204),
        (status = 422, description = "a restart: not for publishers", body = Problem),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn update_publish(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    update(&doors, address, &resource, &headers, request).await
}

/// Trickle candidates, or restart ICE
#[utoipa::path(
    patch, path = "/api/v1/whep/{resource}", tag = "media",
    params(
        ("resource" = String, Path, description = "from Location"),
        ("If-Match" = String, Header, description = "the newest ETag; * restarts"),
    ),
    security((), ("bearer" = [])),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 200, description = "restarted", body = String,
            content_type = "application/trickle-ice-sdpfrag"),
        (status = 204, description = "noted"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn update_view(
    State(doors): State<Doors>,
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Outcome<Response> {
    update(&doors, address, &resource, &headers, request).await
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
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    end(&doors, address, &resource, &headers).await
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
    Address(address): Address,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Outcome<StatusCode> {
    end(&doors, address, &resource, &headers).await
}

async fn update(
    doors: &Doors,
    address: IpAddr,
    resource: &str,
    headers: &HeaderMap,
    request: Request,
) -> Outcome<Response> {
    let peer = peer_of(doors, address, resource, headers).await?;
    let fragment = read_fragment(request).await?;
    let session = session_of(headers)?;
    let patch = IcePatch {
        peer,
        session,
        fragment,
    };
    match doors.stage.patch(patch).await? {
        IcePatched::Noted => Ok(StatusCode::NO_CONTENT.into_response()),
        IcePatched::Stale => Err(Failure::malformed(
            "that ICE session is over: a restart, maybe by another tab, has made another",
        )
        .with_status(StatusCode::PRECONDITION_FAILED)),
        IcePatched::Restarted { etag, fragment } => {
            let etag = HeaderValue::try_from(format!("\"{etag}\""))
                .map_err(|it| Failure::internal("a tag fits no header", &it))?;
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT)),
                (header::ETAG, etag),
            ];
            Ok((StatusCode::OK, headers, fragment).into_response())
        }
    }
}

async fn end(
    doors: &Doors,
    address: IpAddr,
    resource: &str,
    headers: &HeaderMap,
) -> Outcome<StatusCode> {
    let peer = peer_of(doors, address, resource, headers).await?;
    if doors.stage.close(peer).await? {
        Ok(StatusCode::OK)
    } else {
        Err(no_such_peer())
    }
}

/// The peer that a resource names, if it belongs to who asks.
pub(super) async fn peer_of(
    doors: &Doors,
    address: IpAddr,
    resource: &str,
    headers: &HeaderMap,
) -> Outcome<PeerId> {
    doors.throttles.address(ByAddress::Resource, address)?;
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
    // Whether it exists is not told to whom it does not belong.
    peer.ok_or_else(|| match owner {
        Owner::Anybody => missing(),
        _ => no_such_peer(),
    })
}

/// `If-Match` (RFC 9110 §13.1.1). The star may stand in quotes, as an example of the drafts had it,
/// and a tag without, as some clients send it back. A weak tag never matches.
fn session_of(headers: &HeaderMap) -> Outcome<IceSession> {
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let value = value
            .to_str()
            .map_err(|_| Failure::malformed("If-Match cannot be read"))?;
        for tag in value.split(',').map(str::trim) {
            match tag.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
                Some("*") => return Ok(IceSession::Any),
                None if tag == "*" => return Ok(IceSession::Any),
                Some(tag) => tags.push(tag.to_owned()),
                None => tags.push(tag.to_owned()),
            }
        }
    }
    if tags.is_empty() {
        return Err(Failure::malformed(
            "say which ICE session is meant: If-Match with its ETag, or * to restart",
        )
        .with_status(StatusCode::PRECONDITION_REQUIRED));
    }
    Ok(IceSession::Tagged(tags))
}

pub(super) fn no_such_peer() -> Failure {
    Failure::new(Code::NoSuchPeer, "there is no such resource (any more)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[&str]) -> Outcome<IceSession> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::IF_MATCH,
                HeaderValue::from_str(value).expect("text"),
            );
        }
        session_of(&headers)
    }

    #[test]
    fn if_match_names_a_session() {
        for star in ["*", "\"*\"", " * "] {
            assert_eq!(said(&[star]).expect("read"), IceSession::Any, "{star}");
        }
        let tagged =
            |tags: &[&str]| IceSession::Tagged(tags.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(said(&["\"a\""]).expect("read"), tagged(&["a"]));
        assert_eq!(said(&["a"]).expect("read"), tagged(&["a"]));
        let many = said(&["\"a\", \"b\"", "\"c\""]).expect("read");
        assert_eq!(many, tagged(&["a", "b", "c"]));
        // As it is, which no tag of ours ever is.
        assert_eq!(said(&["W/\"a\""]).expect("read"), tagged(&["W/\"a\""]));
        assert!(said(&[]).is_err());
    }
}
