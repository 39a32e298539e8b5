//! What the addresses answer to methods that do nothing: reading, and asking what may be done.

use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::http::body::{FRAGMENT, SDP};

const OF_ENDPOINT: &str = "OPTIONS, GET, HEAD, POST";
const OF_RESOURCE: &str = "OPTIONS, GET, HEAD, PATCH, DELETE";
const OF_STREAM: &str = "OPTIONS, GET, HEAD, DELETE";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// GET and HEAD succeed with nothing (RFC 9725 §4.1): there is nothing to read here.
pub(super) async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The WHEP draft lets a player discover the endpoint by HEAD and its content type.
pub(super) async fn watchable(method: Method) -> Response {
    if method == Method::HEAD {
        ([(header::CONTENT_TYPE, SDP)], StatusCode::OK).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    }
}

pub(super) async fn of_endpoint() -> Response {
    preflight(OF_ENDPOINT, ACCEPT_POST, SDP)
}

pub(super) async fn of_resource() -> Response {
    preflight(OF_RESOURCE, ACCEPT_PATCH, FRAGMENT)
}

/// Of what WHEP's extensions add to a viewer's resource.
pub(super) async fn of_extension() -> Response {
    preflight(OF_ENDPOINT, ACCEPT_POST, "application/json")
}

pub(super) async fn of_stream() -> Response {
    allow(OF_STREAM)
}

/// For a browser that asks before it sends from another site's page, and for who wants to know.
fn preflight(methods: &'static str, accept: HeaderName, what: &'static str) -> Response {
    let mut response = allow(methods);
    response
        .headers_mut()
        .insert(accept, HeaderValue::from_static(what));
    response
}

fn allow(methods: &'static str) -> Response {
    [
        (header::ALLOW, methods),
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, If-Match",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ]
    .into_response()
}
