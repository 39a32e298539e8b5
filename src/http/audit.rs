//! The audit log, for the owner and moderators; and what was done to oneself, for everybody.

use std::collections::BTreeMap;

use auth::{Identity, Role};
use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use protocol::{
    Code, RoomNumber, Slug,
    rest::{ActCard, ActList, Problem},
    server::Person,
};
use serde::Deserialize;
use store::{ACTS_MAX, ActRow, ActsOf, NewAct};

use super::{
    Doors,
    caller::Known,
    problem::{Failure, Outcome},
};

const PAGE_ACTS: usize = 50;

#[derive(Deserialize)]
pub(crate) struct Search {
    room: Option<String>,
    before: Option<u64>,
    n: Option<usize>,
}

/// An act of somebody outside a room's log, now, to nobody.
pub(super) fn act(by: &Identity, what: &str, why: String) -> NewAct {
    NewAct {
        at_ms: clock::unix_ms(),
        room: None,
        seq: None,
        by: Person {
            id: by.id.clone(),
            name: by.name.clone(),
            mark: auth::mark_of(by.role),
        },
        what: what.to_owned(),
        whom: None,
        why,
        until_ms: None,
    }
}

/// Who did what to whom, the newest first; for the owner and moderators
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "members",
    params(
        ("room" = Option<String>, Query, description = "the room's slug"),
        ("before" = Option<u64>, Query, description = "`next` of the page before"),
        ("n" = Option<u32>, Query, description = "lines, at most 200; 50 where it is absent"),
    ),
    responses((status = 200, body = ActList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Known(by): Known,
    search: Result<Query<Search>, QueryRejection>,
) -> Outcome<Answer<ActList>> {
    let Query(search) = search.map_err(|it| Failure::malformed(it.body_text()))?;
    if !matches!(by.role, Role::Moderator | Role::Owner) {
        return Err(Failure::new(
            Code::NotPermitted,
            "only the owner and moderators see the audit log",
        ));
    }
    let room = match search.room {
        Some(slug) => Some(super::rooms::find(&doors, slug).await?.number),
        None => None,
    };
    let of = ActsOf {
        room,
        before: search.before,
        n: search.n.unwrap_or(PAGE_ACTS).clamp(1, ACTS_MAX),
        ..ActsOf::default()
    };
    page(&doors, of).await
}

/// What was done to oneself: mutes, bans, deleted messages, with why and until when
#[utoipa::path(
    get, path = "/api/v1/penalties", tag = "members",
    params(("before" = Option<u64>, Query, description = "`next` of the page before")),
    responses((status = 200, body = ActList), (status = "default", body = Problem)),
)]
pub(crate) async fn own(
    State(doors): State<Doors>,
    Known(by): Known,
    search: Result<Query<Search>, QueryRejection>,
) -> Outcome<Answer<ActList>> {
    let Query(search) = search.map_err(|it| Failure::malformed(it.body_text()))?;
    let of = ActsOf {
        whom: Some(by.id),
        before: search.before,
        n: PAGE_ACTS,
        ..ActsOf::default()
    };
    page(&doors, of).await
}

async fn page(doors: &Doors, of: ActsOf) -> Outcome<Answer<ActList>> {
    let n = of.n;
    let rows = doors.store.acts(of).await?;
    let next = rows.last().map(|it| it.number).filter(|_| rows.len() == n);
    let mut slugs: BTreeMap<RoomNumber, Slug> = BTreeMap::new();
    for number in rows.iter().filter_map(|it| it.act.room) {
        if !slugs.contains_key(&number)
            && let Some(row) = doors.store.room_by_number(number).await?
        {
            slugs.insert(number, row.slug);
        }
    }
    let card = |ActRow { number, act, .. }: ActRow| ActCard {
        number,
        at_ms: act.at_ms,
        room: act.room.and_then(|it| slugs.get(&it).cloned()),
        by: act.by,
        what: act.what,
        whom: act.whom,
        why: act.why,
        until_ms: act.until_ms,
    };
    Ok(Answer(ActList {
        acts: rows.into_iter().map(card).collect(),
        next: next.filter(|it| *it > 1),
    }))
}
