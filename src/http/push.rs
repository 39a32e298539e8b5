//! Browsers that want a push: the server's key, and their subscriptions.

use axum::{Json as Answer, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    notices::{PushEnd, PushKey, PushSubscription},
    rest::Problem,
};
use store::Subscription;

use super::{
    Doors,
    body::Json,
    caller::Known,
    notices::hold_member,
    problem::{Failure, Outcome},
};

/// The languages that a pushed line and a letter can be in; anything else is shown in the first.
const LANGUAGES: [&str; 3] = ["en", "zh-CN", "zh-TW"];

/// The language that is asked for, or the first.
pub(super) fn language(wish: &str) -> String {
    let lang = LANGUAGES.into_iter().find(|it| *it == wish);
    lang.unwrap_or(LANGUAGES[0]).to_owned()
}

/// What a browser subscribes with
#[utoipa::path(
    get, path = "/api/v1/push/key", tag = "notices", security(()),
    responses((status = 200, body = PushKey), (status = "default", body = Problem)),
)]
pub(crate) async fn key(State(doors): State<Doors>) -> Answer<PushKey> {
    let key = doors.stage.push_key();
    Answer(PushKey { key })
}

/// This browser wants pushes
#[utoipa::path(
    put, path = "/api/v1/push/subscription", tag = "notices", request_body = PushSubscription,
    responses((status = 204), (status = "default", body = Problem)),
)]
pub(crate) async fn subscribe(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<PushSubscription>,
) -> Outcome<StatusCode> {
    hold_member(&by)?;
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|_| Failure::malformed("the keys of a subscription are base64url"))
    };
    let (p256dh, auth) = (bytes(&wish.keys.p256dh)?, bytes(&wish.keys.auth)?);
    doors.stage.check_push(&wish.endpoint, &p256dh, &auth)?;
    let new = Subscription {
        endpoint: wish.endpoint,
        member: by.id,
        p256dh,
        auth,
        lang: language(&wish.lang),
    };
    doors.store.put_subscription(new, clock::unix_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// This browser wants no more pushes
#[utoipa::path(
    delete, path = "/api/v1/push/subscription", tag = "notices", request_body = PushEnd,
    responses((status = 204), (status = "default", body = Problem)),
)]
pub(crate) async fn unsubscribe(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<PushEnd>,
) -> Outcome<StatusCode> {
    doors
        .store
        .remove_subscription(by.id, wish.endpoint)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
