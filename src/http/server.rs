//! What a client must know before anybody signed in, and the answers to addresses that are not there.

use axum::{Json, extract::State, http::StatusCode};
use protocol::{Code, rest::ServerInfo};

use super::{
    Doors,
    problem::{Failure, Outcome},
};

/// What a client must know before anybody signed in
#[utoipa::path(
    get, path = "/api/v1/server", tag = "server", security(()),
    responses((status = 200, body = ServerInfo), (status = "default", body = protocol::rest::Problem)),
)]
pub(crate) async fn info(State(doors): State<Doors>) -> Outcome<Json<ServerInfo>> {
    let circle = doors.store.circle().await?;
    Ok(Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        set_up: circle.is_some(),
        sign_up_open: doors.live.now().sign_up && circle.is_some(),
        circle: circle.map(|it| it.name),
        mail: doors.settings.mail,
    }))
}

pub(crate) async fn no_such_route() -> Failure {
    Failure::not_found("address")
}

pub(crate) async fn wrong_method() -> Failure {
    Failure::new(
        Code::UnknownOp,
        "this address does not answer to that method",
    )
    .with_status(StatusCode::METHOD_NOT_ALLOWED)
}
