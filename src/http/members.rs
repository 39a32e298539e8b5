//! Who is in the circle, and who keeps order there: the owner appoints and dismisses moderators.

use auth::{Identity, Role};
use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use protocol::{
    Code, MemberId,
    limits::NAME_CHARS_MAX,
    rest::{MemberCard, MemberList, MemberRole, Problem, RoleWish},
    server::Person,
};
use serde::Deserialize;
use store::{MemberRow, MembersOf, NewAct};

use super::{
    Doors,
    audit::act,
    body::Json,
    caller::{Known, identity_of, role_of},
    problem::{Failure, Outcome},
};

/// Members of one page, where the caller does not say.
const PAGE_MEMBERS: usize = 50;
const PAGE_MEMBERS_MAX: usize = 200;

#[derive(Deserialize)]
pub(crate) struct Search {
    q: Option<String>,
    role: Option<SearchRole>,
    after: Option<MemberId>,
    n: Option<usize>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SearchRole {
    Member,
    Moderator,
    Owner,
}

/// The members of the circle by name, for its owner and moderators
#[utoipa::path(
    get, path = "/api/v1/members", tag = "members",
    params(
        ("q" = Option<String>, Query, description = "names that hold this, in capitals or not"),
        ("role" = Option<String>, Query, description = "member, moderator or owner"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("n" = Option<u32>, Query, description = "members, at most 200; 50 where it is absent"),
    ),
    responses((status = 200, body = MemberList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Known(by): Known,
    search: Result<Query<Search>, QueryRejection>,
) -> Outcome<Answer<MemberList>> {
    let Query(search) = search.map_err(|it| Failure::malformed(it.body_text()))?;
    if !matches!(by.role, Role::Moderator | Role::Owner) {
        return Err(Failure::new(
            Code::NotPermitted,
            "only the owner and moderators see the list of members",
        ));
    }
    let named = search.q.unwrap_or_default().trim().to_owned();
    if named.chars().count() > NAME_CHARS_MAX {
        return Err(Failure::new(
            Code::TooLong,
            format!("a name has at most {NAME_CHARS_MAX} characters"),
        ));
    }
    let Some(circle) = doors.store.circle().await? else {
        return Err(not_set_up());
    };
    let of = MembersOf {
        after: search.after,
        named,
        role: search.role.map(|it| match it {
            SearchRole::Member => store::Role::Member,
            SearchRole::Moderator => store::Role::Moderator,
            SearchRole::Owner => store::Role::Owner,
        }),
    };
    let n = search.n.unwrap_or(PAGE_MEMBERS).clamp(1, PAGE_MEMBERS_MAX);
    let found = doors.store.members(circle.id, of, n).await?;
    let last = found.rows.last().map(|it| it.id.clone());
    Ok(Answer(MemberList {
        next: last.filter(|_| found.more),
        count: found.count,
        members: found.rows.into_iter().map(card).collect(),
    }))
}

/// Appoint a moderator, or dismiss one
#[utoipa::path(
    put, path = "/api/v1/members/{id}/role", tag = "members", request_body = RoleWish,
    params(("id" = String, Path, description = "the member's id")),
    responses((status = 200, body = MemberCard), (status = "default", body = Problem)),
)]
pub(crate) async fn set_role(
    State(doors): State<Doors>,
    Path(id): Path<MemberId>,
    Known(by): Known,
    Json(wish): Json<RoleWish>,
) -> Outcome<Answer<MemberCard>> {
    hold_owner(&by)?;
    let Some(circle) = doors.store.circle().await? else {
        return Err(not_set_up());
    };
    let role = match wish.role {
        MemberRole::Member => store::Role::Member,
        MemberRole::Moderator => store::Role::Moderator,
    };
    // One at a time: what the rooms hear last is then what is stored last.
    let _turn = doors
        .appointing
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let Some(mut account) = doors.store.account(id.clone()).await? else {
        return Err(no_member(&doors, id).await?);
    };
    if account.role == store::Role::Owner {
        return Err(Failure::new(
            Code::RoleFixed,
            "the owner's role cannot be changed: they hand the circle over (PUT /api/v1/circle/owner)",
        ));
    }
    if account.role != role {
        let appointed = NewAct {
            whom: Some(Person {
                id: account.id.clone(),
                name: account.name.clone(),
                mark: auth::mark_of(role_of(account.role)),
            }),
            ..act(&by, "role", format!("{role:?}").to_lowercase())
        };
        doors
            .store
            .appoint(circle.id, id, role, Some(appointed))
            .await?;
        account.role = role;
        doors
            .stage
            .appointed(identity_of(&account, 0).who())
            .await?;
        tracing::info!(member = %account.id, ?role, by = %by.id, "a member was given a role");
    }
    Ok(Answer(card(MemberRow {
        id: account.id,
        name: account.name,
        role,
        joined_ms: account.made_ms,
    })))
}

fn hold_owner(by: &Identity) -> Outcome<()> {
    if by.role == Role::Owner {
        return Ok(());
    }
    Err(Failure::new(
        Code::NotPermitted,
        "only the owner of the circle appoints and dismisses moderators",
    ))
}

/// Why somebody without an account here cannot be given a role.
pub(super) async fn no_member(doors: &Doors, id: MemberId) -> Outcome<Failure> {
    if doors.store.guest_by_id(id).await?.is_some() {
        return Ok(Failure::new(
            Code::NotAMember,
            "a guest has no account, and so no role: they must sign up first",
        ));
    }
    Ok(Failure::not_found("member"))
}

pub(super) fn not_set_up() -> Failure {
    Failure::new(Code::NotPermitted, "this server is not set up yet")
}

pub(super) fn card(row: MemberRow) -> MemberCard {
    MemberCard {
        id: row.id,
        name: row.name,
        mark: auth::mark_of(role_of(row.role)),
        joined_ms: row.joined_ms,
    }
}
