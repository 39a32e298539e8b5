//! The end of an account, by its own member: what is theirs alone goes at once, their name with it.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use protocol::{
    Code,
    rest::{EraseWish, Problem, Writings},
};
use store::RowError;

use super::{
    Doors,
    accounts::no_cookie,
    body::Json,
    caller::{Address, Known},
    passwords::shown_again,
    problem::{Failure, Outcome},
};

/// Erase one's account: nobody sees its name any more once this answers
///
/// What lies in the logs is gone through behind the answer. What was written stays without a name, or goes, as is
/// wished.
#[utoipa::path(
    delete, path = "/api/v1/me", tag = "identity", request_body = EraseWish,
    responses((status = 202), (status = "default", body = Problem)),
)]
pub(crate) async fn erase(
    State(doors): State<Doors>,
    Address(address): Address,
    Known(by): Known,
    Json(wish): Json<EraseWish>,
) -> Outcome<Response> {
    let account = shown_again(&doors, address, &by, wish.password).await?;
    let writings = match wish.writings {
        Writings::Keep => store::Writings::Keep,
        Writings::Remove => store::Writings::Remove,
    };
    let erased = doors
        .store
        .erase_account(account.id.clone(), writings, clock::unix_ms());
    erased.await.map_err(|it| match it {
        RowError::LastOwner => Failure::new(
            Code::NotPermitted,
            "you are the only owner of this circle: hand it over to another member first, or it would be nobody's",
        ),
        // Asked for twice at once: the first has done it.
        RowError::NotFound => Failure::new(Code::TokenRevoked, "this account is erased"),
        other => other.into(),
    })?;
    tracing::info!(member = %account.id, ?writings, "a member erased their account");
    doors.stage.erased(account.id).await?;
    Ok((StatusCode::ACCEPTED, no_cookie(&doors)).into_response())
}
