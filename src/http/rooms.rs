//! Rooms as pages list them, making one, and the host's wishes about the broadcast.

use auth::{Role, secrets};
use axum::{
    Json as Answer,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use community::{Verb, Who};
use protocol::{
    Code, RoomNumber, Slug,
    limits::{self, TITLE_CHARS_MAX},
    rest::{BroadcastWish, NewRoom, Problem, RoomCard, RoomList},
    server::{Broadcast, Mark, Person, Phase},
    topic::RoomKind,
};
use serde::Deserialize;
use store::{BroadcastRow, Listed, RoomRow};
use tokio::time::{Duration, timeout};

use super::{
    Doors,
    body::Json,
    caller::{Caller, Known},
    problem::{Failure, Outcome},
};

/// Rooms on the home page.
pub(super) const LISTED_MAX: usize = 200;

/// How often a request that waits looks whether the server is going.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<u64>,
}

/// The rooms, live ones on top; those for members only are shown to members
///
/// With `after` (the version of a list that one has) the answer comes as soon as there is another, and
/// after 20 s at the latest.
#[utoipa::path(
    get, path = "/api/v1/rooms", tag = "rooms", security((), ("bearer" = []), ("sign_in" = [])),
    params(("after" = Option<u64>, Query, description = "the version of the list that one has")),
    responses((status = 200, body = RoomList), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Query(asked): Query<Asked>,
    by: Caller,
) -> Outcome<Answer<RoomList>> {
    let version = changed(&doors, asked.after).await;
    let Some(circle) = doors.store.circle().await? else {
        let rooms = Vec::new();
        return Ok(Answer(RoomList { rooms, version }));
    };
    let mut listed = doors.store.rooms(circle.id, LISTED_MAX).await?;
    listed.retain(|it| it.room.guests || is_member(&by));
    let numbers = listed.iter().map(|it| it.room.number).collect();
    let counts = doors.stage.counts(numbers).await?;
    let rooms = listed
        .into_iter()
        .zip(counts)
        .map(|(it, count)| card(it, count))
        .collect();
    Ok(Answer(RoomList { rooms, version }))
}

/// Waits until the list is another than that of the version, and answers with the version now.
async fn changed(doors: &Doors, after: Option<u64>) -> u64 {
    let mut listed = doors.stage.listed().subscribe();
    let waits = async {
        while after == Some(*listed.borrow_and_update()) && !doors.stage.is_draining() {
            // Either is a reason to look again.
            let _ = timeout(LOOK_EVERY, listed.changed()).await;
        }
    };
    // However it ends, the list as it is now is the answer.
    let _ = timeout(limits::LIST_WAIT, waits).await;
    *doors.stage.listed().borrow()
}

/// One room
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "the room's slug")),
    security((), ("bearer" = []), ("sign_in" = [])),
    responses((status = 200, body = RoomCard), (status = "default", body = Problem)),
)]
pub(crate) async fn show(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    by: Caller,
) -> Outcome<Answer<RoomCard>> {
    let room = find(&doors, room).await?;
    if !room.guests && !is_member(&by) {
        return Err(Failure::new(
            Code::GuestsNotAllowed,
            "this room is for members: sign in to enter",
        ));
    }
    let count = doors
        .stage
        .counts(vec![room.number])
        .await?
        .first()
        .copied()
        .unwrap_or(0);
    let broadcast = doors.store.current_broadcast(room.number).await?;
    Ok(Answer(card(Listed { room, broadcast }, count)))
}

/// Make a room
#[utoipa::path(
    post, path = "/api/v1/rooms", tag = "rooms", request_body = NewRoom,
    responses((status = 201, body = RoomCard), (status = "default", body = Problem)),
)]
pub(crate) async fn make(
    State(doors): State<Doors>,
    Known(by): Known,
    Json(wish): Json<NewRoom>,
) -> Outcome<Response> {
    // A room belongs to an account: guests, another site's people and those of a token that an operator
    // made have none here.
    let lacks_account = by.role == Role::Guest || by.foreign;
    if lacks_account || doors.store.account(by.id.clone()).await?.is_none() {
        return Err(Failure::new(
            Code::NotPermitted,
            "rooms are made by members of this circle",
        ));
    }
    let title = fit_title(&wish.title, TITLE_CHARS_MAX)?;
    let slug = match wish.slug {
        Some(slug) if slug.is_well_formed() => slug,
        Some(_) => {
            return Err(Failure::malformed(
                "an address has 1 to 64 of a-z, 0-9 and hyphens, and starts with no hyphen",
            ));
        }
        None => slug_of(&title),
    };
    doors.throttles.room(&by.id)?;
    let Some(circle) = doors.store.circle().await? else {
        return Err(Failure::new(
            Code::NotPermitted,
            "this server is not set up yet",
        ));
    };
    let room = doors
        .store
        .add_room(store::NewRoom {
            circle: circle.id,
            slug,
            title,
            kind: RoomKind::Live,
            guests: wish.guests,
            made_by: by.id,
            made_ms: clock::unix_ms(),
        })
        .await?;
    doors.stage.listed().send_modify(|it| *it += 1);
    doors.store.look_again(room.number);
    let location = HeaderValue::try_from(format!("/api/v1/rooms/{}", room.slug))
        .expect("a well-formed slug fits a header");
    let made = card(
        Listed {
            room,
            broadcast: None,
        },
        0,
    );
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Answer(made),
    )
        .into_response())
}

/// Schedule, open, pause, end or put away the broadcast
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/broadcast", tag = "rooms", request_body = BroadcastWish,
    params(("room" = String, Path, description = "the room's slug")),
    responses((status = 200, body = Broadcast), (status = "default", body = Problem)),
)]
pub(crate) async fn broadcast(
    State(doors): State<Doors>,
    Path(room): Path<String>,
    Known(by): Known,
    Json(mut wish): Json<BroadcastWish>,
) -> Outcome<Answer<Broadcast>> {
    let room = find(&doors, room).await?;
    wish.title = wish
        .title
        .as_deref()
        .map(|it| fit_title(it, TITLE_CHARS_MAX))
        .transpose()?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::GoLive)
        .await?;
    Ok(Answer(
        doors.stage.broadcast(room.number, by.who(), wish).await?,
    ))
}

/// The room of an address.
pub(crate) async fn find(doors: &Doors, slug: String) -> Outcome<RoomRow> {
    let slug = Slug::new(slug);
    let found = if slug.is_well_formed() {
        doors.store.room(slug).await?
    } else {
        None
    };
    found.ok_or_else(|| Failure::not_found("room"))
}

/// A title or label as it is kept: trimmed, one line, nothing hidden that would fool a reader.
pub(crate) fn fit_title(text: &str, chars_max: usize) -> Outcome<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(
            Code::Empty,
            "a title has at least one character",
        ));
    }
    if text.chars().count() > chars_max {
        return Err(Failure::new(
            Code::TooLong,
            format!("a title has at most {chars_max} characters"),
        ));
    }
    let hidden = |it: char| {
        it.is_control() || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(hidden) {
        return Err(Failure::malformed(
            "a title has no control or direction-changing characters",
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn is_member(by: &Caller) -> bool {
    by.0.as_ref().is_some_and(|it| it.role != Role::Guest)
}

fn card(listed: Listed, count: u32) -> RoomCard {
    let Listed { room, broadcast } = listed;
    RoomCard {
        slug: room.slug,
        a: room.number,
        title: room.title,
        guests: room.guests,
        made_by: Person {
            id: room.made_by,
            name: room.made_by_name,
            mark: Mark::Host,
        },
        count,
        broadcast: broadcast
            .filter(|it| it.phase != Phase::Archived)
            .map(frame),
    }
}

pub(crate) fn frame(row: BroadcastRow) -> Broadcast {
    Broadcast {
        id: row.id,
        phase: row.phase,
        title: row.title,
        host: row.host,
        starts_ms: row.starts_ms,
        live_ms: row.live_ms,
    }
}

/// An address for a room: what of its title fits into one, and a random end so that it is free.
fn slug_of(title: &str) -> Slug {
    const WORDS_BYTES_MAX: usize = 40;
    let mut slug = String::new();
    for char in title.chars() {
        if slug.len() >= WORDS_BYTES_MAX {
            break;
        }
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    if slug.is_empty() {
        slug.push_str("room");
    }
    if !slug.ends_with('-') {
        slug.push('-');
    }
    // Lower case alone: 8 of 36 characters, so that two rooms of one title do not meet.
    let random = secrets::random_id("").to_ascii_lowercase();
    slug.extend(random.chars().filter(char::is_ascii_alphanumeric).take(8));
    Slug::new(slug)
}

const _: () = assert!(
    limits::TITLE_CHARS_MAX >= 40,
    "a label of a stream key is a short title"
);

/// Rooms that somebody may not look into. Whoever was banned somewhere may still be: the room itself knows.
pub(super) async fn shut_to(doors: &Doors, who: &Who) -> Outcome<Vec<RoomNumber>> {
    let mut shut = Vec::new();
    for number in doors.store.rooms_of_acts(who.id.clone(), "ban").await? {
        let admitted = doors
            .stage
            .admit(number, Some(who.clone()), Verb::Watch)
            .await;
        if admitted.is_err() {
            shut.push(number);
        }
    }
    Ok(shut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_address_is_well_formed_and_free() {
        for title in [
            "Friday Night Live!",
            "周五直播",
            "  --  ",
            "A",
            &"Long ".repeat(30),
        ] {
            let (one, other) = (slug_of(title), slug_of(title));
            assert!(one.is_well_formed(), "{title}: {one}");
            assert_ne!(one, other);
        }
        assert!(
            slug_of("Friday Night Live!")
                .as_str()
                .starts_with("friday-night-live-")
        );
        assert!(slug_of("周五直播").as_str().starts_with("room-"));
    }

    #[test]
    fn a_title_is_one_visible_line() {
        assert_eq!(fit_title("  Night ", 10).expect("fits"), "Night");
        for (text, code) in [
            ("", Code::Empty),
            ("  ", Code::Empty),
            ("12345678901", Code::TooLong),
            ("a\nb", Code::Malformed),
            ("a\u{202e}b", Code::Malformed),
        ] {
            assert_eq!(
                fit_title(text, 10).expect_err("refused").code(),
                code,
                "{text:?}"
            );
        }
    }
}
