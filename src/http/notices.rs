//! A member's notices: the inbox, what was seen of it, and the settings. Guests have none.

use auth::Identity;
use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use protocol::{
    Code,
    notices::{NoticeKind, NoticeList, NoticeSettings, NoticeWays, NoticesSeen, NoticesUnread},
    rest::Problem,
};
use serde::Deserialize;

use super::{
    Doors,
    body::Json,
    caller::Known,
    problem::{Failure, Outcome},
};

/// Notices of one page, where the caller does not say.
const PAGE_NOTICES: usize = 50;
const PAGE_NOTICES_MAX: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Span {
    after: Option<u64>,
    n: Option<usize>,
}

/// What you were told, the newest first
#[utoipa::path(
    get, path = "/api/v1/notices", tag = "notices",
    params(
        ("after" = Option<u64>, Query, description = "`next` of the page before"),
        ("n" = Option<u32>, Query, description = "notices, at most 100; 50 where it is absent"),
    ),
    responses((status = 200, body = NoticeList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Known(by): Known,
    span: Result<Query<Span>, QueryRejection>,
) -> Outcome<Answer<NoticeList>> {
    let Query(span) = span.map_err(|it| Failure::malformed(it.body_text()))?;
    hold_member(&by)?;
    let n = span.n.unwrap_or(PAGE_NOTICES).clamp(1, PAGE_NOTICES_MAX);
    let found = doors.store.notices(by.id, span.after, n).await?;
    let last = found.rows.last().map(|it| it.id);
    Ok(Answer(NoticeList {
        next: last.filter(|_| found.more),
        unread: found.unread,
        notices: found.rows,
    }))
}

/// You have seen a notice and every older one
#[utoipa::path(
    post, path = "/api/v1/notices/seen", tag = "notices", request_body = NoticesSeen,
    responses((status = 200, body = NoticesUnread), (status = "default", body = Problem)),
)]
pub(crate) async fn seen(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<NoticesSeen>,
) -> Outcome<Answer<NoticesUnread>> {
    hold_member(&by)?;
    let unread = doors.store.notices_seen(by.id.clone(), wish.upto).await?;
    doors.stage.told(by.id, unread);
    Ok(Answer(NoticesUnread { unread }))
}

/// On which ways you are told
#[utoipa::path(
    get, path = "/api/v1/notices/settings", tag = "notices",
    responses((status = 200, body = NoticeSettings), (status = "default", body = Problem)),
)]
pub(crate) async fn settings(
    State(doors): State<Doors>,
    Known(by): Known,
) -> Outcome<Answer<NoticeSettings>> {
    hold_member(&by)?;
    let kept = doors.store.notice_settings(by.id).await?;
    Ok(Answer(frame(&kept)))
}

/// Change on which ways you are told
#[utoipa::path(
    put, path = "/api/v1/notices/settings", tag = "notices", request_body = NoticeSettings,
    responses((status = 200, body = NoticeSettings), (status = "default", body = Problem)),
)]
pub(crate) async fn set(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<NoticeSettings>,
) -> Outcome<Answer<NoticeSettings>> {
    hold_member(&by)?;
    let mut kept = doors.store.notice_settings(by.id.clone()).await?;
    let chosen = |it: &&NoticeWays| NoticeKind::CHOSEN.contains(&it.kind);
    for ways in wish.ways.iter().filter(chosen) {
        set_way(&mut kept.push, ways.kind, ways.push);
        set_way(&mut kept.mail, ways.kind, ways.mail);
    }
    kept.all_live = wish.all_live;
    kept.unnamed = wish.unnamed.unwrap_or(kept.unnamed);
    doors
        .store
        .put_notice_settings(by.id.clone(), kept.clone())
        .await?;
    if let Some(digest) = wish.digest {
        let now_ms = clock::unix_ms();
        doors.store.put_digest(by.id, digest, now_ms).await?;
        kept.digest = digest;
    }
    Ok(Answer(frame(&kept)))
}

fn frame(kept: &store::NoticeSettings) -> NoticeSettings {
    NoticeSettings {
        ways: NoticeKind::CHOSEN
            .iter()
            .map(|kind| NoticeWays {
                kind: *kind,
                push: kept.push.contains(kind),
                mail: kept.mail.contains(kind),
            })
            .collect(),
        all_live: kept.all_live,
        unnamed: Some(kept.unnamed),
        digest: Some(kept.digest),
    }
}

fn set_way(kinds: &mut Vec<NoticeKind>, kind: NoticeKind, wanted: bool) {
    kinds.retain(|it| *it != kind);
    if wanted {
        kinds.push(kind);
    }
}

/// An inbox belongs to an account: guests, another site's people and programs have none here.
pub(crate) fn hold_member(by: &Identity) -> Outcome<()> {
    if by.epoch.is_none() {
        return Err(Failure::new(
            Code::NotAMember,
            "notices are for members of this circle: sign up to have them",
        ));
    }
    Ok(())
}
