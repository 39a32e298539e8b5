//! Boards: what topics are sorted by. Staff make them; everybody reads them.

use auth::{Identity, Role};
use axum::{
    Json as Answer,
    extract::{Path, State},
};
use protocol::{
    Code, Slug, limits,
    rest::Problem,
    topic::{BoardFollowingWish, BoardList, BoardWish},
};

use super::{
    Doors,
    body::Json,
    caller::{Caller, Known},
    problem::{Failure, Outcome},
    rooms::fit_title,
    topics::{circle, hold_board},
};

/// The boards in their order
#[utoipa::path(
    get, path = "/api/v1/boards", tag = "topics", security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = BoardList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(State(doors): State<Doors>, by: Caller) -> Outcome<Answer<BoardList>> {
    let asker = by.0.map(|it| it.id);
    let boards = match doors.store.circle().await? {
        Some(circle) => doors.store.boards(circle.id, asker).await?,
        None => Vec::new(),
    };
    Ok(Answer(BoardList { boards }))
}

/// Make a board, or change it
#[utoipa::path(
    put, path = "/api/v1/boards/{slug}", tag = "topics", request_body = BoardWish,
    params(("slug" = String, Path, description = "the board's name in addresses")),
    responses((status = 200, body = BoardList), (status = "default", body = Problem)),
)]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    Known(by): Known,
    Json(wish): Json<BoardWish>,
) -> Outcome<Answer<BoardList>> {
    hold_staff(&by)?;
    let slug = Slug::new(slug);
    if !slug.is_well_formed() {
        return Err(Failure::malformed(
            "an address has 1 to 64 of a-z, 0-9 and hyphens, and starts with no hyphen",
        ));
    }
    let about = wish.about.trim();
    let about = if about.is_empty() {
        String::new()
    } else {
        fit_title(about, limits::BOARD_ABOUT_CHARS_MAX)?
    };
    let new = store::NewBoard {
        circle: circle(&doors).await?,
        slug,
        title: fit_title(&wish.title, limits::NAME_CHARS_MAX)?,
        about,
        rank: wish.rank,
    };
    let boards = doors.store.put_board(new, by.id).await?;
    Ok(Answer(BoardList { boards }))
}

/// Take a board away; its topics stay, and are in none
#[utoipa::path(
    delete, path = "/api/v1/boards/{slug}", tag = "topics",
    params(("slug" = String, Path, description = "the board's name in addresses")),
    responses((status = 200, body = BoardList), (status = "default", body = Problem)),
)]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    Known(by): Known,
) -> Outcome<Answer<BoardList>> {
    hold_staff(&by)?;
    let circle = circle(&doors).await?;
    let boards = doors
        .store
        .drop_board(circle, Slug::new(slug), by.id)
        .await?;
    Ok(Answer(BoardList { boards }))
}

/// Follow a board, or no longer
///
/// Who follows one has a notice (`started`) of each topic that is started in it.
#[utoipa::path(
    put, path = "/api/v1/boards/{slug}/following", tag = "topics", request_body = BoardFollowingWish,
    params(("slug" = String, Path, description = "the board's name in addresses")),
    responses((status = 200, body = BoardList), (status = "default", body = Problem)),
)]
pub(crate) async fn follow(
    State(doors): State<Doors>,
    Path(slug): Path<String>,
    Known(by): Known,
    Json(wish): Json<BoardFollowingWish>,
) -> Outcome<Answer<BoardList>> {
    if by.role == Role::Guest || doors.store.account(by.id.clone()).await?.is_none() {
        return Err(Failure::new(
            Code::NotPermitted,
            "boards are followed by members of this circle",
        ));
    }
    let circle = circle(&doors).await?;
    let slug = Slug::new(slug);
    hold_board(&doors, circle, &slug).await?;
    let boards = doors
        .store
        .follow_board(circle, slug, by.id, wish.following)
        .await?;
    Ok(Answer(BoardList { boards }))
}

fn hold_staff(by: &Identity) -> Outcome<()> {
    if matches!(by.role, Role::Moderator | Role::Owner) {
        return Ok(());
    }
    Err(Failure::new(
        Code::NotPermitted,
        "only the owner and moderators make and change boards",
    ))
}
