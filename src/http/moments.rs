//! Moments: the second of a broadcast that a topic is about. Whoever starts it may watch the room, that second was
//! played, and nobody reads of it who may not watch.

use auth::Identity;
use community::Verb;
use protocol::{
    BroadcastId, Code, limits,
    rest::SummaryMoment,
    server::Phase,
    topic::{Moment, MomentWish, TopicKind},
};
use store::RoomRow;

use super::{
    Doors,
    caller::Caller,
    problem::{Failure, Outcome},
    rooms::{self, is_member},
};

/// The moment that somebody wants to start a topic about.
pub(super) async fn wanted(
    doors: &Doors,
    by: &Identity,
    (kind, guests): (TopicKind, bool),
    wish: MomentWish,
) -> Outcome<Moment> {
    if kind == TopicKind::Recap {
        let words = "a recap tells of the whole broadcast: leave the moment out";
        return Err(Failure::new(Code::WrongPhase, words));
    }
    let room = rooms::find(doors, wish.room.as_str().to_owned()).await?;
    doors
        .stage
        .admit(room.number, Some(by.who()), Verb::Watch)
        .await?;
    if guests && !room.guests {
        let words = "the room of this broadcast is for members: so is a topic about a moment of it";
        return Err(Failure::new(Code::GuestsNotAllowed, words));
    }
    let (title, played_ms) = played(doors, &room, &wish.id).await?;
    let most = played_ms / 1_000;
    if u64::from(wish.second) > most {
        let words = format!("{most} seconds of this broadcast were played: say one of them");
        return Err(Failure::new(Code::WrongPhase, words));
    }
    let title = if title.is_empty() { room.title } else { title };
    Ok(Moment {
        room: room.slug,
        id: wish.id,
        title,
        second: wish.second,
    })
}

/// What a broadcast is called, and how much of it was played.
async fn played(doors: &Doors, room: &RoomRow, id: &BroadcastId) -> Outcome<(String, u64)> {
    if let Some(over) = doors.store.summary(id.clone()).await?
        && over.room == room.number
    {
        return Ok((over.broadcast.title, over.turnout.played_ms));
    }
    let current = doors.stage.played(room.number).await?;
    let Some((broadcast, played_ms)) = current.filter(|it| it.0.id == *id) else {
        return Err(Failure::new(Code::NotFound, "this broadcast is not here"));
    };
    if matches!(broadcast.phase, Phase::Scheduled | Phase::Open) {
        let words = "this broadcast has not begun: there is no moment of it yet";
        return Err(Failure::new(Code::WrongPhase, words));
    }
    Ok((broadcast.title.to_string(), played_ms))
}

/// The topics about moments of a broadcast, as somebody may read them.
pub(super) async fn of(doors: &Doors, id: BroadcastId, by: &Caller) -> Outcome<Vec<SummaryMoment>> {
    let rows = doors
        .store
        .moments(id, !is_member(by), limits::MOMENTS_LISTED)
        .await?;
    let frame = |it: store::MomentRow| SummaryMoment {
        topic: it.topic,
        second: it.second,
        by: it.by,
        replies: it.replies,
    };
    Ok(rows.into_iter().map(frame).collect())
}
