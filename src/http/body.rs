//! Reading a request's body: the content type is held before anything is read, the size while
//! reading, and the time it may take.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use protocol::{Code, limits};
use serde::de::DeserializeOwned;

use super::problem::{Failure, Outcome};

/// A body that trickles must not keep its place.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A JSON body of at most [`limits::BODY_BYTES_MAX`]. Fields that nobody asked for are ignored, so
/// that they can do no harm.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Outcome<Self> {
        hold_type(request.headers(), "application/json")?;
        let bytes = read(request.into_body(), limits::BODY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|it| Failure::malformed(format!("the body cannot be read: {it}")))
    }
}

/// The same where a body may be left out; what comes without a content type must be empty.
pub(crate) async fn json_if_any<T: DeserializeOwned>(request: Request) -> Outcome<Option<T>> {
    if request.headers().contains_key(header::CONTENT_TYPE) {
        let Json(it) = Json::from_request(request, &()).await?;
        return Ok(Some(it));
    }
    let bytes = read(request.into_body(), limits::BODY_BYTES_MAX).await?;
    match bytes.is_empty() {
        true => Ok(None),
        false => hold_type(&HeaderMap::new(), "application/json").map(|()| None),
    }
}

/// An SDP offer of at most [`limits::SDP_BYTES_MAX`]. Whether it can be answered is for media to say.
pub(crate) struct Offer(pub(crate) String);

pub(crate) const SDP: &str = "application/sdp";

/// A fragment of SDP that carries ICE alone (RFC 8840 §9).
pub(crate) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// A fragment of at most [`limits::BODY_BYTES_MAX`]. What it says is for media to read.
pub(crate) async fn read_fragment(request: Request) -> Outcome<String> {
    hold_type(request.headers(), FRAGMENT)?;
    let bytes = read(request.into_body(), limits::BODY_BYTES_MAX).await?;
    String::from_utf8(bytes.into())
        .map_err(|_| Failure::new(Code::SdpInvalid, "the body is not text"))
}

impl<S: Send + Sync> FromRequest<S> for Offer {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Outcome<Self> {
        hold_type(request.headers(), SDP)?;
        let bytes = read(request.into_body(), limits::SDP_BYTES_MAX).await?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        // The first line of every session description (RFC 8866 5.1), and something to carry.
        let is_offer = text.starts_with("v=0") && text.contains("\nm=");
        if !is_offer {
            return Err(Failure::new(
                Code::SdpInvalid,
                "the body is not a session description",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

pub(crate) fn hold_type(headers: &HeaderMap, expected: &'static str) -> Outcome<()> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let essence = given
        .and_then(|it| it.split(';').next())
        .unwrap_or_default()
        .trim();
    if essence.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Failure::new(
        Code::MediaTypeWrong,
        format!("the body must be {expected}"),
    ))
}

/// Counts what arrives until the end of the body or of the time, keeping nothing.
pub(crate) async fn count(body: Body, bytes_max: usize, within: Duration) -> Outcome<usize> {
    let mut body = Limited::new(body, bytes_max);
    let mut bytes = 0;
    let counting = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&*error, bytes_max))?;
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
        Ok(())
    };
    match tokio::time::timeout(within, counting).await {
        Ok(Err(failure)) => Err(failure),
        // Whoever is slower than that is told what arrived by then.
        Ok(Ok(())) | Err(_) => Ok(bytes),
    }
}

fn broken(error: &(dyn std::error::Error + 'static), bytes_max: usize) -> Failure {
    if error.is::<LengthLimitError>() {
        return Failure::new(
            Code::TooLarge,
            format!("a body here has at most {bytes_max} bytes"),
        );
    }
    Failure::malformed("the body broke off")
}

async fn read(body: Body, bytes_max: usize) -> Outcome<Bytes> {
    whole(body, bytes_max, BODY_WITHIN).await
}

/// The whole body, within those bounds.
pub(crate) async fn whole(body: Body, bytes_max: usize, within: Duration) -> Outcome<Bytes> {
    let reading = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(within, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(broken(&*error, bytes_max)),
        Err(_) => {
            Err(Failure::malformed("the body took too long")
                .with_status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}
