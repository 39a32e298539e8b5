//! Is it alive, is it ready, and what does it count: for load balancers and the operator.
//!
//! `/healthz` and `/readyz` are public and say nothing but yes or no. `/metrics` is only on the
//! admin's port, and so is `/search/rebuild`, which has the index of what was said made again.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use protocol::{Code, Refusal};
use serde::Serialize;
use store::{Health, Store};
use telemetry::Metrics;

use super::{
    Doors,
    caller::{Proof, hold_origin},
    problem::Outcome,
    seam::Stage,
    server,
};

/// The body of both.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Well {
    status: &'static str,
}

/// The process answers
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = 200, body = Well)))]
pub(crate) async fn alive() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// The storage takes writes, and the server is not about to go
#[utoipa::path(
    get, path = "/readyz", tag = "server", security(()),
    responses(
        (status = 200, body = Well),
        (status = 503, description = "draining or without storage", body = protocol::rest::Problem),
    ),
)]
pub(crate) async fn ready(State(doors): State<Doors>) -> Outcome<Json<Well>> {
    readiness(&doors.store, &*doors.stage)
}

fn readiness(store: &Store, stage: &dyn Stage) -> Outcome<Json<Well>> {
    if stage.is_draining() {
        return Err(Refusal::new(Code::Draining, "the server is going")
            .after_ms(2_000)
            .into());
    }
    match store.health() {
        Health::Well => Ok(Json(Well { status: "ok" })),
        Health::Broken | Health::Closed => Err(Refusal::new(
            Code::StorageUnavailable,
            "the storage takes no writes",
        )
        .after_ms(2_000)
        .into()),
    }
}

#[derive(Clone)]
struct Operator {
    metrics: Metrics,
    store: Store,
    stage: Arc<dyn Stage>,
}

/// What the admin's port serves, for [`super::Front::plain`].
pub fn admin(metrics: Metrics, store: Store, stage: Arc<dyn Stage>) -> Router {
    async fn count(State(it): State<Operator>) -> Response {
        let text = it.metrics.render();
        (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response()
    }
    async fn ready(State(it): State<Operator>) -> Outcome<Json<Well>> {
        readiness(&it.store, &*it.stage)
    }
    /// No page in the operator's browser may ask for it.
    async fn rebuild(State(it): State<Operator>, headers: HeaderMap) -> Outcome<StatusCode> {
        hold_origin(&headers, "", Proof::Welcome)?;
        it.store.forget_search().await?;
        Ok(StatusCode::ACCEPTED)
    }
    Router::new()
        .route("/metrics", get(count))
        .route("/search/rebuild", post(rebuild))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .fallback(server::no_such_route)
        .method_not_allowed_fallback(server::wrong_method)
        .with_state(Operator {
            metrics,
            store,
            stage,
        })
}
