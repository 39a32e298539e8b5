//! The check before going live or watching: where to try the way to the media ports, and a place to
//! upload to. Both are for anybody, bounded and throttled.

use std::time::Duration;

use axum::{
    Json as Answer,
    extract::{Request, State},
};
use protocol::{
    Code, Refusal, limits,
    rest::{CheckPoint, CheckUpload, Problem},
};

use super::{
    Doors,
    body::{self, hold_type},
    caller::Address,
    problem::Outcome,
    throttles::ByAddress,
};

const BUSY_MS: u64 = 2_000;

/// Where to try the way to the media ports
#[utoipa::path(
    get, path = "/api/v1/check", tag = "server", security(()),
    responses((status = 200, body = CheckPoint), (status = "default", body = Problem)),
)]
pub(crate) async fn point(
    State(doors): State<Doors>,
    Address(address): Address,
) -> Outcome<Answer<CheckPoint>> {
    doors.throttles.address(ByAddress::Check, address)?;
    let probes = doors.stage.line_probes();
    Ok(Answer(CheckPoint {
        sdp: probes.view,
        publish_sdp: probes.publish,
        tcp_sdp: probes.view_tcp,
        publish_tcp_sdp: probes.publish_tcp,
        upload_bytes_max: limits::CHECK_BYTES_MAX as u32,
    }))
}

/// Upload something, to see how fast that is; what arrives is thrown away
#[utoipa::path(
    post, path = "/api/v1/check/upload", tag = "server", security(()),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = CheckUpload), (status = "default", body = Problem)),
)]
pub(crate) async fn upload(
    State(doors): State<Doors>,
    Address(address): Address,
    request: Request,
) -> Outcome<Answer<CheckUpload>> {
    doors.throttles.address(ByAddress::Upload, address)?;
    let _place = doors.uploading.try_acquire().map_err(|_| {
        Refusal::new(Code::Busy, "others are checking their line: try again soon").after_ms(BUSY_MS)
    })?;
    hold_type(request.headers(), "application/octet-stream")?;
    let began = clock::now();
    let bytes = body::count(
        request.into_body(),
        limits::CHECK_BYTES_MAX,
        limits::CHECK_WITHIN,
    )
    .await?;
    let took: Duration = clock::now().duration_since(began);
    Ok(Answer(CheckUpload {
        bytes: bytes as u32,
        ms: took.as_millis() as u32,
    }))
}
