//! Handing the circle over: its owner names another member the owner, with their password.

use auth::Role;
use axum::{Json as Answer, extract::State};
use protocol::{
    Code,
    rest::{HandOverWish, MemberCard, Problem},
    server::Person,
};
use store::{MemberRow, NewAct, RowError};

use super::{
    Doors,
    audit::act,
    body::Json,
    caller::{Address, Known, identity_of, role_of},
    members::{card, no_member, not_set_up},
    passwords::shown_again,
    problem::{Failure, Outcome},
};

/// Hand the circle over to another member: they own it at once, and you are a moderator
///
/// Both have a notice, and a letter where their address is known.
#[utoipa::path(
    put, path = "/api/v1/circle/owner", tag = "members", request_body = HandOverWish,
    responses((status = 200, body = MemberCard), (status = "default", body = Problem)),
)]
pub(crate) async fn hand_over(
    State(doors): State<Doors>,
    Address(address): Address,
    Known(by): Known,
    Json(wish): Json<HandOverWish>,
) -> Outcome<Answer<MemberCard>> {
    if by.role != Role::Owner {
        return Err(not_owner());
    }
    let Some(circle) = doors.store.circle().await? else {
        return Err(not_set_up());
    };
    let account = shown_again(&doors, address, &by, wish.password).await?;
    if wish.member == account.id {
        return Err(Failure::new(
            Code::RoleFixed,
            "you own this circle already: name another member",
        ));
    }
    // One at a time: what the rooms hear last is then what is stored last.
    let _turn = doors
        .appointing
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let Some(next) = doors.store.account(wish.member.clone()).await? else {
        return Err(no_member(&doors, wish.member).await?);
    };
    let handed = NewAct {
        whom: Some(Person {
            id: next.id.clone(),
            name: next.name.clone(),
            mark: auth::mark_of(role_of(next.role)),
        }),
        ..act(&by, "handed_over", String::new())
    };
    let done = doors.store.hand_over(circle.id, handed).await;
    done.map_err(|it| match it {
        // Asked for twice at once: the first has done it.
        RowError::NotFound => not_owner(),
        other => other.into(),
    })?;
    for (mut account, role) in [
        (next.clone(), store::Role::Owner),
        (account, store::Role::Moderator),
    ] {
        account.role = role;
        let who = identity_of(&account, 0).who();
        doors.stage.appointed(who).await?;
    }
    tracing::info!(by = %by.id, to = %next.id, "the circle was handed over");
    Ok(Answer(card(MemberRow {
        id: next.id,
        name: next.name,
        role: store::Role::Owner,
        joined_ms: next.made_ms,
    })))
}

fn not_owner() -> Failure {
    Failure::new(
        Code::NotPermitted,
        "only the owner of the circle hands it over",
    )
}
