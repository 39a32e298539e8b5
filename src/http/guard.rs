//! What holds for every request and every answer, whatever the route: no token in an address,
//! security headers, a count and a time for each route.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Query, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Settings,
    caller::{Proof, bearer, hold_origin},
    problem::Failure,
};

/// Scripts, styles and connections only from here, no frames around us. Pictures and media may be
/// made by the page itself (`blob:`, `data:`); no inline script or style runs.
const CONTENT_SECURITY: &str = "default-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), \
    fullscreen=(self), picture-in-picture=(self), autoplay=(self), screen-wake-lock=(self), \
    geolocation=(), payment=(), usb=()";

/// For all routes of the public port.
pub(crate) async fn all(
    State(settings): State<Arc<Settings>>,
    request: Request,
    next: Next,
) -> Response {
    let start = clock::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "pages".to_owned(), |it| it.as_str().to_owned());
    let mut response = match hold(&request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    let (status, took) = (
        response.status().as_u16(),
        clock::now().duration_since(start),
    );
    // The route as a pattern: an address may hold what is nobody's business.
    tracing::debug!(
        route,
        status,
        took_ms = took.as_millis() as u64,
        "a request was answered"
    );
    let status = status.to_string();
    metrics::counter!("weiquan_http_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("weiquan_http_seconds", "route" => route).record(took.as_secs_f64());
    secure(&mut response, &settings);
    response
}

/// For the API: answers are for this caller and this moment, and a page of another site gets
/// nothing changed even where no cookie is involved (nobody is to be signed in by a foreign page).
pub(crate) async fn api(
    State(settings): State<Arc<Settings>>,
    request: Request,
    next: Next,
) -> Response {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let by_token = bearer(request.headers()).is_ok_and(|it| it.is_some());
    let held = if reads || by_token {
        Ok(())
    } else {
        hold_origin(request.headers(), &settings.origin, Proof::Welcome)
    };
    let mut response = match held {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn hold(request: &Request) -> Result<(), Failure> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) else {
        return Err(Failure::malformed(
            "the address has a query that cannot be read",
        ));
    };
    let holds_token = pairs.iter().any(|(name, _)| {
        ws::TOKEN_KEYS
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
    });
    if holds_token {
        return Err(Failure::malformed(
            "a token in the address would end up in logs: send it as Authorization: Bearer",
        ));
    }
    Ok(())
}

fn secure(response: &mut Response, settings: &Settings) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        // What is meant for other sites' pages says so itself: the picture of a shared link.
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("x-permitted-cross-domain-policies"),
            "none",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if settings.is_https() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
